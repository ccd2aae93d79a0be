-- Secrets and plain values of projects, and webhook secrets that are encrypted as well.
--
-- The store knows no key: what is encrypted is opaque bytes beside the id of the key that opens them, so that a wrong
-- key is noticed before anything is opened. `blob` is SQLite's own type, as that of `deliveries.body`.
-- The CHECK on a length is the server's limit plus 24 bytes of nonce and 16 of tag.

-- The secrets of a project by name. Nothing of them is in clear.
create table secrets (
    project    text   not null references projects (id),
    name       text   not null check (length(name) between 1 and 64),
    key_id     text   not null check (length(key_id) = 16),         -- of the key that opens it
    sealed     blob   not null check (length(sealed) between 41 and 65576),
    created_at bigint not null,
    updated_at bigint not null,
    primary key (project, name)
);

-- The plain values of a project by name: what `env.NAME` is in expressions.
create table env_values (
    project    text   not null references projects (id),
    name       text   not null check (length(name) between 1 and 64),
    value      text   not null check (substr(value, 1, 1) = '"'),   -- JSON, a string
    updated_at bigint not null,
    primary key (project, name)
);

-- Webhook secrets, encrypted. `hook_secret` is what it was before, in clear, until the server has encrypted it, and
-- empty from then on.
alter table projects add column hook_key_id text check (length(hook_key_id) = 16);
alter table projects add column hook_sealed blob
    check ((hook_sealed is null) = (hook_key_id is null) and (hook_sealed is null or hook_secret = ''));

-- Tokens that can be named, narrowed, and taken back; and the book of privileged acts.
--
-- Tokens that were there keep all their power. Their ids carry the time 0, so they come before all others;
-- `randomblob` and `hex` are SQLite's own.

create table tokens_named (
    id         text   not null primary key,
    hash       text   not null unique,
    name       text   not null check (name <> ''),
    scopes     text   not null check (scopes <> ''),              -- words, a space between two
    project    text   references projects (id),                     -- null: every project
    created_by text,                                                -- null: the server itself
    created_at bigint not null,
    expires_at bigint,                                              -- null: never
    revoked_at bigint
);
insert into tokens_named (id, hash, name, scopes, created_at)
    select 'tok_0000000000' || lower(hex(randomblob(8))), hash, name, 'admin', created_at from tokens;
drop table tokens;
alter table tokens_named rename to tokens;

-- What people did that takes privilege, written in the transaction of the act itself. Rows are never changed. `at` may
-- go back with the clock, `id` never does: it is the order of commits.
create table audit (
    id         integer not null primary key check (id > 0),
    at         bigint  not null,
    token      text    not null,                                    -- the id of the token that acted
    token_name text    not null,
    act        text    not null check (act <> ''),                  -- secret.set, run.cancel
    subject    text    not null,                                    -- what was acted on: an id or a name
    project    text    references projects (id),                    -- null: the server as a whole
    outcome    text    not null check (outcome in ('done', 'failed'))
);

-- What plugins keep from call to call: values by key, for a project and a plugin.
--
-- `blob` is SQLite's own type, as that of `deliveries.body`. Keys compare by their bytes.
create table plugin_values (
    project text   not null references projects (id),
    plugin  text   not null check (plugin <> ''),       -- as `uses:` names it
    key     text   not null check (octet_length(key) between 1 and 256),
    value   blob   not null check (length(value) <= 1048576),
    bytes   bigint not null check (bytes = octet_length(key) + length(value)),
    primary key (project, plugin, key)
);

-- How much that is: the sum of `bytes`, which the quota is held against. A row of its own, so that keeping a value
-- costs the same whatever is kept already.
create table plugin_usage (
    project text   not null references projects (id),
    plugin  text   not null,
    bytes   bigint not null check (bytes >= 0),
    primary key (project, plugin)
);

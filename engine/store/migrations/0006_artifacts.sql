-- What runs leave behind. The bytes are files beside the database, named by their digest; a row says that a project
-- has them, and under which name. What has no row is nobody's, and is removed.
create table artifacts (
    id         text   not null primary key,             -- a ULID: grows with time
    project    text   not null references projects (id),
    digest     text   not null check (digest like 'sha256:%' and length(digest) = 71),
    name       text   not null check (octet_length(name) between 1 and 256),
    kind       text   not null check (kind in ('file', 'folder')),
    size       bigint not null check (size >= 0),
    run        text   not null references runs (id),
    stage      text   not null check (stage <> ''),
    created_at bigint not null,
    unique (run, stage, name, digest)                   -- keeping the same again is no second artifact
);
create index artifacts_by_digest on artifacts (digest, project);
create index artifacts_by_name on artifacts (project, name, id);

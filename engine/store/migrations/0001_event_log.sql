-- The event log, its projections and the work that is waiting.
--
-- Conventions: ids, enums and JSON are TEXT, times are BIGINT epoch milliseconds (UTC), truth is BIGINT 0 or 1.
-- CHECK constraints say the invariants; code that would break one is wrong and its unit is rolled back.
-- Two column types are SQLite's own and differ on other databases: `integer primary key` of `log.position`
-- (the row id itself, so appending touches one B-tree) and `blob` of `deliveries.body`.

-- What belongs to the database as a whole. `epoch` counts the times it was opened for writing.
create table meta (
    name  text   not null primary key check (name in ('epoch')),
    value bigint not null
);
insert into meta (name, value) values ('epoch', 0);

-- The head of the log: one row, read first and updated last in every transaction that appends,
-- so the order of positions is the order of commits.
create table counter (
    id       bigint not null primary key check (id = 1),
    position bigint not null check (position >= 0)
);
insert into counter (id, position) values (1, 0);

-- A Git repository that is followed.
create table projects (
    id              text   not null primary key,
    name            text   not null unique check (name <> ''),
    url             text   not null,
    branch          text,                               -- null: the remote's default branch
    hook_secret     text   not null,
    active_revision text   references revisions (id),   -- null: nothing was published yet
    created_at      bigint not null
);

-- One compiled state of a project's definitions. The last good one stays active until the next good one.
create table revisions (
    id          text   not null primary key,
    project     text   not null references projects (id),
    reference   text,                                   -- the Git reference it was read from
    commit_id   text   not null,
    status      text   not null check (status in ('active', 'superseded', 'rejected', 'branch')),
    diagnostics text   not null,                        -- JSON array
    plugins     text   not null,                        -- JSON, opaque here
    created_at  bigint not null
);
create index revisions_of_project on revisions (project, id);
create unique index revisions_one_active on revisions (project) where status = 'active';

-- Texts by their SHA-256 (lower-case hex): a file that did not change is stored once.
create table blobs (
    digest text not null primary key check (length(digest) = 64),
    text   text not null
);

-- The files of a revision.
create table definitions (
    revision text not null references revisions (id),
    path     text not null,
    digest   text not null references blobs (digest),
    primary key (revision, path)
);

-- The stream of one run: `state` is the fold of its events up to `seq`. A terminal run never changes again.
create table runs (
    id          text   not null primary key,
    project     text   not null references projects (id),
    pipeline    text   not null,
    revision    text   not null references revisions (id),
    commit_id   text,
    reference   text,
    trigger     text   not null,                        -- JSON object: what started it
    trigger_key text,                                   -- the same cause starts at most one run
    status      text   not null check (status in ('queued', 'running', 'waiting', 'compensating', 'needs_attention',
                                                  'succeeded', 'failed', 'cancelled')),
    terminal    bigint not null check (terminal in (0, 1)),
    seq         bigint not null check (seq >= 0),       -- number of events so far
    state       text   not null,                        -- JSON, opaque here
    created_at  bigint not null,
    started_at  bigint,
    finished_at bigint,
    unique (project, trigger_key),
    check ((terminal = 1) = (status in ('succeeded', 'failed', 'cancelled'))),
    check ((terminal = 1) = (finished_at is not null))
);
create index runs_of_project on runs (project, id);
create index runs_open on runs (id) where terminal = 0;

-- Everything that happened, in the order of commits. Events of a run have a gapless `seq` from 1;
-- records (stage.log, stage.progress) and events of a project have none.
create table log (
    position integer not null primary key check (position > 0),
    project  text    not null references projects (id),
    run      text    references runs (id),
    seq      bigint  check (seq > 0),
    kind     text    not null check (kind <> ''),
    stage    text,
    at       bigint  not null,
    data     text    not null check (substr(data, 1, 1) = '{'),  -- JSON object
    check (run is not null or (seq is null and stage is null))
);
create index log_of_run on log (run, position) where run is not null;

-- What waits to be done; a row that is due later is a timer. The key is the task in text:
-- stage/{run}/{stage}/{attempt}, deadline/{run}, delivery/{delivery}.
create table work (
    key         text   not null primary key,
    kind        text   not null check (kind in ('stage', 'deadline', 'delivery')),
    run         text   references runs (id),
    priority    bigint not null,                        -- lower goes first
    due         bigint not null,
    fence       bigint not null check (fence >= 0),     -- grows with every lease
    owner       text,                                   -- null: nobody holds it
    lease_until bigint,
    epoch       bigint,                                 -- boot epoch in which it was leased
    check ((owner is null) = (lease_until is null)),
    check ((owner is null) = (epoch is null)),
    check (owner is null or fence > 0),
    check ((kind = 'delivery') = (run is null))
);
create index work_claimable on work (due, priority, kind, key) where owner is null;
create index work_leased on work (lease_until, owner) where lease_until is not null;
create index work_of_run on work (run) where run is not null;

-- Inbound webhook calls whose signature was verified, as they came.
create table deliveries (
    id          text   not null primary key,
    project     text   not null references projects (id),
    external_id text   not null,                        -- the forge's own id, once per project
    event       text   not null,
    headers     text   not null,                        -- JSON object
    body        blob   not null,
    status      text   not null check (status in ('pending', 'done', 'failed')),
    note        text   not null,                        -- what became of it, for people
    received_at bigint not null,
    unique (project, external_id)
);
create index deliveries_pending on deliveries (id) where status = 'pending';

-- API tokens, by the hash of the token.
create table tokens (
    hash       text   not null primary key,
    name       text   not null,
    kind       text   not null,
    created_at bigint not null
);

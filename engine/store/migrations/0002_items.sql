-- Items, the second kind of stream beside runs; where each definition file came from; what is laid over a project.
--
-- A CHECK cannot be changed in place, so `log`, `work` and `definitions` are built anew: filled, then put in the place
-- of the old ones. No table refers to any of the three, so no reference breaks and foreign keys stay enforced.

-- The Git repository whose definitions are laid over the project's own.
alter table projects add column overrides_url text;     -- null: nothing is
alter table projects add column overrides_branch text   -- null: the remote's default branch
    check (overrides_branch is null or overrides_url is not null);

-- The stream of one item: `data` is the fold of its events up to `seq`, and the columns show parts of it.
-- An item either rests in its state or waits for a run; the end of that run puts work of the kind 'item'.
create table items (
    id           text   not null primary key,
    project      text   not null references projects (id),
    number       bigint not null check (number > 0),    -- what people call it, counted per project
    type         text   not null check (type <> ''),
    workflow     text   not null check (workflow <> ''),
    state        text   not null check (state <> ''),
    category     text,
    title        text   not null,
    title_folded text   not null,                       -- the title in lower case, to search in
    priority     text,
    assignee     text,
    seq          bigint not null check (seq >= 0),      -- number of events so far
    data         text   not null,                       -- JSON, opaque here
    revision     text   references revisions (id),      -- the one its workflow was last read from
    pending_run  text   references runs (id),           -- the run it waits for
    created_at   bigint not null,
    updated_at   bigint not null,
    unique (project, number)
);
create index items_of_project on items (project, id);
create index items_in_state on items (project, state, id);
create index items_of_assignee on items (project, assignee, id);
create unique index items_one_waits on items (pending_run) where pending_run is not null;

create table item_labels (
    item  text not null references items (id),
    label text not null check (label <> ''),
    primary key (item, label)
);
create index item_labels_by_label on item_labels (label, item);

-- Everything that happened, in the order of commits. An entry belongs to a run, to an item, or to the project alone.
-- Events of a run or an item have a gapless `seq` from 1; records (stage.log, stage.progress) and events of a
-- project have none.
create table log_new (
    position integer not null primary key check (position > 0),
    project  text    not null references projects (id),
    run      text    references runs (id),
    item     text    references items (id),
    seq      bigint  check (seq > 0),
    kind     text    not null check (kind <> ''),
    stage    text,
    at       bigint  not null,
    data     text    not null check (substr(data, 1, 1) = '{'),  -- JSON object
    check (run is null or item is null),
    check (seq is null or run is not null or item is not null),
    check (stage is null or run is not null)
);
insert into log_new (position, project, run, item, seq, kind, stage, at, data)
    select position, project, run, null, seq, kind, stage, at, data from log order by position;
drop table log;
alter table log_new rename to log;
create index log_of_run on log (run, position) where run is not null;
create index log_of_item on log (item, position) where item is not null;

-- What waits to be done; a row that is due later is a timer. The key is the task in text:
-- stage/{run}/{stage}/{attempt}, deadline/{run}, delivery/{delivery}, item/{item}/{run}.
-- `run` is the run that takes the row with it when it ends. Work on an item begins when a run has ended, so it has none.
create table work_new (
    key         text   not null primary key,
    kind        text   not null check (kind in ('stage', 'deadline', 'delivery', 'item')),
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
    check ((kind in ('delivery', 'item')) = (run is null))
);
insert into work_new (key, kind, run, priority, due, fence, owner, lease_until, epoch)
    select key, kind, run, priority, due, fence, owner, lease_until, epoch from work;
drop table work;
alter table work_new rename to work;
create index work_claimable on work (due, priority, kind, key) where owner is null;
create index work_leased on work (lease_until, owner) where lease_until is not null;
create index work_of_run on work (run) where run is not null;

-- The files of a revision, and where each comes from. The words of the levels sort from the weakest to the strongest.
create table definitions_new (
    revision   text not null references revisions (id),
    level      text not null check (level in ('bundled', 'organisation', 'project', 'repository')),
    path       text not null,
    digest     text not null references blobs (digest),
    repository text,
    branch     text,
    commit_id  text,
    primary key (revision, level, path)
);
-- So far every file came from the commit of its revision, or from a working tree, which has none.
insert into definitions_new (revision, level, path, digest, commit_id)
    select revision, 'repository', path, digest,
           (select nullif(revisions.commit_id, 'working-tree') from revisions where revisions.id = definitions.revision)
    from definitions;
drop table definitions;
alter table definitions_new rename to definitions;

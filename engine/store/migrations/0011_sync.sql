-- Projects are looked at now and then, whatever webhooks tell; and their forges are told what became of runs.
--
-- A CHECK cannot be changed in place, so `work` is built anew: filled, then put in the place of the old one. No table
-- refers to it.

alter table projects add column sync_every bigint           -- milliseconds; null: only by webhook and by hand
    check (sync_every > 0);
alter table projects add column synced_at bigint;           -- when its branch was last looked at with success
alter table projects add column synced_reference text;      -- what was found then, and which commit
alter table projects add column synced_commit text;
alter table projects add column sync_error text;            -- why the last look failed; null: it did not
alter table projects add column sync_failures bigint not null default 0;    -- how many have failed in a row
alter table projects add column forge text;                 -- JSON, opaque here: where statuses of commits are posted
alter table projects add column forge_error text;           -- why the last one was not taken; null: it was

-- What is in force was looked at, or delivered.
update projects set sync_every = 300000,
    synced_reference = (select reference from revisions where revisions.id = projects.active_revision),
    synced_commit = (select commit_id from revisions where revisions.id = projects.active_revision);

-- How far those have come who follow the log by themselves.
create table cursors (
    name     text   not null primary key check (name <> ''),
    position bigint not null check (position >= 0)
);
insert into cursors (name, position) select 'statuses', position from counter;

-- What waits to be done; a row that is due later is a timer. The key is the task in text:
-- stage/{run}/{stage}/{attempt}, deadline/{run}, delivery/{delivery}, item/{item}/{run}, sync/{project}, status/{run}.
-- `run` is the run that takes the row with it when it ends. Work on an item, and telling a forge, begin when a run has
-- ended, so they have none.
create table work_new (
    key         text   not null primary key,
    kind        text   not null check (kind in ('stage', 'deadline', 'delivery', 'item', 'sync', 'status')),
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
    check ((kind in ('delivery', 'item', 'sync', 'status')) = (run is null))
);
insert into work_new (key, kind, run, priority, due, fence, owner, lease_until, epoch)
    select key, kind, run, priority, due, fence, owner, lease_until, epoch from work;
drop table work;
alter table work_new rename to work;
create index work_claimable on work (due, priority, kind, key) where owner is null;
create index work_leased on work (lease_until, owner) where lease_until is not null;
create index work_of_run on work (run) where run is not null;

-- Every project that is looked at now and then has its timer; the first look is due at once.
insert into work (key, kind, run, priority, due, fence)
    select 'sync/' || id, 'sync', null, 10, 0, 0 from projects where sync_every is not null;

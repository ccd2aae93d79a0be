-- Times that start runs.
--
-- A CHECK cannot be changed in place, so `work` is built anew: filled, then put in the place of the old one. No table
-- refers to it.

-- The schedules of pipelines that are in force. Each has a row of work, which is due when `next` has come; the row may
-- be put off, and `next` stays.
create table schedules (
    project  text   not null references projects (id),
    pipeline text   not null check (pipeline <> ''),
    schedule text   not null check (schedule like '% % % % % %'),  -- five fields of cron and the time zone
    next     bigint not null,                           -- nominal: the time that is meant
    settled  bigint,                                    -- the last nominal time that something was done about
    run      text,                                      -- the run it started, which may be gone; null: none
    primary key (project, pipeline, schedule),
    check (settled < next),
    check (run is null or settled is not null)
);

-- What waits to be done; a row that is due later is a timer. The key is the task in text:
-- stage/{run}/{stage}/{attempt}, deadline/{run}, delivery/{delivery}, item/{item}/{run}, sync/{project}, status/{run},
-- tick/{project}/{pipeline}/{schedule}.
-- `run` is the run that takes the row with it when it ends. Work on an item, and telling a forge, begin when a run has
-- ended, so they have none.
create table work_new (
    key         text   not null primary key,
    kind        text   not null check (kind in ('stage', 'deadline', 'delivery', 'item', 'sync', 'status', 'tick')),
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
    check ((kind in ('stage', 'deadline')) = (run is not null))
);
insert into work_new (key, kind, run, priority, due, fence, owner, lease_until, epoch)
    select key, kind, run, priority, due, fence, owner, lease_until, epoch from work;
drop table work;
alter table work_new rename to work;
create index work_claimable on work (due, priority, kind, key) where owner is null;
create index work_leased on work (lease_until, owner) where lease_until is not null;
create index work_of_run on work (run) where run is not null;

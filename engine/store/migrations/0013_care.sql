-- What was given up, for people to try again or to let go; and what is needed to forget what is old.

-- What was tried and given up on. One letter about one thing is open at a time; those that are settled stay until they
-- are old. `about` names the thing by its kind: the id of a delivery, an item, a run or a project, or run/stage.
create table dead_letters (
    id         integer not null primary key autoincrement,
    kind       text    not null check (kind in ('delivery', 'item', 'run', 'stage', 'status', 'sync')),
    about      text    not null check (about <> ''),
    project    text    not null references projects (id),
    run        text,                                    -- the run it is about or came from; kept while the letter is open
    reason     text    not null,                        -- for people
    tries      bigint  not null check (tries > 0),      -- how often it was tried
    since      bigint  not null,                        -- when it was given up first
    at         bigint  not null,                        -- and last
    state      text    not null check (state in ('open', 'retried', 'discarded', 'recovered')),
    settled_at bigint,
    check ((state = 'open') = (settled_at is null))
);
create unique index dead_letters_open on dead_letters (kind, about) where state = 'open';
create index dead_letters_list on dead_letters (id) where state = 'open';
create index dead_letters_of_run on dead_letters (run) where state = 'open' and run is not null;
create index dead_letters_about on dead_letters (kind, about, id);

-- How many entries of the log were forgotten, and how many open letters had to make room for newer ones.
alter table counter add column forgotten bigint not null default 0 check (forgotten >= 0);
alter table counter add column dropped_letters bigint not null default 0 check (dropped_letters >= 0);

-- Nothing of the project is whole before this position: whoever has read up to less may have missed something.
alter table projects add column cut bigint not null default 0 check (cut >= 0);

-- Runs that are too large to be forgotten in one unit, and are forgotten in part.
create table forgetting (
    run text not null primary key references runs (id)
);

-- What forgetting looks for, also on behalf of the references.
create index runs_of_revision on runs (revision);
create index items_of_revision on items (revision) where revision is not null;
create index definitions_of_blob on definitions (digest);
create index releases_of_run on releases (run) where run is not null;
create index activations_of_run on activations (run) where run is not null;
create index activations_after on activations (previous) where previous is not null;
create index deliveries_ended on deliveries (received_at) where status <> 'pending';
create index log_of_nobody on log (position) where run is null and item is null;

-- What attempts do to the world: noted before it is done, and what came of it.
--
-- A journal belongs to a stage and begins with an attempt; attempts that a crash cuts off share it with those that go
-- on. It ends with its run.
create table effects (
    run     text   not null references runs (id),
    stage   text   not null,
    journal bigint not null check (journal > 0),    -- the attempt it begins with
    ordinal bigint not null check (ordinal >= 0),   -- which effect of the journal, without gaps
    before  blob   not null,                        -- what was read since the one before, opaque here
    request blob   not null check (length(request) = 32),  -- SHA-256 of what is asked for
    intent  text   not null,                        -- JSON, for people
    receipt blob,                                   -- what came of it, opaque here; null: nobody knows yet
    primary key (run, stage, journal, ordinal)
);

-- What a run was asked for with, and definitions that came with a request instead of a push.

-- SHA-256 (lower-case hex) of the request that started the run under its trigger key: the same key with another
-- request is a mistake. Null: no request did.
alter table runs add column request text check (request is null or (trigger_key is not null and length(request) = 64));

-- A CHECK cannot be changed in place, and other tables refer to this one: a submitted revision is one of 'branch',
-- which is in force for its own runs only, and is known by this.
alter table revisions add column submitted bigint not null default 0
    check (submitted = 0 or (submitted = 1 and status = 'branch'));

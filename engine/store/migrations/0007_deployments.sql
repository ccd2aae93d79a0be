-- Sites: the releases of a project's apps, the live one of each app, and every switch from one to another.

-- An artifact of the project, served at an address of its own. Never changes.
create table releases (
    id         text   not null primary key,
    project    text   not null references projects (id),
    app        text   not null check (app <> ''),
    artifact   text   not null check (length(artifact) = 71 and substr(artifact, 1, 7) = 'sha256:'),
    run        text   references runs (id),             -- null: no stage made it
    stage      text,
    created_at bigint not null,
    unique (project, app, id),
    unique (project, app, artifact, run, stage),        -- a stage that is repeated makes no second one
    check ((run is null) = (stage is null))
);

-- The live release of an app: one row, and changing it is the switch.
create table live_releases (
    project text   not null,
    app     text   not null,
    release text   not null,
    since   bigint not null,
    primary key (project, app),
    foreign key (project, app, release) references releases (project, app, id)
);

-- Every switch, in the order of commits. `position` is that of its event in the log.
create table activations (
    position bigint not null primary key check (position > 0),
    project  text   not null,
    app      text   not null,
    release  text   not null,
    previous text   references releases (id),           -- null: nothing was live
    run      text   references runs (id),
    stage    text,
    at       bigint not null,
    foreign key (project, app, release) references releases (project, app, id),
    check (previous is distinct from release),
    check ((run is null) = (stage is null))
);
create index activations_of_app on activations (project, app, position);
create index activations_of_release on activations (release, position);

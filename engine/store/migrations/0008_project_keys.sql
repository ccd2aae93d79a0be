-- What the keys of a project's items begin with, in capitals: SHOP of SHOP-12. Null until definitions were published.
alter table projects add column key text check (key <> '');
create unique index project_of_key on projects (key) where key is not null;

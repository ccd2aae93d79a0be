//! Forgetting what is old, a little at a time: what to forget next is looked for beside the writer, which is then asked
//! for one small unit.
//!
//! A [`Walk`] goes once through everything. It rests on nothing: a crash loses the place where it was, and the next one
//! finds what is left.

use kiket_core::{DeliveryId, ProjectId, RevisionId, RunId, Timestamp, TokenId};
use sqlx::QueryBuilder;

use crate::change::Forget;
use crate::change::forget::{What, push_goes, push_in, unused};
use crate::sqlite::{Connection, Database, Row};
use crate::text::Columns as _;
use crate::{Change, CommitError, Position, Store, StoreError, sqlite};

/// Most rows of one unit, but for the events of one run.
const ROWS: i64 = 500;
/// Most bytes of what the rows of one unit say.
const BYTES: i64 = 4 * 1024 * 1024;
/// How many pages are given back to the system at once.
const PAGES: u32 = 256;
/// Free pages are given back where there are more than these and more than a quarter of all.
const FEW_PAGES: i64 = 1024;

/// Before when something is old.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Runs that ended, deliveries that came, revisions that were superseded, tokens that ended, letters that were
    /// settled, and entries of projects.
    pub ended: Timestamp,
    /// Privileged acts.
    pub audit: Timestamp,
}

/// Where somebody is who goes through everything.
#[derive(Debug, Default)]
pub struct Walk {
    step: usize,
    /// The last run that was looked at.
    run: String,
    /// What was found last begins with this. If it is found again, something keeps it, and nobody asks once more.
    first: Option<String>,
}

/// What one unit has forgotten.
#[derive(Debug, Default)]
pub struct Forgotten {
    /// How many rows, about.
    pub rows: i64,
    /// How many runs.
    pub runs: usize,
    /// Digests of artifacts of which a row is gone; whether another has them is to be asked.
    pub digests: Vec<String>,
}

/// What to forget next, and how much of it there is.
struct Found {
    what: What,
    forgotten: Forgotten,
    /// The positions that the log is cut at.
    cuts: Vec<(ProjectId, i64)>,
}

impl Store {
    /// Forgets a little of what is old, at the place where the walk is, in one unit. `None` at the end of the walk.
    ///
    /// # Errors
    /// Only failures of the database.
    pub async fn forget_some(&self, bounds: &Bounds, walk: &mut Walk) -> Result<Option<Forgotten>, StoreError> {
        loop {
            let found = {
                let mut reader = self.reader().await?;
                walk.find(&mut reader, bounds).await?
            };
            match found {
                Step::End => return Ok(None),
                Step::Nothing => walk.step += 1,
                Step::Further => {}
                Step::Found(Found { what, forgotten, cuts }) => {
                    cuts.into_iter().for_each(|(project, position)| self.cuts.raise(project, position));
                    return match self.commit(vec![Change::Forget(Forget(what))]).await {
                        Ok(_) => Ok(Some(forgotten)),
                        Err(CommitError::Store(error)) => Err(error),
                        // It rests on nothing that another could have changed.
                        Err(CommitError::Conflict(_)) => Ok(Some(Forgotten::default())),
                    };
                }
            }
        }
    }

    /// Returns up to where the log of a project, or all of it, is not whole: whoever has read up to less may have missed
    /// what is forgotten. To be asked after the log was read, not before.
    #[must_use]
    pub fn cut(&self, project: Option<ProjectId>) -> Position {
        self.cuts.get(project)
    }

    /// Tells whether a run is there with everything that is its own.
    ///
    /// # Errors
    /// Only failures of the database.
    pub async fn is_whole(&self, run: RunId) -> Result<bool, StoreError> {
        let found = sqlx::query(
            "select 1 from runs where id = $1 and not exists (select 1 from forgetting where run = runs.id)",
        )
        .bind(run.to_string())
        .fetch_optional(&mut *self.reader().await?)
        .await?;
        Ok(found.is_some())
    }
}

enum Step {
    Found(Found),
    /// There may be more of this kind, further on.
    Further,
    /// There is no more of this kind.
    Nothing,
    End,
}

impl Walk {
    async fn find(&mut self, reader: &mut Connection, bounds: &Bounds) -> Result<Step, StoreError> {
        let ended = bounds.ended.millis();
        let step = match self.step {
            // A revision goes before the runs of it, so that it outlives the last of them by one walk.
            0 => self.ids(reader, REVISIONS, ended, What::Revisions, |row| row.parsed::<RevisionId>("id")).await?,
            1 => self.ids(reader, TOKENS, ended, What::Tokens, |row| row.parsed::<TokenId>("id")).await?,
            2 => self.ids(reader, LETTERS, ended, What::Letters, |row| row.number("id")).await?,
            3 => self.ids(reader, SWITCHES, ended, What::Switches, |row| row.number("id")).await?,
            4 => self.ids(reader, RELEASES, ended, What::Releases, |row| row.text("id")).await?,
            5 => self.ids(reader, DELIVERIES, ended, What::Deliveries, |row| row.parsed::<DeliveryId>("id")).await?,
            6 => audit(reader, bounds.audit).await?,
            7 => return self.runs(reader, bounds.ended).await,
            8 => entries(reader, ended).await?,
            9 => pages(reader).await?,
            _ => return Ok(Step::End),
        };
        Ok(step.map_or(Step::Nothing, Step::Found))
    }

    /// Finds as many rows as one unit forgets.
    async fn ids<T: ToString>(
        &mut self,
        reader: &mut Connection,
        query: &'static str,
        before: i64,
        what: impl Fn(Vec<T>) -> What,
        id: impl Fn(&Row) -> Result<T, StoreError>,
    ) -> Result<Option<Found>, StoreError> {
        let rows = sqlx::query(query).bind(before).bind(ROWS).fetch_all(reader).await?;
        let (mut ids, mut count) = (Vec::new(), 0);
        for row in &rows {
            let size = row.number("rows")?;
            if !ids.is_empty() && count + size > ROWS {
                break;
            }
            count += size;
            ids.push(id(row)?);
        }
        let first = ids.first().map(ToString::to_string);
        if first.is_none() || first == self.first {
            return Ok(None);
        }
        self.first = first;
        let forgotten = Forgotten { rows: count, ..Forgotten::default() };
        Ok(Some(Found { what: what(ids), forgotten, cuts: Vec::new() }))
    }

    /// Looks at the next runs, the oldest first: as many as one unit forgets, or the records of one that is large.
    async fn runs(&mut self, reader: &mut Connection, before: Timestamp) -> Result<Step, StoreError> {
        let mut query = QueryBuilder::<Database>::new("select id, project, created_at, (");
        push_goes(&mut query, before);
        query.push(") as goes from runs where id > ").push_bind(&self.run).push(" order by id limit 64");
        let rows = query.build().fetch_all(&mut *reader).await?;
        let (mut runs, mut forgotten, mut cuts, mut bytes) = (Vec::new(), Forgotten::default(), Vec::new(), 0);
        for row in &rows {
            let id = row.text("id")?;
            // Ids grow with time: what comes after began later still, and has not ended before.
            if row.time("created_at")? >= before {
                break;
            }
            if row.number("goes")? == 0 {
                self.run = id;
                continue;
            }
            let size = size_of(reader, &id).await?;
            if runs.is_empty() && (size.rows > ROWS || size.bytes > BYTES) && size.records > 0 {
                let project = row.parsed("project")?;
                return Ok(Step::Found(records(reader, &id, project, before).await?));
            }
            if !runs.is_empty() && (forgotten.rows + size.rows > ROWS || bytes + size.bytes > BYTES) {
                break;
            }
            (forgotten.rows, bytes) = (forgotten.rows + size.rows + 1, bytes + size.bytes);
            cuts.push((row.parsed("project")?, size.last));
            runs.push(row.parsed("id")?);
            self.run = id;
        }
        if runs.is_empty() {
            let is_end = match rows.last() {
                None => true,
                Some(last) => last.text("id")? != self.run,
            };
            return Ok(if is_end { Step::Nothing } else { Step::Further });
        }
        forgotten.runs = runs.len();
        let mut query = QueryBuilder::<Database>::new("select distinct digest from artifacts where ");
        push_in(&mut query, "run", &runs);
        let rows = query.build().fetch_all(reader).await?;
        forgotten.digests = rows.iter().map(|row| row.text("digest")).collect::<Result<_, _>>()?;
        Ok(Step::Found(Found { what: What::Runs(runs, before), forgotten, cuts }))
    }
}

struct Size {
    rows: i64,
    records: i64,
    bytes: i64,
    last: i64,
}

async fn size_of(reader: &mut Connection, run: &str) -> Result<Size, StoreError> {
    let row = sqlx::query(
        "select count(*) as count, count(*) - count(seq) as records, coalesce(sum(octet_length(data)), 0) as bytes,
             coalesce(max(position), 0) as last from log where run = $1",
    )
    .bind(run)
    .fetch_one(reader)
    .await?;
    let (rows, records) = (row.number("count")?, row.number("records")?);
    Ok(Size { rows, records, bytes: row.number("bytes")?, last: row.number("last")? })
}

/// The first records of a run that one unit forgets, at least one.
async fn records(
    reader: &mut Connection,
    run: &str,
    project: ProjectId,
    before: Timestamp,
) -> Result<Found, StoreError> {
    let rows = sqlx::query(
        "select position, octet_length(data) as bytes from log where run = $1 and seq is null
         order by position limit $2",
    )
    .bind(run)
    .bind(ROWS)
    .fetch_all(reader)
    .await?;
    let (mut upto, mut count, mut bytes) = (0, 0, 0);
    for row in &rows {
        bytes += row.number("bytes")?;
        if count > 0 && bytes > BYTES {
            break;
        }
        (upto, count) = (row.number("position")?, count + 1);
    }
    let what = What::Records(crate::text::parse("run", run)?, upto, before);
    Ok(Found { what, forgotten: Forgotten { rows: count, ..Forgotten::default() }, cuts: vec![(project, upto)] })
}

/// Superseded for as long as that, or never in force, and of no use to anything.
const REVISIONS: &str = concat!(
    "select revisions.id, 1 + (select count(*) from definitions where revision = revisions.id) as rows
     from revisions where created_at < $1 and status <> 'active'
     and (status <> 'superseded' or exists (select 1 from revisions as active where active.project = revisions.project
                                            and active.status = 'active' and active.created_at < $1)) and ",
    unused!(),
    " order by revisions.id limit $2"
);
/// The newest stays: a server without any token would make another one for whoever starts it.
const TOKENS: &str = "select id, 1 as rows from tokens where min(coalesce(revoked_at, expires_at),
    coalesce(expires_at, revoked_at)) < $1 and id <> (select max(id) from tokens) order by id limit $2";
const LETTERS: &str = "select id, 1 as rows from dead_letters where settled_at < $1 order by id limit $2";
const SWITCHES: &str = "select position as id, 1 as rows from activations where at < $1 and exists
    (select 1 from activations as later where later.project = activations.project and later.app = activations.app
     and later.position > activations.position) order by position limit $2";
const RELEASES: &str = "select id, 1 as rows from releases where created_at < $1
    and not exists (select 1 from live_releases as live where live.release = releases.id)
    and not exists (select 1 from activations where release = releases.id or previous = releases.id)
    order by id limit $2";
/// A row for each two pages of the body.
const DELIVERIES: &str = "select id, 1 + octet_length(body) / 8192 as rows from deliveries
    where status <> 'pending' and received_at < $1 and not exists
    (select 1 from dead_letters where kind = 'delivery' and about = deliveries.id and state = 'open')
    order by received_at limit $2";

async fn audit(reader: &mut Connection, before: Timestamp) -> Result<Option<Found>, StoreError> {
    let rows = sqlx::query("select id, at from audit order by id limit $1").bind(ROWS).fetch_all(reader).await?;
    let old = old_ones(&rows, "id", before.millis())?;
    Ok(old.last().map(|upto| found(What::Audit(*upto), old.len(), Vec::new())))
}

/// Entries that belong to a project alone.
async fn entries(reader: &mut Connection, before: i64) -> Result<Option<Found>, StoreError> {
    let rows = sqlx::query(
        "select position, project, at from log where run is null and item is null order by position limit $1",
    )
    .bind(ROWS)
    .fetch_all(reader)
    .await?;
    let old = old_ones(&rows, "position", before)?;
    let cut = |row: &Row| Ok((row.parsed("project")?, row.number("position")?));
    let cuts = rows.iter().take(old.len()).map(cut).collect::<Result<_, StoreError>>()?;
    let count = old.len();
    Ok((count > 0).then(|| found(What::Entries(old), count, cuts)))
}

/// The first of rows in the order of time, up to one that is not old.
fn old_ones(rows: &[Row], column: &'static str, before: i64) -> Result<Vec<i64>, StoreError> {
    let mut old = Vec::new();
    for row in rows {
        if row.number("at")? >= before {
            break;
        }
        old.push(row.number(column)?);
    }
    Ok(old)
}

/// Free pages, where there are many. A database of before keeps them and uses them again.
async fn pages(reader: &mut Connection) -> Result<Option<Found>, StoreError> {
    let space = sqlite::space(reader).await?;
    let many = space.gives_back && space.free > FEW_PAGES.max(space.all / 4);
    Ok(many.then(|| found(What::Pages(PAGES), PAGES as usize, Vec::new())))
}

fn found(what: What, rows: usize, cuts: Vec<(ProjectId, i64)>) -> Found {
    let rows = i64::try_from(rows).unwrap_or(i64::MAX);
    Found { what, forgotten: Forgotten { rows, ..Forgotten::default() }, cuts }
}

//! Flaws that one statement finds each: the agreement of the log, its projections and its head.
//!
//! What the state of a run or an item says is opaque here; whoever knows compares that by a
//! [`Snapshot`](crate::Snapshot).

use super::value;
use crate::text::{Columns as _, words};
use crate::{StoreError, sqlite};

words! {
    /// The rule that is broken.
    FlawKind {
        /// The file is sound, and references lead somewhere.
        File = "file",
        /// Events of a stream are numbered without a gap.
        Sequence = "sequence",
        /// What is live is what the newest switch made it.
        Live = "live",
        /// Positions have no gap, and the head is the last.
        Head = "head",
        /// Nobody who follows the log is ahead of it.
        Cursor = "cursor",
        /// An entry of the log belongs to the project of its stream.
        Project = "project",
        /// A cause starts one run.
        Cause = "cause",
        /// Leases are of this boot.
        Lease = "lease",
        /// Effects belong to open runs and are numbered without a gap.
        Effect = "effect",
        /// No tick of a schedule is due before its time.
        Tick = "tick",
        /// What plugins keep is as large as it is counted.
        Usage = "usage",
    }
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    /// Which rule is broken.
    pub kind: FlawKind,
    /// What it is about: an id, or a name.
    pub about: String,
    /// What was found, in a sentence.
    pub found: String,
}

/// Each finds rows of `about` and `found`.
const RULES: [(FlawKind, &str); 9] = [
    // Numbers that are all different, start at 1, end at `seq` and are as many as that: no gap.
    (
        FlawKind::Sequence,
        "with streams (what, id, seq) as
             (select 'run', id, seq from runs union all select 'item', id, seq from items),
         histories (id, count, first, last, rows) as
             (select coalesce(run, item), count(distinct seq), min(seq), max(seq), count(seq)
              from log where seq is not null group by coalesce(run, item))
         select streams.id as about, what || ' ' || streams.id || ' is at event ' || seq || ' and has '
             || coalesce(count, 0) || ' events in the log' as found
         from streams left join histories on histories.id = streams.id
         where seq <> coalesce(count, 0) or rows <> count or first <> 1 or last <> seq",
    ),
    // What is live is what the newest switch made it, and there is no app without one.
    (
        FlawKind::Live,
        "with newest (project, app, release) as
             (select project, app, release from activations
              where position = (select max(position) from activations as later
                                where later.project = activations.project and later.app = activations.app))
         select coalesce(live.app, newest.app) as about,
             'app ' || coalesce(live.app, newest.app) || ' is not at the release that was put live last' as found
         from live_releases as live
         full join newest on newest.project = live.project and newest.app = live.app
         where live.release is distinct from newest.release",
    ),
    (
        FlawKind::Head,
        "select 'log' as about, 'the head is ' || position || ', the last position ' || last
             || ', the number of entries ' || count || ' and of those forgotten ' || forgotten as found
         from counter, (select coalesce(max(position), 0) as last, count(*) as count from log)
         where last > position or count + forgotten <> position",
    ),
    (
        FlawKind::Cursor,
        "select name as about, name || ' has come to ' || cursors.position || ', the head is ' || counter.position
             as found
         from cursors, counter where cursors.position > counter.position",
    ),
    (
        FlawKind::Project,
        "select coalesce(run, item) as about, 'entry ' || position || ' belongs to another project than its stream'
             as found
         from log where project <> (select project from runs where runs.id = log.run
                                    union all select project from items where items.id = log.item)",
    ),
    (
        FlawKind::Cause,
        "select trigger_key as about, 'in project ' || project || ' cause ' || trigger_key || ' has started '
             || count(*) || ' runs' as found
         from runs where trigger_key is not null group by project, trigger_key having count(*) > 1",
    ),
    (
        FlawKind::Lease,
        "select key as about, key || ' is leased since boot ' || epoch || ', and this is boot ' || value as found
         from work, meta where meta.name = 'epoch' and epoch <> value",
    ),
    (
        FlawKind::Effect,
        "select run as about, 'stage ' || stage || ' has ' || count(*) || ' effects in journal ' || journal
             || ', the last is number ' || max(ordinal)
             || case when (select terminal from runs where id = run) = 1 then ' and its run has ended' else '' end
             as found
         from effects group by run, stage, journal
         having min(ordinal) <> 0 or max(ordinal) <> count(*) - 1
             or (select terminal from runs where id = run) = 1",
    ),
    (
        FlawKind::Tick,
        "select key as about, key || ' is due before its time' as found
         from work join schedules on key = 'tick/' || project || '/' || pipeline || '/' || schedule where due < next",
    ),
];

/// Checks the file and every rule. Reads everything.
pub(super) async fn find(reader: &mut sqlite::Connection) -> Result<Vec<Flaw>, StoreError> {
    let flaw = |kind, about: &str, found| Flaw { kind, about: about.to_owned(), found };
    let file = sqlite::check_file(reader).await?;
    let mut flaws: Vec<Flaw> = file.into_iter().map(|found| flaw(FlawKind::File, "file", found)).collect();
    for (kind, rule) in RULES {
        for row in sqlx::query(rule).fetch_all(&mut *reader).await? {
            flaws.push(Flaw { kind, about: row.text("about")?, found: row.text("found")? });
        }
    }
    let counts = value::miscounted(reader).await?;
    flaws.extend(counts.into_iter().map(|found| flaw(FlawKind::Usage, "plugin values", found)));
    Ok(flaws)
}

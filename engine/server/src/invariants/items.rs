//! Items: every event is allowed by the state before, the state is the fold, the columns are what it says, and whoever
//! waits for a run waits for one that was started for it.

use kiket_core::item::{Event, Item};
use kiket_core::run::Trigger;
use kiket_store::{ItemRow, Snapshot, StoreError, Stream};

use super::{Invariant, PAGE, Report, history};

pub(super) async fn check(snapshot: &mut Snapshot<'_>, report: &mut Report) -> Result<(), StoreError> {
    let mut after = None;
    loop {
        let rows = snapshot.items(after, PAGE).await?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = Some(last.id);
        for row in &rows {
            if report.is_full() {
                return Ok(());
            }
            one(snapshot, report, row).await?;
        }
    }
}

async fn one(snapshot: &mut Snapshot<'_>, report: &mut Report, row: &ItemRow) -> Result<(), StoreError> {
    let mut fold = Item::default();
    let tell = |report: &mut Report, event: &Event, at| {
        if let Err(illegal) = fold.allows(event) {
            report.add(Invariant::EventLegal, row.id, illegal.to_string());
        }
        fold.apply(event, at);
    };
    let whole = history::walk(snapshot, report, Stream::Item(row.id), Event::kind, tell).await?;
    let state = match serde_json::from_str::<Item>(&row.data) {
        Ok(state) => state,
        Err(error) => {
            report.add(Invariant::StateIsFold, row.id, format!("the state cannot be read: {error}"));
            return Ok(());
        }
    };
    if whole && state != fold {
        let found = format!(
            "the events lead to \"{}\", version {}; the state is \"{}\", version {}, or differs in detail",
            fold.state, fold.version, state.state, state.version
        );
        report.add(Invariant::StateIsFold, row.id, found);
    }
    columns(report, row, &state);
    if let Some(run) = row.pending_run {
        let trigger = snapshot.run(run).await?.and_then(|run| serde_json::from_str(&run.trigger).ok());
        if !matches!(trigger, Some(Trigger::Item { item, waits: true, .. }) if item == row.id) {
            report.add(Invariant::RowIsState, row.id, format!("it waits for {run}, which was not started for that"));
        }
    }
    Ok(())
}

fn columns(report: &mut Report, row: &ItemRow, state: &Item) {
    let Some(created) = &state.created else { return };
    let same = [
        ("id", row.id == created.id),
        ("number", row.number == created.number),
        ("type", row.kind == created.kind),
        ("workflow", row.workflow == created.workflow),
        ("state", row.state == state.state),
        ("title", row.title == state.title),
        ("priority", row.priority == state.priority),
        ("assignee", row.assignee == state.assignee),
        ("labels", row.labels == state.labels),
        ("pending_run", row.pending_run == state.pending.as_ref().map(|pending| pending.run)),
    ];
    for (column, _) in same.into_iter().filter(|(_, same)| !same) {
        report.add(Invariant::RowIsState, row.id, format!("column {column} is not what the state says"));
    }
}

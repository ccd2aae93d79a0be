//! What was decided on an item as changes for the store.

use kiket_core::item::{Event, Item, Reason, StartRun};
use kiket_core::machine::Machine;
use kiket_core::run::{Actor, Queued, Trigger};
use kiket_core::{ItemId, ProjectId, RevisionId, Timestamp};
use kiket_store::{Held, ItemChange, ItemColumns, ItemHead, NewEvent, WorkChange, WriteItem};

use super::Surroundings;
use crate::dispatch::NewRun;

/// The reasons of the first transition that was asked for and did not happen.
pub(super) fn refusal(events: &[Event]) -> Vec<Reason> {
    match events {
        [Event::Refused { reasons, .. }] => reasons.clone(),
        _ => Vec::new(),
    }
}

/// A run of what a transition does.
pub(super) fn new_run(around: &Surroundings, item: ItemId, start: StartRun, actor: &Actor) -> NewRun {
    let stages =
        around.revision.plan(&start.plan).map(|plan| plan.stages().map(|stage| stage.id.as_str().into()).collect());
    let queued = Queued {
        id: start.run,
        project: around.project.name.clone(),
        pipeline: start.plan,
        revision: around.id,
        commit: around.revision.commit().map(str::to_owned),
        reference: None,
        trigger: Trigger::Item { item, transition: start.transition, waits: start.waits },
        actor: actor.name.clone(),
        inputs: start.inputs,
        item: Some(start.item),
        stranger: false,
        env: around.env.clone(),
        stages: stages.unwrap_or_default(),
        resumed_from: None,
    };
    NewRun { project: around.project.id, revision: around.id, queued, trigger_key: None }
}

/// How a new item is written.
pub(super) fn head(project: ProjectId, item: &Item) -> WriteItem {
    let (number, kind) =
        item.created.as_ref().map_or((0, String::new()), |created| (created.number, created.kind.clone()));
    WriteItem::Create(ItemHead { project, number, kind })
}

/// Writes down what happened to an item, and the state it led to.
pub(super) fn item_change(
    id: ItemId,
    write: WriteItem,
    machine: Option<&Machine>,
    item: &Item,
    events: &[Event],
    (at, revision): (Timestamp, Option<RevisionId>),
    held: Option<Held>,
) -> ItemChange {
    let event = |event: &Event| NewEvent {
        kind: event.kind().into(),
        stage: None,
        data: serde_json::to_string(event).expect("events are plain data"),
    };
    let done = held.iter().map(|held| WorkChange::Done(held.key.clone()));
    ItemChange {
        item: id,
        write,
        at,
        events: events.iter().map(event).collect(),
        row: ItemColumns {
            workflow: item.created.as_ref().map(|created| created.workflow.clone()).unwrap_or_default(),
            state: item.state.clone(),
            category: machine.and_then(|machine| machine.state(&item.state)).and_then(|state| state.category.clone()),
            title: item.title.clone(),
            priority: item.priority.clone(),
            assignee: item.assignee.clone(),
            labels: item.labels.clone(),
            revision,
            pending_run: item.pending.as_ref().map(|pending| pending.run),
        },
        data: serde_json::to_string(item).expect("an item is plain data"),
        work: done.collect(),
        held,
    }
}

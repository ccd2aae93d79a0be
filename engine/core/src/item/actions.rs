//! What actions do to the item, and what those that touch the world are called with.

use serde_json::{Map, Value as Json, json};

use super::decide::Draft;
use super::event::Event;
use super::facts::ItemFacts;
use super::update;
use crate::definition::{Facts as _, Person};
use crate::machine::{Does, ItemStep, Section, Step, TransitionPlan};

/// Lets the steps that change the item happen, in order. Values are what they are when their step comes.
pub(super) fn touch_item(draft: &mut Draft<'_>, steps: &[Step], transition: Option<&TransitionPlan>) {
    for step in steps.iter().filter_map(Step::item) {
        touch(draft, step, transition);
    }
}

fn touch(draft: &mut Draft<'_>, step: &ItemStep, transition: Option<&TransitionPlan>) {
    let item = draft.item.clone();
    let facts = ItemFacts { item: &item, machine: draft.machine, context: draft.context, transition };
    let value = |path: &str| facts.value(path);
    let text = |message: &crate::definition::Message| message.render(&value);
    match step {
        ItemStep::Set(path, payload) => set(draft, path, payload.render(&value)),
        ItemStep::Assign(path, person, fallback) => {
            let named = |person: &Person| match person {
                Person::Named(name) => Some(text(name)).filter(|name| !name.is_empty()),
                Person::Role(role) => Some(role.value.clone()),
                Person::Field(path) => value(&path.value).as_str().map(str::to_owned),
            };
            let who = named(person).or_else(|| fallback.as_ref().and_then(named));
            set(draft, path, who.map_or(Json::Null, Json::from));
        }
        ItemStep::AddLabels(labels) => {
            let added = labels.iter().map(text).filter(|label| !label.is_empty());
            let labels: Vec<String> = item.labels.iter().cloned().chain(added).collect();
            set(draft, "labels", json!(labels));
        }
        ItemStep::RemoveLabels(labels) => {
            let removed: Vec<String> = labels.iter().map(text).collect();
            let labels: Vec<&String> = item.labels.iter().filter(|label| !removed.contains(label)).collect();
            set(draft, "labels", json!(labels));
        }
        ItemStep::AddWatchers(people) => {
            let added = people.iter().filter_map(|person| match person {
                Person::Named(name) => Some(text(name)),
                Person::Role(role) => Some(format!("role:{}", role.value)),
                Person::Field(path) => value(&path.value).as_str().map(str::to_owned),
            });
            let watchers: Vec<String> = item.watchers.iter().cloned().chain(added).collect();
            set(draft, "watchers", json!(watchers));
        }
        ItemStep::Comment(body) => {
            let body = text(body);
            draft.push(Event::Commented { body, by: "kiket".to_owned() });
        }
        ItemStep::Transition(to) => {
            let to = text(to);
            draft.wanted.push(to);
        }
    }
}

/// Sets a value by its canonical path, where that changes anything.
fn set(draft: &mut Draft<'_>, path: &str, value: Json) {
    let values = Map::from_iter([(path.to_owned(), value)]);
    let values = update::changed(&draft.item, values);
    if !values.is_empty() {
        draft.push(Event::Updated { values, by: "kiket".to_owned() });
    }
}

/// Computes the inputs of a run: what each step that touches the world is called with.
pub(super) fn inputs_of(
    draft: &Draft<'_>,
    sections: &[(Section, &[Step])],
    transition: Option<&TransitionPlan>,
) -> Map<String, Json> {
    let facts = ItemFacts { item: &draft.item, machine: draft.machine, context: draft.context, transition };
    let value = |path: &str| facts.value(path);
    let mut steps = Map::new();
    for (section, all) in sections {
        for step in all.iter() {
            if let Does::World(world) = &step.does {
                steps.insert(section.stage_id(step), world.1.input(&value));
            }
        }
    }
    let mut inputs = Map::from_iter([("steps".to_owned(), Json::Object(steps))]);
    let names =
        transition.map(|transition| json!({ "name": transition.name, "from": transition.from, "to": transition.to }));
    inputs.extend(names.map(|names| ("transition".to_owned(), names)));
    inputs
}

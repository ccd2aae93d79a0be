//! `matrix:`: a stage runs once for every combination of values.

use serde_json::{Map, Value as Json};

use crate::decode::{boolean_at, entries, entry_at, items, number_at};
use crate::diagnostic::{Code, Problems, Span};
use crate::shape::{IdRule, Keys, Shape};
use crate::yaml::{Node, Value};

/// Most combinations of one matrix.
pub const MAX_COMBINATIONS: usize = 256;

/// Keys with lists of values, and four words beside them: `include`, `exclude`, `max_parallel`, `fail_fast`.
pub(super) const MATRIX: Shape = Shape::Map(&KEYS, &Shape::Any);

static KEYS: Keys = Keys { name: "matrix key", rule: Some(IdRule::Stage), required: true };

/// The combinations that a stage runs for.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    /// The combinations: an object for each, with a value for every key.
    pub combinations: Vec<Map<String, Json>>,
    /// How many of them run at once at most.
    pub max_parallel: Option<usize>,
    /// Whether the first one that fails ends those that have not begun.
    pub fail_fast: bool,
}

impl Matrix {
    /// Reads a matrix; `place` is where its key stands.
    pub(super) fn decode(place: Span, node: &Node, problems: &mut Problems<'_>) -> Option<Self> {
        let before = problems.errors();
        let mut axes: Vec<(&str, &[Node])> = Vec::new();
        for (key, value) in entries(Some(node)) {
            match (key.text.as_str(), &value.value) {
                ("include" | "exclude", Value::Sequence(list)) => {
                    for entry in list.iter().filter(|entry| !matches!(entry.value, Value::Mapping(_))) {
                        let message =
                            format!("an entry of \"{}\" has to be a mapping, and this is {}", key.text, entry.kind());
                        problems.report(Code::WrongType, entry.span, message);
                    }
                }
                ("max_parallel", Value::Number(number)) if number.as_u64().is_some_and(|number| number > 0) => {}
                ("fail_fast", Value::Bool(_)) => {}
                ("max_parallel", _) => {
                    problems.report(Code::WrongType, value.span, "\"max_parallel\" has to be a whole number from 1");
                }
                ("fail_fast", _) => {
                    problems.report(Code::WrongType, value.span, "\"fail_fast\" has to be true or false")
                }
                (name, Value::Sequence(values)) if values.is_empty() && !matches!(name, "include" | "exclude") => {
                    let message = format!("matrix: \"{name}\" has no values, so there is no combination");
                    problems.report(Code::InvalidMatrix, value.span, message);
                }
                (name, Value::Sequence(values)) if !matches!(name, "include" | "exclude") => axes.push((name, values)),
                (name, _) => {
                    let message =
                        format!("matrix: \"{name}\" has to be a list of values, and this is {}", value.kind());
                    problems.report(Code::WrongType, value.span, message);
                }
            }
        }
        // The writer's order of keys is the order of combinations: the last key changes fastest.
        let size = axes.iter().fold(1_usize, |size, (_, values)| size.saturating_mul(values.len()));
        let included = items(node.get("include"));
        if size.saturating_add(included.len()) > MAX_COMBINATIONS {
            let message = format!("{size} combinations, and a matrix has at most {MAX_COMBINATIONS}");
            let hint = "shorten a list, or make two stages of it";
            problems.report_with_hint(Code::InvalidMatrix, place, message, hint);
            return None;
        }
        let mut combinations: Vec<Map<String, Json>> = if axes.is_empty() { Vec::new() } else { vec![Map::new()] };
        for (name, values) in axes {
            combinations = combinations
                .iter()
                .flat_map(|combination| values.iter().map(move |value| with(combination, name, value.to_json())))
                .collect();
        }
        let objects = |key: &str| {
            items(node.get(key)).iter().filter_map(|entry| entry.to_json().as_object().cloned()).collect::<Vec<_>>()
        };
        let excluded = objects("exclude");
        combinations.retain(|combination| !excluded.iter().any(|excluded| covers(excluded, combination)));
        for included in objects("include") {
            if !combinations.contains(&included) {
                combinations.push(included);
            }
        }
        if combinations.is_empty() && problems.errors() == before {
            let (span, message) = match entry_at(node, "exclude") {
                Some((key, _)) => (key.span, "all combinations of the matrix are excluded"),
                None => (place, "the matrix has no key with a list of values"),
            };
            problems.report(Code::InvalidMatrix, span, message);
        }
        (problems.errors() == before).then(|| Self {
            combinations,
            max_parallel: number_at::<u32>(node, "max_parallel").map(|number| number as usize),
            fail_fast: boolean_at(node, "fail_fast").unwrap_or(true),
        })
    }

    /// Returns all keys that some combination has.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.combinations.iter().flat_map(|combination| combination.keys().map(String::as_str))
    }
}

fn with(combination: &Map<String, Json>, name: &str, value: Json) -> Map<String, Json> {
    let mut longer = combination.clone();
    longer.insert(name.to_owned(), value);
    longer
}

/// Tells whether everything that `part` says is so in `whole`.
fn covers(part: &Map<String, Json>, whole: &Map<String, Json>) -> bool {
    part.iter().all(|(name, value)| whole.get(name) == Some(value))
}

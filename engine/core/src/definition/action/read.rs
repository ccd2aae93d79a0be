//! Reads what each of Kiket's actions does from its parameters.

use super::kiket::{KiketAction, NoticeLevel};
use super::parameters::Parameters;
use super::person::Person;
use crate::decode::{Located, entries, items, texts};
use crate::definition::message::{Message, Payload};
use crate::definition::vocabulary::canonical_path;
use crate::definition::words::Words;
use crate::diagnostic::{Code, Problems, Span};
use crate::yaml::{Key, Node};

static LEVELS: Words<NoticeLevel> = Words {
    what: "a level",
    words: &[
        ("info", NoticeLevel::Info),
        ("success", NoticeLevel::Success),
        ("warning", NoticeLevel::Warning),
        ("critical", NoticeLevel::Critical),
    ],
};

/// Every action that is done, for hints.
const DONE: [&str; 12] = [
    "add_comment",
    "add_label",
    "add_watcher",
    "assign",
    "comment",
    "notification.send",
    "notify",
    "remove_label",
    "set_field",
    "set_priority",
    "transition",
    "webhook",
];

/// Every action that a later version does. `case` and `item` stand for `issue` in their names as everywhere.
const LATER: [&str; 11] = [
    "anchor_data",
    "auto_assign",
    "blockchain_anchor",
    "create_child_issue",
    "escalate_approval",
    "modify_approval_chain",
    "request_approval",
    "schedule_reminder",
    "spawn_form",
    "spawn_issue",
    "workflow_call",
];

/// Reads an action; one that kiket cannot do is warned of.
pub(super) fn read(parameters: &Parameters<'_>, problems: &mut Problems<'_>) -> KiketAction {
    let name = parameters.name.value.as_str();
    let done = match name {
        "set_field" => set_field(parameters, problems).ok_or("field and value"),
        "set_priority" => {
            main(parameters, &["value", "priority"], problems).map(|value| KiketAction::SetPriority { value })
        }
        "transition" => main(parameters, &["to"], problems).map(|to| KiketAction::Transition { to }),
        "assign" => assign(parameters, problems).ok_or("to"),
        "add_label" => labels(parameters, problems).map(|labels| KiketAction::AddLabel { labels }),
        "remove_label" => labels(parameters, problems).map(|labels| KiketAction::RemoveLabel { labels }),
        "add_watcher" => watchers(parameters, problems).ok_or("roles"),
        "comment" | "add_comment" => {
            main(parameters, &["body", "message"], problems).map(|body| KiketAction::Comment { body })
        }
        "notify" | "notification.send" => notify(parameters, problems).ok_or("message"),
        "webhook" => webhook(parameters, problems).ok_or("url"),
        _ => return elsewhere(parameters, problems),
    };
    done.unwrap_or_else(|missing| {
        let message = format!("\"{name}\" has no {missing} and does nothing");
        problems.report(Code::UnknownKiketAction, parameters.name.span, message);
        KiketAction::Unknown { name: name.to_owned(), reason: format!("\"{name}\" has no {missing}") }
    })
}

/// Sorts the actions that are not done here.
fn elsewhere(parameters: &Parameters<'_>, problems: &mut Problems<'_>) -> KiketAction {
    let Located { value: name, span } = &parameters.name;
    let text = |keys: &[&str]| parameters.get(keys).and_then(Node::as_str).map(str::to_owned);
    if name.starts_with("ai_") {
        let agent = text(&["agent"]).map_or_else(|| "an agent".to_owned(), |agent| format!("agent \"{agent:.80}\""));
        return not_installed(format!("{agent}, which \"{name:.40}\" asks,"), agent, *span, problems);
    }
    if name == "extension.invoke" || name.starts_with("ext:") {
        let extension = name.strip_prefix("ext:").map(str::to_owned).or_else(|| text(&["extension", "id"]));
        let extension = extension.map_or_else(|| "the extension".to_owned(), |id| format!("extension \"{id:.80}\""));
        return not_installed(extension.clone(), extension, *span, problems);
    }
    let canonical = name.replace("case", "issue").replace("item", "issue");
    if LATER.contains(&canonical.as_str()) {
        let message = format!("\"{name}\" is read, and this version does not do it yet");
        problems.report(Code::NotActedOnYet, *span, message);
        return KiketAction::Later { name: canonical };
    }
    let message = format!("\"{name:.60}\" is not an action; it is skipped");
    problems.report_unknown(Code::UnknownKiketAction, *span, message, name, DONE.into_iter().chain(LATER));
    KiketAction::Unknown { name: name.clone(), reason: format!("\"{name:.60}\" is not an action") }
}

fn not_installed(subject: String, what: String, span: Span, problems: &mut Problems<'_>) -> KiketAction {
    problems.report(Code::NotInstalled, span, format!("{subject} is not installed: the action is skipped"));
    KiketAction::NotInstalled { what }
}

/// Reads the one text that an action is about; where it is missing, the name that it should stand under comes back.
fn main<'k>(parameters: &Parameters<'_>, keys: &[&'k str], problems: &mut Problems<'_>) -> Result<Message, &'k str> {
    let message = parameters.main(keys).and_then(|node| Message::decode(node, problems));
    message.ok_or(keys.first().copied().unwrap_or_default())
}

fn set_field(parameters: &Parameters<'_>, problems: &mut Problems<'_>) -> Option<KiketAction> {
    let field = parameters.get(&["field"]).and_then(Located::text)?;
    let field = Located { value: canonical_path(&field.value), span: field.span };
    let value = parameters.value()?;
    if field.value == "state" {
        return Message::decode(value, problems).map(|to| KiketAction::Transition { to });
    }
    Some(KiketAction::SetField { field, value: Payload::parse(value, problems) })
}

fn assign(parameters: &Parameters<'_>, problems: &mut Problems<'_>) -> Option<KiketAction> {
    let to = parameters.main(&["to", "user", "assignee"]).and_then(|node| Person::user(node, problems))?;
    let field = parameters.get(&["field"]).and_then(Located::text);
    let field = field.map(|field| Located { value: canonical_path(&field.value), span: field.span });
    let fallback = parameters.get(&["fallback"]).and_then(|node| Person::user(node, problems));
    Some(KiketAction::Assign { to, field, fallback })
}

fn labels(parameters: &Parameters<'_>, problems: &mut Problems<'_>) -> Result<Vec<Message>, &'static str> {
    let nodes = [parameters.alone(), parameters.get(&["label"]), parameters.get(&["labels"])];
    let nodes = nodes.into_iter().flat_map(items);
    let labels: Vec<Message> = nodes.filter_map(|node| Message::decode(node, problems)).collect();
    if labels.is_empty() { Err("label") } else { Ok(labels) }
}

fn watchers(parameters: &Parameters<'_>, problems: &mut Problems<'_>) -> Option<KiketAction> {
    let nodes = [parameters.alone(), parameters.get(&["user"]), parameters.get(&["users"])];
    let nodes = nodes.into_iter().flat_map(items);
    let users: Vec<Person> = nodes.filter_map(|node| Person::user(node, problems)).collect();
    let roles: Vec<Located<String>> = ["role", "roles"].iter().flat_map(|key| texts(parameters.get(&[key]))).collect();
    (!users.is_empty() || !roles.is_empty()).then_some(KiketAction::AddWatcher { users, roles })
}

fn notify(parameters: &Parameters<'_>, problems: &mut Problems<'_>) -> Option<KiketAction> {
    let message = parameters.main(&["message", "text", "body"]).and_then(|node| Message::decode(node, problems));
    let template = parameters.get(&["template"]).and_then(Node::as_str).map(str::to_owned);
    let channels = ["channel", "channels"].iter().flat_map(|key| items(parameters.get(&[key])));
    let channels: Vec<Message> = channels.filter_map(|node| Message::decode(node, problems)).collect();
    let recipients = Person::decode_all(parameters.get(&["recipients"]), problems);
    let level = LEVELS.read(parameters.get(&["level"]), problems).unwrap_or_default();
    let says_nothing = message.is_none() && template.is_none() && channels.is_empty() && recipients.is_empty();
    (!says_nothing).then_some(KiketAction::Notify { recipients, message, level, channels, template })
}

fn webhook(parameters: &Parameters<'_>, problems: &mut Problems<'_>) -> Option<KiketAction> {
    let url = parameters.main(&["url"]).and_then(|node| Message::decode(node, problems))?;
    let method = parameters.get(&["method"]).and_then(Node::as_str).unwrap_or("POST").to_ascii_uppercase();
    let decode = |(key, node): (&Key, &Node)| Some((key.text.clone(), Message::decode(node, problems)?));
    let headers = entries(parameters.get(&["headers"])).filter_map(decode).collect();
    let body = parameters.get(&["body", "payload"]).map(|node| Payload::parse(node, problems));
    Some(KiketAction::Webhook { url, method, headers, body })
}

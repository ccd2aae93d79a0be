//! Steps: actions sorted by what they touch. Those that touch the item are commands of the engine and happen at once;
//! those that touch the world are stages of a run.

use serde_json::{Value as Json, json};

use crate::definition::{
    ActionDefinition, KiketAction, KiketActionDefinition, Message, Payload, Person, StageDefinition, TaskDefinition,
};
use crate::diagnostic::Problems;
use crate::plan::{ApprovalPlan, Surroundings, Task};

/// One action of a state or a transition.
#[derive(Debug, Clone)]
pub struct Step {
    /// Its id among the steps it stands with: `step_0`, or the key of a mapping.
    pub id: String,
    /// The steps that have to end first; in a list, the one before it.
    pub needs: Vec<String>,
    /// What it does.
    pub does: Does,
}

/// What a step does.
#[derive(Debug, Clone)]
pub enum Does {
    /// It changes the item.
    Item(ItemStep),
    /// It is a stage of ours.
    Stage(Box<(StageDefinition, Task)>),
    /// It is an action of Kiket's that touches the world, with what it is called with.
    World(Box<(Task, WorldStep)>),
}

/// A change of the item.
#[derive(Debug, Clone)]
pub enum ItemStep {
    /// Sets a value by its canonical path; null takes it away.
    Set(String, Payload),
    /// Sets a value to whoever is meant, or to somebody else where there is nobody.
    Assign(String, Person, Option<Person>),
    /// Adds labels.
    AddLabels(Vec<Message>),
    /// Takes labels away.
    RemoveLabels(Vec<Message>),
    /// Lets people watch.
    AddWatchers(Vec<Person>),
    /// Says something about it.
    Comment(Message),
    /// Asks for a transition to a state.
    Transition(Message),
}

/// What an action of Kiket's tells the world.
#[derive(Debug, Clone)]
pub enum WorldStep {
    /// Tells people something.
    Notify(Box<Notice>),
    /// Sends a request.
    Webhook {
        /// The address.
        url: Message,
        /// The method.
        method: String,
        /// Headers.
        headers: Vec<(String, Message)>,
        /// The body.
        body: Option<Payload>,
    },
    /// Nothing that could be told.
    Nothing,
}

/// Something that people are told.
#[derive(Debug, Clone)]
pub struct Notice {
    /// Whom.
    pub recipients: Vec<Person>,
    /// The text.
    pub message: Option<Message>,
    /// How much it matters.
    pub level: &'static str,
    /// Where to.
    pub channels: Vec<Message>,
    /// Name of the template of the message.
    pub template: Option<String>,
}

impl Step {
    /// Compiles an action; calls are checked against the plugins.
    pub(super) fn compile(
        id: &str,
        action: &ActionDefinition,
        surroundings: Surroundings<'_>,
        problems: &mut Problems<'_>,
    ) -> Self {
        match action {
            ActionDefinition::Stage(stage) => Self {
                id: id.to_owned(),
                needs: stage.needs.iter().map(|need| need.value.clone()).collect(),
                does: Does::Stage(Box::new(((**stage).clone(), task_of(stage, surroundings, problems)))),
            },
            ActionDefinition::Kiket(action) => Self {
                id: id.to_owned(),
                needs: action.needs.iter().map(|need| need.value.clone()).collect(),
                does: does(action),
            },
        }
    }

    /// Returns the change of the item, where the step is one.
    #[must_use]
    pub fn item(&self) -> Option<&ItemStep> {
        match &self.does {
            Does::Item(step) => Some(step),
            Does::Stage(_) | Does::World(_) => None,
        }
    }
}

fn task_of(stage: &StageDefinition, surroundings: Surroundings<'_>, problems: &mut Problems<'_>) -> Task {
    match &stage.task {
        TaskDefinition::Call(call) => Task::Call(surroundings.compile(call, problems)),
        TaskDefinition::Approval(approval) => Task::Approval(ApprovalPlan::of(approval)),
        TaskDefinition::Run { pipeline, .. } => {
            Task::Nothing(format!("running pipeline \"{}\" is not supported yet", pipeline.value))
        }
    }
}

fn does(definition: &KiketActionDefinition) -> Does {
    let nothing = |reason: String| Does::World(Box::new((Task::Nothing(reason), WorldStep::Nothing)));
    match definition.action.clone() {
        KiketAction::SetField { field, value } => Does::Item(ItemStep::Set(field.value, value)),
        KiketAction::SetPriority { value } => Does::Item(ItemStep::Set("priority".to_owned(), Payload::Text(value))),
        KiketAction::Assign { to, field, fallback } => {
            let field = field.map_or_else(|| "assignee".to_owned(), |field| field.value);
            Does::Item(ItemStep::Assign(field, to, fallback))
        }
        KiketAction::AddLabel { labels } => Does::Item(ItemStep::AddLabels(labels)),
        KiketAction::RemoveLabel { labels } => Does::Item(ItemStep::RemoveLabels(labels)),
        KiketAction::AddWatcher { users, roles } => {
            Does::Item(ItemStep::AddWatchers(users.into_iter().chain(roles.into_iter().map(Person::Role)).collect()))
        }
        KiketAction::Comment { body } => Does::Item(ItemStep::Comment(body)),
        KiketAction::Transition { to } => Does::Item(ItemStep::Transition(to)),
        KiketAction::Notify { recipients, message, level, channels, template } => {
            let reason = "notifications to people are not supported yet; a stage can use the plugin \"notify\"";
            let notice = Notice { recipients, message, level: level.word(), channels, template };
            Does::World(Box::new((Task::Nothing(reason.to_owned()), WorldStep::Notify(Box::new(notice)))))
        }
        KiketAction::Webhook { url, method, headers, body } => {
            let reason = "webhooks need the plugin \"http\", which is not installed".to_owned();
            Does::World(Box::new((Task::Nothing(reason), WorldStep::Webhook { url, method, headers, body })))
        }
        KiketAction::Later { name } => nothing(format!("\"{name}\" is not supported yet")),
        KiketAction::NotInstalled { what } => nothing(format!("{what} is not installed")),
        KiketAction::Unknown { reason, .. } => nothing(reason),
    }
}

impl WorldStep {
    /// Returns what the step is called with; `value` gives what stands at a path.
    #[must_use]
    pub fn input(&self, value: &dyn Fn(&str) -> Json) -> Json {
        match self {
            Self::Nothing => json!({}),
            Self::Notify(notice) => json!({
                "recipients": notice.recipients.iter().map(|person| describe(person, value)).collect::<Vec<_>>(),
                "message": notice.message.as_ref().map(|message| message.render(value)),
                "level": notice.level,
                "channels": notice.channels.iter().map(|channel| channel.render(value)).collect::<Vec<_>>(),
                "template": notice.template,
            }),
            Self::Webhook { url, method, headers, body } => json!({
                "url": url.render(value),
                "method": method,
                "headers": headers.iter().map(|(name, text)| (name.clone(), text.render(value).into())).collect::<serde_json::Map<_, _>>(),
                "body": body.as_ref().map(|body| body.render(value)),
            }),
        }
    }
}

fn describe(person: &Person, value: &dyn Fn(&str) -> Json) -> Json {
    match person {
        Person::Named(name) => json!({ "user": name.render(value) }),
        Person::Role(role) => json!({ "role": role.value }),
        Person::Field(path) => json!({ "user": value(&path.value) }),
    }
}

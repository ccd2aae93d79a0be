//! Items as plugins ask for them: those of one project only. An item of another project is one that does not exist.

use kiket_core::ProjectId;
use kiket_core::item::{Command, Refusal, Wanted};
use kiket_core::run::Actor;
use kiket_host::wit::items::{Error, Query};
use kiket_host::{Answer, ItemRequest, Lost};
use kiket_store::{ItemFilter, StoreError};
use serde_json::{Map, Value as Json};

use super::present::{COMMENT_BYTES, NAME_BYTES, values};
use super::{ItemError, Items, Outcome, Reader, Wish};
use crate::dispatch::DispatchError;

/// Most items of one answer.
const FOUND: u32 = 100;
/// Most bytes of one answer.
const BYTES: usize = 8 * 1024 * 1024;

/// Why a plugin does not get what it asks for.
enum Failure {
    /// It is told, and goes on.
    Told(Error),
    /// Nobody can answer it.
    Lost(Lost),
}

impl Items {
    /// Does what a plugin asks for in a project, in the plugin's name; its scopes were checked.
    pub(crate) async fn answer(
        &self,
        project: ProjectId,
        plugin: &str,
        request: ItemRequest,
    ) -> Answer<Vec<String>, Error> {
        settle(self.change(project, plugin, request).await)
    }

    async fn change(&self, project: ProjectId, plugin: &str, request: ItemRequest) -> Result<Vec<String>, Failure> {
        let actor = Actor { name: format!("plugin:{plugin}"), roles: Some(Vec::new()) };
        let (id, command) = match request {
            ItemRequest::Get { .. } | ItemRequest::Find(_) => return self.reader.look(project, request).await,
            ItemRequest::Create { values } => {
                let wish = Wish::read(object(&values)?).map_err(invalid)?;
                let project = self.reader.store.project(project).await.map_err(ItemError::from)?;
                let outcome = self.create(&project.ok_or(ItemError::Unknown)?, wish, &actor).await?;
                return Ok(vec![outcome.shown().to_string()]);
            }
            ItemRequest::Update { id, values: given } => {
                (id, Command::Update { values: values(object(&given)?).map_err(invalid)? })
            }
            ItemRequest::Comment { id, text } => (id, Command::Comment { body: comment(text)? }),
            ItemRequest::Transition { id, name, comment: said } => {
                if name.len() > NAME_BYTES {
                    return Err(invalid(format!("the name of a transition has at most {NAME_BYTES} bytes")));
                }
                let said = said.map(comment).transpose()?;
                (id, Command::Transition { wanted: Wanted::Name(name), comment: said })
            }
        };
        let row = self.reader.find_in(project, &id).await.map_err(|error| named(error, &id))?;
        let outcome = self.tell(row.id, command, &actor, None).await.map_err(|error| named(error, &id))?;
        match &outcome {
            Outcome { refused, .. } if refused.is_empty() => Ok(vec![outcome.shown().to_string()]),
            Outcome { refused, .. } => {
                Err(Failure::Told(Error::Refused(refused.iter().map(|reason| reason.message.clone()).collect())))
            }
        }
    }
}

impl Reader {
    /// Answers a plugin that only looks; whatever would change something is denied.
    pub(crate) async fn answer(&self, project: ProjectId, request: ItemRequest) -> Answer<Vec<String>, Error> {
        settle(self.look(project, request).await)
    }

    async fn look(&self, project: ProjectId, request: ItemRequest) -> Result<Vec<String>, Failure> {
        match request {
            ItemRequest::Get { id } => {
                let row = self.find_in(project, &id).await.map_err(|error| named(error, &id))?;
                let (_, shown) = self.show(&row).await.map_err(|error| named(error, &id))?;
                Ok(vec![shown.to_string()])
            }
            ItemRequest::Find(query) => {
                let limit = query.limit.min(FOUND);
                let (_, shown) = self.list(&filter(project, query)?, limit).await.map_err(ItemError::from)?;
                let found: Vec<String> = shown.iter().map(Json::to_string).collect();
                if found.iter().map(String::len).sum::<usize>() > BYTES {
                    return Err(invalid(format!("these items have more than {BYTES} bytes: ask for fewer at once")));
                }
                Ok(found)
            }
            _ => Err(Failure::Told(Error::Denied("who is asked only looks at items".to_owned()))),
        }
    }
}

fn filter(project: ProjectId, query: Query) -> Result<ItemFilter, Failure> {
    let Query { state, type_: kind, assignee, label, text, after, limit: _ } = query;
    if text.as_ref().is_some_and(|text| text.len() > NAME_BYTES) {
        return Err(invalid(format!("titles are searched for at most {NAME_BYTES} bytes")));
    }
    let after =
        after.map(|after| after.parse().map_err(|_| invalid(format!("`{after:.80}` is not the id of an item"))));
    Ok(ItemFilter {
        project: Some(project),
        kind,
        state,
        assignee,
        label,
        text,
        after: after.transpose()?,
        oldest_first: true,
        ..ItemFilter::default()
    })
}

fn object(text: &str) -> Result<Map<String, Json>, Failure> {
    serde_json::from_str(text).map_err(|error| invalid(format!("this is not a JSON object: {error}")))
}

fn comment(text: String) -> Result<String, Failure> {
    if text.trim().is_empty() || text.len() > COMMENT_BYTES {
        return Err(invalid(format!("a comment has 1 to {COMMENT_BYTES} bytes")));
    }
    Ok(text)
}

fn invalid(reason: String) -> Failure {
    Failure::Told(Error::Invalid(reason))
}

/// An error about the item of this name.
fn named(error: ItemError, id: &str) -> Failure {
    match error {
        ItemError::Unknown => Failure::Told(Error::NotFound(format!("the project has no item `{id:.80}`"))),
        error => error.into(),
    }
}

impl From<ItemError> for Failure {
    fn from(error: ItemError) -> Self {
        let told = match error {
            ItemError::Unknown => Error::NotFound(error.to_string()),
            ItemError::Refused(Refusal::Values(refused)) => {
                let reasons: Vec<String> = refused.iter().map(|(name, reason)| format!("{name}: {reason}")).collect();
                Error::Invalid(reasons.join("; "))
            }
            ItemError::UnknownType { .. } => Error::Invalid(error.to_string()),
            ItemError::NoRevision
            | ItemError::NoWorkflow(_)
            | ItemError::Changed(_)
            | ItemError::Refused(_)
            | ItemError::Busy => Error::Refused(vec![error.to_string()]),
            ItemError::Revision(_) | ItemError::Dispatch(_) | ItemError::Store(_) => {
                if !closes(&error) {
                    tracing::error!(%error, "a plugin's question about items cannot be answered");
                }
                return Self::Lost(Lost::new(format!("items cannot be had: {error}")));
            }
        };
        Self::Told(told)
    }
}

/// Tells whether it only is that the server is shutting down.
fn closes(error: &ItemError) -> bool {
    matches!(
        error,
        ItemError::Store(StoreError::Closed) | ItemError::Dispatch(DispatchError::Store(StoreError::Closed))
    )
}

fn settle(answer: Result<Vec<String>, Failure>) -> Answer<Vec<String>, Error> {
    match answer {
        Ok(items) => Ok(Ok(items)),
        Err(Failure::Told(error)) => Ok(Err(error)),
        Err(Failure::Lost(lost)) => Err(lost),
    }
}

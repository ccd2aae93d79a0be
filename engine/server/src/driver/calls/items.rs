//! `kiket:plugin/items` of an attempt: the items of the run's project, changed in the plugin's name.

use async_trait::async_trait;
use kiket_host::wit::items::Error;
use kiket_host::{Answer, ItemCalls, ItemRequest, Lost};

use super::Calls;
use super::effect::{Denied, Tried};

impl Denied for Error {
    fn denied(message: String) -> Self {
        Self::Denied(message)
    }
}

#[async_trait]
impl ItemCalls for Calls {
    async fn items(&self, request: ItemRequest) -> Answer<Vec<String>, Error> {
        let question = request.clone();
        let Some(summary) = summary(&request) else {
            return self.effects.read("items", &question, self.perform_items(request)).await;
        };
        let perform = async { Ok(Tried::certain(self.perform_items(request).await?)) };
        self.effects.effect("items", &summary, &question, perform).await
    }
}

impl Calls {
    async fn perform_items(&self, request: ItemRequest) -> Result<Result<Vec<String>, Error>, Lost> {
        self.driver.items.answer(self.place.project, &self.place.plugin, request).await
    }
}

/// Says what a request changes; `None` for one that only looks.
fn summary(request: &ItemRequest) -> Option<String> {
    match request {
        ItemRequest::Get { .. } | ItemRequest::Find(_) => None,
        ItemRequest::Create { .. } => Some("creates an item".to_owned()),
        ItemRequest::Update { id, .. } => Some(format!("changes item {id}")),
        ItemRequest::Comment { id, .. } => Some(format!("comments on item {id}")),
        ItemRequest::Transition { id, name, .. } => Some(format!("takes \"{name}\" of item {id}")),
    }
}

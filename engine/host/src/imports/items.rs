//! `kiket:plugin/items`.

use crate::bindings::kiket::plugin::items::{Error, Host, Query};
use crate::calls::ItemRequest;
use crate::grant::{Capability, ItemScope};
use crate::imports::{admit, ask};
use crate::state::State;

/// What these calls take.
const CAPABILITY: Capability = Capability::Items;

/// Most items of one answer.
const FOUND: u32 = 100;

impl Host for State {
    async fn get(&mut self, id: String) -> wasmtime::Result<Result<String, Error>> {
        self.one(ItemScope::Read, ItemRequest::Get { id }).await
    }

    async fn find(&mut self, query: Query) -> wasmtime::Result<Result<Vec<String>, Error>> {
        admit!(self, self.gate.items(ItemScope::Read));
        let query = Query { limit: query.limit.min(FOUND), ..query };
        Ok(ask!(self, items(ItemRequest::Find(query))))
    }

    async fn create(&mut self, values: String) -> wasmtime::Result<Result<String, Error>> {
        self.one(ItemScope::Write, ItemRequest::Create { values }).await
    }

    async fn update(&mut self, id: String, values: String) -> wasmtime::Result<Result<String, Error>> {
        self.one(ItemScope::Write, ItemRequest::Update { id, values }).await
    }

    async fn comment(&mut self, id: String, text: String) -> wasmtime::Result<Result<(), Error>> {
        Ok(self.one(ItemScope::Write, ItemRequest::Comment { id, text }).await?.map(drop))
    }

    async fn transition(
        &mut self,
        id: String,
        name: String,
        comment: Option<String>,
    ) -> wasmtime::Result<Result<String, Error>> {
        self.one(ItemScope::Transition, ItemRequest::Transition { id, name, comment }).await
    }
}

impl State {
    async fn one(&mut self, scope: ItemScope, request: ItemRequest) -> wasmtime::Result<Result<String, Error>> {
        admit!(self, self.gate.items(scope));
        let answer = ask!(self, items(request));
        Ok(answer.map(|found| found.into_iter().next().unwrap_or_default()))
    }
}

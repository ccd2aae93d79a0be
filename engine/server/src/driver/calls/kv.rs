//! `kiket:plugin/kv`: what a plugin keeps for the project, in the store.
//!
//! A value is written under the attempt's hold, like everything an attempt writes: one that has lost its stage keeps
//! nothing.

use async_trait::async_trait;
use kiket_host::wit::kv::Error;
use kiket_host::{Answer, KvCalls, KvGrant, Lost};
use kiket_store::{Change, Conflict, PutValue, StoreError};

use super::effect::Denied;
use super::{Calls, Place};

impl Denied for Error {
    fn denied(message: String) -> Self {
        Self::Denied(message)
    }
}

#[async_trait]
impl KvCalls for Calls {
    async fn kv_get(&self, key: String) -> Answer<Option<Vec<u8>>, Error> {
        let Place { project, plugin, .. } = &self.place;
        let get = async {
            let value = self.driver.store.plugin_value(*project, plugin, &key).await;
            value.map(Ok).map_err(|error| self.unread(&error))
        };
        self.effects.read("kv.get", &key, get).await
    }

    async fn kv_put(
        &self,
        grant: KvGrant,
        key: String,
        expected: Option<Option<Vec<u8>>>,
        value: Option<Vec<u8>>,
    ) -> Answer<bool, Error> {
        let Place { project, plugin, held, .. } = &self.place;
        let summary = format!("the value of `{key}`");
        let question = (key.clone(), expected.clone(), value.clone());
        let (plugin, held) = (plugin.clone(), Some(held.clone()));
        let put = PutValue { project: *project, plugin, key, expected, value, quota: grant.quota, held };
        let refused = |conflict: &Conflict| match conflict {
            Conflict::ValueDiffers { .. } => Some(Ok(false)),
            Conflict::OverQuota { needed, quota } => Some(Err(self.over_quota(*needed, *quota))),
            _ => None,
        };
        self.effects.change("kv.put", &summary, &question, Change::Value(put), true, refused).await
    }

    async fn kv_keys(&self, prefix: String, after: Option<String>, limit: u32) -> Answer<Vec<String>, Error> {
        let Place { project, plugin, .. } = &self.place;
        let list = async {
            let keys = self.driver.store.plugin_keys(*project, plugin, &prefix, after.as_deref(), limit).await;
            keys.map(Ok).map_err(|error| self.unread(&error))
        };
        self.effects.read("kv.keys", &(&prefix, &after, limit), list).await
    }
}

impl Calls {
    fn over_quota(&self, needed: u64, quota: u64) -> Error {
        Error::OverQuota(format!(
            "`{}` would keep {needed} bytes for this project, {quota} are granted: `kv: {{ quota: … }}` in \
             `.kiket/plugins.yaml` grants more",
            self.place.plugin
        ))
    }

    fn unread(&self, error: &StoreError) -> Lost {
        tracing::error!(run.id = %self.place.run, stage.id = %self.place.stage, %error, "a value cannot be read");
        Lost::new("the value could not be read")
    }
}

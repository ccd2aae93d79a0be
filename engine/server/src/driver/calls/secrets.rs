//! `kiket:plugin/secrets`, and the values that requests need on their way out.

use std::collections::HashMap;

use async_trait::async_trait;
use kiket_host::wit::secrets::{Algorithm, Error};
use kiket_host::{Answer, Lost, SecretCalls, SecretGrant};

use super::Calls;
use crate::secrets::{missing, sign};
use crate::vault::Secret;

#[async_trait]
impl SecretCalls for Calls {
    async fn sign(&self, grant: SecretGrant, algorithm: Algorithm, data: Vec<u8>) -> Answer<Vec<u8>, Error> {
        Ok(match self.secret(&grant.name).await? {
            Some(secret) => sign(&grant.name, &secret, algorithm, &data),
            None => Err(missing(&grant.name)),
        })
    }

    async fn reveal(&self, grant: SecretGrant) -> Answer<String, Error> {
        let secret = self.secret(&grant.name).await?;
        Ok(secret.map(|secret| secret.reveal().to_owned()).ok_or_else(|| missing(&grant.name)))
    }
}

impl Calls {
    /// The values of these secrets, as far as they have one.
    pub(super) async fn values(&self, names: Vec<String>) -> Result<HashMap<String, Secret>, Lost> {
        let mut values = HashMap::new();
        for name in names {
            if let Some(secret) = self.secret(&name).await? {
                values.insert(name, secret);
            }
        }
        Ok(values)
    }

    async fn secret(&self, name: &str) -> Result<Option<Secret>, Lost> {
        if self.is_strangers() {
            return Ok(None);
        }
        self.driver.secrets.get(self.place.project, name).await.map_err(|error| {
            tracing::error!(run.id = %self.place.run, secret = name, %error, "a secret cannot be read");
            Lost::new(format!("secret `{name}` cannot be read"))
        })
    }
}

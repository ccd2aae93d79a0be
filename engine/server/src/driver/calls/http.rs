//! `kiket:plugin/http`: requests leave from here, with their secrets put in.

use async_trait::async_trait;
use kiket_host::wit::http::{Error, Request, Response};
use kiket_host::{Answer, HttpCalls, HttpPermit, Lost, secrets_of};

use super::Calls;
use super::effect::{Denied, Tried};

impl Denied for Error {
    fn denied(message: String) -> Self {
        Self::Denied(message)
    }
}

#[async_trait]
impl HttpCalls for Calls {
    async fn http(&self, request: Request, permit: HttpPermit) -> Answer<Response, Error> {
        let question = request.clone();
        if matches!(request.method.as_str(), "GET" | "HEAD") {
            let send = async { Ok(self.send(request, permit).await?.answer) };
            return self.effects.read("http", &question, send).await;
        }
        let summary = format!("{} {}", request.method, request.url);
        self.effects.effect("http", &summary, &question, self.send(request, permit)).await
    }
}

impl Calls {
    async fn send(&self, request: Request, permit: HttpPermit) -> Result<Tried<Response, Error>, Lost> {
        let values = self.values(secrets_of(&request, &permit)).await?;
        let value = |name: &str| values.get(name).map(|secret| secret.reveal().to_owned());
        Ok(match self.driver.outbound.send(request, &permit, &value).await {
            Ok(response) => Tried::certain(Ok(response)),
            Err(failed) => Tried { answer: Err(failed.error), certain: !failed.sent },
        })
    }
}

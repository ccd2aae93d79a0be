//! `kiket:plugin/mail`: e-mail leaves from here, with its password put in.

use async_trait::async_trait;
use kiket_host::wit::mail::{Error, Message, Server};
use kiket_host::{Answer, Lost, MailCalls, MailPermit, mail_secrets_of};

use super::Calls;
use super::effect::{Denied, Tried};

impl Denied for Error {
    fn denied(message: String) -> Self {
        Self::Denied(message)
    }
}

#[async_trait]
impl MailCalls for Calls {
    async fn mail(&self, permit: MailPermit, server: Server, message: Message) -> Answer<String, Error> {
        let summary = format!("e-mail to {} through {}", message.recipients.join(", "), server.host);
        let question = (server.clone(), message.clone());
        self.effects.effect("mail", &summary, &question, self.perform_mail(permit, server, message)).await
    }
}

impl Calls {
    /// Sends a message; where that fails, the server may have taken it all the same.
    async fn perform_mail(
        &self,
        permit: MailPermit,
        server: Server,
        message: Message,
    ) -> Result<Tried<String, Error>, Lost> {
        let values = self.values(mail_secrets_of(&server, &permit)).await?;
        let value = |name: &str| values.get(name).map(|secret| secret.reveal().to_owned());
        Ok(match self.driver.outbound.mail(server, message, &permit, &value).await {
            Ok(answer) => Tried::certain(Ok(answer)),
            Err(failed) => Tried { answer: Err(failed.error), certain: !failed.sent },
        })
    }
}

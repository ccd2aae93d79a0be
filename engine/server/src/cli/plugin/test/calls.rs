//! The far side of the host for a case: time, secrets, values and answers are those that stand in it.
//!
//! Everything before that is the host's own: grants, counts and sizes are checked as they are for a stage, and a request
//! is looked at as it would leave, with its secrets put in.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use kiket_core::case::{Case, Exchange, Request as Expected};
use kiket_core::manifest::Effect;
use kiket_host::wit::http::{Error, Request, Response};
use kiket_host::wit::{kv, secrets};
use kiket_host::{
    Answer, ArtifactCalls, ClockCalls, Denial, DeploymentCalls, HttpCalls, HttpPermit, ItemCalls, KvCalls, KvGrant,
    LogLine, Lost, MailCalls, ProcessCalls, Progress, ReportCalls, SecretCalls, SecretGrant, WorkspaceCalls, filled,
};
use serde_json::Value as Json;

use super::difference::differences;
use crate::secrets::{missing, sign};
use crate::vault::Secret;

/// What may be changed, as the engine has it.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Rules {
    /// An action of this class.
    Action(Effect),
    /// A guard, which is asked and not carried out.
    Guard,
}

/// The world of one case.
pub(super) struct Calls {
    clock: Duration,
    rules: Rules,
    secrets: BTreeMap<String, String>,
    exchanges: Vec<Exchange>,
    book: Mutex<Book>,
}

/// What changes while the case runs.
#[derive(Default)]
struct Book {
    kv: BTreeMap<String, Vec<u8>>,
    sent: usize,
    log: Vec<String>,
    wrong: Vec<String>,
}

impl Calls {
    pub(super) fn new(case: &Case, rules: Rules) -> Self {
        let kv = case.kv.iter().map(|(key, value)| (key.clone(), bytes(value))).collect();
        Self {
            clock: Duration::from_millis(u64::try_from(case.clock.millis()).unwrap_or_default()),
            rules,
            secrets: case.secrets.clone(),
            exchanges: case.http.clone(),
            book: Mutex::new(Book { kv, ..Book::default() }),
        }
    }

    /// What was wrong with what the action did, once it has ended.
    pub(super) fn wrong(&self, expected_log: &[String]) -> Vec<String> {
        let book = self.book();
        let mut wrong = book.wrong.clone();
        for Exchange { request, .. } in self.exchanges.iter().skip(book.sent) {
            wrong.push(format!("http: {} {} is expected, and was not sent", request.method, request.url));
        }
        let mut lines = book.log.iter();
        for text in expected_log {
            if !lines.any(|line| line.contains(text.as_str())) {
                wrong.push(format!("log: no line (in this order) contains \"{text}\""));
            }
        }
        wrong
    }

    /// The lines of the log.
    pub(super) fn log(&self) -> Vec<String> {
        self.book().log.clone()
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there are values at all: a guard has none.
    fn kept(&self) -> Result<MutexGuard<'_, Book>, kv::Error> {
        if self.rules == Rules::Guard {
            return Err(kv::Error::Denied("a guard has no `kv`".to_owned()));
        }
        Ok(self.book())
    }

    /// Whether the class of the action allows a change; the error is what the engine answers.
    fn may_change(&self, call: &str) -> Result<(), String> {
        match self.rules {
            Rules::Action(Effect::Pure) => {
                Err(format!("the action is of the class `pure`, and `{call}` would change something"))
            }
            _ => Ok(()),
        }
    }
}

#[async_trait]
impl ReportCalls for Calls {
    async fn log(&self, line: LogLine) -> Result<(), Lost> {
        self.book().log.push(line.text);
        Ok(())
    }

    async fn progress(&self, _: Progress) -> Result<(), Lost> {
        Ok(())
    }

    async fn denied(&self, _: Denial) -> Result<(), Lost> {
        Ok(())
    }
}

impl ClockCalls for Calls {
    fn now(&self) -> Duration {
        self.clock
    }
}

#[async_trait]
impl HttpCalls for Calls {
    async fn http(&self, request: Request, permit: HttpPermit) -> Answer<Response, Error> {
        if !matches!(request.method.as_str(), "GET" | "HEAD")
            && let Err(reason) = self.may_change("http")
        {
            return Ok(Err(Error::Denied(reason)));
        }
        let request = match filled(request, &permit, &|name| self.secrets.get(name).cloned()) {
            Ok(request) => request,
            Err(error) => return Ok(Err(error)),
        };
        let mut book = self.book();
        let number = book.sent;
        let Some(Exchange { request: expected, response }) = self.exchanges.get(number) else {
            let sent = format!("{} {}", request.method, request.url);
            book.wrong.push(format!("http: {sent} was sent, and no further request is expected"));
            return Ok(Err(Error::Unreachable(format!("the case has no answer to {sent}"))));
        };
        book.sent += 1;
        let different = different(expected, &request);
        book.wrong.extend(different.into_iter().map(|said| format!("http request {}: {said}", number + 1)));
        let headers = response.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        let body = response.body.as_ref().map(bytes).unwrap_or_default();
        Ok(Ok(Response { status: response.status, headers, body }))
    }
}

#[async_trait]
impl SecretCalls for Calls {
    async fn sign(
        &self,
        grant: SecretGrant,
        algorithm: secrets::Algorithm,
        data: Vec<u8>,
    ) -> Answer<Vec<u8>, secrets::Error> {
        Ok(match self.secrets.get(&grant.name) {
            Some(value) => sign(&grant.name, &Secret::new(value.as_str()), algorithm, &data),
            None => Err(missing(&grant.name)),
        })
    }

    async fn reveal(&self, grant: SecretGrant) -> Answer<String, secrets::Error> {
        Ok(self.secrets.get(&grant.name).cloned().ok_or_else(|| missing(&grant.name)))
    }
}

#[async_trait]
impl KvCalls for Calls {
    async fn kv_get(&self, key: String) -> Answer<Option<Vec<u8>>, kv::Error> {
        Ok(self.kept().map(|book| book.kv.get(&key).cloned()))
    }

    async fn kv_put(
        &self,
        grant: KvGrant,
        key: String,
        expected: Option<Option<Vec<u8>>>,
        value: Option<Vec<u8>>,
    ) -> Answer<bool, kv::Error> {
        if let Err(reason) = self.may_change("kv") {
            return Ok(Err(kv::Error::Denied(reason)));
        }
        let mut book = match self.kept() {
            Ok(book) => book,
            Err(denied) => return Ok(Err(denied)),
        };
        let before = book.kv.get(&key);
        if expected.is_some_and(|expected| expected.as_ref() != before) {
            return Ok(Ok(false));
        }
        let Some(value) = value else { return Ok(Ok(book.kv.remove(&key).is_some())) };
        let others = book.kv.iter().filter(|(other, _)| **other != key);
        let kept: usize = others.map(|(key, value)| key.len() + value.len()).sum();
        let needed = (kept + key.len() + value.len()) as u64;
        if needed > grant.quota {
            let reason = format!("it would keep {needed} bytes, {} are granted", grant.quota);
            return Ok(Err(kv::Error::OverQuota(reason)));
        }
        book.kv.insert(key, value);
        Ok(Ok(true))
    }

    async fn kv_keys(&self, prefix: String, after: Option<String>, limit: u32) -> Answer<Vec<String>, kv::Error> {
        let book = self.book();
        let keys =
            book.kv.keys().filter(|key| key.starts_with(&prefix) && after.as_ref().is_none_or(|after| *key > after));
        Ok(Ok(keys.take(limit as usize).cloned().collect()))
    }
}

impl WorkspaceCalls for Calls {}
impl ArtifactCalls for Calls {}
impl ProcessCalls for Calls {}
impl ItemCalls for Calls {}
impl MailCalls for Calls {}
impl DeploymentCalls for Calls {}

/// What a request has that was not expected of it.
fn different(expected: &Expected, found: &Request) -> Vec<String> {
    let mut said = Vec::new();
    for (what, expected, found) in [("method", &expected.method, &found.method), ("url", &expected.url, &found.url)] {
        if expected != found {
            said.push(format!("{what}: expected {expected}, found {found}"));
        }
    }
    for (name, value) in &expected.headers {
        let values: Vec<&str> = found
            .headers
            .iter()
            .filter(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
            .collect();
        if !values.contains(&value.as_str()) {
            let found = if values.is_empty() { "none".to_owned() } else { values.join(", ") };
            said.push(format!("header {name}: expected {value}, found {found}"));
        }
    }
    said.extend(expected.body.iter().flat_map(|expected| different_body(expected, &found.body)));
    said
}

fn different_body(expected: &Json, found: &[u8]) -> Vec<String> {
    if let Json::String(expected) = expected {
        let said = || format!("body: expected \"{expected}\", found \"{}\"", String::from_utf8_lossy(found));
        return if expected.as_bytes() == found { Vec::new() } else { vec![said()] };
    }
    match serde_json::from_slice(found) {
        Ok(found) => differences(expected, &found).into_iter().map(|different| format!("body {different}")).collect(),
        Err(_) => vec![format!("body: expected {expected}, and what was sent is not JSON")],
    }
}

/// A text as it is, everything else as JSON.
fn bytes(value: &Json) -> Vec<u8> {
    value.as_str().map_or_else(|| value.to_string().into_bytes(), |text| text.as_bytes().to_vec())
}

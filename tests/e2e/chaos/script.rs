//! What clients ask of a server under chaos, and what they were told: five runs of three stages with effects of both
//! classes, a retry and an approval among them, one delivery in triplicate, and an item that moves on.
//!
//! A client whose answer did not come sends the same again, under the same key, to whatever server there is next; what
//! was acknowledged is never asked for again. So there are six runs in the end, however often the server was killed.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use kiket_core::{DeliveryId, ItemId, RevisionId, RunId};
use reqwest::RequestBuilder;
use serde_json::{Value as Json, json};

use super::place::Place;
use super::seed::Seed;
use crate::world::SECRET;

/// How many runs come of it.
pub(super) const RUNS: usize = 6;

/// Why a client could not go on.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Broken {
    /// There is nobody at the other end.
    Gone,
    /// The server says no: a status, and a code.
    Refused(u16, String),
    /// What the server says cannot be.
    Wrong(String),
}

/// Something that the server has acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fact {
    Run(RunId),
    Delivery(DeliveryId),
    Approved(RunId),
    Shipped(ItemId),
    /// The client has seen that the run has ended.
    Ended(RunId),
    Project(String),
    Published(RevisionId),
    Item(ItemId),
}

/// One client's work and what it knows.
pub(super) struct Script<'s> {
    seed: &'s Seed,
    /// Whether a client whose request is refused for want of space asks again.
    patient: bool,
    /// Whether a stage may fail because its artifact cannot be kept.
    pub(super) disk_fails: bool,
    book: Mutex<Book>,
}

#[derive(Default)]
struct Book {
    answers: BTreeMap<String, Json>,
    /// With the time at which they were known, in seconds since 1970.
    facts: Vec<(f64, Fact)>,
    refused: Vec<(u16, String)>,
}

impl Book {
    fn know(&mut self, fact: Option<Fact>) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |now| now.as_secs_f64());
        self.facts.extend(fact.map(|fact| (now, fact)));
    }
}

impl<'s> Script<'s> {
    pub(super) fn new(seed: &'s Seed) -> Self {
        Self { seed, patient: false, disk_fails: false, book: Mutex::default() }
    }

    /// The same for a disk that fails; where it has no space for a while, a patient client asks again.
    pub(super) fn of_failing_disk(seed: &'s Seed, patient: bool) -> Self {
        Self { patient, disk_fails: true, ..Self::new(seed) }
    }

    /// What was acknowledged, in order.
    pub(super) fn facts(&self) -> Vec<Fact> {
        self.book().facts.iter().map(|(_, fact)| fact.clone()).collect()
    }

    /// The same, with the times at which they were known, in seconds since 1970.
    pub(super) fn timed_facts(&self) -> Vec<(f64, Fact)> {
        self.book().facts.clone()
    }

    /// What was refused.
    pub(super) fn refused(&self) -> Vec<(u16, String)> {
        self.book().refused.clone()
    }

    /// Asks for everything that is not acknowledged yet, and follows it to its end.
    pub(super) async fn drive(&self, place: &Place) -> Result<(), Broken> {
        let (one, two, ask, retry, push, ship) = tokio::join!(
            self.pipeline(place, "pay", "pay-1"),
            self.pipeline(place, "pay", "pay-2"),
            self.pipeline(place, "ask", "ask"),
            self.pipeline(place, "retry", "retry"),
            self.push(place),
            self.ship(place),
        );
        one.and(two).and(ask).and(retry).and(push).and(ship)
    }

    /// Sets an empty server up: a project, its definitions, an item.
    pub(super) async fn found(&self, place: &Place) -> Result<(), Broken> {
        let project = json!({ "name": "shop", "url": self.seed.origin(), "hook_secret": SECRET });
        let made = || place.post("/projects").json(&project);
        self.step("project", made, |_| Some(Fact::Project("shop".to_owned()))).await?;
        let synced = || place.post("/projects/shop/sync");
        self.step("sync", synced, |answer| Some(Fact::Published(id(&answer["revision"]["id"])?))).await?;
        let item = || place.post("/projects/shop/items").json(&json!({ "title": "v1" }));
        self.step("item", item, |answer| Some(Fact::Item(id(&answer["id"])?))).await.map(drop)
    }

    /// Does all of it with an empty server.
    pub(super) async fn found_and_drive(&self, place: &Place) -> Result<(), Broken> {
        self.found(place).await?;
        self.drive(place).await
    }

    /// Has a server that was set up before look at its repository, and run something.
    pub(super) async fn look_and_run(&self, place: &Place) -> Result<(), Broken> {
        self.step("sync", || place.post("/projects/shop/sync"), |_| None).await?;
        self.pipeline(place, "pay", "after-the-cut").await
    }

    /// The item that is to be shipped.
    fn item(&self) -> String {
        self.book().answers.get("item").map_or_else(|| self.seed.item.clone(), |item| text(&item["id"]).to_owned())
    }

    /// Starts a run under a key, and follows it to its end.
    async fn pipeline(&self, place: &Place, pipeline: &str, key: &str) -> Result<(), Broken> {
        let start = || {
            let start = place.post(&format!("/projects/shop/pipelines/{pipeline}/runs")).header("Idempotency-Key", key);
            start.json(&json!({}))
        };
        let started = self.step(key, start, |answer| Some(Fact::Run(id(&answer["id"])?))).await?;
        self.settle(place, text(&started["id"])).await
    }

    /// Sends the delivery three times at once, and follows its run.
    async fn push(&self, place: &Place) -> Result<(), Broken> {
        let send = async |name: &str| {
            let request = || place.delivery("the-one", self.seed.payload());
            self.step(name, request, |answer| Some(Fact::Delivery(id(&answer["delivery"])?))).await
        };
        let (one, two, three) = tokio::join!(send("delivery-1"), send("delivery-2"), send("delivery-3"));
        one.and(two).and(three)?;
        let run = self
            .until(place, "/events?from=start", async || {
                let runs = self.look(place, "/runs?project=shop&pipeline=push&limit=200").await?;
                let of_commit = |run: &&Json| run["commit"] == self.seed.commit.as_str();
                Ok(runs["data"].as_array().and_then(|runs| runs.iter().find(of_commit)).cloned())
            })
            .await?;
        self.settle(place, text(&run["id"])).await?;
        // A look at the branch may have started the run: then the delivery is settled for itself, and nothing says so.
        let is_pending = |deliveries: &Json| {
            deliveries["data"].as_array().is_some_and(|all| all.iter().any(|one| one["status"] == "pending"))
        };
        while is_pending(&self.look(place, "/projects/shop/deliveries").await?) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// Has the item shipped.
    async fn ship(&self, place: &Place) -> Result<(), Broken> {
        let named = self.item();
        let path = format!("/items/{named}");
        let item = self.look(place, &path).await?;
        if item["state"] == "open" && item["pending"].is_null() {
            let ship = || place.post(&format!("{path}/transitions")).json(&json!({ "name": "Ship" }));
            let fact = |_: &Json| named.parse().ok().map(Fact::Shipped);
            self.step("ship", ship, fact).await?;
        }
        let live = async || Ok(Some(self.look(place, &path).await?).filter(|item| item["state"] == "live"));
        self.until(place, "/events?from=start", live).await.map(drop)
    }

    /// Follows a run to its end, and does what people have to do on the way.
    async fn settle(&self, place: &Place, run: &str) -> Result<(), Broken> {
        loop {
            let state = self
                .until(place, &format!("/runs/{run}/events"), async || {
                    let state = self.look(place, &format!("/runs/{run}")).await?;
                    let asks = stages(&state).any(|stage| stage["doubt"].is_object() || waits_for_people(stage));
                    Ok((asks || is_terminal(&state)).then_some(state))
                })
                .await?;
            if is_terminal(&state) {
                let kept = |stage: &Json| stage["id"] != "keep" || stage["status"] != "failed";
                let excused = self.disk_fails && !stages(&state).all(kept);
                if state["status"] != "succeeded" && !excused {
                    return Err(Broken::Wrong(format!("a run ended otherwise than it should: {state:#}")));
                }
                self.book().know(run.parse().ok().map(Fact::Ended));
                return Ok(());
            }
            for stage in stages(&state) {
                let path = |what: &str| format!("/runs/{run}/stages/{}/{what}", text(&stage["id"]));
                let done = if stage["doubt"].is_object() {
                    let ordinal = &stage["doubt"]["intent"]["ordinal"];
                    let seen = self.seed.sink.has(&format!("{run}/{}#{ordinal}", text(&stage["id"])));
                    let resolution = if seen { "happened" } else { "retry" };
                    let body = json!({ "resolution": resolution });
                    self.try_once(place.post(&path("resolve")).json(&body)).await
                } else if waits_for_people(stage) {
                    let fact = |_: &Json| run.parse().ok().map(Fact::Approved);
                    self.step("approve", || place.post(&path("approve")).json(&json!({})), fact).await
                } else {
                    continue;
                };
                match done {
                    // An answer that did not come may have been a yes.
                    Ok(_) | Err(Broken::Refused(409, _)) => {}
                    Err(broken) => return Err(broken),
                }
            }
        }
    }

    /// Asks for something once and for all: what was acknowledged is known.
    async fn step(
        &self,
        name: &str,
        request: impl Fn() -> RequestBuilder,
        fact: impl Fn(&Json) -> Option<Fact>,
    ) -> Result<Json, Broken> {
        if let Some(known) = self.book().answers.get(name) {
            return Ok(known.clone());
        }
        let answer = loop {
            match self.try_once(request()).await {
                Err(Broken::Refused(507, _)) if self.patient => tokio::time::sleep(Duration::from_millis(20)).await,
                answer => break answer?,
            }
        };
        let mut book = self.book();
        book.know(fact(&answer));
        book.answers.insert(name.to_owned(), answer.clone());
        Ok(answer)
    }

    async fn look(&self, place: &Place, path: &str) -> Result<Json, Broken> {
        self.try_once(place.get(path)).await
    }

    /// Sends a request. An answer that did not come whole is none.
    async fn try_once(&self, request: RequestBuilder) -> Result<Json, Broken> {
        let answer = request.send().await.map_err(|_| Broken::Gone)?;
        let status = answer.status();
        let body: Json = answer.json().await.map_err(|_| Broken::Gone)?;
        if status.is_success() {
            return Ok(body);
        }
        let refused = (status.as_u16(), text(&body["code"]).to_owned());
        self.book().refused.push(refused.clone());
        Err(Broken::Refused(refused.0, refused.1))
    }

    /// Asks again whenever a stream says something, until there is an answer.
    async fn until<T>(
        &self,
        place: &Place,
        stream: &str,
        mut ask: impl AsyncFnMut() -> Result<Option<T>, Broken>,
    ) -> Result<T, Broken> {
        loop {
            let mut events = place.get(stream).send().await.map_err(|_| Broken::Gone)?;
            loop {
                if let Some(answer) = ask().await? {
                    return Ok(answer);
                }
                // A stream ends with its run, and with the server.
                if events.chunk().await.map_err(|_| Broken::Gone)?.is_none() {
                    break;
                }
            }
        }
    }

    fn book(&self) -> std::sync::MutexGuard<'_, Book> {
        self.book.lock().expect("no panic")
    }
}

fn stages(run: &Json) -> impl Iterator<Item = &Json> {
    run["stages"].as_array().into_iter().flatten()
}

fn waits_for_people(stage: &Json) -> bool {
    stage["status"] == "waiting" && stage["wait"]["request"].is_object()
}

fn is_terminal(run: &Json) -> bool {
    matches!(text(&run["status"]), "succeeded" | "failed" | "cancelled")
}

fn text(value: &Json) -> &str {
    value.as_str().unwrap_or_default()
}

fn id<T: std::str::FromStr>(value: &Json) -> Option<T> {
    text(value).parse().ok()
}

//! Acting on deliveries, one after the other, oldest first.

use std::sync::Arc;
use std::time::Duration;

use kiket_core::DeliveryId;
use kiket_store::{
    Change, Claim, CommitError, Delivery, Held, SettleDelivery, Settled, Store, StoreError, Task, TaskKind, Work,
    WorkChange, WorkUpdate,
};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::{Publisher, SyncFailure};
use crate::forge::{Event, Forge};
use crate::{clock, dead_letters};

/// What a lost wake-up costs.
const POLL: Duration = Duration::from_secs(1);
/// Longer than a fetch may take, so that a lease outlives the work.
const LEASE: Duration = Duration::from_secs(180);
/// How long a repository that cannot be reached is tried again.
const PATIENCE: Duration = Duration::from_secs(600);
/// How long to wait before it is.
const PAUSE: Duration = Duration::from_secs(5);

/// Acts on deliveries until `shutdown`.
pub(crate) async fn run(store: Store, publisher: Arc<Publisher>, owner: String, shutdown: CancellationToken) {
    let mut readied = store.readied();
    while !shutdown.is_cancelled() {
        readied.mark_unchanged();
        match claim(&store, &owner).await {
            Ok(Some((delivery, work))) => {
                while let Err(error) = act(&store, &publisher, delivery, &work).await {
                    tracing::error!(delivery.id = %delivery, %error, "a delivery cannot be settled");
                    // Once there is space it can; anything else shows when the lease has run out.
                    if !matches!(error, CommitError::Store(StoreError::Full(_))) || shutdown.is_cancelled() {
                        give_up(&store, delivery, &work, &error).await;
                        break;
                    }
                    tokio::time::sleep(POLL).await;
                }
            }
            Ok(None) => {
                tokio::select! {
                    _ = timeout(POLL, readied.changed()) => {}
                    () = shutdown.cancelled() => {}
                }
            }
            Err(error) => {
                tracing::error!(%error, "deliveries cannot be claimed");
                tokio::time::sleep(POLL).await;
            }
        }
    }
}

/// Settles a delivery that can be neither acted on nor settled as it should be, when it was tried often.
async fn give_up(store: &Store, id: DeliveryId, work: &Work, error: &CommitError) {
    if work.fence < dead_letters::TRIES || matches!(error, CommitError::Conflict(_)) {
        return;
    }
    let (status, note, held, at) = (Settled::Failed, error.to_string(), work.held(), clock::now());
    if let Err(error) = commit(store, SettleDelivery { id, status, note, held, at }).await {
        tracing::error!(delivery.id = %id, %error, "a delivery cannot be given up");
    }
}

async fn claim(store: &Store, owner: &str) -> Result<Option<(DeliveryId, Work)>, StoreError> {
    let now = clock::now();
    let kinds = vec![TaskKind::Delivery];
    let claim = Claim { owner: format!("{owner}/deliveries"), kinds, limit: 1, now, until: now.after(LEASE) };
    let work = store.claim(claim).await?.pop();
    Ok(work.and_then(|work| match work.task {
        Task::Delivery { delivery } => Some((delivery, work)),
        _ => None,
    }))
}

async fn act(store: &Store, publisher: &Publisher, id: DeliveryId, work: &Work) -> Result<(), CommitError> {
    let held = work.held();
    let Some(delivery) = store.delivery(id).await? else { return Ok(()) };
    let settle = |status, note: String| SettleDelivery { id, status, note, held: held.clone(), at: clock::now() };
    let event = match Event::read(forge_of(&delivery), &delivery.event, &delivery.body) {
        Ok(event) => event,
        Err(error) => return commit(store, settle(Settled::Failed, error.to_string())).await,
    };
    let done = |note| settle(Settled::Done, note);
    let synced = match event {
        Event::Push(push) => publisher.push(delivery.project, &push, &done).await,
        Event::PullRequest(pull) if pull.is_fork => publisher.stranger(delivery.project, &pull, &done).await,
        Event::PullRequest(pull) => publisher.pull_request(delivery.project, &pull, &done).await,
        Event::Other(note) => return commit(store, done(note)).await,
    };
    match synced {
        Ok(_) => Ok(()),
        Err(SyncFailure::Commit(error)) => Err(error),
        Err(failure) if failure.may_pass() && !is_late(&delivery) => {
            tracing::warn!(delivery.id = %id, %failure, "what a delivery tells of cannot be fetched yet");
            put_off(store, id, held, work.priority).await
        }
        Err(failure) => {
            tracing::warn!(delivery.id = %id, %failure, "a delivery cannot be acted on");
            commit(store, settle(Settled::Failed, failure.to_string())).await
        }
    }
}

/// Deliveries of an earlier version do not say; GitHub was the only one that it knew.
fn forge_of(delivery: &Delivery) -> Forge {
    let headers: serde_json::Value = serde_json::from_str(&delivery.headers).unwrap_or_default();
    headers["forge"].as_str().and_then(|name| name.parse().ok()).unwrap_or(Forge::GitHub)
}

fn is_late(delivery: &Delivery) -> bool {
    clock::now() > delivery.received_at.after(PATIENCE)
}

async fn put_off(store: &Store, id: DeliveryId, held: Held, priority: i64) -> Result<(), CommitError> {
    let task = Task::Delivery { delivery: id };
    let later = WorkChange::Put { task, priority, due: clock::now().after(PAUSE), lease: None };
    let work = vec![later];
    store.commit(vec![Change::Work(WorkUpdate { held: Some(held), work })]).await.map(drop)
}

async fn commit(store: &Store, settle: SettleDelivery) -> Result<(), CommitError> {
    store.commit(vec![Change::SettleDelivery(settle)]).await.map(drop)
}

#[cfg(test)]
mod tests {
    use kiket_core::ProjectId;
    use kiket_store::{Conflict, DeliveryStatus, HookSecret, LetterFilter, NewDelivery, NewProject};

    use super::*;

    async fn store_with_a_delivery(folder: &tempfile::TempDir) -> (Store, DeliveryId) {
        let store = Store::open(&folder.path().join("kiket.db")).await.expect("a store");
        let (project, id) = (ProjectId::new(clock::ulid()), DeliveryId::new(clock::ulid()));
        let shop = NewProject::new(
            project,
            "shop",
            "https://forge.example/shop.git",
            HookSecret::Clear("hush".to_owned()),
            clock::now(),
        );
        let delivery = NewDelivery {
            id,
            project,
            external_id: "7".to_owned(),
            event: "push".to_owned(),
            headers: "{}".to_owned(),
            body: b"{}".to_vec(),
            priority: 0,
            received_at: clock::now(),
        };
        store.commit(vec![Change::Project(shop), Change::Receive(delivery)]).await.expect("a delivery");
        (store, id)
    }

    /// Takes the delivery up with a lease that runs out at once.
    async fn take_up(store: &Store) -> Option<Work> {
        let now = clock::now();
        let claim = Claim { owner: "a".to_owned(), kinds: vec![TaskKind::Delivery], limit: 1, now, until: now };
        store.claim(claim).await.expect("a claim").pop()
    }

    #[tokio::test]
    async fn a_delivery_that_can_never_be_settled_is_given_up_after_some_tries_and_told_of() {
        let folder = tempfile::tempdir().expect("a folder");
        let (store, id) = store_with_a_delivery(&folder).await;
        let unwritable =
            CommitError::Store(StoreError::Malformed { column: "reference", value: "refs/heads/\u{0}".to_owned() });
        for tries in 1..dead_letters::TRIES {
            let work = take_up(&store).await.expect("it waits to be tried again");
            assert_eq!(work.fence, tries);
            give_up(&store, id, &work, &unwritable).await;
        }
        let work = take_up(&store).await.expect("it waits to be tried again");
        // Who was overtaken leaves it to the other.
        let overtaken = Conflict::FenceLost { key: work.held().key };
        give_up(&store, id, &work, &CommitError::Conflict(overtaken)).await;
        assert_eq!(store.delivery(id).await.unwrap().unwrap().status, DeliveryStatus::Pending);

        give_up(&store, id, &work, &unwritable).await;
        let delivery = store.delivery(id).await.unwrap().unwrap();
        assert_eq!((delivery.status, delivery.note), (DeliveryStatus::Failed, unwritable.to_string()));
        let letters = store.dead_letters(&LetterFilter::default(), 9).await.unwrap();
        let told: Vec<_> = letters.into_iter().map(|letter| (letter.about, letter.reason)).collect();
        assert_eq!(told, [(id.to_string(), unwritable.to_string())]);
        assert!(take_up(&store).await.is_none(), "nothing is left to do");
        store.close().await;
    }
}

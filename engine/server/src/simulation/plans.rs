//! Small random pipelines, compiled by core from YAML as every other. There are so many, and each is made once.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use kiket_core::catalog::{Catalog, Plugin};
use kiket_core::manifest::Manifest;
use kiket_core::revision::{Revision, compile};
use kiket_core::{RevisionId, Source};
use kiket_store::StoreError;
use ulid::Ulid;

use super::Sim;
use super::luck::Luck;
use crate::revisions::{Plans, RevisionError};

/// How many pipelines there are.
pub(super) const PIPELINES: u64 = 200;
/// Whom an approval waits for that nobody ever gives.
pub(super) const NOBODY: &str = "nobody";

const MANIFEST: &str = "
id: work
actions:
  pure: { effect: pure }
  idempotent: { effect: idempotent }
  checkable: { effect: checkable }
  once: { effect: once }
";

/// All that were made.
static MADE: Mutex<BTreeMap<RevisionId, Arc<Revision>>> = Mutex::new(BTreeMap::new());

/// The revision that holds pipeline `p` of this number.
pub(super) fn revision(number: u64) -> (RevisionId, Arc<Revision>) {
    let id = RevisionId::new(Ulid::from_parts(0, u128::from(number)));
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    (id, Arc::clone(made.entry(id).or_insert_with(|| make(number))))
}

/// The revision that holds this pipeline `p`.
pub(super) fn of_text(text: &str) -> (RevisionId, Arc<Revision>) {
    let number = text.bytes().fold(1 << 64, |hash: u128, byte| hash.wrapping_mul(31) + u128::from(byte));
    let id = RevisionId::new(Ulid::from_parts(1, number));
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    (id, Arc::clone(made.entry(id).or_insert_with(|| compiled(text))))
}

fn make(number: u64) -> Arc<Revision> {
    compiled(&pipeline(&mut Luck::new(number)))
}

fn compiled(text: &str) -> Arc<Revision> {
    let manifest = Manifest::parse(MANIFEST).expect("the manifest is valid");
    let mut catalog = Catalog::default();
    catalog.insert("work", Arc::new(Plugin::new("sha256:00", manifest).expect("its schemas are valid")));
    let (revision, found) = compile(&[Source::new(".kiket/pipelines/p.yaml", text)], &catalog);
    Arc::new(revision.unwrap_or_else(|| panic!("{text}\n{found:#?}")))
}

/// Writes a pipeline.
fn pipeline(luck: &mut Luck) -> String {
    let mut text = "model_version: \"1.0\"\npipeline:\n  id: p\n".to_owned();
    if luck.chance(150) {
        let timeout = luck.pick(&["20s", "1m", "5m"]);
        _ = writeln!(text, "  timeout: {timeout}");
    }
    text += "stages:\n";
    for index in 0..1 + luck.below(6) {
        let needs: Vec<String> = (0..index).filter(|_| luck.chance(350)).map(|need| format!("s{need}")).collect();
        let task = task(luck);
        _ = writeln!(text, "  s{index}: {{ needs: [{}], {task} }}", needs.join(", "));
    }
    let finally = luck.below(4) / 2;
    if finally > 0 {
        text += "finally:\n";
        (0..finally).for_each(|index| _ = writeln!(text, "  f{index}: {{ {} }}", call(luck)));
    }
    text
}

fn task(luck: &mut Luck) -> String {
    let run_on = luck.pick(&["success", "success", "success", "success", "failure", "always"]);
    if luck.chance(100) {
        let approval = luck.pick(&[
            "{}",
            "{ approvers: [{ user: ada }] }",
            "{ required: 2 }",
            "{ required: 2, deadline: 30s }",
            "{ approvers: [{ user: nobody }], deadline: 1m }",
            "{ approvers: [{ user: nobody }] }",
        ]);
        return format!("approval: {approval}, run_on: {run_on}");
    }
    let mut task = format!("{}, run_on: {run_on}", call(luck));
    if luck.chance(150) {
        task += ", allow_failure: true";
    }
    if luck.chance(200) {
        task += ", compensate: { uses: work/idempotent }";
    } else if luck.chance(120) {
        task += &format!(", matrix: {{ n: [1, 2, 3], max_parallel: {} }}", 1 + luck.below(3));
    }
    task
}

fn call(luck: &mut Luck) -> String {
    let action = luck.pick(&["pure", "idempotent", "idempotent", "checkable", "once", "once"]);
    let timeout = luck.pick(&["10s", "30s", "1m"]);
    let mut call = format!("uses: work/{action}, timeout: {timeout}");
    if luck.chance(600) {
        let (attempts, backoff) = (2 + luck.below(3), luck.pick(&["1s", "5s", "20s"]));
        call +=
            &format!(", retry: {{ max_attempts: {attempts}, backoff: {backoff}, on: [transient, timeout, crash] }}");
    }
    call
}

/// Where a simulated process has its definitions from.
pub(super) struct Shelf(pub(super) Arc<Sim>);

impl Plans for Shelf {
    async fn get(&self, id: RevisionId) -> Result<Arc<Revision>, RevisionError> {
        let (sim, faults) = (&self.0, self.0.faults);
        if sim.chance(faults.reads / 4) {
            return Err(StoreError::Closed.into());
        }
        if sim.chance(faults.gone) {
            return Err(RevisionError::Stale(id));
        }
        known(id).ok_or(RevisionError::Unknown(id))
    }
}

/// Returns a revision that was made.
pub(super) fn known(id: RevisionId) -> Option<Arc<Revision>> {
    MADE.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
}

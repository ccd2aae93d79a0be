//! The database, and what it says has to be beside it: the key and the artifacts.

use std::error::Error as _;

use kiket_store::{LetterCounts, Store, StoreError};

use super::{Check, Patient, files, first_of};
use crate::backup::DATABASE;
use crate::invariants::{self, Invariant, Violation};
use crate::vault::{KeyError, Vault};

/// What to do where the engine itself has left something wrong.
const DEFECT: &str = "if nobody has changed the database by hand this is a defect: report it with `kiket doctor --json`, \
                      keep a copy of the data folder, and restore the newest backup if runs do not go on";
/// What to do about a database that is damaged.
const RESTORE: &str = "stop the server, keep a copy of the data folder, and restore the newest backup";

/// Looks at the database; returns whether a server has it open.
pub(super) async fn examine(patient: &Patient<'_>, checks: &mut Vec<Check>) -> bool {
    let path = patient.data.join(DATABASE);
    if !path.exists() {
        let advice = "`kiket serve` makes one; if there was one, restore the newest backup";
        checks.push(Check::warn("database", format!("there is none at {}", path.display()), advice));
        return false;
    }
    checks.push(files::private("database file", &path));
    let runs = match kiket_store::is_held(&path) {
        Ok(runs) => runs,
        Err(error) => {
            checks.push(Check::bad("lock", said(&error), "run this as the server's user"));
            false
        }
    };
    checks.push(Check::ok("server", if runs { "a server has the data folder open" } else { "no server runs on it" }));
    let store = match Store::inspect(&path).await {
        Ok(store) => store,
        Err(error) => {
            checks.push(Check::bad("integrity", said(&error), RESTORE));
            return runs;
        }
    };
    read(&store, patient, checks).await;
    store.close().await;
    runs
}

async fn read(store: &Store, patient: &Patient<'_>, checks: &mut Vec<Check>) {
    let schema = match store.schema().await {
        Ok(schema) => schema,
        Err(error) => return checks.push(Check::bad("integrity", said(&error), RESTORE)),
    };
    let (found, known) = (schema.found, schema.known);
    let text = format!("schema {found}; this version knows {known}");
    checks.push(match found.cmp(&known) {
        std::cmp::Ordering::Equal => Check::ok("schema", format!("schema {found}")),
        std::cmp::Ordering::Less => {
            Check::warn("schema", text, "the next start of this version moves it up: back up before")
        }
        std::cmp::Ordering::Greater => Check::bad("schema", text, "use the version that wrote it, or a newer one"),
    });
    if found == known {
        checks.extend(invariants(store).await);
    } else {
        return checks.push(match store.file_integrity().await {
            Ok(flaws) if flaws.is_empty() => Check::ok("integrity", "the file is sound"),
            Ok(flaws) => Check::bad("integrity", first_of(&flaws), RESTORE),
            Err(error) => Check::bad("integrity", said(&error), RESTORE),
        });
    }
    match store.dead_letter_counts().await {
        Ok(counts) => checks.push(letters(&counts)),
        Err(error) => checks.push(Check::bad("dead letters", said(&error), RESTORE)),
    }
    match store.sealing_keys().await {
        Ok(keys) => checks.push(key(patient, &keys)),
        Err(error) => checks.push(Check::bad("master key", said(&error), RESTORE)),
    }
    match store.artifact_digests().await {
        Ok(digests) => checks.push(files::artifacts(patient.data, digests).await),
        Err(error) => checks.push(Check::bad("artifacts", said(&error), RESTORE)),
    }
    checks.push(files::plugins(patient.data).await);
}

/// Checks what has to be true of the database, sorted by what is to be done about it.
async fn invariants(store: &Store) -> Vec<Check> {
    let violations = match invariants::check(store).await {
        Ok(violations) => violations,
        Err(error) => return vec![Check::bad("integrity", said(&error), RESTORE)],
    };
    let is_file = |violation: &Violation| violation.invariant == Invariant::FileSound;
    let is_work = |violation: &Violation| {
        let of_work = [Invariant::NothingStuck, Invariant::WorkFitsState, Invariant::LeaseOfThisBoot];
        of_work.contains(&violation.invariant)
    };
    let (file, rest): (Vec<_>, Vec<_>) = violations.into_iter().partition(is_file);
    let (work, history): (Vec<_>, Vec<_>) = rest.into_iter().partition(is_work);
    vec![
        sorted("integrity", "the file is sound", RESTORE, file),
        sorted("history", "every state is what its history leads to, and the log has no gap", DEFECT, history),
        sorted("work", "nothing is stuck", DEFECT, work),
    ]
}

fn sorted(name: &'static str, good: &str, advice: &str, violations: Vec<Violation>) -> Check {
    if violations.is_empty() {
        return Check::ok(name, good);
    }
    let found: Vec<String> = violations.iter().map(Violation::to_string).collect();
    Check { violations, ..Check::bad(name, first_of(&found), advice) }
}

/// Counts what was given up and waits for a person.
fn letters(counts: &LetterCounts) -> Check {
    let name = "dead letters";
    let dropped = match counts.dropped {
        0 => String::new(),
        dropped => format!("; {dropped} had to make room for newer ones"),
    };
    if counts.open.is_empty() {
        return Check::ok(name, format!("nothing is given up{dropped}"));
    }
    let kinds: Vec<String> = counts.open.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
    let advice = "`kiket dead-letters ls` says why; `retry` or `discard` each";
    Check::warn(name, format!("given up: {}{dropped}", kinds.join(", ")), advice)
}

/// Looks at the key, and holds it against what is encrypted.
fn key(patient: &Patient<'_>, sealed_with: &[String]) -> Check {
    let name = "master key";
    let file = patient.master_key;
    match Vault::open(file, false) {
        Ok(vault) => match vault.fits(sealed_with) {
            Ok(()) => Check::ok(name, format!("{} opens all secrets; keep a copy of it elsewhere", file.display())),
            Err(error) => Check::bad(name, error.to_string(), "put the right file back, or name it: --master-key-file"),
        },
        Err(KeyError::Missing(_)) if sealed_with.is_empty() => {
            Check::ok(name, "there is none, and no secret: the next start makes one")
        }
        Err(error @ KeyError::Missing(_)) => Check::bad(name, error.to_string(), "put the copy of it back"),
        Err(error @ KeyError::Exposed { .. }) => {
            Check::bad(name, error.to_string(), format!("chmod 600 {}", file.display()))
        }
        Err(error) => Check::bad(name, error.to_string(), "put the copy of it back"),
    }
}

/// An error with its cause.
fn said(error: &StoreError) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

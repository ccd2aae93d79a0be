//! Texts that are kept by their digest: the files of revisions.

use kiket_store::{Snapshot, StoreError};
use sha2::{Digest as _, Sha256};

use super::{Invariant, PAGE, Report};

pub(super) async fn check(snapshot: &mut Snapshot<'_>, report: &mut Report) -> Result<(), StoreError> {
    let mut after = String::new();
    loop {
        let blobs = snapshot.blobs(&after, PAGE).await?;
        let Some((last, _)) = blobs.last() else { return Ok(()) };
        after.clone_from(last);
        for (digest, text) in &blobs {
            let found = hex::encode(Sha256::digest(text));
            if found != *digest {
                report.add(Invariant::ContentMatchesDigest, digest, format!("the digest of its text is {found}"));
            }
        }
    }
}

//! Why the workspace did not do it.

use crate::errors::errors;

errors! {
    workspace {
        /// The capability, or writing, was not granted; or the run has no commit.
        Denied => denied,
        /// There is nothing at that path.
        NotFound => permanent,
        /// The path leads out, or is not what the function takes.
        Invalid => permanent,
        /// There would be more than the granted quota.
        OverQuota => permanent,
        /// The disk refused.
        Failed => transient,
    }
}

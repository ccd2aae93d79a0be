//! Why an artifact could not be kept or found.

use crate::errors::errors;

errors! {
    artifacts {
        /// The capability, or writing, was not granted.
        Denied => denied,
        /// There is no such artifact, or nothing at that path.
        NotFound => permanent,
        /// The name, the path or the range is not one.
        Invalid => permanent,
        /// The project would have more than the granted quota.
        OverQuota => permanent,
        /// The disk refused.
        Failed => transient,
    }
}

//! Why a release could not be made or put live.

use crate::errors::errors;

errors! {
    deployments {
        /// The app was not granted.
        Denied => denied,
        /// There is no such artifact or release.
        NotFound => permanent,
        /// The app's name, the artifact or the path is not one.
        Invalid => permanent,
        /// It could not be put there.
        Failed => transient,
    }
}

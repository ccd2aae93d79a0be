//! Why a program did not run.

use crate::errors::errors;

errors! {
    process {
        /// The program was not granted.
        Denied => denied,
        /// There is no such program on this system.
        NotFound => permanent,
        /// An argument, the folder or a variable is not one.
        Invalid => invalid_input,
        /// This system cannot hold a program in a jail; the text says what is missing.
        Unavailable => permanent,
        /// It could not be started.
        Failed => transient,
    }
}

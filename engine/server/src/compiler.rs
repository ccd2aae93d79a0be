//! This program as the compiler of components: started again, in a process that can be ended.

use std::ffi::OsStr;

use kiket_host::{CompileLimits, Compiler};

/// What the program is called with when it is to compile and nothing else.
const ARGUMENT: &str = "__compile";

/// Tells whether this process was started to compile.
pub(crate) fn is_asked_for() -> bool {
    std::env::args_os().nth(1).as_deref() == Some(OsStr::new(ARGUMENT))
}

/// Returns how this program is started again: the very file that runs here, also where
/// another version has taken its place by now.
pub(crate) fn this_program(limits: CompileLimits) -> Compiler {
    Compiler { program: "/proc/self/exe".into(), arguments: vec![ARGUMENT.to_owned()], limits }
}

//! The `kiket` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    kiket::cli::main()
}

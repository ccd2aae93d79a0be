//! The `kiket` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    // The same binary starts programs in their jails; then nothing else of it runs.
    kiket_jail::become_launcher_if_asked();
    kiket::cli::main()
}

//! The `kiket` binary.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// SQLite's blocks are its own as well: in the C library's heap the two get into each other's way, and a server that has
/// made some thousand runs takes a tenth more of the processor for each.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    // The same binary starts programs in their jails; then nothing else of it runs.
    kiket_jail::become_launcher_if_asked();
    kiket::cli::main()
}

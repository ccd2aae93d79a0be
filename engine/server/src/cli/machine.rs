//! What an operator says of the programs that plugins run: the same for `serve` and `run`.

use std::path::PathBuf;

use crate::config::Machine;

/// Programs that plugins run.
#[derive(clap::Args, Clone)]
#[command(next_help_heading = "Programs")]
#[group(skip)]
pub(super) struct Programs {
    /// Folders to look for programs in before the system's own, such as a toolchain's `bin`
    #[arg(long, env = "KIKET_PROCESS_PATH", value_name = "DIR:DIR", value_delimiter = ':')]
    process_path: Vec<PathBuf>,
    /// Folders and files that programs can read beside the system's programs and libraries
    #[arg(long, env = "KIKET_PROCESS_READ", value_name = "PATH:PATH", value_delimiter = ':')]
    process_read: Vec<PathBuf>,
    /// A variable that every program gets; may be given several times
    #[arg(long, env = "KIKET_PROCESS_ENV", value_name = "NAME=VALUE", value_delimiter = ',', value_parser = variable)]
    process_env: Vec<(String, String)>,
    /// Run programs without a jail, with every right of this process
    #[arg(long, env = "KIKET_UNSAFE_NO_JAIL")]
    unsafe_no_jail: bool,
}

impl From<Programs> for Machine {
    fn from(arguments: Programs) -> Self {
        // An empty variable of the environment is one empty path.
        let some = |paths: Vec<PathBuf>| paths.into_iter().filter(|path| !path.as_os_str().is_empty()).collect();
        Self {
            path: some(arguments.process_path),
            readable: some(arguments.process_read),
            env: arguments.process_env,
            unsafe_no_jail: arguments.unsafe_no_jail,
        }
    }
}

fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() && !text.contains('\0') => Ok((name.to_owned(), value.to_owned())),
        _ => Err("a variable is written NAME=VALUE".to_owned()),
    }
}

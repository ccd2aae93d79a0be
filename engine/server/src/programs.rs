//! Programs of this machine, each in a jail of its own.
//!
//! A program sees the workspace, a home and a folder for temporary files that go with it, the system's programs and
//! libraries, and what the operator added; its environment holds what is said here and nothing else. What may be run,
//! and for how long, was decided before.
//!
//! Not here: the jail itself (`kiket-jail`), and what becomes of the output.

mod lines;
mod resolve;

use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kiket_jail::{Chunk, Finished, Jail, JailError, Program, Rules, system_paths};
use tokio::sync::mpsc;

pub(crate) use lines::{Lines, Spent, Tail, TooMuch};

/// Most processes and threads of one program and all that it starts.
const PROCESSES: u32 = 1_024;
/// Most open files of one process.
const OPEN_FILES: u64 = 4_096;
/// Most bytes of one argument or variable, and of all of them: the system takes a little more.
const ARGUMENT_BYTES: usize = 128 * 1024 - 1;
const ARGUMENTS_BYTES: usize = 1024 * 1024;
/// The variables that are not the guest's to set.
const OURS: [&str; 3] = ["PATH", "HOME", "TMPDIR"];

/// What an operator says of programs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Machine {
    /// Folders that programs are looked for in, before the system's own. They can be read.
    pub path: Vec<PathBuf>,
    /// More that programs can read: toolchains, libraries.
    pub readable: Vec<PathBuf>,
    /// Variables that every program gets.
    pub env: Vec<(String, String)>,
    /// Whether programs run without a jail, with the rights of the server.
    pub unsafe_no_jail: bool,
}

/// Why a program did not run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProgramError {
    /// There is no such program.
    #[error("{0}")]
    NotFound(String),
    /// An argument, the folder or a variable is not one.
    #[error("{0}")]
    Invalid(String),
    /// There is no jail to be had.
    #[error("{0}")]
    Unavailable(String),
    /// It could not be started, or nothing is known of how it ended.
    #[error("{0}")]
    Failed(String),
}

/// What is to be run, and within which limits.
#[derive(Debug)]
pub(crate) struct Order {
    /// A name, or an absolute path.
    pub(crate) program: String,
    pub(crate) arguments: Vec<String>,
    /// Where it runs: an absolute path without links, in one of `writable`.
    pub(crate) folder: PathBuf,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) stdin: Vec<u8>,
    /// What it may change: absolute paths without links.
    pub(crate) writable: Vec<PathBuf>,
    /// Its home, and where it puts temporary files; both in `writable`.
    pub(crate) home: PathBuf,
    pub(crate) temporary: PathBuf,
    pub(crate) network: bool,
    pub(crate) cpu: Duration,
    pub(crate) wall: Duration,
    pub(crate) memory: u64,
    /// Most bytes of one file.
    pub(crate) file_bytes: u64,
}

/// Runs programs.
pub(crate) struct Programs {
    jail: Jail,
    path: Vec<PathBuf>,
    readable: Vec<PathBuf>,
    env: Vec<(String, String)>,
    jailed: bool,
}

impl Programs {
    /// Prepares to run programs with what the operator says. What is not there is left out, and the log says so.
    ///
    /// # Errors
    /// This binary cannot be found, which is what starts programs.
    pub(crate) fn new(machine: &Machine) -> std::io::Result<Self> {
        let launcher = std::env::current_exe()?;
        let jail = if machine.unsafe_no_jail { Jail::unjailed(launcher) } else { Jail::new(launcher) };
        let is_there = |path: &&PathBuf| {
            let there = path.is_absolute() && path.exists();
            if !there {
                tracing::warn!(path = %path.display(), "programs do not see this: it is not there, or not absolute");
            }
            there
        };
        let own: Vec<PathBuf> = machine.path.iter().filter(is_there).cloned().collect();
        let more = machine.readable.iter().filter(is_there);
        let readable = system_paths().into_iter().chain(own.iter().cloned()).chain(more.cloned()).collect();
        let path = own.into_iter().chain(resolve::SYSTEM.map(PathBuf::from)).collect();
        Ok(Self { jail, path, readable, env: machine.env.clone(), jailed: !machine.unsafe_no_jail })
    }

    /// Says in the log whether programs can be run, and how.
    pub(crate) async fn announce(&self) {
        if !self.jailed {
            tracing::warn!("programs run WITHOUT A JAIL, with every right that this server has");
        } else if let Err(error) = self.jail.available().await {
            tracing::warn!(%error, "programs cannot be run here");
        }
    }

    /// Runs a program to its end. Nothing that it started is alive then; or shortly after the future is dropped.
    ///
    /// # Errors
    /// See [`ProgramError`]; how a program ended is none.
    pub(crate) async fn run(&self, order: Order, output: mpsc::Sender<Chunk>) -> Result<Finished, ProgramError> {
        let env = self.environment(&order)?;
        check_arguments(&order)?;
        let program = Program {
            path: resolve::program(&order.program, &self.path)?,
            args: order.arguments.into_iter().map(OsString::from).collect(),
            dir: order.folder,
            env,
            stdin: order.stdin,
        };
        let rules = Rules {
            writable: order.writable,
            readable: self.readable.clone(),
            network: order.network,
            cpu: order.cpu,
            wall: order.wall,
            memory: order.memory,
            processes: PROCESSES,
            file_bytes: order.file_bytes,
            open_files: OPEN_FILES,
        };
        self.jail.run(program, rules, output).await.map_err(explain)
    }

    /// The whole environment: the operator's variables, the guest's, ours.
    fn environment(&self, order: &Order) -> Result<Vec<(String, String)>, ProgramError> {
        for (name, value) in &order.env {
            if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
                return Err(ProgramError::Invalid(format!("`{}` is not a variable", shown(name))));
            }
            if OURS.contains(&name.as_str()) {
                return Err(ProgramError::Invalid(format!("`{name}` is not a variable that can be set")));
            }
        }
        let text = |path: &Path| path.display().to_string();
        let path: Vec<String> = self.path.iter().map(|folder| text(folder)).collect();
        let ours = [path.join(":"), text(&order.home), text(&order.temporary)];
        let ours = OURS.iter().map(|name| (*name).to_owned()).zip(ours);
        let mut env: Vec<(String, String)> = self.env.clone();
        for (name, value) in order.env.iter().cloned().chain(ours) {
            env.retain(|(other, _)| *other != name);
            env.push((name, value));
        }
        Ok(env)
    }
}

/// What the system would refuse with less to say.
fn check_arguments(order: &Order) -> Result<(), ProgramError> {
    if order.arguments.iter().any(|argument| argument.contains('\0')) {
        return Err(ProgramError::Invalid("an argument holds a NUL".to_owned()));
    }
    let variables = order.env.iter().map(|(name, value)| name.len() + value.len() + 1);
    let sizes: Vec<usize> = order.arguments.iter().map(String::len).chain(variables).collect();
    if sizes.iter().any(|size| *size > ARGUMENT_BYTES) || sizes.iter().sum::<usize>() > ARGUMENTS_BYTES {
        let message =
            format!("arguments and variables have at most {ARGUMENT_BYTES} bytes each, {ARGUMENTS_BYTES} in all");
        return Err(ProgramError::Invalid(message));
    }
    Ok(())
}

fn explain(error: JailError) -> ProgramError {
    match error {
        JailError::Unavailable(missing) => ProgramError::Unavailable(missing.to_string()),
        JailError::Invalid(message) => ProgramError::Invalid(message),
        JailError::NotStarted { path, source } => {
            let message = format!("{} could not be started: {source}", path.display());
            if source.kind() == ErrorKind::NotFound {
                return ProgramError::NotFound(format!(
                    "{message}; what it needs may lie outside of what programs see"
                ));
            }
            ProgramError::Invalid(message)
        }
        JailError::Launcher { path, source } => ProgramError::Failed(format!("{}: {source}", path.display())),
        JailError::Lost(message) => ProgramError::Failed(message),
    }
}

fn shown(text: &str) -> String {
    text.chars().filter(|char| !char.is_control()).take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(env: &[(&str, &str)], arguments: &[&str]) -> Order {
        Order {
            program: "true".to_owned(),
            arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
            folder: PathBuf::from("/w"),
            env: env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            stdin: Vec::new(),
            writable: Vec::new(),
            home: PathBuf::from("/w/home"),
            temporary: PathBuf::from("/w/tmp"),
            network: false,
            cpu: Duration::from_secs(1),
            wall: Duration::from_secs(1),
            memory: 1 << 30,
            file_bytes: 1,
        }
    }

    #[test]
    fn the_environment_is_what_was_said_and_nothing_else() {
        let env = vec![("CI".to_owned(), "1".to_owned()), ("LANG".to_owned(), "C".to_owned())];
        let machine = Machine { path: vec!["/usr/lib".into(), "/none".into()], env, ..Machine::default() };
        let programs = Programs::new(&machine).unwrap();
        let env = programs.environment(&order(&[("A", "1"), ("LANG", "de"), ("A", "2")], &[])).unwrap();
        let env: Vec<_> = env.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let path = "PATH=/usr/lib:/usr/local/bin:/usr/bin:/bin";
        assert_eq!(env, ["CI=1", "LANG=de", "A=2", path, "HOME=/w/home", "TMPDIR=/w/tmp"]);
    }

    #[test]
    fn variables_and_arguments_that_are_none_are_refused() {
        let programs = Programs::new(&Machine::default()).unwrap();
        for name in ["", "A=B", "A\0", "PATH", "HOME", "TMPDIR"] {
            let refused = programs.environment(&order(&[(name, "1")], &[]));
            assert!(matches!(refused, Err(ProgramError::Invalid(_))), "{name}");
        }
        let long = "a".repeat(ARGUMENT_BYTES + 1);
        let many = vec!["a".repeat(ARGUMENT_BYTES).leak() as &str; 9];
        for arguments in [&["a\0b"][..], &[long.as_str()], &many] {
            assert!(matches!(check_arguments(&order(&[], arguments)), Err(ProgramError::Invalid(_))));
        }
        check_arguments(&order(&[("A", "1")], &["-c", "true"])).unwrap();
    }
}

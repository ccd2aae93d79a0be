//! The caller's side: one launcher per program, from its start to its report.
//!
//! Invariant: the launcher lives no longer than the future that runs it. Dropping the future closes the socket, on
//! which the tree is killed, and kills the launcher of a jail, with which it dies as well.

use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::error::JailError;
use crate::ids::Ids;
use crate::link::{converse, pump, spawn};
use crate::program::{Chunk, Finished, Program, Rules, Stream};
use crate::wire::{self, Mode, Order, Report};

/// Runs programs, each in a jail of its own. Needs a runtime with I/O and time enabled.
#[derive(Debug, Clone)]
pub struct Jail {
    launcher: PathBuf,
    mode: Mode,
}

impl Jail {
    /// A jail whose launcher is this binary: one whose `main` begins with [`crate::become_launcher_if_asked`].
    #[must_use]
    pub fn new(launcher: PathBuf) -> Self {
        Self { launcher, mode: Mode::Jailed }
    }

    /// No jail: the program has every file, the network and the rights of the caller. Limits, the clean environment and
    /// the end of the whole tree stay, but a program that kills its launcher escapes them.
    #[must_use]
    pub fn unjailed(launcher: PathBuf) -> Self {
        Self { launcher, mode: Mode::Unjailed }
    }

    /// Builds a jail with nothing in it and takes it down again: whether one can be had here. Takes some milliseconds.
    ///
    /// # Errors
    /// [`JailError::Unavailable`] names what is missing.
    pub async fn available(&self) -> Result<(), JailError> {
        let root = PathBuf::from("/");
        let program = Program { path: root.clone(), args: vec![], dir: root, env: vec![], stdin: vec![] };
        let rules = Rules {
            writable: vec![],
            readable: vec![],
            network: false,
            cpu: Duration::from_secs(10),
            wall: Duration::from_secs(10),
            memory: 1 << 30,
            processes: 8,
            file_bytes: 0,
            open_files: 64,
        };
        self.launch(program, rules, true, &mpsc::channel(1).0).await.map(drop)
    }

    /// Runs a program to its end. When this returns, nothing that it started is alive; when the future is dropped, the
    /// same holds shortly after.
    ///
    /// What the program writes goes to `output` while it runs. A receiver that is slow slows the program down; one that
    /// is gone does not stop it.
    ///
    /// # Errors
    /// Every variant of [`JailError`] but none for how the program ended: that is [`Finished::end`].
    pub async fn run(
        &self,
        program: Program,
        rules: Rules,
        output: mpsc::Sender<Chunk>,
    ) -> Result<Finished, JailError> {
        self.launch(program, rules, false, &output).await
    }

    async fn launch(
        &self,
        mut program: Program,
        rules: Rules,
        probe: bool,
        output: &mpsc::Sender<Chunk>,
    ) -> Result<Finished, JailError> {
        let path = program.path.clone();
        let stdin = std::mem::take(&mut program.stdin);
        let ids = Ids::own();
        let order = Order { program, rules, mode: self.mode, probe, nobody: ids.nobody, stdin: stdin.len() as u64 };
        let order = wire::encode(&order).map_err(|error| JailError::Invalid(error.to_string()))?;
        let (mut child, control) = spawn(&self.launcher, self.mode)
            .map_err(|source| JailError::Launcher { path: self.launcher.clone(), source })?;
        let out = child.stdout.take().map(|from| pump(from, Stream::Out, output));
        let err = child.stderr.take().map(|from| pump(from, Stream::Err, output));
        let streams = async {
            if let (Some(out), Some(err)) = (out, err) {
                tokio::join!(out, err);
            }
            Ok(())
        };
        let exchange = async {
            let said = converse(control, &order, &stdin, ids, &child).await;
            let exit = child.wait().await;
            match said? {
                Report::Finished(finished) => Ok(finished),
                Report::Failed(failure) => Err(failure.into_error(path)),
                Report::Unshared => Err(JailError::Lost(match exit {
                    Ok(status) => format!("it ended without a report: {status}"),
                    Err(error) => error.to_string(),
                })),
            }
        };
        tokio::try_join!(exchange, streams).map(|(finished, ())| finished)
    }
}

//! `process`: programs in the attempt's workspace, whose output becomes lines of the stage's log.

use std::sync::PoisonError;
use std::time::Duration;

use async_trait::async_trait;
use kiket_core::manifest::Effect;
use kiket_host::wit::process::{Command, Error, Finished, Status};
use kiket_host::{Answer, Level, LogLine, Lost, ProcessCalls, ProcessGrant, ReportCalls as _, WorkspaceGrant};
use kiket_jail::{Chunk, End, Stream};
use tokio::sync::mpsc;

use super::Calls;
use super::effect::{Denied, Tried};
use crate::programs::{Lines, Order, ProgramError, Tail, TooMuch};
use crate::workspaces::{Inside, Workspace, WorkspaceError};

/// How many pieces of output wait at most; then the program waits.
const PIECES: usize = 16;

#[async_trait]
impl ProcessCalls for Calls {
    async fn process(&self, grant: ProcessGrant, files: WorkspaceGrant, command: Command) -> Answer<Finished, Error> {
        // Without a network a program changes the workspace alone, which goes with the attempt. With one it may change
        // the world, which only matters where that must not be repeated.
        let acts = grant.network && matches!(self.place.class, Effect::Checkable | Effect::Once);
        let question = command.clone();
        let tried = self.tried(grant, files, command);
        if acts {
            let summary = format!("{} {}", question.program, question.arguments.join(" "));
            return self.effects.effect("process", &summary, &question, tried).await;
        }
        Ok(tried.await?.answer)
    }
}

impl Denied for Error {
    fn denied(message: String) -> Self {
        Self::Denied(message)
    }
}

/// Why a call ends without a program's end.
enum Ended {
    /// The program did not run.
    Error(Error),
    /// It was ended while it ran.
    CutOff(Error),
    Lost(Lost),
}

/// The end of what a program writes.
struct Tails {
    out: Tail,
    both: Tail,
}

impl Calls {
    async fn tried(
        &self,
        grant: ProcessGrant,
        files: WorkspaceGrant,
        command: Command,
    ) -> Result<Tried<Finished, Error>, Lost> {
        match self.perform_process(grant, files, command).await {
            Ok(finished) => Ok(Tried::certain(Ok(finished))),
            Err(Ended::Error(error)) => Ok(Tried::certain(Err(error))),
            Err(Ended::CutOff(error)) => Ok(Tried { answer: Err(error), certain: false }),
            Err(Ended::Lost(lost)) => Err(lost),
        }
    }

    async fn perform_process(
        &self,
        grant: ProcessGrant,
        files: WorkspaceGrant,
        command: Command,
    ) -> Result<Finished, Ended> {
        if !files.write {
            let message = "a program writes to the workspace: `workspace` is granted for reading only";
            return Err(Ended::Error(Error::Denied(message.to_owned())));
        }
        let workspace = self.files(files).await??;
        let mut tails = Tails { out: Tail::new(command.capture), both: Tail::new(command.capture) };
        let order = order(&workspace, grant, files, command).await?;
        let (sender, pieces) = mpsc::channel(PIECES);
        let run = async { Ok(self.driver.programs.run(order, sender).await?) };
        let work = async { tokio::try_join!(run, self.pass_on(pieces, &mut tails)) };
        let ended = tokio::select! {
            ended = work => ended,
            // The program goes with its future.
            breach = workspace.outgrow(files.quota) => Err(Ended::CutOff(Error::Failed(breach.to_string()))),
        };
        // Whatever became of it: it may have written.
        let settled = workspace.settle(files.quota).await;
        let (finished, ()) = ended?;
        settled.map_err(|breach| Ended::CutOff(Error::Failed(breach.to_string())))?;
        if finished.end == End::MemoryLimit {
            self.say("the program was ended: it held more memory than is granted".to_owned()).await?;
        }
        let tail = if finished.end == End::Exited(0) { tails.out } else { tails.both };
        Ok(describe(&finished, tail.into_bytes()))
    }

    /// Makes log lines of what a program writes, until it ends.
    async fn pass_on(&self, mut pieces: mpsc::Receiver<Chunk>, tails: &mut Tails) -> Result<(), Ended> {
        let mut lines = Lines::default();
        while let Some(Chunk { stream, bytes }) = pieces.recv().await {
            tails.both.take(&bytes);
            if stream == Stream::Out {
                tails.out.take(&bytes);
            }
            let ended = {
                let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
                lines.take(stream, &bytes, &mut spent)?
            };
            for text in ended {
                self.log(LogLine { level: level(stream), text }).await?;
            }
        }
        for stream in [Stream::Out, Stream::Err] {
            if let Some(text) = lines.rest(stream) {
                self.log(LogLine { level: level(stream), text }).await?;
            }
        }
        Ok(())
    }

    async fn say(&self, text: String) -> Result<(), Lost> {
        self.log(LogLine { level: Level::Warn, text }).await
    }
}

/// What is run, out of what was asked for and what is granted.
async fn order(
    workspace: &std::sync::Arc<Workspace>,
    grant: ProcessGrant,
    files: WorkspaceGrant,
    command: Command,
) -> Result<Order, Ended> {
    let asked = command.timeout_ms.map_or(grant.wall, Duration::from_millis);
    let folder = workspace.within(move |files| files.real_folder(&Inside::parse(&command.folder)?)).await?;
    let [home, temporary] = workspace.beside();
    Ok(Order {
        program: command.program,
        arguments: command.arguments,
        folder: workspace.files().join(folder),
        env: command.env,
        stdin: command.stdin,
        writable: vec![workspace.files(), home.clone(), temporary.clone()],
        home,
        temporary,
        network: grant.network,
        cpu: grant.cpu,
        wall: asked.min(grant.wall),
        memory: grant.memory,
        file_bytes: files.quota,
    })
}

fn level(stream: Stream) -> Level {
    match stream {
        Stream::Out => Level::Info,
        Stream::Err => Level::Warn,
    }
}

fn describe(finished: &kiket_jail::Finished, output: Vec<u8>) -> Finished {
    let status = match finished.end {
        End::Exited(code) => Status::Exited(code),
        End::Signalled(signal) => Status::Killed(signal),
        End::WallLimit => Status::TimedOut,
        End::CpuLimit => Status::OutOfCpu,
        End::MemoryLimit => Status::Killed(9),
    };
    Finished {
        status,
        output,
        cpu_ms: millis(finished.usage.user + finished.usage.system),
        wall_ms: millis(finished.wall),
        peak_memory: finished.usage.max_rss,
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl From<Lost> for Ended {
    fn from(lost: Lost) -> Self {
        Self::Lost(lost)
    }
}

impl From<TooMuch> for Ended {
    fn from(much: TooMuch) -> Self {
        Self::CutOff(Error::Failed(much.to_string()))
    }
}

impl From<ProgramError> for Ended {
    fn from(error: ProgramError) -> Self {
        Self::Error(match error {
            ProgramError::NotFound(message) => Error::NotFound(message),
            ProgramError::Invalid(message) => Error::Invalid(message),
            ProgramError::Unavailable(message) => Error::Unavailable(message),
            ProgramError::Failed(message) => Error::Failed(message),
        })
    }
}

impl From<WorkspaceError> for Ended {
    fn from(error: WorkspaceError) -> Self {
        Self::Error(match error {
            WorkspaceError::NoFiles(message) => Error::Denied(message),
            WorkspaceError::NotFound(message) | WorkspaceError::Invalid(message) => Error::Invalid(message),
            WorkspaceError::OverQuota(message) | WorkspaceError::Failed(message) => Error::Failed(message),
        })
    }
}

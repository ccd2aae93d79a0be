//! `kiket run`: a pipeline from the working tree, on the same engine as a server's, without one.

mod given;

use std::io::stdout;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use kiket_core::record::{RevisionEvent, RevisionNote};
use kiket_core::run::{Command, Queued, RunStatus, Trigger};
use kiket_core::{ProjectId, RevisionId, RunId};
use kiket_store::{Change, NewEvent, NewProject, NewRevision, Position, RevisionStatus, StoreError};
use serde_json::{Map, Value as Json};
use sha2::{Digest as _, Sha256};

use super::tree::{self, Tree};
use super::view::{Mode, View};
use super::{approval, resolve};
use crate::app::{Engine, Setup};
use crate::clock;
use crate::config::{Config, PluginLimits};
use crate::dispatch::NewRun;
use crate::events::{Tail, is_end, object, of_run};
use crate::secrets::Origin;
use crate::vault::Secret;

/// What the one project of a local database is called.
const PROJECT: &str = "local";

/// Run a pipeline from the working tree, without a server
#[derive(clap::Args)]
#[command(
    after_help = "Secrets are taken from the environment: KIKET_SECRET_CHAT_HOOK is the secret CHAT_HOOK. They are not kept.\n\n\
Exit code: 0 the run succeeded, 1 it did not or could not start, 2 the definitions have errors\n\n\
Examples:\n  kiket run release -i version=v1.2.0\n  kiket run release --env REGION=eu-central-1"
)]
pub(super) struct Arguments {
    /// The pipeline's id
    pipeline: String,
    /// An input: a JSON value, or else text
    #[arg(short, long = "input", value_name = "NAME=VALUE")]
    input: Vec<String>,
    /// A plain value, `env.NAME` in expressions
    #[arg(long, value_name = "NAME=VALUE")]
    env: Vec<String>,
    /// Write one JSON event a line
    #[arg(long)]
    json: bool,
    /// Folder that holds .kiket/, or one below it
    #[arg(long, default_value = ".", value_name = "DIR")]
    path: PathBuf,
    #[command(flatten)]
    machine: super::machine::Programs,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let root = tree::find_root(&arguments.path)?;
    let secrets = Origin::Given(given::secrets(std::env::vars_os())?);
    let setup = Setup {
        data: &state_folder(&root)?,
        cache: cache_folder()?,
        slots: Config::SLOTS,
        organisation: None,
        sites: None,
        secrets,
        machine: &arguments.machine.clone().into(),
        limits: PluginLimits::default(),
    };
    let mut engine = match Engine::open(setup).await {
        Ok(engine) => engine,
        Err(error) if matches!(error.downcast_ref(), Some(StoreError::Locked { .. })) => {
            bail!("another `kiket run` is under way in {}", root.display())
        }
        Err(error) => return Err(error),
    };
    engine.forget_what_is_old(Config::RETENTION);
    let code = run_in(&engine, &root, &arguments).await;
    engine.close().await;
    code
}

async fn run_in(engine: &Engine, root: &Path, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let tree = tree::read(root, &engine.plugins).await?;
    let Some(revision) = &tree.revision else {
        eprint!("{}", tree.render());
        return Ok(ExitCode::from(2));
    };
    let Some(plan) = revision.pipeline(&arguments.pipeline) else {
        let known: Vec<&str> = revision.pipelines().map(|plan| plan.pipeline.as_str()).collect();
        bail!("there is no pipeline `{}`; there are: {}", arguments.pipeline, known.join(", "));
    };
    let inputs = plan.check_inputs(parse_inputs(&arguments.input)?).map_err(|refusals| {
        let reasons: Vec<_> =
            refusals.into_iter().map(|refusal| format!("{}: {}", refusal.pointer, refusal.reason)).collect();
        anyhow::anyhow!("the pipeline refuses these inputs\n  {}", reasons.join("\n  "))
    })?;
    let project = project(engine, root).await?;
    let revision_id = publish(engine, project, &tree).await?;
    let id = RunId::new(clock::ulid());
    let queued = Queued {
        id,
        project: PROJECT.to_owned(),
        pipeline: plan.pipeline.clone(),
        revision: revision_id,
        commit: None,
        reference: None,
        trigger: Trigger::Local,
        actor: std::env::var("USER").unwrap_or_default(),
        inputs,
        item: None,
        stranger: false,
        env: given::env(&arguments.env)?,
        stages: plan.stages().map(|stage| stage.id.as_str().into()).collect(),
        resumed_from: None,
    };
    engine.dispatch.start(NewRun { project, revision: revision_id, queued, trigger_key: None }).await?;
    follow(engine, id, arguments.json).await
}

/// Shows the run until it ends; an interrupt cancels it, and a second one leaves at once.
async fn follow(engine: &Engine, run: RunId, json: bool) -> anyhow::Result<ExitCode> {
    let mut view = View::new(Mode::choose(json), stdout());
    let mut tail = Tail::new(engine.store.clone(), of_run(run), Position::ZERO);
    let mut interrupted = false;
    loop {
        let entry = tokio::select! {
            entry = tail.next() => entry?,
            failure = engine.store.failed() => return Err(failure.into()),
            _ = tokio::signal::ctrl_c() => {
                if std::mem::replace(&mut interrupted, true) {
                    return Ok(ExitCode::FAILURE);
                }
                engine.dispatch.tell(run, Command::Cancel).await?;
                continue;
            }
        };
        let data: Json = serde_json::from_str(&object(&entry, PROJECT))?;
        view.event(&entry.kind, &data)?;
        if entry.kind == "approval.requested" {
            approval::ask(engine, run, &data).await?;
        }
        if entry.kind == "stage.needs_attention" {
            resolve::ask(engine, run, &data).await?;
        }
        if is_end(&entry) {
            break;
        }
    }
    let status = engine.dispatch.load(run).await?.status;
    Ok(if status == RunStatus::Succeeded { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn project(engine: &Engine, root: &Path) -> anyhow::Result<ProjectId> {
    if let Some(project) = engine.store.project_by_name(PROJECT).await? {
        return Ok(project.id);
    }
    let id = ProjectId::new(clock::ulid());
    // Nobody can send it a webhook: the key of this vault ends with it.
    let hook_secret = engine.secrets.seal_hook(id, &Secret::new(crate::token::random_text(40)));
    let project = NewProject::new(id, PROJECT, format!("file://{}", root.display()), hook_secret, clock::now());
    engine.store.commit(vec![Change::Project(project)]).await?;
    Ok(id)
}

async fn publish(engine: &Engine, project: ProjectId, tree: &Tree) -> anyhow::Result<RevisionId> {
    let id = RevisionId::new(clock::ulid());
    let note = RevisionNote { revision: id, commit: None, reference: None, status: "active".to_owned(), errors: 0 };
    let event = RevisionEvent::Published(note);
    let revision = NewRevision {
        key: None,
        id,
        project,
        reference: None,
        commit: "working-tree".to_owned(),
        status: RevisionStatus::Active,
        sources: tree.sources.clone(),
        diagnostics: serde_json::to_string(&tree.diagnostics)?,
        plugins: serde_json::to_string(&tree.pinned)?,
        at: clock::now(),
        event: NewEvent { kind: event.kind().into(), stage: None, data: serde_json::to_string(&event)? },
    };
    engine.store.commit(vec![Change::Revision(revision)]).await?;
    Ok(id)
}

pub(super) fn parse_inputs(texts: &[String]) -> anyhow::Result<Map<String, Json>> {
    let mut inputs = Map::new();
    for text in texts {
        let (name, value) = text.split_once('=').with_context(|| format!("`{text}` is not NAME=VALUE"))?;
        let value = serde_json::from_str(value).unwrap_or_else(|_| Json::from(value));
        inputs.insert(name.to_owned(), value);
    }
    Ok(inputs)
}

/// The user's state folder, one below it for each working tree.
fn state_folder(root: &Path) -> anyhow::Result<PathBuf> {
    let digest = hex::encode(Sha256::digest(root.as_os_str().as_encoded_bytes()));
    let name = root.file_name().unwrap_or_default().to_string_lossy();
    Ok(user_folder("XDG_STATE_HOME", ".local/state")?.join(format!("{name}-{}", &digest[..12])))
}

/// The user's cache folder: every working tree uses the same compiled plugins.
pub(super) fn cache_folder() -> anyhow::Result<PathBuf> {
    Ok(user_folder("XDG_CACHE_HOME", ".cache")?.join("compiled"))
}

/// A folder of ours where the XDG base directory specification puts it.
fn user_folder(variable: &str, below_home: &str) -> anyhow::Result<PathBuf> {
    let named = std::env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(below_home));
    let folder =
        named.or_else(home).with_context(|| format!("neither {variable} nor HOME says where to keep files"))?;
    Ok(folder.join("kiket"))
}

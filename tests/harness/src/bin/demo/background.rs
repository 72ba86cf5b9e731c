//! The demo that is left running: one process in a session of its own holds everything. It holds a lock as
//! long as it lives, and it ends when its state file goes, be it by `down` or with the checkout.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};
use test_harness::{
    Cluster, ClusterError, HttpClient, TimedOut, end_with_this_process, release_child, wait_for,
};

use crate::parts::{Parts, PartsError, Plan, show_log};
use crate::screen::{Screen, say};
use crate::world::{StepError, World};
use crate::{babel, bird, steps};

/// How often the background process looks whether it is to end.
const LOOK: Duration = Duration::from_millis(300);
/// The operator may drain for 20 s.
const END_WITHIN: Duration = Duration::from_secs(40);
/// A first start on a busy machine.
const START_WITHIN: Duration = Duration::from_mins(5);

/// Why the demo could not be started in the background, or ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BackgroundError {
    /// A file of the state could not be used.
    #[error("use {}", path.display())]
    File {
        /// Its path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The state file is not what this version writes.
    #[error("understand {}", path.display())]
    State {
        /// Its path.
        path: PathBuf,
        /// What the parser said.
        source: serde_json::Error,
    },
    /// The background process could not be started.
    #[error("start the background process")]
    Spawn(#[source] io::Error),
    /// It ended before everything ran; what it said is on the screen.
    #[error("the background process ended ({0})")]
    Ended(ExitStatus),
    /// It did not start or end in time.
    #[error(transparent)]
    Late(#[from] TimedOut),
    /// The parts do not run.
    #[error("run the parts of the demo")]
    Parts(#[source] Box<PartsError>),
    /// The control plane's description could not be written or read.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// The first step failed.
    #[error("play the first step")]
    Step(#[source] Box<StepError>),
    /// Another demo of this checkout runs.
    #[error("a demo of this checkout runs already")]
    Running,
    /// The process could not leave the terminal's session.
    #[error("begin a session")]
    Session(#[source] rustix::io::Errno),
}

impl From<PartsError> for BackgroundError {
    fn from(error: PartsError) -> Self {
        Self::Parts(Box::new(error))
    }
}

impl From<StepError> for BackgroundError {
    fn from(error: StepError) -> Self {
        Self::Step(Box::new(error))
    }
}

/// Where the state of a checkout's demo is.
pub(crate) struct State {
    folder: PathBuf,
}

/// What another process needs to know of a running demo.
#[derive(Serialize, Deserialize)]
struct Description {
    process: i32,
    cluster: PathBuf,
    provider_http: String,
    provider_https: String,
    admin: String,
    operator: String,
    operator_log: PathBuf,
}

impl State {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Where the files of the run are.
    pub(crate) fn files(&self) -> PathBuf {
        self.folder.join("up")
    }

    fn description(&self) -> PathBuf {
        self.folder.join("state.json")
    }

    fn log(&self) -> PathBuf {
        self.folder.join("demo.log")
    }

    /// The lock, or `None` while a demo of this checkout runs.
    fn lock(&self) -> Result<Option<File>, BackgroundError> {
        let path = self.folder.join("lock");
        let failed = |source| BackgroundError::File {
            path: path.clone(),
            source,
        };
        fs::create_dir_all(&self.folder).map_err(failed)?;
        let file = File::options()
            .create(true)
            .append(true)
            .open(&path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }

    fn read(&self) -> Result<Description, BackgroundError> {
        let path = self.description();
        let text = fs::read(&path).map_err(|source| BackgroundError::File {
            path: path.clone(),
            source,
        })?;
        serde_json::from_slice(&text).map_err(|source| BackgroundError::State { path, source })
    }

    /// Complete once it is there.
    fn write(&self, description: &Description) -> Result<(), BackgroundError> {
        let path = self.description();
        let text = serde_json::to_string_pretty(description).map_err(|source| BackgroundError::State {
            path: path.clone(),
            source,
        })?;
        let part = self.folder.join("state.json.part");
        let written = fs::write(&part, text).and_then(|()| fs::rename(&part, &path));
        written.map_err(|source| BackgroundError::File { path, source })
    }
}

/// Removes a file or folder, if it is there.
fn remove(path: &Path) -> Result<(), BackgroundError> {
    let gone = if path.is_dir() {
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    };
    match gone {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(BackgroundError::File {
            path: path.to_owned(),
            source,
        }),
        _ => Ok(()),
    }
}

/// Starts everything in the background, applies the examples, and tells how to go on.
pub(crate) fn up(state: &State, plan: &Plan, screen: Screen) -> Result<(), BackgroundError> {
    if state.lock()?.is_none() {
        say("The demo of this checkout runs already.");
        // Right after its start the description is not there yet.
        let description = wait_for(START_WITHIN, "the running demo to be ready", || state.read())?;
        return tell(&description, plan, screen);
    }
    remove(&state.description())?;
    let mut child = spawn(state, plan, screen)?;
    end_with_this_process(&child);
    let played = follow(state, &mut child).and_then(|description| {
        let cluster = Cluster::read(&description.cluster)?;
        let world = World {
            screen,
            kubectl: cluster.kubectl_as_admin(),
            admin: HttpClient::plain(&description.admin),
            endpoint: description.provider_https.clone(),
            root: plan.root.clone(),
            folder: plan.folder.clone(),
        };
        apply_all(&world).inspect_err(|_| show_log(&description.operator_log, &world))?;
        tell(&description, plan, screen)
    });
    if played.is_err() {
        // What its watchman does is the same as what its own end does, only faster.
        let _ = child.kill();
        let _ = child.wait();
    }
    release_child(&child);
    played
}

/// The examples of all providers, each until it is Ready.
fn apply_all(world: &World) -> Result<(), StepError> {
    let mut given = steps::become_ready(world)?;
    babel::become_ready(world, "2  The same for Babel", &mut given)?;
    bird::become_ready(world, "3  The same for Bird", &mut given)
}

/// The process in the background, which does not depend on the terminal.
fn spawn(state: &State, plan: &Plan, screen: Screen) -> Result<Child, BackgroundError> {
    let path = state.log();
    let failed = |source| BackgroundError::File {
        path: path.clone(),
        source,
    };
    let log = File::create(&path).map_err(failed)?;
    let errors = log.try_clone().map_err(failed)?;
    let mut command = Command::new(std::env::current_exe().map_err(BackgroundError::Spawn)?);
    command
        .arg("--operator")
        .arg(&plan.operator)
        .arg("--simulator")
        .arg(&plan.simulator)
        .arg("--state")
        .arg(&state.folder)
        .arg("serve");
    if screen.is_coloured() {
        command.arg("--coloured");
    }
    let started = command.stdin(Stdio::null()).stdout(log).stderr(errors).spawn();
    started.map_err(BackgroundError::Spawn)
}

/// Shows what the background process says until everything runs.
fn follow(state: &State, child: &mut Child) -> Result<Description, BackgroundError> {
    let path = state.log();
    let log = File::open(&path);
    let mut log = log.map_err(|source| BackgroundError::File { path, source })?;
    let mut copy = move || {
        let mut text = Vec::new();
        let _ = log.read_to_end(&mut text);
        let _ = io::stdout().write_all(&text);
    };
    wait_for(START_WITHIN, "everything to run", || {
        let ended = child.try_wait().ok().flatten();
        copy();
        if let Some(status) = ended {
            return Some(Err(BackgroundError::Ended(status)));
        }
        state.description().exists().then(|| {
            copy();
            state.read()
        })
    })?
}

/// The background process itself.
pub(crate) fn serve(state: &State, plan: &Plan, screen: Screen) -> Result<(), BackgroundError> {
    rustix::process::setsid().map_err(BackgroundError::Session)?;
    // Whoever looks whether a demo runs holds the lock for a moment.
    let lock = wait_for(Duration::from_secs(2), "the lock", || state.lock().ok().flatten());
    let _lock = lock.map_err(|_| BackgroundError::Running)?;
    let mut parts = Parts::start(plan, screen)?;
    parts.ready().inspect_err(|_| parts.show_log())?;
    let cluster = plan.folder.join("cluster.json");
    parts.control_plane.write(&cluster)?;
    let description = Description {
        process: rustix::process::getpid().as_raw_nonzero().get(),
        cluster,
        provider_http: parts.simulator.http().to_owned(),
        provider_https: parts.simulator.https().to_owned(),
        admin: parts.simulator.admin().to_owned(),
        operator: parts.operator.addr().map_err(PartsError::from)?,
        operator_log: parts.operator.log_path(),
    };
    state.write(&description)?;
    while state.description().exists() {
        thread::sleep(LOOK);
    }
    parts.stop()?;
    Ok(())
}

/// Ends what runs in the background, and returns when it is gone.
pub(crate) fn down(state: &State) -> Result<(), BackgroundError> {
    if !state.folder.exists() {
        say("No demo of this checkout runs.");
        return Ok(());
    }
    let lock = state.lock()?;
    let running = lock.is_none();
    drop(lock);
    if running {
        end(state)?;
    }
    for path in [state.description(), state.files(), state.log()] {
        remove(&path)?;
    }
    say(if running {
        "The demo has ended."
    } else {
        "No demo of this checkout runs."
    });
    Ok(())
}

fn end(state: &State) -> Result<(), BackgroundError> {
    // One that is just starting has no description yet: its number is needed to make it end.
    let description = wait_for(START_WITHIN, "the running demo to be ready", || state.read())?;
    remove(&state.description())?;
    let ended = || matches!(state.lock(), Ok(Some(_)));
    if wait_for(END_WITHIN, "the demo to end", ended).is_err() {
        // Its watchman ends everything that it started.
        if let Some(process) = Pid::from_raw(description.process) {
            let _ = kill_process(process, Signal::KILL);
        }
        wait_for(END_WITHIN, "the demo to end on SIGKILL", ended)?;
    }
    Ok(())
}

/// How to use what runs.
fn tell(description: &Description, plan: &Plan, screen: Screen) -> Result<(), BackgroundError> {
    let cluster = Cluster::read(&description.cluster)?;
    let kubectl = kubectl(&cluster);
    let Description {
        provider_http,
        admin,
        operator,
        operator_log,
        ..
    } = description;
    let kubeconfig = cluster.kubeconfig();
    let (kubeconfig, log) = (kubeconfig.display(), operator_log.display());
    let files = plan.folder.strip_prefix(&plan.root).unwrap_or(&plan.folder);
    let files = files.display();
    let (babel_key, bird_key, workspace) = (babel::KEY, bird::KEY, bird::WORKSPACE);
    screen.title("It runs in the background. In this shell:");
    say(&format!(
        "  export KUBECONFIG={kubeconfig}
  alias kubectl='{kubectl}'

  kubectl get webhooks -o wide
  kubectl explain whsub.spec
  kubectl edit whsub crm  # or billing (Babel), inbox (Bird); then look at the providers again:
  curl -s {admin}/admin/subscriptions
  kubectl annotate whsub billing webhook-operator.io/test-requested-at=1  # then: kubectl get whsub billing -o yaml
  curl -s {admin}/admin  # what else the simulator can do
  curl -s {provider_http}/v1/webhooks -H 'Authorization: dixa-token-example'
  curl -s {provider_http}/v1/webhooks/subscriptions -H 'x-api-key: {babel_key}'
  curl -s {provider_http}/workspaces/{workspace}/webhook-subscriptions -H 'Authorization: AccessKey {bird_key}'
  curl -s http://{operator}/metrics
  tail -f {log}

  What was applied is in {files}. End it all with: make demo-down"
    ));
    Ok(())
}

/// How to call the cluster's kubectl. One binary holds several programs; the tools cache has a link for each.
fn kubectl(cluster: &Cluster) -> String {
    let command = cluster.kubectl_as_admin().command();
    let link = Path::new(command.get_program()).with_file_name("kubectl");
    if link.is_file() {
        return link.display().to_string();
    }
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    words.join(" ")
}

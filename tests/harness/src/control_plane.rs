//! Starts etcd, kube-apiserver and kube-controller-manager for one test, one test program or one
//! command, and ends them with it.

use std::env;
use std::fs;
use std::io::{self, Write as _};
use std::ops::Deref;
use std::panic;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use crate::audit;
use crate::child::{ChildProcess, ProcessError, chain, command_line, signal};
use crate::cluster::{Cluster, ClusterError, write_file};
use crate::guard;
use crate::parts::{Parts, Tokens, free_port, port_was_taken};
use crate::pki::{self, Pki, PkiError};
use crate::scratch::Scratch;
use crate::tools::{Tools, ToolsError};
use crate::wait::wait_for;

/// Names a file, written by [`Cluster::write`], that describes the control plane to be shared.
pub const SHARED_VARIABLE: &str = "WEBHOOK_OPERATOR_TEST_CLUSTER";

/// How often another port is tried when somebody took the chosen one in between.
const PORT_TRIES: u32 = 5;

/// What runs. The default is a whole control plane.
#[derive(Debug, Clone)]
pub struct Options {
    /// Whether to run kube-controller-manager, where there is one.
    pub controller_manager: bool,
    /// Flags for kube-apiserver besides the harness's own.
    pub apiserver_flags: Vec<String>,
    /// How long until it must answer.
    pub ready_within: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            controller_manager: true,
            apiserver_flags: Vec::new(),
            ready_within: Duration::from_mins(2),
        }
    }
}

/// Why there is no control plane.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The programs are missing.
    #[error(transparent)]
    Tools(#[from] ToolsError),
    /// No folder for its files.
    #[error("create a temporary folder")]
    Folder(#[source] io::Error),
    /// No certificates.
    #[error(transparent)]
    Pki(#[from] PkiError),
    /// No random numbers for its passwords.
    #[error("read random numbers")]
    Random(#[source] io::Error),
    /// No free port.
    #[error("find a free port")]
    Port(#[source] io::Error),
    /// A part did not start or ended.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// Its files could not be written, or it did not answer.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
}

/// A running control plane. Dropping it kills it and removes its folder; when the thread panics the
/// folder with the logs stays and its path is printed.
pub struct ControlPlane {
    // The order matters: processes end before their folder goes.
    controller_manager: Option<ChildProcess>,
    apiserver: Option<ChildProcess>,
    etcd: Option<ChildProcess>,
    cluster: Cluster,
    scratch: Option<Scratch>,
    /// How the apiserver was started; `None` where another process did it.
    started: Option<Started>,
}

/// What it takes to start the apiserver again.
struct Started {
    tools: Tools,
    pki: Pki,
    managed: bool,
    port: u16,
    options: Options,
}

impl Deref for ControlPlane {
    type Target = Cluster;

    fn deref(&self) -> &Cluster {
        &self.cluster
    }
}

impl ControlPlane {
    /// Starts a control plane and waits until `/readyz` says yes: about 5 s, 500 MB.
    ///
    /// # Errors
    /// [`StartError`]; for a part that ended, with the last lines of its log.
    pub fn start(options: &Options) -> Result<Self, StartError> {
        let tools = Tools::find()?;
        let scratch = Scratch::removed_when_killed("webhook-operator-cluster-");
        let scratch = scratch.map_err(StartError::Folder)?;
        let folder = scratch.path().to_owned();
        let pki = pki::generate(&folder)?;
        let tokens = Tokens::generate().map_err(StartError::Random)?;
        tokens.write(&folder)?;
        write_file(&folder.join("audit-policy.yaml"), audit::POLICY)?;

        let managed = options.controller_manager && tools.controller_manager.is_some();
        let parts = Parts {
            tools: &tools,
            folder: &folder,
            pki: &pki,
            managed,
        };
        let etcd = parts.etcd()?;
        let (mut apiserver, cluster, port) = listening_apiserver(&parts, options)?;
        cluster.write_kubeconfig(&cluster.kubeconfig(), "admin", &tokens.admin)?;
        let kubeconfig = folder.join("controller-manager.kubeconfig");
        cluster.write_kubeconfig(&kubeconfig, "controller-manager", &tokens.controller_manager)?;
        // It waits for the apiserver itself, so that both get ready at the same time.
        let mut controller_manager = parts.controller_manager(&kubeconfig)?;
        let api = cluster.api()?;
        apiserver.wait_until(options.ready_within, "kube-apiserver to be ready", || {
            api.get("/readyz").ok().filter(|reply| reply.status == 200)
        })?;
        if let Some(process) = &mut controller_manager {
            process.still_running()?;
        }
        let mut control_plane = Self {
            controller_manager,
            apiserver: Some(apiserver),
            etcd: Some(etcd),
            cluster,
            scratch: Some(scratch),
            started: Some(Started {
                tools,
                pki,
                managed,
                port,
                options: options.clone(),
            }),
        };
        control_plane.cluster.processes = control_plane.processes().map(ChildProcess::id).collect();
        Ok(control_plane)
    }

    /// The control plane that all tests of a run share: the one that [`SHARED_VARIABLE`] describes, else
    /// one that is started here, once a process. It is never dropped; it ends with the process. Use a
    /// [`Cluster::namespace`] of your own in it.
    ///
    /// # Panics
    /// When it can't be started or used: there is nothing to test then.
    #[expect(clippy::panic, reason = "tests share the failure as they share the value")]
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Result<ControlPlane, String>> = OnceLock::new();
        let shared = SHARED.get_or_init(|| {
            let control_plane = match env::var_os(SHARED_VARIABLE) {
                Some(file) => Self::of_file(Path::new(&file)).map_err(StartError::from),
                None => Self::start(&Options::default()),
            };
            let control_plane = control_plane.map_err(|error| chain(&error))?;
            control_plane.tell_logs_on_panic();
            Ok(control_plane)
        });
        match shared {
            Ok(control_plane) => control_plane,
            Err(error) => panic!("no control plane: {error}"),
        }
    }

    /// A control plane that another process runs; dropping it changes nothing.
    fn of_file(file: &Path) -> Result<Self, ClusterError> {
        Ok(Self {
            controller_manager: None,
            apiserver: None,
            etcd: None,
            cluster: Cluster::read(file)?,
            scratch: None,
            started: None,
        })
    }

    /// Ends the apiserver with SIGKILL. What it stored stays in etcd.
    pub fn kill_apiserver(&mut self) {
        self.apiserver.iter_mut().for_each(ChildProcess::kill);
    }

    /// Starts the apiserver again after [`Self::kill_apiserver`], at the same address, and waits until `/readyz` says
    /// yes. A control plane that another process runs is left as it is.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn start_apiserver(&mut self) -> Result<(), StartError> {
        let Some(started) = &self.started else {
            return Ok(());
        };
        let parts = Parts {
            tools: &started.tools,
            folder: self.cluster.folder(),
            pki: &started.pki,
            managed: started.managed,
        };
        let mut apiserver = parts.apiserver(started.port, &started.options.apiserver_flags)?;
        let api = self.cluster.api()?;
        apiserver.wait_until(started.options.ready_within, "kube-apiserver to be ready", || {
            api.get("/readyz").ok().filter(|reply| reply.status == 200)
        })?;
        self.apiserver = Some(apiserver);
        Ok(())
    }

    /// Stops etcd in the middle of its work (SIGSTOP), so that it answers nobody, or lets it go on.
    pub fn freeze_etcd(&self, frozen: bool) {
        use rustix::process::Signal;
        let wanted = if frozen { Signal::STOP } else { Signal::CONT };
        self.etcd.iter().for_each(|etcd| signal(etcd.id(), wanted));
    }

    /// When a test fails, says where the logs are, and leaves them if they would go with the process.
    fn tell_logs_on_panic(&self) {
        let folder = self.folder().to_owned();
        let own = self.scratch.is_some();
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            before(info);
            let _ = writeln!(io::stderr(), "logs of the control plane: {}", folder.display());
            if own {
                guard::keep(&folder);
                guard::remove_later(&folder.join("etcd"));
            }
        }));
    }

    /// Lets the control plane outlive this process. [`Self::stop`] ends it.
    pub fn leave_running(mut self) {
        for process in [&mut self.controller_manager, &mut self.apiserver, &mut self.etcd] {
            process.iter_mut().for_each(ChildProcess::detach);
        }
        self.scratch.iter_mut().for_each(Scratch::keep);
    }

    /// Leaves the folder with the logs behind, without the database; returns its path.
    pub fn keep_logs(&mut self) -> &Path {
        self.scratch.iter_mut().for_each(Scratch::keep);
        guard::remove_later(&self.folder().join("etcd"));
        self.cluster.folder()
    }

    /// Ends a control plane that was left running, and removes its folder. One that is gone already
    /// is fine: a process is only ended if its command line names the folder.
    ///
    /// # Errors
    /// [`ClusterError::Write`] when the folder can't be removed.
    pub fn stop(cluster: &Cluster) -> Result<(), ClusterError> {
        let folder = cluster.folder();
        let alive = |pid: &u32| command_line(*pid).contains(&*folder.to_string_lossy());
        for pid in cluster.processes.iter().filter(|pid| alive(pid)) {
            signal(*pid, rustix::process::Signal::KILL);
        }
        let ended = || !cluster.processes.iter().any(&alive);
        wait_for(Duration::from_secs(60), "the control plane to end", ended)?;
        match fs::remove_dir_all(folder) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(ClusterError::Write {
                path: folder.to_owned(),
                source,
            }),
            _ => Ok(()),
        }
    }

    fn processes(&self) -> impl Iterator<Item = &ChildProcess> {
        let all = [&self.controller_manager, &self.apiserver, &self.etcd];
        all.into_iter().flatten()
    }
}

/// A kube-apiserver that answers, how to reach it, and its port. Whoever else has the port by now has no certificate of
/// this control plane's authority.
fn listening_apiserver(
    parts: &Parts<'_>,
    options: &Options,
) -> Result<(ChildProcess, Cluster, u16), StartError> {
    let mut tries = 0;
    loop {
        tries += 1;
        let port = free_port().map_err(StartError::Port)?;
        let mut apiserver = parts.apiserver(port, &options.apiserver_flags)?;
        let server = format!("https://127.0.0.1:{port}");
        let kubectl = parts.tools.kubectl.clone();
        let cluster = Cluster::new(server, parts.folder, kubectl, parts.managed);
        let api = cluster.api()?;
        let what = "kube-apiserver to listen";
        let listens = apiserver.wait_until(options.ready_within, what, || api.get("/readyz").ok());
        match listens {
            Ok(_) => return Ok((apiserver, cluster, port)),
            Err(_) if tries < PORT_TRIES && port_was_taken(apiserver.log()) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

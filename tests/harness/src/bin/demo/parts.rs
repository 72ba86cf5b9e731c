//! What the demo runs on: a control plane, the providers' simulator and the operator as a process that acts
//! as its `ServiceAccount`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use test_harness::{
    ClusterError, ControlPlane, Operator, OperatorError, Options, ProcessError, Simulator, StartError,
    TimedOut, remove_with_this_process, wait_for,
};

use crate::screen::{Screen, answer, say};
use crate::world::{PATIENCE, StepError, World};
use crate::{babel, bird};

/// The operator drains within 20 s (its manifest grants 30).
const DRAIN: Duration = Duration::from_secs(25);

/// How much of the operator's log is shown when something failed.
const LOG_LINES: usize = 20;

/// Why the parts do not run, or not to the end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PartsError {
    /// No control plane.
    #[error("start the control plane")]
    ControlPlane(#[from] StartError),
    /// Its files could not be used.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// The simulator or the operator could not be started, or did not end.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// The operator's endpoints do not answer.
    #[error(transparent)]
    Operator(#[from] OperatorError),
    /// The operator did not get ready.
    #[error(transparent)]
    Late(#[from] TimedOut),
    /// The installation failed.
    #[error("install the operator")]
    Install(#[from] StepError),
    /// A file could not be written or removed.
    #[error("use {}", path.display())]
    File {
        /// Its path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The operator ended with an error after SIGTERM.
    #[error("the operator ended with {0} after SIGTERM")]
    Ended(std::process::ExitStatus),
}

/// What is to be run, and where.
pub(crate) struct Plan {
    pub(crate) operator: PathBuf,
    pub(crate) simulator: PathBuf,
    /// The checkout.
    pub(crate) root: PathBuf,
    /// Files of this run, inside the checkout; removed at the end.
    pub(crate) folder: PathBuf,
}

/// Everything that runs. Dropping it ends it all and removes its files.
pub(crate) struct Parts {
    // The order matters: the operator ends before what it talks to.
    pub(crate) operator: Operator,
    pub(crate) simulator: Simulator,
    pub(crate) control_plane: ControlPlane,
    pub(crate) world: World,
    _folder: Folder,
}

/// A folder that goes with its value, and with the process when that is killed.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Parts {
    /// Starts control plane and simulator, installs CRDs and permissions, and starts the operator.
    pub(crate) fn start(plan: &Plan, screen: Screen) -> Result<Self, PartsError> {
        let in_folder = |source| PartsError::File {
            path: plan.folder.clone(),
            source,
        };
        fs::create_dir_all(&plan.folder).map_err(in_folder)?;
        remove_with_this_process(&plan.folder);
        let folder = Folder(plan.folder.clone());
        private(&plan.folder).map_err(in_folder)?;

        screen.title("What it runs on");
        let begun = Instant::now();
        let control_plane = ControlPlane::start(&Options::default())?;
        let took = begun.elapsed().as_secs_f64();
        let server = control_plane.server();
        screen.checked(format_args!(
            "etcd, kube-apiserver and kube-controller-manager, ready after {took:.1} s: {server}"
        ));
        let bundle = plan.folder.join("ca.crt");
        let bundle = bundle.to_string_lossy();
        let workspace = format!("{}={}", bird::KEY, bird::WORKSPACE);
        let arguments = [
            "--ca-bundle",
            &bundle,
            "--switch",
            babel::TESTS_ARRIVE,
            "--bird-key",
            &workspace,
        ];
        let simulator = Simulator::start(&plan.simulator, &arguments)?;
        forget_log(simulator.log_path());
        let (api, admin) = (simulator.https(), simulator.admin());
        screen.checked(format_args!(
            "Dixa, Babel and Bird, simulated: {api}, their admin side: {admin}"
        ));

        let world = World {
            screen,
            kubectl: control_plane.kubectl_as_admin(),
            admin: simulator.admin_client().clone(),
            endpoint: simulator.https().to_owned(),
            root: plan.root.clone(),
            folder: plan.folder.clone(),
        };
        install(&world)?;
        let operator = start_operator(plan, &control_plane)?;
        Ok(Self {
            operator,
            simulator,
            control_plane,
            world,
            _folder: folder,
        })
    }

    /// Waits until the operator says that it is ready.
    pub(crate) fn ready(&mut self) -> Result<(), PartsError> {
        let client = self.operator.http()?;
        wait_for(PATIENCE, "the operator to be ready", || {
            match client.get("/readyz") {
                Ok(reply) if reply.status == 200 => Ok(()),
                Ok(reply) => Err(reply.body),
                Err(error) => Err(error.to_string()),
            }
        })?;
        self.world.screen.checked(format_args!(
            "the operator, as ServiceAccount webhook-operator: {}/readyz is ok",
            client.base()
        ));
        Ok(())
    }

    /// Shows the end of the operator's log, and keeps it.
    pub(crate) fn show_log(&self) {
        show_log(&self.operator.log_path(), &self.world);
    }

    /// Ends the operator as Kubernetes would, with SIGTERM, and then everything else.
    pub(crate) fn stop(mut self) -> Result<(), PartsError> {
        let status = self.operator.sigterm_and_wait(DRAIN)?;
        if status.success() {
            Ok(())
        } else {
            Err(PartsError::Ended(status))
        }
    }
}

/// Shows the end of the operator's log, and keeps a copy, because it goes with the operator.
pub(crate) fn show_log(log: &Path, world: &World) {
    let kept = world.folder.with_extension("operator.log");
    say("");
    match fs::copy(log, &kept) {
        Ok(_) => say(&format!(
            "The operator's log is in {}; its end:",
            world.short(&kept)
        )),
        Err(error) => say(&format!(
            "The operator's log could not be kept ({error}); its end:"
        )),
    }
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    answer(&lines[lines.len().saturating_sub(LOG_LINES)..].join("\n"));
}

/// The CRDs, and all of the operator's manifest but its Deployment.
fn install(world: &World) -> Result<(), PartsError> {
    world.kubectl(&["apply", "--server-side", "-f", "crds/"])?;
    world.kubectl(&[
        "wait",
        "--for=condition=Established",
        "--timeout=60s",
        "-f",
        "crds/",
    ])?;
    let folder = world.subfolder("operator")?;
    for file in ["namespace/namespace.yaml", "base/operator.yaml"] {
        let from = world.root.join("deploy/kustomize").join(file);
        let manifest = folder.join(from.file_name().unwrap_or_default());
        let copied = fs::copy(from, &manifest);
        copied.map_err(|source| PartsError::File {
            path: manifest,
            source,
        })?;
    }
    world.write("operator/kustomization.yaml", WITHOUT_DEPLOYMENT)?;
    say("  deploy/kustomize without its Deployment, since the operator runs here as a process:");
    world.kubectl(&["apply", "-k", &world.short(&folder)])?;
    Ok(())
}

const WITHOUT_DEPLOYMENT: &str = "\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
- namespace.yaml
- operator.yaml
patches:
- target:
    kind: Deployment
  patch: |
    $patch: delete
    apiVersion: apps/v1
    kind: Deployment
    metadata:
      name: webhook-operator
";

fn start_operator(plan: &Plan, control_plane: &ControlPlane) -> Result<Operator, PartsError> {
    let kubeconfig = control_plane.service_account_kubeconfig("webhook-operator", "webhook-operator")?;
    let environment = [
        ("POD_NAME", "webhook-operator-demo"),
        ("POD_NAMESPACE", "webhook-operator"),
    ];
    let operator = Operator::start(
        &plan.operator,
        &["run", "--private-endpoints=Allow"],
        &environment,
        &kubeconfig,
    )?;
    forget_log(&operator.log_path());
    Ok(operator)
}

/// Logs of a demo that is killed are of no use to anybody.
fn forget_log(log: &Path) {
    if let Some(folder) = log.parent() {
        remove_with_this_process(folder);
    }
}

/// It holds the values of Secrets.
fn private(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
}

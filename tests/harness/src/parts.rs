//! The parts of a control plane, each started with the flags that a test needs.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use crate::child::{ChildProcess, ProcessError};
use crate::cluster::{ClusterError, write_file};
use crate::pki::Pki;
use crate::tools::Tools;

/// etcd's start takes a third of a second; this is for a machine that is busy with a build.
const ETCD_DEADLINE: Duration = Duration::from_mins(1);

/// Without these a namespace would never finish deleting, owner references would not be collected,
/// `ServiceAccount`s would not appear and aggregated `ClusterRole`s would stay empty. The others need
/// nodes.
const CONTROLLERS: &str = "namespace-controller,garbage-collector-controller,\
    serviceaccount-controller,serviceaccount-token-controller,deployment-controller,\
    replicaset-controller,clusterrole-aggregation-controller";

/// Everything that the parts need to know of each other.
pub(crate) struct Parts<'a> {
    pub tools: &'a Tools,
    pub folder: &'a Path,
    pub pki: &'a Pki,
    /// Whether a controller manager runs.
    pub managed: bool,
}

impl Parts<'_> {
    /// etcd on a Unix socket, so that no port can clash; ready when the socket accepts. The address
    /// that it advertises must have a port, but nobody asks for it; nor for the one of other members.
    pub(crate) fn etcd(&self) -> Result<ChildProcess, ProcessError> {
        let socket = self.etcd_socket();
        let mut command = self.tools.etcd.command();
        command
            .args(["--unsafe-no-fsync", "--log-level=warn"])
            .arg(format!("--data-dir={}", self.file("etcd")))
            .arg(format!("--listen-client-urls=unix://{socket}"))
            .arg("--advertise-client-urls=http://127.0.0.1:2379")
            .arg("--listen-peer-urls=http://127.0.0.1:0");
        let log = self.folder.join("etcd.log");
        let mut etcd = ChildProcess::start("etcd", &mut command, &log, None)?;
        etcd.wait_until(ETCD_DEADLINE, "etcd to listen", || {
            UnixStream::connect(&socket).ok()
        })?;
        Ok(etcd)
    }

    /// kube-apiserver with RBAC, token authentication and the audit log, on a port of the loopback
    /// interface.
    pub(crate) fn apiserver(&self, port: u16, more: &[String]) -> Result<ChildProcess, ProcessError> {
        let issuer = "https://kubernetes.default.svc.cluster.local";
        let mut command = self.tools.apiserver.command();
        command
            .arg(format!("--etcd-servers=unix://{}", self.etcd_socket()))
            .args(["--bind-address=127.0.0.1", "--authorization-mode=RBAC"])
            .arg(format!("--secure-port={port}"))
            .arg(format!("--cert-dir={}", self.file("apiserver-certificates")))
            .arg(format!(
                "--tls-cert-file={}",
                self.pki.server_certificate.display()
            ))
            .arg(format!(
                "--tls-private-key-file={}",
                self.pki.server_key.display()
            ))
            .arg(format!("--token-auth-file={}", self.file("tokens.csv")))
            .arg(format!("--service-account-issuer={issuer}"))
            .args([
                "--service-cluster-ip-range=10.0.0.0/24",
                "--allow-privileged=true",
            ])
            // There is no network in which a Service could lead to the apiserver.
            .args(["--advertise-address=192.0.2.1", "--endpoint-reconciler-type=none"])
            .arg(format!("--audit-policy-file={}", self.file("audit-policy.yaml")))
            .arg(format!("--audit-log-path={}", self.file("audit.log")))
            // In MiB: never rotated, because readers keep a position in the one file.
            .arg("--audit-log-maxsize=1000000");
        let (sign, check) = (
            self.pki.service_account_key.display(),
            self.pki.service_account_public_key.display(),
        );
        command
            .arg(format!("--service-account-signing-key-file={sign}"))
            .arg(format!("--service-account-key-file={check}"));
        if !self.managed {
            // It would refuse every pod for want of a default ServiceAccount.
            command.arg("--disable-admission-plugins=ServiceAccount");
        }
        let log = self.folder.join("kube-apiserver.log");
        ChildProcess::start("kube-apiserver", command.args(more), &log, None)
    }

    /// kube-controller-manager, if it is to run.
    pub(crate) fn controller_manager(&self, kubeconfig: &Path) -> Result<Option<ChildProcess>, ProcessError> {
        let Some(tool) = self.tools.controller_manager.as_ref().filter(|_| self.managed) else {
            return Ok(None);
        };
        let key = self.pki.service_account_key.display();
        let authority = self.pki.authority.display();
        let mut command = tool.command();
        command
            .arg(format!("--kubeconfig={}", kubeconfig.display()))
            .arg(format!("--controllers={CONTROLLERS}"))
            .args(["--leader-elect=false", "--secure-port=0"])
            .arg("--use-service-account-credentials")
            .arg(format!("--service-account-private-key-file={key}"))
            .arg(format!("--root-ca-file={authority}"));
        let log = self.folder.join("kube-controller-manager.log");
        ChildProcess::start("kube-controller-manager", &mut command, &log, None).map(Some)
    }

    fn etcd_socket(&self) -> String {
        self.file("etcd.sock")
    }

    fn file(&self, name: &str) -> String {
        self.folder.join(name).to_string_lossy().into_owned()
    }
}

/// The passwords of a control plane's own users.
pub(crate) struct Tokens {
    pub admin: String,
    pub controller_manager: String,
}

impl Tokens {
    /// Fresh ones from the system's random numbers.
    pub(crate) fn generate() -> io::Result<Self> {
        Ok(Self {
            admin: random_hex()?,
            controller_manager: random_hex()?,
        })
    }

    /// Writes them for the apiserver, and the admin's for the harness.
    pub(crate) fn write(&self, folder: &Path) -> Result<(), ClusterError> {
        let Self {
            admin,
            controller_manager,
        } = self;
        let user = "system:kube-controller-manager";
        let table = format!("{admin},admin,admin,system:masters\n{controller_manager},{user},{user}\n");
        write_file(&folder.join("tokens.csv"), &table)?;
        write_file(&folder.join("admin.token"), admin)
    }
}

fn random_hex() -> io::Result<String> {
    let mut bytes = [0; 16];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(format!("{:032x}", u128::from_ne_bytes(bytes)))
}

/// A port that nobody listens on at this moment. kube-apiserver can't choose one itself.
pub(crate) fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// Whether a process ended because somebody took its port between the choice and the start.
pub(crate) fn port_was_taken(log: &Path) -> bool {
    let log = fs::read(log).unwrap_or_default();
    String::from_utf8_lossy(&log).contains("address already in use")
}

//! How to use a control plane, whoever started it: its address, kubectl, the API, the audit log.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::audit::{AuditError, AuditEvent, AuditReader};
use crate::discovery::{DiscoveryError, ResourcePaths};
use crate::http::{HttpClient, HttpError};
use crate::kubectl::{Kubectl, KubectlError};
use crate::tools::Tool;
use crate::wait::{TimedOut, wait_for};

/// Why a cluster did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// A file of the cluster could not be read.
    #[error("read {}", path.display())]
    Read {
        /// Its path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file for the cluster could not be written.
    #[error("write {}", path.display())]
    Write {
        /// Its path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file that describes a cluster is not what this version of the harness writes.
    #[error("understand {}", path.display())]
    Parse {
        /// Its path.
        path: PathBuf,
        /// What the parser said.
        source: serde_json::Error,
    },
    /// The apiserver could not be asked, or refused.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// kubectl failed.
    #[error(transparent)]
    Kubectl(#[from] KubectlError),
    /// A kind is unknown to the apiserver.
    #[error(transparent)]
    Discovery(#[from] DiscoveryError),
    /// The audit log could not be read.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// Something did not appear in time.
    #[error(transparent)]
    Late(#[from] TimedOut),
    /// The apiserver's answer lacks a field that the API promises.
    #[error("the answer to {request} has no {field}")]
    Answer {
        /// Method and address.
        request: String,
        /// JSON pointer of the field.
        field: &'static str,
    },
}

/// Where a running control plane is and how to use it. It can be written to a file and used by another
/// process.
#[derive(Serialize, Deserialize)]
pub struct Cluster {
    server: String,
    folder: PathBuf,
    kubectl: Tool,
    controller_manager: bool,
    /// Process groups, in the order in which they are to be stopped.
    pub(crate) processes: Vec<u32>,
    #[serde(skip)]
    api: OnceLock<HttpClient>,
    #[serde(skip)]
    paths: ResourcePaths,
}

impl Cluster {
    pub(crate) fn new(server: String, folder: &Path, kubectl: Tool, managed: bool) -> Self {
        Self {
            server,
            folder: folder.to_owned(),
            kubectl,
            controller_manager: managed,
            processes: Vec::new(),
            api: OnceLock::new(),
            paths: ResourcePaths::default(),
        }
    }

    /// Reads the description that [`Self::write`] left.
    ///
    /// # Errors
    /// [`ClusterError::Read`] or [`ClusterError::Parse`].
    pub fn read(path: &Path) -> Result<Self, ClusterError> {
        let text = fs::read(path).map_err(|source| ClusterError::Read {
            path: path.to_owned(),
            source,
        })?;
        serde_json::from_slice(&text).map_err(|source| ClusterError::Parse {
            path: path.to_owned(),
            source,
        })
    }

    /// Writes a description of the cluster for other processes. It holds no secret itself, but names
    /// the files that do.
    ///
    /// # Errors
    /// [`ClusterError::Write`].
    pub fn write(&self, path: &Path) -> Result<(), ClusterError> {
        let text = serde_json::to_string_pretty(self).map_err(|source| ClusterError::Parse {
            path: path.to_owned(),
            source,
        })?;
        write_file(path, &text)
    }

    /// Address of the apiserver, `https://127.0.0.1:PORT`.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// The folder with its logs, certificates and kubeconfigs.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether a controller manager runs: without one, namespaces never finish deleting, owner
    /// references are not collected and no default `ServiceAccount` appears.
    pub fn has_controller_manager(&self) -> bool {
        self.controller_manager
    }

    /// A kubeconfig in the group `system:masters`, which may do everything.
    pub fn kubeconfig(&self) -> PathBuf {
        self.folder.join("admin.kubeconfig")
    }

    /// PEM certificate of the authority that signed the apiserver's certificate.
    pub fn authority(&self) -> PathBuf {
        self.folder.join("ca.crt")
    }

    /// The apiserver as the admin, for what kubectl is too slow for.
    ///
    /// # Errors
    /// [`ClusterError::Read`] when the cluster's files are gone.
    pub fn api(&self) -> Result<&HttpClient, ClusterError> {
        if let Some(client) = self.api.get() {
            return Ok(client);
        }
        let authority = read_file(&self.authority())?;
        let token = read_file(&self.folder.join("admin.token"))?;
        let client = HttpClient::with_token(&self.server, authority.as_bytes(), &token)?;
        Ok(self.api.get_or_init(|| client))
    }

    /// kubectl as the admin.
    pub fn kubectl_as_admin(&self) -> Kubectl {
        self.kubectl_with(&self.kubeconfig())
    }

    /// kubectl with another kubeconfig.
    pub fn kubectl_with(&self, kubeconfig: &Path) -> Kubectl {
        let cache = self.folder.join("kubectl-cache");
        Kubectl::new(self.kubectl.clone(), kubeconfig.to_owned(), cache)
    }

    /// Runs kubectl as the admin, with `stdin` as its input, and returns what it printed.
    ///
    /// # Errors
    /// [`KubectlError::Failed`] with kubectl's messages when it exits with another status than 0.
    pub fn kubectl(&self, args: &[&str], stdin: &str) -> Result<String, ClusterError> {
        Ok(self.kubectl_as_admin().run(args, stdin)?)
    }

    /// `kubectl apply -f -`.
    ///
    /// # Errors
    /// As [`Self::kubectl`].
    pub fn apply(&self, yaml: &str) -> Result<String, ClusterError> {
        self.kubectl(&["apply", "-f", "-"], yaml)
    }

    /// An object as it is stored, or `None` when there is none. `kind` is anything kubectl takes: kind,
    /// plural, singular or short name, with `.group` where it would be ambiguous. `namespace` is empty
    /// for kinds without one.
    ///
    /// # Errors
    /// [`ClusterError::Discovery`] for an unknown kind, [`ClusterError::Http`] when the apiserver
    /// answers with something else than 200 or 404.
    pub fn get_json(&self, kind: &str, namespace: &str, name: &str) -> Result<Option<Value>, ClusterError> {
        let path = self.path(kind, namespace)?;
        let reply = self.api()?.get(&format!("{path}/{name}"))?;
        if reply.status == 404 {
            return Ok(None);
        }
        Ok(Some(reply.ok()?.json()?))
    }

    /// All objects of a kind in a namespace, or everywhere when `namespace` is empty.
    ///
    /// # Errors
    /// As [`Self::get_json`].
    pub fn list_json(&self, kind: &str, namespace: &str) -> Result<Vec<Value>, ClusterError> {
        let reply = self.api()?.get(&self.path(kind, namespace)?)?.ok()?;
        let mut list = reply.json()?;
        match list["items"].take() {
            Value::Array(items) => Ok(items),
            _ => Err(ClusterError::Answer {
                request: reply.request,
                field: "/items",
            }),
        }
    }

    /// The path of a kind's collection at the apiserver, for use with [`Self::api`].
    ///
    /// # Errors
    /// [`ClusterError::Discovery`] for an unknown kind.
    pub fn path(&self, kind: &str, namespace: &str) -> Result<String, ClusterError> {
        Ok(self.paths.of(self.api()?, kind, namespace)?)
    }

    /// Creates a namespace that no other test has, `<prefix>-<random>`, and returns its name.
    ///
    /// # Errors
    /// [`ClusterError::Http`].
    pub fn namespace(&self, prefix: &str) -> Result<String, ClusterError> {
        let body = json!({"metadata": {"generateName": format!("{prefix}-")}});
        let reply = self.api()?.post("/api/v1/namespaces", &body)?.ok()?;
        let made = reply.json()?;
        text_at(&made, "/metadata/name").ok_or(ClusterError::Answer {
            request: reply.request,
            field: "/metadata/name",
        })
    }

    /// Writes a kubeconfig that acts as a `ServiceAccount`, with a token that is valid for a day, and
    /// returns its path. Waits up to a minute for the `ServiceAccount` to appear.
    ///
    /// # Errors
    /// [`ClusterError::Late`] when there is no such `ServiceAccount`.
    pub fn service_account_kubeconfig(&self, namespace: &str, name: &str) -> Result<PathBuf, ClusterError> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token");
        let body = json!({"spec": {"expirationSeconds": 86_400}});
        let what = format!("a token of the ServiceAccount {namespace}/{name}");
        let api = self.api()?;
        let reply = wait_for(Duration::from_secs(60), &what, || api.post(&path, &body)?.ok())?;
        let token = text_at(&reply.json()?, "/status/token").ok_or(ClusterError::Answer {
            request: reply.request,
            field: "/status/token",
        })?;
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let file = format!("{namespace}.{name}.{}-{count}.kubeconfig", std::process::id());
        let file = self.folder.join(file);
        self.write_kubeconfig(&file, name, &token)?;
        Ok(file)
    }

    pub(crate) fn write_kubeconfig(&self, path: &Path, user: &str, token: &str) -> Result<(), ClusterError> {
        // JSON is YAML.
        let text = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "test", "cluster": {
                "server": self.server,
                "certificate-authority": self.authority(),
            }}],
            "users": [{"name": user, "user": {"token": token}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": user}}],
            "current-context": "test",
        });
        write_file(path, &format!("{text:#}\n"))
    }

    /// Everything in the audit log so far. The apiserver writes a request's line about when it answers,
    /// perhaps a moment later: poll.
    ///
    /// # Errors
    /// [`ClusterError::Audit`].
    pub fn audit(&self) -> Result<Vec<AuditEvent>, ClusterError> {
        Ok(AuditReader::from_start(&self.audit_log()).read()?)
    }

    /// A reader of what is added to the audit log from now on.
    ///
    /// # Errors
    /// [`ClusterError::Audit`].
    pub fn audit_from_now(&self) -> Result<AuditReader, ClusterError> {
        Ok(AuditReader::from_end(&self.audit_log())?)
    }

    fn audit_log(&self) -> PathBuf {
        self.folder.join("audit.log")
    }
}

fn text_at(value: &Value, pointer: &str) -> Option<String> {
    value.pointer(pointer)?.as_str().map(str::to_owned)
}

fn read_file(path: &Path) -> Result<String, ClusterError> {
    fs::read_to_string(path).map_err(|source| ClusterError::Read {
        path: path.to_owned(),
        source,
    })
}

pub(crate) fn write_file(path: &Path, text: &str) -> Result<(), ClusterError> {
    fs::write(path, text).map_err(|source| ClusterError::Write {
        path: path.to_owned(),
        source,
    })
}

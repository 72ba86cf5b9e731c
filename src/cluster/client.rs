//! The client of the apiserver.

use std::path::PathBuf;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use http::{HeaderValue, Request, Response, Uri, header};
use kube::client::{Body, ClientBuilder};
use kube::config::{InferConfigError, KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Config};
use operator_core::address::Apiserver;
use serde::ser::Error as _;
use tower::{Layer, Service};

use crate::cluster::patience::Patience;
use crate::cluster::read_only::ReadOnly;
use crate::leader::{Fence, Leadership};
use crate::server::Readiness;

/// How long a watch is asked to last. Load balancers cut idle connections at 240 s.
pub const WATCH_TIMEOUT: Duration = Duration::from_secs(200);

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long any other request may take until it is answered whole: longer than the apiserver gives it, which is a minute
/// (its `--request-timeout`).
const ANSWERED_WITHIN: Duration = Duration::from_secs(70);
/// Longest silence in an answer; a watch may be silent until its timeout, and a little longer to end.
const READ_TIMEOUT: Duration = Duration::from_secs(230);
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Neither a kubeconfig nor a cluster around.
    #[error("cannot find a cluster: set KUBECONFIG or run inside one")]
    Infer {
        /// What was tried.
        source: InferConfigError,
    },
    /// `KUBECONFIG` is set and cannot be used.
    #[error("cannot use the file that KUBECONFIG names")]
    Kubeconfig {
        /// What is wrong with it.
        source: KubeconfigError,
    },
    /// The file or the context that was named cannot be used.
    #[error("cannot use this kubeconfig and context")]
    Named {
        /// What is wrong with it.
        source: KubeconfigError,
    },
    /// The client cannot be built, for example because a certificate cannot be read.
    #[error("cannot build the client of the apiserver")]
    Build {
        /// What kube says.
        source: Box<kube::Error>,
    },
}

/// Which cluster, and as whom, as a person may say it on a command line; what is unset is as the environment says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Access {
    /// The kubeconfig; unset: `KUBECONFIG`, then `~/.kube/config`, then the cluster around.
    pub kubeconfig: Option<PathBuf>,
    /// The context in it; unset: the current one.
    pub context: Option<String>,
    /// The user to act as.
    pub impersonate: Option<String>,
}

/// A client of the cluster that `KUBECONFIG` names, else of `~/.kube/config`, else of the one around.
///
/// It repeats nothing on its own: a POST that took effect and was answered 504 must not be sent again. What changes
/// something is sent only while `leadership` is held, and in a dry run only if it is an Event. Answers to watches are
/// told to `readiness`. No request is sent yet.
///
/// # Errors
/// [`ClientError`].
pub async fn connect(
    readiness: Arc<Readiness>,
    leadership: Leadership,
    dry_run: bool,
) -> Result<Client, ClientError> {
    let builder = ClientBuilder::try_from(tuned(load(&Access::default()).await?)).map_err(unbuildable)?;
    let builder = builder
        .with_layer(&Fence(leadership))
        .with_layer(&Patience(ANSWERED_WITHIN));
    let pulse = PulseLayer(readiness);
    if dry_run {
        return Ok(builder.with_layer(&ReadOnly::Events).with_layer(&pulse).build());
    }
    Ok(builder.with_layer(&pulse).build())
}

/// A second client, with connections of its own, for the Lease and nothing else: it has to be written by who does not
/// lead, and must not wait behind what the controllers send.
///
/// # Errors
/// [`ClientError`].
pub async fn connect_for_lease(patience: Duration) -> Result<Client, ClientError> {
    let config = patient(tuned(load(&Access::default()).await?), patience);
    Ok(ClientBuilder::try_from(config).map_err(unbuildable)?.build())
}

/// One for a person's commands: with the person's rights, and as patient. It repeats nothing either.
///
/// # Errors
/// [`ClientError`].
pub async fn connect_for_person(access: &Access, patience: Duration) -> Result<Client, ClientError> {
    let config = patient(tuned(load(access).await?), patience);
    Ok(ClientBuilder::try_from(config).map_err(unbuildable)?.build())
}

/// A third one, for whoever only wants to know how things are: what would change something does not leave it.
///
/// # Errors
/// [`ClientError`].
pub async fn connect_to_look(access: &Access, patience: Duration) -> Result<Client, ClientError> {
    let config = patient(tuned(load(access).await?), patience);
    let builder = ClientBuilder::try_from(config).map_err(unbuildable)?;
    Ok(builder.with_layer(&ReadOnly::Questions).build())
}

fn patient(mut config: Config, patience: Duration) -> Config {
    config.connect_timeout = Some(patience);
    config.read_timeout = Some(patience);
    config.write_timeout = Some(patience);
    config
}

fn unbuildable(source: kube::Error) -> ClientError {
    ClientError::Build {
        source: Box::new(source),
    }
}

/// Where the API server is, as far as the operator can know: what its client is configured with, and the cluster IP that
/// every pod is told.
///
/// # Errors
/// [`ClientError`].
pub async fn apiserver(access: &Access) -> Result<Apiserver, ClientError> {
    let address = load(access).await?.cluster_url;
    let mut apiserver = Apiserver::default();
    if let Some(host) = address.host() {
        let plain = address.scheme_str() == Some("http");
        apiserver.add(host, address.port_u16().unwrap_or(if plain { 80 } else { 443 }));
    }
    if let Ok(cluster_ip) = std::env::var("KUBERNETES_SERVICE_HOST") {
        apiserver.add_cluster_ip(&cluster_ip);
    }
    Ok(apiserver)
}

/// The error without any piece of the answer: serde quotes the value that it did not expect, which in an answer about
/// a Secret may be the secret.
pub fn without_answer(error: kube::Error) -> kube::Error {
    match error {
        kube::Error::SerdeError(error) => {
            let kind = match error.classify() {
                serde_json::error::Category::Io => "it could not be read",
                serde_json::error::Category::Syntax => "it is not JSON",
                serde_json::error::Category::Data => "it is JSON of another shape",
                serde_json::error::Category::Eof => "it is cut off",
            };
            kube::Error::SerdeError(serde_json::Error::custom(kind))
        }
        kube::Error::FromUtf8(_) => kube::Error::SerdeError(serde_json::Error::custom("it is not UTF-8")),
        error => error,
    }
}

async fn load(access: &Access) -> Result<Config, ClientError> {
    let mut config = find(access).await?;
    if let Some(user) = &access.impersonate {
        config.auth_info.impersonate = Some(user.clone());
    }
    Ok(config)
}

async fn find(access: &Access) -> Result<Config, ClientError> {
    if access.kubeconfig.is_some() || access.context.is_some() {
        let named = |source| ClientError::Named { source };
        let file = match &access.kubeconfig {
            Some(path) => Kubeconfig::read_from(path),
            None => Kubeconfig::read(),
        };
        let options = KubeConfigOptions {
            context: access.context.clone(),
            ..KubeConfigOptions::default()
        };
        return Config::from_custom_kubeconfig(file.map_err(named)?, &options)
            .await
            .map_err(named);
    }
    // A named file that cannot be read must not silently become "the cluster around".
    if std::env::var_os("KUBECONFIG").is_some_and(|value| !value.is_empty()) {
        return Config::from_kubeconfig(&KubeConfigOptions::default())
            .await
            .map_err(|source| ClientError::Kubeconfig { source });
    }
    Config::infer()
        .await
        .map_err(|source| ClientError::Infer { source })
}

fn tuned(mut config: Config) -> Config {
    config.default_retry = false;
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    config.read_timeout = Some(READ_TIMEOUT);
    config.write_timeout = Some(WRITE_TIMEOUT);
    // Without it the time that a pooled connection lay idle counts against the next answer.
    config.reset_reader_on_write = true;
    // kube takes the environment's proxy for the apiserver; the operator asks no proxy variables. One that the
    // kubeconfig names stays, and is refused when the client is built.
    if config.proxy_url.is_some() && config.proxy_url == environment_proxy() {
        config.proxy_url = None;
    }
    config.headers.push((header::USER_AGENT, USER_AGENT));
    config
}

/// The proxy that kube falls back to where a kubeconfig names none.
fn environment_proxy() -> Option<Uri> {
    ["HTTPS_PROXY", "https_proxy"]
        .into_iter()
        .filter_map(|name| std::env::var(name).ok())
        .find(|value| !value.is_empty())?
        .parse()
        .ok()
}

const USER_AGENT: HeaderValue =
    HeaderValue::from_static(concat!("webhook-operator/", env!("CARGO_PKG_VERSION")));

/// Tells [`Readiness`] when a watch was answered.
struct PulseLayer(Arc<Readiness>);

impl<S> Layer<S> for PulseLayer {
    type Service = Pulse<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Pulse {
            inner,
            readiness: Arc::clone(&self.0),
        }
    }
}

struct Pulse<S> {
    inner: S,
    readiness: Arc<Readiness>,
}

impl<S, B> Service<Request<Body>> for Pulse<S>
where
    S: Service<Request<Body>, Response = Response<B>>,
    S::Future: Send + 'static,
    S::Error: 'static,
    B: 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<S::Response, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let watch = watched(request.uri());
        let answer = self.inner.call(request);
        let readiness = Arc::clone(&self.readiness);
        Box::pin(async move {
            let answer = answer.await?;
            if let Some(watch) = watch.filter(|_| answer.status().is_success()) {
                readiness.watch_answered(&watch, Instant::now());
            }
            Ok(answer)
        })
    }
}

/// What a watch is about: `webhooksubscriptions`, or `secrets in team-a`; `None` for any other request.
pub(super) fn watched(uri: &Uri) -> Option<String> {
    let mut pairs = uri.query()?.split('&');
    if !pairs.any(|pair| matches!(pair, "watch=true" | "watch=1")) {
        return None;
    }
    let mut segments = uri.path().rsplit('/');
    let resource = segments.next()?;
    let namespace = segments.next()?;
    Some(match segments.next() {
        Some("namespaces") => format!("{resource} in {namespace}"),
        _ => resource.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::http::StatusCode;
    use axum::routing::get;
    use kube::Api;
    use kube::api::WatchParams;

    use super::*;
    use crate::api::v1alpha1::WebhookSubscription;

    #[test]
    fn a_watch_is_named_by_its_resource_and_namespace() {
        let name = |uri: &str| watched(&uri.parse().unwrap());
        let all = "/apis/webhook-operator.io/v1alpha1/webhooksubscriptions?&watch=true&timeoutSeconds=200";
        assert_eq!(name(all).as_deref(), Some("webhooksubscriptions"));
        let one = "https://10.0.0.1/api/v1/namespaces/team-a/secrets?watch=1";
        assert_eq!(name(one).as_deref(), Some("secrets in team-a"));
        assert_eq!(name("/api/v1/secrets?limit=500"), None);
        assert_eq!(name("/api/v1/secrets"), None);
        assert_eq!(name("/api/v1/secrets?labelSelector=watch%3Dtrue"), None);
    }

    async fn pulse_of_a_watch_answered_with(status: StatusCode) -> bool {
        let path = "/apis/webhook-operator.io/v1alpha1/webhooksubscriptions";
        let apiserver = Router::new().route(path, get(move || async move { (status, "") }));
        let readiness = Arc::new(Readiness::new());
        let client = ClientBuilder::new(apiserver, "default")
            .with_layer(&PulseLayer(Arc::clone(&readiness)))
            .build();
        let objects: Api<WebhookSubscription> = Api::all(client);
        let answered = objects.watch(&WatchParams::default(), "0").await.is_ok();
        assert_eq!(answered, status.is_success());
        let later = Instant::now() + Duration::from_mins(1);
        readiness
            .stale_watches(later, Duration::ZERO)
            .iter()
            .any(|(watch, _)| watch == "webhooksubscriptions")
    }

    #[tokio::test]
    async fn an_answered_watch_is_a_pulse_and_a_refused_one_is_not() {
        assert!(pulse_of_a_watch_answered_with(StatusCode::OK).await);
        assert!(!pulse_of_a_watch_answered_with(StatusCode::SERVICE_UNAVAILABLE).await);
        assert!(!pulse_of_a_watch_answered_with(StatusCode::FORBIDDEN).await);
    }

    #[test]
    fn an_error_about_an_answer_quotes_nothing_of_it() {
        let wrong =
            serde_json::from_str::<std::collections::BTreeMap<String, u8>>(r#"{"a": "canary"}"#).unwrap_err();
        let before = kube::Error::SerdeError(wrong);
        assert!(format!("{before:?}").contains("canary"), "{before:?}");
        let after = without_answer(before);
        assert!(!format!("{after:?}").contains("canary"), "{after:?}");
        let bytes = String::from_utf8(b"canary\xff".to_vec()).unwrap_err();
        let after = without_answer(kube::Error::FromUtf8(bytes));
        assert!(!format!("{after:?}").contains("99, 97"), "{after:?}");
    }

    #[test]
    fn the_client_repeats_nothing_and_outlasts_a_watch() {
        let config = tuned(Config::new("https://127.0.0.1:6443".parse().unwrap()));
        assert!(!config.default_retry);
        assert!(config.read_timeout.unwrap() > WATCH_TIMEOUT);
        assert!(config.connect_timeout.is_some() && config.write_timeout.is_some());
    }
}

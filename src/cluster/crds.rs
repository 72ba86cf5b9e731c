//! Are the kinds there? The operator never creates them: whoever installs it does.

use std::time::Duration;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::APIResource;
use kube::{Api, Client};
use tokio::time::Instant;

use crate::api::{GROUP, VERSION};
use crate::server::Readiness;

/// The gate of [`Readiness`] that opens when the kinds are served.
pub const CRDS_GATE: &str = "crds";

const SUBSCRIPTIONS: &str = "webhooksubscriptions";
const PROVIDERS: &str = "webhookproviders";
const CLUSTER_PROVIDERS: &str = "clusterwebhookproviders";

const FIRST_POLL: Duration = Duration::from_millis(500);
const SLOWEST_POLL: Duration = Duration::from_secs(10);
const LOG_EVERY: Duration = Duration::from_mins(1);

/// Why it is unknown whether the kinds are being deleted.
#[derive(Debug, thiserror::Error)]
pub enum CrdLookupError {
    /// The definition cannot be read.
    #[error("cannot read the CustomResourceDefinition of {SUBSCRIPTIONS}")]
    Definition {
        /// What the apiserver says.
        source: Box<kube::Error>,
    },
    /// Discovery cannot be asked.
    #[error("cannot ask which kinds of {GROUP}/{VERSION} are served")]
    Discovery {
        /// What the apiserver says.
        source: Box<kube::Error>,
    },
}

/// Waits until the kinds that this install needs are served, for as long as it takes; meanwhile the gate
/// [`CRDS_GATE`] says what is missing, and so does the log, at once and then every minute.
///
/// A `namespaced` install does without `ClusterWebhookProvider`, which `readiness` then notes. An apiserver that
/// does not answer, or refuses, is waited for in the same way.
pub async fn wait_for_crds(client: &Client, namespaced: bool, readiness: &Readiness) {
    readiness.require(CRDS_GATE);
    let mut needed = vec![SUBSCRIPTIONS, PROVIDERS];
    if namespaced {
        readiness.note("not watched: ClusterWebhookProvider, because of --watch-namespace");
    } else {
        needed.push(CLUSTER_PROVIDERS);
    }
    let mut pause = FIRST_POLL;
    let mut logged: Option<Instant> = None;
    while let Some(missing) = missing(client, &needed).await {
        if logged.is_none_or(|at| at.elapsed() >= LOG_EVERY) {
            tracing::warn!(%missing, "waiting for the custom resource definitions");
            logged = Some(Instant::now());
        }
        readiness.close(CRDS_GATE, missing);
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(SLOWEST_POLL);
    }
    if logged.is_some() {
        tracing::info!("the custom resource definitions are there");
    }
    readiness.open(CRDS_GATE);
}

/// What is missing of `needed` and what to do, in one line.
async fn missing(client: &Client, needed: &[&str]) -> Option<String> {
    match served(client).await {
        Ok(served) => {
            let absent: Vec<&str> = needed
                .iter()
                .copied()
                .filter(|name| !served.iter().any(|resource| resource.name == *name))
                .collect();
            (!absent.is_empty()).then(|| {
                format!(
                    "not installed: {}; apply the files in crds/ of this release",
                    absent.join(", ")
                )
            })
        }
        Err(error) => Some(format!(
            "the apiserver does not say which kinds it serves: {}",
            brief(&error)
        )),
    }
}

/// One line about an error of the apiserver, with nothing of an answer in it but the apiserver's own message.
pub fn brief(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => format!("{} {}", status.code, status.message),
        other => other.to_string(),
    }
}

/// What discovery says is served of our group and version; nothing where the group is unknown.
///
/// # Errors
/// What the apiserver says.
pub async fn served(client: &Client) -> Result<Vec<APIResource>, kube::Error> {
    match client
        .list_api_group_resources(&format!("{GROUP}/{VERSION}"))
        .await
    {
        Ok(list) => Ok(list.resources),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Whether the definition of `WebhookSubscription` is being deleted, or is gone, so that deletions of objects may be
/// nobody's wish. Asks for the definition itself; a `namespaced` install has no right to, and asks discovery at once,
/// as any other does where it is refused: the apiserver stops offering `create` for a kind whose definition is being
/// deleted.
///
/// # Errors
/// [`CrdLookupError`]: it is unknown, and nothing irreversible should be done.
pub async fn crd_terminating(client: &Client, namespaced: bool) -> Result<bool, CrdLookupError> {
    if namespaced {
        return no_longer_created(client).await;
    }
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    match definitions
        .get_metadata(&format!("{SUBSCRIPTIONS}.{GROUP}"))
        .await
    {
        Ok(definition) => Ok(definition.metadata.deletion_timestamp.is_some()),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(true),
        Err(kube::Error::Api(status)) if status.code == 403 => no_longer_created(client).await,
        Err(source) => Err(CrdLookupError::Definition {
            source: Box::new(source),
        }),
    }
}

/// Whether discovery has stopped to offer the creation of subscriptions.
async fn no_longer_created(client: &Client) -> Result<bool, CrdLookupError> {
    let served = served(client).await.map_err(|source| CrdLookupError::Discovery {
        source: Box::new(source),
    })?;
    let creates =
        |kind: &APIResource| kind.name == SUBSCRIPTIONS && kind.verbs.iter().any(|verb| verb == "create");
    Ok(!served.iter().any(creates))
}

#[cfg(test)]
mod tests;

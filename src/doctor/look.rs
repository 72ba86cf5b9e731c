//! The looking: everything that is asked of the cluster and of the network.

use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, stream};
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use kube::api::{ApiResource, DynamicObject, ListParams, PostParams};
use kube::{Api, Client, Resource};
use operator_core::address::Scope;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::report::Report;
use super::rights::{Place, Right};
use super::{election, endpoints, kinds, rights};
use crate::api::v1alpha1::{ClusterWebhookProvider, WebhookProvider, WebhookProviderSpec};
use crate::api::{GROUP, VERSION};
use crate::cluster::{self, Access, ClientError};
use crate::config::{Config, ElectionConfig};
use crate::controller;
use crate::crd::{self, CrdError};
use crate::leader;
use crate::provider::http::{Connection, ReachError, Rules, System, reach};

/// How long one answer of the apiserver may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How many questions are asked, and how many providers are tried, at once.
const AT_ONCE: usize = 8;
/// Objects a page.
const PAGE: u32 = 500;

/// Why nothing could be looked at.
#[derive(Debug, thiserror::Error)]
pub enum DoctorError {
    /// The client of the apiserver.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The apiserver does not answer, or does not know the caller.
    #[error("the apiserver does not answer: {why}")]
    Apiserver {
        /// In one line.
        why: String,
    },
    /// The definitions of this build.
    #[error(transparent)]
    Definitions(#[from] CrdError),
    /// The rules of this build.
    #[error("the rules of this build cannot be read")]
    Rules {
        /// What the parser says.
        source: Box<serde_saphyr::Error>,
    },
}

/// Looks at what an operator with this configuration needs, with the rights of whoever asks, in the cluster that `access`
/// names.
///
/// Nothing is written anywhere. A provider sees a connection, and no request. It takes as long as the leader takes to
/// renew its Lease, at most the Lease's duration.
///
/// # Errors
/// [`DoctorError`]: nothing could be looked at. What could not be looked at alone is a failed check.
pub async fn examine(config: &Config, access: &Access) -> Result<Report, DoctorError> {
    let client = cluster::connect_to_look(access, PATIENCE).await?;
    client
        .apiserver_version()
        .await
        .map_err(|error| DoctorError::Apiserver {
            why: cluster::brief(&error),
        })?;
    let rules = Rules {
        private_endpoints: config.private_endpoints,
        allow_insecure_http: config.allow_insecure_http,
        proxy: config.provider_proxy.clone(),
        apiserver: Arc::new(cluster::apiserver(access).await?),
        network: Arc::new(System),
    };
    let wanted = rights::wanted(config).map_err(|source| DoctorError::Rules {
        source: Box::new(source),
    })?;
    let (kinds_seen, rights_seen, reached, leader) = tokio::join!(
        look_at_kinds(&client, config.is_namespaced()),
        look_at_rights(&client, wanted),
        look_at_endpoints(&client, config, &rules),
        look_at_lease(&client, config.election.as_ref(), &config.operator_namespace),
    );
    let mut checks: Vec<_> = kinds_seen?.iter().map(kinds::judge).collect();
    checks.extend(rights::judge(&rights_seen));
    for (place, listed, objects) in &reached {
        checks.extend(endpoints::judge_list(place, listed));
        checks.extend(objects.iter().map(endpoints::judge));
    }
    let lease = config.election.as_ref().map_or("none".to_owned(), |election| {
        format!("Lease {}/{}", config.operator_namespace, election.lease_name)
    });
    checks.push(election::judge(&leader, &lease));
    Ok(Report::new(checks))
}

async fn look_at_kinds(client: &Client, namespaced: bool) -> Result<Vec<kinds::Seen>, CrdError> {
    let served = cluster::served(client).await;
    let schemas = schemas(client).await;
    let mut seen = Vec::new();
    for definition in crd::definitions()? {
        let names = &definition.spec.names;
        if namespaced && definition.spec.scope == "Cluster" {
            continue;
        }
        let found = match (&served, &schemas) {
            (Err(error), _) => kinds::Found::Unknown(cluster::brief(error)),
            (Ok(served), schemas) => match served.iter().find(|kind| kind.name == names.plural) {
                None => kinds::Found::Missing,
                Some(kind) => match schemas {
                    Err(why) => kinds::Found::Unknown(why.clone()),
                    Ok(schemas) => kinds::Found::Served {
                        creates: kind.verbs.iter().any(|verb| verb == "create"),
                        schema: schema_of(schemas, &names.kind),
                    },
                },
            },
        };
        let schema = definition
            .spec
            .versions
            .iter()
            .find(|version| version.name == VERSION);
        let schema = schema.and_then(|version| version.schema.as_ref()?.open_api_v3_schema.as_ref());
        seen.push(kinds::Seen {
            name: format!("{}.{GROUP}", names.plural),
            ours: serde_json::to_value(schema).map_err(|source| CrdError::Adjust {
                name: names.plural.clone(),
                source,
            })?,
            found,
        });
    }
    Ok(seen)
}

/// What the apiserver publishes of our group and version; empty where it knows none.
async fn schemas(client: &Client) -> Result<Value, String> {
    let path = format!("/openapi/v3/apis/{GROUP}/{VERSION}");
    let request = http::Request::get(path)
        .body(Vec::new())
        .map_err(|error| error.to_string())?;
    match client.request::<Value>(request).await {
        Ok(document) => Ok(document),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(Value::Null),
        Err(error) => Err(format!(
            "the apiserver does not publish its schemas: {}",
            cluster::brief(&error)
        )),
    }
}

fn schema_of(document: &Value, kind: &str) -> Option<Value> {
    let all = document["components"]["schemas"].as_object()?;
    let is_it = |schema: &&Value| {
        let kinds = schema["x-kubernetes-group-version-kind"].as_array();
        kinds.is_some_and(|kinds| {
            kinds
                .iter()
                .any(|one| one["group"] == GROUP && one["version"] == VERSION && one["kind"] == kind)
        })
    };
    all.values().find(is_it).cloned()
}

async fn look_at_rights(client: &Client, wanted: Vec<Right>) -> Vec<rights::Seen> {
    let questions: Api<SelfSubjectAccessReview> = Api::all(client.clone());
    stream::iter(wanted)
        .map(|right| {
            let questions = questions.clone();
            async move {
                let answer = questions.create(&PostParams::default(), &question(&right)).await;
                let answer = answer
                    .map(|review| review.status.is_some_and(|status| status.allowed))
                    .map_err(|error| cluster::brief(&error));
                (right, answer)
            }
        })
        .buffered(AT_ONCE)
        .collect()
        .await
}

fn question(right: &Right) -> SelfSubjectAccessReview {
    let (resource, sub) = right.split();
    SelfSubjectAccessReview {
        spec: SelfSubjectAccessReviewSpec {
            resource_attributes: Some(ResourceAttributes {
                group: Some(right.group.clone()),
                resource: Some(resource.to_owned()),
                subresource: sub.map(str::to_owned),
                verb: Some(right.verb.clone()),
                name: right.name.clone(),
                namespace: match &right.place {
                    Place::Everywhere => None,
                    Place::Namespace(name) => Some(name.clone()),
                },
                ..ResourceAttributes::default()
            }),
            ..SelfSubjectAccessReviewSpec::default()
        },
        ..SelfSubjectAccessReview::default()
    }
}

/// Objects of a kind: where they were looked for, how many there are, and what came of each.
type Reached = (String, Result<usize, String>, Vec<endpoints::Seen>);

async fn look_at_endpoints(client: &Client, config: &Config, rules: &Rules) -> Vec<Reached> {
    let tenants = ApiResource::erase::<WebhookProvider>(&());
    let mut lists: Vec<(String, ApiResource, Api<DynamicObject>, Scope)> = Vec::new();
    if config.is_namespaced() {
        for namespace in &config.watch_namespaces {
            let api = Api::namespaced_with(client.clone(), namespace, &tenants);
            lists.push((
                format!("{} in namespace {namespace}", tenants.kind),
                tenants.clone(),
                api,
                Scope::Namespaced,
            ));
        }
    } else {
        let shared = ApiResource::erase::<ClusterWebhookProvider>(&());
        for (kind, scope) in [(tenants, Scope::Namespaced), (shared, Scope::Cluster)] {
            let api = Api::all_with(client.clone(), &kind);
            lists.push((kind.kind.clone(), kind, api, scope));
        }
    }
    let mut all = Vec::new();
    for (place, kind, api, scope) in lists {
        match list(&api).await {
            Err(error) => all.push((place, Err(cluster::brief(&error)), Vec::new())),
            Ok(objects) => {
                let count = objects.len();
                let home = &config.operator_namespace;
                let seen = stream::iter(objects)
                    .map(|object| look_at_endpoint(client, rules, home, &kind.kind, object, scope))
                    .buffered(AT_ONCE)
                    .collect()
                    .await;
                all.push((place, Ok(count), seen));
            }
        }
    }
    all
}

async fn list(api: &Api<DynamicObject>) -> Result<Vec<DynamicObject>, kube::Error> {
    let mut params = ListParams::default().limit(PAGE);
    let mut all = Vec::new();
    loop {
        let page = match api.list(&params).await {
            // Without the kind there is no object of it.
            Err(kube::Error::Api(status)) if status.code == 404 => return Ok(all),
            page => page?,
        };
        all.extend(page.items);
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params = params.continue_token(&token),
            None => return Ok(all),
        }
    }
}

async fn look_at_endpoint(
    client: &Client,
    rules: &Rules,
    home: &str,
    kind: &str,
    object: DynamicObject,
    scope: Scope,
) -> endpoints::Seen {
    let name = object.meta().name.clone().unwrap_or_default();
    let namespace = object.meta().namespace.clone();
    let mut seen = endpoints::Seen {
        object: match &namespace {
            Some(namespace) => format!("{kind} {namespace}/{name}"),
            None => format!("{kind} {name}"),
        },
        endpoint: String::new(),
        found: endpoints::Found::Reached,
    };
    let Ok(spec) = serde_json::from_value::<WebhookProviderSpec>(object.data["spec"].clone()) else {
        // The parser's text may quote what it did not expect.
        let why = "spec cannot be read by this version; see the object's conditions, or the definition above";
        seen.found = endpoints::Found::Unusable(why.to_owned());
        return seen;
    };
    let egress = rules.of(scope);
    let endpoint = match controller::endpoint(&spec, &egress) {
        Ok(endpoint) => endpoint,
        Err(problem) => {
            seen.found = endpoints::Found::Unusable(problem.message);
            return seen;
        }
    };
    endpoint.as_str().clone_into(&mut seen.endpoint);
    let ca_bundle = match controller::ca_bundle(client, &spec, namespace.as_deref().unwrap_or(home)).await {
        Ok(Ok(ca_bundle)) => ca_bundle,
        Ok(Err(problem)) => {
            seen.found = endpoints::Found::Unusable(problem.message);
            return seen;
        }
        Err(error) => {
            let why = format!(
                "spec.caBundleRef: {}",
                cluster::brief(&cluster::without_answer(error))
            );
            seen.found = endpoints::Found::Unreadable(why);
            return seen;
        }
    };
    let connection = Connection {
        ca_bundle,
        ..Connection::new(endpoint, egress)
    };
    seen.found = match reach(connection).await {
        Ok(()) => endpoints::Found::Reached,
        Err(ReachError::Build(error)) => endpoints::Found::Unusable(error.to_string()),
        Err(ReachError::Connect(error)) => endpoints::Found::Unreached(error.to_string()),
    };
    seen
}

async fn look_at_lease(
    client: &Client,
    election: Option<&ElectionConfig>,
    namespace: &str,
) -> election::Seen {
    let Some(config) = election else {
        return election::Seen::None;
    };
    let read = || leader::read_lease(client.clone(), namespace, &config.lease_name);
    let begun = Instant::now();
    let mut first = None;
    loop {
        let last = match read().await {
            Ok(record) => record,
            Err(error) => return election::Seen::Unreadable(cluster::brief(&error)),
        };
        let known = first.get_or_insert_with(|| last.clone()).clone();
        let patience = last.as_ref().and_then(|record| record.duration);
        let watched = begun.elapsed();
        let over = watched >= patience.unwrap_or_default().max(config.terms.duration());
        if over || election::settled(known.as_ref(), last.as_ref()) {
            return election::Seen::Lease {
                first: known,
                last,
                watched,
            };
        }
        sleep(config.terms.retry_period() / 2).await;
    }
}

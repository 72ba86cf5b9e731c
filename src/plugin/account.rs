//! An account at a provider, reached from where the person is: the adapter of the operator, with the rules of the
//! operator about addresses.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::{ApiResource, DynamicObject};
use operator_core::address::Scope;
use operator_core::hash::HashKey;
use secrecy::SecretString;

use super::args::AccountArgs;
use super::error::PluginError;
use super::session::Session;
use crate::api::v1alpha1::{
    ClusterWebhookProvider, ProviderKind, ProviderRef, WebhookProvider, WebhookProviderSpec,
};
use crate::controller::{self, Standing};
use crate::provider::http::{Connection, Rules, System};
use crate::provider::{Adapter, ProviderError};
use crate::{cluster, config};

/// A provider object that can be spoken to.
#[derive(Debug)]
pub(super) struct Account {
    /// Kind, namespace and name.
    pub(super) what: String,
    pub(super) spec: WebhookProviderSpec,
    pub(super) adapter: Adapter,
    /// What its object says about changes.
    pub(super) standing: Standing,
    /// Where contents must differ.
    pub(super) realm: String,
    rules: Rules,
}

impl Account {
    /// Reads a provider object and its credential, as the person who asks. Opens no connection.
    ///
    /// # Errors
    /// [`PluginError`]: a right is missing, or something of the object cannot be used. No text holds the credential.
    pub(super) async fn open(
        session: &Session,
        args: &AccountArgs,
        (kind, name): (&str, &str),
        namespace: &str,
        hash_key: &Arc<HashKey>,
    ) -> Result<Self, PluginError> {
        let (object, what) = provider_object(session, (kind, name), namespace).await?;
        let (home, scope) = match kind {
            "ClusterWebhookProvider" => (args.operator_namespace.as_str(), Scope::Cluster),
            _ => (namespace, Scope::Namespaced),
        };
        // The parser's text may quote what it did not expect.
        let unreadable = |_| PluginError::Unfit(format!("{what}: this version cannot read its spec"));
        let spec: WebhookProviderSpec =
            serde_json::from_value(object.data["spec"].clone()).map_err(unreadable)?;
        let unusable = |message: &str| PluginError::Unfit(format!("{what}: {message}"));
        let rules = Rules {
            private_endpoints: args.reach.private_endpoints.into(),
            allow_insecure_http: args.reach.allow_insecure_http,
            apiserver: Arc::new(cluster::apiserver(&session.access).await?),
            network: Arc::new(System),
            proxy: config::provider_proxy(args.reach.provider_proxy.as_ref())?,
        };
        let egress = rules.of(scope);
        let endpoint = controller::endpoint(&spec, &egress).map_err(|problem| unusable(&problem.message))?;
        let bundle = controller::ca_bundle(&session.client, &spec, home).await;
        let bundle = bundle.map_err(|error| {
            PluginError::of(
                error,
                "get",
                format!("the ConfigMap of spec.caBundleRef of {what}"),
            )
        })?;
        let ca_bundle = bundle.map_err(|problem| unusable(&problem.message))?;
        let credential = credential(session, &spec, home).await?;
        let reference = ProviderRef {
            kind: Some(match scope {
                Scope::Cluster => ProviderKind::ClusterWebhookProvider,
                Scope::Namespaced => ProviderKind::WebhookProvider,
            }),
            name: name.to_owned(),
        };
        let standing = Standing::of(&reference, namespace, &spec, &object);
        let realm = controller::realm(&spec, &endpoint);
        let connection = Connection {
            ca_bundle,
            ..Connection::new(endpoint, egress)
        };
        let adapter = controller::adapter(&spec, connection, credential, hash_key);
        let adapter = adapter.map_err(|problem| unusable(&problem.message))?;
        Ok(Self {
            what,
            spec,
            adapter,
            standing,
            realm,
            rules,
        })
    }

    /// Where contents must differ for the objects of another provider object, as far as that can be told: it may be the
    /// same place.
    pub(super) async fn realm_of(
        &self,
        session: &Session,
        (kind, name): (&str, &str),
        namespace: &str,
    ) -> Option<String> {
        let (object, _) = provider_object(session, (kind, name), namespace).await.ok()?;
        let spec: WebhookProviderSpec = serde_json::from_value(object.data["spec"].clone()).ok()?;
        let scope = match kind {
            "ClusterWebhookProvider" => Scope::Cluster,
            _ => Scope::Namespaced,
        };
        let endpoint = controller::endpoint(&spec, &self.rules.of(scope)).ok()?;
        Some(controller::realm(&spec, &endpoint))
    }

    /// What a request came to.
    ///
    /// # Errors
    /// [`PluginError::Provider`], which names the account.
    pub(super) fn answered<T>(&self, answer: Result<T, ProviderError>) -> Result<T, PluginError> {
        answer.map_err(|source| PluginError::Provider {
            what: self.what.clone(),
            source,
        })
    }
}

/// A provider object as it is, and its kind, namespace and name.
async fn provider_object(
    session: &Session,
    (kind, name): (&str, &str),
    namespace: &str,
) -> Result<(DynamicObject, String), PluginError> {
    let (api, what): (Api<DynamicObject>, _) = if kind == "ClusterWebhookProvider" {
        let kind = ApiResource::erase::<ClusterWebhookProvider>(&());
        let api = Api::all_with(session.client.clone(), &kind);
        (api, format!("ClusterWebhookProvider {name}"))
    } else {
        let kind = ApiResource::erase::<WebhookProvider>(&());
        let api = Api::namespaced_with(session.client.clone(), namespace, &kind);
        (api, format!("WebhookProvider {namespace}/{name}"))
    };
    let object = api.get(name).await;
    let object = object.map_err(|error| PluginError::of(error, "get", what.as_str()))?;
    Ok((object, what))
}

/// The credential that the operator would use.
async fn credential(
    session: &Session,
    spec: &WebhookProviderSpec,
    namespace: &str,
) -> Result<SecretString, PluginError> {
    let reference = &spec.credentials.secret_ref;
    let what = format!("Secret {namespace}/{}", reference.name);
    let api: Api<Secret> = Api::namespaced(session.client.clone(), namespace);
    let secret = api.get(&reference.name).await;
    let secret = secret.map_err(|error| PluginError::of(error, "get", what.as_str()))?;
    let data = secret.data.unwrap_or_default();
    let value = data.get(&reference.key);
    let value = value.ok_or_else(|| PluginError::Unfit(format!("{what} has no key {}", reference.key)))?;
    controller::secret_value(&value.0)
        .map_err(|fault| PluginError::Unfit(format!("{what}: key {} {fault}", reference.key)))
}

/// A key for digests that are compared with each other and with nothing that is stored.
///
/// # Errors
/// [`PluginError::Unfit`]: the system gives no random bytes.
pub(super) fn passing_key() -> Result<Arc<HashKey>, PluginError> {
    let key = cluster::passing_hash_key();
    key.map(Arc::new)
        .map_err(|_| PluginError::Unfit("the system gives no random bytes".to_owned()))
}

//! The cluster, as the person who asks may see and change it.

use std::collections::BTreeMap;
use std::time::Duration;

use kube::api::{ApiResource, DynamicObject, ListParams, Patch, PatchParams};
use kube::{Api, Client};
use operator_core::names::ObjectName;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::args::Global;
use super::error::PluginError;
use super::object::Subscription;
use crate::api::v1alpha1::WebhookSubscription;
use crate::cluster::{self, Access};

/// The manager's name in `managedFields` of what the plugin writes.
const FIELD_MANAGER: &str = "kubectl-webhooks";
/// Objects a page.
const PAGE: u32 = 500;
/// How often an object is looked at that is waited for; each look waits twice as long as the one before, up to the other.
const FIRST_LOOK: Duration = Duration::from_millis(200);
const SLOWEST_LOOK: Duration = Duration::from_secs(2);

/// A client and what the flags say.
pub(super) struct Session {
    pub(super) client: Client,
    pub(super) access: Access,
    pub(super) namespace: String,
    pub(super) timeout: Duration,
}

/// What a look at an object came to.
pub(super) enum Look<T> {
    /// It is as it should be.
    There(T),
    /// Not yet; how it is.
    NotYet(String),
}

impl Session {
    /// Finds the cluster. Nothing is sent yet.
    ///
    /// # Errors
    /// [`PluginError::Client`].
    pub(super) async fn open(global: &Global) -> Result<Self, PluginError> {
        let access = Access {
            kubeconfig: global.kubeconfig.clone(),
            context: global.context.clone(),
            impersonate: global.impersonate.clone(),
        };
        let client = cluster::connect_for_person(&access, global.timeout).await?;
        let namespace = global.namespace.clone();
        Ok(Self {
            namespace: namespace.unwrap_or_else(|| client.default_namespace().to_owned()),
            client,
            access,
            timeout: global.timeout,
        })
    }

    fn subscriptions(&self) -> Api<DynamicObject> {
        let kind = ApiResource::erase::<WebhookSubscription>(&());
        Api::namespaced_with(self.client.clone(), &self.namespace, &kind)
    }

    fn what(&self, name: &str) -> String {
        format!("WebhookSubscription {}/{name}", self.namespace)
    }

    /// One subscription.
    ///
    /// # Errors
    /// [`PluginError`].
    pub(super) async fn subscription(&self, name: &str) -> Result<Subscription, PluginError> {
        let object = self.subscriptions().get(name).await;
        let object = object.map_err(|error| PluginError::of(error, "get", self.what(name)))?;
        Ok(Subscription::of(&object))
    }

    /// One of any namespace, if it is there.
    ///
    /// # Errors
    /// [`PluginError`].
    pub(super) async fn find(&self, name: &ObjectName) -> Result<Option<Subscription>, PluginError> {
        let kind = ApiResource::erase::<WebhookSubscription>(&());
        let api: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), &name.namespace, &kind);
        let found = api.get_opt(&name.name).await;
        let found =
            found.map_err(|error| PluginError::of(error, "get", format!("WebhookSubscription {name}")))?;
        Ok(found.as_ref().map(Subscription::of))
    }

    /// Those of the namespace, or of all, sorted by namespace and name.
    ///
    /// # Errors
    /// [`PluginError`].
    pub(super) async fn list(
        &self,
        everywhere: bool,
        selector: Option<&str>,
    ) -> Result<Vec<Subscription>, PluginError> {
        let namespace = (!everywhere).then_some(self.namespace.as_str());
        let found = self.objects(namespace, selector).await?;
        let mut all: Vec<Subscription> = found.iter().map(Subscription::of).collect();
        all.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
        Ok(all)
    }

    /// Those of a namespace, or of all, as they are.
    ///
    /// # Errors
    /// [`PluginError`].
    pub(super) async fn objects(
        &self,
        namespace: Option<&str>,
        selector: Option<&str>,
    ) -> Result<Vec<DynamicObject>, PluginError> {
        let kind = ApiResource::erase::<WebhookSubscription>(&());
        let (api, what): (Api<DynamicObject>, _) = if let Some(namespace) = namespace {
            let api = Api::namespaced_with(self.client.clone(), namespace, &kind);
            (api, format!("WebhookSubscriptions of namespace {namespace}"))
        } else {
            let all = Api::all_with(self.client.clone(), &kind);
            (all, "WebhookSubscriptions of all namespaces".to_owned())
        };
        let mut params = ListParams::default().limit(PAGE);
        if let Some(selector) = selector {
            params = params.labels(selector);
        }
        let mut all = Vec::new();
        loop {
            let page = api.list(&params).await;
            let page = page.map_err(|error| PluginError::of(error, "list", what.as_str()))?;
            all.extend(page.items);
            match page.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => params = params.continue_token(&token),
                None => break,
            }
        }
        Ok(all)
    }

    /// Those that are named, or all of the namespace.
    ///
    /// # Errors
    /// [`PluginError`].
    pub(super) async fn some(&self, names: &[String], all: bool) -> Result<Vec<Subscription>, PluginError> {
        if all {
            return self.list(false, None).await;
        }
        let mut found = Vec::with_capacity(names.len());
        for name in names {
            found.push(self.subscription(name).await?);
        }
        Ok(found)
    }

    /// Sets annotations.
    ///
    /// # Errors
    /// [`PluginError`].
    pub(super) async fn annotate(
        &self,
        name: &str,
        values: &BTreeMap<&str, &str>,
    ) -> Result<(), PluginError> {
        self.merge(name, "annotate", json!({"metadata": {"annotations": values}}))
            .await
    }

    /// Merges a change into a subscription.
    ///
    /// # Errors
    /// [`PluginError`].
    pub(super) async fn merge(
        &self,
        name: &str,
        verb: &'static str,
        change: Value,
    ) -> Result<(), PluginError> {
        let params = PatchParams {
            field_manager: Some(FIELD_MANAGER.to_owned()),
            ..PatchParams::default()
        };
        let answer = self
            .subscriptions()
            .patch_metadata(name, &params, &Patch::Merge(change))
            .await;
        answer
            .map(drop)
            .map_err(|error| PluginError::of(error, verb, self.what(name)))
    }

    /// Looks at a subscription until it is as it should be, for at most `--timeout`.
    ///
    /// # Errors
    /// [`PluginError::TimedOut`], with how it was last, or what a look met.
    pub(super) async fn until<T>(
        &self,
        name: &str,
        what: &str,
        look: impl Fn(&Subscription) -> Look<T>,
    ) -> Result<T, PluginError> {
        let begun = Instant::now();
        let mut pause = FIRST_LOOK;
        loop {
            let hint = match look(&self.subscription(name).await?) {
                Look::There(value) => return Ok(value),
                Look::NotYet(hint) => hint,
            };
            if begun.elapsed() + pause > self.timeout {
                return Err(PluginError::TimedOut {
                    what: what.to_owned(),
                    after: self.timeout,
                    hint,
                });
            }
            sleep(pause).await;
            pause = (pause * 2).min(SLOWEST_LOOK);
        }
    }
}

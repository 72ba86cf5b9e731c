//! From a provider's spec to the account that it stands for.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, Client};
use operator_core::budget::Limits;
use operator_core::guard::GuardLimits;
use operator_core::hash::Fingerprint;
use operator_core::names::AccountId;
use operator_core::reason::Reason;
use secrecy::{ExposeSecret, SecretString};
use tokio::task::AbortHandle;

use crate::api::names::SecretUse;
use crate::api::v1alpha1::{ProviderType, WebhookProviderSpec};
use crate::controller::context::{Account, Context, ProviderKey};
use crate::controller::dereference::{DereferenceError, object_name};
use crate::controller::provider::adapters;
use crate::controller::provider::directory::Problem;
use crate::controller::references::{SecretReference, Values};
use crate::controller::subscription::claims::Realm;
use crate::controller::subscription::validate::Invalid;
use crate::duration::parse_duration;
use crate::gate::Gate;
use crate::leader::Leadership;
use crate::metrics::Metrics;
use crate::provider::http::{Connection, Observer};

const CA_KEY: &str = "ca.crt";

/// An account and the task that hands out its turns; ends when the last provider lets go of it.
#[derive(Debug)]
pub(in crate::controller) struct Driven {
    pub(in crate::controller) account: Arc<Account>,
    type_: ProviderType,
    number: u64,
    metrics: Arc<Metrics>,
    task: AbortHandle,
    door: Arc<Door>,
    /// The limits that each provider object gives it.
    asked: Mutex<HashMap<ProviderKey, Limits>>,
}

impl Driven {
    /// Takes the limits that a provider object gives, or forgets them where it stands for the account no more. Several
    /// objects may stand for one account, each with its `rateLimit`: the strictest holds.
    pub(in crate::controller) fn limit(&self, provider: &ProviderKey, limits: Option<Limits>) {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        match limits {
            Some(limits) => asked.insert(provider.clone(), limits),
            None => asked.remove(provider),
        };
        if let Some(strictest) = asked.values().copied().reduce(Limits::strictest) {
            self.account.set_limits(strictest);
        }
    }

    /// Tells accounts apart in metrics.
    pub(in crate::controller) fn number(&self) -> u64 {
        self.number
    }
}

impl Drop for Driven {
    fn drop(&mut self) {
        self.door.shut();
        self.task.abort();
        self.metrics.account_forgotten(self.type_, self.number);
    }
}

/// Stands before every request to an account: passed while this replica leads, and never again after nobody here uses
/// the account any more, because another shard may.
#[derive(Debug)]
struct Door {
    leadership: Leadership,
    shut: AtomicBool,
}

impl Door {
    fn shut(&self) {
        self.shut.store(true, Ordering::SeqCst);
    }
}

impl Gate for Door {
    fn left(&self) -> Option<Duration> {
        if self.shut.load(Ordering::SeqCst) {
            return None;
        }
        self.leadership.left()
    }
}

/// The accounts that are in use, by everything that a connection depends on: two providers with the same
/// address and credential share one budget and one LIST.
#[derive(Debug, Default)]
pub(in crate::controller) struct Accounts(Mutex<HashMap<Fingerprint, Weak<Driven>>>);

impl Accounts {
    fn get_or_start(
        &self,
        connection: Fingerprint,
        start: impl FnOnce() -> Result<Driven, Problem>,
    ) -> Result<Arc<Driven>, Problem> {
        let mut accounts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        accounts.retain(|_, account| account.strong_count() > 0);
        if let Some(known) = accounts.get(&connection).and_then(Weak::upgrade) {
            return Ok(known);
        }
        let driven = Arc::new(start()?);
        accounts.insert(connection, Arc::downgrade(&driven));
        Ok(driven)
    }
}

/// What a provider object was read as.
pub(in crate::controller) struct Connected {
    pub(in crate::controller) driven: Arc<Driven>,
    pub(in crate::controller) realm: Realm,
    pub(in crate::controller) interval: Duration,
    pub(in crate::controller) guard: GuardLimits,
}

fn problem(reason: Reason, message: impl Into<String>) -> Problem {
    Problem {
        reason,
        message: message.into(),
    }
}

/// What somebody has to change, as a problem of the provider object; `forbidden` is the reason where a right is missing.
///
/// # Errors
/// The apiserver, which may answer otherwise the next time.
fn unusable(error: DereferenceError, forbidden: Reason) -> Result<Problem, DereferenceError> {
    match error {
        DereferenceError::Invalid(invalid) => Ok(invalid.into()),
        DereferenceError::Forbidden { .. } => Ok(problem(forbidden, error.to_string())),
        DereferenceError::Kube(_) => Err(error),
    }
}

impl From<Invalid> for Problem {
    fn from(invalid: Invalid) -> Self {
        Self {
            reason: invalid.reason,
            message: invalid.message,
        }
    }
}

impl Context {
    /// Who is told of each request to a provider of this type.
    fn observer(&self, type_: ProviderType) -> Arc<dyn Observer> {
        let counting = self.metrics.observer(type_);
        match &self.traces {
            None => counting,
            Some(tracer) => tracer.observer(type_.as_str(), counting),
        }
    }

    /// Reads what a provider refers to and finds or starts its account. `namespace` is where its Secrets are.
    ///
    /// # Errors
    /// The outer error: the apiserver. The inner one: somebody has to change something.
    pub(in crate::controller) async fn connect(
        &self,
        spec: &WebhookProviderSpec,
        namespace: &str,
        key: &ProviderKey,
    ) -> Result<Result<Connected, Problem>, DereferenceError> {
        let credential = match self.credential(spec, namespace).await {
            Ok(credential) => credential,
            Err(error) => return unusable(error, Reason::SecretForbidden).map(Err),
        };
        let ca_bundle = match ca_bundle(&self.client, spec, namespace).await {
            Ok(Ok(ca_bundle)) => ca_bundle,
            Ok(Err(problem)) => return Ok(Err(problem)),
            Err(error) => {
                let name = spec
                    .ca_bundle_ref
                    .as_ref()
                    .map_or("", |reference| &reference.name);
                let error = DereferenceError::of_read(error, "spec.caBundleRef", "ConfigMap", name);
                return unusable(error, Reason::CABundleInvalid).map(Err);
            }
        };
        Ok(self.account(spec, &credential, ca_bundle, key))
    }

    async fn credential(
        &self,
        spec: &WebhookProviderSpec,
        namespace: &str,
    ) -> Result<SecretString, DereferenceError> {
        let secret = &spec.credentials.secret_ref;
        let reference = SecretReference {
            name: secret.name.clone(),
            purpose: SecretUse::Credentials.as_str(),
            field: "spec.credentials",
        };
        let mut values = Values::new();
        self.secret_values(
            namespace,
            &reference,
            std::slice::from_ref(&secret.key),
            &mut values,
        )
        .await?;
        values
            .remove(&(secret.name.clone(), secret.key.clone()))
            .ok_or_else(|| {
                let message = format!(
                    "spec.credentials: Secret {} has no key {}; add it, or correct the reference",
                    secret.name, secret.key
                );
                DereferenceError::Invalid(Invalid::new(Reason::SecretNotFound, message))
            })
    }

    fn account(
        &self,
        spec: &WebhookProviderSpec,
        credential: &SecretString,
        ca_bundle: Option<Vec<u8>>,
        key: &ProviderKey,
    ) -> Result<Connected, Problem> {
        let egress = self.egress.of(key.scope());
        let endpoint = adapters::endpoint(spec, &egress)?;
        let type_ = spec.type_;
        let place = adapters::place(spec, &endpoint);
        let parts = place.iter().copied().chain([credential.expose_secret()]);
        let identity = self.hash_key.fingerprint("account", parts.map(str::as_bytes));
        let id = AccountId::parse(&format!("v1:{identity}"))
            .map_err(|error| problem(Reason::InvalidSpec, format!("the account's id {error}")))?;
        let realm = adapters::realm(spec, &endpoint);
        // A tenant's object must not speak over a connection that reaches further than it may itself.
        let manner = format!("{}/{:?}", adapters::manner(spec), egress.reach());
        let bundle = ca_bundle.as_deref().unwrap_or_default();
        let connection = self
            .hash_key
            .fingerprint("connection", [identity.as_bytes(), manner.as_bytes(), bundle]);
        let limits = adapters::limits(spec);
        let driven = self.accounts.get_or_start(connection, || {
            let door = Arc::new(Door {
                leadership: self.leadership.clone(),
                shut: AtomicBool::new(false),
            });
            let reached = Connection {
                ca_bundle,
                observer: Some(self.observer(type_)),
                gate: Some(Arc::clone(&door) as Arc<dyn Gate>),
                read_only: self.config.dry_run,
                ..Connection::new(endpoint, egress)
            };
            let adapter = adapters::adapter(spec, reached, credential.clone(), &self.hash_key)?;
            let told = Arc::clone(&self.metrics);
            let account = Account::new(id, adapter, limits, self.clock, self.waker.clone()).telling(
                Arc::new(move |priority, waited| told.waited(type_, priority, waited)),
            );
            let account = Arc::new(account);
            let looked_at = Arc::downgrade(&account);
            let left = move || Some(looked_at.upgrade()?.budget_left());
            self.metrics
                .budget_opened(type_, connection.short(), Arc::new(left));
            let running = Arc::clone(&account);
            let task = tokio::spawn(async move { running.run().await }).abort_handle();
            let metrics = Arc::clone(&self.metrics);
            Ok(Driven {
                account,
                type_,
                number: connection.short(),
                metrics,
                task,
                door,
                asked: Mutex::default(),
            })
        })?;
        driven.limit(key, Some(limits));
        let interval = spec
            .interval
            .as_deref()
            .and_then(|interval| parse_duration(interval).ok());
        Ok(Connected {
            driven,
            realm,
            interval: interval.unwrap_or(self.config.interval),
            guard: guard_limits(spec),
        })
    }
}

/// The authorities that a provider object wants trusted; `None` where it names none, and the system's are.
///
/// # Errors
/// The outer error: the apiserver. The inner one: somebody has to change something.
pub(crate) async fn ca_bundle(
    client: &Client,
    spec: &WebhookProviderSpec,
    namespace: &str,
) -> Result<Result<Option<Vec<u8>>, Problem>, kube::Error> {
    let Some(reference) = &spec.ca_bundle_ref else {
        return Ok(Ok(None));
    };
    if let Err(invalid) = object_name("spec.caBundleRef", &reference.name) {
        return Ok(Err(invalid.into()));
    }
    let api = Api::<ConfigMap>::namespaced(client.clone(), namespace);
    let found = api.get_opt(&reference.name).await?;
    let key = reference.key.as_deref().unwrap_or(CA_KEY);
    let bundle = found.and_then(|found| found.data?.remove(key));
    Ok(bundle.map(|bundle| Some(bundle.into_bytes())).ok_or_else(|| {
        let message = format!("spec.caBundleRef: ConfigMap {} with key {key} does not exist; create it, or correct the reference", reference.name);
        problem(Reason::CABundleInvalid, message)
    }))
}

/// When the guard of an account trips.
pub(in crate::controller) fn guard_limits(spec: &WebhookProviderSpec) -> GuardLimits {
    let default = GuardLimits::default();
    let Some(guard) = &spec.guard else { return default };
    let window = guard
        .window
        .as_deref()
        .and_then(|window| parse_duration(window).ok());
    GuardLimits {
        max_deletions: guard.max_deletions,
        max_vanished: guard.max_vanished,
        window: window.unwrap_or(default.window),
    }
}

//! What a spec asks for and a status remembers, for who only wants to look: read by the same functions as in a pass.

use std::collections::BTreeMap;

use operator_core::disabled::Rules;
use operator_core::hash::HashKey;
use operator_core::marker::Owner;
use operator_core::memory::{Memory, Wanted};
use operator_core::names::ObjectName;
use operator_core::plan::{Adoption, Replace};
use operator_core::time::Moment;
use secrecy::SecretString;

use crate::api::v1alpha1 as api;
use crate::controller::references;
use crate::controller::subscription::disabled::rules;
use crate::controller::subscription::resolve::{Host, wanted};
use crate::controller::subscription::status::restore;
use crate::controller::subscription::validate::{self, Surroundings};
use crate::provider::Adapter;

/// A Secret that a spec refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reference {
    /// Its name.
    pub(crate) name: String,
    /// What its label has to say.
    pub(crate) purpose: &'static str,
    /// The field that refers to it.
    pub(crate) field: &'static str,
    /// The keys in it that are read.
    pub(crate) keys: Vec<String>,
}

/// What a spec asks for.
#[derive(Debug)]
pub(crate) struct Wish {
    /// One entry for each remote subscription.
    pub(crate) wanted: Vec<Wanted>,
    /// What may be taken over.
    pub(crate) adoption: Adoption,
    /// What to do about what cannot be changed in place.
    pub(crate) replace: Replace,
    /// What becomes of what the provider has switched off.
    pub(crate) rules: Rules,
    /// Where deliveries go.
    pub(in crate::controller) host: Host,
}

/// Who asks, and of whom.
#[derive(Debug)]
pub(crate) struct Asking<'a> {
    /// The object.
    pub(crate) name: &'a ObjectName,
    /// Its markers.
    pub(crate) owner: &'a Owner,
    /// The provider's type.
    pub(crate) type_: api::ProviderType,
    /// The account.
    pub(crate) adapter: &'a Adapter,
    /// `--allow-insecure-http`.
    pub(crate) allow_insecure_http: bool,
    /// Values by Secret and key.
    pub(crate) values: &'a BTreeMap<(String, String), SecretString>,
    /// What digests are made with.
    pub(crate) key: &'a HashKey,
}

/// The Secrets that a spec reads from.
pub(crate) fn secrets(spec: &api::WebhookSubscriptionSpec) -> Vec<Reference> {
    let all = references::references(spec).into_iter();
    all.map(|(reference, keys)| Reference {
        name: reference.name,
        purpose: reference.purpose,
        field: reference.field,
        keys,
    })
    .collect()
}

/// What the spec asks for.
///
/// # Errors
/// What is wrong with it, with the field in front and without any value of a Secret.
pub(crate) fn wish(spec: &api::WebhookSubscriptionSpec, asking: &Asking<'_>) -> Result<Wish, String> {
    let able = asking.adapter.capabilities();
    let around = Surroundings {
        name: asking.name,
        owner: asking.owner,
        capabilities: able,
        type_: asking.type_,
        allow_insecure_http: asking.allow_insecure_http,
        values: asking.values,
    };
    let told = |invalid: validate::Invalid| format!("{}: {}", invalid.reason, invalid.message);
    let settings = validate::validate(spec, &around).map_err(told)?;
    if let Some(refused) = settings
        .iter()
        .find_map(|(_, settings)| asking.adapter.refuses(settings))
    {
        return Err(refused);
    }
    Ok(Wish {
        host: Host::of(&settings),
        wanted: wanted(&settings, able, asking.key),
        adoption: validate::adoption(spec.adoption.as_deref()).map_err(told)?,
        replace: validate::replace(spec.replace_policy),
        rules: rules(spec, asking.key, able),
    })
}

/// What a status remembers of the object with this UID.
pub(crate) fn remembered(
    status: &api::WebhookSubscriptionStatus,
    uid: &str,
    key: &HashKey,
    now: Moment,
) -> Memory {
    restore(Some(status), |identity| identity.object_uid == uid, key, now)
}

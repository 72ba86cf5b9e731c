//! To which namespaces a cluster-wide provider is lent, and for what.

use std::collections::BTreeMap;

use kube::core::{Selector, SelectorExt};
use operator_core::fan_out::with_service;
use operator_core::names::EventName;
use operator_core::policy::{HostPattern, Policy};

use crate::api::v1alpha1 as api;
use crate::controller::provider::adapters;
use crate::duration::parse_duration;

/// To which namespaces a cluster-wide provider is lent, and for what.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::controller) struct Lent {
    names: Vec<String>,
    selector: Option<Selector>,
    /// What the borrowers may ask for.
    pub(in crate::controller) policy: Policy,
    /// What they may not have, or no longer, is switched off.
    pub(in crate::controller) disables: bool,
    /// How many remote subscriptions each namespace may have.
    pub(in crate::controller) quota: Option<usize>,
    /// The provider's type.
    pub(in crate::controller) type_: api::ProviderType,
}

impl Lent {
    pub(in crate::controller) fn new(spec: &api::ClusterWebhookProviderSpec) -> Self {
        let allowed = spec.allowed_namespaces.as_ref();
        let names = allowed.map(|allowed| allowed.names.clone()).unwrap_or_default();
        let selector = allowed.and_then(|allowed| allowed.selector.clone());
        let disables = spec.policy.as_ref().and_then(|policy| policy.on_violation);
        // A selector that cannot be read allows nobody.
        Self {
            names,
            selector: selector.and_then(|selector| Selector::try_from(selector).ok()),
            policy: policy(spec),
            disables: disables == Some(api::OnViolation::Disable),
            quota: spec
                .quota
                .as_ref()
                .and_then(|quota| usize::try_from(quota.per_namespace?).ok()),
            type_: spec.provider.type_,
        }
    }

    /// Whether `namespace`, which has these labels, may use the provider. Absent lists allow nobody.
    pub(in crate::controller) fn to(
        &self,
        namespace: &str,
        labels: Option<&BTreeMap<String, String>>,
    ) -> bool {
        let none = BTreeMap::new();
        operator_core::planted!(LendToAnybody)
            || self.names.iter().any(|name| name == namespace)
            || self
                .selector
                .as_ref()
                .is_some_and(|selector| selector.matches(labels.unwrap_or(&none)))
    }
}

/// The policy as it is compared with. What of a list cannot be read stands for nothing.
fn policy(spec: &api::ClusterWebhookProviderSpec) -> Policy {
    let Some(policy) = &spec.policy else {
        return Policy::default();
    };
    let services = adapters::capabilities(spec.provider.type_).services;
    let service = api::BirdService::default().as_str();
    let event = |name: &String| {
        let name = EventName::parse(name).ok()?;
        with_service(&name, service, services).ok()
    };
    let hosts = policy.allowed_hosts.as_ref();
    let events = policy.allowed_events.as_ref();
    Policy {
        hosts: hosts.map(|hosts| hosts.iter().filter_map(|text| HostPattern::parse(text)).collect()),
        events: events.map(|events| events.iter().filter_map(event).collect()),
        adoption: policy.adoption == Some(api::AdoptionPermission::Allowed),
        min_interval: policy
            .min_interval
            .as_deref()
            .and_then(|text| parse_duration(text).ok()),
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

    use super::*;

    fn spec(provider: &str, change: &serde_json::Value) -> api::ClusterWebhookProviderSpec {
        let mut spec = serde_json::json!({
            "type": provider,
            "credentials": {"secretRef": {"name": "s", "key": "k"}},
        });
        for (name, value) in change.as_object().unwrap() {
            spec[name] = value.clone();
        }
        serde_json::from_value(spec).unwrap()
    }

    fn lent(allowed: Option<api::AllowedNamespaces>) -> Lent {
        Lent::new(&api::ClusterWebhookProviderSpec {
            allowed_namespaces: allowed,
            ..spec("Dixa", &serde_json::json!({}))
        })
    }

    fn allowed(names: &[&str], labels: &[(&str, &str)]) -> api::AllowedNamespaces {
        let match_labels = labels
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        api::AllowedNamespaces {
            names: names.iter().map(|&name| name.to_owned()).collect(),
            selector: Some(LabelSelector {
                match_labels: Some(match_labels),
                match_expressions: None,
            }),
        }
    }

    #[test]
    fn a_provider_is_lent_by_name_or_label_and_to_nobody_by_default() {
        let team = BTreeMap::from([("team".to_owned(), "a".to_owned())]);
        let some = lent(Some(allowed(&["x"], &[("team", "a")])));
        assert!(some.to("x", None) && some.to("y", Some(&team)));
        assert!(!some.to("y", None));
        assert!(!lent(None).to("x", Some(&team)));
        assert!(
            lent(Some(allowed(&[], &[]))).to("x", None),
            "an empty selector matches everything"
        );
    }

    #[test]
    fn a_policy_is_read_as_the_provider_means_it_and_what_cannot_be_read_allows_nothing() {
        let event = |name: &str| EventName::parse(name).unwrap();
        let policy =
            serde_json::json!({"policy": {"allowedEvents": ["sms.inbound", "numbers/x", "no/service"]}});
        let bird = Lent::new(&spec("Bird", &policy)).policy;
        let expected = ["channels/sms.inbound", "numbers/x"].map(event);
        assert_eq!(bird.events, Some(expected.into()));
        let dixa = Lent::new(&spec("Dixa", &policy)).policy;
        assert!(dixa.events(&[event("sms.inbound")]).is_ok());

        let unreadable = serde_json::json!({"policy": {"allowedHosts": ["*"], "minInterval": "soon"}});
        let closed = Lent::new(&spec("Dixa", &unreadable));
        assert!(closed.policy.host("x.example", true).is_err());
        assert!(!closed.policy.adoption && !closed.disables);
        let empty = serde_json::json!({"policy": {"allowedHosts": [], "allowedEvents": []}});
        let empty = Lent::new(&spec("Dixa", &empty)).policy;
        assert!(empty.host("x.example", true).is_err() && empty.events(&[event("x")]).is_err());
    }
}

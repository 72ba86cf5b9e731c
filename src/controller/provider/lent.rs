//! To which namespaces a cluster-wide provider is lent.

use std::collections::BTreeMap;

use kube::core::{Selector, SelectorExt};

use crate::api::v1alpha1 as api;

/// To which namespaces a cluster-wide provider is lent.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::controller) struct Lent {
    names: Vec<String>,
    selector: Option<Selector>,
}

impl Lent {
    pub(in crate::controller) fn new(allowed: Option<&api::AllowedNamespaces>) -> Self {
        let names = allowed.map(|allowed| allowed.names.clone()).unwrap_or_default();
        let selector = allowed.and_then(|allowed| allowed.selector.clone());
        // A selector that cannot be read allows nobody.
        Self {
            names,
            selector: selector.and_then(|selector| Selector::try_from(selector).ok()),
        }
    }

    /// Whether `namespace`, which has these labels, may use the provider. Absent lists allow nobody.
    pub(in crate::controller) fn to(
        &self,
        namespace: &str,
        labels: Option<&BTreeMap<String, String>>,
    ) -> bool {
        let none = BTreeMap::new();
        self.names.iter().any(|name| name == namespace)
            || self
                .selector
                .as_ref()
                .is_some_and(|selector| selector.matches(labels.unwrap_or(&none)))
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

    use super::*;

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
        let lent = Lent::new(Some(&allowed(&["x"], &[("team", "a")])));
        assert!(lent.to("x", None) && lent.to("y", Some(&team)));
        assert!(!lent.to("y", None));
        assert!(!Lent::new(None).to("x", Some(&team)));
        assert!(
            Lent::new(Some(&allowed(&[], &[]))).to("x", None),
            "an empty selector matches everything"
        );
    }
}

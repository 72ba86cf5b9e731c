//! What the operator must be allowed to do, from the very rules that the chart grants.

use serde::Deserialize;

use super::report::{Check, Outcome};
use crate::config::Config;

/// The rules: the chart's own files, so that both cannot differ.
const WATCHED: Source = Source {
    file: "watched.yaml",
    text: include_str!("../../charts/webhook-operator/files/rbac/watched.yaml"),
};
const SIGNING_KEYS: Source = Source {
    file: "signing-keys.yaml",
    text: include_str!("../../charts/webhook-operator/files/rbac/signing-keys.yaml"),
};
const CLUSTER: Source = Source {
    file: "cluster.yaml",
    text: include_str!("../../charts/webhook-operator/files/rbac/cluster.yaml"),
};
const OWN: Source = Source {
    file: "own.yaml",
    text: include_str!("../../charts/webhook-operator/files/rbac/own.yaml"),
};
const LEADER_ELECTION: Source = Source {
    file: "leader-election.yaml",
    text: include_str!("../../charts/webhook-operator/files/rbac/leader-election.yaml"),
};

#[derive(Clone, Copy)]
struct Source {
    file: &'static str,
    text: &'static str,
}

/// The name of the Lease in [`LEADER_ELECTION`], for which the chart writes the install's own.
const LEASE: &str = "webhook-operator";

/// Where something may be done.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// In every namespace, and for what is in none.
    Everywhere,
    /// In one namespace.
    Namespace(String),
}

impl Place {
    fn text(&self) -> String {
        match self {
            Self::Everywhere => "all namespaces".to_owned(),
            Self::Namespace(name) => format!("namespace {name}"),
        }
    }
}

/// One thing that the operator does.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Right {
    /// Where.
    pub place: Place,
    /// The API group; empty for the core.
    pub group: String,
    /// The resource, with its subresource after a slash.
    pub resource: String,
    /// `get`, `list`, …
    pub verb: String,
    /// The only name that it is needed for.
    pub name: Option<String>,
    /// The file of the chart, in `files/rbac`, that grants it.
    pub file: &'static str,
    /// Whether only some objects need it, so that an install may go without.
    pub optional: bool,
}

/// As in a Role.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Rule {
    api_groups: Vec<String>,
    resources: Vec<String>,
    #[serde(default)]
    resource_names: Vec<String>,
    verbs: Vec<String>,
}

/// What an operator with this configuration does: every right that it uses, and no other.
///
/// # Errors
/// None that can happen in a build that passed its tests: the rules are YAML.
pub fn wanted(config: &Config) -> Result<Vec<Right>, serde_saphyr::Error> {
    let own = Place::Namespace(config.operator_namespace.clone());
    let mut rights = Vec::new();
    if config.is_namespaced() {
        for name in &config.watch_namespaces {
            let place = Place::Namespace(name.clone());
            add(&mut rights, WATCHED, &place, false)?;
            add(&mut rights, SIGNING_KEYS, &place, true)?;
        }
    } else {
        add(&mut rights, WATCHED, &Place::Everywhere, false)?;
        add(&mut rights, SIGNING_KEYS, &Place::Everywhere, true)?;
        add(&mut rights, CLUSTER, &Place::Everywhere, false)?;
    }
    add(&mut rights, OWN, &own, false)?;
    if let Some(election) = &config.election {
        let from = rights.len();
        add(&mut rights, LEADER_ELECTION, &own, false)?;
        for right in &mut rights[from..] {
            if right.name.as_deref() == Some(LEASE) {
                right.name = Some(election.lease_name.clone());
            }
        }
    }
    Ok(rights)
}

fn add(
    rights: &mut Vec<Right>,
    source: Source,
    place: &Place,
    optional: bool,
) -> Result<(), serde_saphyr::Error> {
    let rules: Vec<Rule> = serde_saphyr::from_str(source.text)?;
    for rule in &rules {
        let names: Vec<Option<&String>> = match rule.resource_names.as_slice() {
            [] => vec![None],
            names => names.iter().map(Some).collect(),
        };
        for group in &rule.api_groups {
            for resource in &rule.resources {
                for verb in &rule.verbs {
                    rights.extend(names.iter().map(|name| Right {
                        place: place.clone(),
                        group: group.clone(),
                        resource: resource.clone(),
                        verb: verb.clone(),
                        name: name.cloned(),
                        file: source.file,
                        optional,
                    }));
                }
            }
        }
    }
    Ok(())
}

/// A right, and whether the apiserver says that one has it; the error is why it did not say.
pub(super) type Seen = (Right, Result<bool, String>);

/// One line for each right that is missing, and one for each place where none is.
pub(super) fn judge(seen: &[Seen]) -> Vec<Check> {
    let mut places: Vec<&Place> = Vec::new();
    for (right, _) in seen {
        if !places.contains(&&right.place) {
            places.push(&right.place);
        }
    }
    places
        .into_iter()
        .flat_map(|place| {
            let here: Vec<&Seen> = seen.iter().filter(|(right, _)| right.place == *place).collect();
            let lacking: Vec<Check> = here.iter().filter_map(|seen| missing(seen)).collect();
            if lacking.is_empty() {
                let message = format!("all {} are granted", here.len());
                vec![Check::new("rights", place.text(), Outcome::Ok, message)]
            } else {
                lacking
            }
        })
        .collect()
}

fn missing((right, answer): &Seen) -> Option<Check> {
    let (outcome, message) = match answer {
        Ok(true) => return None,
        Ok(false) if right.optional => (
            Outcome::Note,
            format!(
                "may not {}; objects with signing.generate or signing.publishProviderKey fail, and others do not \
                 need it (chart: rbac.signingKeys)",
                right.phrase()
            ),
        ),
        Ok(false) => (
            Outcome::Failed,
            format!(
                "may not {}; grant what charts/webhook-operator/files/rbac/{} has (chart: rbac.create)",
                right.phrase(),
                right.file
            ),
        ),
        Err(why) => (
            Outcome::Failed,
            format!("not known whether it may {}: {why}", right.phrase()),
        ),
    };
    Some(Check::new("rights", right.place.text(), outcome, message))
}

impl Right {
    /// `patch webhooksubscriptions.webhook-operator.io/status`.
    fn phrase(&self) -> String {
        let (resource, sub) = self.split();
        let mut text = format!("{} {resource}", self.verb);
        if !self.group.is_empty() {
            text = format!("{text}.{}", self.group);
        }
        if let Some(sub) = sub {
            text = format!("{text}/{sub}");
        }
        if let Some(name) = &self.name {
            text = format!("{text} {name}");
        }
        text
    }

    /// The resource and its subresource.
    pub(super) fn split(&self) -> (&str, Option<&str>) {
        match self.resource.split_once('/') {
            Some((resource, sub)) => (resource, Some(sub)),
            None => (&self.resource, None),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};
    use crate::config::Environment;

    fn config(flags: &[&str]) -> Config {
        let line = ["webhook-operator", "run"].iter().chain(flags);
        let Command::Run(args) = Cli::try_parse_from(line).unwrap().command else {
            panic!("not run");
        };
        let environment = Environment {
            pod_namespace: Some("home".to_owned()),
            ..Environment::default()
        };
        Config::new(&args, environment).unwrap()
    }

    fn names(rights: &[Right]) -> Vec<String> {
        let named = |right: &Right| format!("{}: {}", right.place.text(), right.phrase());
        rights.iter().map(named).collect()
    }

    #[test]
    fn a_right_is_wanted_where_the_configuration_uses_it() {
        let all = names(&wanted(&config(&["--lease-name=mine"])).unwrap());
        for right in [
            "all namespaces: patch webhooksubscriptions.webhook-operator.io/status",
            "all namespaces: watch clusterwebhookproviders.webhook-operator.io",
            "all namespaces: get customresourcedefinitions.apiextensions.k8s.io \
             webhooksubscriptions.webhook-operator.io",
            "namespace home: get secrets webhook-operator-hash-key",
            "namespace home: update leases.coordination.k8s.io mine",
            "namespace home: create leases.coordination.k8s.io",
        ] {
            assert!(all.contains(&right.to_owned()), "{right} is not in {all:#?}");
        }
        let some = names(
            &wanted(&config(&[
                "--watch-namespace=a,b",
                "--cluster-id=c",
                "--leader-elect=false",
            ]))
            .unwrap(),
        );
        assert!(
            some.contains(&"namespace b: get configmaps".to_owned()),
            "{some:#?}"
        );
        let beyond = |right: &&String| {
            right.contains("all namespaces") || right.contains("leases") || right.contains("cluster")
        };
        assert_eq!(some.iter().find(beyond), None);
    }

    #[test]
    fn a_missing_right_is_named_with_what_grants_it() {
        let rights = wanted(&config(&[])).unwrap();
        let granted: Vec<Seen> = rights.iter().map(|right| (right.clone(), Ok(true))).collect();
        let checks = judge(&granted);
        assert_eq!(checks.len(), 2, "{checks:#?}");
        assert!(checks.iter().all(|check| check.outcome == Outcome::Ok));
        for (index, right) in rights.iter().enumerate() {
            let mut seen = granted.clone();
            seen[index].1 = Ok(false);
            let checks = judge(&seen);
            assert_eq!(checks.len(), 2, "{checks:#?}");
            let lacks: Vec<&Check> = checks
                .iter()
                .filter(|check| check.outcome != Outcome::Ok)
                .collect();
            assert_eq!(lacks.len(), 1);
            assert!(lacks[0].message.contains(&right.phrase()));
            assert_eq!(lacks[0].outcome == Outcome::Note, right.optional);
            assert!(right.optional || lacks[0].message.contains(right.file));
            seen[index].1 = Err("503".to_owned());
            assert!(judge(&seen).iter().any(|check| check.message.contains("503")));
        }
    }
}

//! A manifest from what a provider holds. Pure. No secret is in it: where there is one, a reference stands for it that
//! a person fills in.

use std::collections::BTreeSet;

use operator_core::capabilities::{Capabilities, Filtering};
use operator_core::marker::Marker;
use operator_core::settings::{Authorization, Filters, Match, ONLY_SCOPE, Operator, Reading};
use operator_core::view::Field;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::api::{GROUP, VERSION};
use crate::wording::one_line;

/// A part of a URL's path from this length on may be a token of the receiver.
const TOKEN_MIN: usize = 16;
/// The longest name that is made up, in characters.
const NAME_MAX: usize = 50;

/// What a manifest is made with.
pub(super) struct Plan<'a> {
    pub(super) namespace: &'a str,
    /// The object's own name.
    pub(super) name: &'a str,
    /// Kind and name of the provider object.
    pub(super) provider: (&'a str, &'a str),
    /// The readable part of the remote name, where it is worth to be kept.
    pub(super) display_name: Option<&'a str>,
    pub(super) able: &'a Capabilities,
    /// `Some`: watched only, by these ids, and left behind when the object goes. `None`: managed, and taken back by the
    /// marker.
    pub(super) observed: Option<&'a [String]>,
}

/// A manifest, and what a person has to know about it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Manifest {
    pub(super) object: Value,
    /// One line each; no secret is in them.
    pub(super) notes: Vec<String>,
}

/// The manifest of one object for remote subscriptions that differ in their events at most. Total.
pub(super) fn manifest(plan: &Plan<'_>, readings: &[&Reading]) -> Manifest {
    let mut notes = Vec::new();
    let secret = format!("{}-delivery", plan.name);
    let mut spec = json!({"providerRef": reference(plan.provider)});
    let named = plan.able.supports.contains(Field::Name);
    if let Some(name) = plan.display_name.filter(|name| named && is_display_name(name)) {
        spec["displayName"] = json!(name);
    }
    let events: BTreeSet<String> = readings
        .iter()
        .flat_map(|reading| reading.events.iter().flatten())
        .map(ToString::to_string)
        .collect();
    if events.is_empty() {
        notes.push("the provider shows no events: fill in spec.events".to_owned());
    }
    spec["events"] = json!(events);
    if let Some(reading) = readings.first() {
        url(&mut spec, &mut notes, reading, &secret);
        if reading.enabled == Some(false) {
            spec["enabled"] = json!(false);
        }
        authorization(&mut spec, &mut notes, reading, &secret);
        headers(&mut spec, &mut notes, reading, &secret);
        filters(&mut spec, &mut notes, reading, plan.able);
        if plan.able.supports.contains(Field::MaxRetries)
            && let Some(count) = reading.max_retries.filter(|count| (1..=1000).contains(count))
        {
            spec["options"] = json!({"babel": {"maxRetryCount": count}});
        }
    }
    if let Some(ids) = plan.observed {
        spec["mode"] = json!("Observe");
        spec["adoption"] = json!({"policy": "ByID", "externalIDs": ids});
        spec["deletionPolicy"] = json!("Orphan");
    }
    if spec.to_string().contains(&format!("\"{secret}\"")) {
        notes.push(format!(
            "fill in: kubectl create secret generic {secret} -n {} --from-literal=KEY=VALUE, then kubectl label secret \
             {secret} -n {} {GROUP}/use=delivery",
            plan.namespace, plan.namespace
        ));
    }
    Manifest {
        object: json!({
            "apiVersion": format!("{GROUP}/{VERSION}"),
            "kind": "WebhookSubscription",
            "metadata": {"name": plan.name, "namespace": plan.namespace},
            "spec": spec,
        }),
        notes,
    }
}

/// Whether `spec.displayName` takes it.
fn is_display_name(name: &str) -> bool {
    let length = name.chars().count();
    (1..=100).contains(&length)
        && name.trim() == name
        && !name.chars().any(char::is_control)
        && !Marker::resembles(name)
}

fn reference((kind, name): (&str, &str)) -> Value {
    if kind == "WebhookProvider" {
        json!({"name": name})
    } else {
        json!({"kind": kind, "name": name})
    }
}

fn key(secret: &str, key: &str) -> Value {
    json!({"secretKeyRef": {"name": secret, "key": key}})
}

fn url(spec: &mut Value, notes: &mut Vec<String>, reading: &Reading, secret: &str) {
    match reading.url.as_ref().map(ExposeSecret::expose_secret) {
        Some(url) if is_plain(url) => spec["url"] = json!(url),
        Some(_) => {
            spec["urlFrom"] = key(secret, "url");
            notes.push(format!(
                "the URL may hold a token, and is left out: put it into Secret {secret}, key url"
            ));
        }
        None => notes.push("the provider does not show the URL: fill in spec.url".to_owned()),
    }
}

/// Whether nothing in a URL could be a token of the receiver: it has no query, no user and no long part.
fn is_plain(url: &str) -> bool {
    let parts = url.split_once("://").map_or("", |(_, rest)| rest);
    let host_and_path: Vec<&str> = parts.split('/').collect();
    let path = host_and_path.get(1..).unwrap_or_default();
    !parts.is_empty()
        && url.bytes().all(|b| b.is_ascii_graphic())
        && !url.contains(['?', '#', '@', ';', '%'])
        && path.iter().all(|part| part.len() < TOKEN_MIN)
}

fn authorization(spec: &mut Value, notes: &mut Vec<String>, reading: &Reading, secret: &str) {
    match &reading.authorization {
        Some(Ok(Authorization::Basic { .. })) => {
            spec["authorization"] = json!({"basic": {"secretRef": {"name": secret}}});
            notes.push(format!("Secret {secret} needs the keys username and password"));
        }
        Some(Ok(Authorization::Bearer(_))) => {
            spec["authorization"] = json!({"bearer": key(secret, "token")});
            notes.push(format!("Secret {secret} needs the key token"));
        }
        Some(Err(_)) => notes.push("its authorization cannot be expressed in spec.authorization".to_owned()),
        Some(Ok(Authorization::None)) | None => {}
    }
}

fn headers(spec: &mut Value, notes: &mut Vec<String>, reading: &Reading, secret: &str) {
    match &reading.headers {
        Some(Ok(headers)) if !headers.is_empty() => {
            let all = headers.keys().map(|name| {
                let entry: String = name
                    .chars()
                    .map(|c| {
                        if c.is_ascii_alphanumeric() || "-._".contains(c) {
                            c
                        } else {
                            '_'
                        }
                    })
                    .collect();
                notes.push(format!("Secret {secret} needs the key {entry}"));
                json!({"name": name, "valueFrom": key(secret, &entry)})
            });
            let all: Vec<Value> = all.collect();
            spec["headers"] = json!(all);
        }
        Some(Err(_)) => notes.push("its headers cannot be read back: fill in spec.headers".to_owned()),
        Some(Ok(_)) | None => {}
    }
}

fn filters(spec: &mut Value, notes: &mut Vec<String>, reading: &Reading, able: &Capabilities) {
    match &reading.filters {
        Some(Ok(filters)) if !filters.is_empty() => spec["filters"] = written(filters, able),
        Some(Err(_)) => notes.push("its filters cannot be expressed in spec.filters".to_owned()),
        Some(Ok(_)) | None => {}
    }
}

fn written(filters: &Filters, able: &Capabilities) -> Value {
    let default = match able.filtering {
        Filtering::Trees { scope } => scope,
        Filtering::None | Filtering::Pairs => ONLY_SCOPE,
    };
    let all = filters.iter().map(|(scope, filter)| {
        let conditions = filter.conditions.iter().map(|condition| {
            let operator = match condition.operator {
                Operator::In => "In",
                Operator::NotIn => "NotIn",
            };
            json!({"field": condition.field, "operator": operator, "values": condition.values})
        });
        let mut one = json!({"conditions": conditions.collect::<Vec<_>>()});
        if scope != default {
            one["scope"] = json!(scope);
        }
        if filter.combine == Match::Any {
            one["match"] = json!("Any");
        }
        one
    });
    json!(all.collect::<Vec<_>>())
}

/// A name for an object that nobody has yet: what is left of `human`, or else of `fallback`.
pub(super) fn free_name(human: &str, fallback: &str, taken: &mut BTreeSet<String>) -> String {
    let stem = [human, fallback, "webhook"]
        .into_iter()
        .map(slug)
        .find(|slug| !slug.is_empty())
        .unwrap_or_default();
    let mut name = stem.clone();
    let mut number = 1_u32;
    while !taken.insert(name.clone()) {
        number = number.saturating_add(1);
        name = format!("{stem}-{number}");
    }
    name
}

/// Lower-case letters and digits, with single dashes between them.
fn slug(text: &str) -> String {
    let mut slug = String::new();
    for c in text.chars().take(NAME_MAX) {
        if c.is_ascii_alphanumeric() {
            slug.push(c.to_ascii_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.trim_end_matches('-').to_owned()
}

/// Manifests as a YAML stream, each with its notes as comments in front.
///
/// # Errors
/// What the YAML writer says.
pub(super) fn stream(manifests: &[(String, Manifest)]) -> Result<String, serde_saphyr::ser::Error> {
    let mut text = String::new();
    for (title, manifest) in manifests {
        text.push_str("---\n");
        for line in std::iter::once(title).chain(&manifest.notes) {
            text.push_str("# ");
            text.push_str(&one_line(line));
            text.push('\n');
        }
        text.push_str(&serde_saphyr::to_string(&manifest.object)?);
        if !text.ends_with('\n') {
            text.push('\n');
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use operator_core::names::EventName;
    use proptest::prelude::*;
    use secrecy::SecretString;

    use super::*;
    use crate::api::v1alpha1::WebhookSubscriptionSpec;
    use crate::provider::{babel, bird, dixa};

    const CANARY: &str = "canary-0123456789-secret";

    fn reading(url: &str) -> Reading {
        Reading {
            name: Some("Orders (EU)".to_owned()),
            url: Some(url.into()),
            events: Some([EventName::parse("A").unwrap()].into()),
            enabled: Some(false),
            authorization: Some(Ok(Authorization::Basic {
                username: CANARY.into(),
                password: CANARY.into(),
            })),
            headers: Some(Ok([("x-team".to_owned(), SecretString::from(CANARY))].into())),
            signing_key: Some(CANARY.into()),
            max_retries: Some(7),
            ..Reading::default()
        }
    }

    fn plan<'a>(able: &'a Capabilities, observed: Option<&'a [String]>) -> Plan<'a> {
        Plan {
            namespace: "support",
            name: "orders",
            provider: ("WebhookProvider", "dixa"),
            display_name: Some("Orders (EU)"),
            able,
            observed,
        }
    }

    #[test]
    fn what_is_imported_is_watched_only_and_names_secrets_without_showing_them() {
        let ids = ["42".to_owned()];
        let made = manifest(
            &plan(&babel::CAPABILITIES, Some(&ids)),
            &[&reading("https://h.example/in")],
        );
        let expected = json!({
            "providerRef": {"name": "dixa"}, "displayName": "Orders (EU)", "events": ["A"], "url": "https://h.example/in", "enabled": false,
            "authorization": {"basic": {"secretRef": {"name": "orders-delivery"}}},
            "headers": [{"name": "x-team",
                "valueFrom": {"secretKeyRef": {"name": "orders-delivery", "key": "x-team"}}}],
            "options": {"babel": {"maxRetryCount": 7}},
            "mode": "Observe", "deletionPolicy": "Orphan",
            "adoption": {"policy": "ByID", "externalIDs": ["42"]},
        });
        assert_eq!(made.object["spec"], expected);
        let text = stream(&[("id 42".to_owned(), made)]).unwrap();
        assert!(
            !text.contains("canary") && text.starts_with("---\n# id 42\n"),
            "{text}"
        );
        let back: Value = serde_saphyr::from_str(&text).unwrap();
        serde_json::from_value::<WebhookSubscriptionSpec>(back["spec"].clone()).unwrap();
    }

    #[test]
    fn a_url_that_may_hold_a_token_is_left_out() {
        for url in [
            "https://h.example/in?key=canary-0123456789-secret",
            "https://h.example/canary-0123456789-secret/x",
            "https://canary@h.example/x",
            "not a url",
        ] {
            let made = manifest(&plan(&dixa::CAPABILITIES, None), &[&reading(url)]);
            assert_eq!(made.object["spec"]["url"], Value::Null, "{url}");
            assert!(!format!("{made:?}").contains("canary"), "{made:?}");
        }
    }

    #[test]
    fn filters_come_back_as_they_are_written() {
        let read = Reading {
            filters: Some(Ok(operator_core::settings::pairs([(
                "platform".to_owned(),
                "sms".to_owned(),
            )]))),
            ..reading("https://h.example/in")
        };
        let made = manifest(&plan(&bird::CAPABILITIES, None), &[&read]);
        let expected = json!([{"conditions": [{"field": "platform", "operator": "In", "values": ["sms"]}]}]);
        assert_eq!(made.object["spec"]["filters"], expected);
    }

    proptest! {
        #[test]
        fn every_name_is_one_and_nobody_elses(names in prop::collection::vec(".{0,80}", 1..8)) {
            let mut taken = BTreeSet::new();
            for name in &names {
                let free = free_name(name, "id 7", &mut taken);
                prop_assert!(!free.is_empty() && free.len() <= 63);
                prop_assert!(free.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'));
                prop_assert!(!free.starts_with('-') && !free.ends_with('-'));
            }
            prop_assert_eq!(taken.len(), names.len());
        }

        #[test]
        fn no_secret_is_in_any_manifest_whatever_the_url(path in "[a-z/?=&;@#%.-]{0,12}") {
            let url = format!("https://h.example/{path}{CANARY}");
            let made = manifest(&plan(&babel::CAPABILITIES, None), &[&reading(&url)]);
            let text = format!("{made:?}");
            prop_assert!(!text.contains("canary"));
        }
    }
}

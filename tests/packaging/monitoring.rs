//! Alerts and dashboard.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::chart::{Helm, find, in_checkout, of_kind, read};

/// The metrics that the operator has, by the reference page that is rendered from the code.
fn exported() -> BTreeSet<String> {
    let page = read("docs/reference/metrics.md");
    let mut names = BTreeSet::new();
    for line in page
        .lines()
        .filter(|line| line.starts_with("| `webhook_operator_"))
    {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let name = cells[1].trim_matches('`');
        names.insert(name.to_owned());
        if cells[2] == "histogram" {
            names.extend(["_bucket", "_sum", "_count"].map(|ending| format!("{name}{ending}")));
        }
    }
    assert!(names.len() > 10, "{names:?}");
    names
}

/// Every name of a metric of ours in a text.
fn used(text: &str) -> BTreeSet<String> {
    let word = |byte: char| byte.is_ascii_alphanumeric() || byte == '_';
    text.split(|byte| !word(byte))
        .filter(|name| name.starts_with("webhook_operator_"))
        .map(str::to_owned)
        .collect()
}

fn alerts() -> Vec<Value> {
    let file: Value = serde_saphyr::from_str(&read(
        "charts/webhook-operator/files/alerts/webhook-operator.yaml",
    ))
    .unwrap();
    file["groups"][0]["rules"].as_array().unwrap().clone()
}

#[test]
fn alerts_and_dashboard_use_only_metrics_that_the_operator_exports() {
    let exported = exported();
    for file in ["alerts/webhook-operator.yaml", "dashboards/webhook-operator.json"] {
        let used = used(&read(&format!("charts/webhook-operator/files/{file}")));
        assert!(used.len() > 5, "{file}: {used:?}");
        let unknown: Vec<&String> = used.difference(&exported).collect();
        assert!(unknown.is_empty(), "{file}: {unknown:?}");
    }
}

/// The labels of each metric, by the same page.
fn labels() -> BTreeMap<String, BTreeSet<String>> {
    read("docs/reference/metrics.md")
        .lines()
        .filter(|line| line.starts_with("| `webhook_operator_"))
        .map(|line| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            let name = cells[1].trim_matches('`').to_owned();
            let labels = cells[3]
                .split(',')
                .map(|label| label.trim().trim_matches('`').to_owned());
            (name, labels.filter(|label| !label.is_empty()).collect())
        })
        .collect()
}

/// Every text under a key.
fn under(key: &str, value: &Value, into: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(text) if name == key => into.push(text.clone()),
                    other => under(key, other, into),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| under(key, item, into)),
        _ => {}
    }
}

#[test]
fn the_dashboard_groups_and_selects_by_labels_that_the_metrics_have() {
    let board: Value = serde_json::from_str(&read(
        "charts/webhook-operator/files/dashboards/webhook-operator.json",
    ))
    .unwrap();
    let labels = labels();
    let mut expressions = Vec::new();
    under("expr", &board, &mut expressions);
    assert!(expressions.len() > 10);
    for expression in expressions {
        // What Prometheus adds to every series, and the one that a histogram has.
        let mut known = BTreeSet::from(["namespace", "pod", "le"].map(str::to_owned));
        for metric in used(&expression) {
            let name = metric.trim_end_matches("_bucket");
            known.extend(labels.get(name).unwrap_or_else(|| panic!("{name}")).clone());
        }
        let lists = expression.split(" by (").chain(expression.split(" on (")).skip(1);
        let grouped = lists
            .filter_map(|rest| rest.split_once(')'))
            .flat_map(|(list, _)| list.split(','));
        let selectors = expression
            .split('{')
            .skip(1)
            .filter_map(|rest| rest.split_once('}'));
        let selected = selectors
            .flat_map(|(list, _)| list.split(','))
            .filter_map(|one| one.split(['=', '!']).next());
        let words = |label: &&str| {
            label
                .trim()
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
        };
        for label in grouped.chain(selected).filter(words) {
            assert!(known.contains(label.trim()), "{expression}: no label {label}");
        }
    }
}

#[test]
fn the_dashboard_shows_every_metric() {
    let shown = used(&read(
        "charts/webhook-operator/files/dashboards/webhook-operator.json",
    ));
    let missing: Vec<String> = exported()
        .into_iter()
        .filter(|name| !["_sum", "_count"].iter().any(|ending| name.ends_with(ending)))
        // A histogram is shown by its buckets.
        .filter(|name| !shown.contains(name) && !shown.contains(&format!("{name}_bucket")))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn every_alert_has_a_runbook_and_every_runbook_an_alert() {
    let names: BTreeSet<String> = alerts()
        .iter()
        .map(|alert| alert["alert"].as_str().unwrap().to_owned())
        .collect();
    let pages: BTreeSet<String> = std::fs::read_dir(in_checkout("docs/runbooks"))
        .unwrap()
        .filter_map(|entry| {
            Some(
                entry
                    .unwrap()
                    .file_name()
                    .to_str()?
                    .strip_suffix(".md")?
                    .to_owned(),
            )
        })
        .filter(|name| name != "README")
        .collect();
    assert_eq!(names, pages);
    let tests = read("tests/packaging/alerts_test.yaml");
    for name in &names {
        let page = read(&format!("docs/runbooks/{name}.md"));
        assert!(page.starts_with(&format!("# {name}\n")), "{name}");
        for part in ["## What it means", "## What to do"] {
            assert!(page.contains(part), "{name} lacks {part}");
        }
        // Once silent, once firing.
        assert!(
            tests.matches(&format!("alertname: {name}")).count() >= 2,
            "{name} has no test"
        );
    }
}

#[test]
fn an_alert_can_be_switched_off_and_made_another_and_links_to_its_runbook() {
    let helm = Helm::offline();
    let file = in_checkout("charts/webhook-operator/ci/monitoring-values.yaml");
    let objects = helm.render(&["-f", file.to_str().unwrap()]);
    let rule = find(&objects, "PrometheusRule", "webhook-operator");
    let rendered = rule["spec"]["groups"][0]["rules"].as_array().unwrap();
    assert_eq!(rendered.len(), alerts().len() - 1);
    for alert in rendered {
        let name = alert["alert"].as_str().unwrap();
        assert_ne!(name, "WebhookOperatorDrift");
        let link = alert["annotations"]["runbook_url"].as_str().unwrap();
        assert!(link.ends_with(&format!("/docs/runbooks/{name}.md")), "{link}");
        assert_eq!(alert["labels"]["team"], "platform");
    }
    let old = rendered
        .iter()
        .find(|alert| alert["alert"] == "WebhookOperatorListOld")
        .unwrap();
    assert_eq!(
        (&old["for"], &old["labels"]["severity"]),
        (&"30m".into(), &"critical".into())
    );
    let board = find(&objects, "ConfigMap", "webhook-operator-dashboard");
    let board: Value =
        serde_json::from_str(board["data"]["webhook-operator.json"].as_str().unwrap()).unwrap();
    assert_eq!(board["uid"], "webhook-operator");
    assert_eq!(of_kind(&objects, "ServiceMonitor").len(), 1);
}

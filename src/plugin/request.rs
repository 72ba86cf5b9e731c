//! `reconcile` and `test`: what is asked for by an annotation, and waited for in status.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::args::{SomeArgs, TestArgs};
use super::error::{Exit, PluginError};
use super::health::Health;
use super::object::Subscription;
use super::screen::Screen;
use super::session::{Look, Session};
use super::table::{Cell, Tone, table};
use crate::api::names::{
    ANNOTATION_FLUX_REQUESTED_AT, ANNOTATION_RECONCILE_REQUESTED_AT, ANNOTATION_TEST_REQUESTED_AT,
};
use crate::api::v1alpha1::{TestReceipt, TestResult};

/// A value that no earlier request had.
pub(super) fn requested_at() -> String {
    Timestamp::now().to_string()
}

/// Asks for a comparison, and waits until status says that it took place.
pub(super) async fn reconcile(
    session: &Session,
    args: &SomeArgs,
    screen: &mut Screen<'_>,
) -> Result<Exit, PluginError> {
    let objects = session.some(&args.names, args.all).await?;
    let mut exit = Exit::Done;
    let mut asked = Vec::with_capacity(objects.len());
    for object in &objects {
        if object.suspended() && !object.deleting {
            screen.note(&format!(
                "{} is suspended: kubectl webhooks resume it first",
                object.path()
            ));
            exit = Exit::No;
            continue;
        }
        let value = requested_at();
        session
            .annotate(&object.name, &annotations(object, &value))
            .await?;
        screen.note(&format!("{}: asked for a comparison", object.path()));
        asked.push((object, value));
    }
    // Asked all first: they are worked on side by side, and share what is listed.
    for (object, value) in asked {
        let what = format!("the comparison of {}", object.path());
        let seen = session
            .until(&object.name, &what, |seen| handled(seen, &value))
            .await?;
        let health = Health::of(&seen);
        let word = health.tone().paint(health.as_str(), screen.colour());
        screen.print(&format!("{} compared: {word}\n", seen.resource_name()))?;
        if !matches!(health, Health::Healthy | Health::Undelivered) {
            exit = Exit::No;
        }
    }
    Ok(exit)
}

/// Flux's annotation wins where an object has both, so that it is set too where it is there.
fn annotations<'a>(object: &Subscription, value: &'a str) -> BTreeMap<&'static str, &'a str> {
    let mut values = BTreeMap::from([(ANNOTATION_RECONCILE_REQUESTED_AT, value)]);
    if object.annotations.contains_key(ANNOTATION_FLUX_REQUESTED_AT) {
        values.insert(ANNOTATION_FLUX_REQUESTED_AT, value);
    }
    values
}

fn handled(object: &Subscription, value: &str) -> Look<Subscription> {
    if object.status.last_handled_reconcile_at.as_deref() == Some(value) {
        return Look::There(object.clone());
    }
    Look::NotYet(match object.condition("Ready") {
        Some(ready) if ready.status != "True" => format!(
            "it is not ready ({}); kubectl webhooks status {} -n {}",
            ready.reason, object.name, object.namespace
        ),
        _ => "is the operator running? kubectl webhooks doctor".to_owned(),
    })
}

/// The result of a test. The members are stable.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Told<'a> {
    namespace: &'a str,
    name: &'a str,
    requested_at: &'a str,
    succeeded: bool,
    results: &'a [TestReceipt],
}

/// Asks for a test event, and waits until each remote subscription's is delivered or is not going to be.
pub(super) async fn test(
    session: &Session,
    args: &TestArgs,
    screen: &mut Screen<'_>,
) -> Result<Exit, PluginError> {
    let object = session.subscription(&args.name).await?;
    if object.suspended() {
        return Err(PluginError::Unfit(format!(
            "{} is suspended: nothing is sent for it; kubectl webhooks resume it first",
            object.path()
        )));
    }
    let value = requested_at();
    session
        .annotate(
            &object.name,
            &BTreeMap::from([(ANNOTATION_TEST_REQUESTED_AT, value.as_str())]),
        )
        .await?;
    screen.note(&format!("{}: asked for a test event", object.path()));
    let what = format!("the test of {}", object.path());
    let results = session
        .until(&object.name, &what, |seen| tested(seen, &value))
        .await?;
    let succeeded = !results.is_empty() && results.iter().all(|one| one.result == TestResult::Succeeded);
    let text = match args.output {
        Some(document) => document.render(&Told {
            namespace: &object.namespace,
            name: &object.name,
            requested_at: &value,
            succeeded,
            results: &results,
        })?,
        None => results_as_table(&results, screen.colour()),
    };
    screen.print(&text)?;
    Ok(if succeeded { Exit::Done } else { Exit::No })
}

fn tested(object: &Subscription, value: &str) -> Look<Vec<TestReceipt>> {
    let test = object.status.last_test.as_ref();
    let Some(test) = test.filter(|test| test.requested_at == value) else {
        return Look::NotYet("is the operator running? kubectl webhooks doctor".to_owned());
    };
    let open = test.results.iter().find(|receipt| is_open(receipt.result));
    match open {
        Some(receipt) => Look::NotYet(format!("{} is still {:?}", receipt.key, receipt.result)),
        None => Look::There(test.results.clone()),
    }
}

/// Whether something will still come of it.
const fn is_open(result: TestResult) -> bool {
    match result {
        TestResult::Requested | TestResult::Sent => true,
        TestResult::Succeeded
        | TestResult::Failed
        | TestResult::Refused
        | TestResult::Unknown
        | TestResult::Unsupported => false,
    }
}

fn results_as_table(results: &[TestReceipt], colour: bool) -> String {
    let rows = results.iter().map(|receipt| {
        let tone = match receipt.result {
            TestResult::Succeeded => Tone::Good,
            TestResult::Failed | TestResult::Refused => Tone::Bad,
            _ => Tone::Doubtful,
        };
        vec![
            Cell::from(&receipt.key),
            Cell::toned(format!("{:?}", receipt.result), tone),
            Cell::from(
                receipt
                    .response_code
                    .map(|code| code.to_string())
                    .unwrap_or_default(),
            ),
            Cell::from(receipt.event_id.as_deref().unwrap_or_default()),
        ]
    });
    table(
        &["KEY", "RESULT", "ANSWER", "EVENT"],
        &rows.collect::<Vec<_>>(),
        colour,
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::health::tests::{object, subscription};
    use super::*;

    #[test]
    fn a_test_is_over_when_nothing_is_on_its_way() {
        let with = |requested: &str, results: &[&str]| {
            let results: Vec<_> = results
                .iter()
                .enumerate()
                .map(|(n, result)| json!({"key": format!("k{n}"), "result": result}))
                .collect();
            let mut value = object(1, 1, &[]);
            value["status"]["lastTest"] = json!({"requestedAt": requested, "results": results});
            subscription(value)
        };
        let over = |object: &Subscription| matches!(tested(object, "now"), Look::There(_));
        assert!(!over(&subscription(object(1, 1, &[]))));
        assert!(!over(&with("before", &["Succeeded"])));
        assert!(!over(&with("now", &["Succeeded", "Sent"])));
        assert!(!over(&with("now", &["Requested"])));
        for end in ["Succeeded", "Failed", "Refused", "Unknown", "Unsupported"] {
            assert!(over(&with("now", &[end])), "{end}");
        }
    }

    #[test]
    fn fluxs_annotation_is_set_where_it_would_win() {
        let mut value = object(1, 1, &[]);
        assert_eq!(annotations(&subscription(value.clone()), "x").len(), 1);
        value["metadata"]["annotations"] = json!({ANNOTATION_FLUX_REQUESTED_AT: "before"});
        let values = annotations(&subscription(value), "x");
        assert_eq!(values.get(ANNOTATION_FLUX_REQUESTED_AT), Some(&"x"));
    }
}

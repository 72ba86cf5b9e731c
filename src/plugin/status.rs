//! `status`: why a subscription is not ready, in words, and the next step.

use std::fmt::Write as _;

use kube::Api;
use kube::api::{ApiResource, DynamicObject};
use serde::Serialize;

use super::advice::page;
use super::args::StatusArgs;
use super::error::{Exit, PluginError};
use super::findings::{Finding, findings};
use super::get::Row;
use super::health::Health;
use super::object::Subscription;
use super::screen::Screen;
use super::session::Session;
use super::table::{Cell, Tone, table};
use crate::api::v1alpha1::{ClusterWebhookProvider, Condition, WebhookProvider};
use crate::wording::one_line;

/// How wide text is.
const WIDTH: usize = 100;

/// What is told. The members are stable.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    /// As in the list.
    subscription: Row,
    /// What is not as it should be, the first one first.
    findings: Vec<Finding>,
    /// How the provider object is, where that is not Ready.
    provider_trouble: Option<Trouble>,
    /// Every remote subscription.
    remotes: Vec<Remote>,
    /// Events whose last delivery failed.
    failing_deliveries: Vec<Failing>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Trouble {
    object: String,
    reason: String,
    message: String,
    page: String,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Remote {
    key: String,
    #[serde(rename = "externalID")]
    external_id: Option<String>,
    state: crate::api::v1alpha1::RemoteState,
    ownership: Option<crate::api::v1alpha1::Ownership>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Failing {
    key: String,
    event: String,
    response_code: Option<u16>,
    failed_observations: Option<u32>,
}

pub(super) async fn run(
    session: &Session,
    args: &StatusArgs,
    screen: &mut Screen<'_>,
) -> Result<Exit, PluginError> {
    let object = session.subscription(&args.name).await?;
    let trouble = provider_trouble(session, &object, screen).await;
    let told = told(&object, trouble);
    let text = match args.output {
        Some(document) => document.render(&told)?,
        None => text(&told, screen.colour()),
    };
    screen.print(&text)?;
    Ok(match told.subscription.health {
        Health::Healthy => Exit::Done,
        _ => Exit::No,
    })
}

/// The provider object's own trouble. That it cannot be read is worth a note and no more.
async fn provider_trouble(
    session: &Session,
    object: &Subscription,
    screen: &mut Screen<'_>,
) -> Option<Trouble> {
    let (kind, name) = object.provider();
    if name.is_empty() {
        return None;
    }
    let api: Api<DynamicObject> = if kind == "ClusterWebhookProvider" {
        let kind = ApiResource::erase::<ClusterWebhookProvider>(&());
        Api::all_with(session.client.clone(), &kind)
    } else {
        let kind = ApiResource::erase::<WebhookProvider>(&());
        Api::namespaced_with(session.client.clone(), &object.namespace, &kind)
    };
    let what = format!("{kind} {name}");
    match api.get(name).await {
        Ok(found) => trouble_of(&what, &found),
        Err(kube::Error::Api(status)) if status.code == 404 => None,
        Err(error) => {
            screen.note(&PluginError::of(error, "get", what).to_string());
            None
        }
    }
}

fn trouble_of(what: &str, found: &DynamicObject) -> Option<Trouble> {
    let conditions = found.data["status"]["conditions"].clone();
    let conditions: Vec<Condition> = serde_json::from_value(conditions).unwrap_or_default();
    let ready = conditions
        .into_iter()
        .find(|condition| condition.type_ == "Ready")?;
    (ready.status != "True").then(|| Trouble {
        object: what.to_owned(),
        page: page(&ready.reason),
        reason: ready.reason.to_string(),
        message: ready.message.to_string(),
    })
}

fn told(object: &Subscription, provider_trouble: Option<Trouble>) -> Told {
    let remotes = object.status.subscriptions.iter();
    let deliveries = object
        .status
        .delivery
        .iter()
        .flat_map(|delivery| &delivery.events);
    Told {
        subscription: Row::of(object),
        findings: findings(object),
        provider_trouble,
        remotes: remotes
            .map(|remote| Remote {
                key: remote.key.clone(),
                external_id: remote.external_id.clone(),
                state: remote.state,
                ownership: remote.ownership,
            })
            .collect(),
        failing_deliveries: deliveries
            .filter(|delivery| !delivery.success)
            .map(|delivery| Failing {
                key: delivery.key.clone(),
                event: delivery.event.clone(),
                response_code: delivery.response_code,
                failed_observations: delivery.failed_observations,
            })
            .collect(),
    }
}

/// What a person reads. Total.
fn text(told: &Told, colour: bool) -> String {
    let row = &told.subscription;
    let health = row.health.tone().paint(row.health.as_str(), colour);
    let mut text = format!(
        "{}/{} is {health}\n",
        one_line(&row.namespace),
        one_line(&row.name)
    );
    if told.findings.is_empty() && told.provider_trouble.is_none() {
        text.push_str("The provider's side is as the spec says.\n");
    }
    for finding in &told.findings {
        let condition = finding.condition.as_deref().map(|name| format!(" ({name})"));
        let reason = Tone::Doubtful.paint(&one_line(&finding.reason), colour);
        let _ = writeln!(text, "\n{reason}{}", condition.unwrap_or_default());
        paragraph(&mut text, "What it says", &finding.message);
        paragraph(&mut text, "What it means", &finding.meaning);
        paragraph(&mut text, "Next step", &finding.next_step);
        paragraph(&mut text, "More", &finding.page);
    }
    if let Some(trouble) = &told.provider_trouble {
        let reason = Tone::Doubtful.paint(&one_line(&trouble.reason), colour);
        let _ = writeln!(text, "\n{} is not ready: {reason}", one_line(&trouble.object));
        paragraph(&mut text, "What it says", &trouble.message);
        paragraph(&mut text, "More", &trouble.page);
    }
    if !told.remotes.is_empty() {
        let rows = told.remotes.iter().map(|remote| {
            vec![
                Cell::from(&remote.key),
                Cell::from(remote.external_id.as_deref().unwrap_or_default()),
                Cell::from(format!("{:?}", remote.state)),
                Cell::from(
                    remote
                        .ownership
                        .map(|held| format!("{held:?}"))
                        .unwrap_or_default(),
                ),
            ]
        });
        text.push('\n');
        text.push_str(&table(
            &["KEY", "ID", "STATE", "OWNERSHIP"],
            &rows.collect::<Vec<_>>(),
            colour,
        ));
    }
    if !told.failing_deliveries.is_empty() {
        let rows = told.failing_deliveries.iter().map(|failing| {
            vec![
                Cell::from(&failing.event),
                Cell::from(
                    failing
                        .response_code
                        .map_or("no answer".to_owned(), |code| code.to_string()),
                ),
                Cell::from(
                    failing
                        .failed_observations
                        .map(|count| count.to_string())
                        .unwrap_or_default(),
                ),
            ]
        });
        text.push('\n');
        text.push_str(&table(
            &["FAILING EVENT", "ANSWER", "TIMES SEEN"],
            &rows.collect::<Vec<_>>(),
            colour,
        ));
    }
    text
}

/// A labelled text, its lines broken between words. Nothing where there is no text.
fn paragraph(to: &mut String, label: &str, text: &str) {
    let indent = 18;
    let mut line = format!("  {label}:");
    line.extend(std::iter::repeat_n(' ', indent - line.chars().count()));
    let mut words = one_line(text);
    if words.trim().is_empty() {
        return;
    }
    words = words.trim().to_owned();
    let mut length = indent;
    let mut first = true;
    for word in words.split_whitespace() {
        let more = word.chars().count();
        if !first && length + 1 + more > WIDTH {
            line.push('\n');
            line.extend(std::iter::repeat_n(' ', indent));
            length = indent;
            first = true;
        }
        if !first {
            line.push(' ');
            length += 1;
        }
        line.push_str(word);
        length += more;
        first = false;
    }
    to.push_str(&line);
    to.push('\n');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::health::tests::{object, subscription};
    use super::*;

    #[test]
    fn the_text_says_why_and_what_to_do_and_where_more_is_written() {
        let broken = subscription(object(1, 1, &[("Accepted", "False", "SecretNotReleased")]));
        let text = text(&told(&broken, None), false);
        for part in [
            "support/crm is Progressing",
            "SecretNotReleased (Accepted)",
            "What it says:   about Accepted",
            "Next step:      Run the kubectl label command",
            "troubleshooting.md#secretnotreleased",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!text.contains('\u{1b}'), "{text}");
    }

    #[test]
    fn the_providers_own_trouble_is_told_beside() {
        let found = json!({"apiVersion": "v", "kind": "k", "metadata": {}, "status": {"conditions": [
            {"type": "Ready", "status": "False", "reason": "Unauthenticated", "message": "no",
             "lastTransitionTime": "2026-01-01T00:00:00Z"}]}});
        let found: DynamicObject = serde_json::from_value(found).unwrap();
        let trouble = trouble_of("WebhookProvider dixa", &found);
        let waits = subscription(object(1, 1, &[("Ready", "False", "ProviderNotReady")]));
        let text = text(&told(&waits, trouble), false);
        assert!(
            text.contains("WebhookProvider dixa is not ready: Unauthenticated"),
            "{text}"
        );
    }

    #[test]
    fn what_is_well_is_short() {
        let well = subscription(object(1, 1, &[("Ready", "True", "InSync")]));
        let expected = "support/crm is Healthy\nThe provider's side is as the spec says.\n";
        assert_eq!(text(&told(&well, None), false), expected);
    }

    proptest! {
        #[test]
        fn no_line_is_too_long_unless_a_word_is_and_no_word_is_lost(
            words in prop::collection::vec("[a-z]{1,30}", 1..40),
        ) {
            let mut text = String::new();
            paragraph(&mut text, "More", &words.join("  "));
            prop_assert!(text.lines().all(|line| line.chars().count() <= WIDTH));
            let back: Vec<&str> = text.split_whitespace().skip(1).collect();
            prop_assert_eq!(back, words);
        }
    }
}

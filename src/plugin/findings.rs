//! What there is to say about a subscription, each with the next step. Pure.

use operator_core::reason::Reason;
use serde::Serialize;

use super::advice::{next_step, page};
use super::object::Subscription;

/// One thing that is not as it should be, or worth to be known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Finding {
    /// The condition that says so; `None` where there is none yet.
    pub(super) condition: Option<String>,
    /// Its reason, or a word of the same form.
    pub(super) reason: String,
    /// The condition's message.
    pub(super) message: String,
    /// What the reason means.
    pub(super) meaning: String,
    /// What a person does next.
    pub(super) next_step: String,
    /// Where more is written.
    pub(super) page: String,
}

/// Conditions that are good while true, in the order in which they are told. `Ready` sums up the others.
const ASPECTS: [&str; 5] = [
    "Accepted",
    "Synced",
    "SecretPublished",
    "DeliveryHealthy",
    "Ready",
];

/// What is unknown and no reason to worry.
const HARMLESS: [Reason; 3] = [Reason::NoRecentDelivery, Reason::NotMonitored, Reason::NotChecked];

/// All findings, the one that matters most first, each reason once. Empty where all is well. Total.
pub(super) fn findings(object: &Subscription) -> Vec<Finding> {
    let mut found = Vec::new();
    if !object.observed() {
        found.push(unobserved(object));
    }
    if object.suspended() {
        found.push(finding(object, None, Reason::SuspendedBySpec.as_str(), ""));
    }
    for kind in ASPECTS {
        let Some(condition) = object.condition(kind) else {
            continue;
        };
        let parsed = Reason::parse(&condition.reason);
        let harmless =
            condition.status == "Unknown" && parsed.is_some_and(|reason| HARMLESS.contains(&reason));
        let stale = object.suspended() && !object.deleting;
        if condition.status == "True" || harmless || stale && kind != "Accepted" {
            continue;
        }
        found.push(finding(object, Some(kind), &condition.reason, &condition.message));
    }
    // `Ready` repeats the reason of what it sums up; and a cause says more than that it is tried again.
    let mut told: Vec<Finding> = Vec::new();
    for one in found {
        let again = [Reason::Progressing, Reason::ProgressingWithRetry]
            .iter()
            .any(|reason| reason.as_str() == one.reason);
        if told.iter().any(|before| before.reason == one.reason) || again && !told.is_empty() {
            continue;
        }
        told.push(one);
    }
    told
}

fn unobserved(object: &Subscription) -> Finding {
    let never = object
        .status
        .observed_generation
        .is_none_or(|generation| generation < 0);
    let meaning = if never {
        "The operator has not seen this object yet."
    } else {
        "The operator has not seen the latest change of this object yet."
    };
    Finding {
        condition: None,
        reason: "NotObserved".to_owned(),
        message: String::new(),
        meaning: meaning.to_owned(),
        next_step: "Wait some seconds. If it stays: is the operator running, and does it watch this namespace? kubectl \
                    webhooks doctor."
            .to_owned(),
        page: page("NotObserved"),
    }
}

fn finding(object: &Subscription, condition: Option<&str>, reason: &str, message: &str) -> Finding {
    let known = Reason::parse(reason);
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    Finding {
        condition: condition.map(str::to_owned),
        reason: reason.to_owned(),
        message: message.to_owned(),
        meaning: known.map_or_else(
            || "This version of the plugin does not know the reason.".to_owned(),
            |reason| words(reason.explanation()).replace('`', ""),
        ),
        next_step: known.map_or_else(
            || "See the page, or use a newer plugin.".to_owned(),
            |reason| with_name(next_step(reason), object),
        ),
        page: page(reason),
    }
}

/// The commands in a step, as they can be copied.
fn with_name(step: &str, object: &Subscription) -> String {
    step.replace("NAME", &format!("{} -n {}", object.name, object.namespace))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::health::tests::{object, subscription};
    use super::*;

    fn reasons(object: &Subscription) -> Vec<String> {
        findings(object).into_iter().map(|one| one.reason).collect()
    }

    #[test]
    fn what_is_well_is_not_told() {
        let well = subscription(object(
            1,
            1,
            &[
                ("Ready", "True", "InSync"),
                ("Accepted", "True", "Valid"),
                ("DeliveryHealthy", "Unknown", "NoRecentDelivery"),
            ],
        ));
        assert_eq!(findings(&well), []);
    }

    #[test]
    fn a_reason_is_told_once_and_the_cause_in_place_of_the_retry() {
        let refused = [
            ("Accepted", "False", "SecretNotReleased"),
            ("Synced", "False", "SecretNotReleased"),
            ("Ready", "False", "ProgressingWithRetry"),
        ];
        assert_eq!(
            reasons(&subscription(object(1, 1, &refused))),
            ["SecretNotReleased"]
        );
        let begun = [
            ("Synced", "Unknown", "Progressing"),
            ("Ready", "Unknown", "Progressing"),
        ];
        assert_eq!(reasons(&subscription(object(1, 1, &begun))), ["Progressing"]);
    }

    #[test]
    fn an_object_that_was_not_looked_at_says_so_first() {
        let fresh = subscription(object(1, -1, &[]));
        assert_eq!(reasons(&fresh), ["NotObserved"]);
        let mut suspended = object(1, 1, &[("Ready", "False", "Unauthenticated")]);
        suspended["spec"]["suspend"] = json!(true);
        let found = findings(&subscription(suspended));
        assert_eq!(found[0].reason, "SuspendedBySpec");
        assert!(found[0].next_step.contains("resume crm -n support"), "{found:?}");
        assert_eq!(found.len(), 1);
    }

    #[test]
    fn a_reason_of_a_later_version_is_told_as_one() {
        let odd = subscription(object(1, 1, &[("Ready", "False", "BrandNew")]));
        let found = findings(&odd);
        assert_eq!(found[0].reason, "BrandNew");
        assert!(found[0].page.ends_with("#brandnew"));
    }

    proptest! {
        #[test]
        fn whatever_is_not_true_is_told_with_a_next_step(
            index in 0..Reason::ALL.len(), kind in prop::sample::select(ASPECTS.to_vec()),
        ) {
            let reason = Reason::ALL[index];
            let found = findings(&subscription(object(1, 1, &[(kind, "False", reason.as_str())])));
            prop_assert_eq!(found.len(), 1);
            prop_assert!(!found[0].next_step.is_empty() && !found[0].next_step.contains("NAME"));
            prop_assert!(!found[0].meaning.is_empty());
        }
    }
}

//! One word for the state of a subscription, the same as Argo CD and kstatus come to. Pure.

use serde::Serialize;

use super::object::Subscription;
use super::table::Tone;

/// How a subscription is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) enum Health {
    /// Something is wrong, and has been for a while, or will not heal by itself.
    Degraded,
    /// The provider's side is as the spec says, and deliveries do not arrive.
    Undelivered,
    /// It is on its way out and cannot go.
    Blocked,
    /// It is on its way out.
    Deleting,
    /// Work is under way.
    Progressing,
    /// Nothing is sent for it.
    Suspended,
    /// All is well, as far as anybody can tell.
    Healthy,
}

impl Health {
    /// The health of a subscription. Total.
    pub(super) fn of(object: &Subscription) -> Self {
        if object.deleting {
            return if object.is("Stalled", "True") {
                Self::Blocked
            } else {
                Self::Deleting
            };
        }
        if object.suspended() {
            return Self::Suspended;
        }
        let Some(ready) = object.condition("Ready").filter(|_| object.observed()) else {
            return Self::Progressing;
        };
        if object.is("Stalled", "True") {
            return Self::Degraded;
        }
        let current = ready.observed_generation == Some(object.generation);
        if object.is("Reconciling", "True") || !current {
            return Self::Progressing;
        }
        match &*ready.status {
            "True" if object.is("DeliveryHealthy", "False") => Self::Undelivered,
            "True" => Self::Healthy,
            "False" => Self::Degraded,
            _ => Self::Progressing,
        }
    }

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Degraded => "Degraded",
            Self::Undelivered => "Undelivered",
            Self::Blocked => "Blocked",
            Self::Deleting => "Deleting",
            Self::Progressing => "Progressing",
            Self::Suspended => "Suspended",
            Self::Healthy => "Healthy",
        }
    }

    pub(super) const fn tone(self) -> Tone {
        match self {
            Self::Degraded | Self::Blocked => Tone::Bad,
            Self::Undelivered | Self::Deleting | Self::Progressing | Self::Suspended => Tone::Doubtful,
            Self::Healthy => Tone::Good,
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use kube::api::DynamicObject;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    pub(in crate::plugin) fn object(
        generation: i64,
        observed: i64,
        conditions: &[(&str, &str, &str)],
    ) -> Value {
        let conditions: Vec<Value> = conditions
            .iter()
            .map(|(kind, status, reason)| {
                json!({"type": kind, "status": status, "reason": reason, "message": format!("about {kind}"),
                    "observedGeneration": observed, "lastTransitionTime": "2026-01-01T00:00:00Z"})
            })
            .collect();
        json!({
            "apiVersion": "webhook-operator.io/v1alpha1", "kind": "WebhookSubscription",
            "metadata": {"name": "crm", "namespace": "support", "generation": generation},
            "spec": {"providerRef": {"name": "dixa"}, "url": "https://h.example/x", "events": ["A"]},
            "status": {"observedGeneration": observed, "conditions": conditions},
        })
    }

    pub(in crate::plugin) fn subscription(object: Value) -> Subscription {
        Subscription::of(&serde_json::from_value::<DynamicObject>(object).unwrap())
    }

    fn health(generation: i64, observed: i64, conditions: &[(&str, &str, &str)]) -> Health {
        Health::of(&subscription(object(generation, observed, conditions)))
    }

    #[test]
    fn each_state_has_its_word() {
        let ready = ("Ready", "True", "InSync");
        let broken = ("Ready", "False", "SecretNotFound");
        assert_eq!(health(1, 1, &[ready]), Health::Healthy);
        assert_eq!(
            health(1, 1, &[ready, ("DeliveryHealthy", "False", "DeliveriesFailing")]),
            Health::Undelivered
        );
        assert_eq!(health(2, 1, &[ready]), Health::Progressing);
        assert_eq!(health(1, 1, &[]), Health::Progressing);
        assert_eq!(health(1, 1, &[broken]), Health::Degraded);
        assert_eq!(
            health(1, 1, &[broken, ("Reconciling", "True", "Progressing")]),
            Health::Progressing
        );
        assert_eq!(
            health(1, 1, &[ready, ("Stalled", "True", "Guarded")]),
            Health::Degraded
        );
        let mut going = object(1, 1, &[("Ready", "False", "Deleting")]);
        going["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        assert_eq!(Health::of(&subscription(going)), Health::Deleting);
        let mut stuck = object(1, 1, &[("Stalled", "True", "DeletionBlocked")]);
        stuck["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        assert_eq!(Health::of(&subscription(stuck)), Health::Blocked);
        let mut suspended = object(1, 1, &[ready]);
        suspended["spec"]["suspend"] = json!(true);
        assert_eq!(Health::of(&subscription(suspended)), Health::Suspended);
    }

    proptest! {
        #[test]
        fn every_object_has_a_health(
            generation in 0_i64..3, observed in -1_i64..3, suspend in any::<bool>(),
            // One of each type: the apiserver takes no more.
            types in prop::sample::subsequence(
                vec!["Ready", "Stalled", "Reconciling", "DeliveryHealthy", "Synced"], 0..=5).prop_shuffle(),
            states in prop::collection::vec(
                (prop::sample::select(vec!["True", "False", "Unknown"]),
                 prop::sample::select(vec!["InSync", "Odd"])), 5),
        ) {
            let pairs = types.into_iter().zip(states);
            let conditions: Vec<_> = pairs.map(|(kind, (status, reason))| (kind, status, reason)).collect();
            let mut value = object(generation, observed, &conditions);
            value["spec"]["suspend"] = json!(suspend);
            let health = Health::of(&subscription(value));
            let reds = conditions.iter().any(|(kind, status, _)| *kind == "Stalled" && *status == "True");
            prop_assert!(health != Health::Healthy || generation == observed && !suspend && !reds);
        }
    }
}

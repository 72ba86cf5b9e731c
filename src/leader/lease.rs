//! The Lease as the apiserver keeps it.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::{ApiResource, DynamicObject, PostParams};
use kube::{Api, Client};
use operator_core::leadership::Record;
use serde_json::{Value, json};

use crate::api::FIELD_MANAGER;

/// On a Lease that its holder gave up after it had stopped writing.
const ANNOTATION_RELEASED: &str = "webhook-operator.io/released";

/// The Lease as it was read. Untyped, because a field that somebody filled with nonsense must not hide the others.
#[derive(Debug, Clone)]
pub(super) struct Held {
    object: DynamicObject,
}

impl Held {
    /// What of it matters.
    pub(super) fn record(&self) -> Record {
        let spec = &self.object.data["spec"];
        let text = |name: &str| spec[name].as_str().unwrap_or_default().to_owned();
        let annotations = self.object.metadata.annotations.as_ref();
        let holder = text("holderIdentity");
        Record {
            released: annotations.is_some_and(|all| all.contains_key(ANNOTATION_RELEASED))
                && holder.is_empty(),
            holder: Some(holder).filter(|holder| !holder.is_empty()),
            stamp: text("renewTime"),
            duration: spec["leaseDurationSeconds"].as_u64().map(Duration::from_secs),
            version: self.object.metadata.resource_version.clone(),
        }
    }

    /// This Lease with `record` in it. What others wrote beside the spec stays.
    fn with(mut self, record: &Record) -> DynamicObject {
        let before = self.record();
        let spec = &self.object.data["spec"];
        let (mut acquired, mut transitions) = (spec["acquireTime"].clone(), spec["leaseTransitions"].clone());
        if record.holder.is_some() && record.holder != before.holder {
            acquired = json!(record.stamp);
            transitions = json!(transitions.as_i64().unwrap_or(0).clamp(0, 1 << 30) + 1);
        }
        let annotations = self.object.metadata.annotations.get_or_insert_default();
        annotations.remove(ANNOTATION_RELEASED);
        if record.released {
            annotations.insert(ANNOTATION_RELEASED.to_owned(), "true".to_owned());
        }
        self.object.metadata.managed_fields = None;
        self.object.data = json!({"spec": spec_of(record, &acquired, &transitions)});
        self.object
    }
}

fn spec_of(record: &Record, acquired: &Value, transitions: &Value) -> Value {
    let mut spec = json!({
        "holderIdentity": record.holder.as_deref().unwrap_or_default(),
        "renewTime": record.stamp,
    });
    let seconds = record.duration.map(whole_seconds);
    let further = [
        ("leaseDurationSeconds", json!(seconds)),
        ("acquireTime", acquired.clone()),
        ("leaseTransitions", transitions.clone()),
    ];
    for (name, value) in further {
        if !value.is_null() {
            spec[name] = value;
        }
    }
    spec
}

/// Rounded up: others should rather wait too long.
fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

/// The time now as the apiserver writes it, and another one than `before`, whatever the wall clock does: nobody
/// compares it with a clock, but everybody sees by it that the Lease was renewed.
pub(super) fn stamp(before: Option<&str>) -> String {
    let now = Timestamp::now();
    let text = format!("{now:.6}");
    if before != Some(text.as_str()) {
        return text;
    }
    let next = now.checked_add(SignedDuration::from_micros(1)).unwrap_or(now);
    format!("{next:.6}")
}

/// Where the Lease is.
#[derive(Clone)]
pub(super) struct Place {
    api: Api<DynamicObject>,
    name: String,
}

impl Place {
    pub(super) fn new(client: Client, namespace: &str, name: &str) -> Self {
        Self {
            api: Api::namespaced_with(client, namespace, &ApiResource::erase::<Lease>(&())),
            name: name.to_owned(),
        }
    }

    /// `None`: there is none.
    pub(super) async fn read(&self) -> Result<Option<Held>, kube::Error> {
        let object = self.api.get_opt(&self.name).await?;
        Ok(object.map(|object| Held { object }))
    }

    /// Writes `record`: over `held`, if that is still what is there; into a new Lease where it is `None`.
    pub(super) async fn write(&self, held: Option<&Held>, record: &Record) -> Result<Held, kube::Error> {
        let params = PostParams {
            field_manager: Some(FIELD_MANAGER.to_owned()),
            ..PostParams::default()
        };
        let object = match held {
            Some(held) => {
                let mut object = held.clone().with(record);
                if operator_core::planted!(LeaseVersionIgnored) {
                    object.metadata.resource_version =
                        self.api.get(&self.name).await?.metadata.resource_version;
                }
                self.api.replace(&self.name, &params, &object).await?
            }
            None => self.api.create(&params, &self.fresh(record)).await?,
        };
        Ok(Held { object })
    }

    fn fresh(&self, record: &Record) -> DynamicObject {
        let mut object = DynamicObject::new(&self.name, &ApiResource::erase::<Lease>(&()));
        object.metadata.labels = Some(BTreeMap::from([(
            "app.kubernetes.io/managed-by".to_owned(),
            FIELD_MANAGER.to_owned(),
        )]));
        Held { object }.with(record)
    }
}

/// What a Lease says; `None`: there is none. For somebody who only looks.
///
/// # Errors
/// What the apiserver says.
pub async fn read(client: Client, namespace: &str, name: &str) -> Result<Option<Record>, kube::Error> {
    let held = Place::new(client, namespace, name).read().await?;
    Ok(held.map(|held| held.record()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(spec: &Value) -> Held {
        let mut object = DynamicObject::new("lease", &ApiResource::erase::<Lease>(&()));
        object.data = json!({"spec": spec});
        Held { object }
    }

    #[test]
    fn nonsense_in_one_field_does_not_hide_the_others() {
        let junk =
            held(&json!({"holderIdentity": "a", "leaseDurationSeconds": "x", "renewTime": 7, "more": []}));
        let record = junk.record();
        assert_eq!((record.holder.as_deref(), record.duration), (Some("a"), None));
        assert_eq!(held(&json!({"holderIdentity": ""})).record().holder, None);
    }

    #[test]
    fn a_change_of_hands_is_counted_and_a_renewal_is_not() {
        let record = |holder: &str, stamp: &str| Record {
            holder: Some(holder.to_owned()),
            released: false,
            stamp: stamp.to_owned(),
            duration: Some(Duration::from_millis(2_500)),
            version: None,
        };
        let first = held(&Value::Null).with(&record("a", "1"));
        let renewed = Held { object: first }.with(&record("a", "2"));
        let expected = json!({"holderIdentity": "a", "leaseDurationSeconds": 3, "acquireTime": "1", "renewTime": "2",
                              "leaseTransitions": 1});
        assert_eq!(renewed.data["spec"], expected);
        let taken = Held { object: renewed }.with(&record("b", "3"));
        assert_eq!(taken.data["spec"]["leaseTransitions"], 2);
        assert_eq!(taken.data["spec"]["acquireTime"], "3");
    }

    #[test]
    fn that_it_was_released_goes_with_the_next_holder() {
        let mut record = Record {
            holder: None,
            released: true,
            stamp: "1".to_owned(),
            duration: None,
            version: None,
        };
        let released = held(&json!({"holderIdentity": "a"})).with(&record);
        let released = Held { object: released };
        assert_eq!(released.record(), record);
        (record.holder, record.released) = (Some("b".to_owned()), false);
        let taken = released.with(&record);
        assert_eq!(taken.metadata.annotations, Some(BTreeMap::new()));
        // Emptied by hand is not released.
        let mut emptied = held(&json!({"holderIdentity": "a"})).with(&record);
        emptied.data = json!({"spec": {}});
        assert!(!Held { object: emptied }.record().released);
    }

    #[test]
    fn every_renewal_has_another_stamp_also_when_the_clock_stands_still() {
        let first = stamp(None);
        assert_eq!(first.len(), "2026-01-01T00:00:00.000000Z".len(), "{first}");
        for _ in 0..1000 {
            let text = format!("{:.6}", Timestamp::now());
            assert_ne!(stamp(Some(&text)), text);
        }
    }
}

//! An object as the apiserver sent it, also where this version cannot read it.
//!
//! kube's `DeserializeGuard` promises the same by way of a tree of everything in the object, and a copy of that tree.
//! Most of what is in an object are its managed fields, of which nothing is kept: here they are read over.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use kube::Resource;
use kube::core::ObjectMeta;
use kube::core::error_boundary::InvalidObject;
use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, StringDeserializer};
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, Error, IgnoredAny, IntoDeserializer, MapAccess, Visitor,
};
use serde_json::{Map, Value};

const METADATA: &str = "metadata";

/// The object, or its metadata and why the rest cannot be read. Managed fields are in neither.
#[derive(Debug, Clone)]
pub(super) struct Received<K>(pub(super) Result<K, InvalidObject>);

impl<'de, K: Resource + DeserializeOwned> Deserialize<'de> for Received<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Object(PhantomData))
    }
}

struct Object<K>(PhantomData<K>);

impl<'de, K: Resource + DeserializeOwned> Visitor<'de> for Object<K> {
    type Value = Received<K>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Received<K>, A::Error> {
        let mut metadata = None;
        let mut others = Map::new();
        while let Some(member) = members.next_key::<String>()? {
            if member == METADATA {
                metadata = Some(members.next_value::<Metadata>()?.0);
            } else {
                others.insert(member, members.next_value()?);
            }
        }
        let metadata = metadata.ok_or_else(|| A::Error::missing_field(METADATA))?;
        others.insert(METADATA.to_owned(), Value::Object(Map::new()));
        Ok(Received(match K::deserialize(Value::Object(others)) {
            Ok(mut object) => {
                *object.meta_mut() = metadata;
                Ok(object)
            }
            Err(error) => Err(InvalidObject {
                error: error.to_string(),
                metadata,
            }),
        }))
    }
}

/// Metadata without managed fields.
struct Metadata(ObjectMeta);

impl<'de> Deserialize<'de> for Metadata {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(WithoutManagedFields)
    }
}

struct WithoutManagedFields;

impl<'de> Visitor<'de> for WithoutManagedFields {
    type Value = Metadata;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the metadata of an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Metadata, A::Error> {
        ObjectMeta::deserialize(MapAccessDeserializer::new(Kept(members))).map(Metadata)
    }
}

/// The members of metadata that are read.
struct Kept<A>(A);

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Kept<A> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        while let Some(member) = self.0.next_key::<String>()? {
            if member != "managedFields" {
                let member: StringDeserializer<A::Error> = member.into_deserializer();
                return seed.deserialize(member).map(Some);
            }
            self.0.next_value::<IgnoredAny>()?;
        }
        Ok(None)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.0.next_value_seed(seed)
    }
}

impl<K: Resource> Resource for Received<K> {
    type DynamicType = K::DynamicType;
    type Scope = K::Scope;

    fn kind(dynamic: &Self::DynamicType) -> Cow<'_, str> {
        K::kind(dynamic)
    }

    fn group(dynamic: &Self::DynamicType) -> Cow<'_, str> {
        K::group(dynamic)
    }

    fn version(dynamic: &Self::DynamicType) -> Cow<'_, str> {
        K::version(dynamic)
    }

    fn plural(dynamic: &Self::DynamicType) -> Cow<'_, str> {
        K::plural(dynamic)
    }

    fn meta(&self) -> &ObjectMeta {
        match &self.0 {
            Ok(object) => object.meta(),
            Err(invalid) => &invalid.metadata,
        }
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        match &mut self.0 {
            Ok(object) => object.meta_mut(),
            Err(invalid) => &mut invalid.metadata,
        }
    }
}

#[cfg(test)]
mod tests {
    use kube::core::WatchEvent;
    use serde_json::json;

    use super::*;
    use crate::api::v1alpha1::WebhookSubscription;

    fn sent(spec: &Value) -> Value {
        json!({
            "apiVersion": "webhook-operator.io/v1alpha1",
            "kind": "WebhookSubscription",
            "spec": spec,
            "metadata": {
                "name": "crm",
                "managedFields": [{"manager": "helm", "fieldsV1": {"f:spec": {}}}],
                "namespace": "shop",
                "labels": {"a": "b"},
                "resourceVersion": "7",
            },
            "status": {"observedGeneration": 3},
        })
    }

    fn spec() -> Value {
        json!({"providerRef": {"name": "dixa"}, "url": "https://example.com/", "events": ["ConversationCreated"]})
    }

    #[test]
    fn what_can_be_read_is_what_its_own_type_reads_but_for_managed_fields() {
        let sent = sent(&spec());
        let mut whole: WebhookSubscription = serde_json::from_value(sent.clone()).unwrap();
        assert!(whole.metadata.managed_fields.take().is_some());
        let Received::<WebhookSubscription>(Ok(received)) = serde_json::from_value(sent).unwrap() else {
            panic!("it can be read");
        };
        assert_eq!(json!(received), json!(whole));
    }

    #[test]
    fn of_what_cannot_be_read_the_metadata_is_there_and_the_others_of_its_list_are() {
        let list = json!([sent(&json!({"events": 7})), sent(&spec())]);
        let list: Vec<Received<WebhookSubscription>> = serde_json::from_value(list).unwrap();
        let invalid = list[0].0.as_ref().unwrap_err();
        assert_eq!(list[0].meta().name.as_deref(), Some("crm"));
        assert_eq!(invalid.metadata.resource_version.as_deref(), Some("7"));
        assert_eq!(invalid.metadata.managed_fields, None);
        assert!(list[1].0.is_ok());
    }

    #[test]
    fn an_event_of_a_watch_is_read_whatever_the_order_of_its_members() {
        let event = json!({"type": "MODIFIED", "object": sent(&spec())}).to_string();
        let turned = format!(r#"{{"object": {}, "type": "MODIFIED"}}"#, sent(&spec()));
        for text in [event, turned] {
            let event: WatchEvent<Received<WebhookSubscription>> = serde_json::from_str(&text).unwrap();
            assert!(matches!(event, WatchEvent::Modified(Received(Ok(_)))), "{text}");
        }
    }

    #[test]
    fn an_object_without_metadata_is_refused() {
        let refused = serde_json::from_value::<Received<WebhookSubscription>>(json!({"spec": spec()}));
        assert!(refused.unwrap_err().to_string().contains("metadata"));
    }
}

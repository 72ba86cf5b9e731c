//! Schemas of the Kubernetes types that the kinds contain, bounded as ours are.

use schemars::{Schema, SchemaGenerator, json_schema};

/// `metav1.Condition` as a list keyed by type.
pub(super) fn conditions(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "maxItems": 16,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
        "items": {
            "type": "object",
            "description": "One aspect of the object's state.",
            "required": ["type", "status", "reason", "message", "lastTransitionTime"],
            "properties": {
                "type": {
                    "type": "string",
                    "description": "Which aspect. Example: `Ready`.",
                    "minLength": 1,
                    "maxLength": 63,
                    "pattern": "^[A-Za-z]+$",
                },
                "status": {
                    "type": "string",
                    "description": "Whether it holds: `True`, `False`, or `Unknown` while it cannot be told.",
                    "enum": ["True", "False", "Unknown"],
                },
                "reason": {
                    "type": "string",
                    "description": "Why, as one word that programs can rely on. Example: `SecretNotReleased`.",
                    "minLength": 1,
                    "maxLength": 63,
                    "pattern": "^[A-Za-z]+$",
                },
                "message": {
                    "type": "string",
                    "description": "Why, in words, and what to do about it.",
                    "maxLength": 1024,
                },
                "observedGeneration": {
                    "type": "integer",
                    "format": "int64",
                    "minimum": 0,
                    "description": "The `metadata.generation` that this condition speaks of.",
                },
                "lastTransitionTime": {
                    "type": "string",
                    "format": "date-time",
                    "maxLength": 32,
                    "description": "When `status` last changed.",
                },
            },
        },
    })
}

/// A point in time, RFC 3339 with whole seconds.
pub(super) fn time(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "format": "date-time", "maxLength": 32 })
}

/// At most three points in time, in an order that means something.
pub(super) fn three_times(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "x-kubernetes-list-type": "atomic",
        "maxItems": 3,
        "items": { "type": "string", "format": "date-time", "maxLength": 32 },
    })
}

/// `metav1.LabelSelector`.
pub(super) fn label_selector(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "x-kubernetes-map-type": "atomic",
        "properties": {
            "matchLabels": {
                "type": "object",
                "description": "Labels that must be there with exactly this value. Unset: none. \
                    Example: `{webhooks: allowed}`.",
                "maxProperties": 16,
                "additionalProperties": {
                    "type": "string", "description": "The label's value.", "maxLength": 63,
                },
            },
            "matchExpressions": {
                "type": "array",
                "description": "Requirements on labels, all of which must hold. Unset: none. \
                    Example: `[{key: team, operator: In, values: [support]}]`.",
                "maxItems": 16,
                "x-kubernetes-list-type": "atomic",
                "items": {
                    "type": "object",
                    "description": "One requirement on one label.",
                    "required": ["key", "operator"],
                    "properties": {
                        "key": {
                            "type": "string",
                            "description": "The label's key. Example: `team`.",
                            "minLength": 1,
                            "maxLength": 317,
                        },
                        "operator": {
                            "type": "string",
                            "description": "How the label is compared: its value is one of `values` (`In`), is \
                                none of them or the label is absent (`NotIn`), the label is there (`Exists`) or \
                                it is not (`DoesNotExist`).",
                            "enum": ["In", "NotIn", "Exists", "DoesNotExist"],
                        },
                        "values": {
                            "type": "array",
                            "description": "The values for `In` and `NotIn`; not allowed with the others.",
                            "maxItems": 64,
                            "x-kubernetes-list-type": "atomic",
                            "items": { "type": "string", "description": "A value of the label.", "maxLength": 63 },
                        },
                    },
                    "x-kubernetes-validations": [{
                        "rule": "(self.operator in ['In', 'NotIn']) == (has(self.values) && size(self.values) > 0)",
                        "message": "allowedNamespaces.selector.matchExpressions: give values with the operators In \
                            and NotIn, and leave them out with Exists and DoesNotExist",
                    }],
                },
            },
        },
    })
}

//! What a request is, by its method and path: a verb and a thing, without anything that differs from run
//! to run unless it is a name that a test chose.

use std::fmt;

/// Which of the two servers a request goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// kube-apiserver.
    Apiserver,
    /// A provider.
    Provider,
}

/// One request, classified.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Call {
    /// Where it goes.
    pub side: Side,
    /// At the apiserver `get`, `list`, `watch`, `create`, `update`, `patch`, `delete` or `deletecollection`, as
    /// RBAC and the audit log name them; at a provider the operation, as the simulator names it (`create`,
    /// `list`, `put`, …), `unknown` for a path that no provider has.
    pub verb: String,
    /// At the apiserver the API group, empty for core; at a provider its name.
    pub group: String,
    /// Plural of the kind; the path for what is no resource; empty at a provider.
    pub resource: String,
    /// `status`, … or empty.
    pub subresource: String,
    /// Empty for objects without one, and at a provider.
    pub namespace: String,
    /// Name of the object, or a provider's id; empty for collections.
    pub name: String,
}

impl Call {
    /// Whether it asks for a change.
    pub fn is_write(&self) -> bool {
        let reads = [
            "get",
            "list",
            "watch",
            "deliveryStatus",
            "logs",
            "events",
            "eventTypes",
            "unknown",
            "wrongMethod",
        ];
        !reads.contains(&self.verb.as_str())
    }

    /// Whether it is leader election's own, whose timing is that of a clock.
    pub fn is_lease(&self) -> bool {
        self.resource == "leases"
    }

    /// The canonical name of this kind of request: the same in every run, and for every object.
    pub fn label(&self) -> String {
        match self.side {
            Side::Provider => format!("{} {}", self.group, self.verb),
            Side::Apiserver if self.subresource.is_empty() => format!("{} {}", self.verb, self.resource),
            Side::Apiserver => format!("{} {}/{}", self.verb, self.resource, self.subresource),
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.label())?;
        match (self.namespace.as_str(), self.name.as_str()) {
            ("", "") => Ok(()),
            ("", name) => write!(f, " {name}"),
            (namespace, name) => write!(f, " {namespace}/{name}"),
        }
    }
}

/// A request to kube-apiserver.
pub(super) fn apiserver(method: &str, path: &str, query: &str) -> Call {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let (group, rest) = match parts.as_slice() {
        ["api", _version, rest @ ..] => ("", rest),
        ["apis", group, _version, rest @ ..] => (*group, rest),
        _ => ("", [].as_slice()),
    };
    // A Namespace's own path has no resource behind the name, or one of these.
    let (namespace, rest) = match rest {
        ["namespaces", _, "status" | "finalize"] => ("", rest),
        ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (*namespace, rest),
        _ => ("", rest),
    };
    let (resource, name, subresource) = match rest {
        [] => (path, "", ""),
        [resource] => (*resource, "", ""),
        [resource, name] => (*resource, *name, ""),
        [resource, name, subresource, ..] => (*resource, *name, *subresource),
    };
    let watch = query
        .split('&')
        .any(|pair| matches!(pair, "watch" | "watch=true" | "watch=1"));
    let collection = name.is_empty() && !rest.is_empty();
    let verb = match method {
        "GET" if watch => "watch",
        "GET" if collection => "list",
        "GET" => "get",
        "POST" => "create",
        "PUT" => "update",
        "PATCH" => "patch",
        "DELETE" if collection => "deletecollection",
        "DELETE" => "delete",
        other => other,
    };
    Call {
        side: Side::Apiserver,
        verb: verb.to_owned(),
        group: group.to_owned(),
        resource: resource.to_owned(),
        subresource: subresource.to_owned(),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
    }
}

/// A request to one of the simulated providers, whose paths differ.
pub(super) fn provider(method: &str, path: &str) -> Call {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let (group, rest) = match parts.as_slice() {
        ["v1", "webhooks", "event-types"] => ("babel", ["event-types"].as_slice()),
        ["v1", "webhooks", "subscriptions", rest @ ..] => ("babel", rest),
        ["v1" | "beta", "webhooks", rest @ ..] => ("dixa", rest),
        [
            "organizations",
            _,
            "workspaces",
            _,
            "webhook-subscriptions",
            rest @ ..,
        ]
        | ["workspaces", _, "webhook-subscriptions", rest @ ..] => ("bird", rest),
        _ => ("none", ["", "", "", ""].as_slice()),
    };
    let verb = match (method, rest) {
        ("GET", ["event-types"]) if group == "babel" => "eventTypes",
        ("GET", []) => "list",
        ("POST", []) => "create",
        ("GET", [_]) => "get",
        ("PATCH", [_]) => "patch",
        ("PUT", [_]) => "put",
        ("DELETE", [_]) => "delete",
        ("GET", [_, "delivery-status"]) => "deliveryStatus",
        ("GET", [_, "delivery-status", "logs", _] | [_, "logs"]) => "logs",
        ("POST", [_, "test"]) => "test",
        ("GET", [_, "events"]) => "events",
        ("DELETE", [_, "events", _]) => "deleteEvent",
        _ => "unknown",
    };
    let name = if verb == "eventTypes" {
        ""
    } else {
        rest.first().unwrap_or(&"")
    };
    Call {
        side: Side::Provider,
        verb: verb.to_owned(),
        group: group.to_owned(),
        resource: String::new(),
        subresource: String::new(),
        namespace: String::new(),
        name: (*name).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_to_the_apiserver_have_the_verbs_of_rbac() {
        let ours = "/apis/webhook-operator.io/v1alpha1/namespaces/a/webhooksubscriptions";
        let table = [
            ("GET", ours, "limit=500", "list webhooksubscriptions a/"),
            ("GET", ours, "watch=true&x=y", "watch webhooksubscriptions a/"),
            ("POST", ours, "", "create webhooksubscriptions a/"),
            ("DELETE", ours, "", "deletecollection webhooksubscriptions a/"),
            ("GET", "/api/v1/namespaces", "", "list namespaces"),
            (
                "GET",
                "/api/v1/namespaces/kube-system",
                "",
                "get namespaces kube-system",
            ),
            (
                "PUT",
                "/api/v1/namespaces/x/finalize",
                "",
                "update namespaces/finalize x",
            ),
            ("PATCH", "/api/v1/namespaces/a/secrets/s", "", "patch secrets a/s"),
            (
                "DELETE",
                "/api/v1/namespaces/a/secrets/s",
                "",
                "delete secrets a/s",
            ),
            ("GET", "/version", "", "get /version"),
        ];
        for (method, path, query, expected) in table {
            assert_eq!(apiserver(method, path, query).to_string(), expected);
        }
        let status = apiserver("PUT", &format!("{ours}/crm/status"), "");
        assert_eq!(status.label(), "update webhooksubscriptions/status");
        assert_eq!(status.group, "webhook-operator.io");
        assert_eq!(status.name, "crm");
    }

    #[test]
    fn requests_to_a_provider_have_the_operations_of_the_simulator() {
        let table = [
            ("POST", "/v1/webhooks", "dixa create"),
            ("GET", "/beta/webhooks", "dixa list"),
            ("PATCH", "/v1/webhooks/7", "dixa patch 7"),
            ("GET", "/v1/webhooks/7/delivery-status", "dixa deliveryStatus 7"),
            ("GET", "/v1/webhooks/7/delivery-status/logs/x", "dixa logs 7"),
            ("GET", "/v1/webhooks/event-types", "babel eventTypes"),
            ("GET", "/v1/webhooks/subscriptions", "babel list"),
            ("PUT", "/v1/webhooks/subscriptions/7", "babel put 7"),
            ("POST", "/v1/webhooks/subscriptions/7/test", "babel test 7"),
            ("GET", "/v1/webhooks/subscriptions/7/events", "babel events 7"),
            ("POST", "/workspaces/w/webhook-subscriptions", "bird create"),
            (
                "DELETE",
                "/organizations/o/workspaces/w/webhook-subscriptions/7",
                "bird delete 7",
            ),
            ("GET", "/workspaces/w/webhook-subscriptions/7/logs", "bird logs 7"),
            ("GET", "/elsewhere", "none unknown"),
        ];
        for (method, path, expected) in table {
            assert_eq!(provider(method, path).to_string(), expected);
        }
    }

    #[test]
    fn what_changes_nothing_is_no_write() {
        let writes = |method, path| provider(method, path).is_write();
        assert!(writes("POST", "/v1/webhooks") && writes("PATCH", "/v1/webhooks/7"));
        assert!(!writes("GET", "/v1/webhooks") && !writes("GET", "/v1/webhooks/7/delivery-status"));
    }
}

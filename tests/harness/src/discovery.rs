//! From the names that people use for kinds to paths at the apiserver.

use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use crate::http::{HttpClient, HttpError};

/// Both roots with everything below them in one answer each (Kubernetes 1.30 and later).
const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/// Why a kind has no path.
#[derive(Debug, thiserror::Error)]
pub enum DiscoveryError {
    /// The apiserver does not serve it.
    #[error("the apiserver knows no kind {0}")]
    Unknown(String),
    /// The apiserver could not be asked.
    #[error("ask the apiserver for its kinds")]
    Ask(#[source] HttpError),
}

/// What the apiserver serves, asked for when first needed and again when a kind is missing.
#[derive(Default)]
pub(crate) struct ResourcePaths {
    known: Mutex<Vec<Resource>>,
}

struct Resource {
    /// `/api/v1` or `/apis/<group>/<version>`.
    root: String,
    group: String,
    plural: String,
    /// Lower-case kind, plural, singular and short names.
    names: Vec<String>,
    namespaced: bool,
}

impl ResourcePaths {
    /// Path of the collection. Of several versions the preferred one, of several groups the first as
    /// the apiserver orders them, core before all.
    pub(crate) fn of(&self, api: &HttpClient, kind: &str, namespace: &str) -> Result<String, DiscoveryError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(path) = find(&known, kind, namespace) {
            return Ok(path);
        }
        *known = ask(api).map_err(DiscoveryError::Ask)?;
        find(&known, kind, namespace).ok_or_else(|| DiscoveryError::Unknown(kind.to_owned()))
    }
}

fn find(known: &[Resource], kind: &str, namespace: &str) -> Option<String> {
    let kind = kind.to_lowercase();
    let (name, group) = match kind.split_once('.') {
        Some((name, group)) => (name, Some(group)),
        None => (kind.as_str(), None),
    };
    let resource = known.iter().find(|resource| {
        resource.names.iter().any(|known| known == name) && group.is_none_or(|group| group == resource.group)
    })?;
    let Resource { root, plural, .. } = resource;
    if resource.namespaced && !namespace.is_empty() {
        return Some(format!("{root}/namespaces/{namespace}/{plural}"));
    }
    Some(format!("{root}/{plural}"))
}

fn ask(api: &HttpClient) -> Result<Vec<Resource>, HttpError> {
    let mut resources = Vec::new();
    for path in ["/api", "/apis"] {
        let answer = api.send("GET", path, AGGREGATED, None)?.ok()?.json()?;
        for group in items(&answer["items"]) {
            let name = text(&group["metadata"]["name"]);
            for version in items(&group["versions"]) {
                let root = if name.is_empty() {
                    format!("{path}/{}", text(&version["version"]))
                } else {
                    format!("{path}/{name}/{}", text(&version["version"]))
                };
                let served = items(&version["resources"]);
                resources.extend(served.iter().map(|each| resource(&root, &name, each)));
            }
        }
    }
    Ok(resources)
}

fn resource(root: &str, group: &str, entry: &Value) -> Resource {
    let plural = text(&entry["resource"]);
    let mut names = vec![
        plural.clone(),
        text(&entry["singularResource"]).to_lowercase(),
        text(&entry["responseKind"]["kind"]).to_lowercase(),
    ];
    names.extend(items(&entry["shortNames"]).iter().map(text));
    Resource {
        root: root.to_owned(),
        group: group.to_owned(),
        plural,
        names,
        namespaced: entry["scope"] == "Namespaced",
    }
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

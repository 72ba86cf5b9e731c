//! The manifests that `diff` is given.

use std::io::Read as _;
use std::path::Path;

use operator_core::names::ObjectName;
use serde_json::Value;

use super::error::PluginError;
use super::screen::Screen;
use crate::api::GROUP;
use crate::api::v1alpha1::{ProviderKind, WebhookSubscriptionSpec};
use crate::wording::one_line;

/// A manifest as it was read.
pub(super) struct Wished {
    pub(super) name: ObjectName,
    pub(super) spec: WebhookSubscriptionSpec,
}

impl Wished {
    /// Kind and name of the provider object.
    pub(super) fn provider(&self) -> (&'static str, &str) {
        let kind = match self.spec.provider_ref.kind.unwrap_or_default() {
            ProviderKind::WebhookProvider => "WebhookProvider",
            ProviderKind::ClusterWebhookProvider => "ClusterWebhookProvider",
        };
        (kind, &self.spec.provider_ref.name)
    }
}

/// The text of a file; `-` is standard input.
///
/// # Errors
/// [`PluginError::Unfit`].
pub(super) fn read(file: &Path) -> Result<String, PluginError> {
    let unreadable =
        |error: std::io::Error| PluginError::Unfit(format!("cannot read {}: {error}", file.display()));
    let mut text = String::new();
    if file == Path::new("-") {
        std::io::stdin().read_to_string(&mut text).map_err(unreadable)?;
        return Ok(text);
    }
    std::fs::read_to_string(file).map_err(unreadable)
}

/// The subscriptions of a YAML stream; other kinds are passed over.
///
/// # Errors
/// [`PluginError::Unfit`]; the text of the file is not in it.
pub(super) fn manifests(
    text: &str,
    namespace: &str,
    screen: &mut Screen<'_>,
) -> Result<Vec<Wished>, PluginError> {
    // The parser's text may quote the file, which may hold a secret.
    let documents: Vec<Value> = serde_saphyr::from_multiple(text)
        .map_err(|_| PluginError::Unfit("the file is not a stream of YAML documents".to_owned()))?;
    let mut found = Vec::new();
    for document in documents.iter().flat_map(items) {
        let api = document["apiVersion"].as_str().unwrap_or_default();
        if document["kind"] != "WebhookSubscription" || !api.starts_with(&format!("{GROUP}/")) {
            screen.note("passed over: a document that is no WebhookSubscription");
            continue;
        }
        let text = |field: &str| document["metadata"][field].as_str().map(str::to_owned);
        let name = text("name").unwrap_or_default();
        let spec = serde_json::from_value(document["spec"].clone());
        found.push(Wished {
            spec: spec.map_err(|_| {
                let name = one_line(&name);
                PluginError::Unfit(format!("{name}: its spec is not one of a WebhookSubscription"))
            })?,
            name: ObjectName::new(&text("namespace").unwrap_or_else(|| namespace.to_owned()), &name),
        });
    }
    if found.is_empty() {
        return Err(PluginError::Unfit(
            "the file has no WebhookSubscription".to_owned(),
        ));
    }
    Ok(found)
}

/// The documents in a document: a List holds several.
fn items(document: &Value) -> Vec<&Value> {
    match document["items"].as_array() {
        Some(items) if document["kind"] == "List" => items.iter().collect(),
        _ if document.is_null() => Vec::new(),
        _ => vec![document],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(text: &str) -> Result<Vec<Wished>, PluginError> {
        let (mut out, mut notes) = (Vec::new(), Vec::new());
        manifests(text, "support", &mut Screen::new(&mut out, &mut notes, false))
    }

    #[test]
    fn subscriptions_are_found_among_other_documents_and_in_lists() {
        let one = "apiVersion: webhook-operator.io/v1alpha1\nkind: WebhookSubscription\nmetadata: {name: crm}\n\
                   spec: {providerRef: {name: dixa}, url: 'https://h.example/x', events: [A]}\n";
        let stream = format!("---\n{one}---\napiVersion: v1\nkind: Secret\nmetadata: {{name: s}}\n");
        let found = read_all(&stream).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].name.to_string(), "support/crm");
        let indented = one.trim_end().replace('\n', "\n  ");
        let list = format!("apiVersion: v1\nkind: List\nitems:\n- {indented}\n");
        assert_eq!(read_all(&list).unwrap().len(), 1);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_not_quoted() {
        for text in [
            "canary: [",
            "apiVersion: webhook-operator.io/v1alpha1\nkind: WebhookSubscription\nspec: {events: canary}\n",
            "apiVersion: v1\nkind: Secret\nstringData: {canary: x}\n",
        ] {
            let error = read_all(text).err().unwrap().to_string();
            assert!(!error.contains("canary"), "{error}");
        }
    }
}

//! Writes to the apiserver. All of them carry the resourceVersion they are based on, so that a stale copy is
//! refused instead of acted on.

use std::sync::Arc;

use kube::api::{ListParams, Patch, PatchParams};
use kube::core::ObjectMeta;
use serde_json::json;

use crate::api::names::{FIELD_MANAGER, FINALIZER_REMOTE};
use crate::api::v1alpha1::{WebhookSubscription, WebhookSubscriptionStatus};
use crate::cluster::without_answer;
use crate::controller::context::Context;
use crate::controller::received::Received;
use crate::gate::Closed;

/// A write that did not work.
#[derive(Debug, thiserror::Error)]
pub(super) enum WriteError {
    /// Somebody changed the object: what the decision was based on is stale.
    #[error("the object changed meanwhile")]
    Conflict,
    /// The same of a Secret.
    #[error("the Secret changed meanwhile")]
    SecretConflict,
    /// The object is gone.
    #[error("the object is gone")]
    Gone,
    /// This process may not write now.
    #[error("leadership is not held")]
    NotLeader,
    /// The patch could not be built.
    #[error("cannot build the patch")]
    Patch(#[source] serde_json::Error),
    /// The write was accepted, and what came back is nothing that this version can read.
    #[error("the object as it was written cannot be read by this version of the operator")]
    Unreadable,
    /// Anything else.
    #[error("the apiserver did not accept the write: {}", answer(.0, true))]
    Kube(#[source] Box<kube::Error>),
    /// The same of a Secret: what the answer says in words may quote it, and is not told.
    #[error("the apiserver did not accept the Secret: {}", answer(.0, false))]
    Secret(#[source] Box<kube::Error>),
}

impl WriteError {
    pub(super) fn of(error: kube::Error) -> Self {
        match &error {
            kube::Error::Api(status) if status.code == 409 => Self::Conflict,
            // A 404 in other words comes from something before the apiserver, and says nothing of the object.
            kube::Error::Api(status) if status.code == 404 && status.reason == "NotFound" => Self::Gone,
            kube::Error::Service(source) if source.is::<Closed>() => Self::NotLeader,
            _ => Self::Kube(Box::new(without_answer(error))),
        }
    }

    /// The same for the write of a Secret. That a Secret is gone does not say that the object is.
    pub(super) fn of_secret(error: kube::Error) -> Self {
        match &error {
            kube::Error::Api(status) if status.code == 409 => Self::SecretConflict,
            _ => Self::Secret(Box::new(without_answer(error))),
        }
    }
}

/// What an apiserver answered, as far as it may be told: its words where they are about rights or its own state, as a
/// missing right or a full database, and not where they may quote what was sent.
fn answer(error: &kube::Error, words: bool) -> String {
    match error {
        kube::Error::Api(status) => {
            let short = format!("{} {}", status.code, status.reason);
            if words && matches!(status.code, 401 | 403 | 500..) {
                format!("{short}: {}", clean(&status.message))
            } else {
                short
            }
        }
        kube::Error::Service(_) | kube::Error::HyperError(_) => "no answer".to_owned(),
        _ => "an answer that cannot be read".to_owned(),
    }
}

/// At most [`WORDS`] characters, on one line.
fn clean(message: &str) -> String {
    let shown = message
        .chars()
        .map(|char| if char.is_control() { ' ' } else { char });
    shown.take(WORDS).collect()
}

const WORDS: usize = 300;

/// A JSON Patch with the resourceVersion of `object` put first: the apiserver answers 409 when it is not current.
pub(super) fn guarded(
    version: Option<&str>,
    operations: Vec<serde_json::Value>,
) -> Result<Patch<()>, WriteError> {
    let mut patch = vec![json!({"op": "replace", "path": "/metadata/resourceVersion", "value": version})];
    if operator_core::planted!(SkipVersionGuard) {
        patch.clear();
    }
    patch.extend(operations);
    serde_json::from_value(serde_json::Value::Array(patch))
        .map(Patch::Json)
        .map_err(WriteError::Patch)
}

/// Whether the object has this finalizer.
pub(super) fn holds(metadata: &ObjectMeta, finalizer: &str) -> bool {
    metadata.finalizers.iter().flatten().any(|one| one == finalizer)
}

/// The operation that puts a finalizer on an object or takes it off. It writes the whole list: one entry of a list that
/// is not what a stale copy says would be answered 422 before the version is looked at.
pub(super) fn finalizers(metadata: &ObjectMeta, finalizer: &str, held: bool) -> serde_json::Value {
    let all = metadata.finalizers.iter().flatten().map(String::as_str);
    let others = all.filter(|one| *one != finalizer);
    let list: Vec<&str> = others.chain(held.then_some(finalizer)).collect();
    json!({"op": "add", "path": "/metadata/finalizers", "value": list})
}

/// The parameters of every write: our field manager.
pub(super) fn params() -> PatchParams {
    PatchParams {
        field_manager: Some(FIELD_MANAGER.to_owned()),
        ..PatchParams::default()
    }
}

impl Context {
    fn check_leadership(&self) -> Result<(), WriteError> {
        if self.leadership.may_write() {
            Ok(())
        } else {
            Err(WriteError::NotLeader)
        }
    }

    /// Puts our finalizer on the object.
    pub(super) async fn claim_finalizer(
        &self,
        object: &WebhookSubscription,
    ) -> Result<Arc<WebhookSubscription>, WriteError> {
        let add = finalizers(&object.metadata, FINALIZER_REMOTE, true);
        self.patch(object, vec![add], None).await
    }

    /// Takes our finalizer off the object. An object that is gone already is what was wanted.
    pub(super) async fn release_finalizer(&self, object: &WebhookSubscription) -> Result<(), WriteError> {
        if !holds(&object.metadata, FINALIZER_REMOTE) {
            return Ok(());
        }
        let remove = finalizers(&object.metadata, FINALIZER_REMOTE, false);
        match self.patch(object, vec![remove], None).await {
            Ok(_) | Err(WriteError::Gone) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Asks whether `object` is the newest state there is. By a list of one name, which the apiserver answers as
    /// consistently as a read of it: so the operator needs no further right.
    pub(super) async fn confirm(&self, object: &WebhookSubscription) -> Result<(), WriteError> {
        let metadata = &object.metadata;
        let api = self.subscriptions(metadata.namespace.as_deref().unwrap_or_default());
        let name = metadata.name.as_deref().unwrap_or_default();
        let only = ListParams::default().fields(&format!("metadata.name={name}"));
        let listed = api.list_metadata(&only).await.map_err(WriteError::of)?;
        let newest = listed.items.into_iter().next().ok_or(WriteError::Gone)?.metadata;
        if (newest.uid, newest.resource_version) == (metadata.uid.clone(), metadata.resource_version.clone())
        {
            Ok(())
        } else {
            Err(WriteError::Conflict)
        }
    }

    /// Replaces the status.
    pub(super) async fn write_status(
        &self,
        object: &WebhookSubscription,
        status: &WebhookSubscriptionStatus,
    ) -> Result<Arc<WebhookSubscription>, WriteError> {
        let replace = json!({"op": "add", "path": "/status", "value": status});
        self.patch(object, vec![replace], Some("status")).await
    }

    async fn patch(
        &self,
        object: &WebhookSubscription,
        operations: Vec<serde_json::Value>,
        subresource: Option<&str>,
    ) -> Result<Arc<WebhookSubscription>, WriteError> {
        self.check_leadership()?;
        let metadata = &object.metadata;
        let patch = guarded(metadata.resource_version.as_deref(), operations)?;
        let (name, namespace) = (metadata.name.as_deref(), metadata.namespace.as_deref());
        let api = self.subscriptions(namespace.unwrap_or_default());
        let name = name.unwrap_or_default();
        let written = match subresource {
            Some(subresource) => api.patch_subresource(subresource, name, &params(), &patch).await,
            None => api.patch(name, &params(), &patch).await,
        };
        let Received(written) = written.map_err(WriteError::of)?;
        written.map(Arc::new).map_err(|_| WriteError::Unreadable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: u16, reason: &str, message: &str) -> kube::Error {
        let status = kube::core::Status::failure(message, reason).with_code(code);
        kube::Error::Api(status.boxed())
    }

    #[test]
    fn a_refusal_tells_of_rights_and_of_a_full_database_and_quotes_nothing_that_was_sent() {
        let told = |error| WriteError::of(error).to_string();
        let forbidden = told(refused(403, "Forbidden", "cannot patch resource\n\u{1b}[31m"));
        assert!(
            forbidden.ends_with(": 403 Forbidden: cannot patch resource  [31m"),
            "{forbidden}"
        );
        let full = told(refused(500, "InternalError", "mvcc: database space exceeded"));
        assert!(full.contains("database space exceeded"), "{full}");
        assert!(told(refused(500, "", &"x".repeat(9999))).len() < 400);
        let quoting = told(refused(422, "Invalid", "spec.url: Invalid value: s3cret"));
        assert!(quoting.ends_with(": 422 Invalid"), "{quoting}");
        let secret = WriteError::of_secret(refused(403, "Forbidden", "denied: s3cret")).to_string();
        assert!(secret.ends_with("the Secret: 403 Forbidden"), "{secret}");
        assert!(matches!(
            WriteError::of_secret(refused(409, "Conflict", "")),
            WriteError::SecretConflict
        ));
    }

    #[test]
    fn a_write_names_the_version_that_it_is_based_on_before_anything_else() {
        let patch = guarded(Some("7"), vec![json!({"op": "remove", "path": "/spec"})]).unwrap();
        let Patch::Json(operations) = patch else {
            panic!("no JSON patch");
        };
        let version = json!({"op": "replace", "path": "/metadata/resourceVersion", "value": "7"});
        assert_eq!(
            json!(operations),
            json!([version, {"op": "remove", "path": "/spec"}])
        );
    }

    #[test]
    fn a_finalizer_comes_and_goes_and_those_of_others_stay_in_their_order() {
        let metadata = |list: &[&str]| ObjectMeta {
            finalizers: Some(list.iter().map(|&one| one.to_owned()).collect()),
            ..ObjectMeta::default()
        };
        let list = |metadata: &ObjectMeta, held| finalizers(metadata, "ours", held)["value"].clone();
        assert_eq!(list(&ObjectMeta::default(), true), json!(["ours"]));
        assert_eq!(list(&metadata(&["a", "b"]), true), json!(["a", "b", "ours"]));
        assert_eq!(list(&metadata(&["a", "ours", "b"]), false), json!(["a", "b"]));
        assert_eq!(list(&metadata(&["ours"]), false), json!([]));
    }

    #[test]
    fn an_object_is_gone_only_in_the_apiservers_own_words_and_never_for_a_secret_that_is() {
        let gone = WriteError::of(refused(404, "NotFound", ""));
        assert!(matches!(gone, WriteError::Gone));
        let page = WriteError::of(refused(404, "Failed to parse error data", "<html>"));
        assert!(matches!(page, WriteError::Kube(_)));
        let secret = WriteError::of_secret(refused(404, "NotFound", ""));
        assert!(matches!(secret, WriteError::Secret(_)));
    }
}

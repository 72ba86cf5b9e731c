//! `rotate`: another signing key, which is asked for by an annotation and waited for in status.

use std::collections::BTreeMap;

use super::args::RotateArgs;
use super::error::{Exit, PluginError};
use super::object::Subscription;
use super::request::requested_at;
use super::screen::Screen;
use super::session::{Look, Session};
use crate::api::names::ANNOTATION_ROTATE_REQUESTED_AT;

/// Asks for another key, and waits until the operator has made it.
pub(super) async fn run(
    session: &Session,
    args: &RotateArgs,
    screen: &mut Screen<'_>,
) -> Result<Exit, PluginError> {
    let object = session.subscription(&args.name).await?;
    let secret = secret_of(&object)?;
    let value = requested_at();
    let request = BTreeMap::from([(ANNOTATION_ROTATE_REQUESTED_AT, value.as_str())]);
    session.annotate(&object.name, &request).await?;
    screen.note(&format!("{}: asked for another signing key", object.path()));
    let what = format!("the exchange of the key of {}", object.path());
    session
        .until(&object.name, &what, |seen| exchanged(seen, &value))
        .await?;
    screen.print(&format!(
        "{} rotated: Secret {secret} holds the new key, and beside it the previous one until the overlap ends\n",
        object.resource_name()
    ))?;
    Ok(Exit::Done)
}

/// The name of the Secret that the operator keeps the key in.
///
/// # Errors
/// [`PluginError::Unfit`]: nothing would come of a request.
fn secret_of(object: &Subscription) -> Result<&str, PluginError> {
    let Some(secret) = object.spec["signing"]["generate"]["secretName"].as_str() else {
        return Err(PluginError::Unfit(format!(
            "{} has no spec.signing.generate: only a key that the operator makes is exchanged by it; another one is \
             exchanged where it comes from",
            object.path()
        )));
    };
    if object.suspended() {
        return Err(PluginError::Unfit(format!(
            "{} is suspended: no key is exchanged for it; kubectl webhooks resume it first",
            object.path()
        )));
    }
    Ok(secret)
}

fn exchanged(object: &Subscription, value: &str) -> Look<()> {
    if object.status.last_handled_rotate_at.as_deref() == Some(value) {
        return Look::There(());
    }
    Look::NotYet(
        "where a key was exchanged lately, the next one waits for the end of its overlap; else: is the operator \
         running? kubectl webhooks doctor"
            .to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::health::tests::{object, subscription};
    use super::*;

    #[test]
    fn only_a_key_that_the_operator_makes_is_exchanged_and_only_where_something_is_sent() {
        let secret = |spec: serde_json::Value| {
            let mut value = object(1, 1, &[]);
            value["spec"] = spec;
            secret_of(&subscription(value)).map(str::to_owned).ok()
        };
        let made = json!({"generate": {"secretName": "made"}});
        assert_eq!(secret(json!({"signing": made})), Some("made".to_owned()));
        assert_eq!(secret(json!({"signing": made, "suspend": true})), None);
        let ours = json!({"secretKeyRef": {"name": "ours", "key": "k"}});
        assert_eq!(secret(json!({"signing": ours})), None);
        assert_eq!(secret(json!({})), None);
    }

    #[test]
    fn it_is_over_when_status_names_this_very_request() {
        let mut value = object(1, 1, &[]);
        let over = |value: &serde_json::Value| {
            matches!(exchanged(&subscription(value.clone()), "now"), Look::There(()))
        };
        assert!(!over(&value));
        value["status"]["lastHandledRotateAt"] = json!("before");
        assert!(!over(&value));
        value["status"]["lastHandledRotateAt"] = json!("now");
        assert!(over(&value));
    }
}

//! Exchanges a key that the operator made for another one, from what the Secret says.
//!
//! The Secret is written first, with both keys; that it has changed makes the new one be sent, as any change. The previous
//! one is taken away once the provider has the new one and the overlap is over. Whoever ends in between leaves a Secret
//! from which the next process goes on.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use operator_core::plan::{KeyState, Settled};
use operator_core::rotation::{OVERLAP, Rhythm, Stored, Turn, turn};
use operator_core::view::Field;
use serde_json::json;

use crate::api::names::{ANNOTATION_KEY_MADE_AT, ANNOTATION_KEY_REQUEST, ANNOTATION_ROTATE_REQUESTED_AT};
use crate::api::v1alpha1::{GenerateKey, ManagementMode};
use crate::controller::apiserver::{WriteError, guarded, params};
use crate::controller::dereference::DereferenceError;
use crate::controller::events::Kind;
use crate::controller::references::data_key;
use crate::controller::subscription::comparison::request;
use crate::controller::subscription::generated_key::random_key;
use crate::controller::subscription::reconcile::{Pass, ReconcileError};
use crate::duration::{format_duration, parse_duration};

/// What is added to a data key's name for the key before it, and for until when that is good.
const PREVIOUS: &str = ".previous";
const EXPIRES: &str = ".previous-expires";

/// What a Secret says of the key that the operator made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::controller) struct Kept {
    stored: Stored,
    /// The last request for another key that was carried out.
    request: Option<String>,
}

impl Kept {
    /// What this Secret says. A text that is no time counts as one that is over.
    pub(in crate::controller) fn of(secret: &Secret, data_key: &str) -> Self {
        let annotations = secret.metadata.annotations.as_ref();
        let annotation = |name: &str| annotations.and_then(|all| all.get(name));
        let made = annotation(ANNOTATION_KEY_MADE_AT).and_then(|text| millis(text));
        let created = secret.metadata.creation_timestamp.as_ref();
        let data = secret.data.as_ref();
        let member = |name: &str| data.and_then(|data| data.get(&format!("{data_key}{name}")));
        let expires = member(EXPIRES).and_then(|bytes| millis(std::str::from_utf8(&bytes.0).ok()?));
        let previous = member(PREVIOUS).map(|_| expires.unwrap_or_default());
        Self {
            stored: Stored {
                made: made
                    .or_else(|| created.map(|at| at.0.as_millisecond()))
                    .unwrap_or_default(),
                previous,
            },
            request: annotation(ANNOTATION_KEY_REQUEST).cloned(),
        }
    }
}

fn millis(text: &str) -> Option<i64> {
    Some(text.parse::<Timestamp>().ok()?.as_millisecond())
}

/// RFC 3339 with whole seconds.
fn text(millis: i64) -> String {
    let time = Timestamp::from_millisecond(millis).unwrap_or_default();
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

impl Pass<'_> {
    /// Exchanges the key, or takes the previous one away, when it is time. Nothing is read or written until then.
    pub(in crate::controller) async fn rotate_signing_key(
        &mut self,
        settled: &Settled,
    ) -> Result<(), ReconcileError> {
        let signing = self.object.spec.signing.as_ref();
        let Some(generate) = signing.and_then(|signing| signing.generate.clone()) else {
            self.tell_unsupported();
            return Ok(());
        };
        let (Some(kept), Some(version)) = (self.record.kept.clone(), self.record.generated.clone()) else {
            return Ok(());
        };
        if self.object.spec.mode == Some(ManagementMode::Observe) {
            return Ok(());
        }
        let rhythm = self.rhythm(&kept);
        let wall = Timestamp::now().as_millisecond();
        let sent = self.is_key_sent(settled, &generate.secret_name, &version);
        match turn(kept.stored, rhythm, sent, wall) {
            Turn::Wait(None) => return Ok(()),
            Turn::Wait(Some(until)) => {
                let left = u64::try_from(until.saturating_sub(wall)).unwrap_or_default();
                self.wake_at(self.ctx.clock.now().after(Duration::from_millis(left)));
                return Ok(());
            }
            Turn::Rotate { .. } | Turn::Extend { .. } | Turn::Drop if self.rehearses() => {
                let name = &generate.secret_name;
                let note =
                    format!("would exchange the signing key in Secret {name}, or take the previous one away");
                self.plan("WouldWriteSecret", note);
                return Ok(());
            }
            step @ (Turn::Rotate { .. } | Turn::Extend { .. } | Turn::Drop) => {
                self.write_keys(&generate, &version, step, wall).await?;
            }
        }
        // The next pass goes on from what was written.
        self.wake_at(self.ctx.clock.now());
        Ok(())
    }

    /// The value of the annotation that asks for another key, cut to what status holds.
    fn asked_key(&self) -> Option<String> {
        let annotations = self.object.metadata.annotations.as_ref()?;
        let value = annotations.get(ANNOTATION_ROTATE_REQUESTED_AT)?;
        Some(request(value)).filter(|value| !value.is_empty())
    }

    /// The request for another key that was carried out last, for status.
    pub(in crate::controller) fn handled_rotation(&self, before: Option<&String>) -> Option<String> {
        let signing = self.object.spec.signing.as_ref();
        let request = if signing.is_some_and(|signing| signing.generate.is_some()) {
            self.record.kept.as_ref().and_then(|kept| kept.request.clone())
        } else {
            self.asked_key()
        };
        request.or_else(|| before.cloned())
    }

    /// Who asks for another key where the operator makes none is told so, once.
    fn tell_unsupported(&self) {
        let status = self.object.status.as_ref();
        let told = status.and_then(|status| status.last_handled_rotate_at.as_ref());
        if let Some(asked) = self.asked_key()
            && told != Some(&asked)
        {
            let note =
                "no key was exchanged: only a key that the operator makes is, with spec.signing.generate";
            self.tell(Kind::Warning, "RotationUnsupported", "Rotate", note.to_owned());
        }
    }

    fn rhythm(&self, kept: &Kept) -> Rhythm {
        let rotation = self
            .object
            .spec
            .signing
            .as_ref()
            .and_then(|signing| signing.rotation.as_ref());
        let length = |text: &str| {
            let length = parse_duration(text).ok()?;
            i64::try_from(length.as_millis()).ok()
        };
        let status = self.object.status.as_ref();
        let told = status.and_then(|status| status.last_handled_rotate_at.clone());
        let asked = self.asked_key();
        Rhythm {
            interval: rotation.and_then(|rotation| length(&rotation.interval)),
            overlap: rotation
                .and_then(|rotation| length(&rotation.overlap))
                .unwrap_or(OVERLAP),
            requested: asked.is_some() && asked != kept.request && asked != told,
        }
    }

    /// Whether every remote subscription signs with the key of this version of the Secret, as far as can be known.
    fn is_key_sent(&self, settled: &Settled, secret: &str, version: &str) -> bool {
        let resolved = self.record.resolved.as_ref();
        let used = resolved.is_some_and(|resolved| {
            let mut secrets = resolved.secrets.iter();
            secrets.any(|(name, used)| name == secret && used == version)
        });
        let has_it = |state: &KeyState| match state {
            KeyState::InSync { not_kept, .. } => !not_kept.contains(Field::SigningKey),
            KeyState::Drifted(fields, _) => !fields.contains(Field::SigningKey),
            KeyState::Off(_) => true,
            KeyState::Waiting(_) | KeyState::Failing(..) | KeyState::Stalled(..) => false,
        };
        used && !settled.keys.is_empty() && settled.keys.values().all(has_it)
    }

    /// One write of the Secret, as it was read: it fails where that has changed.
    async fn write_keys(
        &mut self,
        generate: &GenerateKey,
        version: &str,
        step: Turn,
        wall: i64,
    ) -> Result<(), ReconcileError> {
        self.check_leadership()?;
        let api = Api::<Secret>::namespaced(self.ctx.client.clone(), &self.name.namespace);
        let found = api.get_opt(&generate.secret_name).await;
        let found = found.map_err(DereferenceError::of)?;
        // Another one by now, or gone: what is there is looked at anew.
        let Some(secret) = found.filter(|secret| {
            self.is_own(secret) && secret.metadata.resource_version.as_deref() == Some(version)
        }) else {
            self.record.generated = None;
            return Ok(());
        };
        let data_key = data_key(generate.key.as_deref());
        let mut data = secret.data.clone().unwrap_or_default();
        let mut annotations = secret.metadata.annotations.clone().unwrap_or_default();
        self.exchange(&mut data, &mut annotations, data_key, step, wall)?;
        let patch = guarded(
            Some(version),
            vec![
                json!({"op": "add", "path": "/data", "value": data}),
                json!({"op": "add", "path": "/metadata/annotations", "value": annotations}),
            ],
        )?;
        let written = api.patch(&generate.secret_name, &params(), &patch).await;
        let written = written.map_err(WriteError::of_secret)?;
        self.record.kept = Some(Box::new(Kept::of(&written, data_key)));
        self.record.generated = written.metadata.resource_version.map(Into::into);
        self.tell_keys(&generate.secret_name, data_key, step, wall);
        Ok(())
    }

    fn exchange(
        &self,
        data: &mut BTreeMap<String, ByteString>,
        annotations: &mut BTreeMap<String, String>,
        data_key: &str,
        step: Turn,
        wall: i64,
    ) -> Result<(), ReconcileError> {
        let (previous, expires) = (format!("{data_key}{PREVIOUS}"), format!("{data_key}{EXPIRES}"));
        match step {
            Turn::Rotate { until } => {
                if let Some(present) = data.insert(data_key.to_owned(), random_key()?) {
                    data.insert(previous, present);
                    data.insert(expires, ByteString(text(until).into_bytes()));
                }
                annotations.insert(ANNOTATION_KEY_MADE_AT.to_owned(), text(wall));
                if let Some(asked) = self.asked_key() {
                    annotations.insert(ANNOTATION_KEY_REQUEST.to_owned(), asked);
                }
            }
            Turn::Extend { until } => {
                data.insert(expires, ByteString(text(until).into_bytes()));
            }
            Turn::Drop => {
                data.remove(&previous);
                data.remove(&expires);
            }
            Turn::Wait(_) => {}
        }
        Ok(())
    }

    fn tell_keys(&self, secret: &str, data_key: &str, step: Turn, wall: i64) {
        let old = self.capabilities().old_signatures;
        let left = |until: i64| {
            let left = u64::try_from(until.saturating_sub(wall)).unwrap_or_default();
            format_duration(Duration::from_millis(left))
        };
        match step {
            Turn::Rotate { until } => {
                let note = format!(
                    "made another signing key in Secret {secret}; the one before it is in {data_key}{PREVIOUS}, and good \
                     for {}. {old}",
                    left(until)
                );
                self.tell(Kind::Normal, "KeyRotated", "Rotate", note);
            }
            Turn::Extend { until } => {
                let note = format!(
                    "the provider may still sign with the previous key of Secret {secret}: it stays good for {}",
                    left(until)
                );
                self.tell(Kind::Warning, "KeyNotSent", "Rotate", note);
            }
            Turn::Drop => {
                let note =
                    format!("took the previous signing key out of Secret {secret}: its overlap is over");
                self.tell(Kind::Normal, "KeyRetired", "Rotate", note);
            }
            Turn::Wait(_) => {}
        }
    }
}

//! The events that an account has, where the provider lists them: what it does not have is refused before any call.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use operator_core::budget::Priority;
use operator_core::names::EventName;
use operator_core::reason::Reason;
use operator_core::time::Moment;

use crate::controller::context::{Context, Party, ProviderKey};
use crate::controller::provider::Subject;
use crate::controller::provider::directory::{Link, Listed};
use crate::controller::subscription::validate::Invalid;
use crate::controller::triggers::Target;
use crate::provider::account::Turn;

/// How long a catalogue is good for.
const KEPT: Duration = Duration::from_secs(3600);
/// How soon it is read again for an event that it does not have: one may have been added a moment ago.
const KEPT_IF_DOUBTED: Duration = Duration::from_secs(60);
/// How alike a name must be to be suggested, and how many are.
const ALIKE: f64 = 0.5;
const SUGGESTED: usize = 3;

/// The events of an account, and when they were read.
#[derive(Debug)]
pub(in crate::controller) struct Catalogue {
    pub(in crate::controller) events: BTreeSet<EventName>,
    read: Moment,
}

impl Catalogue {
    /// Says which of `wanted` are not in it, with the nearest names.
    ///
    /// # Errors
    /// [`Invalid`], for the first of them.
    fn check(&self, wanted: &[String]) -> Result<(), Invalid> {
        let has = |name: &str| EventName::parse(name).is_ok_and(|event| self.events.contains(&event));
        let Some(unknown) = wanted.iter().find(|name| !has(name)) else {
            return Ok(());
        };
        let nearest = self.nearest(unknown);
        let hint = if nearest.is_empty() {
            "status.catalogue of the provider object has the names".to_owned()
        } else {
            format!("the nearest names are: {}", nearest.join(", "))
        };
        let message = format!("spec.events: the provider has no event {unknown}; {hint}");
        Err(Invalid::new(Reason::UnknownEvent, message))
    }

    fn nearest(&self, name: &str) -> Vec<&str> {
        let name = name.to_lowercase();
        let mut scored: Vec<(f64, &str)> = self
            .events
            .iter()
            .map(|event| {
                let text = event.as_str();
                (
                    strsim::normalized_damerau_levenshtein(&name, &text.to_lowercase()),
                    text,
                )
            })
            .filter(|(score, _)| *score >= ALIKE)
            .collect();
        scored.sort_by(|(a, _), (b, _)| b.total_cmp(a));
        scored.into_iter().take(SUGGESTED).map(|(_, text)| text).collect()
    }
}

impl Link {
    /// The catalogue, where one was read.
    pub(in crate::controller) fn catalogue(&self) -> Option<Arc<Catalogue>> {
        let catalogue = self.catalogue.lock().unwrap_or_else(PoisonError::into_inner);
        catalogue.clone()
    }

    /// Whether a catalogue is due: there is none, it is old, or somebody has asked for a look since it was read.
    fn is_catalogue_due(&self, now: Moment, asked: Option<Moment>) -> bool {
        let is_old = |catalogue: Arc<Catalogue>| {
            now.since(catalogue.read) >= KEPT || asked.is_some_and(|asked| catalogue.read < asked)
        };
        self.account.adapter().capabilities().catalogue
            && (self.catalogue_doubted.load(Ordering::Relaxed) || self.catalogue().is_none_or(is_old))
    }

    /// Whether events are judged by a catalogue that has not been read yet. Who asks is woken when that is over.
    pub(in crate::controller) fn awaits_catalogue(&self) -> bool {
        self.lacks_catalogue() && {
            self.catalogue_awaited.store(true, Ordering::SeqCst);
            // It may have been over before that was noted.
            self.lacks_catalogue()
        }
    }

    /// Whether somebody waited for the catalogue and need not wait any more: it was read, or it is known why it cannot
    /// be.
    pub(in crate::controller) fn ends_wait_for_catalogue(&self) -> bool {
        !self.lacks_catalogue() && self.catalogue_awaited.swap(false, Ordering::SeqCst)
    }

    fn lacks_catalogue(&self) -> bool {
        self.account.adapter().capabilities().catalogue
            && self.catalogue().is_none()
            && self.account.trouble().is_none()
    }
}

impl Context {
    /// Holds the events of a spec against the catalogue. An event that it does not have makes it doubted: it is read
    /// again soon.
    ///
    /// # Errors
    /// [`Invalid`], for an event that the account does not have.
    pub(in crate::controller) fn check_catalogue(
        &self,
        link: &Link,
        key: &ProviderKey,
        events: &[String],
    ) -> Result<(), Invalid> {
        let Some(catalogue) = link.catalogue() else {
            return Ok(());
        };
        let checked = catalogue.check(events);
        if checked.is_err() && self.clock.now().since(catalogue.read) >= KEPT_IF_DOUBTED {
            link.catalogue_doubted.store(true, Ordering::Relaxed);
            self.triggers.wake(&Party::Provider(key.clone()));
        }
        checked
    }

    /// Has the catalogue read where it is due, and wakes who waited for it.
    pub(super) async fn see_to_catalogue(&self, listed: &Listed, subject: &Subject) {
        let Some(link) = listed.link.as_ref().filter(|_| listed.problem.is_none()) else {
            return;
        };
        let asked = subject
            .requested()
            .map(|value| link.requested_at(&value, self.clock.now()));
        self.read_catalogue(link, &subject.key, asked).await;
        if link.ends_wait_for_catalogue() {
            self.wake_dependents(&Target::Provider(subject.key.clone()));
        }
    }

    /// Reads the catalogue when it is due and there is a turn. What cannot be read now is read when the provider object
    /// is woken next. `asked`: when somebody asked for a look.
    async fn read_catalogue(&self, link: &Link, key: &ProviderKey, asked: Option<Moment>) {
        let now = self.clock.now();
        if !link.is_catalogue_due(now, asked) {
            return;
        }
        let Turn::Now(permit) = link.account.turn(&Party::Provider(key.clone()), Priority::Create) else {
            return;
        };
        let read = link.account.adapter().catalogue().await;
        permit.report(&read);
        let Ok(events) = read else { return };
        link.catalogue_doubted.store(false, Ordering::Relaxed);
        let catalogue = Catalogue {
            events: events.into_iter().collect(),
            read: now,
        };
        let before = link
            .catalogue
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .replace(Arc::new(catalogue));
        let same = before.is_some_and(|before| {
            link.catalogue()
                .is_some_and(|catalogue| catalogue.events == before.events)
        });
        if !same {
            self.wake_dependents(&Target::Provider(key.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalogue(names: &[&str]) -> Catalogue {
        Catalogue {
            events: names.iter().map(|name| EventName::parse(name).unwrap()).collect(),
            read: Moment::default(),
        }
    }

    #[test]
    fn an_event_that_is_not_there_is_named_with_the_nearest_ones() {
        let catalogue = catalogue(&["license.created", "license.revoked", "order.paid"]);
        assert_eq!(catalogue.check(&["license.created".into()]), Ok(()));
        let error = catalogue
            .check(&["license.created".into(), "Licence.Created".into()])
            .unwrap_err();
        assert_eq!(error.reason, Reason::UnknownEvent);
        assert!(
            error.message.contains("no event Licence.Created"),
            "{}",
            error.message
        );
        let (_, nearest) = error.message.split_once("are: ").unwrap();
        assert!(nearest.starts_with("license.created"), "{nearest}");
        assert!(!nearest.contains("order.paid"), "{nearest}");
        let far = catalogue.check(&["zzz".into()]).unwrap_err();
        assert!(far.message.contains("status.catalogue"), "{}", far.message);
    }
}

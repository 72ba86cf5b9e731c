//! When an object is compared with the provider: at its interval, and when somebody asks.

use std::time::Duration;

use operator_core::budget::Priority;
use operator_core::time::Moment;

use crate::api::names::{ANNOTATION_FLUX_REQUESTED_AT, ANNOTATION_RECONCILE_REQUESTED_AT};
use crate::api::v1alpha1::WebhookSubscription;
use crate::controller::context::Party;
use crate::controller::provider::directory::Link;
use crate::controller::subscription::reconcile::Pass;
use crate::duration::parse_duration;
use crate::provider::account::{Look, Trouble};

/// The longest value of such an annotation that is echoed, in characters.
const REQUEST_MAX: usize = 128;

impl Pass<'_> {
    /// Asks for the LIST that the next comparison needs, when it is due: one that all objects of the account share.
    pub(in crate::controller) fn schedule_comparison(&mut self, link: &Link) -> Option<Trouble> {
        let (now, party) = (self.ctx.clock.now(), Party::Subscription(self.name.clone()));
        let requested = self.requested();
        let interval = self.interval(link);
        let begun = link.account.snapshot().map(|snapshot| snapshot.begun());
        let after = match (requested, begun) {
            (Some(at), begun) if begun.is_none_or(|begun| begun <= at) => Some(at),
            _ if interval.is_zero() => return None,
            (_, Some(begun)) if begun.after(interval) > now => {
                self.wake_at(begun.after(interval));
                return None;
            }
            (_, Some(_)) => Some(now.before(interval)),
            (_, None) => None,
        };
        match link.account.look(&party, after, Priority::Drift) {
            // A newer one came in between: look at it at once.
            Look::Here(_) => self.wake_at(now),
            Look::Later => {}
            Look::Trouble(trouble) => return Some(trouble),
        }
        None
    }

    /// How often the object is compared: as it says, and no more often than the owner of the account allows.
    pub(in crate::controller) fn interval(&self, link: &Link) -> Duration {
        let own = self.object.spec.interval.as_deref();
        match own.and_then(|own| parse_duration(own).ok()) {
            Some(own) => self.at_least(own),
            None => link.interval,
        }
    }

    /// An interval that the object asks for, as the owner of the account allows it.
    pub(in crate::controller) fn at_least(&self, own: Duration) -> Duration {
        self.lent().map_or(own, |lent| lent.policy.interval(own))
    }

    /// When the annotation that asks for a comparison was first seen with its present value, if that has not been
    /// answered yet.
    pub(in crate::controller) fn requested(&mut self) -> Option<Moment> {
        let value = requested_value(&self.object)?;
        let handled = self
            .object
            .status
            .as_ref()
            .and_then(|status| status.last_handled_reconcile_at.as_ref());
        if handled == Some(&value) {
            return None;
        }
        let now = self.ctx.clock.now();
        let known = self.record.requested.take().filter(|known| known.0 == value);
        let known = known.unwrap_or_else(|| Box::new((value, now)));
        let at = known.1;
        self.record.requested = Some(known);
        Some(at)
    }

    pub(in crate::controller) fn wake_at(&mut self, moment: Moment) {
        self.wake = Some(self.wake.map_or(moment, |wake| wake.min(moment)));
    }
}

/// The value of the annotation that asks for a comparison; Flux's spelling wins.
pub(in crate::controller) fn requested_value(object: &WebhookSubscription) -> Option<String> {
    let annotations = object.metadata.annotations.as_ref()?;
    let value = annotations
        .get(ANNOTATION_FLUX_REQUESTED_AT)
        .or_else(|| annotations.get(ANNOTATION_RECONCILE_REQUESTED_AT))?;
    Some(request(value))
}

/// The value of an annotation that asks for something, cut to what status holds.
pub(in crate::controller) fn request(value: &str) -> String {
    value.chars().take(REQUEST_MAX).collect()
}

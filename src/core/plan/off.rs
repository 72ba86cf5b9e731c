//! What to do about a remote subscription that should be on and that the provider has switched off.

use crate::disabled::{Ruling, Why};
use crate::memory::{Entry, Note, Wanted};
use crate::names::ExternalId;
use crate::remote::Sighting;
use crate::time::Moment;
use crate::view::{Field, FieldSet, Part};

use super::keep::Keep;
use super::{Action, KeyState, Step};

impl Keep<'_> {
    /// `None`: it is not off, or that is no matter of the provider's. `differs` is what differs from the wish, of which
    /// everything but that it is off is brought in line as ever.
    pub(super) fn when_off(
        &self,
        wish: &Wanted,
        entry: &Entry,
        id: &ExternalId,
        sighting: &Sighting,
        differs: FieldSet,
    ) -> Option<Step> {
        let rules = &self.s.rules;
        let same_wish = entry.applied == Some(wish.digest);
        let wanted = wish.view.get(Field::Enabled);
        let off = rules.off != Part::Unknown
            && sighting.remote.view.get(Field::Enabled) == rules.off
            && !matches!(wanted, Part::Unknown)
            && wanted != rules.off;
        if !off {
            let over = entry.disabled.since.is_some() && rules.off != Part::Unknown;
            return over.then(|| Step::Act(Action::Note(Note::OnAgain(wish.key.clone()))));
        }
        let known = self.s.deliveries.get(&wish.key).copied().unwrap_or_default();
        let Some(since) = entry.disabled.since else {
            // A change of the spec says anew that it shall be on.
            let found = same_wish && entry.disabled.counts(rules, known);
            return found.then(|| Step::Act(Action::Note(Note::TurnedOff(wish.key.clone(), rules.wall))));
        };
        let mut others = differs.without(FieldSet::of(&[Field::Enabled]));
        if same_wish {
            others = others.without(entry.not_kept);
        }
        if !others.is_empty()
            && let step @ Step::Act(_) = self.differs(wish, entry, id, sighting, others, same_wish)
        {
            return Some(step);
        }
        if !same_wish && others.is_empty() {
            return Some(Step::Act(Action::Note(Note::Applied(wish.key.clone()))));
        }
        Some(match entry.disabled.rule(since, rules, known) {
            Ruling::Left(why) => {
                let wake = match why {
                    Why::Spent(until) => {
                        let left = u64::try_from(until.saturating_sub(rules.wall)).unwrap_or_default();
                        Some(self.s.now.after(std::time::Duration::from_millis(left)))
                    }
                    Why::Reported | Why::NothingArrived => None::<Moment>,
                };
                Step::Rest(KeyState::Off(why.message(rules)), wake)
            }
            Ruling::Count => Step::Act(Action::Note(Note::Count(wish.key.clone(), rules.wall))),
            Ruling::SwitchOn => self.switch_on(wish, entry, id, sighting),
        })
    }

    /// As any change: by a fresh read, of what is ours in an account that is proven. Status has counted it before.
    fn switch_on(&self, wish: &Wanted, entry: &Entry, id: &ExternalId, sighting: &Sighting) -> Step {
        if !entry.stored {
            return Step::Act(Action::Store);
        }
        // It is no repair of drift: whether drift is repaired does not matter, and nor does how often it was.
        self.differs(wish, entry, id, sighting, FieldSet::of(&[Field::Enabled]), false)
    }
}

//! What was made and deleted since a LIST, so that its numbers can stand for now.

use std::collections::BTreeMap;
use std::time::Duration;

use operator_core::names::ExternalId;
use operator_core::remote::Snapshot;
use operator_core::time::Moment;

/// How long the status of an object may be behind what was made for it: its write is under way, or the watch has not
/// told of it.
const LAG: Duration = Duration::from_mins(1);

/// The remote subscriptions of one provider object that were made or deleted, with the time of the answer.
///
/// They are kept by id: a LIST that was on its way at that time holds some of them, and nobody can say which before it
/// is there.
#[derive(Debug, Default)]
pub(in crate::controller) struct Tally {
    made: BTreeMap<ExternalId, Moment>,
    gone: BTreeMap<ExternalId, Moment>,
}

impl Tally {
    /// One was made.
    pub(in crate::controller) fn made(&mut self, id: ExternalId, now: Moment) {
        self.made.insert(id, now);
    }

    /// One is deleted, however often that is said.
    pub(in crate::controller) fn gone(&mut self, id: ExternalId, now: Moment) {
        self.gone.insert(id, now);
    }

    /// A LIST holds all that was answered before it began.
    pub(in crate::controller) fn listed(&mut self, begun: Moment) {
        self.made.retain(|_, at| begun.since(*at) < LAG);
        self.gone.retain(|_, at| *at >= begun);
    }

    /// Those that were made, whether the LIST holds them or not, as far as status may lack them.
    pub(in crate::controller) fn ids(&self) -> impl Iterator<Item = &ExternalId> {
        self.made.keys()
    }

    /// How many there are now, where `listed` of those that this LIST holds count.
    pub(in crate::controller) fn now(&self, listed: usize, snapshot: &Snapshot) -> usize {
        let since = self.made.iter().filter(|(_, at)| **at >= snapshot.begun());
        let more = since.filter(|(id, _)| snapshot.get(id).is_none() && !self.gone.contains_key(*id));
        let more = more.count();
        let less = self.gone.keys().filter(|id| snapshot.get(id).is_some()).count();
        (listed + more).saturating_sub(less)
    }
}

#[cfg(test)]
mod tests {
    use operator_core::remote::Remote;
    use operator_core::view::View;

    use super::*;

    fn at(seconds: u64) -> Moment {
        Moment::from_millis(seconds * 1000)
    }

    fn id(text: &str) -> ExternalId {
        ExternalId::parse(text).unwrap()
    }

    fn list(begun: Moment, ids: &[&str]) -> Snapshot {
        let remote = |text: &&str| Remote {
            id: id(text),
            marker: None,
            view: View::default(),
            created: None,
        };
        Snapshot::new(begun, ids.iter().map(remote))
    }

    /// How many there are by this LIST, which began at the fourth second, after what `note` enters.
    fn counted(listed: &[&str], note: impl Fn(&mut Tally)) -> usize {
        let (mut tally, snapshot) = (Tally::default(), list(at(4), listed));
        note(&mut tally);
        tally.listed(snapshot.begun());
        tally.now(snapshot.len(), &snapshot)
    }

    const WITH_AND_WITHOUT: [&[&str]; 2] = [&["a"], &["a", "b"]];

    #[test]
    fn what_was_made_while_a_list_was_on_its_way_counts_once_whether_it_is_in_it_or_not() {
        for listed in WITH_AND_WITHOUT {
            assert_eq!(
                counted(listed, |tally| tally.made(id("b"), at(5))),
                2,
                "{listed:?}"
            );
        }
    }

    #[test]
    fn what_went_while_a_list_was_on_its_way_counts_no_more_whether_it_is_in_it_or_not() {
        for listed in WITH_AND_WITHOUT {
            let gone = |tally: &mut Tally| {
                tally.gone(id("b"), at(5));
                tally.gone(id("b"), at(6));
            };
            assert_eq!(counted(listed, gone), 1, "{listed:?}");
        }
    }

    #[test]
    fn what_was_made_and_deleted_again_changes_nothing() {
        for listed in WITH_AND_WITHOUT {
            let both = |tally: &mut Tally| {
                tally.made(id("b"), at(5));
                tally.gone(id("b"), at(6));
            };
            assert_eq!(counted(listed, both), 1, "{listed:?}");
        }
    }

    #[test]
    fn a_list_that_begins_later_tells_all() {
        let mut tally = Tally::default();
        tally.made(id("b"), at(5));
        tally.gone(id("a"), at(5));
        // Somebody else has deleted the one, and made the other anew.
        let snapshot = list(at(6), &["a"]);
        tally.listed(snapshot.begun());
        assert_eq!(tally.now(snapshot.len(), &snapshot), 1);
    }

    #[test]
    fn what_was_made_is_known_until_a_status_that_lags_behind_has_it() {
        let mut tally = Tally::default();
        tally.made(id("b"), at(5));
        for (begun, known) in [(6, 1), (64, 1), (65, 0)] {
            tally.listed(at(begun));
            assert_eq!(tally.ids().count(), known, "{begun}");
        }
    }
}

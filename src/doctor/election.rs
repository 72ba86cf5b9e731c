//! Is there a leader? Told by a Lease that changes while it is looked at, so that no two clocks are compared.

use std::time::Duration;

use operator_core::leadership::Record;

use super::report::{Check, Outcome};

/// What was seen of the election.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Seen {
    /// `--leader-elect=false`.
    None,
    /// The Lease cannot be read.
    Unreadable(String),
    /// What it said first, what it said last, and the time in between.
    Lease {
        first: Option<Record>,
        last: Option<Record>,
        watched: Duration,
    },
}

/// Whether there is more to be learnt from another look.
pub(super) fn settled(first: Option<&Record>, last: Option<&Record>) -> bool {
    match last {
        None => true,
        Some(last) if last.holder.is_none() => true,
        Some(last) => first.is_none_or(|first| first.stamp != last.stamp || first.holder != last.holder),
    }
}

pub(super) fn judge(seen: &Seen, lease: &str) -> Check {
    let (outcome, message) = match seen {
        Seen::None => (
            Outcome::Note,
            "--leader-elect=false: nothing keeps two operators apart".to_owned(),
        ),
        Seen::Unreadable(why) => (Outcome::Failed, format!("cannot be read: {why}")),
        Seen::Lease { last: None, .. } => (
            Outcome::Failed,
            "there is no such Lease, so nobody has led yet; is the operator running, and with this --lease-name? \
             Its log and /readyz say what it waits for"
                .to_owned(),
        ),
        Seen::Lease {
            first,
            last: Some(last),
            watched,
        } => match &last.holder {
            None => (
                Outcome::Failed,
                "nobody holds it; is an operator running? Its log and /readyz say what it waits for".to_owned(),
            ),
            Some(holder) if settled(first.as_ref(), Some(last)) => {
                (Outcome::Ok, format!("{} leads", shown(holder)))
            }
            Some(holder) => (
                Outcome::Failed,
                format!(
                    "{} holds it and has not renewed it for {} s; is an operator running, and does it reach the \
                     apiserver?",
                    shown(holder),
                    watched.as_secs()
                ),
            ),
        },
    };
    Check::new("leader", lease, outcome, message)
}

/// Whoever may write the Lease chose it.
fn shown(holder: &str) -> String {
    holder.chars().take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(holder: &str, stamp: &str) -> Record {
        Record {
            holder: Some(holder.to_owned()).filter(|holder| !holder.is_empty()),
            released: false,
            stamp: stamp.to_owned(),
            duration: None,
            version: None,
        }
    }

    fn lease(first: Option<Record>, last: Option<Record>) -> Seen {
        Seen::Lease {
            first,
            last,
            watched: Duration::from_secs(15),
        }
    }

    #[test]
    fn a_leader_is_who_renews_while_one_looks() {
        let ok = [
            lease(Some(record("a", "1")), Some(record("a", "2"))),
            lease(Some(record("a", "1")), Some(record("b", "1"))),
            lease(None, Some(record("a", "1"))),
        ];
        for seen in ok {
            assert_eq!(judge(&seen, "l").outcome, Outcome::Ok, "{seen:?}");
        }
        let failed = [
            lease(Some(record("a", "1")), Some(record("a", "1"))),
            lease(Some(record("", "1")), Some(record("", "1"))),
            lease(Some(record("a", "1")), None),
            lease(None, None),
            Seen::Unreadable("403".to_owned()),
        ];
        for seen in failed {
            assert_eq!(judge(&seen, "l").outcome, Outcome::Failed, "{seen:?}");
        }
        assert_eq!(judge(&Seen::None, "l").outcome, Outcome::Note);
        let stale = judge(&lease(Some(record("a", "1")), Some(record("a", "1"))), "l");
        assert!(stale.message.contains("for 15 s"), "{}", stale.message);
    }
}

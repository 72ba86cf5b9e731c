//! What a provider object says while a guard holds changes back.

use operator_core::plan::Restraint;
use operator_core::reason::Reason;
use operator_core::verdict::Phase;

use super::Subject;
use super::directory::{Assessment, Link};
use crate::api::names::ANNOTATION_GUARD_RELEASE;
use crate::controller::context::ProviderKey;

/// What tripped the guard: the LIST, or else the deletions.
pub(in crate::controller) fn guard_reason(assessment: &Assessment) -> Reason {
    match assessment.token {
        Some(_) if assessment.restraint.account_unproven => Reason::AccountChanged,
        Some(_) => Reason::Guarded,
        None => Reason::DeletionsGuarded,
    }
}

/// What a guard forbids that tripped for this reason, as a status names it: [`guard_reason`] backwards.
pub(in crate::controller) fn restraint_of(reason: &str) -> Restraint {
    Restraint {
        account_unproven: reason == Reason::AccountChanged.as_str(),
        guard_vanished: reason == Reason::Guarded.as_str(),
        guard_deletions: reason == Reason::DeletionsGuarded.as_str(),
    }
}

pub(super) fn guarded_phase(subject: &Subject, link: &Link, token: &str) -> Phase {
    let assessment = link.assessment();
    let count = format!("{} of {} missing", assessment.missing.len(), assessment.known);
    let (reason, what) = match guard_reason(&assessment) {
        Reason::AccountChanged => (
            Reason::AccountChanged,
            format!(
                "the account shows none of the known subscriptions ({count}); it seems to be another account"
            ),
        ),
        Reason::Guarded => (
            Reason::Guarded,
            format!("too many known subscriptions are missing from one LIST ({count})"),
        ),
        reason => (
            reason,
            "more deletions than spec.guard.maxDeletions within the window".to_owned(),
        ),
    };
    let kind = &subject.resource.kind;
    let message = format!(
        "{what}. Nothing is created anew, forgotten or deleted. If this is as it should be, release it with: kubectl annotate --overwrite {} {} {}{ANNOTATION_GUARD_RELEASE}={token}",
        kind.to_lowercase(),
        subject.name(),
        match &subject.key {
            ProviderKey::Namespaced(name) => format!("--namespace {} ", name.namespace),
            ProviderKey::Cluster(_) => String::new(),
        },
    );
    Phase::Rejected(reason, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_status_tells_of_a_trip_forbids_what_the_trip_forbade() {
        let account = Restraint {
            account_unproven: true,
            ..Restraint::default()
        };
        let vanished = Restraint {
            guard_vanished: true,
            ..Restraint::default()
        };
        for restraint in [account, vanished] {
            let assessment = Assessment {
                restraint,
                token: Some("t".to_owned()),
                ..Assessment::default()
            };
            assert_eq!(restraint_of(guard_reason(&assessment).as_str()), restraint);
        }
        let deletions = restraint_of(guard_reason(&Assessment::default()).as_str());
        assert!(deletions.guard_deletions && !deletions.guard_vanished && !deletions.account_unproven);
        assert_eq!(restraint_of("Another"), Restraint::default());
    }
}

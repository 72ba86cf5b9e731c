//! Can the providers be reached?

use super::report::{Check, Outcome};

/// A provider object and what came of an attempt to reach it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    /// `WebhookProvider team-a/dixa`.
    pub object: String,
    /// Where its API is, as far as that is known.
    pub endpoint: String,
    pub found: Found,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// A connection was made, over https with an acceptable certificate.
    Reached,
    /// The object itself is at fault; the text says what to do.
    Unusable(String),
    /// No connection; the text says why.
    Unreached(String),
    /// What it refers to could not be read.
    Unreadable(String),
}

pub(super) fn judge(seen: &Seen) -> Check {
    let (outcome, message) = match &seen.found {
        Found::Reached => (Outcome::Ok, format!("{} can be reached", seen.endpoint)),
        Found::Unusable(why) => (Outcome::Failed, why.clone()),
        Found::Unreached(why) => (
            Outcome::Failed,
            format!(
                "{}: {why}; look at spec.endpoint, spec.caBundleRef, network policies and --provider-proxy",
                seen.endpoint
            ),
        ),
        Found::Unreadable(why) => (Outcome::Failed, format!("could not be looked at: {why}")),
    };
    Check::new("endpoint", seen.object.clone(), outcome, message)
}

/// What is said where the objects of a kind cannot be listed, or there are none.
pub(super) fn judge_list(place: &str, listed: &Result<usize, String>) -> Option<Check> {
    match listed {
        Ok(0) => Some(Check::new(
            "endpoint",
            place,
            Outcome::Ok,
            "there is no provider object yet",
        )),
        Ok(_) => None,
        Err(why) => Some(Check::new(
            "endpoint",
            place,
            Outcome::Failed,
            format!("the provider objects cannot be listed: {why}"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_finding_says_where_and_why() {
        let judged = |found| {
            judge(&Seen {
                object: "WebhookProvider a/b".to_owned(),
                endpoint: "https://p.example".to_owned(),
                found,
            })
        };
        assert_eq!(judged(Found::Reached).outcome, Outcome::Ok);
        for found in [
            Found::Unusable("WHY".to_owned()),
            Found::Unreached("WHY".to_owned()),
            Found::Unreadable("WHY".to_owned()),
        ] {
            let check = judged(found);
            assert_eq!(check.outcome, Outcome::Failed);
            assert!(check.message.contains("WHY"), "{check:?}");
        }
        assert!(judge_list("all", &Ok(1)).is_none());
        assert_eq!(judge_list("all", &Ok(0)).unwrap().outcome, Outcome::Ok);
        let failed = judge_list("all", &Err("403".to_owned())).unwrap();
        assert_eq!(failed.outcome, Outcome::Failed);
    }
}

//! What the owner of a lent account lets its borrowers do.
//!
//! Hosts are compared in their normal form and by whole labels, never as text: `*.example.com` stands for
//! `hooks.example.com` and not for `hooks-example.com`. A policy that cannot be read allows nothing.

use std::collections::BTreeSet;
use std::time::Duration;

use url::Host;

use crate::names::EventName;
use crate::reason::Reason;

/// One entry of the allowed hosts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPattern {
    /// Every name below the host, whatever its depth, and not the host itself.
    below: bool,
    host: Host,
}

impl HostPattern {
    /// Reads a host name, an IP address (IPv6 in brackets), or `*.` and a host name. Case, a dot at the end and the
    /// spelling of international names (RFC 5891) mean nothing. `None`: it is none of these.
    pub fn parse(text: &str) -> Option<Self> {
        let (below, name) = match text.strip_prefix("*.") {
            Some(name) => (true, name),
            None => (false, text),
        };
        let host = normal(name)?;
        let fits = !below || matches!(host, Host::Domain(_));
        fits.then_some(Self { below, host })
    }

    /// Whether the pattern stands for this host.
    fn covers(&self, host: &Host) -> bool {
        if !self.below {
            return self.host == *host;
        }
        let (Host::Domain(base), Host::Domain(name)) = (&self.host, host) else {
            return false;
        };
        let labels = name.strip_suffix(base.as_str());
        let labels = labels.and_then(|labels| labels.strip_suffix('.'));
        labels.is_some_and(|labels| labels.split('.').all(|label| !label.is_empty()))
    }
}

/// The form in which hosts are compared.
fn normal(text: &str) -> Option<Host> {
    let text = text.strip_suffix('.').unwrap_or(text);
    match Host::parse(text).ok()? {
        Host::Domain(name) if name.split('.').any(str::is_empty) => None,
        host => Some(host),
    }
}

/// Why something is not allowed: the reason, and a message that names the field of the subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The reason.
    pub reason: Reason,
    /// Text for the user, free of secrets.
    pub message: String,
}

/// What borrowers may do. The default limits nothing but adoption.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// Where deliveries may go; `None`: anywhere.
    pub hosts: Option<Vec<HostPattern>>,
    /// Which events may be asked for; `None`: any.
    pub events: Option<BTreeSet<EventName>>,
    /// Whether what exists at the provider may be taken over or watched.
    pub adoption: bool,
    /// The shortest interval between two looks.
    pub min_interval: Option<Duration>,
}

impl Policy {
    /// Whether an object may ask for what it asks for. What carries its own marker it may always take back, so only
    /// asking for what it did not make needs leave.
    ///
    /// # Errors
    /// [`Refusal`] where adoption is refused.
    pub fn adoption(&self, imports: bool, observes: bool) -> Result<(), Refusal> {
        let field = match (imports, observes) {
            _ if self.adoption => return Ok(()),
            (_, true) => "spec.mode: Observe",
            (true, false) => "spec.adoption.policy: taking over what this object did not make",
            (false, false) => return Ok(()),
        };
        Err(Refusal {
            reason: Reason::AdoptionNotAllowed,
            message: format!(
                "{field} is not allowed at this account; its owner can set spec.policy.adoption to Allowed"
            ),
        })
    }

    /// Whether deliveries may go to `host`. `plain` tells that it is written in the one way that every parser of URLs
    /// reads alike: what is checked here must be what the provider connects to.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn host(&self, host: &str, plain: bool) -> Result<(), Refusal> {
        let Some(allowed) = &self.hosts else { return Ok(()) };
        let covered = |host: &_| allowed.iter().any(|pattern| pattern.covers(host));
        let found = normal(host).filter(|host| covered(host) || crate::planted!(PolicyIgnored));
        let why = match found {
            Some(_) if plain => return Ok(()),
            Some(_) => "is spelled in an unusual way; write it in lower case, without percent-encoding",
            None => {
                "is not among those that the account's owner allows (spec.policy.allowedHosts of the provider)"
            }
        };
        Err(Refusal {
            reason: Reason::HostNotAllowed,
            message: format!("the URL's host {host} {why}"),
        })
    }

    /// Whether these events may be asked for.
    ///
    /// # Errors
    /// [`Refusal`], which names those that may not.
    pub fn events<'a>(&self, asked: impl IntoIterator<Item = &'a EventName>) -> Result<(), Refusal> {
        let Some(allowed) = &self.events else {
            return Ok(());
        };
        let refused: BTreeSet<&EventName> = asked
            .into_iter()
            .filter(|event| !allowed.contains(event))
            .collect();
        if refused.is_empty() {
            return Ok(());
        }
        let names: Vec<&str> = refused.into_iter().map(EventName::as_str).collect();
        Err(Refusal {
            reason: Reason::EventNotAllowed,
            message: format!(
                "spec.events: not among those that the account's owner allows (spec.policy.allowedEvents of the \
                 provider): {}",
                names.join(", ")
            ),
        })
    }

    /// What an interval comes to: a shorter one than allowed is as long as the shortest. Zero switches off, and stays.
    pub fn interval(&self, own: Duration) -> Duration {
        match self.min_interval {
            Some(least) if !own.is_zero() => own.max(least),
            _ => own,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::url::DeliveryUrl;

    fn policy(hosts: &[&str]) -> Policy {
        let patterns = hosts.iter().filter_map(|text| HostPattern::parse(text));
        Policy {
            hosts: Some(patterns.collect()),
            ..Policy::default()
        }
    }

    fn allows(hosts: &[&str], url: &str) -> bool {
        let url = DeliveryUrl::parse(url).unwrap();
        policy(hosts).host(url.host(), url.is_plain()).is_ok()
    }

    #[test]
    fn a_host_is_allowed_by_its_name_or_by_a_wildcard_over_whole_labels() {
        let cases = [
            ("hooks.example.com", "https://hooks.example.com/x", true),
            ("hooks.example.com", "https://HOOKS.Example.com:8443/x", true),
            ("Hooks.Example.Com.", "https://hooks.example.com", true),
            ("hooks.example.com", "https://hooks.example.com./x", true),
            (
                "hooks.example.com",
                "https://hooks.example.com.evil.example/",
                false,
            ),
            ("hooks.example.com", "https://hooks.example.comx/", false),
            ("*.example.com", "https://a.example.com/", true),
            ("*.example.com", "https://a.b.example.com/", true),
            ("*.example.com", "https://example.com/", false),
            ("*.example.com", "https://aexample.com/", false),
            ("*.example.com", "https://.example.com/", false),
            ("*.example.com", "https://a..example.com/", false),
            ("*.example.com", "https://a.example.com.evil.example/", false),
            ("b\u{fc}cher.example", "https://xn--bcher-kva.example/", true),
            ("*.B\u{dc}CHER.example", "https://a.xn--bcher-kva.example/", true),
            ("192.0.2.1", "https://192.0.2.1/", true),
            ("*.0.2.1", "https://192.0.2.1/", false),
            ("[2001:db8::1]", "https://[2001:db8::1]/", true),
        ];
        for (pattern, url, expected) in cases {
            assert_eq!(allows(&[pattern], url), expected, "{pattern} {url}");
        }
    }

    #[test]
    fn a_host_that_parsers_read_differently_is_not_allowed() {
        let spelled = [
            "https://hooks%2eexample.com/",
            "https://%68ooks.example.com/",
            "https://hooks.example.com\\.evil.example/",
            "https://hooks.example.com\\x/",
        ];
        for url in spelled {
            assert!(!allows(&["hooks.example.com"], url), "{url}");
        }
        // 030 is 24 to some and 30 to others.
        for url in ["https://024.0.2.1/", "https://0x14.0.2.1/", "https://20.513/"] {
            assert!(!allows(&["20.0.2.1"], url), "{url}");
        }
        assert!(allows(&["20.0.2.1"], "https://20.0.2.1/"));
    }

    #[test]
    fn a_name_with_an_empty_label_is_none_and_allowed_by_nothing() {
        for name in [
            "",
            ".",
            "a..example",
            ".a.example",
            "*..a.example",
            "*.a..example",
            "a.example..",
        ] {
            assert_eq!(HostPattern::parse(name), None, "{name}");
        }
        let policy = policy(&["*.example", "a.example"]);
        assert!(
            policy.host("a.example.", true).is_ok(),
            "the dot of the root is no label"
        );
        for host in ["", ".", "a..example", ".a.example", "a.example.."] {
            assert!(policy.host(host, true).is_err(), "{host}");
        }
    }

    #[test]
    fn a_list_that_is_empty_or_cannot_be_read_allows_nothing() {
        assert!(!allows(&[], "https://hooks.example.com/"));
        for pattern in ["*", "*.", "a.*.example", "*.192.0.2.1", "https://x.example", ""] {
            assert!(!allows(&[pattern], "https://x.example/"), "{pattern}");
        }
        assert!(
            Policy::default().host("x.example", false).is_ok(),
            "no list, no limit"
        );
    }

    #[test]
    fn events_are_compared_whole_and_what_is_refused_is_named() {
        let event = |name: &str| EventName::parse(name).unwrap();
        let limited = Policy {
            events: Some([event("A"), event("b/c")].into()),
            ..Policy::default()
        };
        assert!(limited.events(&[event("A"), event("b/c")]).is_ok());
        let refused = limited.events(&[event("A"), event("a"), event("c")]).unwrap_err();
        assert_eq!(refused.reason, Reason::EventNotAllowed);
        assert!(refused.message.ends_with(": a, c"), "{}", refused.message);
        assert!(Policy::default().events(&[event("x")]).is_ok());
    }

    #[test]
    fn only_what_an_object_did_not_make_needs_leave() {
        let closed = Policy::default();
        assert!(closed.adoption(false, false).is_ok());
        for (imports, observes) in [(true, false), (false, true), (true, true)] {
            assert!(closed.adoption(imports, observes).is_err());
            let open = Policy {
                adoption: true,
                ..Policy::default()
            };
            assert!(open.adoption(imports, observes).is_ok());
        }
    }

    #[test]
    fn a_short_interval_is_as_long_as_the_shortest_and_zero_stays_off() {
        let minutes = |n: u64| Duration::from_secs(60 * n);
        let policy = Policy {
            min_interval: Some(minutes(5)),
            ..Policy::default()
        };
        assert_eq!(policy.interval(minutes(1)), minutes(5));
        assert_eq!(policy.interval(minutes(9)), minutes(9));
        assert_eq!(policy.interval(Duration::ZERO), Duration::ZERO);
        assert_eq!(Policy::default().interval(minutes(1)), minutes(1));
    }

    proptest! {
        #[test]
        fn whatever_is_allowed_by_a_wildcard_ends_in_its_labels(
            base in "[a-z]{1,8}(\\.[a-z]{1,8}){0,2}",
            host in "[a-zA-Z.%\\\\0-9-]{0,12}",
        ) {
            let text = format!("https://{host}.{base}/");
            if let Ok(url) = DeliveryUrl::parse(&text)
                && policy(&[&format!("*.{base}")]).host(url.host(), url.is_plain()).is_ok()
            {
                let end = format!(".{base}");
                prop_assert!(url.host().trim_end_matches('.').ends_with(&end));
                prop_assert!(!url.host().starts_with('.'));
                // As written, too: nothing stands for something else.
                let read = format!("https://{}/", url.host());
                prop_assert!(text.to_lowercase().starts_with(&read));
            }
        }

        #[test]
        fn a_name_is_always_allowed_by_itself_and_by_what_is_above_it(
            labels in prop::collection::vec("[a-z]([a-z0-9]{0,5}[a-z0-9])?", 2..6),
        ) {
            let host = labels.join(".");
            let url = format!("https://{host}/");
            prop_assert!(allows(&[&host], &url));
            for from in 1..labels.len() {
                let above = format!("*.{}", labels[from..].join("."));
                prop_assert!(allows(&[&above], &url));
            }
        }

        #[test]
        fn reading_a_pattern_never_panics(text in ".{0,60}") {
            let _ = HostPattern::parse(&text);
        }
    }
}

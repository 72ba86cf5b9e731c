//! Which delivery URLs Bird's documents allow.
//!
//! The pattern there is narrow: https, a host name with dots whose last part is letters, then nothing or a path. A
//! later page of theirs lets a port pass as well; which servers that goes for is not said, so the stricter
//! pattern counts.

use std::net::Ipv4Addr;

/// What is wrong with a URL, in words that follow `spec.url: `. Nothing of the path or the query is in them: they
/// may be confidential.
pub(super) fn fault(url: &str) -> Option<String> {
    let Some(rest) = url.strip_prefix("https://") else {
        return Some("Bird accepts only https; write https://".to_owned());
    };
    let (authority, after) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    authority_fault(authority).or_else(|| after_fault(after).map(str::to_owned))
}

fn authority_fault(authority: &str) -> Option<String> {
    if authority.contains('@') {
        return Some("Bird accepts no user name before the host; remove it".to_owned());
    }
    if authority.starts_with('[') {
        return Some(ADDRESS.to_owned());
    }
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    };
    if host.parse::<Ipv4Addr>().is_ok() {
        return Some(ADDRESS.to_owned());
    }
    if let Some(fault) = host_fault(host) {
        return Some(fault.to_owned());
    }
    let port = port?;
    // What is no number is not a port either, and not repeated.
    let shown = if port.bytes().all(|b| b.is_ascii_digit()) {
        port
    } else {
        ""
    };
    Some(format!("Bird accepts no port; remove :{shown}"))
}

const ADDRESS: &str = "Bird accepts no IP address; use a host name such as hooks.example.com";

fn host_fault(host: &str) -> Option<&'static str> {
    let label = |label: &str| {
        let mut bytes = label.bytes();
        !label.is_empty() && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let Some((_, last)) = host.rsplit_once('.') else {
        return Some("Bird accepts no host name without a dot; use a full one such as hooks.example.com");
    };
    if last.is_empty() || !last.bytes().all(|b| b.is_ascii_alphabetic()) {
        return Some("Bird accepts only letters after the last dot of the host name; use another name");
    }
    (!host.split('.').all(label))
        .then_some("Bird accepts only letters, digits, '-' and dots in the host name; use another name")
}

fn after_fault(after: &str) -> Option<&'static str> {
    if after.contains('#') {
        return Some("Bird accepts no fragment; remove what follows the #");
    }
    if after.starts_with('?') {
        return Some("Bird accepts a query only after a path; write a / before the ?");
    }
    (!after.bytes().all(|b| b.is_ascii_graphic()))
        .then_some("Bird accepts only visible ASCII characters; percent-encode the others")
}

#[cfg(test)]
mod tests {
    use operator_core::settings::Settings;
    use operator_core::url::DeliveryUrl;
    use proptest::prelude::*;

    use super::*;
    use crate::provider::bird::{refuses, tests::documented};

    /// The documented pattern, read from left to right: `https://`, parts each with a dot behind, letters, and
    /// perhaps a slash with anything visible behind it.
    fn fits(text: &str) -> bool {
        let Some(rest) = text.strip_prefix("https://") else {
            return false;
        };
        let end = rest
            .bytes()
            .position(|b| !(b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.')));
        let (host, tail) = rest.split_at(end.unwrap_or(rest.len()));
        let parts: Vec<_> = host.split('.').collect();
        parts.len() > 1
            && parts.iter().all(|part| !part.is_empty())
            && parts[parts.len() - 1].bytes().all(|b| b.is_ascii_alphabetic())
            && (tail.is_empty() || tail.starts_with('/'))
            && tail.bytes().all(|b| (0x21..0x7f).contains(&b) && b != b'#')
    }

    /// URLs of likely and unlikely parts.
    fn composed() -> impl Strategy<Value = String> {
        let scheme = prop_oneof![8 => Just("https://"), 1 => Just("http://"), 1 => Just("")];
        let user = prop_oneof![8 => Just(""), 1 => Just("u@"), 1 => Just("u:p@")];
        let host = prop_oneof![
            4 => "([a-z0-9-]{1,5}\\.){1,3}[a-zA-Z]{1,4}",
            2 => "[a-z0-9.:%_\\\\\\[\\]-]{0,12}",
            1 => Just("10.0.0.1".to_owned()),
            1 => Just("[::1]".to_owned()),
        ];
        let port = prop_oneof![6 => Just(String::new()), 1 => ":[0-9]{0,6}", 1 => ":[a-z]{1,3}"];
        let path = prop_oneof![3 => "(/[!-~]{0,12})?", 1 => "[?#]?[ -~]{0,12}"];
        (scheme, user, host, port, path)
            .prop_map(|(scheme, user, host, port, path)| format!("{scheme}{user}{host}{port}{path}"))
    }

    proptest! {
        #[test]
        fn what_passes_fits_the_documented_pattern_and_what_fits_passes(url in composed()) {
            prop_assert_eq!(fault(&url).is_none(), fits(&url), "{:?}", fault(&url));
        }

        #[test]
        fn the_pattern_written_as_an_expression_passes(
            url in "https://([a-z0-9-]{1,8}\\.){1,4}[a-zA-Z]{2,6}(/[!-\"$-~]{0,40})?",
        ) {
            prop_assert_eq!(fault(&url), None);
        }

        #[test]
        fn no_fault_repeats_path_query_or_user(
            host in "(u[a-z]{0,3}canary@)?[a-z0-9.:\\\\\\[\\]-]{0,12}",
            tail in "(\\\\|:|/|\\?|#)canary[!-~]{0,8}",
        ) {
            let shown = fault(&format!("https://{host}{tail}")).unwrap_or_default();
            prop_assert!(!shown.contains("canary"), "{}", shown);
        }
    }

    #[test]
    fn each_part_that_is_refused_is_named() {
        for (url, named) in [
            ("http://hooks.example.com/", "https"),
            ("https://user@hooks.example.com/", "user name"),
            ("https://10.0.0.1/", "IP address"),
            ("https://10.0.0.1:8443/", "IP address"),
            ("https://[2001:db8::1]/", "IP address"),
            ("https://receiver/", "without a dot"),
            ("https://receiver:8443/", "without a dot"),
            ("https:///", "without a dot"),
            ("https://hooks.example.c0m/", "after the last dot"),
            ("https://hooks.example.com./", "after the last dot"),
            ("https://256.256.256.256/", "after the last dot"),
            ("https://a..example.com/", "letters, digits"),
            ("https://hooks_1.example.com/", "letters, digits"),
            ("https://h%6foks.example.com/", "letters, digits"),
            ("https://hooks.example.com?a=b", "a query only after a path"),
            ("https://hooks.example.com/#x", "no fragment"),
            ("https://hooks.example.com#x", "no fragment"),
            ("https://hooks.example.com/a b", "visible ASCII"),
        ] {
            let text = fault(url).unwrap_or_default();
            assert!(
                text.starts_with("Bird accepts ") && text.contains(named),
                "{url}: {text}"
            );
        }
    }

    #[test]
    fn a_port_is_refused_with_what_to_remove() {
        let of = |url: &str| {
            let url = DeliveryUrl::parse(url).unwrap();
            refuses(&Settings { url, ..documented() })
        };
        let expected = "spec.url: Bird accepts no port; remove :8443";
        assert_eq!(
            of("https://hooks.example.com:8443/canary").as_deref(),
            Some(expected)
        );
        // The usual port is a port too, written out.
        let expected = "spec.url: Bird accepts no port; remove :443";
        assert_eq!(of("https://hooks.example.com:443").as_deref(), Some(expected));
        let expected = "spec.url: Bird accepts no port; remove :";
        assert_eq!(of("https://hooks.example.com:/").as_deref(), Some(expected));
        assert_eq!(of("https://hooks.example.com/bird?a=b:8443"), None);
        assert_eq!(of("https://Hooks.Example.COM"), None);
    }
}

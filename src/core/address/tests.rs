use proptest::prelude::*;

use super::*;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// First and last address of each block, and the neighbours outside.
#[test]
fn each_block_begins_and_ends_where_its_registry_says() {
    use Class::{Loopback, Private, Public};
    const fn never(never: Never) -> Class {
        Class::Never(never)
    }
    let (link_local, reserved) = (never(Never::LinkLocal), never(Never::Reserved));
    let (unspecified, multicast) = (never(Never::Unspecified), never(Never::Multicast));
    let metadata = never(Never::Metadata);
    for (class, addresses) in [
        (unspecified, "0.0.0.0 0.255.255.255 ::"),
        (
            Private,
            "10.0.0.0 10.255.255.255 172.16.0.0 172.31.255.255 192.168.0.0 192.168.255.255",
        ),
        (
            Private,
            "100.64.0.0 100.127.255.255 100.100.100.199 100.100.100.201 100.100.99.200",
        ),
        (
            Private,
            "fc00:: fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff fd00::254 fd00:ec1::254 fd00:ec3::",
        ),
        (Private, "fd20:ce::253 fd20:cf::254 fd00:42::41 fd00:43::42"),
        (Loopback, "127.0.0.0 127.0.0.1 127.255.255.255 ::1"),
        (
            link_local,
            "169.254.0.0 169.254.169.254 169.254.255.255 fe80:: fe80::a9fe:a9fe febf::1",
        ),
        (
            metadata,
            "100.100.100.200 168.63.129.16 fd00:ec2::254 fd00:ec2::23 fd20:ce::254 fd00:42::42",
        ),
        (
            reserved,
            "192.0.0.0 192.0.0.192 192.0.0.255 192.0.2.0 192.0.2.255 198.51.100.0 198.51.100.255",
        ),
        (
            reserved,
            "203.0.113.0 203.0.113.255 192.88.99.0 192.88.99.255 198.18.0.0 198.19.255.255",
        ),
        (reserved, "240.0.0.0 254.255.255.255 255.0.0.0 255.255.255.254"),
        (
            reserved,
            "::2:0:0:0 100::1 64:ff9b:1::a00:1 1fff:: 4000:: 5f00::1 fec0::1 feff:: fbff::",
        ),
        (
            reserved,
            "2001:: 2001:1ff:: 2001:2::1 2001:20::1 2001:db8:: 2001:db8:ffff:: 3fff:: 3fff:fff::1",
        ),
        (never(Never::Broadcast), "255.255.255.255"),
        (multicast, "224.0.0.0 239.255.255.255 ff00:: ff02::1 ffff::"),
        (
            Public,
            "1.0.0.0 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0",
        ),
        (
            Public,
            "169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 191.255.255.255 192.0.1.0 192.0.3.0",
        ),
        (
            Public,
            "192.88.98.255 192.88.100.0 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0",
        ),
        (
            Public,
            "198.51.99.255 198.51.101.0 203.0.112.255 203.0.114.0 223.255.255.255 168.63.129.15",
        ),
        (
            Public,
            "2000:: 2001:200:: 2001:db7:: 2001:db9:: 2606:4700::1111 3ffe:: 3fff:1000::",
        ),
    ] {
        for address in addresses.split(' ') {
            assert_eq!(Class::of(ip(address)), class, "{address}");
        }
    }
}

#[test]
fn an_address_inside_an_address_is_the_one_that_counts() {
    for (outer, inner) in [
        ("::ffff:169.254.169.254", "169.254.169.254"),
        ("::169.254.169.254", "169.254.169.254"),
        ("::ffff:0:10.0.0.1", "10.0.0.1"),
        ("64:ff9b::7f00:1", "127.0.0.1"),
        ("2002:a9fe:a9fe::1", "169.254.169.254"),
        ("2002:808:808:1:2:3:4:5", "8.8.8.8"),
        ("::2", "0.0.0.2"),
    ] {
        assert_eq!(unwrapped(ip(outer)), ip(inner), "{outer}");
        assert_eq!(Class::of(ip(outer)), Class::of(ip(inner)), "{outer}");
    }
    for own in [
        "::",
        "::1",
        "64:ff9b:1::7f00:1",
        "2001:db8::1",
        "127.0.0.1",
        "::fffe:7f00:1",
    ] {
        assert_eq!(unwrapped(ip(own)), ip(own), "{own}");
    }
}

fn any_address() -> impl Strategy<Value = IpAddr> {
    let v4 = any::<u32>().prop_map(|bits| IpAddr::V4(bits.into()));
    let v6 = any::<u128>().prop_map(|bits| IpAddr::V6(bits.into()));
    let odd = prop_oneof![
        Just(0_u128),
        Just(0xffff_u128 << 32),
        Just(0xffff_u128 << 48),
        Just(0x64_ff9b_u128 << 96),
        Just(0xfe80_u128 << 112),
        Just(0xfd00_0ec2_u128 << 96),
    ];
    let wrapped =
        (odd, any::<u32>()).prop_map(|(prefix, bits)| IpAddr::V6((prefix | u128::from(bits)).into()));
    prop_oneof![v4, v6, wrapped]
}

fn any_switch() -> impl Strategy<Value = PrivateEndpoints> {
    prop_oneof![
        Just(PrivateEndpoints::Allow),
        Just(PrivateEndpoints::ClusterProvidersOnly),
        Just(PrivateEndpoints::Deny)
    ]
}

fn any_scope() -> impl Strategy<Value = Scope> {
    prop_oneof![Just(Scope::Namespaced), Just(Scope::Cluster)]
}

proptest! {
    #[test]
    fn no_switch_opens_what_is_never_reached(address in any_address(), switch in any_switch(), insecure: bool, scope in any_scope(), https: bool) {
        let judged = Reach::new(switch, insecure, scope).judge(address, https);
        if matches!(Class::of(address), Class::Never(_)) {
            prop_assert!(judged.is_err());
        }
        if !https && Class::of(address) == Class::Public {
            prop_assert!(judged.is_err(), "plain http leaves the machine");
        }
    }

    #[test]
    fn without_switches_a_tenant_reaches_public_addresses_over_https_and_nothing_else(address in any_address(), https: bool) {
        for switch in [PrivateEndpoints::ClusterProvidersOnly, PrivateEndpoints::Deny] {
            let judged = Reach::new(switch, false, Scope::Namespaced).judge(address, https);
            prop_assert_eq!(judged.is_ok(), https && Class::of(address) == Class::Public);
        }
    }

    #[test]
    fn a_tenant_never_reaches_more_than_whoever_runs_the_cluster(address in any_address(), switch in any_switch(), insecure: bool, https: bool) {
        let tenant = Reach::new(switch, insecure, Scope::Namespaced).judge(address, https);
        let cluster = Reach::new(switch, insecure, Scope::Cluster).judge(address, https);
        prop_assert!(tenant.is_err() || cluster.is_ok());
    }

    #[test]
    fn an_address_is_judged_as_the_one_inside(bits: u32, prefix in prop_oneof![Just(0xffff_u128 << 32), Just(0x64_ff9b_u128 << 96)], switch in any_switch(), insecure: bool, https: bool) {
        let reach = Reach::new(switch, insecure, Scope::Cluster);
        let outer = IpAddr::V6((prefix | u128::from(bits)).into());
        prop_assert_eq!(reach.judge(outer, https), reach.judge(IpAddr::V4(bits.into()), https));
    }
}

#[test]
fn the_two_switches_open_what_their_page_says() {
    use PrivateEndpoints::{Allow, ClusterProvidersOnly, Deny};
    use Scope::{Cluster, Namespaced};
    let (loopback, private, public) = (ip("127.0.0.1"), ip("10.1.2.3"), ip("1.1.1.1"));
    let judged =
        |switch, insecure, scope, address, https| Reach::new(switch, insecure, scope).judge(address, https);
    let ok = Ok(());
    for (switch, insecure, scope, address, https, expected) in [
        (Deny, false, Cluster, public, true, ok),
        (Deny, false, Cluster, private, true, Err(Refusal::Private)),
        (
            Deny,
            false,
            Namespaced,
            private,
            true,
            Err(Refusal::PrivateForTenants),
        ),
        (ClusterProvidersOnly, false, Cluster, private, true, ok),
        (
            ClusterProvidersOnly,
            false,
            Namespaced,
            private,
            true,
            Err(Refusal::PrivateForTenants),
        ),
        (Allow, false, Namespaced, private, true, ok),
        (
            ClusterProvidersOnly,
            false,
            Cluster,
            loopback,
            true,
            Err(Refusal::Loopback),
        ),
        (Allow, false, Namespaced, loopback, true, ok),
        (Deny, true, Namespaced, loopback, true, ok),
        (Deny, true, Namespaced, loopback, false, ok),
        (Allow, false, Cluster, loopback, false, Err(Refusal::Http)),
        (Deny, true, Cluster, public, false, Err(Refusal::HttpBeyond)),
        (Allow, true, Cluster, public, false, Err(Refusal::HttpBeyond)),
        (ClusterProvidersOnly, true, Cluster, private, false, ok),
        (
            ClusterProvidersOnly,
            true,
            Namespaced,
            private,
            false,
            Err(Refusal::PrivateForTenants),
        ),
    ] {
        let found = judged(switch, insecure, scope, address, https);
        assert_eq!(
            found, expected,
            "{switch:?} {insecure} {scope:?} {address} {https}"
        );
    }
    for (switch, insecure, https, expected) in [
        (Deny, false, true, ok),
        (Deny, false, false, Err(Refusal::Http)),
        (Deny, true, false, Err(Refusal::HttpBeyond)),
        (Allow, true, false, ok),
        (Allow, false, false, Err(Refusal::Http)),
    ] {
        let reach = Reach::new(switch, insecure, Namespaced);
        assert_eq!(reach.judge_name(https), expected, "{switch:?} {insecure} {https}");
    }
}

#[test]
fn a_refusal_names_the_flag_that_would_help() {
    for (refusal, flag) in [
        (Refusal::PrivateForTenants, "--private-endpoints"),
        (Refusal::Private, "--private-endpoints=Deny"),
        (Refusal::Loopback, "--allow-insecure-http"),
        (Refusal::Loopback, "--private-endpoints=Allow"),
        (Refusal::Http, "--allow-insecure-http"),
        (Refusal::HttpBeyond, "--private-endpoints"),
    ] {
        assert!(refusal.to_string().contains(flag), "{refusal}");
    }
    let never = Refusal::Never(Never::Metadata).to_string();
    assert!(
        never.contains("metadata service") && !never.contains("--"),
        "{never}"
    );
    let all = [
        Never::LinkLocal,
        Never::Metadata,
        Never::Multicast,
        Never::Unspecified,
        Never::Broadcast,
        Never::Reserved,
    ];
    let texts: std::collections::BTreeSet<String> = all.iter().map(ToString::to_string).collect();
    assert_eq!(texts.len(), all.len());
}

#[test]
fn the_apiserver_is_known_by_name_by_cluster_ip_and_by_address_and_port() {
    let mut apiserver = Apiserver::default();
    apiserver.add("Control-Plane.example.com.", 6443);
    apiserver.add("[fd01::1]", 443);
    apiserver.add("127.0.0.1", 6443);
    apiserver.add_cluster_ip("10.96.0.1");
    apiserver.add_cluster_ip("127.0.0.9");
    apiserver.add_cluster_ip("no address");
    for (host, port, expected) in [
        ("kubernetes", 443, true),
        ("kubernetes.default", 1, true),
        ("KUBERNETES.default.svc.", 443, true),
        ("kubernetes.default.svc.cluster.local", 443, true),
        ("kubernetes.default.svc.corp.example", 443, true),
        ("kubernetes.default.example.com", 443, false),
        ("kubernetes.io", 443, false),
        ("control-plane.example.com", 6443, true),
        ("control-plane.example.com", 443, false),
    ] {
        assert_eq!(apiserver.is_called(host, port), expected, "{host}:{port}");
    }
    for (address, port, expected) in [
        ("10.96.0.1", 443, true),
        ("10.96.0.1", 8443, true),
        ("::ffff:10.96.0.1", 1, true),
        ("64:ff9b::a60:1", 443, true),
        ("10.96.0.2", 443, false),
        ("127.0.0.1", 6443, true),
        ("127.0.0.1", 6444, false),
        ("127.0.0.9", 6443, false),
        ("fd01::1", 443, true),
        ("fd01::1", 80, false),
    ] {
        assert_eq!(apiserver.is_at(ip(address), port), expected, "{address} {port}");
    }
    let names: Vec<&str> = apiserver.names_at(6443).collect();
    assert_eq!(names, ["control-plane.example.com"]);
    assert_eq!(apiserver.names_at(443).count(), 0);
}

//! Which addresses the operator may connect to on behalf of a provider object.
//!
//! Whoever may write a provider object chooses where the operator connects to, with the operator's place in the network.
//! So every address is judged twice: as it is written, when the object is read, and as it is connected to. Here are
//! the rules; [`Reach::judge`] is total, and knows nothing of names.

// The types of addresses only; sockets and look-ups would be `std::net`.
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::fmt;

/// What an address is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// Anybody may have it.
    Public,
    /// RFC 1918, RFC 4193 (unique local) and RFC 6598 (shared, carrier-grade NAT): somebody's own network.
    Private,
    /// This machine.
    Loopback,
    /// Nobody's API is there.
    Never(Never),
}

/// Why no provider can be at an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Never {
    /// RFC 3927, RFC 4291: where clouds serve metadata and credentials of machines.
    LinkLocal,
    /// A cloud's metadata service at an address that would otherwise be private or public.
    Metadata,
    /// One to many.
    Multicast,
    /// `0.0.0.0/8` and `::`: systems connect to themselves.
    Unspecified,
    /// `255.255.255.255`.
    Broadcast,
    /// Documentation, benchmarks, protocols, the future: the special-purpose registries of IANA (RFC 6890), and all of
    /// IPv6 that is not assigned as global unicast.
    Reserved,
}

impl fmt::Display for Never {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LinkLocal => "a link-local address",
            Self::Metadata => "the address of a cloud's metadata service",
            Self::Multicast => "a multicast address",
            Self::Unspecified => "the unspecified address",
            Self::Broadcast => "the broadcast address",
            Self::Reserved => "a reserved address",
        })
    }
}

impl Class {
    /// The class of an address. One that carries an IPv4 address inside counts as that one.
    pub const fn of(address: IpAddr) -> Self {
        match unwrapped(address) {
            IpAddr::V4(address) => of_v4(address),
            IpAddr::V6(address) => of_v6(address),
        }
    }
}

/// The IPv4 address that an IPv6 address stands for, where it does; else the address itself.
///
/// IPv4-mapped (`::ffff:0:0/96`) and IPv4-compatible (`::/96`, RFC 4291), IPv4-translated (`::ffff:0:0:0/96`, RFC 2765),
/// NAT64 (`64:ff9b::/96`, RFC 6052) and 6to4 (`2002::/16`, RFC 3056).
pub const fn unwrapped(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    let (high, low) = match v6.segments() {
        // `::` and `::1` are not IPv4-compatible addresses but addresses of their own.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => return address,
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, _, _, _, _, _] => (high, low),
        _ => return address,
    };
    let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
    IpAddr::V4(Ipv4Addr::new(a, b, c, d))
}

const fn of_v4(address: Ipv4Addr) -> Class {
    match address.octets() {
        [0, ..] => Class::Never(Never::Unspecified),
        [127, ..] => Class::Loopback,
        [169, 254, ..] => Class::Never(Never::LinkLocal),
        // Alibaba Cloud, in the shared space; Azure's wire server, in the public one; Oracle Cloud's older address is
        // among the reserved.
        [100, 100, 100, 200] | [168, 63, 129, 16] => Class::Never(Never::Metadata),
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] | [100, 64..=127, ..] => Class::Private,
        // IETF protocols, documentation (three), the former relay of 6to4, benchmarks.
        [192, 0, 0 | 2, _] | [198, 51, 100, _] | [203, 0, 113, _] | [192, 88, 99, _] | [198, 18..=19, ..] => {
            Class::Never(Never::Reserved)
        }
        [224..=239, ..] => Class::Never(Never::Multicast),
        [255, 255, 255, 255] => Class::Never(Never::Broadcast),
        [240..=255, ..] => Class::Never(Never::Reserved),
        _ => Class::Public,
    }
}

const fn of_v6(address: Ipv6Addr) -> Class {
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => Class::Never(Never::Unspecified),
        [0, 0, 0, 0, 0, 0, 0, 1] => Class::Loopback,
        [0xfe80..=0xfebf, ..] => Class::Never(Never::LinkLocal),
        [0xff00..=0xffff, ..] => Class::Never(Never::Multicast),
        // The services of Amazon EC2 and EKS; metadata at Google Cloud and at Scaleway.
        [0xfd00, 0xec2, ..] | [0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254] | [0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42] => {
            Class::Never(Never::Metadata)
        }
        [0xfc00..=0xfdff, ..] => Class::Private,
        // IETF protocols with Teredo, benchmarks and ORCHID; documentation (two).
        [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Class::Never(Never::Reserved),
        // Global unicast as far as it is assigned (RFC 4291, section 2.4, and IANA).
        [0x2000..=0x3fff, ..] => Class::Public,
        _ => Class::Never(Never::Reserved),
    }
}

/// Who may have a provider in a private network: `--private-endpoints`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum PrivateEndpoints {
    /// Every provider object; and on loopback too.
    Allow,
    /// Cluster-scoped provider objects.
    #[default]
    ClusterProvidersOnly,
    /// None.
    Deny,
}

/// Who wrote the object that names the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// A tenant: the object is in a namespace.
    Namespaced,
    /// Whoever runs the cluster.
    Cluster,
}

/// What a provider object may reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Reach {
    scope: Scope,
    private: bool,
    loopback: bool,
    http: bool,
}

/// Why an address is refused. Shown to users beside the name of the field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// Nobody's API is there.
    #[error("is {0}, where no provider can be")]
    Never(Never),
    /// A private network, and a tenant's object.
    #[error(
        "is in a private network, which the operator's flag --private-endpoints allows for a ClusterWebhookProvider \
         (ClusterProvidersOnly, the default) or for every provider (Allow)"
    )]
    PrivateForTenants,
    /// A private network, and no object may reach one.
    #[error("is in a private network, which the operator's flag --private-endpoints=Deny forbids")]
    Private,
    /// This machine.
    #[error(
        "is on loopback, which the operator's flags --allow-insecure-http and --private-endpoints=Allow permit"
    )]
    Loopback,
    /// The cluster's own API server.
    #[error("is the Kubernetes API server, where no provider can be")]
    Apiserver,
    /// Plain http, and the flag is not there.
    #[error("must start with https:// (the operator's flag --allow-insecure-http permits http for loopback)")]
    Http,
    /// Plain http beyond loopback.
    #[error(
        "may use http only on loopback, or in a private network where the operator's flag --private-endpoints allows it"
    )]
    HttpBeyond,
}

impl Reach {
    /// What the two switches give to an object of a scope: `--private-endpoints` and `--allow-insecure-http`.
    pub const fn new(private: PrivateEndpoints, insecure_http: bool, scope: Scope) -> Self {
        let allowed = matches!(private, PrivateEndpoints::Allow);
        let for_cluster = matches!(
            (private, scope),
            (PrivateEndpoints::ClusterProvidersOnly, Scope::Cluster)
        );
        Self {
            scope,
            private: allowed || for_cluster,
            loopback: allowed || insecure_http,
            http: insecure_http,
        }
    }

    /// Whether the scheme alone is allowed.
    ///
    /// # Errors
    /// [`Refusal::Http`].
    pub const fn judge_scheme(&self, https: bool) -> Result<(), Refusal> {
        if https || self.http {
            Ok(())
        } else {
            Err(Refusal::Http)
        }
    }

    /// What to say of plain http to a host whose address is not known yet; it is judged when it is connected to.
    ///
    /// # Errors
    /// [`Refusal`], where no address could make it right.
    pub const fn judge_name(&self, https: bool) -> Result<(), Refusal> {
        if https || (self.http && self.private) {
            Ok(())
        } else if self.http {
            Err(Refusal::HttpBeyond)
        } else {
            Err(Refusal::Http)
        }
    }

    /// Whether a connection to `address` is allowed, over https or plain http.
    ///
    /// # Errors
    /// [`Refusal`], which says what would have to be changed.
    pub const fn judge(&self, address: IpAddr, https: bool) -> Result<(), Refusal> {
        if let Err(refusal) = self.judge_scheme(https) {
            return Err(refusal);
        }
        match Class::of(address) {
            Class::Never(never) => Err(Refusal::Never(never)),
            Class::Loopback if self.loopback => Ok(()),
            Class::Loopback => Err(Refusal::Loopback),
            Class::Private if self.private => Ok(()),
            // To be told that a cluster-wide object may is of no use where none may.
            Class::Private => Err(match self.scope {
                Scope::Namespaced => Refusal::PrivateForTenants,
                Scope::Cluster => Refusal::Private,
            }),
            Class::Public if https => Ok(()),
            Class::Public => Err(Refusal::HttpBeyond),
        }
    }
}

/// Where the cluster's API server is, as far as the operator knows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Apiserver {
    addresses: Vec<(IpAddr, Option<u16>)>,
    names: Vec<(String, u16)>,
}

impl Apiserver {
    /// Adds what the client of the API server is configured with: an address or a name, and a port.
    pub fn add(&mut self, host: &str, port: u16) {
        match parse(host) {
            Some(address) => self.addresses.push((address, Some(port))),
            None => self.names.push((plain(host), port)),
        }
    }

    /// Adds a cluster IP (`KUBERNETES_SERVICE_HOST`): whatever the port, nothing else is there. One on loopback is none.
    pub fn add_cluster_ip(&mut self, address: &str) {
        if let Some(address) = parse(address)
            && Class::of(address) != Class::Loopback
        {
            self.addresses.push((address, None));
        }
    }

    /// Whether a host's name, at a port, means the API server: as the client is configured, or as the Service
    /// `default/kubernetes` is called in every cluster, whatever its domain.
    pub fn is_called(&self, host: &str, port: u16) -> bool {
        let host = plain(host);
        let service = matches!(
            host.as_str(),
            "kubernetes" | "kubernetes.default" | "kubernetes.default.svc"
        ) || host.starts_with("kubernetes.default.svc.");
        service
            || self
                .names
                .iter()
                .any(|name| (name.0.as_str(), name.1) == (&host, port))
    }

    /// Whether it is at this address and port.
    pub fn is_at(&self, address: IpAddr, port: u16) -> bool {
        let address = unwrapped(address);
        self.addresses
            .iter()
            .any(|known| known.0 == address && known.1.is_none_or(|known| known == port))
    }

    /// The names that have to be looked up to know whether an address, at this port, is its.
    pub fn names_at(&self, port: u16) -> impl Iterator<Item = &str> {
        let names = self.names.iter().filter(move |name| name.1 == port);
        names.map(|name| name.0.as_str())
    }
}

/// The host as names are compared: in lower case, without the dot of the root.
fn plain(host: &str) -> String {
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

fn parse(host: &str) -> Option<IpAddr> {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    bare.unwrap_or(host).parse().ok().map(unwrapped)
}

#[cfg(test)]
mod tests;

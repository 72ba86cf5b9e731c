//! The way out: what may be reached, through what, and by whose sockets.

use std::net::IpAddr;
use std::sync::Arc;

use operator_core::address::{Apiserver, Class, PrivateEndpoints, Reach, Refusal, Scope};

use super::Endpoint;
use super::network::{Network, System};
use super::proxy::Proxy;

/// How all providers are reached: what the flags say, and what is known of the cluster.
#[derive(Debug, Clone)]
pub struct Rules {
    /// `--private-endpoints`.
    pub private_endpoints: PrivateEndpoints,
    /// `--allow-insecure-http`.
    pub allow_insecure_http: bool,
    /// `--provider-proxy`.
    pub proxy: Option<Arc<Proxy>>,
    /// Where the cluster's API server is.
    pub apiserver: Arc<Apiserver>,
    /// Look-ups and sockets.
    pub network: Arc<dyn Network>,
}

impl Rules {
    /// The rules of an operator without flags that knows nothing of its cluster, over the system's network.
    pub fn strict() -> Self {
        Self {
            private_endpoints: PrivateEndpoints::default(),
            allow_insecure_http: false,
            proxy: None,
            apiserver: Arc::default(),
            network: Arc::new(System),
        }
    }

    /// What they mean for a provider object of a scope.
    pub fn of(&self, scope: Scope) -> Egress {
        Egress {
            reach: Reach::new(self.private_endpoints, self.allow_insecure_http, scope),
            proxy: self.proxy.clone(),
            apiserver: Arc::clone(&self.apiserver),
            network: Arc::clone(&self.network),
        }
    }
}

/// The way out for one provider object.
#[derive(Debug, Clone)]
pub struct Egress {
    pub(super) reach: Reach,
    pub(super) proxy: Option<Arc<Proxy>>,
    pub(super) apiserver: Arc<Apiserver>,
    pub(super) network: Arc<dyn Network>,
}

impl Egress {
    /// Judges an endpoint as it is written, before anything is looked up. What a name resolves to is judged at connect
    /// time, on the address that is connected to.
    ///
    /// # Errors
    /// [`Refusal`], which names the flag that would help.
    pub fn admit(&self, endpoint: &Endpoint) -> Result<(), Refusal> {
        let (host, port, https) = (endpoint.host(), endpoint.port(), endpoint.is_https());
        self.reach.judge_scheme(https)?;
        if let Some(address) = address(host) {
            return self.judge(address, port, https);
        }
        if self.apiserver.is_called(host, port) {
            return Err(Refusal::Apiserver);
        }
        // RFC 6761, section 6.3: these names are loopback.
        let name = host.trim_end_matches('.');
        if name == "localhost" || name.ends_with(".localhost") {
            return self.reach.judge(IpAddr::from([127, 0, 0, 1]), https);
        }
        self.reach.judge_name(https)
    }

    /// Judges one address.
    pub(super) fn judge(&self, address: IpAddr, port: u16, https: bool) -> Result<(), Refusal> {
        if self.apiserver.is_at(address, port) {
            return Err(Refusal::Apiserver);
        }
        if operator_core::planted!(AddressesUnjudged) {
            return Ok(());
        }
        self.reach.judge(address, https)
    }

    /// What tells ways out apart: providers that may reach different addresses share no connection.
    pub fn reach(&self) -> Reach {
        self.reach
    }

    /// Whether the proxy is asked for an address: inside addresses are reached from inside, and the proxy, which may
    /// stand elsewhere and reach more, is never asked for one.
    pub(super) fn proxy_for(&self, address: IpAddr) -> Option<&Arc<Proxy>> {
        self.proxy
            .as_ref()
            .filter(|_| Class::of(address) == Class::Public)
    }
}

/// The address that a URL's host is, if it is one.
pub(super) fn address(host: &str) -> Option<IpAddr> {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    bare.unwrap_or(host).parse().ok()
}

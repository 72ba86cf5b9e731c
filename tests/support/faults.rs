//! Fault proxies between the operator and the two servers that it speaks to.

use std::path::Path;

use provider_simulator::Simulator;
use test_harness::Cluster;
use test_harness::proxy::{FaultProxy, ProcessEvent, Switchboard};

use super::{Setup, Way, World};

/// The proxies of a world.
pub struct Faults {
    /// Plans, record and holds of both.
    pub switchboard: Switchboard,
    /// Before the apiserver.
    pub apiserver: FaultProxy,
    /// Before the provider.
    pub provider: FaultProxy,
}

impl Faults {
    pub(super) fn between(cluster: &Cluster, kubeconfig: &Path, simulator: &Simulator) -> Self {
        let switchboard = Switchboard::default();
        let apiserver = FaultProxy::before_apiserver(cluster, kubeconfig, &switchboard).unwrap();
        let provider = FaultProxy::before_provider(&simulator.http_url(), &switchboard).unwrap();
        Self {
            switchboard,
            apiserver,
            provider,
        }
    }

    pub(super) fn kubeconfig(&self) -> &Path {
        self.apiserver.kubeconfig()
    }
}

impl Setup {
    /// The operator reaches apiserver and provider through fault proxies, [`World::faults`]. Starting it does not
    /// wait until it listens, because it may be killed before.
    #[must_use]
    pub fn through_proxies(mut self) -> Self {
        self.way = Way::Proxied;
        self
    }

    /// The operator logs at this level instead of trace, and no watch is kept over the secrets when the world ends:
    /// for tests that start so many operators that they search by themselves.
    #[must_use]
    pub fn log(mut self, level: &'static str) -> Self {
        self.log = level;
        self
    }
}

impl World {
    /// Where the operator reaches the provider without TLS.
    pub fn provider_url(&self) -> String {
        let proxied = self.faults.as_ref().map(|faults| faults.provider.url());
        proxied.unwrap_or_else(|| self.simulator.http_url())
    }

    /// The switchboard of a world with proxies.
    pub fn switchboard(&self) -> &Switchboard {
        &self.faults.as_ref().unwrap().switchboard
    }

    /// Starts the operator again if it was killed; says whether it was.
    pub fn restart_if_dead(&mut self) -> bool {
        let dead = self.operator().ended().unwrap().is_some();
        if dead {
            self.start_operator();
        }
        dead
    }

    /// What the operators of this world have said since the last call: logs, metrics, arguments.
    pub fn said(&mut self) -> Vec<(String, String)> {
        self.keep_what_was_told();
        std::mem::take(&mut self.kept)
    }

    /// SIGKILL, and a new start, in a world with proxies.
    pub fn kill_and_restart(&mut self) {
        self.operator().kill9();
        self.switchboard().note(ProcessEvent::Killed);
        self.start_operator();
    }
}

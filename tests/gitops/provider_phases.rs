//! Every phase in the life of both kinds of providers, on a real control plane.

use provider_simulator::Config;
use serde_json::{Value, json};

use crate::phases::Phases;
use crate::subscription_phases::{fail, long_since};
use crate::support::{CLUSTER_PROVIDER, OPERATOR_NAMESPACE, PROVIDER, SUBSCRIPTION, Setup, World, condition};

/// One of the kinds, in a world where the operator watches it.
struct Stage {
    world: World,
    kind: &'static str,
    phases: Phases,
}

impl Stage {
    fn namespaced() -> Self {
        Self {
            world: Setup::new().without_operator().start(),
            kind: PROVIDER,
            phases: Phases::of("WebhookProvider"),
        }
    }

    fn lent() -> Self {
        Self {
            world: Setup::new().without_operator().cluster_wide().start(),
            kind: CLUSTER_PROVIDER,
            phases: Phases::of("ClusterWebhookProvider"),
        }
    }

    fn apply(&self, change: Value) {
        let mut spec = self.world.provider_spec(change);
        if self.kind == CLUSTER_PROVIDER {
            spec["allowedNamespaces"] = json!({"names": [self.world.namespace]});
        }
        self.world.apply(self.kind, "dixa", spec);
    }

    fn credential(&self, token: &str) {
        let namespace = if self.kind == CLUSTER_PROVIDER {
            OPERATOR_NAMESPACE
        } else {
            self.world.namespace.as_str()
        };
        self.world
            .secret_in(namespace, "dixa-api", "credentials", &[("token", token)]);
    }

    fn becomes(&self, wanted: &str, status: &str, reason: &str) -> Value {
        self.world.becomes(self.kind, "dixa", wanted, status, reason)
    }

    fn note(&mut self, phase: &'static str, kstatus: &'static str, health: &'static str, object: Value) {
        self.phases.note(phase, kstatus, health, object);
    }

    /// What is wrong for longer than it is waited for.
    fn restarted_long_after(&mut self) {
        self.world.stop_operator();
        long_since(&self.world, self.kind, "dixa", "Ready", 10);
        self.world.start_operator();
    }

    fn play(mut self) {
        self.apply(json!({}));
        let object = self.world.object(self.kind, "dixa");
        assert_eq!(object["status"], json!({"observedGeneration": -1}));
        self.note("created", "InProgress", "Progressing", object);
        self.world.start_operator();
        let object = self.becomes("Reconciling", "True", "");
        self.note("no-secret", "InProgress", "Progressing", object);
        self.credential("not-the-right-one");
        let object = self.becomes("Authenticated", "False", "Unauthenticated");
        self.note("key-refused", "InProgress", "Progressing", object);
        self.restarted_long_after();
        let object = self.becomes("Ready", "False", "Unauthenticated");
        self.note("key-refused-for-long", "InProgress", "Degraded", object);
        self.credential(Config::DIXA_TOKEN);
        let object = self.becomes("Ready", "True", "Connected");
        self.note("ready", "Current", "Healthy", object);

        self.world.stop_operator();
        self.apply(json!({"interval": "10m"}));
        let object = self.world.object(self.kind, "dixa");
        assert_eq!(condition(&object, "Ready")["status"], "True");
        self.note("edited", "InProgress", "Progressing", object);
        self.world.start_operator();
        self.becomes("Ready", "True", "");

        self.apply(json!({"endpoint": "http://169.254.169.254"}));
        let object = self.becomes("Stalled", "True", "EndpointNotAllowed");
        self.note("endpoint-not-allowed", "Failed", "Degraded", object);
        self.apply(json!({}));
        self.becomes("Ready", "True", "");
        self.outage();
        self.leaving();
        self.phases.hold();
    }

    fn outage(&mut self) {
        fail(&self.world, "");
        self.world.nudge(self.kind, "dixa", "outage");
        let object = self.becomes("Ready", "False", "ProgressingWithRetry");
        self.note("outage", "InProgress", "Progressing", object);
        self.world.simulator.clear_faults();
        self.becomes("Ready", "True", "");
    }

    fn leaving(&mut self) {
        let mut reference = json!({"name": "dixa"});
        if self.kind == CLUSTER_PROVIDER {
            reference["kind"] = "ClusterWebhookProvider".into();
        }
        self.world.subscribe("crm", json!({"providerRef": reference}));
        self.world.ready("crm");
        self.apply(json!({"guard": {"maxVanished": 0}}));
        self.becomes("Ready", "True", "");
        let remote = self.world.only_remote().id;
        self.world.simulator.dixa().delete(remote).unwrap();
        self.world.nudge(SUBSCRIPTION, "crm", "vanished");
        let object = self.becomes("Guarded", "True", "");
        let token = object["status"]["guard"]["token"].clone();
        self.note("guarded", "Failed", "Degraded", object);
        let annotations = json!({"webhook-operator.io/guard-release": token});
        self.world.patch(
            self.kind,
            "dixa",
            json!({"metadata": {"annotations": annotations}}),
        );
        self.world.ready("crm");
        self.becomes("Ready", "True", "");

        self.world.delete(self.kind, "dixa");
        let object = self.world.object(self.kind, "dixa");
        self.note("in-use-and-deleted", "Terminating", "Progressing", object);
        self.world.delete(SUBSCRIPTION, "crm");
        self.world.gone(SUBSCRIPTION, "crm");
        self.world.gone(self.kind, "dixa");
    }
}

#[test]
fn a_provider_is_judged_rightly_in_every_phase_of_its_life() {
    Stage::namespaced().play();
}

#[test]
fn a_cluster_wide_provider_is_judged_rightly_in_every_phase_of_its_life() {
    Stage::lent().play();
}

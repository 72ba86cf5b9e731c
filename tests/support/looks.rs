//! Asking the operator to look at an object again, as users do.

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use super::World;

impl World {
    /// Asks the operator to look again, without waiting for it.
    pub fn nudge(&self, kind: &str, name: &str, token: &str) {
        let asked = json!({"webhook-operator.io/reconcile-requested-at": token});
        self.patch(kind, name, json!({"metadata": {"annotations": asked}}));
    }

    /// Asks the operator to look again, and waits until it says that it has: what was to be noticed by then has
    /// been noticed.
    pub fn look_again(&self, kind: &str, name: &str) -> Value {
        let [object] = self.look_at_all(kind, &[name]).try_into().unwrap();
        object
    }

    /// The same for several: all are asked before the first answer is awaited.
    pub fn look_at_all(&self, kind: &str, names: &[impl AsRef<str>]) -> Vec<Value> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let token = format!("look-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let names = names.iter().map(AsRef::as_ref);
        for name in names.clone() {
            self.nudge(kind, name, &token);
        }
        let answer = |name: &str| {
            self.eventually(&format!("the answer of {name} to {token}"), || {
                let object = self.object(kind, name);
                if object["status"]["lastHandledReconcileAt"] == token {
                    Ok(object)
                } else {
                    Err(format!("{:#}", object["status"]))
                }
            })
        };
        names.map(answer).collect()
    }
}

//! Everything that an object needs is deleted along with it, in an order that nobody chose.

use std::time::Duration;

use provider_simulator::Config;

use crate::support::{PROVIDER, SUBSCRIPTION, World};
use crate::{all_ready, has_controller_manager, names, subscribe_all};

/// Numbers that are the same for a seed (xorshift64, Marsaglia 2003).
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit as u64).unwrap()
    }

    fn shuffle<T>(&mut self, all: &mut [T]) {
        for last in (1..all.len()).rev() {
            all.swap(last, self.below(last + 1));
        }
    }
}

/// Kind and name of everything that is to go, shuffled.
fn order(seed: u64, names: &[String]) -> Vec<(&'static str, String)> {
    let subscriptions = names.iter().map(|name| (SUBSCRIPTION, name.clone()));
    let mut all: Vec<_> = subscriptions.collect();
    all.push((PROVIDER, "dixa".to_owned()));
    all.push(("secrets", "dixa-api".to_owned()));
    Dice(0x9e37_79b9_7f4a_7c15 ^ seed).shuffle(&mut all);
    all
}

#[test]
fn secret_provider_and_subscriptions_go_in_any_order_and_nothing_remote_stays() {
    let mut world = World::start();
    for seed in 1..=8 {
        world.connect();
        let names = names(&format!("crm-{seed}"), 4);
        subscribe_all(&world, &names);
        all_ready(&world, &names);
        assert_eq!(world.remote().len(), 4);
        let order = order(seed, &names);
        // Every second time by a process that never saw the key.
        let forgets = seed % 2 == 0;
        if forgets {
            world.operator().kill9();
        }
        for (kind, name) in &order {
            world.delete(kind, name);
        }
        if forgets {
            world.start_operator();
            world.becomes(SUBSCRIPTION, &names[0], "Stalled", "True", "DeletionBlocked");
            assert_eq!(world.remote().len(), 4, "seed {seed}");
            world.secret("dixa-api", "credentials", &[("token", Config::DIXA_TOKEN)]);
        }
        for name in &names {
            world.gone(SUBSCRIPTION, name);
        }
        world.gone(PROVIDER, "dixa");
        assert_eq!(world.remote().len(), 0, "seed {seed}");
    }
}

#[test]
fn a_namespace_goes_in_any_order_and_nothing_remote_stays() {
    assert!(
        has_controller_manager(),
        "nobody finishes the deletion of namespaces here"
    );
    for seed in 11..=13 {
        let world = World::start();
        world.connect();
        // Whatever fails tells the seed by a name.
        let names = names(&format!("crm-{seed}"), 4);
        subscribe_all(&world, &names);
        all_ready(&world, &names);
        let order = order(seed, &names);
        let first = Dice(seed).below(order.len());
        for (kind, name) in &order[..first] {
            world.delete(kind, name);
        }
        world.delete("namespaces", &world.namespace);
        world.within(Duration::from_secs(180), "the namespace to go", || {
            let left = world.find("namespaces", &world.namespace);
            left.map_or(Ok(()), |left| Err(format!("{:#}", left["status"])))
        });
        assert_eq!(world.remote().len(), 0, "seed {seed}");
    }
}

//! Listeners on every address of this network that note who was connected to.

use std::collections::BTreeSet;
use std::net::{IpAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::support::World;

pub struct Traps(Arc<Mutex<BTreeSet<IpAddr>>>);

impl Traps {
    /// Ports 80 and 443 of every address, of both families.
    pub fn set() -> Self {
        let sprung = Arc::<Mutex<BTreeSet<IpAddr>>>::default();
        for port in [80, 443] {
            let listener = TcpListener::bind(("::", port)).unwrap();
            let sprung = Arc::clone(&sprung);
            thread::spawn(move || {
                for stream in listener.incoming() {
                    let address = stream.unwrap().local_addr().unwrap().ip();
                    sprung.lock().unwrap().insert(address.to_canonical());
                }
            });
        }
        Self(sprung)
    }

    /// The addresses that were connected to.
    pub fn sprung(&self) -> BTreeSet<IpAddr> {
        self.0.lock().unwrap().clone()
    }

    pub fn wait_for(&self, world: &World, address: &str) {
        let address: IpAddr = address.parse().unwrap();
        let what = format!("a connection to {address}");
        world.eventually(&what, || {
            let sprung = self.sprung();
            if sprung.contains(&address) {
                Ok(())
            } else {
                Err(format!("only {sprung:?}"))
            }
        });
    }
}

//! The few things that the world is made of, computed once: names, owners, wishes and what reads show of them.

use std::sync::LazyLock;

use crate::capabilities::Capabilities;
use crate::capabilities::examples::{NAMED, NAMELESS};
use crate::hash::{Fingerprint, HashKey};
use crate::marker::{Marker, Owner};
use crate::memory::Wanted;
use crate::names::{ClusterId, ExternalId, ObjectName, ObjectUid, RemoteKey};
use crate::remote::Remote;
use crate::view::{Field, Part, View};

/// The most objects of a world.
pub const SLOTS: usize = 2;
/// The most keys of an object.
pub const KEYS: usize = 2;
/// How often an object of one name is made.
pub const LIVES: usize = 3;
/// How many URLs there are to choose from.
pub const URLS: usize = 2;

static HASH_KEY: LazyLock<HashKey> = LazyLock::new(|| HashKey::new([5; 32]));

fn digest(text: &str) -> Fingerprint {
    HASH_KEY.fingerprint("explore", [text.as_bytes()])
}

/// Whose a remote subscription is: the object's slot, which of its lives, and the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Whose {
    pub slot: usize,
    pub life: usize,
    pub key: usize,
}

/// Everything that depends on slot, life and key alone.
pub struct Things {
    pub capabilities: Capabilities,
    pub keys: [RemoteKey; KEYS],
    owners: Vec<Owner>,
    markers: Vec<Marker>,
    wishes: Vec<Wanted>,
}

static NAMED_THINGS: LazyLock<Things> = LazyLock::new(|| Things::new(NAMED));
static NAMELESS_THINGS: LazyLock<Things> = LazyLock::new(|| Things::new(NAMELESS));

/// The things of a provider that has names, or of one that has none.
pub fn things(named: bool) -> &'static Things {
    if named { &NAMED_THINGS } else { &NAMELESS_THINGS }
}

/// The id of that number.
pub fn id_of(number: u8) -> ExternalId {
    ExternalId::parse(&format!("r{number}")).unwrap()
}

/// The number of that id.
pub fn number_of(id: &ExternalId) -> u8 {
    id.as_str()[1..].parse().unwrap()
}

impl Things {
    fn new(capabilities: Capabilities) -> Self {
        let named = capabilities == NAMED;
        let keys = std::array::from_fn(|key| RemoteKey::parse(&format!("k{key}")).unwrap());
        let cluster = ClusterId::parse("c1").unwrap();
        let mut things = Self {
            capabilities,
            keys,
            owners: Vec::new(),
            markers: Vec::new(),
            wishes: Vec::new(),
        };
        for slot in 0..SLOTS {
            for life in 0..LIVES {
                let name = ObjectName::new("ns", &format!("o{slot}"));
                let uid = ObjectUid::parse(&format!("u{slot}-{life}")).unwrap();
                let owner = Owner::new(&cluster, &[], &name, &uid);
                for key in 0..KEYS {
                    things.markers.push(owner.marker(&things.keys[key]));
                }
                things.owners.push(owner);
            }
        }
        for slot in 0..SLOTS {
            for life in 0..LIVES {
                for key in 0..KEYS {
                    for url in 0..URLS {
                        let whose = Whose { slot, life, key };
                        let view = things.view(named.then_some(whose), key, url);
                        things.wishes.push(Wanted {
                            key: things.keys[key].clone(),
                            view,
                            digest: view.digest(&HASH_KEY),
                            events: Vec::new(),
                        });
                    }
                }
            }
        }
        things
    }

    pub fn named(&self) -> bool {
        self.capabilities.identity == crate::capabilities::Identity::Marker
    }

    pub fn owner(&self, slot: usize, life: usize) -> &Owner {
        &self.owners[slot * LIVES + life]
    }

    fn view(&self, name: Option<Whose>, key: usize, url: usize) -> View {
        let mut view = View::default();
        if let Some(whose) = name {
            view.set(Field::Name, Part::Is(digest(&format!("{whose:?}"))));
        }
        view.set(Field::Url, Part::Is(digest(&format!("url {url}"))));
        view.set(Field::Events, Part::Is(digest(&format!("events {key}"))));
        view.set(Field::Filters, Part::Absent);
        debug_assert!(key < self.keys.len());
        view
    }

    /// What a slot wants in one of its lives.
    pub fn wanted(&self, slot: usize, life: usize, keys: usize, url: usize) -> Vec<Wanted> {
        (0..keys)
            .map(|key| self.wishes[((slot * LIVES + life) * KEYS + key) * URLS + url].clone())
            .collect()
    }

    /// What a read shows of a remote subscription.
    pub fn shown(&self, number: u8, name: Whose, url: usize) -> Remote {
        let named = self.named();
        let marker = self.markers[(name.slot * LIVES + name.life) * KEYS + name.key];
        Remote {
            id: id_of(number),
            marker: named.then_some(marker),
            view: self.view(named.then_some(name), name.key, url),
            created: None,
        }
    }

    /// The index of a key.
    pub fn key_index(&self, key: &RemoteKey) -> Option<usize> {
        self.keys.iter().position(|known| known == key)
    }
}

/// Strangers of the account, that nothing of ours may touch: one without any marker and the same content as ours where
/// there are markers, one that another cluster made for an object of the same name.
pub fn strangers(things: &Things) -> Vec<Remote> {
    if !things.named() {
        // What has the same content would be ours to take for our own: a stranger has other content.
        let mut view = things.view(None, 0, 0);
        view.set(Field::Url, Part::Is(digest("the URL of somebody else")));
        return vec![Remote {
            id: id_of(200),
            marker: None,
            view,
            created: None,
        }];
    }
    let view = things.view(None, 0, 0);
    let unmarked = Remote {
        id: id_of(200),
        marker: None,
        view,
        created: None,
    };
    let name = ObjectName::new("ns", "o0");
    let uid = ObjectUid::parse("u0-0").unwrap();
    let elsewhere = Owner::new(&ClusterId::parse("c2").unwrap(), &[], &name, &uid);
    let marked = Remote {
        id: id_of(201),
        // Another key than ours: the same one would rightly stall the object.
        marker: Some(elsewhere.marker(&RemoteKey::parse("k9").unwrap())),
        view,
        created: None,
    };
    vec![unmarked, marked]
}

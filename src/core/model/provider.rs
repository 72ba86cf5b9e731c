//! A provider that keeps its books: what is there, who made it, and what hands did to it.

use std::sync::LazyLock;

use crate::hash::{Fingerprint, HashKey};
use crate::marker::Marker;
use crate::memory::Wanted;
use crate::names::{ExternalId, RemoteKey};
use crate::remote::{Remote, Snapshot};
use crate::time::Moment;
use crate::view::{Field, FieldSet, Part, View};

static KEY: LazyLock<HashKey> = LazyLock::new(|| HashKey::new([7; 32]));

/// The digest of a text.
pub fn digest(text: &str) -> Fingerprint {
    KEY.fingerprint("model", [text.as_bytes()])
}

/// The part with that content.
pub fn part(field: Field, value: impl std::fmt::Debug) -> Part {
    Part::Is(digest(&format!("{field:?}={value:?}")))
}

/// Who made a remote subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Maker {
    /// A create of the controller, for this key.
    Controller(RemoteKey),
    /// A hand.
    Hand,
}

/// One remote subscription, as it truly is.
#[derive(Debug, Clone)]
pub struct Held {
    pub id: ExternalId,
    pub name: String,
    /// The content, with what the provider hides. The name's part is made when it is shown.
    pub content: View,
    pub maker: Maker,
    pub made: Moment,
    /// A hand changed what nobody can see, or made the whole: its hidden part is anything.
    pub hidden_is_anything: bool,
    /// When a hand took the marker off.
    pub stripped: Option<Moment>,
}

impl Held {
    /// The marker that its name carries.
    pub fn marker(&self) -> Option<Marker> {
        Marker::parse(&self.name)
    }

    /// What a read shows: everything but the headers.
    pub fn show(&self) -> Remote {
        let mut view = self.content;
        view.set(Field::Name, part(Field::Name, &self.name));
        view.set(Field::Headers, Part::Unknown);
        Remote {
            id: self.id.clone(),
            marker: self.marker(),
            view,
            created: i64::try_from(self.made.as_millis()).ok(),
        }
    }
}

/// The account.
#[derive(Debug, Default)]
pub struct Provider {
    pub held: Vec<Held>,
    pub lag: u64,
    pub writes: u32,
    pub made: u32,
}

impl Provider {
    /// What a LIST that begins now shows: what is too new is not in it.
    pub fn list(&self, begun: Moment) -> Snapshot {
        let visible = self
            .held
            .iter()
            .filter(|held| held.made.as_millis() + self.lag <= begun.as_millis());
        Snapshot::new(begun, visible.map(Held::show))
    }

    pub fn get(&self, id: &ExternalId) -> Option<&Held> {
        self.held.iter().find(|held| held.id == *id)
    }

    pub fn get_mut(&mut self, id: &ExternalId) -> Option<&mut Held> {
        self.held.iter_mut().find(|held| held.id == *id)
    }

    /// Makes one, and gives it the next id.
    pub fn add(&mut self, name: String, content: View, maker: Maker, made: Moment) -> Remote {
        self.made += 1;
        let held = Held {
            id: ExternalId::parse(&format!("r{}", self.made)).unwrap(),
            name,
            content,
            hidden_is_anything: maker == Maker::Hand,
            maker,
            made,
            stripped: None,
        };
        let shown = held.show();
        self.held.push(held);
        shown
    }

    pub fn create(&mut self, wish: &Wanted, name: String, now: Moment) -> Remote {
        self.writes += 1;
        self.add(name, wish.view, Maker::Controller(wish.key.clone()), now)
    }

    /// Writes `fields` of `view`. Filters are never cleared; an id that is not there gives `None`.
    pub fn update(
        &mut self,
        id: &ExternalId,
        fields: FieldSet,
        view: &View,
        name: Option<String>,
    ) -> Option<Remote> {
        self.writes += 1;
        let held = self.get_mut(id)?;
        if let Some(name) = name {
            held.name = name;
        }
        for field in fields.iter() {
            if field == Field::Filters && view.get(field) == Part::Absent {
                continue;
            }
            if field == Field::Headers {
                held.hidden_is_anything = false;
            }
            held.content.set(field, view.get(field));
        }
        Some(held.show())
    }

    pub fn delete(&mut self, id: &ExternalId) {
        self.writes += 1;
        self.held.retain(|held| held.id != *id);
    }
}

//! A provider that keeps its books: what is there, who made it, and what hands did to it.

use std::sync::LazyLock;

use crate::hash::{Fingerprint, HashKey};
use crate::marker::Marker;
use crate::memory::Wanted;
use crate::names::{ExternalId, RemoteKey};
use crate::remote::{Remote, Snapshot};
use crate::time::Moment;
use crate::view::{Field, FieldSet, Part, View};

use super::schedule::{Headers, Nature};

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
    /// The key that took it over.
    pub taken: Option<RemoteKey>,
    /// A hand changed what it is recognised by where nothing can be marked.
    pub disguised: bool,
    /// Nobody can know any more whose it is.
    pub lost: bool,
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

    /// Whether the controller made it for the key, or took it over.
    pub fn is_of(&self, key: &RemoteKey) -> bool {
        self.maker == Maker::Controller(key.clone()) || self.taken.as_ref() == Some(key)
    }

    /// What a read shows.
    pub fn show(&self, nature: &Nature) -> Remote {
        let mut view = self.content;
        let name = if nature.named {
            part(Field::Name, &self.name)
        } else {
            Part::Unknown
        };
        view.set(Field::Name, name);
        let headers = view.get(Field::Headers);
        let headers = match (nature.headers, headers) {
            (Headers::Shown, headers) => headers,
            (Headers::Hidden, _) => Part::Unknown,
            (Headers::Rendered, headers) => part(Field::Headers, ("rendered", headers)),
            (Headers::Masked, Part::Absent) => Part::Absent,
            (Headers::Masked, _) => part(Field::Headers, "masked"),
        };
        view.set(Field::Headers, headers);
        Remote {
            id: self.id.clone(),
            marker: self.marker().filter(|_| nature.named),
            view,
            created: i64::try_from(self.made.as_millis()).ok(),
        }
    }
}

/// The account.
#[derive(Debug)]
pub struct Provider {
    pub nature: Nature,
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
        Snapshot::new(begun, visible.map(|held| held.show(&self.nature)))
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
            taken: None,
            disguised: false,
            lost: false,
            hidden_is_anything: maker == Maker::Hand,
            maker,
            made,
            stripped: None,
        };
        let shown = held.show(&self.nature);
        self.held.push(held);
        shown
    }

    pub fn create(&mut self, wish: &Wanted, name: String, now: Moment) -> Remote {
        self.writes += 1;
        let mut content = wish.view;
        if self.nature.late {
            content.set(Field::Enabled, part(Field::Enabled, true));
        }
        self.add(name, content, Maker::Controller(wish.key.clone()), now)
    }

    /// Writes `fields` of `view`. An id that is not there gives `None`.
    pub fn update(
        &mut self,
        id: &ExternalId,
        fields: FieldSet,
        view: &View,
        name: Option<String>,
    ) -> Option<Remote> {
        self.writes += 1;
        let nature = self.nature.clone();
        let held = self.get_mut(id)?;
        if let Some(name) = name {
            held.name = name;
        }
        for field in fields.iter() {
            if !nature.clears && field == Field::Filters && view.get(field) == Part::Absent {
                continue;
            }
            if field == Field::Headers {
                held.hidden_is_anything = false;
            }
            held.content.set(field, view.get(field));
        }
        Some(held.show(&nature))
    }

    pub fn delete(&mut self, id: &ExternalId) {
        self.writes += 1;
        self.held.retain(|held| held.id != *id);
    }
}

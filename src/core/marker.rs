//! The ownership marker: a short text at the end of the remote name.
//!
//! `orders [wh1:CCCCCCCC-OOOOOOOO-UUUUUUUU-KKKKKKKK]` carries a version and short hashes of the cluster, the
//! object (namespace and name), its UID and the fan-out key, each on its own, so that a reader can tell "mine",
//! "mine before a restore", "the same object of another cluster" and "somebody else's" apart. Only a marker on
//! a fresh read authorises a change or a deletion.

use std::fmt;

use crate::hash::short_tag;
use crate::names::{ClusterId, ObjectName, ObjectUid, RemoteKey};

const OPEN: &str = "[wh1:";
const TAG: usize = 8;
/// Length of the marker itself.
pub const MARKER_LEN: usize = OPEN.len() + 4 * TAG + 3 + 1;
/// The longest remote name that is sent, marker included, in characters.
pub const NAME_MAX: usize = 100;

/// Eight characters of a hash.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag([u8; TAG]);

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|byte| fmt::Write::write_char(f, char::from(*byte)))
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Tag {
    /// The tag of a cluster.
    pub fn cluster(id: &ClusterId) -> Self {
        Self(short_tag("cluster", &[id.as_str()]))
    }

    /// The tag of an object's namespace and name.
    pub fn object(name: &ObjectName) -> Self {
        Self(short_tag("object", &[&name.namespace, &name.name]))
    }

    fn uid(uid: &ObjectUid) -> Self {
        Self(short_tag("uid", &[uid.as_str()]))
    }

    fn key(key: &RemoteKey) -> Self {
        Self(short_tag("key", &[key.as_str()]))
    }

    fn parse(text: &[u8]) -> Option<Self> {
        let tag: [u8; TAG] = text.try_into().ok()?;
        tag.iter()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
            .then_some(Self(tag))
    }
}

/// Who a remote subscription says it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Marker {
    /// The cluster that wrote it.
    pub cluster: Tag,
    /// Namespace and name of the object.
    pub object: Tag,
    /// The object's UID.
    pub uid: Tag,
    /// Which of the object's remote subscriptions this is.
    pub key: Tag,
}

/// How a marker relates to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ownership {
    /// Cluster, object, UID and key are ours.
    Ours,
    /// Ours but for the UID: written for an object of the same name that lives no more (a restore).
    Former,
    /// The same object name under a cluster id that is not ours.
    OtherCluster,
    /// Somebody else's, or another key of the same object.
    Foreign,
}

/// The identity that markers are made from and compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    cluster: Tag,
    former_clusters: Vec<Tag>,
    object: Tag,
    uid: Tag,
}

impl Owner {
    /// The owner identity of one object in this cluster. Markers of `former_clusters` count as this cluster's
    /// former ones.
    pub fn new(
        cluster: &ClusterId,
        former_clusters: &[ClusterId],
        object: &ObjectName,
        uid: &ObjectUid,
    ) -> Self {
        Self {
            cluster: Tag::cluster(cluster),
            former_clusters: former_clusters.iter().map(Tag::cluster).collect(),
            object: Tag::object(object),
            uid: Tag::uid(uid),
        }
    }

    /// The tag of the object's name, by which a snapshot is searched.
    pub fn object(&self) -> Tag {
        self.object
    }

    /// The marker that one of the object's remote subscriptions carries.
    pub fn marker(&self, key: &RemoteKey) -> Marker {
        Marker {
            cluster: self.cluster,
            object: self.object,
            uid: self.uid,
            key: Tag::key(key),
        }
    }

    /// What `marker` means for the remote subscription `key` of this object.
    pub fn ownership(&self, key: &RemoteKey, marker: &Marker) -> Ownership {
        if marker.object != self.object || marker.key != Tag::key(key) {
            return Ownership::Foreign;
        }
        if marker.cluster == self.cluster {
            return if marker.uid == self.uid {
                Ownership::Ours
            } else {
                Ownership::Former
            };
        }
        if self.former_clusters.contains(&marker.cluster) {
            return Ownership::Former;
        }
        Ownership::OtherCluster
    }

    /// Whether `marker` was written for this very object, whatever the key.
    pub fn wrote(&self, marker: &Marker) -> bool {
        marker.cluster == self.cluster && marker.object == self.object && marker.uid == self.uid
    }

    /// The remote name: the human part, cut on a character border so that the whole stays within
    /// [`NAME_MAX`], and the marker whole.
    pub fn remote_name(&self, key: &RemoteKey, human: &str) -> String {
        let room = NAME_MAX - MARKER_LEN - 1;
        let human: String = human
            .trim()
            .chars()
            .filter(|c| !c.is_control())
            .take(room)
            .collect();
        format!("{} {}", human.trim_end(), self.marker(key))
            .trim_start()
            .to_owned()
    }
}

impl fmt::Display for Marker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{OPEN}{}-{}-{}-{}]",
            self.cluster, self.object, self.uid, self.key
        )
    }
}

impl Marker {
    /// What stands for a marker of another version: somebody's, and nobody's that this version could know. No hash
    /// gives such a tag.
    const UNREADABLE: Self = {
        let tag = Tag([b'?'; TAG]);
        Self {
            cluster: tag,
            object: tag,
            uid: tag,
            key: tag,
        }
    };

    /// Reads the marker at the end of a remote name. One of another version, as a downgrade may meet it, is a marker
    /// that is foreign to everybody. Anything else, however similar, is none.
    pub fn parse(name: &str) -> Option<Self> {
        let name = name.trim_end();
        Self::of_this_version(name).or_else(|| is_of_another_version(name).then_some(Self::UNREADABLE))
    }

    fn of_this_version(name: &str) -> Option<Self> {
        let bytes = name.as_bytes();
        let body = bytes.get(bytes.len().checked_sub(MARKER_LEN)?..)?;
        let inner = body.strip_prefix(OPEN.as_bytes())?.strip_suffix(b"]")?;
        let mut tags = inner.split(|b| *b == b'-').map(Tag::parse);
        let marker = Self {
            cluster: tags.next()??,
            object: tags.next()??,
            uid: tags.next()??,
            key: tags.next()??,
        };
        tags.next().is_none().then_some(marker)
    }

    /// Whether a text that a user chose could be taken for a marker, now or by a later version.
    pub fn resembles(text: &str) -> bool {
        let lower = text.to_lowercase();
        lower.match_indices("[wh").any(|(at, found)| {
            lower[at + found.len()..]
                .trim_start_matches(|c: char| c.is_ascii_digit())
                .starts_with(':')
        })
    }
}

/// Whether a name ends like `[wh2:…]`.
fn is_of_another_version(name: &str) -> bool {
    let Some((_, body)) = name.strip_suffix(']').and_then(|rest| rest.rsplit_once("[wh")) else {
        return false;
    };
    body.split_once(':').is_some_and(|(version, _)| {
        let number = version.parse::<u32>().ok();
        version.bytes().all(|b| b.is_ascii_digit()) && number.is_some_and(|number| number != 1)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn owner(cluster: &str, uid: &str) -> Owner {
        let object = ObjectName::new("support", "crm");
        Owner::new(
            &ClusterId::parse(cluster).unwrap(),
            &[],
            &object,
            &ObjectUid::parse(uid).unwrap(),
        )
    }

    proptest! {
        #[test]
        fn a_name_keeps_its_marker_whatever_the_human_part(human in ".{0,300}") {
            let owner = owner("c1", "u1");
            let name = owner.remote_name(&RemoteKey::single(), &human);
            prop_assert!(name.chars().count() <= NAME_MAX);
            prop_assert_eq!(Marker::parse(&name), Some(owner.marker(&RemoteKey::single())));
        }

        /// What is cut off a long name is in the marker's hash.
        #[test]
        fn names_that_differ_after_what_is_cut_off_have_different_markers(
            stem in "[a-z]{200,250}", one in "[a-z]{3}", other in "[a-z]{3}",
        ) {
            prop_assume!(one != other);
            let [one, other] = [one, other].map(|end| {
                let object = ObjectName::new(&stem, &format!("{stem}{end}"));
                let (cluster, uid) = (ClusterId::parse("c").unwrap(), ObjectUid::parse("u").unwrap());
                let human = format!("{}/{}", object.namespace, object.name);
                Owner::new(&cluster, &[], &object, &uid).remote_name(&RemoteKey::single(), &human)
            });
            prop_assert_ne!(Marker::parse(&one), Marker::parse(&other));
            prop_assert!(Marker::parse(&one).is_some());
        }

        #[test]
        fn parsing_never_panics(name in ".{0,120}") {
            let _ = Marker::parse(&name);
        }

        #[test]
        fn whatever_parses_also_resembles(human in ".{0,40}") {
            let name = owner("c", "u").remote_name(&RemoteKey::single(), &human);
            prop_assert!(Marker::resembles(&name));
        }
    }

    #[test]
    fn ownership_tells_restore_other_cluster_and_stranger_apart() {
        let key = RemoteKey::single();
        let me = owner("c1", "u1");
        assert_eq!(me.ownership(&key, &me.marker(&key)), Ownership::Ours);
        assert_eq!(
            me.ownership(&key, &owner("c1", "u0").marker(&key)),
            Ownership::Former
        );
        assert_eq!(
            me.ownership(&key, &owner("c2", "u1").marker(&key)),
            Ownership::OtherCluster
        );
        let other_key = RemoteKey::parse("other").unwrap();
        assert_eq!(me.ownership(&key, &me.marker(&other_key)), Ownership::Foreign);
        let heir = Owner {
            former_clusters: vec![Tag::cluster(&ClusterId::parse("c2").unwrap())],
            ..me
        };
        assert_eq!(
            heir.ownership(&key, &owner("c2", "u9").marker(&key)),
            Ownership::Former
        );
    }

    #[test]
    fn a_long_name_is_cut_no_shorter_than_it_must_be() {
        let name = owner("c", "u").remote_name(&RemoteKey::single(), &"ü".repeat(300));
        assert_eq!(name.chars().count(), NAME_MAX);
    }

    #[test]
    fn control_characters_of_a_name_are_left_out_and_nothing_else_is() {
        let (key, owner) = (RemoteKey::single(), owner("c", "u"));
        let expected = format!("all tickets, eu {}", owner.marker(&key));
        assert_eq!(owner.remote_name(&key, " all\u{7} tickets,\n eu\t "), expected);
    }

    /// By this, what was made for the object and then lost is deleted with it.
    #[test]
    fn what_was_written_for_this_very_object_is_told_from_all_others() {
        let key = RemoteKey::parse("any").unwrap();
        let me = owner("c1", "u1");
        assert!(me.wrote(&me.marker(&key)));
        let object = ObjectName::new("support", "erp");
        let neighbour = Owner {
            object: Tag::object(&object),
            ..me.clone()
        };
        for other in [owner("c2", "u1"), owner("c1", "u2"), neighbour] {
            assert!(!me.wrote(&other.marker(&key)), "{other:?}");
        }
    }

    #[test]
    fn a_tag_is_shown_as_it_is_written() {
        let marker = owner("c", "u").marker(&RemoteKey::single());
        let written = marker.to_string();
        for tag in [marker.cluster, marker.object, marker.uid, marker.key] {
            assert_eq!(format!("{tag:?}"), tag.to_string());
            assert!(written.contains(&tag.to_string()) && tag.to_string().len() == TAG);
        }
    }

    #[test]
    fn a_marker_counts_only_at_the_end_and_whole() {
        let marker = owner("c", "u").marker(&RemoteKey::single()).to_string();
        assert!(Marker::parse(&format!("x {marker}")).is_some());
        assert!(Marker::parse(&format!("x {marker} y")).is_none());
        assert!(Marker::parse(&marker[..marker.len() - 2]).is_none());
        assert!(Marker::parse(&marker.replace('-', "+")).is_none());
    }

    #[test]
    fn a_text_like_a_marker_of_any_version_is_recognised() {
        assert!(Marker::resembles("mine [WH1:aaaa"));
        assert!(Marker::resembles("mine [wh27:x]"));
        assert!(!Marker::resembles("mine [what: ever] [wh]"));
    }

    #[test]
    fn a_marker_of_another_version_is_somebodys_and_nobodys_that_is_known() {
        let (key, owner) = (RemoteKey::single(), owner("c", "u"));
        let ours = owner.remote_name(&key, "crm");
        for other in [ours.replace("[wh1:", "[wh2:"), "crm [wh10:a/b]".to_owned()] {
            let marker = Marker::parse(&other).unwrap();
            assert_eq!(owner.ownership(&key, &marker), Ownership::Foreign);
            assert!(!owner.wrote(&marker) && marker.object != owner.object());
            assert!(Marker::resembles(&other));
        }
        for none in [
            "crm [wh1:a/b]",
            "crm [wh:a]",
            "crm [wh+2:a]",
            "[wh2:a] crm",
            "crm [wh2 a]",
        ] {
            assert_eq!(Marker::parse(none), None, "{none}");
        }
    }
}

//! What an account holds, as a person may see it.

use std::collections::BTreeSet;

use operator_core::marker::Tag;
use operator_core::names::{ClusterId, ObjectName};
use operator_core::remote::Remote;
use operator_core::settings::Reading;

use super::account::Account;
use super::error::PluginError;
use super::object::Subscription;
use super::screen::Screen;
use crate::provider::ProviderError;

/// The most pages that are read of one account.
const PAGES_MAX: u32 = 2_000;

/// A remote subscription, and what it says.
pub(super) type Found = (Remote, Reading);

/// How often a list is begun, where what others do meanwhile spoils it.
const TRIES: u32 = 3;

/// Everything that the account lists.
///
/// A list that cannot be understood from a later page on is begun again, as rows may have moved from page to page while it
/// was read.
///
/// # Errors
/// [`PluginError::Provider`]; a list that failed on the way is none.
pub(super) async fn all(account: &Account, screen: &mut Screen<'_>) -> Result<Vec<Found>, PluginError> {
    let mut left = TRIES;
    let (mut found, mut from) = (Vec::new(), None);
    let mut page = 1;
    while page <= PAGES_MAX {
        screen.note(&format!("reading page {page} of {}", account.what));
        let answer = account.adapter.list_whole(from.as_ref()).await;
        let spoilt = matches!(answer, Err(ProviderError::Unintelligible { .. })) && page > 1;
        if spoilt && left > 1 {
            left -= 1;
            (found, from, page) = (Vec::new(), None, 1);
            continue;
        }
        let (items, next) = account.answered(answer)?;
        found.extend(items);
        from = next;
        if from.is_none() {
            return Ok(found);
        }
        page += 1;
    }
    Err(PluginError::Unfit(format!(
        "{}: the list does not end after {PAGES_MAX} pages",
        account.what
    )))
}

/// Whether a remote subscription carries this cluster's marker, and no object of that name lives. Pure.
pub(super) fn is_orphan(remote: &Remote, cluster: &ClusterId, living: &BTreeSet<Tag>) -> bool {
    remote
        .marker
        .is_some_and(|marker| marker.cluster == Tag::cluster(cluster) && !living.contains(&marker.object))
}

/// The names of all objects that live, as markers have them.
pub(super) fn living(objects: &[Subscription]) -> BTreeSet<Tag> {
    let name = |object: &Subscription| Tag::object(&ObjectName::new(&object.namespace, &object.name));
    objects.iter().map(name).collect()
}

/// The remote name without its marker; empty where there is none.
pub(super) fn human_name(remote: &Remote, reading: &Reading) -> String {
    let name = reading.name.as_deref().unwrap_or_default().trim_end();
    let marker = remote.marker.map(|marker| marker.to_string());
    let human = marker.and_then(|marker| name.strip_suffix(marker.as_str()));
    human.unwrap_or(name).trim_end().to_owned()
}

/// Namespace and name of the object that made it, where the readable part of the name still says them: the marker
/// proves that they are the ones. Pure.
pub(super) fn maker(remote: &Remote, reading: &Reading) -> Option<ObjectName> {
    let marker = remote.marker?;
    let human = human_name(remote, reading);
    let (namespace, name) = human.split_once('/')?;
    let name = ObjectName::new(namespace, name);
    (Tag::object(&name) == marker.object).then_some(name)
}

#[cfg(test)]
pub(super) mod tests {
    use operator_core::hash::HashKey;
    use operator_core::marker::Owner;
    use operator_core::names::{ExternalId, ObjectUid, RemoteKey};
    use proptest::prelude::*;

    use super::*;

    pub(in crate::plugin) fn object(namespace: &str, name: &str) -> ObjectName {
        ObjectName::new(namespace, name)
    }

    pub(in crate::plugin) fn cluster(id: &str) -> ClusterId {
        ClusterId::parse(id).unwrap()
    }

    pub(in crate::plugin) fn found(id: &str, of: Option<(&str, &ObjectName)>, reading: Reading) -> Found {
        let owner = of.map(|(id, name)| {
            let uid = ObjectUid::parse("u").unwrap();
            Owner::new(&cluster(id), &[], name, &uid)
        });
        let human = of.map(|(_, name)| name.to_string()).or(reading.name.clone());
        let human = human.unwrap_or_default();
        let key = RemoteKey::single();
        let name = owner
            .as_ref()
            .map_or(human.clone(), |owner| owner.remote_name(&key, &human));
        let reading = Reading {
            name: Some(name),
            ..reading
        };
        let remote = Remote {
            id: ExternalId::parse(id).unwrap(),
            marker: owner.map(|owner| owner.marker(&key)),
            view: reading.view(&HashKey::new([0; 32])),
            created: None,
        };
        (remote, reading)
    }

    #[test]
    fn an_orphan_carries_this_clusters_marker_and_its_object_is_gone() {
        let (crm, erp) = (object("support", "crm"), object("support", "erp"));
        let living: BTreeSet<Tag> = [Tag::object(&crm)].into();
        let orphan = |of: Option<(&str, &ObjectName)>| {
            let (remote, _) = found("1", of, Reading::default());
            is_orphan(&remote, &cluster("c"), &living)
        };
        assert!(orphan(Some(("c", &erp))));
        assert!(!orphan(Some(("c", &crm))), "its object lives");
        assert!(!orphan(Some(("other", &erp))), "another cluster's");
        assert!(!orphan(None), "nobody's");
    }

    #[test]
    fn the_maker_is_named_where_the_marker_proves_it() {
        let crm = object("support", "crm");
        let (remote, reading) = found("1", Some(("c", &crm)), Reading::default());
        assert_eq!(maker(&remote, &reading), Some(crm.clone()));
        assert_eq!(human_name(&remote, &reading), "support/crm");
        let renamed = Reading {
            name: reading
                .name
                .as_ref()
                .map(|name| name.replace("support/crm", "support/erp")),
            ..Reading::default()
        };
        assert_eq!(maker(&remote, &renamed), None);
    }

    proptest! {
        #[test]
        fn every_name_has_a_human_part(name in ".{0,60}") {
            let (remote, mut reading) = found("1", None, Reading::default());
            reading.name = Some(name);
            let _ = (human_name(&remote, &reading), maker(&remote, &reading));
        }
    }
}

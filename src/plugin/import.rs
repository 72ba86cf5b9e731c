//! `import`: manifests for what exists at a provider and nobody manages.

use std::collections::BTreeSet;

use operator_core::remote::Remote;

use super::account::{Account, passing_key};
use super::args::ImportArgs;
use super::error::{Exit, PluginError};
use super::manifest::{Manifest, Plan, free_name, manifest, stream};
use super::object::Subscription;
use super::remotes::{Found, all, human_name};
use super::screen::Screen;
use super::session::Session;

pub(super) async fn run(
    session: &Session,
    args: &ImportArgs,
    screen: &mut Screen<'_>,
) -> Result<Exit, PluginError> {
    let provider = (args.provider.kind, args.provider.name.as_str());
    let objects = session.list(false, None).await?;
    let key = passing_key()?;
    let account = Account::open(session, &args.account, provider, &session.namespace, &key).await?;
    let found = all(&account, screen).await?;
    let total = found.len();
    let (chosen, missing) = choose(found, &args.ids, &held(&objects, provider));
    if let Some(id) = missing.first() {
        return Err(PluginError::NotFound {
            what: format!(
                "subscription {id}, as something that nobody manages, at {}",
                account.what
            ),
        });
    }
    screen.note(&format!(
        "{} of {total} subscriptions are written; the others are managed, or were not asked for",
        chosen.len()
    ));
    let able = account.adapter.capabilities();
    let mut taken = objects.iter().map(|object| object.name.clone()).collect();
    let manifests: Vec<(String, Manifest)> = chosen
        .iter()
        .map(|(remote, reading)| {
            let id = remote.id.as_str().to_owned();
            let human = human_name(remote, reading);
            let fallback = format!("{}-{id}", args.provider.name);
            let name = free_name(&human, &fallback, &mut taken);
            let ids = [id.clone()];
            let plan = Plan {
                namespace: &session.namespace,
                name: &name,
                provider,
                display_name: Some(&human),
                able,
                observed: Some(&ids),
            };
            (format!("{} {id}", account.what), manifest(&plan, &[reading]))
        })
        .collect();
    screen.print(&stream(&manifests)?)?;
    Ok(Exit::Done)
}

/// The ids that objects hold of a provider.
fn held(objects: &[Subscription], provider: (&str, &str)) -> BTreeSet<String> {
    let theirs = objects.iter().filter(|object| object.provider() == provider);
    theirs
        .flat_map(|object| {
            object
                .external_ids()
                .into_iter()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .collect()
}

/// What nobody manages, by an operator's marker or by an object's status; of the ids that are named, those that are
/// not among it.
fn choose(found: Vec<Found>, ids: &[String], held: &BTreeSet<String>) -> (Vec<Found>, Vec<String>) {
    let free = |remote: &Remote| remote.marker.is_none() && !held.contains(remote.id.as_str());
    let mut chosen: Vec<Found> = found
        .into_iter()
        .filter(|(remote, _)| {
            free(remote) && (ids.is_empty() || ids.iter().any(|id| id == remote.id.as_str()))
        })
        .collect();
    chosen.sort_by(|(a, _), (b, _)| (a.created, &a.id).cmp(&(b.created, &b.id)));
    let there = |id: &&String| chosen.iter().any(|(remote, _)| remote.id.as_str() == id.as_str());
    let missing = ids.iter().filter(|id| !there(id)).cloned().collect();
    (chosen, missing)
}

#[cfg(test)]
mod tests {
    use operator_core::settings::Reading;

    use super::super::remotes::tests::{found, object};
    use super::*;

    #[test]
    fn only_what_nobody_manages_is_imported() {
        let crm = object("support", "crm");
        let all = || {
            vec![
                found("1", None, Reading::default()),
                found("2", Some(("c", &crm)), Reading::default()),
                found("3", None, Reading::default()),
            ]
        };
        let held: BTreeSet<String> = ["3".to_owned()].into();
        let ids = |chosen: &[Found]| -> Vec<String> {
            chosen
                .iter()
                .map(|(remote, _)| remote.id.as_str().to_owned())
                .collect()
        };
        let (chosen, missing) = choose(all(), &[], &held);
        assert_eq!((ids(&chosen), missing), (vec!["1".to_owned()], vec![]));
        let wanted = ["2".to_owned(), "3".to_owned(), "4".to_owned()];
        let (chosen, missing) = choose(all(), &wanted, &held);
        assert_eq!((ids(&chosen), missing), (vec![], wanted.to_vec()));
    }
}

//! `orphans`: what this cluster's operator made at a provider and no object stands for any more.

use std::collections::BTreeMap;
use std::sync::Arc;

use operator_core::capabilities::Identity;
use operator_core::names::{ClusterId, ExternalId, ObjectName};
use operator_core::remote::Remote;
use operator_core::settings::Reading;
use serde::Serialize;

use super::account::{Account, passing_key};
use super::args::{OrphanDeleteArgs, OrphanIdsArgs, OrphanListArgs, OrphanScope, OrphansAction};
use super::error::{Exit, PluginError};
use super::manifest::{Manifest, Plan, manifest, stream};
use super::remotes::{Found, all, human_name, is_orphan, living, maker};
use super::screen::Screen;
use super::session::Session;
use super::table::{Cell, table};
use crate::cluster;
use crate::provider::Deletion;

/// One orphan. The members are stable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    #[serde(rename = "externalID")]
    external_id: String,
    /// The readable part of its name.
    name: String,
    /// The object that made it, where the name proves it.
    object: Option<String>,
    events: Vec<String>,
}

#[derive(Serialize)]
struct Rows<'a> {
    items: &'a [Row],
}

impl Row {
    fn of((remote, reading): &Found) -> Self {
        Self {
            external_id: remote.id.as_str().to_owned(),
            name: human_name(remote, reading),
            object: maker(remote, reading).map(|name| name.to_string()),
            events: reading.events.iter().flatten().map(ToString::to_string).collect(),
        }
    }
}

/// The account and the cluster's id in its markers.
struct Field<'a> {
    session: &'a Session,
    account: Account,
    cluster: ClusterId,
}

impl<'a> Field<'a> {
    async fn open(session: &'a Session, scope: &OrphanScope) -> Result<Self, PluginError> {
        let flag = scope.cluster_id.as_deref().map(ClusterId::parse).transpose();
        let flag = flag.map_err(|error| PluginError::Unfit(format!("--cluster-id: an id {error}")))?;
        let cluster = cluster::cluster_id(session.client.clone(), flag.as_ref()).await?;
        let provider = (scope.provider.kind, scope.provider.name.as_str());
        let key = passing_key()?;
        let account = Account::open(
            session,
            &scope.account,
            provider,
            &session.namespace,
            &Arc::clone(&key),
        )
        .await?;
        if account.adapter.capabilities().identity == Identity::Content {
            return Err(PluginError::Unfit(format!(
                "{}: this provider has no place for a marker, so that nothing tells what was left behind",
                account.what
            )));
        }
        Ok(Self {
            session,
            account,
            cluster,
        })
    }

    /// What is there now. The objects of all namespaces are read after the account, so that what was made meanwhile is
    /// none.
    async fn orphans(&self, screen: &mut Screen<'_>) -> Result<Vec<Found>, PluginError> {
        let found = all(&self.account, screen).await?;
        let living = living(&self.session.list(true, None).await?);
        let mut orphans: Vec<Found> = found
            .into_iter()
            .filter(|(remote, _)| is_orphan(remote, &self.cluster, &living))
            .collect();
        orphans.sort_by(|(a, _), (b, _)| a.id.cmp(&b.id));
        Ok(orphans)
    }
}

pub(super) async fn run(
    session: &Session,
    action: &OrphansAction,
    screen: &mut Screen<'_>,
) -> Result<Exit, PluginError> {
    match action {
        OrphansAction::List(args) => list(session, args, screen).await,
        OrphansAction::Adopt(args) => adopt(session, args, screen).await,
        OrphansAction::Delete(args) => delete(session, args, screen).await,
    }
}

async fn list(
    session: &Session,
    args: &OrphanListArgs,
    screen: &mut Screen<'_>,
) -> Result<Exit, PluginError> {
    let field = Field::open(session, &args.scope).await?;
    let rows: Vec<Row> = field.orphans(screen).await?.iter().map(Row::of).collect();
    let text = match args.output {
        Some(document) => document.render(&Rows { items: &rows })?,
        None if rows.is_empty() => {
            screen.note(&format!("{}: nothing was left behind", field.account.what));
            String::new()
        }
        None => rows_as_table(&rows, screen.colour()),
    };
    screen.print(&text)?;
    Ok(if rows.is_empty() { Exit::Done } else { Exit::No })
}

fn rows_as_table(rows: &[Row], colour: bool) -> String {
    let cells = rows.iter().map(|row| {
        vec![
            Cell::from(&row.external_id),
            Cell::from(&row.name),
            Cell::from(row.object.as_deref().unwrap_or("unknown")),
            Cell::from(row.events.join(",")),
        ]
    });
    table(
        &["ID", "NAME", "OBJECT", "EVENTS"],
        &cells.collect::<Vec<_>>(),
        colour,
    )
}

/// Those of `found` that are named.
///
/// # Errors
/// [`PluginError::NotFound`] for the first that is no orphan.
fn named(found: Vec<Found>, ids: &[String]) -> Result<Vec<Found>, PluginError> {
    let is = |remote: &Remote, id: &String| remote.id.as_str() == id;
    let stranger = ids
        .iter()
        .find(|id| !found.iter().any(|(remote, _)| is(remote, id)));
    if let Some(id) = stranger {
        return Err(PluginError::NotFound {
            what: format!("an orphan with the id {id}"),
        });
    }
    let wanted = |(remote, _): &Found| ids.is_empty() || ids.iter().any(|id| is(remote, id));
    Ok(found.into_iter().filter(wanted).collect())
}

async fn adopt(
    session: &Session,
    args: &OrphanIdsArgs,
    screen: &mut Screen<'_>,
) -> Result<Exit, PluginError> {
    let field = Field::open(session, &args.scope).await?;
    let chosen = named(field.orphans(screen).await?, &args.ids)?;
    let provider = (args.scope.provider.kind, args.scope.provider.name.as_str());
    let mut objects: BTreeMap<(String, String), Vec<&Reading>> = BTreeMap::new();
    let mut exit = Exit::Done;
    for (remote, reading) in &chosen {
        if let Some(ObjectName { namespace, name }) = maker(remote, reading) {
            objects
                .entry((namespace.to_string(), name.to_string()))
                .or_default()
                .push(reading);
        } else {
            exit = Exit::No;
            screen.note(&format!(
                "{}: its name does not say which object made it; make an object of that namespace and name by hand, or \
                 delete it",
                remote.id
            ));
        }
    }
    let manifests: Vec<(String, Manifest)> = objects
        .iter()
        .map(|((namespace, name), readings)| {
            let plan = Plan {
                namespace,
                name,
                provider,
                display_name: None,
                able: field.account.adapter.capabilities(),
                observed: None,
            };
            let title = format!("{} of {}", readings.len(), field.account.what);
            (title, manifest(&plan, readings))
        })
        .collect();
    screen.print(&stream(&manifests)?)?;
    Ok(exit)
}

async fn delete(
    session: &Session,
    args: &OrphanDeleteArgs,
    screen: &mut Screen<'_>,
) -> Result<Exit, PluginError> {
    let field = Field::open(session, &args.scope).await?;
    let chosen = named(field.orphans(screen).await?, &args.ids)?;
    if !args.yes {
        let rows: Vec<Row> = chosen.iter().map(Row::of).collect();
        screen.print(&rows_as_table(&rows, screen.colour()))?;
        screen.note("nothing was deleted: repeat the command with --yes");
        return Ok(Exit::No);
    }
    for (remote, _) in &chosen {
        remove(&field, remote).await?;
        screen.print(&format!("{} deleted\n", remote.id))?;
    }
    Ok(Exit::Done)
}

/// Deletes one that a read just now shows to be an orphan still.
async fn remove(field: &Field<'_>, listed: &Remote) -> Result<(), PluginError> {
    let account = &field.account;
    let Some(fresh) = account.answered(account.adapter.get(&listed.id).await)? else {
        return Ok(());
    };
    let living = living(&field.session.list(true, None).await?);
    if fresh.marker != listed.marker || !is_orphan(&fresh, &field.cluster, &living) {
        return Err(PluginError::Unfit(format!(
            "{}: it is no orphan any more; nothing was deleted",
            listed.id
        )));
    }
    match account.answered(account.adapter.delete(&listed.id).await)? {
        Deletion::Done => Ok(()),
        Deletion::Unconfirmed => confirm(account, &listed.id).await,
    }
}

async fn confirm(account: &Account, id: &ExternalId) -> Result<(), PluginError> {
    match account.answered(account.adapter.get(id).await)? {
        None => Ok(()),
        Some(_) => Err(PluginError::Unfit(format!(
            "{id}: the provider has not deleted it; repeat the command"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::super::remotes::tests::{found, object};
    use super::*;

    #[test]
    fn only_orphans_can_be_named() {
        let crm = object("support", "crm");
        let orphans = || vec![found("1", Some(("c", &crm)), Reading::default())];
        assert_eq!(named(orphans(), &["1".to_owned()]).unwrap().len(), 1);
        assert_eq!(named(orphans(), &[]).unwrap().len(), 1);
        let error = named(orphans(), &["2".to_owned()]).unwrap_err();
        assert_eq!(error.exit(), Exit::NotFound);
        let row = Row::of(&orphans()[0]);
        assert_eq!(row.object.as_deref(), Some("support/crm"));
    }
}

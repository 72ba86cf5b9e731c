//! `diff`: what a manifest would change at the provider.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::Api;
use operator_core::capabilities::Identity;
use operator_core::guard::Deletions;
use operator_core::hash::HashKey;
use operator_core::marker::Owner;
use operator_core::memory::{Memory, Wanted};
use operator_core::names::{ClusterId, ObjectName, ObjectUid};
use operator_core::quota::Share;
use operator_core::reason::Reason;
use operator_core::remote::Remote;
use operator_core::time::Moment;
use operator_core::view::{Field, Sent};
use secrecy::SecretString;
use serde::Serialize;

use super::account::{Account, passing_key};
use super::args::DiffArgs;
use super::error::{Exit, PluginError};
use super::object::Subscription;
use super::others::{Asker, Others};
use super::rehearsal::{Change, Deed, Rehearsal};
use super::screen::Screen;
use super::session::Session;
use super::table::Tone;
use super::wished::{Wished, manifests, read};
use crate::api::names::LABEL_USE;
use crate::api::v1alpha1::{DriftPolicy, ManagementMode, WebhookSubscriptionSpec};
use crate::cluster;
use crate::controller::{self, Borrower, Wish};
use crate::wording::one_line;

/// A UID that no object has.
const NO_UID: &str = "not-created-yet";

/// What one manifest would change. The members are stable.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    namespace: String,
    name: String,
    /// Whether the object exists in the cluster.
    exists: bool,
    changes: Vec<Change>,
}

#[derive(Debug, Serialize)]
struct All<'a> {
    items: &'a [Told],
}

/// An account and everything that it lists.
struct Listed {
    account: Account,
    remotes: Vec<Remote>,
    /// What earlier manifests would have deleted there, and be counted as.
    deletions: Deletions,
    announced: Vec<Share>,
}

/// What earlier manifests of the file leave behind for later ones.
#[derive(Default)]
struct Stage {
    accounts: BTreeMap<(String, String, String), Listed>,
    others: Others,
}

pub(super) async fn run(
    session: &Session,
    args: &DiffArgs,
    screen: &mut Screen<'_>,
) -> Result<Exit, PluginError> {
    let text = read(&args.filename)?;
    let wished = manifests(&text, &session.namespace, screen)?;
    let (key, stored) = hash_key(session, args, screen).await?;
    let mut stage = Stage::default();
    let mut all = Vec::with_capacity(wished.len());
    for one in &wished {
        let (kind, provider) = one.provider();
        let namespace = &one.name.namespace;
        let home = if kind == "WebhookProvider" { namespace } else { "" };
        let place = (kind.to_owned(), provider.to_owned(), home.to_owned());
        let listed = match stage.accounts.entry(place) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(free) => {
                let account =
                    Account::open(session, &args.account, (kind, provider), namespace, &key).await?;
                let remotes = list(&account, screen).await?;
                free.insert(Listed {
                    account,
                    remotes,
                    deletions: Deletions::default(),
                    announced: Vec::new(),
                })
            }
        };
        let told = compare(session, args, one, (listed, &mut stage.others), (&key, stored)).await?;
        all.push(told);
    }
    let text = match args.output {
        Some(document) => document.render(&All { items: &all })?,
        None => all.iter().map(|told| in_words(told, screen.colour())).collect(),
    };
    screen.print(&text)?;
    let none = all.iter().all(|told| told.changes.is_empty());
    Ok(if none { Exit::Done } else { Exit::No })
}

/// The operator's key, by which it knows again what providers hide; else one that only compares what is shown.
async fn hash_key(
    session: &Session,
    args: &DiffArgs,
    screen: &mut Screen<'_>,
) -> Result<(Arc<HashKey>, bool), PluginError> {
    let namespace = &args.account.operator_namespace;
    if let Ok(Some(key)) = cluster::find_hash_key(session.client.clone(), namespace).await {
        return Ok((Arc::new(key), true));
    }
    screen.note(&format!(
        "you may not get Secret {namespace}/{}, or it is not there: what the provider does not show is taken to be as the \
         manifest says",
        cluster::HASH_KEY_SECRET
    ));
    Ok((passing_key()?, false))
}

async fn list(account: &Account, screen: &mut Screen<'_>) -> Result<Vec<Remote>, PluginError> {
    let found = super::remotes::all(account, screen).await?;
    Ok(found.into_iter().map(|(remote, _)| remote).collect())
}

async fn compare(
    session: &Session,
    args: &DiffArgs,
    wished: &Wished,
    (listed, others): (&mut Listed, &mut Others),
    (key, stored): (&Arc<HashKey>, bool),
) -> Result<Told, PluginError> {
    let live = session.find(&wished.name).await?;
    let object = live.clone().unwrap_or_default();
    let owner = owner(session, args, &wished.name, &object).await?;
    let values = values(session, wished).await?;
    let asking = controller::Asking {
        name: &wished.name,
        owner: &owner,
        type_: listed.account.spec.type_,
        adapter: &listed.account.adapter,
        allow_insecure_http: args.account.reach.allow_insecure_http,
        values: &values,
        key,
    };
    let wish = controller::wish(&wished.spec, &asking)
        .map_err(|why| PluginError::Unfit(format!("{}: {why}", wished.name)))?;
    let told = |changes| Told {
        namespace: wished.name.namespace.to_string(),
        name: wished.name.name.to_string(),
        exists: live.is_some(),
        changes,
    };
    if wished.spec.suspend == Some(true) {
        return Ok(told(Vec::new()));
    }
    if let Some((reason, message)) = refusal(session, wished, &wish, listed).await? {
        return Ok(told(vec![Change::blocked(reason, &message)]));
    }
    let able = listed.account.adapter.capabilities();
    let mut memory = controller::remembered(&object.status, &object.uid, key, Moment::from_millis(1));
    if !stored {
        let same = live.is_some() && is_same(&object, &wished.spec);
        assume(&mut memory, &wish.wanted, &listed.remotes, same, able.identity);
    }
    let asker = Asker {
        name: &wished.name,
        live: &object,
        account: &listed.account,
        remotes: &listed.remotes,
        wanted: &wish.wanted,
        memory: &memory,
        key: (key, stored),
    };
    let rivals = others.rivals(session, args, &asker).await?;
    let rehearsal = Rehearsal {
        wanted: &wish.wanted,
        adoption: &wish.adoption,
        observe: wished.spec.mode == Some(ManagementMode::Observe),
        correct_drift: wished.spec.drift_policy != Some(DriftPolicy::Report),
        replace: wish.replace,
        able,
        owner: &owner,
        rivals: &rivals,
        rules: wish.rules,
        restraint: listed.account.standing.restraint,
        limits: listed.account.standing.limits,
    };
    let changes = rehearsal.play(memory, listed.remotes.clone(), &mut listed.deletions);
    Ok(told(changes))
}

/// Why the owner of a lent account would not let the object have what it asks for.
async fn refusal(
    session: &Session,
    wished: &Wished,
    wish: &Wish,
    listed: &mut Listed,
) -> Result<Option<(Reason, String)>, PluginError> {
    let standing = &listed.account.standing;
    let namespace = &*wished.name.namespace;
    let mut labels = None;
    if standing.asks_for_labels_of(namespace) {
        let api: Api<Namespace> = Api::all(session.client.clone());
        let found = api.get(namespace).await;
        let found = found.map_err(|error| PluginError::of(error, "get", format!("Namespace {namespace}")))?;
        labels = found.metadata.labels;
    }
    let mut neighbours = Vec::new();
    if standing.counts() {
        let found = session.objects(Some(namespace), None).await?.into_iter();
        neighbours = found.filter_map(|object| object.try_parse().ok()).collect();
    }
    let borrower = Borrower {
        name: &wished.name,
        spec: &wished.spec,
        wish,
        labels: labels.as_ref(),
        neighbours: &neighbours,
        announced: &listed.announced,
    };
    let refusal = standing.refusal(&borrower);
    if refusal.is_none() && standing.counts() {
        let mut share = standing.share(&borrower);
        share.holds = share.holds.max(share.wants);
        listed.announced.push(share);
    }
    Ok(refusal)
}

/// The markers of the object: with the id of the cluster as its status has it, or as the flag or the cluster says.
pub(super) async fn owner(
    session: &Session,
    args: &DiffArgs,
    name: &ObjectName,
    object: &Subscription,
) -> Result<Owner, PluginError> {
    let known = object
        .status
        .identity
        .as_ref()
        .map(|identity| identity.cluster_id.as_str());
    let given = known.or(args.cluster_id.as_deref());
    let given = given.map(ClusterId::parse).transpose();
    let given = given.map_err(|error| PluginError::Unfit(format!("--cluster-id: an id {error}")))?;
    let id = cluster::cluster_id(session.client.clone(), given.as_ref()).await?;
    let uid = Some(object.uid.as_str())
        .filter(|uid| !uid.is_empty())
        .unwrap_or(NO_UID);
    let uid =
        ObjectUid::parse(uid).map_err(|error| PluginError::Unfit(format!("the UID of {name} {error}")))?;
    Ok(Owner::new(&id, &[], name, &uid))
}

/// What the Secrets hold that the spec reads from. A key that the operator is yet to make stands for itself.
async fn values(
    session: &Session,
    wished: &Wished,
) -> Result<BTreeMap<(String, String), SecretString>, PluginError> {
    let namespace = &wished.name.namespace;
    let signing = wished.spec.signing.as_ref();
    let generated = signing.and_then(|signing| signing.generate.as_ref());
    let api: Api<Secret> = Api::namespaced(session.client.clone(), namespace);
    let mut values = BTreeMap::new();
    for reference in controller::secrets(&wished.spec) {
        let what = format!("Secret {namespace}/{}", reference.name);
        let secret = api.get_opt(&reference.name).await;
        let secret = secret.map_err(|error| PluginError::of(error, "get", what.as_str()))?;
        let Some(secret) = secret else {
            if generated.is_some_and(|generate| generate.secret_name == reference.name) {
                for key in reference.keys {
                    values.insert(
                        (reference.name.clone(), key),
                        SecretString::from("to-be-generated"),
                    );
                }
                continue;
            }
            return Err(PluginError::NotFound {
                what: format!("{what}, which {} refers to,", reference.field),
            });
        };
        let labels = secret.metadata.labels.unwrap_or_default();
        if labels
            .get(LABEL_USE)
            .is_none_or(|label| label != reference.purpose)
        {
            return Err(PluginError::Unfit(format!(
                "{}: {what} is not released for this use: kubectl label secret --namespace {namespace} {} {}={}",
                reference.field, reference.name, LABEL_USE, reference.purpose
            )));
        }
        let data = secret.data.unwrap_or_default();
        for key in reference.keys {
            let Some(bytes) = data.get(&key) else { continue };
            let value = controller::secret_value(&bytes.0)
                .map_err(|fault| PluginError::Unfit(format!("{what}: key {key} {fault}")))?;
            values.insert((reference.name.clone(), key), value);
        }
    }
    Ok(values)
}

/// Whether the spec is the one that was last brought in line.
fn is_same(object: &Subscription, spec: &WebhookSubscriptionSpec) -> bool {
    let live = serde_json::from_value::<WebhookSubscriptionSpec>(object.spec.clone());
    let synced = object.status.last_synced_generation == Some(object.generation);
    synced && live.is_ok_and(|live| live == *spec)
}

/// Without the operator's key nobody knows what was sent of what is hidden: it is taken to be as wanted. Pure.
pub(super) fn assume(
    memory: &mut Memory,
    wanted: &[Wanted],
    remotes: &[Remote],
    same: bool,
    identity: Identity,
) {
    for wish in wanted {
        let Some(entry) = memory.entries.get_mut(&wish.key) else {
            continue;
        };
        let shown = remotes
            .iter()
            .find(|remote| entry.id.as_ref() == Some(&remote.id));
        entry.sent = Some(Sent::all_of(&wish.view));
        entry.applied = same.then_some(wish.digest);
        if let Some(remote) = shown {
            if identity == Identity::Content {
                entry.proof = Some(remote.view.get(Field::Events));
            }
            for field in wish.view.differing(&remote.view).iter() {
                entry.rendering.set(field, remote.view.get(field).short());
            }
        }
    }
}

/// What a person reads. Total.
fn in_words(told: &Told, colour: bool) -> String {
    let mut text = format!("{}/{}", one_line(&told.namespace), one_line(&told.name));
    if told.changes.is_empty() {
        text.push_str(": no changes at the provider\n");
        return text;
    }
    text.push('\n');
    for change in &told.changes {
        let (sign, tone) = match change.deed {
            Deed::Create => ("+ create", Tone::Good),
            Deed::Adopt => ("~ adopt", Tone::Doubtful),
            Deed::Update => ("~ update", Tone::Doubtful),
            Deed::Delete => ("- delete", Tone::Bad),
            Deed::Blocked => ("! blocked", Tone::Bad),
            Deed::Drift => ("! left as it is", Tone::Doubtful),
        };
        text.push_str("  ");
        text.push_str(&tone.paint(sign, colour));
        for part in [&change.key, &change.external_id].into_iter().flatten() {
            text.push(' ');
            text.push_str(&one_line(part));
        }
        if !change.fields.is_empty() {
            text.push_str(": ");
            text.push_str(&change.fields.join(", "));
        }
        if let Some(reason) = &change.reason {
            text.push_str(" (");
            text.push_str(reason);
            text.push(')');
        }
        if let Some(message) = &change.message {
            text.push_str("\n    ");
            text.push_str(&one_line(message));
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_told_in_words() {
        let told = |changes| Told {
            namespace: "support".to_owned(),
            name: "crm".to_owned(),
            exists: true,
            changes,
        };
        assert_eq!(
            in_words(&told(Vec::new()), false),
            "support/crm: no changes at the provider\n"
        );
        let update = Change {
            deed: Deed::Update,
            key: Some("default".to_owned()),
            external_id: Some("7".to_owned()),
            fields: vec!["url".to_owned()],
            reason: None,
            message: None,
        };
        let text = in_words(&told(vec![update]), false);
        assert_eq!(text, "support/crm\n  ~ update default 7: url\n");
    }
}

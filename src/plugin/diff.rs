//! `diff`: what a manifest would change at the provider.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use operator_core::capabilities::Identity;
use operator_core::hash::HashKey;
use operator_core::marker::Owner;
use operator_core::memory::{Memory, Wanted};
use operator_core::names::{ClusterId, ExternalId, ObjectName, ObjectUid};
use operator_core::plan::Rivals;
use operator_core::remote::Remote;
use operator_core::time::Moment;
use operator_core::view::{Field, Sent};
use secrecy::SecretString;
use serde::Serialize;
use serde_json::Value;

use super::account::{Account, passing_key};
use super::args::DiffArgs;
use super::error::{Exit, PluginError};
use super::object::Subscription;
use super::rehearsal::{Change, Deed, Rehearsal};
use super::screen::Screen;
use super::session::Session;
use super::table::Tone;
use crate::api::names::LABEL_USE;
use crate::api::v1alpha1::{DriftPolicy, ManagementMode, WebhookSubscriptionSpec};
use crate::api::{GROUP, names};
use crate::wording::one_line;
use crate::{cluster, controller};

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

/// A manifest as it was read.
struct Wished {
    name: ObjectName,
    spec: WebhookSubscriptionSpec,
}

/// An account and everything that it lists.
struct Listed {
    account: Account,
    remotes: Vec<Remote>,
}

pub(super) async fn run(
    session: &Session,
    args: &DiffArgs,
    screen: &mut Screen<'_>,
) -> Result<Exit, PluginError> {
    let text = read(&args.filename)?;
    let wished = manifests(&text, &session.namespace, screen)?;
    let (key, stored) = hash_key(session, args, screen).await?;
    let mut accounts: BTreeMap<(String, String, String), Listed> = BTreeMap::new();
    let mut all = Vec::with_capacity(wished.len());
    for one in &wished {
        let (kind, provider) = provider(&one.spec);
        let namespace = &one.name.namespace;
        let place = (kind.to_owned(), provider.to_owned(), namespace.clone());
        if !accounts.contains_key(&place) {
            let account = Account::open(session, &args.account, (kind, provider), namespace, &key).await?;
            let remotes = list(&account, screen).await?;
            accounts.insert(place.clone(), Listed { account, remotes });
        }
        if let Some(listed) = accounts.get(&place) {
            all.push(compare(session, args, one, listed, (&key, stored)).await?);
        }
    }
    let text = match args.output {
        Some(document) => document.render(&All { items: &all })?,
        None => all.iter().map(|told| in_words(told, screen.colour())).collect(),
    };
    screen.print(&text)?;
    let none = all.iter().all(|told| told.changes.is_empty());
    Ok(if none { Exit::Done } else { Exit::No })
}

fn read(file: &Path) -> Result<String, PluginError> {
    let unreadable =
        |error: std::io::Error| PluginError::Unfit(format!("cannot read {}: {error}", file.display()));
    let mut text = String::new();
    if file == Path::new("-") {
        std::io::stdin().read_to_string(&mut text).map_err(unreadable)?;
        return Ok(text);
    }
    std::fs::read_to_string(file).map_err(unreadable)
}

/// The subscriptions of a YAML stream; other kinds are passed over.
fn manifests(text: &str, namespace: &str, screen: &mut Screen<'_>) -> Result<Vec<Wished>, PluginError> {
    // The parser's text may quote the file, which may hold a secret.
    let documents: Vec<Value> = serde_saphyr::from_multiple(text)
        .map_err(|_| PluginError::Unfit("the file is not a stream of YAML documents".to_owned()))?;
    let mut found = Vec::new();
    for document in documents.iter().flat_map(items) {
        let api = document["apiVersion"].as_str().unwrap_or_default();
        if document["kind"] != "WebhookSubscription" || !api.starts_with(&format!("{GROUP}/")) {
            screen.note("passed over: a document that is no WebhookSubscription");
            continue;
        }
        let text = |field: &str| document["metadata"][field].as_str().map(str::to_owned);
        let name = text("name").unwrap_or_default();
        let spec = serde_json::from_value(document["spec"].clone());
        found.push(Wished {
            spec: spec.map_err(|_| {
                let name = one_line(&name);
                PluginError::Unfit(format!("{name}: its spec is not one of a WebhookSubscription"))
            })?,
            name: ObjectName {
                namespace: text("namespace").unwrap_or_else(|| namespace.to_owned()),
                name,
            },
        });
    }
    if found.is_empty() {
        return Err(PluginError::Unfit(
            "the file has no WebhookSubscription".to_owned(),
        ));
    }
    Ok(found)
}

/// The documents in a document: a List holds several.
fn items(document: &Value) -> Vec<&Value> {
    match document["items"].as_array() {
        Some(items) if document["kind"] == "List" => items.iter().collect(),
        _ if document.is_null() => Vec::new(),
        _ => vec![document],
    }
}

fn provider(spec: &WebhookSubscriptionSpec) -> (&'static str, &str) {
    let kind = match spec.provider_ref.kind.unwrap_or_default() {
        crate::api::v1alpha1::ProviderKind::WebhookProvider => "WebhookProvider",
        crate::api::v1alpha1::ProviderKind::ClusterWebhookProvider => "ClusterWebhookProvider",
    };
    (kind, &spec.provider_ref.name)
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
    listed: &Listed,
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
    let able = listed.account.adapter.capabilities();
    let mut memory = controller::remembered(&object.status, &object.uid, key, Moment::from_millis(1));
    if !stored {
        let same = live.is_some() && is_same(&object, &wished.spec);
        assume(&mut memory, &wish.wanted, &listed.remotes, same, able.identity);
    }
    let mut rivals = Rivals::default();
    if able.identity == Identity::Content {
        rivals.held = held(session, &object).await?;
    }
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
    };
    let changes = if wished.spec.suspend == Some(true) {
        Vec::new()
    } else {
        rehearsal.play(memory, listed.remotes.clone())
    };
    Ok(Told {
        namespace: wished.name.namespace.clone(),
        name: wished.name.name.clone(),
        exists: live.is_some(),
        changes,
    })
}

/// The markers of the object: with the id of the cluster as its status has it, or as the flag or the cluster says.
async fn owner(
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
                reference.field,
                reference.name,
                names::LABEL_USE,
                reference.purpose
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
fn assume(memory: &mut Memory, wanted: &[Wanted], remotes: &[Remote], same: bool, identity: Identity) {
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

/// What other objects hold, where nothing at the provider tells.
async fn held(
    session: &Session,
    object: &Subscription,
) -> Result<std::collections::HashSet<ExternalId>, PluginError> {
    let all = session.list(true, None).await?;
    let others = all.iter().filter(|other| other.uid != object.uid);
    let ids = others.flat_map(|other| {
        other
            .external_ids()
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    });
    Ok(ids.filter_map(|id| ExternalId::parse(&id).ok()).collect())
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

    fn read_all(text: &str) -> Result<Vec<Wished>, PluginError> {
        let (mut out, mut notes) = (Vec::new(), Vec::new());
        manifests(text, "support", &mut Screen::new(&mut out, &mut notes, false))
    }

    #[test]
    fn subscriptions_are_found_among_other_documents_and_in_lists() {
        let one = "apiVersion: webhook-operator.io/v1alpha1\nkind: WebhookSubscription\nmetadata: {name: crm}\n\
                   spec: {providerRef: {name: dixa}, url: 'https://h.example/x', events: [A]}\n";
        let stream = format!("---\n{one}---\napiVersion: v1\nkind: Secret\nmetadata: {{name: s}}\n");
        let found = read_all(&stream).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].name.to_string(), "support/crm");
        let indented = one.trim_end().replace('\n', "\n  ");
        let list = format!("apiVersion: v1\nkind: List\nitems:\n- {indented}\n");
        assert_eq!(read_all(&list).unwrap().len(), 1);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_not_quoted() {
        for text in [
            "canary: [",
            "apiVersion: webhook-operator.io/v1alpha1\nkind: WebhookSubscription\nspec: {events: canary}\n",
            "apiVersion: v1\nkind: Secret\nstringData: {canary: x}\n",
        ] {
            let error = read_all(text).err().unwrap().to_string();
            assert!(!error.contains("canary"), "{error}");
        }
    }

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

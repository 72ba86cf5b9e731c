//! What other objects have a hold on, where nothing at a provider tells whose a subscription is.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use operator_core::capabilities::Identity;
use operator_core::hash::HashKey;
use operator_core::memory::{Memory, Wanted};
use operator_core::names::{ExternalId, ObjectName};
use operator_core::plan::Rivals;
use operator_core::remote::Remote;
use operator_core::time::Moment;
use secrecy::SecretString;

use super::account::Account;
use super::args::DiffArgs;
use super::diff::{assume, owner};
use super::error::PluginError;
use super::object::Subscription;
use super::session::Session;
use crate::api::v1alpha1::WebhookSubscriptionSpec;
use crate::controller::{self, Contest, Entrant};

/// What stands for a value of a Secret that only its owner needs to know.
const UNREAD: &str = "not-read-by-this-command-0000000";

/// All objects that ask for the same contents, and what they hold.
#[derive(Default)]
pub(super) struct Others {
    contest: Contest,
    /// The places whose objects take part already.
    entered: BTreeSet<String>,
    objects: Option<Vec<Subscription>>,
}

/// Who asks, and of which account.
pub(super) struct Asker<'a> {
    pub(super) name: &'a ObjectName,
    pub(super) live: &'a Subscription,
    pub(super) account: &'a Account,
    pub(super) remotes: &'a [Remote],
    pub(super) wanted: &'a [Wanted],
    pub(super) memory: &'a Memory,
    /// The operator's key, and whether it is that.
    pub(super) key: (&'a Arc<HashKey>, bool),
}

impl Others {
    /// What the object finds taken, after all others have said what they ask for.
    ///
    /// # Errors
    /// [`PluginError`]: the other objects cannot be listed.
    pub(super) async fn rivals(
        &mut self,
        session: &Session,
        args: &DiffArgs,
        asker: &Asker<'_>,
    ) -> Result<Rivals, PluginError> {
        let able = asker.account.adapter.capabilities();
        if able.identity != Identity::Content {
            return Ok(Rivals::default());
        }
        if self.objects.is_none() {
            self.objects = Some(session.list(true, None).await?);
        }
        let objects = self.objects.as_deref().unwrap_or_default();
        if self.entered.insert(asker.account.realm.clone()) {
            for object in objects {
                enter(&self.contest, session, args, asker, object).await?;
            }
        }
        let me = Entrant {
            name: asker.name,
            created: asker.live.created,
            realm: &asker.account.realm,
            wanted: asker.wanted,
            memory: asker.memory,
        };
        let listed = asker.remotes.iter().map(|remote| &remote.id);
        let mut rivals = self.contest.enter(&me, able, listed);
        rivals.held.extend(held(objects, &asker.live.uid));
        Ok(rivals)
    }
}

/// Lets an object take its claims, if its provider object stands for the same place.
async fn enter(
    contest: &Contest,
    session: &Session,
    args: &DiffArgs,
    asker: &Asker<'_>,
    object: &Subscription,
) -> Result<(), PluginError> {
    let realm = asker
        .account
        .realm_of(session, object.provider(), &object.namespace);
    if realm.await.as_ref() != Some(&asker.account.realm) {
        return Ok(());
    }
    let name = ObjectName::new(&object.namespace, &object.name);
    let able = asker.account.adapter.capabilities();
    let (key, stored) = asker.key;
    // One that goes, or is suspended, asks for nothing; what it has it keeps until then.
    let wanted = if object.deleting || object.suspended() {
        Vec::new()
    } else {
        wanted(session, args, asker, object, &name).await?
    };
    let mut memory = controller::remembered(&object.status, &object.uid, key, Moment::from_millis(1));
    if !stored {
        assume(&mut memory, &wanted, asker.remotes, true, able.identity);
    }
    let entrant = Entrant {
        name: &name,
        created: object.created,
        realm: &asker.account.realm,
        wanted: &wanted,
        memory: &memory,
    };
    contest.enter(&entrant, able, []);
    Ok(())
}

/// What another object asks for, as far as its contents tell it apart: nothing, where that cannot be told.
async fn wanted(
    session: &Session,
    args: &DiffArgs,
    asker: &Asker<'_>,
    object: &Subscription,
    name: &ObjectName,
) -> Result<Vec<Wanted>, PluginError> {
    let Ok(spec) = serde_json::from_value::<WebhookSubscriptionSpec>(object.spec.clone()) else {
        return Ok(Vec::new());
    };
    let owner = owner(session, args, name, object).await?;
    let values = values(session, &spec, &object.namespace).await;
    let asking = controller::Asking {
        name,
        owner: &owner,
        type_: asker.account.spec.type_,
        adapter: &asker.account.adapter,
        allow_insecure_http: args.account.reach.allow_insecure_http,
        values: &values,
        key: asker.key.0,
    };
    let wish = controller::wish(&spec, &asking);
    Ok(wish.map(|wish| wish.wanted).unwrap_or_default())
}

/// Of its Secrets only the URL is needed: without it the spec asks for nothing that could be told.
async fn values(
    session: &Session,
    spec: &WebhookSubscriptionSpec,
    namespace: &str,
) -> BTreeMap<(String, String), SecretString> {
    let mut values = BTreeMap::new();
    for reference in controller::secrets(spec) {
        for key in &reference.keys {
            let place = (reference.name.clone(), key.clone());
            values.entry(place).or_insert_with(|| SecretString::from(UNREAD));
        }
    }
    let Some(source) = &spec.url_from else {
        return values;
    };
    let reference = &source.secret_key_ref;
    let place = (reference.name.clone(), reference.key.clone());
    let api: Api<Secret> = Api::namespaced(session.client.clone(), namespace);
    let data = api.get_opt(&reference.name).await.ok().flatten();
    let value = data.and_then(|secret| secret.data?.remove(&reference.key));
    match value.and_then(|bytes| controller::secret_value(&bytes.0).ok()) {
        Some(value) => values.insert(place, value),
        None => values.remove(&place),
    };
    values
}

/// What the statuses of other objects name.
fn held(objects: &[Subscription], uid: &str) -> HashSet<ExternalId> {
    let others = objects.iter().filter(|other| other.uid != uid);
    let ids = others.flat_map(Subscription::external_ids);
    ids.filter_map(|id| ExternalId::parse(id).ok()).collect()
}

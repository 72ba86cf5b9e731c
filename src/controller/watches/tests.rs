//! The watches against an apiserver that misbehaves, in this process and on a clock that is moved by hand.

use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;
use std::sync::Mutex;

use axum::Router;
use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// What a watch gets; then its connection stays open and says nothing.
#[derive(Debug, Clone)]
enum Watch {
    /// An answer 410.
    RefusedAsGone,
    /// An event that says 410.
    ToldThatGone,
    /// These events.
    Events(Vec<Value>),
}

#[derive(Default)]
struct Apiserver {
    objects: BTreeMap<&'static str, u64>,
    watches: VecDeque<Watch>,
    lists: Vec<Instant>,
    /// Gone by the list of this number.
    deleted: Option<(usize, &'static str)>,
}

type Shared = Arc<Mutex<Apiserver>>;

fn manifest(name: &str, version: u64) -> Value {
    let metadata =
        json!({"name": name, "namespace": "ns", "uid": name, "resourceVersion": version.to_string()});
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})
}

fn event(type_: &str, object: &Value) -> Value {
    json!({"type": type_, "object": object})
}

fn gone() -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Expired", "code": 410,
        "message": "too old resource version"})
}

async fn answer(State(state): State<Shared>, Query(query): Query<BTreeMap<String, String>>) -> Response {
    let mut state = state.lock().unwrap();
    if !query.contains_key("watch") {
        state.lists.push(Instant::now());
        if let Some((at, name)) = state.deleted
            && state.lists.len() >= at
        {
            state.objects.remove(name);
        }
        let items: Vec<Value> = state
            .objects
            .iter()
            .map(|(name, version)| manifest(name, *version))
            .collect();
        let list = json!({"apiVersion": "v1", "kind": "ConfigMapList", "metadata": {"resourceVersion": "100"},
            "items": items});
        return axum::Json(list).into_response();
    }
    let events = match state.watches.pop_front() {
        Some(Watch::RefusedAsGone) => return (StatusCode::GONE, axum::Json(gone())).into_response(),
        Some(Watch::ToldThatGone) => vec![event("ERROR", &gone())],
        Some(Watch::Events(events)) => events,
        None => Vec::new(),
    };
    let lines = events
        .into_iter()
        .map(|event| Ok::<_, std::io::Error>(format!("{event}\n")));
    Body::from_stream(stream::iter(lines).chain(stream::pending())).into_response()
}

type Touched = Pin<Box<dyn Stream<Item = Change<ConfigMap>> + Send>>;

/// A watch of the apiserver, and its store.
fn watch(apiserver: Apiserver) -> (Touched, Store<ConfigMap>, Shared) {
    let state = Arc::new(Mutex::new(apiserver));
    let router = Router::new()
        .route("/api/v1/namespaces/ns/configmaps", get(answer))
        .with_state(Arc::clone(&state));
    let watching = Watching {
        client: Client::new(router, "ns"),
        readiness: Arc::new(Readiness::new()),
        shutdown: CancellationToken::new(),
    };
    let (store, writer) = reflector::store();
    let api = watching.api(Some("ns"));
    let stream = watching.stream("test", api, writer, watcher_config(), prune::unread);
    (stream.boxed(), store, state)
}

async fn next(touched: &mut Touched) -> (String, bool) {
    let change = touched.next().await.unwrap();
    (change.object.name_any(), change.deleted)
}

#[tokio::test(start_paused = true)]
async fn a_place_that_is_gone_is_listed_anew_ever_later_and_what_was_deleted_meanwhile_is_noticed() {
    let turns = [Watch::RefusedAsGone, Watch::ToldThatGone];
    let (mut touched, store, state) = watch(Apiserver {
        objects: BTreeMap::from([("kept", 1), ("lost", 2)]),
        watches: turns.into_iter().cycle().take(10).collect(),
        deleted: Some((11, "lost")),
        ..Apiserver::default()
    });
    // It is deleted in the gap before the last list: no event tells of it.
    let mut seen = 0;
    loop {
        match next(&mut touched).await {
            (name, true) => break assert_eq!(name, "lost"),
            _ => seen += 1,
        }
    }
    assert_eq!(seen, 10 * 2 + 1);
    assert_eq!(store.state().len(), 1);
    let lists = state.lock().unwrap().lists.clone();
    assert_eq!(lists.len(), 11);
    let gaps: Vec<Duration> = lists.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(gaps[0] >= Duration::from_millis(500), "{gaps:?}");
    assert!(gaps[9] >= Duration::from_secs(10), "{gaps:?}");
}

#[tokio::test(start_paused = true)]
async fn what_a_list_shows_is_in_the_store_when_it_is_told() {
    let (mut touched, store, _) = watch(Apiserver {
        objects: BTreeMap::from([("first", 1), ("second", 2)]),
        watches: VecDeque::from([Watch::ToldThatGone]),
        ..Apiserver::default()
    });
    // The first list, and the one in whose gap an object could be new.
    for _ in 0..4 {
        let (name, deleted) = next(&mut touched).await;
        let known = store.get(&ObjectRef::new(&name).within("ns"));
        assert!(known.is_some() && !deleted, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_falls_silent_is_replaced_soon_after_its_time_and_what_happened_is_told() {
    let (mut touched, store, state) = watch(Apiserver {
        objects: BTreeMap::from([("crm", 1)]),
        watches: VecDeque::from([
            Watch::Events(Vec::new()),
            Watch::Events(vec![event("MODIFIED", &manifest("crm", 150))]),
        ]),
        ..Apiserver::default()
    });
    assert_eq!(next(&mut touched).await, ("crm".to_owned(), false));
    let begun = Instant::now();
    assert_eq!(next(&mut touched).await, ("crm".to_owned(), false));
    let silent = begun.elapsed();
    assert!(silent >= WATCH_TIMEOUT, "{silent:?}");
    assert!(silent <= WATCH_TIMEOUT + Duration::from_secs(10), "{silent:?}");
    assert_eq!(store.state()[0].resource_version().as_deref(), Some("150"));
    assert_eq!(state.lock().unwrap().lists.len(), 1, "it goes on where it was");
}

#[tokio::test(start_paused = true)]
async fn bookmarks_touch_nothing_and_what_is_repeated_touches_once() {
    let bookmark = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"resourceVersion": "200"}});
    let (mut touched, _store, _) = watch(Apiserver {
        objects: BTreeMap::from([("crm", 1)]),
        watches: VecDeque::from([Watch::Events(vec![
            event("BOOKMARK", &bookmark),
            event("ADDED", &manifest("crm", 1)),
            event("MODIFIED", &manifest("crm", 150)),
            event("MODIFIED", &manifest("crm", 150)),
            event("BOOKMARK", &bookmark),
            event("MODIFIED", &manifest("crm", 120)),
            event("ADDED", &manifest("last", 160)),
        ])]),
        ..Apiserver::default()
    });
    for name in ["crm", "crm", "last"] {
        assert_eq!(next(&mut touched).await, (name.to_owned(), false));
    }
}

#[tokio::test(start_paused = true)]
async fn delays_grow_until_a_watch_has_been_well_for_a_while() {
    let mut patience = Patience::default();
    let mut last = Duration::ZERO;
    for _ in 0..8 {
        // A list in between that works is not enough.
        patience.reset();
        last = patience.next().unwrap();
        tokio::time::advance(last + Duration::from_secs(1)).await;
    }
    assert!(
        last >= Duration::from_secs(30) && last <= Duration::from_mins(1),
        "{last:?}"
    );
    tokio::time::advance(WELL).await;
    let next = patience.next().unwrap();
    assert!(next < Duration::from_secs(2), "{next:?}");
}

fn object(name: &str, version: u64) -> ConfigMap {
    serde_json::from_value(manifest(name, version)).unwrap()
}

fn changes() -> (Changes<ConfigMap>, Store<ConfigMap>) {
    let (store, writer) = reflector::store();
    (Changes::new(writer), store)
}

fn list(changes: &mut Changes<ConfigMap>, objects: &[ConfigMap]) -> Vec<(String, bool)> {
    let read = objects.iter().cloned().map(Event::InitApply);
    let events = [Event::Init].into_iter().chain(read).chain([Event::InitDone]);
    let touched = events.flat_map(|event| changes.take(event));
    let told = touched.map(|change| (change.object.name_any(), change.deleted));
    // In an order that means nothing.
    let told: std::collections::BTreeSet<_> = told.collect();
    told.into_iter().collect()
}

#[test]
fn an_empty_list_makes_all_forgotten_and_they_come_back_with_the_next() {
    let (mut changes, store) = changes();
    let both = [object("a", 1), object("b", 2)];
    list(&mut changes, &both);
    let touched = list(&mut changes, &[]);
    assert_eq!(touched, [("a".to_owned(), true), ("b".to_owned(), true)]);
    assert!(store.is_empty());
    let touched = list(&mut changes, &both);
    assert_eq!(touched, [("a".to_owned(), false), ("b".to_owned(), false)]);
    // A list that broke off and began anew does not mix with the one before.
    changes.take(Event::Init);
    changes.take(Event::InitApply(object("a", 1)));
    assert_eq!(
        list(&mut changes, &both[1..]),
        [("a".to_owned(), true), ("b".to_owned(), false)]
    );
}

#[test]
fn a_late_deletion_of_what_was_made_anew_deletes_nothing() {
    let (mut changes, store) = changes();
    list(&mut changes, &[object("crm", 9)]);
    assert!(changes.take(Event::Delete(object("crm", 5))).is_empty());
    assert_eq!(store.state().len(), 1);
    assert_eq!(changes.take(Event::Delete(object("crm", 10))).len(), 1);
    assert!(store.is_empty());
}

proptest! {
    /// However events are repeated and swapped, an older state never replaces a newer one.
    #[test]
    fn whatever_the_order_of_events_the_newest_state_stays(versions in prop::collection::vec(1_u64..50, 1..40)) {
        let (mut changes, store) = changes();
        list(&mut changes, &[]);
        let mut newest = 0;
        for version in versions {
            let touched = changes.take(Event::Apply(object("crm", version)));
            prop_assert_eq!(touched.len(), usize::from(version > newest));
            newest = newest.max(version);
            prop_assert_eq!(&store.state()[0].resource_version(), &Some(newest.to_string()));
        }
    }
}

#[test]
fn what_is_not_needed_is_dropped_before_it_is_stored() {
    let mut object = object("crm", 1);
    object.metadata.annotations = Some(BTreeMap::from([
        (
            "kubectl.kubernetes.io/last-applied-configuration".to_owned(),
            "x".repeat(64 << 10),
        ),
        ("example.com/note".to_owned(), "x".to_owned()),
        (
            "webhook-operator.io/reconcile-requested-at".to_owned(),
            "1".to_owned(),
        ),
    ]));
    object.metadata.managed_fields = Some(vec![ManagedFieldsEntry::default()]);
    prune::unread(&mut object);
    assert_eq!(object.metadata.managed_fields, None);
    let kept: Vec<String> = object.metadata.annotations.unwrap().into_keys().collect();
    assert_eq!(kept, ["webhook-operator.io/reconcile-requested-at"]);
}

#[test]
fn of_a_subscription_that_is_watched_no_label_is_kept() {
    let mut object: Received<WebhookSubscription> = serde_json::from_value(json!({
        "apiVersion": "webhook-operator.io/v1alpha1",
        "kind": "WebhookSubscription",
        "metadata": {"name": "crm", "labels": {"app.kubernetes.io/managed-by": "Helm"}, "managedFields": [{}]},
        "spec": {"providerRef": {"name": "dixa"}, "events": ["ConversationCreated"]},
    }))
    .unwrap();
    prune::unread_of_subscription(&mut object);
    let kept = &object.0.as_ref().unwrap().metadata;
    assert_eq!((&kept.labels, &kept.managed_fields), (&None, &None));
    assert_eq!(kept.name.as_deref(), Some("crm"));
}

#[test]
fn of_a_secret_that_is_watched_no_annotation_of_others_and_no_managed_field_is_kept() {
    let mut secret: PartialObjectMeta<Secret> = serde_json::from_value(serde_json::json!({
        "metadata": {
            "name": "applied",
            "labels": {LABEL_USE: "delivery"},
            "annotations": {
                "kubectl.kubernetes.io/last-applied-configuration": "{\"stringData\": {\"token\": \"canary\"}}",
                "note": "canary",
                "webhook-operator.io/subscription": "crm",
            },
            "managedFields": [{"manager": "canary"}],
        },
    }))
    .unwrap();
    prune::unread(&mut secret);
    assert!(!format!("{secret:?}").contains("canary"), "{secret:?}");
    let kept: Vec<_> = secret.metadata.annotations.iter().flatten().collect();
    assert_eq!(kept.len(), 1);
}

#[test]
fn an_error_that_may_quote_an_answer_is_told_from_one_that_cannot() {
    let quoting = kube::Error::SerdeError(<serde_json::Error as serde::de::Error>::custom(
        "invalid type: canary",
    ));
    assert!(is_about_form(&watcher::Error::WatchFailed(quoting)));
    let refused = kube::Error::Api(Box::default());
    assert!(!is_about_form(&watcher::Error::WatchFailed(refused)));
}

//! The adapter against the simulated Dixa: everything it can do, with the switches of what is not documented.

use std::sync::Mutex;
use std::time::Duration;

use operator_core::view::Part;
use provider_simulator::{
    Config as SimulatorConfig, DeliveryResult as Recorded, FaultAction, FaultPlan, LogEntry,
};
use provider_simulator::{GarbageKind, RequestFilter, Simulator, TlsListeners};

use super::*;
use crate::provider::http::{Endpoint, Limits, Observation, Observer};

pub(super) const TOKEN: &str = SimulatorConfig::DIXA_TOKEN;

pub(super) async fn simulator(tls: TlsListeners) -> Simulator {
    let config = SimulatorConfig {
        tls,
        ..SimulatorConfig::default()
    };
    Simulator::start(config.with_switch("dixa.rateLimit", "off"))
        .await
        .unwrap()
}

fn plain(simulator: &Simulator) -> Connection {
    Connection::local(Endpoint::parse(&simulator.http_url()).unwrap())
}

fn view(settings: &Settings) -> operator_core::view::View {
    settings.view(&HashKey::new([3; 32]))
}

fn bare(settings: Settings) -> Settings {
    Settings {
        authorization: Authorization::None,
        filters: operator_core::settings::Filters::new(),
        enabled: false,
        ..settings
    }
}

fn paths(log: &[LogEntry]) -> Vec<String> {
    log.iter()
        .map(|entry| format!("{} {}", entry.method, entry.path))
        .collect()
}

#[tokio::test]
async fn a_whole_life_in_both_versions_of_the_api() {
    for (version, prefix) in [
        (ApiVersion::Beta, "/beta/webhooks"),
        (ApiVersion::V1, "/v1/webhooks"),
    ] {
        let simulator = simulator(TlsListeners::None).await;
        simulator.set_switch("dixa.clearFilters", "emptyObject").unwrap();
        let config = Config {
            connection: plain(&simulator),
            version,
            scheme: Scheme::Raw,
            credential: TOKEN.into(),
        };
        let dixa = Dixa::new(config, &shared()).unwrap();
        let wanted = documented();
        let made = dixa.create(&wanted).await.unwrap();
        assert!(view(&wanted).differing(&made.view).is_empty());
        assert!(made.created.is_some());
        let listed = dixa.list(None).await.unwrap();
        assert_eq!(
            (listed.remotes.as_slice(), listed.next),
            (&[made.clone()][..], None)
        );
        assert_eq!(dixa.get(&made.id).await.unwrap(), Some(made.clone()));

        let changed = bare(wanted);
        let fields = FieldSet::of(&[Field::Authorization, Field::Filters, Field::Enabled]);
        let after = dixa.update(&made.id, &changed, fields).await.unwrap();
        assert!(
            view(&changed).differing(&after.view).is_empty(),
            "{}",
            view(&changed).differing(&after.view)
        );
        let remote = &simulator.dixa().subscriptions()[0];
        assert_eq!(
            dixa.signing_key(&made.id).await.unwrap().map(|key| expose(&key)),
            Some(remote.secret_key.clone())
        );

        dixa.delete(&made.id).await.unwrap();
        dixa.delete(&made.id).await.unwrap();
        assert_eq!(dixa.get(&made.id).await.unwrap(), None);
        assert!(dixa.signing_key(&made.id).await.unwrap().is_none());
        assert!(dixa.list(None).await.unwrap().remotes.is_empty());
        assert_eq!(simulator.dixa().count(), 0);
        let one = format!("{prefix}/{}", made.id);
        let expected = [
            format!("POST {prefix}"),
            format!("GET {prefix}"),
            format!("GET {one}"),
            format!("PATCH {one}"),
            format!("GET {one}"),
            format!("DELETE {one}"),
            format!("DELETE {one}"),
            format!("GET {one}"),
            format!("GET {one}"),
            format!("GET {prefix}"),
        ];
        assert_eq!(paths(&simulator.log()), expected);
    }
}

fn expose(secret: &SecretString) -> String {
    secrecy::ExposeSecret::expose_secret(secret).to_owned()
}

#[tokio::test]
async fn what_the_provider_does_not_do_shows_in_its_answer() {
    let simulator = simulator(TlsListeners::None).await;
    let dixa = dixa(plain(&simulator), TOKEN);
    let made = dixa.create(&documented()).await.unwrap();
    assert_eq!(
        made.view.get(Field::Headers),
        Part::Unknown,
        "custom headers are not echoed"
    );
    let cleared = bare(documented());
    let after = dixa
        .update(&made.id, &cleared, FieldSet::of(&[Field::Filters]))
        .await
        .unwrap();
    let differing = view(&cleared).differing(&after.view);
    assert!(
        differing.contains(Field::Filters),
        "this Dixa never clears filters"
    );

    simulator.set_switch("dixa.echoCustomHeaders", "yes").unwrap();
    let seen = dixa.get(&made.id).await.unwrap().unwrap();
    assert!(view(&documented()).differing(&seen.view).is_empty());
    assert_ne!(seen.view.get(Field::Headers), Part::Unknown);
}

#[tokio::test]
async fn deliveries_and_their_log_are_read() {
    let simulator = simulator(TlsListeners::None).await;
    let dixa = dixa(plain(&simulator), TOKEN);
    let made = dixa.create(&documented()).await.unwrap();
    let remote = simulator.dixa().subscriptions()[0].id;
    for (code, success, time_ms) in [(200, true, 1_767_225_600_000), (503, false, 1_767_225_700_000)] {
        let event = "ConversationClosed".to_owned();
        let (response_text, times, time_ms) = (CANARY.to_owned(), None, Some(time_ms));
        let result = Recorded {
            event,
            success,
            response_code: code,
            response_text,
            times,
            time_ms,
        };
        simulator.dixa().record_delivery(remote, &result).unwrap();
    }
    let deliveries = dixa.deliveries(&made.id).await.unwrap().events;
    assert_eq!(deliveries.len(), 2);
    let closed = deliveries
        .iter()
        .find(|delivery| delivery.event.as_str() == "ConversationClosed")
        .unwrap();
    let result = closed.result.clone().unwrap();
    assert_eq!((result.success, result.code), (false, Some(503)));
    assert!(deliveries.iter().any(|delivery| delivery.result.is_none()));
    let log = dixa.delivery_log(&made.id, &closed.event).await.unwrap();
    assert_eq!(
        log.iter().map(|entry| entry.code).collect::<Vec<_>>(),
        [Some(503), Some(200)]
    );
    assert!(!format!("{deliveries:?}{log:?}").contains(CANARY));
    let gone = dixa
        .deliveries(&id("0b7e6a52-0000-4000-8000-000000000009"))
        .await
        .unwrap_err();
    assert_eq!(gone.reason(), "RemoteVanished");
}

const CANARY: &str = "canary-of-the-receiver";

#[tokio::test]
async fn pages_are_followed_on_the_endpoint_whatever_host_their_link_names() {
    let simulator = simulator(TlsListeners::None).await;
    simulator.set_switch("dixa.pageSize", "2").unwrap();
    let dixa = dixa(plain(&simulator), TOKEN);
    for _ in 0..5 {
        dixa.create(&documented()).await.unwrap();
    }
    for link in ["relative", "https://elsewhere.invalid"] {
        simulator.set_switch("dixa.pageLink", link).unwrap();
        let (mut ids, mut pages, mut from) = (std::collections::BTreeSet::new(), 0, None);
        loop {
            let page = dixa.list(from.as_ref()).await.unwrap();
            ids.extend(page.remotes.into_iter().map(|remote| remote.id));
            pages += 1;
            from = page.next;
            if from.is_none() {
                break;
            }
        }
        assert_eq!((ids.len(), pages), (5, 3), "{link}");
    }
}

#[tokio::test]
async fn refusals_and_outages_become_the_errors_of_the_table() {
    let simulator = simulator(TlsListeners::None).await;
    let dixa = dixa(plain(&simulator), TOKEN);
    let create = || RequestFilter::operation("dixa", "create");
    let status = |status| FaultAction::FailBefore {
        status,
        body: None,
        retry_after: Some("7".into()),
    };
    let applied = FaultAction::ApplyThenStatus {
        status: 502,
        body: None,
        retry_after: None,
    };
    for (action, reason, effect) in [
        (status(500), "ProviderUnavailable", true),
        (status(429), "Throttled", false),
        (status(403), "Forbidden", false),
        (status(422), "RefusedByProvider", false),
        (FaultAction::ApplyThenDrop, "ProviderUnreachable", true),
        (applied, "ProviderUnavailable", true),
        (
            FaultAction::Garbage {
                kind: GarbageKind::WrongTypes,
                apply: true,
            },
            "UnintelligibleAnswer",
            true,
        ),
    ] {
        simulator.clear_faults();
        simulator.add_fault(FaultPlan::every(create(), action.clone()));
        let before = simulator.log().len();
        let error = dixa.create(&documented()).await.unwrap_err();
        assert_eq!(
            (error.reason(), error.may_have_taken_effect()),
            (reason, effect),
            "{action:?}"
        );
        assert_eq!(simulator.log().len(), before + 1, "sent once: {action:?}");
    }
    simulator.clear_faults();
    assert_eq!(
        simulator.dixa().count(),
        3,
        "three were applied and not answered with success"
    );
    let unknown_event = EventName::parse("NoSuchEvent").unwrap();
    let refused = Settings {
        events: [unknown_event].into(),
        ..documented()
    };
    let error = dixa.create(&refused).await.unwrap_err();
    assert!(
        matches!(
            &error,
            ProviderError::Rejected {
                status: 400,
                message: Some(_)
            }
        ),
        "{error:?}"
    );

    let absent = id("0b7e6a52-0000-4000-8000-000000000009");
    for (switch, reason) in [("400", "RefusedByProvider"), ("404", "RemoteVanished")] {
        simulator.set_switch("dixa.patchAbsent", switch).unwrap();
        let error = dixa
            .update(&absent, &documented(), FieldSet::of(&[Field::Url]))
            .await
            .unwrap_err();
        assert_eq!(error.reason(), reason);
    }
}

#[tokio::test]
async fn the_credential_goes_where_it_belongs_in_both_schemes() {
    let simulator = simulator(TlsListeners::None).await;
    for (switch, scheme) in [("bare", Scheme::Raw), ("bearer", Scheme::Bearer)] {
        simulator.set_switch("dixa.authScheme", switch).unwrap();
        for (given, works) in [(scheme, true), (other(scheme), false)] {
            let (connection, version) = (plain(&simulator), ApiVersion::V1);
            let config = Config {
                connection,
                version,
                scheme: given,
                credential: TOKEN.into(),
            };
            let listed = Dixa::new(config, &shared()).unwrap().list(None).await;
            assert_eq!(
                listed.map_err(|error| error.reason()).is_ok(),
                works,
                "{switch} {given:?}"
            );
        }
    }
    let error = dixa(plain(&simulator), "unknown").list(None).await.unwrap_err();
    assert_eq!(error, ProviderError::Unauthenticated);
}

fn other(scheme: Scheme) -> Scheme {
    match scheme {
        Scheme::Raw => Scheme::Bearer,
        Scheme::Bearer => Scheme::Raw,
    }
}

#[derive(Debug, Default)]
struct Recorder(Mutex<Vec<Observation>>);

impl Observer for Recorder {
    fn observed(&self, call: &Observation) {
        self.0.lock().unwrap().push(*call);
    }
}

#[tokio::test]
async fn every_call_is_observed_once_with_its_outcome() {
    let simulator = simulator(TlsListeners::None).await;
    let recorder = Arc::<Recorder>::default();
    let limits = Limits {
        call: Duration::from_secs(2),
        ..Limits::default()
    };
    let observer = Some(Arc::clone(&recorder) as Arc<dyn Observer>);
    let dixa = dixa(
        Connection {
            limits,
            observer,
            ..plain(&simulator)
        },
        TOKEN,
    );
    let made = dixa.create(&documented()).await.unwrap();
    dixa.list(None).await.unwrap();
    simulator.add_fault(FaultPlan::every(
        RequestFilter::operation("dixa", "get"),
        FaultAction::Hang { apply: false },
    ));
    dixa.get(&made.id).await.unwrap_err();
    dixa.delete(&id("0b7e6a52-0000-4000-8000-000000000009"))
        .await
        .unwrap();
    let seen = recorder.0.lock().unwrap();
    let seen: Vec<_> = seen
        .iter()
        .map(|call| (call.operation.as_str(), call.status, call.error))
        .collect();
    let expected = [
        ("create", Some(201), None),
        ("list", Some(200), None),
        ("get", None, Some("ProviderTimeout")),
        ("delete", Some(404), Some("RemoteVanished")),
    ];
    assert_eq!(seen, expected);
}

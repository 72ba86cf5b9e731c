//! The adapter against the simulated Babel: a whole life, and what must hold whatever the switches say.

use operator_core::view::{Part, View};
use provider_simulator::babel::{Key, Permission, Subscription as Row};
use provider_simulator::{Config as SimulatorConfig, FaultAction, FaultPlan, GarbageKind, LogEntry};
use provider_simulator::{RequestFilter, Simulator, TlsListeners};

use super::*;
use crate::provider::http::Endpoint;

pub(super) const KEY: &str = SimulatorConfig::BABEL_KEY;
pub(super) const INSTALLATION: &str = SimulatorConfig::BABEL_INSTALLATION;

/// A simulator with these switches, and an adapter for it.
pub(super) async fn with(switches: &[(&str, &str)]) -> (Simulator, Babel) {
    let config = SimulatorConfig {
        tls: TlsListeners::None,
        ..SimulatorConfig::default()
    };
    let simulator = Simulator::start(config).await.unwrap();
    for (name, value) in switches {
        switch(&simulator, name, value);
    }
    let babel = babel(plain(&simulator), KEY);
    (simulator, babel)
}

pub(super) fn switch(simulator: &Simulator, name: &str, value: &str) {
    simulator.set_switch(&format!("babel.{name}"), value).unwrap();
}

pub(super) fn plain(simulator: &Simulator) -> Connection {
    Connection::local(Endpoint::parse(&simulator.http_url()).unwrap())
}

/// A Babel that shows all that it has.
pub(super) const OPEN: [(&str, &str); 2] = [("headersForm", "json"), ("showSecret", "yes")];

pub(super) fn view(settings: &Settings) -> View {
    settings.view(&HashKey::new([3; 32]))
}

pub(super) fn differing(settings: &Settings, remote: &Remote) -> String {
    view(settings).differing(&remote.view).to_string()
}

/// The only row there is.
pub(super) fn row(simulator: &Simulator) -> Row {
    let mut rows = simulator.babel().subscriptions();
    assert_eq!(rows.len(), 1);
    rows.remove(0)
}

pub(super) async fn listed(babel: &Babel) -> Result<Vec<Remote>, ProviderError> {
    let (mut remotes, mut from) = (Vec::new(), None);
    loop {
        let page = babel.list(from.as_ref()).await?;
        remotes.extend(page.remotes);
        from = page.next;
        if from.is_none() {
            return Ok(remotes);
        }
    }
}

fn requests(log: &[LogEntry]) -> Vec<String> {
    log.iter()
        .map(|entry| format!("{} {}", entry.method, entry.path))
        .collect()
}

#[tokio::test]
async fn a_whole_life() {
    let (simulator, babel) = with(&OPEN).await;
    let wanted = documented();
    let made = babel.create(&wanted).await.unwrap();
    assert_eq!(differing(&wanted, &made), "");
    assert!(made.created.is_some() && made.marker.is_some());
    assert_eq!(listed(&babel).await.unwrap(), std::slice::from_ref(&made));
    assert_eq!(babel.get(&made.id).await.unwrap(), Some(made.clone()));

    let changed = Settings {
        url: DeliveryUrl::parse("https://hooks.example.com/other").unwrap(),
        authorization: Authorization::Bearer("canary-token".into()),
        enabled: false,
        max_retries: Some(0),
        ..wanted
    };
    let fields = FieldSet::of(&[
        Field::Url,
        Field::Authorization,
        Field::Enabled,
        Field::MaxRetries,
    ]);
    let after = babel.update(&made.id, &changed, fields).await.unwrap();
    assert_eq!(differing(&changed, &after), "");
    let kept = row(&simulator).content;
    assert_eq!(kept.headers["Authorization"], "Bearer canary-token");
    assert_eq!((kept.secret.as_str(), kept.is_active), ("canary-signing", false));

    let bare = Settings {
        authorization: Authorization::None,
        headers: operator_core::settings::Headers::new(),
        ..changed
    };
    let fields = FieldSet::of(&[Field::Authorization, Field::Headers]);
    let after = babel.update(&made.id, &bare, fields).await.unwrap();
    assert_eq!(differing(&bare, &after), "");
    assert!(row(&simulator).content.headers.is_empty());

    assert_eq!(babel.delete(&made.id).await, Ok(Deletion::Done));
    assert_eq!(babel.delete(&made.id).await, Ok(Deletion::Unconfirmed));
    assert_eq!(babel.get(&made.id).await, Ok(None));
    assert!(listed(&babel).await.unwrap().is_empty());
    assert_eq!(simulator.babel().count(), 0);
    let (all, one) = (
        "/v1/webhooks/subscriptions",
        format!("/v1/webhooks/subscriptions/{}", made.id),
    );
    let expected = [
        format!("POST {all}"),
        format!("GET {all}?take=100&skip=0"),
        // This Babel does not tell how many there are.
        format!("GET {all}?take=100&skip=1"),
        format!("GET {one}"),
        format!("GET {one}"),
        format!("PUT {one}"),
        format!("GET {one}"),
        format!("PUT {one}"),
        format!("DELETE {one}"),
        format!("DELETE {one}"),
        format!("GET {one}"),
        format!("GET {all}?take=100&skip=0"),
    ];
    assert_eq!(requests(&simulator.log()), expected);
}

#[tokio::test]
async fn refusals_and_outages_become_the_errors_of_the_table() {
    let (simulator, babel) = with(&[]).await;
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
    let garbage = |kind| FaultAction::Garbage { kind, apply: true };
    for (action, reason, effect) in [
        (status(500), "ProviderUnavailable", true),
        (status(429), "Throttled", false),
        (status(403), "Forbidden", false),
        (status(422), "RefusedByProvider", false),
        (FaultAction::ApplyThenDrop, "ProviderUnreachable", true),
        (applied, "ProviderUnavailable", true),
        (garbage(GarbageKind::WrongTypes), "UnintelligibleAnswer", true),
        (garbage(GarbageKind::Empty), "UnintelligibleAnswer", true),
        (garbage(GarbageKind::TruncatedJson), "UnintelligibleAnswer", true),
    ] {
        simulator.clear_faults();
        simulator.add_fault(FaultPlan::every(
            RequestFilter::operation("babel", "create"),
            action.clone(),
        ));
        let before = simulator.log().len();
        let error = babel.create(&documented()).await.unwrap_err();
        let seen = (error.reason(), error.may_have_taken_effect());
        assert_eq!(seen, (reason, effect), "{action:?}");
        assert_eq!(simulator.log().len(), before + 1, "sent once: {action:?}");
    }
    simulator.clear_faults();
    assert_eq!(simulator.babel().count(), 5);
    simulator.add_fault(FaultPlan::every(
        RequestFilter::operation("babel", "put"),
        FaultAction::ApplyThenDrop,
    ));
    let first = simulator.babel().subscriptions()[0].id;
    let url = FieldSet::of(&[Field::Url]);
    let error = babel
        .update(&id(&first.to_string()), &documented(), url)
        .await
        .unwrap_err();
    assert!(error.may_have_taken_effect(), "{error:?}");
}

#[tokio::test]
async fn a_key_may_be_allowed_less_than_all() {
    let (simulator, _) = with(&[]).await;
    let reader = Key::of(INSTALLATION).only(&[Permission::Read]);
    simulator.babel().add_key("canary-reader", reader);
    let babel = babel(plain(&simulator), "canary-reader");
    assert!(listed(&babel).await.unwrap().is_empty());
    let error = babel.create(&documented()).await.unwrap_err();
    assert_eq!(error, ProviderError::Forbidden { status: 403 });
    simulator.babel().remove_key("canary-reader");
    let error = babel.list(None).await.unwrap_err();
    assert_eq!(error, ProviderError::Unauthenticated);
}

#[tokio::test]
async fn nothing_that_is_read_shows_a_secret() {
    let (_simulator, babel) = with(&OPEN).await;
    let made = babel.create(&documented()).await.unwrap();
    let read = (babel.get(&made.id).await, babel.list(None).await);
    let shown = format!("{made:?} {read:?} {babel:?}");
    for secret in SECRETS {
        assert!(!shown.contains(secret), "{shown}");
    }
    assert_ne!(made.view.get(Field::SigningKey), Part::Unknown);
}

//! The adapter against the simulated Bird: everything it can do, with the switches of what is not documented.

use operator_core::settings::Filters;
use operator_core::view::{Part, View};
use provider_simulator::{
    Config as SimulatorConfig, FaultAction, FaultPlan, GarbageKind, LogEntry, RequestFilter, Simulator,
    TlsListeners,
};

use super::*;
use crate::provider::http::Endpoint;

const CREDENTIAL: &str = SimulatorConfig::BIRD_KEY;
const CANARY: &str = "canary-signing-key";

pub(super) async fn simulator() -> Simulator {
    let config = SimulatorConfig {
        tls: TlsListeners::None,
        ..SimulatorConfig::default()
    };
    Simulator::start(config.with_switch("bird.rateLimit", "off"))
        .await
        .unwrap()
}

fn plain(simulator: &Simulator) -> Connection {
    Connection::local(Endpoint::parse(&simulator.http_url()).unwrap())
}

pub(super) fn at(simulator: &Simulator) -> Bird {
    bird(plain(simulator), CREDENTIAL)
}

fn view(settings: &Settings) -> View {
    settings.view(&HashKey::new([3; 32]))
}

fn differing(settings: &Settings, remote: &Remote) -> FieldSet {
    view(settings).differing(&remote.view)
}

/// With a key and a URL that are to be seen nowhere.
fn secret() -> Settings {
    Settings {
        url: DeliveryUrl::parse("https://hooks.example.com/canary-path-of-the-url").unwrap(),
        signing_key: Some(CANARY.into()),
        ..documented()
    }
}

fn filtered_by(value: &str) -> Settings {
    Settings {
        filters: pairs([("channelId".to_owned(), value.to_owned())]),
        ..documented()
    }
}

fn unfiltered() -> Settings {
    Settings {
        filters: Filters::new(),
        ..documented()
    }
}

fn paths(log: &[LogEntry]) -> Vec<String> {
    log.iter()
        .map(|entry| format!("{} {}", entry.method, entry.path))
        .collect()
}

pub(super) const ABSENT: &str = "44444444-0000-4000-8000-000000000009";

#[tokio::test]
async fn a_whole_life_in_both_forms_of_the_path() {
    let short = format!("/workspaces/{WORKSPACE}/webhook-subscriptions");
    let long = format!("/organizations/{ORGANIZATION}{short}");
    for (form, organization, prefix) in [
        ("with-organization", Some(ORGANIZATION.to_owned()), long),
        ("short", None, short),
    ] {
        let simulator = simulator().await;
        simulator.set_switch("bird.path", form).unwrap();
        let given = Config {
            organization,
            ..config(plain(&simulator), CREDENTIAL)
        };
        let bird = Bird::new(given, &shared()).unwrap();
        let wanted = secret();
        let made = bird.create(&wanted).await.unwrap();
        assert!(differing(&wanted, &made).is_empty());
        assert!(made.created.is_some() && made.marker.is_none());
        let listed = bird.list(None).await.unwrap();
        assert_eq!(
            (listed.remotes.as_slice(), listed.next),
            (&[made.clone()][..], None)
        );
        assert_eq!(bird.get(&made.id).await.unwrap(), Some(made.clone()));

        let changed = Settings {
            enabled: false,
            url: DeliveryUrl::parse("https://hooks.example.com/bird/other").unwrap(),
            signing_key: Some("canary-second-key".into()),
            ..filtered_by("other")
        };
        let fields = CAPABILITIES.supports.without(FieldSet::of(&[Field::Events]));
        let after = bird.update(&made.id, &changed, fields).await.unwrap();
        assert!(differing(&changed, &after).is_empty());
        assert!(!differing(&wanted, &after).is_empty());
        let kept = simulator.bird().subscriptions().remove(0).content;
        assert_eq!(kept.signing_key.as_deref(), Some("canary-second-key"));

        assert_eq!(bird.delete(&made.id).await, Ok(Deletion::Unconfirmed));
        assert_eq!(bird.get(&made.id).await, Ok(None));
        assert_eq!(bird.delete(&made.id).await, Ok(Deletion::Done));
        assert!(bird.list(None).await.unwrap().remotes.is_empty());
        let one = format!("{prefix}/{}", made.id);
        let expected = [
            format!("POST {prefix}"),
            format!("GET {prefix}?limit=100"),
            format!("GET {one}"),
            format!("PATCH {one}"),
            format!("DELETE {one}"),
            format!("GET {one}"),
            format!("DELETE {one}"),
            format!("GET {prefix}?limit=100"),
        ];
        assert_eq!(paths(&simulator.log()), expected);
        assert!(!format!("{made:?}{after:?}{bird:?}").contains("canary"));
    }
}

#[tokio::test]
async fn the_form_of_the_path_that_is_not_served_is_forbidden() {
    let simulator = simulator().await;
    let short = Config {
        organization: None,
        ..config(plain(&simulator), CREDENTIAL)
    };
    let (short, long) = (Bird::new(short, &shared()).unwrap(), at(&simulator));
    for (form, served, refused) in [("short", &short, &long), ("with-organization", &long, &short)] {
        simulator.set_switch("bird.path", form).unwrap();
        assert!(served.list(None).await.is_ok(), "{form}");
        let error = refused.list(None).await.unwrap_err();
        assert_eq!(error, ProviderError::Forbidden { status: 403 });
        assert_eq!(refused.get(&id(ABSENT)).await, Err(error));
    }
}

#[tokio::test]
async fn a_signing_key_is_compared_where_it_is_shown_and_unknown_where_not() {
    let simulator = simulator().await;
    let bird = at(&simulator);
    let made = bird.create(&secret()).await.unwrap();
    assert_eq!(made.view.get(Field::SigningKey), Part::Unknown);
    simulator.set_switch("bird.signingKey", "shown").unwrap();
    let seen = bird.get(&made.id).await.unwrap().unwrap();
    assert_eq!(
        seen.view.get(Field::SigningKey),
        view(&secret()).get(Field::SigningKey)
    );
    assert_eq!(
        bird.list(None).await.unwrap().remotes.as_slice(),
        std::slice::from_ref(&seen)
    );
    let other = FieldSet::of(&[Field::SigningKey]);
    let settings = Settings {
        url: secret().url,
        ..documented()
    };
    assert_eq!(differing(&settings, &seen), other);
    let after = bird.update(&made.id, &settings, other).await.unwrap();
    assert!(differing(&settings, &after).is_empty());
    assert!(!format!("{made:?}{seen:?}{after:?}").contains("canary"));
}

#[tokio::test]
async fn every_page_is_read_whatever_form_the_last_one_has() {
    let simulator = simulator().await;
    let bird = at(&simulator);
    simulator.set_switch("bird.pageCap", "2").unwrap();
    for number in 0..5 {
        bird.create(&filtered_by(&number.to_string())).await.unwrap();
    }
    for (last, order) in [
        ("absent", "ascending"),
        ("empty", "descending"),
        ("empty", "shuffled"),
    ] {
        simulator.set_switch("bird.lastPage", last).unwrap();
        simulator.set_switch("bird.listOrder", order).unwrap();
        let (mut ids, mut pages, mut from) = (std::collections::BTreeSet::new(), 0, None);
        loop {
            let page = bird.list(from.as_ref()).await.unwrap();
            ids.extend(page.remotes.into_iter().map(|remote| remote.id));
            pages += 1;
            from = page.next;
            if from.is_none() {
                break;
            }
        }
        assert_eq!((ids.len(), pages), (5, 3), "{last} {order}");
    }
}

#[tokio::test]
async fn the_sixth_with_the_same_filters_is_refused_and_not_made() {
    let simulator = simulator().await;
    let bird = at(&simulator);
    for number in 0..5 {
        let url = format!("https://hooks.example.com/bird/{number}");
        let url = DeliveryUrl::parse(&url).unwrap();
        bird.create(&Settings { url, ..secret() }).await.unwrap();
    }
    for (status, reason) in [
        ("409", "ProviderConflict"),
        ("422", "RefusedByProvider"),
        ("400", "RefusedByProvider"),
    ] {
        simulator.set_switch("bird.sixth", status).unwrap();
        let error = bird.create(&secret()).await.unwrap_err();
        assert_eq!((error.reason(), error.may_have_taken_effect()), (reason, false));
        assert!(!format!("{error} {error:?}").contains("canary"));
    }
    assert_eq!(simulator.bird().count(), 5);
    assert!(bird.create(&filtered_by("other")).await.is_ok());
}

#[tokio::test]
async fn no_status_proves_a_deletion_and_a_read_does() {
    let simulator = simulator().await;
    let bird = at(&simulator);
    for status in ["200", "202", "204"] {
        simulator.set_switch("bird.deleteStatus", status).unwrap();
        let made = bird.create(&documented()).await.unwrap();
        assert_eq!(bird.delete(&made.id).await, Ok(Deletion::Unconfirmed), "{status}");
        assert_eq!(bird.get(&made.id).await, Ok(None), "{status}");
        for (absent, expected) in [("404", Deletion::Done), ("success", Deletion::Unconfirmed)] {
            simulator.set_switch("bird.deleteAbsent", absent).unwrap();
            assert_eq!(bird.delete(&made.id).await, Ok(expected), "{status} {absent}");
        }
    }
}

#[tokio::test]
async fn filters_are_changed_where_the_server_lets_them() {
    let simulator = simulator().await;
    let bird = at(&simulator);
    let made = bird.create(&documented()).await.unwrap();
    let (wanted, fields) = (filtered_by("other"), FieldSet::of(&[Field::Filters]));
    simulator.set_switch("bird.patchFilters", "no").unwrap();
    let error = bird.update(&made.id, &wanted, fields).await.unwrap_err();
    assert_eq!(error.reason(), "RefusedByProvider");
    simulator.set_switch("bird.patchFilters", "yes").unwrap();
    let after = bird.update(&made.id, &wanted, fields).await.unwrap();
    assert!(differing(&wanted, &after).is_empty());
}

#[tokio::test]
async fn the_answer_shows_whether_filters_were_cleared() {
    let simulator = simulator().await;
    let bird = at(&simulator);
    let fields = FieldSet::of(&[Field::Filters]);
    for (clears, cleared) in [
        ("never", false),
        ("null", false),
        ("emptyArray", true),
        ("both", true),
    ] {
        simulator.set_switch("bird.clearFilters", clears).unwrap();
        let made = bird.create(&documented()).await.unwrap();
        let after = bird.update(&made.id, &unfiltered(), fields).await.unwrap();
        let left = differing(&unfiltered(), &after).contains(Field::Filters);
        assert_eq!(left, !cleared, "{clears}");
        bird.delete(&made.id).await.unwrap();
    }
    for none in ["omit", "null", "emptyArray"] {
        simulator.set_switch("bird.emptyFilters", none).unwrap();
        let made = bird.create(&unfiltered()).await.unwrap();
        assert!(differing(&unfiltered(), &made).is_empty(), "{none}");
        assert_eq!(made.view.get(Field::Filters), Part::Absent, "{none}");
        bird.delete(&made.id).await.unwrap();
    }
}

#[tokio::test]
async fn a_create_that_was_carried_out_and_not_answered_may_exist() {
    let simulator = simulator().await;
    let bird = at(&simulator);
    for (switch, reason) in [
        ("bird.postApplyThen5xx", "ProviderUnavailable"),
        ("bird.postDrops", "ProviderUnreachable"),
    ] {
        let before = simulator.bird().count();
        simulator.set_switch(switch, "yes").unwrap();
        let error = bird.create(&secret()).await.unwrap_err();
        assert_eq!((error.reason(), error.may_have_taken_effect()), (reason, true));
        assert!(!format!("{error} {error:?}").contains("canary"));
        assert_eq!(simulator.bird().count(), before + 1, "sent once");
        simulator.set_switch(switch, "no").unwrap();
    }
    let listed = bird.list(None).await.unwrap().remotes;
    assert_eq!(listed.len(), 2);
    assert!(
        listed
            .iter()
            .all(|remote| differing(&secret(), remote).is_empty())
    );
}

#[tokio::test]
async fn refusals_and_outages_become_the_errors_of_the_table() {
    let simulator = simulator().await;
    let bird = at(&simulator);
    let status = |status| FaultAction::FailBefore {
        status,
        body: None,
        retry_after: Some("7".into()),
    };
    let garbage = FaultAction::Garbage {
        kind: GarbageKind::WrongTypes,
        apply: true,
    };
    for (action, reason, effect) in [
        (status(500), "ProviderUnavailable", true),
        (status(429), "Throttled", false),
        (status(403), "Forbidden", false),
        (status(422), "RefusedByProvider", false),
        (FaultAction::ApplyThenDrop, "ProviderUnreachable", true),
        (garbage, "UnintelligibleAnswer", true),
    ] {
        simulator.clear_faults();
        let create = RequestFilter::operation("bird", "create");
        simulator.add_fault(FaultPlan::every(create, action.clone()));
        let before = simulator.log().len();
        let error = bird.create(&secret()).await.unwrap_err();
        assert_eq!(
            (error.reason(), error.may_have_taken_effect()),
            (reason, effect),
            "{action:?}"
        );
        assert!(!format!("{error} {error:?}").contains("canary"));
        assert_eq!(simulator.log().len(), before + 1, "sent once: {action:?}");
    }
    simulator.clear_faults();
    for (switch, reason) in [("400", "RefusedByProvider"), ("404", "RemoteVanished")] {
        simulator.set_switch("bird.patchAbsent", switch).unwrap();
        let error = bird
            .update(&id(ABSENT), &documented(), FieldSet::of(&[Field::Url]))
            .await
            .unwrap_err();
        assert_eq!(error.reason(), reason);
    }
    for (status, reason) in [("401", "Unauthenticated"), ("403", "Forbidden")] {
        simulator.set_switch("bird.unauthorizedStatus", status).unwrap();
        let error = super::bird(plain(&simulator), "canary-unknown")
            .list(None)
            .await
            .unwrap_err();
        assert_eq!(error.reason(), reason);
    }
}

#[tokio::test]
async fn what_is_refused_before_any_call_is_what_the_server_refuses() {
    let simulator = simulator().await;
    let bird = at(&simulator);
    for (url, fits) in [
        ("https://hooks.example.com", true),
        ("https://hooks.example.com/bird?a=b", true),
        ("https://Hooks.Example.com/?a=b", true),
        ("https://hooks.example.com:8443/bird", false),
        ("https://hooks.example.com?a=b", false),
        ("http://hooks.example.com/bird", false),
        ("https://10.0.0.1/bird", false),
        ("https://[::1]/bird", false),
        ("https://receiver/bird", false),
        ("https://hooks.example.c0m/", false),
    ] {
        let settings = Settings {
            url: DeliveryUrl::parse(url).unwrap(),
            ..filtered_by(url)
        };
        assert_eq!(refuses(&settings).is_none(), fits, "{url}");
        assert_eq!(bird.create(&settings).await.is_ok(), fits, "{url}");
    }
}

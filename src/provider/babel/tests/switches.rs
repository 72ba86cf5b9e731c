//! The adapter against the simulated Babel, with the switches of what is not documented in each of their positions.

use operator_core::view::Part;
use provider_simulator::babel::Content;

use super::simulated::{INSTALLATION, KEY, OPEN, differing, listed, plain, row, switch, view, with};
use super::*;

#[tokio::test]
async fn defaults_may_be_left_out_and_dates_may_lack_a_zone() {
    let off = Settings {
        enabled: false,
        max_retries: Some(0),
        authorization: Authorization::None,
        headers: operator_core::settings::Headers::new(),
        signing_key: None,
        ..documented()
    };
    for omit in ["yes", "no"] {
        for zone in ["with", "without"] {
            for message in ["empty", "absent", "sentence"] {
                for content in ["text", "json"] {
                    let (simulator, babel) = with(&OPEN).await;
                    for (name, value) in [
                        ("omitDefaults", omit),
                        ("zone", zone),
                        ("messageOnSuccess", message),
                        ("contentType", content),
                    ] {
                        switch(&simulator, name, value);
                    }
                    assert!(listed(&babel).await.unwrap().is_empty());
                    let made = babel.create(&off).await.unwrap();
                    assert_eq!(differing(&off, &made), "");
                    assert_eq!(made.view.get(Field::SigningKey), Part::Absent);
                    let created = row(&simulator).created_ms;
                    assert_eq!(made.created, i64::try_from(created).ok());
                    let on = babel
                        .update(&made.id, &documented(), FieldSet::of(Field::ALL))
                        .await
                        .unwrap();
                    assert_eq!(differing(&documented(), &on), "");
                    let back = babel
                        .update(&made.id, &off, FieldSet::of(Field::ALL))
                        .await
                        .unwrap();
                    assert_eq!(differing(&off, &back), "");
                    assert_eq!(listed(&babel).await.unwrap(), [back]);
                }
            }
        }
    }
}

#[tokio::test]
async fn headers_that_are_shown_in_another_form_are_seen_to_stay_and_to_change() {
    for form in ["text", "json", "empty"] {
        let (simulator, babel) = with(&[("headersForm", form), ("showSecret", "yes")]).await;
        let made = babel.create(&documented()).await.unwrap();
        assert_eq!(babel.get(&made.id).await.unwrap().unwrap(), made, "{form}");
        let differing = view(&documented()).differing(&made.view);
        match form {
            // It is a text of Babel's own: it differs from what was sent, and stands for it.
            "text" => {
                assert_eq!(differing, FieldSet::of(&[Field::Headers]));
                assert_eq!(made.view.get(Field::Authorization), Part::Unknown);
            }
            "json" => assert!(differing.is_empty(), "{differing}"),
            // Taken for none.
            _ => assert_eq!(differing, FieldSet::of(&[Field::Headers, Field::Authorization])),
        }
        let changed = Settings {
            headers: [("x-team".to_owned(), SecretString::from("other"))].into(),
            ..documented()
        };
        let after = babel
            .update(&made.id, &changed, FieldSet::of(&[Field::Headers]))
            .await
            .unwrap();
        assert_eq!(row(&simulator).content.headers["x-team"], "other");
        assert_eq!(row(&simulator).content.headers.len(), 2);
        let moved = after.view.get(Field::Headers) != made.view.get(Field::Headers);
        assert_eq!(moved, form != "empty", "{form}");
    }
}

#[tokio::test]
async fn a_secret_may_be_shown_masked_or_not_at_all() {
    for (form, part) in [("yes", "wanted"), ("masked", "another"), ("no", "absent")] {
        let (_simulator, babel) = with(&[("headersForm", "json"), ("showSecret", form)]).await;
        let made = babel.create(&documented()).await.unwrap();
        let seen = match made.view.get(Field::SigningKey) {
            Part::Absent => "absent",
            seen if seen == view(&documented()).get(Field::SigningKey) => "wanted",
            _ => "another",
        };
        assert_eq!(seen, part, "{form}");
    }
}

#[tokio::test]
async fn a_refusal_has_either_form() {
    let unknown = Settings {
        events: [EventName::parse("no.such.event").unwrap()].into(),
        ..documented()
    };
    for (form, status) in [("success-false", 200), ("status", 400)] {
        let (simulator, babel) = with(&[("failureForm", form)]).await;
        let error = babel.create(&unknown).await.unwrap_err();
        let ProviderError::Rejected {
            status: seen,
            message,
        } = &error
        else {
            panic!("{error:?}")
        };
        assert_eq!(*seen, status);
        assert!(message.is_some());
        assert!(!error.may_have_taken_effect());
        assert_eq!(simulator.babel().count(), 0);
        let made = babel.create(&documented()).await.unwrap();
        let update = babel
            .update(&made.id, &unknown, FieldSet::of(&[Field::Events]))
            .await;
        assert!(matches!(update, Err(ProviderError::Rejected { status: seen, .. }) if seen == status));
    }
}

#[tokio::test]
async fn what_is_absent_is_so_in_either_form() {
    for (form, status, deletion) in [
        ("404", 404, Deletion::Done),
        ("success-false", 200, Deletion::Unconfirmed),
    ] {
        let (_simulator, babel) = with(&[("getAbsent", form), ("deleteAbsent", form)]).await;
        let absent = id("9");
        assert_eq!(babel.get(&absent).await, Ok(None));
        assert_eq!(babel.delete(&absent).await, Ok(deletion));
        for fields in [&[Field::Url][..], &[Field::Name]] {
            let error = babel
                .update(&absent, &documented(), FieldSet::of(fields))
                .await
                .unwrap_err();
            assert_eq!(error, ProviderError::Vanished { status });
        }
        assert!(babel.deliveries(&absent, End::Newest, None).await.is_err());
    }
}

#[tokio::test]
async fn every_row_is_listed_whatever_the_cap_the_order_and_the_total() {
    for cap in ["off", "100", "7", "1"] {
        for order in ["ascending", "descending", "shuffled"] {
            for total in ["present", "absent"] {
                let switches = [("takeCap", cap), ("listOrder", order), ("total", total)];
                let (simulator, babel) = with(&switches).await;
                let count = if cap == "off" { 205 } else { 15 };
                for _ in 0..count {
                    simulator.babel().create(INSTALLATION, Content::default());
                }
                let remotes = listed(&babel).await.unwrap();
                let ids: std::collections::BTreeSet<_> =
                    remotes.iter().map(|remote| remote.id.clone()).collect();
                assert_eq!(
                    (ids.len(), remotes.len()),
                    (count, count),
                    "{cap} {order} {total}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_row_that_is_added_or_removed_while_pages_are_read_is_noticed() {
    let switches = [
        ("takeCap", "5"),
        ("listOrder", "descending"),
        ("total", "present"),
    ];
    let (simulator, babel) = with(&switches).await;
    let rows: Vec<_> = (0..12)
        .map(|_| simulator.babel().create(INSTALLATION, Content::default()).id)
        .collect();
    let first = babel.list(None).await.unwrap();
    simulator.babel().create(INSTALLATION, Content::default());
    let error = babel.list(first.next.as_ref()).await.unwrap_err();
    assert_eq!(error.reason(), "UnintelligibleAnswer");
    let first = babel.list(None).await.unwrap();
    simulator.babel().delete(*rows.last().unwrap()).unwrap();
    let error = babel.list(first.next.as_ref()).await.unwrap_err();
    assert_eq!(error.reason(), "UnintelligibleAnswer");
}

#[tokio::test]
async fn a_create_that_is_carried_out_and_not_answered_may_have_taken_effect() {
    for (drops, works) in [("no", true), ("yes", false)] {
        let (simulator, babel) = with(&[("postDrops", drops)]).await;
        let made = babel.create(&documented()).await;
        assert_eq!(made.is_ok(), works);
        assert!(made.err().is_none_or(|error| error.may_have_taken_effect()));
        let found = listed(&babel).await.unwrap();
        assert_eq!(found[0].marker, Marker::parse(MARKER));
        assert_eq!(simulator.babel().count(), 1);
    }
}

#[tokio::test]
async fn a_lock_out_is_told_by_its_status_and_nothing_is_tried_again() {
    for (lockout, status) in [("off", "403"), ("on", "401"), ("on", "403"), ("on", "429")] {
        let (simulator, good) = with(&[("lockout", lockout), ("lockoutStatus", status)]).await;
        let wrong = babel(plain(&simulator), "canary-wrong");
        for _ in 0..5 {
            let error = wrong.list(None).await.unwrap_err();
            assert_eq!(error, ProviderError::Unauthenticated);
        }
        let expected = match (lockout, status) {
            ("off", _) => None,
            (_, "401") => Some("Unauthenticated"),
            (_, "403") => Some("Forbidden"),
            _ => Some("Throttled"),
        };
        let locked = good.list(None).await.map_err(|error| error.reason());
        assert_eq!(locked.err(), expected);
        assert_eq!(simulator.log().len(), 6);
    }
}

#[tokio::test]
async fn the_key_goes_where_it_belongs() {
    let header = |name| Scheme::ApiKey(HeaderName::from_static(name));
    let forms = [("header", false), ("bearer", true), ("both", true)];
    for (form, bearer_works) in forms {
        let (simulator, _) = with(&[
            ("keyForms", form),
            ("lockout", "off"),
            ("headerName", "x-own-key"),
        ])
        .await;
        for (scheme, works) in [
            (header("x-own-key"), form != "bearer"),
            (header(DEFAULT_HEADER), false),
            (Scheme::Bearer, bearer_works),
        ] {
            let config = Config {
                connection: plain(&simulator),
                scheme: scheme.clone(),
                credential: KEY.into(),
            };
            let list = Babel::new(config, &shared()).unwrap().list(None).await;
            assert_eq!(list.is_ok(), works, "{form} {scheme:?}");
        }
    }
}

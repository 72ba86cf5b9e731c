//! The adapter against the simulated Babel: what a change may write, and what it must not.

use provider_simulator::babel::{Content, Subscription as Row};
use provider_simulator::{FaultAction, FaultPlan, RequestFilter, Simulator};
use serde_json::json;

use super::simulated::{INSTALLATION, OPEN, row, switch, with};
use super::*;

/// A row as a person made it, who uses everything in another way than we would.
fn by_hand(simulator: &Simulator) -> Row {
    let headers = [("X-Own", "a"), ("authorization", "Digest x")];
    let content = Content {
        name: "by hand".to_owned(),
        event_type: "license.revoked".to_owned(),
        url: "https://other.example.com/".to_owned(),
        secret: "secret-by-hand".to_owned(),
        headers: headers
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        max_retry_count: 9,
        is_active: true,
    };
    simulator.babel().create(INSTALLATION, content)
}

/// What manages neither the secret nor the retries.
fn unmanaged() -> Settings {
    Settings {
        signing_key: None,
        max_retries: None,
        ..documented()
    }
}

#[tokio::test]
async fn adoption_changes_the_name_and_nothing_else() {
    for settings in [documented(), unmanaged()] {
        let (simulator, babel) = with(&OPEN).await;
        let before = by_hand(&simulator);
        let name = FieldSet::of(&[Field::Name]);
        let adopted = babel
            .update(&id(&before.id.to_string()), &settings, name)
            .await
            .unwrap();
        assert_eq!(adopted.marker, Marker::parse(MARKER));
        let expected = Content {
            name: settings.name.clone().unwrap(),
            ..before.content
        };
        assert_eq!(row(&simulator).content, expected);
    }
}

#[tokio::test]
async fn what_was_read_is_not_in_the_words_with_which_it_is_refused_when_sent_back() {
    let (simulator, babel) = with(&OPEN).await;
    let before = by_hand(&simulator);
    let words = "no secret-by-hand https://other.example.com/ Digest-by-hand";
    simulator
        .babel()
        .edit(
            before.id,
            &json!({"headers": {"Authorization": "Digest Digest-by-hand"}}),
        )
        .unwrap();
    simulator.add_fault(FaultPlan::every(
        RequestFilter::operation("babel", "put"),
        FaultAction::fail_with(400, json!({"success": false, "message": words})),
    ));
    let name = FieldSet::of(&[Field::Name]);
    let error = babel
        .update(&id(&before.id.to_string()), &unmanaged(), name)
        .await
        .unwrap_err();
    let message = Some("no [redacted] [redacted] [redacted]".to_owned());
    assert_eq!(error, ProviderError::Rejected { status: 400, message });
}

#[tokio::test]
async fn adoption_does_not_write_what_it_could_not_read() {
    let name = FieldSet::of(&[Field::Name]);
    for (switches, why) in [
        (
            [("headersForm", "text"), ("showSecret", "yes")],
            "the provider does not show headers in a form that can be sent back",
        ),
        (
            [("headersForm", "json"), ("showSecret", "masked")],
            "the provider masks the secret; set spec.signing so that it can be sent",
        ),
    ] {
        let (simulator, babel) = with(&switches).await;
        let before = by_hand(&simulator);
        let one = id(&before.id.to_string());
        let error = babel.update(&one, &unmanaged(), name).await.unwrap_err();
        assert_eq!(error, ProviderError::NotSendable { why });
        assert_eq!(row(&simulator), before);
    }
    // A true secret in our hands is better than none.
    for shown in ["masked", "no"] {
        let (simulator, babel) = with(&[("headersForm", "json"), ("showSecret", shown)]).await;
        let before = by_hand(&simulator);
        babel
            .update(&id(&before.id.to_string()), &documented(), name)
            .await
            .unwrap();
        let expected = Content {
            name: documented().name.unwrap(),
            secret: "canary-signing".to_owned(),
            ..before.content
        };
        assert_eq!(row(&simulator).content, expected);
    }
}

#[tokio::test]
async fn what_is_not_managed_stays_and_a_mask_never_becomes_the_secret() {
    let (simulator, babel) = with(&OPEN).await;
    let made = babel.create(&documented()).await.unwrap();
    let url = FieldSet::of(&[Field::Url]);
    babel.update(&made.id, &unmanaged(), url).await.unwrap();
    let content = row(&simulator).content;
    assert_eq!(
        (content.secret.as_str(), content.max_retry_count),
        ("canary-signing", 3)
    );
    switch(&simulator, "showSecret", "masked");
    let error = babel.update(&made.id, &unmanaged(), url).await.unwrap_err();
    assert_eq!(error.reason(), "RequestNotSendable");
    assert_eq!(row(&simulator).content, content);
}

#[tokio::test]
async fn a_row_that_is_not_ours_is_not_written() {
    let (simulator, babel) = with(&OPEN).await;
    let made = babel.create(&documented()).await.unwrap();
    let number = made.id.as_str().parse().unwrap();
    simulator.babel().delete(number).unwrap();
    // A restored database: the id is another row's.
    for name in ["by hand", "x [wh1:aaaaaaaa-bbbbbbbb-cccccccc-eeeeeeee]"] {
        let content = Content {
            name: name.to_owned(),
            ..Content::default()
        };
        let before = simulator
            .babel()
            .create_with_id(number, INSTALLATION, content)
            .unwrap();
        for fields in [FieldSet::of(&[Field::Url]), FieldSet::EMPTY] {
            let error = babel.update(&made.id, &documented(), fields).await.unwrap_err();
            assert_eq!(error, ProviderError::Replaced);
            assert!(!error.may_have_taken_effect());
        }
        assert_eq!(row(&simulator), before);
        simulator.babel().delete(number).unwrap();
    }
    let nameless = Settings {
        name: Some("no marker".into()),
        ..documented()
    };
    let made = babel.create(&nameless).await.unwrap();
    let url = FieldSet::of(&[Field::Url]);
    assert_eq!(
        babel.update(&made.id, &nameless, url).await,
        Err(ProviderError::Replaced)
    );
    assert!(
        babel
            .update(&made.id, &documented(), url.with(Field::Name))
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn a_change_is_answered_with_the_row_that_was_changed_or_proves_nothing() {
    let (simulator, babel) = with(&OPEN).await;
    let made = babel.create(&documented()).await.unwrap();
    for body in [
        json!({"success": true, "subscription": {"id": 99}}),
        json!({"success": true}),
    ] {
        simulator.clear_faults();
        simulator.add_fault(FaultPlan::every(
            RequestFilter::operation("babel", "put"),
            FaultAction::ApplyThenStatus {
                status: 200,
                body: Some(body),
                retry_after: None,
            },
        ));
        let url = FieldSet::of(&[Field::Url]);
        let error = babel.update(&made.id, &documented(), url).await.unwrap_err();
        assert_eq!(error.reason(), "UnintelligibleAnswer");
        assert!(error.may_have_taken_effect());
    }
}

use super::*;
use crate::view::FieldSet;

fn settings() -> Settings {
    Settings {
        name: Some("n".into()),
        url: DeliveryUrl::parse("https://h.example/x").unwrap(),
        events: [EventName::parse("A").unwrap(), EventName::parse("B").unwrap()].into(),
        enabled: true,
        filters: Filters::new(),
        authorization: Authorization::Basic {
            username: "u".into(),
            password: "canary".into(),
        },
        headers: [("x-team".to_owned(), SecretString::from("canary"))].into(),
        signing_key: None,
        max_retries: None,
    }
}

fn reading() -> Reading {
    Reading {
        name: Some("n".into()),
        url: Some("https://H.example:443/x".into()),
        events: Some([EventName::parse("B").unwrap(), EventName::parse("A").unwrap()].into()),
        enabled: Some(true),
        filters: Some(Ok(Filters::new())),
        authorization: Some(Ok(Authorization::Basic {
            username: "u".into(),
            password: "canary".into(),
        })),
        headers: None,
        signing_key: Some("k".into()),
        max_retries: Some(3),
    }
}

#[test]
fn wanted_and_read_agree_on_what_is_equal() {
    let key = HashKey::new([7; 32]);
    assert_eq!(
        settings().view(&key).differing(&reading().view(&key)),
        FieldSet::EMPTY
    );
    let other = Reading {
        enabled: Some(false),
        filters: Some(Err("tree".into())),
        ..reading()
    };
    let expected = FieldSet::of(&[Field::Enabled, Field::Filters]);
    assert_eq!(settings().view(&key).differing(&other.view(&key)), expected);
}

/// Something in every field.
fn full() -> Settings {
    Settings {
        filters: pairs([("a".to_owned(), "1".to_owned())]),
        authorization: Authorization::Bearer("canary".into()),
        signing_key: Some("k".into()),
        max_retries: Some(3),
        ..settings()
    }
}

type Edit = fn(&mut Settings);

#[test]
fn each_setting_shows_in_its_own_field() {
    let key = HashKey::new([7; 32]);
    let edits: [(Field, Edit); 9] = [
        (Field::Name, |full| full.name = Some("m".into())),
        (Field::Url, |full| {
            full.url = DeliveryUrl::parse("https://h.example/y").unwrap();
        }),
        (Field::Events, |full| drop(full.events.pop_first())),
        (Field::Enabled, |full| full.enabled = false),
        (Field::Filters, |full| full.filters.clear()),
        (Field::Authorization, |full| {
            full.authorization = Authorization::Bearer("other".into());
        }),
        (Field::Headers, |full| full.headers.clear()),
        (Field::SigningKey, |full| full.signing_key = Some("l".into())),
        (Field::MaxRetries, |full| full.max_retries = Some(4)),
    ];
    for (field, edit) in edits {
        let mut changed = full();
        edit(&mut changed);
        let differing = full().view(&key).differing(&changed.view(&key));
        assert_eq!(differing, FieldSet::of(&[field]));
    }
    let view = full().view(&key);
    assert_eq!(events_part(&key, &full().events), view.get(Field::Events));
    assert_eq!(signing_key_part(&key, "k"), view.get(Field::SigningKey));
    let off = Settings {
        enabled: false,
        ..full()
    };
    assert_eq!(switched_off(&key), off.view(&key).get(Field::Enabled));
}

#[test]
fn what_was_sent_reads_back_as_it_was_wanted() {
    let key = HashKey::new([7; 32]);
    let full = full();
    let read = Reading {
        name: full.name.clone(),
        url: Some(full.url.expose().into()),
        events: Some(full.events.clone()),
        enabled: Some(full.enabled),
        filters: Some(Ok(full.filters.clone())),
        authorization: Some(Ok(full.authorization.clone())),
        headers: Some(Ok(full.headers.clone())),
        signing_key: full.signing_key.clone(),
        max_retries: full.max_retries,
    };
    assert_eq!(read.view(&key), full.view(&key));
}

#[test]
fn the_ways_to_combine_conditions_are_written_as_users_write_them() {
    assert_eq!(
        [Match::All, Match::Any].map(|combine| combine.to_string()),
        ["All", "Any"]
    );
}

#[test]
fn a_password_moved_into_the_user_name_is_a_difference() {
    let key = HashKey::new([7; 32]);
    let basic = |u: &str, p: &str| Settings {
        authorization: Authorization::Basic {
            username: u.into(),
            password: p.into(),
        },
        ..settings()
    };
    assert_ne!(basic("ab", "c").view(&key), basic("a", "bc").view(&key));
}

#[test]
fn pairs_are_a_set_and_come_back_as_they_were() {
    let pair = |field: &str, value: &str| (field.to_owned(), value.to_owned());
    let one = pairs([pair("b", "2"), pair("a", "1"), pair("a", "1"), pair("a", "0")]);
    assert_eq!(one, pairs([pair("a", "0"), pair("a", "1"), pair("b", "2")]));
    let back: Vec<_> = as_pairs(&one).collect();
    assert_eq!(back, [("a", "0"), ("a", "1"), ("b", "2")]);
    assert_eq!(pairs([]), Filters::new());
}

#[test]
fn debug_shows_no_secret() {
    assert!(!format!("{:?}{:?}", settings(), reading()).contains("canary"));
}

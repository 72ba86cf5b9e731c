use proptest::prelude::*;

use super::*;
use crate::capabilities::examples::NAMED;
use crate::names::{ClusterId, ObjectName, ObjectUid};
use crate::settings::{Authorization, Condition, Filter, Headers};
use crate::url::DeliveryUrl;
use crate::view::FieldSet;

const SERVICES: &[&str] = &["channels", "numbers"];

fn able(fan_out: FanOut, filtering: Filtering) -> Capabilities {
    Capabilities {
        fan_out,
        filtering,
        ..NAMED
    }
}

const TREES: Filtering = Filtering::Trees {
    scope: "Conversation",
};

fn owner() -> Owner {
    let object = ObjectName::new("support", "crm");
    let cluster = ClusterId::parse("c1").unwrap();
    Owner::new(&cluster, &[], &object, &ObjectUid::parse("u1").unwrap())
}

fn whole(events: &[&str], filters: Filters) -> Settings {
    Settings {
        name: None,
        url: DeliveryUrl::parse("https://h.example/x").unwrap(),
        events: events
            .iter()
            .map(|event| EventName::parse(event).unwrap())
            .collect(),
        enabled: true,
        filters,
        authorization: Authorization::None,
        headers: Headers::new(),
        signing_key: None,
        max_retries: None,
    }
}

fn condition(field: &str, operator: Operator, values: &[&str]) -> Condition {
    Condition {
        field: field.into(),
        operator,
        values: values.iter().map(|value| (*value).to_owned()).collect(),
    }
}

fn filter(scope: &str, combine: Match, conditions: Vec<Condition>) -> Filters {
    let conditions = conditions.into_iter().collect();
    [(scope.to_owned(), Filter { combine, conditions })].into()
}

fn keys(whole: &Settings, able: &Capabilities) -> Vec<String> {
    let wanted = fan_out(whole, "channels", &owner(), "support/crm", able).unwrap();
    wanted.iter().map(|(key, _)| key.to_string()).collect()
}

fn refusal(whole: &Settings, able: &Capabilities) -> String {
    fan_out(whole, "channels", &owner(), "support/crm", able)
        .unwrap_err()
        .to_string()
}

#[test]
fn one_for_all_one_for_each_event_and_one_for_each_event_and_value() {
    let plain = whole(&["a", "b"], Filters::new());
    assert_eq!(keys(&plain, &able(FanOut::Together, TREES)), ["default"]);
    assert_eq!(
        keys(&plain, &able(FanOut::EachEvent, Filtering::None)),
        ["a", "b"]
    );
    let pairs = able(FanOut::EachEventAndFilter, Filtering::Pairs);
    assert_eq!(keys(&plain, &pairs), ["a", "b"]);
    let channels = condition("channelId", Operator::In, &["1"]);
    let kinds = condition("interactionType", Operator::In, &["opened", "clicked"]);
    let filtered = whole(&["a", "b"], filter(ONLY_SCOPE, Match::All, vec![channels, kinds]));
    let wanted = fan_out(&filtered, "channels", &owner(), "support/crm", &pairs).unwrap();
    assert_eq!(wanted.len(), 4);
    let held: Vec<_> = wanted
        .iter()
        .map(|(_, settings)| {
            as_pairs(&settings.filters)
                .map(|(f, v)| format!("{f}={v}"))
                .collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(held[0], ["channelId=1", "interactionType=clicked"]);
    assert_eq!(held[1], ["channelId=1", "interactionType=opened"]);
    let keys: BTreeSet<_> = wanted.iter().map(|(key, _)| key).collect();
    assert_eq!(keys.len(), 4, "every one has a key of its own");
    assert!(keys.iter().all(|key| key.as_str().contains('#')));
}

#[test]
fn names_carry_the_marker_of_their_key_and_are_left_out_where_there_are_none() {
    let each = able(FanOut::EachEvent, Filtering::None);
    for (key, settings) in fan_out(&whole(&["a", "b"], Filters::new()), "", &owner(), "human", &each).unwrap()
    {
        assert_eq!(settings.name, Some(owner().remote_name(&key, "human")));
        assert_eq!(settings.events, whole(&[key.as_str()], Filters::new()).events);
    }
    let nameless = Capabilities {
        supports: FieldSet::of(Field::ALL).without(FieldSet::of(&[Field::Name])),
        ..each
    };
    let wanted = fan_out(&whole(&["a"], Filters::new()), "", &owner(), "human", &nameless).unwrap();
    assert_eq!(wanted[0].1.name, None);
}

#[test]
fn an_event_belongs_to_the_service_that_it_names_or_else_to_the_given_one() {
    let able = Capabilities {
        services: SERVICES,
        ..able(FanOut::EachEvent, Filtering::None)
    };
    let events = whole(&["sms.outbound", "numbers/n.created"], Filters::new());
    assert_eq!(
        keys(&events, &able),
        ["channels/sms.outbound", "numbers/n.created"]
    );
    let twice = whole(&["sms.outbound", "channels/sms.outbound"], Filters::new());
    assert_eq!(keys(&twice, &able).len(), 1, "two spellings of one event are one");
    let message = refusal(&whole(&["chanels/sms.outbound"], Filters::new()), &able);
    assert!(
        message.contains("chanels") && message.contains("channels, numbers"),
        "{message}"
    );
}

#[test]
fn what_a_provider_cannot_say_is_refused_with_the_field_and_a_way_out() {
    let pairs = able(FanOut::EachEventAndFilter, Filtering::Pairs);
    let value = |operator| condition("a", operator, &["1"]);
    let two = || vec![value(Operator::In), condition("b", Operator::In, &["1"])];
    let twice = vec![value(Operator::In), condition("a", Operator::In, &["2"])];
    let cases = [
        (
            filter(ONLY_SCOPE, Match::All, vec![value(Operator::NotIn)]),
            "NotIn",
        ),
        (filter(ONLY_SCOPE, Match::Any, two()), "Any"),
        (filter("Family", Match::All, two()), "scope"),
        (filter(ONLY_SCOPE, Match::All, twice), "two conditions"),
    ];
    for (filters, word) in cases {
        let message = refusal(&whole(&["e"], filters), &pairs);
        assert!(
            message.starts_with("spec.filters: ") && message.contains(word),
            "{message}"
        );
    }
    let one_of_any = filter(ONLY_SCOPE, Match::Any, vec![value(Operator::In)]);
    assert_eq!(
        keys(&whole(&["e"], one_of_any), &pairs).len(),
        1,
        "any of one is that one"
    );
}

#[test]
fn a_setting_that_the_provider_does_not_have_is_refused() {
    let none = Capabilities {
        supports: FieldSet::of(&[Field::Url, Field::Events, Field::Enabled]),
        ..NAMED
    };
    let base = || whole(&["e"], Filters::new());
    let cases = [
        (
            Settings {
                authorization: Authorization::Bearer("t".into()),
                ..base()
            },
            "spec.authorization",
        ),
        (
            Settings {
                headers: [("x".to_owned(), "v".into())].into(),
                ..base()
            },
            "spec.headers",
        ),
        (
            Settings {
                signing_key: Some("k".into()),
                ..base()
            },
            "spec.signing",
        ),
        (
            Settings {
                max_retries: Some(3),
                ..base()
            },
            "spec.options",
        ),
        (
            Settings {
                filters: pairs([("a".to_owned(), "1".to_owned())]),
                ..base()
            },
            "spec.filters",
        ),
    ];
    for (settings, field) in cases {
        let message = refusal(&settings, &none);
        assert!(message.starts_with(field), "{message}");
    }
}

#[test]
fn a_filter_without_a_scope_is_of_the_only_family() {
    let able = able(FanOut::Together, TREES);
    let unnamed = filter(
        ONLY_SCOPE,
        Match::All,
        vec![condition("QueueId", Operator::NotIn, &["1"])],
    );
    let wanted = fan_out(&whole(&["e"], unnamed.clone()), "", &owner(), "h", &able).unwrap();
    assert!(wanted[0].1.filters.contains_key("Conversation"));
    let mut twice = unnamed;
    twice.insert("Conversation".into(), twice[ONLY_SCOPE].clone());
    assert!(refusal(&whole(&["e"], twice), &able).contains("twice"));
}

#[test]
fn more_than_status_can_hold_is_refused() {
    let pairs = able(FanOut::EachEventAndFilter, Filtering::Pairs);
    let values: Vec<String> = (0..33).map(|i| i.to_string()).collect();
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    let filters = filter(
        ONLY_SCOPE,
        Match::All,
        vec![condition("a", Operator::In, &values)],
    );
    let message = refusal(&whole(&["e", "f"], filters), &pairs);
    assert!(message.contains("more than the 64"), "{message}");
}

#[test]
fn as_many_are_asked_for_as_are_made_and_none_is_left_out() {
    let pairs = able(FanOut::EachEventAndFilter, Filtering::Pairs);
    let asked = |events: &[&str], values: usize| {
        let values: Vec<String> = (0..values).map(|i| i.to_string()).collect();
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        let condition = condition("a", Operator::In, &values);
        let whole = whole(events, filter(ONLY_SCOPE, Match::All, vec![condition]));
        let demand = demand(&whole.events, "", &whole.filters, &pairs);
        let made = fan_out(&whole, "", &owner(), "h", &pairs).ok();
        (demand, made.map(|made| made.len()))
    };
    assert_eq!(asked(&["e"], 1), (Some(1), Some(1)));
    assert_eq!(asked(&["e", "f", "g"], 2), (Some(6), Some(6)));
    assert_eq!(asked(&["e"], 64), (Some(64), Some(64)));
    assert_eq!(asked(&["e", "f"], 32), (Some(64), Some(64)));
    assert_eq!(asked(&["e"], 65), (Some(65), None));
    let filters = Filters::new();
    let events = |events: &[&str]| whole(events, Filters::new()).events;
    let together = able(FanOut::Together, TREES);
    assert_eq!(demand(&events(&["e", "f"]), "", &filters, &together), Some(1));
    let scoped = filter("Family", Match::All, vec![condition("a", Operator::In, &["1"])]);
    assert_eq!(
        demand(&events(&["e"]), "", &scoped, &pairs),
        None,
        "it cannot be said"
    );
}

proptest! {
    #[test]
    fn the_same_wish_has_the_same_keys_whatever_the_order(
        mut events in prop::collection::btree_set("[a-z]{1,4}", 1..4),
        values in prop::collection::btree_set("[a-z]{1,3}", 1..4),
    ) {
        let able = able(FanOut::EachEventAndFilter, Filtering::Pairs);
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        let filters = || filter(ONLY_SCOPE, Match::All, vec![condition("a", Operator::In, &values)]);
        let list: Vec<&str> = events.iter().map(String::as_str).collect();
        let all = keys(&whole(&list, filters()), &able);
        prop_assert_eq!(all.len(), list.len() * values.len());
        // What one event is called does not depend on the others: removing one removes just its own.
        let gone = list[0].to_owned();
        events.remove(&gone);
        if !events.is_empty() {
            let rest: Vec<&str> = events.iter().map(String::as_str).collect();
            let fewer = keys(&whole(&rest, filters()), &able);
            let expected: Vec<String> =
                all.into_iter().filter(|key| key.split('#').next() != Some(&gone)).collect();
            prop_assert_eq!(fewer, expected);
        }
    }
}

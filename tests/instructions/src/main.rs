//! `instructions CASE N` does N times what a controller does all day; `tools/instructions` counts what one costs.

#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on has failed")]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::process::ExitCode;
use std::time::Duration;

use operator_core::budget::{Budget, Limits, Priority};
use operator_core::capabilities::{Capabilities, FanOut, Filtering, Identity, SigningKeys};
use operator_core::disabled::Rules;
use operator_core::hash::{Fingerprint, HashKey};
use operator_core::marker::{Marker, Owner};
use operator_core::memory::{Entry, Memory, Wanted};
use operator_core::names::{ClusterId, ExternalId, ObjectName, ObjectUid, RemoteKey};
use operator_core::plan::{
    Action, Adoption, Intent, Replace, Restraint, Rivals, Situation, Timing, next_action,
};
use operator_core::redact;
use operator_core::remote::{Remote, Snapshot};
use operator_core::time::Moment;
use operator_core::view::{Field, FieldSet, Part, Sent, View};

const ACCOUNT: usize = 1000;

const PROVIDER: Capabilities = Capabilities {
    identity: Identity::Marker,
    supports: FieldSet::of(Field::ALL),
    rendered: FieldSet::EMPTY,
    late: FieldSet::EMPTY,
    fan_out: FanOut::EachEvent,
    filtering: Filtering::Trees { scope: "All" },
    signing: SigningKeys::Client,
    old_signatures: "",
    services: &[],
    known_events: &[],
    catalogue: false,
    tests: false,
    identical_max: None,
    listed: &[],
};

fn digest(text: &str) -> Fingerprint {
    HashKey::new([3; 32]).fingerprint("hot", [text.as_bytes()])
}

fn owner(number: usize) -> Owner {
    let name = ObjectName::new("support", &format!("crm-{number}"));
    let cluster = ClusterId::parse("c1").unwrap();
    Owner::new(&cluster, &[], &name, &ObjectUid::parse("u1").unwrap())
}

fn wish() -> Wanted {
    let mut view = View::default();
    for field in [Field::Url, Field::Events, Field::Headers] {
        view.set(field, Part::Is(digest(field.as_str())));
    }
    view.set(Field::Filters, Part::Absent);
    Wanted {
        key: RemoteKey::single(),
        view,
        digest: digest("wish"),
        events: Vec::new(),
    }
}

fn remotes() -> Vec<Remote> {
    let remote = |number| Remote {
        id: ExternalId::parse(&format!("r{number}")).unwrap(),
        marker: Some(owner(number).marker(&RemoteKey::single())),
        view: wish().view,
        created: None,
    };
    (0..ACCOUNT).map(remote).collect()
}

/// A pass over an object that is as it should be: what happens most.
fn settled(times: usize) {
    let (owner, wish) = (owner(7), wish());
    let entry = Entry {
        id: Some(ExternalId::parse("r7").unwrap()),
        stored: true,
        applied: Some(wish.digest),
        sent: Some(Sent::all_of(&wish.view)),
        ..Entry::default()
    };
    let mut memory = Memory {
        finalizer: true,
        ..Memory::default()
    };
    memory.entries.insert(wish.key.clone(), entry);
    let snapshot = Snapshot::new(Moment::from_millis(900_000), remotes());
    let (wanted, adoption, rivals) = ([wish], Adoption::default(), Rivals::default());
    let deliveries = BTreeMap::new();
    let situation = Situation {
        now: Moment::from_millis(1_000_000),
        intent: Intent::Keep {
            wanted: &wanted,
            adoption: &adoption,
            observe: false,
            correct_drift: true,
            replace: Replace::default(),
        },
        capabilities: &PROVIDER,
        owner: &owner,
        memory: &memory,
        snapshot: Some(&snapshot),
        rivals: &rivals,
        restraint: Restraint::default(),
        timing: Timing::default(),
        rules: Rules::NONE,
        deliveries: &deliveries,
    };
    assert!(matches!(next_action(&situation), Action::Settle(_)));
    for _ in 0..times {
        black_box(next_action(black_box(&situation)));
    }
}

/// A LIST of an account of a thousand becomes searchable.
fn snapshot(times: usize) {
    let remotes = remotes();
    for _ in 0..times {
        black_box(Snapshot::new(Moment::from_millis(1), black_box(remotes.clone())));
    }
}

/// The marker in the name of each of a thousand.
fn markers(times: usize) {
    let name = |number| owner(number).remote_name(&RemoteKey::single(), "Orders to the CRM");
    let names: Vec<String> = (0..ACCOUNT).map(name).collect();
    assert!(names.iter().all(|name| Marker::parse(name).is_some()));
    for _ in 0..times {
        for name in &names {
            black_box(Marker::parse(black_box(name)));
        }
    }
}

/// A thousand objects ask an account for a turn, and all get one.
fn budget(times: usize) {
    let limits = Limits {
        per_minute: 600,
        burst: 3,
        per_day: 100_000,
    };
    for _ in 0..times {
        let mut now = Moment::from_millis(0);
        let mut budget = Budget::new(limits, now);
        for who in 0..ACCOUNT {
            black_box(budget.request(&who, Priority::Create, now));
        }
        while budget.waiting() > 0 {
            now = now.after(Duration::from_secs(1));
            for who in budget.advance(now) {
                black_box(budget.request(&who, Priority::Create, now));
                budget.succeeded(&who);
            }
        }
    }
}

/// A message of a provider in which one of three secrets stands.
fn redaction(times: usize) {
    let text = format!(
        "{} s3cr3t-in-the-middle {}",
        "no such event ".repeat(40),
        "again ".repeat(40)
    );
    let secrets = [
        "s3cr3t-in-the-middle",
        "another-secret-9Gx/1=",
        "the third, with words",
    ];
    assert!(!redact::shown(&text, secrets).contains("s3cr3t"));
    for _ in 0..times {
        black_box(redact::shown(black_box(&text), secrets));
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let case = match arguments.first().map(String::as_str) {
        Some("settled") => settled,
        Some("snapshot") => snapshot,
        Some("markers") => markers,
        Some("budget") => budget,
        Some("redaction") => redaction,
        _ => return ExitCode::from(2),
    };
    let Some(times) = arguments.get(1).and_then(|times| times.parse().ok()) else {
        return ExitCode::from(2);
    };
    case(times);
    ExitCode::SUCCESS
}

//! Boundaries and plans, by their names.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use test_harness::proxy::{
    Action, At, Call, EventPattern, Pattern, Plan as Fault, Record, Side as To, Swap, WatchAction, WatchPlan,
};

use crate::scenario::Scenario;
use crate::support::Side;

/// A request of the operator in a scenario.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Boundary {
    /// `dixa`, …
    pub side: String,
    /// Name of the scenario.
    pub scenario: String,
    /// [`Call::label`].
    pub label: String,
    /// The how-manieth of its kind, from 1. Always 1 for what a clock or a cache may ask for once more: reads,
    /// Events, and the status of a provider.
    pub nth: u64,
}

impl Boundary {
    fn fault(&self, object: &str, at: At, action: Action) -> Fault {
        let mut requests = Pattern::label(&self.label);
        if self.label.starts_with("patch webhooksubscriptions") {
            requests.name = Some(object.to_owned());
        }
        Fault::nth(requests, self.nth, at, action)
    }

    fn to(&self) -> To {
        let provider = ["dixa ", "babel ", "bird "]
            .iter()
            .any(|name| self.label.starts_with(name));
        if provider { To::Provider } else { To::Apiserver }
    }

    fn is_write(&self) -> bool {
        let verb = match self.to() {
            To::Provider => self.label.rsplit(' ').next(),
            To::Apiserver => self.label.split(' ').next(),
        };
        !matches!(verb, Some("get" | "list" | "eventTypes"))
    }
}

impl fmt::Display for Boundary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}#{}", self.side, self.scenario, self.label, self.nth)
    }
}

/// What goes wrong at a boundary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A fault of the proxy's.
    Fault(Action),
    /// The request hangs, and the process is killed while it does.
    HangThenKill,
    /// An event of a watch does not come as it should.
    Event(WatchAction),
}

impl What {
    /// Whether somebody has to let go what is held.
    pub const fn holds(&self) -> bool {
        matches!(self, Self::HangThenKill | Self::Event(WatchAction::Hold))
    }

    /// Whether the request is left to hang until the operator gives it up.
    pub const fn hangs(&self) -> bool {
        matches!(self, Self::Fault(Action::Hang))
    }
}

/// A boundary with a fault.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Where.
    pub boundary: Boundary,
    /// When.
    pub at: At,
    /// Name of the fault.
    pub fault: &'static str,
    /// What.
    pub what: What,
    /// A second boundary of the same scenario at which the process is killed too.
    pub second: Option<(Boundary, At)>,
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.boundary, self.at, self.fault)?;
        match &self.second {
            Some((boundary, at)) => write!(f, "+{}#{}:{at}", boundary.label, boundary.nth),
            None => Ok(()),
        }
    }
}

impl Plan {
    /// The plans for the proxies, with an object of this name; the first is the one that must be met.
    pub fn faults(&self, object: &str) -> Vec<Fault> {
        let action = match &self.what {
            What::Fault(action) => action.clone(),
            What::HangThenKill => Action::Hold,
            What::Event(_) => return Vec::new(),
        };
        let first = self.boundary.fault(object, self.at, action);
        let second = self.second.iter();
        let second = second.map(|(boundary, at)| boundary.fault(object, *at, Action::Kill));
        [first].into_iter().chain(second).collect()
    }

    /// The plan for the watches, with an object of this name.
    pub fn event(&self, object: &str) -> Option<WatchPlan> {
        let What::Event(action) = &self.what else {
            return None;
        };
        let resource = self.boundary.label.strip_prefix("watch ").unwrap();
        let name = match (resource, self.boundary.scenario.as_str()) {
            ("secrets", "credential") => format!("{}-api", self.boundary.side),
            ("secrets", _) => format!("{object}-sign"),
            _ => object.to_owned(),
        };
        let plan = WatchPlan::first(resource, EventPattern::of(&name), *action);
        Some(WatchPlan {
            nth: self.boundary.nth,
            ..plan
        })
    }

    fn is_death_at_a_write(&self) -> bool {
        self.what == What::Fault(Action::Kill) && self.second.is_none() && self.boundary.is_write()
    }

    /// The deaths that group 1 of the failure catalogue names; no sample is without them.
    fn is_named(&self) -> bool {
        let scenario = self.boundary.scenario.as_str();
        self.is_death_at_a_write() && ["create", "update", "delete", "replace"].contains(&scenario)
    }

    /// The provider and the scenario.
    pub fn parts(&self) -> (Side, Scenario) {
        let side = Side::ALL
            .into_iter()
            .find(|side| side.name() == self.boundary.side);
        let scenario = Scenario::ALL
            .into_iter()
            .find(|one| one.name() == self.boundary.scenario);
        (side.unwrap(), scenario.unwrap())
    }
}

/// The file with all boundaries.
const WRITTEN_DOWN: &str = include_str!("boundaries.txt");

/// All boundaries that are written down.
pub fn written_down() -> BTreeSet<String> {
    let lines = WRITTEN_DOWN
        .lines()
        .filter(|line| !line.starts_with("//") && !line.is_empty());
    lines.map(str::to_owned).collect()
}

/// Writes the boundaries down.
pub fn write_down(all: &BTreeSet<String>) {
    let head = WRITTEN_DOWN.lines().take_while(|line| line.starts_with("//"));
    let lines: Vec<&str> = head.chain(all.iter().map(String::as_str)).collect();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sweep/boundaries.txt");
    std::fs::write(path, lines.join("\n") + "\n").unwrap();
}

/// Whether the number of such requests is the same in every run. The status of a provider tells of its last look.
fn counts(call: &Call) -> bool {
    call.is_write() && !["events", "webhookproviders"].contains(&call.resource.as_str())
}

/// Whether a request is a boundary. Watches have tests of their own, discovery belongs to the start, and leases follow
/// the clock.
fn is_boundary(scenario: Scenario, call: &Call) -> bool {
    // How many subscriptions there are is told to their provider some time later.
    if call.resource == "webhookproviders" && call.is_write() && scenario != Scenario::Credential {
        return false;
    }
    let started = call.resource.starts_with('/') || call.resource == "customresourcedefinitions";
    call.verb != "watch" && !call.is_lease() && !started && call.group != "none"
}

/// The boundaries of a record, without what was written to other objects.
pub fn of(side: Side, scenario: Scenario, object: &str, records: &[Record]) -> BTreeSet<Boundary> {
    let mut seen: BTreeMap<String, u64> = BTreeMap::new();
    let mut found = BTreeSet::new();
    let elsewhere =
        |call: &Call| call.resource == "webhooksubscriptions" && call.is_write() && call.name != object;
    let others = |call: &Call| {
        let label = call.label();
        Side::ALL
            .iter()
            .any(|other| *other != side && label.starts_with(&format!("{} ", other.name())))
    };
    let mine = records.iter().filter(|record| {
        is_boundary(scenario, &record.call) && !elsewhere(&record.call) && !others(&record.call)
    });
    for record in mine {
        let label = record.call.label();
        let nth = seen.entry(label.clone()).or_default();
        *nth = if counts(&record.call) { *nth + 1 } else { 1 };
        found.insert(Boundary {
            side: side.name().to_owned(),
            scenario: scenario.name().to_owned(),
            label,
            nth: *nth,
        });
    }
    found
}

fn parse(line: &str) -> Boundary {
    let mut parts = line.splitn(3, ':').map(str::to_owned);
    let (side, scenario) = (parts.next().unwrap(), parts.next().unwrap());
    let rest = parts.next().unwrap();
    let (label, nth) = rest.rsplit_once('#').unwrap();
    Boundary {
        side,
        scenario,
        label: label.to_owned(),
        nth: nth.parse().unwrap(),
    }
}

/// Every boundary that is written down with every fault that it can have; and for each death at a write one second
/// death in the same scenario, for all pairs would be too many. The model test has all of them.
pub fn plans() -> Vec<Plan> {
    let all = written_down();
    let boundaries = all.iter().map(|line| parse(line));
    let mut plans: Vec<Plan> = boundaries.flat_map(|boundary| of_boundary(&boundary)).collect();
    plans.extend(of_watches(&all));
    let deaths: Vec<Plan> = plans
        .iter()
        .filter(|plan| plan.is_death_at_a_write())
        .cloned()
        .collect();
    for death in &deaths {
        let (side, scenario) = (&death.boundary.side, &death.boundary.scenario);
        let partners = deaths.iter().filter(|other| {
            (&other.boundary.side, &other.boundary.scenario) == (side, scenario)
                && other.boundary != death.boundary
        });
        let name = death.to_string();
        let partner = partners.min_by_key(|other| scramble(0, &format!("{name}+{other}")));
        plans.extend(partner.map(|other| Plan {
            second: Some((other.boundary.clone(), other.at)),
            ..death.clone()
        }));
    }
    plans
}

fn of_boundary(boundary: &Boundary) -> Vec<Plan> {
    let mut faults = faults_of_both();
    match boundary.to() {
        To::Provider => faults.extend(faults_of_provider()),
        To::Apiserver => faults.extend(faults_of_apiserver(boundary.is_write())),
    }
    if boundary.is_write() && boundary.to() == To::Provider {
        faults.push((At::Applied, "hang", What::Fault(Action::Hang)));
    }
    let plan = |(at, fault, what)| Plan {
        boundary: boundary.clone(),
        at,
        fault,
        what,
        second: None,
    };
    faults.into_iter().map(plan).collect()
}

/// Events of watches have no boundary each, for how many there are is up to chance. Their classes are those of the objects
/// that a scenario changes: what the user did is held up, repeated, or lost with its watch; of what follows, which is
/// mostly the echo of our own writes, one is left out or comes behind the next. A watch that falls silent is replaced
/// after minutes, which is too long for a plan: `controller::watches::tests` have that.
fn of_watches(written_down: &BTreeSet<String>) -> Vec<Plan> {
    let scenarios: BTreeSet<(String, String)> = written_down
        .iter()
        .map(|line| parse(line))
        .map(|boundary| (boundary.side, boundary.scenario))
        .collect();
    let first = [
        ("hold", WatchAction::Hold),
        ("replay", WatchAction::Replay(2)),
        ("end", WatchAction::End),
        ("gone", WatchAction::Gone),
    ];
    let second = [("drop", WatchAction::Drop), ("late", WatchAction::Late(1))];
    let mut plans = Vec::new();
    for (side, scenario) in scenarios {
        let mut add = |resource: &str, nth, faults: &[(&'static str, WatchAction)]| {
            plans.extend(faults.iter().map(|(fault, action)| Plan {
                boundary: Boundary {
                    side: side.clone(),
                    scenario: scenario.clone(),
                    label: format!("watch {resource}"),
                    nth,
                },
                at: At::Before,
                fault,
                what: What::Event(*action),
                second: None,
            }));
        };
        match scenario.as_str() {
            // Nothing is edited.
            "restart" => {}
            "credential" | "key" => add("secrets", 1, &first),
            _ => {
                add("webhooksubscriptions", 1, &first);
                add("webhooksubscriptions", 2, &second);
            }
        }
        if scenario == "create" {
            add("secrets", 1, &first);
        }
    }
    plans
}

type Named = (At, &'static str, What);

fn refused(code: u16, retry_after: Option<&str>) -> What {
    What::Fault(Action::Status {
        code,
        retry_after: retry_after.map(str::to_owned),
    })
}

fn faults_of_both() -> Vec<Named> {
    let fault = What::Fault;
    vec![
        (At::Before, "kill", fault(Action::Kill)),
        (At::Applied, "kill", fault(Action::Kill)),
        (At::After, "kill", fault(Action::Kill)),
        (At::Before, "reset", fault(Action::Reset)),
        (At::Applied, "reset", fault(Action::Reset)),
        (At::Before, "hang-kill", What::HangThenKill),
        (At::Applied, "hang-kill", What::HangThenKill),
        (At::Before, "503", refused(503, None)),
        (At::Before, "429", refused(429, Some("1"))),
        (At::Applied, "504", refused(504, None)),
        (
            At::Applied,
            "delay",
            fault(Action::Delay(Duration::from_millis(300))),
        ),
        (At::Applied, "html", fault(Action::Body(Swap::Html))),
        (At::Applied, "cut", fault(Action::Cut { after: 40 })),
    ]
}

fn faults_of_provider() -> Vec<Named> {
    let slice = Action::Slice {
        bytes: 64,
        pause: Duration::from_millis(5),
    };
    vec![
        (At::Applied, "null", What::Fault(Action::Body(Swap::Null))),
        (At::Applied, "empty", What::Fault(Action::Body(Swap::Empty))),
        (
            At::Applied,
            "truncated",
            What::Fault(Action::Body(Swap::Truncated)),
        ),
        (At::Applied, "slice", What::Fault(slice)),
    ]
}

fn faults_of_apiserver(write: bool) -> Vec<Named> {
    let mut faults = vec![(At::Before, "429-far", refused(429, Some("86400")))];
    if write {
        faults.push((At::Before, "409", refused(409, None)));
    }
    faults
}

/// The named plans, and so many others as a seed chooses; in an order that spreads every kind over the run.
pub fn sample(all: Vec<Plan>, seed: u64, size: usize) -> Vec<Plan> {
    let (mut chosen, mut others): (Vec<Plan>, Vec<Plan>) = all.into_iter().partition(Plan::is_named);
    let order = |plan: &Plan| scramble(seed, &plan.to_string());
    others.sort_by_cached_key(order);
    others.truncate(size);
    chosen.extend(others);
    chosen.sort_by_cached_key(order);
    chosen
}

/// FNV-1a over the name, then the finalizer of splitmix64.
fn scramble(seed: u64, name: &str) -> u64 {
    let start = 0xcbf2_9ce4_8422_2325 ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let hash = name.bytes().fold(start, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

/// The plans of these names, separated by `;`.
pub fn named(all: &[Plan], names: &str) -> Vec<Plan> {
    let find = |name: &str| {
        let found = all.iter().find(|plan| plan.to_string() == name).cloned();
        found.unwrap_or_else(|| panic!("no plan is called {name}"))
    };
    names.split(';').map(|name| find(name.trim())).collect()
}

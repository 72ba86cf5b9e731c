//! A world in which plans are played one after the other, each on an object of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use test_harness::proxy::{Pattern, Release};

use crate::audit::{Book, remote, stored};
use crate::boundary::{self, Boundary, Plan, What};
use crate::history::{History, Row, check, check_quiet};
use crate::neighbour;
use crate::scenario::{Case, Scenario};
use crate::support::{OPERATOR_USER, PROVIDER, SUBSCRIPTION, Setup, Side, World, condition, now_ms};

/// Covers the deadline of a call to a provider (30 s), which a plan may use up, and what follows.
const SETTLED: Duration = Duration::from_secs(120);
/// Milliseconds after which the operator has given up a call to a provider, and has told so.
const GIVEN_UP: u64 = 32_000;
/// Longest time that a watch takes to tell of what is stored.
const TOLD: Duration = Duration::from_secs(10);
/// How long an event of a watch is held up.
const HELD: Duration = Duration::from_millis(1500);
/// Between two looks: a dozen worlds look at once.
const PAUSE: Duration = Duration::from_millis(100);
/// How long the record is watched for a request that comes behind what a user can see, such as an Event.
const TRAIL: Duration = Duration::from_secs(3);

/// A world with its provider and its bystander.
pub struct Stage<'a> {
    world: World,
    side: Side,
    book: &'a Book,
    /// What the objects leave behind, with its scenario.
    left: Vec<(Scenario, String)>,
    bystanders: BTreeMap<String, Row>,
    credential: String,
    /// Every credential that the account had.
    credentials: BTreeSet<String>,
    count: usize,
}

/// How a plan went.
pub struct Played {
    /// Whether the boundary was met.
    pub met: bool,
    /// What was not as it should be.
    pub wrong: Vec<String>,
}

impl<'a> Stage<'a> {
    /// A new world.
    pub fn new(side: Side, book: &'a Book) -> Self {
        let world = Setup::new()
            .through_proxies()
            .log("info")
            .flag("--interval=5s")
            .start();
        side.connect(&world, json!({}));
        let event = side.events()[2];
        let url = "https://somebody-else.example/hook";
        let id = side.create_by_hand(&world, event, url);
        let row = Row {
            url: url.to_owned(),
            events: [side.spelled(event)].into(),
            ours: false,
        };
        let mut stage = Self {
            world,
            side,
            book,
            left: Vec::new(),
            bystanders: [(id, row)].into(),
            credential: side.credential().to_owned(),
            credentials: [side.credential().to_owned()].into(),
            count: 0,
        };
        neighbour::moves_in(side, &stage.world);
        // What happens once in a process, or once in an account, is behind it.
        stage.case(Scenario::Update, "first", 0).prepare();
        stage.settle(Scenario::Update, "first", 0, None).unwrap();
        stage.left.push((Scenario::Update, "first".to_owned()));
        stage
    }

    fn case(&self, scenario: Scenario, name: &str, mark: u64) -> Case<'_> {
        Case {
            world: &self.world,
            side: self.side,
            scenario,
            name: name.to_owned(),
            mark,
        }
    }

    /// A scenario without a fault; returns the boundaries that were met.
    pub fn record(&mut self, scenario: Scenario) -> Result<BTreeSet<Boundary>, String> {
        let run = self.run(scenario, None)?;
        if !run.wrong.is_empty() {
            return Err(run.wrong.join("; "));
        }
        // Whatever comes behind comes before the next comparison.
        self.lists(self.world.mark(), 1)?;
        let records = self.world.switchboard().records_since(run.begun);
        Ok(boundary::of(self.side, scenario, &run.name, &records))
    }

    /// Plays a plan.
    pub fn play(&mut self, plan: &Plan) -> Result<Played, String> {
        let (_, scenario) = plan.parts();
        let run = self.run(scenario, Some(plan))?;
        Ok(Played {
            met: run.met,
            wrong: run.wrong,
        })
    }

    fn run(&mut self, scenario: Scenario, plan: Option<&Plan>) -> Result<Run, String> {
        self.count += 1;
        let name = format!("{}-{}", scenario.name(), self.count);
        self.book.take(&self.world.namespace);
        let (start, since) = (self.world.mark(), now_ms());
        let given = self.case(scenario, &name, start).prepare();
        let prepared = match scenario {
            Scenario::Create | Scenario::FanOut | Scenario::Adopt => None,
            _ => Some(Scenario::Update),
        };
        if let Some(as_if) = prepared {
            self.settle(as_if, &name, start, None)?;
            // The Event about it is no boundary of the scenario: it comes before the next comparison.
            if plan.is_none() {
                self.lists(self.world.mark(), 1)?;
            }
        }
        let begun = self.world.switchboard().last_seq();
        let mark = self.world.mark();
        let faults = plan.map(|plan| plan.faults(&name)).unwrap_or_default();
        let event = plan.and_then(|plan| plan.event(&name));
        if event.is_some() && prepared.is_some() {
            self.told(&name);
        }
        let event = event.map(|event| self.world.switchboard().add_watch(event));
        let numbers: Vec<u64> = faults
            .into_iter()
            .map(|fault| self.world.switchboard().add(fault).unwrap())
            .collect();
        let fault = numbers.first().copied().or(event);
        self.case(scenario, &name, mark).act(&given);
        if scenario == Scenario::Restart {
            self.world.kill_and_restart();
        }
        let hang = plan.filter(|plan| plan.what.holds());
        let settled = self.settle(scenario, &name, mark, hang.zip(fault));
        let met = self.trail(scenario, &name, mark, hang.zip(fault), fault, settled)?;
        if let Some(fault) = fault.filter(|_| plan.is_some_and(|plan| plan.what.hangs())) {
            self.outlast(fault);
            self.settle(scenario, &name, mark, None)?;
        }
        self.world.switchboard().clear();
        let last = if event.is_some() {
            Release::Continue
        } else {
            Release::Drop
        };
        self.world.switchboard().release_all(last);
        if scenario == Scenario::Credential {
            let now = format!("api_canary-credential-{name}");
            self.credentials.insert(now.clone());
            let before = std::mem::replace(&mut self.credential, now);
            self.side.remove_credential(&self.world, &before);
        }
        let wrong = self.judge(scenario, &name, (start, since), &given);
        self.left.push((scenario, name.clone()));
        Ok(Run {
            name,
            begun,
            met,
            wrong,
        })
    }

    /// Waits for a plan whose boundary may come behind what a user sees; says whether it struck.
    fn trail(
        &mut self,
        scenario: Scenario,
        name: &str,
        mark: u64,
        hang: Option<(&Plan, u64)>,
        fault: Option<u64>,
        settled: Result<(), String>,
    ) -> Result<bool, String> {
        settled?;
        let Some(fault) = fault else { return Ok(true) };
        let begun = Instant::now();
        while self.world.switchboard().fired(fault) == 0 && begun.elapsed() < TRAIL {
            thread::sleep(PAUSE);
        }
        // It may have struck since, or in the very last request.
        self.settle(scenario, name, mark, hang)?;
        Ok(self.world.switchboard().fired(fault) > 0)
    }

    /// Waits until the operator has given up a request that hangs. Where that request was carried out, the rest may look
    /// settled long before.
    fn outlast(&self, fault: u64) {
        let board = self.world.switchboard();
        for struck in board
            .records()
            .iter()
            .filter(|record| record.plans.contains(&fault))
        {
            let over = || now_ms() > struck.time_ms + GIVEN_UP;
            let died = || board.processes().iter().any(|(seq, ..)| *seq > struck.seq);
            while !over() && !died() {
                thread::sleep(PAUSE);
            }
        }
    }

    /// Starts again what died, until everything is as it is to be.
    fn settle(
        &mut self,
        scenario: Scenario,
        name: &str,
        mark: u64,
        hang: Option<(&Plan, u64)>,
    ) -> Result<(), String> {
        let begun = Instant::now();
        loop {
            self.world.restart_if_dead();
            if let Some((plan, _)) = hang {
                self.let_go_what_is_held(plan);
            }
            let missing = match self.case(scenario, name, mark).settled() {
                Ok(()) => return Ok(()),
                Err(missing) => missing,
            };
            if begun.elapsed() > SETTLED {
                let log = self.world.operator_log();
                let lines: Vec<&str> = log.lines().collect();
                let tail = lines[lines.len().saturating_sub(8)..].join("\n");
                return Err(format!(
                    "{name} never settled: {missing}\nthe operator's last lines:\n{tail}"
                ));
            }
            thread::sleep(PAUSE);
        }
    }

    fn let_go_what_is_held(&mut self, plan: &Plan) {
        let requests = Pattern::label(&plan.boundary.label);
        let held = self.world.switchboard().held();
        if let Some((id, _)) = held
            .into_iter()
            .find(|(_, call)| requests.label.as_deref() == Some(&call.label()))
        {
            if matches!(plan.what, What::Event(_)) {
                // Long enough that the objects which wait for nothing would have come to rest.
                thread::sleep(HELD);
                self.world.switchboard().release(id, Release::Continue);
            } else {
                self.world.kill_and_restart();
                self.world.switchboard().release(id, Release::Drop);
            }
        }
    }

    fn judge(
        &mut self,
        scenario: Scenario,
        name: &str,
        (start, since): (u64, u64),
        given: &[(String, String, String)],
    ) -> Vec<String> {
        let mut seeds = self.bystanders.clone();
        for (id, url, event) in given {
            let row = Row {
                url: url.clone(),
                events: [self.side.spelled(event)].into(),
                ours: true,
            };
            seeds.insert(id.clone(), row);
        }
        let ids = seeds.keys().cloned().collect();
        let log = self.side.since(&self.world, start, "");
        let audit = self.book.take(&self.world.namespace);
        let mut told = self.world.said();
        let object = self.world.find(SUBSCRIPTION, name);
        told.extend(object.map(|object| ("its status".to_owned(), object["status"].to_string())));
        for event in audit.iter().filter(|event| event.user == OPERATOR_USER) {
            let text = format!("{} {}", event.request_object, event.response_object);
            told.push(("the audit log".to_owned(), text));
        }
        let history = History {
            seeds,
            remote: remote(self.side, name, &log, &ids),
            stored: stored(self.side, name, &audit),
            gone: scenario == Scenario::Delete,
            told,
            canaries: self.world.secrets(),
            keys: neighbour::names(&self.credentials),
            neighbour: neighbour::history(self.side, &self.world, since),
        };
        check(&history).iter().map(ToString::to_string).collect()
    }

    /// How many objects there are by now.
    pub fn len(&self) -> usize {
        self.left.len()
    }

    /// Whether one more of this scenario fits: Bird has no more than five that are alike.
    pub fn has_room(&self) -> bool {
        self.left
            .iter()
            .filter(|(scenario, _)| *scenario == Scenario::Adopt)
            .count()
            < 4
    }

    /// Watches ten comparisons in which nothing may be written, then deletes all objects; returns what was wrong.
    pub fn quiet_and_clear(&mut self) -> Result<Vec<String>, String> {
        self.calm()?;
        let mark = self.world.mark();
        let lists = self.lists(mark, 10)?;
        let (remote, stored) = self.writes(mark);
        let mut wrong: Vec<String> = check_quiet(&remote, &stored, lists)
            .iter()
            .map(ToString::to_string)
            .collect();
        let left = std::mem::take(&mut self.left);
        for (_, name) in left.iter().filter(|(scenario, _)| *scenario != Scenario::Delete) {
            self.world.delete(SUBSCRIPTION, name);
        }
        for (_, name) in &left {
            self.settle(Scenario::Delete, name, mark, None)?;
        }
        let rows = self.side.rows(&self.world).len();
        if rows != self.bystanders.len() {
            wrong.push(format!(
                "I2: {rows} remote subscriptions where nobody's but the bystander's should be"
            ));
        }
        Ok(wrong)
    }

    /// Waits for two comparisons without a write. What a plan left open may be told once more behind it: a deletion whose
    /// answer was lost is counted as gone by the next comparison, and the provider's status says so seconds later.
    fn calm(&mut self) -> Result<(), String> {
        let begun = Instant::now();
        loop {
            self.counted()?;
            let mark = self.world.mark();
            self.writes(mark);
            self.lists(mark, 2)?;
            let (remote, stored) = self.writes(mark);
            if remote.is_empty() && stored.is_empty() {
                return Ok(());
            }
            if begun.elapsed() > SETTLED {
                return Err(format!("it does not come to rest: {remote:?} {stored:?}"));
            }
        }
    }

    /// What was written to the provider since a mark, and to the apiserver since the last look, but for the Lease.
    fn writes(&mut self, mark: u64) -> (Vec<String>, Vec<String>) {
        let remote = self.side.writes(&self.world, mark);
        let audit = self.book.take(&self.world.namespace);
        let ours = audit
            .iter()
            .filter(|event| event.user == OPERATOR_USER && event.resource != "leases");
        let stored = ours.map(|event| {
            let (verb, resource, sub, name) = (&event.verb, &event.resource, &event.subresource, &event.name);
            format!("{verb} {resource}/{sub} {name} with {}", event.request_object)
        });
        (remote, stored.collect())
    }

    /// Waits until the status of the provider says how many there are, that it answers again, and that no pause holds any
    /// more, which it does a comparison or two later.
    fn counted(&mut self) -> Result<(), String> {
        let begun = Instant::now();
        loop {
            let rows = self.side.rows(&self.world).len();
            let mut provider = self.world.object(PROVIDER, self.side.name());
            let paused = condition(&provider, "Throttled")["status"] == "True";
            let ready = condition(&provider, "Ready")["status"] == "True";
            let told = provider["status"]["subscriptions"].take();
            if told["remote"] == rows && told["unmanaged"] == self.bystanders.len() && ready && !paused {
                return Ok(());
            }
            if begun.elapsed() > SETTLED {
                return Err(format!(
                    "{rows} remote subscriptions; the provider is ready: {ready}, paused: {paused}, and said to have {told}"
                ));
            }
            self.world.restart_if_dead();
            thread::sleep(PAUSE);
        }
    }

    /// Waits until the operator's watch has told of an object as it is, so that the next event is about what comes now.
    /// Where a LIST told of it, no event will.
    fn told(&self, name: &str) {
        let begun = Instant::now();
        let object = self.world.subscription(name);
        let version = object["metadata"]["resourceVersion"].as_str().unwrap_or_default();
        while !self.world.switchboard().has_told(name, version) && begun.elapsed() < TOLD {
            thread::sleep(PAUSE);
        }
    }

    /// Waits for so many lists since a mark.
    fn lists(&mut self, mark: u64, count: usize) -> Result<usize, String> {
        let begun = Instant::now();
        loop {
            let lists = self.side.count(&self.world, mark, "list");
            if lists >= count {
                return Ok(lists);
            }
            if begun.elapsed() > SETTLED {
                return Err(format!("{lists} of {count} comparisons"));
            }
            self.world.restart_if_dead();
            thread::sleep(PAUSE);
        }
    }
}

struct Run {
    name: String,
    begun: u64,
    met: bool,
    wrong: Vec<String>,
}

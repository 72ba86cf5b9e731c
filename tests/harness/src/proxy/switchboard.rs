//! What the proxies of one world share: the plans, the record, and what is held.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::sync::oneshot;

use super::classify::Call;
use super::plan::{Action, At, Pattern, Plan, PlanError, WatchAction, WatchPlan, hits};
use super::watch::Traits;
use crate::wait::{TimedOut, wait_for};

/// A moment of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// Number in the one order of everything that the switchboard saw.
    pub seq: u64,
    /// Milliseconds since the epoch.
    pub time_ms: u64,
    /// HTTP status.
    pub status: u16,
}

/// One request. Neither headers nor bodies are kept: they hold secrets.
#[derive(Debug, Clone)]
pub struct Record {
    /// Number in the one order, from 1; it names the request.
    pub seq: u64,
    /// Milliseconds since the epoch.
    pub time_ms: u64,
    /// What it is.
    pub call: Call,
    /// When the server had answered, and how.
    pub applied: Option<Mark>,
    /// When the answer was given to the client, and with which status.
    pub answered: Option<Mark>,
    /// Plans that hit it.
    pub plans: Vec<u64>,
}

/// What became of the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProcessEvent {
    /// It was started.
    Started,
    /// It was killed, by a plan or by the test.
    Killed,
    /// It ended by itself or on SIGTERM.
    Ended,
}

/// What becomes of what is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Release {
    /// It goes on.
    Continue,
    /// A request's connection is reset; a watch goes on without the events that were held.
    Drop,
}

#[derive(Default)]
struct Board {
    seq: u64,
    records: Vec<Record>,
    processes: Vec<(u64, u64, ProcessEvent)>,
    last_plan: u64,
    plans: BTreeMap<u64, Active<Plan>>,
    watch_plans: BTreeMap<u64, Active<WatchPlan>>,
    holds: BTreeMap<u64, (Call, oneshot::Sender<Release>)>,
    /// The last versions of which watches of subscriptions told, by name.
    told: BTreeMap<String, String>,
    victim: Option<u32>,
}

struct Active<P> {
    plan: P,
    matched: u64,
    fired: u64,
}

impl<P> Active<P> {
    const fn new(plan: P) -> Self {
        Self {
            plan,
            matched: 0,
            fired: 0,
        }
    }

    fn meet(&mut self, nth: u64, times: u64) -> bool {
        self.matched += 1;
        let hit = hits(nth, times, self.matched);
        self.fired += u64::from(hit);
        hit
    }
}

/// Plans, record and holds of a world. Clones are the same switchboard.
#[derive(Clone, Default)]
pub struct Switchboard {
    board: Arc<Mutex<Board>>,
}

/// A request that was read, with what is to happen to it.
pub(super) struct Arrival {
    pub seq: u64,
    pub actions: Vec<(At, Action)>,
}

impl Switchboard {
    fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Names the operator that [`Action::Kill`] kills: a process id that leads its group.
    pub fn aim(&self, pid: u32) {
        let mut board = self.board();
        board.victim = Some(pid);
        board.note(ProcessEvent::Started);
    }

    /// Records what a test did to the operator by itself.
    pub fn note(&self, event: ProcessEvent) {
        let mut board = self.board();
        board.victim = None;
        board.note(event);
    }

    /// Adds a plan; returns its number.
    ///
    /// # Errors
    /// [`PlanError`] when the plan cannot happen.
    pub fn add(&self, plan: Plan) -> Result<u64, PlanError> {
        plan.check()?;
        let mut board = self.board();
        board.last_plan += 1;
        let id = board.last_plan;
        board.plans.insert(id, Active::new(plan));
        Ok(id)
    }

    /// Adds a plan for events of watches; returns its number. It counts events from now on, also on watches that
    /// are open already.
    pub fn add_watch(&self, plan: WatchPlan) -> u64 {
        let mut board = self.board();
        board.last_plan += 1;
        let id = board.last_plan;
        board.watch_plans.insert(id, Active::new(plan));
        id
    }

    /// How often a plan has struck.
    pub fn fired(&self, plan: u64) -> u64 {
        let board = self.board();
        let request = board.plans.get(&plan).map(|active| active.fired);
        let watch = board.watch_plans.get(&plan).map(|active| active.fired);
        request.or(watch).unwrap_or(0)
    }

    /// Waits for a plan to strike.
    ///
    /// # Errors
    /// [`TimedOut`].
    pub fn wait_fired(&self, plan: u64, deadline: Duration) -> Result<(), TimedOut> {
        wait_for(deadline, "a fault plan to strike", || self.fired(plan) > 0)
    }

    /// Forgets all plans. What is held stays held.
    pub fn clear(&self) {
        let mut board = self.board();
        board.plans.clear();
        board.watch_plans.clear();
    }

    /// What is held at present: the number by which it is released, and the request.
    pub fn held(&self) -> Vec<(u64, Call)> {
        let board = self.board();
        board
            .holds
            .iter()
            .map(|(id, (call, _))| (*id, call.clone()))
            .collect()
    }

    /// Waits until a matching request or watch is held; returns its number.
    ///
    /// # Errors
    /// [`TimedOut`].
    pub fn wait_held(&self, requests: &Pattern, deadline: Duration) -> Result<u64, TimedOut> {
        wait_for(deadline, "a request to be held", || {
            let held = self.held();
            held.into_iter()
                .find_map(|(id, call)| requests.matches(&call).then_some(id))
        })
    }

    /// Lets go what is held under a number; `false` when nothing is.
    pub fn release(&self, held: u64, release: Release) -> bool {
        let found = self.board().holds.remove(&held);
        found.is_some_and(|(_, waiting)| waiting.send(release).is_ok())
    }

    /// Lets everything go that is held.
    pub fn release_all(&self, release: Release) {
        let all = std::mem::take(&mut self.board().holds);
        for (_, waiting) in all.into_values() {
            let _ = waiting.send(release);
        }
    }

    /// The whole record, oldest first.
    pub fn records(&self) -> Vec<Record> {
        self.records_since(0)
    }

    /// Requests with a higher number, oldest first.
    pub fn records_since(&self, since: u64) -> Vec<Record> {
        let board = self.board();
        let from = board.records.partition_point(|record| record.seq <= since);
        board.records[from..].to_vec()
    }

    /// What became of the operator: number in the one order, milliseconds since the epoch, and what.
    pub fn processes(&self) -> Vec<(u64, u64, ProcessEvent)> {
        self.board().processes.clone()
    }

    /// The newest number, 0 before the first.
    pub fn last_seq(&self) -> u64 {
        self.board().seq
    }

    pub(super) fn arrive(&self, call: Call) -> Arrival {
        let mut board = self.board();
        let (seq, time_ms) = board.next();
        let mut actions = Vec::new();
        let mut plans = Vec::new();
        for (id, active) in &mut board.plans {
            let (nth, times) = (active.plan.nth, active.plan.times);
            if active.plan.requests.matches(&call) && active.meet(nth, times) {
                plans.push(*id);
                actions.push((active.plan.at, active.plan.action.clone()));
            }
        }
        board.records.push(Record {
            seq,
            time_ms,
            call,
            applied: None,
            answered: None,
            plans,
        });
        Arrival { seq, actions }
    }

    pub(super) fn applied(&self, request: u64, status: u16) {
        let mut board = self.board();
        let mark = board.mark(status);
        if let Some(record) = board.record(request) {
            record.applied = Some(mark);
        }
    }

    pub(super) fn answered(&self, request: u64, status: u16) {
        let mut board = self.board();
        let mark = board.mark(status);
        if let Some(record) = board.record(request) {
            record.answered = Some(mark);
        }
    }

    /// Whether a watch of subscriptions has told of this version of one; it may have come to the proxy and no further.
    pub fn has_told(&self, name: &str, version: &str) -> bool {
        self.board().told.get(name).is_some_and(|told| told == version)
    }

    /// What is to happen to an event of a watch.
    pub(super) fn event(&self, call: &Call, event: &Traits) -> Option<WatchAction> {
        let mut board = self.board();
        let mut met = None;
        if call.resource == "webhooksubscriptions" {
            board.told.insert(event.name.clone(), event.version.clone());
        }
        for active in board.watch_plans.values_mut() {
            let (nth, times) = (active.plan.nth, active.plan.times);
            let fits =
                active.plan.requests.matches(call) && active.plan.event.matches(&event.kind, &event.name);
            if fits && active.meet(nth, times) && met.is_none() {
                met = Some(active.plan.action);
            }
        }
        met
    }

    /// A switchboard that is gone lets go of nothing.
    pub(super) fn hold(&self, request: u64, call: &Call) -> oneshot::Receiver<Release> {
        let (release, released) = oneshot::channel();
        self.board().holds.insert(request, (call.clone(), release));
        released
    }

    pub(super) fn kill(&self) {
        let mut board = self.board();
        let Some(pid) = board.victim.take() else { return };
        let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
        // Its parent has not waited for it, so the number is still its own.
        let _ = pid.map(|pid| kill_process_group(pid, Signal::KILL));
        board.note(ProcessEvent::Killed);
    }
}

impl Board {
    fn next(&mut self) -> (u64, u64) {
        self.seq += 1;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        (self.seq, u64::try_from(now.as_millis()).unwrap_or(u64::MAX))
    }

    fn mark(&mut self, status: u16) -> Mark {
        let (seq, time_ms) = self.next();
        Mark { seq, time_ms, status }
    }

    fn note(&mut self, event: ProcessEvent) {
        let (seq, time_ms) = self.next();
        self.processes.push((seq, time_ms, event));
    }

    fn record(&mut self, request: u64) -> Option<&mut Record> {
        let at = self.records.binary_search_by_key(&request, |record| record.seq);
        at.ok().map(|at| &mut self.records[at])
    }
}

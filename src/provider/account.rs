//! One account at a provider: its budget, and the LIST that all of its objects share.
//!
//! Nobody waits inside: who may not send now, or needs a newer LIST, is registered and is woken through
//! [`Wake`] when its turn has come. A creation storm therefore holds no workers and makes at most one LIST a
//! second.

mod listing;
mod permit;
mod waits;

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use operator_core::budget::{Budget, Limits, Priority};
use operator_core::names::AccountId;
use operator_core::reason::Reason;
use operator_core::remote::Snapshot;
use operator_core::retry::Disposition;
use operator_core::time::Moment;
use tokio::sync::Notify;

pub use self::permit::Permit;
use self::waits::Waits;
use super::clock::Clock;
use super::{Adapter, ProviderError};

/// The shortest time between the beginnings of two LISTs of an account.
const LIST_GAP: Duration = Duration::from_secs(1);

/// Who is told that its turn has come, or that a LIST is there.
pub trait Wake<P>: Send + Sync {
    /// `party` should look again, before those who are woken together.
    fn wake(&self, party: &P);

    /// `party` should look again, as one of many that wait for the same.
    fn wake_together(&self, party: &P);

    /// The account began to fail, or to work again.
    fn changed(&self, account: &AccountId);

    /// A complete LIST is there; called before anybody sees it, so that the brakes can be applied.
    fn inspect(&self, account: &AccountId, snapshot: &Snapshot);
}

/// Why the account does not work at the moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// What went wrong.
    pub reason: Reason,
    /// Text for users.
    pub message: String,
}

/// The answer to "may I send?".
#[derive(Debug)]
pub enum Turn<'a, P: Party> {
    /// Yes: one request.
    Now(Permit<'a, P>),
    /// Not yet; the party will be woken.
    Later,
    /// Not while this lasts; the party will be woken when it may be over.
    Trouble(Trouble),
}

/// The answer to "is there a LIST newer than …?".
#[derive(Debug)]
pub enum Look {
    /// Yes.
    Here(Arc<Snapshot>),
    /// Not yet; the party will be woken.
    Later,
    /// The LIST fails; the party will be woken when one succeeds.
    Trouble(Trouble),
}

/// What can wait for an account: cheap to clone, comparable.
pub trait Party: Clone + Eq + Hash + fmt::Debug + Send + Sync + 'static {}
impl<T: Clone + Eq + Hash + fmt::Debug + Send + Sync + 'static> Party for T {}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Who<P> {
    List,
    Party(P),
}

struct State<P> {
    budget: Budget<Who<P>>,
    snapshot: Option<Arc<Snapshot>>,
    /// Who needs a LIST that begins after a moment (any, where it is `None`), and how urgently.
    lookers: HashMap<P, (Option<Moment>, Priority)>,
    waits: Waits<P>,
    list_begun: Option<Moment>,
    list_took: Duration,
    listing: bool,
    /// LISTs that began before lack something that no object knows any more.
    outdated: Moment,
    /// Why the last LIST failed, and when the first in a row did.
    outage: Option<(&'static str, Moment)>,
    trouble: Option<Trouble>,
}

/// One account.
pub struct Account<P: Party> {
    id: AccountId,
    adapter: Adapter,
    clock: Clock,
    waker: Arc<dyn Wake<P>>,
    waited: Option<Waited>,
    state: Mutex<State<P>>,
    changed: Notify,
}

/// Who is told how long a party waited for its turn.
pub type Waited = Arc<dyn Fn(Priority, Duration) + Send + Sync>;

impl<P: Party> fmt::Debug for Account<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl<P: Party> Account<P> {
    /// An account that has not been spoken to. [`Self::run`] must be driven for anybody to be woken.
    pub fn new(
        id: AccountId,
        adapter: Adapter,
        limits: Limits,
        clock: Clock,
        waker: Arc<dyn Wake<P>>,
    ) -> Self {
        let state = State {
            budget: Budget::new(limits, clock.now()),
            snapshot: None,
            lookers: HashMap::new(),
            waits: Waits::default(),
            list_begun: None,
            list_took: Duration::ZERO,
            listing: false,
            outdated: Moment::default(),
            outage: None,
            trouble: None,
        };
        Self {
            id,
            adapter,
            clock,
            waker,
            waited: None,
            state: Mutex::new(state),
            changed: Notify::new(),
        }
    }

    /// The same, which tells `waited` of each turn.
    #[must_use]
    pub fn telling(self, waited: Waited) -> Self {
        Self {
            waited: Some(waited),
            ..self
        }
    }

    /// The share of the budget that is left, see [`Budget::left`].
    pub fn budget_left(&self) -> f64 {
        self.lock().budget.left(self.clock.now())
    }

    /// Which account it is.
    pub fn id(&self) -> &AccountId {
        &self.id
    }

    /// How to speak to it; every call needs a [`Permit`].
    pub fn adapter(&self) -> &Adapter {
        &self.adapter
    }

    /// Changes the limits.
    pub fn set_limits(&self, limits: Limits) {
        self.lock().budget.set_limits(limits, self.clock.now());
        self.changed.notify_one();
    }

    /// The newest complete LIST.
    pub fn snapshot(&self) -> Option<Arc<Snapshot>> {
        self.lock().snapshot.clone()
    }

    /// Something was perhaps left behind there: what LISTs have shown until now lacks it, and no object knows of it.
    pub fn outdate(&self) {
        let now = self.clock.now();
        self.lock().outdated = now;
    }

    /// When that was the last time.
    pub fn outdated_at(&self) -> Moment {
        self.lock().outdated
    }

    /// How long the last LIST took: what it shows is older than that when it is complete.
    pub fn list_took(&self) -> Duration {
        self.lock().list_took
    }

    /// What is wrong with the account.
    pub fn trouble(&self) -> Option<Trouble> {
        self.lock().trouble.clone()
    }

    /// The credential was refused a while ago, by what another process has written down: it rests for `delay`.
    pub fn rest(&self, trouble: Trouble, delay: Duration) {
        let mut state = self.lock();
        state.budget.refused(&Who::List, delay, self.clock.now());
        state.trouble = Some(trouble);
    }

    /// Whether the provider asked for a pause.
    pub fn is_paused(&self) -> bool {
        self.lock().budget.is_paused(self.clock.now())
    }

    /// Whether several wait who come before a new one of this priority.
    pub fn is_crowded(&self, priority: Priority) -> bool {
        self.lock().budget.is_crowded(priority)
    }

    /// Asks to send one request.
    pub fn turn(&self, party: &P, priority: Priority) -> Turn<'_, P> {
        let who = Who::Party(party.clone());
        let now = self.clock.now();
        let mut state = self.lock();
        if state.budget.request(&who, priority, now) || operator_core::planted!(BudgetIgnored) {
            let waited = state.waits.took(party, now);
            state.budget.sent();
            drop(state);
            if let Some(told) = &self.waited {
                told(priority, waited);
            }
            // A token that was reserved is used: whoever waits for room behind it can be told when.
            self.changed.notify_one();
            return Turn::Now(Permit::new(self, who));
        }
        state.waits.begins(party, now);
        let trouble = state.trouble.clone();
        drop(state);
        self.changed.notify_one();
        trouble.map_or(Turn::Later, Turn::Trouble)
    }

    /// Asks for a LIST that began after `after` (any at all, where it is `None`).
    pub fn look(&self, party: &P, after: Option<Moment>, priority: Priority) -> Look {
        let mut state = self.lock();
        if let Some(snapshot) = state.snapshot.as_ref().filter(|snapshot| newer(snapshot, after)) {
            let snapshot = Arc::clone(snapshot);
            state.lookers.remove(party);
            return Look::Here(snapshot);
        }
        let entry = state.lookers.entry(party.clone()).or_insert((after, priority));
        *entry = (entry.0.max(after), entry.1.min(priority));
        let trouble = state.trouble.clone();
        drop(state);
        self.changed.notify_one();
        trouble.map_or(Look::Later, Look::Trouble)
    }

    /// `party` is gone: it waits for nothing any more.
    pub fn leave(&self, party: &P) {
        let mut state = self.lock();
        state.lookers.remove(party);
        state.waits.leaves(party);
        state.budget.withdraw(&Who::Party(party.clone()));
    }

    /// Hands out turns and LISTs until the future is dropped.
    pub async fn run(&self) {
        let mut list = std::pin::pin!(None);
        loop {
            let (granted, wake, start) = self.advance();
            for party in &granted {
                self.waker.wake(party);
            }
            if let Some(begun) = start {
                list.set(Some(self.list(begun)));
            }
            tokio::select! {
                () = self.changed.notified() => {}
                () = sleep_until(self.clock, wake) => {}
                () = async { match list.as_mut().as_pin_mut() { Some(list) => list.await, None => std::future::pending().await } } => {
                    list.set(None);
                }
            }
        }
    }

    /// Who may go, when to look again, and whether a LIST begins now.
    fn advance(&self) -> (Vec<P>, Option<Moment>, Option<Moment>) {
        let now = self.clock.now();
        let mut state = self.lock();
        let mut wake = None;
        let mut start = None;
        if let Some(priority) = state
            .lookers
            .values()
            .map(|(_, priority)| *priority)
            .min()
            .filter(|_| !state.listing)
        {
            let earliest = state.list_begun.map_or(now, |begun| begun.after(LIST_GAP));
            if earliest > now {
                wake = Some(earliest);
            } else if state.budget.request(&Who::List, priority, now) {
                start = Some(now);
            }
        }
        let mut granted = Vec::new();
        for who in state.budget.advance(now) {
            match who {
                Who::Party(party) => {
                    state.waits.granted(&party, now);
                    granted.push(party);
                }
                // While a list runs, the grant is for its next page, which asks for it by itself.
                Who::List if !state.listing && state.budget.request(&Who::List, Priority::Edit, now) => {
                    start = Some(now);
                }
                Who::List => {}
            }
        }
        if start.is_some() {
            state.listing = true;
            state.list_begun = start;
        }
        let wake = [wake, state.budget.next_wake(now)].into_iter().flatten().min();
        (granted, wake, start)
    }

    fn report(&self, who: &Who<P>, error: Option<&ProviderError>) {
        let now = self.clock.now();
        let mut state = self.lock();
        let before = state.trouble.clone();
        match error {
            None => {
                state.budget.succeeded(who);
                state.trouble = None;
            }
            // A LIST that cannot be read stops every object, whatever is wrong with it.
            Some(error) if *who == Who::List || concerns_account(error) => {
                let reason = Reason::parse(error.reason()).unwrap_or(Reason::ProviderUnavailable);
                state.trouble = Some(Trouble {
                    reason,
                    message: error.message(),
                });
                let refused = matches!(
                    error,
                    ProviderError::Unauthenticated | ProviderError::Forbidden { .. }
                );
                match error.disposition() {
                    Disposition::After(delay) if refused => state.budget.refused(who, delay, now),
                    Disposition::After(delay) => state.budget.pause(who, delay, now),
                    Disposition::Backoff | Disposition::WaitForChange => {
                        state.budget.failed(who, now, seed(&self.id));
                    }
                }
            }
            // The provider answered; what it said concerns one object.
            Some(_) => state.budget.succeeded(who),
        }
        let changed = state.trouble != before;
        drop(state);
        if changed {
            self.waker.changed(&self.id);
        }
        self.changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State<P>> {
        // Every change below a lock is complete before it can panic, so a poisoned state is a usable one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn newer(snapshot: &Snapshot, after: Option<Moment>) -> bool {
    after.is_none_or(|after| snapshot.begun() > after)
}

fn concerns_account(error: &ProviderError) -> bool {
    matches!(
        error,
        ProviderError::Unreachable { .. }
            | ProviderError::NotAllowed { .. }
            | ProviderError::TlsInvalid { .. }
            | ProviderError::Interrupted { .. }
            | ProviderError::DeadlineExceeded { .. }
            | ProviderError::Throttled { .. }
            | ProviderError::Unauthenticated
            | ProviderError::Forbidden { .. }
            | ProviderError::Unavailable { .. }
            | ProviderError::Redirected { .. }
    )
}

fn seed(id: &AccountId) -> u64 {
    id.as_str()
        .bytes()
        .fold(0, |seed, byte| seed.rotate_left(7) ^ u64::from(byte))
}

async fn sleep_until(clock: Clock, wake: Option<Moment>) {
    match wake {
        Some(wake) => clock.sleep_until(wake).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;

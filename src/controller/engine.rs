//! Whose turn it is: kube's scheduler over our own queue.
//!
//! The scheduler merges what is asked for an object, keeps what is due later, and holds back what is being worked on. It
//! holds plain names: kube's own `applier`, which does the same, holds a reference of four texts in each of three tables,
//! which is most of a kilobyte for every object that only waits for its next look.
//!
//! There are two lines. Who is asked for alone, as after an edit or when its turn at the provider has come, goes before
//! those who are asked for together, as by a start, a LIST or a Secret that many use: ten thousand of them are no reason
//! for an edit to wait.

use std::collections::HashSet;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::Stream;
use futures::stream::{self, FuturesUnordered, PollNext, StreamExt};
use kube::Resource;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::scheduler::{ScheduleRequest, scheduler};
use operator_core::names::ObjectName;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::controller::subscription::reconcile::ReconcileError;

/// Where names of objects to be looked at come from.
pub(super) struct Queue {
    alone: UnboundedReceiver<ObjectName>,
    together: UnboundedReceiver<ObjectName>,
}

impl Queue {
    /// Drops what comes, for ever.
    pub(super) async fn drain(&mut self) {
        let lines = [&mut self.alone, &mut self.together];
        let each = lines.map(|line| async {
            while line.recv().await.is_some() {}
            std::future::pending::<()>().await;
        });
        futures::future::join_all(each).await;
    }
}

/// Where they are asked for. Unbounded, but every line keeps one entry an object.
#[derive(Debug, Clone)]
pub(super) struct Asking {
    alone: UnboundedSender<ObjectName>,
    together: UnboundedSender<ObjectName>,
}

impl Asking {
    /// Asks for one object. Nobody listens any more when the process is about to end.
    pub(super) fn ask(&self, name: ObjectName) {
        let _ = self.alone.send(name);
    }

    /// Asks for one of many.
    pub(super) fn ask_together(&self, name: ObjectName) {
        let _ = self.together.send(name);
    }
}

/// Both ends.
pub(super) fn queue() -> (Asking, Queue) {
    let (alone, alone_asked) = unbounded_channel();
    let (together, together_asked) = unbounded_channel();
    let queue = Queue {
        alone: alone_asked,
        together: together_asked,
    };
    (Asking { alone, together }, queue)
}

/// When an object is looked at again, if nothing asks for it before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Requeue(Option<Duration>);

impl Requeue {
    /// After this time.
    pub(super) const fn after(delay: Duration) -> Self {
        Self(Some(delay))
    }

    /// When something changes.
    pub(super) const fn await_change() -> Self {
        Self(None)
    }
}

/// One reconcile an object at a time, a bounded number at once, each on a task of its own, so that a panic ends nothing
/// but that turn. Ends when shutdown was asked for and what was begun is done. An object that is not in the store needs
/// nothing.
pub(super) async fn control<K, C, F>(
    queue: Queue,
    store: Store<K>,
    ctx: Arc<C>,
    shutdown: CancellationToken,
    concurrency: u16,
    reconcile: impl Fn(Arc<K>, Arc<C>) -> F + Send + 'static,
    retry: impl Fn(&K, &ReconcileError, &C) -> Requeue + Send + 'static,
) where
    C: Send + Sync + 'static,
    K: Resource<DynamicType = ()> + Clone + Send + Sync + 'static,
    F: Future<Output = Result<Requeue, ReconcileError>> + Send + 'static,
{
    let (later, mut due_later) = unbounded_channel();
    let due_later = stream::poll_fn(move |cx| due_later.poll_recv(cx));
    let mut alone = pin!(scheduler(stream::select(requests(queue.alone), due_later)));
    let mut together = pin!(scheduler(requests(queue.together)));
    let mut at_work = HashSet::new();
    let mut turns = FuturesUnordered::new();
    loop {
        let free = turns.len() < usize::from(concurrency);
        // Where no more may begin, what is asked for is merged all the same.
        let next = async {
            let (alone, together) = (alone.as_mut(), together.as_mut());
            if free {
                let rests = |name: &ObjectName| !at_work.contains(name);
                in_order(alone.hold_unless(rests), together.hold_unless(rests))
                    .next()
                    .await
            } else {
                in_order(alone.hold(), together.hold()).next().await
            }
        };
        tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            Some((name, Requeue(after))) = turns.next() => {
                at_work.remove(&name);
                if let Some(after) = after {
                    // This loop holds the other end.
                    let _ = later.send(request(name, after));
                }
            }
            Some(name) = next => {
                let Some(object) = store.get(&reference(&name)) else { continue };
                let turn = tokio::spawn(reconcile(Arc::clone(&object), Arc::clone(&ctx)));
                at_work.insert(name.clone());
                let (retry, ctx) = (&retry, &ctx);
                turns.push(async move {
                    let result = turn.await.unwrap_or(Err(ReconcileError::Panicked));
                    (name, result.unwrap_or_else(|error| retry(&object, &error, ctx)))
                });
            }
        }
    }
    while turns.next().await.is_some() {}
}

/// What the first has, and where it has nothing what the second has.
fn in_order<T>(
    first: impl Stream<Item = T> + Unpin,
    second: impl Stream<Item = T> + Unpin,
) -> impl Stream<Item = T> + Unpin {
    stream::select_with_strategy(first, second, |(): &mut ()| PollNext::Left)
}

fn requests(mut names: UnboundedReceiver<ObjectName>) -> impl Stream<Item = ScheduleRequest<ObjectName>> {
    stream::poll_fn(move |cx| names.poll_recv(cx)).map(|name| request(name, Duration::ZERO))
}

fn request(message: ObjectName, after: Duration) -> ScheduleRequest<ObjectName> {
    let run_at = Instant::now() + after;
    ScheduleRequest { message, run_at }
}

fn reference<K: Resource<DynamicType = ()>>(name: &ObjectName) -> ObjectRef<K> {
    let reference = ObjectRef::new(&name.name);
    if name.namespace.is_empty() {
        reference
    } else {
        reference.within(&name.namespace)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Mutex;

    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::runtime::watcher::Event;
    use tokio::sync::Semaphore;
    use tokio::task::JoinHandle;
    use tokio::time::advance;

    use super::*;

    const NAMES: [&str; 5] = ["a", "b", "c", "d", "bad"];

    /// Turns that last until they are let go, and what happened.
    #[derive(Default)]
    struct Work {
        seen: Mutex<Seen>,
        go: Option<Semaphore>,
        again: Option<Duration>,
    }

    #[derive(Default)]
    struct Seen {
        /// Begun turns by object.
        turns: BTreeMap<String, usize>,
        /// Objects in a turn.
        at_work: Vec<String>,
        most: usize,
    }

    async fn turn(object: Arc<ConfigMap>, work: Arc<Work>) -> Result<Requeue, ReconcileError> {
        let name = object.metadata.name.clone().unwrap();
        {
            let mut seen = work.seen.lock().unwrap();
            *seen.turns.entry(name.clone()).or_default() += 1;
            assert!(!seen.at_work.contains(&name), "two turns of one object at once");
            seen.at_work.push(name.clone());
            seen.most = seen.most.max(seen.at_work.len());
        }
        if let Some(go) = &work.go {
            go.acquire().await.unwrap().forget();
        }
        work.seen.lock().unwrap().at_work.retain(|one| *one != name);
        assert!(name != "bad", "a bug that only this object meets");
        Ok(work.again.map_or(Requeue::await_change(), Requeue::after))
    }

    struct Engine {
        work: Arc<Work>,
        asking: Asking,
        shutdown: CancellationToken,
        ended: JoinHandle<()>,
    }

    impl Engine {
        fn start(work: Work, concurrency: u16) -> Self {
            let (store, mut writer) = kube::runtime::reflector::store::<ConfigMap>();
            writer.apply_watcher_event(&Event::Init);
            for name in NAMES {
                let mut object = ConfigMap::default();
                object.metadata.name = Some(name.to_owned());
                object.metadata.namespace = Some("ns".to_owned());
                writer.apply_watcher_event(&Event::InitApply(object));
            }
            writer.apply_watcher_event(&Event::InitDone);
            let (asking, names) = queue();
            let (work, shutdown) = (Arc::new(work), CancellationToken::new());
            let retry = |_: &ConfigMap, _: &ReconcileError, _: &Work| Requeue::after(Duration::from_secs(1));
            let (ctx, end) = (Arc::clone(&work), shutdown.clone());
            let ended = tokio::spawn(control(names, store, ctx, end, concurrency, turn, retry));
            Self {
                work,
                asking,
                shutdown,
                ended,
            }
        }

        fn ask(&self, names: &[&str]) {
            for name in names {
                self.asking.ask(ObjectName::new("ns", name));
            }
        }

        fn ask_together(&self, names: &[&str]) {
            for name in names {
                self.asking.ask_together(ObjectName::new("ns", name));
            }
        }

        /// Until nothing can happen before the clock moves.
        async fn settled(&self) {
            for _ in 0..200 {
                tokio::task::yield_now().await;
            }
        }

        /// How many turns an object has had until then.
        async fn turns(&self, name: &str) -> usize {
            self.settled().await;
            self.work
                .seen
                .lock()
                .unwrap()
                .turns
                .get(name)
                .copied()
                .unwrap_or_default()
        }

        fn let_go(&self, turns: usize) {
            self.work.go.as_ref().unwrap().add_permits(turns);
        }
    }

    fn held() -> Work {
        Work {
            go: Some(Semaphore::new(0)),
            ..Work::default()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_asked_while_an_object_has_its_turn_is_one_more_turn_after_it() {
        let engine = Engine::start(held(), 4);
        engine.ask(&["a"; 3]);
        assert_eq!(engine.turns("a").await, 1);
        engine.ask(&["a", "nobody", "a", "a"]);
        assert_eq!(engine.turns("a").await, 1);
        engine.let_go(1);
        // The scheduler's grain is a millisecond.
        advance(Duration::from_millis(1)).await;
        assert_eq!(engine.turns("a").await, 2);
        engine.let_go(1);
        advance(Duration::from_secs(600)).await;
        assert_eq!((engine.turns("a").await, engine.turns("nobody").await), (2, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_than_the_bound_have_their_turn_at_once_and_all_get_it() {
        let engine = Engine::start(held(), 2);
        engine.ask(&["a", "b", "c", "d"]);
        for _ in 0..4 {
            advance(Duration::from_millis(1)).await;
            engine.settled().await;
            assert!(engine.work.seen.lock().unwrap().at_work.len() <= 2);
            engine.let_go(1);
        }
        advance(Duration::from_millis(1)).await;
        engine.settled().await;
        let seen = engine.work.seen.lock().unwrap();
        assert_eq!((seen.most, seen.turns.len(), seen.at_work.len()), (2, 4, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_asked_for_alone_goes_before_all_that_are_asked_for_together_and_they_come_after_it() {
        let engine = Engine::start(held(), 1);
        engine.ask_together(&["a", "b", "c"]);
        engine.settled().await;
        let first = engine.work.seen.lock().unwrap().at_work[0].clone();
        engine.ask(&["d"]);
        advance(Duration::from_millis(1)).await;
        assert_eq!(engine.turns("d").await, 0);
        engine.let_go(1);
        assert_eq!(engine.turns("d").await, 1, "after {first}");
        for _ in 0..3 {
            engine.let_go(1);
            advance(Duration::from_millis(1)).await;
            engine.settled().await;
        }
        let turns = engine.work.seen.lock().unwrap().turns.clone();
        assert_eq!(turns.into_values().collect::<Vec<_>>(), [1; 4]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_object_comes_again_after_the_delay_or_before_when_it_is_asked_for() {
        let engine = Engine::start(
            Work {
                again: Some(Duration::from_secs(10)),
                ..Work::default()
            },
            4,
        );
        engine.ask(&["a"]);
        advance(Duration::from_secs(9)).await;
        assert_eq!(engine.turns("a").await, 1);
        engine.ask(&["a"]);
        advance(Duration::from_millis(1)).await;
        assert_eq!(engine.turns("a").await, 2);
        advance(Duration::from_secs(9)).await;
        assert_eq!(engine.turns("a").await, 2);
        advance(Duration::from_secs(2)).await;
        assert_eq!(engine.turns("a").await, 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_panic_costs_one_object_its_turn_and_the_end_waits_for_what_was_begun() {
        let engine = Engine::start(held(), 4);
        engine.ask(&["bad", "a"]);
        assert_eq!((engine.turns("bad").await, engine.turns("a").await), (1, 1));
        engine.let_go(2);
        engine.settled().await;
        advance(Duration::from_secs(2)).await;
        assert_eq!(engine.turns("bad").await, 2, "the bad one is tried again");
        engine.ask(&["a"]);
        advance(Duration::from_millis(1)).await;
        assert_eq!(engine.turns("a").await, 2, "the others go on");
        engine.shutdown.cancel();
        engine.ask(&["b"]);
        assert_eq!((engine.turns("b").await, engine.ended.is_finished()), (0, false));
        engine.let_go(2);
        engine.settled().await;
        assert!(engine.ended.is_finished());
    }
}

use std::collections::BinaryHeap;

use proptest::prelude::*;

use super::*;

const fn at(millis: u64) -> Moment {
    Moment::from_millis(millis)
}

fn terms() -> Terms {
    let seconds = Duration::from_secs;
    Terms::new(seconds(15), seconds(10), seconds(2)).unwrap()
}

fn record(holder: &str, stamp: &str) -> Record {
    Record {
        holder: Some(holder.to_owned()),
        released: false,
        stamp: stamp.to_owned(),
        duration: Some(Duration::from_secs(15)),
        version: None,
    }
}

fn empty(record: &Record, released: bool) -> Record {
    Record {
        holder: None,
        released,
        ..record.clone()
    }
}

fn replica() -> Election {
    Election::first("me".to_owned(), terms())
}

/// Leads since a write that was sent at `sent`.
fn leader(sent: u64) -> Election {
    let mut leader = replica();
    leader.observe(None, at(sent));
    leader.attempt();
    leader.accepted(leader.claim("1".to_owned()), at(sent), at(sent + 5));
    leader
}

#[test]
fn terms_that_leave_no_room_are_refused() {
    let of = |duration, deadline, retry| {
        let millis = Duration::from_millis;
        Terms::new(millis(duration), millis(deadline), millis(retry))
    };
    assert!(of(15_000, 10_000, 2_000).is_ok());
    assert!(of(2_000, 1_000, 100).is_ok());
    assert_eq!(of(1_999, 1_000, 100), Err(TermsError::Duration));
    assert_eq!(of(300_001, 1_000, 100), Err(TermsError::Duration));
    assert_eq!(of(15_000, 14_001, 100), Err(TermsError::RenewDeadline));
    assert_eq!(of(15_000, 999, 100), Err(TermsError::RenewDeadline));
    assert_eq!(of(15_000, 10_000, 5_001), Err(TermsError::RetryPeriod));
    assert_eq!(of(15_000, 10_000, 99), Err(TermsError::RetryPeriod));
}

#[test]
fn it_looks_first_and_takes_what_nobody_ever_held() {
    let mut me = replica();
    assert_eq!(me.decide(at(0)), Decision::Look);
    me.observe(None, at(5));
    assert_eq!(me.decide(at(5)), Decision::Acquire);
    let mut me = replica();
    me.observe(Some(empty(&record("", ""), false)), at(5));
    assert_eq!(me.decide(at(5)), Decision::Acquire);
}

#[test]
fn a_new_process_cannot_know_whether_a_lease_that_is_not_there_was_held_a_moment_ago() {
    let mut me = Election::new("me".to_owned(), terms());
    me.observe(None, at(0));
    assert_eq!(me.decide(at(20_000)), Decision::Create);
    me.observe(Some(Election::vacancy("1".to_owned())), at(21_000));
    assert_eq!(me.decide(at(21_000)), Decision::Wait(at(36_000)));
    assert_eq!(me.decide(at(36_000)), Decision::Acquire);
    let mut me = Election::new("me".to_owned(), terms());
    me.observe(Some(empty(&record("", ""), false)), at(1_000));
    assert_eq!(me.decide(at(1_000)), Decision::Wait(at(16_000)));
    let mut me = Election::new("me".to_owned(), terms());
    me.observe(Some(empty(&record("", "1"), true)), at(1_000));
    assert_eq!(me.decide(at(1_000)), Decision::Acquire, "the last holder says so");
}

#[test]
fn a_held_lease_is_taken_when_it_was_seen_unchanged_for_a_whole_duration() {
    let mut me = replica();
    me.observe(Some(record("other", "1")), at(1_000));
    assert_eq!(me.decide(at(1_000)), Decision::Wait(at(16_000)));
    me.observe(Some(record("other", "2")), at(3_000));
    assert_eq!(me.decide(at(17_999)), Decision::Wait(at(18_000)));
    me.observe(Some(record("other", "2")), at(17_999));
    assert_eq!(me.decide(at(18_000)), Decision::Acquire);
}

#[test]
fn a_record_that_was_put_back_as_it_was_has_changed() {
    let version = |version: &str| Record {
        version: Some(version.to_owned()),
        ..record("other", "1")
    };
    let mut me = replica();
    me.observe(Some(version("7")), at(0));
    // In between, unseen, it was renewed.
    me.observe(Some(version("9")), at(14_000));
    assert_eq!(me.decide(at(15_000)), Decision::Wait(at(29_000)));
}

#[test]
fn the_longer_of_both_durations_counts_and_nonsense_does_not() {
    for (named, wait) in [(60, 60), (1, 15), (0, 15), (300, 300), (301, 15), (1 << 31, 15)] {
        let mut me = replica();
        let mut held = record("other", "1");
        held.duration = Some(Duration::from_secs(named));
        me.observe(Some(held), at(0));
        assert_eq!(me.decide(at(1)), Decision::Wait(at(wait * 1000)), "{named}");
    }
    // What was named before somebody wrote nonsense into it still counts.
    let mut me = replica();
    let mut held = record("other", "1");
    held.duration = Some(Duration::from_secs(60));
    me.observe(Some(held.clone()), at(0));
    held.duration = Some(Duration::from_secs(100_000));
    me.observe(Some(held), at(1_000));
    assert_eq!(me.decide(at(1_000)), Decision::Wait(at(61_000)));
}

#[test]
fn the_time_to_write_counts_from_the_sending_and_ends_at_the_deadline() {
    let mut me = leader(1_000);
    assert_eq!(me.until(), at(11_000));
    assert_eq!(me.decide(at(10_999)), Decision::Renew);
    me.accepted(me.claim("2".to_owned()), at(3_000), at(9_000));
    assert_eq!(me.until(), at(13_000));
    assert_eq!(me.decide(at(13_000)), Decision::StepDown(Loss::Deadline));
}

#[test]
fn a_lease_that_names_another_holder_is_lost_and_one_that_was_emptied_is_written_anew() {
    let mut me = leader(0);
    me.observe(Some(empty(&record("me", "1"), false)), at(100));
    assert_eq!(me.decide(at(100)), Decision::Renew);
    me.observe(None, at(200));
    assert_eq!(me.decide(at(200)), Decision::Renew);
    me.observe(Some(record("other", "7")), at(300));
    assert_eq!(me.decide(at(300)), Decision::StepDown(Loss::Taken));
}

#[test]
fn who_has_seen_a_holder_waits_for_its_end_whatever_happens_to_the_record() {
    let held = record("other", "1");
    let mut me = replica();
    me.observe(Some(held.clone()), at(0));
    me.observe(None, at(1_000));
    assert_eq!(me.decide(at(30_000)), Decision::Create);
    me.observe(Some(empty(&held, false)), at(2_000));
    assert_eq!(me.decide(at(2_000)), Decision::Wait(at(17_000)));
    assert_eq!(me.decide(at(17_000)), Decision::Acquire);
    let mut me = replica();
    me.observe(Some(held.clone()), at(0));
    me.observe(Some(empty(&held, true)), at(2_000));
    assert_eq!(me.decide(at(2_000)), Decision::Acquire, "it said that it stopped");
}

#[test]
fn a_write_whose_answer_was_lost_is_repeated_and_a_forged_one_is_waited_for() {
    let mut me = replica();
    me.observe(Some(record("me", "1")), at(0));
    assert_eq!(
        me.decide(at(0)),
        Decision::Wait(at(15_000)),
        "we never wrote that"
    );
    me.attempt();
    assert_eq!(me.decide(at(0)), Decision::Acquire);
}

#[test]
fn a_lease_that_was_won_too_late_is_no_loss() {
    let mut me = replica();
    me.observe(None, at(0));
    me.attempt();
    me.accepted(me.claim("1".to_owned()), at(0), at(10_000));
    assert_eq!(me.until(), at(0));
    assert_eq!(me.decide(at(10_000)), Decision::Acquire);
}

#[test]
fn it_tells_its_name_its_terms_and_the_record_as_it_was_last_read_or_written() {
    let mut me = replica();
    assert_eq!((me.me(), me.terms(), me.record()), ("me", &terms(), None));
    me.observe(Some(record("other", "1")), at(1));
    assert_eq!(me.record(), Some(&record("other", "1")));
    me.accepted(me.claim("2".to_owned()), at(2), at(3));
    assert_eq!(me.record(), Some(&record("me", "2")));
    me.observe(None, at(4));
    assert_eq!(me.record(), None);
}

/// What can happen in the small world below.
#[derive(Debug, Clone)]
enum Step {
    /// Real time passes.
    Pass(u64),
    /// A replica takes a turn; its request and the answer take so long, and the answer may be lost.
    Turn {
        who: usize,
        request: u64,
        answer: u64,
        lost: bool,
    },
    /// A replica does nothing for so long, as after SIGSTOP.
    Pause { who: usize, millis: u64 },
    /// A replica dies and is started anew.
    Restart(usize),
    /// A replica that leads says that it has stopped.
    Release(usize),
    /// Somebody deletes the Lease, empties it, or writes anything into it.
    Edit(u8),
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Happening {
    /// A request reaches the apiserver.
    Arrives(usize),
    /// An answer reaches the replica.
    Answered(usize),
}

/// What the apiserver answers: the Lease and its version, or that the write is refused.
type Answer = Result<(Option<u64>, Option<Record>), ()>;

/// A request on its way.
struct Flight {
    who: usize,
    process: u64,
    sent: Moment,
    /// `None` reads.
    write: Option<(Option<u64>, Record)>,
    answer: u64,
    lost: bool,
    result: Option<Answer>,
}

struct Replica {
    election: Election,
    /// Which of the processes of this place; answers to an earlier one get lost.
    process: u64,
    /// The clock shows `start + real × rate / 1000`.
    rate: u64,
    start: u64,
    version: Option<u64>,
    paused: u64,
    /// The number of the newest flight: answers to older ones came too late.
    newest: Option<usize>,
}

struct World {
    real: u64,
    lease: Option<(u64, Record)>,
    version: u64,
    stamps: u64,
    replicas: Vec<Replica>,
    flights: Vec<Flight>,
    queue: BinaryHeap<std::cmp::Reverse<(u64, Happening)>>,
    led: usize,
}

impl World {
    fn new(clocks: &[(u64, u64)]) -> Self {
        let replicas = clocks.iter().enumerate().map(|(place, &(start, rate))| Replica {
            election: Election::first(format!("{place}/0"), terms()),
            process: 0,
            rate,
            start,
            version: None,
            paused: 0,
            newest: None,
        });
        Self {
            real: 0,
            lease: None,
            version: 0,
            stamps: 0,
            replicas: replicas.collect(),
            flights: Vec::new(),
            queue: BinaryHeap::new(),
            led: 0,
        }
    }

    /// One leads, and the others have seen it: nobody takes this for a new install any more.
    fn installed(clocks: &[(u64, u64)]) -> Self {
        let mut world = Self::new(clocks);
        for who in [0, 0, 1, 2] {
            let (request, answer, lost) = (1, 1, false);
            world.turn(who, request, answer, lost);
            world.pass(10);
        }
        assert_eq!(world.leaders(), [0]);
        world
    }

    fn clock(&self, who: usize) -> Moment {
        let replica = &self.replicas[who];
        at(replica.start + self.real * replica.rate / 1000)
    }

    fn leaders(&self) -> Vec<usize> {
        let leads = |&who: &usize| self.clock(who) < self.replicas[who].election.until();
        (0..self.replicas.len()).filter(leads).collect()
    }

    fn store(&mut self, record: Option<Record>) {
        self.version += 1;
        let version = Some(self.version.to_string());
        self.lease = record.map(|record| (self.version, Record { version, ..record }));
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Pass(millis) => self.pass(millis),
            Step::Turn {
                who,
                request,
                answer,
                lost,
            } => self.turn(who, request, answer, lost),
            Step::Pause { who, millis } => self.replicas[who].paused = self.real + millis,
            Step::Restart(who) => {
                let replica = &mut self.replicas[who];
                replica.process += 1;
                replica.election = Election::new(format!("{who}/{}", replica.process), terms());
                (replica.version, replica.newest) = (None, None);
            }
            Step::Release(who) => self.release(who),
            Step::Edit(kind) => {
                let current = self.lease.as_ref().map(|(_, record)| record.clone());
                self.store(match kind {
                    0 => None,
                    1 => current.map(|record| empty(&record, false)),
                    _ => Some(record("somebody", "junk")),
                });
            }
        }
    }

    fn pass(&mut self, millis: u64) {
        let end = self.real + millis;
        while let Some(std::cmp::Reverse((due, _))) = self.queue.peek()
            && *due <= end
        {
            let Some(std::cmp::Reverse((due, happening))) = self.queue.pop() else {
                return;
            };
            self.real = self.real.max(due);
            match happening {
                Happening::Arrives(flight) => self.arrive(flight),
                Happening::Answered(flight) => self.answered(flight),
            }
        }
        self.real = end;
    }

    fn turn(&mut self, who: usize, request: u64, answer: u64, lost: bool) {
        let sent = self.clock(who);
        let replica = &mut self.replicas[who];
        if self.real < replica.paused {
            return;
        }
        let write = match replica.election.decide(sent) {
            Decision::Look | Decision::Wait(_) => None,
            Decision::StepDown(_) => return self.step(&Step::Restart(who)),
            Decision::Create => {
                self.stamps += 1;
                Some((None, Election::vacancy(self.stamps.to_string())))
            }
            Decision::Acquire | Decision::Renew => {
                self.stamps += 1;
                replica.election.attempt();
                let claim = replica.election.claim(self.stamps.to_string());
                Some((replica.version, claim))
            }
        };
        let number = self.flights.len();
        replica.newest = Some(number);
        self.flights.push(Flight {
            who,
            process: replica.process,
            sent,
            write,
            answer,
            lost,
            result: None,
        });
        let arrival = Happening::Arrives(number);
        self.queue.push(std::cmp::Reverse((self.real + request, arrival)));
    }

    /// A write is accepted only on the version that it was based on, as the apiserver does it.
    fn arrive(&mut self, number: usize) {
        let current = self.lease.as_ref().map(|(version, _)| *version);
        let write = self.flights[number].write.clone();
        let result = match write {
            Some((base, _)) if base != current => Err(()),
            Some((_, record)) => {
                self.store(Some(record));
                Ok(self.lease.clone())
            }
            None => Ok(self.lease.clone()),
        };
        let flight = &mut self.flights[number];
        flight.result = Some(result.map(Option::unzip));
        if !flight.lost {
            let due = self.real + flight.answer;
            self.queue
                .push(std::cmp::Reverse((due, Happening::Answered(number))));
        }
    }

    fn answered(&mut self, number: usize) {
        let (now, flight) = (self.clock(self.flights[number].who), &mut self.flights[number]);
        let replica = &mut self.replicas[flight.who];
        if self.real < replica.paused {
            let later = Happening::Answered(number);
            return self.queue.push(std::cmp::Reverse((replica.paused, later)));
        }
        if replica.process != flight.process || replica.newest != Some(number) {
            return;
        }
        match (flight.result.take(), &flight.write) {
            (Some(Ok((version, Some(record)))), Some(_)) if record.holder.is_some() => {
                replica.version = version;
                replica.election.accepted(record, flight.sent, now);
            }
            (Some(Ok((version, record))), _) => {
                replica.version = version;
                replica.election.observe(record, now);
            }
            _ => {
                // Refused: it reads, which the next turn does if nothing is known.
                let read = self.lease.clone().unzip();
                replica.version = read.0;
                replica.election.observe(read.1, now);
            }
        }
        let leaders = self.leaders();
        assert!(leaders.len() < 2, "at {}: {leaders:?} lead at once", self.real);
        self.led += leaders.len();
    }

    /// It stops writing, and says so if the record is still its own.
    fn release(&mut self, who: usize) {
        if !self.leaders().contains(&who) {
            return;
        }
        let version = self.replicas[who].version;
        self.step(&Step::Restart(who));
        if let Some((current, record)) = self.lease.clone()
            && version == Some(current)
        {
            self.store(Some(empty(&record, true)));
        }
    }
}

const REPLICAS: usize = 3;

fn steps(edits: bool) -> impl Strategy<Value = Vec<Step>> {
    let who = 0..REPLICAS;
    let flight = prop_oneof![4 => 0_u64..200, 1 => 0_u64..30_000];
    let turn = (who.clone(), flight.clone(), flight, prop::bool::weighted(0.1)).prop_map(
        |(who, request, answer, lost)| Step::Turn {
            who,
            request,
            answer,
            lost,
        },
    );
    let pause = (who.clone(), 0_u64..40_000).prop_map(|(who, millis)| Step::Pause { who, millis });
    let restart = who.clone().prop_map(Step::Restart);
    let further = if edits {
        prop_oneof![restart, (0_u8..3).prop_map(Step::Edit)].boxed()
    } else {
        restart.boxed()
    };
    let step = prop_oneof![
        16 => (0_u64..3_000).prop_map(Step::Pass),
        2 => (0_u64..20_000).prop_map(Step::Pass),
        24 => turn,
        1 => pause,
        1 => further,
        1 => who.prop_map(Step::Release),
    ];
    prop::collection::vec(step, 1..250)
}

/// Clocks show anything, and run up to a tenth too slow or too fast.
fn clocks() -> impl Strategy<Value = Vec<(u64, u64)>> {
    prop::collection::vec((0_u64..10_000_000, 900_u64..=1_100), REPLICAS)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn never_two_at_once_whatever_the_network_the_clocks_and_the_scheduler_do(
        clocks in clocks(), steps in steps(false),
    ) {
        let mut world = World::new(&clocks);
        for step in &steps {
            world.step(step);
        }
    }

    #[test]
    fn never_two_at_once_whatever_is_done_to_the_lease_by_hand(clocks in clocks(), steps in steps(true)) {
        let mut world = World::installed(&clocks);
        for step in &steps {
            world.step(step);
        }
    }

    #[test]
    fn when_everything_works_somebody_leads_soon_whatever_happened_before(
        clocks in clocks(), before in steps(true),
    ) {
        let mut world = World::installed(&clocks);
        for step in &before {
            world.step(step);
        }
        // The longest pause and the longest flight end; then two durations, on the slowest clock, are enough.
        world.pass(75_000);
        let mut quiet = 0;
        while world.leaders().is_empty() {
            prop_assert!(quiet < 36_000, "nobody leads");
            for who in 0..REPLICAS {
                world.step(&Step::Turn { who, request: 5, answer: 5, lost: false });
            }
            world.pass(500);
            quiet += 500;
        }
        // And it stays the one.
        let leaders = world.leaders();
        for _ in 0..60 {
            for who in 0..REPLICAS {
                world.step(&Step::Turn { who, request: 5, answer: 5, lost: false });
            }
            world.pass(1_000);
            prop_assert_eq!(&world.leaders(), &leaders);
        }
    }
}

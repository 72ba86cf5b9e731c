//! Waiting for the operator to come to rest.

use std::thread;
use std::time::{Duration, Instant};

use test_harness::AuditReader;

use crate::Outcome;
use crate::counts::Counts;
use crate::world::{self, World};

/// Beyond this something is wrong, on any machine.
const DEADLINE: Duration = Duration::from_mins(5);
/// Between two looks: cheap ones, so that they do not disturb what is measured.
const PAUSE: Duration = Duration::from_millis(50);
/// For each row of a table that is looked at, in microseconds: a look at many rows is not cheap.
const PAUSE_A_ROW: u64 = 50;
/// So long without a request and without a write counts as rest: longer than the five seconds within which the status of a
/// provider may lag behind.
const REST: Duration = Duration::from_secs(8);

/// What came of a wait: the time it took, or what was missing at the deadline.
pub type Waited = Result<Duration, String>;

/// Until all objects of a namespace are Ready; the clock begins at `begun`.
pub fn all_ready(world: &World, namespace: &str, count: usize, begun: Instant) -> Outcome<Waited> {
    loop {
        // The provider's count is the cheaper look.
        let remote = world.remote_count()?;
        if remote >= count {
            let (objects, ready) = world.ready(namespace)?;
            if objects == count && ready == objects {
                return Ok(Ok(begun.elapsed()));
            }
            thread::sleep(Duration::from_micros(PAUSE_A_ROW * u64::try_from(count)?));
        }
        if begun.elapsed() > DEADLINE {
            let (objects, ready) = world.ready(namespace)?;
            return Ok(Err(format!(
                "{ready} of {objects} Ready, {remote} at the provider"
            )));
        }
        thread::sleep(PAUSE);
    }
}

/// Until no object and no remote subscription is left.
pub fn none_left(world: &World, namespace: &str, begun: Instant) -> Outcome<Waited> {
    loop {
        let remote = world.remote_count()?;
        let late = begun.elapsed() > DEADLINE;
        if remote == 0 || late {
            let (objects, _) = world.ready(namespace)?;
            if objects == 0 && remote == 0 {
                return Ok(Ok(begun.elapsed()));
            }
            if late {
                return Ok(Err(format!("{objects} objects, {remote} at the provider")));
            }
        }
        thread::sleep(PAUSE);
    }
}

/// Counts on until nothing is asked and nothing written for a while: requests in all, and the writes since
/// the last read of `audit`.
pub fn rest(world: &World, audit: &mut AuditReader) -> Outcome<(Counts, Counts)> {
    let begun = Instant::now();
    let (mut requests, mut writes) = (world.requests()?, world::writes(audit)?);
    let mut still_since = Instant::now();
    while still_since.elapsed() < REST && begun.elapsed() < DEADLINE {
        thread::sleep(PAUSE * 4);
        let (asked, written) = (world.requests()?, world::writes(audit)?);
        if asked != requests || written.total() > 0 {
            still_since = Instant::now();
        }
        requests = asked;
        writes = writes.plus(&written);
    }
    Ok((requests, writes))
}

/// What happens within a minute in which nobody does anything.
pub fn minute(world: &World, audit: &mut AuditReader) -> Outcome<(Counts, Counts)> {
    let before = world.requests()?;
    world::writes(audit)?;
    thread::sleep(Duration::from_mins(1));
    let after = world.requests()?;
    Ok((after.since(&before), world::writes(audit)?))
}

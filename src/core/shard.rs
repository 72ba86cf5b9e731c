//! Which of several shards serves a provider object: decisions as functions of values.
//!
//! A shard is an install's operators with the same `--shard`; they elect their own leader. A label on the provider
//! object *assigns* it to a shard. What counts is what its status says: which shard *holds* it, and which account that
//! shard may be speaking to (its *claim*). The rules:
//!
//! - Only the holder speaks for an object, and only with a claim on the account that was stored before.
//! - The holder gives an object away itself, when nothing is on its way any more. Somebody else takes it only when no
//!   process leads the holder's shard ([`Vigil`]).
//! - A claim is stored first, and then all objects are read. So of two shards that claim one account at the same time
//!   at least one sees the other's claim. The older object wins; the younger one gives its claim up when nothing is on
//!   its way any more, and the older one begins after that.
//!
//! Every write carries the resourceVersion of what it was decided on.

use std::fmt;
use std::time::Duration;

use crate::leadership::{DURATION_MAX, Record};
use crate::time::Moment;

/// The name of a shard; the default is the shard of operators that run without a name.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shard(String);

impl Shard {
    /// The shard of operators without a name.
    pub const UNNAMED: Self = Self(String::new());

    /// The shard that an operator may be started for: nothing, or a DNS label (RFC 1123) of at most 63 characters.
    pub fn parse(text: &str) -> Option<Self> {
        let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let fits =
            text.len() <= 63 && !text.starts_with('-') && !text.ends_with('-') && text.bytes().all(inner);
        fits.then(|| Self(text.to_owned()))
    }

    /// What a label or a status says. It may be a name that no operator can have: then nobody serves the object.
    pub fn told(text: Option<&str>) -> Self {
        Self(text.unwrap_or_default().to_owned())
    }

    /// The name; `None`: operators without one.
    pub fn name(&self) -> Option<&str> {
        Some(self.0.as_str()).filter(|name| !name.is_empty())
    }

    /// The name of the Lease by which its operators elect a leader, where `base` is that of the unnamed one.
    pub fn lease(&self, base: &str) -> String {
        match self.name() {
            Some(name) => format!("{base}-{name}"),
            None => base.to_owned(),
        }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "shard {name}"),
            None => f.write_str("the shard of operators without --shard"),
        }
    }
}

/// What is known of one provider object, and of what this process does for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own, and most may hold with any other"
)]
pub struct Standing<'a> {
    /// The shard of this process, which leads it.
    pub me: &'a Shard,
    /// The shard that the label assigns it to.
    pub assigned: &'a Shard,
    /// The shard that holds it, by its status.
    pub holder: &'a Shard,
    /// The account that its holder may be speaking to, by its status.
    pub claimed: Option<&'a str>,
    /// The account that its spec leads to; `None`: nothing can be sent now.
    pub wanted: Option<&'a str>,
    /// This process speaks to an account for it, or has not finished to.
    pub speaking: bool,
    /// Passes for it may begin or are under way, whether anything can be sent or not.
    pub working: bool,
    /// After this state of the object was read, no process led the holder's shard.
    pub orphaned: bool,
    /// An older object, held by another shard, has a claim on the account that is wanted.
    pub elder: bool,
    /// A younger one has, and its shard may have a leader.
    pub younger: bool,
}

/// What to do with a provider object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// Nothing: it is another shard's.
    Leave,
    /// Begin nothing more for it, and wait until nothing is on its way.
    Drain,
    /// Forget what is remembered of it, and write the assigned shard into its status, without a claim.
    HandOver,
    /// Another shard holds it: wait, and see whether that one has a leader.
    AwaitHolder,
    /// Write this shard into its status, without a claim.
    TakeOver,
    /// Write the account that is wanted into its status, as its claim.
    Claim,
    /// Take its claim out of its status: nothing can be sent, or the account is served by another shard, for an older
    /// object.
    Yield,
    /// Send nothing, and say that the account is served by another shard.
    Refuse,
    /// Send nothing until a younger object of another shard has given up its claim on the account.
    AwaitRival,
    /// Work for it.
    Serve,
}

/// What to do. With [`Step::Serve`] something may be sent to an account only if `claimed` is that account.
pub fn decide(standing: &Standing<'_>) -> Step {
    let Standing {
        me,
        assigned,
        holder,
        claimed,
        wanted,
        ..
    } = *standing;
    if holder != me {
        let orphaned = standing.orphaned || crate::planted!(ShardTakesFromTheLiving);
        return match (assigned == me, standing.working, orphaned) {
            // Somebody took it away; whatever is still done here ends before anything else.
            (_, true, _) => Step::Drain,
            (false, false, _) => Step::Leave,
            (true, false, false) => Step::AwaitHolder,
            (true, false, true) => Step::TakeOver,
        };
    }
    if assigned != me {
        return if standing.working {
            Step::Drain
        } else {
            Step::HandOver
        };
    }
    if wanted.is_none() && claimed.is_some() && !standing.speaking {
        // Nothing can be sent, so nobody else has to wait for it.
        return Step::Yield;
    }
    if standing.elder && wanted.is_some() && !crate::planted!(ShardsShareAnAccount) {
        return match claimed {
            _ if standing.speaking => Step::Drain,
            Some(_) => Step::Yield,
            None => Step::Refuse,
        };
    }
    if wanted.is_some() && claimed != wanted {
        return if standing.working {
            Step::Drain
        } else {
            Step::Claim
        };
    }
    if standing.younger && !standing.speaking {
        // What was told to its subscriptions before may be told no longer.
        return if standing.working {
            Step::Drain
        } else {
            Step::AwaitRival
        };
    }
    Step::Serve
}

/// Who is the older of two objects: by creation, and then by UID. Smaller is older.
pub type Age<'a> = (i64, &'a str);

/// Watches the Lease of another shard, to find out that no process leads it.
///
/// It is over when its leader has said that it stopped, or when the record did not change for the whole duration after
/// it was first **seen** so, on this process's clock. That is the rule by which a replica takes over
/// ([`crate::leadership`]), so whoever led has stopped. A Lease that is not there counts as a record like any other:
/// its leader would make it anew within the duration.
#[derive(Debug, Clone, Default)]
pub struct Vigil {
    seen: Option<(Option<Record>, Moment)>,
}

impl Vigil {
    /// A read, whose answer was here at `at`, shows this.
    pub fn observe(&mut self, record: Option<Record>, at: Moment) {
        match &self.seen {
            Some((known, _)) if *known == record => {}
            _ => self.seen = Some((record, at)),
        }
    }

    /// Whether nobody leads, by the last observation, which was made at `at`. `duration` is that of our own Lease.
    pub fn is_over(&self, at: Moment, duration: Duration) -> bool {
        let Some((record, since)) = &self.seen else {
            return false;
        };
        let named = record.as_ref().and_then(|record| record.duration);
        let named = named.filter(|named| *named <= DURATION_MAX);
        let patience = named.map_or(duration, |named| named.max(duration));
        let released = record
            .as_ref()
            .is_some_and(|record| record.released && record.holder.is_none());
        released || at >= since.after(patience)
    }
}

#[cfg(test)]
mod tests;

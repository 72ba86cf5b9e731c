//! What becomes of a remote subscription that the provider has switched off.
//!
//! No provider says who switched a subscription off. What was on by our own last write and is off now, without a wish for
//! that, counts as switched off by the provider: always, where the user has said what is to be done about it, and else
//! where the newest deliveries that are known of it fail.

use crate::reason::Reason;
use crate::view::Part;

/// How often one remote subscription is switched on again within [`DAY`].
pub const AGAIN_MAX: usize = 3;
/// The span that [`AGAIN_MAX`] counts in, in milliseconds. It rolls: any 24 hours.
pub const DAY: i64 = 24 * 60 * 60 * 1000;
/// How long after it was counted the request may be sent, in milliseconds; later it is counted anew.
const HOLD: i64 = 10 * 60 * 1000;
/// How long one counts, so that no more than [`AGAIN_MAX`] are sent within a [`DAY`], whenever they are.
const COUNTS: i64 = DAY + HOLD;

/// What the user wants done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OnDisabled {
    /// Say so, and leave it off.
    Report,
    /// Switch it on again, where that is safe.
    Reenable,
}

/// What is remembered of one remote subscription. Times are milliseconds of Unix time: they outlive the process.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Disabled {
    /// When it was first seen off, while it is.
    pub since: Option<i64>,
    /// When it was switched on again, oldest first: at most [`AGAIN_MAX`], perhaps some that no longer count.
    pub again: Vec<i64>,
    /// The newest of these was counted by this process, and nothing was sent for it yet.
    pub announced: bool,
}

/// What is known of the deliveries of one remote subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Known {
    /// The newest delivery of one of its events failed.
    pub failing: bool,
    /// When a delivery or a test was last accepted by the receiver, in milliseconds of Unix time.
    pub arrived: Option<i64>,
}

/// What decides besides.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// What the user says; `None`: nothing.
    pub asked: Option<OnDisabled>,
    /// [`crate::view::Field::Enabled`] of what is off. `Unknown`: nobody looks at it.
    pub off: Part,
    /// The time, in milliseconds of Unix time.
    pub wall: i64,
    /// The provider sends tests on request.
    pub tests: bool,
}

impl Rules {
    /// Nobody looks at whether something was switched off.
    pub const NONE: Self = Self {
        asked: None,
        off: Part::Unknown,
        wall: 0,
        tests: false,
    };
}

/// What is to be done about what is off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ruling {
    /// It stays off.
    Left(Why),
    /// It may be switched on, once that is counted.
    Count,
    /// It is counted: it is switched on now.
    SwitchOn,
}

/// Why it stays off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Why {
    /// Nobody asked for more than a report.
    Reported,
    /// Nothing has reached the receiver since it is off.
    NothingArrived,
    /// It was switched on as often as a day allows. The next time may be at this time, in milliseconds of Unix time.
    Spent(i64),
}

impl Disabled {
    /// Whether what is off was switched off by the provider. What was once taken for that stays it until it is on.
    pub fn counts(&self, rules: &Rules, known: Known) -> bool {
        self.since.is_some() || rules.asked.is_some() || known.failing
    }

    /// What to do about what is off since `since`. Total.
    pub fn rule(&self, since: i64, rules: &Rules, known: Known) -> Ruling {
        if rules.asked != Some(OnDisabled::Reenable) {
            return Ruling::Left(Why::Reported);
        }
        let held = |at: &i64| rules.wall.saturating_sub(*at) < HOLD;
        if self.announced && self.again.last().is_some_and(held) {
            return Ruling::SwitchOn;
        }
        if known.arrived.is_none_or(|arrived| arrived <= since) {
            return Ruling::Left(Why::NothingArrived);
        }
        let lately: Vec<i64> = self.lately(rules.wall).collect();
        match lately
            .len()
            .checked_sub(AGAIN_MAX)
            .and_then(|first| lately.get(first))
        {
            Some(first) => Ruling::Left(Why::Spent(first.saturating_add(COUNTS))),
            None => Ruling::Count,
        }
    }

    /// Counts that it is switched on at `wall`.
    pub fn count(&mut self, wall: i64) {
        self.again = self.lately(wall).chain([wall]).collect();
        self.announced = true;
    }

    /// How often it was switched on within the day before `wall`.
    pub fn times(&self, wall: i64) -> usize {
        self.lately(wall).count()
    }

    /// It is on, or to be off.
    pub fn over(&mut self) {
        self.since = None;
        self.announced = false;
    }

    /// A time that lies ahead was written before the clock was set back, and counts too.
    fn lately(&self, wall: i64) -> impl Iterator<Item = i64> {
        let after = wall.saturating_sub(COUNTS);
        self.again.iter().copied().filter(move |at| *at > after)
    }
}

const BY_HAND: &str = "switch it on at the provider, or set spec.enabled to false and then take that back";

impl Why {
    /// What the user is told: why, and what happens next.
    pub fn message(self, rules: &Rules) -> String {
        let found = Reason::DisabledByProvider.explanation();
        let found = found.split('.').next().unwrap_or_default().trim();
        let next = match self {
            Self::Reported => format!(
                "it is left so, as spec.delivery.onDisabled is not Reenable. Once the receiver works again, {BY_HAND}"
            ),
            Self::NothingArrived if rules.tests => format!(
                "it is switched on again when a delivery or a test has arrived that is newer than that; ask for a test \
                 with the annotation webhook-operator.io/test-requested-at, or {BY_HAND}"
            ),
            Self::NothingArrived => format!(
                "it is switched on again when a delivery has arrived that is newer than that, which is looked for at \
                 each look at deliveries. This provider sends no test: once the receiver works again, {BY_HAND}"
            ),
            Self::Spent(until) => format!(
                "it was switched on again {AGAIN_MAX} times within 24 hours, which is all that is done; it is tried \
                 again at {}. Until then, {BY_HAND}",
                utc(until)
            ),
        };
        format!("{found}; {next}")
    }
}

/// A time as RFC 3339 text, to the second above.
fn utc(millis: i64) -> String {
    let seconds = millis.div_euclid(1000) + i64::from(millis.rem_euclid(1000) > 0);
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Days are counted from the first of March of the year 0, so that a leap day is the last of its year.
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let march = (5 * day + 2) / 153;
    let (month, day) = (
        if march < 10 { march + 3 } else { march - 9 },
        day - (153 * march + 2) / 5 + 1,
    );
    let year = era * 400 + year + i64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests;

//! Bugs that are planted on purpose, to see that the tests notice them.
//!
//! A build with the feature `planted-bugs` holds all of [`Bug`], none of which is active until the variable
//! [`VARIABLE`] names one. A build without the feature does not even depend on this crate: where a bug would be asked
//! for, the operator's sources say `operator_core::planted!(Name)`, which is then the word `false`.
//!
//! [`TABLE`] says which tests must fail for each of them; the program of this package runs it.

mod table;

use std::sync::OnceLock;

pub use table::{Place, Row, TABLE};

/// The variable that names the active bug. It has another beginning than the operator's own variables, which the
/// test harness keeps from the operator.
pub const VARIABLE: &str = "PLANTED_BUG";

macro_rules! bugs {
    ($($(#[doc = $text:literal])+ $bug:ident = $name:literal,)+) => {
        /// A planted bug.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Bug {
            $($(#[doc = $text])+ $bug,)+
        }

        impl Bug {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$bug),+];

            /// What the variable calls it.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$bug => $name,)+
                }
            }
        }
    };
}

bugs! {
    /// A create is sent without a write-ahead entry.
    SkipWriteAhead = "skip-write-ahead",
    /// A write-ahead entry of an earlier process is not read back.
    ForgetWriteAhead = "forget-write-ahead",
    /// A create is sent before the finalizer is on the object.
    FinalizerLate = "finalizer-late",
    /// The finalizer goes first, then nothing.
    FinalizerFirst = "finalizer-first",
    /// An id that is held authorises changes and deletions, whatever marker the remote subscription carries.
    TrustTheId = "trust-the-id",
    /// What is named for adoption is taken over although it carries somebody else's marker.
    AdoptForeignMarker = "adopt-foreign-marker",
    /// An unknown create counts as not carried out as soon as a LIST does not show it.
    IgnoreSettleTime = "ignore-settle-time",
    /// A create goes by a LIST that began before its wish was known.
    AnyListServesACreate = "any-list-serves-a-create",
    /// What one LIST lacks is gone.
    ListIsProofOfAbsence = "list-is-proof-of-absence",
    /// A LIST that failed half-way counts as complete.
    FailedListIsComplete = "failed-list-is-complete",
    /// A read of any age authorises a write.
    StaleReadAuthorises = "stale-read-authorises",
    /// A create that was answered with 5xx counts as not carried out.
    ServerErrorHadNoEffect = "server-error-had-no-effect",
    /// A create that was answered with 504 is sent again at once.
    RetryCreateOn504 = "retry-create-on-504",
    /// `Retry-After` is obeyed whatever it says.
    RetryAfterUnbounded = "retry-after-unbounded",
    /// Failures are tried again after the same short time for ever.
    NoBackoff = "no-backoff",
    /// Repairs of drift never stop.
    NoBreaker = "no-breaker",
    /// Drift is not seen.
    DriftIgnored = "drift-ignored",
    /// What the provider hides is sent again with every comparison.
    PatchHiddenForEver = "patch-hidden-for-ever",
    /// A key that is no longer wanted is left behind.
    DroppedKeyStays = "dropped-key-stays",
    /// A create whose marker did not survive is kept.
    LostMarkerKept = "lost-marker-kept",
    /// What carries the object's marker and is in no entry is left behind by a deletion.
    StrayStays = "stray-stays",
    /// An answer to a deletion that proves nothing counts as done.
    UnconfirmedDeletionIsDone = "unconfirmed-deletion-is-done",
    /// Any number of subscriptions may vanish and is made anew.
    VanishedGuardOff = "vanished-guard-off",
    /// Deletions are not counted by the guard.
    DeletionGuardOff = "deletion-guard-off",
    /// The deletion of the definition itself deletes everything remotely.
    DefinitionGuardOff = "definition-guard-off",
    /// The account is not doubted after its key has changed.
    AccountNeverDoubted = "account-never-doubted",
    /// Refusals are shown in the provider's words as they are.
    RedactNothing = "redact-nothing",
    /// A credential is logged.
    LogTheCredential = "log-the-credential",
    /// Redirects are followed.
    FollowRedirects = "follow-redirects",
    /// Any address is connected to.
    AddressesUnjudged = "addresses-unjudged",
    /// What a name resolves to is connected to, whatever it is.
    AddressesOfNamesUnjudged = "addresses-of-names-unjudged",
    /// Ids are put into paths as they are.
    RawIdsInPaths = "raw-ids-in-paths",
    /// A Secret is used without its label.
    SecretWithoutLabel = "secret-without-label",
    /// The Secret of somebody else is written to.
    OverwriteForeignSecret = "overwrite-foreign-secret",
    /// A cluster-wide provider serves every namespace.
    LendToAnybody = "lend-to-anybody",
    /// The hosts that the owner of an account allows do not count.
    PolicyIgnored = "policy-ignored",
    /// A namespace may have any number of subscriptions.
    QuotaIgnored = "quota-ignored",
    /// A status that belongs to another object or cluster is believed.
    ForeignStatusBelieved = "foreign-status-believed",
    /// An id without a seal is believed to be ours where nothing can be marked.
    SealUnchecked = "seal-unchecked",
    /// Writes to the apiserver succeed on a stale copy.
    SkipVersionGuard = "skip-version-guard",
    /// Status is written with every pass.
    StatusEveryPass = "status-every-pass",
    /// The request budget is not kept.
    BudgetIgnored = "budget-ignored",
    /// A suspended object is worked on.
    SuspendIgnored = "suspend-ignored",
    /// An object with deletion policy Orphan takes its remote subscription along.
    OrphanPolicyIgnored = "orphan-policy-ignored",
    /// Writes pass although this replica does not lead.
    GateIgnored = "gate-ignored",
    /// Who has led once leads for ever.
    LeadershipNeverEnds = "leadership-never-ends",
    /// The right to write counts from the answer to a renewal, and not from its sending.
    LeaseCountsFromTheAnswer = "lease-counts-from-the-answer",
    /// The Lease is written over whatever somebody else has written meanwhile.
    LeaseVersionIgnored = "lease-version-ignored",
    /// A Lease that somebody holds is taken.
    TakeOverAtOnce = "take-over-at-once",
    /// A Lease that somebody emptied is taken while its holder goes on.
    EmptiedLeaseIsFree = "emptied-lease-is-free",
    /// A leader that is asked to end does not give the Lease up.
    LeaseNotReleased = "lease-not-released",
    /// A provider object is taken from a shard that may have a leader.
    ShardTakesFromTheLiving = "shard-takes-from-the-living",
    /// An account is served although a shard claims it for an older object.
    ShardsShareAnAccount = "shards-share-an-account",
}

/// The bug of that name.
pub fn named(name: &str) -> Option<Bug> {
    Bug::ALL.iter().copied().find(|bug| bug.name() == name)
}

/// Whether this bug is the active one.
///
/// # Panics
/// When [`VARIABLE`] names none: a misspelt bug must not pass for one that no test notices.
#[expect(clippy::panic, reason = "nothing but tests is built with this crate")]
pub fn is_planted(bug: Bug) -> bool {
    static ACTIVE: OnceLock<Option<Bug>> = OnceLock::new();
    let active = ACTIVE.get_or_init(|| {
        let name = std::env::var(VARIABLE).ok().filter(|name| !name.is_empty())?;
        Some(named(&name).unwrap_or_else(|| panic!("{VARIABLE} names no planted bug: {name}")))
    });
    *active == Some(bug)
}

//! What may happen to the tiny world, and in which order: the input that proptest invents and shrinks.

use proptest::prelude::*;

use crate::plan::{AdoptionPolicy, Replace};

/// What a read shows of the headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Headers {
    /// The truth.
    Shown,
    /// Nothing.
    Hidden,
    /// A text of the provider's own, which differs where they do.
    Rendered,
    /// A text of the provider's own, the same for all.
    Masked,
}

/// What the provider is like.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a thing that a provider may or may not do"
)]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nature {
    /// It has names, so that there is a place for a marker.
    pub named: bool,
    pub headers: Headers,
    /// A create cannot switch off.
    pub late: bool,
    /// The answer to a deletion does not tell whether it took place.
    pub mute: bool,
    /// Filters can be cleared.
    pub clears: bool,
}

/// One run: the world's nature, and what happens in it.
#[derive(Debug, Clone)]
pub struct Schedule {
    pub nature: Nature,
    /// Seconds until a new remote subscription appears in LISTs.
    pub lag: u8,
    /// Unmarked remote subscriptions that are there from the start, by their URL.
    pub strangers: Vec<u8>,
    /// The first spec.
    pub spec: Spec,
    /// What happens.
    pub events: Vec<Event>,
}

/// What the user wrote.
#[expect(clippy::struct_excessive_bools, reason = "as in the spec that users write")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spec {
    /// Which of three keys are wanted, as a bit set.
    pub keys: u8,
    pub url: u8,
    pub events: u8,
    pub enabled: bool,
    /// A field that the provider may hide.
    pub headers: Option<u8>,
    /// A field that the provider shows and may never clear.
    pub filters: Option<u8>,
    pub replace: Replace,
    pub policy: AdoptionPolicy,
    pub overwrite: bool,
    pub observe: bool,
    pub correct_drift: bool,
}

/// One thing that happens.
#[derive(Debug, Clone)]
pub enum Event {
    /// The controller decides once and performs what was decided.
    Round(Mishap),
    /// The user edits the spec.
    Edit(Edit),
    /// The user deletes the object.
    DeleteObject,
    /// Somebody works at the provider by hand.
    Hand(Hand),
    /// Seconds go by.
    Wait(u8),
}

/// What goes wrong with the effect of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mishap {
    None,
    /// Refused for now, without effect. At the apiserver: the copy was stale.
    RefusedBefore,
    /// Refused for good, without effect.
    RefusedForGood,
    /// Carried out, and the reply was lost.
    ReplyLost,
    /// A create loses the marker on its way. Anything else works.
    MarkerCut,
    /// The process ends before the effect.
    CrashBefore,
    /// The process ends after the effect, before it knows how it went.
    CrashAfter,
    /// The process ends after it has taken note of the result, before anything more is stored.
    CrashKnowing,
}

#[derive(Debug, Clone)]
pub enum Edit {
    Keys(u8),
    Url(u8),
    Events(u8),
    Enabled(bool),
    Headers(Option<u8>),
    Filters(Option<u8>),
    Policy(AdoptionPolicy, bool),
    Observe(bool),
    CorrectDrift(bool),
    Replace(Replace),
}

/// Which remote subscription: an index into those that are there, taken modulo their number.
pub type Pick = u8;

#[derive(Debug, Clone)]
pub enum Hand {
    SetUrl(Pick, u8),
    SetEnabled(Pick, bool),
    SetHeaders(Pick, Option<u8>),
    SetFilters(Pick, u8),
    Delete(Pick),
    Clone(Pick),
    Strip(Pick),
    MakeUnmarked(u8),
}

fn policy() -> impl Strategy<Value = AdoptionPolicy> {
    prop_oneof![
        4 => Just(AdoptionPolicy::IfOwned),
        2 => Just(AdoptionPolicy::IfMatches),
        1 => Just(AdoptionPolicy::ById),
        1 => Just(AdoptionPolicy::Never),
    ]
}

fn small_option() -> impl Strategy<Value = Option<u8>> {
    prop::option::of(0_u8..2)
}

fn replace() -> impl Strategy<Value = Replace> {
    prop_oneof![
        4 => Just(Replace::KeysOnly),
        1 => Just(Replace::Never),
        2 => Just(Replace::CreateFirst),
        2 => Just(Replace::DeleteFirst),
    ]
}

fn nature() -> impl Strategy<Value = Nature> {
    let headers = prop_oneof![
        1 => Just(Headers::Shown),
        2 => Just(Headers::Hidden),
        1 => Just(Headers::Rendered),
        1 => Just(Headers::Masked),
    ];
    let rarely = || prop::bool::weighted(0.3);
    (
        prop::bool::weighted(0.6),
        headers,
        rarely(),
        rarely(),
        any::<bool>(),
    )
        .prop_map(|(named, headers, late, mute, clears)| Nature {
            named,
            headers,
            late,
            mute,
            clears,
        })
}

fn spec() -> impl Strategy<Value = Spec> {
    (
        1_u8..8,
        0_u8..2,
        0_u8..2,
        any::<bool>(),
        small_option(),
        small_option(),
        policy(),
        (prop::bool::weighted(0.1), replace()),
    )
        .prop_map(
            |(keys, url, events, enabled, headers, filters, policy, (observe, replace))| Spec {
                keys,
                url,
                events,
                enabled,
                headers,
                filters,
                replace,
                policy,
                overwrite: false,
                observe,
                correct_drift: true,
            },
        )
}

fn mishap() -> impl Strategy<Value = Mishap> {
    prop_oneof![
        20 => Just(Mishap::None),
        2 => Just(Mishap::RefusedBefore),
        1 => Just(Mishap::RefusedForGood),
        3 => Just(Mishap::ReplyLost),
        1 => Just(Mishap::MarkerCut),
        1 => Just(Mishap::CrashBefore),
        3 => Just(Mishap::CrashAfter),
        1 => Just(Mishap::CrashKnowing),
    ]
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        3 => (1_u8..8).prop_map(Edit::Keys),
        2 => (0_u8..2).prop_map(Edit::Url),
        2 => (0_u8..2).prop_map(Edit::Events),
        1 => any::<bool>().prop_map(Edit::Enabled),
        2 => small_option().prop_map(Edit::Headers),
        2 => small_option().prop_map(Edit::Filters),
        2 => (policy(), any::<bool>()).prop_map(|(policy, overwrite)| Edit::Policy(policy, overwrite)),
        1 => any::<bool>().prop_map(Edit::Observe),
        1 => any::<bool>().prop_map(Edit::CorrectDrift),
        1 => replace().prop_map(Edit::Replace),
    ]
}

fn hand() -> impl Strategy<Value = Hand> {
    let pick = || 0_u8..6;
    prop_oneof![
        2 => (pick(), 0_u8..2).prop_map(|(pick, url)| Hand::SetUrl(pick, url)),
        1 => (pick(), any::<bool>()).prop_map(|(pick, on)| Hand::SetEnabled(pick, on)),
        1 => (pick(), small_option()).prop_map(|(pick, to)| Hand::SetHeaders(pick, to)),
        1 => (pick(), 0_u8..2).prop_map(|(pick, to)| Hand::SetFilters(pick, to)),
        2 => pick().prop_map(Hand::Delete),
        1 => pick().prop_map(Hand::Clone),
        1 => pick().prop_map(Hand::Strip),
        1 => (0_u8..2).prop_map(Hand::MakeUnmarked),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        30 => mishap().prop_map(Event::Round),
        4 => edit().prop_map(Event::Edit),
        1 => Just(Event::DeleteObject),
        4 => hand().prop_map(Event::Hand),
        5 => (1_u8..120).prop_map(Event::Wait),
    ]
}

/// All schedules of up to 80 events.
pub fn schedules() -> impl Strategy<Value = Schedule> {
    (
        nature(),
        0_u8..60,
        prop::collection::vec(0_u8..2, 0..2),
        spec(),
        prop::collection::vec(event(), 0..80),
    )
        .prop_map(|(nature, lag, strangers, spec, events)| Schedule {
            nature,
            lag,
            strangers,
            spec,
            events,
        })
}

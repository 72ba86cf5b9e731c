use super::*;
use crate::capabilities::examples::NAMED;
use crate::hash::HashKey;
use crate::view::Part;

mod doubt;
mod gone;
mod restart;

fn digest(text: &str) -> Fingerprint {
    HashKey::new([5; 32]).fingerprint("test", [text.as_bytes()])
}

fn key() -> RemoteKey {
    RemoteKey::single()
}

fn at(seconds: u64) -> Moment {
    Moment::from_millis(seconds * 1000)
}

fn wish() -> Wanted {
    let mut view = View::default();
    view.set(Field::Url, Part::Is(digest("url")));
    view.set(Field::Headers, Part::Absent);
    Wanted {
        key: key(),
        view,
        digest: digest("wish"),
        events: Vec::new(),
    }
}

fn remote() -> Remote {
    let mut view = wish().view;
    view.set(Field::Headers, Part::Unknown);
    Remote {
        id: ExternalId::parse("r1").unwrap(),
        marker: None,
        view,
        created: None,
    }
}

fn fault(disposition: Disposition, may_have_taken_effect: bool) -> Fault {
    Fault {
        reason: Reason::ProviderUnavailable,
        message: "503".into(),
        disposition,
        may_have_taken_effect,
    }
}

fn id(text: &str) -> ExternalId {
    ExternalId::parse(text).unwrap()
}

/// An entry of which everything is known that an entry can know.
fn full() -> Entry {
    let fields = FieldSet::of(&[Field::Url]);
    let mut entry = intended().entries[&key()].clone();
    entry.saw(remote(), at(5));
    Entry {
        id: Some(id("r1")),
        hold: Hold::Adopted,
        proof: Some(Part::Is(digest("events"))),
        stored: false,
        applied: Some(digest("applied")),
        sent: Some(Sent::all_of(&wish().view)),
        rendering: Sent::all_of(&wish().view),
        not_kept: fields,
        unverifiable: FieldSet::of(&[Field::Headers]),
        doubted: Some(at(1)),
        missing_since: Some(at(2)),
        absent_at: Some(at(3)),
        discard: Some(id("r9")),
        failure: Some(Failure {
            reason: Reason::ProviderUnavailable,
            message: "503".into(),
            until: Some(at(99)),
            digest: None,
            count: 3,
            since: at(4),
        }),
        repairs: (2, at(4)),
        ..entry
    }
}

/// A memory with an open entry that was stored at second 10.
fn intended() -> Memory {
    let mut memory = Memory::default();
    memory.intend(&[&wish()], at(10), at(10));
    memory
}

fn pending(memory: &Memory) -> Option<&Pending> {
    memory.entries.get(&key())?.pending.as_deref()
}

fn blocked(memory: &Memory) -> &Failure {
    memory.entries[&key()].failure.as_ref().unwrap()
}

#[test]
fn an_entry_says_what_is_going_to_be_sent_and_counts_its_attempts() {
    let mut memory = intended();
    let first = pending(&memory).unwrap().clone();
    assert_eq!(first.attempt, 1);
    assert_eq!(first.certainty, Certainty::NotSent { opened: at(10) });
    assert_eq!(first.target.content, Content::of(&wish().view));
    assert_eq!(first.target.applied, Some(wish().digest));
    assert_eq!(first.target.sent, Some(Sent::all_of(&wish().view)));
    memory.intend(&[&wish()], at(20), at(20));
    assert_eq!(pending(&memory).unwrap().attempt, 2);
}

#[test]
fn a_create_that_worked_closes_its_entry_and_is_ours() {
    let mut memory = intended();
    memory.created(&wish(), remote(), true, at(11), &NAMED);
    let entry = &memory.entries[&key()];
    assert_eq!(entry.pending, None);
    assert_eq!(entry.id, Some(remote().id));
    assert_eq!((entry.hold, entry.applied), (Hold::Owned, Some(wish().digest)));
    assert!(entry.unverifiable.is_empty() && entry.not_kept.is_empty());
}

#[test]
fn a_create_whose_outcome_is_unknown_keeps_its_entry_from_that_moment_on() {
    let mut memory = intended();
    memory.create_failed(&wish(), fault(Disposition::Backoff, true), at(12), 1);
    let certainty = pending(&memory).unwrap().certainty;
    assert_eq!(certainty, Certainty::Unknown { since: at(12) });
    let mut memory = intended();
    memory.create_failed(&wish(), fault(Disposition::WaitForChange, true), at(12), 1);
    assert!(pending(&memory).is_some());
}

#[test]
fn a_create_that_was_refused_for_now_keeps_its_entry_as_not_sent() {
    let mut memory = intended();
    memory.create_failed(&wish(), fault(Disposition::Backoff, false), at(12), 1);
    let certainty = pending(&memory).unwrap().certainty;
    assert_eq!(certainty, Certainty::NotSent { opened: at(10) });
}

#[test]
fn a_create_that_was_refused_for_good_closes_its_entry() {
    let mut memory = intended();
    memory.create_failed(&wish(), fault(Disposition::WaitForChange, false), at(12), 1);
    assert_eq!(pending(&memory), None);
    assert_eq!(blocked(&memory).until, None);
}

#[test]
fn storing_that_failed_makes_only_unsent_entries_doubtful() {
    let mut memory = intended();
    memory.intend_failed(&[key()]);
    assert_eq!(pending(&memory).unwrap().target.applied, None);
    let mut memory = intended().after_restart(at(30));
    memory.intend_failed(&[key()]);
    assert_eq!(pending(&memory).unwrap().target.applied, Some(wish().digest));
}

#[test]
fn failures_of_the_same_wish_add_up_and_another_wish_starts_anew() {
    let mut memory = Memory::default();
    let mut fail = |wish: &str, seconds| {
        let fault = fault(Disposition::Backoff, false);
        memory.failed(&key(), Some(digest(wish)), fault, at(seconds), 1);
        let failure = blocked(&memory);
        (failure.count, failure.since)
    };
    assert_eq!(fail("a", 1), (1, at(1)));
    assert_eq!(fail("a", 2), (2, at(1)));
    assert_eq!(fail("b", 3), (1, at(3)));
}

#[test]
fn a_failure_waits_as_its_disposition_says() {
    let until = |disposition, digest: Option<Fingerprint>| {
        let mut memory = Memory::default();
        memory.failed(&key(), digest, fault(disposition, false), at(100), 1);
        blocked(&memory).until
    };
    let after = |seconds| Disposition::After(Duration::from_secs(seconds));
    assert_eq!(until(after(7), None), Some(at(107)));
    assert_eq!(until(Disposition::WaitForChange, Some(digest("wish"))), None);
    assert_eq!(
        until(Disposition::WaitForChange, None),
        Some(at(100).after(REFUSED_REST))
    );
    let backoff = until(Disposition::Backoff, None).unwrap();
    assert!(backoff > at(100) && backoff <= at(101));
}

#[test]
fn only_what_was_read_after_a_lost_reply_counts() {
    let mut memory = Memory::default();
    assert!(memory.entry(&key()).trusts(at(1)));
    memory.failed(&key(), None, fault(Disposition::Backoff, true), at(12), 1);
    assert!(!memory.entry(&key()).trusts(at(12)));
    assert!(memory.entry(&key()).trusts(at(13)));
}

#[test]
fn a_read_that_works_ends_an_outage_but_not_a_refusal() {
    let after_read = |disposition| {
        let mut memory = Memory::default();
        memory.failed(&key(), Some(digest("wish")), fault(disposition, false), at(1), 1);
        memory.read(&key(), Some(remote()), at(2));
        memory.entries[&key()].failure.is_some()
    };
    assert!(!after_read(Disposition::Backoff));
    assert!(after_read(Disposition::WaitForChange));
}

#[test]
fn a_read_that_finds_it_ends_its_absence() {
    let mut memory = Memory::default();
    memory.note(&Note::Missing(key()), &[], at(1));
    memory.read(&key(), None, at(2));
    let entry = memory.entries[&key()].clone();
    assert_eq!((entry.missing_since, entry.absent_at), (Some(at(1)), Some(at(2))));
    memory.read(&key(), Some(remote()), at(3));
    let entry = memory.entries[&key()].clone();
    assert_eq!((entry.missing_since, entry.absent_at), (None, None));
    assert_eq!(entry.seen.unwrap().at, at(3));
}

#[test]
fn what_an_entry_made_is_owned_and_known_and_anything_else_is_adopted_and_unknown() {
    let adopted = |by_entry| {
        let mut memory = intended();
        memory.adopted(&key(), Hold::Adopted, by_entry, remote(), at(12));
        memory.entries[&key()].clone()
    };
    let ours = adopted(true);
    assert_eq!((ours.hold, ours.applied), (Hold::Owned, Some(wish().digest)));
    assert_eq!(ours.sent, Some(Sent::all_of(&wish().view)));
    let other = adopted(false);
    assert_eq!(
        (other.hold, other.applied, other.sent),
        (Hold::Adopted, None, None)
    );
    assert_eq!((ours.pending, other.pending), (None, None));
}

#[test]
fn an_edit_ends_a_row_of_repairs_and_clears_what_was_not_kept() {
    let mut memory = intended();
    memory.created(&wish(), remote(), true, at(11), &NAMED);
    let url = FieldSet::of(&[Field::Url]);
    let mut stubborn = remote();
    stubborn.view.set(Field::Url, Part::Is(digest("other")));
    memory.updated(&wish(), url, stubborn, true, at(12), &NAMED);
    assert_eq!(memory.entries[&key()].not_kept, url);
    assert_eq!(memory.entries[&key()].repairs, (1, at(12)));
    let edited = Wanted {
        digest: digest("edited"),
        ..wish()
    };
    memory.updated(&edited, url, remote(), false, at(13), &NAMED);
    assert!(memory.entries[&key()].not_kept.is_empty());
    assert_eq!(memory.entries[&key()].repairs, (0, at(13)));
}

#[test]
fn what_is_noted_as_applied_starts_with_a_clean_slate_only_for_another_wish() {
    let noted = |applied| {
        let mut memory = Memory::default();
        let url = FieldSet::of(&[Field::Url]);
        *memory.entry(&key()) = Entry {
            applied,
            not_kept: url,
            unverifiable: url,
            ..Entry::default()
        };
        memory.note(&Note::Applied(key()), &[wish()], at(1));
        let entry = &memory.entries[&key()];
        assert_eq!(entry.applied, Some(wish().digest));
        assert_eq!(entry.sent, Some(Sent::all_of(&wish().view)));
        (entry.not_kept.is_empty(), entry.unverifiable.is_empty())
    };
    assert_eq!(noted(Some(wish().digest)), (false, false));
    assert_eq!(noted(None), (true, true));
}

#[test]
fn with_another_account_what_was_read_or_refused_is_void_and_what_is_ours_stays() {
    let mut memory = intended();
    memory.created(&wish(), remote(), true, at(11), &NAMED);
    memory.read(&key(), None, at(12));
    let fault = Fault {
        reason: Reason::Forbidden,
        message: "no".into(),
        disposition: Disposition::After(REFUSED_REST),
        may_have_taken_effect: false,
    };
    memory.failed(&key(), None, fault, at(13), 0);
    memory.account_changed();
    let entry = &memory.entries[&key()];
    assert_eq!(
        (&entry.seen, entry.absent_at, &entry.failure),
        (&None, None, &None)
    );
    assert_eq!(entry.id, Some(remote().id));
    assert_eq!(entry.applied, Some(wish().digest));
}

#[test]
fn an_entry_that_was_not_sent_claims_nothing_of_an_account() {
    assert!(!Memory::default().has_claims());
    assert!(!intended().has_claims());
    assert!(intended().after_restart(at(20)).has_claims());
    let mut made = intended();
    made.created(&wish(), remote(), true, at(11), &NAMED);
    assert!(made.has_claims());
}

#[test]
fn a_removed_field_is_unverifiable_unless_the_provider_was_seen_to_show_it() {
    let headers = FieldSet::of(&[Field::Headers]);
    let removed = |shown_before: bool| {
        let mut wanted = wish();
        wanted.view.set(Field::Headers, Part::Absent);
        let (mut before, mut after) = (remote(), remote());
        before.view.set(
            Field::Headers,
            if shown_before {
                wish().view.get(Field::Url)
            } else {
                Part::Unknown
            },
        );
        after.view.set(Field::Headers, Part::Unknown);
        let mut memory = Memory::default();
        memory.entry(&key()).id = Some(remote().id);
        memory.read(&key(), Some(before), at(1));
        memory.updated(&wanted, headers, after, false, at(2), &NAMED);
        memory.entries[&key()].unverifiable
    };
    assert_eq!(removed(false), headers);
    assert_eq!(removed(true), FieldSet::EMPTY);
}

#[test]
fn only_the_id_that_status_has_counts_as_stored_after_it_is_taken_over() {
    for (stored, before, expected) in [(true, "r1", true), (true, "r0", false), (false, "r1", false)] {
        let mut memory = Memory::default();
        *memory.entry(&key()) = Entry {
            id: Some(id(before)),
            stored,
            ..Entry::default()
        };
        memory.adopted(&key(), Hold::Adopted, false, remote(), at(1));
        assert_eq!(memory.entries[&key()].stored, expected, "{before} {stored}");
    }
}

#[test]
fn what_is_only_looked_at_is_proven_to_be_nobodys() {
    let proof = |hold| {
        let mut memory = Memory::default();
        memory.adopted(&key(), hold, false, remote(), at(1));
        memory.entries[&key()].proof
    };
    assert_eq!(proof(Hold::Observed), None);
    assert_eq!(proof(Hold::Adopted), Some(remote().view.get(Field::Events)));
}

#[test]
fn a_row_of_repairs_ends_after_two_rests_and_no_earlier() {
    let rest = 2 * crate::plan::BREAKER_REST.as_secs();
    for (pause, expected) in [(rest - 1, 2), (rest, 1), (rest + 1, 1)] {
        let mut memory = intended();
        memory.created(&wish(), remote(), true, at(11), &NAMED);
        let url = FieldSet::of(&[Field::Url]);
        memory.updated(&wish(), url, remote(), true, at(100_000), &NAMED);
        memory.updated(&wish(), url, remote(), true, at(100_000 + pause), &NAMED);
        assert_eq!(memory.entries[&key()].repairs.0, expected, "{pause} s");
    }
}

#[test]
fn a_provider_that_does_not_switch_off_is_left_alone_for_a_rest() {
    let failure = |off: &str| {
        let mut shown = remote();
        shown.view.set(Field::Enabled, Part::Is(digest("off")));
        let mut memory = Memory::default();
        memory.failed(&key(), None, fault(Disposition::Backoff, false), at(1), 1);
        memory.switched_off(&key(), shown, Part::Is(digest(off)), at(2));
        memory.entries[&key()].failure.clone()
    };
    assert_eq!(failure("off"), None);
    let failed = failure("on").unwrap();
    assert_eq!(
        (failed.reason, failed.until),
        (Reason::CannotClear, Some(at(2).after(REFUSED_REST)))
    );
}

#[test]
fn a_note_goes_by_the_wish_of_its_own_key() {
    let other = Wanted {
        key: RemoteKey::parse("other").unwrap(),
        digest: digest("other"),
        ..wish()
    };
    let wanted = [other, wish()];
    let mut memory = intended();
    memory.created(&wish(), remote(), true, at(11), &NAMED);
    memory.note(&Note::Applied(key()), &wanted, at(12));
    assert_eq!(memory.entries[&key()].applied, Some(wish().digest));
    memory.note(&Note::Retire(key()), &wanted, at(13));
    assert_eq!(memory.entries[&key().retired()].id, Some(remote().id));
    assert_eq!(memory.replaced.get(&key()), Some(&wish().digest));
}

#[test]
fn the_map_of_entries_is_a_map() {
    let mut entries = Entries::default();
    let keys = ["b", "a"].map(|text| RemoteKey::parse(text).unwrap());
    let [b, a] = &keys;
    entries.open(b).id = Some(id("rb"));
    entries.insert(
        a.clone(),
        Entry {
            id: Some(id("ra")),
            ..Entry::default()
        },
    );
    assert_eq!(
        entries.open(b).id,
        Some(id("rb")),
        "what is there is not made anew"
    );
    assert!(entries.keys().eq([a, b]));
    for entry in entries.values_mut() {
        entry.stored = true;
    }
    assert!(entries.values().all(|entry| entry.stored));
    let ids = |entries: &Entries| -> Vec<String> {
        let all = entries
            .iter()
            .map(|(key, entry)| format!("{key:?} {:?}", entry.id));
        all.collect()
    };
    assert_eq!(ids(&entries).len(), 2);
    let copy: Entries = entries.clone().into_iter().collect();
    assert_eq!(ids(&copy), ids(&entries));
    entries.get_mut(a).unwrap().id = None;
    assert_eq!(
        (entries[a].id.clone(), entries[b].id.clone()),
        (None, Some(id("rb")))
    );
    assert_eq!(entries.remove(b).unwrap().id, Some(id("rb")));
    assert!(!entries.contains_key(b) && entries.contains_key(a) && entries.remove(b).is_none());
    entries.remove(a);
    assert!(entries.is_empty() && !copy.is_empty());
}

#[test]
fn the_ids_of_all_keys_are_held_and_are_stored_once_status_is_written() {
    let mut memory = Memory::default();
    for (key, name) in [("a", Some("r1")), ("b", None), ("c", Some("r3"))] {
        memory.entry(&RemoteKey::parse(key).unwrap()).id = name.map(id);
    }
    assert!(memory.ids().eq([&id("r1"), &id("r3")]));
    memory.stored();
    let stored: Vec<bool> = memory.entries.values().map(|entry| entry.stored).collect();
    assert_eq!(stored, [true, false, true]);
}

#[test]
fn what_was_made_without_a_marker_is_ours_only_where_nothing_can_be_marked() {
    let made = |marked, able: &Capabilities| {
        let mut memory = intended();
        memory.created(&wish(), remote(), marked, at(11), able);
        let entry = memory.entries[&key()].clone();
        assert_eq!(entry.pending, None);
        (
            entry.id.is_some(),
            entry.discard.is_some(),
            entry.failure.is_some(),
        )
    };
    let nameless = &crate::capabilities::examples::NAMELESS;
    assert_eq!(made(true, &NAMED), (true, false, false));
    assert_eq!(made(false, &NAMED), (false, true, true));
    assert_eq!(made(false, nameless), (true, false, false));
}

#[test]
fn what_a_create_could_not_set_is_not_counted_as_applied() {
    let url = FieldSet::of(&[Field::Url]);
    let applied = |late, shown: &str| {
        let mut made = remote();
        made.view.set(Field::Url, Part::Is(digest(shown)));
        let able = Capabilities { late, ..NAMED };
        let mut memory = intended();
        memory.created(&wish(), made, true, at(11), &able);
        memory.entries[&key()].applied
    };
    assert_eq!(applied(url, "other"), None);
    assert_eq!(applied(url, "url"), Some(wish().digest));
    assert_eq!(applied(FieldSet::EMPTY, "other"), Some(wish().digest));
}

#[test]
fn where_nothing_was_begun_a_list_counts_that_began_since_the_wish_is_known() {
    let opened = |memory: &Memory| match pending(memory).unwrap().certainty {
        Certainty::NotSent { opened } => opened,
        Certainty::Unknown { .. } => panic!("it was opened here"),
    };
    let mut memory = Memory::default();
    memory.intend(&[&wish()], at(3), at(10));
    memory.intent_stored(at(10), at(11));
    assert_eq!(opened(&memory), at(3));
    // A second attempt, or anything that was known before, wants a LIST that begins when the entry is stored.
    memory.intend(&[&wish()], at(3), at(20));
    memory.intent_stored(at(20), at(21));
    assert_eq!(opened(&memory), at(21));
    let mut failed = Memory::default();
    failed.failed(&key(), None, fault(Disposition::Backoff, false), at(5), 1);
    let mut gone = Memory::default();
    gone.gone.insert(ExternalId::parse("r0").unwrap());
    let mut replaced = Memory::default();
    replaced.replaced.insert(key(), wish().digest);
    for mut memory in [failed, gone, replaced] {
        memory.intend(&[&wish()], at(3), at(10));
        memory.intent_stored(at(10), at(11));
        assert_eq!(opened(&memory), at(11));
    }
    // A wish that is known for long: what people have made by hand meanwhile is to show.
    let mut memory = Memory::default();
    memory.intend(&[&wish()], at(3), at(100));
    memory.intent_stored(at(100), at(101));
    assert_eq!(opened(&memory), at(40));
}

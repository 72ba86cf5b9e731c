//! What is not known any more after something went wrong.

use super::*;

#[test]
fn what_was_sent_and_is_lost_count_of_is_equal_to_no_wish() {
    let mut wish = wish();
    wish.view.set(Field::SigningKey, Part::Is(digest("key")));
    let sent = Sent::all_of(&wish.view);
    assert_eq!(sent.differing(&wish.view), FieldSet::EMPTY);
    let all = FieldSet::of(Field::ALL);
    for field in [Field::Url, Field::Headers, Field::SigningKey] {
        let lost = FieldSet::of(&[field]);
        let doubted = sent.doubting(lost);
        assert_eq!(doubted.differing(&wish.view), lost);
        assert_eq!(doubted.trusted(all), all.without(lost));
    }
}

#[test]
fn switching_on_is_counted_anew_after_it_may_have_been_sent_or_was_refused_for_good() {
    for (disposition, sent, counted) in [
        (Disposition::Backoff, false, true),
        (Disposition::Backoff, true, false),
        (Disposition::WaitForChange, false, false),
        (Disposition::WaitForChange, true, false),
    ] {
        let mut memory = Memory::default();
        memory.entries.open(&key()).disabled.count(1);
        let fault = fault(disposition, sent);
        memory.failed(&key(), Some(wish().digest), fault, at(1), 1);
        assert_eq!(memory.entries[&key()].disabled.announced, counted);
    }
}

#[test]
fn rendered_fields_that_were_shown_empty_are_told_from_the_others() {
    let able = Capabilities {
        rendered: FieldSet::of(&[Field::Url, Field::Filters, Field::Headers]),
        ..NAMED
    };
    let mut entry = Entry::default();
    entry.rendering.set(Field::Filters, Part::Absent.short());
    entry.rendering.set(Field::Events, Part::Absent.short());
    entry.rendering.set(Field::Url, Part::Is(digest("url")).short());
    assert_eq!(entry.rendered_as_empty(&able), FieldSet::of(&[Field::Filters]));
}

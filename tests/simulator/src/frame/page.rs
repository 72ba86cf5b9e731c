//! Order of lists, and page tokens that mean nothing to a client.

use crate::frame::{credential::credential_hash, switch::choice};

choice! {
    /// Order of a list. `shuffled` is neither order of creation, but the same at every request.
    ListOrder { Ascending = "ascending", Descending = "descending", Shuffled = "shuffled" }
}

impl ListOrder {
    /// Where the number stands; no two numbers stand at the same place.
    pub(crate) fn place(self, number: u64) -> u64 {
        match self {
            Self::Ascending => number,
            Self::Descending => !number,
            Self::Shuffled => number.wrapping_mul(0x9e37_79b9_7f4a_7c15),
        }
    }
}

/// A piece of a list.
pub(crate) struct Page<T> {
    pub items: Vec<T>,
    /// Place of the last item, if more follow.
    pub more_after: Option<u64>,
}

/// The first items behind a place. `items` come with their places, in any order.
pub(crate) fn cut<T>(items: impl Iterator<Item = (u64, T)>, after: Option<u64>, size: usize) -> Page<T> {
    let mut rest: Vec<(u64, T)> = items
        .filter(|(place, _)| after.is_none_or(|after| *place > after))
        .collect();
    rest.sort_unstable_by_key(|(place, _)| *place);
    let more = rest.len() > size;
    rest.truncate(size);
    Page {
        more_after: rest.last().map(|(place, _)| *place).filter(|_| more),
        items: rest.into_iter().map(|(_, item)| item).collect(),
    }
}

/// The token for the page behind a place of a list.
pub(crate) fn token(list: &str, after: u64) -> String {
    let place = format!("{after:016x}");
    let seal = credential_hash(&format!("{list} {place}"));
    format!("{place}{}", seal.trim_start_matches("sha256:"))
}

/// The place behind which the page starts; `None` for a token that was not given out for this list.
pub(crate) fn place_of(list: &str, given: &str) -> Option<u64> {
    let place = u64::from_str_radix(given.get(..16)?, 16).ok()?;
    (token(list, place) == given).then_some(place)
}

#[cfg(test)]
mod tests {
    use super::{ListOrder, cut, place_of, token};

    #[test]
    fn pages_lead_through_a_list_in_every_order() {
        for order in [ListOrder::Ascending, ListOrder::Descending, ListOrder::Shuffled] {
            let items = || (1..=7_u64).map(|number| (order.place(number), number));
            let (mut seen, mut after) = (Vec::new(), None);
            loop {
                let page = cut(items(), after, 3);
                seen.extend(page.items);
                match page.more_after {
                    Some(place) => after = Some(place),
                    None => break,
                }
            }
            assert_eq!(seen.len(), 7);
            assert_eq!(seen.is_sorted(), order == ListOrder::Ascending);
            assert_eq!(seen.iter().rev().is_sorted(), order == ListOrder::Descending);
        }
    }

    #[test]
    fn a_token_is_good_for_its_own_list_only() {
        let given = token("a", 77);
        assert_eq!(place_of("a", &given), Some(77));
        for (list, given) in [("b", given.as_str()), ("a", &given[1..]), ("a", ""), ("a", "é")] {
            assert_eq!(place_of(list, given), None);
        }
    }
}

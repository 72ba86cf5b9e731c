//! Reading a list without holding it: each element becomes what is kept of it as soon as it is read.

use std::cell::Cell;
use std::fmt;
use std::io::{self, BufReader, Read};
use std::marker::PhantomData;
use std::rc::Rc;

use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// The most that one element may take, in bytes as they are sent.
pub(crate) const ELEMENT_MAX: u64 = 1 << 20;
/// The most elements that one answer may hold.
pub(crate) const ELEMENTS_MAX: u64 = 100_000;
const BUFFER: usize = 16 << 10;

/// How a list looks, and what is kept of it. Serves `{"data": […]}` as well as `{"results": […],
/// "nextPageToken": …}`.
pub(crate) trait Listing: Send + 'static {
    /// The member that holds the elements. An answer with two of it is no list, nor is one without, unless
    /// [`Self::missing`] says otherwise.
    const ITEMS: &'static str;
    /// One element, as the provider writes it.
    type Item: DeserializeOwned;

    /// Takes one element.
    ///
    /// # Errors
    /// What is wrong with it: then the whole list is.
    fn item(&mut self, item: Self::Item) -> Result<(), &'static str>;

    /// Whether this other member of the answer matters.
    fn wants(&self, _member: &str) -> bool {
        false
    }

    /// Takes a member that [`Self::wants`] asked for; called at most once for each.
    ///
    /// # Errors
    /// As [`Self::item`].
    fn other(&mut self, _member: &str, _value: Value) -> Result<(), &'static str> {
        Ok(())
    }

    /// Judges a complete answer without [`Self::ITEMS`]: where empty lists may be left out, it can be one.
    ///
    /// # Errors
    /// What is wrong with it.
    fn missing(&self) -> Result<(), &'static str> {
        Err("the list is missing")
    }
}

/// Why a list could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ListFault {
    /// Reading it failed.
    Read(io::ErrorKind),
    /// More bytes than the answer may have.
    Body,
    /// More bytes than an element may have.
    Element,
    /// More elements than an answer may have.
    Elements,
    /// Not the documented form.
    Form(&'static str),
}

/// Reads the whole answer, whose size is at most `limit` bytes, into `listing`.
pub(crate) fn read_list<L: Listing>(source: impl Read, limit: u64, mut listing: L) -> Result<L, ListFault> {
    let gauge = Rc::new(Gauge {
        left: Cell::new(limit),
        element: Cell::new(ELEMENT_MAX),
        fault: Cell::new(None),
    });
    let reader = Limited {
        source: BufReader::with_capacity(BUFFER, source),
        gauge: Rc::clone(&gauge),
    };
    let mut json = serde_json::Deserializer::from_reader(reader);
    let read = Top {
        listing: &mut listing,
        gauge: &gauge,
    }
    .deserialize(&mut json)
    .and_then(|()| json.end());
    match (gauge.fault.get(), read) {
        (Some(fault), _) => Err(fault),
        (None, Ok(())) => Ok(listing),
        (None, Err(error)) => Err(ListFault::Form(form(&error))),
    }
}

/// What is wrong with a JSON text. The error itself is never shown, as it quotes the text.
pub(crate) fn form(error: &serde_json::Error) -> &'static str {
    match error.classify() {
        serde_json::error::Category::Io => "it could not be read",
        serde_json::error::Category::Syntax => "it is not JSON",
        serde_json::error::Category::Data => "it is JSON of another shape than documented",
        serde_json::error::Category::Eof => "it is empty or cut off",
    }
}

/// What may still be read, and what ended the reading.
struct Gauge {
    left: Cell<u64>,
    element: Cell<u64>,
    fault: Cell<Option<ListFault>>,
}

impl Gauge {
    fn stop(&self, fault: ListFault) {
        if self.fault.get().is_none() {
            self.fault.set(Some(fault));
        }
    }

    /// The error that makes serde stop; what it means is in `fault`.
    fn fail<E: serde::de::Error>(&self, fault: ListFault) -> E {
        self.stop(fault);
        E::custom("")
    }
}

struct Limited<R> {
    source: R,
    gauge: Rc<Gauge>,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(buffer);
        let count = match read {
            Ok(count) => count as u64,
            Err(error) => {
                if error.kind() != io::ErrorKind::Interrupted {
                    self.gauge.stop(ListFault::Read(error.kind()));
                }
                return Err(error);
            }
        };
        for (budget, fault) in [
            (&self.gauge.left, ListFault::Body),
            (&self.gauge.element, ListFault::Element),
        ] {
            let Some(left) = budget.get().checked_sub(count) else {
                self.gauge.stop(fault);
                return Err(io::ErrorKind::FileTooLarge.into());
            };
            budget.set(left);
        }
        read
    }
}

struct Top<'a, L> {
    listing: &'a mut L,
    gauge: &'a Gauge,
}

impl<'de, L: Listing> DeserializeSeed<'de> for Top<'_, L> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, L: Listing> Visitor<'de> for Top<'_, L> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { listing, gauge } = self;
        let mut seen: Vec<String> = Vec::new();
        while let Some(member) = map.next_key::<String>()? {
            gauge.element.set(ELEMENT_MAX);
            let items = member == L::ITEMS;
            if !items && !listing.wants(&member) {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            if seen.contains(&member) {
                return Err(gauge.fail(ListFault::Form("a member is there twice")));
            }
            if items {
                map.next_value_seed(Items {
                    listing: &mut *listing,
                    gauge,
                })?;
            } else {
                let value = map.next_value()?;
                listing
                    .other(&member, value)
                    .map_err(|why| gauge.fail(ListFault::Form(why)))?;
            }
            seen.push(member);
        }
        if seen.iter().any(|member| member == L::ITEMS) {
            Ok(())
        } else {
            listing.missing().map_err(|why| gauge.fail(ListFault::Form(why)))
        }
    }
}

struct Items<'a, L> {
    listing: &'a mut L,
    gauge: &'a Gauge,
}

impl<'de, L: Listing> DeserializeSeed<'de> for Items<'_, L> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, L: Listing> Visitor<'de> for Items<'_, L> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let mut count = 0;
        loop {
            self.gauge.element.set(ELEMENT_MAX);
            let Some(item) = seq.next_element_seed(PhantomData::<L::Item>)? else {
                return Ok(());
            };
            count += 1;
            if count > ELEMENTS_MAX {
                return Err(self.gauge.fail(ListFault::Elements));
            }
            self.listing
                .item(item)
                .map_err(|why| self.gauge.fail(ListFault::Form(why)))?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, PartialEq)]
    struct Numbers {
        data: Vec<u32>,
        next: Option<String>,
    }

    impl Listing for Numbers {
        const ITEMS: &'static str = "data";
        type Item = u32;

        fn item(&mut self, item: u32) -> Result<(), &'static str> {
            self.data.push(item);
            if item == 13 { Err("thirteen") } else { Ok(()) }
        }

        fn wants(&self, member: &str) -> bool {
            member == "next"
        }

        fn other(&mut self, _: &str, value: Value) -> Result<(), &'static str> {
            self.next = value.as_str().map(str::to_owned);
            Ok(())
        }
    }

    fn read(text: &str) -> Result<Numbers, ListFault> {
        read_list(text.as_bytes(), 1 << 20, Numbers::default())
    }

    #[test]
    fn elements_and_wanted_members_are_taken_in_any_order_and_others_ignored() {
        let text = r#"{"x": {"data": [9]}, "next": "n", "data": [1, 2], "y": [[[]]]} "#;
        assert_eq!(
            read(text).unwrap(),
            Numbers {
                data: vec![1, 2],
                next: Some("n".into())
            }
        );
        assert_eq!(read(r#"{"data": []}"#).unwrap(), Numbers::default());
    }

    #[test]
    fn what_is_no_list_is_never_read_as_an_empty_one() {
        let deep = format!(r#"{{"data": {}{}}}"#, "[".repeat(20_000), "]".repeat(20_000));
        for text in [
            "",
            "null",
            "[]",
            "<html></html>",
            "{}",
            r#"{"data": null}"#,
            r#"{"data": {}}"#,
            r#"{"data": [1"#,
            r#"{"data": [1]"#,
            r#"{"data": [NaN]}"#,
            r#"{"data": ["1"]}"#,
            r#"{"data": [1], "data": []}"#,
            r#"{"data": [1], "next": 1, "next": 1}"#,
            r#"{"data": [1]} trailing"#,
            r#"{"data": [13]}"#,
            "\u{feff}{\"data\": []}",
            r#"{"\ud800": 1, "data": []}"#,
            &deep,
        ] {
            let head: String = text.chars().take(40).collect();
            assert!(matches!(read(text), Err(ListFault::Form(_))), "{head}");
        }
    }

    #[test]
    fn the_limits_of_answer_element_and_count_are_each_their_own_fault() {
        let long = format!(r#"{{"data": [{}1]}}"#, "1, ".repeat(100));
        assert_eq!(
            read_list(long.as_bytes(), 100, Numbers::default()),
            Err(ListFault::Body)
        );
        let wide = format!(r#"{{"data": [{}1]}}"#, " ".repeat(2 << 20));
        assert_eq!(
            read_list(wide.as_bytes(), 8 << 20, Numbers::default()),
            Err(ListFault::Element)
        );
        let many = format!(r#"{{"data": [{}1]}}"#, "1, ".repeat(100_000));
        assert_eq!(
            read_list(many.as_bytes(), 8 << 20, Numbers::default()),
            Err(ListFault::Elements)
        );
    }

    #[test]
    fn a_failing_source_is_told_apart_from_a_bad_form() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::ErrorKind::TimedOut.into())
            }
        }
        let read = read_list(Broken, 1 << 20, Numbers::default());
        assert_eq!(read, Err(ListFault::Read(io::ErrorKind::TimedOut)));
    }
}

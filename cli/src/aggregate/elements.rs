//! Header elements: in how many messages each stood, which values it had, and how often.
//!
//! Exact as long as the distinct values fit; what does not fit is counted, and the element says that it is not exact.

use std::collections::HashMap;

use crate::http::exchange::Exchange;
use crate::http::head::{Direction, Element, Head};

/// Distinct values kept in all.
const MAX_VALUES: usize = 100_000;
/// Bytes of their texts.
const MAX_TEXT: usize = 16 << 20;
/// Distinct names, of both directions.
const MAX_NAMES: usize = 4096;

/// All elements seen.
#[derive(Debug, Default)]
pub struct Elements {
    names: HashMap<(Direction, Box<[u8]>), Counts>,
    /// Messages, and those of which all fields were seen: what is missing in others may have been there.
    messages: u64,
    whole_requests: u64,
    whole_responses: u64,
    values: usize,
    text: usize,
    /// Elements whose name did not fit.
    unnamed: u64,
}

#[derive(Debug)]
struct Counts {
    /// Messages that had it.
    messages: u64,
    /// Those of them of which all fields were seen.
    whole: u64,
    /// The last of them, so that a repeated field counts once.
    last_message: u64,
    /// Values, repeated fields included.
    total: u64,
    values: HashMap<u64, Value>,
    /// Values that did not fit.
    uncounted: u64,
    min_len: u32,
    max_len: u32,
    first_ns: u64,
    last_ns: u64,
}

#[derive(Debug)]
struct Value {
    display: Box<[u8]>,
    count: u64,
}

/// A message that has elements.
#[derive(Clone, Copy, Debug)]
struct Message {
    number: u64,
    is_whole: bool,
    time_ns: u64,
}

/// One element's row.
#[derive(Debug, PartialEq)]
pub struct Row<'a> {
    /// Which messages.
    pub direction: Direction,
    /// Field name.
    pub name: &'a [u8],
    /// Messages that had it.
    pub messages: u64,
    /// The share of the messages of that direction that had it, of those of which all fields were seen; `None` when there are none.
    pub presence: Option<f64>,
    /// Distinct values; a lower bound unless `exact`.
    pub distinct: u64,
    /// Whether all values were counted.
    pub exact: bool,
    /// Shannon entropy of the values in bits; `None` unless `exact`.
    pub entropy_bits: Option<f64>,
    /// Shortest value in bytes.
    pub min_len: u32,
    /// Longest value in bytes.
    pub max_len: u32,
    /// When it was first seen, nanoseconds since 1970.
    pub first_ns: u64,
    /// When it was last seen.
    pub last_ns: u64,
    /// The most frequent displayed values, with count and share of all values; secrets that look alike are one.
    pub top: Vec<(&'a [u8], u64, f64)>,
}

impl Elements {
    /// Counts the elements of an exchange.
    pub fn add(&mut self, exchange: &Exchange) {
        if let Some(head) = &exchange.request {
            self.whole_requests += u64::from(head.is_whole());
            self.head(Direction::Request, head, exchange.request_first_ns.unwrap_or(0));
        }
        if let Some(head) = &exchange.response {
            self.whole_responses += u64::from(head.is_whole());
            self.head(Direction::Response, head, exchange.response_first_ns.unwrap_or(0));
        }
    }

    /// Elements whose name did not fit.
    pub fn unnamed(&self) -> u64 {
        self.unnamed
    }

    /// One row an element, by messages, then direction and name; the `top` most frequent values of each.
    pub fn rows(&self, wanted: impl Fn(Direction) -> bool, top: usize) -> Vec<Row<'_>> {
        let mut rows: Vec<_> = self
            .names
            .iter()
            .filter(|((direction, _), _)| wanted(*direction))
            .map(|((direction, name), counts)| {
                let all = if *direction == Direction::Request { self.whole_requests } else { self.whole_responses };
                counts.row(*direction, name, all, top)
            })
            .collect();
        rows.sort_by(|a, b| b.messages.cmp(&a.messages).then(a.direction.cmp(&b.direction)).then(a.name.cmp(b.name)));
        rows
    }

    fn head(&mut self, direction: Direction, head: &Head, time_ns: u64) {
        self.messages += 1;
        let message = Message { number: self.messages, is_whole: head.is_whole(), time_ns };
        for element in head.elements() {
            self.element(direction, message, &element);
        }
    }

    fn element(&mut self, direction: Direction, message: Message, element: &Element<'_>) {
        let key = (direction, element.name.into());
        let is_full = self.names.len() >= MAX_NAMES;
        let counts = match self.names.entry(key) {
            std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::hash_map::Entry::Vacant(_) if is_full => {
                self.unnamed += 1;
                return;
            }
            std::collections::hash_map::Entry::Vacant(entry) => entry.insert(Counts::new(message.time_ns)),
        };
        counts.seen(message, element);
        if let Some(value) = counts.values.get_mut(&element.fingerprint) {
            value.count += 1;
        } else if self.values < MAX_VALUES && self.text + element.display.len() <= MAX_TEXT {
            self.values += 1;
            self.text += element.display.len();
            counts.values.insert(element.fingerprint, Value { display: element.display.into(), count: 1 });
        } else {
            counts.uncounted += 1;
        }
    }
}

impl Counts {
    fn new(time_ns: u64) -> Self {
        Self {
            messages: 0,
            whole: 0,
            last_message: 0,
            total: 0,
            values: HashMap::new(),
            uncounted: 0,
            min_len: u32::MAX,
            max_len: 0,
            first_ns: time_ns,
            last_ns: time_ns,
        }
    }

    fn seen(&mut self, message: Message, element: &Element<'_>) {
        let Message { number, is_whole, time_ns } = message;
        let is_first = self.last_message != number;
        self.messages += u64::from(is_first);
        self.whole += u64::from(is_first && is_whole);
        self.last_message = number;
        self.total += 1;
        self.min_len = self.min_len.min(element.length);
        self.max_len = self.max_len.max(element.length);
        self.first_ns = self.first_ns.min(time_ns);
        self.last_ns = self.last_ns.max(time_ns);
    }

    fn row<'a>(&'a self, direction: Direction, name: &'a [u8], all: u64, top: usize) -> Row<'a> {
        let exact = self.uncounted == 0;
        Row {
            direction,
            name,
            messages: self.messages,
            presence: (all > 0).then(|| self.whole as f64 / all as f64),
            distinct: self.values.len() as u64,
            exact,
            entropy_bits: exact.then(|| self.entropy_bits()),
            min_len: self.min_len,
            max_len: self.max_len,
            first_ns: self.first_ns,
            last_ns: self.last_ns,
            top: self.top(top),
        }
    }

    fn entropy_bits(&self) -> f64 {
        let total = self.total as f64;
        // In a fixed order, so that rounding does not depend on the table's.
        let mut counts: Vec<_> = self.values.values().map(|value| value.count).collect();
        counts.sort_unstable();
        counts.iter().map(|count| *count as f64 / total).map(|share| -share * share.log2()).sum::<f64>().max(0.0)
    }

    fn top(&self, top: usize) -> Vec<(&[u8], u64, f64)> {
        let mut by_display: HashMap<&[u8], u64> = HashMap::new();
        for value in self.values.values() {
            *by_display.entry(&value.display).or_default() += value.count;
        }
        let mut values: Vec<_> =
            by_display.into_iter().map(|(display, count)| (display, count, count as f64 / self.total as f64)).collect();
        values.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        values.truncate(top);
        values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element<'a>(name: &'a str, display: &'a str, fingerprint: u64) -> Element<'a> {
        Element { name: name.as_bytes(), display: display.as_bytes(), length: display.len() as u32, fingerprint }
    }

    fn whole(number: u64, time_ns: u64) -> Message {
        Message { number, is_whole: true, time_ns }
    }

    #[test]
    fn presence_is_of_messages_that_were_seen_whole() {
        let mut elements = Elements { whole_requests: 2, ..Elements::default() };
        elements.element(Direction::Request, whole(1, 0), &element("x", "", 0));
        for number in 2..=10 {
            elements.element(Direction::Request, Message { is_whole: false, ..whole(number, 0) }, &element("y", "", 0));
        }
        elements.element(Direction::Response, Message { is_whole: false, ..whole(11, 0) }, &element("z", "", 0));
        let rows: Vec<_> = elements.rows(|_| true, 0).iter().map(|row| (row.name, row.messages, row.presence)).collect();
        assert_eq!(rows, [(&b"y"[..], 9, Some(0.0)), (b"x", 1, Some(0.5)), (b"z", 1, None)]);
    }

    #[test]
    fn counts_messages_values_and_lengths() {
        let mut elements = Elements { whole_requests: 4, ..Elements::default() };
        for (message, value) in [(1, "a"), (2, "bb"), (3, "a"), (3, "a")] {
            elements.element(Direction::Request, whole(message, 10 * message), &element("x", value, value.len() as u64));
        }
        let rows = elements.rows(|_| true, 5);
        assert_eq!(
            rows,
            [Row {
                direction: Direction::Request,
                name: b"x",
                messages: 3,
                presence: Some(0.75),
                distinct: 2,
                exact: true,
                entropy_bits: Some(0.811_278_124_459_132_8),
                min_len: 1,
                max_len: 2,
                first_ns: 10,
                last_ns: 30,
                top: vec![(b"a", 3, 0.75), (b"bb", 1, 0.25)],
            }]
        );
    }

    #[test]
    fn tells_masked_values_apart_and_lists_them_once() {
        let mut elements = Elements { whole_requests: 3, ..Elements::default() };
        for fingerprint in 1..=3 {
            elements.element(Direction::Request, whole(fingerprint, 0), &element("authorization", "Bearer ***", fingerprint));
        }
        let rows = elements.rows(|_| true, 5);
        assert_eq!((rows[0].distinct, rows[0].top.clone()), (3, vec![(&b"Bearer ***"[..], 3, 1.0)]));
    }

    #[test]
    fn says_so_when_values_do_not_fit() {
        let mut elements = Elements { whole_requests: 1, values: MAX_VALUES - 1, ..Elements::default() };
        for fingerprint in 1..=5 {
            elements.element(Direction::Request, whole(fingerprint, 0), &element("x", "v", fingerprint));
        }
        let rows = elements.rows(|_| true, 5);
        assert_eq!((rows[0].messages, rows[0].distinct, rows[0].exact, rows[0].entropy_bits), (5, 1, false, None));
    }

    #[test]
    fn bounds_the_number_of_names() {
        let mut elements = Elements::default();
        for number in 0..MAX_NAMES + 10 {
            elements.element(Direction::Response, whole(1, 0), &element(&number.to_string(), "", 0));
        }
        assert_eq!((elements.names.len(), elements.unnamed()), (MAX_NAMES, 10));
    }
}

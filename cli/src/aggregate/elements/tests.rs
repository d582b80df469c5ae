//! Elements of messages that no parser read: what is counted, and what becomes of it when there is too much.

use std::collections::HashMap;

use super::*;
use crate::http::head::Element;

const REQUEST: Direction = Direction::Request;
const RESPONSE: Direction = Direction::Response;
/// The group of all.
const ALL: u32 = 0;

impl Elements {
    fn total(limits: Limits) -> Self {
        Self::within(limits, By::Total)
    }

    /// A message with these elements: name, displayed value, fingerprint.
    fn add_message(&mut self, direction: Direction, is_whole: bool, time_ns: u64, elements: &[(&str, &str, u64)]) {
        let message = self.message(ALL, direction, is_whole, time_ns);
        for (name, display, fingerprint) in elements {
            let length = display.len() as u32;
            self.table.count(message, &Element { name: name.as_bytes(), display: display.as_bytes(), length, fingerprint: *fingerprint });
        }
        self.table.make_room();
    }

    /// A whole request with one element, whose fingerprint is the number.
    fn add_request(&mut self, name: &str, number: u64) {
        self.add_message(REQUEST, true, self.messages, &[(name, &number.to_string(), scattered(number))]);
    }

    fn row_of(&self, name: &str) -> Row<'_> {
        self.rows(|_| true).find(|row| row.name == name.as_bytes()).expect("the element was seen")
    }
}

/// A fingerprint, which is no small number.
fn scattered(number: u64) -> u64 {
    number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn top(row: &Row<'_>) -> Vec<(String, u64)> {
    row.displayed().map(|shown| (String::from_utf8_lossy(shown.value).into_owned(), shown.messages)).collect()
}

#[test]
fn counts_messages_values_and_lengths() {
    let mut elements = Elements::total(LIMITS);
    elements.add_message(REQUEST, true, 10, &[("x", "a", 1)]);
    elements.add_message(REQUEST, true, 20, &[("x", "bb", 2)]);
    elements.add_message(REQUEST, true, 30, &[("x", "a", 1), ("x", "a", 1)]);
    elements.add_message(REQUEST, true, 40, &[]);
    let row = elements.row_of("x");
    assert_eq!((row.messages, row.presence(), row.fields, row.min_len, row.max_len), (3, Some(0.75), 4, 1, 2));
    assert_eq!((row.first_ns, row.last_ns), (10, 30));
    assert_eq!((row.values.distinct(), row.values.is_exact(), row.values.count_error()), (Some(2), true, 0));
    assert_eq!(top(&row), [("a".into(), 2), ("bb".into(), 1)], "a repeated field is of one message");
    let entropy = row.values.entropy_bits().expect("all values are there");
    assert!((entropy - 0.918_295_834).abs() < 1e-9, "{entropy}");
}

#[test]
fn presence_is_of_messages_that_were_seen_whole() {
    let mut elements = Elements::total(LIMITS);
    elements.add_message(REQUEST, true, 0, &[("x", "", 0)]);
    elements.add_message(REQUEST, true, 0, &[]);
    (0..9).for_each(|_| elements.add_message(REQUEST, false, 0, &[("y", "", 0)]));
    elements.add_message(RESPONSE, false, 0, &[("z", "", 0)]);
    let rows: Vec<_> = elements.rows(|_| true).map(|row| (row.name, row.messages, row.presence())).collect();
    assert_eq!(rows, [(&b"y"[..], 9, Some(0.0)), (b"x", 1, Some(0.5)), (b"z", 1, None)]);
}

#[test]
fn tells_masked_values_apart_and_lists_them_once() {
    let mut elements = Elements::total(LIMITS);
    for fingerprint in 1..=3 {
        elements.add_message(REQUEST, true, 0, &[("authorization", "Bearer ***", fingerprint), ("authorization", "Bearer ***", 9)]);
    }
    let row = elements.row_of("authorization");
    assert_eq!((row.values.distinct(), top(&row)), (Some(4), vec![("Bearer ***".into(), 3)]));
}

#[test]
fn elements_and_values_appear_and_vanish() {
    let mut elements = Elements::total(LIMITS);
    for number in 0..1000 {
        let value = if number < 300 { ("v", "1", 1) } else { ("v", "2", 2) };
        let new = ("new", "", 0);
        let shown = if number < 500 { 1 } else { 2 };
        elements.add_message(REQUEST, true, number, &[value, new][..shown]);
        // It may have been in those of which not all is known.
        elements.add_message(RESPONSE, number >= 500, number, &[new][..shown - 1]);
    }
    let [value, new] = [elements.row_of("v"), elements.row_of("new")];
    assert_eq!((value.change, new.change), (Change::default(), Change { appeared: true, vanished: false }));
    let changes: Vec<_> = value.displayed().map(|shown| (shown.value, shown.change)).collect();
    let [appeared, vanished] = [(true, false), (false, true)].map(|(appeared, vanished)| Some(Change { appeared, vanished }));
    assert_eq!(changes, [(&b"2"[..], appeared), (b"1", vanished)]);
    let response = elements.rows(|direction| direction == RESPONSE).next().expect("a row");
    assert_eq!((response.name, response.change), (&b"new"[..], Change::default()));
}

#[test]
fn directions_have_elements_of_their_own() {
    let mut elements = Elements::total(LIMITS);
    elements.add_message(REQUEST, true, 0, &[("date", "1", 1)]);
    elements.add_message(RESPONSE, true, 0, &[("date", "2", 2), ("server", "s", 3)]);
    let rows: Vec<_> = elements.rows(|_| true).map(|row| (row.direction, row.name, row.messages)).collect();
    assert_eq!(rows, [(REQUEST, &b"date"[..], 1), (RESPONSE, b"date", 1), (RESPONSE, b"server", 1)]);
    assert_eq!(elements.rows(|direction| direction == REQUEST).count(), 1);
}

#[test]
fn all_is_exact_up_to_the_limit() {
    let mut elements = Elements::total(LIMITS);
    let most = LIMITS.values_each as u64;
    (0..2 * most).for_each(|number| elements.add_request("x", number % most));
    let row = elements.row_of("x");
    assert_eq!((row.values.distinct(), row.values.is_exact()), (Some(most), true));
    assert!(row.displayed().all(|shown| shown.messages == 2));
    elements.add_request("x", most);
    assert!(!elements.row_of("x").values.is_exact());
}

/// How often each of a million values comes in some two million messages: the most frequent ones in proportion to 1, 1/2, 1/3, ...
fn zipf() -> Vec<(u64, u64)> {
    (0..1_000_000).map(|value| (value, (100_000 / (value + 1)).max(1))).collect()
}

/// Every value so many times, in an order that has no order.
fn shuffled(counts: &[(u64, u64)]) -> Vec<u64> {
    let mut values: Vec<_> = counts.iter().flat_map(|(value, count)| (0..*count).map(|_| *value)).collect();
    let mut seed = 7_u64;
    for place in (1..values.len()).rev() {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        values.swap(place, (seed >> 33) as usize % (place + 1));
    }
    values
}

#[track_caller]
fn assert_within_limits(row: &Row<'_>, counts: &[(u64, u64)]) {
    let all: u64 = counts.iter().map(|(_, count)| count).sum();
    assert_eq!(row.messages, all);
    let distinct = row.values.distinct().expect("there is room for a sketch") as f64 / counts.len() as f64;
    assert!((0.98..1.02).contains(&distinct), "{distinct}");
    let top: HashMap<String, u64> = top(row).into_iter().collect();
    for (value, count) in counts.iter().filter(|(_, count)| *count * 100 >= all) {
        let found = *top.get(&value.to_string()).unwrap_or(&0);
        assert!(found <= *count && found as f64 >= *count as f64 * 0.99, "{value}: {found} of {count}");
        assert!(found + row.values.count_error() >= *count, "{value}: {found} of {count}");
    }
}

#[test]
fn a_million_values_are_told_within_the_limits() {
    let counts = zipf();
    let mut in_order: Vec<_> = counts.iter().flat_map(|(value, count)| (0..*count).map(|_| *value)).collect();
    let of_order = |order: &[u64]| {
        let mut elements = Elements::total(LIMITS);
        order.iter().for_each(|value| elements.add_request("x", *value));
        assert_within_limits(&elements.row_of("x"), &counts);
        assert!(!elements.row_of("x").values.is_exact());
    };
    of_order(&shuffled(&counts));
    in_order.reverse();
    of_order(&in_order);
}

#[test]
fn frequent_values_are_found_among_those_that_come_once() {
    // 21 values of 1 % each, drowned in a million others.
    let mut counts: Vec<_> = (0..1_000_000).map(|value| (value, 1)).collect();
    counts.iter_mut().take(21).for_each(|(_, count)| *count = 13_000);
    let mut elements = Elements::total(LIMITS);
    shuffled(&counts).into_iter().for_each(|value| elements.add_request("x", value));
    assert_within_limits(&elements.row_of("x"), &counts);
}

const FEW: Limits = Limits { elements: 100, values_each: 56, values: 560, text: 1 << 20, sketches: 64 << 10 };

#[test]
fn many_elements_share_the_room_and_small_ones_stay_exact() {
    let mut elements = Elements::total(FEW);
    for number in 0..5_000_u64 {
        let names: Vec<_> = (0..30).map(|name| format!("id-{name}")).collect();
        let value = number.to_string();
        let status = (number % 3).to_string();
        let mut message: Vec<_> = names.iter().map(|name| (&**name, &*value, scattered(number))).collect();
        message.push(("status", &status, number % 3));
        elements.add_message(REQUEST, true, number, &message);
        let (rooms, of_tables): (_, usize) =
            (elements.table.room().values, elements.table.iter().map(|(_, counts)| counts.values.room()).sum());
        assert_eq!(rooms, of_tables, "all room is accounted for");
        assert!(rooms <= FEW.values, "{rooms}");
    }
    let status = elements.row_of("status");
    assert_eq!((status.values.distinct(), status.values.is_exact()), (Some(3), true));
    assert_eq!(status.displayed().map(|shown| shown.messages).collect::<Vec<_>>(), [1667, 1667, 1666]);
    // Sketches of 5000 values take some 32 KiB.
    let known: Vec<_> = (0..30).filter_map(|name| elements.row_of(&format!("id-{name}")).values.distinct()).collect();
    assert!((1..30).contains(&known.len()), "{known:?}");
    assert!(known.iter().all(|distinct| (4_900..5_100).contains(distinct)), "{known:?}");
    assert!(elements.table.room().sketches <= FEW.sketches);
}

#[test]
fn texts_that_are_dropped_make_room_for_others() {
    let mut elements = Elements::total(FEW);
    (0..100_000).for_each(|number| elements.add_request("x", number));
    let kept: usize = elements.row_of("x").displayed().map(|shown| shown.value.len()).sum();
    assert_eq!(elements.table.room().text, kept);
}

#[test]
fn a_value_that_may_have_been_dropped_has_no_change() {
    let mut elements = Elements::total(FEW);
    for number in 0..20_000_u64 {
        elements.add_request("x", if number % 2 == 0 { 1 << 32 } else { number });
        if number > 10_000 {
            elements.add_request("x", 1 << 33);
        }
    }
    let row = elements.row_of("x");
    let change = |number: u64| row.displayed().find(|shown| shown.value == number.to_string().as_bytes()).expect("it is frequent").change;
    assert_eq!((change(1 << 32), change(1 << 33)), (Some(Change::default()), None));
}

#[test]
fn bounds_the_number_and_the_length_of_names() {
    let mut elements = Elements::total(FEW);
    for number in 0..FEW.elements + 10 {
        elements.add_message(RESPONSE, true, 0, &[(&number.to_string(), "", 0)]);
    }
    assert_eq!((elements.rows(|_| true).count(), elements.unnamed()), (FEW.elements, 10));
    let mut elements = Elements::total(FEW);
    elements.add_message(RESPONSE, true, 0, &[(&"x".repeat(256), "", 0), (&"x".repeat(257), "", 0)]);
    assert_eq!((elements.rows(|_| true).count(), elements.unnamed()), (1, 1));
}

//! Header elements: in how many messages each stood, which values it had, how often, and from when to when.
//!
//! Exact as long as the values fit; then distinct values are known within 2 %, and every value that at least 1 % of the messages have
//! is there, with its count within 1 %. What memory is too little even for that is counted, and said to be unknown.

mod change;
mod counts;
mod pseudo;
mod room;
mod sketch;
mod table;
mod values;

#[cfg(test)]
mod tests;

pub use self::change::Change;
use self::change::Stretch;
use self::counts::Counts;
use self::pseudo::Pseudo;
use self::room::{LIMITS, Limits};
use self::table::{Key, Table};
use self::values::Sighting;
pub use self::values::Values;
use super::groups::{self, By, Groups};
use crate::http::exchange::Exchange;
use crate::http::head::{Direction, Head};

/// All elements seen.
#[derive(Debug)]
pub struct Elements {
    groups: Groups<Messages>,
    table: Table,
    pseudo: Pseudo,
    /// Messages of all groups and directions.
    messages: u64,
}

/// Groups kept, so that some 50 elements of each fit.
const MAX_GROUPS: usize = 500;

/// Messages of a group of which all fields were seen: what is missing in others may have been there.
#[derive(Debug, Default)]
struct Messages {
    /// By direction.
    whole: [u64; 2],
}

/// A message that has elements.
#[derive(Clone, Copy, Debug)]
struct Message {
    /// No other message has it.
    number: u64,
    /// How many messages of its direction and group were seen whole so far, with this one.
    whole: u64,
    is_whole: bool,
    time_ns: u64,
}

/// One element's row.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// What its messages have in common; `None` for what did not fit.
    pub group: Option<&'a groups::Key>,
    /// Which messages.
    pub direction: Direction,
    /// Field name in lower case; that of a pseudo-element begins with a colon.
    pub name: &'a [u8],
    /// Messages that had it.
    pub messages: u64,
    /// Those of them of which all fields were seen.
    pub whole: u64,
    /// All messages of the group and direction of which all fields were seen.
    pub all: u64,
    /// Fields, repeated ones included.
    pub fields: u64,
    /// Shortest value in bytes.
    pub min_len: u32,
    /// Longest value in bytes.
    pub max_len: u32,
    /// When it was first seen, nanoseconds since 1970.
    pub first_ns: u64,
    /// When it was last seen.
    pub last_ns: u64,
    /// What happened to it.
    pub change: Change,
    /// What it was.
    pub values: &'a Values,
}

/// A displayed value of an element; secrets that look alike are one.
#[derive(Clone, Copy, Debug)]
pub struct ValueRow<'a> {
    /// What was sent, redacted; cut if it was long.
    pub value: &'a [u8],
    /// Messages that had it.
    pub messages: u64,
    /// The same as a share of those that had the element.
    pub share: f64,
    /// When it was first seen, nanoseconds since 1970; if not all values are there, since when it was counted.
    pub first_ns: u64,
    /// When it was last seen.
    pub last_ns: u64,
    /// What happened to it; `None` when it may have been dropped in between.
    pub change: Option<Change>,
}

impl Elements {
    /// Counts apart what is `by` something else.
    pub fn new(by: By) -> Self {
        Self::within(LIMITS, by)
    }

    fn within(limits: Limits, by: By) -> Self {
        Self { groups: Groups::new(by, MAX_GROUPS), table: Table::new(limits), pseudo: Pseudo::default(), messages: 0 }
    }

    /// Counts the elements of an exchange.
    pub fn add(&mut self, exchange: &Exchange) {
        let group = self.groups.place(exchange).number();
        if let Some(head) = &exchange.request {
            self.head(group, Direction::Request, head, exchange.request_first_ns.unwrap_or(0));
        }
        if let Some(head) = &exchange.response {
            self.head(group, Direction::Response, head, exchange.response_first_ns.unwrap_or(0));
        }
    }

    fn head(&mut self, group: u32, direction: Direction, head: &Head, time_ns: u64) {
        let message = self.message(group, direction, head.is_whole(), time_ns);
        let Self { table, pseudo, .. } = self;
        pseudo.read(direction, head);
        pseudo.elements().chain(head.elements()).for_each(|element| table.count(message, &element));
        table.make_room();
    }

    fn message(&mut self, group: u32, direction: Direction, is_whole: bool, time_ns: u64) -> Message {
        self.messages += 1;
        self.table.turn_to(group, direction);
        let whole = &mut self.groups.numbered(group).whole[direction as usize];
        *whole += u64::from(is_whole);
        Message { number: self.messages, whole: *whole, is_whole, time_ns }
    }

    /// Elements whose name did not fit.
    pub fn unnamed(&self) -> u64 {
        self.table.unnamed()
    }

    /// One row an element, by messages, then group, direction and name.
    pub fn rows(&self, wanted: impl Fn(Direction) -> bool) -> impl Iterator<Item = Row<'_>> {
        let mut rows: Vec<_> = self.table.iter().filter(|(key, _)| wanted(key.direction())).collect();
        rows.sort_unstable_by(|(a_key, a), (b_key, b)| b.messages.cmp(&a.messages).then(a_key.cmp(b_key)));
        rows.into_iter().map(|(key, counts)| self.row(key, counts))
    }

    fn row<'a>(&'a self, key: &'a Key, counts: &'a Counts) -> Row<'a> {
        let (group, messages) = self.groups.get(key.group());
        let Counts { messages: having, whole, fields, values, min_len, max_len, first, last, .. } = counts;
        let all = messages.map_or(0, |messages| messages.whole[key.direction() as usize]);
        Row {
            group,
            direction: key.direction(),
            name: key.name(),
            messages: *having,
            whole: *whole,
            all,
            fields: *fields,
            min_len: *min_len,
            max_len: *max_len,
            first_ns: first.time_ns,
            last_ns: last.time_ns,
            change: counts.change(all),
            values,
        }
    }
}

impl<'a> Row<'a> {
    /// The share of the messages that had it, of those of which all fields were seen; `None` when there are none.
    pub fn presence(&self) -> Option<f64> {
        (self.all > 0).then(|| self.whole as f64 / self.all as f64)
    }

    /// Its values, the most frequent first.
    pub fn displayed(&self) -> impl Iterator<Item = ValueRow<'a>> {
        let Self { messages, all, values, .. } = *self;
        values.by_display().into_iter().map(move |shown| {
            // A message may have several secrets that look alike.
            let having = shown.messages.min(messages);
            ValueRow {
                value: shown.display,
                messages: having,
                share: having as f64 / messages as f64,
                first_ns: shown.first.time_ns,
                last_ns: shown.last.time_ns,
                change: shown.stretch(all).map(Stretch::change),
            }
        })
    }
}

impl Message {
    /// As the first one with something: a message of which not all was seen stands before the next whole one.
    fn first(self) -> Sighting {
        Sighting { place: self.whole + u64::from(!self.is_whole), time_ns: self.time_ns }
    }

    /// As the last one: it stands after the whole one before it.
    fn last(self) -> Sighting {
        Sighting { place: self.whole, time_ns: self.time_ns }
    }
}

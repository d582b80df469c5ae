//! The values of one element: each with its count while there is room, then those that matter.
//!
//! A full table is purged as Misra and Gries have it, many counts at a time: the median is subtracted from all, and what is at zero is
//! dropped. Counts are too low by no more than what was subtracted so far, and each value that had more than that is there.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::Message;
use super::change::Stretch;
use super::room::Room;
use super::sketch::Sketch;

/// Values by fingerprint.
#[derive(Debug, Default)]
pub struct Values {
    table: HashMap<u64, Value, RandomState>,
    distinct: Distinct,
    /// What was subtracted from counts.
    subtracted: u64,
    /// The message of the first purge, as [`Stretch`] counts them: a value that came later may have been there before.
    purged_at: Option<u64>,
}

/// How many there were.
#[derive(Debug, Default)]
enum Distinct {
    /// All of them are in the table.
    #[default]
    Exact,
    /// All of them are in the sketch.
    About(Box<Sketch>),
    /// There was no room for a sketch.
    Unknown,
}

/// Messages with one value.
#[derive(Debug)]
pub(super) struct Value {
    pub(super) display: Box<[u8]>,
    pub(super) messages: u64,
    /// The last of them, so that a repeated field counts once.
    last_message: u64,
    pub(super) first: Sighting,
    pub(super) last: Sighting,
}

/// A message in which something was.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sighting {
    /// Its place among those that were seen whole.
    pub(super) place: u64,
    pub(super) time_ns: u64,
}

impl Values {
    /// Counts a value in a message.
    pub(super) fn seen(&mut self, fingerprint: u64, display: &[u8], message: Message, room: &mut Room) {
        match self.table.get_mut(&fingerprint) {
            Some(value) => value.seen(message),
            None => self.add(fingerprint, display, message, room),
        }
    }

    fn add(&mut self, fingerprint: u64, display: &[u8], message: Message, room: &mut Room) {
        if self.table.len() >= room.limits.values_each {
            self.purge(message.whole, room);
        }
        if let Distinct::About(sketch) = &mut self.distinct {
            let before = sketch.size();
            sketch.add(fingerprint);
            room.sketches = room.sketches + sketch.size() - before;
            self.give_up_sketch_without(room);
        }
        let before = self.table.capacity();
        self.table.insert(fingerprint, Value::new(room.text(display), message));
        room.values += self.table.capacity() - before;
    }

    /// Drops at least half of the values. `whole` is how many messages were seen whole so far.
    fn purge(&mut self, whole: u64, room: &mut Room) {
        if matches!(self.distinct, Distinct::Exact) {
            let sketch = Box::new(Sketch::of(self.table.keys().copied()));
            room.sketches += sketch.size();
            self.distinct = Distinct::About(sketch);
            self.give_up_sketch_without(room);
        }
        self.purged_at.get_or_insert(whole);
        let mut counts: Vec<_> = self.table.values().map(|value| value.messages).collect();
        let middle = counts.len() / 2;
        let (_, &mut median, _) = counts.select_nth_unstable(middle);
        self.subtracted += median;
        self.table.retain(|_, value| {
            let is_kept = value.messages > median;
            if is_kept {
                value.messages -= median;
            } else {
                room.text -= value.display.len();
            }
            is_kept
        });
    }

    /// Gives back half of the room at least, if there are more values than a `fair` share.
    pub(super) fn shrink(&mut self, fair: usize, whole: u64, room: &mut Room) {
        let before = self.table.capacity();
        if before > fair {
            if self.table.len() > fair / 2 {
                self.purge(whole, room);
            }
            self.table.shrink_to_fit();
            room.values = room.values + self.table.capacity() - before;
        }
    }

    fn give_up_sketch_without(&mut self, room: &mut Room) {
        if let Distinct::About(sketch) = &self.distinct
            && room.sketches > room.limits.sketches
        {
            room.sketches -= sketch.size();
            self.distinct = Distinct::Unknown;
        }
    }

    #[cfg(test)]
    pub(super) fn room(&self) -> usize {
        self.table.capacity()
    }

    /// How many distinct values there were: the number itself if [`Self::is_exact`], else within 2 %; `None` when that is not known.
    pub fn distinct(&self) -> Option<u64> {
        match &self.distinct {
            Distinct::Exact => Some(self.table.len() as u64),
            Distinct::About(sketch) => Some(sketch.estimate()),
            Distinct::Unknown => None,
        }
    }

    /// Whether all values and counts are exact.
    pub fn is_exact(&self) -> bool {
        matches!(self.distinct, Distinct::Exact)
    }

    /// By how much counts may be too low. A value that is not there was in no more messages than that.
    pub fn count_error(&self) -> u64 {
        self.subtracted
    }

    /// Shannon entropy in bits; `None` unless all values are there.
    pub fn entropy_bits(&self) -> Option<f64> {
        if !self.is_exact() {
            return None;
        }
        // In a fixed order, so that rounding does not depend on the table's.
        let mut counts: Vec<_> = self.table.values().map(|value| value.messages).collect();
        counts.sort_unstable();
        let total = counts.iter().sum::<u64>() as f64;
        Some(counts.iter().map(|count| *count as f64 / total).map(|share| -share * share.log2()).sum::<f64>().max(0.0))
    }

    /// The distinct fingerprints, from which those of several elements of one run can be united: an HLL sketch of Apache DataSketches
    /// over 64-bit numbers, compressed (zlib), as base64. Fingerprints are keyed at random for each run: sketches of different runs
    /// have nothing in common. `None` when there was no room for it.
    pub fn sketch(&self) -> Option<String> {
        match &self.distinct {
            Distinct::Exact => {
                let mut fingerprints: Vec<_> = self.table.keys().copied().collect();
                fingerprints.sort_unstable();
                Some(Sketch::of(fingerprints).encoded())
            }
            Distinct::About(sketch) => Some(sketch.encoded()),
            Distinct::Unknown => None,
        }
    }

    /// Values as they are displayed, the most frequent first: secrets that look alike are one.
    pub(super) fn by_display(&self) -> Vec<Displayed<'_>> {
        let mut displays: HashMap<&[u8], Displayed<'_>> = HashMap::with_capacity(self.table.len());
        for value in self.table.values() {
            let shown = Displayed { display: &value.display, messages: 0, first: value.first, last: value.last, is_followed: true };
            let shown = displays.entry(&value.display).or_insert(shown);
            shown.messages += value.messages;
            shown.first.merge(value.first, u64::min);
            shown.last.merge(value.last, u64::max);
            shown.is_followed &= self.purged_at.is_none_or(|purged_at| value.first.place < purged_at);
        }
        let mut displays: Vec<_> = displays.into_values().collect();
        displays.sort_unstable_by(|a, b| b.messages.cmp(&a.messages).then(a.display.cmp(b.display)));
        displays
    }
}

/// What looks alike.
#[derive(Clone, Copy, Debug)]
pub(super) struct Displayed<'a> {
    pub(super) display: &'a [u8],
    /// Messages with each of the values, added up.
    pub(super) messages: u64,
    pub(super) first: Sighting,
    pub(super) last: Sighting,
    /// It was in the table from its first message on.
    is_followed: bool,
}

impl Displayed<'_> {
    /// Of `all` messages; `None` when it may have been dropped in between.
    pub(super) fn stretch(&self, all: u64) -> Option<Stretch> {
        let (first, last) = (self.first.place, self.last.place);
        let having = self.messages.min((last + 1).saturating_sub(first));
        self.is_followed.then_some(Stretch { first, last, having, all })
    }
}

impl Value {
    fn new(display: Box<[u8]>, message: Message) -> Self {
        Self { display, messages: 1, last_message: message.number, first: message.first(), last: message.last() }
    }

    fn seen(&mut self, message: Message) {
        self.messages += u64::from(self.last_message != message.number);
        self.last_message = message.number;
        self.first.merge(message.first(), u64::min);
        self.last.merge(message.last(), u64::max);
    }
}

impl Sighting {
    pub(super) fn merge(&mut self, other: Self, choose: impl Fn(u64, u64) -> u64) {
        self.place = choose(self.place, other.place);
        self.time_ns = choose(self.time_ns, other.time_ns);
    }
}

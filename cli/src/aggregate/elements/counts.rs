//! What is counted of one element.

use super::Message;
use super::change::{Change, Stretch};
use super::room::Room;
use super::values::{Sighting, Values};
use crate::http::head::Element;

#[derive(Debug)]
pub(super) struct Counts {
    /// Messages that had it.
    pub(super) messages: u64,
    /// Those of them of which all fields were seen.
    pub(super) whole: u64,
    /// The last of them, so that a repeated field counts once.
    last_message: u64,
    /// Fields, repeated ones included.
    pub(super) fields: u64,
    pub(super) values: Values,
    /// Lengths in bytes.
    pub(super) min_len: u32,
    pub(super) max_len: u32,
    pub(super) first: Sighting,
    pub(super) last: Sighting,
}

impl Counts {
    /// Nothing is counted yet; `message` will be the first one.
    pub(super) fn new(message: Message) -> Self {
        Self {
            messages: 0,
            whole: 0,
            last_message: 0,
            fields: 0,
            values: Values::default(),
            min_len: u32::MAX,
            max_len: 0,
            first: message.first(),
            last: message.last(),
        }
    }

    pub(super) fn seen(&mut self, message: Message, element: &Element<'_>, room: &mut Room) {
        let is_first = self.last_message != message.number;
        self.messages += u64::from(is_first);
        self.whole += u64::from(is_first && message.is_whole);
        self.last_message = message.number;
        self.fields += 1;
        self.min_len = self.min_len.min(element.length);
        self.max_len = self.max_len.max(element.length);
        self.first.merge(message.first(), u64::min);
        self.last.merge(message.last(), u64::max);
        self.values.seen(element.fingerprint, element.display, message, room);
    }

    /// Of `all` messages that were seen whole.
    pub(super) fn change(&self, all: u64) -> Change {
        Stretch { first: self.first.place, last: self.last.place, having: self.whole, all }.change()
    }
}

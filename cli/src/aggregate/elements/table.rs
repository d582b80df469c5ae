//! All elements, by group, direction and name.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::Message;
use super::counts::Counts;
use super::room::{Limits, Room};
use crate::http::head::{Direction, Element};

/// Elements within the room that there is for them.
#[derive(Debug)]
pub(super) struct Table {
    /// Whoever chooses names must not choose where they end up in the table: it is seeded at random.
    counts: HashMap<Key, Counts, RandomState>,
    room: Room,
    /// Elements that did not fit, with each message again.
    unnamed: u64,
    /// To look up without making a key of its own.
    key: Vec<u8>,
}

/// The number of the group, so that keys are in its order; the direction; the name.
#[derive(Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Key(Box<[u8]>);

/// Longer names are of no element.
const LONGEST_NAME: usize = 256;
/// What stands before the name.
const PREFIX: usize = 5;

impl Table {
    pub(super) fn new(limits: Limits) -> Self {
        Self { counts: HashMap::default(), room: Room::new(limits), unnamed: 0, key: Vec::new() }
    }

    /// What is counted from now on is of this group and direction.
    pub(super) fn turn_to(&mut self, group: u32, direction: Direction) {
        self.key.clear();
        self.key.extend_from_slice(&group.to_be_bytes());
        self.key.push(direction as u8);
    }

    /// Counts an element of a message.
    pub(super) fn count(&mut self, message: Message, element: &Element<'_>) {
        let Self { counts, room, unnamed, key } = self;
        key.truncate(PREFIX);
        key.extend_from_slice(element.name);
        if let Some(counts) = counts.get_mut(&**key) {
            return counts.seen(message, element, room);
        }
        if counts.len() >= room.limits.elements || element.name.len() > LONGEST_NAME {
            *unnamed += 1;
            return;
        }
        counts.entry(Key(key.as_slice().into())).or_insert_with(|| Counts::new(message)).seen(message, element, room);
    }

    /// Makes room if there is too little: elements with more values than a fair share give up half of them at least. That is half of all
    /// values at least, so that as many have to come until it is done again.
    pub(super) fn make_room(&mut self) {
        let Self { counts, room, .. } = self;
        if room.is_overdrawn() {
            let fair = room.limits.values / (2 * counts.len()).max(1);
            counts.values_mut().for_each(|counts| counts.values.shrink(fair, counts.last.place, room));
        }
    }

    #[cfg(test)]
    pub(super) fn room(&self) -> &Room {
        &self.room
    }

    pub(super) fn unnamed(&self) -> u64 {
        self.unnamed
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Key, &Counts)> {
        self.counts.iter()
    }
}

impl Key {
    /// Number of the group.
    pub(super) fn group(&self) -> u32 {
        let (number, _) = self.0.split_first_chunk().expect("a key has a number");
        u32::from_be_bytes(*number)
    }

    pub(super) fn direction(&self) -> Direction {
        if self.0[PREFIX - 1] == Direction::Request as u8 { Direction::Request } else { Direction::Response }
    }

    pub(super) fn name(&self) -> &[u8] {
        &self.0[PREFIX..]
    }
}

impl std::borrow::Borrow<[u8]> for Key {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

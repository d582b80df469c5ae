//! Whether what is read are frames: until that is sure, nothing is told.

use super::event::Event;
use super::streams::Streams;
use crate::http::side::Side;

/// So many frame headers in a row are no accident: of random bytes, one in five million looks like one, and of small numbers with
/// many zeros more.
const SURE_HEADERS: u8 = 5;
/// What is kept of them until it is sure.
const MAX_PENDING: usize = 64;

/// Who is told what the frames of one direction say.
pub(super) struct Told<'t, 's> {
    pub(super) streams: &'t mut Streams,
    pub(super) side: &'t mut Side<'s>,
}

/// How far a reader is to be trusted.
#[derive(Debug)]
pub(super) enum Trust {
    /// Frames start where it says.
    Sure,
    /// So many headers in a row made sense, and this is what they told.
    Guess { headers: u8, pending: Vec<Event> },
}

impl Trust {
    /// Nothing made sense yet.
    pub(super) const NONE: Self = Self::Guess { headers: 0, pending: Vec::new() };

    pub(super) fn is_sure(&self) -> bool {
        matches!(self, Self::Sure)
    }

    /// One more header made sense.
    pub(super) fn header(&mut self, told: &mut Told<'_, '_>) {
        if let Self::Guess { headers, .. } = self {
            *headers += 1;
            if *headers == SURE_HEADERS {
                self.settle(told);
            }
        }
    }

    pub(super) fn tell(&mut self, event: Event, told: &mut Told<'_, '_>) {
        match self {
            Self::Sure => told.streams.event(event, told.side),
            Self::Guess { pending, .. } if pending.len() < MAX_PENDING => pending.push(event),
            Self::Guess { .. } => {}
        }
    }

    /// It is sure now.
    pub(super) fn settle(&mut self, told: &mut Told<'_, '_>) {
        if let Self::Guess { pending, .. } = std::mem::replace(self, Self::Sure) {
            for event in pending {
                told.streams.event(event, told.side);
            }
        }
    }
}

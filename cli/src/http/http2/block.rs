//! The header block of a head: one frame, or more (RFC 9113 section 4.3).

use ehl_probes_common::frame::{FRAME_HEADER_LEN, Frame, frame_flag, kind};

use super::event::Place;

/// Bytes of a block that are kept; a peer that sends more is up to no good, or mad.
pub(super) const MAX_BLOCK: usize = 256 << 10;

/// Whether a block that has so many bytes is kept with those of a frame.
pub(super) fn is_kept(frame: &Frame, before: usize) -> bool {
    before + frame.length as usize <= MAX_BLOCK
}

/// A block that goes on in CONTINUATION frames.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) place: Place,
    /// `None` when it is too long.
    pub(super) bytes: Option<Vec<u8>>,
}

impl Block {
    /// Of the fragment in its first frame.
    pub(super) fn new(frame: &Frame, place: Place, fragment: &[u8]) -> Self {
        Self { place, bytes: is_kept(frame, 0).then(|| fragment.to_vec()) }
    }

    /// A CONTINUATION frame, whose last byte came at `time_ns`.
    pub(super) fn extend(&mut self, frame: &Frame, payload: &[u8], time_ns: u64) {
        self.place.last_ns = time_ns;
        self.place.size += u64::from(FRAME_HEADER_LEN + frame.length);
        self.bytes.take_if(|bytes| !is_kept(frame, bytes.len()));
        if let Some(bytes) = &mut self.bytes {
            bytes.extend_from_slice(payload);
        }
    }

    /// Bytes that it keeps.
    pub(super) fn size(&self) -> usize {
        self.bytes.as_ref().map_or(0, Vec::capacity)
    }
}

/// Whether a block, or a part of one, is in the frame.
pub(super) fn is_of_head(frame: &Frame) -> bool {
    matches!(frame.kind, kind::HEADERS | kind::PUSH_PROMISE | kind::CONTINUATION)
}

/// What stands in HEADERS or PUSH_PROMISE beside padding and priority (RFC 9113 sections 6.2 and 6.6): where the block is, and its
/// first part. `None` when it is no such payload.
pub(super) fn begin<'a>(frame: &Frame, payload: &'a [u8], first_ns: u64, last_ns: u64) -> Option<(Place, &'a [u8])> {
    let has = |flag: u8| frame.flags & flag != 0;
    let (padding, rest) =
        if has(frame_flag::PADDED) { payload.split_first().map(|(n, rest)| (usize::from(*n), rest))? } else { (0, payload) };
    let rest = rest.get(..rest.len().checked_sub(padding)?)?;
    let is_promise = frame.kind == kind::PUSH_PROMISE;
    let (promised, fragment) = if is_promise {
        let (promised, rest) = rest.split_first_chunk()?;
        (Some(u32::from_be_bytes(*promised) & 0x7fff_ffff), rest)
    } else {
        (None, rest.get(if has(frame_flag::PRIORITY) { 5 } else { 0 }..)?)
    };
    Some((place(frame, promised, first_ns, last_ns), fragment))
}

/// Where the block stands that begins with this frame.
pub(super) fn place(frame: &Frame, promised: Option<u32>, first_ns: u64, last_ns: u64) -> Place {
    let ends = promised.is_none() && frame.flags & frame_flag::END_STREAM != 0;
    let size = u64::from(FRAME_HEADER_LEN) + u64::from(frame.length);
    Place { stream: frame.stream, promised, ends, first_ns, last_ns, size, after_gap: false }
}

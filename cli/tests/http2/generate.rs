//! Conversations in frames, and the truth about them.

use std::ops::{Range, RangeInclusive};

use crate::message::Bytes;
use crate::random::Random;
use crate::talk::Talk;

/// The client's and the server's place in pairs.
pub(crate) const CLIENT: usize = 0;
pub(crate) const SERVER: usize = 1;

/// What kind of conversation is wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// Bytes of bodies, about.
    pub(crate) bytes: usize,
    /// How many requests there may be.
    pub(crate) streams: usize,
    /// How many may be under way at a time.
    pub(crate) depth: usize,
    /// Whether bodies contain what looks like messages and frames.
    pub(crate) traps: bool,
    /// Whether frames are padded, and heads cut so that nothing of them is in a frame.
    pub(crate) pads: bool,
    /// Whether heads are cut into several frames.
    pub(crate) cuts: bool,
    /// Whether SETTINGS change the size of the tables.
    pub(crate) tables: bool,
    /// Whether streams are reset and refused, and the connection starts in odd ways.
    pub(crate) odd: bool,
}

/// Where something of an exchange stands, and when one knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) from: usize,
    pub(crate) range: Range<usize>,
    /// DATA is told as it comes, a head when it is whole.
    pub(crate) is_data: bool,
    /// Where the first block stands that one has to have seen to know all of this one.
    pub(crate) since: usize,
}

/// An exchange as it was.
#[derive(Clone, Debug)]
pub(crate) struct Truth {
    pub(crate) stream_id: u32,
    pub(crate) method: &'static str,
    pub(crate) path: Option<String>,
    pub(crate) host: String,
    pub(crate) status: u16,
    pub(crate) answer: String,
    /// And where it ends in the server's stream.
    pub(crate) grpc_status: Option<(u16, usize)>,
    pub(crate) is_pushed: bool,
    /// The first of each is its head.
    pub(crate) request: Vec<Span>,
    pub(crate) response: Vec<Span>,
    /// By sender: where what ends its half of the stream ends.
    pub(crate) ends: [Option<usize>; 2],
    /// Who reset it, and where that ends.
    pub(crate) resets: Vec<(usize, usize)>,
}

/// Bytes that one end sends in one go.
#[derive(Clone, Debug)]
pub(crate) struct Send {
    pub(crate) from: usize,
    pub(crate) range: Range<usize>,
    /// How much of the other stream the sender may have acknowledged by then.
    pub(crate) acknowledged: RangeInclusive<usize>,
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// It goes on.
    Open,
    /// FIN from this end, then from the other.
    Fin(usize),
    /// RST from this end.
    Reset(usize),
}

/// One connection.
#[derive(Clone, Debug)]
pub(crate) struct Conversation {
    pub(crate) streams: [Bytes; 2],
    /// Where the frames of each end start.
    pub(crate) frames: [Vec<usize>; 2],
    pub(crate) sends: Vec<Send>,
    pub(crate) truths: Vec<Truth>,
    /// Where a GOAWAY of the server ends, and the last stream that it looks at.
    pub(crate) goaways: Vec<(usize, u32)>,
    /// Who connected to the proxy.
    pub(crate) proxied: Option<[u8; 4]>,
    pub(crate) end: End,
    /// How much of the client's stream was seen when the server closed its half with its last bytes.
    pub(crate) closed: Option<usize>,
}

/// Makes a conversation.
pub(crate) fn conversation(shape: Shape, random: &mut Random) -> Conversation {
    Talk::new(shape, random).all()
}

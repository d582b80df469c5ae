//! One connection: two streams, the messages in each, and the pairs they make.

use ehl_probes_common::record::{flag, tcp_flag};

use super::counts::Counts;
use super::exchange::{Exchange, Exchanges, Flags};
use super::first_line::is_version;
use super::head::Wanted;
use super::http2::{Begin, Http2, List};
use super::messages::{Messages, Sink, Start, may_begin};
use super::pairing::Pairing;
use super::redact::Redactor;
use super::side::{Doubtful, Side};
use crate::stream::reassembly::{Piece, Reassembly};
use crate::stream::{Endpoint, Identity, Origin, Part, Tls};

/// What all connections share.
pub(super) struct Shared {
    pub(super) wanted: Wanted,
    pub(super) redactor: Redactor,
}

/// What a part brought.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// Exchanges that are complete now.
    pub(super) exchanges: Exchanges,
    /// What was counted so far.
    pub(super) counts: Counts,
    /// The last header block of HTTP/2, to be used again.
    pub(super) list: List,
}

/// One TCP connection.
#[derive(Debug)]
pub(super) struct Connection {
    ends: [Endpoint; 2],
    origin: Origin,
    /// Its parts come in order, and its ends may become known late (TLS).
    is_tls: bool,
    /// Which end is the client, once that is known.
    client: Option<usize>,
    /// By end: for whom it relays, if it is a proxy that says so.
    proxied: [Option<Endpoint>; 2],
    halves: [Half; 2],
    pairing: Pairing,
    /// Frames instead of messages, in one direction or both.
    http2: Option<Box<Http2>>,
    doubtful: Option<Box<Doubtful>>,
    /// Of what is [`Connection::buffered`], as much as the tracker knows of.
    pub(super) counted: usize,
    /// The tracker has it among those that are over.
    pub(super) lingers: bool,
}

#[derive(Debug, Default)]
struct Half {
    /// Sequence number of the first byte, once the SYN was seen.
    first: Option<u32>,
    stream: Reassembly,
    messages: Messages,
    /// The current response is an interim one (1xx).
    interim: bool,
    /// Where the first of the interim responses before the next final one starts.
    interim_at: Option<u32>,
    /// How much of the other half this end has acknowledged.
    acknowledged: Option<u32>,
    /// Sequence number of the FIN, when it came before the bytes that precede it.
    fin: Option<u32>,
    over: bool,
}

impl Half {
    /// Its first byte has this sequence number.
    fn begin(&mut self, first: u32) {
        self.first = Some(first);
        self.acknowledged = Some(first);
        self.stream.restart(first);
        self.messages.restart(false);
    }
}

impl Connection {
    /// Between these ends; directions are numbered by the sender's place.
    pub(super) fn new(ends: [Endpoint; 2], origin: Origin, identity: Identity) -> Self {
        let mut halves = [Half::default(), Half::default()];
        let from_start = matches!(identity, Identity::Tls(Tls { from_start: true, .. }));
        for half in &mut halves {
            if from_start {
                half.begin(0);
            } else {
                half.messages.join();
            }
        }
        Self {
            ends,
            origin,
            is_tls: matches!(identity, Identity::Tls(_)),
            client: None,
            proxied: [None; 2],
            halves,
            pairing: if from_start { Pairing::opened() } else { Pairing::joined() },
            http2: None,
            doubtful: None,
            counted: 0,
            lingers: false,
        }
    }

    /// Between whom it is becomes known with one of its parts, also for its exchanges that are complete.
    pub(super) fn learn(&mut self, ends: [Endpoint; 2]) {
        if self.is_tls && ends[0].is_known() {
            self.ends = ends;
        }
    }

    /// Says between whom exchanges were that began before that was known.
    pub(super) fn address(&self, exchanges: &mut [Box<Exchange>]) {
        let client = self.client.unwrap_or(0);
        for exchange in exchanges.iter_mut().filter(|exchange| self.is_tls && !exchange.client.is_known()) {
            exchange.client = self.ends[client];
            exchange.server = self.ends[1 - client];
        }
    }

    /// Takes a part sent by the end number `sender`.
    pub(super) fn part(&mut self, sender: usize, part: Part<'_>, shared: &Shared, outcome: &mut Outcome) {
        // What a SYN carries comes as a part of its own (RFC 7413).
        if part.tcp_flags & tcp_flag::SYN != 0 && part.covered == 0 {
            self.open(sender, &part, shared, outcome);
            return;
        }
        if part.tcp_flags & tcp_flag::ACK != 0 {
            self.acknowledge(sender, part.acknowledgement, shared, outcome);
        }
        if part.covered > 0 || part.handover.is_some() {
            let part = Part { proven: part.proven | self.inferred(sender, &part), ..part };
            let acknowledged = self.halves[1 - sender].acknowledged;
            let (body_left, is_tls) = (self.body_left(sender), self.is_tls);
            self.deliver(sender, shared, outcome, |stream, deliver| {
                if is_tls {
                    return stream.push_next(part, deliver);
                }
                stream.push(part, may_begin, body_left, deliver);
                if let Some(acknowledged) = acknowledged {
                    stream.acknowledged(acknowledged, deliver);
                }
            });
        }
        // A handover covers nothing either, and stands where bytes may still be missing.
        let tells_flags = part.covered == 0 && part.handover.is_none();
        if part.tcp_flags & tcp_flag::RST != 0 && tells_flags {
            self.close(sender, true, shared, outcome);
            self.close(1 - sender, true, shared, outcome);
        } else if part.tcp_flags & tcp_flag::FIN != 0 && tells_flags {
            self.halves[sender].fin = Some(part.sequence);
        }
        self.close_if_complete(sender, shared, outcome);
    }

    /// The sender has all bytes of the other half before `acknowledgement`.
    fn acknowledge(&mut self, sender: usize, acknowledgement: u32, shared: &Shared, outcome: &mut Outcome) {
        if self.halves[1 - sender].stream.held_bytes() > 0 {
            self.deliver(1 - sender, shared, outcome, |stream, deliver| stream.acknowledged(acknowledgement, deliver));
        }
        let before = &mut self.halves[sender].acknowledged;
        if before.is_none_or(|before| acknowledgement.wrapping_sub(before) as i32 > 0) {
            *before = Some(acknowledgement);
        }
        self.close_if_complete(1 - sender, shared, outcome);
    }

    /// What the place of a part proves: where the answer to a request is due, a message starts, whatever body the bytes were
    /// taken for after a loss.
    fn inferred(&self, sender: usize, part: &Part<'_>) -> u16 {
        let Part { sequence, acknowledgement, .. } = *part;
        let start = Start { sequence, acknowledgement, guessed: true, ..Start::default() };
        let may_answer = !self.pairing.is_in_order() && self.client == Some(1 - sender) && is_version(part.captured);
        let is_answer = may_answer && self.pairing.expects(&start);
        if is_answer { flag::HEAD_START } else { 0 }
    }

    /// A FIN counts when all bytes before it are here, or the other end has acknowledged it.
    fn close_if_complete(&mut self, sender: usize, shared: &Shared, outcome: &mut Outcome) {
        let half = &self.halves[sender];
        let reached = |at: u32, fin: u32| at.wrapping_sub(fin) as i32 >= 0;
        let Some(fin) = half.fin else { return };
        let is_complete = half.stream.next().is_none_or(|next| reached(next, fin));
        if is_complete || self.halves[1 - sender].acknowledged.is_some_and(|acknowledged| reached(acknowledged, fin.wrapping_add(1))) {
            self.close(sender, false, shared, outcome);
        }
    }

    /// Both directions have ended.
    pub(super) fn is_over(&self) -> bool {
        self.halves.iter().all(|half| half.over)
    }

    /// Whether no exchange is under way.
    pub(super) fn is_idle(&self) -> bool {
        self.pairing.is_idle() && self.http2.as_ref().is_none_or(|http2| http2.is_idle())
    }

    /// How many of the next bytes from `sender` are body for certain.
    fn body_left(&self, sender: usize) -> u64 {
        match &self.http2 {
            Some(http2) if http2.reads(sender) => http2.body_left(sender),
            _ => self.halves[sender].messages.body_left(),
        }
    }

    /// Bytes kept for this connection's streams, heads and open exchanges.
    pub(super) fn buffered(&self) -> usize {
        let doubtful = self.doubtful.as_ref().map_or(0, |doubtful| doubtful.size());
        self.pairing.buffered()
            + self.http2.as_ref().map_or(0, |http2| http2.size())
            + doubtful
            + self.halves.iter().map(|half| half.stream.held_bytes() + half.messages.buffered()).sum::<usize>()
    }

    /// Bytes of early segments that wait for late ones.
    pub(super) fn held(&self) -> usize {
        self.halves.iter().map(|half| half.stream.held_bytes()).sum()
    }

    /// Waits for late segments no longer.
    pub(super) fn give_up_waiting(&mut self, shared: &Shared, outcome: &mut Outcome) {
        for sender in 0..2 {
            self.deliver(sender, shared, outcome, |stream, deliver| stream.finish(deliver));
        }
    }

    /// Nothing more comes: what is open becomes rows.
    pub(super) fn finish(&mut self, shared: &Shared, outcome: &mut Outcome) {
        self.give_up_waiting(shared, outcome);
        self.pairing.finish(Flags::OPEN, &mut outcome.exchanges);
        if let Some(http2) = &mut self.http2 {
            http2.finish(Flags::OPEN, &mut outcome.exchanges);
        }
    }

    /// SYN: from the client; SYN and ACK: from the server. A repeated one changes nothing.
    fn open(&mut self, sender: usize, part: &Part<'_>, shared: &Shared, outcome: &mut Outcome) {
        let first = part.sequence.wrapping_add(1);
        let half = &self.halves[sender];
        if half.first == Some(first) && !half.over {
            return;
        }
        let from_client = part.tcp_flags & tcp_flag::ACK == 0;
        let answer = &self.halves[1 - sender];
        let is_answered = answer.first.is_some() && answer.acknowledged == Some(first) && !answer.over;
        // Of a server, when the client's was not seen: what was known of the streams before is of another connection.
        let is_another = self.http2.is_some() && half.stream.next().is_some();
        if from_client && !is_answered || !from_client && is_another {
            self.close(sender, true, shared, outcome);
            self.close(1 - sender, true, shared, outcome);
            self.halves = [Half::default(), Half::default()];
            self.halves[1 - sender].messages.join();
            self.proxied = [None; 2];
            self.doubtful = None;
            self.http2 = None;
        }
        self.client = Some(if from_client { sender } else { 1 - sender });
        let half = &mut self.halves[sender];
        *half = Half { first: Some(first), ..Half::default() };
        half.stream.restart(first);
        half.messages.restart(from_client);
        if from_client && !is_answered {
            // What the server will acknowledge first.
            self.halves[1 - sender].acknowledged = Some(first);
        } else {
            self.halves[sender].acknowledged = Some(part.acknowledgement);
        }
        if self.pairing.is_idle() {
            self.pairing = Pairing::opened();
        }
    }

    /// One direction is over.
    fn close(&mut self, sender: usize, aborted: bool, shared: &Shared, outcome: &mut Outcome) {
        if self.halves[sender].over {
            return;
        }
        self.deliver(sender, shared, outcome, |stream, deliver| stream.finish(deliver));
        let half = &mut self.halves[sender];
        half.over = true;
        let missing = half.fin.zip(half.stream.next()).map_or(0, |(fin, next)| fin.wrapping_sub(next) as i32);
        let (_, mut flow) = self.flow(sender, shared, outcome);
        if missing > 0 {
            flow.gap(missing.unsigned_abs());
            flow.side.odd(Flags::GAP);
        }
        flow.finish(aborted);
        let is_over = self.is_over();
        if is_over {
            self.pairing.finish(Flags::ABORTED, &mut outcome.exchanges);
        } else if self.client != Some(sender) {
            self.pairing.finish_responses(Flags::ABORTED, &mut outcome.exchanges);
        }
        if let Some(mut http2) = self.http2.take_if(|_| is_over) {
            http2.finish(Flags::ABORTED, &mut outcome.exchanges);
        }
    }

    fn deliver(
        &mut self,
        sender: usize,
        shared: &Shared,
        outcome: &mut Outcome,
        feed: impl FnOnce(&mut Reassembly, &mut dyn FnMut(Piece<'_>)),
    ) {
        let (stream, mut flow) = self.flow(sender, shared, outcome);
        feed(stream, &mut |piece| match piece {
            Piece::Part(part) => flow.part(&part),
            Piece::Gap { missing, .. } => flow.gap(missing),
            Piece::Duplicate => flow.side.outcome.counts.duplicates += 1,
        });
        let tunnel = flow.side.tunnel;
        let other = &mut self.halves[1 - sender];
        if tunnel {
            other.messages.tunnel();
        }
        let Some(http2) = &mut self.http2 else { return };
        if http2.is_sure() && !other.messages.is_http() {
            let is_opened = other.first.is_some();
            // Who sent one is the client, and known as that.
            let awaits_preface = is_opened && self.client != Some(sender) && other.messages.may_open();
            if !awaits_preface {
                http2.begin_other(1 - sender, is_opened && other.stream.next() == other.first);
            }
        }
    }

    /// One direction's stream, and what becomes of it.
    fn flow<'a>(&'a mut self, sender: usize, shared: &'a Shared, outcome: &'a mut Outcome) -> (&'a mut Reassembly, Flow<'a>) {
        let other = &self.halves[1 - sender];
        let acknowledged = other.acknowledged;
        let answered = other.stream.next();
        let is_alone = other.first.is_none() && answered.is_none();
        let is_other_http1 = other.messages.is_http();
        let Half { stream, messages, interim, interim_at, .. } = &mut self.halves[sender];
        let side = Side {
            sender,
            ends: self.ends,
            origin: self.origin,
            client: &mut self.client,
            proxied: &mut self.proxied,
            interim,
            interim_at,
            acknowledged,
            answered,
            is_alone,
            pairing: &mut self.pairing,
            doubtful: &mut self.doubtful,
            shared,
            outcome,
            is_other_http1,
            tunnel: false,
            upgraded: None,
        };
        (stream, Flow { messages, http2: &mut self.http2, side })
    }
}

/// One direction: its messages or frames, and who is told of what is in them.
struct Flow<'a> {
    messages: &'a mut Messages,
    http2: &'a mut Option<Box<Http2>>,
    side: Side<'a>,
}

impl Flow<'_> {
    fn part(&mut self, part: &Part<'_>) {
        if self.frames(part) {
            return;
        }
        let Some((at, begin)) = self.messages.part(part, &mut self.side) else { return };
        let http2 = self.http2.get_or_insert_with(|| Box::new(Http2::new()));
        http2.begin(self.side.sender, begin);
        if let Some(exchange) = self.side.upgraded.take() {
            http2.upgrade(exchange);
        }
        if matches!(begin, Begin::Preface(_)) {
            *self.side.client = Some(self.side.sender);
        }
        let part = rest(part, at);
        if !self.frames(&part) {
            self.messages.part(&part, &mut self.side);
        }
    }

    /// Whether the part is one of frames.
    fn frames(&mut self, part: &Part<'_>) -> bool {
        let Some(http2) = self.http2.as_mut().filter(|http2| http2.reads(self.side.sender)) else { return false };
        let is_taken = http2.part(part, &mut self.side);
        if !is_taken {
            self.no_frames();
        }
        is_taken
    }

    fn gap(&mut self, missing: u32) {
        if missing == 0
            && let Some(mut http2) = self.http2.take()
        {
            // Another connection on the same ports.
            http2.finish(Flags::ABORTED, &mut self.side.outcome.exchanges);
        }
        let Some(http2) = self.http2.as_mut().filter(|http2| http2.reads(self.side.sender)) else {
            return self.messages.gap(missing, &mut self.side);
        };
        if !http2.gap(missing, &mut self.side) {
            self.no_frames();
            self.messages.gap(missing, &mut self.side);
        }
    }

    /// What was taken for frames is something else.
    fn no_frames(&mut self) {
        self.messages.resume(&mut self.side);
        if self.http2.as_ref().is_some_and(|http2| !http2.reads(0) && !http2.reads(1)) {
            *self.http2 = None;
        }
    }

    /// Nothing more comes; `aborted` when by more than an orderly end of this direction.
    fn finish(&mut self, aborted: bool) {
        self.messages.finish(aborted, &mut self.side);
        if let Some(http2) = self.http2 {
            http2.close(&mut self.side);
        }
    }
}

/// The part without its first bytes.
fn rest<'p>(part: &Part<'p>, at: usize) -> Part<'p> {
    let Part { sequence, covered, captured, .. } = *part;
    let proven = if at > 0 { part.proven & !flag::HEAD_START } else { part.proven };
    Part {
        sequence: sequence.wrapping_add(at as u32),
        covered: covered - at as u32,
        captured: captured.get(at..).unwrap_or(&[]),
        proven,
        ..*part
    }
}

//! The streams of a connection that are open: a request and its response each (RFC 9113 section 8.1).

use std::collections::{BTreeMap, VecDeque};

use super::event::{Event, Place};
use super::fields::Fields;
use super::stream::{Stream, add, malformed, size, trailers};
use crate::http::connection::Outcome;
use crate::http::exchange::{Exchange, Exchanges, Flags};
use crate::http::head::{Direction, Head};
use crate::http::side::Side;

/// Streams of one connection that are open at a time; servers allow 100 or 128 of them, as a rule.
const MAX_OPEN: usize = 4096;
/// Streams that ended early, and of which more may be under way.
const MAX_ENDED: usize = 256;

/// Exchanges that are not complete, by stream.
#[derive(Debug, Default)]
pub(super) struct Streams {
    open: BTreeMap<u32, Stream>,
    /// Oldest first.
    ended: VecDeque<u32>,
    /// Bytes that the heads of these keep.
    kept: usize,
    /// Requests may have been lost.
    requests_lost: bool,
    /// The highest number of a stream that the client opened.
    highest: u32,
    /// The server does not look at the client's streams above this one.
    last: Option<u32>,
}

impl Streams {
    /// A head, or trailers.
    pub(super) fn head(&mut self, place: &Place, fields: &Fields<'_>, side: &mut Side<'_>) {
        if side.client.is_none() {
            let is_client = match (fields.is_request, fields.is_response || place.promised.is_some()) {
                (true, false) => true,
                (_, true) => false,
                (false, false) => return,
            };
            *side.client = Some(if is_client { side.sender } else { 1 - side.sender });
        }
        if fields.flags.has(Flags::TRUNCATED) {
            side.outcome.counts.truncated += 1;
        }
        match place.promised {
            _ if side.is_client() => self.request(place, fields, side),
            Some(promised) => self.promise(promised, place, fields, side),
            None => self.response(place, fields, side),
        }
    }

    /// One that could not be decoded, or of which not all was captured.
    pub(super) fn undecoded(&mut self, place: &Place, is_cut: bool, side: &mut Side<'_>) {
        let is_client = side.is_client();
        if side.client.is_none() || place.promised.is_some() || self.ended.contains(&place.stream) {
            return;
        }
        let is_open = self.has(place.stream);
        self.keep(place.stream, side, |stream, _| {
            let Stream { exchange, asked, answered, request_over, .. } = stream;
            exchange.flags |= if is_cut { Flags::TRUNCATED } else { Flags::UNDECODED };
            let (is_head, first_ns, bytes) = if is_client {
                (!std::mem::replace(asked, true), &mut exchange.request_first_ns, &mut exchange.request_bytes)
            } else {
                *request_over |= !is_open;
                (!std::mem::replace(answered, true), &mut exchange.response_first_ns, &mut exchange.response_bytes)
            };
            if is_head {
                *first_ns = Some(place.first_ns);
                *bytes = Some(place.size);
            } else {
                add(bytes, place.size);
            }
        });
        self.end_if(place, side);
    }

    /// Whether what is read as a head after a gap may be one: of a new stream, or one that is open. What is left of a body may look
    /// like frames too, which were those of another connection.
    pub(super) fn may_be(&self, place: &Place) -> bool {
        place.promised.is_some() || place.stream > self.highest || self.has(place.stream)
    }

    /// Whether the stream is open.
    pub(super) fn has(&self, stream: u32) -> bool {
        self.open.contains_key(&stream)
    }

    pub(super) fn event(&mut self, event: Event, side: &mut Side<'_>) {
        match event {
            Event::Data { stream, count, time_ns } => self.data(stream, count, time_ns, side.is_client()),
            Event::End { stream, time_ns } => self.end(stream, time_ns, side),
            Event::Reset { stream } => self.reset(stream, side.outcome),
            Event::GoAway { last } if side.client.is_some() && !side.is_client() => self.refuse_above(last, side.outcome),
            Event::GoAway { .. } => {}
        }
    }

    /// The answer to `exchange`, whose request was of HTTP/1, comes as stream 1.
    pub(super) fn upgrade(&mut self, mut exchange: Box<Exchange>) {
        exchange.stream_id = Some(1);
        self.kept += size(&exchange);
        self.open.insert(1, Stream { asked: true, request_over: true, ..Stream::new(exchange) });
    }

    /// Frames of one sender are missing, and heads and the ends of streams may have been among them.
    pub(super) fn lose(&mut self, side: &mut Side<'_>) {
        if side.client.is_none() {
            return;
        }
        let is_client = side.is_client();
        self.requests_lost |= is_client;
        for Stream { exchange, request_over, response_over, .. } in self.open.values_mut() {
            if is_client && !*request_over {
                exchange.flags |= Flags::GAP;
                exchange.request_bytes = None;
                // Nobody can tell; of the response one can.
                *request_over = true;
            } else if !is_client && !*response_over {
                exchange.flags |= Flags::GAP;
                exchange.response_bytes = None;
            }
        }
        self.pass_on(|_, stream| stream.is_complete(), Flags::default(), side.outcome);
    }

    /// No response comes any more. A request whose response is over may still be under way.
    pub(super) fn finish_unanswered(&mut self, outcome: &mut Outcome) {
        self.pass_on(|_, stream| !stream.response_over, Flags::ABORTED, outcome);
    }

    /// Nothing more comes.
    pub(super) fn finish(&mut self, flags: Flags, exchanges: &mut Exchanges) {
        self.kept = 0;
        for (id, stream) in std::mem::take(&mut self.open) {
            exchanges.push(stream.finished(self.unless_refused(id, flags)));
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Bytes that it keeps.
    pub(super) fn size(&self) -> usize {
        self.kept + self.open.len() * (size_of::<Stream>() + size_of::<Exchange>())
    }

    fn request(&mut self, place: &Place, fields: &Fields<'_>, side: &mut Side<'_>) {
        let is_asked = self.open.get(&place.stream).is_some_and(|stream| stream.asked);
        let is_trailers = is_asked || !fields.is_request && fields.is_whole;
        if !is_asked && self.is_late(place, is_trailers, fields) {
            return;
        }
        self.highest = self.highest.max(place.stream);
        // Trailers have no pseudo-header fields, and those of requests are not for responses (RFC 9113 sections 8.1 and 8.3).
        let is_odd = fields.is_response || is_trailers && fields.is_request;
        self.keep(place.stream, side, |stream, side| {
            let Stream { exchange, asked, request_over, .. } = stream;
            exchange.flags |= fields.flags | malformed(is_odd) | place.flags();
            if is_trailers {
                add(&mut exchange.request_bytes, place.size);
                trailers(&mut exchange.request, Direction::Request, fields, side);
            } else {
                exchange.request = Some(Head::new(&fields.request(), &side.shared.wanted, &side.shared.redactor));
                exchange.request_first_ns = Some(place.first_ns);
                exchange.request_bytes = Some(place.size);
                *asked = true;
                *request_over = false;
            }
        });
        self.end_if(place, side);
    }

    /// RFC 9113 section 8.4: the request is the server's own idea, and so is the stream (section 5.1.1).
    fn promise(&mut self, promised: u32, place: &Place, fields: &Fields<'_>, side: &mut Side<'_>) {
        if !promised.is_multiple_of(2) || self.has(promised) {
            side.outcome.counts.undecodable += 1;
            return;
        }
        self.keep(promised, side, |stream, side| {
            let Stream { exchange, asked, request_over, .. } = stream;
            exchange.flags |= fields.flags | Flags::PUSH | place.flags();
            exchange.request = Some(Head::new(&fields.request(), &side.shared.wanted, &side.shared.redactor));
            exchange.request_first_ns = Some(place.first_ns);
            exchange.request_bytes = Some(place.size);
            (*asked, *request_over) = (true, true);
        });
    }

    fn response(&mut self, place: &Place, fields: &Fields<'_>, side: &mut Side<'_>) {
        if fields.is_interim() {
            return self.end_if(place, side);
        }
        let before = self.open.get(&place.stream);
        let is_known = before.is_some();
        let is_answered = before.is_some_and(|stream| stream.answered);
        let is_gapped = before.is_some_and(|stream| stream.exchange.flags.has(Flags::GAP));
        // What has no status that is known may have been an interim response.
        let is_doubtful =
            is_answered && before.is_some_and(|stream| stream.exchange.response.as_ref().is_none_or(|head| head.status.is_none()));
        let is_final = !is_answered || is_doubtful && fields.is_response;
        let is_end = fields.is_whole || is_gapped && place.ends;
        let is_trailers = !is_final || !fields.is_response && is_end;
        if !is_known && self.is_late(place, is_trailers, fields) {
            return;
        }
        let is_odd = fields.is_request || is_trailers && fields.is_response;
        let requests_lost = self.requests_lost;
        self.keep(place.stream, side, |stream, side| {
            let Stream { exchange, answered, request_over, .. } = stream;
            exchange.flags |= fields.flags | malformed(is_odd) | place.flags();
            if !is_known {
                // The request was not seen.
                *request_over = true;
                exchange.flags |= if requests_lost { Flags::GAP } else { Flags::default() };
            }
            if is_trailers {
                add(&mut exchange.response_bytes, place.size);
                if is_doubtful && !fields.is_whole {
                    // Which of the two began the response is not known.
                    exchange.response_bytes = None;
                    exchange.response_first_ns = None;
                }
                trailers(&mut exchange.response, Direction::Response, fields, side);
            } else {
                let is_first = fields.is_response || !is_gapped;
                exchange.response = Some(Head::new(&fields.response(), &side.shared.wanted, &side.shared.redactor));
                exchange.response_first_ns = is_first.then_some(place.first_ns);
                exchange.response_bytes = is_first.then_some(place.size);
                *answered = true;
            }
        });
        self.end_if(place, side);
    }

    /// Whether a head on a stream that is not open opens none: it was under way when the stream ended, or is, or may be, the
    /// trailers of a message that was not seen.
    fn is_late(&self, place: &Place, is_trailers: bool, fields: &Fields<'_>) -> bool {
        let is_nameless = !fields.is_request && !fields.is_response;
        is_trailers || is_nameless && place.ends || self.ended.contains(&place.stream)
    }

    fn data(&mut self, stream: u32, count: u64, time_ns: u64, from_client: bool) {
        let Some(Stream { exchange, .. }) = self.open.get_mut(&stream) else { return };
        if from_client {
            add(&mut exchange.request_bytes, count);
        } else {
            add(&mut exchange.response_bytes, count);
            exchange.response_last_ns = (time_ns > 0).then_some(time_ns);
        }
    }

    fn end_if(&mut self, place: &Place, side: &mut Side<'_>) {
        if place.ends {
            self.end(place.stream, place.last_ns, side);
        }
    }

    /// The sender's half of a stream is over.
    fn end(&mut self, stream: u32, time_ns: u64, side: &mut Side<'_>) {
        let Some(found) = self.open.get_mut(&stream) else { return };
        if side.is_client() {
            found.request_over = true;
        } else if side.client.is_some() {
            found.response_over = true;
            found.exchange.response_last_ns = (time_ns > 0).then_some(time_ns);
            if time_ns == 0 {
                found.exchange.flags |= Flags::GAP;
            }
        }
        if found.is_complete() {
            self.pass_over(stream, Flags::default(), side.outcome);
        }
    }

    fn reset(&mut self, stream: u32, outcome: &mut Outcome) {
        let Some(found) = self.open.get(&stream) else { return };
        // "A server can send a complete response prior to the client sending an entire request [...]. RST_STREAM with an error code
        // of NO_ERROR" may follow (RFC 9113 section 8.1).
        let flags = if found.response_over { Flags::default() } else { Flags::RST };
        self.pass_over(stream, flags, outcome);
        self.remember_ended(stream);
    }

    /// "Receivers of a GOAWAY frame MUST NOT open additional streams [...]. Activity on streams numbered lower than or equal to the
    /// last stream identifier might still complete successfully." (RFC 9113 section 6.8) Clients open those with odd numbers.
    fn refuse_above(&mut self, last: u32, outcome: &mut Outcome) {
        self.last = Some(last);
        for stream in self.pass_on(|id, stream| id > last && id % 2 == 1 && !stream.response_over, Flags::GOAWAY, outcome) {
            self.remember_ended(stream);
        }
    }

    fn remember_ended(&mut self, stream: u32) {
        if self.ended.len() == MAX_ENDED {
            self.ended.pop_front();
        }
        self.ended.push_back(stream);
    }

    /// Changes a stream, which is opened if it is not.
    fn keep(&mut self, id: u32, side: &mut Side<'_>, change: impl FnOnce(&mut Stream, &Side<'_>)) {
        if !self.open.contains_key(&id) {
            if self.open.len() == MAX_OPEN
                && let Some(oldest) = self.open.keys().next().copied()
            {
                self.pass_over(oldest, Flags::GAP, side.outcome);
                self.remember_ended(oldest);
            }
            let exchange = Exchange { stream_id: Some(id), ..Exchange::between(&side.ends()) };
            self.open.insert(id, Stream::new(Box::new(exchange)));
        }
        let Some(stream) = self.open.get_mut(&id) else { return };
        let before = size(&stream.exchange);
        change(stream, side);
        self.kept = self.kept - before + size(&stream.exchange);
    }

    /// Those that are as asked for will not get (more of) their response. Answers which they were.
    fn pass_on(&mut self, is_due: impl Fn(u32, &Stream) -> bool, flags: Flags, outcome: &mut Outcome) -> Vec<u32> {
        let due: Vec<_> = self.open.iter().filter(|(id, stream)| is_due(**id, stream)).map(|(id, _)| *id).collect();
        for id in &due {
            self.pass_over(*id, self.unless_refused(*id, flags), outcome);
        }
        due
    }

    /// Why a stream is not complete: some requests are on their way when the server says that it does not look at them.
    fn unless_refused(&self, id: u32, flags: Flags) -> Flags {
        let is_refused = id % 2 == 1 && self.last.is_some_and(|last| id > last);
        if is_refused { Flags::GOAWAY } else { flags }
    }

    fn pass_over(&mut self, id: u32, flags: Flags, outcome: &mut Outcome) {
        let Some(stream) = self.open.remove(&id) else { return };
        self.kept -= size(&stream.exchange);
        outcome.exchanges.push(stream.finished(flags));
    }
}

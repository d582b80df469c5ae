//! What is to be told of a conversation.

use crate::generate::{CLIENT, Conversation, End, SERVER, Span, Truth};
use crate::rows::{Row, Times, sender};
use crate::wire::Packet;

/// How far what the two ends sent was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Moment {
    send: usize,
    seen: [usize; 2],
}

/// How a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Close {
    Complete,
    Reset,
    Refused,
    Connection,
}

impl Conversation {
    /// In the order in which rows are compared.
    pub(crate) fn rows(&self) -> Vec<Row> {
        let mut rows: Vec<_> = self.truths.iter().map(|truth| self.row(truth)).collect();
        rows.sort();
        rows
    }

    /// What is to be told of an exchange that was seen whole.
    pub(crate) fn row(&self, truth: &Truth) -> Row {
        let (close, last) = self.close(truth);
        let knows = |from: usize, at: usize| last.seen[from] >= at;
        let is_asked = truth.request.first().is_some_and(|head| knows(head.from, head.range.end));
        let is_answered = truth.response.first().is_some_and(|head| knows(SERVER, head.range.end));
        let is_over = truth.ends[SERVER].is_some_and(|end| knows(SERVER, end));
        let (mut flags, is_late) = (Vec::new(), self.is_late(truth) && !is_over);
        match close {
            Close::Complete => {}
            Close::Reset if is_over => {}
            Close::Reset => flags.push("rst"),
            Close::Refused => flags.push("goaway"),
            Close::Connection if is_late => flags.push("goaway"),
            Close::Connection if self.end == End::Open => flags.push("open"),
            Close::Connection => flags.push("aborted"),
        }
        flags.extend(truth.is_pushed.then_some("push"));
        let grpc = truth.grpc_status.filter(|(_, end)| is_answered && knows(SERVER, *end));
        Row {
            stream_id: Some(truth.stream_id),
            method: is_asked.then(|| truth.method.to_owned()),
            path: truth.path.clone().filter(|_| is_asked),
            host: is_asked.then(|| truth.host.clone()),
            status: is_answered.then_some(truth.status),
            answer: is_answered.then(|| truth.answer.clone()),
            grpc_status: grpc.map(|(status, _)| status),
            request_bytes: is_asked.then(|| bytes(&truth.request, last)),
            response_bytes: is_answered.then(|| bytes(&truth.response, last)),
            client: Some(self.proxied.map_or(sender(), Into::into)),
            flags,
        }
    }

    /// The times that are to be told of it, where segments are seen in order.
    pub(crate) fn times(&self, truth: &Truth, packets: &[Packet]) -> Times {
        let (_, last) = self.close(truth);
        let knows = |from: usize, at: usize| last.seen[from] >= at;
        let when = |from: usize, at: usize| {
            let packet = packets.iter().find(|packet| packet.from == from && packet.offset <= at && at < packet.end());
            packet.map(|packet| packet.time_ns)
        };
        let first =
            |spans: &[Span]| spans.first().filter(|head| knows(head.from, head.range.end)).map(|head| (head.from, head.range.start));
        Times {
            request_first_ns: first(&truth.request).and_then(|(from, at)| when(from, at)),
            response_first_ns: first(&truth.response).and_then(|(from, at)| when(from, at)),
            response_last_ns: truth.ends[SERVER].filter(|end| knows(SERVER, *end)).and_then(|end| when(SERVER, end - 1)),
        }
    }

    /// What ended the stream, and when.
    fn close(&self, truth: &Truth) -> (Close, Moment) {
        let mut ends = truth.ends.iter().enumerate().map(|(from, end)| {
            let from = if from == CLIENT { truth.request.first().map_or(CLIENT, |head| head.from) } else { from };
            end.map(|end| self.moment(from, end))
        });
        let complete = ends.try_fold(self.moment(CLIENT, 0), |last, end| Some(last.max(end?)));
        let over = truth.ends[SERVER].map(|end| self.moment(SERVER, end));
        let asked = truth.request.first().map(|head| self.moment(head.from, head.range.end));
        let resets = truth.resets.iter().map(|(from, end)| self.moment(*from, *end));
        let refusals = self.goaways.iter().filter(|(_, last)| truth.stream_id > *last && truth.stream_id % 2 == 1);
        let refusals = refusals.map(|(end, _)| self.moment(SERVER, *end));
        let refusals = refusals.filter(|when| asked.is_some_and(|asked| asked < *when) && over.is_none_or(|over| over > *when));
        let closes = complete.into_iter().map(|when| (when, Close::Complete));
        let closes = closes.chain(resets.map(|when| (when, Close::Reset))).chain(refusals.map(|when| (when, Close::Refused)));
        let unanswered = self.server_closes().into_iter().filter(|when| over.is_none() && asked.is_some_and(|asked| asked < *when));
        let closes = closes.chain(unanswered.map(|when| (when, Close::Connection)));
        let first = closes.min_by_key(|(when, _)| *when).map(|(when, close)| (close, when));
        let all = Moment { send: self.sends.len(), seen: [usize::MAX; 2] };
        first.unwrap_or((Close::Connection, all))
    }

    /// When it does, with its last bytes.
    fn server_closes(&self) -> Option<Moment> {
        let send = self.sends.iter().rposition(|send| send.from == SERVER)?;
        Some(Moment { send, seen: [self.closed?, usize::MAX] })
    }

    /// Whether it came when the server had said that it would not look at it.
    fn is_late(&self, truth: &Truth) -> bool {
        let Some(head) = truth.request.first() else { return false };
        let asked = self.moment(head.from, head.range.end);
        let is_before = |end: usize| self.moment(SERVER, end) < asked;
        truth.stream_id % 2 == 1 && self.goaways.iter().any(|(end, last)| truth.stream_id > *last && is_before(*end))
    }

    /// When so much of what `from` said was seen.
    fn moment(&self, from: usize, end: usize) -> Moment {
        let send = self.sends.iter().position(|send| send.from == from && send.range.end >= end);
        let send = send.unwrap_or(self.sends.len());
        let other = self.sends[..send].iter().rev().find(|send| send.from != from).map_or(0, |send| send.range.end);
        let mut seen = [other; 2];
        seen[from] = end;
        Moment { send, seen }
    }
}

/// Of the frames that were seen by then.
fn bytes(spans: &[Span], last: Moment) -> u64 {
    const HEADER: usize = 9;
    let seen = |Span { from, range, is_data, .. }: &Span| {
        let count = last.seen[*from].min(range.end).saturating_sub(range.start);
        if count == range.len() || *is_data && count > HEADER { count as u64 } else { 0 }
    };
    spans.iter().map(seen).sum()
}

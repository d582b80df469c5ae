//! What may be told, and what must be, of a conversation that was not seen whole.

use ehl_probes_common::frame::{FRAME_HEADER_LEN, Frame, kind};

use crate::case::Case;
use crate::generate::{SERVER, Span, Truth};
use crate::rows::Row;
use crate::wire::Packet;

/// Frames in a row that are enough to tell that they are.
const RUN: usize = 3;

impl Case {
    /// Each part of a row that is known is that of one exchange.
    pub(crate) fn is_plausible(&self, what: &str, found: &[Row]) -> Result<(), String> {
        let wrong = found.iter().find(|row| !self.may_tell(row));
        wrong.map_or(Ok(()), |row| {
            let truth = self.truth(row).map(|truth| self.conversation.row(truth));
            Err(format!("{what}\n  told: {row:?}\n  instead of: {truth:?}"))
        })
    }

    fn begins_with_http1(&self) -> bool {
        self.conversation.streams[SERVER].bytes.starts_with(b"HTTP/")
    }

    fn truth(&self, row: &Row) -> Option<&Truth> {
        self.conversation.truths.iter().find(|truth| Some(truth.stream_id) == row.stream_id)
    }

    fn may_tell(&self, row: &Row) -> bool {
        if self.shape.traps {
            // What looks like frames may be taken for them, on a stream that is there.
            return true;
        }
        let Some(truth) = self.truth(row) else {
            // The request that turns the connection to HTTP/2, alone, or its answer.
            let is_turn = row.path.as_deref() == Some("/n/0") || row.status == Some(101);
            return row.stream_id.is_none() && is_turn && self.begins_with_http1();
        };
        row.method.as_ref().is_none_or(|method| method == truth.method)
            && row.path.as_ref().is_none_or(|path| Some(path) == truth.path.as_ref())
            && row.host.as_ref().is_none_or(|host| *host == truth.host)
            && row.status.is_none_or(|status| status == truth.status)
            && row.answer.as_ref().is_none_or(|answer| *answer == truth.answer)
            && row.grpc_status.is_none_or(|status| truth.grpc_status.is_some_and(|(truth, _)| status == truth))
            && row.request_bytes.is_none_or(|bytes| bytes <= total(&truth.request))
            // A head of which the status is not known may be an interim one.
            && (row.status.is_none() || row.response_bytes.is_none_or(|bytes| bytes <= total(&truth.response)))
    }

    /// Exchanges are told of which all frames stand after the first frames that are found again. `packets` are those after
    /// all that is missing.
    pub(crate) fn is_found_again(&self, what: &str, packets: [&[Packet]; 2], found: &[Row]) -> Result<(), String> {
        // What HTTP/1 turned to, when that was not seen, is a tunnel.
        if self.shape.traps || self.begins_with_http1() {
            return Ok(());
        }
        let [Some(client), Some(server)] = [0, 1].map(|from| self.found_at(from, packets[from])) else { return Ok(()) };
        if [0, 1].iter().any(|from| self.has_decoy(*from)) {
            return Ok(());
        }
        let is_after = |span: &Span| {
            let from = [client, server][span.from];
            span.range.start >= from && (span.is_data || span.since >= from)
        };
        for truth in &self.conversation.truths {
            let row = anonymous(&self.conversation.row(truth));
            let is_whole = row.flags.iter().all(|flag| *flag == "push") && !truth.request.is_empty();
            let is_seen = truth.request.iter().chain(&truth.response).all(is_after);
            if is_whole && is_seen && !found.iter().any(|found| anonymous(found) == row) {
                let told: Vec<_> = found.iter().filter(|found| found.stream_id == row.stream_id).collect();
                return Err(format!("{what}\n  not told: {row:?}\n  frames from {client} and {server} on\n  told: {told:?}"));
            }
        }
        Ok(())
    }

    /// Where the first frame of the first run stands that begins with a segment.
    fn found_at(&self, from: usize, packets: &[Packet]) -> Option<usize> {
        let frames = &self.conversation.frames[from];
        let starts = packets
            .iter()
            .filter(|packet| packet.from == from && packet.payload.len() >= FRAME_HEADER_LEN as usize)
            .map(|packet| packet.offset);
        let mut starts = starts.filter_map(|offset| frames.binary_search(&offset).ok());
        starts.find(|first| self.is_run(from, &frames[*first..])).map(|first| frames[first])
    }

    /// Whether something looks like the start of a frame and is none, as padding before a frame does.
    fn has_decoy(&self, from: usize) -> bool {
        let bytes = &self.conversation.streams[from].bytes;
        let starts = &self.conversation.frames[from];
        let mut plausible = (0..bytes.len()).filter(|at| bytes[*at..].first_chunk().is_some_and(|header| Frame::of(header).is_plausible()));
        plausible.any(|at| starts.binary_search(&at).is_err())
    }

    fn is_run(&self, from: usize, frames: &[usize]) -> bool {
        let bytes = &self.conversation.streams[from].bytes;
        let header = |at: &usize| bytes[*at..].first_chunk().map(Frame::of);
        let mut run = frames.iter().take(RUN).map_while(header);
        run.clone().all(|frame| frame.is_plausible()) && run.next().is_some_and(|first| first.kind != kind::CONTINUATION)
    }
}

fn total(spans: &[Span]) -> u64 {
    spans.iter().map(|span| span.range.len() as u64).sum()
}

/// Who it was for was said before, and something is missing of the connection, perhaps at a time when it was under way.
fn anonymous(row: &Row) -> Row {
    let flags = row.flags.iter().copied().filter(|flag| *flag != "gap").collect();
    Row { client: None, flags, ..row.clone() }
}

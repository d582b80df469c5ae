//! What ehl makes of segments: exchanges as rows.

use std::cell::Cell;
use std::fmt;
use std::net::IpAddr;

use ehl::http::exchange::Exchange;
use ehl::http::head::{Direction, Wanted};
use ehl::http::redact::{Mode, Redactor};
use ehl::http::tracker::Tracker;
use ehl::source::capture_file::split;
use ehl::source::ring;
use ehl::stream::{Endpoint, Identity, Origin, Part, Segment};

use crate::generate::{CLIENT, Truth};
use crate::tap::{PORTS, address};
use crate::wire::Packet;

/// An exchange as it was reported. `answer` is the number that the response carries.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Row {
    pub(crate) path: Option<String>,
    pub(crate) answer: Option<String>,
    pub(crate) method: Option<String>,
    pub(crate) status: Option<u16>,
    pub(crate) request_bytes: Option<u64>,
    pub(crate) response_bytes: Option<u64>,
    pub(crate) client: Option<IpAddr>,
    pub(crate) flags: Vec<&'static str>,
}

impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, answer, method, status, request_bytes, response_bytes, client, flags } = self;
        let text = |text: &Option<String>| text.clone().unwrap_or("?".to_owned());
        write!(
            f,
            "{} {} -> {status:?} answer {}, {request_bytes:?} {response_bytes:?} bytes {flags:?}",
            text(method),
            text(path),
            text(answer)
        )?;
        match client {
            Some(client) if *client == sender() => Ok(()),
            Some(client) => write!(f, " for {client}"),
            None => write!(f, " for ?"),
        }
    }
}

impl Row {
    fn of(exchange: &Exchange) -> Self {
        let text = |bytes: Option<&[u8]>| bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        let (request, response) = (exchange.request.as_ref(), exchange.response.as_ref());
        // What is odd about the heads themselves is not the matter here.
        let odd = ["folded", "te-and-cl", "bad-length", "bare-lf", "malformed", "bad-host", "bad-te"];
        Self {
            path: text(request.and_then(|head| head.path())),
            answer: text(response.and_then(|head| head.column(0))),
            method: text(request.and_then(|head| head.method())),
            status: response.and_then(|head| head.status),
            request_bytes: exchange.request_bytes,
            response_bytes: exchange.response_bytes,
            client: exchange.client_address(),
            flags: exchange.flags.names().into_iter().filter(|name| !odd.contains(name)).collect(),
        }
    }

    /// What is to be reported of an exchange that was seen whole.
    pub(crate) fn true_to(number: usize, truth: &Truth) -> Self {
        Self {
            path: Some(truth.path.clone()),
            answer: Some(number.to_string()),
            method: Some(truth.method.to_owned()),
            status: Some(truth.status),
            request_bytes: Some(truth.request_bytes),
            response_bytes: Some(truth.response_bytes),
            client: Some(sender()),
            flags: Vec::new(),
        }
    }
}

/// Who sends the requests.
fn sender() -> IpAddr {
    Endpoint { address: address(CLIENT).bytes(), port: PORTS[CLIENT] }.ip()
}

pub(crate) fn tracker() -> Tracker {
    let columns = vec![(Some(Direction::Response), "x-answer".to_owned())];
    Tracker::new(Wanted { columns, ..Wanted::default() }, Redactor::new(Mode::Off, [0, 0]))
}

thread_local! {
    /// Of the conversation before, and empty: to make one takes longer than to follow a short conversation.
    static TRACKER: Cell<Option<Tracker>> = const { Cell::new(None) };
}

/// What is told while `feed` feeds a tracker, and when nothing more comes.
fn told(feed: impl FnOnce(&mut Tracker, &mut dyn FnMut(&Exchange))) -> Vec<Row> {
    let mut tracker = TRACKER.take().unwrap_or_else(tracker);
    let mut rows = Vec::new();
    let mut each = |exchange: &Exchange| rows.push(Row::of(exchange));
    feed(&mut tracker, &mut each);
    tracker.finish(&mut each);
    TRACKER.set(Some(tracker));
    rows.sort();
    rows
}

/// From what the kernel submitted.
pub(crate) fn from_records(records: &[Vec<u8>]) -> Vec<Row> {
    told(|tracker, each| {
        for record in records {
            let segment = ring::decode(record, 0).expect("the kernel's own layout");
            tracker.segment(&segment, each);
        }
    })
}

/// From the segments themselves, as a capture file has them: nothing is proven.
pub(crate) fn from_packets(packets: &[Packet]) -> Vec<Row> {
    told(|tracker, each| packets.iter().for_each(|packet| feed_packet(tracker, packet, each)))
}

fn feed_packet(tracker: &mut Tracker, packet: &Packet, each: &mut dyn FnMut(&Exchange)) {
    let ends = [0, 1].map(|end| Endpoint { address: address(end).bytes(), port: PORTS[end] });
    let part = Part {
        time_ns: packet.time_ns,
        sequence: packet.sequence,
        acknowledgement: packet.acknowledgement,
        tcp_flags: packet.flags,
        covered: packet.payload.len() as u32,
        captured: &packet.payload,
        proven: 0,
        handover: None,
    };
    split(part, &mut |part| {
        let segment = Segment {
            source: ends[packet.from],
            destination: ends[1 - packet.from],
            origin: Origin::Unknown,
            identity: Identity::Ends,
            part,
        };
        tracker.segment(&segment, each);
    });
}

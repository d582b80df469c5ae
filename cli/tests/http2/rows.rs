//! What ehl makes of segments: exchanges as rows.

use std::cell::Cell;
use std::fmt;
use std::net::IpAddr;

use ehl::http::exchange::Exchange;
use ehl::http::head::{Direction, Head, Wanted};
use ehl::http::redact::{Mode, Redactor};
use ehl::http::tracker::Tracker;
use ehl::source::capture_file::split;
use ehl::source::ring;
use ehl::stream::{Endpoint, Identity, Origin, Part, Segment};

use crate::generate::CLIENT;
use crate::tap::{PORTS, address};
use crate::wire::Packet;

/// An exchange as it was reported.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Row {
    pub(crate) stream_id: Option<u32>,
    pub(crate) method: Option<String>,
    pub(crate) path: Option<String>,
    pub(crate) host: Option<String>,
    pub(crate) status: Option<u16>,
    pub(crate) answer: Option<String>,
    pub(crate) grpc_status: Option<u16>,
    pub(crate) request_bytes: Option<u64>,
    pub(crate) response_bytes: Option<u64>,
    pub(crate) client: Option<IpAddr>,
    pub(crate) flags: Vec<&'static str>,
}

/// When its parts were seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Times {
    pub(crate) request_first_ns: Option<u64>,
    pub(crate) response_first_ns: Option<u64>,
    pub(crate) response_last_ns: Option<u64>,
}

impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stream_id, method, path, host, status, answer, grpc_status, request_bytes, response_bytes, client, flags } = self;
        let text = |text: &Option<String>| text.clone().unwrap_or("?".to_owned());
        let number = |number: Option<u64>| number.map_or("?".to_owned(), |number| number.to_string());
        write!(
            f,
            "{}: {} {} {} -> {} answer {} grpc {}, {} {} bytes {flags:?}",
            number(stream_id.map(u64::from)),
            text(method),
            text(host),
            text(path),
            number(status.map(u64::from)),
            text(answer),
            number(grpc_status.map(u64::from)),
            number(*request_bytes),
            number(*response_bytes)
        )?;
        match client {
            Some(client) if *client == sender() => Ok(()),
            Some(client) => write!(f, " for {client}"),
            None => write!(f, " for ?"),
        }
    }
}

impl Row {
    pub(crate) fn of(exchange: &Exchange) -> Self {
        let text = |bytes: Option<&[u8]>| bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        let (request, response) = (exchange.request.as_ref(), exchange.response.as_ref());
        Self {
            stream_id: exchange.stream_id,
            method: text(request.and_then(|head| head.method())),
            path: text(request.and_then(|head| head.path())),
            host: text(request.and_then(|head| head.host())),
            status: response.and_then(|head| head.status),
            answer: text(response.and_then(|head| head.column(0))),
            grpc_status: response.and_then(Head::grpc_status),
            request_bytes: exchange.request_bytes,
            response_bytes: exchange.response_bytes,
            client: exchange.client_address(),
            flags: exchange.flags.names(),
        }
    }
}

/// Who sends the requests.
pub(crate) fn sender() -> IpAddr {
    Endpoint { address: address(CLIENT).bytes(), port: PORTS[CLIENT] }.ip()
}

pub(crate) fn tracker() -> Tracker {
    let columns = vec![(Some(Direction::Response), "x-answer".to_owned())];
    Tracker::new(Wanted { columns, ..Wanted::default() }, Redactor::new(Mode::Off, [0, 0]))
}

/// What was told of a conversation.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// Sorted.
    pub(crate) rows: Vec<Row>,
    /// Of streams.
    pub(crate) times: Vec<(Option<u32>, Times)>,
    pub(crate) undecodable: u64,
    /// Directions that were taken for another protocol.
    pub(crate) foreign: u64,
}

thread_local! {
    /// Of the conversation before, and empty: to make one takes longer than to follow a short conversation.
    static TRACKER: Cell<Option<Tracker>> = const { Cell::new(None) };
}

/// What is told while `feed` feeds a tracker, and when nothing more comes.
fn told(feed: impl FnOnce(&mut Tracker, &mut dyn FnMut(&Exchange))) -> Told {
    let mut tracker = TRACKER.take().unwrap_or_else(tracker);
    let foreign = |tracker: &Tracker| tracker.counts().tls + tracker.counts().other;
    let before = (tracker.counts().undecodable, foreign(&tracker));
    let mut told = Told::default();
    let mut each = |exchange: &Exchange| {
        let Exchange { stream_id, request_first_ns, response_first_ns, response_last_ns, .. } = *exchange;
        told.rows.push(Row::of(exchange));
        told.times.push((stream_id, Times { request_first_ns, response_first_ns, response_last_ns }));
    };
    feed(&mut tracker, &mut each);
    tracker.finish(&mut each);
    told.undecodable = tracker.counts().undecodable - before.0;
    told.foreign = foreign(&tracker) - before.1;
    TRACKER.set(Some(tracker));
    told.rows.sort();
    told
}

/// From what the kernel submitted.
pub(crate) fn from_records(records: &[Vec<u8>]) -> Told {
    told(|tracker, each| {
        for record in records {
            let segment = ring::decode(record, 0).expect("the kernel's own layout");
            tracker.segment(&segment, each);
        }
    })
}

/// From the segments themselves, as a capture file has them: nothing is proven.
pub(crate) fn from_packets(packets: &[Packet]) -> Told {
    told(|tracker, each| packets.iter().for_each(|packet| feed_packet(tracker, packet, each)))
}

pub(crate) fn feed_packet(tracker: &mut Tracker, packet: &Packet, each: &mut dyn FnMut(&Exchange)) {
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

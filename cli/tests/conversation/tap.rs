//! The kernel's walk over segments, on the host: what `probes/src/kernel/tap.rs` and `sock_http.rs` do, and `ssl_uprobe`, from bytes.

use std::collections::HashMap;

use ehl_probes_common::chunked;
use ehl_probes_common::connection::{Connection, Key, phase};
use ehl_probes_common::counter::{COUNTERS, Counter};
use ehl_probes_common::head::{self, Cursor, MAX_STEPS, Scan, progress};
use ehl_probes_common::packet::{Address, Tcp};
use ehl_probes_common::record::{ProbeId, RecordHeader, Way, tcp_flag};
use ehl_probes_common::tls;
use ehl_probes_common::walk::{self, Segment, Span, Walk};
use ehl_probes_common::window::{WINDOW, Window};

use crate::wire::Packet;

/// How often each loop of the program runs at most.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Loops {
    pub(crate) steps: u32,
    pub(crate) lines: u32,
    pub(crate) chunk_bytes: u32,
}

impl Loops {
    /// With `bpf_loop`.
    pub(crate) const LONG: Self = Self { steps: 1024, lines: MAX_STEPS, chunk_bytes: WINDOW as u32 };
    /// Kernels before 5.17.
    pub(crate) const SHORT: Self = Self { steps: 4, lines: 24, chunk_bytes: 12 };
}

/// The ports of the two ends.
pub(crate) const PORTS: [u16; 2] = [40_000, 80];

/// The program and its maps.
pub(crate) struct Kernel {
    loops: Loops,
    connections: HashMap<Key, Connection>,
    tls: Tls,
    counters: [u64; COUNTERS as usize],
    /// Keeps the bytes of earlier segments, as a CPU's does.
    window: Window,
    records: Vec<Vec<u8>>,
}

/// What the program of TLS knows of a connection.
struct Tls {
    streams: Connection,
    totals: [u32; 2],
    from_start: bool,
}

impl Default for Tls {
    fn default() -> Self {
        Self { streams: Connection::NEW, totals: [0; 2], from_start: false }
    }
}

/// The address of an end.
pub(crate) fn address(end: usize) -> Address {
    Address::v4([10, 0, 0, 1 + end as u8])
}

impl Kernel {
    pub(crate) fn new(loops: Loops) -> Self {
        Self {
            loops,
            connections: HashMap::new(),
            tls: Tls::default(),
            counters: [0; COUNTERS as usize],
            window: Window::ZERO,
            records: Vec::new(),
        }
    }

    /// What the program does for a packet.
    pub(crate) fn packet(&mut self, packet: &Packet) {
        let (from, to) = (packet.from, 1 - packet.from);
        let len = packet.payload.len() as u32;
        let opens_or_closes = packet.flags & (tcp_flag::SYN | tcp_flag::FIN | tcp_flag::RST);
        if len == 0 && opens_or_closes == 0 {
            return;
        }
        let tcp = Tcp {
            source: address(from),
            destination: address(to),
            source_port: PORTS[from],
            destination_port: PORTS[to],
            ..Tcp::default()
        };
        let mut key = Key::default();
        let direction = key.set(&tcp);
        if len == 0 && opens_or_closes & tcp_flag::SYN == 0 && !self.connections.contains_key(&key) {
            return;
        }
        let mut connection = self.connections.remove(&key).unwrap_or(Connection::NEW);
        let header = RecordHeader {
            source: tcp.source.bytes(),
            destination: tcp.destination.bytes(),
            source_port: tcp.source_port,
            destination_port: tcp.destination_port,
            acknowledgement: packet.acknowledgement,
            origin: packet.interface,
            probe: ProbeId::SockHttp as u8,
            tcp_flags: packet.flags,
            ..RecordHeader::ZERO
        };
        let segment =
            Segment { time_ns: packet.time_ns, sequence: packet.sequence, len, interface: packet.interface, tcp_flags: packet.flags };
        self.walk(header, segment, direction, &packet.payload, &mut connection);
        self.connections.insert(key, connection);
    }

    fn walk(&mut self, header: RecordHeader, segment: Segment, direction: u32, payload: &[u8], connection: &mut Connection) {
        let mut walk = Walk::new(segment, direction);
        let mut job = Job {
            payload,
            loops: self.loops,
            header,
            window: &mut self.window,
            cursor: Cursor::START,
            chunked: (chunked::State::START, 0),
            counters: &mut self.counters,
            records: &mut self.records,
        };
        if !walk::begin(&mut walk, connection, &mut job) {
            return;
        }
        for _ in 0..self.loops.steps {
            if walk::step(&mut walk, connection, &mut job) {
                break;
            }
        }
        walk::finish(&mut walk, connection, &mut job);
    }

    /// What the program of TLS does when the process at one end has written or read the packet's payload.
    pub(crate) fn call(&mut self, packet: &Packet, process: usize) {
        self.stream(packet, process, false);
    }

    /// What it does when the connection is freed.
    pub(crate) fn free(&mut self, process: usize, time_ns: u64) {
        for from in [process, 1 - process] {
            let nothing = Packet { time_ns, from, interface: 0, sequence: 0, acknowledgement: 0, flags: 0, payload: Vec::new(), offset: 0 };
            self.stream(&nothing, process, true);
        }
    }

    fn stream(&mut self, packet: &Packet, process: usize, ends: bool) {
        let Tls { mut streams, mut totals, from_start } = std::mem::take(&mut self.tls);
        let (len, is_written) = (packet.payload.len() as u32, packet.from == process);
        let direction = if is_written { tls::WRITTEN } else { tls::READ };
        if packet.flags & tcp_flag::SYN != 0 {
            streams.directions.iter_mut().for_each(|direction| direction.restart(0, phase::BOUNDARY, 0, 0));
        }
        let from_start = from_start || packet.flags & tcp_flag::SYN != 0;
        // The first call may not know yet through which socket it goes.
        let is_addressed = from_start && totals != [0; 2];
        let end = |end: usize| if is_addressed || !from_start { (address(end).bytes(), PORTS[end]) } else { ([0; 16], 0) };
        let ((source, source_port), (destination, destination_port)) = (end(packet.from), end(1 - packet.from));
        let header = RecordHeader {
            source,
            source_port,
            destination,
            destination_port,
            connection: 77,
            acknowledgement: totals[1 - direction as usize],
            origin: 4711,
            probe: ProbeId::SslUprobe as u8,
            way: if is_written { Way::Egress } else { Way::Ingress } as u8,
            tcp_flags: if ends { tcp_flag::FIN | tcp_flag::ACK } else { tcp_flag::ACK },
            from_start: u8::from(from_start),
            ..RecordHeader::ZERO
        };
        if len > 0 || ends {
            let sequence = totals[direction as usize];
            let segment = Segment { time_ns: packet.time_ns, sequence, len, interface: 0, tcp_flags: header.tcp_flags };
            self.walk(header, segment, direction, &packet.payload, &mut streams);
            totals[direction as usize] += len;
        }
        self.tls = Tls { streams, totals, from_start };
    }

    /// What the program submitted, oldest first.
    pub(crate) fn take_records(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.records)
    }

    pub(crate) fn counted(&self, counter: Counter) -> u64 {
        self.counters[counter.index() as usize]
    }
}

/// One run of the program.
struct Job<'a> {
    payload: &'a [u8],
    loops: Loops,
    header: RecordHeader,
    window: &'a mut Window,
    cursor: Cursor,
    chunked: (chunked::State, u32),
    counters: &'a mut [u64; COUNTERS as usize],
    records: &'a mut Vec<Vec<u8>>,
}

impl walk::Tap for Job<'_> {
    fn load(&mut self, offset: u32, len: u32) -> bool {
        assert!((1..=WINDOW as u32).contains(&len), "a load of {len} bytes");
        match self.payload.get(offset as usize..(offset + len) as usize) {
            Some(bytes) => self.window.fill(bytes),
            None => panic!("a load beyond the segment"),
        }
        true
    }

    fn window(&self) -> &Window {
        self.window
    }

    fn submit(&mut self, span: Span) {
        assert!(span.captured as usize <= WINDOW && span.captured <= span.covered, "{span:?}");
        let header = RecordHeader {
            time_ns: span.time_ns,
            framing: span.framing,
            sequence: span.sequence,
            payload_len: span.covered,
            captured_len: span.captured,
            flags: span.flags,
            ..self.header
        };
        self.counters[Counter::Submitted.index() as usize] += 1;
        self.records.push([&header.as_bytes()[..], self.window.filled(span.captured as usize)].concat());
    }

    fn count(&mut self, counter: Counter) {
        self.counters[counter.index() as usize] += 1;
    }

    fn most_runs(&self) -> u32 {
        self.loops.steps / 2
    }

    fn scan(&mut self, scan: &mut Scan, end: u32) {
        self.cursor.restart(end);
        for _ in 0..self.loops.lines {
            head::step(scan, &mut self.cursor, self.window);
            if self.cursor.progress != progress::GOING {
                break;
            }
        }
    }

    fn cursor(&self) -> &Cursor {
        &self.cursor
    }

    fn chunk(&mut self, state: chunked::State, end: u32) {
        self.chunked = (state, 0);
        for _ in 0..self.loops.chunk_bytes {
            let (state, at) = &mut self.chunked;
            if *at >= end {
                break;
            }
            *state = state.step(self.window.byte(*at));
            *at += 1;
            if matches!(state.phase, chunked::phase::DATA | chunked::phase::END | chunked::phase::BAD) {
                break;
            }
        }
    }

    fn chunked(&self) -> (chunked::State, u32) {
        self.chunked
    }
}

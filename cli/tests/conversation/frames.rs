//! HTTP/2 through the kernel's walk: which bytes go up, and that what stays down is payload of DATA frames.

use std::ops::Range;

use ehl_probes_common::counter::Counter;
use ehl_probes_common::frame::{Frame, PREFACE, frame_flag, kind};
use ehl_probes_common::record::{self, RecordHeader, flag, tcp_flag};

use crate::check;
use crate::generate::{CLIENT, SERVER};
use crate::random::Random;
use crate::tap::{Kernel, Loops, PORTS};
use crate::wire::{Packet, reorder};

/// Kernels without `bpf_loop`, with as many steps as the program has there.
const OLD: Loops = Loops { steps: 128, ..Loops::SHORT };
/// Sequence numbers of the first bytes; one wraps.
const FIRST: [u32; 2] = [0u32.wrapping_sub(50), 5000];

/// What one end sends, and what of it may stay down.
#[derive(Clone, Default)]
struct Stream {
    bytes: Vec<u8>,
    /// Whether a byte is payload of a DATA frame.
    is_data: Vec<bool>,
    /// Where frames, and the preface, start.
    starts: Vec<usize>,
}

impl Stream {
    fn client() -> Self {
        Self::default().preface().settings()
    }

    fn server() -> Self {
        Self::default().settings()
    }

    fn preface(mut self) -> Self {
        self.starts.push(self.bytes.len());
        self.raw(PREFACE)
    }

    fn settings(self) -> Self {
        self.frame(kind::SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 100])
    }

    fn acknowledged(self) -> Self {
        self.frame(kind::SETTINGS, frame_flag::ACK, 0, b"")
    }

    fn headers(self, stream: u32, len: usize) -> Self {
        self.frame(kind::HEADERS, frame_flag::END_HEADERS, stream, &vec![0x88; len])
    }

    fn data(self, stream: u32, len: usize) -> Self {
        self.frame(kind::DATA, 0, stream, &vec![b'd'; len])
    }

    fn frame(mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Self {
        let [_, a, b, c] = (payload.len() as u32).to_be_bytes();
        let [d, e, f, g] = stream.to_be_bytes();
        self.starts.push(self.bytes.len());
        let mut this = self.raw(&[a, b, c, kind, flags, d, e, f, g]).raw(payload);
        let end = this.bytes.len();
        this.is_data[end - payload.len()..].fill(kind == kind::DATA);
        this
    }

    /// So many times the same.
    fn times(self, count: usize, frames: impl Fn(Self) -> Self) -> Self {
        (0..count).fold(self, |stream, _| frames(stream))
    }

    /// No frame.
    fn raw(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend_from_slice(bytes);
        self.is_data.resize(self.bytes.len(), false);
        self
    }

    fn len(&self) -> usize {
        self.bytes.len()
    }
}

/// Two streams, and their segments in the order in which they are seen.
struct Talk {
    streams: [Stream; 2],
    packets: Vec<Packet>,
    sent: [usize; 2],
}

impl Talk {
    fn opened(client: Stream, server: Stream) -> Self {
        let mut talk = Self::joined(client, server);
        talk.mark(CLIENT, usize::MAX, tcp_flag::SYN);
        talk.mark(SERVER, usize::MAX, tcp_flag::SYN | tcp_flag::ACK);
        talk
    }

    fn joined(client: Stream, server: Stream) -> Self {
        Self { streams: [client, server], packets: Vec::new(), sent: [0; 2] }
    }

    /// The next so many bytes.
    fn sends(mut self, from: usize, len: usize) -> Self {
        self.send(from, len);
        self
    }

    /// All that is left, in segments of so many bytes.
    fn sends_all(mut self, from: usize, len: usize) -> Self {
        while self.sent[from] < self.streams[from].len() {
            self.send(from, len);
        }
        self
    }

    /// The next so many bytes are not seen.
    fn loses(mut self, from: usize, len: usize) -> Self {
        self.sent[from] += len;
        self
    }

    /// These were sent before, or are late.
    fn sends_again(mut self, from: usize, range: Range<usize>) -> Self {
        let payload = self.streams[from].bytes[range.clone()].to_vec();
        self.push(from, range.start, tcp_flag::ACK, payload);
        self
    }

    fn closes(mut self, from: usize) -> Self {
        self.mark(from, self.sent[from], tcp_flag::FIN | tcp_flag::ACK);
        self
    }

    fn send(&mut self, from: usize, len: usize) {
        let start = self.sent[from];
        let end = self.streams[from].len().min(start + len);
        self.sent[from] = end;
        let payload = self.streams[from].bytes[start..end].to_vec();
        self.push(from, start, tcp_flag::ACK, payload);
    }

    fn mark(&mut self, from: usize, offset: usize, flags: u8) {
        self.push(from, offset, flags, Vec::new());
    }

    fn push(&mut self, from: usize, offset: usize, flags: u8, payload: Vec<u8>) {
        let sequence = FIRST[from].wrapping_add(offset as u32);
        let time_ns = 1000 * (1 + self.packets.len() as u64);
        self.packets.push(Packet { time_ns, from, interface: 2, sequence, acknowledgement: 0, flags, payload, offset });
    }

    fn seen(&self, loops: Loops) -> Seen {
        let mut kernel = Kernel::new(loops);
        for packet in &self.packets {
            kernel.packet(packet);
        }
        let records = kernel.take_records();
        Seen { records: records.iter().map(|bytes| Told::of(bytes)).collect(), kernel }
    }

    /// What the kernel tells of it; whatever that is, it is right.
    #[track_caller]
    fn told(&self, loops: Loops) -> Seen {
        let seen = self.seen(loops);
        if let Err(why) = seen.is_right(&self.streams) {
            panic!("{why}\n{:#?}", seen.records);
        }
        seen
    }

    /// Only payload of DATA frames stays down, and it does.
    #[track_caller]
    fn keeps_data_down(&self, loops: Loops) -> Seen {
        let seen = self.told(loops);
        for from in [CLIENT, SERVER] {
            if let Err(why) = seen.is_in_step(from, &self.streams[from]) {
                panic!("{why}\n{:#?}", seen.records);
            }
        }
        seen
    }
}

/// What a record tells.
#[derive(Clone, PartialEq, Eq)]
struct Told {
    from: usize,
    at: usize,
    covered: usize,
    captured: Vec<u8>,
    flags: u16,
    time_ns: u64,
}

impl Told {
    fn of(bytes: &[u8]) -> Self {
        let (header, captured) = record::decode(bytes).expect("the kernel's own layout");
        let RecordHeader { time_ns, sequence, payload_len, flags, .. } = header;
        let from = usize::from((header.source_port == PORTS[1]) != (flags & flag::OPPOSITE != 0));
        let at = sequence.wrapping_sub(FIRST[from]) as usize;
        Self { from, at, covered: payload_len as usize, captured: captured.to_vec(), flags, time_ns }
    }

    fn range(&self) -> Range<usize> {
        self.at..self.at + self.covered
    }

    fn has(&self, flags: u16) -> bool {
        self.flags & flags == flags
    }
}

impl std::fmt::Debug for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { from, at, covered, captured, flags, time_ns } = self;
        let names = [
            (flag::HEAD_START, " start"),
            (flag::HEAD_END, " end"),
            (flag::BODY, " body"),
            (flag::MESSAGE_END, " last"),
            (flag::HANDOVER, " handover"),
            (flag::UNPROVEN, " unproven"),
            (flag::OPPOSITE, " opposite"),
            (flag::HTTP2, " h2"),
        ];
        let names: String = names.iter().filter(|(bit, _)| flags & bit != 0).map(|(_, name)| *name).collect();
        write!(f, "{from} at {at}: {} of {covered}{names}, {time_ns}", captured.len())
    }
}

/// What the kernel told, and counted.
struct Seen {
    records: Vec<Told>,
    kernel: Kernel,
}

impl Seen {
    fn of(&self, from: usize) -> impl Iterator<Item = &Told> {
        self.records.iter().filter(move |told| told.from == from && told.covered > 0)
    }

    fn text(&self, from: usize) -> Vec<String> {
        self.of(from).map(|told| format!("{told:?}")).collect()
    }

    /// Which bytes went up.
    fn up(&self, from: usize, len: usize) -> Vec<bool> {
        let mut up = vec![false; len];
        for told in self.of(from) {
            up[told.at..told.at + told.captured.len()].fill(true);
        }
        up
    }

    /// What is captured are the stream's bytes; what is covered and is not, is payload of DATA frames; what is said to be frames, is.
    fn is_right(&self, streams: &[Stream; 2]) -> Result<(), String> {
        for told in self.records.iter().filter(|told| told.covered > 0) {
            let stream = &streams[told.from];
            let (up, down) = (told.at..told.at + told.captured.len(), told.at + told.captured.len()..told.range().end);
            if told.range().end > stream.len() || stream.bytes[up.clone()] != told.captured {
                return Err(format!("not what was sent: {told:?}"));
            }
            if stream.is_data[down].contains(&false) {
                return Err(format!("what is no payload stayed down: {told:?}"));
            }
            if !told.has(flag::HTTP2) {
                continue;
            }
            if stream.is_data[up].contains(&true) {
                return Err(format!("payload went up: {told:?}"));
            }
            if told.has(flag::HEAD_START) != stream.starts.contains(&told.at) {
                return Err(format!("no start, or not told: {told:?}"));
            }
        }
        Ok(())
    }

    /// The whole stream is told in step and in order, without a gap.
    fn is_in_step(&self, from: usize, stream: &Stream) -> Result<(), String> {
        let mut next = 0;
        for told in self.of(from) {
            if !told.has(flag::HTTP2) || told.at != next {
                return Err(format!("not in step and in order: {told:?}"));
            }
            next = told.range().end;
        }
        if next == stream.len() { Ok(()) } else { Err(format!("{next} of {} bytes of {from}", stream.len())) }
    }

    fn desynchronised(&self) -> u64 {
        self.kernel.counted(Counter::Desynchronised)
    }
}

/// A request with a body, and what a server sends.
fn exchange() -> [Stream; 2] {
    let client = Stream::client().headers(1, 40).data(1, 0).data(1, 30).acknowledged().frame(0x42, 0xff, 0, b"of no known type");
    let server = Stream::server().acknowledged().headers(1, 60).data(1, 1100).data(1, 5).headers(1, 20);
    [client, server]
}

#[test]
fn a_response_is_one_record() {
    let [client, server] = exchange();
    let len = server.len();
    let talk = Talk::opened(client, server).sends(CLIENT, 200).sends(SERVER, 24).sends(SERVER, len);
    let seen = talk.told(Loops::LONG);
    assert_eq!(seen.text(CLIENT), ["0 at 0: 106 of 136 start h2, 3000", "0 at 136: 34 of 34 start h2, 3000"]);
    assert_eq!(
        seen.text(SERVER),
        [
            "1 at 0: 24 of 24 start h2, 4000",
            "1 at 24: 78 of 1178 start h2, 5000",
            "1 at 1202: 9 of 14 start h2, 5000",
            "1 at 1216: 29 of 29 start h2, 5000"
        ]
    );
    assert_eq!(seen.desynchronised(), 0);
}

#[test]
fn payload_of_many_segments_is_told_when_it_ends() {
    let server = Stream::server().headers(1, 11).data(1, 16_384).headers(1, 1);
    let talk = Talk::opened(Stream::client(), server).sends_all(CLIENT, 100).sends(SERVER, 35).sends_all(SERVER, 4000);
    let seen = talk.told(Loops::LONG);
    let told = [
        "1 at 0: 35 of 35 start h2, 4000",
        "1 at 35: 9 of 4000 start h2, 5000",
        "1 at 4035: 0 of 12393 body h2, 9000",
        "1 at 16428: 10 of 10 start h2, 9000",
    ];
    assert_eq!(seen.text(SERVER), told);
}

#[test]
fn payload_that_goes_on_is_told_of_now_and_then_and_at_the_end() {
    let server = Stream::server().data(1, 10_000);
    let mut talk = Talk::opened(Stream::client(), server).sends_all(CLIENT, 100).sends_all(SERVER, 1000).closes(SERVER);
    let late = talk.packets.len() - 4;
    for packet in &mut talk.packets[late..] {
        packet.time_ns += 2_000_000_000;
    }
    assert_eq!(talk.keeps_data_down(Loops::LONG).of(SERVER).count(), 3);
}

#[test]
fn only_payload_of_data_stays_down_wherever_a_stream_is_cut() {
    for loops in [Loops::LONG, OLD] {
        for from in [CLIENT, SERVER] {
            let [client, server] = exchange();
            // Before that it may be the start of a request of HTTP/1.
            let least = if from == CLIENT { 3 } else { 1 };
            for cut in least..[&client, &server][from].len() {
                let talk = Talk::opened(client.clone(), server.clone()).sends_all(1 - from, 1000);
                let talk = talk.sends(from, cut).sends_all(from, 1000).closes(CLIENT).closes(SERVER);
                talk.keeps_data_down(loops);
            }
        }
    }
}

#[test]
fn a_stream_may_come_byte_by_byte() {
    let [client, server] = exchange();
    for loops in [Loops::LONG, Loops::SHORT] {
        let talk = Talk::opened(client.clone(), server.clone()).sends(CLIENT, 3).sends_all(CLIENT, 1).sends_all(SERVER, 1);
        talk.keeps_data_down(loops);
    }
}

#[test]
fn a_preface_that_is_cut_at_once_goes_up() {
    let [client, server] = exchange();
    let end = client.len();
    let client = client.times(7, Stream::acknowledged).data(3, 10);
    for cut in 1..3 {
        let talk = Talk::opened(client.clone(), server.clone()).sends(CLIENT, cut).sends(CLIENT, 20).sends(CLIENT, end - cut - 20);
        let talk = talk.sends_all(CLIENT, 1000).sends_all(SERVER, 1000);
        let seen = talk.told(Loops::LONG);
        let is_right =
            |from: usize| seen.up(from, talk.streams[from].len()).iter().zip(&talk.streams[from].is_data).all(|(up, data)| *up || *data);
        assert!(is_right(CLIENT) && is_right(SERVER), "{:#?}", seen.records);
        // And comes into step.
        let last = seen.of(CLIENT).last().expect("records");
        assert!(last.has(flag::HTTP2 | flag::HEAD_START) && last.captured.len() == 9, "{:#?}", seen.records);
    }
}

#[test]
fn a_server_may_speak_first() {
    let [client, server] = exchange();
    let len = server.len();
    for cut in 1..40 {
        let talk = Talk::opened(client.clone(), server.clone()).sends(SERVER, cut).sends(CLIENT, 200).sends(SERVER, len);
        talk.keeps_data_down(Loops::LONG);
    }
}

#[test]
fn a_server_that_refuses_is_one_of_http_1() {
    let refusal = Stream::default().raw(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    let seen = Talk::opened(Stream::client(), refusal).sends_all(CLIENT, 100).sends_all(SERVER, 100).told(Loops::LONG);
    assert_eq!(seen.up(SERVER, 47), [true; 47]);
}

#[test]
fn many_frames_in_a_segment_go_up_as_far_as_they_can() {
    for (loops, frames) in [(Loops::LONG, 600), (OLD, 100)] {
        let mut server = Stream::server().headers(1, 9);
        for _ in 0..frames {
            server = server.data(1, 1).acknowledged();
        }
        let end = server.len();
        server = server.times(8, Stream::settings).data(1, 50).headers(1, 9);
        let talk =
            Talk::opened(Stream::client(), server).sends_all(CLIENT, 100).sends(SERVER, 15).sends(SERVER, end - 15).sends(SERVER, 200);
        let seen = talk.told(loops);
        assert_eq!(seen.desynchronised(), 1);
        let up = seen.up(SERVER, talk.streams[SERVER].len());
        let is_data = &talk.streams[SERVER].is_data;
        assert!(up.iter().zip(is_data).all(|(up, is_data)| *up || *is_data), "{:#?}", seen.records);
        // Back in step.
        assert!(!up.iter().zip(is_data).skip(end).any(|(up, is_data)| *up && *is_data), "{:#?}", seen.records);
    }
}

#[test]
fn small_frames_share_a_record() {
    let mut server = Stream::server();
    for _ in 0..1000 {
        server = server.acknowledged();
    }
    let talk = Talk::opened(Stream::client(), server).sends_all(CLIENT, 100).sends_all(SERVER, 60_000);
    assert_eq!(talk.keeps_data_down(Loops::LONG).of(SERVER).count(), 63);
}

#[test]
fn missing_payload_of_data_is_skipped() {
    let server = Stream::server().data(1, 3000).headers(1, 9).data(1, 100).headers(3, 3);
    for len in [100, 2890] {
        // Up to the end of the payload at most.
        let talk = Talk::opened(Stream::client(), server.clone()).sends_all(CLIENT, 100).sends(SERVER, 134);
        let talk = talk.loses(SERVER, len).sends_all(SERVER, 5000);
        talk.keeps_data_down(Loops::LONG);
    }
}

#[test]
fn after_other_gaps_everything_goes_up_until_frames_are_seen_again() {
    let server = Stream::server().headers(1, 30).data(1, 50).headers(3, 9).times(8, |stream| stream.data(3, 100));
    let talk = Talk::opened(Stream::client(), server).sends_all(CLIENT, 100).sends(SERVER, 20).loses(SERVER, 97);
    // A segment that is no frame, one that is eight of them, and the missing one.
    let talk = talk.sends(SERVER, 14).sends_all(SERVER, 1000).sends_again(SERVER, 20..117);
    let seen = talk.told(Loops::LONG);
    let told = [
        "1 at 0: 20 of 20 start h2, 4000",
        "1 at 117: 14 of 14 unproven, 5000",
        "1 at 131: 763 of 763 unproven, 6000",
        "1 at 894: 9 of 109 start h2, 6000",
        "1 at 20: 97 of 97 unproven, 7000",
    ];
    assert_eq!(seen.text(SERVER), told);
    assert_eq!(seen.desynchronised(), 1);
}

#[test]
fn what_was_seen_before_stays_down() {
    let [client, server] = exchange();
    let whole = Talk::opened(client.clone(), server.clone()).sends_all(CLIENT, 100).sends_all(SERVER, 100).told(Loops::LONG);
    for (from, to) in [(0, 50), (20, 100), (90, 95)] {
        let talk = Talk::opened(client.clone(), server.clone()).sends_all(CLIENT, 100).sends(SERVER, 100).sends_again(SERVER, from..to);
        let again = talk.sends_again(SERVER, from..150).sends_again(SERVER, 0..200).sends_all(SERVER, 100);
        let seen = again.keeps_data_down(Loops::LONG);
        assert!(seen.of(SERVER).count() <= whole.of(SERVER).count() + 2);
    }
}

#[test]
fn a_connection_joined_in_the_middle_comes_into_step() {
    let client = Stream::default().times(8, Stream::acknowledged).headers(9, 10).data(9, 10);
    let server = Stream::default().raw(b"the rest of a frame\xff").headers(9, 5).data(9, 2000);
    let server = server.times(5, |stream| stream.data(9, 10)).headers(9, 10).data(9, 100);
    let talk = Talk::joined(client, server).sends(SERVER, 10).sends(CLIENT, 9).sends(CLIENT, 9).sends_all(CLIENT, 100);
    let talk = talk.sends(SERVER, 10).sends(SERVER, 14).sends_all(SERVER, 1448);
    let seen = talk.told(Loops::LONG);
    let client = [
        "0 at 0: 9 of 9 unproven, 2000",
        "0 at 9: 9 of 9 unproven, 3000",
        "0 at 18: 45 of 45 unproven, 4000",
        "0 at 63: 37 of 47 start h2, 4000",
    ];
    assert_eq!(seen.text(CLIENT), client);
    let server = [
        // It may have been the start of a head.
        "1 at 0: 10 of 10, 1000",
        "1 at 10: 10 of 10 unproven, 5000",
        "1 at 20: 14 of 14 unproven, 6000",
        "1 at 34: 1024 of 1024 unproven, 7000",
        "1 at 1058: 424 of 424 unproven, 7000",
        "1 at 1482: 656 of 656 unproven, 8000",
        "1 at 2138: 28 of 128 start h2, 8000",
    ];
    assert_eq!(seen.text(SERVER), server);
}

#[test]
fn other_protocols_stay_down() {
    check("binary", 400, |random| {
        let bytes: Vec<u8> = (0..20_000).map(|_| random.number() as u8).collect();
        let stream = Stream::default().raw(&bytes);
        let mut talk = Talk::joined(stream.clone(), stream);
        for from in [CLIENT, SERVER] {
            talk = talk.sends_all(from, random.within(9..3000));
        }
        // Text and cut tokens go up, as before: a start that is neither.
        for packet in &mut talk.packets {
            packet.payload[0] &= 0x07;
        }
        let seen = talk.seen(Loops::LONG);
        // What passes for a frame by chance goes up, until the next one is none.
        let first = seen.records.iter().find_map(|told| told.captured.first_chunk());
        let is_chance = first.is_none_or(|header| Frame::of(header).is_plausible());
        let is_taken_in = seen.records.iter().any(|told| told.has(flag::HTTP2));
        if is_taken_in || !is_chance { Err(format!("{:?}", seen.records)) } else { Ok(()) }
    });
}

#[test]
fn what_only_starts_like_frames_is_left_at_once() {
    let stream = Stream::default().acknowledged().settings().raw(b"no frame").raw(&[1; 3000]);
    let talk = Talk::joined(stream, Stream::default()).sends_all(CLIENT, 1448);
    let seen = talk.seen(Loops::LONG);
    assert_eq!(seen.text(CLIENT), ["0 at 0: 1024 of 1024 unproven, 1000"]);
    assert!(seen.kernel.counted(Counter::Other) > 0);
}

const UPGRADE: &[u8] = b"GET / HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n";
const SWITCHING: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n";

#[test]
fn an_upgrade_may_lead_to_frames() {
    for cut in 1..60 {
        let client = Stream::default().raw(UPGRADE).preface().settings().headers(3, 9).data(3, 9);
        let server = Stream::default().raw(SWITCHING).settings().headers(1, 9).data(1, 300).headers(3, 1);
        let talk = Talk::opened(client, server).sends(CLIENT, UPGRADE.len()).sends(SERVER, SWITCHING.len() + cut);
        let seen = talk.sends(CLIENT, cut).sends_all(SERVER, 1000).sends_all(CLIENT, 1000).told(Loops::LONG);
        for from in [CLIENT, SERVER] {
            let after: Vec<_> = seen.of(from).skip(1).collect();
            assert!(!after.is_empty() && after.iter().all(|told| told.has(flag::HTTP2)), "{:#?}", seen.records);
        }
        assert_eq!(seen.desynchronised(), 0);
    }
}

#[test]
fn an_upgrade_to_another_protocol_is_a_tunnel() {
    let client = Stream::default().raw(UPGRADE).raw(b"\x81\x85abcdhello, all");
    let server = Stream::default().raw(SWITCHING).raw(b"\x81\x05hello and more");
    let talk = Talk::opened(client, server).sends(CLIENT, UPGRADE.len()).sends_all(SERVER, 1000).sends_all(CLIENT, 10);
    let seen = talk.closes(CLIENT).closes(SERVER).seen(Loops::LONG);
    let all_down =
        |from: usize, head: usize| seen.of(from).skip(1).all(|told| told.at >= head && told.captured.is_empty() && !told.has(flag::HTTP2));
    assert!(all_down(CLIENT, UPGRADE.len()) && all_down(SERVER, SWITCHING.len()), "{:#?}", seen.records);
}

#[test]
fn an_upgrade_whose_preface_was_lost_is_seen_by_the_other_end() {
    let client = Stream::default().raw(UPGRADE).preface().settings().times(3, |stream| stream.headers(3, 9).data(3, 9)).settings();
    let server = Stream::default().raw(SWITCHING).settings().headers(1, 9);
    let talk = Talk::opened(client, server).sends(CLIENT, UPGRADE.len()).sends(SERVER, SWITCHING.len()).loses(CLIENT, 24);
    let end = UPGRADE.len() + 24;
    let seen = talk.sends_all(SERVER, 1000).sends_all(CLIENT, 1000).sends_again(CLIENT, UPGRADE.len()..end).seen(Loops::LONG);
    let told = [
        "0 at 0: 95 of 95 start end last, 3000",
        "0 at 119: 123 of 123 unproven, 6000",
        "0 at 242: 15 of 15 start h2, 6000",
        "0 at 95: 24 of 24 unproven, 7000",
    ];
    assert_eq!(seen.text(CLIENT), told);
}

#[test]
fn the_end_of_a_connection_is_told() {
    for flags in [tcp_flag::FIN, tcp_flag::RST] {
        let [client, server] = exchange();
        let mut talk = Talk::opened(client, server).sends_all(CLIENT, 1000).sends(SERVER, 300);
        let end = talk.sent[SERVER];
        talk.mark(SERVER, end, flags | tcp_flag::ACK);
        let seen = talk.told(Loops::LONG);
        let last = seen.records.last().expect("records");
        assert_eq!((last.at, last.covered, last.from), (end, 0, SERVER));
    }
}

/// Frames of any kind and size.
fn generated(mut stream: Stream, frames: usize, random: &mut Random) -> Stream {
    for _ in 0..frames {
        let len = random.pick(&[0, 1, 7, 30, 200, 1000, 1024, 3000, 16_384]);
        let len = random.within(0..len + 1);
        let id = 1 + random.within(0..9) as u32;
        stream = match random.within(0..12) {
            0 => stream.acknowledged(),
            1 => stream.settings(),
            2 => stream.frame(kind::PING, 0, 0, &[7; 8]),
            3 => stream.frame(kind::WINDOW_UPDATE, 0, id, &[0, 0, 1, 0]),
            4 => stream.frame(kind::GOAWAY, 0, 0, &[0; 8]),
            5 => stream.frame(kind::CONTINUATION, frame_flag::END_HEADERS, id, &vec![0x90; len.min(3000) + 1]),
            6..8 => stream.headers(id, len.min(3000) + 1),
            _ => {
                let payload: Vec<u8> = (0..len).map(|_| random.number() as u8).collect();
                stream.frame(kind::DATA, random.pick(&[0, frame_flag::END_STREAM]), id, &payload)
            }
        };
    }
    stream
}

/// Both streams, cut anywhere.
fn talk(random: &mut Random) -> Talk {
    let most = random.pick(&[1, 20, 100, 1448, 1448, 6000, 60_000]);
    let frames = if most < 1000 { 8 } else { 60 };
    let client = generated(Stream::client(), random.within(0..frames), random);
    let server = generated(Stream::server(), random.within(0..frames), random);
    let mut talk = Talk::opened(client, server).sends(CLIENT, 3 + random.within(0..most));
    while talk.sent != [talk.streams[CLIENT].len(), talk.streams[SERVER].len()] {
        let from = random.within(0..2);
        if talk.sent[from] < talk.streams[from].len() {
            talk.send(from, 1 + random.within(0..most));
        }
    }
    talk.closes(CLIENT).closes(SERVER)
}

#[test]
fn whatever_is_sent_only_payload_of_data_stays_down() {
    check("frames in order", 200, |random| {
        let talk = talk(random);
        for loops in [Loops::LONG, OLD] {
            let seen = talk.seen(loops);
            seen.is_right(&talk.streams)?;
            if seen.desynchronised() == 0 {
                seen.is_in_step(CLIENT, &talk.streams[CLIENT])?;
                seen.is_in_step(SERVER, &talk.streams[SERVER])?;
            } else if loops.steps == Loops::LONG.steps {
                return Err("out of step".to_owned());
            }
            all_up(&seen, &talk)?;
        }
        talk.seen(Loops::SHORT).is_right(&talk.streams)
    });
}

#[test]
fn whatever_is_lost_late_or_repeated_no_other_byte_stays_down() {
    check("frames in disorder", 400, |random| {
        let mut talk = talk(random);
        let lost = random.pick(&[0, 0, 1, 5, 20]);
        let mut number = 0;
        // The handshake, and the client's first bytes.
        talk.packets.retain(|_| {
            number += 1;
            number <= 3 || !random.percent(lost)
        });
        reorder(&mut talk.packets[3..], random.pick(&[0, 1, 10, 40]), random);
        for _ in 0..random.within(0..5) {
            let which = random.within(3..talk.packets.len() + 1);
            let again = talk.packets[which - 1].clone();
            talk.packets.insert(random.within(which..talk.packets.len() + 1), again);
        }
        for loops in [Loops::LONG, OLD] {
            let seen = talk.seen(loops);
            seen.is_right(&talk.streams)?;
            all_up(&seen, &talk)?;
        }
        talk.seen(Loops::SHORT).is_right(&talk.streams)
    });
}

#[test]
fn wherever_a_connection_is_joined_nothing_wrong_is_told() {
    check("frames joined", 200, |random| {
        let mut talk = talk(random);
        talk.packets.drain(..random.within(2..talk.packets.len()));
        let seen = talk.seen(Loops::LONG);
        seen.is_right(&talk.streams)?;
        // In step or guessed at, nothing is left out any more.
        for from in [CLIENT, SERVER] {
            let in_step = seen.records.iter().position(|told| told.from == from && told.has(flag::HTTP2));
            let Some(at) = in_step.map(|first| seen.records[first].at) else { continue };
            let up = seen.up(from, talk.streams[from].len());
            if let Some(missing) = (at..up.len()).find(|at| !up[*at] && !talk.streams[from].is_data[*at]) {
                return Err(format!("{from} at {missing} stayed down"));
            }
        }
        Ok(())
    });
}

/// Every byte that was seen and is no payload of DATA frames went up.
fn all_up(seen: &Seen, talk: &Talk) -> Result<(), String> {
    for from in [CLIENT, SERVER] {
        let stream = &talk.streams[from];
        let up = seen.up(from, stream.len());
        for packet in talk.packets.iter().filter(|packet| packet.from == from && !packet.payload.is_empty()) {
            if let Some(at) = (packet.offset..packet.end()).find(|at| !up[*at] && !stream.is_data[*at]) {
                return Err(format!("{from} at {at} stayed down"));
            }
        }
    }
    Ok(())
}

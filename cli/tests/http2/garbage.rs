//! What is not HTTP/2: no exchange on a stream is told of it.

use ehl_probes_common::frame::Frame;
use ehl_probes_common::record::tcp_flag;

use crate::case::ways;
use crate::check::check;
use crate::frame::traps;
use crate::generate::{CLIENT, SERVER};
use crate::random::Random;
use crate::show;
use crate::wire::Packet;

#[test]
fn other_protocols_tell_nothing() {
    check("protocols", 2000, |random| {
        let protocol = random.pick(&PROTOCOLS);
        let messages: Vec<_> = (0..random.within(1..30)).map(|number| (random.within(0..2), protocol(number, random))).collect();
        let packets = packets(&messages, random);
        nothing_on_streams(&packets)
    });
}

#[test]
fn bodies_of_http1_with_frames_in_them_tell_no_streams() {
    check("frames in bodies", 1000, |random| {
        let mut messages = Vec::new();
        for number in 0..random.within(2..6) {
            let body: Vec<u8> = (0..random.within(1..20)).flat_map(|_| pick(&traps(), random)).collect();
            let (request, response) = if random.percent(50) { (body.len(), 0) } else { (0, body.len()) };
            let head = format!("GET /n/{number} HTTP/1.1\r\nHost: a\r\nContent-Length: {request}\r\n\r\n");
            messages.push((CLIENT, [head.as_bytes(), &body[..request]].concat()));
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {response}\r\n\r\n");
            messages.push((SERVER, [head.as_bytes(), &body[..response]].concat()));
        }
        let mut packets = packets(&messages, random);
        // Where a body that was joined goes on with a frame at the start of a segment, or with a preface there or after what may
        // be a head, nobody can tell.
        let is_frame = |packet: &Packet| packet.payload.first_chunk().is_some_and(|header| Frame::of(header).is_plausible());
        let has_preface = |packet: &Packet| packet.payload.starts_with(b"P") || memchr::memmem::find(&packet.payload, b"PRI").is_some();
        let looks_like_frame = |packet: &Packet| has_preface(packet) || is_frame(packet);
        if !packets[0].payload.is_empty() && packets.iter().any(looks_like_frame) {
            packets.retain(|packet| packet.from == CLIENT && !looks_like_frame(packet));
        }
        nothing_on_streams(&packets)
    });
}

fn nothing_on_streams(packets: &[Packet]) -> Result<(), String> {
    show::packets(packets);
    for (what, told) in ways(packets) {
        if let Some(row) = told.rows.iter().find(|row| row.stream_id.is_some()) {
            return Err(format!("{what}: {row:?}"));
        }
    }
    Ok(())
}

/// The messages, each in one segment or more; the connection is joined, now and then in the middle, or seen from its start.
fn packets(messages: &[(usize, Vec<u8>)], random: &mut Random) -> Vec<Packet> {
    let mut packets = Vec::new();
    let mut sent = [0; 2];
    let mut push = |from: usize, sent: [usize; 2], flags: u8, payload: &[u8]| {
        let sequence = |end: usize| (1_000_000 * (end + 1) + sent[end]) as u32;
        let [acknowledgement, time_ns] = [sequence(1 - from), packets.len() as u32 * 1000];
        let (payload, time_ns) = (payload.to_vec(), u64::from(time_ns));
        packets.push(Packet { time_ns, from, interface: 2, sequence: sequence(from), acknowledgement, flags, payload, offset: 0 });
    };
    if random.percent(50) {
        push(CLIENT, sent, tcp_flag::SYN, b"");
        sent[CLIENT] = 1;
        push(SERVER, sent, tcp_flag::SYN | tcp_flag::ACK, b"");
        sent[SERVER] = 1;
    }
    let most = random.pick(&[20, 200, 1448]);
    for (from, message) in messages {
        for part in message.chunks(random.within(1..most)) {
            push(*from, sent, tcp_flag::ACK, part);
            sent[*from] += part.len();
        }
    }
    if random.percent(50) { packets.split_off(random.within(0..packets.len())) } else { packets }
}

type Protocol = fn(usize, &mut Random) -> Vec<u8>;

const PROTOCOLS: [Protocol; 11] = [noise, tls, compressed, kafka, thrift, mysql, postgresql, amqp, mqtt, dns, zeros];

fn pick(from: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    from[random.within(0..from.len())].clone()
}

fn noise(_: usize, random: &mut Random) -> Vec<u8> {
    (0..random.within(1..3000)).map(|_| random.number() as u8).collect()
}

fn text(random: &mut Random) -> Vec<u8> {
    let words = [&b"select * from t where a = 1"[..], b"\0\0\0\0", b"topic-a", b"\0\x04\0\0", b"lorem ipsum", b"\x01", b"\0\0\x08\x06"];
    (0..random.within(1..40)).flat_map(|_| random.pick(&words).to_vec()).collect()
}

fn tls(number: usize, random: &mut Random) -> Vec<u8> {
    let payload = noise(number, random);
    let kind = if number < 2 { 0x16 } else { 0x17 };
    [&[kind, 3, 3], &(payload.len() as u16).to_be_bytes()[..], &payload].concat()
}

fn compressed(number: usize, random: &mut Random) -> Vec<u8> {
    [b"\x1f\x8b\x08\0\0\0\0\0\0\x03", &noise(number, random)[..]].concat()
}

/// Length of 32 bits, key, version, correlation.
fn kafka(number: usize, random: &mut Random) -> Vec<u8> {
    let body = [&[0, random.within(0..20) as u8, 0, 9], &(number as u32).to_be_bytes()[..], &[0, 7], b"console", &text(random)].concat();
    [&(body.len() as u32).to_be_bytes()[..], &body].concat()
}

fn thrift(number: usize, random: &mut Random) -> Vec<u8> {
    let body = [b"\x80\x01\0\x01\0\0\0\x04ping", &(number as u32).to_be_bytes()[..], &text(random), b"\0"].concat();
    [&(body.len() as u32).to_be_bytes()[..], &body].concat()
}

/// Length of 24 bits with the lowest byte first, number.
fn mysql(number: usize, random: &mut Random) -> Vec<u8> {
    let body = [&[3], &text(random)[..]].concat();
    [&(body.len() as u32).to_le_bytes()[..3], &[number as u8 % 3], &body].concat()
}

fn postgresql(number: usize, random: &mut Random) -> Vec<u8> {
    let body = text(random);
    let len = (body.len() as u32 + 4).to_be_bytes();
    if number == 0 { [&len[..], b"\0\x03\0\0", &body].concat() } else { [&[random.pick(b"QDCTZBEP")], &len[..], &body].concat() }
}

fn amqp(number: usize, random: &mut Random) -> Vec<u8> {
    if number == 0 {
        return b"AMQP\0\0\x09\x01".to_vec();
    }
    let body = text(random);
    [&[random.pick(&[1, 2, 3]), 0, number as u8], &(body.len() as u32).to_be_bytes()[..], &body, &[0xce]].concat()
}

fn mqtt(_: usize, random: &mut Random) -> Vec<u8> {
    let body = text(random);
    let body = &body[..body.len().min(127)];
    [&[random.pick(&[0x10, 0x30, 0x32, 0xd0]), body.len() as u8], body].concat()
}

fn dns(number: usize, random: &mut Random) -> Vec<u8> {
    let body = [&(number as u16).to_be_bytes()[..], b"\x01\0\0\x01\0\0\0\0\0\0\x07example\x03com\0\0\x01\0\x01", &text(random)].concat();
    [&(body.len() as u16).to_be_bytes()[..], &body].concat()
}

fn zeros(number: usize, random: &mut Random) -> Vec<u8> {
    let mut bytes = vec![0; random.within(1..3000)];
    let at = random.within(0..bytes.len());
    bytes[at] = number as u8;
    bytes
}

//! Binary protocols on the watched port, seen from their beginning and from the middle: lengths, types and payloads by
//! chance look like frames of HTTP/2, and are no rows.

mod support;

#[path = "conversation/random.rs"]
#[expect(dead_code, reason = "chosen by seed only")]
mod random;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};

use flate2::Compression;
use flate2::write::GzEncoder;
use random::Random;
use support::can_run;
use support::capture::Capture;
use support::exchange::SERVER;
use support::netns::{Netns, run};

/// Connections of each protocol, half of them from before the start, which is in the middle of a message.
const CONNECTIONS: u64 = 20;
/// Messages on each connection, one end's after the other's.
const MESSAGES: usize = 40;

/// A message of a protocol, whose payload is up to chance.
type Message = fn(&mut Random) -> Vec<u8>;

/// Both ends of a connection, on one thread: for messages that fit into socket buffers.
struct Connection([TcpStream; 2]);

impl Connection {
    fn new(listener: &TcpListener) -> Self {
        let client = TcpStream::connect(SocketAddr::from(SERVER)).expect("the listener takes connections");
        let (server, _) = listener.accept().expect("a connection waits");
        Self([client, server])
    }

    fn send(&mut self, from: usize, message: &[u8]) {
        let Self(ends) = self;
        ends[from].write_all(message).expect("the message fits the socket");
        let mut received = vec![0; message.len()];
        ends[1 - from].read_exact(&mut received).expect("the message arrives");
    }

    fn converse(&mut self, message: Message, random: &mut Random) {
        for number in 0..MESSAGES {
            self.send(number % 2, &message(random));
        }
    }
}

/// A capture of conversations in this protocol has no rows.
#[track_caller]
fn assert_no_rows(name: &str, message: Message) {
    if !can_run(&[]) {
        return;
    }
    let netns = Netns::new();
    let listener = netns.run(|| TcpListener::bind(SocketAddr::from(SERVER))).expect("the port is free");
    let connect = || netns.run(|| Connection::new(&listener));
    let mut random: Vec<_> = (0..CONNECTIONS).map(Random::new).collect();
    let mut connections: Vec<_> = random.iter().take(random.len() / 2).map(|_| connect()).collect();
    let mut halves = Vec::new();
    for (connection, random) in connections.iter_mut().zip(&mut random) {
        connection.converse(message, random);
        let message = message(random);
        let (first, rest) = message.split_at(message.len() / 2);
        connection.send(0, first);
        halves.push(rest.to_vec());
    }
    let capture = Capture::start(&netns, &["capture", "--for", "5m", "--port", "8080", "--format", "ndjson"]);
    connections.iter_mut().zip(halves).for_each(|(connection, rest)| connection.send(0, &rest));
    connections.resize_with(random.len(), connect);
    for (connection, random) in connections.iter_mut().zip(&mut random) {
        connection.converse(message, random);
    }
    drop(connections);
    let outcome = capture.stop().exited(0);
    assert_eq!(outcome.rows(), [] as [serde_json::Value; 0], "{name}: {outcome}");
    assert_eq!(outcome.accounting("lost"), 0, "{name}: {outcome}");
    assert!(outcome.accounting("events") > 0, "{name}: {outcome}");
}

fn bytes(random: &mut Random, len: std::ops::Range<usize>) -> Vec<u8> {
    let len = random.within(len);
    (0..len).map(|_| random.number() as u8).collect()
}

/// Small numbers and zeros, as binary protocols are full of: the most like frames.
fn small_numbers(random: &mut Random, len: std::ops::Range<usize>) -> Vec<u8> {
    let len = random.within(len);
    (0..len).map(|_| random.pick(&[0, 0, 0, 0, 1, 1, 2, 3, 4, 5, 8, 9, 16, 37, 64, 127])).collect()
}

/// Either kind.
fn payload(random: &mut Random) -> Vec<u8> {
    if random.percent(50) { bytes(random, 0..1500) } else { small_numbers(random, 0..300) }
}

fn length(payload: &[u8]) -> u32 {
    u32::try_from(payload.len()).expect("a payload is small")
}

#[test]
fn random_bytes_are_no_rows() {
    assert_no_rows("random bytes", |random| bytes(random, 1..4000));
}

#[test]
fn small_numbers_are_no_rows() {
    assert_no_rows("small numbers", |random| small_numbers(random, 1..4000));
}

#[test]
fn compressed_data_are_no_rows() {
    assert_no_rows("gzip", |random| {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(&small_numbers(random, 100..20_000)).expect("memory takes it");
        gzip.finish().expect("memory takes it")
    });
    assert_no_rows("zstd", |random| [b"\x28\xb5\x2f\xfd", &bytes(random, 100..4000)[..]].concat());
}

#[test]
fn messages_after_their_length_in_four_bytes_are_no_rows() {
    // Kafka, Thrift's framed transport, AMQP 1.0, Cap'n Proto over TCP: big-endian, and little-endian as MongoDB has it.
    assert_no_rows("big-endian", |random| {
        let payload = payload(random);
        [&length(&payload).to_be_bytes()[..], &payload].concat()
    });
    assert_no_rows("little-endian", |random| {
        let payload = payload(random);
        [&(length(&payload) + 4).to_le_bytes()[..], &payload].concat()
    });
}

#[test]
fn messages_after_their_length_in_three_bytes_are_no_rows() {
    // As many bytes as the length of a frame of HTTP/2 has; MySQL has a number of the packet after it.
    assert_no_rows("little-endian", |random| {
        let payload = payload(random);
        let sequence = random.within(0..8) as u8;
        [&length(&payload).to_le_bytes()[..3], &[sequence], &payload].concat()
    });
    assert_no_rows("big-endian, and a type", |random| {
        let payload = payload(random);
        let kind = random.within(0..10) as u8;
        [&length(&payload).to_be_bytes()[1..], &[kind], &payload].concat()
    });
}

#[test]
fn messages_after_their_length_in_two_bytes_are_no_rows() {
    // DNS over TCP: an identifier, flags, and four small counts.
    assert_no_rows("DNS", |random| {
        let counts = [0, 1, 0, random.within(0..4) as u8, 0, 0, 0, 1];
        let message = [&bytes(random, 2..3)[..], &[0x81, 0x80], &counts, &bytes(random, 20..200)].concat();
        [&length(&message).to_be_bytes()[2..], &message].concat()
    });
}

#[test]
fn postgresql_s_messages_are_no_rows() {
    assert_no_rows("PostgreSQL", |random| {
        let payload = payload(random);
        let kind = random.pick(b"QPBDESXHCRTDZK12ntA");
        [&[kind][..], &(length(&payload) + 4).to_be_bytes(), &payload].concat()
    });
}

#[test]
fn memcached_s_binary_messages_are_no_rows() {
    assert_no_rows("memcached", |random| {
        let payload = payload(random);
        let magic = random.pick(&[0x80, 0x81]);
        let head = [magic, random.within(0..40) as u8, 0, 3, 4, 0, 0, 0];
        [&head[..], &length(&payload).to_be_bytes(), &bytes(random, 12..13), &payload].concat()
    });
}

#[test]
fn mqtt_s_packets_are_no_rows() {
    assert_no_rows("MQTT", |random| {
        let payload = payload(random);
        let kind = (random.within(1..15) << 4) as u8;
        // Seven bits a byte, the low ones first.
        let length = match payload.len() {
            len @ 0..128 => vec![len as u8],
            len => vec![(len % 128) as u8 | 0x80, (len / 128) as u8],
        };
        [&[kind][..], &length, &payload].concat()
    });
}

#[test]
fn amqp_s_frames_are_no_rows() {
    // A type, a channel, a length, the payload and an end mark: the most like HTTP/2's.
    assert_no_rows("AMQP 0-9-1", |random| {
        let payload = payload(random);
        let (kind, channel) = (random.pick(&[1, 2, 3, 8]), random.within(0..4) as u8);
        [&[kind, 0, channel][..], &length(&payload).to_be_bytes(), &payload, &[0xce]].concat()
    });
}

#[test]
fn http_2_inside_tls_is_no_row() {
    if !can_run(&["openssl", "nginx", "curl"]) {
        return;
    }
    let netns = Netns::new();
    let folder = tempfile::tempdir().expect("a folder");
    let [key, certificate] = ["key.pem", "certificate.pem"].map(|name| folder.path().join(name));
    let mut request = std::process::Command::new("openssl");
    request.args("req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -subj /CN=tls".split(' '));
    run(request.arg("-keyout").arg(&key).arg("-out").arg(&certificate));
    let server = format!("ssl_certificate {}; ssl_certificate_key {};", certificate.display(), key.display());
    let nginx = support::nginx::Nginx::start_on(&netns, "listen 8080 ssl http2;", &server);
    let capture = Capture::start(&netns, &["capture", "--for", "5m", "--port", "8080", "--format", "ndjson"]);
    let mut curl = netns.command("curl");
    run(curl.args(["--disable", "--silent", "--insecure", "--http2", "--output", "/dev/null", "https://127.0.0.1:8080/s200/[1-50]"]));
    let outcome = capture.stop().exited(0);
    assert_eq!(nginx.access_log().len(), 50);
    assert_eq!(outcome.rows(), [] as [serde_json::Value; 0], "{outcome}");
}

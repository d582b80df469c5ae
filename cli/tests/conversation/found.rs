//! What the generated conversations found, each in its smallest form.

use ehl_probes_common::record::tcp_flag;

use crate::case::submitted;
use crate::generate::{CLIENT, SERVER};
use crate::rows::{Row, from_packets, from_records};
use crate::tap::Loops;
use crate::wire::Packet;

/// Segments in the order in which they are sent; each end acknowledges all that the other one sent.
struct Script {
    packets: Vec<Packet>,
    sent: [usize; 2],
    time_ns: u64,
}

impl Script {
    /// After the handshake.
    fn opened() -> Self {
        let mut script = Self::joined();
        script.push(CLIENT, usize::MAX, tcp_flag::SYN, b"");
        script.push(SERVER, usize::MAX, tcp_flag::SYN | tcp_flag::ACK, b"");
        script
    }

    fn joined() -> Self {
        Self { packets: Vec::new(), sent: [0; 2], time_ns: 0 }
    }

    fn client(mut self, bytes: &str) -> Self {
        self.send(CLIENT, tcp_flag::ACK, bytes);
        self
    }

    fn server(mut self, bytes: &str) -> Self {
        self.send(SERVER, tcp_flag::ACK, bytes);
        self
    }

    fn server_closes(mut self) -> Self {
        self.send(SERVER, tcp_flag::ACK | tcp_flag::FIN, "");
        self
    }

    fn client_closes(mut self) -> Self {
        self.send(CLIENT, tcp_flag::ACK | tcp_flag::FIN, "");
        self
    }

    /// The last segment is not seen.
    fn lost(mut self) -> Self {
        self.packets.pop();
        self
    }

    /// The last segment is seen before the one before it.
    fn early(mut self) -> Self {
        let last = self.packets.len() - 1;
        self.packets.swap(last - 1, last);
        self
    }

    /// So many seconds pass.
    fn after(mut self, seconds: u64) -> Self {
        self.time_ns += seconds * 1_000_000_000;
        self
    }

    fn send(&mut self, from: usize, flags: u8, bytes: &str) {
        self.push(from, self.sent[from], flags, bytes.as_bytes());
        self.sent[from] += bytes.len() + usize::from(flags & tcp_flag::FIN != 0);
    }

    fn push(&mut self, from: usize, offset: usize, flags: u8, bytes: &[u8]) {
        self.time_ns += 1000;
        let sequence = |end: usize, offset: usize| (1000 * (end as u32 + 1)).wrapping_add(offset as u32);
        self.packets.push(Packet {
            time_ns: self.time_ns,
            from,
            interface: 2,
            sequence: sequence(from, offset),
            acknowledgement: sequence(1 - from, self.sent[1 - from]),
            flags,
            payload: bytes.to_vec(),
            offset,
        });
    }

    /// What is told of it by way of the kernel, and by way of a capture file.
    fn told(self) -> [Vec<String>; 2] {
        let (_, records) = submitted(&self.packets, Loops::LONG);
        let text = |rows: Vec<Row>| rows.iter().map(|row| format!("{row:?}")).collect();
        [text(from_records(&records)), text(from_packets(&self.packets))]
    }

    #[track_caller]
    fn tells(self, expected: &[&str]) {
        assert_eq!(self.told(), [expected, expected]);
    }
}

const GET: &str = "GET /n/0 HTTP/1.1\r\n\r\n";
const GET_1: &str = "GET /n/1 HTTP/1.1\r\n\r\n";
const GET_2: &str = "GET /n/2 HTTP/1.1\r\n\r\n";
const POST: &str = "POST /n/0 HTTP/1.1\r\nContent-Length: 60\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\nX-Answer: 0\r\nContent-Length: 2\r\n\r\nok";
const OK_1: &str = "HTTP/1.1 200 OK\r\nX-Answer: 1\r\nContent-Length: 2\r\n\r\nok";
const OK_2: &str = "HTTP/1.1 200 OK\r\nX-Answer: 2\r\nContent-Length: 2\r\n\r\nok";
const CHUNKED: &str = "HTTP/1.1 200 OK\r\nX-Answer: 0\r\nTransfer-Encoding: chunked\r\n\r\n";

#[test]
fn a_response_may_be_cut_within_its_version() {
    let rest = OK.strip_prefix("HT").expect("it starts with it");
    let told = "GET /n/0 -> Some(200) answer 0, Some(21) Some(53) bytes []";
    Script::opened().client(GET).server("HT").server(rest).tells(&[told]);
    Script::joined().client(GET).server("HT").server(rest).tells(&[told]);
}

#[test]
fn what_is_no_method_is_none_however_it_is_cut() {
    let rest = "\r /n/0 HTTP/1.1\r\n\r\n";
    let told = "? ? -> Some(200) answer 0, None Some(53) bytes []";
    Script::opened().client(&format!("GET{rest}")).server(OK).tells(&[told]);
    Script::opened().client("GET").client(rest).server(OK).tells(&[told]);
}

#[test]
fn a_proxy_header_may_be_cut() {
    let told = "GET /n/0 -> Some(200) answer 0, Some(21) Some(53) bytes []";
    let script = Script::opened().client("PRO").client("XY TCP4 10.0.0.1 10.0.0.2 40000 80\r").client("\n").client(GET);
    script.server(OK).tells(&[told]);
}

#[test]
fn the_end_of_a_body_is_told_although_a_report_was_due() {
    let next = "GET /n/1 -> Some(200) answer 1, Some(21) Some(53) bytes []";
    let told = "GET /n/0 -> Some(200) answer 0, Some(21) Some(72) bytes []";
    Script::opened()
        .client(GET)
        .server(CHUNKED)
        .server("2\r\nok")
        .after(2)
        .server("\r\n0\r\n\r\n")
        .client(GET_1)
        .server(OK_1)
        .tells(&[told, next]);
}

#[test]
fn a_tunnel_stays_one_whatever_goes_through() {
    // The kernel is out of step with the server, and does not know of the tunnel.
    for inside in ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET /trap HTTP/1.1\r\n\r\n"] {
        let told = "CONNECT /n/0 -> Some(200) answer 0, Some(25) Some(37) bytes []";
        let script = Script::opened().client("CONNECT /n/0 HTTP/1.1\r\n\r\n").server("HTTP/1.1").server(" 200 OK\r\nX-Answer: 0\r\n\r\n");
        script.client(inside).server("hello").client_closes().server_closes().tells(&[told]);
    }
}

#[test]
fn an_upgrade_that_nobody_asked_for_ends_nothing() {
    let trap = "HTTP/1.1 101 Switching Protocols\r\n\r\n";
    let told = "GET /n/0 -> Some(200) answer 0, Some(21) Some(53) bytes []";
    for rows in Script::joined().server(trap).client(GET).server(OK).told() {
        assert_eq!(rows.last().map(String::as_str), Some(told), "{rows:?}");
    }
}

#[test]
fn a_fin_may_come_before_the_last_bytes() {
    let told = "GET /n/0 -> Some(200) answer 0, Some(21) Some(42) bytes []";
    let script = Script::opened().client(GET).server("HTTP/1.1 200 OK\r\nX-Answer: 0\r\n\r\n").server("hello, all");
    script.server_closes().early().client_closes().tells(&[told]);
}

#[test]
fn a_fin_may_come_with_bytes_that_are_early() {
    let told = "GET /n/0 -> Some(200) answer 0, Some(21) Some(74) bytes []";
    let mut script = Script::opened().client(GET).server(CHUNKED).server("4\r\nhell\r\n").server("0\r\n\r\n").early();
    for packet in script.packets.iter_mut().filter(|packet| packet.payload.starts_with(b"0")) {
        packet.flags |= tcp_flag::FIN;
    }
    script.sent[SERVER] += 1;
    script.client_closes().tells(&[told]);
}

#[test]
fn the_end_of_a_connection_is_told_of_directions_that_are_out_of_step() {
    let told = "GET /n/0 -> Some(200) answer 0, Some(21) Some(42) bytes []";
    let script = Script::opened().client("GET /n/0").client(" HTTP/1.1\r\n\r\n").early();
    let script = script.server("HTTP/1.1 200 OK\r\n").server("X-Answer: 0\r\n\r\n").early().server("hello, all");
    script.server_closes().client_closes().tells(&[told]);
}

#[test]
fn a_server_may_close_before_the_request_is_over() {
    let told = "POST /n/0 -> Some(200) answer 0, Some(102) Some(53) bytes []";
    let body = "-".repeat(60);
    Script::opened().client(POST).server(OK).server_closes().client(&body).client_closes().tells(&[told]);
}

#[test]
fn a_lost_response_does_not_shift_the_pairs_after_it() {
    let first = "GET /n/0 -> None answer ?, Some(21) None bytes [\"gap\"]";
    let second = "GET /n/1 -> Some(200) answer 1, Some(21) Some(53) bytes []";
    Script::opened().client(GET).server(OK).lost().client(GET_1).server(OK_1).tells(&[first, second]);
}

#[test]
fn a_lost_request_does_not_shift_the_pairs_after_it() {
    let first = "? ? -> Some(200) answer 0, None Some(53) bytes []";
    let second = "GET /n/1 -> Some(200) answer 1, Some(21) Some(53) bytes []";
    Script::opened().client(GET).lost().server(OK).client(GET_1).server(OK_1).tells(&[first, second]);
}

#[test]
fn a_loss_in_a_chunked_body_costs_no_other_exchange() {
    let first = "GET /n/0 -> Some(200) answer 0, Some(21) None bytes [\"gap\"]";
    let second = "GET /n/1 -> Some(200) answer 1, Some(21) Some(53) bytes []";
    Script::opened()
        .client(GET)
        .server(CHUNKED)
        .server("2\r\nok\r\n")
        .lost()
        .server("0\r\n\r\n")
        .client(GET_1)
        .server(OK_1)
        .tells(&[first, second]);
}

#[test]
fn after_a_loss_nothing_is_paired_for_a_client_that_does_not_wait() {
    let script = Script::opened().client(GET).client(GET_1).client(GET_2).server(OK).server(OK_1).lost().server(OK_2);
    let pair = "GET /n/0 -> Some(200) answer 0, Some(21) Some(53) bytes []";
    let [one, two] = [1, 2].map(|number| format!("GET /n/{number} -> None answer ?, Some(21) None bytes [\"open\"]"));
    script.tells(&[pair, &one, &two]);
}

#[test]
fn a_body_that_looks_like_a_head_is_none_after_a_loss() {
    let head = "POST /n/1 HTTP/1.1\r\nContent-Length: 1000\r\n\r\n";
    let first = "GET /n/0 -> Some(200) answer 0, Some(21) Some(53) bytes []";
    let alone = "? ? -> Some(200) answer 1, None Some(53) bytes";
    let script = Script::opened().client(GET).server(OK).client(head).lost().client("GET /trap HTTP/1.1\r\n\r\n").server(OK_1);
    for told in script.told() {
        assert!(told.len() == 2 && told[0].starts_with(alone) && told[1] == first, "{told:?}");
    }
}

//! What the generated conversations found, each in its smallest form.

use ehl_probes_common::record::tcp_flag;

use crate::case::submitted;
use crate::generate::{CLIENT, SERVER};
use crate::rows::{Row, from_packets, from_records};
use crate::tap::Loops;
use crate::wire::Packet;

/// Segments in the order in which they are sent; each end acknowledges all that the other one sent.
pub(crate) struct Script {
    packets: Vec<Packet>,
    sent: [usize; 2],
    time_ns: u64,
}

impl Script {
    /// After the handshake.
    pub(crate) fn opened() -> Self {
        let mut script = Self::joined();
        script.push(CLIENT, usize::MAX, tcp_flag::SYN, b"");
        script.push(SERVER, usize::MAX, tcp_flag::SYN | tcp_flag::ACK, b"");
        script
    }

    pub(crate) fn joined() -> Self {
        Self { packets: Vec::new(), sent: [0; 2], time_ns: 0 }
    }

    pub(crate) fn client(mut self, bytes: &str) -> Self {
        self.send(CLIENT, tcp_flag::ACK, bytes);
        self
    }

    pub(crate) fn server(mut self, bytes: &str) -> Self {
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
    pub(crate) fn lost(mut self) -> Self {
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
    pub(crate) fn told(self) -> [Vec<String>; 2] {
        let (_, records) = submitted(&self.packets, Loops::LONG);
        let text = |rows: Vec<Row>| rows.iter().map(|row| format!("{row:?}")).collect();
        [text(from_records(&records)), text(from_packets(&self.packets))]
    }

    #[track_caller]
    pub(crate) fn tells(self, expected: &[&str]) {
        assert_eq!(self.told(), [expected, expected]);
    }

    /// Rows are sorted by what they tell.
    #[track_caller]
    fn tells_in_any_order(self, mut expected: [&str; 2]) {
        let told = self.told().map(|mut rows| {
            rows.sort();
            rows
        });
        expected.sort_unstable();
        assert_eq!(told, [expected, expected]);
    }
}

const GET: &str = "GET /n/0 HTTP/1.1\r\n\r\n";
const GET_1: &str = "GET /n/1 HTTP/1.1\r\n\r\n";
const GET_2: &str = "GET /n/2 HTTP/1.1\r\n\r\n";
const POST: &str = "POST /n/0 HTTP/1.1\r\nContent-Length: 60\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\nX-Answer: 0\r\nContent-Length: 2\r\n\r\nok";
const OK_1: &str = "HTTP/1.1 200 OK\r\nX-Answer: 1\r\nContent-Length: 2\r\n\r\nok";
const OK_2: &str = "HTTP/1.1 200 OK\r\nX-Answer: 2\r\nContent-Length: 2\r\n\r\nok";
const UPGRADE: &str = "GET /n/0 HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
const SWITCHING: &str = "HTTP/1.1 101 Switching Protocols\r\nX-Answer: 0\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
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
    for inside in ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET /trap HTTP/1.1\r\n\r\n", "\u{16}\u{3}\u{1}\0\u{1}hello"] {
        let sent = 25 + inside.len();
        let told = format!("CONNECT /n/0 -> Some(200) answer 0, Some({sent}) Some(37) bytes []");
        let script = Script::opened().client("CONNECT /n/0 HTTP/1.1\r\n\r\n").server("HTTP/1.1").server(" 200 OK\r\nX-Answer: 0\r\n\r\n");
        script.client(inside).server("hello").client_closes().server_closes().tells(&[&told]);
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
fn a_fin_may_come_before_the_first_bytes() {
    let cut = "HTTP/1.1 400 Bad Request\r\nX-Answer: 0\r\nContent-Length: 60\r\n\r\n";
    let told = format!("? ? -> Some(400) answer 0, None Some({}) bytes [\"aborted\"]", cut.len());
    let script = Script::opened().client("LOOK at this\r\nHost: a\r\n\r\n").server(cut);
    script.server_closes().early().client_closes().tells(&[&told]);
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

#[test]
fn a_request_of_http_0_9_gets_an_answer_without_a_head() {
    let told = "GET /n/0 -> None answer ?, Some(10) Some(26) bytes []";
    for page in ["<html>an old page</html>\r\n", "GET / of an old page, as it", "\x16\x03\x01 an old page, as it was"] {
        let page = &page[..26];
        Script::opened().client("GET /n/0\r\n").server(page).server_closes().client_closes().tells(&[told]);
        Script::opened().client("GET /n/0\r\n").server("HT").server(&page[2..]).server_closes().client_closes().tells(&[told]);
        Script::opened()
            .client("GET /n")
            .client("/0\r")
            .client("\n")
            .server(&page[..1])
            .server(&page[1..])
            .server_closes()
            .client_closes()
            .tells(&[told]);
    }
}

#[test]
fn a_request_of_http_0_9_may_get_an_answer_with_a_head() {
    let told = "GET /n/0 -> Some(200) answer 0, Some(10) Some(53) bytes []";
    Script::opened().client("GET /n/0\r\n").server(OK).server_closes().client_closes().tells(&[told]);
}

#[test]
fn a_word_get_is_no_request() {
    Script::opened().client("GET key\r\n").server("$5\r\nvalue\r\n").server_closes().client_closes().tells(&[]);
}

#[test]
fn a_request_with_an_odd_first_line_is_told() {
    let answer = "HTTP/1.1 400 Bad Request\r\nX-Answer: 0\r\nContent-Length: 2\r\n\r\nno";
    let next = "GET /n/1 -> Some(200) answer 1, Some(21) Some(53) bytes []";
    for (line, method, path) in [
        ("PUT /n/0 HTTP/1.", "PUT", "/n/0"),
        ("GET /n/0 HTTP/1.x", "GET", "/n/0"),
        ("PUT /n/0 http/1.1", "PUT", "/n/0"),
        ("POST /n/0 HTTP/2.0", "POST", "/n/0"),
        ("GET /n/0 HTTP/1.1 ", "GET", "/n/0"),
        ("OPTIONS HTTP/1.1", "OPTIONS", "HTTP/1.1"),
        ("HEAD /HTTP/1.1", "HEAD", "/HTTP/1.1"),
        ("GET /n/0", "GET", "/n/0"),
    ] {
        let head = format!("{line}\r\nHost: h\r\n\r\n");
        let received = if method == "HEAD" { answer.len() - 2 } else { answer.len() };
        let told = format!("{method} {path} -> Some(400) answer 0, Some({}) Some({received}) bytes []", head.len());
        let answer = &answer[..received];
        Script::opened().client(&head).server(answer).client(GET_1).server(OK_1).tells_in_any_order([next, &told]);
        Script::opened().client(GET_1).server(OK_1).client(&head).server(answer).tells_in_any_order([next, &told]);
    }
}

#[test]
fn a_request_with_an_odd_first_line_may_be_cut() {
    let head = "PUT /n/0 HTTP/1.\r\nHost: h\r\n\r\n";
    let told = "PUT /n/0 -> Some(200) answer 0, Some(29) Some(53) bytes []";
    let line = head.find('\n').expect("it has lines");
    for cut in 1..=line {
        Script::opened().client(&head[..cut]).client(&head[cut..]).server(OK).tells(&[told]);
    }
}

#[test]
fn a_body_of_unknown_length_is_not_the_next_request() {
    for field in ["Content-Length: -2", "Content-Length: 2a"] {
        let head = format!("POST /n/0 HTTP/1.1\r\n{field}\r\n\r\n");
        let next = "GET /n/1 -> Some(200) answer 1, Some(21) Some(53) bytes []";
        let told = format!("POST /n/0 -> Some(200) answer 0, Some({}) Some(53) bytes []", head.len());
        Script::opened().client(&format!("{head}hi")).server(OK).client(GET_1).server(OK_1).tells(&[&told, next]);
        Script::opened().client(&format!("{head}{GET_1}")).server(OK).server(OK_1).tells(&[&told, next]);
        Script::opened().client(&head).server(OK).client(&GET_1[..2]).client(&GET_1[2..]).server(OK_1).tells(&[&told, next]);
    }
}

#[test]
fn a_request_after_a_bad_chunk_is_told() {
    for chunk in ["0x2\r\nhi\r\n0\r\n\r\n", "-2\r\nhi\r\n0\r\n\r\n", "2\r\nhi, all\r\n0\r\n\r\n"] {
        let head = "POST /n/0 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
        for rows in Script::opened().client(&format!("{head}{chunk}{GET_1}")).server_closes().client_closes().told() {
            let is_told = |start: &str| rows.iter().any(|row| row.starts_with(start));
            assert!(rows.len() == 2 && is_told("POST /n/0") && is_told("GET /n/1"), "{rows:?}");
        }
    }
}

#[test]
fn a_response_with_an_odd_version_is_told() {
    for version in ["HTTP/1.x", "HTTP/1", "HTTP/2.0", "HTTP/1.10"] {
        let answer = OK.replace("HTTP/1.1", version);
        let told = format!("GET /n/0 -> Some(200) answer 0, Some(21) Some({}) bytes []", answer.len());
        let next = "GET /n/1 -> Some(200) answer 1, Some(21) Some(53) bytes []";
        Script::opened().client(GET).server(&answer).client(GET_1).server(OK_1).tells(&[&told, next]);
    }
}

#[test]
fn other_protocols_with_words_of_http_are_none() {
    for (client, server) in [
        ("OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP c\r\n\r\n", "SIP/2.0 200 OK\r\n\r\n"),
        ("OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n", "RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n"),
        ("DELETE FROM a\r\n", "ok\r\n"),
        ("SEARCH /a\r\nis no field\r\n", "* OK\r\n"),
        ("SSH-2.0-OpenSSH_9.6\r\n", "SSH-2.0-OpenSSH_9.6\r\n"),
        ("EHLO me\r\n", "250 mail\r\n"),
    ] {
        Script::opened().client(client).server(server).server_closes().client_closes().tells(&[]);
    }
}

#[test]
fn a_websocket_is_one_exchange() {
    let sent = UPGRADE.len() + 9;
    let received = SWITCHING.len() + 8;
    let told = format!("GET /n/0 -> Some(101) answer 0, Some({sent}) Some({received}) bytes []");
    let script = Script::opened().client(UPGRADE).server(SWITCHING).client("\u{1}\u{5}hello").server("\u{1}\u{2}hi");
    script.client("\u{8}\0").server("\u{8}\0\0\0").client_closes().server_closes().tells(&[&told]);
}

#[test]
fn a_websocket_may_be_answered_with_an_early_frame() {
    let answer = format!("{SWITCHING}\u{1}\u{2}hi");
    let told = format!("GET /n/0 -> Some(101) answer 0, Some({}) Some({}) bytes []", UPGRADE.len(), answer.len());
    Script::opened().client(UPGRADE).server(&answer).server_closes().client_closes().tells(&[&told]);
}

#[test]
fn an_early_answer_stands_although_the_request_goes_on() {
    for status in ["408 Request Timeout", "413 Content Too Large"] {
        let answer = format!("HTTP/1.1 {status}\r\nX-Answer: 0\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno");
        let (code, len) = (&status[..3], answer.len());
        let whole = format!("POST /n/0 -> Some({code}) answer 0, Some(102) Some({len}) bytes []");
        let script = Script::opened().client(POST).server(&answer).client(&"-".repeat(60));
        script.server_closes().client_closes().tells(&[&whole]);
        let cut = format!("POST /n/0 -> Some({code}) answer 0, Some(52) Some({len}) bytes [\"aborted\"]");
        let script = Script::opened().client(POST).client(&"-".repeat(10)).server(&answer);
        script.server_closes().client_closes().tells(&[&cut]);
    }
}

#[test]
fn a_timeout_without_request_is_half_an_exchange() {
    let told = "? ? -> Some(408) answer 0, None Some(64) bytes []";
    let answer = "HTTP/1.1 408 Request Timeout\r\nX-Answer: 0\r\nContent-Length: 0\r\n\r\n";
    Script::opened().server(answer).server_closes().client_closes().tells(&[told]);
}

#[test]
fn streamed_events_are_one_exchange() {
    let head = "HTTP/1.1 200 OK\r\nX-Answer: 0\r\nContent-Type: text/event-stream\r\n\r\n";
    let told = format!("GET /n/0 -> Some(200) answer 0, Some(21) Some({}) bytes []", head.len() + 26);
    let script = Script::opened().client(GET).server(head).after(3).server("data: one\n\n").after(3).server("data: two!!\n\n\n\n");
    script.server_closes().client_closes().tells(&[&told]);
}

#[test]
fn a_keep_alive_probe_is_no_byte() {
    let told = "GET /n/0 -> Some(200) answer 0, Some(21) Some(53) bytes []";
    let next = "GET /n/1 -> Some(200) answer 1, Some(21) Some(53) bytes []";
    for probe in ["", "\0"] {
        let mut script = Script::opened().client(GET).server(OK).client(probe);
        let last = script.packets.len() - 1;
        let packet = &mut script.packets[last];
        packet.sequence = packet.sequence.wrapping_sub(1);
        script.sent[CLIENT] -= probe.len();
        script.client(GET_1).server(OK_1).tells(&[told, next]);
    }
}

#[test]
fn the_same_ports_may_be_used_again() {
    let told = "GET /n/0 -> Some(200) answer 0, Some(21) Some(53) bytes []";
    let next = "GET /n/1 -> Some(200) answer 1, Some(21) Some(53) bytes []";
    let mut script = Script::opened().client(GET).server(OK);
    let mut again = Script::opened().client(GET_1).server(OK_1);
    for packet in &mut again.packets {
        // Sequence numbers below those of the connection before.
        packet.sequence = packet.sequence.wrapping_sub(5_000_000);
        packet.acknowledgement = packet.acknowledgement.wrapping_sub(5_000_000);
    }
    script.packets.append(&mut again.packets);
    script.tells(&[told, next]);
}

#[test]
fn a_reset_ends_what_is_under_way() {
    let told = "GET /n/0 -> Some(200) answer 0, Some(21) Some(53) bytes []";
    let cut = "GET /n/1 -> None answer ?, Some(21) None bytes [\"aborted\"]";
    let mut script = Script::opened().client(GET).server(OK).client(GET_1);
    script.send(SERVER, tcp_flag::RST, "");
    script.tells(&[told, cut]);
}

#[test]
fn a_reset_within_a_body_does_not_hide_what_came_of_it() {
    let upload = "POST /n/0 -> None answer ?, Some(52) None bytes [\"aborted\"]";
    let mut script = Script::opened().client(POST).client("ten bytes.");
    script.send(SERVER, tcp_flag::RST, "");
    script.tells(&[upload]);
    let head = "HTTP/1.1 200 OK\r\nX-Answer: 0\r\nContent-Length: 60\r\n\r\n";
    let download = format!("GET /n/0 -> Some(200) answer 0, Some(21) Some({}) bytes [\"aborted\"]", head.len() + 10);
    let mut script = Script::opened().client(GET).server(head).server("ten bytes.");
    script.send(CLIENT, tcp_flag::RST | tcp_flag::ACK, "");
    script.tells(&[&download]);
}

#[test]
fn an_answer_goes_on_after_the_client_closed_its_half() {
    let told = "GET /n/0 -> Some(200) answer 0, Some(21) Some(53) bytes []";
    Script::opened().client(GET).client_closes().server(&OK[..30]).server(&OK[30..]).server_closes().tells(&[told]);
}

#[test]
fn one_direction_alone_gives_halves() {
    let request = "GET /n/0 -> None answer ?, Some(21) None bytes [\"open\"]";
    let other = "GET /n/1 -> None answer ?, Some(21) None bytes [\"open\"]";
    Script::opened().client(GET).client(GET_1).tells(&[request, other]);
    let response = "? ? -> Some(200) answer 0, None Some(53) bytes []";
    let next = "? ? -> Some(200) answer 1, None Some(53) bytes []";
    Script::joined().server(OK).server(OK_1).tells(&[response, next]);
}

#[test]
fn the_answer_to_a_syn_may_be_seen_before_it() {
    let told = "GET /n/0 -> Some(200) answer 0, Some(21) Some(53) bytes []";
    let mut script = Script::opened();
    script.packets.swap(0, 1);
    script.client(GET).server(OK).tells(&[told]);
}

#[test]
fn a_syn_may_carry_the_request() {
    let told = "GET /n/0 -> Some(200) answer 0, Some(21) Some(53) bytes []";
    for repeated in [false, true] {
        let mut script = Script::joined();
        script.push(CLIENT, usize::MAX, tcp_flag::SYN, GET.as_bytes());
        script.sent[CLIENT] = GET.len();
        if repeated {
            // Without the payload, because the first one got no answer; then what it had carried.
            script.push(CLIENT, usize::MAX, tcp_flag::SYN, b"");
            script.push(SERVER, usize::MAX, tcp_flag::SYN | tcp_flag::ACK, b"");
            script.push(CLIENT, 0, tcp_flag::ACK, GET.as_bytes());
        } else {
            script.push(SERVER, usize::MAX, tcp_flag::SYN | tcp_flag::ACK, b"");
        }
        script.server(OK).tells(&[told]);
    }
}

#[test]
fn a_first_line_that_is_odd_is_told_with_all_that_follows() {
    let body = "x".repeat(200_000);
    let answer = |version: &str| format!("{version} 200 OK\r\nX-Answer: 0\r\nContent-Length: 200000\r\n\r\n{body}");
    for (method, rest) in [("PUT", " /n/0 HTTP/1.\r\n"), ("GET", " /n/0 http/1.1\r\n"), ("OPTIONS", " /n/0\r\n")] {
        for version in ["HTTP/1.1", "HTTP/2.0", "HTTP/1"] {
            let answer = answer(version);
            let told =
                format!("{method} /n/0 -> Some(200) answer 0, Some({}) Some({}) bytes []", method.len() + rest.len() + 11, answer.len());
            let mut script = Script::opened().client(&format!("{method}{rest}Host")).client(": h\r\n\r\n");
            for part in answer.as_bytes().chunks(40_000) {
                script = script.server(std::str::from_utf8(part).expect("letters"));
            }
            script.server_closes().client_closes().tells(&[&told]);
        }
    }
}

#[test]
fn what_follows_an_answer_without_a_body_is_not_the_next_answer() {
    let told = "GET /n/0 -> Some(204) answer 0, Some(21) Some(59) bytes []";
    let next = "GET /n/1 -> Some(200) answer 1, Some(21) Some(53) bytes []";
    let empty = "HTTP/1.1 204 No Content\r\nX-Answer: 0\r\nContent-Length: 2\r\n\r\n";
    Script::opened().client(GET).server(&format!("{empty}ok")).client(GET_1).server(OK_1).tells(&[told, next]);
}

#[test]
fn a_request_after_a_gap_is_told_once_its_answer_fits() {
    let first = "GET /n/0 -> Some(200) answer 0, Some(21) Some(53) bytes []";
    let third = "GET /n/2 -> Some(200) answer 2, Some(21) Some(53) bytes [\"gap\"]";
    let script = Script::opened().client(GET).server(OK).client(GET_1).lost().server(OK_1).lost().client(GET_2).server(OK_2);
    script.tells(&[first, third]);
}

#[test]
fn a_body_after_a_gap_is_no_request_although_it_looks_like_one() {
    let first = "GET /n/0 -> Some(200) answer 0, Some(21) Some(53) bytes []";
    let head = "POST /n/1 HTTP/1.1\r\nContent-Length: 40\r\n\r\n";
    let script =
        Script::opened().client(GET).server(OK).client(head).lost().client("GET /trap HTTP/1.1\r\n\r\n").client("hello, trapped one");
    for told in script.server(OK_1).told() {
        assert!(told.len() == 2 && told.contains(&first.to_owned()) && told[0].starts_with("? ? -> Some(200) answer 1"), "{told:?}");
    }
}

#[test]
fn requests_alone_go_on_after_a_gap() {
    let open = |number: u32| format!("GET /n/{number} -> None answer ?, Some(21) None bytes [\"open\"]");
    let script = Script::joined().client(GET).server(OK).lost().client(GET_1).lost().server(OK_1).lost().client(GET_2);
    for told in script.told() {
        assert_eq!(told, [open(0), open(2)]);
    }
}

#[test]
fn requests_go_on_after_a_gap_where_the_client_was_answered() {
    let first = "GET /n/0 -> Some(200) answer 0, Some(21) Some(53) bytes []";
    let script = Script::opened().client(GET).server(OK).client(GET_1).lost().server(OK_1).lost().client("later\r\n").server(OK).lost();
    let told = "GET /n/2 -> Some(200) answer 2, Some(21) Some(53) bytes []";
    script.client(GET_2).server(OK_2).tells(&[first, told]);
}

/// Those that were asked first are given up, and their answers still come.
#[test]
fn of_more_requests_than_are_remembered_none_is_paired_wrongly() {
    let mut script = Script::opened();
    for number in 0..300 {
        script = script.client(&format!("GET /n/{number} HTTP/1.1\r\n\r\n"));
    }
    for number in 0..300 {
        script = script.server(&format!("HTTP/1.1 200 OK\r\nX-Answer: {number}\r\nContent-Length: 2\r\n\r\nok"));
    }
    let (_, records) = submitted(&script.packets, Loops::LONG);
    for rows in [from_records(&records), from_packets(&script.packets)] {
        let number = |text: &str| text.rsplit('/').next().map(str::to_owned);
        let is_wrong = |row: &&Row| row.path.as_deref().and_then(number).zip(row.answer.clone()).is_some_and(|(asked, got)| asked != got);
        assert_eq!(rows.iter().find(is_wrong), None);
        assert!(rows.len() >= 300, "{} rows", rows.len());
    }
}

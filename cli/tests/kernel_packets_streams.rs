//! Totals of real TCP: what was sent, what the interface counted, what `iperf3` says, and connections that nobody wants.

mod support;

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;
use support::can_run;
use support::capture::Capture;
use support::netns::{Netns, run};
use support::outcome::Outcome;
use support::pair::{FAR, NOBODY, Pair};
use support::process::{Running, wait_until_listening};
use support::quiet::{Counted, counters};
use support::script::Script;
use support::stream::{PORT, send_stream, settle};

/// Ethernet, IPv4 and TCP; and its timestamps, which all segments have but a reset; and what a SYN has besides.
const HEADERS: u64 = 14 + 20 + 20;
const TIMESTAMPS: u64 = 12;
const SYN_OPTIONS: u64 = 8;

type Row = BTreeMap<String, String>;

fn flows(pair: &Pair) -> Capture {
    let columns = "src,src_port,dst,dst_port,direction,packets,segments,bytes,wire_bytes,syn,rst,retransmitted_bytes";
    Capture::start(pair.near(), &["flows", "-i", "near", "--for", "5m", "--format", "csv", "--columns", columns])
}

fn number(row: &Row, column: &str) -> u64 {
    row[column].parse().unwrap_or_else(|_| panic!("{column} in {row:?}"))
}

/// Bytes of a direction of one connection without any headers, from those of its frames.
fn payload(row: &Row) -> u64 {
    number(row, "bytes") - number(row, "packets") * (HEADERS + TIMESTAMPS) - number(row, "syn") * SYN_OPTIONS
}

/// The same from what is on the wire.
fn wire_payload(row: &Row) -> u64 {
    number(row, "wire_bytes") - number(row, "segments") * (HEADERS + TIMESTAMPS) - number(row, "syn") * SYN_OPTIONS
}

/// Of a column of all rows of a direction.
fn sum(outcome: &Outcome, direction: &str, column: &str) -> u64 {
    outcome.csv_rows().iter().filter(|row| row["direction"] == direction).map(|row| number(row, column)).sum()
}

#[test]
fn a_stream_in_large_packets_has_all_its_bytes_and_segments() {
    if !can_run(&[]) {
        return;
    }
    const LEN: u64 = 50_000_000;
    let pair = Pair::new();
    let before = counters(pair.near(), "near");
    let capture = flows(&pair);
    send_stream(&pair, usize::try_from(LEN).expect("it fits"));
    let outcome = capture.stop().exited(0);
    let after = counters(pair.near(), "near");

    let rows = outcome.csv_rows();
    let [data] = &rows.iter().filter(|row| row["dst_port"] == PORT.to_string()).collect::<Vec<_>>()[..] else { panic!("{outcome}") };
    assert_eq!(data["rst"], "0", "{outcome}");
    let sent = LEN + number(data, "retransmitted_bytes");
    assert_eq!((payload(data), wire_payload(data)), (sent, sent), "{outcome}");
    // Each segment but the last is as long as fits: 1500 bytes less headers.
    let fewest = LEN.div_ceil(1500 - 20 - 20 - TIMESTAMPS);
    assert!(number(data, "segments") >= fewest && number(data, "packets") < fewest / 2, "{outcome}");
    let Counted { received, received_bytes, sent, sent_bytes } = after;
    let counted = [sent - before.sent, sent_bytes - before.sent_bytes, received - before.received, received_bytes - before.received_bytes];
    let totals = [("egress", "packets"), ("egress", "bytes"), ("ingress", "packets"), ("ingress", "bytes")];
    assert_eq!(totals.map(|(direction, column)| sum(&outcome, direction, column)), counted, "{outcome}");
}

#[test]
fn iperf3_agrees() {
    if !can_run(&["iperf3"]) {
        return;
    }
    /// What it says first on each connection of data.
    const COOKIE: u64 = 37;
    const IPERF: u16 = 5201;
    for limit in [&["-b", "20M"][..], &[]] {
        let pair = Pair::new();
        let mut server = Running::start(pair.far().command("iperf3").args(["-s", "-1"]).stdout(std::process::Stdio::null()));
        wait_until_listening(&mut server, IPERF);
        let capture = flows(&pair);
        let far = FAR.to_string();
        let client = [&["-c", &far, "-t", "2", "-J"][..], limit].concat();
        let said = run(pair.near().command("iperf3").args(client)).stdout;
        assert!(server.wait().success(), "the server fails");
        settle(&pair, IPERF);
        let outcome = capture.stop().exited(0);

        let said: Value = serde_json::from_slice(&said).expect("iperf3 prints JSON");
        let bytes = |end: &str| said["end"][end]["bytes"].as_u64().unwrap_or_else(|| panic!("{end} in {said}"));
        let rows = outcome.csv_rows();
        // The other connection is for control.
        let data = rows.iter().filter(|row| row["dst_port"] == IPERF.to_string()).max_by_key(|row| number(row, "bytes"));
        let data = data.expect("there is a flow");
        // Of what was sent last, not all arrives: the receiver closes first, by a reset.
        let (least, most) = (bytes("sum_received") + COOKIE, bytes("sum_sent") + COOKIE);
        let slack = number(data, "rst") * TIMESTAMPS;
        let once = payload(data) - number(data, "retransmitted_bytes");
        assert!((least..=most + slack).contains(&(once + slack)), "{least} <= {once} <= {most}\n{outcome}");
    }
}

#[test]
fn what_nobody_answers_and_what_is_refused_are_told_apart() {
    if !can_run(&[]) {
        return;
    }
    let flows = |direction| {
        let pair = Pair::new();
        let columns = "src,dst,direction,syn,unanswered_syn,rst";
        let args = ["flows", "-i", "near", "--direction", direction, "--for", "5m", "--format", "csv", "--columns", columns];
        let capture = Capture::start(pair.near(), &args);
        let connect = |address: Ipv4Addr| {
            pair.near().run(|| TcpStream::connect_timeout(&SocketAddr::from((address, 81)), Duration::from_millis(500)).map(drop))
        };
        let nobody = connect(NOBODY).expect_err("nobody has the address");
        let closed = connect(FAR).expect_err("nobody listens");
        assert_eq!((nobody.kind(), closed.kind()), (ErrorKind::TimedOut, ErrorKind::ConnectionRefused));
        let outcome = capture.stop().exited(0);
        let mut rows: Vec<_> = outcome.csv_rows().iter().map(told).collect();
        rows.sort();
        rows
    };
    assert_eq!(
        flows("both"),
        [
            "egress to 10.0.0.2: syn, all answered, 0 rst",
            "egress to 10.0.0.3: syn, none answered, 0 rst",
            "ingress to 10.0.0.1: all answered, 1 rst",
        ]
    );
    // Who does not look at answers does not know that there is none.
    assert_eq!(flows("egress"), ["egress to 10.0.0.2: syn, 0 rst", "egress to 10.0.0.3: syn, 0 rst"]);
}

/// A SYN may have been sent again.
fn told(row: &Row) -> String {
    let syn = if row["syn"] == "0" { "" } else { " syn," };
    let answered = match &*row["unanswered_syn"] {
        "" => "",
        "0" => " all answered,",
        unanswered if unanswered == row["syn"] => " none answered,",
        _ => " some answered,",
    };
    format!("{} to {}:{syn}{answered} {} rst", row["direction"], row["dst"], row["rst"])
}

/// Listens, or connects, on port 8080; says something when told to, and stays.
const PEER: &str = r#"
import socket, sys
open("/proc/self/comm", "w").write(sys.argv[1])
if sys.argv[1] == "the-server":
    listener = socket.create_server(("127.0.0.1", 8080))
    print("{}", flush=True)
    peer, _ = listener.accept()
    peer.recv(100)
    peer.sendall(b"answer")
else:
    peer = socket.create_connection(("127.0.0.1", 8080))
    peer.sendall(b"question")
    peer.recv(100)
    print("{}", flush=True)
sys.stdin.read()
"#;

#[test]
fn flows_between_local_processes_have_the_process_at_this_end() {
    if !can_run(&["/usr/bin/python3"]) {
        return;
    }
    let netns = Netns::new();
    let columns = "direction,src,dst,dst_port,pid,comm";
    let args = ["flows", "-i", "lo", "--protocol", "tcp", "--for", "5m", "--format", "csv", "--columns", columns];
    let capture = Capture::start(&netns, &args);
    let start = |name| {
        let mut peer = Script::spawn(netns.command("/usr/bin/python3").args(["-c", PEER, name]));
        peer.hear();
        peer
    };
    let (mut server, mut client) = (start("the-server"), start("the-client"));
    let outcome = capture.stop().exited(0);
    let (server, client) = (server.process().pid(), client.process().pid());
    let mut rows: Vec<_> = outcome
        .csv_rows()
        .iter()
        .map(|row| {
            let asks = row["dst_port"] == "8080";
            format!("{} {} {} {}", row["direction"], if asks { "question" } else { "answer" }, row["pid"], row["comm"])
        })
        .collect();
    rows.sort();
    assert_eq!(
        rows,
        [
            format!("egress answer {server} the-server"),
            format!("egress question {client} the-client"),
            format!("ingress answer {client} the-client"),
            format!("ingress question {server} the-server"),
        ]
    );
}

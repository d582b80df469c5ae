//! What is looked at, where from, and how a run ends: the options of the packet probes on real traffic.

mod support;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::process::Command;

use serde_json::Value;
use support::can_run;
use support::capture::{Capture, binary, ehl};
use support::frame::*;
use support::netns::Netns;
use support::packets::{PLACES, TC, TC_INGRESS, XDP_NATIVE, csv_lines, expected, watch};
use support::process::Running;
use support::quiet::{LAST_FRAME, Quiet};

const COLUMNS: &str = "src,src_port,dst,dst_port,protocol,tcp_flags,vlan";

/// One of each kind that a filter may tell apart.
fn frames() -> Vec<Vec<u8>> {
    vec![
        ethernet(IPV4, &ipv4(TCP, &tcp(SYN, 1, 0, 9, b""))),
        ethernet(IPV4, &ipv4_between([10, 0, 0, 2], [10, 0, 0, 1], TCP, &tcp_between(80, 40_000, SYN | ACK, 1, 2, 9, b""))),
        ethernet(IPV4, &ipv4(TCP, &tcp_between(40_001, 443, ACK | PSH, 2, 2, 9, b"x"))),
        ethernet(IPV4, &ipv4_between([192, 0, 2, 7], [198, 51, 100, 7], UDP, &udp(40_002, 53, b"x"))),
        ethernet(IPV4, &ipv4_fragment(UDP, 64, false, b"12345678")),
        ethernet(IPV4, &ipv4(ICMP, &icmp(8, 0, b""))),
        ethernet(IPV4, &ipv4(GRE, &[0, 0, 8, 0])),
        ethernet(IPV6, &ipv6(UDP, &udp(40_003, 8080, b"x"))),
        ethernet(IPV6, &ipv6(ICMPV6, &icmp(128, 0, b""))),
        ethernet(ARP, &arp_request()),
        tagged(&[(VLAN, 5)], ARP, &arp_request()),
        ethernet(0x88cc, &[0; 46]),
    ]
}

/// The rows that pass a filter, at each hook; what passes is counted, and what does not.
#[track_caller]
fn assert_passes(filter: &[&str], rows: &str) {
    if !can_run(&[]) {
        return;
    }
    let mut quiet = Quiet::new();
    for place in PLACES {
        let pass = |quiet: &mut Quiet| frames().iter().for_each(|frame| place.pass(quiet, frame));
        let options = [&["--format", "csv", "--columns", COLUMNS][..], filter].concat();
        let outcome = watch(&mut quiet, &place.args("capture", &options), pass);
        assert_eq!(csv_lines(&outcome), expected(rows), "{filter:?} at {place:?}");

        let options = [&["--format", "json", "--by", "interface"][..], filter].concat();
        let outcome = watch(&mut quiet, &place.args("flows", &options), pass);
        let document: Value = serde_json::from_slice(&outcome.stdout).expect("one document");
        let passed = expected(rows).len() as u64;
        // That of the end comes in.
        let seen = frames().len() as u64 + u64::from(place.direction == "ingress");
        let accounting = &document["accounting"];
        assert_eq!((&accounting["packets"]["seen"], &accounting["filtered"]), (&seen.into(), &(seen - passed).into()), "{document}");
        let packets: u64 = document["rows"].as_array().expect("rows").iter().map(|row| row["packets"].as_u64().expect("a number")).sum();
        assert_eq!(packets, passed, "{filter:?} at {place:?}");
    }
}

#[test]
fn ports_at_either_end() {
    assert_passes(
        &["--port", "80,440-443"],
        "
            10.0.0.1,40000,10.0.0.2,80,tcp,syn,
            10.0.0.2,80,10.0.0.1,40000,tcp,syn|ack,
            10.0.0.1,40001,10.0.0.2,443,tcp,psh|ack,
        ",
    );
}

#[test]
fn networks_at_either_end() {
    assert_passes(
        &["--net", "192.0.2.0/24", "--net", "fd00::2"],
        "
            192.0.2.7,40002,198.51.100.7,53,udp,,
            fd00::1,40003,fd00::2,8080,udp,,
            fd00::1,,fd00::2,,icmpv6,,
        ",
    );
}

#[test]
fn protocols_by_name_and_number() {
    assert_passes(
        &["--protocol", "tcp,47", "--protocol", "arp"],
        "
            10.0.0.1,40000,10.0.0.2,80,tcp,syn,
            10.0.0.2,80,10.0.0.1,40000,tcp,syn|ack,
            10.0.0.1,40001,10.0.0.2,443,tcp,psh|ack,
            10.0.0.1,,10.0.0.2,,gre,,
            ,,,,arp,,
            ,,,,arp,,5
        ",
    );
}

#[test]
fn flags_that_are_set_and_such_that_are_not() {
    assert_passes(
        &["--tcp-flags", "syn,!ack"],
        "
            10.0.0.1,40000,10.0.0.2,80,tcp,syn,
        ",
    );
}

#[test]
fn all_filters_must_match() {
    assert_passes(
        &["--protocol", "udp", "--port", "53,8080", "--net", "fd00::/8"],
        "
            fd00::1,40003,fd00::2,8080,udp,,
        ",
    );
}

#[test]
fn of_a_sample_each_nth_is_a_row() {
    if !can_run(&[]) {
        return;
    }
    let mut quiet = Quiet::new();
    for place in PLACES {
        let args = place.args("capture", &["--format", "ndjson", "--sample", "10", "--protocol", "udp"]);
        let frame = ethernet(IPV4, &ipv4(UDP, &udp(40_000, 53, b"x")));
        let outcome = watch(&mut quiet, &args, |quiet| (0..1000).for_each(|_| place.pass(quiet, &frame)));
        let rows = outcome.rows().len() as u64;
        // Each CPU counts for itself, and keeps up to nine to itself.
        let cpus = std::thread::available_parallelism().expect("there are CPUs").get() as u64;
        assert!(rows <= 100 && rows + cpus >= 100, "{rows} rows at {place:?}");
        assert_eq!(outcome.summary()["accounting"]["packets"]["unsampled"], 1000 - rows, "{place:?}");
        assert_eq!(outcome.accounting("rows"), rows);
    }
}

#[test]
fn either_direction_and_both() {
    if !can_run(&[]) {
        return;
    }
    let mut quiet = Quiet::new();
    for (direction, rows) in
        [(&["--direction", "ingress"][..], "ingress,4"), (&["--direction", "egress"], "egress,3"), (&[], "ingress,4\negress,3")]
    {
        let args = [
            &["flows", "-i", "seen", "--for", "5m", "--format", "csv", "--by", "interface", "--columns", "direction,packets"][..],
            direction,
        ]
        .concat();
        let outcome = watch(&mut quiet, &args, |quiet| {
            quiet.receive(3);
            quiet.transmit(3);
        });
        assert_eq!(csv_lines(&outcome), expected(rows), "{direction:?}");
    }
}

#[test]
fn several_interfaces() {
    if !can_run(&[]) {
        return;
    }
    let mut quiet = Quiet::new();
    let columns = ["--by", "interface", "--format", "csv", "--columns", "interface,direction,packets,bytes"];
    let args = [&["flows", "-i", "seen", "-i", "lo", "--for", "5m"][..], &columns].concat();
    let outcome = watch(&mut quiet, &args, |quiet| {
        quiet.transmit(2);
        quiet.namespace().run(|| {
            let socket = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
            let own = socket.local_addr().expect("it is bound");
            for _ in 0..5 {
                socket.send_to(&[7; 100], own).expect("it takes datagrams");
                socket.recv(&mut [0; 100]).expect("they arrive");
            }
        });
    });
    let mut rows = csv_lines(&outcome);
    rows.sort();
    assert_eq!(rows, ["lo,egress,5,710", "lo,ingress,5,710", "seen,egress,2,120", "seen,ingress,1,60"]);
}

/// `ehl ARGS`, started outside of the namespace that it is to look into.
fn start_outside(args: &[&str]) -> Capture {
    let mut capture = Capture::spawn(Command::new(binary()).args(args));
    capture.wait_until("the first line of output", |capture| capture.stdout().contains(&b'\n'));
    capture
}

#[test]
fn from_outside_a_namespace_by_its_name_and_by_a_process() {
    if !can_run(&["sleep"]) {
        return;
    }
    let mut quiet = Quiet::new();
    let inside = Running::start(quiet.namespace().command("sleep").arg("600"));
    let (name, pid) = (quiet.namespace().name().to_owned(), inside.pid().to_string());
    // It becomes a process inside when `ip` has moved it.
    let namespace = |process: &str| std::fs::read_link(format!("/proc/{process}/ns/net")).ok();
    support::wait_for("the process to be inside", || (namespace(&pid) != namespace("self")).then_some(()));
    for place in [TC, XDP_NATIVE] {
        for netns in [&name, &pid] {
            for command in ["capture", "flows"] {
                let columns = "interface,direction,protocol";
                let capture = start_outside(&place.args(command, &["--netns", netns, "--format", "csv", "--columns", columns]));
                quiet.receive(1);
                quiet.settle();
                let rows = csv_lines(&capture.stop().exited(0));
                assert_eq!(rows, ["seen,ingress,0x88b5"], "{command} --netns {netns} at {place:?}");
            }
        }
    }
}

#[test]
fn http_from_outside_a_namespace() {
    if !can_run(&["sleep"]) {
        return;
    }
    let netns = Netns::new();
    let inside = Running::start(netns.command("sleep").arg("600"));
    let pid = inside.pid().to_string();
    let namespace = |process: &str| std::fs::read_link(format!("/proc/{process}/ns/net")).ok();
    support::wait_for("the process to be inside", || (namespace(&pid) != namespace("self")).then_some(()));
    for named in [netns.name(), &pid] {
        let mut capture = start_outside(&["sock-http", "--netns", named, "--for", "5m", "--format", "ndjson"]);
        netns.run(|| {
            let listener = TcpListener::bind("127.0.0.1:8080").expect("the port is free");
            let mut client = TcpStream::connect("127.0.0.1:8080").expect("somebody listens");
            let (mut server, _) = listener.accept().expect("somebody connects");
            let request = b"GET /inside HTTP/1.1\r\nHost: a\r\n\r\n";
            client.write_all(request).expect("it is sent");
            server.read_exact(&mut request.clone()).expect("it is received");
            server.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").expect("it is sent");
        });
        capture.wait_for_row("the exchange", |row| row["path"] == "/inside" && row["status"] == 204);
        capture.stop().exited(0);
    }
}

#[test]
fn what_cannot_be_is_refused_with_the_way_out() {
    if !can_run(&[]) {
        return;
    }
    let quiet = Quiet::new();
    let refusals = [
        ("flows --probe xdp-headers --direction egress -i seen", "xdp-headers sees ingress only; use tc-headers for what is sent"),
        ("tc-headers --mode native -i seen", "--mode is of xdp-headers"),
        ("flows --probe sock-http -i seen", "sock-http and ssl-uprobe see HTTP, not packets; use tc-headers or xdp-headers"),
        ("flows --count 3 -i seen", "unexpected argument '--count'"),
        ("tc-headers --protocol tpc -i seen", "--protocol tpc: "),
        ("tc-headers --tcp-flags sny -i seen", "--tcp-flags sny: no such TCP flag"),
        ("tc-headers --tcp-flags syn,!syn -i seen", "no packet has a flag and does not have it"),
        ("tc-headers -i absent", "no interface `absent` in this network namespace; there are lo, seen"),
        ("tc-headers --netns absent", "no network namespace `absent`"),
        ("tc-headers --netns 4194305", "there is no such process"),
        ("tc-headers --sample 0 -i seen", "--sample"),
        ("flows --max-flows 0 -i seen", "--max-flows"),
        ("flows --by colour -i seen", "tuple, src, dst, port, protocol, interface"),
        ("tc-headers --columns colour -i seen", "colour"),
        ("capture --probe sock-http --protocol tcp", "--protocol is an option of xdp-headers and tc-headers, which see packets"),
        ("capture --probe tc-headers --status 404 -i seen", "--status is an option of sock-http and ssl-uprobe, which see HTTP"),
        ("capture --probe xdp-headers --pid 1 -i seen", "--pid is an option of sock-http and ssl-uprobe, which see HTTP"),
        ("top-headers --probe tc-headers", "see packets, not HTTP; use sock-http or ssl-uprobe"),
        ("flows --sample 3 -i seen", "unexpected argument '--sample'"),
        ("ssl-uprobe --netns absent", "ssl-uprobe sees the processes of every network namespace; leave out --netns"),
        // There is no default route.
        ("tc-headers", "name one with -i: lo, seen"),
    ];
    for (args, line) in refusals {
        let args: Vec<_> = args.split(' ').collect();
        let outcome = Capture::spawn(&mut ehl(quiet.namespace(), &args)).finish().exited(2);
        assert!(outcome.stderr.contains(line), "{args:?}\n{outcome}");
        assert_eq!(outcome.text(), "", "{args:?}");
    }
}

#[test]
fn so_many_packets_and_no_more() {
    if !can_run(&[]) {
        return;
    }
    let mut quiet = Quiet::new();
    for place in PLACES {
        let args = place.args("capture", &["--format", "ndjson", "--count", "5"]);
        let capture = Capture::start(quiet.namespace(), &args);
        (0..9).for_each(|_| place.pass(&mut quiet, &LAST_FRAME));
        let outcome = capture.finish().exited(0);
        assert_eq!((outcome.rows().len(), &outcome.summary()["stop_reason"]), (5, &Value::from("count")), "{place:?}");
    }
}

#[test]
fn without_a_packet_it_ends_in_time_and_says_what_was_watched() {
    if !can_run(&[]) {
        return;
    }
    let quiet = Quiet::new();
    for command in ["tc-headers", "flows"] {
        let args = [command, "-i", "seen", "--for", "1s", "--format", "ndjson"];
        let outcome = Capture::start(quiet.namespace(), &args).finish().exited(0);
        let records = outcome.records();
        let types: Vec<_> = records.iter().map(|record| record["type"].as_str().expect("a type")).collect();
        assert_eq!(types, ["start", "summary"]);
        assert_eq!((&outcome.summary()["stop_reason"], outcome.accounting("events")), (&Value::from("deadline"), 0));
        assert!(outcome.stderr.contains("no packet was seen; tc-headers watched interface seen; ingress and egress"), "{outcome}");
    }
}

#[test]
fn a_start_record_comes_before_all_packets_and_times_are_within_the_run() {
    if !can_run(&[]) {
        return;
    }
    let mut quiet = Quiet::new();
    for place in PLACES {
        let outcome = watch(&mut quiet, &place.args("capture", &["--format", "ndjson"]), |quiet| {
            (0..20).for_each(|_| place.pass(quiet, &LAST_FRAME));
        });
        let records = outcome.records();
        let time = |record: &Value, key: &str| record[key].as_str().unwrap_or_else(|| panic!("{key} in {record}")).to_owned();
        let rows = outcome.rows().iter().map(|row| time(row, "time")).collect::<Vec<_>>();
        let all = [&[time(&records[0], "started_at")], &rows[..], &[time(&outcome.summary(), "ended_at")]].concat();
        assert!(rows.len() >= 20 && all.is_sorted(), "{place:?} {all:#?}");
    }
}

#[test]
fn a_reader_that_has_seen_enough_ends_it_quietly() {
    if !can_run(&[]) {
        return;
    }
    let mut quiet = Quiet::new();
    for format in ["csv", "ndjson", "table"] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        let mut command = ehl(quiet.namespace(), &TC_INGRESS.args("capture", &["--format", format]));
        let mut capture = Capture::spawn_with_stdout(&mut command, writer.into());
        drop(command);
        let mut reader = BufReader::new(reader);
        reader.read_line(&mut String::new()).expect("there is a first line");
        drop(reader);
        support::wait_for("it to notice", || {
            quiet.receive(1);
            (!capture.is_running()).then_some(())
        });
        let outcome = capture.finish().exited(0);
        assert!(!outcome.stderr.contains("ehl: "), "{outcome}");
    }
}

#[test]
fn an_interface_keeps_its_name_in_rows_when_it_gets_another_or_is_gone() {
    if !can_run(&[]) {
        return;
    }
    for is_gone in [false, true] {
        for command in ["capture", "flows"] {
            let mut quiet = Quiet::new();
            let args = TC_INGRESS.args(command, &["--format", "csv", "--columns", "interface,protocol"]);
            let capture = Capture::start(quiet.namespace(), &args);
            quiet.settle();
            let netns = quiet.namespace();
            if is_gone {
                netns.ip("link del seen");
            } else {
                netns.ip("link set seen down");
                netns.ip("link set seen name another");
                netns.ip("link set another up");
                quiet.receive(1);
                quiet.settle();
            }
            let outcome = capture.stop().exited(0);
            let rows: Vec<_> = outcome.text().lines().skip(1).map(str::to_owned).collect();
            let of_both = if command == "flows" { "seen,0x88b6\nseen,0x88b5" } else { "seen,0x88b6\nseen,0x88b5\nseen,0x88b6" };
            assert_eq!(rows, expected(if is_gone { "seen,0x88b6" } else { of_both }), "{command}");
            assert_eq!(outcome.stderr.contains("the interface seen disappeared during the run"), is_gone, "{outcome}");
        }
    }
}

#[test]
fn a_table_has_the_largest_first() {
    if !can_run(&[]) {
        return;
    }
    let mut quiet = Quiet::new();
    let args = ["flows", "-i", "seen", "--for", "5m", "--by", "protocol", "--columns", "protocol,direction,packets,bytes,tcp_flags"];
    let outcome = watch(&mut quiet, &args, |quiet| frames().iter().for_each(|frame| quiet.bring(frame)));
    assert_eq!(
        outcome.text(),
        "\
protocol  direction  packets  bytes  tcp_flags
tcp       ingress          3    163  syn|psh|ack
udp       ingress          3    148  -
arp       ingress          2     88  -
icmpv6    ingress          1     62  -
0x88b6    ingress          1     60  -
lldp      ingress          1     60  -
icmp      ingress          1     42  -
gre       ingress          1     38  -
"
    );
}

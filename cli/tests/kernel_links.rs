//! What may surround a segment on its way: VLAN tags, extension headers, options, padding, no link layer at all.

mod support;

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use support::can_run;
use support::capture::Capture;
use support::heads::{answer, get};
use support::netns::run;
use support::process::Running;
use support::segment::{Conversation, Shape};
use support::wire::{Medium as _, Tunnel, Wire, observe};

#[test]
fn the_frames_of_these_tests_are_well_formed_as_tcpdump_reads_them() {
    if !can_run(&["tcpdump"]) {
        return;
    }
    let mut wire = Wire::new();
    let mut tcpdump = wire.namespace().command("tcpdump");
    tcpdump.args("-i seen -n -e -vv -l -c 8".split_whitespace()).arg("ether src 02:00:00:00:00:01");
    let mut tcpdump = Running::start(tcpdump.stdout(Stdio::piped()).stderr(Stdio::piped()));
    let stderr = tcpdump.child().stderr.take().expect("stderr is piped");
    let ready = BufReader::new(stderr).lines().any(|line| line.is_ok_and(|line| line.contains("listening on")));
    assert!(ready, "tcpdump listens");

    let mut plain = Conversation::new(2000);
    wire.send_all(&plain.open());
    for shape in [Shape::Vlan, Shape::QinQ, Shape::TcpOptions, Shape::Padded] {
        wire.shape = shape;
        wire.send(&plain.request("x"));
    }
    wire.shape = Shape::Ipv6Extensions;
    wire.send(&Conversation::over_ipv6(2000).request(get("/ipv6")));
    tcpdump.wait();

    let stdout = tcpdump.child().stdout.take().expect("stdout is piped");
    let text = std::io::read_to_string(stdout).expect("tcpdump prints text");
    assert_eq!(text.matches("(correct)").count(), 8, "{text}");
    assert!(!text.contains("incorrect"), "{text}");
    for part in ["vlan 100", "vlan 200", "sack 2", "length 60:", "HBH", "DSTOPT"] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn vlan_tags_options_extension_headers_and_padding_make_no_difference() {
    if !can_run(&[]) {
        return;
    }
    let shapes = [Shape::Plain, Shape::Vlan, Shape::QinQ, Shape::TcpOptions, Shape::Padded, Shape::Ipv6Extensions];
    let mut expected = Vec::new();
    let seen = observe(&mut Wire::new(), |wire| {
        for (shape, port) in shapes.into_iter().zip(2000..) {
            wire.shape = shape;
            let mut talks = vec![Conversation::over_ipv6(port)];
            if shape != Shape::Ipv6Extensions {
                talks.push(Conversation::new(port));
            }
            for (mut talk, name) in talks.into_iter().zip(["6", "4"]) {
                wire.send_all(&talk.open());
                wire.send_all(&talk.request(get(&format!("/{shape:?}/{name}"))).cut(3));
                wire.send_all(&talk.response(answer(404)).cut(2));
                expected.push(format!("GET /{shape:?}/{name} 404"));
            }
        }
        wire.shape = Shape::Plain;
    });
    expected.sort();
    assert_eq!(seen.exchanges, expected);
    let addresses = |row: &serde_json::Value| format!("{} {}", row["src"], row["dst"]);
    let over_ipv6 = seen.rows.iter().filter(|row| addresses(row) == r#""fd00::1" "fd00::2""#).count();
    let over_ipv4 = seen.rows.iter().filter(|row| addresses(row) == r#""10.9.0.1" "10.9.0.2""#).count();
    assert_eq!((over_ipv6, over_ipv4), (6, 5));
}

#[test]
fn an_interface_without_a_link_layer_is_read_from_its_ip_header() {
    if !can_run(&[]) {
        return;
    }
    let seen = observe(&mut Tunnel::new(), |tunnel| {
        for (mut talk, path) in [(Conversation::new(2000), "/ipv4"), (Conversation::over_ipv6(2000), "/ipv6")] {
            tunnel.send_all(&talk.open());
            tunnel.send_all(&talk.request(get(path)).cut(20));
            tunnel.send_all(&talk.response(answer(404)).cut(20));
        }
    });
    assert_eq!(seen.exchanges, ["GET /ipv4 404", "GET /ipv6 404"]);
}

#[test]
fn an_interface_that_disappears_does_not_end_the_run() {
    if !can_run(&[]) {
        return;
    }
    let wire = Wire::new();
    let netns = wire.namespace();
    let capture = Capture::start(netns, &["capture", "--for", "3s", "--format", "ndjson", "-i", "seen"]);
    run(std::process::Command::new("ip").args(["-n", netns.name(), "link", "del", "seen"]));
    capture.finish().exited(0);
}

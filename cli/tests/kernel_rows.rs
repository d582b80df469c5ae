//! `ehl capture` against what real servers logged: the same requests, line by line.

mod support;

use std::fmt::Write as _;

use support::can_run;
use support::capture::Capture;
use support::exchange::exchange_plain;
use support::lines::assert_same_lines;
use support::netns::{Netns, run};
use support::nginx::{Nginx, STATUSES};
use support::outcome::{Outcome, exchange};
use support::process::Running;

const METHODS: [&str; 10] = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "FROBNICATE"];

/// Head lengths that are asked for, in bytes.
const HEADS: [usize; 7] = [80, 120, 700, 1_500, 4_000, 9_000, 20_000];

#[test]
fn a_thousand_requests_are_the_rows_of_nginx_access_log() {
    if !can_run(&["nginx", "curl"]) {
        return;
    }
    let netns = Netns::new();
    let nginx = Nginx::start(&netns, "");
    let all = ["capture", "--for", "5m", "--port", "8080", "--format", "csv"];
    let captures = [Capture::start(&netns, &all), Capture::start(&netns, &[&all[..], &["-i", "lo"]].concat())];
    let folder = tempfile::tempdir().expect("a folder for curl");
    // Four at once with five transfers each: twenty at a time, and several connections to keep alive.
    let mut curls: Vec<_> = (0..4)
        .map(|share| {
            let requests = (0..1000).filter(|index| index % 4 == share).map(request).collect::<Vec<_>>();
            let config = folder.path().join(format!("{share}.curl"));
            std::fs::write(&config, requests.join("next\n")).expect("the configuration is written");
            let mut curl = netns.command("curl");
            curl.args(["--disable", "--silent", "--parallel", "--parallel-max", "5", "--config"]).arg(config);
            Running::start(&mut curl)
        })
        .collect();
    for curl in &mut curls {
        assert!(curl.wait().success());
    }
    let mut logged = nginx.access_log();
    assert_eq!(logged.len(), 1000);
    logged.sort();
    for capture in captures {
        let mut captured = csv_lines(&capture.stop().exited(0));
        captured.sort();
        assert_same_lines(&captured, &logged);
    }
}

#[test]
fn a_socket_that_takes_no_large_program_is_no_obstacle() {
    if !can_run(&[]) {
        return;
    }
    let netns = Netns::new();
    // What a socket may spend on its filter on kernel 6.1. A kernel without such a setting for each namespace has that default.
    let setting = "/proc/sys/net/core/optmem_max";
    run(netns.command("sh").args(["-c", &format!("test ! -e {setting} || echo 20480 >{setting}")]));
    let capture = Capture::start(&netns, &["capture", "--for", "5m", "--format", "csv"]);
    exchange_plain(&netns, 5);
    assert_eq!(capture.stop().exited(0).csv_rows().len(), 5);
}

/// The sections of a curl configuration that ask for one unique path, whose status follows from the path.
fn request(index: usize) -> String {
    let method = METHODS[index % METHODS.len()];
    let status = STATUSES[index / 10 % STATUSES.len()];
    let host = if index * 7 % 13 < 6 { "127.0.0.1" } else { "[::1]" };
    let url = format!("http://{host}:8080/s{status}/{index:04}");
    let mut lines = format!("url = \"{url}\"\noutput = \"/dev/null\"\nuser-agent = \"\"\nheader = \"Accept:\"\n");
    let mut add = |line: &str| lines.extend([line, "\n"]);
    match method {
        "GET" => {}
        "HEAD" => add("head"),
        _ => add(&format!("request = \"{method}\"")),
    }
    if ["POST", "PUT", "PATCH"].contains(&method) {
        add("data = \"some=form&of=data\"");
    }
    if index.is_multiple_of(11) {
        add("http1.0");
    } else if index.is_multiple_of(3) {
        add("header = \"Connection: close\"");
    }
    lines + &headers(index)
}

/// A Host of its own, and as many more headers as make up the length of the head.
fn headers(index: usize) -> String {
    let mut lines = format!("header = \"Host: h{}.example\"\n", index % 7);
    let mut missing = HEADS[index % HEADS.len()].saturating_sub(60);
    for number in 0.. {
        if missing < 20 {
            break;
        }
        let len = missing.min(3_900);
        writeln!(lines, "header = \"X-Fill-{number}: {}\"", "f".repeat(len - 14)).expect("a string takes text");
        missing -= len;
    }
    lines
}

/// `METHOD PATH STATUS HOST` of each row.
fn csv_lines(outcome: &Outcome) -> Vec<String> {
    let rows = outcome.csv_rows().into_iter();
    rows.map(|row| ["method", "path", "status", "host"].map(|column| row[column].as_str()).join(" ")).collect()
}

#[test]
fn loopback_shows_each_packet_twice_and_each_exchange_once() {
    if !can_run(&["nginx", "curl"]) {
        return;
    }
    let outcome = captured_on_loopback(&Netns::new(), &[]);
    assert!(outcome.accounting("duplicates") > 0, "{outcome}");
}

#[test]
fn the_loopback_by_its_name_shows_each_packet_once() {
    if !can_run(&["nginx", "curl"]) {
        return;
    }
    let netns = Netns::new();
    netns.ip("link add other type veth peer name another");
    let outcome = captured_on_loopback(&netns, &["-i", "other", "-i", "lo"]);
    assert_eq!(outcome.accounting("duplicates"), 0, "{outcome}");
}

/// What is captured with these options while both addresses of the loopback are asked: each exchange once, and nothing lost.
#[track_caller]
fn captured_on_loopback(netns: &Netns, options: &[&str]) -> Outcome {
    let nginx = Nginx::start(netns, "");
    let capture = Capture::start(netns, &[&["capture", "--for", "5m", "--format", "ndjson"], options].concat());
    ask(netns, "127.0.0.1");
    ask(netns, "[::1]");
    let outcome = capture.stop().exited(0);
    assert_eq!(exchanges(&outcome), ["GET /s201/a 201", "GET /s201/a 201", "GET /s404/b 404", "GET /s404/b 404"]);
    assert_eq!(outcome.accounting("lost"), 0, "{outcome}");
    assert_eq!(nginx.access_log().len(), 4);
    outcome
}

/// The exchange of each row, sorted.
fn exchanges(outcome: &Outcome) -> Vec<String> {
    let mut exchanges: Vec<_> = outcome.rows().iter().map(exchange).collect();
    exchanges.sort();
    exchanges
}

#[test]
fn a_bridge_shows_packets_on_several_interfaces_and_each_exchange_once() {
    if !can_run(&["nginx", "curl"]) {
        return;
    }
    let (middle, client, server) = (Netns::new(), Netns::new(), Netns::new());
    middle.ip("link add br0 type bridge");
    middle.ip("link set br0 up");
    for (end, address) in [(&client, "10.7.0.1/24"), (&server, "10.7.0.2/24")] {
        let port = if address.contains(".1/") { "left" } else { "right" };
        middle.ip(&format!("link add {port} type veth peer name eth0 netns {}", end.name()));
        middle.ip(&format!("link set {port} master br0 up"));
        end.ip(&format!("addr add {address} dev eth0"));
        end.ip("link set eth0 up");
    }
    let nginx = Nginx::start(&server, "");
    let capture = Capture::start(&middle, &["capture", "--for", "5m", "--format", "ndjson"]);
    ask(&client, "10.7.0.2");
    let outcome = capture.stop().exited(0);
    assert_eq!(exchanges(&outcome), ["GET /s201/a 201", "GET /s404/b 404"]);
    assert!(outcome.accounting("duplicates") > 0, "{outcome}");
    assert_eq!(nginx.access_log().len(), 2);
}

#[test]
fn exchanges_outside_the_port_network_or_status_asked_for_are_no_rows() {
    if !can_run(&["nginx", "curl"]) {
        return;
    }
    let netns = Netns::new();
    let _nginx = Nginx::start(&netns, "");
    let options = ["--for", "5m", "--format", "ndjson"];
    let start = |filter: &[&str]| Capture::start(&netns, &[&["capture"], &options[..], filter].concat());
    let runs = [
        (start(&["--port", "9999"]), 0),
        (start(&["--port", "80,8000-8999"]), 4),
        (start(&["--net", "127.0.0.0/8"]), 2),
        (start(&["--net", "::1/128"]), 2),
        (start(&["--net", "10.0.0.0/8"]), 0),
    ];
    let chosen = start(&["--status", "4xx"]);
    ask(&netns, "127.0.0.1");
    ask(&netns, "[::1]");
    for (capture, expected) in runs {
        let outcome = capture.stop().exited(0);
        assert_eq!(outcome.rows().len(), expected, "{outcome}");
    }
    let chosen = chosen.stop().exited(0);
    assert_eq!((chosen.rows().len(), chosen.accounting("filtered")), (2, 2), "{chosen}");
}

/// `GET /s201/a` and `GET /s404/b`.
fn ask(netns: &Netns, host: &str) {
    let urls = ["/s201/a", "/s404/b"].map(|path| format!("http://{host}:8080{path}"));
    run(netns.command("curl").args(["--disable", "--silent", "--globoff"]).args(urls));
}

#[test]
fn the_columns_of_a_row_say_who_asked_whom_for_what() {
    if !can_run(&["nginx", "curl"]) {
        return;
    }
    let netns = Netns::new();
    let nginx = Nginx::start(&netns, "add_header X-Answer yes always;");
    let capture =
        Capture::start(&netns, &["capture", "--for", "5m", "--format", "csv", "--header", "x-question", "--header", "response:x-answer"]);
    let url = "http://127.0.0.1:8080/s404/b";
    let headers = ["-A", "asker/1", "-H", "X-Question: why", "-H", "X-Request-Id: id-7", "-H", "Host: api.example", "-u", "user:pass"];
    run(netns.command("curl").args(["--disable", "--silent", url]).args(headers));
    let outcome = capture.stop().exited(0);
    nginx.access_log();
    let text = outcome.text();
    let heading = text.lines().next().expect("a heading");
    let (fixed, added) = heading.split_at(heading.rfind("flags").expect("flags come last") + "flags".len());
    assert_eq!(
        fixed,
        "time,probe,pid,comm,src,src_port,dst,dst_port,http_version,method,host,path,status,response_time_ms,\
         duration_ms,request_bytes,response_bytes,content_type,api_version,auth,user_agent,request_id,flags"
    );
    assert_eq!(added.matches(',').count(), 2, "{heading}");
    let rows = outcome.csv_rows();
    assert_eq!(rows.len(), 1, "{outcome}");
    let row = &rows[0];
    for (column, value) in [
        ("probe", "sock-http"),
        ("src", "127.0.0.1"),
        ("dst", "127.0.0.1"),
        ("dst_port", "8080"),
        ("host", "api.example"),
        ("auth", "basic"),
        ("user_agent", "asker/1"),
        ("request_id", "id-7"),
    ] {
        assert_eq!(row[column], value, "{column} in {text}");
    }
    let cells: Vec<_> = text.lines().nth(1).expect("a row").split(',').collect();
    assert_eq!(cells[cells.len() - 2..], ["why", "yes"], "{text}");
}

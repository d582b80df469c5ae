//! `ehl stats` and its companions on live traffic, against what the servers logged: in clear, within TLS, HTTP/2, and the same
//! traffic from a file.

mod support;

use std::collections::BTreeMap;
use std::process::Stdio;

use serde_json::Value;
use support::can_run;
use support::capture::{Capture, ehl_here};
use support::lines::assert_same_lines;
use support::netns::Netns;
use support::nginx::{Nginx, STATUSES};
use support::process::Running;
use support::tcpdump::Recording;
use support::tls::certificate::Certificates;
use support::tls::client;
use support::tls::exchange::Request;
use support::tls::server::{Kind, Server};

/// `METHOD TEMPLATE REQUESTS ERRORS` of each row, sorted.
fn lines(rows: &[Value]) -> Vec<String> {
    let text = |row: &Value, column: &str| row[column].as_str().unwrap_or("-").to_owned();
    let line = |row: &Value| format!("{} {} {} {}", text(row, "method"), text(row, "path"), row["requests"], row["errors"]);
    let mut lines: Vec<_> = rows.iter().map(line).collect();
    lines.sort();
    lines
}

/// The same of a server's log.
fn logged<'a>(log: impl IntoIterator<Item = (&'a str, &'a str, u64)>) -> Vec<String> {
    let mut groups: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for (method, path, status) in log {
        let (folder, _) = path.rsplit_once('/').expect("a path");
        let (requests, errors) = groups.entry(format!("{method} {folder}/{{id}}")).or_default();
        *requests += 1;
        *errors += u64::from(status >= 400);
    }
    groups.iter().map(|(group, (requests, errors))| format!("{group} {requests} {errors}")).collect()
}

/// Four clients at once ask for every status, over HTTP/1.1 or HTTP/2.
fn ask(netns: &Netns, http2: bool) {
    let mut clients: Vec<_> = (0..4)
        .map(|client| {
            let path = |index: usize| format!("s{}/{}", STATUSES[index % STATUSES.len()], 1000 * client + index);
            let mut command = netns.command(if http2 { "nghttp" } else { "curl" });
            command.args(if http2 { &["--null-out"][..] } else { &["--disable", "--silent"] });
            command.args((0..150).map(|index| format!("http://127.0.0.1:8080/{}", path(index))));
            Running::start(command.stdout(Stdio::null()))
        })
        .collect();
    for client in &mut clients {
        assert!(client.wait().success());
    }
}

#[track_caller]
fn assert_counts_of_nginx(http2: bool) {
    if !can_run(&["nginx", "curl", "nghttp", "tcpdump"]) {
        return;
    }
    let netns = Netns::new();
    let nginx = Nginx::start_on(&netns, if http2 { "listen 8080 http2;" } else { "listen 8080;" }, "");
    let recording = Recording::start(&netns);
    let options = ["--for", "5m", "--port", "8080", "--format", "ndjson", "--fail-on-loss"];
    let live = |command: &[&str]| Capture::start(&netns, &[command, &options[..]].concat());
    let (stats, headers) = (live(&["stats"]), live(&["top-headers", "--top", "100"]));
    ask(&netns, http2);
    let (stats, headers) = (stats.stop().exited(0), headers.stop().exited(0));
    let (_folder, file) = recording.finish();
    let log = nginx.access_log();
    assert_eq!(log.len(), 600);
    let entries = log.iter().map(|line| {
        let words: Vec<_> = line.split(' ').collect();
        (words[0], words[1], words[2].parse().expect("a status"))
    });
    let rows = stats.rows();
    assert_same_lines(&lines(&rows), &logged(entries));
    let agent = headers.rows().into_iter().find(|row| row["name"] == "user-agent").expect("clients name themselves");
    assert_eq!((&agent["messages"], &agent["distinct"]), (&600.into(), &1.into()));

    // The same packets, seen by somebody else.
    let file = file.to_str().expect("text");
    let read = ehl_here(&["stats", "--read", file, "--format", "ndjson"]).exited(0).rows();
    assert_same_lines(&lines(&read), &lines(&rows));
    let sizes = |rows: &[Value]| {
        let mut sizes: Vec<_> =
            rows.iter().map(|row| format!("{} {} {}", row["path"], row["request_bytes"], row["response_bytes"])).collect();
        sizes.sort();
        sizes
    };
    assert_same_lines(&sizes(&read), &sizes(&rows));
}

#[test]
fn the_counts_are_those_of_nginx_and_of_a_recording() {
    assert_counts_of_nginx(false);
}

#[test]
fn the_counts_of_http2_are_too() {
    assert_counts_of_nginx(true);
}

#[test]
fn within_tls_each_end_has_its_own_counts() {
    if !can_run(&["nginx", "curl", "openssl"]) {
        return;
    }
    let netns = Netns::new();
    let certificates = Certificates::make();
    let server = Server::start(&netns, Kind::Nginx(2), &certificates);
    let options = ["--probe", "ssl-uprobe", "--for", "5m", "--format", "ndjson"];
    let live = |more: &[&str]| Capture::start(&netns, &[&["stats"], &options[..], more].concat());
    let (endpoints, processes) = (live(&["--comm", "nginx"]), live(&["--by", "pid"]));
    let requests: Vec<_> = (0..40).map(|index| Request::get(format!("/s{}/{index}", [200, 404, 503][index % 3]))).collect();
    let talks = [client::Kind::Curl, client::Kind::CurlHttp2].map(|kind| client::talk(&netns, kind, "127.0.0.1", &certificates, &requests));
    let (endpoints, processes) = (endpoints.stop().exited(0), processes.stop().exited(0));
    let exchanges = talks.iter().flat_map(|talk| &talk.exchanges);
    let entries = exchanges.map(|exchange| (exchange.method.as_str(), exchange.path.as_str(), exchange.status));
    assert_same_lines(&lines(&endpoints.rows()), &logged(entries));
    let of_client = |talk: &client::Talk| processes.rows().into_iter().find(|row| row["pid"] == talk.pid).expect("a row");
    for talk in &talks {
        assert_eq!(of_client(talk)["requests"], 40);
    }
    let all: u64 = processes.rows().iter().filter_map(|row| row["requests"].as_u64()).sum();
    assert_eq!(all, 4 * 40, "both ends of each exchange");
    drop(server);
}

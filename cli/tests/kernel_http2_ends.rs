//! How HTTP/2 begins and ends where it is not one answer to one request on a connection made for it: upgrades, pushes,
//! trailers, resets, and servers that have enough.

mod support;

use serde_json::Value;
use support::can_run;
use support::capture::Capture;
use support::h2_client::{Answer, H2Client};
use support::lines::{assert_same_lines, lines};
use support::netns::{Netns, run};
use support::nghttpd::Nghttpd;
use support::nghttpx::Nghttpx;
use support::nginx::Nginx;
use support::outcome::Outcome;
use support::script::python;
use tempfile::TempDir;

const COLUMNS: [&str; 8] =
    ["--for", "5m", "--format", "ndjson", "--columns", "src_port,stream_id,method,path,status,host,response_bytes,flags", "--port", "8080"];

fn start(netns: &Netns) -> Capture {
    Capture::start(netns, &[&["capture"], &COLUMNS[..]].concat())
}

/// The same where [`Nghttpx`] listens.
fn start_before_proxy(netns: &Netns) -> Capture {
    Capture::start(netns, &[&["capture"], &COLUMNS[..7], &["8088"]].concat())
}

fn paired(outcome: &Outcome) -> Vec<Value> {
    let unpaired = ["lost", "unpaired_requests", "unpaired_responses"].map(|key| outcome.accounting(key));
    assert_eq!(unpaired, [0; 3], "{outcome}");
    outcome.rows()
}

#[test]
fn an_upgrade_is_one_row_with_the_status_of_the_answer() {
    if !can_run(&["nginx", "nghttpx", "curl"]) {
        return;
    }
    let netns = Netns::new();
    let _nginx = Nginx::start(&netns, "");
    let nghttpx = Nghttpx::start(&netns);
    let capture = start_before_proxy(&netns);
    let urls = ["/s404/upgraded", "/s201/after"].map(|path| format!("http://127.0.0.1:8088{path}"));
    run(netns.command("curl").args(["--disable", "--silent", "--http2"]).args(urls));
    let outcome = capture.stop().exited(0);
    let exchanges = lines(&paired(&outcome), &["method", "path", "status", "host"]);
    assert_eq!(exchanges, ["GET /s201/after 201 127.0.0.1:8088", "GET /s404/upgraded 404 127.0.0.1:8088"]);
    assert_eq!(exchanges, nghttpx.access_log(2));
}

#[test]
fn an_upgraded_upload_is_one_row_with_the_status_of_the_answer() {
    if !can_run(&["nginx", "nghttpx", "curl", "nghttp"]) {
        return;
    }
    let netns = Netns::new();
    let _nginx = Nginx::start(&netns, "");
    let nghttpx = Nghttpx::start(&netns);
    let capture = start_before_proxy(&netns);
    let url = "http://127.0.0.1:8088/s201/up";
    run(netns.command("curl").args(["--disable", "--silent", "--http2", "--data", "some=form&of=data", url]));
    // Asks for the upgrade with `OPTIONS *`, which nginx refuses, and then uploads.
    let (_folder, body) = body();
    run(netns.command("nghttp").args(["-n", "--upgrade", &body, url]));
    let outcome = capture.stop().exited(0);
    let exchanges = lines(&paired(&outcome), &["method", "path", "status", "host"]);
    assert_eq!(exchanges, ["OPTIONS * 400 127.0.0.1:8088", "POST /s201/up 201 127.0.0.1:8088", "POST /s201/up 201 127.0.0.1:8088"]);
    assert_eq!(exchanges, nghttpx.access_log(3));
}

/// The option of nghttp that uploads a file, which is there as long as the folder.
fn body() -> (TempDir, String) {
    let folder = tempfile::tempdir().expect("a folder for the body");
    let file = folder.path().join("body");
    std::fs::write(&file, "b".repeat(100)).expect("the body is written");
    let option = format!("--data={}", file.to_str().expect("a path of plain letters"));
    (folder, option)
}

#[test]
fn a_hundred_streams_of_curl_after_an_upgrade_are_the_rows_of_the_log_of_nghttpx() {
    if !can_run(&["nginx", "nghttpx", "curl"]) {
        return;
    }
    let netns = Netns::new();
    let _nginx = Nginx::start(&netns, "");
    let nghttpx = Nghttpx::start(&netns);
    let capture = start_before_proxy(&netns);
    let mut curl = netns.command("curl");
    curl.args(["--disable", "--silent", "--http2", "--parallel", "--parallel-max", "100", "--output", "/dev/null"]);
    run(curl.arg("http://127.0.0.1:8088/s200/[1-500]"));
    let outcome = capture.stop().exited(0);
    let logged = nghttpx.access_log(500);
    assert_eq!(logged.len(), 500);
    assert_same_lines(&lines(&paired(&outcome), &["method", "path", "status", "host"]), &logged);
}

#[test]
fn what_a_server_pushes_are_rows_that_say_so() {
    if !can_run(&["nghttpd", "nghttp"]) {
        return;
    }
    let netns = Netns::new();
    let nghttpd = Nghttpd::start(&netns, &["--push=/=/a.css,/b.js"]);
    let capture = start(&netns);
    run(netns.command("nghttp").args(["-n", "http://127.0.0.1:8080/"]));
    let outcome = capture.stop().exited(0);
    let rows = lines(&paired(&outcome), &["stream_id", "method", "path", "status", "host", "flags"]);
    assert_eq!(rows, ["13 GET / 200 127.0.0.1:8080 []", "2 GET /a.css 200 127.0.0.1:8080 [push]", "4 GET /b.js 200 127.0.0.1:8080 [push]"]);
    assert_eq!(nghttpd.said("send PUSH_PROMISE"), 2);
}

#[test]
fn trailers_are_no_exchange_of_their_own() {
    if !can_run(&["nghttpd", "nghttp"]) {
        return;
    }
    let netns = Netns::new();
    let nghttpd = Nghttpd::start(&netns, &["--trailer", "x-checksum: 12", "--echo-upload"]);
    let capture = start(&netns);
    let nghttp = |arguments: &[&str]| run(netns.command("nghttp").arg("-n").args(arguments));
    nghttp(&["http://127.0.0.1:8080/a.css", "http://127.0.0.1:8080/nosuch"]);
    let (_folder, body) = body();
    nghttp(&[&body, "--trailer", "x-sent: 7", "http://127.0.0.1:8080/b.js"]);
    let outcome = capture.stop().exited(0);
    let rows = lines(&paired(&outcome), &["stream_id", "method", "path", "status", "flags"]);
    assert_eq!(rows, ["13 GET /a.css 200 []", "13 POST /b.js 200 []", "15 GET /nosuch 404 []"]);
    assert_eq!(nghttpd.said("x-checksum: 12"), 3);
}

#[test]
fn a_stream_that_its_client_resets_is_a_row_that_says_so() {
    if !can_run(&["nginx", &python()]) {
        return;
    }
    let netns = Netns::new();
    let nginx = Nginx::start_on(&netns, "listen 8080 http2;", SLOW);
    std::fs::write(nginx.folder().join("slow"), vec![b's'; 1 << 20]).expect("the file is written");
    let capture = start(&netns);
    let mut client = H2Client::start(&netns);
    assert_eq!(client.get(&["/s201/before".into()]), [Answer { stream: 1, status: Some(201) }]);
    assert_eq!(client.get_until("/slow", 100), Answer { stream: 3, status: Some(200) });
    assert_eq!(client.get(&["/s404/after".into()]), [Answer { stream: 5, status: Some(404) }]);
    client.finish();
    let outcome = capture.stop().exited(0);
    let rows = lines(&paired(&outcome), &["stream_id", "method", "path", "status", "flags"]);
    assert_eq!(rows, ["1 GET /s201/before 201 []", "3 GET /slow 200 [rst]", "5 GET /s404/after 404 []"]);
    assert_eq!(nginx.access_log().len(), 3);
}

/// Too slow for any client to see its end.
const SLOW: &str = "location /slow { root .; limit_rate 1k; }";

#[test]
fn a_response_that_its_client_does_not_wait_for_is_a_row() {
    if !can_run(&["nginx", "curl"]) {
        return;
    }
    let netns = Netns::new();
    let nginx = Nginx::start_on(&netns, "listen 8080 http2;", SLOW);
    std::fs::write(nginx.folder().join("slow"), vec![b's'; 1 << 20]).expect("the file is written");
    let capture = start(&netns);
    let mut curl = netns.command("curl");
    curl.args("--disable --silent --http2-prior-knowledge --max-time 1 --output /dev/null http://127.0.0.1:8080/slow".split(' '));
    // It closes the connection, and says that time is up.
    assert_eq!(curl.output().expect("curl starts").status.code(), Some(28));
    let outcome = capture.stop().exited(0);
    assert_eq!(lines(&paired(&outcome), &["stream_id", "method", "path", "status"]), ["1 GET /slow 200"]);
    assert_eq!(nginx.access_log(), ["GET /slow 200 127.0.0.1"]);
}

#[test]
fn requests_that_a_server_will_not_process_are_rows_that_say_so() {
    if !can_run(&["nginx", "nghttp"]) {
        return;
    }
    let netns = Netns::new();
    let nginx = Nginx::start_on(&netns, "listen 8080 http2;", "keepalive_requests 3;");
    let capture = start(&netns);
    let urls = (1..=5).map(|number| format!("http://127.0.0.1:8080/s200/{number}"));
    // Fails, because not all is answered.
    netns.command("nghttp").arg("-n").args(urls).output().expect("nghttp starts");
    let outcome = capture.stop().exited(0);
    let rows = lines(&outcome.rows(), &["stream_id", "method", "path", "status", "flags"]);
    assert_eq!(
        rows,
        [
            "13 GET /s200/1 200 []",
            "15 GET /s200/2 200 []",
            "17 GET /s200/3 200 []",
            "19 GET /s200/4 - [goaway]",
            "21 GET /s200/5 - [goaway]",
        ]
    );
    assert_eq!((outcome.accounting("lost"), outcome.accounting("unpaired_requests")), (0, 2), "{outcome}");
    assert_eq!(nginx.access_log().len(), 3);
}

#[test]
fn connections_that_a_server_ends_lose_nothing() {
    if !can_run(&["nginx", "curl"]) {
        return;
    }
    let netns = Netns::new();
    let nginx = Nginx::start_on(&netns, "listen 8080 http2;", "keepalive_requests 1;");
    let capture = start(&netns);
    for number in 0..20 {
        let url = format!("http://127.0.0.1:8080/s200/{number}");
        run(netns.command("curl").args(["--disable", "--silent", "--http2-prior-knowledge", &url]));
    }
    let outcome = capture.stop().exited(0);
    let logged = nginx.detailed_log();
    assert_eq!(logged.len(), 20);
    let columns = ["src_port", "method", "path", "status", "host", "response_bytes"];
    assert_same_lines(&lines(&paired(&outcome), &columns), &logged);
}

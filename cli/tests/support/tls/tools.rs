//! `curl` and `nghttp`, each a process for a list of requests.

use std::process::Stdio;

use super::body;
use super::certificate::{Certificates, text};
use super::client::{Answer, authority};
use super::exchange::Request;
use crate::support::netns::Netns;
use crate::support::process::Running;

/// The pid, and the answers.
pub(crate) fn curl(netns: &Netns, http2: bool, host: &str, certificates: &Certificates, requests: &[Request]) -> (u32, Vec<Answer>) {
    let mut curl = netns.command("curl");
    curl.args(["--disable", "--fail-early"]);
    for (index, request) in requests.iter().enumerate() {
        curl.args((index > 0).then_some("--next")).args(arguments(http2, host, certificates, request));
    }
    let (pid, printed) = finish(Running::start(curl.stdin(Stdio::null()).stdout(Stdio::piped())));
    (pid, printed.lines().map(answer).collect())
}

fn arguments(http2: bool, host: &str, certificates: &Certificates, request: &Request) -> Vec<String> {
    let Request { method, path, body: len, last } = request;
    let authority = certificates.file("authority.pem");
    let said = "%{http_code} %{local_ip} %{local_port}\n";
    let mut arguments =
        vec!["--silent", "--globoff", "--noproxy", "*", "--cacert", &authority, "--output", "/dev/null", "--write-out", said];
    arguments.push(if http2 { "--http2" } else { "--http1.1" });
    arguments.extend(if *method == "HEAD" { ["--head", "--silent"] } else { ["--request", method] });
    let data = format!("@{}", text(&body::file(certificates, *len)));
    if *len > 0 {
        arguments.extend(["--header", "Expect:", "--data-binary", &data]);
    }
    // In HTTP/2 a connection ends with its process.
    if *last && !http2 {
        arguments.extend(["--header", "Connection: close"]);
    }
    let url = format!("https://{}{path}", self::authority(host));
    arguments.push(&url);
    arguments.into_iter().map(str::to_owned).collect()
}

fn answer(line: &str) -> Answer {
    let words: Vec<_> = line.split(' ').collect();
    let number = |word: &str| word.parse().expect("a number");
    Answer { status: number(words[0]), client: Some((words[1].to_owned(), number(words[2]))) }
}

/// The pid, and the statuses, all at the same time on one connection.
pub(crate) fn nghttp(netns: &Netns, host: &str, requests: &[Request]) -> (u32, Vec<Answer>) {
    let urls = requests.iter().map(|request| format!("https://{}{}", authority(host), request.path));
    let mut nghttp = netns.command("nghttp");
    nghttp.args(["--null-out", "--stat"]).args(urls);
    let (pid, printed) = finish(Running::start(nghttp.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null())));
    // Of each there is a line that ends with its status, its size and its path, in the order of their ends.
    let status_of = |request: &Request| {
        let line = printed.lines().find(|line| line.split_whitespace().last() == Some(&request.path));
        let words: Vec<_> = line.unwrap_or_else(|| panic!("{} in {printed}", request.path)).split_whitespace().rev().collect();
        words[2].parse().expect("a status")
    };
    (pid, requests.iter().map(|request| Answer { status: status_of(request), client: None }).collect())
}

/// The pid of what was a process, and what it printed.
#[track_caller]
pub(crate) fn finish(mut process: Running) -> (u32, String) {
    let stdout = process.child().stdout.take().expect("stdout is piped");
    let printed = std::io::read_to_string(stdout).expect("text");
    let status = process.wait();
    assert!(status.success(), "{status}: {printed}");
    (process.pid(), printed)
}

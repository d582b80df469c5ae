//! `openssl s_client` with requests that are written to its stdin.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};

use super::certificate::Certificates;
use super::client::{Answer, authority};
use super::exchange::Request;
use crate::support::netns::Netns;
use crate::support::process::Running;

/// The pid, and the answers. All on one connection; the last request is the one that ends it.
pub(crate) fn s_client(netns: &Netns, host: &str, certificates: &Certificates, requests: &[Request]) -> (u32, Vec<Answer>) {
    let authority_file = certificates.file("authority.pem");
    s_client_of(netns.command("openssl"), host, &authority_file, requests)
}

/// The same of an `openssl` of the test's own choice.
pub(crate) fn s_client_of(mut command: Command, host: &str, authority_file: &str, requests: &[Request]) -> (u32, Vec<Answer>) {
    command.args(["s_client", "-quiet", "-verify_return_error", "-servername", "localhost", "-connect", &authority(host)]);
    command.args(["-CAfile", authority_file]);
    let mut process = Running::start(command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()));
    let mut stdin = process.child().stdin.take().expect("stdin is piped");
    let mut stdout = BufReader::new(process.child().stdout.take().expect("stdout is piped"));
    let answers = requests.iter().map(|request| {
        let Request { method, path, last, .. } = request;
        let connection = if *last { "close" } else { "keep-alive" };
        let head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: {connection}\r\n\r\n", authority(host));
        stdin.write_all(head.as_bytes()).expect("the client reads");
        let mut status = String::new();
        stdout.read_line(&mut status).expect("the client prints");
        if !last {
            skip_rest(&mut stdout);
        }
        let status = status.split(' ').nth(1).and_then(|status| status.parse().ok());
        Answer { status: status.unwrap_or_else(|| panic!("no answer to {path}")), client: None }
    });
    let answers = answers.collect();
    std::io::copy(&mut stdout, &mut std::io::sink()).expect("the client prints");
    process.wait();
    (process.pid(), answers)
}

/// Up to the end of a body whose length is given.
fn skip_rest(stdout: &mut impl std::io::BufRead) {
    let mut length = 0;
    loop {
        let mut line = String::new();
        stdout.read_line(&mut line).expect("the client prints");
        match line.trim_end().to_lowercase().split_once(": ") {
            Some(("content-length", value)) => length = value.parse().expect("a length"),
            Some(_) => {}
            None => break,
        }
    }
    stdout.read_exact(&mut vec![0; length]).expect("a whole body");
}

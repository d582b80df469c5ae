//! A mock of the API of a language model, and what it says of its answers.

use std::io::Read as _;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::h2_client::H2Client;
use super::netns::Netns;
use super::outcome::ndjson;
use super::process::{Running, wait_until_listening};
use super::script::Script;
use super::tls::certificate::Certificates;
use super::tls::node::Node;

/// How it is spoken to: names of `llm_server.js`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    Http,
    Https,
    Http2,
    Http2Tls,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
            Self::Http2 => "http2",
            Self::Http2Tls => "http2s",
        }
    }

    pub(crate) fn has_tls(self) -> bool {
        matches!(self, Self::Https | Self::Http2Tls)
    }
}

/// A running server.
pub(crate) struct Server {
    script: Script,
    kind: Kind,
    certificates: Certificates,
}

impl Server {
    pub(crate) fn start(netns: &Netns, kind: Kind) -> Self {
        let certificates = Certificates::make();
        let mut script = Node::Debian.script(netns, "llm_server.js", &[kind.name(), &certificates.file("")]);
        wait_until_listening(script.process(), 8080);
        Self { script, kind, certificates }
    }

    pub(crate) fn pid(&mut self) -> u32 {
        self.script.process().pid()
    }

    /// Asks both APIs in turn, for `answers` one after the other by each of `clients`, or on as many streams at a time.
    pub(crate) fn ask(&self, netns: &Netns, clients: usize, answers: usize) {
        let path = |number: usize| {
            let api = if number.is_multiple_of(2) { "v1/messages" } else { "v1/chat/completions" };
            format!("/{api}/{}", number / 2)
        };
        let paths = |client: usize| (0..answers).map(move |index| path(index * clients + client));
        let all: Vec<Vec<String>> = (0..clients).map(|client| paths(client).collect()).collect();
        match self.kind {
            // curl fails when it takes up a clear connection again (7.88).
            Kind::Http2 => {
                let mut client = H2Client::start(netns);
                for index in 0..answers {
                    client.get(&all.iter().map(|paths| paths[index].clone()).collect::<Vec<_>>());
                }
                client.finish();
            }
            Kind::Http => curl_all(netns, "--http1.1", "http", &self.certificates, &all),
            Kind::Https => curl_all(netns, "--http1.1", "https", &self.certificates, &all),
            Kind::Http2Tls => curl_all(netns, "--http2", "https", &self.certificates, &all),
        }
    }

    /// A client that has the beginning of an answer that takes a minute.
    #[track_caller]
    pub(crate) fn begin(&self, netns: &Netns) -> Running {
        let (version, scheme) = if self.kind == Kind::Http2Tls { ("--http2", "https") } else { ("--http1.1", "http") };
        let mut command = curl(netns, version, scheme, &self.certificates, &["/v1/messages/1000".to_owned()]);
        let mut client = Running::start(command.stdout(Stdio::piped()));
        let mut first = [0];
        client.child().stdout.as_mut().expect("stdout is piped").read_exact(&mut first).expect("the answer begins");
        client
    }

    /// Ends the server, and returns a line of its log for each answer.
    pub(crate) fn finish(self) -> Vec<Value> {
        self.script.finish();
        ndjson(&std::fs::read(self.certificates.folder().join("log")).expect("the server wrote its log"))
    }
}

/// A client for each list of paths, all at once.
#[track_caller]
fn curl_all(netns: &Netns, version: &str, scheme: &str, certificates: &Certificates, lists: &[Vec<String>]) {
    let start = |paths: &Vec<String>| Running::start(curl(netns, version, scheme, certificates, paths).stdout(Stdio::null()));
    let mut running: Vec<_> = lists.iter().map(start).collect();
    assert!(running.iter_mut().all(|client| client.wait().success()), "a client fails");
}

fn curl(netns: &Netns, version: &str, scheme: &str, certificates: &Certificates, paths: &[String]) -> Command {
    let mut command = netns.command("curl");
    command.args(["--disable", "--silent", "--show-error", "--no-buffer", "--ipv4", "--noproxy", "*", version]);
    command.args(["--cacert", &certificates.file("authority.pem")]);
    command.args(paths.iter().map(|path| format!("{scheme}://localhost:8080{path}")));
    command
}

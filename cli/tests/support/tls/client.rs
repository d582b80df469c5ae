//! The clients.

use serde_json::Value;

use super::certificate::Certificates;
use super::exchange::{Exchange, Request, client_of};
use super::node::Node;
use super::s_client::s_client;
use super::tools::{curl, nghttp};
use crate::support::netns::Netns;
use crate::support::process::{Running, comm_of};
use crate::support::script::Script;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    Curl,
    CurlHttp2,
    Nghttp,
    /// A kind of `tls_client.py`.
    Python(&'static str),
    /// A kind of `tls_client.js`.
    Node(Node, &'static str),
    SClient,
}

impl Kind {
    /// What the paths of its requests have in them.
    pub(crate) fn name(self) -> String {
        format!("{self:?}").to_lowercase().replace(|letter: char| !letter.is_alphanumeric(), "")
    }

    pub(crate) fn speaks_http2(self) -> bool {
        matches!(self, Self::CurlHttp2 | Self::Nghttp | Self::Node(_, "http2"))
    }

    /// Whether rows must have its addresses: its TLS is over a socket that it reads and writes in the same calls.
    pub(crate) fn has_addresses(self) -> bool {
        matches!(self, Self::Curl | Self::CurlHttp2 | Self::SClient | Self::Python("http.client"))
    }
}

/// What one process asked, and was answered.
pub(crate) struct Talk {
    pub(crate) pid: u64,
    pub(crate) comm: String,
    pub(crate) kind: Kind,
    /// The server's address.
    pub(crate) host: &'static str,
    pub(crate) exchanges: Vec<Exchange>,
}

/// Starts a client, lets it make these requests, and waits for its end. All statuses are as asked for.
#[track_caller]
pub(crate) fn talk(netns: &Netns, kind: Kind, host: &'static str, certificates: &Certificates, requests: &[Request]) -> Talk {
    Asker::start(netns, kind, host, certificates).ask(netns, certificates, requests)
}

/// A client of any kind. What can wait for its requests is there from the start.
pub(crate) enum Asker {
    Waiting(Client),
    OneShot(Kind, &'static str),
}

impl Asker {
    pub(crate) fn start(netns: &Netns, kind: Kind, host: &'static str, certificates: &Certificates) -> Self {
        match kind {
            Kind::Python(_) | Kind::Node(..) => Self::Waiting(Client::start(netns, kind, host, certificates)),
            Kind::Curl | Kind::CurlHttp2 | Kind::Nghttp | Kind::SClient => Self::OneShot(kind, host),
        }
    }

    /// Makes these requests, and waits for its end.
    #[track_caller]
    pub(crate) fn ask(self, netns: &Netns, certificates: &Certificates, requests: &[Request]) -> Talk {
        let (kind, host) = match self {
            Self::OneShot(kind, host) => (kind, host),
            Self::Waiting(mut client) => {
                let talk = client.ask(requests);
                client.finish();
                return talk;
            }
        };
        let (program, (pid, answers)) = match kind {
            Kind::Nghttp => ("nghttp", nghttp(netns, host, requests)),
            Kind::SClient => ("openssl", s_client(netns, host, certificates, requests)),
            _ => ("curl", curl(netns, kind.speaks_http2(), host, certificates, requests)),
        };
        Talk::new(kind, host, pid, program.to_owned(), requests, answers)
    }
}

/// As a URL and a `Host` have it.
pub(crate) fn authority(host: &str) -> String {
    if host.contains(':') { format!("[{host}]:8080") } else { format!("{host}:8080") }
}

impl Talk {
    #[track_caller]
    pub(crate) fn new(kind: Kind, host: &'static str, pid: u32, comm: String, requests: &[Request], answers: Vec<Answer>) -> Self {
        assert_eq!(answers.len(), requests.len(), "{kind:?} is answered");
        let exchange = |(request, answer): (&Request, Answer)| {
            assert_eq!(answer.status, request.status(), "{kind:?}: {request:?}");
            Exchange {
                method: request.method.into(),
                path: request.path.clone(),
                status: answer.status,
                host: authority(host),
                pid: pid.into(),
                client: answer.client,
            }
        };
        let exchanges = requests.iter().zip(answers).map(exchange).collect();
        Self { pid: pid.into(), comm, kind, host, exchanges }
    }
}

pub(crate) struct Answer {
    pub(crate) status: u64,
    /// The client's own address and port, if it says.
    pub(crate) client: Option<(String, u64)>,
}

/// One that is there for as long as a test wants it, and keeps its connections.
pub(crate) struct Client {
    script: Script,
    kind: Kind,
    host: &'static str,
}

impl Client {
    pub(crate) fn start(netns: &Netns, kind: Kind, host: &'static str, certificates: &Certificates) -> Self {
        let folder = certificates.file("");
        let mut script = match kind {
            Kind::Python(kind) => Script::start(netns, "tls_client.py", &[kind, host, &folder]),
            Kind::Node(node, kind) => node.script(netns, "tls_client.js", &[kind, host, &folder]),
            _ => panic!("{kind:?} is not there for long"),
        };
        // Answered when its libraries are loaded.
        script.ask(&Value::Array(Vec::new()));
        Self { script, kind, host }
    }

    pub(crate) fn process(&mut self) -> &mut Running {
        self.script.process()
    }

    /// One after the other, on one connection at a time.
    #[track_caller]
    pub(crate) fn ask(&mut self, requests: &[Request]) -> Talk {
        self.ask_at_once(&[requests.to_vec()])
    }

    /// Each list on a connection of its own, all at the same time.
    #[track_caller]
    pub(crate) fn ask_at_once(&mut self, lists: &[Vec<Request>]) -> Talk {
        let lines = lists.iter().map(|list| list.iter().map(Request::json).collect::<Value>()).collect();
        let answers = self.script.ask(&lines);
        let answers = answers.as_array().expect("an answer for each request");
        let answer = |answer: &Value| Answer { status: answer["status"].as_u64().expect("a status"), client: client_of(answer) };
        let answers = answers.iter().map(answer).collect();
        let pid = self.process().pid();
        Talk::new(self.kind, self.host, pid, comm_of(pid), &lists.concat(), answers)
    }

    pub(crate) fn finish(self) {
        self.script.finish();
    }
}

//! A real gRPC server and client, and what each says of the calls.

use serde_json::{Value, json};
use tempfile::TempDir;

use super::netns::Netns;
use super::process::wait_until_listening;
use super::script::Script;

/// Listens on port 8080 of IPv4; what it answers follows from the name of the method: see `grpc_server.py`.
pub(crate) struct Server {
    script: Script,
    folder: TempDir,
}

impl Server {
    pub(crate) fn start(netns: &Netns) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the log");
        let log = folder.path().join("calls.ndjson");
        let mut script = Script::start(netns, "grpc_server.py", &["8080", log.to_str().expect("a path of plain letters")]);
        wait_until_listening(script.process(), 8080);
        Self { script, folder }
    }

    /// Ends the server when its calls are done, and returns its log: `PATH STATUS CALL` a line, sorted, `-` for no status.
    pub(crate) fn log(self) -> Vec<String> {
        self.script.finish();
        let log = std::fs::read(self.folder.path().join("calls.ndjson")).expect("the server wrote its log");
        super::lines::lines(&super::outcome::ndjson(&log), &["path", "status", "call"])
    }
}

/// Keeps one connection.
pub(crate) struct Client(Script);

impl Client {
    pub(crate) fn start(netns: &Netns) -> Self {
        Self(Script::start(netns, "grpc_client.py", &["8080"]))
    }

    /// Makes calls at the same time; the status that the client saw of each.
    #[track_caller]
    pub(crate) fn make(&mut self, calls: &[Call]) -> Vec<u64> {
        let calls: Vec<_> = calls.iter().map(Call::json).collect();
        let answers = self.0.ask(&Value::Array(calls));
        let answers = answers.as_array().expect("an answer for each call");
        answers.iter().map(|answer| answer["status"].as_u64().expect("a status")).collect()
    }

    pub(crate) fn finish(self) {
        self.0.finish();
    }
}

/// A call of the server's method `/shop.v1.Orders/NAME`.
#[derive(Clone, Copy)]
pub(crate) struct Call {
    pub(crate) name: &'static str,
    /// Goes along as `x-call`.
    pub(crate) number: usize,
    pub(crate) messages: usize,
    pub(crate) timeout_s: Option<f64>,
    /// After how many answers the client cancels.
    pub(crate) enough: Option<usize>,
}

impl Call {
    /// With one message.
    pub(crate) fn new(name: &'static str, number: usize) -> Self {
        Self { name, number, messages: 1, timeout_s: None, enough: None }
    }

    fn json(&self) -> Value {
        let Self { name, number, messages, timeout_s, enough } = self;
        let path = format!("/shop.v1.Orders/{name}");
        json!({"path": path, "call": number, "messages": messages, "timeout_s": timeout_s, "enough": enough})
    }
}

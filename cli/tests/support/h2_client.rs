//! An HTTP/2 client with one connection that is kept for as long as a test wants it.

use serde_json::{Map, Value, json};

use super::netns::Netns;
use super::script::Script;

/// Speaks to port 8080 of IPv4; its authority is `localhost:8080`.
pub(crate) struct H2Client(Script);

/// What came of a request.
#[derive(Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) stream: u64,
    pub(crate) status: Option<u64>,
}

impl H2Client {
    pub(crate) fn start(netns: &Netns) -> Self {
        Self(Script::start(netns, "h2_client.py", &["8080"]))
    }

    /// Over TLS, to a server whose certificate this authority signed.
    pub(crate) fn start_tls(netns: &Netns, authority: &str) -> Self {
        Self(Script::start(netns, "h2_client.py", &["8080", authority]))
    }

    pub(crate) fn pid(&mut self) -> u32 {
        self.0.process().pid()
    }

    /// `GET`s these at the same time.
    #[track_caller]
    pub(crate) fn get(&mut self, paths: &[String]) -> Vec<Answer> {
        self.make(paths.iter().map(|path| request(path, None)).collect())
    }

    /// Resets the stream when so many bytes of the body have come.
    #[track_caller]
    pub(crate) fn get_until(&mut self, path: &str, enough: usize) -> Answer {
        self.make(vec![request(path, Some(enough))]).pop().expect("one answer")
    }

    fn make(&mut self, requests: Vec<Value>) -> Vec<Answer> {
        let answers = self.0.ask(&Value::Array(requests));
        let answers = answers.as_array().expect("an answer for each request");
        answers
            .iter()
            .map(|answer| Answer { stream: answer["stream"].as_u64().expect("a stream"), status: answer["status"].as_u64() })
            .collect()
    }

    pub(crate) fn finish(self) {
        self.0.finish();
    }
}

fn request(path: &str, enough: Option<usize>) -> Value {
    json!({"method": "GET", "path": path, "headers": Map::new(), "body": 0, "enough": enough})
}

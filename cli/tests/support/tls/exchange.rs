//! Requests, and the lists of them that clients are given.

use serde_json::{Value, json};

/// One request; `last` is the end of its connection.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) body: usize,
    pub(crate) last: bool,
}

impl Request {
    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self { method: "GET", path: path.into(), body: 0, last: false }
    }

    /// With a body of so many bytes.
    pub(crate) fn post(path: impl Into<String>, body: usize) -> Self {
        Self { method: "POST", body, ..Self::get(path) }
    }

    pub(crate) fn last(self) -> Self {
        Self { last: true, ..self }
    }

    /// What the path asks for.
    pub(crate) fn status(&self) -> u64 {
        self.path[2..5].parse().expect("a path begins with a status")
    }

    pub(crate) fn json(&self) -> Value {
        let Self { method, path, body, last } = self;
        json!({"method": method, "path": path, "body": body, "last": last})
    }
}

/// Methods, statuses, bodies both ways and framings, on two connections kept alive and a third, all with `name` in their paths.
pub(crate) fn every_kind(name: &str) -> Vec<Request> {
    vec![
        Request::get(format!("/s200/{name}/0")),
        Request::post(format!("/s201/{name}/1"), 300),
        Request { method: "HEAD", ..Request::get(format!("/s200/{name}/2")) },
        Request::get(format!("/s404/len/3000/{name}")),
        Request::get(format!("/s204/{name}/4")),
        Request::get(format!("/s503/chunked/20000/{name}")).last(),
        Request::get(format!("/s301/{name}/6")),
        Request::post(format!("/s200/{name}/7"), 20_000).last(),
        Request::get(format!("/s429/{name}/8")).last(),
    ]
}

/// For servers and clients that can do no more: each on a connection of its own.
pub(crate) fn plain(name: &str) -> Vec<Request> {
    (0..3).map(|index| Request::get(format!("/s200/{name}/{index}")).last()).collect()
}

/// An exchange as one of its ends knows it.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) status: u64,
    pub(crate) host: String,
    /// The process at this end.
    pub(crate) pid: u64,
    /// The client's address and port, if this end knows.
    pub(crate) client: Option<(String, u64)>,
}

impl Exchange {
    /// Of a line that a server logged.
    pub(crate) fn logged(line: &Value) -> Self {
        let text = |key: &str| line[key].as_str().unwrap_or_else(|| panic!("{key} in {line}")).to_owned();
        let status = line["status"].as_u64().expect("a status");
        let pid = line["pid"].as_u64().expect("a pid");
        Self { method: text("method"), path: text("path"), status, host: text("host"), pid, client: client_of(line) }
    }
}

/// The address and port in an answer or a line of a log.
pub(crate) fn client_of(entry: &Value) -> Option<(String, u64)> {
    Some((entry["client"].as_str()?.to_owned(), entry["client_port"].as_u64()?))
}

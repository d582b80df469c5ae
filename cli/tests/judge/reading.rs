//! What was read of a capture, by whom ever: messages by connection.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// By connection, as `client:port > server:port`.
pub(crate) type Readings = BTreeMap<String, Reading>;

/// The messages of a connection, each direction in its order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) requests: Vec<Request>,
    /// Of final responses.
    pub(crate) statuses: Vec<u16>,
}

/// `path` is the target; of one in absolute form, what follows the authority, which then is `host` (RFC 9112 section 3.2.2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) host: String,
}

impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let requests = self.requests.iter().map(|Request { method, path, host }| format!("{method} {host} {path}"));
        let statuses = self.statuses.iter().map(u16::to_string);
        write!(f, "{} -> {}", requests.collect::<Vec<_>>().join(", "), statuses.collect::<Vec<_>>().join(", "))
    }
}

/// The two do not say the same of a connection.
#[derive(Debug)]
pub(crate) struct Difference {
    pub(crate) capture: String,
    pub(crate) connection: String,
    pub(crate) tshark: String,
    pub(crate) ehl: String,
}

pub(crate) fn differences(capture: &str, tshark: &Readings, ehl: &Readings) -> Vec<Difference> {
    let connections: BTreeSet<_> = tshark.keys().chain(ehl.keys()).collect();
    let text = |readings: &Readings, connection| readings.get(connection).map(ToString::to_string).unwrap_or_default();
    connections
        .into_iter()
        .filter(|connection| tshark.get(*connection) != ehl.get(*connection))
        .map(|connection| Difference {
            capture: capture.to_owned(),
            connection: connection.clone(),
            tshark: text(tshark, connection),
            ehl: text(ehl, connection),
        })
        .collect()
}

//! The rows of a run, compared with what both ends know.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::client::{Kind, Talk};
use super::exchange::Exchange;
use crate::support::lines::{assert_same_lines, lines};
use crate::support::outcome::Outcome;

pub(crate) const COLUMNS: &str = "pid,comm,src,src_port,dst,dst_port,http_version,method,host,path,status,flags";

/// A capture that goes on until it is stopped; for `capture` of `ehl`.
pub(crate) const CAPTURE: [&str; 9] = ["capture", "--probe", "ssl-uprobe", "--for", "5m", "--format", "ndjson", "--columns", COLUMNS];

/// Nothing else has this status then.
pub(crate) const AFTER_THE_START: &str = "/s403/after-the-start";

/// What both ends of some talks know.
pub(crate) struct Truth<'a> {
    pub(crate) talks: &'a [Talk],
    /// What the server logged.
    pub(crate) logged: &'a [Exchange],
    /// The server's.
    pub(crate) comm: &'a str,
    /// Whether the rows of the server must have addresses.
    pub(crate) server_has_addresses: bool,
}

impl Truth<'_> {
    /// Each exchange is one row of the client and one of the server, and nothing in them is wrong. What other processes of
    /// this host did meanwhile is none of this.
    #[track_caller]
    pub(crate) fn assert_rows(&self, outcome: &Outcome) {
        self.assert_are(&rows_of(outcome, self.pids()));
    }

    /// The same, of a capture that began when these connections were there and their server waited in a call that reads: on
    /// them [`AFTER_THE_START`] was asked first, of which the server's row has no request.
    #[track_caller]
    pub(crate) fn assert_rows_after_the_start(&self, outcome: &Outcome) {
        let (first, rows): (Vec<_>, Vec<_>) = rows_of(outcome, self.pids()).into_iter().partition(|row| row["status"] == 403);
        let right = |row: &Value, column: &str, right: &str| row[column].is_null() || row[column] == right;
        let is_right = |row: &Value| right(row, "path", AFTER_THE_START) && right(row, "method", "GET");
        assert!(first.iter().all(is_right), "{first:#?}");
        assert!((1..=2).contains(&first.len()), "{first:#?}");
        self.assert_are(&rows);
    }

    #[track_caller]
    fn assert_are(&self, rows: &[Value]) {
        self.assert_agreement();
        assert_same_lines(&lines(rows, &["pid", "comm", "method", "path", "status", "host"]), &self.lines());
        let addresses = self.addresses();
        for row in rows {
            self.assert_version(row);
            self.assert_addresses(row, &addresses);
        }
    }

    /// The lists of the clients are the server's.
    #[track_caller]
    fn assert_agreement(&self) {
        let line = |exchange: &Exchange| {
            let Exchange { method, path, status, host, .. } = exchange;
            format!("{method} {path} {status} {host}")
        };
        let mut asked: Vec<_> = self.exchanges().map(line).collect();
        let mut logged: Vec<_> = self.logged.iter().map(line).collect();
        asked.sort();
        logged.sort();
        assert_same_lines(&asked, &logged);
    }

    fn exchanges(&self) -> impl Iterator<Item = &Exchange> {
        self.talks.iter().flat_map(|talk| &talk.exchanges)
    }

    fn pids(&self) -> BTreeSet<u64> {
        self.logged.iter().chain(self.exchanges()).map(|exchange| exchange.pid).collect()
    }

    fn lines(&self) -> Vec<String> {
        let clients = self.talks.iter().flat_map(|talk| talk.exchanges.iter().map(|exchange| (exchange, &talk.comm[..])));
        let servers = self.logged.iter().map(|exchange| (exchange, self.comm));
        let line = |(Exchange { method, path, status, host, pid, .. }, comm): (&Exchange, &str)| {
            format!("{pid} {comm} {method} {path} {status} {host}")
        };
        let mut lines: Vec<_> = clients.chain(servers).map(line).collect();
        lines.sort();
        lines
    }

    /// The client's address and port in each exchange of which an end says them.
    #[track_caller]
    fn addresses(&self) -> BTreeMap<&str, (&str, u64)> {
        let mut addresses = BTreeMap::new();
        for exchange in self.exchanges().chain(self.logged) {
            let Some((address, port)) = &exchange.client else { continue };
            let known = addresses.insert(&exchange.path[..], (&address[..], *port));
            assert!(known.is_none_or(|known| known == (&address[..], *port)), "the ends differ: {exchange:?}, {known:?}");
        }
        addresses
    }

    #[track_caller]
    fn assert_version(&self, row: &Value) {
        let talk = self.talk_of(row);
        let version = row["http_version"].as_str().expect("a version");
        assert_eq!(version == "2", talk.kind.speaks_http2(), "{row}");
        // curl gives up a stream of which all bytes have come before the server has said that there are no more.
        let is_reset = talk.kind == Kind::CurlHttp2 && ["rst", "aborted"].iter().any(|flag| row["flags"] == serde_json::json!([flag]));
        assert!(is_reset || row["flags"] == serde_json::json!([]), "{row}");
    }

    fn talk_of(&self, row: &Value) -> &Talk {
        let is_it = |talk: &&Talk| talk.exchanges.iter().any(|exchange| row["path"] == exchange.path);
        self.talks.iter().find(is_it).expect("a row is of an exchange")
    }

    #[track_caller]
    fn assert_addresses(&self, row: &Value, addresses: &BTreeMap<&str, (&str, u64)>) {
        let talk = self.talk_of(row);
        let required = if row["pid"] == talk.pid { talk.kind.has_addresses() } else { self.server_has_addresses };
        let client = addresses.get(row["path"].as_str().expect("a path"));
        let right = [
            ("src", client.map(|client| client.0.into())),
            ("src_port", client.map(|client| client.1.into())),
            ("dst", Some(talk.host.into())),
            ("dst_port", Some(8080.into())),
        ];
        for (column, right) in right {
            assert!(!(required && row[column].is_null()), "no {column}: {row}");
            assert!(row[column].is_null() || right.is_none_or(|right: Value| row[column] == right), "{column}: {row}, {client:?}");
        }
    }
}

/// The rows of these processes.
pub(crate) fn rows_of(outcome: &Outcome, pids: impl IntoIterator<Item = u64>) -> Vec<Value> {
    let pids: BTreeSet<_> = pids.into_iter().collect();
    let is_theirs = |row: &Value| row["pid"].as_u64().is_some_and(|pid| pids.contains(&pid));
    outcome.rows().into_iter().filter(is_theirs).collect()
}

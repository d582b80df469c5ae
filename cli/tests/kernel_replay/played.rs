//! Recordings sent over a veth pair or read from a file, and the rows that are made of them.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use ehl::stream::Endpoint;
use serde_json::Value;

use crate::recording::{self, Recording, told};
use crate::support::capture::ehl_here;
use crate::support::wire::{Wire, observe_with};

/// The rows of a recording, sorted; without what depends on when and how it was seen.
pub(crate) type Rows = Vec<String>;

type Connection = [SocketAddr; 2];

/// `ehl capture --read FILE`.
#[track_caller]
pub(crate) fn read(file: &Path) -> Rows {
    let file = file.to_str().expect("names are text");
    let outcome = ehl_here(&["capture", "--read", file, "--format", "ndjson"]).exited(0);
    let mut rows: Vec<_> = outcome.rows().into_iter().map(comparable).collect();
    rows.sort();
    rows
}

/// Each as a file.
pub(crate) fn rows_of_recordings(recordings: &[Recording]) -> Vec<Rows> {
    let folder = tempfile::tempdir().expect("a folder for capture files");
    let file = folder.path().join("frames.pcap");
    let rows = |recording: &Recording| {
        recording::write(&file, &recording.frames);
        read(&file)
    };
    recordings.iter().map(rows).collect()
}

/// `ehl capture -i INTERFACE` while the recordings are sent there: as many in one run as have no connection in common.
#[track_caller]
pub(crate) fn play(recordings: &[Recording]) -> Vec<Rows> {
    let connections: Vec<_> = recordings.iter().map(connections).collect();
    let mut rows = vec![Rows::new(); recordings.len()];
    for batch in batches(&connections) {
        let seen = observe_with(&mut Wire::new(), &["-i", "seen", "--port", "1-65535"], |wire| {
            let frames = batch.iter().flat_map(|number| &recordings[*number].frames);
            frames.for_each(|frame| wire.send_frame(&frame.bytes));
        });
        let owner: HashMap<_, _> = batch.iter().flat_map(|number| connections[*number].iter().map(|of| (*of, *number))).collect();
        for row in seen.rows {
            let owner = owner.get(&connection(&row)).unwrap_or_else(|| panic!("a row of no recording: {row}"));
            rows[*owner].push(comparable(row));
        }
    }
    rows.iter_mut().for_each(|rows| rows.sort());
    rows
}

/// Puts the recordings into as few batches as it finds, so that in none two have a connection in common.
fn batches(connections: &[HashSet<Connection>]) -> Vec<Vec<usize>> {
    let mut batches: Vec<(Vec<usize>, HashSet<Connection>)> = Vec::new();
    for (number, of) in connections.iter().enumerate() {
        match batches.iter_mut().find(|(_, taken)| taken.is_disjoint(of)) {
            Some((batch, taken)) => {
                batch.push(number);
                taken.extend(of);
            }
            None => batches.push((vec![number], of.clone())),
        }
    }
    batches.into_iter().map(|(batch, _)| batch).collect()
}

fn connections(recording: &Recording) -> HashSet<Connection> {
    let address = |end: Endpoint| SocketAddr::new(end.ip(), end.port);
    told(&recording.frames).iter().flatten().map(|told| sorted(address(told.from), address(told.to))).collect()
}

fn connection(row: &Value) -> Connection {
    let end = |address: &str, port: &str| {
        let address: IpAddr = row[address].as_str().and_then(|text| text.parse().ok()).expect("a row has addresses");
        let port = row[port].as_u64().and_then(|port| port.try_into().ok()).expect("a row has ports");
        SocketAddr::new(address, port)
    };
    sorted(end("src", "src_port"), end("dst", "dst_port"))
}

fn sorted(one: SocketAddr, other: SocketAddr) -> Connection {
    [one.min(other), one.max(other)]
}

/// A row but for its times, of which only whether there are any is compared, and the probe.
fn comparable(mut row: Value) -> String {
    let cells = row.as_object_mut().expect("a row is an object");
    assert!(cells.remove("time").is_some() && cells.remove("probe").is_some());
    for column in ["response_time_ms", "duration_ms"] {
        let time = cells.get_mut(column).expect("a row has this column");
        *time = Value::Bool(!time.is_null());
    }
    row.to_string()
}

/// The recordings are these rows both times; says of all in which they differ.
#[track_caller]
pub(crate) fn assert_same(recordings: &[Recording], expected: &[Rows], found: &[Rows]) {
    let mut differences = String::new();
    for ((recording, expected), found) in recordings.iter().zip(expected).zip(found) {
        if expected != found {
            let only = |these: &Rows, those: &Rows| these.iter().filter(|row| !those.contains(row)).take(5).cloned().collect::<Vec<_>>();
            writeln!(
                differences,
                "{}: {} rows expected, {} found; missing {:#?}, instead {:#?}",
                recording.name,
                expected.len(),
                found.len(),
                only(expected, found),
                only(found, expected),
            )
            .expect("a string takes text");
        }
    }
    assert!(differences.is_empty(), "{differences}");
}

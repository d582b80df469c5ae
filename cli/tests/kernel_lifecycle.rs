//! How a run of `ehl` ends: by a signal, a deadline, a closed pipe, a full disk, a kill; and that nothing stays.

mod support;

use std::io::{PipeReader, Read as _};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use rustix::process::Signal;
use support::capture::{Capture, ehl};
use support::exchange::exchange_plain;
use support::netns::{Netns, run};
use support::objects::Objects;
use support::outcome::{csv_rows, ndjson};
use support::process::Running;
use support::{HANG, can_run};

/// More rows than a pipe holds.
const MANY: usize = 2000;

#[test]
fn killed_at_any_moment_it_leaves_no_program_map_or_link() {
    if !can_run(&["bpftool"]) {
        return;
    }
    let kills = std::env::var("EHL_KILLS").map_or(20, |kills| kills.parse().expect("a number of kills"));
    let netns = Netns::new();
    let before = Objects::now();
    for kill in 0..kills {
        let mut command = ehl(&netns, &["capture", "--for", "5m", "--format", "csv"]);
        let mut capture = Capture::spawn(&mut command);
        // Every other one dies while it starts, at a moment that differs from run to run.
        if kill % 2 == 0 {
            std::thread::sleep(random_duration());
        } else {
            capture.wait_until("the heading", |capture| !capture.stdout().is_empty());
            exchange_plain(&netns, 10);
        }
        capture.signal(Signal::KILL);
        assert_eq!(capture.finish().code, None);
    }
    assert_eq!(before.left_behind(), [""; 0]);
}

/// Up to 200 ms.
fn random_duration() -> Duration {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("the clock is set");
    Duration::from_millis(u64::from(now.subsec_nanos()) / 1000 % 200)
}

#[test]
fn interrupted_or_terminated_it_prints_what_it_captured() {
    if !can_run(&[]) {
        return;
    }
    for signal in [Signal::INT, Signal::TERM] {
        let netns = Netns::new();
        let options = ["capture", "--for", "5m", "--format"];
        let csv = Capture::start(&netns, &[&options[..], &["csv"]].concat());
        let ndjson = Capture::start(&netns, &[&options[..], &["ndjson"]].concat());
        let json = Capture::start(&netns, &[&options[..], &["json"]].concat());
        exchange_plain(&netns, 5);
        let [csv, ndjson, json] = [csv, ndjson, json].map(|capture| {
            capture.signal(signal);
            capture.finish().exited(0)
        });
        assert_eq!(csv.csv_rows().len(), 5, "{csv}");
        assert_eq!(ndjson.rows().len(), 5, "{ndjson}");
        assert_eq!(ndjson.summary()["stop_reason"], "signal");
        let document: serde_json::Value = serde_json::from_slice(&json.stdout).expect("one document");
        assert_eq!(document["rows"].as_array().map(Vec::len), Some(5), "{json}");
        assert_eq!(document["stop_reason"], "signal");
    }
}

/// A run whose stdout is a pipe that nobody reads until the test does.
fn start_unread(netns: &Netns, duration: &str) -> (Capture, PipeReader) {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let mut command = ehl(netns, &["capture", "--for", duration, "--format", "csv"]);
    let mut capture = Capture::spawn_with_stdout(&mut command, writer.into());
    // The command holds a copy of the writing end until it is gone.
    drop(command);
    capture.wait_until_socket(true);
    capture.wait_until_dropped();
    (capture, reader)
}

#[test]
fn a_reader_that_never_reads_does_not_delay_the_detach() {
    if !can_run(&[]) {
        return;
    }
    let netns = Netns::new();
    let (mut capture, mut reader) = start_unread(&netns, "4s");
    exchange_plain(&netns, MANY);
    capture.wait_until_socket(false);
    assert!(capture.is_running(), "it waits for its reader");
    let mut printed = Vec::new();
    reader.read_to_end(&mut printed).expect("the pipe can be read");
    assert_eq!(csv_rows(&printed).len(), MANY);
    capture.finish().exited(0);
}

#[test]
fn a_second_interrupt_ends_what_waits_for_its_reader() {
    if !can_run(&[]) {
        return;
    }
    let netns = Netns::new();
    let (mut capture, _reader) = start_unread(&netns, "5m");
    exchange_plain(&netns, MANY);
    capture.signal(Signal::INT);
    capture.wait_until_socket(false);
    assert!(capture.is_running(), "it waits for its reader");
    capture.signal(Signal::INT);
    capture.finish().exited(130);
}

#[test]
fn a_reader_that_has_seen_enough_ends_it_quietly() {
    if !can_run(&["head"]) {
        return;
    }
    for format in ["csv", "ndjson", "table"] {
        let netns = Netns::new();
        let mut head = Command::new("head");
        let mut head = Running::start(head.arg("-1").stdin(Stdio::piped()).stdout(Stdio::piped()));
        let stdin = head.child().stdin.take().expect("stdin is piped");
        let mut command = ehl(&netns, &["capture", "--for", "5m", "--format", format]);
        let mut capture = Capture::spawn_with_stdout(&mut command, stdin.into());
        drop(command);
        capture.wait_until_dropped();
        exchange_plain(&netns, 50);
        head.wait();
        exchange_plain(&netns, 50);
        let outcome = capture.finish().exited(0);
        let said = outcome.stderr.to_lowercase();
        for complaint in ["error", "panic", "broken pipe", "backtrace"] {
            assert!(!said.contains(complaint), "{format}: {outcome}");
        }
    }
}

#[test]
fn a_full_disk_is_a_failure_that_is_told() {
    if !can_run(&[]) {
        return;
    }
    let netns = Netns::new();
    let full = || std::fs::File::create("/dev/full").expect("/dev/full is there");
    for format in ["csv", "ndjson", "json", "table"] {
        let mut command = ehl(&netns, &["capture", "--for", "1s", "--format", format]);
        let outcome = Capture::spawn_with_stdout(&mut command, full().into()).finish().exited(1);
        assert!(outcome.stderr.contains("No space left"), "{format}: {outcome}");
        let mut command = ehl(&netns, &["capture", "--for", "1s", "--format", format, "-o", "/dev/full"]);
        let outcome = Capture::spawn(&mut command).finish().exited(1);
        assert!(outcome.stderr.contains("/dev/full"), "{format}: {outcome}");
    }
}

#[test]
fn output_to_a_device_leaves_it_a_device() {
    if !can_run(&["mknod"]) {
        return;
    }
    // A null device of the test's own: a mistake must not cost the machine its /dev/null.
    let folder = tempfile::tempdir().expect("a folder");
    let null = folder.path().join("null");
    run(Command::new("mknod").arg(&null).args(["c", "1", "3"]));
    let netns = Netns::new();
    let path = null.to_str().expect("a path of plain letters");
    let outcome = Capture::spawn(&mut ehl(&netns, &["capture", "--for", "1s", "-o", path])).finish().exited(0);
    assert!(outcome.stdout.is_empty(), "{outcome}");
    assert!(std::fs::metadata(&null).expect("it is still there").file_type().is_char_device());
}

#[test]
fn output_to_a_file_is_whole_or_not_there() {
    if !can_run(&[]) {
        return;
    }
    let netns = Netns::new();
    let folder = tempfile::tempdir().expect("a folder");
    let [new, old] = ["new.ndjson", "old.ndjson"].map(|name| folder.path().join(name));
    std::fs::write(&old, "what was there before").expect("a file can be written");
    let start = |path: &std::path::Path| {
        let path = path.to_str().expect("a path of plain letters");
        Capture::start(&netns, &["capture", "--for", "5m", "--format", "ndjson", "-o", path])
    };

    let killed = [start(&new), start(&old)];
    exchange_plain(&netns, MANY);
    for capture in killed {
        capture.signal(Signal::KILL);
        assert_eq!(capture.finish().code, None);
    }
    assert!(!new.exists(), "half a file is there");
    assert_eq!(std::fs::read_to_string(&old).expect("the old file"), "what was there before");

    // A new file is for its owner only; one that is there keeps the mode that its owner gave it.
    std::fs::set_permissions(&old, std::fs::Permissions::from_mode(0o640)).expect("the old file's mode is set");
    let stopped = [start(&new), start(&old)];
    exchange_plain(&netns, 5);
    for ((capture, path), wanted) in stopped.into_iter().zip([new, old]).zip([0o600, 0o640]) {
        let outcome = capture.stop().exited(0);
        assert!(outcome.stdout.is_empty(), "{outcome}");
        let records = ndjson(&std::fs::read(&path).expect("the output file"));
        let types: Vec<_> = records.iter().filter_map(|record| record["type"].as_str()).collect();
        assert_eq!(types, ["start", "row", "row", "row", "row", "row", "summary"]);
        let mode = std::fs::metadata(&path).expect("the output file").permissions().mode();
        assert_eq!(mode & 0o777, wanted);
    }
}

#[test]
fn the_deadline_holds_while_traffic_goes_on() {
    if !can_run(&[]) {
        return;
    }
    let netns = Netns::new();
    let goes_on = AtomicBool::new(true);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let since = Instant::now();
            while goes_on.load(Ordering::Relaxed) && since.elapsed() < 2 * HANG {
                exchange_plain(&netns, 100);
            }
        });
        let capture = Capture::start(&netns, &["capture", "--for", "1s", "--format", "ndjson"]);
        let outcome = capture.finish();
        goes_on.store(false, Ordering::Relaxed);
        let outcome = outcome.exited(0);
        assert!(!outcome.rows().is_empty(), "{outcome}");
    });
}

#[test]
fn a_number_of_rows_ends_it() {
    if !can_run(&[]) {
        return;
    }
    let netns = Netns::new();
    let capture = Capture::start(&netns, &["capture", "--for", "5m", "--count", "3", "--format", "csv"]);
    exchange_plain(&netns, 10);
    assert_eq!(capture.finish().exited(0).csv_rows().len(), 3);
}

//! `--read`: rows from a capture file, as a user who is not root meets it.

mod support;

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use flate2::Compression;
use flate2::write::GzEncoder;
use rustix::process::Signal;
use serde_json::Value;
use support::capture::{Capture, binary, ehl_here};
use support::heads::{answer, asked, get};
use support::outcome::Outcome;
use support::pcap::{file, pcap, with_drops};
use support::segment::{Conversation, Segment, Shape};
use tempfile::TempDir;

/// Two connections with two exchanges each.
fn segments() -> Vec<Segment> {
    let mut segments = Vec::new();
    for port in [2000, 2001] {
        let mut talk = Conversation::new(port);
        segments.extend(talk.open());
        for (path, status) in [("/one", 200), ("/two", 404)] {
            segments.push(talk.request(get(path)));
            segments.push(talk.response(answer(status)));
        }
        segments.extend(talk.close());
    }
    segments
}

const PATHS: [&str; 4] = ["/one", "/two", "/one", "/two"];

/// A file in a folder of its own.
struct Saved {
    _folder: TempDir,
    path: PathBuf,
}

impl Saved {
    fn new(bytes: &[u8]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("traffic.pcap");
        fs::write(&path, bytes).expect("a file");
        Self { _folder: folder, path }
    }

    fn path(&self) -> &str {
        self.path.to_str().expect("a name that is text")
    }
}

fn read(path: &str, more: &[&str]) -> Outcome {
    ehl_here(&[&["capture", "--read", path, "--format", "ndjson"], more].concat())
}

fn paths(outcome: &Outcome) -> Vec<String> {
    outcome.rows().iter().map(|row| row["path"].as_str().unwrap_or("none").to_owned()).collect()
}

/// `ehl capture --read - ARGS` with a pipe as stdin.
fn from_stdin(args: &[&str]) -> std::process::Child {
    let mut command = Command::new(binary());
    command.args(["capture", "--read", "-", "--format", "ndjson"]).args(args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("ehl starts")
}

fn ended(child: std::process::Child) -> Outcome {
    let output = child.wait_with_output().expect("ehl ends");
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    Outcome { code: output.status.code(), stdout: output.stdout, stderr }
}

#[test]
fn a_file_gives_its_exchanges() {
    let saved = Saved::new(&pcap(&segments()));
    let outcome = read(saved.path(), &[]).exited(0);
    assert_eq!(paths(&outcome), PATHS);
    let row = &outcome.rows()[0];
    assert_eq!(row["time"], "2023-11-14T22:13:20.003000Z");
    assert_eq!((&row["response_time_ms"], &row["status"], &row["probe"]), (&Value::from(1.0), &200.into(), &Value::Null));
    let [start, summary] = [outcome.records().remove(0), outcome.summary()];
    assert_eq!((&start["host"], &start["kernel"], &start["probe"]), (&Value::Null, &Value::Null, &Value::Null));
    assert_eq!((&start["started_at"], &start["attached"][0]), (&"2023-11-14T22:13:20.000000Z".into(), &saved.path().into()));
    assert_eq!((&summary["ended_at"], &summary["stop_reason"]), (&"2023-11-14T22:13:20.017000Z".into(), &"end_of_input".into()));
    for (key, count) in [("events", 18), ("submitted", 18), ("lost", 0), ("exchanges", 4), ("rows", 4), ("undecodable", 0)] {
        assert_eq!(outcome.accounting(key), count, "{key}");
    }
}

#[test]
fn options_mean_what_they_mean_live() {
    let saved = Saved::new(&pcap(&segments()));
    let some = |args: &[&str]| paths(&read(saved.path(), args).exited(0));
    assert_eq!(some(&["--status", "4xx"]), ["/two", "/two"]);
    assert_eq!(some(&["--port", "2001"]), ["/one", "/two"]);
    assert_eq!(some(&["--port", "9"]), [""; 0]);
    assert_eq!(some(&["--net", "10.9.0.2"]), PATHS);
    assert_eq!(some(&["--net", "10.10.0.0/16"]), [""; 0]);
    assert_eq!(some(&["--count", "3"]), PATHS[..3]);
    assert_eq!(some(&["--sort", "status", "--top", "2"]), ["/two", "/two"]);
    assert_eq!(some(&["--for", "10s"]), PATHS);
    read(saved.path(), &["--expect-min", "5"]).exited(4);
    read(saved.path(), &["--fail-on-loss"]).exited(0);
}

#[test]
fn a_report_reads_files_too() {
    let saved = Saved::new(&pcap(&segments()));
    let outcome = ehl_here(&["top-headers", "--read", saved.path(), "--format", "json"]).exited(0);
    let document: Value = serde_json::from_str(&outcome.text()).expect("one document");
    let rows = document["rows"].as_array().expect("rows");
    let host = rows.iter().find(|row| row["name"] == "host").expect("it is there");
    assert_eq!((&host["direction"], &host["messages"]), (&"request".into(), &4.into()));
}

#[test]
fn options_of_the_kernel_are_refused() {
    let saved = Saved::new(&pcap(&segments()));
    for (option, value) in [("--interface", Some("lo")), ("--ring-size", Some("1MiB")), ("--probe-cost", None)] {
        let args: Vec<_> = [Some(option), value].into_iter().flatten().collect();
        let outcome = read(saved.path(), &args).exited(2);
        assert!(outcome.stderr.contains("cannot be used with"), "{outcome}");
    }
}

#[test]
fn a_file_cut_anywhere_gives_the_rows_so_far_and_the_place() {
    let whole = pcap(&segments());
    let frames: Vec<_> = segments().iter().map(|segment| 16 + segment.frame(Shape::Plain).len()).collect();
    let third: usize = 24 + frames[..6].iter().sum::<usize>();
    for (cut, rows) in [(third + 1, 1), (third + 20, 1), (whole.len() - 1, 4)] {
        let saved = Saved::new(&whole[..cut]);
        let outcome = read(saved.path(), &[]).exited(1);
        let done = outcome.rows().iter().filter(|row| row["flags"] == Value::from(Vec::<Value>::new())).count();
        assert_eq!(done, rows, "{outcome}");
        assert_eq!(outcome.summary()["stop_reason"], "failed");
        let begins = if cut < whole.len() - 1 { third } else { whole.len() - frames.last().expect("one") };
        let expected = format!("ehl: cannot read all of {}: cut off within a packet at byte {begins}\n", saved.path());
        assert!(outcome.stderr.ends_with(&expected), "{outcome}");
    }
}

#[test]
fn a_damaged_file_writes_the_rows_so_far_into_the_output_file_too() {
    let mut bytes = pcap(&segments());
    bytes.extend([0xff; 40]);
    let saved = Saved::new(&bytes);
    let target = saved.path.with_extension("csv");
    let outcome = ehl_here(&["capture", "--read", saved.path(), "--format", "csv", "-o", target.to_str().expect("text")]).exited(1);
    assert!(outcome.stderr.contains(&format!("damaged at byte {}: a packet of 4294967295 bytes", bytes.len() - 40)), "{outcome}");
    assert_eq!(fs::read_to_string(target).expect("rows").lines().count(), 5);
}

#[test]
fn what_is_no_capture_file_is_refused() {
    for (bytes, message) in [
        (&b""[..], "empty: a capture file has at least a header"),
        (b"GET / HTTP/1.1\r\n\r\n", "not a pcap or pcapng file (it starts with 474554202f20485454502f31)"),
    ] {
        let saved = Saved::new(bytes);
        let outcome = read(saved.path(), &[]).exited(1);
        assert_eq!(outcome.stderr, format!("ehl: cannot read {}: {message}\n", saved.path()));
        assert!(outcome.stdout.is_empty(), "{outcome}");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let outcome = read(folder.path().to_str().expect("text"), &[]).exited(1);
    assert!(outcome.stderr.contains("cannot open") && outcome.stderr.contains("directory"), "{outcome}");
    let outcome = read("/nowhere/traffic.pcap", &[]).exited(1);
    assert!(outcome.stderr.contains("cannot open /nowhere/traffic.pcap"), "{outcome}");
    let outcome = read("", &[]).exited(2);
    assert!(outcome.stderr.contains("--read"), "{outcome}");
}

#[test]
fn a_file_without_http_says_what_there_was() {
    let saved = Saved::new(&file(1, u32::MAX, []));
    let outcome = read(saved.path(), &[]).exited(0);
    assert!(outcome.stderr.contains("no HTTP exchange was seen") && outcome.stderr.contains("0 packets"), "{outcome}");
    let saved = Saved::new(&file(127, u32::MAX, [vec![0; 60], vec![0; 60]]));
    let outcome = read(saved.path(), &[]).exited(0);
    assert!(outcome.stderr.contains("2 packets are of a link type that ehl does not read (127)"), "{outcome}");
    assert_eq!(outcome.accounting("undecodable"), 2);
}

#[test]
fn packets_that_the_capture_dropped_are_lost() {
    let saved = Saved::new(&with_drops(3));
    let outcome = read(saved.path(), &["--fail-on-loss"]).exited(5);
    assert_eq!((outcome.accounting("lost"), outcome.accounting("events")), (3, 3));
    assert!(outcome.stderr.contains("3 packets were dropped when"), "{outcome}");
}

#[test]
fn gzip_and_the_other_link_layers_give_the_same_rows() {
    let ip: Vec<_> = segments().iter().map(|segment| segment.packet(Shape::Plain)).collect();
    let below = |header: &[u8]| -> Vec<Vec<u8>> { ip.iter().map(|packet| [header, packet].concat()).collect() };
    let cooked = [0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 8, 0];
    let cooked_2 = [8, 0, 0, 0, 0, 0, 0, 2, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0];
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(&pcap(&segments())).expect("memory");
    for (name, bytes) in [
        ("gzip", gzip.finish().expect("memory")),
        ("null", file(0, u32::MAX, below(&[2, 0, 0, 0]))),
        ("raw", file(101, u32::MAX, ip.clone())),
        ("loop", file(108, u32::MAX, below(&[0, 0, 0, 2]))),
        ("cooked", file(113, u32::MAX, below(&cooked))),
        ("cooked 2", file(276, u32::MAX, below(&cooked_2))),
        ("vlan", file(1, u32::MAX, segments().iter().map(|segment| segment.frame(Shape::Vlan)))),
        ("qinq", file(1, u32::MAX, segments().iter().map(|segment| segment.frame(Shape::QinQ)))),
    ] {
        assert_eq!(paths(&read(Saved::new(&bytes).path(), &[]).exited(0)), PATHS, "{name}");
    }
}

#[test]
fn a_snap_length_costs_what_it_cut() {
    let mut talk = Conversation::new(2000);
    let mut segments = talk.open().to_vec();
    let body = "x".repeat(900);
    for (request, response) in [
        (get("/short"), format!("HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{body}")),
        (asked("GET", &format!("/long{body}")), answer(201)),
        (get("/after"), answer(202)),
    ] {
        segments.push(talk.request(request));
        segments.push(talk.response(response));
    }
    let saved = Saved::new(&file(1, 200, segments.iter().map(|segment| segment.frame(Shape::Plain))));
    let outcome = read(saved.path(), &[]).exited(0);
    let rows: Vec<_> = outcome.rows().iter().map(|row| format!("{} {} {}", row["status"], row["response_bytes"], row["flags"])).collect();
    assert_eq!(rows, ["200 940 []", "201 47 [\"truncated\"]", "202 47 []"]);
}

#[test]
fn stdin_may_come_slowly() {
    let bytes = pcap(&segments());
    let mut child = from_stdin(&[]);
    let mut stdin = child.stdin.take().expect("stdin is piped");
    for part in bytes.chunks(97) {
        stdin.write_all(part).expect("ehl reads");
        stdin.flush().expect("ehl reads");
    }
    drop(stdin);
    assert_eq!(paths(&ended(child).exited(0)), PATHS);
}

#[test]
fn rows_come_while_stdin_is_open() {
    let mut child = from_stdin(&[]);
    let mut stdin = child.stdin.take().expect("stdin is piped");
    let mut stdout = child.stdout.take().expect("stdout is piped");
    stdin.write_all(&pcap(&segments())).expect("ehl reads");
    let mut printed = Vec::new();
    let mut part = [0; 4096];
    while !String::from_utf8_lossy(&printed).contains("/two") {
        let len = stdout.read(&mut part).expect("ehl prints");
        assert!(len > 0, "ehl ended");
        printed.extend(&part[..len]);
    }
    drop(stdin);
    assert_eq!(child.wait().expect("ehl ends").code(), Some(0));
}

#[test]
fn a_signal_or_the_time_ends_a_wait_for_stdin() {
    for (args, signal, reason) in [(&["--for", "300ms"][..], false, "deadline"), (&[], true, "signal")] {
        let mut child = from_stdin(args);
        let mut stdin = child.stdin.take().expect("stdin is piped");
        // Within a packet, which is no damage when the reader is told to stop.
        let bytes = pcap(&segments());
        stdin.write_all(&bytes[..bytes.len() - 5]).expect("ehl reads");
        if signal {
            let mut first = [0; 1];
            child.stdout.as_mut().expect("stdout is piped").read_exact(&mut first).expect("ehl prints");
            let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).expect("a pid")).expect("a pid");
            rustix::process::kill_process(pid, Signal::INT).expect("ehl runs");
        }
        let outcome = ended(child).exited(0);
        assert!(outcome.text().contains(&format!("\"stop_reason\":\"{reason}\"")), "{outcome}");
        drop(stdin);
    }
}

#[test]
fn a_pipe_by_name_waits_for_its_writer() {
    let folder = tempfile::tempdir().expect("a folder");
    let pipe = folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs").success());
    let mut command = Command::new(binary());
    let capture = Capture::spawn(command.args(["capture", "--format", "ndjson", "--read"]).arg(&pipe));
    let mut writer = File::options().write(true).open(&pipe).expect("a pipe");
    writer.write_all(&pcap(&segments())).expect("ehl reads");
    drop(writer);
    assert_eq!(paths(&capture.finish().exited(0)), PATHS);
}

#[test]
fn a_closed_pipe_ends_it_quietly() {
    let many: Vec<_> = (0..20_000u16).flat_map(|number| one_exchange(1024 + number)).collect();
    let saved = Saved::new(&pcap(&many));
    for format in ["table", "csv", "ndjson", "json"] {
        let shell = format!("{} capture --read {} --format {format} | head -n 1", binary().display(), saved.path());
        let output = Command::new("sh").args(["-c", &shell]).output().expect("sh runs");
        assert!(output.stderr.is_empty() || format == "json", "{format}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

fn one_exchange(port: u16) -> Vec<Segment> {
    let mut talk = Conversation::new(port);
    let mut segments = talk.open().to_vec();
    segments.push(talk.request(get("/many")));
    segments.push(talk.response(answer(200)));
    segments.extend(talk.close());
    segments
}

#[test]
fn it_needs_no_privileges() {
    if !rustix::process::geteuid().is_root() {
        return; // Every test here shows it.
    }
    let saved = Saved::new(&pcap(&segments()));
    let open = |path: &Path| fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("ours");
    open(saved.path.parent().expect("a folder"));
    open(&saved.path);
    let copy = saved.path.with_file_name("ehl");
    fs::copy(binary(), &copy).expect("a copy that others may run");
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all", "--no-new-privs"]);
    let outcome = Capture::spawn(command.arg(copy).args(["capture", "--format", "ndjson", "--read", saved.path()])).finish();
    assert_eq!(paths(&outcome.exited(0)), PATHS);
}

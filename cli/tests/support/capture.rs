//! A running `ehl`: started, known to be attached, watched, ended.

use std::io::Read;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use rustix::process::Signal;
use serde_json::Value;

use super::netns::Netns;
use super::outcome::{Outcome, ndjson};
use super::poll;
use super::process::{Running, packet_sockets, status_of_threads};

/// The program under test: the one that `EHL_BIN` names, or the one cargo built.
pub(crate) fn binary() -> PathBuf {
    std::env::var_os("EHL_BIN").map_or_else(|| env!("CARGO_BIN_EXE_ehl").into(), PathBuf::from)
}

/// `ehl ARGS` inside a namespace.
pub(crate) fn ehl(netns: &Netns, args: &[&str]) -> Command {
    let mut command = netns.command(binary());
    command.args(args);
    command
}

/// Runs `ehl ARGS` where it is, to its end.
pub(crate) fn ehl_here(args: &[&str]) -> Outcome {
    let mut command = Command::new(binary());
    command.args(args);
    Capture::spawn(&mut command).finish()
}

/// A run whose stdout (unless the caller redirected it) and stderr are collected while it lasts.
pub(crate) struct Capture {
    process: Running,
    stdout: Option<Collected>,
    stderr: Collected,
}

impl Capture {
    /// Starts `ehl ARGS` inside a namespace and returns when it is attached.
    pub(crate) fn start(netns: &Netns, args: &[&str]) -> Self {
        let mut capture = Self::spawn(&mut ehl(netns, args));
        capture.wait_until_attached(args);
        capture
    }

    /// Starts a command that ends up as `ehl`; stdout is collected.
    pub(crate) fn spawn(command: &mut Command) -> Self {
        let mut capture = Self::spawn_with_stdout(command, Stdio::piped());
        capture.stdout = capture.process.child().stdout.take().map(Collected::from);
        capture
    }

    /// The same with a stdout that the test brings.
    pub(crate) fn spawn_with_stdout(command: &mut Command, stdout: Stdio) -> Self {
        command.stdin(Stdio::null()).stdout(stdout).stderr(Stdio::piped());
        let mut process = Running::start(command);
        let stderr = process.child().stderr.take().map(Collected::from).expect("stderr is piped");
        Self { process, stdout: None, stderr }
    }

    /// CSV and NDJSON on stdout begin with a line that says so; in other runs the capabilities are dropped by then.
    fn wait_until_attached(&mut self, args: &[&str]) {
        let marked = args.iter().any(|arg| ["csv", "ndjson"].contains(arg)) && args[0] != "top-headers";
        if marked && !args.contains(&"-o") {
            self.wait_until("the first line of output", |capture| capture.stdout().contains(&b'\n'));
        } else {
            self.wait_until_dropped();
        }
    }

    /// Returns when every thread has given up its capabilities, which comes after attaching.
    pub(crate) fn wait_until_dropped(&mut self) {
        self.wait_until("capabilities to be dropped", |capture| {
            let effective = status_of_threads(capture.pid(), "CapEff");
            !effective.is_empty() && effective.iter().all(|set| set.trim_matches('0').is_empty())
        });
    }

    /// Returns when the packet socket is open, or closed again; for namespaces where `ehl` is alone.
    pub(crate) fn wait_until_socket(&mut self, open: bool) {
        let what = if open { "the packet socket" } else { "the packet socket to be closed" };
        self.wait_until(what, |capture| (packet_sockets(capture.pid()) > 0) == open);
    }

    /// Returns when stderr has this text.
    pub(crate) fn wait_until_told(&mut self, text: &str) {
        self.wait_until(text, |capture| capture.stderr.text().contains(text));
    }

    /// Polls until `probe` holds; a run that ends meanwhile is an error.
    #[track_caller]
    pub(crate) fn wait_until(&mut self, what: &str, mut probe: impl FnMut(&Self) -> bool) {
        let held = poll(|| {
            if probe(self) {
                return Some(());
            }
            assert!(self.is_running(), "ehl ended before {what}: {}", self.stderr.text());
            None
        });
        assert!(held.is_some(), "hung while waiting for {what}: {}", self.stderr.text());
    }

    /// Waits for an NDJSON row that `is_it` accepts.
    #[track_caller]
    pub(crate) fn wait_for_row(&mut self, what: &str, is_it: impl Fn(&Value) -> bool) {
        self.wait_until(what, |capture| {
            let stdout = capture.stdout();
            let complete = stdout.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
            ndjson(&stdout[..complete]).iter().any(|record| record["type"] == "row" && is_it(record))
        });
    }

    /// What was printed so far.
    pub(crate) fn stdout(&self) -> Vec<u8> {
        self.stdout.as_ref().expect("stdout is collected").bytes.lock().expect("no reader panicked").clone()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.pid()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.process.is_running()
    }

    /// Ctrl-C, then the end.
    #[track_caller]
    pub(crate) fn stop(self) -> Outcome {
        self.signal(Signal::INT);
        self.finish()
    }

    /// Waits for the end.
    #[track_caller]
    pub(crate) fn finish(mut self) -> Outcome {
        let ended = poll(|| (!self.process.is_running()).then_some(()));
        assert!(ended.is_some(), "ehl does not end: {}", self.stderr.text());
        let code = self.process.wait().code();
        let stdout = self.stdout.take().map(Collected::all).unwrap_or_default();
        let stderr = self.stderr.all();
        Outcome { code, stdout, stderr: String::from_utf8_lossy(&stderr).into_owned() }
    }
}

/// A stream read to its end on a thread of its own.
struct Collected {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

impl Collected {
    fn from(mut stream: impl Read + Send + 'static) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&bytes);
        let reader = std::thread::spawn(move || {
            let mut part = vec![0; 1 << 16];
            while let Ok(len @ 1..) = stream.read(&mut part) {
                kept.lock().expect("no reader panicked").extend_from_slice(&part[..len]);
            }
        });
        Self { bytes, reader }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().expect("no reader panicked")).into_owned()
    }

    fn all(self) -> Vec<u8> {
        self.reader.join().expect("the reader does not panic");
        std::mem::take(&mut self.bytes.lock().expect("no reader panicked"))
    }
}

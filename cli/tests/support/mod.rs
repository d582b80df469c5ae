//! What the kernel tests stand on: network namespaces, a running `ehl`, real servers and clients, crafted frames.
//!
//! Nothing here is a mock. Each test builds its own namespaces, so that ports never clash, stray traffic never
//! shows, and every test can run beside the others. What a test started is ended by a guard, by process id.
//!
//! `cargo test -p ehl --test 'kernel_*'` runs them, as root. The environment says what differs from the default:
//! `EHL_REQUIRE_KERNEL` makes a skip a failure, `EHL_BIN` names another program to test (an installed one, a release
//! build), `EHL_KILLS` how often the kill test kills, `EHL_BODY_MIB` how large the large bodies are,
//! `EHL_TEST_VENV` and `EHL_TEST_NODE` where `scripts/install-test-deps` put the Python packages and Debian's Node.js.
#![allow(dead_code, reason = "each test file is its own crate and uses a part of the support")]

pub(crate) mod bodies;
pub(crate) mod capture;
pub(crate) mod cgroup;
pub(crate) mod exchange;
pub(crate) mod frame;
pub(crate) mod grpc;
pub(crate) mod h2_client;
pub(crate) mod heads;
pub(crate) mod lines;
pub(crate) mod llm;
pub(crate) mod netns;
pub(crate) mod nghttpd;
pub(crate) mod nghttpx;
pub(crate) mod nginx;
pub(crate) mod objects;
pub(crate) mod others;
pub(crate) mod outcome;
pub(crate) mod packets;
pub(crate) mod pair;
pub(crate) mod pcap;
pub(crate) mod process;
pub(crate) mod program;
pub(crate) mod quiet;
pub(crate) mod ring;
pub(crate) mod script;
pub(crate) mod segment;
pub(crate) mod stream;
pub(crate) mod tcpdump;
pub(crate) mod tls;
pub(crate) mod wire;

use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long anything may take before a test calls it hung. Generous: it is no measure of speed.
pub(crate) const HANG: Duration = Duration::from_secs(60);

/// What `scripts/install-test-deps` installs, as it says it: a line `command:package` each.
const INSTALLED: &str = include_str!("../../../scripts/install-test-deps");
/// Of Debian's coreutils, without which no script would have come this far.
const COREUTILS: [&str; 5] = ["chroot", "head", "mknod", "sleep", "true"];

/// Whether the kernel tests can run here: root, namespaces, and the named tools.
///
/// Says what is missing on stderr (past the capture of the test harness); with `EHL_REQUIRE_KERNEL` set, panics.
pub(crate) fn can_run(tools: &[&str]) -> bool {
    for tool in tools.iter().filter(|tool| !tool.starts_with('/') && !COREUTILS.contains(tool)) {
        let line = |line: &str| line.trim().rsplit('/').next().is_some_and(|line| line.starts_with(&format!("{tool}:")));
        assert!(INSTALLED.lines().any(line), "scripts/install-test-deps does not install {tool}, which a fresh machine may not have");
    }
    let Some(reason) = what_is_missing(tools) else {
        return true;
    };
    assert!(std::env::var_os("EHL_REQUIRE_KERNEL").is_none(), "kernel tests are required, but {reason}");
    let name = std::thread::current().name().unwrap_or("test").to_owned();
    writeln!(std::io::stderr(), "skipped: {name}: {reason}").expect("stderr takes a line");
    false
}

fn what_is_missing(tools: &[&str]) -> Option<String> {
    if !rustix::process::geteuid().is_root() {
        return Some("this needs root".into());
    }
    let path = std::env::var("PATH").unwrap_or_default();
    let found = |tool: &&str| path.split(':').chain(["/usr/sbin", "/sbin"]).any(|dir| Path::new(dir).join(tool).exists());
    let missing: Vec<_> = ["ip"].iter().chain(tools).filter(|tool| !found(tool)).copied().collect();
    (!missing.is_empty()).then(|| format!("this needs {}", missing.join(", ")))
}

/// Polls until `probe` gives a value, and calls the test hung after [`HANG`].
#[track_caller]
pub(crate) fn wait_for<T>(what: &str, probe: impl FnMut() -> Option<T>) -> T {
    poll(probe).unwrap_or_else(|| panic!("hung while waiting for {what}"))
}

/// Polls until `probe` gives a value, for as long as [`HANG`].
pub(crate) fn poll<T>(mut probe: impl FnMut() -> Option<T>) -> Option<T> {
    let since = Instant::now();
    while since.elapsed() < HANG {
        if let Some(value) = probe() {
            return Some(value);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    None
}

//! Whether there is a judge.

use std::io::Write as _;
use std::process::{Command, Stdio};

/// Whether there is a tshark; says so if not. With `EHL_REQUIRE_JUDGE`, panics.
pub(crate) fn can_judge() -> bool {
    let version = Command::new("tshark").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if version.is_ok_and(|status| status.success()) {
        return true;
    }
    let reason = "no tshark; install it with scripts/install-test-deps";
    assert!(std::env::var_os("EHL_REQUIRE_JUDGE").is_none(), "tshark is required as a judge, but there is {reason}");
    skipped(reason);
    false
}

/// Past the capture of the test harness.
pub(crate) fn skipped(reason: &str) {
    let name = std::thread::current().name().unwrap_or("test").to_owned();
    writeln!(std::io::stderr(), "skipped: {name}: {reason}").expect("stderr takes a line");
}

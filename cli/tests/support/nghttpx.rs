//! A real proxy that lets HTTP/1 clients change to HTTP/2, in front of nginx.

use std::process::Stdio;

use tempfile::TempDir;

use super::netns::Netns;
use super::process::{Running, wait_until_listening};
use super::wait_for;

/// Listens on port 8088 of IPv4, without TLS, and asks port 8080 of the same namespace.
pub(crate) struct Nghttpx {
    _process: Running,
    folder: TempDir,
}

impl Nghttpx {
    pub(crate) fn start(netns: &Netns) -> Self {
        let folder = tempfile::tempdir().expect("a folder for nghttpx");
        let path = |name: &str| folder.path().join(name).to_str().expect("a path of plain letters").to_owned();
        let mut nghttpx = netns.command("nghttpx");
        nghttpx.args(["--conf=/dev/null", "--single-process", "--frontend=127.0.0.1,8088;no-tls", "--backend=127.0.0.1,8080"]);
        nghttpx.arg(format!("--errorlog-file={}", path("error.log"))).arg(format!("--accesslog-file={}", path("access.log")));
        nghttpx.arg("--accesslog-format=$method $path $status $http_host");
        let mut process = Running::start(nghttpx.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()));
        wait_until_listening(&mut process, 8088);
        Self { _process: process, folder }
    }

    /// Waits until so many exchanges are logged, ends nghttpx, and returns the access log: `METHOD TARGET STATUS HOST` a line,
    /// sorted.
    pub(crate) fn access_log(self, count: usize) -> Vec<String> {
        let log = || std::fs::read_to_string(self.folder.path().join("access.log")).unwrap_or_default();
        // A process of one does not end by itself when its connections are done.
        wait_for("the access log of nghttpx", || (log().lines().count() >= count).then_some(()));
        let mut lines: Vec<_> = log().lines().map(str::to_owned).collect();
        lines.sort();
        lines
    }
}

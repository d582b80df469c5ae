//! A real server of files that pushes and sends trailers, and says each frame.

use std::fs::File;
use std::process::Stdio;

use tempfile::TempDir;

use super::netns::Netns;
use super::process::{Running, wait_until_listening};

/// Listens on port 8080 with a folder of files: `/index.html` (which is `/`), `/a.css`, `/b.js`.
pub(crate) struct Nghttpd {
    process: Running,
    folder: TempDir,
}

impl Nghttpd {
    pub(crate) fn start(netns: &Netns, options: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder for nghttpd");
        for name in ["index.html", "a.css", "b.js"] {
            std::fs::write(folder.path().join(name), name.repeat(1000)).expect("the file is written");
        }
        let log = File::create(folder.path().join("log")).expect("the log is made");
        let mut nghttpd = netns.command("nghttpd");
        nghttpd.args(["--no-tls", "--verbose", "--htdocs"]).arg(folder.path()).args(options).arg("8080");
        let mut process = Running::start(nghttpd.stdin(Stdio::null()).stdout(log).stderr(Stdio::null()));
        wait_until_listening(&mut process, 8080);
        Self { process, folder }
    }

    /// Ends nghttpd, and returns how often it said this.
    pub(crate) fn said(self, what: &str) -> usize {
        let Self { process, folder } = self;
        drop(process);
        std::fs::read_to_string(folder.path().join("log")).expect("nghttpd wrote its log").matches(what).count()
    }
}

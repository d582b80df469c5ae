//! The Python scripts of `cli/tests/python`, with which a test speaks in lines of JSON.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use serde_json::Value;

use super::HANG;
use super::netns::Netns;
use super::process::Running;

/// The Python that `scripts/install-test-deps` has given the packages of `requirements.txt`; a tool for `can_run`.
pub(crate) fn python() -> String {
    let folder = std::env::var_os("EHL_TEST_VENV").map_or_else(|| "/var/cache/ehl-tests/python".into(), PathBuf::from);
    folder.join("bin/python").to_str().expect("a path of plain letters").to_owned()
}

/// A script that runs until its stdin ends.
pub(crate) struct Script {
    process: Running,
    stdin: ChildStdin,
    answers: Receiver<String>,
}

impl Script {
    pub(crate) fn start(netns: &Netns, name: &str, arguments: &[&str]) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python").join(name);
        Self::spawn(netns.command(python()).arg(script).args(arguments))
    }

    pub(crate) fn spawn(command: &mut Command) -> Self {
        let mut process = Running::start(command.stdin(Stdio::piped()).stdout(Stdio::piped()));
        let stdin = process.child().stdin.take().expect("stdin is piped");
        let stdout = BufReader::new(process.child().stdout.take().expect("stdout is piped"));
        let (sender, answers) = channel();
        std::thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self { process, stdin, answers }
    }

    /// Writes a line and waits for the one that answers it.
    #[track_caller]
    pub(crate) fn ask(&mut self, request: &Value) -> Value {
        writeln!(self.stdin, "{request}").expect("the script reads");
        self.hear()
    }

    /// Waits for a line.
    #[track_caller]
    pub(crate) fn hear(&mut self) -> Value {
        let answer = self.answers.recv_timeout(HANG).expect("the script answers");
        serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{error}: {answer}"))
    }

    pub(crate) fn process(&mut self) -> &mut Running {
        &mut self.process
    }

    /// Closes its stdin and waits for its end.
    #[track_caller]
    pub(crate) fn finish(self) {
        let Self { mut process, stdin, .. } = self;
        drop(stdin);
        assert!(process.wait().success(), "the script fails");
    }
}

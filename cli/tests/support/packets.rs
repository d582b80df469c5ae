//! Runs over packets: where they can be looked at, and what `ehl` says of those that a test sends.

use super::capture::Capture;
use super::outcome::Outcome;
use super::quiet::{LAST, Quiet};

/// Where packets are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) probe: &'static str,
    pub(crate) direction: &'static str,
    /// Of XDP.
    mode: Option<&'static str>,
}

pub(crate) const TC_INGRESS: Place = Place { probe: "tc-headers", direction: "ingress", mode: None };
pub(crate) const TC_EGRESS: Place = Place { probe: "tc-headers", direction: "egress", mode: None };
pub(crate) const TC: Place = Place { probe: "tc-headers", direction: "both", mode: None };
pub(crate) const XDP_NATIVE: Place = Place { probe: "xdp-headers", direction: "ingress", mode: Some("native") };
pub(crate) const XDP_GENERIC: Place = Place { probe: "xdp-headers", direction: "ingress", mode: Some("generic") };
pub(crate) const PLACES: [Place; 4] = [TC_INGRESS, TC_EGRESS, XDP_NATIVE, XDP_GENERIC];

impl Place {
    pub(crate) fn is_xdp(self) -> bool {
        self.mode.is_some()
    }

    /// Sends a frame the way that is looked at.
    pub(crate) fn pass(self, quiet: &mut Quiet, frame: &[u8]) {
        if self.direction == "egress" { quiet.emit(frame) } else { quiet.bring(frame) }
    }

    /// `COMMAND ARGS` with the options that lead here.
    pub(crate) fn args<'a>(&self, command: &'a str, more: &[&'a str]) -> Vec<&'a str> {
        let mode: &[&str] = match &self.mode {
            Some(mode) => &["--mode", mode],
            None => &["--direction", self.direction],
        };
        [&[command, "--probe", self.probe, "-i", "seen", "--for", "5m"], mode, more].concat()
    }
}

/// What `ehl ARGS` printed, which ended as it should and lost nothing, of what `inject` sends, and of the frame of [`Quiet::settle`].
#[track_caller]
pub(crate) fn watch(quiet: &mut Quiet, args: &[&str], inject: impl FnOnce(&mut Quiet)) -> Outcome {
    let capture = Capture::start(quiet.namespace(), args);
    inject(quiet);
    quiet.settle();
    let outcome = capture.stop().exited(0);
    assert!(!outcome.stderr.contains("warning"), "{outcome}");
    outcome
}

/// The lines of a CSV run without heading, and without what comes of [`Quiet::settle`].
pub(crate) fn csv_lines(outcome: &Outcome) -> Vec<String> {
    let last = format!(",{LAST:#06x},");
    outcome.text().lines().skip(1).filter(|line| !format!(",{line},").contains(&last)).map(str::to_owned).collect()
}

/// Lines of expected text, without what indents them.
pub(crate) fn expected(text: &str) -> Vec<String> {
    text.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect()
}

//! The subcommands, one file or folder each: what was typed becomes a source, a pipeline and a renderer.

mod capture;
pub mod demo;
mod guard;
mod hook;
mod input;
mod job;
mod live;
mod plan;
mod printing;
mod probes;
mod replay;
mod signals;
mod top_headers;
mod watch;

use std::process::ExitCode;

use crate::args::{Cli, Command, ProbeName};
use crate::probe;

/// How a command ended, in the order of precedence if several hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Outcome {
    /// It ran to its stop condition.
    #[default]
    Done,
    /// Fewer rows than `--expect-min`.
    TooFew,
    /// Events were lost, and `--fail-on-loss` was given.
    Lost,
}

/// What was typed cannot be done on this host, or contradicts itself (exit status 2).
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Usage(pub String);

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        Self::from(match outcome {
            Outcome::Done => 0,
            Outcome::TooFew => 4,
            Outcome::Lost => 5,
        })
    }
}

/// Runs the subcommand.
pub fn run(cli: &Cli) -> anyhow::Result<Outcome> {
    match &cli.command {
        Command::Capture(args) => capture::run(args.probe, &args.exchanges),
        Command::SockHttp(args) => capture::run(ProbeName::SockHttp, args),
        Command::SslUprobe(args) => capture::run(ProbeName::SslUprobe, args),
        Command::TopHeaders(args) => top_headers::run(args),
        Command::Probes(args) => probes::run(args),
        Command::Demo(args) => demo::run(args),
    }
}

/// The exit status of an error.
pub fn exit_code(error: &anyhow::Error) -> ExitCode {
    let code = if error.is::<Usage>() {
        2
    } else {
        match error.downcast_ref() {
            Some(probe::Error::NotPermitted { .. }) => 77,
            Some(probe::Error::Unsupported { .. }) => 69,
            _ => 1,
        }
    };
    ExitCode::from(code)
}

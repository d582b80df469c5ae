//! The subcommands, one file or folder each: what was typed becomes a source, a pipeline and a renderer.

mod capture;
pub mod demo;
mod flows;
mod gates;
mod grouping;
mod guard;
mod hook;
mod input;
mod interfaces;
mod job;
mod latency;
mod live;
mod looks;
mod packets;
mod plan;
mod printing;
mod probes;
mod replay;
mod signals;
mod stats;
mod top_headers;
mod watch;

use std::process::ExitCode;

use crate::args::{self, Cli, Command, ProbeName};
use crate::network::namespace;
use crate::probe;

/// How a command ended, in the order of precedence if several hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Outcome {
    /// It ran to its stop condition.
    #[default]
    Done,
    /// A condition of `--fail-if` held.
    Failed,
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
            Outcome::Failed => 3,
            Outcome::TooFew => 4,
            Outcome::Lost => 5,
        })
    }
}

/// Runs the subcommand.
pub fn run(cli: &Cli) -> anyhow::Result<Outcome> {
    match &cli.command {
        Command::Capture(args) => run_capture(args),
        Command::SockHttp(args) => capture::run(ProbeName::SockHttp, args),
        Command::SslUprobe(args) => capture::run(ProbeName::SslUprobe, args),
        Command::XdpHeaders(args) => packets::run(ProbeName::XdpHeaders, &args.into()),
        Command::TcHeaders(args) => packets::run(ProbeName::TcHeaders, &args.into()),
        Command::Flows(args) => flows::run(args),
        Command::TopHeaders(args) => top_headers::run(args),
        Command::Stats(args) => stats::run(args),
        Command::Latency(args) => latency::run(args),
        Command::Probes(args) => probes::run(args),
        Command::Demo(args) => demo::run(args),
    }
}

/// Rows are exchanges or packets, as the probe sees them.
fn run_capture(args: &args::Capture) -> anyhow::Result<Outcome> {
    let args::Capture { probe, exchanges, packets, sampling } = args;
    match probe {
        ProbeName::SockHttp | ProbeName::SslUprobe => {
            refuse(packets.given().or(sampling.given()), "xdp-headers and tc-headers, which see packets")?;
            capture::run(*probe, exchanges)
        }
        ProbeName::XdpHeaders | ProbeName::TcHeaders => {
            refuse(exchanges.given(), "sock-http and ssl-uprobe, which see HTTP")?;
            packets::run(*probe, &packets::Typed::new(exchanges, packets, sampling))
        }
    }
}

fn refuse(given: Option<&str>, whose: &str) -> Result<(), Usage> {
    given.map_or(Ok(()), |option| Err(Usage(format!("{option} is an option of {whose}"))))
}

/// The exit status of an error.
pub fn exit_code(error: &anyhow::Error) -> ExitCode {
    let code = if error.is::<Usage>() {
        2
    } else {
        match (error.downcast_ref(), error.downcast_ref()) {
            (_, Some(namespace::Error::Unknown(_))) => 2,
            (Some(probe::Error::NotPermitted { .. }), _) | (_, Some(namespace::Error::NotPermitted(_))) => 77,
            (Some(probe::Error::Unsupported { .. }), _) => 69,
            _ => 1,
        }
    };
    ExitCode::from(code)
}

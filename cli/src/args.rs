//! What was typed, and nothing else: no defaults that depend on the host, no look at interfaces,
//! columns or files. A command turns these types into the ones that the program uses.

mod amount;
mod endpoint;
mod gate;
mod http;
mod invalid;
mod options;
mod packets;
mod probe;
mod reports;

use clap::{Args, Parser, Subcommand};

use self::options::{OUTPUT, WATCHING};

pub use self::{
    amount::{RingSize, Rows, RunTime, Threshold},
    endpoint::{Net, PortRange},
    gate::{Comparison, Gate, Limit},
    http::{Direction, HeaderName, HostPattern, Messages, Method, PathPattern, StatusRange},
    invalid::Invalid,
    options::{Color, Events, Format, Gates, ListFormat, Output, Processes, Redact, Secrets, Selection, Watch},
    packets::{By, Mode, Packets, Sampling, Way},
    probe::ProbeName,
    reports::{ElementsBy, GroupBy, Latency, Stats, TopHeaders},
};

/// Log header elements of live traffic through eBPF, for a bounded time
///
/// ehl attaches one precompiled eBPF probe to the running kernel, watches HTTP or packets for a bounded time, prints
/// what it saw as a table, CSV or JSON, and detaches. Nothing is installed, restarted or left behind,
/// and nothing is put in the way of the traffic.
#[derive(Debug, Parser)]
#[command(name = "ehl", version, arg_required_else_help = true, subcommand_required = true)]
pub struct Cli {
    /// The subcommand and its options.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands of this version.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print one row per request/response exchange, or per packet
    ///
    /// Watches HTTP and prints one row per exchange: who asked whom for what, the status, the
    /// time to the response and to its end, sizes, and the header elements asked for. Rows are printed as
    /// exchanges complete. Bodies are counted, never kept. Secrets are masked. With --probe xdp-headers or tc-headers, a row is a
    /// packet instead, with the key elements of its headers.
    #[command(after_help = EXIT_STATUS)]
    Capture(Capture),
    /// Print one row per exchange: ehl capture --probe sock-http
    ///
    /// Watches cleartext HTTP/1 and HTTP/2 through a socket filter that sees the packets of every interface of this
    /// network namespace and queues none of them. Takes the options of ehl capture, except --probe.
    #[command(after_help = EXIT_STATUS)]
    SockHttp(ExchangeCapture),
    /// Print one row per exchange within TLS: ehl capture --probe ssl-uprobe
    ///
    /// Watches HTTP in the processes that encrypt or decrypt it, by uprobes in the functions of OpenSSL and its kin: no keys are
    /// needed. A process at each end of a connection gives a row each. Takes the options of ehl capture, except --probe.
    #[command(after_help = EXIT_STATUS)]
    SslUprobe(ExchangeCapture),
    /// Print one row per packet received: ehl capture --probe xdp-headers
    ///
    /// Watches packets as they arrive on an interface, before the network stack: an XDP program reads their headers and passes
    /// them all on. Packets that this host sends are not seen. Takes the options of ehl capture that are about packets.
    #[command(after_help = EXIT_STATUS)]
    XdpHeaders(PacketCapture),
    /// Print one row per packet: ehl capture --probe tc-headers
    ///
    /// Watches packets that an interface receives and sends, where the network stack takes and gives them: a program at TCX (or, before
    /// kernel 6.6, a clsact filter) reads their headers and passes them all on, before others of its kind see them. Takes the options of
    /// ehl capture that are about packets.
    #[command(after_help = EXIT_STATUS)]
    TcHeaders(PacketCapture),
    /// Count packets and bytes per flow, in the kernel
    ///
    /// Keeps totals of packets in the kernel, without an event for each, and prints one row per flow when the run ends, the
    /// largest first: packets, bytes, rates, TCP flags, SYNs without answer, resets, zero windows, retransmissions, and the local
    /// process. What does not fit into the table of flows is in one more row, so that totals are exact.
    #[command(after_help = EXIT_STATUS)]
    Flows(Flows),
    /// Rank header elements: how present, how varied, which values
    ///
    /// Counts every header element of the exchanges that it sees, and prints one row per direction and
    /// name when the run ends: in how many messages it stood, how many distinct values it had, how long
    /// they were, when it was first and last seen, and its most frequent values. Secrets are masked, and
    /// still counted apart.
    #[command(after_help = EXIT_STATUS)]
    TopHeaders(TopHeaders),
    /// Print statistics of an API: volume, errors, response times
    ///
    /// Groups the exchanges that it sees, by endpoint if nothing is said, and prints one row per group when the run ends, the
    /// busiest first: requests, errors, response times, durations, bytes and how many requests were in flight. Quantiles are within 1 %.
    /// What does not fit into the table of groups is in one more row, so that totals are exact.
    #[command(after_help = EXIT_STATUS)]
    Stats(Stats),
    /// Show how response times are spread, and how they depend on load
    ///
    /// Prints a histogram of response times when the run ends, then response times by the number of requests in flight and by the
    /// request rate, and says in a sentence from which load on they bend.
    #[command(after_help = EXIT_STATUS)]
    Latency(Latency),
    /// List the probes and whether each can run here
    ///
    /// Prints one row per probe: whether it could be attached here and now, and if not, why, its hook and
    /// what it sees; with --verbose also what it needs, and where ssl-uprobe would be attached. Attaches nothing.
    Probes(Probes),
    /// Capture an embedded API with clients on loopback
    ///
    /// Starts an HTTP API and clients inside ehl on the loopback interface, captures their traffic with
    /// the real probe, and prints what ehl capture prints. The API has endpoints of different speeds,
    /// error rates, versions and kinds of authentication. Nothing leaves this host.
    Demo(Demo),
}

/// What `ehl capture` takes.
#[derive(Debug, Args)]
pub struct Capture {
    /// Which probe to attach
    ///
    /// sock-http sees cleartext HTTP on every interface; ssl-uprobe sees HTTP within TLS, in the processes that
    /// use OpenSSL or its kin: what, and at whose cost, is in ehl-ssl-uprobe(1). xdp-headers and tc-headers see packets: rows and options
    /// are in ehl-tc-headers(1).
    #[arg(long, value_name = "NAME", default_value = "sock-http", help_heading = WATCHING)]
    pub probe: ProbeName,

    /// How to capture.
    #[command(flatten)]
    pub exchanges: ExchangeCapture,

    /// Which packets.
    #[command(flatten)]
    pub packets: Packets,

    /// How many of them.
    #[command(flatten)]
    pub sampling: Sampling,
}

/// Which exchanges of HTTP, and how they are seen: what all reports of them take.
#[derive(Debug, Args)]
pub struct Http {
    /// What the kernel is asked for, and for how long.
    #[command(flatten)]
    pub watch: Watch,

    /// What passes from the kernel to ehl.
    #[command(flatten)]
    pub events: Events,

    /// Which processes.
    #[command(flatten)]
    pub processes: Processes,

    /// Which exchanges are kept.
    #[command(flatten)]
    pub selection: Selection,

    /// What becomes of secrets.
    #[command(flatten)]
    pub secrets: Secrets,
}

/// What `ehl sock-http` and `ehl ssl-uprobe` take: the options of a capture, whichever its probe.
#[derive(Debug, Args)]
pub struct ExchangeCapture {
    /// Which exchanges.
    #[command(flatten)]
    pub http: Http,

    /// Add a column with this header element
    ///
    /// Repeatable. request:NAME and response:NAME look at one message only; without the prefix the
    /// request is looked at first, then the response. Names are compared without regard to case.
    /// Secrets are masked here as everywhere.
    #[arg(long = "header", value_name = "NAME", help_heading = OUTPUT)]
    pub headers: Vec<HeaderName>,

    /// Where rows go and what they look like.
    #[command(flatten)]
    pub output: Output,

    /// How many rows.
    #[command(flatten)]
    pub limits: Limits,

    /// What makes the exit status other than 0.
    #[command(flatten)]
    pub gates: Gates,
}

impl ExchangeCapture {
    /// The first option that was typed which is about exchanges or processes.
    pub fn given(&self) -> Option<&'static str> {
        let Self { http: Http { processes: Processes { pids, comms, libs }, selection, .. }, headers, .. } = self;
        let Selection { methods, paths, hosts, statuses, slower_than } = selection;
        packets::first(&[
            (!pids.is_empty(), "--pid"),
            (!comms.is_empty(), "--comm"),
            (!libs.is_empty(), "--lib"),
            (!methods.is_empty(), "--method"),
            (!paths.is_empty(), "--path"),
            (!hosts.is_empty(), "--host"),
            (!statuses.is_empty(), "--status"),
            (slower_than.is_some(), "--slower-than"),
            (!headers.is_empty(), "--header"),
        ])
    }
}

/// What `ehl xdp-headers` and `ehl tc-headers` take.
#[derive(Debug, Args)]
pub struct PacketCapture {
    /// What the kernel is asked for, and for how long.
    #[command(flatten)]
    pub watch: Watch,

    /// What passes from the kernel to ehl.
    #[command(flatten)]
    pub events: Events,

    /// Which packets.
    #[command(flatten)]
    pub packets: Packets,

    /// How many of them.
    #[command(flatten)]
    pub sampling: Sampling,

    /// Where rows go and what they look like.
    #[command(flatten)]
    pub output: Output,

    /// How many rows.
    #[command(flatten)]
    pub limits: Limits,

    /// What makes the exit status other than 0.
    #[command(flatten)]
    pub gates: Gates,
}

/// How many rows of a capture.
#[derive(Debug, Args)]
pub struct Limits {
    /// Print only the first N rows of the result
    ///
    /// First by --sort, or else by time. Rows are collected until the end of the run.
    #[arg(long, value_name = "N", help_heading = OUTPUT)]
    pub top: Option<Rows>,

    /// Collect at most N rows, for json, --sort and --top
    ///
    /// With --format json, --sort or --top, rows are collected and printed at the end of the run. What
    /// comes after the N-th row is counted, and said on stderr.
    #[arg(long, value_name = "N", default_value = "100000", help_heading = OUTPUT)]
    pub max_rows: Rows,
}

/// What `ehl flows` takes.
#[derive(Debug, Args)]
pub struct Flows {
    /// Which probe to attach: tc-headers or xdp-headers
    ///
    /// tc-headers sees packets both ways; xdp-headers sees those received, at a lower cost.
    #[arg(long, value_name = "NAME", default_value = "tc-headers", help_heading = WATCHING)]
    pub probe: ProbeName,

    /// What the kernel is asked for, and for how long.
    #[command(flatten)]
    pub watch: Watch,

    /// What the packets of a flow have in common
    #[arg(long, value_name = "KEY", default_value = "tuple", help_heading = OUTPUT)]
    pub by: By,

    /// Keep totals of at most N flows
    ///
    /// What does not fit is in one row more, whose first column says other. A flow takes some 260 bytes of the kernel's memory.
    #[arg(long, value_name = "N", default_value = "65536", help_heading = WATCHING, value_parser = clap::value_parser!(u32).range(1..=4_194_304))]
    pub max_flows: u32,

    /// Which packets.
    #[command(flatten)]
    pub packets: Packets,

    /// Where rows go and what they look like.
    #[command(flatten)]
    pub output: Output,

    /// Print only the first N rows of the result
    ///
    /// First by --sort, or else by bytes. All rows if not given.
    #[arg(long, value_name = "N", help_heading = OUTPUT)]
    pub top: Option<Rows>,

    /// What makes the exit status other than 0.
    #[command(flatten)]
    pub gates: Gates,
}

/// What `ehl probes` takes.
#[derive(Debug, Args)]
pub struct Probes {
    /// How to print the list
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub format: ListFormat,

    /// Show also what each probe needs, and where it is attached
    ///
    /// Capabilities and kernel of each; of ssl-uprobe the places in the TLS libraries of this host.
    #[arg(short, long)]
    pub verbose: bool,
}

/// What `ehl demo` takes.
#[derive(Debug, Args)]
pub struct Demo {
    /// How long to run (5s, 1m)
    ///
    /// Longer than zero, at most 24h.
    #[arg(long = "for", value_name = "DURATION", default_value = "5s")]
    pub run_time: RunTime,

    /// Port of the embedded API on loopback; default: a free one
    ///
    /// With a port of your choice, another ehl can watch the same traffic: see the examples.
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub port: Option<u16>,

    /// How to print the rows
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub format: Format,

    /// Print no progress and no notes on stderr; errors and losses stay
    #[arg(short, long)]
    pub quiet: bool,

    /// When to use colour
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub color: Color,
}

const EXIT_STATUS: &str = "Exit status: 0 ran to its end, 1 failed, 2 bad usage, 3 --fail-if, 4 fewer rows than --expect-min, \
    5 events lost with --fail-on-loss, 69 this kernel cannot, 77 not permitted. \
    Examples and columns: see the manual pages, ehl(1).";

#[cfg(test)]
mod tests;

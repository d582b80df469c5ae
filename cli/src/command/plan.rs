//! What was typed, as the program uses it: the time, the selection, the output's form.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::io::IsTerminal as _;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use ehl_probes_common::counter::Counter;

use super::Usage;
use crate::args::{self, Color, Format, ProbeName, Redact};
use crate::http::redact::{Mode, Redactor};
use crate::http::selection::Selection;
use crate::network::namespace;
use crate::probe::Counts;
use crate::render;
use crate::stream::watched::{Filter, Watched};

/// Ports of either end to look at; all when empty.
pub(super) fn ports(args: &args::Watch) -> Vec<RangeInclusive<u16>> {
    args.ports.iter().map(|range| range.0.clone()).collect()
}

/// Networks of either end to look at, by address and prefix length; all when empty.
pub(super) fn networks(args: &args::Watch) -> Vec<(IpAddr, u8)> {
    args.nets.iter().map(|net| (net.0.network(), net.0.prefix_len())).collect()
}

/// The same for the kernel's map of them.
pub(super) fn networks_in_kernel(args: &args::Watch) -> Result<Vec<(IpAddr, u8)>, Usage> {
    /// The map's size.
    const MAX: usize = 256;
    let networks = networks(args);
    if networks.len() > MAX {
        return Err(Usage(format!("--net was given {} times; at most {MAX} networks are watched", networks.len())));
    }
    Ok(networks)
}

/// Ports and networks of exchanges, where they cannot be told before: a process has no address.
pub(super) fn ends_to_keep(probe: ProbeName, args: &args::Watch) -> Option<Filter> {
    let watched = Watched { ports: ports(args), networks: networks(args) };
    let is_late = probe == ProbeName::SslUprobe && args.read.is_none();
    (is_late && !(watched.ports.is_empty() && watched.networks.is_empty())).then(|| Filter::new(&watched))
}

/// Moves into the network namespace that was asked for (`--netns`), for good.
pub(super) fn enter(args: &args::Watch) -> Result<(), namespace::Error> {
    args.netns.as_deref().map_or(Ok(()), namespace::enter)
}

/// How many exchanges are kept at most (`--count`).
pub(super) fn count(args: &args::Events) -> Option<u64> {
    args.count.map(|rows| rows.0.get() as u64)
}

/// How long to watch, if nothing is said.
const RUN_TIME: Duration = Duration::from_secs(10);

/// How long to watch.
pub(super) fn run_time(args: &args::Watch) -> Duration {
    args.run_time.as_ref().map_or(RUN_TIME, |time| time.0)
}

/// The ends that are watched, in words: one piece for ports, one for networks.
pub(super) fn ends(ports: &[RangeInclusive<u16>], networks: &[(IpAddr, u8)]) -> Vec<String> {
    let by_port = (!ports.is_empty()).then(|| format!("port {}", join(ports.iter().map(range))));
    let by_network = (!networks.is_empty()).then(|| format!("net {}", join(networks.iter().map(|(ip, prefix)| format!("{ip}/{prefix}")))));
    [by_port, by_network].into_iter().flatten().collect()
}

fn range(ports: &RangeInclusive<u16>) -> String {
    if ports.start() == ports.end() { ports.start().to_string() } else { format!("{}-{}", ports.start(), ports.end()) }
}

pub(super) fn join(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(", ")
}

pub(super) fn selection(args: &args::Selection) -> Selection {
    Selection {
        methods: args.methods.iter().map(|method| method.0.clone()).collect(),
        paths: args.paths.iter().map(|pattern| pattern.0.clone()).collect(),
        hosts: args.hosts.iter().map(|pattern| pattern.0.clone()).collect(),
        statuses: args.statuses.iter().map(|range| range.0.clone()).collect(),
        slower_than_ns: args.slower_than.as_ref().map(|threshold| threshold.0.as_nanos() as u64),
        ends: None,
    }
}

/// A redactor whose fingerprints are comparable within this run only.
pub(super) fn redactor(redact: Redact) -> Redactor {
    let mode = match redact {
        Redact::Mask => Mode::Mask,
        Redact::Off => Mode::Off,
    };
    let random = || RandomState::new().build_hasher().finish();
    Redactor::new(mode, [random(), random()])
}

pub(super) fn format(format: Format) -> render::Format {
    match format {
        Format::Table => render::Format::Table,
        Format::Csv => render::Format::Csv,
        Format::Json => render::Format::Json,
        Format::Ndjson => render::Format::Ndjson,
    }
}

/// Whether a table is coloured: on a terminal, unless NO_COLOR (no-color.org) is set.
pub(super) fn is_coloured(color: Color, to_file: bool) -> bool {
    match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => !to_file && std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
    }
}

/// Width of the terminal that stdout is, in columns; `None` when it is none.
pub(super) fn terminal_width() -> Option<u16> {
    let stdout = std::io::stdout();
    let size = stdout.is_terminal().then(|| rustix::termios::tcgetwinsize(&stdout).ok())??;
    (size.ws_col > 0).then_some(size.ws_col)
}

/// What was on the watched ports that is not HTTP.
pub(super) fn not_http(counts: &Counts) -> render::NotHttp {
    render::NotHttp { tls: counts.of(Counter::Tls), proxy: counts.of(Counter::Proxy), other: counts.of(Counter::Other) }
}

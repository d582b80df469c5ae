//! What was typed, looked at on this host: interfaces by index, the selection, the output's form.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::io::IsTerminal as _;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use ehl_probes_common::counter::Counter;

use super::Usage;
use crate::args::{self, Color, Format, Redact};
use crate::http::redact::{Mode, Redactor};
use crate::http::selection::Selection;
use crate::probe::Counts;
use crate::probe::sock_http::Settings;
use crate::render;

/// Where to look, and for how long.
pub(super) struct Watch {
    pub(super) settings: Settings,
    pub(super) run_time: Duration,
    pub(super) count: Option<u64>,
}

impl Watch {
    pub(super) fn new(args: &args::Watch) -> Result<Self, Usage> {
        let mut interfaces = args.interfaces.iter().map(|name| interface(name)).collect::<Result<Vec<_>, _>>()?;
        interfaces.sort_by_key(|(_, index)| *index);
        interfaces.dedup();
        let settings =
            Settings { interfaces, ports: ports(args), networks: networks(args), ring_bytes: args.ring_size.0, measure: args.probe_cost };
        if settings.networks.len() > MAX_NETWORKS {
            return Err(Usage(format!("--net was given {} times; at most {MAX_NETWORKS} networks are watched", settings.networks.len())));
        }
        Ok(Self { settings, run_time: args.run_time.as_ref().map_or(RUN_TIME, |time| time.0), count: count(args) })
    }

    /// Watched interfaces that are not there any more, by name.
    pub(super) fn gone(&self) -> impl Iterator<Item = &str> {
        self.settings.interfaces.iter().filter(|(name, index)| interface_index(name) != *index).map(|(name, _)| name.as_str())
    }

    /// What is watched, in words: one piece for the interfaces, one for each filter.
    pub(super) fn describe(&self) -> Vec<String> {
        let Settings { interfaces, ports, networks, .. } = &self.settings;
        let interfaces = match &interfaces[..] {
            [] => "all interfaces".to_owned(),
            named => format!("interface {}", join(named.iter().map(|(name, _)| name.clone()))),
        };
        let ports = (!ports.is_empty()).then(|| format!("port {}", join(ports.iter().map(range))));
        let networks =
            (!networks.is_empty()).then(|| format!("net {}", join(networks.iter().map(|(ip, prefix)| format!("{ip}/{prefix}")))));
        [Some(interfaces), ports, networks].into_iter().flatten().collect()
    }
}

/// Ports of either end to look at; all when empty.
pub(super) fn ports(args: &args::Watch) -> Vec<RangeInclusive<u16>> {
    args.ports.iter().map(|range| range.0.clone()).collect()
}

/// Networks of either end to look at, by address and prefix length; all when empty.
pub(super) fn networks(args: &args::Watch) -> Vec<(IpAddr, u8)> {
    args.nets.iter().map(|net| (net.0.network(), net.0.prefix_len())).collect()
}

/// How many exchanges are kept at most (`--count`).
pub(super) fn count(args: &args::Watch) -> Option<u64> {
    args.count.map(|rows| rows.0.get() as u64)
}

/// How long to watch, if nothing is said.
const RUN_TIME: Duration = Duration::from_secs(10);

/// The map's size.
const MAX_NETWORKS: usize = 256;

fn range(ports: &RangeInclusive<u16>) -> String {
    if ports.start() == ports.end() { ports.start().to_string() } else { format!("{}-{}", ports.start(), ports.end()) }
}

fn join(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(", ")
}

/// 0 when there is none.
fn interface_index(name: &str) -> u32 {
    std::ffi::CString::new(name).ok().map_or(0, |name| {
        // SAFETY: the name is a C string.
        unsafe { libc::if_nametoindex(name.as_ptr()) }
    })
}

fn interface(name: &str) -> Result<(String, u32), Usage> {
    let index = interface_index(name);
    if index == 0 {
        let known = interfaces();
        return Err(Usage(format!("no interface `{name}` in this network namespace; there are {}", known.join(", "))));
    }
    Ok((name.to_owned(), index))
}

fn interfaces() -> Vec<String> {
    let mut names: Vec<_> =
        std::fs::read_dir("/sys/class/net").into_iter().flatten().filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    names.sort();
    names
}

pub(super) fn selection(args: &args::Selection) -> Selection {
    Selection {
        methods: args.methods.iter().map(|method| method.0.clone()).collect(),
        paths: args.paths.iter().map(|pattern| pattern.0.clone()).collect(),
        hosts: args.hosts.iter().map(|pattern| pattern.0.clone()).collect(),
        statuses: args.statuses.iter().map(|range| range.0.clone()).collect(),
        slower_than_ns: args.slower_than.as_ref().map(|threshold| threshold.0.as_nanos() as u64),
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

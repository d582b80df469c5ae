//! `sock-http`: which interfaces, ports and networks, and what there is to say of them.

use ehl_probes_common::counter::Counter;

use crate::args;
use crate::command::{Usage, interfaces, plan};
use crate::probe::sock_http::{Settings, attach};
use crate::probe::{Attached, Counts, Error};
use crate::progress::Notes;
use crate::render::NotHttp;

pub(super) const NAME: &str = "sock-http";

/// What is watched.
pub(in crate::command) struct Packets {
    settings: Settings,
}

impl Packets {
    pub(super) fn new(args: &args::Http) -> Result<Self, Usage> {
        let args::Http { watch, events, processes, .. } = args;
        if !processes.pids.is_empty() || !processes.comms.is_empty() || !processes.libs.is_empty() {
            return Err(Usage("sock-http sees packets, not processes; --pid, --comm and --lib are for ssl-uprobe".to_owned()));
        }
        let interfaces = interfaces::named(&watch.interfaces)?;
        let (ports, networks) = (plan::ports(watch), plan::networks_in_kernel(watch)?);
        Ok(Self { settings: Settings { interfaces, ports, networks, ring_bytes: events.ring_size.0, measure: watch.probe_cost } })
    }

    /// A port of every interface.
    pub(in crate::command) fn of_port(port: u16) -> Self {
        let (interfaces, networks) = (Vec::new(), Vec::new());
        Self { settings: Settings { interfaces, ports: vec![port..=port], networks, ring_bytes: 1 << 20, measure: false } }
    }

    pub(super) fn attach(&self) -> Result<Attached, Error> {
        attach(&self.settings)
    }

    /// What is watched, in words: one piece for the interfaces, one for each filter.
    pub(super) fn describe(&self) -> Vec<String> {
        let Settings { interfaces, ports, networks, .. } = &self.settings;
        let interfaces = match &interfaces[..] {
            [] => "all interfaces".to_owned(),
            named => format!("interface {}", plan::join(named.iter().map(|(name, _)| name.clone()))),
        };
        [vec![interfaces], plan::ends(ports, networks)].concat()
    }

    /// What a person wants to know at the end.
    pub(super) fn tell(&self, notes: Notes) {
        interfaces::tell_gone(&self.settings.interfaces, notes);
    }

    /// Empty output must not look like no traffic.
    pub(super) fn tell_nothing(&self, notes: Notes, not_http: &NotHttp, counts: &Counts) {
        let (attached, segments) = (self.describe().join("; "), counts.of(Counter::Segments));
        notes.note(format_args!("no HTTP exchange was seen; {NAME} watched {attached}, and saw {segments} TCP segments with payload"));
        let NotHttp { tls, proxy, other } = *not_http;
        if tls > 0 {
            notes.note(format_args!("{tls} segments were TLS: {NAME} cannot look inside; `--probe ssl-uprobe` does"));
        }
        if proxy > 0 {
            notes.note(format_args!("{proxy} segments started with a PROXY protocol header"));
        }
        if other > 0 {
            notes.note(format_args!("{other} segments were other than HTTP, TLS or PROXY"));
        }
        if segments == 0 {
            notes
                .note("is there traffic, on these ports and in this network namespace? ehl sees no other namespaces, Unix sockets or QUIC");
        }
    }
}

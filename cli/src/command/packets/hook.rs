//! The probe of a live run over packets: what was typed as the probe wants it, and what there is to say of it.

use caps::Capability;

use crate::args::{self, Mode, ProbeName};
use crate::command::interfaces::Names;
use crate::command::{Usage, interfaces, plan};
use crate::packet::tcp_flags;
use crate::probe::packets::{Directions, Filter, Settings, Task, TcpFlags, XdpMode};
use crate::probe::{Attached, needs, tc_headers, xdp_headers};
use crate::progress::Notes;

/// A probe of packets, and what it is to watch.
pub(in crate::command) struct PacketHook {
    is_xdp: bool,
    settings: Settings,
}

/// Which packets are looked at, live or in a file.
pub(in crate::command) fn filter(watch: &args::Watch, packets: &args::Packets) -> Result<Filter, Usage> {
    let mut protocols = Vec::new();
    for typed in &packets.protocols {
        protocols.push(typed.parse().map_err(|error| Usage(format!("--protocol {typed}: {error}")))?);
    }
    let tcp_flags = packets.tcp_flags.as_ref().map(|typed| typed.parse().map_err(|error| Usage(format!("--tcp-flags {typed}: {error}"))));
    let networks = plan::networks_in_kernel(watch)?;
    Ok(Filter { ports: plan::ports(watch), networks, protocols, tcp_flags: tcp_flags.transpose()? })
}

impl PacketHook {
    /// As typed. Attaches nothing.
    pub(in crate::command) fn new(probe: ProbeName, watch: &args::Watch, packets: &args::Packets, task: Task) -> Result<Self, Usage> {
        let is_xdp = match probe {
            ProbeName::XdpHeaders => true,
            ProbeName::TcHeaders => false,
            ProbeName::SockHttp | ProbeName::SslUprobe => {
                return Err(Usage("sock-http and ssl-uprobe see HTTP, not packets; use tc-headers or xdp-headers".to_owned()));
            }
        };
        let directions = match packets.direction {
            Some(args::Way::Egress | args::Way::Both) if is_xdp => {
                return Err(Usage("xdp-headers sees ingress only; use tc-headers for what is sent".to_owned()));
            }
            Some(args::Way::Ingress) => Directions::Ingress,
            Some(args::Way::Egress) => Directions::Egress,
            Some(args::Way::Both) | None => Directions::Both,
        };
        if packets.mode.is_some() && !is_xdp {
            return Err(Usage("--mode is of xdp-headers".to_owned()));
        }
        let settings = Settings {
            interfaces: watched(&watch.interfaces)?,
            directions: if is_xdp { Directions::Ingress } else { directions },
            mode: if packets.mode == Some(Mode::Generic) { XdpMode::Generic } else { XdpMode::Native },
            filter: filter(watch, packets)?,
            task,
            run_time: plan::run_time(watch),
            measure: watch.probe_cost,
        };
        Ok(Self { is_xdp, settings })
    }

    /// The probe's name.
    pub(in crate::command) fn name(&self) -> &'static str {
        if self.is_xdp { "xdp-headers" } else { "tc-headers" }
    }

    /// What the interfaces are called now.
    pub(in crate::command) fn names(&self) -> Names {
        Names::now(&self.settings.interfaces)
    }

    /// Whether it sees what is sent and what is received.
    pub(in crate::command) fn sees_both_ways(&self) -> bool {
        self.settings.directions == Directions::Both
    }

    /// Attaches the probe, and gives up the privileges that only that needs.
    pub(in crate::command) fn attach(&self, notes: Notes, still: &[Capability]) -> anyhow::Result<Attached> {
        if self.is_xdp {
            notes.note(match self.settings.mode {
                XdpMode::Native => "native XDP: attaching it makes some network cards reset their queues, and slows traffic over veth",
                XdpMode::Generic => "generic XDP: packets are seen at the entry of the stack, and cost more there than in the driver",
            });
        }
        let attached = if self.is_xdp { xdp_headers::attach(&self.settings)? } else { tc_headers::attach(&self.settings)? };
        needs::give_up(&[still, attached.links.needs()].concat())?;
        Ok(attached)
    }

    /// What is watched, in words: one piece for the interfaces, one for the way, one for each filter.
    pub(in crate::command) fn describe(&self) -> Vec<String> {
        let Settings { interfaces, directions, mode, filter, .. } = &self.settings;
        let interfaces = format!("interface {}", plan::join(interfaces.iter().map(|(name, _)| name.clone())));
        let hook = match (self.is_xdp, mode, directions) {
            (true, XdpMode::Native, _) => "native",
            (true, XdpMode::Generic, _) => "generic",
            (false, _, Directions::Ingress) => "ingress",
            (false, _, Directions::Egress) => "egress",
            (false, _, Directions::Both) => "ingress and egress",
        };
        let Filter { ports, networks, protocols, tcp_flags } = filter;
        let protocols = (!protocols.is_empty()).then(|| format!("protocol {}", plan::join(protocols.iter().map(ToString::to_string))));
        let flags = tcp_flags.map(|TcpFlags { set, clear }| {
            let not = tcp_flags::text(clear).map(|clear| format!("not {clear}"));
            format!("tcp flags {}", plan::join([tcp_flags::text(set).map(str::to_owned), not].into_iter().flatten()))
        });
        let filters = [protocols, flags].into_iter().flatten().collect();
        [vec![interfaces, hook.to_owned()], plan::ends(ports, networks), filters].concat()
    }

    /// What a person wants to know at the end; empty output must not look like no traffic.
    pub(in crate::command) fn tell(&self, notes: Notes, seen: u64) {
        interfaces::tell_gone(&self.settings.interfaces, notes);
        if seen == 0 {
            notes.note(format_args!("no packet was seen; {} watched {}", self.name(), self.describe().join("; ")));
            notes.note("is there traffic on this interface, and in this network namespace? -i and --netns choose others");
        }
    }
}

/// The interfaces that were typed, or that of the default route.
fn watched(typed: &[String]) -> Result<Vec<(String, u32)>, Usage> {
    if typed.is_empty() { Ok(vec![interfaces::of_default_route()?]) } else { interfaces::named(typed) }
}

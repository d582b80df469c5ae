//! The table of the probes, and whether each can run here.

use caps::Capability;

use super::needs;

/// One probe, as `ehl probes` shows it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Name on the command line.
    pub name: &'static str,
    /// Where it is attached.
    pub hook: &'static str,
    /// What it sees.
    pub sees: &'static str,
    /// Capabilities that it needs to attach.
    pub needs: &'static [Capability],
    /// Oldest kernel.
    pub kernel: &'static str,
    /// Whether it can run here, and if not, why.
    pub verdict: Verdict,
}

/// Whether a probe can run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It can.
    Ready,
    /// Capabilities are missing.
    NotPermitted(Vec<String>),
}

/// All probes.
pub fn probes() -> Vec<Entry> {
    vec![
        Entry {
            name: "sock-http",
            hook: "socket filter on AF_PACKET sockets",
            sees: "cleartext HTTP/1 and HTTP/2 heads",
            needs: needs::SOCK_HTTP,
            kernel: "5.15",
            verdict: verdict(needs::SOCK_HTTP),
        },
        Entry {
            name: "ssl-uprobe",
            hook: "uprobes in TLS libraries",
            sees: "HTTP/1 and HTTP/2 heads within TLS, with pid",
            needs: needs::SSL_UPROBE,
            kernel: "5.15",
            verdict: verdict(needs::SSL_UPROBE),
        },
        Entry {
            name: "xdp-headers",
            hook: "XDP on an interface",
            sees: "ingress packets before the stack",
            needs: needs::PACKETS,
            // Since then a program can say that it takes packets in fragments.
            kernel: "5.18",
            verdict: verdict(needs::PACKETS),
        },
        Entry {
            name: "tc-headers",
            hook: "TCX or clsact, ingress and egress",
            sees: "packets both ways",
            needs: needs::PACKETS,
            kernel: "5.15",
            verdict: verdict(needs::PACKETS),
        },
    ]
}

fn verdict(needed: &[Capability]) -> Verdict {
    match needs::missing(needed) {
        missing if missing.is_empty() => Verdict::Ready,
        missing => Verdict::NotPermitted(needs::names(&missing)),
    }
}

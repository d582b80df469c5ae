//! Whose TLS could not be seen, and why, so that an empty output never looks like no traffic.
//!
//! Asked once, at the end of a run: which processes hold TCP connections on the watched ports, do not use a library that
//! was probed, and show signs of TLS all the same. Signs are what is mapped and what stands in the program's text, so this is a
//! note for the eye and no proof.

mod holders;
mod judge;
mod reason;
mod signs;

use std::collections::HashSet;
use std::ops::RangeInclusive;

pub use reason::Reason;

use crate::process::{Proc, Unreadable};
use crate::tls::target::{FileId, Wanted, has_ssl_functions};
use holders::Holders;
use judge::Judge;

/// What was watched, and what came of it.
#[derive(Clone, Copy, Debug)]
pub struct Watch<'a> {
    /// The ports asked for; all if empty.
    pub ports: &'a [RangeInclusive<u16>],
    /// The processes asked for.
    pub wanted: &'a Wanted,
    /// The libraries that were there when the probe was attached.
    pub found: &'a HashSet<FileId>,
    /// Those of them that were probed.
    pub probed: &'a HashSet<FileId>,
    /// The processes whose traffic was seen.
    pub seen: &'a HashSet<u32>,
}

/// What could not be seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// In ascending order of their pids.
    pub unseen: Vec<Unseen>,
    /// What belongs to processes that may not be looked into.
    pub hidden: Option<Hidden>,
}

/// A process whose TLS could not be seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unseen {
    /// The process.
    pub pid: u32,
    /// Its name.
    pub comm: String,
    /// The watched ports on which it listens or has connections, in ascending order; for a client those of the servers.
    pub ports: Vec<u16>,
    /// Why.
    pub reason: Reason,
}

/// Connections whose process cannot be named, as some may not be looked into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hidden {
    /// Their ports, in ascending order.
    pub ports: Vec<u16>,
    /// How many processes may not be looked into.
    pub processes: usize,
}

/// Looks who could not be seen.
///
/// With ports given, a server with connections there is listed also without any sign of TLS, as [`Reason::NoTlsFound`]: somebody expected
/// TLS there. A client is not: what it talks to on that port is known to the server alone. Nor is anybody when all ports are
/// watched: that would list every program on the network.
pub fn unseen(proc: &Proc, watch: &Watch<'_>) -> Result<Coverage, Unreadable> {
    let holders = Holders::find(proc, watch.ports)?;
    let only: Option<HashSet<u32>> =
        if watch.wanted.pids.is_empty() { None } else { Some(proc.with_children(&watch.wanted.pids)?.into_iter().collect()) };
    let mut judge = Judge::new(proc, watch, &has_ssl_functions);
    let mut unseen = Vec::new();
    for holder in &holders.found {
        let is_asked_for = only.as_ref().is_none_or(|only| only.contains(&holder.pid));
        if !is_asked_for || watch.seen.contains(&holder.pid) || holder.pid == std::process::id() {
            continue;
        }
        let Ok(comm) = proc.comm(holder.pid) else { continue };
        if !watch.wanted.is_name(&comm) {
            continue;
        }
        let ports = holder.ports.iter().copied().collect();
        unseen.extend(judge.reason(holder).map(|reason| Unseen { pid: holder.pid, comm, ports, reason }));
    }
    Ok(Coverage { unseen, hidden: holders.hidden() })
}

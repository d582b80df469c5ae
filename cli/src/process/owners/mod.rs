//! Whose the sockets of this host are: from the addresses and ports of packets to the process that sends or gets them.
//!
//! What is not known for certain is not told: a socket that several processes hold, ends that belonged to one process and then to another,
//! and sockets of processes that may not be looked into. Listing sockets takes no privilege; the files of other users' processes take
//! `CAP_SYS_PTRACE` (and `CAP_DAC_READ_SEARCH` where /proc is not to be read by all).

mod dump;

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::sync::Arc;

use lru::LruCache;

use super::Proc;
use dump::{End, Listed, SocketList};

/// Sockets that are remembered, connected and not; those that were not seen for longest are forgotten first.
const MAX_SOCKETS: NonZeroUsize = NonZeroUsize::new(64 << 10).expect("not zero");
/// Sockets that one look resolves.
const MAX_NEW: usize = 64 << 10;
/// Open files of a process that are looked at.
const MAX_FILES: usize = 64 << 10;
/// How often a socket is looked for: it may be handed over between the two halves of a look, and between fork and exec a child has all files
/// of its parent.
const MAX_TRIES: u8 = 3;

/// What a socket speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

/// A process that holds a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Its number.
    pub pid: u32,
    /// What its main thread called itself when the socket was found.
    pub comm: Arc<str>,
}

/// The sockets of a network namespace that were seen, and who held them.
pub struct Owners {
    proc: Proc,
    list: SocketList,
    looks: u64,
    /// The sockets that there are, by inode.
    live: HashMap<u64, Live>,
    /// By what they are connected to.
    connected: LruCache<(Transport, End, End), Holder>,
    /// Others, by what they are bound to, and whether they are for IPv6 alone.
    bound: LruCache<(Transport, End, bool), Holder>,
}

#[derive(Default)]
struct Live {
    /// The number of the look that saw it last.
    seen: u64,
    tries: u8,
    holder: Option<Holder>,
}

/// Who holds a socket, or held those that had the same ends.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Holder {
    One(Owner),
    /// Several, or somebody who cannot be told.
    Unclear,
}

impl Owners {
    /// Of the network namespace that this thread is in now, and stays so when the thread leaves it.
    ///
    /// # Errors
    /// When the kernel lists no sockets (`CONFIG_INET_DIAG`).
    pub fn new(proc: Proc) -> io::Result<Self> {
        let list = SocketList::open()?;
        let (connected, bound) = (LruCache::new(MAX_SOCKETS), LruCache::new(MAX_SOCKETS));
        Ok(Self { proc, list, looks: 0, live: HashMap::new(), connected, bound })
    }

    /// Lists the sockets that there are now, and finds out who holds those that are new. Where there are none it is one dump, a few
    /// microseconds a socket; else it goes through the open files of all processes, with a system call for each, which may take long where
    /// there are many. To be called once more at the end, and meanwhile so that it is a small share of the time: about every second, and
    /// not before twenty times as long as the last look took.
    ///
    /// # Errors
    /// When the kernel does not list them. What was seen before is kept.
    pub fn look(&mut self) -> io::Result<()> {
        self.looks += 1;
        let new = self.list_sockets()?;
        if !new.is_empty() {
            self.resolve(&new);
        }
        self.live.retain(|_, live| live.seen == self.looks);
        Ok(())
    }

    /// Whose socket has this local end, and this other end or none. An IPv4 address may be given as `::ffff:a.b.c.d`.
    ///
    /// A connection that was not seen, between two looks, is that of the socket that listened for it.
    pub fn of(&self, transport: Transport, local: SocketAddr, remote: SocketAddr) -> Option<&Owner> {
        let [local, remote] = [local, remote].map(|end| End::new(end.ip(), end.port()));
        let connected = self.connected.peek(&(transport, local, remote));
        match connected.or_else(|| self.bound_to(transport, local))? {
            Holder::One(owner) => Some(owner),
            Holder::Unclear => None,
        }
    }

    /// As the kernel looks sockets up: by the address, then by none of its family, then by none of either.
    fn bound_to(&self, transport: Transport, local: End) -> Option<&Holder> {
        let any = End { address: Ipv6Addr::UNSPECIFIED, ..local };
        let of_family = match local.address.to_ipv4_mapped() {
            Some(_) => (transport, End { address: Ipv4Addr::UNSPECIFIED.to_ipv6_mapped(), ..local }, false),
            None => (transport, any, true),
        };
        [(transport, local, false), of_family, (transport, any, false)].iter().find_map(|key| self.bound.peek(key))
    }

    /// Gives those whose holder is not known.
    fn list_sockets(&mut self) -> io::Result<Vec<Listed>> {
        let Self { list, looks, live, connected, bound, .. } = self;
        let mut new = Vec::new();
        list.each(|socket| {
            let is_full = live.len() >= 2 * MAX_SOCKETS.get();
            let live = match live.entry(socket.inode) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(_) if is_full => return,
                Entry::Vacant(free) => free.insert(Live::default()),
            };
            live.seen = *looks;
            match &live.holder {
                Some(holder) => remember(connected, bound, &socket, holder),
                None if new.len() < MAX_NEW => new.push(socket),
                None => {}
            }
        })?;
        Ok(new)
    }

    fn resolve(&mut self, new: &[Listed]) {
        let wanted: HashSet<u64> = new.iter().map(|socket| socket.inode).collect();
        let found = holders(&self.proc, &wanted);
        for socket in new {
            let Some(live) = self.live.get_mut(&socket.inode) else { continue };
            live.tries += 1;
            live.holder = match found.get(&socket.inode) {
                Some(one @ Holder::One(_)) => Some(one.clone()),
                Some(Holder::Unclear) | None => (live.tries >= MAX_TRIES).then_some(Holder::Unclear),
            };
            if let Some(holder) = &live.holder {
                remember(&mut self.connected, &mut self.bound, socket, holder);
            }
        }
    }
}

fn remember(
    connected: &mut LruCache<(Transport, End, End), Holder>,
    bound: &mut LruCache<(Transport, End, bool), Holder>,
    socket: &Listed,
    holder: &Holder,
) {
    let Listed { transport, local, remote, is_v6_only, inode: _ } = *socket;
    let known = match remote {
        Some(remote) => connected.get_or_insert_mut((transport, local, remote), || holder.clone()),
        None => bound.get_or_insert_mut((transport, local, is_v6_only), || holder.clone()),
    };
    if !known.is_same_process(holder) {
        *known = Holder::Unclear;
    }
}

impl Holder {
    /// A process may have changed its name meanwhile.
    fn is_same_process(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::One(one), Self::One(other)) => one.pid == other.pid,
            _ => false,
        }
    }
}

/// Who holds these sockets, of those that somebody holds who may be looked into.
fn holders(proc: &Proc, wanted: &HashSet<u64>) -> HashMap<u64, Holder> {
    let mut holders: HashMap<u64, Holder> = HashMap::new();
    for pid in proc.pids().unwrap_or_default() {
        let mut sockets = proc.sockets(pid, MAX_FILES).unwrap_or_default();
        sockets.retain(|inode| wanted.contains(inode));
        let Some(Ok(comm)) = (!sockets.is_empty()).then(|| proc.comm(pid)) else { continue };
        let holder = Holder::One(Owner { pid, comm: comm.into() });
        for inode in sockets {
            let known = holders.entry(inode).or_insert_with(|| holder.clone());
            if !known.is_same_process(&holder) {
                *known = Holder::Unclear;
            }
        }
    }
    holders
}

#[cfg(test)]
mod tests;

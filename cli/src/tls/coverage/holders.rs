//! Which processes hold connections on the watched ports.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::RangeInclusive;

use super::Hidden;
use crate::process::{Proc, TcpSocket, TcpState, Unreadable};

/// Of all processes together; a proxy may have as many alone.
const MOST_OPEN_FILES: usize = 200_000;

/// Who holds what.
#[derive(Debug, Default)]
pub(super) struct Holders {
    /// In ascending order of their pids.
    pub(super) found: Vec<Holder>,
    /// The ports of the sockets of which no process is known yet.
    unnamed: HashMap<u64, u16>,
    unreadable: usize,
}

/// A process with connections on watched ports.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Holder {
    pub(super) pid: u32,
    pub(super) ports: BTreeSet<u16>,
    /// Whether it has a connection there as the server.
    pub(super) serves: bool,
}

/// A socket on a watched port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Watched {
    /// The one that was asked for, else that of the server.
    port: u16,
    serves: bool,
}

impl Holders {
    /// Reads the sockets of each network namespace once, then who holds them. An empty list of ports means all.
    pub(super) fn find(proc: &Proc, ports: &[RangeInclusive<u16>]) -> Result<Self, Unreadable> {
        let mut holders = Self::default();
        let mut namespaces: HashMap<u64, HashMap<u64, Watched>> = HashMap::new();
        let mut files_left = MOST_OPEN_FILES;
        let mut named = HashSet::new();
        // A process of each network namespace.
        let mut readers = Vec::new();
        for pid in proc.pids()? {
            let namespace = match proc.network_namespace(pid) {
                Ok(namespace) => namespace,
                Err(reason) => {
                    holders.unreadable += usize::from(reason == Unreadable::NotPermitted);
                    continue;
                }
            };
            let sockets = namespaces.entry(namespace).or_insert_with(|| {
                readers.push(pid);
                let sockets = watched(&proc.tcp_sockets(pid).unwrap_or_default(), ports);
                holders.unnamed.extend(sockets.iter().map(|(&inode, socket)| (inode, socket.port)));
                sockets
            });
            if sockets.is_empty() || files_left == 0 {
                continue;
            }
            match proc.sockets(pid, files_left) {
                Ok(held) => {
                    files_left = files_left.saturating_sub(held.len());
                    holders.found.extend(Holder::new(pid, held.iter().filter_map(|inode| sockets.get(inode))));
                    named.extend(held);
                }
                Err(reason) => holders.unreadable += usize::from(reason == Unreadable::NotPermitted),
            }
        }
        holders.unnamed.retain(|inode, _| !named.contains(inode));
        holders.forget_ended(proc, &readers);
        Ok(holders)
    }

    /// Connections that ended while their holder was looked for belong to nobody.
    fn forget_ended(&mut self, proc: &Proc, readers: &[u32]) {
        if self.unreadable == 0 || self.unnamed.is_empty() {
            return;
        }
        let still: HashSet<u64> =
            readers.iter().flat_map(|pid| proc.tcp_sockets(*pid).unwrap_or_default()).map(|socket| socket.inode).collect();
        self.unnamed.retain(|inode, _| still.contains(inode));
    }

    /// Connections of nobody are nothing to tell while all processes could be read: theirs has ended.
    pub(super) fn hidden(&self) -> Option<Hidden> {
        let ports: BTreeSet<u16> = self.unnamed.values().copied().collect();
        let is_hidden = self.unreadable > 0 && !ports.is_empty();
        is_hidden.then(|| Hidden { ports: ports.into_iter().collect(), processes: self.unreadable })
    }
}

impl Holder {
    fn new<'a>(pid: u32, sockets: impl Iterator<Item = &'a Watched>) -> Option<Self> {
        let mut holder = Self { pid, ..Self::default() };
        for socket in sockets {
            holder.ports.insert(socket.port);
            holder.serves |= socket.serves;
        }
        (!holder.ports.is_empty()).then_some(holder)
    }
}

/// The sockets on watched ports, by their inodes.
fn watched(sockets: &[TcpSocket], ports: &[RangeInclusive<u16>]) -> HashMap<u64, Watched> {
    let listening: HashSet<u16> =
        sockets.iter().filter(|socket| socket.state == TcpState::Listening).map(|socket| socket.local_port).collect();
    let is_asked_for = |port: u16| ports.is_empty() || ports.iter().any(|range| range.contains(&port));
    let watched = |socket: &TcpSocket| {
        let is_server = listening.contains(&socket.local_port);
        let (server, client) = if is_server { (socket.local_port, socket.remote_port) } else { (socket.remote_port, socket.local_port) };
        let port = match socket.state {
            TcpState::Listening => Some(socket.local_port).filter(|&port| is_asked_for(port)),
            TcpState::Connected => [server, client].into_iter().find(|&port| is_asked_for(port)),
        };
        let serves = is_server && socket.state == TcpState::Connected && is_asked_for(server);
        Some((socket.inode, Watched { port: port?, serves }))
    };
    sockets.iter().filter_map(watched).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::testing::MadeProc;

    fn socket(state: TcpState, local_port: u16, remote_port: u16) -> TcpSocket {
        TcpSocket { state, local_port, remote_port, inode: u64::from(local_port) << 16 | u64::from(remote_port) }
    }

    fn ports_of(ports: &[RangeInclusive<u16>]) -> Vec<(u16, bool)> {
        let sockets = [
            socket(TcpState::Listening, 443, 0),
            socket(TcpState::Connected, 443, 50_000),
            socket(TcpState::Connected, 50_001, 8443),
            socket(TcpState::Listening, 22, 0),
        ];
        let mut found: Vec<_> = watched(&sockets, ports).into_values().map(|socket| (socket.port, socket.serves)).collect();
        found.sort_unstable();
        found
    }

    #[test]
    fn a_connection_counts_at_its_server() {
        assert_eq!(ports_of(&[]), [(22, false), (443, false), (443, true), (8443, false)]);
    }

    #[test]
    fn either_end_may_be_asked_for() {
        assert_eq!(ports_of(&[443..=443]), [(443, false), (443, true)]);
        assert_eq!(ports_of(&[8000..=9000]), [(8443, false)]);
        assert_eq!(ports_of(&[50_000..=50_000]), [(50_000, false)]);
        assert_eq!(ports_of(&[1..=2]), []);
    }

    fn made() -> MadeProc {
        let made = MadeProc::new();
        let line = "0: 0100007F:01BB 0100007F:C001 01 0:0 00:0 0 0 0 1002 1";
        for pid in [7, 8] {
            made.file(&format!("{pid}/net/tcp"), format!("heading\n{line}\n"));
            made.file(&format!("{pid}/ns/net"), "");
        }
        made.folder("8/fd");
        made
    }

    #[test]
    fn a_process_is_found_by_its_open_sockets() {
        let made = made();
        made.link("7/fd/3", "socket:[1002]");
        let holders = Holders::find(&made.proc(), &[443..=443]).expect("it can be read");
        assert_eq!(holders.found, [Holder { pid: 7, ports: BTreeSet::from([443]), serves: false }]);
        assert_eq!(holders.hidden(), None);
    }

    #[test]
    fn what_belongs_to_nobody_is_hidden_only_if_somebody_may_not_be_read() {
        let mut holders = Holders::find(&made().proc(), &[443..=443]).expect("it can be read");
        assert_eq!((&holders.found[..], holders.hidden()), (&[][..], None));
        holders.unreadable = 2;
        assert_eq!(holders.hidden(), Some(Hidden { ports: vec![443], processes: 2 }));
    }
}

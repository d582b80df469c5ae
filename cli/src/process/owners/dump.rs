//! The TCP and UDP sockets of a network namespace, as the kernel lists them (sock_diag(7)). That takes no privilege, of whoever the
//! sockets are.

use std::io;
use std::net::{IpAddr, Ipv6Addr};

use netlink_packet_core::{
    ErrorBuffer, NLM_F_DUMP, NLM_F_REQUEST, NLMSG_DONE, NLMSG_ERROR, NetlinkBuffer, NetlinkHeader, NetlinkMessage, NlasIterator,
    Parseable as _,
};
use netlink_packet_sock_diag::SockDiagMessage;
use netlink_packet_sock_diag::constants::{AF_INET, AF_INET6, INET_DIAG_SKV6ONLY, IPPROTO_TCP, IPPROTO_UDP, SOCK_DIAG_BY_FAMILY};
use netlink_packet_sock_diag::inet::{ExtensionFlags, InetRequest, InetResponseBuffer, InetResponseHeader, SocketId, StateFlags};
use netlink_sys::Socket;
use netlink_sys::protocols::NETLINK_SOCK_DIAG;

use super::Transport;

/// The kernel puts at most 32 KiB into one answer (`netlink_dump`).
const BUFFER_BYTES: usize = 64 << 10;

/// A way to ask for the sockets of a network namespace.
pub(super) struct SocketList {
    socket: Socket,
    buffer: Vec<u8>,
    sequence: u32,
}

/// A socket that belongs to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) transport: Transport,
    pub(super) local: End,
    /// `None` while it listens, and of UDP that is not connected.
    pub(super) remote: Option<End>,
    /// Whether it is for IPv6 alone although its address, which is none, says nothing of that.
    pub(super) is_v6_only: bool,
    /// Names the socket in `/proc/PID/fd`.
    pub(super) inode: u64,
}

/// Address and port; an IPv4 address as `::ffff:a.b.c.d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct End {
    pub(super) address: Ipv6Addr,
    pub(super) port: u16,
}

impl End {
    pub(super) fn new(address: IpAddr, port: u16) -> Self {
        let address = match address {
            IpAddr::V4(v4) => v4.to_ipv6_mapped(),
            IpAddr::V6(v6) => v6,
        };
        Self { address, port }
    }
}

impl SocketList {
    /// Of the network namespace that this thread is in now.
    pub(super) fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_SOCK_DIAG)?;
        socket.bind_auto()?;
        // Only the kernel is listened to.
        socket.connect(&netlink_sys::SocketAddr::new(0, 0))?;
        Ok(Self { socket, buffer: vec![0; BUFFER_BYTES], sequence: 0 })
    }

    /// Passes on each socket.
    pub(super) fn each(&mut self, mut pass: impl FnMut(Listed)) -> io::Result<()> {
        for transport in [Transport::Tcp, Transport::Udp] {
            for family in [AF_INET, AF_INET6] {
                self.ask(transport, family)?;
                match self.answers(transport, &mut pass) {
                    // This kernel has no IPv6, or no such list.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    other => other?,
                }
            }
        }
        Ok(())
    }

    fn ask(&mut self, transport: Transport, family: u8) -> io::Result<()> {
        self.sequence = self.sequence.wrapping_add(1);
        let mut header = NetlinkHeader::default();
        header.flags = NLM_F_REQUEST | NLM_F_DUMP;
        header.sequence_number = self.sequence;
        let request = InetRequest {
            family,
            protocol: match transport {
                Transport::Tcp => IPPROTO_TCP,
                Transport::Udp => IPPROTO_UDP,
            },
            extensions: ExtensionFlags::empty(),
            // These have no file, and there may be many.
            states: StateFlags::all().difference(StateFlags::TIME_WAIT.union(StateFlags::SYN_RECV)),
            socket_id: if family == AF_INET { SocketId::new_v4() } else { SocketId::new_v6() },
        };
        let mut message = NetlinkMessage::new(header, SockDiagMessage::InetRequest(request).into());
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        self.socket.send(&bytes, 0).map(drop)
    }

    /// Reads to the end of what was asked for.
    fn answers(&mut self, transport: Transport, pass: &mut impl FnMut(Listed)) -> io::Result<()> {
        loop {
            let received = self.socket.recv(&mut &mut self.buffer[..], 0)?;
            let mut rest = &self.buffer[..received.min(BUFFER_BYTES)];
            while !rest.is_empty() {
                let message = NetlinkBuffer::new_checked(rest).map_err(damaged)?;
                // Left over where an earlier list was given up.
                if message.sequence_number() == self.sequence {
                    match message.message_type() {
                        SOCK_DIAG_BY_FAMILY => listed(transport, message.payload())?.into_iter().for_each(&mut *pass),
                        NLMSG_DONE => return Ok(()),
                        NLMSG_ERROR => return Err(refusal(message.payload())),
                        _ => {}
                    }
                }
                rest = rest.get((message.length() as usize).next_multiple_of(4)..).unwrap_or_default();
            }
        }
    }
}

/// One socket, unless it has no file or is bound to nothing.
fn listed(transport: Transport, payload: &[u8]) -> io::Result<Option<Listed>> {
    let InetResponseHeader { family, socket_id, inode, .. } = InetResponseHeader::parse(payload).map_err(damaged)?;
    let local = End::new(socket_id.source_address, socket_id.source_port);
    let remote = End::new(socket_id.destination_address, socket_id.destination_port);
    if inode == 0 || local.port == 0 {
        return Ok(None);
    }
    let remote = (remote.port != 0).then_some(remote);
    let is_wildcard = family == AF_INET6 && remote.is_none() && local.address.is_unspecified();
    let is_v6_only = is_wildcard && says_v6_only(payload.get(size_of::<InetResponseBuffer>()..).unwrap_or_default());
    Ok(Some(Listed { transport, local, remote, is_v6_only, inode: inode.into() }))
}

/// Whether `IPV6_V6ONLY` is set, as the attributes of a socket say.
fn says_v6_only(attributes: &[u8]) -> bool {
    let mut attributes = NlasIterator::new(attributes).flatten();
    attributes.any(|attribute| attribute.kind() == INET_DIAG_SKV6ONLY && attribute.value() == [1])
}

fn refusal(payload: &[u8]) -> io::Error {
    let code = ErrorBuffer::new_checked(&payload).ok().and_then(|error| error.code());
    code.map_or_else(|| io::ErrorKind::InvalidData.into(), |code| io::Error::from_raw_os_error(-code.get()))
}

fn damaged(error: impl std::error::Error + Send + Sync + 'static) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

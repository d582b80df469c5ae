//! The TCP sockets of a network namespace, as `/proc/PID/net/tcp` and `tcp6` list them.

use std::fs::File;
use std::io::Read as _;

use super::{Proc, Unreadable};

/// A socket that belongs to a file of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpSocket {
    /// What it is doing.
    pub state: TcpState,
    /// Its own port.
    pub local_port: u16,
    /// The other end's port, 0 while it listens.
    pub remote_port: u16,
    /// Names the socket in `/proc/PID/fd`.
    pub inode: u64,
}

/// As far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TcpState {
    /// It waits for connections.
    Listening,
    /// It is a connection, perhaps half closed.
    Connected,
}

/// About a hundred thousand sockets; more are not read.
const MOST_BYTES: u64 = 16 << 20;

impl Proc {
    /// The sockets of the network namespace of a process, over IPv4 and IPv6.
    pub fn tcp_sockets(&self, pid: u32) -> Result<Vec<TcpSocket>, Unreadable> {
        let mut sockets = self.tcp_table(pid, "net/tcp")?;
        match self.tcp_table(pid, "net/tcp6") {
            Ok(more) => sockets.extend(more),
            // A kernel without IPv6 has no such table.
            Err(Unreadable::Gone) => {}
            Err(other) => return Err(other),
        }
        Ok(sockets)
    }

    fn tcp_table(&self, pid: u32, name: &str) -> Result<Vec<TcpSocket>, Unreadable> {
        let mut text = Vec::new();
        File::open(self.path(pid, name))?.take(MOST_BYTES).read_to_end(&mut text)?;
        Ok(text.split(|&byte| byte == b'\n').filter_map(TcpSocket::parse).collect())
    }
}

impl TcpSocket {
    /// proc_pid_net(5): `sl local rem st tx:rx tr:when retrnsmt uid timeout inode ...`. `None` for the heading, for states without a
    /// connection and for sockets without a file.
    fn parse(line: &[u8]) -> Option<Self> {
        let mut fields = str::from_utf8(line).ok()?.split_ascii_whitespace();
        let local_port = port(fields.nth(1)?)?;
        let remote_port = port(fields.next()?)?;
        let state = TcpState::parse(fields.next()?)?;
        let inode = fields.nth(5)?.parse().ok()?;
        (inode != 0).then_some(Self { state, local_port, remote_port, inode })
    }
}

impl TcpState {
    /// The numbers of the kernel's `include/net/tcp_states.h`.
    fn parse(number: &str) -> Option<Self> {
        match u8::from_str_radix(number, 16).ok()? {
            // ESTABLISHED, FIN_WAIT1, FIN_WAIT2, CLOSE_WAIT, LAST_ACK, CLOSING
            1 | 4 | 5 | 8 | 9 | 11 => Some(Self::Connected),
            10 => Some(Self::Listening),
            _ => None,
        }
    }
}

/// The address is in the kernel's own order, the port is a number.
fn port(end: &str) -> Option<u16> {
    u16::from_str_radix(end.rsplit_once(':')?.1, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::super::testing::MadeProc;
    use super::*;

    const TCP: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode                                                     
   0: 0100007F:01BB 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1001 1 0000000000000000 100 0 0 10 0                     
   1: 0100007F:01BB 0100007F:C001 01 00000000:00000000 00:00000000 00000000  1000        0 1002 1 0000000000000000 20 4 30 10 -1                    
   2: 0100007F:C001 0100007F:01BB 06 00000000:00000000 03:0000176F 00000000     0        0 0 3 0000000000000000                                      
   3: 0100007F:C002 0100007F:01BB 02 00000000:00000000 03:0000176F 00000000     0        0 1003 3 0000000000000000                                   
";
    const TCP6: &str = "  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000001000000:20FB 00000000000000000000000001000000:A000 08 00000000:00000000 00:00000000 00000000     0        0 1004 1 0000000000000000 100 0 0 10 0
";

    #[test]
    fn connections_and_listeners_of_both_families_are_listed() {
        let made = MadeProc::new();
        made.file("7/net/tcp", TCP);
        made.file("7/net/tcp6", TCP6);
        assert_eq!(
            made.proc().tcp_sockets(7).expect("it can be read"),
            [
                TcpSocket { state: TcpState::Listening, local_port: 443, remote_port: 0, inode: 1001 },
                TcpSocket { state: TcpState::Connected, local_port: 443, remote_port: 0xc001, inode: 1002 },
                TcpSocket { state: TcpState::Connected, local_port: 8443, remote_port: 0xa000, inode: 1004 },
            ]
        );
    }

    #[test]
    fn a_kernel_without_ipv6_has_one_table() {
        let made = MadeProc::new();
        made.file("7/net/tcp", TCP);
        assert_eq!(made.proc().tcp_sockets(7).map(|sockets| sockets.len()), Ok(2));
        assert_eq!(made.proc().tcp_sockets(8), Err(Unreadable::Gone));
    }

    #[test]
    fn damaged_lines_are_passed_over() {
        for line in ["", "0:", "0: x y 0A", "0: 0:1 0:2 01 0 0 0 0 0", "0: 0:1 0:2 zz 0 0 0 0 0 5", "0: 0:FFFFF 0:2 01 0 0 0 0 0 5"] {
            assert_eq!(TcpSocket::parse(line.as_bytes()), None, "{line:?}");
        }
    }
}

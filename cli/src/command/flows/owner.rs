//! The processes of this host that have the sockets of flows.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use ehl_probes_common::record::Way;

use crate::aggregate::flows::Row;
use crate::probe::packets::Protocol;
use crate::process::Proc;
use crate::process::owners::{Owner, Owners, Transport};

/// IP protocol numbers.
const TCP: u8 = 6;
const UDP: u8 = 17;

/// How often sockets are looked up, unless that would take too much of the time.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// A look of a second is followed by so many without one.
const PAUSE: u32 = 50;

/// The owners of sockets, looked up now and then.
pub(super) struct Lookout {
    /// `None` where the kernel lists no sockets.
    owners: Option<Owners>,
    next: Instant,
}

impl Lookout {
    /// Nothing was looked up yet.
    pub(super) fn new() -> Self {
        Self { owners: Owners::new(Proc::of_this_host()).ok(), next: Instant::now() }
    }

    /// Looks, if it is time to.
    pub(super) fn look(&mut self) {
        if self.next <= Instant::now() {
            self.look_now();
        }
    }

    /// Looks.
    pub(super) fn look_now(&mut self) {
        let begun = Instant::now();
        // What the kernel does not tell now is not known.
        let _ = self.owners.as_mut().map(Owners::look);
        self.next = begun + LOOK_EVERY.max(begun.elapsed() * PAUSE);
    }

    /// The process at this host's end of the flow.
    pub(super) fn of(&self, row: &Row<'_>) -> Option<&Owner> {
        let transport = match row.protocol()? {
            Protocol::Ip(TCP) => Transport::Tcp,
            Protocol::Ip(UDP) => Transport::Udp,
            _ => return None,
        };
        let sender = SocketAddr::new(row.source()?, row.source_port()?);
        let receiver = SocketAddr::new(row.destination()?, row.destination_port()?);
        let (local, remote) = if row.way()? == Way::Egress { (sender, receiver) } else { (receiver, sender) };
        self.owners.as_ref()?.of(transport, local, remote)
    }
}

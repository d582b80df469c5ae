//! A veth pair that carries nothing but what a test sends, so that packets can be counted exactly.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};

use super::netns::Netns;
use super::wait_for;
use super::wire::{packet_socket, packet_socket_of, stay_on_this_cpu};

/// More than the driver takes with a program that does not take packets in fragments.
const MTU: usize = 9000;
/// A protocol for experiments (IEEE 802, `ETH_P_802_EX1`), which no stack answers.
const EXPERIMENTS: u16 = 0x88b5;
const FRAME: [u8; 60] = frame(EXPERIMENTS);
/// What follows all others and tells that they have arrived (`ETH_P_802_EX2`).
pub(crate) const LAST: u16 = 0x88b6;
pub(crate) const LAST_FRAME: [u8; 60] = frame(LAST);

const fn frame(ethertype: u16) -> [u8; 60] {
    let mut frame = [0; 60];
    frame[0] = 2;
    frame[5] = 2;
    frame[6] = 2;
    frame[11] = 1;
    [frame[12], frame[13]] = ethertype.to_be_bytes();
    frame
}

/// The end `seen` is in the observed namespace.
pub(crate) struct Quiet {
    observed: Netns,
    far: Netns,
    into: File,
    out_of: File,
    last: File,
}

/// What the kernel counted on an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counted {
    pub(crate) received: u64,
    pub(crate) received_bytes: u64,
    pub(crate) sent: u64,
    pub(crate) sent_bytes: u64,
}

impl Quiet {
    pub(crate) fn new() -> Self {
        // Frames sent from one CPU arrive in the order they were sent in.
        stay_on_this_cpu();
        let (observed, far) = (Netns::new(), Netns::new());
        for netns in [&observed, &far] {
            // Or it asks for routers and tells of its addresses.
            netns.run(|| fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1").expect("the namespace has IPv6"));
        }
        observed.ip(&format!("link add seen mtu {MTU} address 02:00:00:00:00:02 type veth peer name far mtu {MTU} netns {}", far.name()));
        observed.ip("link set seen up");
        far.ip("link set far up");
        let into = far.run(|| packet_socket("far")).expect("root may send frames");
        let out_of = observed.run(|| packet_socket("seen")).expect("root may send frames");
        let last = observed.run(|| packet_socket_of("seen", LAST)).expect("root may receive frames");
        Self { observed, far, into, out_of, last }
    }

    pub(crate) fn namespace(&self) -> &Netns {
        &self.observed
    }

    /// That of the other end, `far`.
    pub(crate) fn far(&self) -> &Netns {
        &self.far
    }

    /// Frames that come in at `seen`.
    pub(crate) fn receive(&mut self, frames: u64) {
        (0..frames).for_each(|_| send(&mut self.into, &FRAME));
    }

    /// Frames that go out there.
    pub(crate) fn transmit(&mut self, frames: u64) {
        (0..frames).for_each(|_| send(&mut self.out_of, &FRAME));
    }

    /// This frame comes in.
    pub(crate) fn bring(&mut self, frame: &[u8]) {
        send(&mut self.into, frame);
    }

    /// This one goes out.
    pub(crate) fn emit(&mut self, frame: &[u8]) {
        send(&mut self.out_of, frame);
    }

    /// Where frames are sent that come in.
    pub(crate) fn way_in(&self) -> &File {
        &self.into
    }

    /// Where those are sent that go out.
    pub(crate) fn way_out(&self) -> &File {
        &self.out_of
    }

    /// Sends [`LAST_FRAME`] in, and waits until it, and so all before it, has passed the probes.
    pub(crate) fn settle(&mut self) {
        self.bring(&LAST_FRAME);
        wait_for("the last frame", || match self.last.read(&mut [0; 60]) {
            // That the interface was down for a while is told once.
            Err(error) if [io::ErrorKind::WouldBlock, io::ErrorKind::NetworkDown].contains(&error.kind()) => None,
            read => Some(read.expect("the socket can be read")),
        });
    }

    /// What the kernel counted: received and sent.
    pub(crate) fn counted(&self) -> (u64, u64) {
        let Counted { received, sent, .. } = self.counters();
        (received, sent)
    }

    /// The same with bytes.
    pub(crate) fn counters(&self) -> Counted {
        counters(&self.observed, "seen")
    }
}

/// What the kernel counted on an interface.
pub(crate) fn counters(netns: &Netns, interface: &str) -> Counted {
    let table = netns.run(|| fs::read_to_string("/proc/thread-self/net/dev").expect("the kernel counts"));
    let line = table.lines().find_map(|line| line.trim().strip_prefix(interface)?.strip_prefix(':')).expect("the interface is there");
    let numbers: Vec<u64> = line.split_whitespace().map(|number| number.parse().expect("a number")).collect();
    Counted { received_bytes: numbers[0], received: numbers[1], sent_bytes: numbers[8], sent: numbers[9] }
}

fn send(socket: &mut File, frame: &[u8]) {
    match socket.write(frame) {
        // To the sender, a program that drops the frame is a queue that is full.
        Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => {}
        sent => assert_eq!(sent.expect("the interface takes the frame"), frame.len()),
    }
}

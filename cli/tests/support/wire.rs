//! Ways to put crafted packets before `ehl` without a TCP stack on either side, and a watch over what it makes of them.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::mem::size_of;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use rustix::thread::{CpuSet, sched_getcpu, sched_setaffinity};
use serde_json::Value;

use super::capture::Capture;
use super::netns::Netns;
use super::outcome::{Outcome, exchange};
use super::segment::{Conversation, Segment, Shape};

/// Takes segments to an interface where they arrive from outside.
pub(crate) trait Medium {
    fn namespace(&self) -> &Netns;
    fn send(&mut self, segment: &Segment);

    fn send_all<'a>(&mut self, segments: impl IntoIterator<Item = &'a Segment>)
    where
        Self: Sized,
    {
        for segment in segments {
            self.send(segment);
        }
    }
}

/// The most that a veth pair takes: what segmentation offload makes of a stream fits.
const MTU: usize = 65_535;
/// The longest frame that [`Wire`] takes.
pub(crate) const MAX_FRAME: usize = MTU + 14;

/// A veth pair: what is sent into the far end arrives on `seen` in the observed namespace. That end has no address, so
/// its kernel answers nothing and both directions of a conversation can come in there.
pub(crate) struct Wire {
    observed: Netns,
    _far: Netns,
    socket: File,
    pub(crate) shape: Shape,
}

impl Wire {
    pub(crate) fn new() -> Self {
        stay_on_this_cpu();
        let (observed, far) = (Netns::new(), Netns::new());
        observed.ip(&format!("link add seen mtu {MTU} address 02:00:00:00:00:02 type veth peer name far mtu {MTU} netns {}", far.name()));
        observed.ip("link set seen up");
        far.ip("link set far up");
        let socket = far.run(|| packet_socket("far")).expect("root may send frames");
        Self { observed, _far: far, socket, shape: Shape::Plain }
    }

    pub(crate) fn send_frame(&mut self, frame: &[u8]) {
        let sent = self.socket.write(frame).expect("the interface takes the frame");
        assert_eq!(sent, frame.len());
    }
}

impl Medium for Wire {
    fn namespace(&self) -> &Netns {
        &self.observed
    }

    fn send(&mut self, segment: &Segment) {
        self.send_frame(&segment.frame(self.shape));
    }
}

/// An interface without a link layer: IP packets written to the device arrive on `tun0`.
pub(crate) struct Tunnel {
    observed: Netns,
    device: File,
}

impl Tunnel {
    pub(crate) fn new() -> Self {
        stay_on_this_cpu();
        let observed = Netns::new();
        let device = observed.run(|| open_tun("tun0")).expect("root may make a tun device");
        observed.ip("link set tun0 up");
        Self { observed, device }
    }

    pub(crate) fn send_packet(&mut self, packet: &[u8]) {
        self.device.write_all(packet).expect("the device takes the packet");
    }
}

impl Medium for Tunnel {
    fn namespace(&self) -> &Netns {
        &self.observed
    }

    fn send(&mut self, segment: &Segment) {
        self.send_packet(&segment.packet(Shape::Plain));
    }
}

/// What `ehl` made of some segments.
pub(crate) struct Seen {
    /// `METHOD PATH STATUS` of each row, sorted.
    pub(crate) exchanges: Vec<String>,
    pub(crate) rows: Vec<Value>,
    pub(crate) outcome: Outcome,
}

/// Captures what `inject` sends, to the end: a last exchange on a connection of its own tells when all has arrived.
#[track_caller]
pub(crate) fn observe<M: Medium>(medium: &mut M, inject: impl FnOnce(&mut M)) -> Seen {
    observe_with(medium, &[], inject)
}

/// The same with more options; the rows are to have method, path and status.
#[track_caller]
pub(crate) fn observe_with<M: Medium>(medium: &mut M, options: &[&str], inject: impl FnOnce(&mut M)) -> Seen {
    let all = [&["capture", "--for", "5m", "--format", "ndjson", "--port", "8080"], options].concat();
    let mut capture = Capture::start(medium.namespace(), &all);
    inject(medium);
    let mut last = Conversation::new(1);
    medium.send_all(&last.open());
    medium.send(&last.request("GET /the-last HTTP/1.1\r\nHost: last.example\r\n\r\n"));
    medium.send(&last.response("HTTP/1.1 204 No Content\r\n\r\n"));
    capture.wait_for_row("the last exchange", |row| row["path"] == "/the-last");
    let outcome = capture.stop().exited(0);
    assert_eq!(outcome.accounting("lost"), 0, "{outcome}");
    let rows: Vec<_> = outcome.rows().into_iter().filter(|row| row["path"] != "/the-last").collect();
    let mut exchanges: Vec<_> = rows.iter().map(exchange).collect();
    exchanges.sort();
    Seen { exchanges, rows, outcome }
}

/// Frames sent from one CPU arrive in the order they were sent in.
pub(crate) fn stay_on_this_cpu() {
    stay_on(sched_getcpu());
}

/// Moves the calling thread there, for good.
pub(crate) fn stay_on(number: usize) {
    let mut cpu = CpuSet::new();
    cpu.set(number);
    sched_setaffinity(None, &cpu).expect("a thread may choose its CPU");
}

/// An AF_PACKET socket that only sends (protocol 0 receives nothing), bound to an interface of this thread's namespace.
pub(crate) fn packet_socket(interface: &str) -> io::Result<File> {
    packet_socket_of(interface, 0)
}

/// One that receives the frames of a protocol too, once they have passed what is attached to the interface; reads do not wait.
pub(crate) fn packet_socket_of(interface: &str, ethertype: u16) -> io::Result<File> {
    let index = rustix::net::netdevice::name_to_index(
        rustix::net::socket(rustix::net::AddressFamily::INET, rustix::net::SocketType::DGRAM, None)?,
        interface,
    )?;
    let nonblocking = if ethertype == 0 { 0 } else { libc::SOCK_NONBLOCK };
    // SAFETY: socket(2) takes no pointers.
    let fd = unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC | nonblocking, 0) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor was just made and nothing else owns it.
    let socket = unsafe { OwnedFd::from_raw_fd(fd) };
    // SAFETY: all bytes zero is a valid sockaddr_ll.
    let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    address.sll_family = u16::try_from(libc::AF_PACKET).expect("a small constant");
    address.sll_protocol = ethertype.to_be();
    address.sll_ifindex = i32::try_from(index).expect("an index is positive");
    let len = u32::try_from(size_of::<libc::sockaddr_ll>()).expect("a small struct");
    // SAFETY: the pointer is to a sockaddr_ll that lives through the call, and `len` is its size.
    let bound = unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), len) };
    if bound < 0 { Err(io::Error::last_os_error()) } else { Ok(File::from(socket)) }
}

pub(crate) fn open_tun(name: &str) -> io::Result<File> {
    let device = OpenOptions::new().read(true).write(true).open("/dev/net/tun")?;
    // SAFETY: all bytes zero is a valid ifreq.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *to = from.cast_signed();
    }
    request.ifr_ifru.ifru_flags = i16::try_from(libc::IFF_TUN | libc::IFF_NO_PI).expect("small flags");
    // SAFETY: TUNSETIFF reads and writes one ifreq, which lives through the call.
    let made = unsafe { libc::ioctl(device.as_raw_fd(), libc::TUNSETIFF, &raw mut request) };
    if made < 0 { Err(io::Error::last_os_error()) } else { Ok(device) }
}

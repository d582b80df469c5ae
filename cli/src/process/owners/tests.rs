use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};

use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, socket_with, sockopt};

use super::super::testing::MadeProc;
use super::*;

fn owners() -> Owners {
    Owners::new(Proc::of_this_host()).expect("the kernel lists sockets")
}

/// More than once: other tests start processes, which have all files of this one for a moment.
fn look(owners: &mut Owners) {
    for _ in 0..MAX_TRIES {
        owners.look().expect("the kernel lists sockets");
    }
}

fn pid_of(owners: &Owners, transport: Transport, local: SocketAddr, remote: SocketAddr) -> Option<u32> {
    owners.of(transport, local, remote).map(|owner| owner.pid)
}

fn at(text: &str) -> SocketAddr {
    text.parse().expect("an end")
}

const SOMEBODY: &str = "192.0.2.9:4711";

/// A process that holds a socket.
struct Sleeper(Child);

impl Sleeper {
    fn holding(socket: impl Into<OwnedFd>) -> Self {
        Self(Command::new("sleep").arg("60").stdin(Stdio::from(socket.into())).spawn().expect("sleep can be started"))
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn both_ends_of_a_connection_are_known_and_stay_known_when_it_is_over() {
    let this = Some(std::process::id());
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let listener = TcpListener::bind(address).expect("a port");
        let client = TcpStream::connect(listener.local_addr().expect("a port")).expect("it listens");
        let (server, _) = listener.accept().expect("a client came");
        let [near, far] = [&client, &server].map(|stream| stream.local_addr().expect("it is bound"));
        let mut owners = owners();
        assert_eq!(pid_of(&owners, Transport::Tcp, near, far), None);
        look(&mut owners);
        assert_eq!([(near, far), (far, near)].map(|(local, remote)| pid_of(&owners, Transport::Tcp, local, remote)), [this, this]);
        assert_eq!(pid_of(&owners, Transport::Udp, near, far), None);
        drop((client, server, listener));
        look(&mut owners);
        assert_eq!(pid_of(&owners, Transport::Tcp, near, far), this);
        assert!(owners.of(Transport::Tcp, near, far).is_some_and(|owner| !owner.comm.is_empty()));
    }
}

#[test]
fn what_is_bound_answers_for_everybody_who_sends_to_it() {
    let this = Some(std::process::id());
    let (listener, socket) = (TcpListener::bind("127.0.0.1:0").expect("a port"), UdpSocket::bind("0.0.0.0:0").expect("a port"));
    let (tcp, udp) = (listener.local_addr().expect("a port"), socket.local_addr().expect("a port").port());
    let mut owners = owners();
    look(&mut owners);
    assert_eq!(pid_of(&owners, Transport::Tcp, tcp, at(SOMEBODY)), this);
    assert_eq!(pid_of(&owners, Transport::Tcp, SocketAddr::new([127, 0, 0, 2].into(), tcp.port()), at(SOMEBODY)), None);
    for (local, expected) in [("10.0.0.1", this), ("::ffff:10.0.0.1", this), ("fd00::1", None)] {
        let local = SocketAddr::new(local.parse().expect("an address"), udp);
        assert_eq!(pid_of(&owners, Transport::Udp, local, at(SOMEBODY)), expected, "{local}");
    }
}

#[test]
fn a_connected_udp_socket_is_its_peers_alone() {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    socket.connect("127.0.0.1:9").expect("no packet is sent");
    let local = socket.local_addr().expect("a port");
    let mut owners = owners();
    look(&mut owners);
    assert_eq!(pid_of(&owners, Transport::Udp, local, at("127.0.0.1:9")), Some(std::process::id()));
    assert_eq!(pid_of(&owners, Transport::Udp, local, at(SOMEBODY)), None);
}

#[test]
fn a_socket_of_ipv6_takes_ipv4_unless_it_says_otherwise() {
    for (only, expected) in [(false, Some(std::process::id())), (true, None)] {
        let socket = socket_with(AddressFamily::INET6, SocketType::DGRAM, SocketFlags::CLOEXEC, None).expect("a socket");
        sockopt::set_ipv6_v6only(&socket, only).expect("it is not bound yet");
        bind(&socket, &at("[::]:0")).expect("a port");
        let port = UdpSocket::from(socket.try_clone().expect("a file")).local_addr().expect("a port").port();
        let mut owners = owners();
        look(&mut owners);
        let of = |local: &str| pid_of(&owners, Transport::Udp, SocketAddr::new(local.parse().expect("an address"), port), at(SOMEBODY));
        assert_eq!((of("fd00::1"), of("10.0.0.1")), (Some(std::process::id()), expected));
    }
}

#[test]
fn of_two_processes_that_hold_a_socket_none_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let local = listener.local_addr().expect("a port");
    let _child = Sleeper::holding(listener.try_clone().expect("a file"));
    let mut owners = owners();
    look(&mut owners);
    assert_eq!(pid_of(&owners, Transport::Tcp, local, at(SOMEBODY)), None);
}

#[test]
fn a_port_that_went_to_another_process_is_nobodys() {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let local = socket.local_addr().expect("a port");
    let mut owners = owners();
    look(&mut owners);
    drop(socket);
    let child = Sleeper::holding(UdpSocket::bind(local).expect("it is free again"));
    look(&mut owners);
    assert_eq!(pid_of(&owners, Transport::Udp, local, at(SOMEBODY)), None);
    let mut later = self::owners();
    look(&mut later);
    assert_eq!(pid_of(&later, Transport::Udp, local, at(SOMEBODY)), Some(child.0.id()));
}

#[test]
fn an_address_goes_before_none() {
    let reused = |address: &str| {
        let socket = socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None).expect("a socket");
        sockopt::set_socket_reuseaddr(&socket, true).expect("it is not bound yet");
        bind(&socket, &at(address)).expect("a port");
        UdpSocket::from(socket)
    };
    let any = reused("0.0.0.0:0");
    let port = any.local_addr().expect("a port").port();
    let child = Sleeper::holding(reused(&format!("127.0.0.1:{port}")));
    let mut owners = owners();
    look(&mut owners);
    let of = |local: [u8; 4]| pid_of(&owners, Transport::Udp, SocketAddr::new(local.into(), port), at(SOMEBODY));
    assert_eq!((of([127, 0, 0, 1]), of([127, 0, 0, 2])), (Some(child.0.id()), Some(std::process::id())));
}

#[test]
fn where_proc_is_not_to_be_read_nobody_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let local = listener.local_addr().expect("a port");
    let mut owners = Owners::new(MadeProc::new().proc()).expect("the kernel lists sockets");
    look(&mut owners);
    assert_eq!(pid_of(&owners, Transport::Tcp, local, at(SOMEBODY)), None);
}

#[test]
fn what_is_known_is_not_looked_for_again() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let mut owners = owners();
    look(&mut owners);
    let new = owners.list_sockets().expect("the kernel lists sockets");
    let local = listener.local_addr().expect("a port");
    assert!(!new.iter().any(|socket| socket.local == End::new(local.ip(), local.port())));
}

//! Whose sockets are: in a network namespace of their own, and with and without the right to look into other processes.

mod support;

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};

use ehl::process::Proc;
use ehl::process::owners::{Owners, Transport};
use rustix::process::Uid;
use rustix::thread::set_thread_res_uid;
use support::can_run;
use support::netns::Netns;
use support::process::Running;

const SOMEBODY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 9)), 4711);

fn looked(mut owners: Owners) -> Owners {
    // What looks like a socket of two processes is looked at again: other tests start some.
    for _ in 0..3 {
        owners.look().expect("the kernel lists sockets");
    }
    owners
}

fn owners() -> Owners {
    looked(Owners::new(Proc::of_this_host()).expect("the kernel lists sockets"))
}

fn pid_of(owners: &Owners, transport: Transport, local: SocketAddr) -> Option<u32> {
    owners.of(transport, local, SOMEBODY).map(|owner| owner.pid)
}

/// A process that holds a socket which nobody else has.
fn holder(socket: impl Into<OwnedFd>) -> Running {
    Running::start(Command::new("sleep").arg("60").stdin(Stdio::from(socket.into())))
}

#[test]
fn sockets_are_those_of_the_namespace_it_began_in() {
    if !can_run(&[]) {
        return;
    }
    let netns = Netns::new();
    let (local, process, inside) = netns.run(|| {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let local = listener.local_addr().expect("a port");
        (local, holder(listener), Owners::new(Proc::of_this_host()).expect("the kernel lists sockets"))
    });
    assert_eq!(pid_of(&looked(inside), Transport::Tcp, local), Some(process.pid()));
    assert_ne!(pid_of(&owners(), Transport::Tcp, local), Some(process.pid()));
}

#[test]
fn sockets_of_processes_that_may_not_be_looked_into_are_nobodys() {
    const NOBODY: u32 = 65_534;
    if !can_run(&[]) {
        return;
    }
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let local = socket.local_addr().expect("a port");
    let process = holder(socket);
    let of = |owners: &Owners| pid_of(owners, Transport::Udp, local);
    let unprivileged = std::thread::scope(|scope| {
        let looked = scope.spawn(|| {
            // Of this thread alone; its capabilities go too.
            let nobody = Uid::from_raw(NOBODY);
            set_thread_res_uid(nobody, nobody, nobody).expect("root may become anybody");
            owners()
        });
        looked.join().expect("looking needs no privilege")
    });
    assert_eq!((of(&unprivileged), of(&owners())), (None, Some(process.pid())));
}

//! Loads `sock-http` and attaches it to AF_PACKET sockets: one for all interfaces, or one for each that is named.

use std::io;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::os::fd::{AsFd as _, AsRawFd as _, FromRawFd as _, OwnedFd};

use aya::programs::ProgramType;
use aya::sys::{BpfHelper, is_helper_supported};
use caps::Capability;
use ehl_probes_common::record::LOOPBACK;

use super::object::{Loader, Object};
use super::programs::Programs;
use super::sock_entry::{self, Entry};
use super::{Attached, Connections, Error, Links, Memory, counters, filters, needs, records_while, syscall};

const NAME: &str = "sock-http";

/// What the probe watches.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Interfaces by name and index; all when empty.
    pub interfaces: Vec<(String, u32)>,
    /// Ports of either end; all when empty.
    pub ports: Vec<RangeInclusive<u16>>,
    /// Networks of either end, by address and prefix length; all when empty.
    pub networks: Vec<(IpAddr, u8)>,
    /// Size of the ring buffer in bytes, a power of two of pages.
    pub ring_bytes: u32,
    /// Whether the kernel is to measure the program's run time.
    pub measure: bool,
}

/// Loads the program and attaches it.
pub fn attach(settings: &Settings) -> Result<Attached, Error> {
    needs::check(NAME, needs::SOCK_HTTP)?;
    if settings.measure {
        needs::check("sock-http with --probe-cost", &[Capability::CAP_SYS_ADMIN])?;
    }
    let mut object = load(settings).map_err(|reason| unsupported(&reason))?;
    filters::fill(NAME, &mut object, &settings.ports, &settings.networks)?;
    let (records, program) = records_while(&mut object, |object| object.program("sock_http"));
    let program = program.map_err(|reason| unsupported(&reason))?;
    let (run, mut maps) = if sock_entry::fits(&program)? {
        (program, Vec::new())
    } else {
        let Entry { program, maps } = sock_entry::before(&program)?;
        (program, maps)
    };
    let missing = || failed("the object lacks a map");
    let (records, counters) = (records.ok_or_else(missing)?, counters(NAME, &mut object).ok_or_else(missing)?);
    let connections = Connections::of(&mut object).ok_or_else(missing)?;
    let statistics = if settings.measure { Some(Programs::measure(NAME)?) } else { None };
    let hooks = interfaces(settings).into_iter().map(|index| watch(&run, index)).collect::<Result<_, _>>()?;
    maps.extend(object.into_maps());
    let programs = Programs::new(vec![run], maps, statistics);
    Ok(Attached { links: Links::new(hooks, programs, None), records, memory: Memory::Packets(connections), counters })
}

fn load(settings: &Settings) -> Result<Object, String> {
    let bpf_loop = is_helper_supported(ProgramType::SocketFilter, BpfHelper::BPF_FUNC_loop).unwrap_or(false);
    Loader::new(ehl_probes::sock_http())
        .tell("FILTER_PORTS", [u8::from(!settings.ports.is_empty())])
        .tell("FILTER_NETWORKS", [u8::from(!settings.networks.is_empty())])
        .tell("BPF_LOOP", [u8::from(bpf_loop)])
        .tell("LOOPBACK_RECEIVED", [u8::from(has_own_socket(settings, LOOPBACK))])
        .size("RECORDS", settings.ring_bytes)
        .load()
}

/// 0 stands for all interfaces (packet(7)).
fn interfaces(settings: &Settings) -> Vec<u32> {
    if settings.interfaces.is_empty() { vec![0] } else { settings.interfaces.iter().map(|(_, index)| *index).collect() }
}

/// Whether there is a socket for it alone.
fn has_own_socket(settings: &Settings, interface: u32) -> bool {
    settings.interfaces.iter().any(|(_, index)| *index == interface)
}

/// A packet socket with the filter in place before it is bound: no packet passes it unseen.
fn watch(program: &OwnedFd, interface: u32) -> Result<OwnedFd, Error> {
    let os = |deed: &str| failed(&format!("{deed}: {}", io::Error::last_os_error()));
    // SAFETY: plain system call; protocol 0 receives nothing until the socket is bound.
    let raw = unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0) };
    if raw < 0 {
        return Err(os("a packet socket cannot be opened"));
    }
    // SAFETY: the descriptor was just opened and nobody else owns it.
    let socket = unsafe { OwnedFd::from_raw_fd(raw) };
    syscall::filter_socket(socket.as_fd(), program.as_fd())
        .map_err(|error| failed(&format!("a packet socket does not take it: {error}")))?;
    if interface == LOOPBACK {
        // What is sent there is received there: each packet is cloned once less, and not looked at twice (kernel 4.20).
        syscall::ignore_outgoing(socket.as_fd()).map_err(|error| failed(&format!("a packet socket sees what is sent: {error}")))?;
    }
    let address = libc::sockaddr_ll {
        sll_family: libc::AF_PACKET as libc::c_ushort,
        sll_protocol: (libc::ETH_P_ALL as u16).to_be(),
        sll_ifindex: interface as libc::c_int,
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 0,
        sll_addr: [0; 8],
    };
    // SAFETY: the address is a sockaddr_ll and its length is given.
    let bound = unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), size_of_val(&address) as libc::socklen_t) };
    if bound < 0 {
        return Err(os("a packet socket cannot be bound to the interface"));
    }
    Ok(socket)
}

pub(super) fn failed(reason: &str) -> Error {
    Error::Failed { probe: NAME, reason: reason.to_owned() }
}

/// A kernel that lacks a map type, a helper or the program type says EINVAL or worse at loading.
pub(super) fn unsupported(reason: &str) -> Error {
    Error::Unsupported { probe: NAME, reason: reason.to_owned() }
}

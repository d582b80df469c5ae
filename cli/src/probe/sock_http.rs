//! Loads `sock-http` and attaches it to AF_PACKET sockets: one for all interfaces, or one for each that is named.

use std::io;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

use aya::programs::{ProgramType, SocketFilter};
use aya::sys::{BpfHelper, is_helper_supported};
use aya::{Ebpf, EbpfLoader};
use caps::Capability;

use super::{
    Attached, Connections, Error, Links, Memory, counters, descriptor, error_chain, filters, needs, programs::Programs, records, sock_entry,
};

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
    let mut ebpf = load(settings).map_err(|reason| unsupported(&reason))?;
    filters::fill(NAME, &mut ebpf, &settings.ports, &settings.networks)?;
    let program = loaded(&mut ebpf, "sock_http")?;
    let mut entry = if sock_entry::fits(program)? { None } else { Some(sock_entry::before(program)?) };
    let missing = || failed("the object lacks a map");
    let (records, counters) = (records(&mut ebpf).ok_or_else(missing)?, counters(NAME, &mut ebpf).ok_or_else(missing)?);
    let connections = Connections::of(&mut ebpf).ok_or_else(missing)?;
    let statistics = if settings.measure { Some(Programs::measure(NAME)?) } else { None };
    let (object, name) = match &mut entry {
        Some(entry) => (entry, "sock_entry"),
        None => (&mut ebpf, "sock_http"),
    };
    let attached = socket_filter(object, name)?;
    let mut hooks = Vec::new();
    for index in interfaces(settings) {
        hooks.push(watch(attached, index)?);
    }
    let run = descriptor(attached.fd()).map_err(|error| failed(&error))?;
    let objects = [Some(ebpf), entry].into_iter().flatten().collect();
    let programs = Programs::new(objects, vec![run], statistics);
    Ok(Attached { links: Links::new(hooks, programs, None), records, memory: Memory::Packets(connections), counters })
}

/// Loads one of an object's programs.
pub(super) fn loaded<'e>(ebpf: &'e mut Ebpf, name: &str) -> Result<&'e mut SocketFilter, Error> {
    let program = socket_filter(ebpf, name)?;
    program.load().map_err(|error| unsupported(&error_chain(&error)))?;
    Ok(program)
}

fn socket_filter<'e>(ebpf: &'e mut Ebpf, name: &str) -> Result<&'e mut SocketFilter, Error> {
    ebpf.program_mut(name)
        .ok_or_else(|| failed(&format!("the object has no program {name}")))?
        .try_into()
        .map_err(|error| failed(&format!("its program {name} is no socket filter: {error}")))
}

fn load(settings: &Settings) -> Result<Ebpf, String> {
    let bpf_loop = is_helper_supported(ProgramType::SocketFilter, BpfHelper::BPF_FUNC_loop).unwrap_or(false);
    EbpfLoader::new()
        // No program here is relocated against the kernel's types; parsing them would take longer than all the rest.
        .btf(None)
        .override_global("FILTER_PORTS", &u8::from(!settings.ports.is_empty()), true)
        .override_global("FILTER_NETWORKS", &u8::from(!settings.networks.is_empty()), true)
        .override_global("BPF_LOOP", &u8::from(bpf_loop), true)
        .map_max_entries("RECORDS", settings.ring_bytes)
        .load(ehl_probes::sock_http())
        .map_err(|error| error_chain(&error))
}

/// 0 stands for all interfaces (packet(7)).
fn interfaces(settings: &Settings) -> Vec<u32> {
    if settings.interfaces.is_empty() { vec![0] } else { settings.interfaces.iter().map(|(_, index)| *index).collect() }
}

/// A packet socket with the filter in place before it is bound: no packet passes it unseen.
fn watch(program: &SocketFilter, interface: u32) -> Result<OwnedFd, Error> {
    let os = |deed: &str| failed(&format!("{deed}: {}", io::Error::last_os_error()));
    // SAFETY: plain system call; protocol 0 receives nothing until the socket is bound.
    let raw = unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0) };
    if raw < 0 {
        return Err(os("a packet socket cannot be opened"));
    }
    // SAFETY: the descriptor was just opened and nobody else owns it.
    let socket = unsafe { OwnedFd::from_raw_fd(raw) };
    program.attach(socket.as_fd()).map_err(|error| failed(&error_chain(&error)))?;
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
fn unsupported(reason: &str) -> Error {
    Error::Unsupported { probe: NAME, reason: reason.to_owned() }
}

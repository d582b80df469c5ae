//! Loads `xdp-headers` and attaches it to interfaces by links, in the mode that was asked for and in no other.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};

use aya_obj::generated::{XDP_FLAGS_DRV_MODE, XDP_FLAGS_SKB_MODE, bpf_attach_type::BPF_XDP};

use super::packets::load::{Probe, deadline_ns};
use super::packets::{Settings, XdpMode};
use super::{Attached, Error, Links, needs, syscall};
use crate::network::{Interface, interfaces};

static PROBE: Probe = Probe { name: "xdp-headers", with_cost: "xdp-headers with --probe-cost", object: ehl_probes::xdp_headers };

/// What a driver answers that has no native mode, besides `EOPNOTSUPP`: the kernel's own `ENOTSUPP` (include/linux/errno.h).
const ENOTSUPP: i32 = 524;

/// Loads the program and attaches it.
pub fn attach(settings: &Settings) -> Result<Attached, Error> {
    let loaded = PROBE.load(settings, deadline_ns(settings))?;
    let program = loaded.program("xdp_headers").map_err(|reason| PROBE.unsupported(&why(&reason)))?;
    let known = interfaces().map_err(|error| PROBE.failed(&format!("interfaces cannot be listed: {error}")))?;
    let mut hooks = Vec::new();
    for (name, index) in &settings.interfaces {
        let interface = known.iter().find(|interface| interface.index == *index);
        hooks.push(watch(&program, name, *index, interface, settings.mode).map_err(|reason| PROBE.failed(&reason))?);
    }
    loaded.attached(vec![program], |programs| Links::new(hooks, programs, None))
}

/// What a person can do about a program that does not load.
fn why(said: &str) -> String {
    match needs::kernel_version() {
        Some(version) if version < (5, 18) => {
            format!("it takes 5.18 for packets in fragments, and this is {}.{}: {said}", version.0, version.1)
        }
        _ => said.to_owned(),
    }
}

/// Attaches to one interface. The result keeps the program attached.
fn watch(program: &OwnedFd, name: &str, index: u32, interface: Option<&Interface>, mode: XdpMode) -> Result<OwnedFd, String> {
    if interface.is_some_and(|interface| !interface.is_ethernet) {
        return Err(format!("packets of {name} have no Ethernet header, which XDP needs; `--probe tc-headers` does without"));
    }
    let flags = match mode {
        XdpMode::Native => XDP_FLAGS_DRV_MODE,
        XdpMode::Generic => XDP_FLAGS_SKB_MODE,
    };
    let occupant = || interface.and_then(|interface| interface.xdp_program).map(describe);
    syscall::link(program.as_fd(), index, BPF_XDP, flags).map_err(|error| refusal(name, mode, &error, occupant().as_deref()))
}

/// A program in words; its name takes CAP_SYS_ADMIN.
fn describe(id: u32) -> String {
    let name = syscall::program(id).and_then(|program| syscall::program_info(program.as_fd())).ok().and_then(|info| {
        let name = info.name.map(|letter| letter as u8);
        Some(CStr::from_bytes_until_nul(&name).ok()?.to_string_lossy().into_owned())
    });
    match name {
        Some(name) if !name.is_empty() => format!("`{name}` (program {id})"),
        _ => format!("program {id}"),
    }
}

/// Why an interface does not take the program, and what there is to do about it.
fn refusal(interface: &str, mode: XdpMode, error: &io::Error, occupant: Option<&str>) -> String {
    let native = mode == XdpMode::Native;
    match error.raw_os_error() {
        Some(libc::EBUSY | libc::EEXIST) => {
            let occupant = occupant.unwrap_or("another program");
            format!("{interface} has an XDP program, {occupant}, and takes only one; it stays; `--probe tc-headers` can look beside it")
        }
        Some(libc::EOPNOTSUPP | ENOTSUPP) if native => {
            format!("the driver of {interface} has no native XDP; `--mode generic` works with every driver")
        }
        Some(libc::ERANGE | libc::EINVAL | libc::E2BIG) if native => format!(
            "the driver of {interface} refuses native XDP as the interface is set up, with too large an MTU for example ({error}); \
             `--mode generic` works with every driver"
        ),
        _ if native => format!("{interface} refuses it: {error}; `--mode generic` works with every driver"),
        _ => format!("{interface} refuses it: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_way_out() {
        let said = |errno, mode, occupant| refusal("eth0", mode, &io::Error::from_raw_os_error(errno), occupant);
        for (errno, occupant, expected) in [
            (libc::EOPNOTSUPP, None, "the driver of eth0 has no native XDP; `--mode generic` works with every driver"),
            (ENOTSUPP, None, "the driver of eth0 has no native XDP; `--mode generic` works with every driver"),
            (
                libc::ERANGE,
                None,
                "the driver of eth0 refuses native XDP as the interface is set up, with too large an MTU for example \
                 (Numerical result out of range (os error 34)); `--mode generic` works with every driver",
            ),
            (
                libc::EBUSY,
                Some("`firewall` (program 12)"),
                "eth0 has an XDP program, `firewall` (program 12), and takes only one; it stays; `--probe tc-headers` can look beside it",
            ),
            (
                libc::EEXIST,
                None,
                "eth0 has an XDP program, another program, and takes only one; it stays; `--probe tc-headers` can look beside it",
            ),
        ] {
            assert_eq!(said(errno, XdpMode::Native, occupant), expected);
        }
        assert_eq!(said(libc::ENODEV, XdpMode::Generic, None), "eth0 refuses it: No such device (os error 19)");
    }
}

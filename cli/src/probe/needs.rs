//! What a probe needs of the host: capabilities (capabilities(7)), and giving them up.

use anyhow::Context as _;
use caps::{CapSet, Capability, CapsHashSet};

use super::Error;

/// `sock-http`: a packet socket, loading a program, and a filter beyond what the unprivileged verifier takes.
pub const SOCK_HTTP: &[Capability] = &[Capability::CAP_NET_RAW, Capability::CAP_BPF, Capability::CAP_PERFMON];

/// `ssl-uprobe`: loading programs, uprobes, and looking into other users' processes and files, when it is attached and when a library
/// is loaded later.
pub const SSL_UPROBE: &[Capability] =
    &[Capability::CAP_BPF, Capability::CAP_PERFMON, Capability::CAP_SYS_PTRACE, Capability::CAP_DAC_READ_SEARCH];

/// `xdp-headers` and `tc-headers`: attaching to interfaces, loading programs, and programs that read packets.
pub const PACKETS: &[Capability] = &[Capability::CAP_NET_ADMIN, Capability::CAP_BPF, Capability::CAP_PERFMON];

/// What detaching takes that no descriptor does by being closed: removing filters.
pub(super) const DETACH_FILTERS: &[Capability] = &[Capability::CAP_NET_ADMIN];

/// What telling whose the sockets of flows are takes, where they are other users'.
pub const OWNERS: &[Capability] = &[Capability::CAP_SYS_PTRACE, Capability::CAP_DAC_READ_SEARCH];

/// Which of `needed` this process does not have in effect. CAP_SYS_ADMIN stands for CAP_BPF and CAP_PERFMON.
pub fn missing(needed: &[Capability]) -> Vec<Capability> {
    let effective = caps::read(None, CapSet::Effective).unwrap_or_default();
    let admin = effective.contains(&Capability::CAP_SYS_ADMIN);
    let has = |capability: &Capability| {
        effective.contains(capability) || admin && matches!(capability, Capability::CAP_BPF | Capability::CAP_PERFMON)
    };
    needed.iter().filter(|capability| !has(capability)).copied().collect()
}

/// Refuses when a capability is missing.
pub(super) fn check(probe: &'static str, needed: &[Capability]) -> Result<(), Error> {
    let missing = missing(needed);
    if missing.is_empty() {
        return Ok(());
    }
    Err(Error::NotPermitted { probe, needed: names(needed), missing: names(&missing) })
}

/// Names as in capabilities(7).
pub fn names(capabilities: &[Capability]) -> Vec<String> {
    capabilities.iter().map(ToString::to_string).collect()
}

/// What telling at the end takes whose TLS was not seen: looking into other users' processes and files.
pub const SSL_UPROBE_REPORT: &[Capability] = &[Capability::CAP_SYS_PTRACE, Capability::CAP_DAC_READ_SEARCH];

/// Gives up all capabilities of the calling thread, and so of the threads that it starts later, but those that are `still` needed,
/// for good. On kernels before 5.19 (commit c8644cd0efe7), CAP_BPF is kept: there it takes that to read a map that is already open.
pub fn give_up(still: &[Capability]) -> anyhow::Result<()> {
    let permitted = caps::read(None, CapSet::Permitted).unwrap_or_default();
    let mut kept: CapsHashSet = still.iter().copied().filter(|capability| permitted.contains(capability)).collect();
    if kernel_version().is_some_and(|version| version < (5, 19)) {
        kept.extend(permitted.intersection(&CapsHashSet::from([Capability::CAP_BPF])));
    }
    for set in [CapSet::Ambient, CapSet::Inheritable] {
        match caps::clear(None, set) {
            Ok(()) => {}
            // Kernels without ambient capabilities have none to give up.
            Err(_) if matches!(set, CapSet::Ambient) => {}
            Err(error) => return Err(error).with_context(|| format!("cannot give up the {set:?} capabilities")),
        }
    }
    for set in [CapSet::Effective, CapSet::Permitted] {
        caps::set(None, set, &kept).with_context(|| format!("cannot give up the {set:?} capabilities"))?;
    }
    Ok(())
}

/// The running kernel's version, major and minor.
pub(super) fn kernel_version() -> Option<(u32, u32)> {
    version(rustix::system::uname().release().to_bytes())
}

fn version(release: &[u8]) -> Option<(u32, u32)> {
    let mut numbers = release.split(|byte| !byte.is_ascii_digit()).map(|digits| str::from_utf8(digits).ok()?.parse::<u32>().ok());
    numbers.next().flatten().zip(numbers.next().flatten())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_versions() {
        for (release, expected) in [
            ("6.1.0-18-cloud-amd64", Some((6, 1))),
            ("5.19.0", Some((5, 19))),
            ("5.15.0-105-generic", Some((5, 15))),
            ("10.0-rc1", Some((10, 0))),
            ("odd", None),
        ] {
            assert_eq!(version(release.as_bytes()), expected, "{release}");
        }
    }
}

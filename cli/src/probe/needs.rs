//! What a probe needs of the host: capabilities (capabilities(7)), and giving them up.

use anyhow::Context as _;
use caps::{CapSet, Capability, CapsHashSet};

use super::Error;

/// `sock-http`: a packet socket, loading a program, and a filter beyond what the unprivileged verifier takes.
pub const SOCK_HTTP: &[Capability] = &[Capability::CAP_NET_RAW, Capability::CAP_BPF, Capability::CAP_PERFMON];

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

/// Gives up all capabilities of the calling thread, and so of the threads that it starts later, for good. On kernels before
/// 5.19, CAP_BPF is kept: there it takes that to read a map that is already open.
pub fn give_up() -> anyhow::Result<()> {
    let mut kept = CapsHashSet::new();
    if !reads_open_maps(rustix::system::uname().release().to_bytes()) {
        kept.extend(caps::read(None, CapSet::Permitted).unwrap_or_default().intersection(&CapsHashSet::from([Capability::CAP_BPF])));
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

/// Since kernel 5.19 (commit c8644cd0efe7) the calls on open maps ask for no capability.
fn reads_open_maps(release: &[u8]) -> bool {
    let mut numbers = release.split(|byte| !byte.is_ascii_digit()).map(|digits| str::from_utf8(digits).ok()?.parse::<u32>().ok());
    match (numbers.next().flatten(), numbers.next().flatten()) {
        (Some(major), Some(minor)) => (major, minor) >= (5, 19),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_which_kernels_ask_for_bpf_to_read_maps() {
        for (release, reads) in [
            ("6.1.0-18-cloud-amd64", true),
            ("5.19.0", true),
            ("5.15.0-105-generic", false),
            ("5.4", false),
            ("10.0-rc1", true),
            ("odd", true),
        ] {
            assert_eq!(reads_open_maps(release.as_bytes()), reads, "{release}");
        }
    }
}

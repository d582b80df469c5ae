//! What a probe needs of the host: capabilities (capabilities(7)), and giving them up.

use anyhow::Context as _;
use caps::{CapSet, Capability};

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

/// Gives up all capabilities of the calling thread (and of those that it starts later), for good.
pub fn drop_all() -> anyhow::Result<()> {
    for set in [CapSet::Ambient, CapSet::Effective, CapSet::Permitted, CapSet::Inheritable] {
        match caps::clear(None, set) {
            Ok(()) => {}
            // Kernels without ambient capabilities have none to give up.
            Err(_) if matches!(set, CapSet::Ambient) => {}
            Err(error) => return Err(error).with_context(|| format!("cannot give up the {set:?} capabilities")),
        }
    }
    Ok(())
}

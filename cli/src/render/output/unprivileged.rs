//! Tries what will be possible once the capabilities of this process are dropped.

use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities};

/// Runs `attempt` in this thread without effective capabilities, as an ordinary user even if that is root, so that the
/// kernel itself decides: modes, access lists, read-only mounts and all.
pub(super) fn unprivileged<R>(attempt: impl FnOnce() -> R) -> R {
    let _restore = capabilities(None).ok().map(|sets| {
        let lowered = set_capabilities(None, CapabilitySets { effective: CapabilitySet::empty(), ..sets });
        debug_assert!(lowered.is_ok(), "a thread may always give up capabilities");
        Restore(sets)
    });
    attempt()
}

/// Gives the capabilities back, also when the attempt panics.
struct Restore(CapabilitySets);

impl Drop for Restore {
    fn drop(&mut self) {
        let restored = set_capabilities(None, self.0);
        debug_assert!(restored.is_ok(), "permitted capabilities may always be made effective");
    }
}

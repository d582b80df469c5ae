//! Who will pay for the probes.

use std::collections::{BTreeMap, BTreeSet};

use super::Library;
use crate::process::Proc;

/// The processes that use the libraries to be probed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Running {
    /// How many there are.
    pub processes: usize,
    /// How many of each name, the most frequent first, then by name. Those that have ended meanwhile are left out.
    pub names: Vec<(String, usize)>,
}

/// Counts the processes that use any of `libraries`.
pub fn running<'a>(proc: &Proc, libraries: impl IntoIterator<Item = &'a Library>) -> Running {
    let users: BTreeSet<u32> = libraries.into_iter().flat_map(|library| library.users.iter().copied()).collect();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for comm in users.iter().filter_map(|&pid| proc.comm(pid).ok()) {
        *counts.entry(comm).or_default() += 1;
    }
    let mut names: Vec<_> = counts.into_iter().collect();
    names.sort_by(|(_, one), (_, other)| other.cmp(one));
    Running { processes: names.iter().map(|(_, count)| count).sum(), names }
}

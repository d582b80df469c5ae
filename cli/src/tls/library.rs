//! The TLS libraries of this host, each with where to probe it.

use super::image;
use super::site::{self, Exit, NoSites, Site, Sites};
use super::target::Library;

/// Where to probe a library, or why that is not possible.
#[derive(Debug)]
pub struct Probed {
    /// The places.
    pub sites: Result<Sites, NoSites>,
    /// Whether the kernel did not take them.
    pub is_refused: bool,
}

impl Probed {
    /// Whether calls are seen there.
    pub fn is_seen(&self) -> bool {
        !self.is_refused && self.sites.as_ref().is_ok_and(|sites| !sites.sites.is_empty())
    }
}

/// Where to probe a library. `returns` says whether uretprobes are allowed.
pub fn probe(library: &Library, returns: bool) -> Probed {
    let sites = image::with(&library.file, |elf| site::find(elf, returns)).unwrap_or(Err(NoSites::Damaged));
    Probed { sites, is_refused: false }
}

/// Places in words, one each.
pub fn describe(sites: &[Site]) -> Vec<String> {
    sites
        .iter()
        .map(|Site { serves, function, instruction, is_emulated, exit, entry, .. }| {
            let traps = if *is_emulated { "emulated" } else { "stepped" };
            let end = match exit {
                Exit::None => "",
                Exit::Return => ", and its return",
                Exit::After(_) => ", and the instruction behind it",
                Exit::Here(_) => ", at its end alone",
                Exit::Copy(_) => ", where it hands out what was read",
            };
            format!("{} at {function} (0x{entry:x}: {instruction}, {traps}{end})", serves.join(", "))
        })
        .collect()
}

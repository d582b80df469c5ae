//! Interfaces of this network namespace, by name and by index.

use std::collections::BTreeMap;

use super::Usage;
use crate::network::{self, Interface};
use crate::progress::Notes;

/// The interfaces that were typed, each once, by the names that were typed; sorted by index.
pub(super) fn named(typed: &[String]) -> Result<Vec<(String, u32)>, Usage> {
    let known = all()?;
    let mut interfaces = typed.iter().map(|name| find(name, &known)).collect::<Result<Vec<_>, _>>()?;
    interfaces.sort_by_key(|(_, index)| *index);
    interfaces.dedup_by_key(|(_, index)| *index);
    Ok(interfaces)
}

/// That of the default route.
pub(super) fn of_default_route() -> Result<(String, u32), Usage> {
    let none = |known: Vec<Interface>| {
        Usage(format!("there is no default route whose interface could be watched; name one with -i: {}", names(known)))
    };
    match network::default_interface() {
        Some(interface) => Ok(interface),
        None => Err(none(all()?)),
    }
}

fn all() -> Result<Vec<Interface>, Usage> {
    network::interfaces().map_err(|error| Usage(format!("interfaces cannot be listed: {error}")))
}

fn find(name: &str, known: &[Interface]) -> Result<(String, u32), Usage> {
    match known.iter().find(|interface| interface.is_called(name)) {
        Some(interface) => Ok((name.to_owned(), interface.index)),
        None => Err(Usage(format!("no interface `{name}` in this network namespace; there are {}", names(known.to_vec())))),
    }
}

fn names(interfaces: Vec<Interface>) -> String {
    let mut names: Vec<_> = interfaces.into_iter().map(|interface| interface.name).collect();
    names.sort();
    names.join(", ")
}

/// Says which of the interfaces that were watched are gone. One that has another name now is still watched.
pub(super) fn tell_gone(watched: &[(String, u32)], notes: Notes) {
    let Ok(known) = network::interfaces() else { return };
    for (name, _) in watched.iter().filter(|(_, index)| known.iter().all(|interface| interface.index != *index)) {
        notes.warn(format_args!("the interface {name} disappeared during the run: what it carried since is missing"));
    }
}

/// Names of interfaces by index, as they were when each was first asked for.
#[derive(Default)]
pub(super) struct Names {
    // There are few, and one is looked up for each row.
    known: BTreeMap<u32, String>,
}

impl Names {
    /// Those of these interfaces now, whatever becomes of them.
    pub(super) fn now(interfaces: &[(String, u32)]) -> Self {
        let mut names = Self::default();
        for (_, index) in interfaces {
            names.of(*index);
        }
        names
    }

    /// An interface is called so by who knows.
    pub(super) fn note(&mut self, index: u32, name: &str) {
        self.known.entry(index).or_insert_with(|| name.to_owned());
    }

    /// The name; the number when the interface is gone.
    pub(super) fn of(&mut self, index: u32) -> &str {
        self.known.entry(index).or_insert_with(|| name(index))
    }
}

fn name(index: u32) -> String {
    let mut name = [0u8; libc::IF_NAMESIZE];
    // SAFETY: the buffer has IF_NAMESIZE bytes, as the function wants.
    let found = unsafe { libc::if_indextoname(index, name.as_mut_ptr().cast()) };
    if found.is_null() {
        return index.to_string();
    }
    let end = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
    String::from_utf8_lossy(&name[..end]).into_owned()
}

//! At which places of a file the program runs.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

use ehl_probes_common::call::{Cookie, Rest};

use super::File;
use super::event::uprobe;
use crate::probe::syscall;
use crate::tls::site::{Exit, Site};

/// A place: offset in the file, and the cookie.
pub(super) type Place = (u64, u64);

/// When it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// Before the instruction.
    At,
    /// After the function that begins there.
    Return,
}

/// The places of a file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Places {
    /// The functions at whose return calls end.
    pub(super) returns: Vec<Place>,
    /// The instructions at which they begin, end, or hand out what they have read. Ends come first: a begin without its end would be kept.
    pub(super) instructions: Vec<Place>,
}

impl Places {
    pub(super) fn of(sites: &[Site]) -> Self {
        let mut places = Self::default();
        for site in sites {
            let rest = match site.exit {
                Exit::Here(held) => Rest::Held(held),
                Exit::Copy(copying) => Rest::Copying(copying),
                Exit::None | Exit::Return | Exit::After(_) => Rest::Arguments,
            };
            match site.exit {
                Exit::Return => places.returns.push((site.entry, Cookie::END)),
                Exit::After(offset) => places.instructions.push((offset, Cookie::END)),
                Exit::None | Exit::Here(_) | Exit::Copy(_) => {}
            }
            places.instructions.push((site.entry, Cookie { call: site.call, length: site.length, rest }.pack()));
        }
        places
    }

    /// When to run the program, and where.
    pub(super) fn each(&self) -> [(When, &[Place]); 2] {
        [(When::Return, &self.returns), (When::At, &self.instructions)]
    }
}

/// Attaches the program to all places of a file, by a perf event each. The result keeps it attached.
pub(super) fn attach_each(program: BorrowedFd<'_>, file: &File) -> io::Result<Vec<OwnedFd>> {
    let mut links = Vec::new();
    for (when, places) in Places::of(&file.sites).each() {
        for (offset, cookie) in places {
            links.push(uprobe(&file.path, *offset, when, |event| syscall::link_event(program, event, *cookie))?);
        }
    }
    Ok(links)
}

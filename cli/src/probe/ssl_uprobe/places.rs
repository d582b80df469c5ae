//! Which program runs at which place of a file.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};

use ehl_probes_common::call::{Cookie, Rest};

use super::File;
use super::event::uprobe;
use crate::probe::syscall;
use crate::tls::site::{Exit, Site};

/// A place: offset in the file, and the cookie.
pub(super) type Place = (u64, u64);

/// When a program runs.
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
    /// Where calls begin.
    pub(super) entries: Vec<Place>,
    /// The functions at whose return they end.
    pub(super) returns: Vec<Place>,
    /// The instructions at which they end.
    pub(super) exits: Vec<Place>,
    /// The instructions at which calls that read have ended, or hand out what they have read. Nothing else is seen of these.
    pub(super) reads: Vec<Place>,
}

impl Places {
    pub(super) fn of(sites: &[Site]) -> Self {
        let mut places = Self::default();
        for site in sites {
            let mut read = |rest| places.reads.push((site.entry, Cookie { call: site.call, length: site.length, rest }.pack()));
            match site.exit {
                Exit::Here(held) => {
                    read(Rest::Held(held));
                    continue;
                }
                Exit::Copy(copying) => {
                    read(Rest::Copying(copying));
                    continue;
                }
                Exit::None => {}
                Exit::Return => places.returns.push((site.entry, 0)),
                Exit::After(offset) => places.exits.push((offset, 0)),
            }
            places.entries.push((site.entry, Cookie { call: site.call, length: site.length, rest: Rest::Arguments }.pack()));
        }
        places
    }
}

/// The object's programs at places: where calls end, then where they begin, as a begin without its end would be kept.
pub(super) const PROGRAMS: [&str; 4] = ["leave", "leave_at", "enter", "read"];

/// Attaches those programs to all places of a file, by a perf event each. The result keeps them attached.
pub(super) fn attach_each(programs: &[OwnedFd], file: &File) -> io::Result<Vec<OwnedFd>> {
    let Places { entries, returns, exits, reads } = Places::of(&file.sites);
    let mut links = Vec::new();
    let places = [(When::Return, returns), (When::At, exits), (When::At, entries), (When::At, reads)];
    for (program, (when, places)) in programs.iter().zip(places) {
        for (offset, cookie) in places {
            links.push(syscall::link_event(program.as_fd(), &mut uprobe(&file.path, offset, when)?, cookie)?);
        }
    }
    Ok(links)
}

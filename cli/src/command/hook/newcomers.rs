//! TLS libraries that a process loads while the probe is attached: found as they are mapped, and probed too.

use std::collections::HashSet;
use std::io::{Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::ssl_uprobe::file_of;
use crate::probe::needs;
use crate::probe::ssl_uprobe::Attacher;
use crate::process::Proc;
use crate::process::mappings::{Mapped, MappedFile, Mappings};
use crate::progress::Notes;
use crate::tls::library::{self, Probed};
use crate::tls::target::{self, FileId, Library, Wanted, carries_none};

/// The kernel tells at once; this is for what it does not tell.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Files that were looked at and are not looked at again.
const MOST_KNOWN: usize = 64 * 1024;

/// A thread that waits for them.
pub(super) struct Newcomers {
    wake: UnixStream,
    thread: JoinHandle<Appeared>,
}

/// What appeared, with where it was probed.
pub(super) type Appeared = Vec<(Library, Probed)>;

/// What the thread works with.
struct Watcher {
    mappings: Mappings,
    attacher: Attacher,
    wanted: Wanted,
    /// Whether uretprobes are allowed.
    returns: bool,
    notes: Notes,
    /// Libraries that are known.
    known: HashSet<FileId>,
    /// Files that were looked at.
    seen: HashSet<(u64, u64, u64)>,
    /// What was mapped is not known: the kernel lost it.
    is_lost: bool,
    appeared: Appeared,
}

impl Newcomers {
    /// `mappings` are since before `known` was found. Without a thread, what appears is not seen, which the coverage tells.
    pub(super) fn start(
        mappings: Mappings,
        attacher: Attacher,
        wanted: &Wanted,
        returns: bool,
        notes: Notes,
        known: HashSet<FileId>,
    ) -> Option<Self> {
        let (wake, woken) = UnixStream::pair().ok()?;
        let (wanted, seen, appeared) = (wanted.clone(), HashSet::new(), Vec::new());
        let watcher = Watcher { mappings, attacher, wanted, returns, notes, known, seen, is_lost: false, appeared };
        let thread = thread::Builder::new().name("ehl-newcomers".to_owned()).spawn(move || watcher.run(&woken)).ok()?;
        Some(Self { wake, thread })
    }

    /// Waits no longer.
    pub(super) fn finish(self) -> Appeared {
        let _ = (&self.wake).write(&[0]);
        // It cannot panic; if it did, nothing of what appeared is known.
        self.thread.join().unwrap_or_default()
    }
}

impl Watcher {
    fn run(mut self, woken: &UnixStream) -> Appeared {
        if needs::give_up(needs::SSL_UPROBE).is_err() || woken.set_nonblocking(true).is_err() {
            return self.appeared;
        }
        'run: while !is_over(woken) {
            self.mappings.wait(woken.as_fd(), LOOK_EVERY);
            for file in self.new_files() {
                // Whatever files there are, the end of the run does not wait for them.
                if is_over(woken) {
                    break 'run;
                }
                self.look_at(&file);
            }
        }
        if self.is_lost {
            self.notes.warn("more files were mapped than could be looked at: libraries that appeared may not be among those probed");
        }
        self.appeared
    }

    /// What was mapped and is not known.
    fn new_files(&mut self) -> Vec<MappedFile> {
        let Self { mappings, seen, is_lost, .. } = self;
        let mut files = Vec::new();
        mappings.drain(|mapped| match mapped {
            Mapped::Lost => *is_lost = true,
            Mapped::File(file) => {
                let mapping = file.mapping();
                if !mapping.path().as_encoded_bytes().starts_with(b"/") || carries_none(mapping.name()) {
                    return;
                }
                if seen.len() >= MOST_KNOWN {
                    seen.clear();
                }
                if seen.insert(file.id()) {
                    files.push(file);
                }
            }
        });
        files
    }

    fn look_at(&mut self, file: &MappedFile) {
        let (proc, pid) = (Proc::of_this_host(), file.pid);
        let Some(library) = target::appeared(&proc, pid, &file.mapping()).filter(|library| !self.known.contains(&library.id)) else {
            return;
        };
        let Wanted { pids, comm, .. } = &self.wanted;
        let is_wanted = (comm.is_empty() || proc.comm(pid).is_ok_and(|comm| self.wanted.is_name(&comm)))
            && (pids.is_empty() || proc.with_children(pids).is_ok_and(|pids| pids.contains(&pid)));
        if is_wanted {
            self.known.insert(library.id);
            self.probe(library, pid);
        } else {
            // Others may map it, too.
            self.seen.remove(&file.id());
        }
    }

    fn probe(&mut self, library: Library, pid: u32) {
        let mut probed = library::probe(&library, self.returns);
        if let Some(file) = file_of(&library, &probed) {
            let who = Proc::of_this_host().comm(pid).unwrap_or_default();
            match self.attacher.add(&file) {
                Ok(()) => self.notes.note(format_args!("probing {} too, which {who} ({pid}) loads", library.shown)),
                Err(reason) => {
                    self.notes.warn(format_args!("{} cannot be probed: {reason}", library.shown));
                    probed.is_refused = true;
                }
            }
        }
        self.appeared.push((library, probed));
    }
}

/// Whether the run is over; it does not wait for that.
fn is_over(mut woken: &UnixStream) -> bool {
    woken.read(&mut [0]).is_ok()
}

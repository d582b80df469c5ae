//! Which files carry a TLS library that is worth probing, and which processes use them.
//!
//! The files stay open, so that what was found can be probed whatever becomes of the process it was found in.

mod elf;
mod file_id;
mod files;
mod find;
mod names;
mod open;
mod running;
mod system;
#[cfg(test)]
pub(in crate::tls) mod testing;

use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

pub(in crate::tls) use elf::Elf;
pub use file_id::FileId;
pub(in crate::tls) use files::Files;
pub use find::{find, find_in};
pub use names::carries_none;
pub(in crate::tls) use open::open;
pub use running::{Running, running};

use crate::process::{Mapping, Proc, Unreadable};

/// What to look for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Only what these processes and their children use, or else the system's copies, which one that starts later may use; all if
    /// empty.
    pub pids: Vec<u32>,
    /// Only what processes of these names use, and the system's copies, which one that starts later will use; all if empty.
    pub comm: Vec<String>,
    /// Only these files, whoever uses them.
    pub libs: Vec<PathBuf>,
}

/// At most so many bytes of a name are kept by the kernel.
const COMM_BYTES: usize = 15;

impl Wanted {
    /// Whether processes of this name are wanted. The kernel cuts names off, so what was asked for is cut too.
    pub fn is_name(&self, comm: &str) -> bool {
        let cut = |name: &str| name.as_bytes()[..name.len().min(COMM_BYTES)].to_vec();
        self.comm.is_empty() || self.comm.iter().any(|wanted| cut(wanted) == comm.as_bytes())
    }
}

/// A file with a TLS library inside.
#[derive(Debug)]
pub struct Library {
    /// Which file it is.
    pub id: FileId,
    /// It, open for reading.
    pub file: File,
    /// A path that this process and the kernel for it can open as long as `file` is open: `/proc/self/fd/N`.
    pub open: PathBuf,
    /// The path for the eye, as the process that maps it sees it; ends in ` (deleted)` where it has no name any more.
    pub shown: String,
    /// The device, as `stat` says.
    pub device: u64,
    /// The inode, as `stat` says.
    pub inode: u64,
    /// The processes that map it and will pay for a probe in it, in ascending order.
    pub users: Vec<u32>,
    /// How it came to be found.
    pub kind: Kind,
}

/// How a file came to be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A process maps it.
    SharedLibrary,
    /// It is a process's executable.
    Executable,
    /// It was asked for by its path.
    Given,
    /// It is where the system keeps libraries, and nobody uses it now.
    System,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    /// In the order of their paths.
    pub libraries: Vec<Library>,
    /// Processes whose mappings could not be read. Those that have ended are not among them.
    pub unreadable: Vec<(u32, Unreadable)>,
    /// Mapped files that could not be opened, and may carry TLS.
    pub unopened: Vec<Unopened>,
}

/// A mapped file that could not be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unopened {
    /// The first process that maps it.
    pub pid: u32,
    /// Its path for the eye.
    pub shown: String,
    /// Why.
    pub reason: Unreadable,
}

/// Why nothing could be looked for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file that was asked for cannot be opened.
    #[error("cannot open {}: {reason}", .path.display())]
    NotOpened {
        /// As given.
        path: PathBuf,
        /// Why.
        reason: Unreadable,
    },
    /// A file that was asked for is no ELF file.
    #[error("{} is neither a library nor a program (no ELF file)", .0.display())]
    NotElf(PathBuf),
    /// /proc cannot be read.
    #[error("cannot list processes: {0}")]
    NoProcesses(Unreadable),
}

/// The library that a process has just mapped, if it is one.
pub fn appeared(proc: &Proc, pid: u32, mapping: &Mapping<'_>) -> Option<Library> {
    let file = open(proc, pid, mapping).ok()?;
    let (id, metadata) = FileId::of(&file).ok()?;
    let shown = mapping.shown().to_string_lossy().into_owned();
    let (device, inode) = (metadata.dev(), metadata.ino());
    let library = Library { id, open: open::path_of(&file), file, shown, device, inode, users: vec![pid], kind: Kind::SharedLibrary };
    carries_tls(&library.file).then_some(library)
}

/// Whether a file carries the functions of a TLS library.
pub(in crate::tls) type Carries<'a> = &'a dyn Fn(&File) -> bool;

/// What stands in the read-only data of a TLS library, whatever was stripped: OpenSSL's and its relatives', BoringSSL's and its relatives'.
pub(in crate::tls) const MARKS: [&str; 3] = ["ssl_read_internal\0", "SSLv3/TLS write client hello", "TLS client read_server_hello"];

/// Whether a TLS library of OpenSSL's kind is inside, be it one that was stripped, in which the places to probe may still be found.
pub fn carries_tls(file: &File) -> bool {
    Elf::read(file).is_some_and(|elf| defines_ssl(&elf) || elf.is_stripped() && elf.texts(&[".rodata"], MARKS) != [false; MARKS.len()])
}

/// Whether its functions are named.
pub fn has_ssl_functions(file: &File) -> bool {
    Elf::read(file).is_some_and(|elf| defines_ssl(&elf))
}

fn defines_ssl(elf: &Elf<'_>) -> bool {
    elf.defines(&["SSL_read", "SSL_write"])
}

//! A regular file that is written elsewhere until it is complete.
//!
//! Where the directory allows it without privileges, it is a file without a name in the same directory, which gets its
//! name at the end: a killed process leaves nothing. Where files without a name are not to be had, it has a hidden one,
//! removed on drop. Where a change of the directory needs privileges, as with sudo in another user's home, or would
//! change the owner, the file at the path is held open and filled at the end from a temporary file.

use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata};
use std::io::{self, Seek as _};
use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{AtFlags, CWD, FallocateFlags, Gid, Mode, OFlags};
use rustix::io::Errno;

use super::unprivileged::unprivileged;

/// A regular file to be.
pub(super) struct Staged {
    /// What is written meanwhile.
    file: Arc<File>,
    dir: OwnedFd,
    name: OsString,
    /// Whether `file` is to get the name; else `target` is filled from it.
    replaces: bool,
    /// The name of `file` in `dir`, if it has one.
    hidden: Option<OsString>,
    /// The file that has the name now.
    target: Option<File>,
    /// Whether it is there only because this output was opened.
    is_target_new: bool,
}

const PRIVATE: Mode = Mode::RUSR.union(Mode::WUSR);
const OPEN: OFlags = OFlags::RDWR.union(OFlags::CLOEXEC).union(OFlags::NOCTTY);
const CREATE: OFlags = OPEN.union(OFlags::CREATE).union(OFlags::EXCL);

impl Staged {
    /// A file that is not there yet.
    pub(super) fn new(path: &Path) -> io::Result<Self> {
        let (dir, name) = split(path)?;
        match unprivileged(|| Self::beside(dir.try_clone()?, name.clone())) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Self::aside(dir, name, None),
            staged => staged,
        }
    }

    /// A file that is there: `target`, which keeps its mode and its owner.
    pub(super) fn over(target: File, metadata: &Metadata, path: &Path) -> io::Result<Self> {
        let (dir, name) = split(path)?;
        let replacement = unprivileged(|| {
            let staged = Self::beside(dir.try_clone()?, name.clone())?;
            staged.take_after(metadata)?;
            Ok::<_, io::Error>(staged)
        });
        match replacement {
            Ok(mut staged) => {
                staged.target = Some(target);
                Ok(staged)
            }
            Err(_) => Self::aside(dir, name, Some(target)),
        }
    }

    pub(super) fn file(&self) -> Arc<File> {
        Arc::clone(&self.file)
    }

    /// Puts what was written under the name, and waits until it is on the disk.
    pub(super) fn commit(mut self) -> io::Result<()> {
        if self.replaces {
            self.file.sync_all()?;
            match self.replace() {
                Ok(()) => return Ok(()),
                Err(errno) if self.target.is_none() => return Err(errno.into()),
                // A file that is a mount point of its own cannot be replaced, but it can be filled.
                Err(_) => {}
            }
        }
        self.fill()
    }

    /// Written in the directory where it will be.
    fn beside(dir: OwnedFd, name: OsString) -> io::Result<Self> {
        match nameless(&dir) {
            Ok(file) => Ok(Self::replacing(dir, name, file, None)),
            // Whatever the reason, a named file either works or fails with the error to show.
            Err(_) => Self::hidden(dir, name),
        }
    }

    /// The same under a hidden name.
    pub(super) fn hidden(dir: OwnedFd, name: OsString) -> io::Result<Self> {
        let (file, hidden) = with_hidden_name(|hidden| rustix::fs::openat(&dir, hidden, CREATE, PRIVATE))?;
        Ok(Self::replacing(dir, name, file, Some(hidden)))
    }

    fn replacing(dir: OwnedFd, name: OsString, file: OwnedFd, hidden: Option<OsString>) -> Self {
        let file = Arc::new(file.into());
        Self { file, dir, name, replaces: true, hidden, target: None, is_target_new: false }
    }

    /// Written in the system's directory for temporary files, for `target` or a file made now with all privileges.
    fn aside(dir: OwnedFd, name: OsString, target: Option<File>) -> io::Result<Self> {
        let file = Arc::new(tempfile::tempfile()?);
        let is_target_new = target.is_none();
        let target = match target {
            Some(target) => target,
            None => rustix::fs::openat(&dir, &name, CREATE, PRIVATE)?.into(),
        };
        Ok(Self { file, dir, name, replaces: false, hidden: None, target: Some(target), is_target_new })
    }

    /// Gives the new file what a reader of the old one relies on, or fails where that takes privileges.
    fn take_after(&self, old: &Metadata) -> rustix::io::Result<()> {
        let new = rustix::fs::fstat(&self.file)?;
        if old.uid() != new.st_uid {
            return Err(Errno::PERM);
        }
        if old.gid() != new.st_gid {
            rustix::fs::fchown(&self.file, None, Some(Gid::from_raw(old.gid())))?;
        }
        rustix::fs::fchmod(&self.file, Mode::from_raw_mode(old.mode() & 0o777))
    }

    fn replace(&mut self) -> rustix::io::Result<()> {
        let hidden = match self.hidden.take() {
            Some(hidden) => hidden,
            None => with_hidden_name(|hidden| link(&self.file, &self.dir, hidden))?.1,
        };
        let renamed = rustix::fs::renameat(&self.dir, &hidden, &self.dir, &self.name);
        if renamed.is_err() {
            self.hidden = Some(hidden);
        }
        renamed
    }

    fn fill(&mut self) -> io::Result<()> {
        let target = self.target.as_ref().expect("held since open where nothing is replaced");
        let mut file = &*self.file;
        let len = file.metadata()?.len();
        // Finds out that the disk is full while the old content is still there; not all file systems can.
        if let Err(errno @ (Errno::NOSPC | Errno::DQUOT | Errno::FBIG)) = rustix::fs::fallocate(target, FallocateFlags::KEEP_SIZE, 0, len) {
            return Err(errno.into());
        }
        file.rewind()?;
        io::copy(&mut file, &mut &*target)?;
        target.set_len(len)?;
        target.sync_all()?;
        self.is_target_new = false;
        Ok(())
    }
}

impl Drop for Staged {
    /// Removes what would be left of an output that was not completed, as far as the process still may.
    fn drop(&mut self) {
        if let Some(hidden) = &self.hidden {
            let _ = rustix::fs::unlinkat(&self.dir, hidden, AtFlags::empty());
        }
        if self.is_target_new {
            let _ = rustix::fs::unlinkat(&self.dir, &self.name, AtFlags::empty());
        }
    }
}

/// The directory, open so that it is reached without asking again, and the name in it.
pub(super) fn split(path: &Path) -> io::Result<(OwnedFd, OsString)> {
    let name = path.file_name().ok_or(Errno::ISDIR)?;
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let dir = rustix::fs::openat(CWD, parent, flags, Mode::empty())?;
    Ok((dir, name.to_owned()))
}

/// A file without a name, where one can get a name later. That is tried with another one first: it takes a file system
/// that has them (not NFS, say) and `/proc`.
fn nameless(dir: &OwnedFd) -> rustix::io::Result<OwnedFd> {
    let open = || rustix::fs::openat(dir, ".", OPEN | OFlags::TMPFILE, PRIVATE);
    let trial = open()?;
    let ((), hidden) = with_hidden_name(|hidden| link(&trial, dir, hidden))?;
    rustix::fs::unlinkat(dir, &hidden, AtFlags::empty())?;
    open()
}

/// Through `/proc`, since naming a file by its descriptor alone takes a privilege before Linux 6.10.
fn link(file: impl AsFd, dir: &OwnedFd, name: &OsStr) -> rustix::io::Result<()> {
    let path = format!("/proc/self/fd/{}", file.as_fd().as_raw_fd());
    rustix::fs::linkat(CWD, path, dir, name, AtFlags::SYMLINK_FOLLOW)
}

/// Runs `create` with a name that nobody else has taken.
fn with_hidden_name<R>(create: impl Fn(&OsStr) -> rustix::io::Result<R>) -> rustix::io::Result<(R, OsString)> {
    for attempt in 0.. {
        let name = OsString::from(format!(".ehl-{}-{attempt}", std::process::id()));
        match create(&name) {
            Err(Errno::EXIST) => {}
            result => return Ok((result?, name)),
        }
    }
    Err(Errno::EXIST)
}

//! Opening the very file that a process maps, whatever its mount namespace and root, and also when it is deleted.

use std::fs::{self, File};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags, ResolveFlags};

use crate::process::{Mapping, Proc, Unreadable};

/// Opens the file behind a mapping of a process.
///
/// Paths can lie: another file may have taken the name. So the inode must be that of the mapping. Only if the kernel does
/// not let this process open mappings (that takes CAP_SYS_ADMIN or CAP_CHECKPOINT_RESTORE) is a file taken that has another:
/// some overlay file systems show inodes in maps that `stat` does not.
pub(in crate::tls) fn open(proc: &Proc, pid: u32, mapping: &Mapping<'_>) -> Result<File, Unreadable> {
    let named = open_inside(proc, pid, mapping);
    if let Ok(file) = &named
        && is_that(file, mapping)
    {
        return named;
    }
    let mapped = open_regular(&proc.path(pid, "map_files").join(mapping.map_file()));
    if mapped.is_ok() {
        return mapped;
    }
    // Needs no capability, unlike the mapping.
    if let Ok(executable) = open_regular(&proc.path(pid, "exe"))
        && is_that(&executable, mapping)
    {
        return Ok(executable);
    }
    match named {
        Ok(file) if !mapping.is_deleted() => Ok(file),
        Err(reason) if !mapping.is_deleted() => Err(reason),
        _ => mapped,
    }
}

/// Opens what the process itself finds under the path of the mapping, resolved within its root: a symbolic link there
/// must not lead to a file of this process's root.
fn open_inside(proc: &Proc, pid: u32, mapping: &Mapping<'_>) -> Result<File, Unreadable> {
    let link = proc.path(pid, "root");
    let root = rustix::fs::open(&link, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let path = inside(&fs::read_link(&link)?, Path::new(&mapping.shown()));
    let how = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    reopen(&rustix::fs::openat2(root, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), how)?)
}

/// The kernel shows the path of a process in a changed root from the root of its mount namespace.
fn inside(root: &Path, path: &Path) -> PathBuf {
    Path::new("/").join(path.strip_prefix(root).unwrap_or(path))
}

/// Opens a path, for reading, if it is a regular file: to open a device can do something.
pub(super) fn open_regular(path: &Path) -> Result<File, Unreadable> {
    reopen(&rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?)
}

fn reopen(found: &OwnedFd) -> Result<File, Unreadable> {
    if FileType::from_raw_mode(rustix::fs::fstat(found)?.st_mode) != FileType::RegularFile {
        return Err(Unreadable::Odd);
    }
    Ok(File::open(path_of(found))?)
}

/// A path of an open file that any part of this process can open, and the kernel for it, as long as the file stays open.
pub(super) fn path_of(file: &impl std::os::fd::AsFd) -> PathBuf {
    format!("/proc/self/fd/{}", file.as_fd().as_raw_fd()).into()
}

/// Devices are not compared: on btrfs and overlay maps have another than `stat`.
fn is_that(file: &File, mapping: &Mapping<'_>) -> bool {
    file.metadata().is_ok_and(|metadata| metadata.ino() == mapping.inode)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;
    use crate::process::executable_files;
    use crate::process::testing::MadeProc;

    fn opened(made: &MadeProc, inode: u64, path: &str) -> Result<String, Unreadable> {
        let maps = format!("1000-2000 r-xp 00000000 08:01 {inode} {path}\n");
        let mapping = executable_files(maps.as_bytes()).next().expect("there is one");
        let mut text = String::new();
        open(&made.proc(), 7, &mapping)?.read_to_string(&mut text).expect("it is text");
        Ok(text)
    }

    fn inode(made: &MadeProc, name: &str) -> u64 {
        fs::metadata(made.path(name)).expect("the folder is ours").ino()
    }

    #[test]
    fn the_path_is_that_inside_the_root_of_the_process() {
        let made = MadeProc::new();
        made.file("jail/usr/lib/libssl.so.3", "inside");
        made.link("7/root", made.path("jail"));
        let inode = inode(&made, "jail/usr/lib/libssl.so.3");
        assert_eq!(opened(&made, inode, "/usr/lib/libssl.so.3").as_deref(), Ok("inside"));
        let whole = format!("{}/usr/lib/libssl.so.3", made.path("jail").display());
        assert_eq!(opened(&made, inode, &whole).as_deref(), Ok("inside"), "as for a changed root");
    }

    #[test]
    fn a_link_does_not_lead_out_of_the_root() {
        let made = MadeProc::new();
        made.file("jail/etc/hostname", "inside");
        made.link("jail/lib", "/etc");
        made.link("7/root", made.path("jail"));
        let inode = inode(&made, "jail/etc/hostname");
        assert_eq!(opened(&made, inode, "/lib/hostname").as_deref(), Ok("inside"));
    }

    #[test]
    fn a_deleted_file_is_opened_through_its_mapping() {
        let made = MadeProc::new();
        made.file("jail/a", "another");
        made.link("7/root", made.path("jail"));
        made.file("old", "deleted");
        made.link("7/map_files/1000-2000", made.path("old"));
        assert_eq!(opened(&made, inode(&made, "old"), "/a (deleted)").as_deref(), Ok("deleted"));
        assert_eq!(opened(&made, inode(&made, "old"), "/a").as_deref(), Ok("deleted"), "the name was taken by another");
    }

    #[test]
    fn without_the_mapping_a_deleted_executable_is_still_found_and_a_deleted_library_is_not() {
        let made = MadeProc::new();
        made.file("jail/a", "another");
        made.link("7/root", made.path("jail"));
        made.file("old", "deleted");
        made.link("7/exe", made.path("old"));
        assert_eq!(opened(&made, inode(&made, "old"), "/a (deleted)").as_deref(), Ok("deleted"));
        assert_eq!(opened(&made, 1, "/a (deleted)"), Err(Unreadable::Gone));
        assert_eq!(opened(&made, 1, "/a").as_deref(), Ok("another"), "an inode that stat does not show");
    }

    #[test]
    fn a_file_may_be_called_deleted() {
        let made = MadeProc::new();
        made.file("jail/a (deleted)", "there");
        made.link("7/root", made.path("jail"));
        assert_eq!(opened(&made, inode(&made, "jail/a (deleted)"), "/a (deleted)").as_deref(), Ok("there"));
    }

    #[test]
    fn only_regular_files_are_opened() {
        assert_eq!(open_regular(Path::new("/dev/null")).map(drop), Err(Unreadable::Odd));
        assert_eq!(open_regular(Path::new("/")).map(drop), Err(Unreadable::Odd));
        assert_eq!(open_regular(Path::new("/nonexistent")).map(drop), Err(Unreadable::Gone));
    }
}

//! Moving into another network namespace.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// Where `ip netns` keeps them (ip-netns(8)).
const NAMED: &str = "/run/netns";

/// Why it was not entered.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Capabilities are missing (exit status 77).
    #[error("not permitted: entering the network namespace {0} needs CAP_SYS_ADMIN, and CAP_SYS_PTRACE if it is another user's process")]
    NotPermitted(String),
    /// There is none (exit status 2).
    #[error("no network namespace {0}")]
    Unknown(String),
    /// Anything else (exit status 1).
    #[error("cannot enter the network namespace {0}: {1}")]
    Failed(String, io::Error),
}

/// Moves the calling thread, for good, and so the threads that it starts later: by a process that is inside, or by its name. To be called
/// while there is no other thread.
pub fn enter(named: &str) -> Result<(), Error> {
    let error = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => Error::Unknown(unknown(named, Path::new(NAMED))),
        io::ErrorKind::PermissionDenied => Error::NotPermitted(named.to_owned()),
        _ => Error::Failed(named.to_owned(), error),
    };
    let namespace = path(named, Path::new(NAMED)).ok_or(io::ErrorKind::NotFound.into()).and_then(File::open).map_err(error)?;
    move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).map_err(|errno| error(errno.into()))
}

/// `None` for what cannot be a name.
fn path(named: &str, folder: &Path) -> Option<PathBuf> {
    if is_process(named) {
        return Some(format!("/proc/{named}/ns/net").into());
    }
    let is_name = !named.is_empty() && !named.contains(['/', '\0']) && !matches!(named, "." | "..");
    is_name.then(|| folder.join(named))
}

fn is_process(named: &str) -> bool {
    !named.is_empty() && named.bytes().all(|byte| byte.is_ascii_digit())
}

/// What was asked for, and what there is.
fn unknown(named: &str, folder: &Path) -> String {
    if is_process(named) {
        return format!("{named}: there is no such process");
    }
    let mut known: Vec<_> =
        fs::read_dir(folder).into_iter().flatten().filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    known.sort();
    if known.is_empty() {
        format!("`{named}`: none has a name here; the id of a process that is inside will do")
    } else {
        format!("`{named}`; there are {}, and that of each process by its id", known.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_a_process() {
        let path = |named| path(named, Path::new("/run/netns"));
        for (named, expected) in [
            ("4711", Some("/proc/4711/ns/net")),
            ("blue", Some("/run/netns/blue")),
            ("4711b", Some("/run/netns/4711b")),
            ("", None),
            ("..", None),
            ("../../proc/1/ns/net", None),
        ] {
            assert_eq!(path(named).as_deref(), expected.map(Path::new), "{named}");
        }
    }

    #[test]
    fn tells_which_there_are() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(unknown("red", folder.path()), "`red`: none has a name here; the id of a process that is inside will do");
        for name in ["green", "blue"] {
            File::create(folder.path().join(name)).expect("a file");
        }
        assert_eq!(unknown("red", folder.path()), "`red`; there are blue, green, and that of each process by its id");
        assert_eq!(unknown("4711", folder.path()), "4711: there is no such process");
    }

    #[test]
    fn refuses_what_is_not_there() {
        assert!(matches!(enter("4194305"), Err(Error::Unknown(_))));
        assert!(matches!(enter("no-such-namespace"), Err(Error::Unknown(_))));
    }
}

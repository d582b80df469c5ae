//! Which sockets a process holds.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;

use super::{Proc, Unreadable};

impl Proc {
    /// The inodes of the sockets among the first `limit` open files of a process.
    pub fn sockets(&self, pid: u32, limit: usize) -> Result<Vec<u64>, Unreadable> {
        let open = fs::read_dir(self.path(pid, "fd"))?;
        Ok(open.take(limit).flatten().filter_map(|entry| inode(fs::read_link(entry.path()).ok()?.as_os_str().as_bytes())).collect())
    }
}

/// `socket:[4711]`
fn inode(target: &[u8]) -> Option<u64> {
    str::from_utf8(target.strip_prefix(b"socket:[")?.strip_suffix(b"]")?).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::super::testing::MadeProc;
    use super::*;

    #[test]
    fn sockets_are_told_from_other_files() {
        let made = MadeProc::new();
        for (name, target) in [("0", "/dev/null"), ("1", "socket:[4711]"), ("2", "pipe:[5]"), ("3", "socket:[12]"), ("4", "socket:[x]")] {
            made.link(&format!("7/fd/{name}"), target);
        }
        let mut sockets = made.proc().sockets(7, 100).expect("it can be read");
        sockets.sort_unstable();
        assert_eq!(sockets, [12, 4711]);
        assert!(made.proc().sockets(7, 0).expect("it can be read").is_empty());
        assert_eq!(made.proc().sockets(8, 100), Err(Unreadable::Gone));
    }
}

//! The processes of this host as /proc shows them: who they are, whose children, what they map, which sockets they hold,
//! which container they run in. And the sockets of a network namespace as the kernel lists them.
//!
//! Processes end while they are looked at: everything here answers for one process, and tells one that has ended from one
//! that may not be looked into.

mod cgroup;
mod container;
pub mod mappings;
mod maps;
pub mod owners;
mod sockets;
mod stat;
mod tcp;
mod tree;
mod unreadable;

#[cfg(test)]
pub(crate) mod testing;

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

pub use cgroup::Cgroups;
pub use container::ContainerId;
pub use maps::{Mapping, executable_files};
pub use stat::Stat;
pub use tcp::{TcpSocket, TcpState};
pub use unreadable::Unreadable;

/// A folder that is laid out as /proc.
#[derive(Clone, Debug)]
pub struct Proc {
    root: PathBuf,
}

impl Proc {
    /// /proc itself.
    pub fn of_this_host() -> Self {
        Self::at("/proc")
    }

    /// Another folder, for tests and for a /proc that is mounted elsewhere.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// All processes in ascending order, without their threads.
    pub fn pids(&self) -> Result<Vec<u32>, Unreadable> {
        let mut pids: Vec<u32> = fs::read_dir(&self.root)?.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
        pids.sort_unstable();
        Ok(pids)
    }

    /// The name of a process: what its main thread calls itself, at most 15 bytes of it.
    pub fn comm(&self, pid: u32) -> Result<String, Unreadable> {
        let comm = self.read(pid, "comm")?;
        Ok(String::from_utf8_lossy(comm.strip_suffix(b"\n").unwrap_or(&comm)).into_owned())
    }

    /// The effective user of a process.
    pub fn uid(&self, pid: u32) -> Result<u32, Unreadable> {
        let status = self.read(pid, "status")?;
        let effective = status.split(|&byte| byte == b'\n').find_map(|line| line.strip_prefix(b"Uid:")).and_then(|ids| {
            let ids = str::from_utf8(ids).ok()?;
            ids.split_whitespace().nth(1)?.parse().ok()
        });
        effective.ok_or(Unreadable::Odd)
    }

    /// What `stat` says of a process.
    pub fn stat(&self, pid: u32) -> Result<Stat, Unreadable> {
        Stat::parse(&self.read(pid, "stat")?).ok_or(Unreadable::Odd)
    }

    /// The text of `maps`, for [`executable_files`]; empty for kernel threads and for what has ended but is not reaped yet.
    pub fn maps(&self, pid: u32) -> Result<Vec<u8>, Unreadable> {
        self.read(pid, "maps")
    }

    /// The container a process runs in, `None` on the host itself.
    pub fn container(&self, pid: u32) -> Result<Option<ContainerId>, Unreadable> {
        Ok(ContainerId::in_cgroup_file(&self.read(pid, "cgroup")?))
    }

    /// The identity of the network namespace of a process.
    pub fn network_namespace(&self, pid: u32) -> Result<u64, Unreadable> {
        Ok(fs::metadata(self.path(pid, "ns/net"))?.ino())
    }

    /// The path of a file of a process: `/proc/PID/NAME`.
    pub fn path(&self, pid: u32, name: impl AsRef<Path>) -> PathBuf {
        self.root.join(pid.to_string()).join(name)
    }

    fn read(&self, pid: u32, name: &str) -> Result<Vec<u8>, Unreadable> {
        Ok(fs::read(self.path(pid, name))?)
    }
}

#[cfg(test)]
mod tests {
    use super::testing::MadeProc;
    use super::*;

    #[test]
    fn pids_are_the_numbers_among_the_names() {
        let made = MadeProc::new();
        for name in ["20", "3", "self", "sys", "1x", "99999999999999"] {
            made.folder(name);
        }
        assert_eq!(made.proc().pids().expect("it can be read"), [3, 20]);
    }

    #[test]
    fn comm_is_without_its_line_end() {
        let made = MadeProc::new();
        made.file("7/comm", "kworker/0:1 (x)\n");
        assert_eq!(made.proc().comm(7).expect("it can be read"), "kworker/0:1 (x)");
    }

    #[test]
    fn uid_is_the_effective_one() {
        let made = MadeProc::new();
        made.file("7/status", "Name:\tx\nUid:\t1000\t0\t1\t2\nGid:\t5\t5\t5\t5\n");
        made.file("8/status", "Name:\tx\n");
        assert_eq!(made.proc().uid(7), Ok(0));
        assert_eq!(made.proc().uid(8), Err(Unreadable::Odd));
    }

    #[test]
    fn a_process_that_has_ended_is_told_from_one_that_may_not_be_read() {
        assert_eq!(MadeProc::new().proc().maps(7), Err(Unreadable::Gone));
        assert_eq!(Unreadable::from(std::io::Error::from_raw_os_error(libc::ESRCH)), Unreadable::Gone);
        assert_eq!(Unreadable::from(std::io::Error::from_raw_os_error(libc::EACCES)), Unreadable::NotPermitted);
        assert_eq!(Unreadable::from(std::io::Error::from_raw_os_error(libc::EPERM)), Unreadable::NotPermitted);
    }

    #[test]
    fn this_process_is_there() {
        let proc = Proc::of_this_host();
        let pid = std::process::id();
        assert!(proc.pids().expect("it can be read").contains(&pid));
        assert!(!proc.maps(pid).expect("it can be read").is_empty());
        assert_eq!(proc.uid(pid), Ok(rustix::process::geteuid().as_raw()));
        assert!(proc.network_namespace(pid).expect("it can be read") > 0);
        assert_eq!(
            Some(proc.stat(pid).expect("it can be read").parent),
            rustix::process::getppid().map(|pid| pid.as_raw_nonzero().get() as u32)
        );
    }
}

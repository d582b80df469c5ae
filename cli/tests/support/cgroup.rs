//! A control group as the runtime of containers makes one, gone when the guard is.

use std::path::PathBuf;

/// Of version 2, named like that of a container.
pub(crate) struct Cgroup {
    folder: PathBuf,
    pub(crate) container: String,
}

impl Cgroup {
    /// `None` where no such hierarchy is mounted, or it cannot be written.
    pub(crate) fn of_container() -> Option<Self> {
        let mounts = std::fs::read_to_string("/proc/mounts").expect("/proc is there");
        let mut hierarchies = mounts.lines().filter_map(|mount| {
            let words: Vec<_> = mount.split(' ').collect();
            (words[2] == "cgroup2").then_some(words[1])
        });
        let container = format!("{:064x}", 0xc0ff_ee00_0000_0000_u64 + u64::from(std::process::id()));
        let folder = PathBuf::from(hierarchies.next()?).join(format!("docker-{container}.scope"));
        std::fs::create_dir(&folder).ok()?;
        Some(Self { folder, container })
    }

    pub(crate) fn take_in(&self, pid: u32) {
        std::fs::write(self.folder.join("cgroup.procs"), pid.to_string()).expect("a process can be moved");
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // Its processes have to be gone; a failure is no worse than an empty folder.
        let _ = std::fs::remove_dir(&self.folder);
    }
}

//! From the number of a cgroup, which the kernel gives with an event, to the container, also when the process has ended.

use std::collections::{HashMap, VecDeque};
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::ContainerId;

/// More cgroups than a host has; a walk looks at no more.
const MOST_CGROUPS: usize = 50_000;
/// Ids that no walk has found are mostly of cgroups that are gone: walking again for each would not end.
const MOST_WALKS: usize = 16;

/// The cgroups of version 2 by their number, which is the inode of their folder.
#[derive(Debug)]
pub struct Cgroups {
    root: PathBuf,
    known: HashMap<u64, Option<ContainerId>>,
    walks_left: usize,
}

impl Cgroups {
    /// Where version 2 is mounted: alone, or beside version 1.
    pub fn of_this_host() -> Self {
        let beside = Path::new("/sys/fs/cgroup/unified");
        Self::at(if beside.join("cgroup.procs").exists() { beside } else { Path::new("/sys/fs/cgroup") })
    }

    /// Another folder.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), known: HashMap::new(), walks_left: MOST_WALKS }
    }

    /// Reads all cgroups there are now, so that those which vanish later are known.
    pub fn refresh(&mut self) {
        let mut due = VecDeque::from([self.root.clone()]);
        let mut looked_at = 0;
        while let Some(folder) = due.pop_front() {
            looked_at += 1;
            if looked_at > MOST_CGROUPS {
                return;
            }
            if let Ok(metadata) = fs::metadata(&folder) {
                let path = folder.strip_prefix(&self.root).unwrap_or(&folder);
                self.known.insert(metadata.ino(), ContainerId::in_path(path.as_os_str().as_bytes()));
            }
            let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
            due.extend(entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path()));
        }
    }

    /// The container of a cgroup. `None` for the host, and for a cgroup that came and went unseen.
    pub fn container(&mut self, cgroup: u64) -> Option<ContainerId> {
        if !self.known.contains_key(&cgroup) && self.walks_left > 0 {
            self.walks_left -= 1;
            self.refresh();
            self.known.entry(cgroup).or_insert(None);
        }
        *self.known.get(&cgroup)?
    }
}

#[cfg(test)]
mod tests {
    use super::super::container::tests::ID;
    use super::super::testing::MadeProc;
    use super::*;

    fn number(path: &Path) -> u64 {
        fs::metadata(path).expect("the folder is ours").ino()
    }

    #[test]
    fn a_cgroup_is_found_by_its_number() {
        let made = MadeProc::new();
        let scope = made.folder(&format!("system.slice/docker-{ID}.scope"));
        let inner = made.folder(&format!("system.slice/docker-{ID}.scope/init.scope"));
        let service = made.folder("system.slice/nginx.service");
        let mut cgroups = Cgroups::at(made.path(""));
        for (folder, expected) in [(&scope, Some(ID)), (&inner, Some(ID)), (&service, None)] {
            let found = cgroups.container(number(folder)).map(|id| id.to_string());
            assert_eq!(found.as_deref(), expected, "{folder:?}");
        }
        assert_eq!(cgroups.walks_left, MOST_WALKS - 1, "one walk served them all");
    }

    #[test]
    fn what_was_seen_stays_known_when_it_is_gone() {
        let made = MadeProc::new();
        let scope = made.folder(&format!("docker-{ID}.scope"));
        let cgroup = number(&scope);
        let mut cgroups = Cgroups::at(made.path(""));
        cgroups.refresh();
        fs::remove_dir(&scope).expect("the folder is ours");
        assert_eq!(cgroups.container(cgroup).map(|id| id.to_string()).as_deref(), Some(ID));
    }

    #[test]
    fn unknown_numbers_do_not_make_it_walk_for_ever() {
        let made = MadeProc::new();
        let mut cgroups = Cgroups::at(made.path(""));
        for number in 0..1000 {
            assert_eq!(cgroups.container(u64::MAX - number), None);
        }
        assert_eq!(cgroups.walks_left, 0);
    }
}

//! Finds the libraries: through the processes that map them, in the system's folders, by their paths.

use std::collections::{HashMap, HashSet};
use std::fs::{File, Metadata};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::{Carries, Error, FileId, Files, Found, Kind, Library, Unopened, Wanted, carries_none, carries_tls, elf, open, system};
use crate::process::{Mapping, Proc, Unreadable, executable_files};

/// Finds what is to be probed on this host.
pub fn find(wanted: &Wanted) -> Result<Found, Error> {
    find_in(&Proc::of_this_host(), Path::new("/"), wanted, &carries_tls)
}

/// The same with the processes of `proc`, the system of `root` and another judgement of what carries TLS.
pub fn find_in(proc: &Proc, root: &Path, wanted: &Wanted, carries: &dyn Fn(&File) -> bool) -> Result<Found, Error> {
    let mut search = Search::new(proc, carries, wanted);
    for path in &wanted.libs {
        search.add_given(path)?;
    }
    search.add_mapped()?;
    // What processes will use that are yet to be started, if nothing else says it.
    if wanted.libs.is_empty() && (wanted.pids.is_empty() || search.libraries.is_empty()) {
        search.add_system(root);
    }
    Ok(search.found())
}

struct Search<'a> {
    proc: &'a Proc,
    carries: Carries<'a>,
    wanted: &'a Wanted,
    files: Files<'a>,
    libraries: Vec<Library>,
    by_id: HashMap<FileId, usize>,
    /// Libraries that a process maps whose name is asked for.
    named: HashSet<FileId>,
    unreadable: Vec<(u32, Unreadable)>,
    unopened: HashMap<(u64, u64), Unopened>,
}

impl<'a> Search<'a> {
    fn new(proc: &'a Proc, carries: Carries<'a>, wanted: &'a Wanted) -> Self {
        Self {
            proc,
            carries,
            wanted,
            // Only the files given count then, so no other need be looked into.
            files: Files::new(proc, if wanted.libs.is_empty() { carries } else { &|_| false }),
            libraries: Vec::new(),
            by_id: HashMap::new(),
            named: HashSet::new(),
            unreadable: Vec::new(),
            unopened: HashMap::new(),
        }
    }

    fn add_given(&mut self, path: &Path) -> Result<(), Error> {
        let refused = |reason| Error::NotOpened { path: path.to_owned(), reason };
        let file = match open::open_regular(path) {
            Ok(file) => file,
            Err(Unreadable::Odd) => return Err(Error::NotElf(path.to_owned())),
            Err(reason) => return Err(refused(reason)),
        };
        if !elf::is_elf(&file) {
            return Err(Error::NotElf(path.to_owned()));
        }
        let (id, metadata) = FileId::of(&file).map_err(|error| refused(error.into()))?;
        self.add(id, file, &metadata, path.to_string_lossy().into_owned(), Kind::Given);
        Ok(())
    }

    /// Reads what each process maps. All of them, whatever names are asked for: a probe in a file is paid by everyone who maps it.
    fn add_mapped(&mut self) -> Result<(), Error> {
        let all = self.proc.pids().map_err(Error::NoProcesses)?;
        let wanted = if self.wanted.pids.is_empty() { all.clone() } else { self.proc.with_children(&self.wanted.pids).unwrap_or_default() };
        for pid in wanted.iter().copied() {
            match self.proc.maps(pid) {
                Ok(maps) => self.add_maps(pid, &maps),
                Err(Unreadable::Gone) => {}
                Err(reason) if self.is_named(pid) => self.unreadable.push((pid, reason)),
                Err(_) => {}
            }
        }
        if self.wanted.libs.is_empty() {
            self.add_users(all.iter().copied().filter(|pid| !wanted.contains(pid)));
        }
        Ok(())
    }

    /// Others that map what is to be probed: they pay too.
    fn add_users(&mut self, pids: impl Iterator<Item = u32>) {
        if self.libraries.is_empty() {
            return;
        }
        for pid in pids {
            let Ok(maps) = self.proc.maps(pid) else { continue };
            for mapping in executable_files(&maps).filter(|mapping| !carries_none(mapping.name())) {
                let Some(&library) = self.files.known(&mapping).and_then(|id| self.by_id.get(&id)) else { continue };
                let users = &mut self.libraries[library].users;
                if users.last() != Some(&pid) {
                    users.push(pid);
                }
            }
        }
    }

    fn add_maps(&mut self, pid: u32, maps: &[u8]) {
        let mut is_named = None;
        let mut last = None;
        for mapping in executable_files(maps).filter(|mapping| !carries_none(mapping.name())) {
            // The mappings of one file stand together, mostly.
            if last.replace((mapping.device, mapping.inode)) == last {
                continue;
            }
            match self.look(pid, &mapping) {
                Ok(Some(id)) if *is_named.get_or_insert_with(|| self.is_named(pid)) => _ = self.named.insert(id),
                Ok(_) | Err(Unreadable::Gone | Unreadable::Odd) => {}
                Err(reason) => {
                    let shown = mapping.shown().to_string_lossy().into_owned();
                    self.unopened.entry((mapping.device, mapping.inode)).or_insert(Unopened { pid, shown, reason });
                }
            }
        }
    }

    /// Which library it is, if it is one.
    fn look(&mut self, pid: u32, mapping: &Mapping<'_>) -> Result<Option<FileId>, Unreadable> {
        let (looked, first) = self.files.look(pid, mapping)?;
        self.unopened.remove(&(mapping.device, mapping.inode));
        if let Some(first) = first
            && looked.carries_tls
        {
            let shown = mapping.shown().to_string_lossy().into_owned();
            self.add(looked.id, first.file, &first.metadata, shown, self.kind(pid, mapping));
        }
        let Some(&library) = self.by_id.get(&looked.id) else { return Ok(None) };
        let users = &mut self.libraries[library].users;
        if users.last() != Some(&pid) {
            users.push(pid);
        }
        Ok(Some(looked.id))
    }

    fn add_system(&mut self, root: &Path) {
        for path in system::copies(root) {
            let Ok(file) = open::open_regular(&path) else { continue };
            let Ok((id, metadata)) = FileId::of(&file) else { continue };
            if self.by_id.contains_key(&id) {
                self.named.insert(id);
            } else if (self.carries)(&file) {
                self.add(id, file, &metadata, path.to_string_lossy().into_owned(), Kind::System);
            }
        }
    }

    fn add(&mut self, id: FileId, file: File, metadata: &Metadata, shown: String, kind: Kind) {
        self.by_id.entry(id).or_insert_with(|| {
            let open = open::path_of(&file);
            let (device, inode) = (metadata.dev(), metadata.ino());
            self.libraries.push(Library { id, file, open, shown, device, inode, users: Vec::new(), kind });
            self.libraries.len() - 1
        });
    }

    fn kind(&self, pid: u32, mapping: &Mapping<'_>) -> Kind {
        let executable = std::fs::read_link(self.proc.path(pid, "exe"));
        let is_executable = executable.is_ok_and(|path| path.as_os_str().as_bytes() == mapping.shown().as_bytes());
        if is_executable { Kind::Executable } else { Kind::SharedLibrary }
    }

    fn is_named(&self, pid: u32) -> bool {
        self.wanted.comm.is_empty() || self.proc.comm(pid).is_ok_and(|comm| self.wanted.is_name(&comm))
    }

    fn found(self) -> Found {
        let Self { wanted, mut libraries, named, unreadable, unopened, .. } = self;
        let fits =
            |library: &Library| matches!(library.kind, Kind::Given | Kind::System) || wanted.comm.is_empty() || named.contains(&library.id);
        libraries.retain(fits);
        libraries.iter_mut().for_each(|library| library.users.sort_unstable());
        libraries.sort_by(|one, other| (&one.shown, one.id).cmp(&(&other.shown, other.id)));
        let mut unopened: Vec<Unopened> = unopened.into_values().collect();
        unopened.sort_by(|one, other| (&one.shown, one.pid).cmp(&(&other.shown, other.pid)));
        Found { libraries, unreadable, unopened }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::testing::MadeElf;
    use super::*;
    use crate::process::testing::MadeProc;

    /// A /proc, and the system it is of, whose processes map files of it.
    struct Host(MadeProc);

    impl Host {
        fn new() -> Self {
            let made = Self(MadeProc::new());
            for name in ["usr/lib/libssl.so.3", "opt/node", "opt/_rust.abi3.so"] {
                let ssl = MadeElf::new().with_functions(object::elf::SHT_DYNSYM, &[("SSL_read", true), ("SSL_write", true)]);
                made.0.file(&format!("system/{name}"), ssl.bytes());
            }
            made.0.file("system/usr/lib/libplain.so", MadeElf::new().bytes());
            made
        }

        fn process(&self, pid: u32, parent: u32, comm: &str, mapped: &[&str]) {
            let maps: Vec<String> = mapped.iter().map(|name| self.map(name)).collect();
            self.0.file(&format!("{pid}/maps"), maps.concat());
            self.0.file(&format!("{pid}/comm"), format!("{comm}\n"));
            self.0.file(&format!("{pid}/stat"), format!("{pid} ({comm}) S {parent} 1 1 0 -1 0 1 2 3 4 5 6 7 8 20 0 1 0 1 1"));
            self.0.link(&format!("{pid}/root"), self.0.path("system"));
            self.0.link(&format!("{pid}/exe"), mapped.first().map_or("/", |name| name));
        }

        fn map(&self, name: &str) -> String {
            let inode = fs::metadata(self.0.path(format!("system{name}"))).map_or(4711, |metadata| metadata.ino());
            format!("1000-2000 r-xp 0 08:01 {inode} {name}\n")
        }

        fn find(&self, wanted: &Wanted) -> Found {
            find_in(&self.0.proc(), &self.0.path("system"), wanted, &carries_tls).expect("processes can be listed")
        }
    }

    /// The end of the path, the users and how it was found.
    fn told(found: &Found) -> Vec<(&str, &[u32], Kind)> {
        found
            .libraries
            .iter()
            .map(|library| (library.shown.rsplit('/').next().unwrap_or_default(), &library.users[..], library.kind))
            .collect()
    }

    fn two_servers() -> Host {
        let host = Host::new();
        host.process(5, 1, "bash", &["/usr/lib/libplain.so"]);
        host.process(6, 5, "node", &["/opt/node"]);
        host.process(7, 5, "python3", &["/usr/lib/libplain.so", "/opt/_rust.abi3.so"]);
        host.process(8, 1, "node", &["/opt/node"]);
        host.process(9, 1, "kworker", &[]);
        host
    }

    #[test]
    fn each_library_is_found_once_with_all_its_users_and_the_systems_copies() {
        let host = two_servers();
        let found = host.find(&Wanted::default());
        let mut told = told(&found);
        told.sort_unstable_by_key(|(name, ..)| *name);
        let expected: [(&str, &[u32], Kind); 3] =
            [("_rust.abi3.so", &[7], Kind::SharedLibrary), ("libssl.so.3", &[], Kind::System), ("node", &[6, 8], Kind::Executable)];
        assert_eq!(told, expected);
        assert_eq!((found.unreadable, found.unopened), (vec![], vec![]));
    }

    #[test]
    fn libraries_of_processes_that_are_asked_for_and_of_their_children_come_with_all_who_use_them() {
        let host = two_servers();
        let found = host.find(&Wanted { pids: vec![5], ..Wanted::default() });
        let expected: [(&str, &[u32], Kind); 2] = [("_rust.abi3.so", &[7], Kind::SharedLibrary), ("node", &[6, 8], Kind::Executable)];
        assert_eq!(told(&found), expected);
    }

    #[test]
    fn names_choose_libraries_which_all_their_users_pay_for() {
        let host = two_servers();
        host.process(10, 1, "other", &["/opt/node"]);
        let found = host.find(&Wanted { comm: vec!["node".into()], ..Wanted::default() });
        let expected: [(&str, &[u32], Kind); 2] = [("node", &[6, 8, 10], Kind::Executable), ("libssl.so.3", &[], Kind::System)];
        assert_eq!(told(&found), expected);
    }

    #[test]
    fn a_given_library_comes_alone_with_its_users() {
        let host = two_servers();
        let path = host.0.path("system/opt/node");
        let found = host.find(&Wanted { libs: vec![path.clone()], ..Wanted::default() });
        let expected: [(&str, &[u32], Kind); 1] = [("node", &[6, 8], Kind::Given)];
        assert_eq!(told(&found), expected);
        assert_eq!(found.libraries[0].shown, path.display().to_string());
    }

    #[test]
    fn what_is_given_must_be_there_and_be_a_library() {
        let host = two_servers();
        host.0.file("text", "text");
        for (name, refused) in
            [("none", "cannot open /none: it is not there"), ("text", "/text is neither"), ("system", "/system is neither")]
        {
            let wanted = Wanted { libs: vec![host.0.path(name)], ..Wanted::default() };
            let error = find_in(&host.0.proc(), Path::new("/"), &wanted, &carries_tls).expect_err("it is refused").to_string();
            let error = error.replace(&host.0.path("").display().to_string(), "/");
            assert!(error.starts_with(refused), "{error}");
        }
    }

    #[test]
    fn processes_and_files_that_vanish_are_passed_over() {
        let host = two_servers();
        host.process(11, 1, "ending", &["/opt/gone"]);
        host.0.folder("12");
        let found = host.find(&Wanted::default());
        assert_eq!((found.libraries.len(), found.unreadable, found.unopened), (3, vec![], vec![]));
    }
}

//! Whether the TLS of a process could be seen, by what it maps.

use super::holders::Holder;
use super::signs::{self, Texts};
use super::{Reason, Watch};
use crate::process::{Mapping, Proc, Unreadable, executable_files};
use crate::tls::target::{Carries, Files, carries_none, open};

pub(super) struct Judge<'a> {
    proc: &'a Proc,
    watch: &'a Watch<'a>,
    files: Files<'a>,
    texts: Texts,
}

impl<'a> Judge<'a> {
    pub(super) fn new(proc: &'a Proc, watch: &'a Watch<'a>, carries: Carries<'a>) -> Self {
        Self { proc, watch, files: Files::new(proc, carries), texts: Texts::new() }
    }

    /// Why the TLS of a process could not be seen; `None` if it could, if it has none, or if it has ended.
    pub(super) fn reason(&mut self, holder: &Holder) -> Option<Reason> {
        let maps = match self.proc.maps(holder.pid) {
            Ok(maps) => maps,
            Err(Unreadable::NotPermitted) => return Some(Reason::NotPermitted),
            Err(_) => return None,
        };
        match self.mapped(holder.pid, &maps) {
            Mapped::Probed => None,
            Mapped::Sign(reason) => Some(reason),
            Mapped::Nothing => self.in_texts(holder.pid, &maps).or_else(|| self.without_sign(holder)),
        }
    }

    /// A probed library settles it, whatever else there is; then one that was not, then the names of others.
    fn mapped(&mut self, pid: u32, maps: &[u8]) -> Mapped {
        let mut unprobed = None;
        let mut named = None;
        for mapping in executable_files(maps) {
            named = named.or_else(|| signs::in_name(mapping.name()));
            if carries_none(mapping.name()) {
                continue;
            }
            let Ok((looked, _)) = self.files.look(pid, &mapping) else { continue };
            if self.watch.probed.contains(&looked.id) {
                return Mapped::Probed;
            }
            if looked.carries_tls {
                let was_there = self.watch.found.contains(&looked.id) || !self.watch.wanted.libs.is_empty();
                unprobed = Some(if was_there { Reason::NotProbed } else { Reason::LibraryAppeared });
            }
        }
        unprobed.or(named).map_or(Mapped::Nothing, Mapped::Sign)
    }

    fn in_texts(&mut self, pid: u32, maps: &[u8]) -> Option<Reason> {
        let files = executable_files(maps).filter(|mapping| !carries_none(mapping.name()));
        files.into_iter().find_map(|mapping| self.in_text(pid, &mapping))
    }

    fn in_text(&mut self, pid: u32, mapping: &Mapping<'_>) -> Option<Reason> {
        let (looked, _) = self.files.look(pid, mapping).ok()?;
        if let Some(known) = self.texts.known(looked.id) {
            return known;
        }
        self.texts.read(looked.id, &open(self.proc, pid, mapping).ok()?)
    }

    fn without_sign(&self, holder: &Holder) -> Option<Reason> {
        (holder.serves && !self.watch.ports.is_empty()).then_some(Reason::NoTlsFound)
    }
}

enum Mapped {
    Probed,
    Sign(Reason),
    Nothing,
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeSet, HashSet};
    use std::fs;
    use std::os::unix::fs::MetadataExt as _;

    use super::*;
    use crate::process::testing::MadeProc;
    use crate::tls::target::testing::MadeElf;
    use crate::tls::target::{FileId, Wanted, has_ssl_functions};

    /// Process 7, which maps made files.
    struct Made {
        proc: MadeProc,
        maps: String,
        found: HashSet<FileId>,
        probed: HashSet<FileId>,
    }

    impl Made {
        fn new() -> Self {
            let proc = MadeProc::new();
            proc.link("7/root", proc.folder("jail"));
            Self { proc, maps: String::new(), found: HashSet::new(), probed: HashSet::new() }
        }

        fn mapping(mut self, name: &str, elf: MadeElf) -> Self {
            let path = format!("jail/{name}");
            self.proc.file(&path, elf.bytes());
            let inode = fs::metadata(self.proc.path(&path)).expect("the folder is ours").ino();
            self.maps += &format!("1000-2000 r-xp 00000000 08:01 {inode} /{name}\n");
            self
        }

        fn id(&self, name: &str) -> FileId {
            let file = fs::File::open(self.proc.path(format!("jail/{name}"))).expect("it is there");
            FileId::of(&file).expect("it can be read").0
        }

        fn reason(&self) -> Option<Reason> {
            self.proc.file("7/maps", &self.maps);
            let proc = self.proc.proc();
            let watch = Watch { ports: &[], wanted: &Wanted::default(), found: &self.found, probed: &self.probed, seen: &HashSet::new() };
            let holder = Holder { pid: 7, ports: BTreeSet::from([443]), serves: true };
            Judge::new(&proc, &watch, &has_ssl_functions).reason(&holder)
        }
    }

    fn plain() -> MadeElf {
        MadeElf::new()
    }

    fn go() -> MadeElf {
        MadeElf::new().with_texts(&[(".go.buildinfo", ""), (".gopclntab", "crypto/tls.(*Conn).Read")])
    }

    fn openssl() -> MadeElf {
        MadeElf::new().with_functions(object::elf::SHT_DYNSYM, &[("SSL_read", true), ("SSL_write", true)])
    }

    #[test]
    fn a_probed_library_covers_a_program_that_has_another_too() {
        let mut made = Made::new().mapping("server", go()).mapping("libjvm.so", plain()).mapping("libssl.so.3", openssl());
        made.probed.insert(made.id("libssl.so.3"));
        assert_eq!(made.reason(), None);
    }

    #[test]
    fn a_library_that_was_there_is_told_from_one_that_appeared() {
        let mut made = Made::new().mapping("server", go()).mapping("_rust.abi3.so", openssl());
        assert_eq!(made.reason(), Some(Reason::LibraryAppeared));
        made.found.insert(made.id("_rust.abi3.so"));
        assert_eq!(made.reason(), Some(Reason::NotProbed));
    }

    #[test]
    fn names_of_libraries_go_before_texts() {
        assert_eq!(Made::new().mapping("java", go()).mapping("libjvm.so", plain()).reason(), Some(Reason::Java));
        assert_eq!(Made::new().mapping("wget", plain()).mapping("libgnutls.so.30", plain()).reason(), Some(Reason::GnuTls));
    }

    #[test]
    fn texts_of_libraries_count_as_those_of_programs() {
        let rustls = MadeElf::new().with_texts(&[(".rodata", "rustls::client")]);
        assert_eq!(Made::new().mapping("python3", plain()).mapping("ext.abi3.so", rustls).reason(), Some(Reason::Rustls));
    }

    #[test]
    fn without_sign_and_without_ports_there_is_nothing_to_say() {
        assert_eq!(Made::new().mapping("server", plain()).reason(), None);
    }
}

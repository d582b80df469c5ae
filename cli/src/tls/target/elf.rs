//! An ELF file as far as it is looked into here: its sections, its symbols by name, texts in it.
//!
//! Read piece by piece, not mapped: a mapped file whose owner cuts it off ends its reader. And bounded, whatever
//! sizes the file claims: it may belong to anybody.

use std::fs::File;
use std::os::unix::fs::FileExt as _;

use memchr::memmem;
use object::elf::{self, FileHeader64, SectionHeader64, Sym64};
use object::{LittleEndian, Pod, pod};

type Header = FileHeader64<LittleEndian>;
type SectionHeader = SectionHeader64<LittleEndian>;
type Symbol = Sym64<LittleEndian>;

const LE: LittleEndian = LittleEndian;
/// Far more than a compiler makes; the kernel's own limit for a file without extended numbering is 65,279.
const MOST_SECTIONS: usize = 8192;
const MOST_NAME_BYTES: u64 = 1 << 20;
/// Of one section: the names of a large program stay below, and anybody may have made it larger.
const MOST_SECTION_BYTES: u64 = 96 << 20;
/// A multiple of a symbol, so that none is cut.
const PIECE_BYTES: usize = size_of::<Symbol>() * 8192;

/// A 64-bit little-endian ELF file; 32-bit programs cannot be probed by what is built for 64.
pub(in crate::tls) struct Elf<'f> {
    file: &'f File,
    sections: Vec<Section>,
}

/// Where a section is.
pub(in crate::tls) struct Section {
    name: Vec<u8>,
    kind: u32,
    offset: u64,
    bytes: u64,
    /// For symbols, the section with their names.
    link: usize,
}

/// Whether a file begins as an ELF file does.
pub(in crate::tls) fn is_elf(file: &File) -> bool {
    let mut magic = [0; 4];
    file.read_exact_at(&mut magic, 0).is_ok() && magic == elf::ELFMAG
}

impl<'f> Elf<'f> {
    /// `None` if it is none, or damaged.
    pub(in crate::tls) fn read(file: &'f File) -> Option<Self> {
        let header: Header = read_one(file, 0)?;
        let ident = header.e_ident;
        if ident.magic != elf::ELFMAG || ident.class != elf::ELFCLASS64 || ident.data != elf::ELFDATA2LSB {
            return None;
        }
        let count = usize::from(header.e_shnum.get(LE)).min(MOST_SECTIONS);
        let headers: Vec<SectionHeader> = read_many(file, header.e_shoff.get(LE), count)?;
        let names = headers.get(usize::from(header.e_shstrndx.get(LE))).and_then(|names| names_of(file, names)).unwrap_or_default();
        let sections = headers.iter().map(|header| Section::new(header, &names)).collect();
        Some(Self { file, sections })
    }

    /// Whether there is a section of this name.
    pub(in crate::tls) fn has_section(&self, name: &str) -> bool {
        self.section(name).is_some()
    }

    /// Whether there are no names of functions beyond those that other files call.
    pub(in crate::tls) fn is_stripped(&self) -> bool {
        !self.sections.iter().any(|section| section.kind == elf::SHT_SYMTAB)
    }

    /// Whether functions of all these names are defined inside, whether exported or not.
    pub(in crate::tls) fn defines(&self, functions: &[&str]) -> bool {
        [elf::SHT_DYNSYM, elf::SHT_SYMTAB].into_iter().any(|kind| {
            let tables = self.sections.iter().filter(|section| section.kind == kind);
            tables.into_iter().any(|table| self.defines_in(table, functions))
        })
    }

    /// Which of these texts stand in the first of the named sections that there is. Each is at most as long as a piece.
    pub(in crate::tls) fn texts<const N: usize>(&self, sections: &[&str], texts: [&str; N]) -> [bool; N] {
        let Some(section) = sections.iter().find_map(|name| self.section(name)) else { return [false; N] };
        let finders = texts.map(|text| memmem::Finder::new(text.as_bytes()));
        let overlap = texts.map(str::len).into_iter().max().unwrap_or(0);
        let mut found = [false; N];
        self.pieces(section, overlap, |_, piece| {
            for (found, finder) in found.iter_mut().zip(&finders) {
                *found = *found || finder.find(piece).is_some();
            }
            !found.iter().all(|found| *found)
        });
        found
    }

    fn section(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.name == name.as_bytes())
    }

    /// The names are searched first: that is fast, and nearly all files do not have them.
    fn defines_in(&self, table: &Section, functions: &[&str]) -> bool {
        let Some(names) = self.sections.get(table.link) else { return false };
        let mut wanted = Vec::with_capacity(functions.len());
        for function in functions {
            let places = self.places_of(names, function);
            if places.is_empty() {
                return false;
            }
            wanted.push(places);
        }
        let mut found = vec![false; wanted.len()];
        self.pieces(table, 0, |_, piece| {
            for symbol in symbols(piece).iter().filter(|symbol| is_function(symbol)) {
                for (found, places) in found.iter_mut().zip(&wanted) {
                    *found = *found || places.contains(&symbol.st_name.get(LE));
                }
            }
            !found.iter().all(|found| *found)
        });
        found.iter().all(|found| *found)
    }

    /// Where in a section of names this one stands; also as the end of a longer one, as linkers share them.
    fn places_of(&self, names: &Section, function: &str) -> Vec<u32> {
        let terminated = [function.as_bytes(), b"\0"].concat();
        let finder = memmem::Finder::new(&terminated);
        let mut places = Vec::new();
        self.pieces(names, terminated.len(), |at, piece| {
            places.extend(finder.find_iter(piece).filter_map(|found| u32::try_from(at + found as u64).ok()));
            true
        });
        places.dedup();
        places
    }

    /// Hands a section to `look` piece by piece, each with its place in the section and beginning with the last `overlap` bytes of the one before, until
    /// `look` says that it has seen enough.
    fn pieces(&self, section: &Section, overlap: usize, mut look: impl FnMut(u64, &[u8]) -> bool) {
        if section.kind == elf::SHT_NOBITS {
            return;
        }
        let end = section.bytes.min(MOST_SECTION_BYTES);
        // Aligned, for what is read out of it as a table.
        let mut buffer = vec![0_u64; (PIECE_BYTES + overlap).div_ceil(8)];
        let buffer = pod::bytes_of_slice_mut(&mut buffer);
        let (mut at, mut kept) = (0, 0);
        while at < end {
            let wanted = PIECE_BYTES.min(usize::try_from(end - at).unwrap_or(PIECE_BYTES));
            let Some(offset) = section.offset.checked_add(at) else { return };
            let filled = kept + wanted;
            if self.file.read_exact_at(&mut buffer[kept..filled], offset).is_err() || !look(at - kept as u64, &buffer[..filled]) {
                return;
            }
            at += wanted as u64;
            let from = filled.saturating_sub(overlap);
            buffer.copy_within(from..filled, 0);
            kept = filled - from;
        }
    }
}

impl Section {
    fn new(header: &SectionHeader, names: &[u8]) -> Self {
        let name = usize::try_from(header.sh_name.get(LE)).ok().and_then(|start| names.get(start..)).unwrap_or_default();
        Self {
            name: name.split(|&byte| byte == 0).next().unwrap_or_default().to_vec(),
            kind: header.sh_type.get(LE),
            offset: header.sh_offset.get(LE),
            bytes: header.sh_size.get(LE),
            link: header.sh_link.get(LE) as usize,
        }
    }
}

fn is_function(symbol: &Symbol) -> bool {
    symbol.st_shndx.get(LE) != elf::SHN_UNDEF && symbol.st_type() == elf::STT_FUNC
}

/// The whole symbols at the beginning of a piece; pieces are a multiple of one.
fn symbols(piece: &[u8]) -> &[Symbol] {
    pod::slice_from_bytes(piece, piece.len() / size_of::<Symbol>()).map_or(&[], |(symbols, _)| symbols)
}

fn names_of(file: &File, header: &SectionHeader) -> Option<Vec<u8>> {
    let bytes = header.sh_size.get(LE).min(MOST_NAME_BYTES);
    read_many(file, header.sh_offset.get(LE), usize::try_from(bytes).ok()?)
}

fn read_one<T: Pod>(file: &File, offset: u64) -> Option<T> {
    read_many(file, offset, 1)?.into_iter().next()
}

fn read_many<T: Pod>(file: &File, offset: u64, count: usize) -> Option<Vec<T>> {
    let bytes = count.checked_mul(size_of::<T>())?;
    let mut aligned = vec![0_u64; bytes.div_ceil(8)];
    let read = &mut pod::bytes_of_slice_mut(&mut aligned)[..bytes];
    file.read_exact_at(read, offset).ok()?;
    Some(pod::slice_from_bytes::<T>(read, count).ok()?.0.to_vec())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::super::testing::MadeElf;
    use super::super::{carries_tls, has_ssl_functions};
    use super::*;

    const BOTH: [(&str, bool); 3] = [("SSL_new", true), ("SSL_read", true), ("SSL_write", true)];

    fn file_of(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(bytes).expect("the file is ours");
        file
    }

    #[test]
    fn functions_count_whether_exported_or_not() {
        for kind in [elf::SHT_DYNSYM, elf::SHT_SYMTAB] {
            assert!(has_ssl_functions(&MadeElf::new().with_functions(kind, &BOTH).file()));
        }
    }

    #[test]
    fn functions_that_are_called_and_not_defined_do_not_count() {
        for functions in [
            &[("SSL_read", false), ("SSL_write", false)][..],
            &[("SSL_read", true), ("SSL_write", false)],
            &[("SSL_read", true)],
            &[("SSL_read_ex", true), ("SSL_write_ex", true)],
        ] {
            assert!(!has_ssl_functions(&MadeElf::new().with_functions(elf::SHT_DYNSYM, functions).file()), "{functions:?}");
        }
    }

    #[test]
    fn a_library_without_names_is_known_by_its_texts() {
        let marks = [(".rodata", "SSLv3/TLS write client hello")];
        let stripped = MadeElf::new().with_texts(&marks).file();
        assert!(carries_tls(&stripped) && !has_ssl_functions(&stripped));
        let with_others = MadeElf::new().with_texts(&marks).with_functions(elf::SHT_SYMTAB, &[("main", true)]).file();
        assert!(!carries_tls(&with_others), "it would name them");
        assert!(carries_tls(&MadeElf::new().with_functions(elf::SHT_SYMTAB, &BOTH).file()));
    }

    #[test]
    fn functions_are_found_behind_many_others() {
        let others: Vec<String> = (0..40_000).map(|number| format!("another_function_{number}")).collect();
        let functions: Vec<_> = others.iter().map(|name| (name.as_str(), true)).chain(BOTH).collect();
        assert!(has_ssl_functions(&MadeElf::new().with_functions(elf::SHT_SYMTAB, &functions).file()));
    }

    #[test]
    fn a_text_is_found_across_pieces() {
        for before in PIECE_BYTES - 9..PIECE_BYTES + 2 {
            let text = format!("{}rustls::{}", "x".repeat(before), "y".repeat(PIECE_BYTES));
            let file = MadeElf::new().with_texts(&[(".rodata", &text)]).file();
            let found = Elf::read(&file).expect("it is an ELF file").texts(&[".none", ".rodata"], ["rustls::", "absent"]);
            assert_eq!(found, [true, false], "{before}");
        }
    }

    #[test]
    fn a_damaged_file_is_no_reason_to_stop() {
        let whole = MadeElf::new().with_functions(elf::SHT_DYNSYM, &BOTH).bytes();
        for length in 0..whole.len() {
            has_ssl_functions(&file_of(&whole[..length]));
        }
        for at in 0..whole.len() {
            for value in [0, 0x7f, 0xff] {
                let mut damaged = whole.clone();
                damaged[at] = value;
                has_ssl_functions(&file_of(&damaged));
            }
        }
    }

    #[test]
    fn a_file_may_claim_any_size() {
        let mut whole = MadeElf::new().with_functions(elf::SHT_DYNSYM, &BOTH).bytes();
        let sections_at = u64::from_le_bytes(whole[40..48].try_into().expect("it fits")) as usize;
        for section in 0..4 {
            let sizes = sections_at + section * 64 + 24;
            whole[sizes..sizes + 16].fill(0xff);
        }
        assert!(!has_ssl_functions(&file_of(&whole)));
    }

    #[test]
    fn other_files_are_none() {
        for bytes in [&b""[..], b"#!/bin/sh\n", b"\x7fELF", b"\x7fELF\x01\x01\x01"] {
            assert!(Elf::read(&file_of(bytes)).is_none());
        }
        assert!(is_elf(&file_of(b"\x7fELF\x01")));
        assert!(!is_elf(&file_of(b"MZ")));
    }
}

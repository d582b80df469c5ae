//! An ELF file as it is mapped: where an address lies in the file, and which functions it names.
//!
//! Reads the tables that a question needs and no more: an executable may have a hundred megabytes.

use std::ops::Range;

use memchr::memmem;
use object::Endianness;
use object::elf::{self, FileHeader64, ProgramHeader64, Rela64, Sym64};
use object::read::StringTable;
use object::read::elf::{FileHeader as _, ProgramHeader as _, Rela as _, SectionHeader as _, SectionTable, Sym as _};

use super::NoSites;

/// How much of a name is looked for before the rest is compared.
const BEGINNING: usize = 4;

type Header = FileHeader64<Endianness>;

/// A function that the file defines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Function {
    /// Its virtual address.
    pub(super) address: u64,
    /// Its length in bytes, 0 when not known.
    pub(super) size: u64,
}

impl Function {
    /// The addresses of its code.
    pub(super) fn range(self) -> Range<u64> {
        self.address..self.address.saturating_add(self.size)
    }
}

/// A part of the file as the loader maps it, as far as the file has it. Its end is a valid address.
struct Segment<'a> {
    address: u64,
    offset: u64,
    bytes: &'a [u8],
    is_code: bool,
    is_writable: bool,
}

/// An x86-64 ELF file.
pub(super) struct Image<'a> {
    elf: &'a [u8],
    endian: Endianness,
    segments: Vec<Segment<'a>>,
    frames: Option<u64>,
    is_position_independent: bool,
    sections: SectionTable<'a, Header>,
}

impl<'a> Image<'a> {
    /// Reads the headers.
    pub(super) fn parse(elf: &'a [u8]) -> Result<Self, NoSites> {
        if !elf.starts_with(&elf::ELFMAG) {
            return Err(NoSites::NotElf);
        }
        let header = Header::parse(elf).map_err(|_| NoSites::Damaged)?;
        let endian = header.endian().map_err(|_| NoSites::Damaged)?;
        match header.e_machine(endian) {
            elf::EM_X86_64 => Self::read(elf, header, endian).map_err(|_| NoSites::Damaged),
            machine => Err(NoSites::OtherMachine(machine)),
        }
    }

    fn read(elf: &'a [u8], header: &Header, endian: Endianness) -> object::Result<Self> {
        let mut segments = Vec::new();
        let mut frames = None;
        for program in header.program_headers(endian, elf)? {
            match program.p_type(endian) {
                elf::PT_LOAD => segments.extend(Segment::read(elf, endian, program)),
                elf::PT_GNU_EH_FRAME => frames = Some(program.p_vaddr(endian)),
                _ => {}
            }
        }
        // The names of sections are not asked for.
        let sections = SectionTable::new(header.section_headers(endian, elf)?, StringTable::default());
        let is_position_independent = header.e_type(endian) != elf::ET_EXEC;
        Ok(Image { elf, endian, segments, frames, is_position_independent, sections })
    }

    /// Where the table of unwinding information is mapped.
    pub(super) fn frames(&self) -> Option<u64> {
        self.frames
    }

    /// Where in the file an address lies.
    pub(super) fn offset(&self, address: u64) -> Option<u64> {
        self.segments.iter().find_map(|segment| Some(segment.offset + segment.within(address)? as u64))
    }

    /// What the file has from an address to the end of its segment.
    pub(super) fn bytes(&self, address: u64) -> Option<&'a [u8]> {
        self.segments.iter().find_map(|segment| segment.bytes.get(segment.within(address)?..))
    }

    /// The same for code alone.
    pub(super) fn code(&self, address: u64) -> Option<&'a [u8]> {
        self.segments.iter().filter(|segment| segment.is_code).find_map(|segment| segment.bytes.get(segment.within(address)?..))
    }

    /// The mapped parts that hold code, with their addresses.
    pub(super) fn mapped_code(&self) -> impl Iterator<Item = (u64, &'a [u8])> {
        self.segments.iter().filter(|segment| segment.is_code).map(|segment| (segment.address, segment.bytes))
    }

    /// The mapped parts that may hold strings, with their addresses: some linkers put them with the code.
    pub(super) fn mapped_data(&self) -> impl Iterator<Item = (u64, &'a [u8])> {
        let is_apart = self.segments.iter().any(|segment| !segment.is_code && !segment.is_writable);
        self.segments.iter().filter(move |segment| !is_apart || !segment.is_code).map(|segment| (segment.address, segment.bytes))
    }

    /// The functions of these names: the exported ones, else the rest of the symbols. `None` stands for what is not defined.
    pub(super) fn functions<const N: usize>(&self, names: [&str; N]) -> [Option<Function>; N] {
        let mut found = self.named_in(elf::SHT_DYNSYM, names);
        if found.iter().any(Option::is_none) {
            let rest = self.named_in(elf::SHT_SYMTAB, names);
            found.iter_mut().zip(rest).for_each(|(found, rest)| *found = found.or(rest));
        }
        found
    }

    /// Whether the file says so of itself that it has been stripped.
    pub(super) fn is_stripped(&self) -> bool {
        self.symbols(elf::SHT_SYMTAB).is_none()
    }

    /// The name of the function that begins at an address, from the symbols that are not exported.
    pub(super) fn name_at(&self, address: u64) -> Option<&'a str> {
        let (symbols, strings) = self.symbols(elf::SHT_SYMTAB)?;
        let symbol = symbols.iter().find(|symbol| symbol.st_value(self.endian) == address && self.is_function(symbol))?;
        let name = strings.get(symbol.st_name(self.endian) as usize..)?;
        str::from_utf8(&name[..memchr::memchr(0, name)?]).ok()
    }

    /// The name of the symbol whose address the loader writes to a slot of the global offset table.
    pub(super) fn bound_at(&self, slot: u64) -> Option<&'a str> {
        let relocation = self.relocations().find(|rela| rela.r_offset(self.endian) == slot)?;
        let (symbols, strings) = self.symbols(elf::SHT_DYNSYM)?;
        let symbol = symbols.get(relocation.r_sym(self.endian, false) as usize)?;
        let name = strings.get(symbol.st_name(self.endian) as usize..)?;
        str::from_utf8(&name[..memchr::memchr(0, name)?]).ok()
    }

    /// The address that stands at another one when the file is loaded, if nothing but the file decides.
    pub(super) fn pointer(&self, address: u64) -> Option<u64> {
        let stored = || self.bytes(address)?.first_chunk().copied().map(u64::from_le_bytes);
        match self.relocations().find(|rela| rela.r_offset(self.endian) == address) {
            Some(relocation) if relocation.r_type(self.endian, false) == elf::R_X86_64_RELATIVE => {
                Some(relocation.r_addend(self.endian).cast_unsigned())
            }
            Some(_) => None,
            None if !self.is_position_independent || self.relative_words().any(|word| word == address) => stored(),
            None => None,
        }
    }

    /// The words that the loader moves along with the file, as compact tables name them.
    fn relative_words(&self) -> impl Iterator<Item = u64> {
        let tables = self.sections.iter().filter_map(|section| section.relr(self.endian, self.elf).ok().flatten());
        tables.flatten()
    }

    fn relocations(&self) -> impl Iterator<Item = &'a Rela64<Endianness>> {
        let tables = self.sections.iter().filter_map(|section| section.rela(self.endian, self.elf).ok().flatten());
        tables.flat_map(|(table, _)| table)
    }

    fn named_in<const N: usize>(&self, table: u32, names: [&str; N]) -> [Option<Function>; N] {
        let mut found = [None; N];
        let Some((symbols, strings)) = self.symbols(table) else { return found };
        let places = places_of(strings, names);
        if places.is_empty() {
            return found;
        }
        for symbol in symbols {
            let Ok(place) = places.binary_search_by_key(&symbol.st_name(self.endian), |(at, _)| *at) else { continue };
            if self.is_function(symbol) {
                let function = Function { address: symbol.st_value(self.endian), size: symbol.st_size(self.endian) };
                found[places[place].1].get_or_insert(function);
            }
        }
        found
    }

    fn is_function(&self, symbol: &Sym64<Endianness>) -> bool {
        symbol.st_type() == elf::STT_FUNC && !symbol.is_undefined(self.endian)
    }

    /// A table of symbols and the strings that it names them with.
    fn symbols(&self, table: u32) -> Option<(&'a [Sym64<Endianness>], &'a [u8])> {
        let section = self.sections.iter().find(|section| section.sh_type(self.endian) == table)?;
        let symbols = section.data_as_array(self.endian, self.elf).ok()?;
        let strings = self.sections.section(section.link(self.endian)).ok()?.data(self.endian, self.elf).ok()?;
        Some((symbols, strings))
    }
}

impl<'a> Segment<'a> {
    fn read(elf: &'a [u8], endian: Endianness, program: &ProgramHeader64<Endianness>) -> Option<Self> {
        let (address, offset) = (program.p_vaddr(endian), program.p_offset(endian));
        let rest = elf.get(usize::try_from(offset).ok()?..)?;
        let bytes = &rest[..rest.len().min(usize::try_from(program.p_filesz(endian)).ok()?)];
        address.checked_add(bytes.len() as u64)?;
        let has = |flag| program.p_flags(endian) & flag != 0;
        Some(Segment { address, offset, bytes, is_code: has(elf::PF_X), is_writable: has(elf::PF_W) })
    }

    /// How far behind its begin an address is.
    fn within(&self, address: u64) -> Option<usize> {
        let within = usize::try_from(address.checked_sub(self.address)?).ok()?;
        (within < self.bytes.len()).then_some(within)
    }
}

/// Where the names stand among the strings, in order, each with its index. A linker lets a name be the end of a longer one.
fn places_of<const N: usize>(strings: &[u8], names: [&str; N]) -> Vec<(u32, usize)> {
    let mut places = Vec::new();
    let mut beginnings: Vec<_> = names.iter().filter_map(|name| name.as_bytes().first_chunk::<BEGINNING>()).collect();
    beginnings.sort();
    beginnings.dedup();
    for at in beginnings.into_iter().flat_map(|beginning| memmem::find_iter(strings, beginning)) {
        let rest = &strings[at..];
        let is_here = |name: &&str| rest.starts_with(name.as_bytes()) && rest.get(name.len()) == Some(&0);
        if let (Some(name), Ok(at)) = (names.iter().position(is_here), u32::try_from(at)) {
            places.push((at, name));
        }
    }
    places.sort_unstable();
    places
}

//! Small ELF files, for tests.

use std::fs::File;
use std::io::Write as _;

use object::LittleEndian as LE;
use object::elf::{self, FileHeader64, Ident, SectionHeader64};
use object::pod::bytes_of;
use object::{U16, U32, U64};

/// A file with sections and nothing else.
pub(in crate::tls) struct MadeElf {
    sections: Vec<Section>,
}

struct Section {
    name: String,
    kind: u32,
    link: u32,
    content: Vec<u8>,
}

const HEADER_BYTES: usize = size_of::<FileHeader64<LE>>();

impl MadeElf {
    pub(in crate::tls) fn new() -> Self {
        Self { sections: vec![Section { name: String::new(), kind: elf::SHT_NULL, link: 0, content: Vec::new() }] }
    }

    pub(in crate::tls) fn with_texts(mut self, sections: &[(&str, &str)]) -> Self {
        for (name, text) in sections {
            self.add(name, elf::SHT_PROGBITS, 0, text.as_bytes().to_vec());
        }
        self
    }

    /// Functions by their names, and whether they are defined here.
    pub(in crate::tls) fn with_functions(mut self, kind: u32, functions: &[(&str, bool)]) -> Self {
        let mut names = vec![0];
        let mut symbols = vec![0; size_of::<elf::Sym64<LE>>()];
        for (name, is_defined) in functions {
            let symbol = elf::Sym64 {
                st_name: U32::new(LE, u32::try_from(names.len()).expect("it fits")),
                st_info: elf::STB_GLOBAL << 4 | elf::STT_FUNC,
                st_other: 0,
                st_shndx: U16::new(LE, u16::from(*is_defined)),
                st_value: U64::new(LE, 0x1000),
                st_size: U64::new(LE, 16),
            };
            symbols.extend(bytes_of(&symbol));
            names.extend(name.bytes().chain([0]));
        }
        let link = u32::try_from(self.sections.len() + 1).expect("it fits");
        self.add(".symbols", kind, link, symbols);
        self.add(".names", elf::SHT_STRTAB, 0, names);
        self
    }

    fn add(&mut self, name: &str, kind: u32, link: u32, content: Vec<u8>) {
        self.sections.push(Section { name: name.to_owned(), kind, link, content });
    }

    pub(in crate::tls) fn file(self) -> File {
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(&self.bytes()).expect("the file is ours");
        file
    }

    pub(in crate::tls) fn bytes(mut self) -> Vec<u8> {
        let mut names = Vec::new();
        let mut starts = Vec::new();
        self.add(".shstrtab", elf::SHT_STRTAB, 0, Vec::new());
        for section in &self.sections {
            starts.push(u32::try_from(names.len()).expect("it fits"));
            names.extend(section.name.bytes().chain([0]));
        }
        self.sections.last_mut().expect("there is one").content = names;
        let mut content = vec![0; HEADER_BYTES];
        let mut headers: Vec<u8> = Vec::new();
        for (section, start) in self.sections.iter().zip(starts) {
            headers.extend(bytes_of(&section.header(start, content.len())));
            content.extend(&section.content);
        }
        let header = file_header(content.len(), self.sections.len());
        content[..HEADER_BYTES].copy_from_slice(bytes_of(&header));
        content.extend(headers);
        content
    }
}

impl Section {
    fn header(&self, name: u32, offset: usize) -> SectionHeader64<LE> {
        SectionHeader64 {
            sh_name: U32::new(LE, name),
            sh_type: U32::new(LE, self.kind),
            sh_flags: U64::new(LE, 0),
            sh_addr: U64::new(LE, 0),
            sh_offset: U64::new(LE, offset as u64),
            sh_size: U64::new(LE, self.content.len() as u64),
            sh_link: U32::new(LE, self.link),
            sh_info: U32::new(LE, 0),
            sh_addralign: U64::new(LE, 1),
            sh_entsize: U64::new(LE, 0),
        }
    }
}

fn file_header(sections_at: usize, sections: usize) -> FileHeader64<LE> {
    let sections = u16::try_from(sections).expect("it fits");
    FileHeader64 {
        e_ident: Ident {
            magic: elf::ELFMAG,
            class: elf::ELFCLASS64,
            data: elf::ELFDATA2LSB,
            version: elf::EV_CURRENT,
            os_abi: 0,
            abi_version: 0,
            padding: [0; 7],
        },
        e_type: U16::new(LE, elf::ET_DYN),
        e_machine: U16::new(LE, elf::EM_X86_64),
        e_version: U32::new(LE, 1),
        e_entry: U64::new(LE, 0),
        e_phoff: U64::new(LE, 0),
        e_shoff: U64::new(LE, sections_at as u64),
        e_flags: U32::new(LE, 0),
        e_ehsize: U16::new(LE, 64),
        e_phentsize: U16::new(LE, 56),
        e_phnum: U16::new(LE, 0),
        e_shentsize: U16::new(LE, 64),
        e_shnum: U16::new(LE, sections),
        e_shstrndx: U16::new(LE, sections - 1),
    }
}

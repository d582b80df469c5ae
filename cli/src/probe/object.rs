//! An object on its way into the kernel: its maps, what its programs are told, and those of its programs that are asked for.
//!
//! aya-obj reads and relocates it, and aya has its maps. aya 0.14 does not load it: it would parse all types of the running kernel
//! first, against which no program here is relocated, and find out what kernels before 5.15 lack; and it cannot say that a program
//! is for a link to many places.

use std::collections::{HashMap, HashSet};
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};
use std::panic::resume_unwind;
use std::thread::{self, ScopedJoinHandle};

use aya::maps::{Map, MapData};
use aya_obj::btf::{Btf, BtfFeatures};
use aya_obj::generated::{BPF_F_NO_PREALLOC, BPF_F_XDP_HAS_FRAGS, bpf_attach_type, bpf_map_type, bpf_prog_type};
use aya_obj::{EbpfSectionKind, ProgramSection};

use super::{error_chain, syscall};

/// What kernel 5.15 knows of an object's types: functions and which of them are global, sections, floating point. Whatever came later
/// is written in these terms.
const BTF: BtfFeatures = BtfFeatures::new(true, true, true, true, true, false, false, false);

/// Key of the first element of an array.
const FIRST: [u8; 4] = [0; 4];

/// Lines of what the verifier says, from the end, that an error quotes.
const QUOTED_LINES: usize = 4;

/// What is to be loaded.
pub(super) struct Loader<'o> {
    elf: &'o [u8],
    told: Vec<Told<'o>>,
    finds: Vec<Box<dyn FnOnce() -> Vec<Told<'o>> + Send + 'o>>,
    sizes: Vec<(&'o str, u32)>,
    unfilled: Vec<&'o str>,
}

/// A static of the programs, and its value as the bytes that it has in memory.
pub(super) type Told<'o> = (&'o str, Vec<u8>);

/// An object whose maps are in the kernel.
pub(super) struct Object {
    object: aya_obj::Object,
    types: Option<OwnedFd>,
    maps: HashMap<String, Map>,
}

impl<'o> Loader<'o> {
    pub(super) fn new(elf: &'o [u8]) -> Self {
        Self { elf, told: Vec::new(), finds: Vec::new(), sizes: Vec::new(), unfilled: Vec::new() }
    }

    /// Gives a static of the programs its value, as the bytes that it has in memory.
    pub(super) fn tell(mut self, name: &'o str, value: impl Into<Vec<u8>>) -> Self {
        self.told.push((name, value.into()));
        self
    }

    /// The same for values that take a while to find: that goes on beside all that does not need them.
    pub(super) fn tell_found(mut self, find: impl FnOnce() -> Vec<Told<'o>> + Send + 'o) -> Self {
        self.finds.push(Box::new(find));
        self
    }

    /// Gives a map its number of entries, or of bytes.
    pub(super) fn size(mut self, map: &'o str, entries: u32) -> Self {
        self.sizes.push((map, entries));
        self
    }

    /// Lets the kernel get memory for a hash map's entries when they come.
    pub(super) fn unfilled(mut self, map: &'o str) -> Self {
        self.unfilled.push(map);
        self
    }

    /// Makes the maps.
    pub(super) fn load(self) -> Result<Object, String> {
        let Self { elf, mut told, finds, sizes, unfilled } = self;
        thread::scope(|scope| {
            let found: Vec<_> = finds.into_iter().map(|find| scope.spawn(find)).collect();
            let mut object = parse(elf, &sizes, &unfilled)?;
            // The kernel gets and clears at once what a map may hold: for large ones that goes on side by side, and beside the rest.
            let large = definitions(&object, is_large);
            let elsewhere: Vec<_> = large.into_iter().map(|map| scope.spawn(|| create(map))).collect();
            told.extend(found.into_iter().flat_map(joined));
            let types = tell_all(&mut object, &told)?;
            let small = definitions(&object, |map| !is_large(map));
            let here: Vec<_> = small.into_iter().map(create).collect();
            let maps = here.into_iter().chain(elsewhere.into_iter().map(joined)).collect::<Result<_, _>>()?;
            relocate(&mut object, &maps)?;
            Ok(Object { object, types, maps })
        })
    }
}

fn joined<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| resume_unwind(panic))
}

/// What the object says of itself, but for the sizes of some maps, and that others are to be unfilled.
fn parse(elf: &[u8], sizes: &[(&str, u32)], unfilled: &[&str]) -> Result<aya_obj::Object, String> {
    let mut object = aya_obj::Object::parse(elf).map_err(|error| error_chain(&error))?;
    for (name, definition) in &mut object.maps {
        if let Some((_, entries)) = sizes.iter().find(|(sized, _)| sized == name) {
            definition.set_max_entries(*entries);
        }
        // aya-ebpf defines its hash maps in this way.
        if let aya_obj::Map::Legacy(map) = definition
            && unfilled.contains(&&name[..])
        {
            map.def.map_flags |= BPF_F_NO_PREALLOC;
        }
    }
    Ok(object)
}

/// Puts values where the programs read them, and gives the kernel the types.
fn tell_all(object: &mut aya_obj::Object, told: &[Told<'_>]) -> Result<Option<OwnedFd>, String> {
    let told = told.iter().map(|(name, value)| (*name, (&value[..], true))).collect();
    object.patch_map_data(told).map_err(|error| error_chain(&error))?;
    let types = object.fixup_and_sanitize_btf(&BTF).map_err(|error| error_chain(&error))?.map(Btf::to_bytes);
    types.map(|types| syscall::load_types(&types)).transpose().map_err(|error| format!("its types: {error}"))
}

/// Whether the kernel takes a while for it.
fn is_large(definition: &aya_obj::Map) -> bool {
    const LEAST_BYTES: u64 = 1 << 20;
    let is_ring = definition.map_type() == bpf_map_type::BPF_MAP_TYPE_RINGBUF as u32;
    if definition.map_flags() & BPF_F_NO_PREALLOC != 0 {
        return false;
    }
    let entry_bytes = if is_ring { 1 } else { u64::from(definition.key_size() + definition.value_size()) };
    u64::from(definition.max_entries()) * entry_bytes >= LEAST_BYTES
}

/// Some of its maps.
fn definitions(object: &aya_obj::Object, wanted: impl Fn(&aya_obj::Map) -> bool) -> Vec<(String, aya_obj::Map)> {
    object.maps.iter().filter(|(_, definition)| wanted(definition)).map(|(name, definition)| (name.clone(), definition.clone())).collect()
}

/// Makes one of them.
fn create((name, mut definition): (String, aya_obj::Map)) -> Result<(String, Map), String> {
    if definition.map_type() == bpf_map_type::BPF_MAP_TYPE_RINGBUF as u32 {
        definition.set_value_size(0);
    }
    let is_rodata = definition.section_kind() == EbpfSectionKind::Rodata;
    let value = definition.data().to_vec();
    let make = || {
        let data = MapData::create(definition, &name, None).map_err(|error| error_chain(&error))?;
        if !value.is_empty() {
            syscall::set(data.fd().as_fd(), &FIRST, &value).map_err(|error| error.to_string())?;
        }
        if is_rodata {
            // The verifier takes its values for granted, and leaves out what they rule out.
            syscall::freeze(data.fd().as_fd()).map_err(|error| error.to_string())?;
        }
        Map::from_map_data(data).map_err(|error| error_chain(&error))
    };
    match make() {
        Ok(map) => Ok((name, map)),
        Err(reason) => Err(format!("its map {name}: {reason}")),
    }
}

/// Puts the maps' descriptors into the instructions, and the functions behind those who call them.
fn relocate(object: &mut aya_obj::Object, maps: &HashMap<String, Map>) -> Result<(), String> {
    let definitions = std::mem::take(&mut object.maps);
    let text: HashSet<usize> = object.functions.keys().map(|(section, _)| *section).collect();
    let known = definitions.iter().filter_map(|(name, map)| Some((&name[..], descriptor(maps.get(name)?)?.as_raw_fd(), map)));
    object.relocate_maps(known, &text).map_err(|error| error_chain(&error))?;
    object.relocate_calls(&text).map_err(|error| error_chain(&error))
}

/// Of a map of a kind that the probes have.
fn descriptor(map: &Map) -> Option<BorrowedFd<'_>> {
    match map {
        Map::Array(data)
        | Map::PerCpuArray(data)
        | Map::ProgramArray(data)
        | Map::HashMap(data)
        | Map::LruHashMap(data)
        | Map::LpmTrie(data)
        | Map::RingBuf(data) => Some(data.fd().as_fd()),
        _ => None,
    }
}

impl Object {
    /// One of its maps, as what it is.
    pub(super) fn map<'o, M: TryFrom<&'o mut Map>>(&'o mut self, name: &str) -> Option<M> {
        self.maps.get_mut(name)?.try_into().ok()
    }

    /// The same, to keep.
    pub(super) fn take_map<M: TryFrom<Map>>(&mut self, name: &str) -> Option<M> {
        self.maps.remove(name)?.try_into().ok()
    }

    /// Those of its maps that were not taken.
    pub(super) fn into_maps(self) -> Vec<Map> {
        self.maps.into_values().collect()
    }

    /// Of one of its maps.
    pub(super) fn descriptor(&self, map: &str) -> Option<BorrowedFd<'_>> {
        descriptor(self.maps.get(map)?)
    }

    /// Loads one of its programs, as its section says.
    pub(super) fn program(&self, name: &str) -> Result<OwnedFd, String> {
        self.load(name, None)
    }

    /// The same, for links of that type.
    pub(super) fn program_for(&self, name: &str, attach_type: bpf_attach_type) -> Result<OwnedFd, String> {
        self.load(name, Some(attach_type))
    }

    fn load(&self, name: &str, attach_type: Option<bpf_attach_type>) -> Result<OwnedFd, String> {
        let missing = || format!("the object has no program {name}");
        let program = self.object.programs.get(name).ok_or_else(missing)?;
        let function = self.object.functions.get(&program.function_key()).ok_or_else(missing)?;
        let (program_type, expected, flags) = kind(&program.section).ok_or_else(|| format!("its program {name} is of an odd type"))?;
        let types = self.types.as_ref();
        let functions = function.func_info.func_info_bytes();
        let request = syscall::Program {
            name,
            program_type,
            attach_type: attach_type.or(expected),
            flags,
            instructions: &function.instructions,
            license: &program.license,
            functions: types.map(|types| (types.as_fd(), &functions[..], function.func_info_rec_size)),
        };
        request.load(None).map_err(|error| {
            let mut said = vec![0; 1 << 20];
            // It fails as before, and says why.
            let _ = request.load(Some(&mut said));
            quote(name, &error, &said)
        })
    }
}

/// Type of a program, what it is attached to where that must be told, and flags.
fn kind(section: &ProgramSection) -> Option<(bpf_prog_type, Option<bpf_attach_type>, u32)> {
    Some(match section {
        ProgramSection::SocketFilter => (bpf_prog_type::BPF_PROG_TYPE_SOCKET_FILTER, None, 0),
        ProgramSection::SchedClassifier => (bpf_prog_type::BPF_PROG_TYPE_SCHED_CLS, None, 0),
        ProgramSection::Xdp { frags, .. } => {
            let flags = if *frags { BPF_F_XDP_HAS_FRAGS } else { 0 };
            (bpf_prog_type::BPF_PROG_TYPE_XDP, Some(bpf_attach_type::BPF_XDP), flags)
        }
        ProgramSection::KProbe | ProgramSection::UProbe { sleepable: false } | ProgramSection::URetProbe { sleepable: false } => {
            (bpf_prog_type::BPF_PROG_TYPE_KPROBE, None, 0)
        }
        ProgramSection::RawTracePoint => (bpf_prog_type::BPF_PROG_TYPE_RAW_TRACEPOINT, None, 0),
        _ => return None,
    })
}

/// An error in one line, with the end of what the verifier said.
fn quote(name: &str, error: &io::Error, said: &[u8]) -> String {
    let said = String::from_utf8_lossy(said.split(|byte| *byte == 0).next().unwrap_or_default());
    let lines: Vec<_> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let end = lines[lines.len().saturating_sub(QUOTED_LINES)..].join("; ");
    let verifier = if end.is_empty() { String::new() } else { format!(" (the verifier: {end})") };
    format!("the program {name} cannot be loaded: {error}{verifier}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_quotes_the_end_of_what_the_verifier_says() {
        let refused = io::Error::from_raw_os_error(libc::EACCES);
        let said = quote("call", &refused, b"0: R1=ctx()\n1: (b7) r0 = 0\n\nfunc#0\n2: call\nprocessed 3 insns\n\0\0");
        let expected = "the program call cannot be loaded: Permission denied (os error 13) (the verifier: 1: (b7) r0 = 0; func#0; \
                        2: call; processed 3 insns)";
        assert_eq!(said, expected);
        assert_eq!(quote("call", &refused, &[0; 8]), "the program call cannot be loaded: Permission denied (os error 13)");
    }
}

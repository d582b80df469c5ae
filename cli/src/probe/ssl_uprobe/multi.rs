//! One link for all places of a file (`BPF_TRACE_UPROBE_MULTI`, since kernel 6.6): attached and detached at once.
//!
//! aya 0.14 cannot say that a program is for such a link when it loads it. So the maps are aya's, and the program is relocated
//! against them and loaded here.

use std::collections::HashSet;
use std::ffi::CString;
use std::io;
use std::mem;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use aya::Ebpf;
use aya::maps::Map;
use aya_obj::Object;
use aya_obj::generated::{bpf_attach_type, bpf_cmd, bpf_prog_type};

use super::File;
use super::places::{Place, Places, When};
use crate::probe::syscall;

/// `BPF_F_UPROBE_MULTI_RETURN` (linux/bpf.h).
const RETURN: u32 = 1;

/// The programs, loaded for links of this kind.
pub(super) struct Multi {
    pub(super) enter: OwnedFd,
    pub(super) leave: OwnedFd,
    pub(super) read: OwnedFd,
}

impl Multi {
    /// Loads those of the object that `maps` was loaded from.
    pub(super) fn load(bytes: &[u8], maps: &Ebpf) -> io::Result<Self> {
        let mut object = Object::parse(bytes).map_err(io::Error::other)?;
        let features = aya::features();
        let btf = match features.btf() {
            Some(features) => object.fixup_and_sanitize_btf(features).map_err(io::Error::other)?.map(aya::Btf::to_bytes),
            None => None,
        };
        let btf = btf.map(|btf| load_btf(&btf)).transpose()?;
        let text: HashSet<usize> = object.functions.keys().map(|(section, _)| *section).collect();
        let definitions = mem::take(&mut object.maps);
        let known = definitions.iter().filter_map(|(name, map)| Some((name.as_str(), descriptor(maps.map(name)?)?, map)));
        object.relocate_maps(known, &text).map_err(io::Error::other)?;
        object.relocate_calls(&text).map_err(io::Error::other)?;
        object.sanitize_functions(features);
        let load = |name| load(&object, name, btf.as_ref());
        Ok(Self { enter: load("enter")?, leave: load("leave")?, read: load("read")? })
    }
}

fn descriptor(map: &Map) -> Option<RawFd> {
    match map {
        Map::Array(data) | Map::PerCpuArray(data) | Map::HashMap(data) | Map::LruHashMap(data) | Map::RingBuf(data) => {
            Some(data.fd().as_fd().as_raw_fd())
        }
        _ => None,
    }
}

fn load_btf(bytes: &[u8]) -> io::Result<OwnedFd> {
    let mut attr = syscall::zeroed();
    // SAFETY: plain numbers; the call reads these fields of the union.
    let fields = unsafe { &mut attr.__bindgen_anon_7 };
    fields.btf = bytes.as_ptr() as u64;
    fields.btf_size = bytes.len() as u32;
    syscall::open(bpf_cmd::BPF_BTF_LOAD, &mut attr)
}

fn load(object: &Object, name: &str, btf: Option<&OwnedFd>) -> io::Result<OwnedFd> {
    let program = object.programs.get(name).ok_or_else(|| io::Error::other("the object lacks a program"))?;
    let function = object.functions.get(&program.function_key()).ok_or_else(|| io::Error::other("the object lacks a function"))?;
    let func_info = function.func_info.func_info_bytes();
    let mut attr = syscall::zeroed();
    // SAFETY: plain numbers; the call reads these fields of the union.
    let fields = unsafe { &mut attr.__bindgen_anon_3 };
    for (to, from) in fields.prog_name.iter_mut().zip(name.bytes()) {
        *to = from as libc::c_char;
    }
    fields.prog_type = bpf_prog_type::BPF_PROG_TYPE_KPROBE as u32;
    fields.expected_attach_type = bpf_attach_type::BPF_TRACE_UPROBE_MULTI as u32;
    fields.insns = function.instructions.as_ptr() as u64;
    fields.insn_cnt = function.instructions.len() as u32;
    fields.license = program.license.as_ptr() as u64;
    if let Some(btf) = btf {
        fields.prog_btf_fd = btf.as_raw_fd() as u32;
        fields.func_info = func_info.as_ptr() as u64;
        fields.func_info_cnt = function.func_info.len() as u32;
        fields.func_info_rec_size = function.func_info_rec_size as u32;
    }
    syscall::open(bpf_cmd::BPF_PROG_LOAD, &mut attr)
}

/// Attaches to all places of a file. The result keeps the programs attached.
pub(super) fn attach_all([enter, leave, read]: [&OwnedFd; 3], file: &File) -> io::Result<Vec<OwnedFd>> {
    let Places { entries, returns, exits, reads } = Places::of(&file.sites);
    let mut links = Vec::new();
    // Ends first: a begin without its end would be kept.
    let places = [(leave, &returns, When::Return), (leave, &exits, When::At), (enter, &entries, When::At), (read, &reads, When::At)];
    for (program, places, when) in places {
        if !places.is_empty() {
            links.push(attach(program, &file.path, places, when)?);
        }
    }
    Ok(links)
}

/// Attaches a program to places of a file. The result keeps it attached.
fn attach(program: &OwnedFd, path: &Path, places: &[Place], when: When) -> io::Result<OwnedFd> {
    let path = CString::new(path.as_os_str().as_bytes()).map_err(io::Error::other)?;
    let (offsets, cookies): (Vec<u64>, Vec<u64>) = places.iter().copied().unzip();
    let mut attr = syscall::zeroed();
    // SAFETY: plain numbers; the call reads these fields of the union.
    let link = unsafe { &mut attr.link_create };
    link.__bindgen_anon_1.prog_fd = program.as_raw_fd() as u32;
    link.attach_type = bpf_attach_type::BPF_TRACE_UPROBE_MULTI as u32;
    // SAFETY: as above.
    let multi = unsafe { &mut link.__bindgen_anon_3.uprobe_multi };
    multi.path = path.as_ptr() as u64;
    multi.offsets = offsets.as_ptr() as u64;
    multi.cookies = cookies.as_ptr() as u64;
    multi.cnt = places.len() as u32;
    multi.flags = if when == When::Return { RETURN } else { 0 };
    syscall::open(bpf_cmd::BPF_LINK_CREATE, &mut attr)
}

//! Where fields of the running kernel's types are, from its BTF (Documentation/bpf/btf.rst).
//!
//! A reader of our own: it looks for a handful of types in one pass over the file, within milliseconds, where a general one builds
//! a model of all of them first.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd as _;

use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

/// The running kernel's types.
const VMLINUX: &str = "/sys/kernel/btf/vmlinux";

const MAGIC: u16 = 0xeb9f;
const TYPE_LEN: usize = 12;
const MEMBER_LEN: usize = 12;
const KIND_STRUCT: u32 = 4;
const KIND_UNION: u32 = 5;

/// Structs and unions: those that have a wanted name, and those that have none, which may be within them.
pub(super) struct Btf<'d> {
    strings: &'d [u8],
    /// Fields by name.
    named: Vec<(&'d str, &'d [u8])>,
    /// Fields by number, ascending.
    anonymous: Vec<(u32, &'d [u8])>,
}

/// Calls `look` with the running kernel's types.
pub(super) fn with_vmlinux<R>(look: impl FnOnce(&[u8]) -> R) -> io::Result<R> {
    let file = File::open(VMLINUX)?;
    let len = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
    // SAFETY: a new mapping, of which nothing else knows.
    let Ok(address) = (unsafe { mmap(std::ptr::null_mut(), len, ProtFlags::READ, MapFlags::PRIVATE, file.as_fd(), 0) }) else {
        // Before kernel 6.16 it can only be read, 4 KiB at a time.
        return Ok(look(&fs::read(VMLINUX)?));
    };
    // SAFETY: the mapping has `len` readable bytes and lives until below; they are the kernel's own, which do not change.
    let result = look(unsafe { std::slice::from_raw_parts(address.cast::<u8>(), len) });
    // SAFETY: the mapping made above, which nothing refers to any more.
    let _ = unsafe { munmap(address, len) };
    Ok(result)
}

impl<'d> Btf<'d> {
    /// Reads the structs of these names; `None` when the bytes are no BTF.
    pub(super) fn parse(data: &'d [u8], wanted: &[&'d str]) -> Option<Self> {
        let header_len = u32_at(data, 4)? as usize;
        if u16::from_ne_bytes(*data.first_chunk()?) != MAGIC {
            return None;
        }
        let section = |at: usize| {
            let (offset, len) = (u32_at(data, at)? as usize, u32_at(data, at + 4)? as usize);
            data.get(header_len.checked_add(offset)?..)?.get(..len)
        };
        let (mut types, strings) = (section(8)?, section(16)?);
        let mut btf = Self { strings, named: Vec::new(), anonymous: Vec::new() };
        let mut id = 0;
        while !types.is_empty() {
            id += 1;
            let (name, info) = (u32_at(types, 0)?, u32_at(types, 4)?);
            let (kind, members) = (info >> 24 & 0x1f, (info & 0xffff) as usize);
            let len = TYPE_LEN + extra_len(kind, members)?;
            if kind == KIND_STRUCT || kind == KIND_UNION {
                let fields = types.get(TYPE_LEN..len)?;
                let name = strings.get(name as usize..)?;
                match wanted.iter().find(|wanted| starts_with(name, wanted.as_bytes())) {
                    Some(wanted) => btf.named.push((wanted, fields)),
                    None if name.first() == Some(&0) => btf.anonymous.push((id, fields)),
                    None => {}
                }
            }
            types = types.get(len..)?;
        }
        Some(btf)
    }

    /// Offset in bytes of a field, also within structs and unions without a name.
    pub(super) fn offset(&self, of: &str, field: &str) -> Option<u32> {
        let (_, fields) = self.named.iter().find(|(name, _)| *name == of)?;
        self.find(fields, field.as_bytes(), 0)
    }

    fn find(&self, fields: &[u8], wanted: &[u8], depth: u32) -> Option<u32> {
        const DEEPEST: u32 = 8;
        for member in fields.chunks_exact(MEMBER_LEN) {
            let (name, kind, bits) = (u32_at(member, 0)?, u32_at(member, 4)?, u32_at(member, 8)? & 0x00ff_ffff);
            let name = self.strings.get(name as usize..)?;
            if starts_with(name, wanted) {
                return Some(bits / 8);
            }
            if name.first() == Some(&0) && depth < DEEPEST {
                let inner = self.anonymous.binary_search_by_key(&kind, |(id, _)| *id).ok().map(|place| self.anonymous[place].1);
                if let Some(inside) = inner.and_then(|inner| self.find(inner, wanted, depth + 1)) {
                    return Some(bits / 8 + inside);
                }
            }
        }
        None
    }
}

/// Whether the string there is this one.
fn starts_with(strings: &[u8], name: &[u8]) -> bool {
    strings.strip_prefix(name).is_some_and(|rest| rest.first() == Some(&0))
}

/// Bytes after a type's fixed part, by kind; `None` for kinds that are not known.
fn extra_len(kind: u32, members: usize) -> Option<usize> {
    Some(match kind {
        // INT, VAR, DECL_TAG
        1 | 14 | 17 => 4,
        // PTR, FWD, TYPEDEF, VOLATILE, CONST, RESTRICT, FUNC, FLOAT, TYPE_TAG
        2 | 7..=12 | 16 | 18 => 0,
        // ARRAY
        3 => 12,
        KIND_STRUCT | KIND_UNION => members * MEMBER_LEN,
        // ENUM, FUNC_PROTO
        6 | 13 => members * 8,
        // DATASEC, ENUM64
        15 | 19 => members * 12,
        _ => return None,
    })
}

fn u32_at(data: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(*data.get(at..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Types that follow a header, then strings.
    fn btf(types: &[u32], strings: &[u8]) -> Vec<u8> {
        let mut data = Vec::new();
        data.extend_from_slice(&MAGIC.to_ne_bytes());
        data.extend_from_slice(&[1, 0]);
        for word in [24, 0, types.len() as u32 * 4, types.len() as u32 * 4, strings.len() as u32] {
            data.extend_from_slice(&word.to_ne_bytes());
        }
        data.extend(types.iter().flat_map(|word| word.to_ne_bytes()));
        data.extend_from_slice(strings);
        data
    }

    const STRINGS: &[u8] = b"\0int\0sock\0family\0port\0";

    /// An int (1), an anonymous union of two (2), and a struct that has an int and that union (3).
    const TYPES: [u32; 25] = [
        1,
        1 << 24,
        4,
        32, // int
        0,
        5 << 24 | 2,
        4,
        10,
        1,
        0,
        17,
        1,
        16, // union { int family; int port at bit 16 }
        5,
        4 << 24 | 2,
        8,
        1,
        1,
        0,
        0,
        2,
        32, // struct sock { int; union at bit 32 }
        1,
        9 << 24,
        1, // volatile
    ];

    #[test]
    fn finds_fields_also_in_unions_without_a_name() {
        let data = btf(&TYPES, STRINGS);
        let btf = Btf::parse(&data, &["sock"]).expect("whole");
        assert_eq!(btf.offset("sock", "family"), Some(4));
        assert_eq!(btf.offset("sock", "port"), Some(6));
        assert_eq!((btf.offset("sock", "none"), btf.offset("task", "port")), (None, None));
    }

    #[test]
    fn refuses_what_is_cut_or_none() {
        let data = btf(&TYPES, STRINGS);
        for len in 0..data.len() {
            assert!(Btf::parse(&data[..len], &["sock"]).is_none(), "{len}");
        }
        assert!(Btf::parse(&[0; 64], &[]).is_none());
    }

    #[test]
    fn reads_the_running_kernel() {
        let looked = with_vmlinux(|data| {
            let btf = Btf::parse(data, &["sock_common", "task_struct"]).expect("the kernel's own");
            assert_eq!(btf.offset("sock_common", "skc_daddr"), Some(0));
            assert!(btf.offset("task_struct", "group_leader").is_some_and(|offset| offset > 0));
        });
        assert_eq!(looked.is_ok(), fs::exists(VMLINUX).is_ok_and(|exists| exists));
    }
}

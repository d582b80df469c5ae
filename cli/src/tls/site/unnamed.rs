//! Finds the functions of an OpenSSL whose symbols were stripped, by the names that its error reports carry.
//!
//! From 3.0 on a function that reports an error refers to its own name. What refers to `ssl_read_internal` alone, and is what the function that
//! refers to `SSL_read` hands its arguments to, is that function: both must hold.

use memchr::memmem;

use super::family::{Export, Form, Inner, Root, passes};
use super::flow::calls;
use super::frames::function_around;
use super::image::{Function, Image};

/// What a TLS library's read-only data has, whatever was stripped: OpenSSL's and its relatives', BoringSSL's and its relatives'.
const MARKS: [&[u8]; 3] = [b"ssl_read_internal\0", b"SSLv3/TLS write client hello\0", b"TLS client read_server_hello\0"];

/// Whether the file has the text of a TLS library.
pub(super) fn has_marks(image: &Image<'_>) -> bool {
    MARKS.iter().any(|mark| !places_of(image, mark).is_empty())
}

/// The exported function of this name and the internal one, if certain.
pub(super) fn root_and_inner(image: &Image<'_>, exported: &'static str, internal: &str) -> Option<(Root, Inner)> {
    let outer = parts_naming(image, exported)?;
    let inner = parts_naming(image, internal)?;
    match (&outer[..], &inner[..]) {
        ([outer], [inner]) if pairs(image, exported, &[*outer], &[*inner]).len() == 1 => pairs(image, exported, &[*outer], &[*inner]).pop(),
        _ => search(image, exported, &outer, &inner),
    }
}

/// The same where parts were put aside, or the name serves others too.
fn search(image: &Image<'_>, exported: &'static str, outer: &[Function], inner: &[Function]) -> Option<(Root, Inner)> {
    let outer: Vec<_> = outer.iter().flat_map(|part| owners(image, *part)).collect();
    let mut inner = inner.iter().map(|part| owners(image, *part));
    let mut shared = inner.next()?;
    inner.for_each(|others| shared.retain(|owner| others.contains(owner)));
    let mut pairs = pairs(image, exported, &outer, &shared);
    pairs.dedup_by_key(|(root, inner)| (root.export.function.address, *inner));
    if pairs.len() == 1 { pairs.pop() } else { None }
}

/// Every two of these functions of which the one hands its arguments to the other.
fn pairs(image: &Image<'_>, name: &'static str, outer: &[Function], inner: &[Function]) -> Vec<(Root, Inner)> {
    outer.iter().flat_map(|function| pairs_of(image, name, *function, inner)).collect()
}

fn pairs_of(image: &Image<'_>, name: &'static str, function: Function, inner: &[Function]) -> Vec<(Root, Inner)> {
    let mut passes = passes(Form::Plain, &calls(image, function));
    passes.retain(|pass| inner.iter().any(|inner| inner.address == pass.target));
    let mut inners: Vec<_> = passes.iter().map(|pass| Inner { address: pass.target, length: pass.length }).collect();
    inners.dedup();
    let export = Export { name, form: Form::Plain, function };
    let root = Root { export, serves: vec![name], passes };
    inners.into_iter().map(|inner| (root.clone(), inner)).collect()
}

/// The functions, or parts of them, that refer to a name. `None` if any of them is not known.
fn parts_naming(image: &Image<'_>, name: &str) -> Option<Vec<Function>> {
    let terminated: Vec<u8> = name.bytes().chain([0]).collect();
    let parts = references(image, &places_of(image, &terminated)).into_iter().map(|at| function_around(image, at));
    let mut parts = parts.collect::<Option<Vec<_>>>()?;
    parts.sort_by_key(|part| part.address);
    parts.dedup();
    Some(parts)
}

/// The part itself, if it is a whole function, and those that branch into it, if it was put aside.
fn owners(image: &Image<'_>, part: Function) -> Vec<Function> {
    let mut owners = vec![part];
    for (base, code) in image.mapped_code() {
        for at in memchr::memchr_iter(0x0f, code).filter(|at| matches!(code.get(at + 1), Some(0x80..=0x8f))) {
            if relative(code, base, at + 2).is_some_and(|target| part.range().contains(&target)) {
                owners.extend(function_around(image, base + at as u64));
            }
        }
    }
    owners.sort_by_key(|owner| owner.address);
    owners.dedup();
    owners
}

/// The addresses where these bytes are mapped, unless they are the end of a longer name.
fn places_of(image: &Image<'_>, bytes: &[u8]) -> Vec<u64> {
    let mut places = Vec::new();
    for (base, data) in image.mapped_data() {
        let begins = |at: &usize| at.checked_sub(1).is_none_or(|before| !is_of_name(data[before]));
        places.extend(memmem::find_iter(data, bytes).filter(begins).map(|at| base + at as u64));
    }
    places
}

fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Where code takes one of these addresses: `lea` from where it stands, `mov` of a constant.
fn references(image: &Image<'_>, places: &[u64]) -> Vec<u64> {
    let mut found = Vec::new();
    if places.is_empty() {
        return found;
    }
    for (base, code) in image.mapped_code() {
        for at in memchr::memchr_iter(0x8d, code).filter(|at| is_relative_lea(code, *at)) {
            if relative(code, base, at + 2).is_some_and(|target| places.contains(&target)) {
                found.push(base + at as u64);
            }
        }
        for place in places.iter().filter_map(|place| u32::try_from(*place).ok()) {
            let constants = memmem::find_iter(code, &place.to_le_bytes()).collect::<Vec<_>>();
            let moves = constants.into_iter().filter(|at| at.checked_sub(1).is_some_and(|before| matches!(code[before], 0xb8..=0xbf)));
            found.extend(moves.map(|at| base + at as u64));
        }
    }
    found
}

fn is_relative_lea(code: &[u8], at: usize) -> bool {
    let is_wide = at.checked_sub(1).is_some_and(|before| matches!(code[before], 0x48 | 0x4c));
    is_wide && code.get(at + 1).is_some_and(|operands| operands & 0xc7 == 0x05)
}

/// What a distance of 32 bits at the end of an instruction points to.
fn relative(code: &[u8], base: u64, at: usize) -> Option<u64> {
    let distance = i32::from_le_bytes(*code.get(at..)?.first_chunk()?);
    Some(base.wrapping_add(at as u64 + 4).wrapping_add_signed(distance.into()))
}

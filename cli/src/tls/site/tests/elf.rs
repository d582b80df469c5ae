//! Small ELF files around pieces of code, each at the address that it has in the library it is from.

/// Where the unwinding information is mapped, out of the way of all code.
const FRAMES: u64 = 0x1000_0000;
/// What everything mapped begins at a multiple of.
const PAGE: u64 = 0x1000;

/// A line of a fixture.
#[derive(Clone)]
enum Piece {
    /// A function, or a part of one, its size in the symbol, its bytes.
    Code { kind: String, name: String, address: u64, size: u64, bytes: Vec<u8> },
    /// A string and its address.
    Text { name: String, address: u64 },
    /// A symbol, and the address of the slot that the loader writes its address to.
    Bind { name: String, slot: u64 },
    /// An address that stands in the data, and its own address.
    Pointer { kind: Kind, at: u64, to: u64 },
}

/// How the loader treats an address in the data.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// A relocation has the address.
    Relative,
    /// A compact relocation says that there is one.
    Compact,
    /// The file is loaded where it says.
    Fixed,
}

/// A file with all symbols that the fixture has.
pub(super) fn elf(fixture: &str) -> Vec<u8> {
    build(&pieces(fixture), false)
}

/// A file after `strip`, with unwinding information for each piece of code.
pub(super) fn stripped(fixture: &str) -> Vec<u8> {
    build(&pieces(fixture), true)
}

/// Where the code of such a file begins: offset and address.
pub(super) fn first_code_offset(elf: &[u8]) -> (u64, u64) {
    (u64_at(elf, 64 + 8), u64_at(elf, 64 + 16))
}

fn pieces(fixture: &str) -> Vec<Piece> {
    fixture.lines().filter(|line| !line.starts_with('#')).map(|line| piece(&line.split(' ').collect::<Vec<_>>())).collect()
}

fn piece(words: &[&str]) -> Piece {
    let number = |at: usize| u64::from_str_radix(words[at], 16).expect("a number");
    let name = words[1].to_owned();
    match words[0] {
        "text" => Piece::Text { name, address: number(2) },
        "relative" => Piece::Pointer { kind: Kind::Relative, at: number(1), to: number(2) },
        "compact" => Piece::Pointer { kind: Kind::Compact, at: number(1), to: number(2) },
        "fixed" => Piece::Pointer { kind: Kind::Fixed, at: number(1), to: number(2) },
        "bind" => Piece::Bind { name, slot: number(2) },
        kind => Piece::Code { kind: kind.to_owned(), name, address: number(2), size: number(3), bytes: bytes(words[4]) },
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    hex.as_bytes().chunks(2).map(|pair| u8::from_str_radix(str::from_utf8(pair).expect("hex"), 16).expect("hex")).collect()
}

/// Headers, code, strings, unwinding information, then the tables that only sections name.
fn build(pieces: &[Piece], is_stripped: bool) -> Vec<u8> {
    let code = mapped(pieces.iter().filter_map(code_of));
    let text = mapped(pieces.iter().filter_map(text_of));
    let data = mapped(pieces.iter().filter_map(data_of));
    let frames = frames(pieces);
    let mut elf = vec![0; PAGE as usize];
    let mut segments = Vec::new();
    for (kind, flags, (address, bytes)) in
        [(1, 5, code), (1, 4, text), (1, 6, data), (1, 4, (FRAMES, frames.clone())), (0x6474_e550, 4, (FRAMES, frames))]
    {
        elf.resize(elf.len().next_multiple_of(PAGE as usize), 0);
        segments.push([kind | flags << 32, elf.len() as u64, address, address, bytes.len() as u64, bytes.len() as u64, PAGE]);
        elf.extend(bytes);
    }
    let sections = sections(&mut elf, pieces, is_stripped);
    elf.resize(elf.len().next_multiple_of(8), 0);
    let table = elf.len() as u64;
    sections.iter().flatten().for_each(|word| elf.extend(word.to_le_bytes()));
    header(&mut elf, segments.len(), table, sections.len());
    if pointers(pieces, Kind::Fixed).next().is_some() {
        elf[16] = 2;
    }
    for (at, word) in segments.iter().flatten().enumerate() {
        elf[64 + at * 8..][..8].copy_from_slice(&word.to_le_bytes());
    }
    elf
}

fn header(elf: &mut [u8], segments: usize, table: u64, sections: usize) {
    elf[..16].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    let counts = [64, 56, segments as u16, 64, sections as u16, 0];
    elf[16..24].copy_from_slice(&[3, 0, 62, 0, 1, 0, 0, 0]);
    elf[32..40].copy_from_slice(&64_u64.to_le_bytes());
    elf[40..48].copy_from_slice(&table.to_le_bytes());
    for (at, count) in counts.iter().enumerate() {
        elf[52 + at * 2..][..2].copy_from_slice(&count.to_le_bytes());
    }
}

fn code_of(piece: &Piece) -> Option<(u64, Vec<u8>)> {
    match piece {
        Piece::Code { address, bytes, .. } => Some((*address, bytes.clone())),
        _ => None,
    }
}

fn text_of(piece: &Piece) -> Option<(u64, Vec<u8>)> {
    match piece {
        Piece::Text { name, address } => Some((*address, format!("{name}\0").into_bytes())),
        _ => None,
    }
}

fn data_of(piece: &Piece) -> Option<(u64, Vec<u8>)> {
    match piece {
        Piece::Pointer { kind: Kind::Compact | Kind::Fixed, at, to } => Some((*at, to.to_le_bytes().to_vec())),
        _ => None,
    }
}

fn pointers(pieces: &[Piece], wanted: Kind) -> impl Iterator<Item = (u64, u64)> {
    pieces.iter().filter_map(move |piece| match piece {
        Piece::Pointer { kind, at, to } if *kind == wanted => Some((*at, *to)),
        _ => None,
    })
}

/// All in one piece, from the first page on, with breakpoints (which end every instruction) in the gaps.
fn mapped(parts: impl Iterator<Item = (u64, Vec<u8>)>) -> (u64, Vec<u8>) {
    let parts: Vec<_> = parts.collect();
    let base = parts.iter().map(|(address, _)| address & !(PAGE - 1)).min().unwrap_or(PAGE);
    let mut all = Vec::new();
    for (address, bytes) in parts {
        let at = (address - base) as usize;
        all.resize(all.len().max(at + bytes.len()), 0xcc);
        all[at..at + bytes.len()].copy_from_slice(&bytes);
    }
    (base, all)
}

/// The sorted table, then an entry for each function.
fn frames(pieces: &[Piece]) -> Vec<u8> {
    let mut code: Vec<_> = pieces.iter().filter_map(code_of).collect();
    code.sort();
    let entries = FRAMES + 12 + code.len() as u64 * 8;
    let entry = |at: usize| entries + at as u64 * 16;
    let mut frames = vec![1, 0x1b, 3, 0x3b, 0, 0, 0, 0];
    frames.extend((code.len() as u32).to_le_bytes());
    for (at, (address, _)) in code.iter().enumerate() {
        frames.extend(distance(FRAMES, *address));
        frames.extend(distance(FRAMES, entry(at)));
    }
    for (at, (address, bytes)) in code.iter().enumerate() {
        frames.extend([12, 0, 0, 0, 0, 0, 0, 0]);
        frames.extend(distance(entry(at) + 8, *address));
        frames.extend((bytes.len() as u32).to_le_bytes());
    }
    frames
}

fn distance(from: u64, to: u64) -> [u8; 4] {
    (to.wrapping_sub(from) as i32).to_le_bytes()
}

/// None, the exported symbols and their strings, relocations, and the rest of the symbols.
fn sections(elf: &mut Vec<u8>, pieces: &[Piece], is_stripped: bool) -> Vec<[u64; 8]> {
    let (exported, exported_names) = symbols(pieces, "export");
    let (local, local_names) = symbols(pieces, "local");
    let mut parts = vec![(0, 0, vec![]), (11, 2, exported), (3, 0, exported_names), (4, 1, relocations(pieces)), (19, 0, compact(pieces))];
    if !is_stripped {
        parts.extend([(2, 6, local), (3, 0, local_names)]);
    }
    parts.into_iter().map(|(kind, link, bytes)| section(elf, kind, link, &bytes)).collect()
}

fn section(elf: &mut Vec<u8>, kind: u64, link: u64, bytes: &[u8]) -> [u64; 8] {
    elf.resize(elf.len().next_multiple_of(8), 0);
    let offset = elf.len() as u64;
    elf.extend(bytes);
    [kind << 32, 0, 0, offset, bytes.len() as u64, link, 8, 24]
}

fn symbols(pieces: &[Piece], wanted: &str) -> (Vec<u8>, Vec<u8>) {
    let (mut symbols, mut names) = (vec![0; 24], vec![0]);
    let mut add = |name: &str, section: u8, address: u64, size: u64| {
        symbols.extend((names.len() as u32).to_le_bytes());
        symbols.extend([0x12, 0, section, 0]);
        symbols.extend(address.to_le_bytes());
        symbols.extend(size.to_le_bytes());
        names.extend(name.bytes().chain([0]));
    };
    for piece in pieces {
        if let Piece::Code { kind, name, address, size, .. } = piece
            && kind == wanted
        {
            add(name, 1, *address, *size);
        }
    }
    if wanted == "export" {
        imported(pieces).for_each(|name| add(name, 0, 0, 0));
    }
    (symbols, names)
}

fn exported(pieces: &[Piece]) -> impl Iterator<Item = &str> {
    pieces.iter().filter_map(|piece| match piece {
        Piece::Code { kind, name, .. } if kind == "export" => Some(name.as_str()),
        _ => None,
    })
}

/// What another file has.
fn imported(pieces: &[Piece]) -> impl Iterator<Item = &str> {
    let bound = pieces.iter().filter_map(|piece| match piece {
        Piece::Bind { name, .. } => Some(name.as_str()),
        _ => None,
    });
    bound.filter(|name| !exported(pieces).any(|exported| exported == *name))
}

/// What the loader writes where, by the number of the symbol.
fn relocations(pieces: &[Piece]) -> Vec<u8> {
    let number = |wanted: &str| exported(pieces).chain(imported(pieces)).position(|name| name == wanted);
    let mut table = Vec::new();
    for piece in pieces {
        if let Piece::Bind { name, slot } = piece {
            let symbol = number(name).expect("a symbol") as u64 + 1;
            [*slot, symbol << 32 | 7, 0].iter().for_each(|word| table.extend(word.to_le_bytes()));
        }
    }
    for (at, to) in pointers(pieces, Kind::Relative) {
        [at, 8, to].iter().for_each(|word| table.extend(word.to_le_bytes()));
    }
    table
}

/// The places of addresses, one after the other.
fn compact(pieces: &[Piece]) -> Vec<u8> {
    pointers(pieces, Kind::Compact).flat_map(|(at, _)| at.to_le_bytes()).collect()
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

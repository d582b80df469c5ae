//! An encoder of header blocks (RFC 7541) that uses all forms of a field, by chance.

#[path = "integer.rs"]
mod integer;

use std::collections::VecDeque;

use self::integer::integer;
use crate::random::Random;

/// A name and a value.
pub(crate) type Field = (&'static str, String);

/// The part of the static table that is used here (RFC 7541 appendix A).
const STATIC: [(usize, &str, &str); 24] = [
    (1, ":authority", ""),
    (2, ":method", "GET"),
    (3, ":method", "POST"),
    (4, ":path", "/"),
    (5, ":path", "/index.html"),
    (6, ":scheme", "http"),
    (7, ":scheme", "https"),
    (8, ":status", "200"),
    (9, ":status", "204"),
    (10, ":status", "206"),
    (11, ":status", "304"),
    (12, ":status", "400"),
    (13, ":status", "404"),
    (14, ":status", "500"),
    (16, "accept-encoding", "gzip, deflate"),
    (19, "accept", ""),
    (28, "content-length", ""),
    (31, "content-type", ""),
    (32, "cookie", ""),
    (33, "date", ""),
    (38, "host", ""),
    (54, "server", ""),
    (55, "set-cookie", ""),
    (58, "user-agent", ""),
];
/// The first index of the dynamic table.
const DYNAMIC: usize = 62;
/// Larger tables are allowed, but not used.
const MOST: usize = 1 << 16;
/// What an entry counts besides its text (section 4.1).
const OVERHEAD: usize = 32;

/// Of one sender.
#[derive(Clone, Debug)]
pub(crate) struct Encoder {
    /// The newest is the first.
    entries: VecDeque<Entry>,
    max: usize,
    allowed: usize,
    /// The smallest size that was allowed since the last block.
    least: usize,
}

#[derive(Clone, Debug)]
struct Entry {
    name: &'static str,
    value: String,
    /// Where the first block stands that one has to have seen to know it.
    since: usize,
}

/// A header block.
#[derive(Clone, Debug, Default)]
pub(crate) struct Block {
    pub(crate) bytes: Vec<u8>,
    /// Where the first block stands that one has to have seen to know all of this one.
    pub(crate) since: usize,
}

impl Encoder {
    pub(crate) fn new() -> Self {
        Self { entries: VecDeque::new(), max: 4096, allowed: 4096, least: 4096 }
    }

    /// The receiver said how large the table may be.
    pub(crate) fn allow(&mut self, bytes: u32) {
        self.allowed = bytes as usize;
        self.least = self.least.min(self.allowed);
    }

    /// The block that stands at `at` in the sender's stream.
    pub(crate) fn block(&mut self, fields: &[Field], at: usize, random: &mut Random) -> Block {
        let mut block = Block { bytes: Vec::new(), since: at };
        self.sizes(&mut block.bytes, random);
        for field in fields {
            self.field(field, at, &mut block, random);
        }
        block
    }

    /// "This mechanism [...] the smallest maximum size [...] MUST be signaled" (section 4.2).
    fn sizes(&mut self, bytes: &mut Vec<u8>, random: &mut Random) {
        if self.least < self.max {
            self.size(self.least, bytes);
        }
        if random.percent(3) || self.allowed != self.max && random.percent(50) {
            let most = self.allowed.min(MOST);
            self.size(random.pick(&[most, most, most / 2, 0, 200.min(most)]), bytes);
        }
        self.least = self.allowed;
    }

    fn size(&mut self, size: usize, bytes: &mut Vec<u8>) {
        integer(0x20, 5, size, bytes);
        self.max = size;
        self.evict();
    }

    fn evict(&mut self) {
        let size = |entry: &Entry| entry.name.len() + entry.value.len() + OVERHEAD;
        let mut used: usize = self.entries.iter().map(size).sum();
        while used > self.max {
            used -= self.entries.pop_back().as_ref().map_or(0, size);
        }
    }

    fn field(&mut self, field: &Field, at: usize, block: &mut Block, random: &mut Random) {
        let (name, value) = field;
        let whole = self.find(random, |(known, text)| known == *name && text == value);
        if let Some((index, since)) = whole
            && random.percent(90)
        {
            block.since = block.since.min(since);
            return integer(0x80, 7, index, &mut block.bytes);
        }
        let (first, bits, is_kept) = random.pick(&[(0x40, 6, true), (0x40, 6, true), (0x40, 6, true), (0, 4, false), (0x10, 4, false)]);
        let known = self.find(random, |(known, _)| known == *name).filter(|_| random.percent(80));
        let since = known.map_or(at, |(_, since)| since.min(at));
        block.since = block.since.min(since);
        integer(first, bits, known.map_or(0, |(index, _)| index), &mut block.bytes);
        if known.is_none() {
            string(name, &mut block.bytes, random);
        }
        string(value, &mut block.bytes, random);
        if is_kept {
            self.entries.push_front(Entry { name, value: value.clone(), since });
            self.evict();
        }
    }

    /// The index of an entry, and where the first block stands that one has to have seen to know it.
    fn find(&self, random: &mut Random, is_it: impl Fn((&str, &str)) -> bool) -> Option<(usize, usize)> {
        let fixed = STATIC.iter().filter(|(_, name, value)| is_it((name, value))).map(|(index, ..)| (*index, usize::MAX));
        let dynamic = self.entries.iter().enumerate().filter(|(_, entry)| is_it((entry.name, &entry.value)));
        let found: Vec<_> = fixed.chain(dynamic.map(|(place, entry)| (DYNAMIC + place, entry.since))).collect();
        (!found.is_empty()).then(|| random.pick(&found))
    }
}

/// Section 5.2.
fn string(text: &str, bytes: &mut Vec<u8>, random: &mut Random) {
    if random.percent(50) {
        let mut packed = Vec::new();
        httlib_huffman::encode(text.as_bytes(), &mut packed).expect("all bytes have a code");
        integer(0x80, 7, packed.len(), bytes);
        bytes.extend(packed);
    } else {
        integer(0, 7, text.len(), bytes);
        bytes.extend_from_slice(text.as_bytes());
    }
}

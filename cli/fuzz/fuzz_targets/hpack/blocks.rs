//! Header blocks of one direction of a connection, and what they say.

use crate::integer::integer;
use crate::nghttp2::{Deflater, Field, Inflater};
use crate::random::Random;

const TABLE_SIZES: [u32; 9] = [0, 33, 64, 100, 256, 1000, 4096, 10_000, 100_000];
const NAMES: [&[u8]; 8] = [
    b":path",
    b":status",
    b"cookie",
    b"a",
    b"x-request-id",
    b"",
    b"traceparent",
    b"a-name-that-is-longer-than-those-which-an-entry-keeps-beside-its-value",
];
const VALUES: [&[u8]; 6] = [b"", b"/", b"200", b"0", b"gzip, deflate", b"no-cache"];

#[derive(Debug)]
pub(crate) struct Story {
    pub(crate) blocks: Vec<Block>,
}

#[derive(Debug)]
pub(crate) struct Block {
    /// Size of the table that the receiver allows before it.
    pub(crate) allowed: Option<u32>,
    pub(crate) wire: Vec<u8>,
    /// `None` when it is to be refused; it is the last one then.
    pub(crate) fields: Option<Vec<Field>>,
}

/// The bytes are the blocks.
pub(crate) fn raw(mut rest: &[u8]) -> Story {
    let mut judge = Judge::new();
    while let Some((len, bytes)) = rest.split_first() {
        let (wire, after) = bytes.split_at(usize::from(*len).min(bytes.len()));
        rest = after;
        let allowed = (*len == 0).then_some(100_000);
        if !judge.add(allowed, wire.to_vec()) {
            break;
        }
    }
    judge.story
}

/// Blocks made of what a block may have.
pub(crate) fn composed(random: &mut Random) -> Story {
    let mut judge = Judge::new();
    for _ in 0..random.within(2..10) {
        let allowed = random.percent(10).then(|| random.pick(&TABLE_SIZES).max(4096));
        let mut wire = Vec::new();
        if random.percent(20) {
            integer(0x20, 5, random.pick(&TABLE_SIZES) as usize, &mut wire);
        }
        for _ in 0..random.within(0..12) {
            piece(random, &mut wire);
        }
        if !judge.add(allowed, wire) {
            break;
        }
    }
    judge.story
}

fn piece(random: &mut Random, wire: &mut Vec<u8>) {
    match random.within(0..100) {
        0 => wire.push(random.within(0..256) as u8),
        1 => integer(0x20, 5, random.pick(&TABLE_SIZES) as usize, wire),
        2..40 => integer(0x80, 7, index(random) as usize, wire),
        kind => {
            let (first, prefix) = if kind < 80 { (0x40, 6) } else { random.pick(&[(0x00, 4), (0x10, 4)]) };
            let index = if random.percent(50) { index(random) } else { 0 };
            integer(first, prefix, index as usize, wire);
            if index == 0 {
                string(random, &NAMES, wire);
            }
            string(random, &VALUES, wire);
        }
    }
}

/// Most of them stand for something.
fn index(random: &mut Random) -> u32 {
    match random.within(0..40) {
        0 => random.within(0..70_000) as u32,
        1..10 => random.within(0..62) as u32,
        _ => 62 + random.within(0..5) as u32,
    }
}

fn string(random: &mut Random, known: &[&[u8]], wire: &mut Vec<u8>) {
    if random.percent(20) {
        let coded = random.pick(&[
            &[0x81, 0x1f][..],
            &[0x80],
            &[0x82, 0xff, 0xc7],
            &[0x83, 0x1c, 0x64, 0x17],
            &[0x85, 0xae, 0xc3, 0x77, 0x1a, 0x4b],
        ]);
        wire.extend_from_slice(coded);
    } else {
        let text = text(random, known);
        integer(0, 7, text.len(), wire);
        wire.extend_from_slice(&text);
    }
}

/// What an encoder makes of fields.
pub(crate) fn encoded(random: &mut Random) -> Story {
    let mut deflater = Deflater::new(random.pick(&TABLE_SIZES));
    let blocks = (0..random.within(2..10)).map(|_| {
        let allowed = random.percent(20).then(|| random.pick(&TABLE_SIZES));
        if let Some(bytes) = allowed {
            deflater.allow(bytes);
        }
        let field =
            |random: &mut Random| Field { name: text(random, &NAMES), value: text(random, &VALUES), is_indexed: random.percent(90) };
        let fields: Vec<_> = (0..random.within(0..12)).map(|_| field(random)).collect();
        Block { allowed, wire: deflater.deflate(&fields), fields: Some(fields) }
    });
    Story { blocks: blocks.collect() }
}

/// One that is known, or any bytes.
fn text(random: &mut Random, known: &[&[u8]]) -> Vec<u8> {
    match random.within(0..20) {
        0 => vec![b'x'; random.within(0..5000)],
        1..4 => (0..random.within(0..20)).map(|_| random.within(0..256) as u8).collect(),
        4..7 => (0..random.within(0..40)).map(|_| random.within(0x20..0x7f) as u8).collect(),
        _ => random.pick(known).to_vec(),
    }
}

/// Says what blocks say.
struct Judge {
    inflater: Inflater,
    largest: u32,
    story: Story,
}

impl Judge {
    fn new() -> Self {
        Self { inflater: Inflater::new(), largest: 4096, story: Story { blocks: Vec::new() } }
    }

    /// Whether there may be another block.
    fn add(&mut self, allowed: Option<u32>, wire: Vec<u8>) -> bool {
        if let Some(bytes) = allowed.filter(|bytes| *bytes > self.largest) {
            self.largest = bytes;
            self.inflater.allow(bytes);
        }
        let fields = self.inflater.inflate(&wire);
        let is_right = fields.is_some();
        self.story.blocks.push(Block { allowed, wire, fields });
        is_right && self.story.blocks.len() < 16
    }
}

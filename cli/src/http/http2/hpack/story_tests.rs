//! Stories that other encoders tell, of the http2jp/hpack-test-case collection: header blocks, and what they say.
//!
//! They are in `../shared/corpora/hpack` beside the project, or in `hpack` of the directory that `EHL_CORPORA` names.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::testing::bytes;
use super::{Decoder, List};

/// Blocks that are followed after one that was missed; after every sixteenth one, all of them.
const FOLLOWED: usize = 64;

struct Story {
    name: String,
    blocks: Vec<Block>,
}

struct Block {
    wire: Vec<u8>,
    /// Table size that the receiver allows from here on.
    allowed: Option<u32>,
    fields: Vec<(String, String)>,
}

#[test]
fn stories_are_decoded_as_they_were_told() {
    for Story { name, blocks } in stories() {
        let (mut decoder, mut list) = (Decoder::opened(), List::default());
        for (number, block) in blocks.iter().enumerate() {
            decode(&mut decoder, block, &mut list, &name, number);
            assert_eq!((list.unknown(), list.is_truncated()), (0, false), "{name} block {number}");
            unknown(block, &list, &name, number);
        }
    }
}

#[test]
fn stories_joined_at_any_block_are_right_or_unknown() {
    // By how many blocks were seen before: fields, and those of them that are unknown.
    let mut shares = [(0, 0); 20];
    for Story { name, blocks } in stories() {
        for joined in 0..blocks.len() {
            let (mut decoder, mut list) = (Decoder::joined(), List::default());
            for (number, block) in blocks.iter().enumerate().take(last(joined)).skip(joined) {
                decode(&mut decoder, block, &mut list, &name, number);
                if let Some((fields, unknown_fields)) = shares.get_mut(number - joined) {
                    *fields += block.fields.len();
                    *unknown_fields += unknown(block, &list, &name, number);
                }
            }
        }
    }
    let share = |(fields, unknown): (usize, usize)| unknown as f64 / fields as f64;
    if shares[0].0 > 0 {
        assert!(share(shares[0]) > share(shares[1]) && share(shares[1]) > 2.0 * share(shares[19]), "{shares:?}");
    }
}

#[test]
fn stories_with_a_block_left_out_are_right_or_unknown() {
    for Story { name, blocks } in stories() {
        for left_out in 0..blocks.len() {
            let (mut decoder, mut list) = (Decoder::opened(), List::default());
            for (number, block) in blocks.iter().enumerate().take(last(left_out)) {
                if number == left_out {
                    decoder.forget();
                } else {
                    decode(&mut decoder, block, &mut list, &name, number);
                    let unknown = unknown(block, &list, &name, number);
                    assert!(number > left_out || unknown == 0, "{name} block {number}");
                }
            }
        }
    }
}

/// Where to stop.
fn last(missed: usize) -> usize {
    if missed.is_multiple_of(16) { usize::MAX } else { missed + FOLLOWED }
}

fn decode(decoder: &mut Decoder, block: &Block, list: &mut List, name: &str, number: usize) {
    if let Some(bytes) = block.allowed {
        decoder.allow(bytes);
    }
    assert_eq!(decoder.decode(&block.wire, list), Ok(()), "{name} block {number}");
}

/// Fields that are unknown; all others are right.
#[track_caller]
fn unknown(block: &Block, list: &List, name: &str, number: usize) -> usize {
    assert_eq!(list.fields().count(), block.fields.len(), "{name} block {number}");
    let mut unknown = 0;
    for (decoded, (field, value)) in list.fields().zip(&block.fields) {
        assert!(decoded.name.is_none_or(|decoded| decoded == field.as_bytes()), "{name} block {number}: {field}: {value}: {decoded:?}");
        assert!(decoded.value.is_none_or(|decoded| decoded == value.as_bytes()), "{name} block {number}: {field}: {value}: {decoded:?}");
        unknown += usize::from(decoded.name.is_none() || decoded.value.is_none());
    }
    assert_eq!(list.unknown(), unknown as u64);
    unknown
}

/// All stories of all encoders; none, and a word about it, where they are not here.
fn stories() -> impl Iterator<Item = Story> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpora");
    let directory = std::env::var_os("EHL_CORPORA").map_or_else(beside, PathBuf::from).join("hpack");
    let files: Vec<_> = within(&directory).iter().flat_map(|encoder| within(encoder)).collect();
    if files.is_empty() {
        let name = std::thread::current().name().unwrap_or("test").to_owned();
        let reason = format!("no stories in {}; name the place of hpack/ with EHL_CORPORA", directory.display());
        writeln!(std::io::stderr(), "skipped: {name}: {reason}").expect("stderr takes a line");
    }
    files.into_iter().filter(|file| file.extension().is_some_and(|extension| extension == "json")).map(|file| story(&file))
}

/// In order of their names.
fn within(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten();
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("a directory can be read").path()).collect();
    paths.sort();
    paths
}

fn story(file: &Path) -> Story {
    let text = fs::read(file).expect("a story can be read");
    let story: Value = serde_json::from_slice(&text).expect("a story is JSON");
    let blocks = story["cases"].as_array().expect("a story has cases").iter().filter_map(block).collect();
    Story { name: file.display().to_string(), blocks }
}

/// `None` for what was never encoded.
fn block(case: &Value) -> Option<Block> {
    let wire = case["wire"].as_str()?;
    let fields = case["headers"].as_array().expect("a case has headers");
    Some(Block {
        wire: bytes(wire),
        allowed: case["header_table_size"].as_u64().map(|bytes| u32::try_from(bytes).expect("a size of a table")),
        fields: fields.iter().flat_map(|field| field.as_object().expect("a field is an object")).map(field).collect(),
    })
}

fn field((name, value): (&String, &Value)) -> (String, String) {
    (name.clone(), value.as_str().expect("a value is text").to_owned())
}

//! Header blocks, made by nghttp2 of fields that the bytes choose, or judged by it: decoded from the start, fields and refusals
//! are the same; after a block was missed, what is told is right or unknown.
//!
//! The first byte of an input says where its blocks come from. Raw ones each start with a byte that is their length.

#![no_main]

#[path = "hpack/blocks.rs"]
mod blocks;
#[path = "../../tests/http2/integer.rs"]
mod integer;
#[path = "hpack/nghttp2.rs"]
mod nghttp2;
#[path = "../../tests/conversation/random.rs"]
mod random;

use blocks::{Block, Story};
use ehl::http::fuzzing::{Fields, HeaderDecoder};
use libfuzzer_sys::fuzz_target;
use nghttp2::Field;
use random::Random;

/// Of entries, and as much again for keeping them.
const MOST: usize = 300 << 10;
/// Tables up to this size are kept whole.
const KEPT_WHOLE: u32 = 64 << 10;

fuzz_target!(|input: &[u8]| {
    let Some((kind, rest)) = input.split_first() else { return };
    let story = match kind % 3 {
        0 => blocks::raw(rest),
        1 => blocks::composed(&mut Random::of_bytes(rest)),
        _ => blocks::encoded(&mut Random::of_bytes(rest)),
    };
    from_the_start(&story);
    for missed in 0..story.blocks.len() {
        joined(&story, missed);
        with_a_gap(&story, missed);
    }
});

fn from_the_start(story: &Story) {
    let mut decoder = HeaderDecoder::opened();
    let mut largest = 4096;
    for (number, block) in story.blocks.iter().enumerate() {
        largest = largest.max(block.allowed.unwrap_or_default());
        let told = decode(&mut decoder, block);
        match (&told, &block.fields) {
            (Err(_), None) => {}
            (Ok(told), Some(fields)) => {
                compare(told, fields, story, number);
                let is_known = |(name, value): &(Option<_>, Option<_>)| name.is_some() && value.is_some();
                assert!(largest > KEPT_WHOLE || told.fields.iter().all(is_known), "block {number} is not all known: {story:?}");
            }
            (told, fields) => {
                panic!("block {number}: {:?}, not {fields:?}: {story:?}", told.as_ref().map(|told| &told.fields));
            }
        }
    }
}

fn joined(story: &Story, missed: usize) {
    follow(&mut HeaderDecoder::joined(), story, missed);
}

fn with_a_gap(story: &Story, missed: usize) {
    let mut decoder = HeaderDecoder::opened();
    for block in &story.blocks[..missed] {
        let _ = decode(&mut decoder, block);
    }
    decoder.forget();
    follow(&mut decoder, story, missed);
}

/// Decodes the blocks after one that was missed.
fn follow(decoder: &mut HeaderDecoder, story: &Story, missed: usize) {
    for (number, block) in story.blocks.iter().enumerate().skip(missed + 1) {
        let told = decode(decoder, block);
        let Some(fields) = &block.fields else { return };
        match told {
            Ok(told) => compare(&told, fields, story, number),
            Err(error) => panic!("after block {missed}, block {number}: {error}: {story:?}"),
        }
    }
}

fn decode(decoder: &mut HeaderDecoder, block: &Block) -> Result<Fields, String> {
    if let Some(bytes) = block.allowed {
        decoder.allow(bytes);
    }
    let told = decoder.decode(&block.wire);
    assert!(decoder.size() < MOST, "{} bytes are kept", decoder.size());
    told
}

/// What is told is right or unknown.
fn compare(told: &Fields, fields: &[Field], story: &Story, number: usize) {
    let count = if told.is_truncated { told.fields.len() < fields.len() } else { told.fields.len() == fields.len() };
    assert!(count, "block {number} has {} fields, not {}: {story:?}", told.fields.len(), fields.len());
    for ((name, value), field) in told.fields.iter().zip(fields) {
        let is_right = |told: &Option<Vec<u8>>, right: &Vec<u8>| told.as_ref().is_none_or(|told| told == right);
        assert!(
            is_right(name, &field.name) && is_right(value, &field.value),
            "block {number}: {name:?} {value:?}, not {field:?}: {story:?}"
        );
    }
}

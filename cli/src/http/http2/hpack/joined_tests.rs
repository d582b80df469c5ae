//! Connections that are joined in the middle.

use super::testing::{bytes, lines};
use super::{Decoder, Error, List};

#[track_caller]
fn decodes(decoder: &mut Decoder, blocks: &[(&str, &[&str])]) {
    let mut list = List::default();
    for (hex, fields) in blocks {
        assert_eq!(decoder.decode(&bytes(hex), &mut list), Ok(()), "{hex}");
        assert_eq!(lines(&list), *fields, "{hex}");
        assert_eq!(list.unknown(), fields.iter().filter(|field| field.contains('?')).count() as u64);
    }
}

#[track_caller]
fn refused(decoder: &mut Decoder, hex: &str) {
    assert_eq!(decoder.decode(&bytes(hex), &mut List::default()), Err(Error::Index));
}

#[test]
fn what_was_inserted_before_is_unknown() {
    decodes(
        &mut Decoder::joined(),
        &[
            ("82 be c0", &[":method: GET", "?: ?", "?: ?"]),
            ("4001 6101 41 be bf", &["a: A", "a: A", "?: ?"]),
            ("4101 42 be bf c0", &[":authority: B", ":authority: B", "a: A", "?: ?"]),
        ],
    );
}

#[test]
fn a_literal_may_have_an_unknown_name() {
    decodes(
        &mut Decoder::joined(),
        &[
            ("7f01 0141", &["?: A"]),
            ("be 0f2f 0142 7e01 43 bf be", &["?: A", "?: B", "?: C", "?: A", "?: C"]),
            ("4001 6101 41 bf be", &["a: A", "?: C", "a: A"]),
        ],
    );
}

#[test]
fn any_table_size_is_believed() {
    let mut decoder = Decoder::joined();
    decoder.allow(4096);
    decodes(&mut decoder, &[("3fe1 ff7f be", &["?: ?"])]);
}

#[test]
fn an_index_is_not_beyond_any_table() {
    // 62 + 65535, and one more.
    decodes(&mut Decoder::joined(), &[("ffbe ff03", &["?: ?"])]);
    refused(&mut Decoder::joined(), "ffbf ff03");
    // A table of 128 bytes has at most four entries.
    decodes(&mut Decoder::joined(), &[("3f61 c1", &["?: ?"])]);
    refused(&mut Decoder::joined(), "3f61 c2");
    // And with one of 34 bytes there are at most two others.
    decodes(&mut Decoder::joined(), &[("3f61 4001 6101 41 be c0", &["a: A", "a: A", "?: ?"])]);
    refused(&mut Decoder::joined(), "3f61 4001 6101 41 c1");
}

#[test]
fn a_table_without_room_for_others_is_known() {
    let mut decoder = Decoder::joined();
    decodes(&mut decoder, &[("3f21 4001 6101 41 be", &["a: A", "a: A"]), ("3fe1 1f be", &["a: A"])]);
    refused(&mut decoder, "bf");
}

#[test]
fn an_empty_table_is_known() {
    let mut decoder = Decoder::joined();
    decodes(&mut decoder, &[("be 4001 6101 41", &["?: ?", "a: A"]), ("203f e11f 82", &[":method: GET"])]);
    refused(&mut decoder, "be");
}

#[test]
fn an_entry_larger_than_the_table_empties_an_unknown_one() {
    let mut decoder = Decoder::joined();
    let block = format!("3f21 4001 6120 {}", "41".repeat(32));
    decodes(&mut decoder, &[(&block, &[&format!("a: {}", "A".repeat(32))])]);
    refused(&mut decoder, "be");
}

/// With its name of 20 bytes, the first entry is larger than the table, which is empty then: the second one is alone in it.
#[test]
fn an_entry_that_was_too_large_moves_no_index() {
    let (block, field) = (format!("3f21 7e14 {}", "41".repeat(20)), format!("?: {}", "A".repeat(20)));
    decodes(&mut Decoder::joined(), &[(&block, &[&field]), ("4001 6101 41 be", &["a: A", "a: A"]), ("4001 6201 42 be", &["b: B", "b: B"])]);
}

#[test]
fn after_missed_blocks_all_is_unknown() {
    let mut decoder = Decoder::opened();
    decodes(&mut decoder, &[("4001 6101 41 be", &["a: A", "a: A"])]);
    decoder.forget();
    decodes(&mut decoder, &[("be", &["?: ?"])]);
    decodes(&mut decoder, &[("3fe1 ff7f c1", &["?: ?"])]);
}

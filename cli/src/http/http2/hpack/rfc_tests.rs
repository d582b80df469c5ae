//! The examples of RFC 7541 appendix C, and what it forbids.

use super::testing::{bytes, line, lines};
use super::{Decoder, Error, List};

/// Fields of a block, and the table after it: entries, and size in bytes.
type Block<'a> = (&'a str, &'a [&'a str], &'a [&'a str], usize);

#[track_caller]
fn decodes(decoder: &mut Decoder, blocks: &[Block<'_>]) {
    let mut list = List::default();
    for (hex, fields, entries, size) in blocks {
        assert_eq!(decoder.decode(&bytes(hex), &mut list), Ok(()), "{hex}");
        assert_eq!(lines(&list), *fields, "{hex}");
        assert_eq!((list.unknown(), list.is_truncated()), (0, false));
        assert_eq!(decoder.table().entries().map(line).collect::<Vec<_>>(), *entries, "{hex}");
        assert_eq!(decoder.table().size(), *size, "{hex}");
    }
}

#[track_caller]
fn refused(hex: &str, why: Error) {
    let mut decoder = Decoder::opened();
    let mut list = List::default();
    assert_eq!(decoder.decode(&bytes(hex), &mut list), Err(why), "{hex}");
    assert_eq!(list.fields().count(), 0);
    assert_eq!(decoder.decode(&bytes("82"), &mut list), Err(Error::Failed));
    decoder.forget();
    assert_eq!(decoder.decode(&bytes("82"), &mut list), Err(Error::Failed));
}

const REQUESTS: [&[&str]; 3] = [
    &[":method: GET", ":scheme: http", ":path: /", ":authority: www.example.com"],
    &[":method: GET", ":scheme: http", ":path: /", ":authority: www.example.com", "cache-control: no-cache"],
    &[":method: GET", ":scheme: https", ":path: /index.html", ":authority: www.example.com", "custom-key: custom-value"],
];
const REQUEST_TABLES: [&[&str]; 3] = [
    &[":authority: www.example.com"],
    &["cache-control: no-cache", ":authority: www.example.com"],
    &["custom-key: custom-value", "cache-control: no-cache", ":authority: www.example.com"],
];
const RESPONSES: [&[&str]; 3] = [
    &[":status: 302", "cache-control: private", "date: Mon, 21 Oct 2013 20:13:21 GMT", "location: https://www.example.com"],
    &[":status: 307", "cache-control: private", "date: Mon, 21 Oct 2013 20:13:21 GMT", "location: https://www.example.com"],
    &[
        ":status: 200",
        "cache-control: private",
        "date: Mon, 21 Oct 2013 20:13:22 GMT",
        "location: https://www.example.com",
        "content-encoding: gzip",
        "set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1",
    ],
];
const RESPONSE_TABLES: [&[&str]; 3] = [
    &["location: https://www.example.com", "date: Mon, 21 Oct 2013 20:13:21 GMT", "cache-control: private", ":status: 302"],
    &[":status: 307", "location: https://www.example.com", "date: Mon, 21 Oct 2013 20:13:21 GMT", "cache-control: private"],
    &[
        "set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1",
        "content-encoding: gzip",
        "date: Mon, 21 Oct 2013 20:13:22 GMT",
    ],
];

#[test]
fn decodes_the_representations_of_appendix_c_2() {
    for (hex, field, entries, size) in [
        (
            "400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572",
            "custom-key: custom-header",
            &["custom-key: custom-header"][..],
            55,
        ),
        ("040c 2f73 616d 706c 652f 7061 7468", ":path: /sample/path", &[], 0),
        ("1008 7061 7373 776f 7264 0673 6563 7265 74", "password: secret", &[], 0),
        ("82", ":method: GET", &[], 0),
    ] {
        decodes(&mut Decoder::opened(), &[(hex, &[field], entries, size)]);
    }
}

#[test]
fn decodes_the_requests_of_appendix_c_3() {
    decodes(
        &mut Decoder::opened(),
        &[
            ("8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d", REQUESTS[0], REQUEST_TABLES[0], 57),
            ("8286 84be 5808 6e6f 2d63 6163 6865", REQUESTS[1], REQUEST_TABLES[1], 110),
            ("8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65", REQUESTS[2], REQUEST_TABLES[2], 164),
        ],
    );
}

#[test]
fn decodes_the_requests_of_appendix_c_4() {
    decodes(
        &mut Decoder::opened(),
        &[
            ("8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff", REQUESTS[0], REQUEST_TABLES[0], 57),
            ("8286 84be 5886 a8eb 1064 9cbf", REQUESTS[1], REQUEST_TABLES[1], 110),
            ("8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf", REQUESTS[2], REQUEST_TABLES[2], 164),
        ],
    );
}

#[test]
fn decodes_the_responses_of_appendix_c_5() {
    let first = "4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 474d 546e \
                 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d";
    let third = "88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738 666f 6f3d \
                 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b 2076 6572 \
                 7369 6f6e 3d31";
    decodes(
        &mut of_256_bytes(),
        &[
            (first, RESPONSES[0], RESPONSE_TABLES[0], 222),
            ("4803 3330 37c1 c0bf", RESPONSES[1], RESPONSE_TABLES[1], 222),
            (third, RESPONSES[2], RESPONSE_TABLES[2], 215),
        ],
    );
}

#[test]
fn decodes_the_responses_of_appendix_c_6() {
    let first = "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b \
                 97c8 e9ae 82ae 43d3";
    let third = "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335 dfdf \
                 cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07";
    decodes(
        &mut of_256_bytes(),
        &[
            (first, RESPONSES[0], RESPONSE_TABLES[0], 222),
            ("4883 640e ffc1 c0bf", RESPONSES[1], RESPONSE_TABLES[1], 222),
            (third, RESPONSES[2], RESPONSE_TABLES[2], 215),
        ],
    );
}

/// As the responses of appendix C have it, without saying so on the wire.
fn of_256_bytes() -> Decoder {
    let mut decoder = Decoder::opened();
    decodes(&mut decoder, &[("3fe1 01", &[], &[], 0)]);
    decoder
}

#[test]
fn a_size_update_evicts_and_comes_first() {
    let mut decoder = Decoder::opened();
    let inserted = ("4001 6101 4140 0162 0142", &["a: A", "b: B"][..], &["b: B", "a: A"][..], 68);
    decodes(&mut decoder, &[inserted, ("3f25 be", &["b: B"], &["b: B", "a: A"], 68), ("3f24 be", &["b: B"], &["b: B"], 34)]);
    decodes(&mut decoder, &[("203f e11f 82", &[":method: GET"], &[], 0), inserted]);
    refused("82 20", Error::LateUpdate);
    refused("0001 6101 41 3f24", Error::LateUpdate);
}

#[test]
fn an_entry_larger_than_the_table_empties_it() {
    let mut decoder = Decoder::opened();
    decodes(&mut decoder, &[("3f04 4001 6102 4141", &["a: AA"], &["a: AA"], 35), ("7e03 4141 41", &["a: AAA"], &[], 0)]);
    assert_eq!(decoder.decode(&bytes("be"), &mut List::default()), Err(Error::Index));
}

#[test]
fn a_name_may_be_that_of_the_entry_that_is_evicted_for_it() {
    let mut decoder = Decoder::opened();
    decodes(&mut decoder, &[("3f04 4001 6102 4141", &["a: AA"], &["a: AA"], 35), ("7e02 4242", &["a: BB"], &["a: BB"], 35)]);
}

#[test]
fn the_largest_table_ever_allowed_is_allowed() {
    let mut decoder = Decoder::opened();
    decoder.allow(8192);
    decoder.allow(100);
    decodes(&mut decoder, &[("3fe1 3f", &[], &[], 0)]);
    assert_eq!(decoder.decode(&bytes("3fe2 3f"), &mut List::default()), Err(Error::TableSize));
    decodes(&mut Decoder::opened(), &[("3fe1 1f", &[], &[], 0)]);
    refused("3fe2 1f", Error::TableSize);
}

#[test]
fn an_index_is_in_the_tables() {
    refused("80", Error::Index);
    refused("be", Error::Index);
    refused("ffff ffff ff0e", Error::Index);
    refused("7e 0141", Error::Index);
    refused("0f2f 0141", Error::Index);
    refused("ffff ffff ff7f", Error::Integer);
}

#[test]
fn a_block_ends_after_a_field() {
    let block = bytes("3fe1 01 82 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf 040c 2f73 616d 706c 652f 7061 7468");
    let ends = [0, 3, 4, 24, 38];
    for cut in 0..=block.len() {
        let mut list = List::default();
        let whole = ends.contains(&cut);
        let expected = if whole { Ok(()) } else { Err(Error::Truncated) };
        assert_eq!(Decoder::opened().decode(&block[..cut], &mut list), expected, "{cut}");
    }
}

#[test]
fn a_string_is_not_padded_with_more_than_it_needs() {
    refused("0081 ff01 41", Error::Huffman);
    refused("0001 6184 ffff fffc", Error::Huffman);
}

/// 16 KB of indexes of one byte to an entry of 4 KB.
#[test]
fn a_bomb_gives_a_short_list() {
    let mut decoder = Decoder::opened();
    let mut list = List::default();
    let entry = [&bytes("4001 61 7fe0 1e")[..], &[b'x'; 4063]].concat();
    assert_eq!(decoder.decode(&entry, &mut list), Ok(()));
    assert_eq!(decoder.table().size(), 4096);
    assert_eq!(decoder.decode(&[0xbe; 16 << 10], &mut list), Ok(()));
    assert_eq!((list.fields().count(), list.is_truncated()), (32, true));
    assert_eq!(decoder.decode(&[0xbe; 32], &mut list), Ok(()));
    assert_eq!((list.fields().count(), list.is_truncated()), (32, false));
}

#[test]
fn a_table_is_followed_beyond_the_end_of_a_list() {
    let mut decoder = Decoder::opened();
    let mut list = List::default();
    let block = [&[0x82; 5000][..], &bytes("4001 6101 41")].concat();
    assert_eq!(decoder.decode(&block, &mut list), Ok(()));
    assert_eq!((list.fields().count(), list.is_truncated()), (1024, true));
    decodes(&mut decoder, &[("be", &["a: A"], &["a: A"], 34)]);
}

/// The same name again and again, of 4000 bytes, at two bytes each.
#[test]
fn long_names_are_kept_once() {
    let mut decoder = Decoder::joined();
    let mut list = List::default();
    let entry = [&bytes("407f a11e")[..], &[b'n'; 4000], &bytes("00")].concat();
    assert_eq!(decoder.decode(&entry, &mut list), Ok(()));
    assert_eq!(decoder.decode(&bytes("7e00").repeat(5000), &mut list), Ok(()));
    let names: Vec<_> = decoder.table().entries().map(|entry| entry.name.map(<[u8]>::as_ptr)).collect();
    assert_eq!(names, vec![names[0]; 16]);
    assert!(decoder.size() < 80 << 10, "{}", decoder.size());
}

#[test]
fn entries_beyond_64_kib_are_forgotten_and_unknown() {
    let mut decoder = Decoder::opened();
    let mut list = List::default();
    decoder.allow(1 << 20);
    assert_eq!(decoder.decode(&bytes("3fe1 ff3f"), &mut list), Ok(()));
    let entry = [&bytes("4001 61 7fe8 06")[..], &[b'x'; 999]].concat();
    assert_eq!(decoder.decode(&entry.repeat(100), &mut list), Ok(()));
    assert_eq!(decoder.table().entries().count(), 63);
    assert_eq!(decoder.decode(&bytes("fcfd"), &mut list), Ok(()));
    let fields: Vec<_> = list.fields().map(|field| field.value.map(<[u8]>::len)).collect();
    assert_eq!((fields, list.unknown()), (vec![Some(999), None], 1));
}

#[test]
fn a_string_longer_than_a_list_is_left_out() {
    let mut decoder = Decoder::opened();
    let mut list = List::default();
    let block = [&bytes("82 4001 61 7f81 ff07")[..], &[b'x'; 128 << 10], &bytes("84")].concat();
    assert_eq!(decoder.decode(&block, &mut list), Ok(()));
    assert_eq!((lines(&list), list.is_truncated()), (vec![":method: GET".to_owned()], true));
    assert_eq!(decoder.table().entries().count(), 0);
}

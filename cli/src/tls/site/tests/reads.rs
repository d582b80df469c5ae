//! Reads that are seen where they have ended, and all that makes it uncertain where that is.

use super::*;

pub(super) const DEBIAN_READS: &str = include_str!("code/debian-12-reads.txt");
pub(super) const PSYCOPG2_OLD_READS: &str = include_str!("code/psycopg2-2.9.5-reads.txt");
pub(super) const PSYCOPG2_READS: &str = include_str!("code/psycopg2-2.9.13-reads.txt");
pub(super) const CRYPTOGRAPHY_READS: &str = include_str!("code/cryptography-50.0.2-reads.txt");
pub(super) const NODE_READS: &str = include_str!("code/node-22-reads.txt");
pub(super) const CET_READS: &str = include_str!("code/cet-reads.txt");
const STACK_READS: &str = include_str!("code/stack-reads.txt");

/// The lines about reads.
pub(super) fn told_reads(elf: &[u8], returns: bool) -> String {
    told(elf, returns)
        .lines()
        .filter(|line| line.contains("Read ") || line.contains("no SSL_read"))
        .fold(String::new(), |text, line| text + line + "\n")
}

/// The same of a file of these fixtures, with or without uretprobes.
#[track_caller]
pub(super) fn assert_reads(fixtures: &str, expected: &str) {
    assert_eq!(told_reads(&elf(fixtures), true), expected);
    assert_eq!(told_reads(&elf(fixtures), false), expected);
}

/// That no read is seen where it has ended when the fixture has something else instead.
#[track_caller]
fn assert_uncertain(fixtures: &str, instead_of: &str, other: &str) {
    let changed = fixtures.replace(instead_of, other);
    assert_ne!(changed, fixtures);
    assert!(told_reads(&elf(fixtures), true).contains("Here"));
    let reads = told_reads(&elf(&changed), true);
    assert!(reads.contains("Return") && !reads.contains("Here"), "{reads}");
}

#[test]
fn sees_reads_of_debian_behind_the_calls_that_get_their_bytes() {
    let expected = "\
        Read 29713 `je 0x29740` emulated Here(ssl=r3 buffer=r5 length=r14 peek=r13) Fourth reader of SSL_read SSL_read+SSL_read_ex\n\
        Read 2977f `call 0x66c80` emulated Here(ssl=r3 buffer=r5 length=r14 peek=r13) Fourth reader of SSL_read SSL_read+SSL_read_ex\n";
    assert_reads(&format!("{DEBIAN}{DEBIAN_READS}"), expected);
}

#[test]
fn sees_reads_in_a_function_that_never_peeks() {
    let expected = "\
        Read 2cd0c `je 0x2cd28` emulated Here(ssl=r5 buffer=r12 length=r13 peek=none) Fourth reader of SSL_read SSL_read+SSL_read_ex\n\
        Read 2cd67 `call 0x504c0` emulated Here(ssl=r5 buffer=r12 length=r13 peek=none) Fourth reader of SSL_read SSL_read+SSL_read_ex\n";
    assert_reads(&format!("{PSYCOPG2_OLD}{PSYCOPG2_OLD_READS}"), expected);
}

#[test]
fn sees_reads_where_the_connection_is_asked_for_its_kind() {
    let expected = "\
        Read 2c1a4 `je 0x2c1c0` emulated Here(ssl=r5 buffer=r12 length=r13 peek=none) Fourth reader of SSL_read SSL_read+SSL_read_ex\n\
        Read 2c202 `call 0xb0720` emulated Here(ssl=r5 buffer=r12 length=r13 peek=none) Fourth reader of SSL_read SSL_read+SSL_read_ex\n";
    assert_reads(&format!("{PSYCOPG2}{PSYCOPG2_READS}"), expected);
}

#[test]
fn finds_tables_by_local_symbols() {
    let expected = "\
        Read 616094 `je 0x6160b0` emulated Here(ssl=r5 buffer=r12 length=r13 peek=none) Fourth ssl3_read SSL_read+SSL_read_ex\n\
        Read 6160f2 `call 0x699cf0` emulated Here(ssl=r5 buffer=r12 length=r13 peek=none) Fourth ssl3_read SSL_read+SSL_read_ex\n";
    assert_reads(&format!("{CRYPTOGRAPHY}{CRYPTOGRAPHY_READS}"), expected);
}

#[test]
fn sees_reads_of_node_whose_tables_are_where_the_file_says() {
    let expected = "\
        Read 1f38f41 `je 0x1f38f60` emulated Here(ssl=r12 buffer=r13 length=r14 peek=none) Fourth reader of SSL_read SSL_read+SSL_read_ex\n\
        Read 1f38fa4 `call 0x1fc2bd0` emulated Here(ssl=r7 buffer=r13 length=r14 peek=none) Fourth reader of SSL_read SSL_read+SSL_read_ex\n";
    assert_reads(&format!("{NODE}{NODE_READS}"), expected);
}

#[test]
fn finds_tables_by_compact_relocations() {
    let expected = "\
        Read 11fd `je 0x1218` emulated Here(ssl=r3 buffer=r5 length=r14 peek=r13) Fourth ssl3_read_internal SSL_read+SSL_read_ex\n\
        Read 1254 `call 0x1060` emulated Here(ssl=r3 buffer=r5 length=r14 peek=r13) Fourth ssl3_read_internal SSL_read+SSL_read_ex\n";
    assert_reads(CET_READS, expected);
}

#[test]
fn finds_what_a_read_was_given_in_the_stack() {
    let expected = "\
        Read 11f0 `je 0x1200` emulated Here(ssl=r3 buffer=s16 length=s40 peek=s36) Fourth ssl3_read_internal SSL_read+SSL_read_ex\n";
    assert_reads(STACK_READS, expected);
}

#[test]
fn does_not_know_where_reads_of_a_stripped_library_end() {
    let reads = told_reads(&stripped(&format!("{CRYPTOGRAPHY}{CRYPTOGRAPHY_READS}")), true);
    assert!(reads.contains("Return"), "{reads}");
}

#[test]
fn needs_tables_that_agree() {
    assert_uncertain(CET_READS, "compact 3d18 1280", "compact 3d18 1290");
    assert_uncertain(CET_READS, "compact 3d18 1280\n", "");
    assert_uncertain(CET_READS, "_method ", "_other ");
    // `xor %eax,%eax` before it returns: no address.
    assert_uncertain(CET_READS, "488d05a52a0000c3", "488d05a52a31c0c3");
}

#[test]
fn needs_all_arguments_at_the_call_that_gets_the_bytes() {
    // Alerts and not data, the connection for the buffer, the size for whether to peek, and another member of the table.
    for (instead_of, other) in [("be17000000", "be15000000"), ("4889e9", "4889d9"), ("4589e9", "4589e1"), ("ff5068595e", "ff5070595e")] {
        assert_uncertain(CET_READS, instead_of, other);
    }
    // The tables name the inner function.
    assert_uncertain(CET_READS, " 1280\n", " 11a0\n");
}

#[test]
fn needs_the_result_and_what_the_call_was_given_behind_it() {
    // `xor %eax,%eax` takes the result away, `pop %rbp` the buffer.
    assert_uncertain(CET_READS, "595e83f8ff", "595e31c0f8");
    assert_uncertain(CET_READS, "595e83f8ff", "5d5e83f8ff");
}

#[test]
fn needs_a_place_where_nothing_else_comes_by() {
    // `jne` to where the result is looked at.
    assert_uncertain(CET_READS, "0f8597000000", "0f852c000000");
}

#[test]
fn does_not_take_the_argument_in_the_stack_for_the_place_of_the_length() {
    // `mov %rbx,0x28(%rsp)` replaces what is kept, of which the called function has a copy then, to write to as it likes.
    assert_uncertain(STACK_READS, "c7432801000000", "48895c24286690");
}

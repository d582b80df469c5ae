//! Reads that are seen where they hand out their bytes, and all that makes it uncertain where that is.

use super::reads::{CRYPTOGRAPHY_READS, DEBIAN_READS, NODE_READS, PSYCOPG2_OLD_READS, PSYCOPG2_READS, assert_reads, told_reads};
use super::*;

const DEBIAN_COPIES: &str = include_str!("code/debian-12-copies.txt");
const PSYCOPG2_OLD_COPIES: &str = include_str!("code/psycopg2-2.9.5-copies.txt");
const PSYCOPG2_COPIES: &str = include_str!("code/psycopg2-2.9.13-copies.txt");
const CRYPTOGRAPHY_COPIES: &str = include_str!("code/cryptography-50.0.2-copies.txt");
const NODE_COPIES: &str = include_str!("code/node-22-copies.txt");

#[test]
fn sees_reads_of_debian_at_the_one_copy() {
    let expected = "\
        Read 55022 `call 0x1fef0` emulated Copy(ssl=s40 kind=s4 peek=s0) Third reader of SSL_read SSL_read+SSL_read_ex\n";
    assert_reads(&format!("{DEBIAN}{DEBIAN_READS}{DEBIAN_COPIES}"), expected);
}

#[test]
fn sees_reads_at_each_of_several_copies() {
    let expected = "\
        Read 96305 `call 0x21df0` emulated Copy(ssl=s8 kind=s30 peek=s24) Third reader of SSL_read SSL_read+SSL_read_ex\n\
        Read 9677c `call 0x21df0` emulated Copy(ssl=r5 kind=s30 peek=s24) Third reader of SSL_read SSL_read+SSL_read_ex\n\
        Read 967b9 `call 0x21df0` emulated Copy(ssl=r5 kind=s30 peek=r8) Third reader of SSL_read SSL_read+SSL_read_ex\n\
        Read 96b20 `call 0x21df0` emulated Copy(ssl=r5 kind=s30 peek=r8) Third reader of SSL_read SSL_read+SSL_read_ex\n";
    assert_reads(&format!("{PSYCOPG2}{PSYCOPG2_READS}{PSYCOPG2_COPIES}"), expected);
}

#[test]
fn sees_copies_that_a_rust_library_makes() {
    let expected = "\
        Read 680d95 `call 0xa47140` emulated Copy(ssl=s8 kind=s30 peek=s24) Third ssl3_read_bytes SSL_read+SSL_read_ex\n\
        Read 68120c `call 0xa47140` emulated Copy(ssl=r5 kind=s30 peek=s24) Third ssl3_read_bytes SSL_read+SSL_read_ex\n\
        Read 681249 `call 0xa47140` emulated Copy(ssl=r5 kind=s30 peek=r8) Third ssl3_read_bytes SSL_read+SSL_read_ex\n\
        Read 6815b0 `call 0xa47140` emulated Copy(ssl=r5 kind=s30 peek=r8) Third ssl3_read_bytes SSL_read+SSL_read_ex\n";
    assert_reads(&format!("{CRYPTOGRAPHY}{CRYPTOGRAPHY_READS}{CRYPTOGRAPHY_COPIES}"), expected);
}

#[test]
fn sees_copies_of_node() {
    let expected = "\
        Read 1fa980b `call 0xe38040` emulated Copy(ssl=s48 kind=s39 peek=s32) Third ssl3_read_bytes SSL_read+SSL_read_ex\n\
        Read 1fa9c84 `call 0xe38040` emulated Copy(ssl=r15 kind=s39 peek=s32) Third ssl3_read_bytes SSL_read+SSL_read_ex\n\
        Read 1fa9cbd `call 0xe38040` emulated Copy(ssl=r12 kind=s39 peek=s32) Third ssl3_read_bytes SSL_read+SSL_read_ex\n\
        Read 1faa02a `call 0xe38040` emulated Copy(ssl=r12 kind=s39 peek=s32) Third ssl3_read_bytes SSL_read+SSL_read_ex\n";
    assert_reads(&format!("{NODE}{NODE_READS}{NODE_COPIES}"), expected);
}

#[test]
fn does_not_take_copies_of_which_one_goes_to_where_another_ended() {
    let reads = told_reads(&elf(&format!("{PSYCOPG2_OLD}{PSYCOPG2_OLD_READS}{PSYCOPG2_OLD_COPIES}")), true);
    assert!(reads.contains("Here") && !reads.contains("Copy"), "{reads}");
}

/// Reads of Debian's library when the fixture has something else instead.
#[track_caller]
fn told_debian(instead_of: &str, other: &str) -> String {
    let changed = DEBIAN_COPIES.replace(instead_of, other);
    assert_ne!(changed, DEBIAN_COPIES);
    told_reads(&elf(&format!("{DEBIAN}{DEBIAN_READS}{changed}")), true)
}

/// That they are seen at their ends then.
#[track_caller]
fn assert_uncertain(instead_of: &str, other: &str) {
    let reads = told_debian(instead_of, other);
    assert!(reads.contains("Here") && !reads.contains("Copy"), "{reads}");
}

#[test]
fn needs_tables_that_agree_on_what_gets_the_bytes() {
    assert_uncertain("relative a26c8 547e0", "relative a26c8 547e8");
    assert_uncertain("relative a26c8 547e0\n", "");
}

#[test]
fn needs_a_copy_by_that_name() {
    assert_uncertain("bind memcpy", "bind strncpy");
    assert_uncertain("bind memcpy a42c8\n", "");
}

#[test]
fn needs_to_know_where_each_copy_goes() {
    // `mov %r14,%rdi`, which is how much was copied before, for what points into the buffer.
    assert_uncertain("4c89ff4c29e2", "4c89f74c29e2");
    // `add %rdi,%rdi` for where handshakes are put together: that copy could go to the buffer.
    assert_uncertain("498dbc05c01c0000", "4801ff9090909090");
}

#[test]
fn needs_to_know_where_copies_go_that_are_not_called_by_the_stub() {
    // `call *0x4f1c1(%rip)`, through the slot that the stub takes.
    let rest = "4929c74939d74c0f47fa480373204c89fa";
    let by_stub = format!("498dbc05c01c0000{rest}e8eaadfcff4c017b18");
    let by_slot = |to: &str| format!("{to}{rest}ff15c1f10400909090");
    assert!(told_debian(&by_stub, &by_slot("498dbc05c01c0000")).contains("Copy"));
    assert_uncertain(&by_stub, &by_slot("4801ff9090909090"));
}

#[test]
fn needs_connection_kind_and_peek_at_the_copy() {
    // `mov %r14,0x28(%rsp)` and not the connection, `mov %eax,0x4(%rsp)` and not the type, `mov %eax,(%rsp)` and not whether to peek.
    assert_uncertain("4c896c24284d89fc", "4c897424284d89fc");
    assert_uncertain("89742404", "89442404");
    assert_uncertain("44890c24", "89042490");
}

#[test]
fn needs_a_frame_that_nobody_else_writes_to() {
    // `lea 0x28(%rsp),%r8`, which what is called next gets.
    assert_uncertain("c744241800000000f6", "4c8d442428909090f6");
}

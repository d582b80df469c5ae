//! Sites in the code of real libraries, of which each fixture has the few functions that matter, at their addresses.

mod copies;
mod damage;
mod elf;
mod reads;

use std::fmt::Write as _;

use super::*;
use ehl_probes_common::call::Slot;
use elf::{elf, first_code_offset, stripped};

const DEBIAN: &str = include_str!("code/debian-12.txt");
const PSYCOPG2_OLD: &str = include_str!("code/psycopg2-2.9.5.txt");
const PSYCOPG2: &str = include_str!("code/psycopg2-2.9.13.txt");
const CRYPTOGRAPHY: &str = include_str!("code/cryptography-50.0.2.txt");
const NODE: &str = include_str!("code/node-22.txt");
const CET: &str = include_str!("code/cet.txt");
const WRAPPER: &str = include_str!("code/wrapper.txt");
const BORING: &str = include_str!("code/boring.txt");
const COLD: &str = include_str!("code/cold.txt");

/// What is found, a line each: call, address, instruction, exit, length, function, whom it serves.
fn told(elf: &[u8], returns: bool) -> String {
    let found = match find(elf, returns) {
        Ok(found) => found,
        Err(why) => return format!("{why:?}\n"),
    };
    let address = |offset: u64| offset.wrapping_sub(first_code_offset(elf).0).wrapping_add(first_code_offset(elf).1);
    let mut text = String::new();
    for site in found.sites {
        let Site { call, serves, function, entry, exit, length, instruction, is_emulated } = site;
        let exit = match exit {
            Exit::After(offset) => format!("After({:x})", address(offset)),
            Exit::Here(held) => told_held(held),
            Exit::Copy(copying) => told_copying(copying),
            other => format!("{other:?}"),
        };
        let traps = if is_emulated { "emulated" } else { "stepped" };
        let serves = serves.join("+");
        writeln!(text, "{call:?} {:x} `{instruction}` {traps} {exit} {length:?} {function} {serves}", address(entry)).expect("a string");
    }
    for LeftOut { function, why } in found.left_out {
        writeln!(text, "no {function} {why:?}").expect("a string");
    }
    text
}

/// Where things are: `ssl=r3 buffer=r5 length=s8 peek=r13`.
fn told_held(Held { ssl, buffer, length_at, peek }: Held) -> String {
    let peek = peek.map_or_else(|| "none".to_owned(), told_slot);
    format!("Here(ssl={} buffer={} length={} peek={peek})", told_slot(ssl), told_slot(buffer), told_slot(length_at))
}

fn told_copying(Copying { ssl, kind, peek }: Copying) -> String {
    format!("Copy(ssl={} kind={} peek={})", told_slot(ssl), told_slot(kind), told_slot(peek))
}

fn told_slot(slot: Slot) -> String {
    match slot {
        Slot::Register(number) => format!("r{number}"),
        Slot::Stack(offset) => format!("s{offset}"),
    }
}

#[test]
fn sees_all_reads_and_writes_of_debian_at_the_internal_functions() {
    let expected = "\
        Read 352d0 `push %r13` emulated Return Fourth inner of SSL_read SSL_read+SSL_read_ex\n\
        Write 355e0 `push %r14` emulated Return Fourth inner of SSL_write SSL_write+SSL_write_ex\n\
        SendFile 357b0 `push %r14` emulated Return Returned SSL_sendfile SSL_sendfile\n\
        Clear 38b90 `push %rbp` emulated None Returned SSL_clear SSL_clear\n\
        Free 3b393 `je 0x3b730` emulated None Returned SSL_free SSL_free\n";
    assert_eq!(told(&elf(DEBIAN), true), expected);
}

#[test]
fn sees_the_calls_of_debian_at_the_call_sites_without_uretprobes() {
    let expected = "\
        Read 3548e `call 0x352d0` emulated After(35495) Fourth SSL_read SSL_read\n\
        Read 35504 `call 0x352d0` emulated After(35509) Fourth SSL_read_ex SSL_read_ex\n\
        Write 359de `call 0x355e0` emulated After(359e5) Fourth SSL_write SSL_write\n\
        Write 35a54 `call 0x355e0` emulated After(35a59) Fourth SSL_write_ex SSL_write_ex\n\
        Clear 38b90 `push %rbp` emulated None Returned SSL_clear SSL_clear\n\
        Free 3b393 `je 0x3b730` emulated None Returned SSL_free SSL_free\n\
        no SSL_sendfile NeedsReturn\n";
    assert_eq!(told(&elf(DEBIAN), false), expected);
}

#[test]
fn finds_the_internal_functions_of_a_bundled_openssl_1_1() {
    let expected = "\
        Read 39390 `push %r15` emulated Return Fourth inner of SSL_read SSL_read+SSL_read_ex\n\
        Write 39770 `push %r15` emulated Return Fourth inner of SSL_write SSL_write+SSL_write_ex\n\
        Clear 3cb80 `push %r12` emulated None Returned SSL_clear SSL_clear\n\
        Free 3d2a3 `je 0x3d658` emulated None Returned SSL_free SSL_free\n";
    assert_eq!(told(&elf(PSYCOPG2_OLD), true), expected);
}

#[test]
fn takes_the_length_from_the_fifth_argument_where_flags_come_before() {
    let expected = "\
        Read 3b1a0 `push %r15` emulated Return Fourth inner of SSL_read SSL_read+SSL_read_ex\n\
        Write 3b6d0 `push %r15` emulated Return Fifth inner of SSL_write SSL_write+SSL_write_ex+SSL_write_ex2\n\
        SendFile 3b965 `je 0x3ba20` emulated Return Returned SSL_sendfile SSL_sendfile\n\
        Clear 38217 `je 0x38220` emulated None Returned SSL_clear SSL_clear\n\
        Free 43553 `je 0x435b8` emulated None Returned SSL_free SSL_free\n";
    assert_eq!(told(&elf(PSYCOPG2), true), expected);
}

#[test]
fn serves_a_tail_call_at_the_function_that_it_goes_to() {
    let expected = "\
        Read 3b370 `call 0x3b1a0` emulated After(3b375) Fourth SSL_read SSL_read\n\
        Read 3b3c4 `call 0x3b1a0` emulated After(3b3c9) Fourth SSL_read_ex SSL_read_ex\n\
        Write 3ba52 `call 0x3b6d0` emulated After(3ba57) Fifth SSL_write SSL_write\n\
        Write 3baa4 `call 0x3b6d0` emulated After(3baa9) Fifth SSL_write_ex2 SSL_write_ex+SSL_write_ex2\n\
        Clear 38217 `je 0x38220` emulated None Returned SSL_clear SSL_clear\n\
        Free 43553 `je 0x435b8` emulated None Returned SSL_free SSL_free\n\
        no SSL_sendfile NeedsReturn\n";
    assert_eq!(told(&elf(PSYCOPG2), false), expected);
}

#[test]
fn finds_a_library_inside_by_its_local_symbols() {
    let expected = "\
        Read 622780 `push %r15` emulated Return Fourth ssl_read_internal SSL_read+SSL_read_ex\n\
        Write 623110 `push %r15` emulated Return Fifth ssl_write_internal SSL_write+SSL_write_ex+SSL_write_ex2\n\
        Clear 61f5f7 `je 0x61f600` emulated None Returned SSL_clear SSL_clear\n\
        Free 62b2b3 `je 0x62b318` emulated None Returned SSL_free SSL_free\n";
    assert_eq!(told(&elf(CRYPTOGRAPHY), true), expected);
}

#[test]
fn finds_a_stripped_library_by_the_names_in_its_error_reports() {
    let expected = "\
        Read 622780 `push %r15` emulated Return Fourth inner of SSL_read SSL_read+SSL_read_ex\n\
        Write 623110 `push %r15` emulated Return Fifth inner of SSL_write SSL_write+SSL_write_ex\n\
        no SSL_sendfile NoSymbol\n\
        no SSL_clear NoSymbol\n\
        no SSL_free NoSymbol\n";
    assert_eq!(told(&stripped(CRYPTOGRAPHY), true), expected);
}

#[test]
fn knows_only_the_plain_forms_of_a_stripped_library_without_uretprobes() {
    let expected = "\
        Read 622a3c `call 0x622780` emulated After(622a41) Fourth SSL_read SSL_read\n\
        Write 62351e `call 0x623110` emulated After(623523) Fifth SSL_write SSL_write\n\
        no SSL_read_ex NoSymbol\n\
        no SSL_write_ex NoSymbol\n\
        no SSL_sendfile NoSymbol\n\
        no SSL_clear NoSymbol\n\
        no SSL_free NoSymbol\n";
    assert_eq!(told(&stripped(CRYPTOGRAPHY), false), expected);
}

#[test]
fn finds_the_functions_whose_error_reports_are_put_aside() {
    let expected = "\
        Read 12f0 `push %r13` emulated Return Fourth inner of SSL_read SSL_read+SSL_read_ex\n\
        Write 1240 `push %r13` emulated Return Fourth inner of SSL_write SSL_write+SSL_write_ex\n\
        no SSL_sendfile NoSymbol\n\
        no SSL_clear NoSymbol\n\
        no SSL_free NoSymbol\n";
    assert_eq!(told(&stripped(COLD), true), expected);
}

#[test]
fn stays_at_the_exported_functions_of_node_which_have_the_internal_ones_inlined() {
    let expected = "\
        Read 1f49450 `push %rbp` emulated Return Returned SSL_read SSL_read\n\
        Read 1f49660 `push %rbp` emulated Return Fourth SSL_read_ex SSL_read_ex\n\
        Write 1f49e80 `push %rbp` emulated Return Returned SSL_write SSL_write\n\
        Write 1f4a0e0 `push %rbp` emulated Return Fourth SSL_write_ex SSL_write_ex\n\
        Write 1f4a300 `push %rbp` emulated Return Fifth SSL_write_ex2 SSL_write_ex2\n\
        Clear 1f46037 `je 0x1f46040` emulated None Returned SSL_clear SSL_clear\n\
        Free 1f47643 `je 0x1f476e0` emulated None Returned SSL_free SSL_free\n";
    assert_eq!(told(&elf(NODE), true), expected);
}

#[test]
fn leaves_out_what_ends_inside_inlined_code_without_uretprobes() {
    let expected = "\
        Clear 1f46037 `je 0x1f46040` emulated None Returned SSL_clear SSL_clear\n\
        Free 1f47643 `je 0x1f476e0` emulated None Returned SSL_free SSL_free\n\
        no SSL_read NeedsReturn\n\
        no SSL_read_ex NeedsReturn\n\
        no SSL_write NeedsReturn\n\
        no SSL_write_ex NeedsReturn\n\
        no SSL_write_ex2 NeedsReturn\n";
    assert_eq!(told(&elf(NODE), false), expected);
}

#[test]
fn probes_after_the_landing_mark_of_a_cet_build() {
    let expected = "\
        Read 1154 `push %r13` emulated Return Fourth inner of SSL_read SSL_read+SSL_read_ex\n\
        Write 11e4 `push %r14` emulated Return Fifth inner of SSL_write SSL_write+SSL_write_ex+SSL_write_ex2\n\
        Clear 13bb `je 0x13d0` emulated None Returned SSL_clear SSL_clear\n\
        Free 13e7 `je 0x1420` emulated None Returned SSL_free SSL_free\n";
    assert_eq!(told(&elf(CET), true), expected);
}

#[test]
fn finds_call_sites_of_a_cet_build() {
    let expected = "\
        Read 12a2 `call 0x1150` emulated After(12a9) Fourth SSL_read SSL_read\n\
        Read 12f8 `call 0x1150` emulated After(12fd) Fourth SSL_read_ex SSL_read_ex\n\
        Write 1334 `call 0x11e0` emulated After(133b) Fifth SSL_write SSL_write\n\
        Write 1388 `call 0x11e0` emulated After(138d) Fifth SSL_write_ex2 SSL_write_ex+SSL_write_ex2\n\
        Clear 13bb `je 0x13d0` emulated None Returned SSL_clear SSL_clear\n\
        Free 13e7 `je 0x1420` emulated None Returned SSL_free SSL_free\n";
    assert_eq!(told(&elf(CET), false), expected);
}

#[test]
fn sees_a_wrapped_call_once() {
    let expected = "\
        Read 1134 `sub $8,%rsp` stepped Return Returned SSL_read SSL_read+SSL_read_ex\n\
        Write 1176 `js 0x117e` emulated Return Returned SSL_write SSL_write+SSL_write_ex\n\
        no SSL_clear NoSymbol\n\
        no SSL_free NoSymbol\n";
    assert_eq!(told(&elf(WRAPPER), true), expected);
}

#[test]
fn does_not_take_peeking_for_what_reads() {
    let expected = "\
        Read 1184 `push %rbp` emulated Return Returned SSL_read SSL_read\n\
        Write 11c5 `push %r13` emulated Return Returned SSL_write SSL_write\n\
        Free 1252 `call 0x1050` emulated None Returned SSL_free SSL_free\n\
        no SSL_clear NoSymbol\n";
    assert_eq!(told(&elf(BORING), true), expected);
}

#[test]
fn leaves_out_what_jumps_to_the_internal_function_without_uretprobes() {
    let jumping = PSYCOPG2_OLD.replace("export SSL_read_ex 39530 18 4883ec08e857feffff", "export SSL_read_ex 39530 18 e95bfeffff90909090");
    assert_ne!(jumping, PSYCOPG2_OLD);
    assert!(told(&elf(&jumping), false).ends_with("no SSL_read_ex NeedsReturn\n"), "{}", told(&elf(&jumping), false));
    assert!(told(&elf(&jumping), true).contains("inner of SSL_read SSL_read+SSL_read_ex\n"));
}

#[test]
fn keeps_to_the_exported_functions_if_they_lead_to_different_ones() {
    // The call in SSL_read_ex goes to the internal function of SSL_write.
    let parted = PSYCOPG2_OLD.replace("4883ec08e857feffff", "4883ec08e837020000");
    assert_ne!(parted, PSYCOPG2_OLD);
    let expected = "\
        Read 394e0 `sub $0x18,%rsp` stepped Return Returned SSL_read SSL_read\n\
        Read 39530 `sub $8,%rsp` stepped Return Fourth SSL_read_ex SSL_read_ex\n";
    assert!(told(&elf(&parted), true).starts_with(expected), "{}", told(&elf(&parted), true));
}

#[test]
fn keeps_to_the_exported_functions_if_an_argument_is_changed_before() {
    // SSL_read_ex begins with `lea 8(%rsi),%rsi`, so that the buffer is another one.
    let changed = PSYCOPG2_OLD.replace("export SSL_read_ex 39530 18 4883ec08e857feffff", "export SSL_read_ex 39530 18 488d7608e857feffff");
    assert_ne!(changed, PSYCOPG2_OLD);
    assert!(told(&elf(&changed), true).starts_with("Read 394e0 "), "{}", told(&elf(&changed), true));
}

#[test]
fn does_not_go_on_behind_a_call_that_never_returns() {
    // SSL_read ends with such a call, and what comes next in the file calls through a register.
    let ending = "export SSL_read 2000 1f 4883ec1885d27812488d4c24084863d2e8eb0f00004883c418c3e8e11f0000\ncode - 201f 4 ff5010c3\ncode - 3000 3 4157c3";
    assert!(told(&elf(ending), true).starts_with("Read 3000 `push %r15` emulated Return Fourth inner of SSL_read SSL_read\n"));
}

#[test]
fn probes_the_internal_function_of_a_stripped_library_even_if_it_is_stepped() {
    // The internal functions begin with `sub $8,%rsp`, SSL_read with `push %rbx`: it alone would miss SSL_read_ex.
    let stepped = COLD.replace("5c 4155415455534883ec08", "5c 4883ec0855534883ec08").replace("26 4883ec18", "26 53909090");
    let expected = "\
        Read 12f0 `sub $8,%rsp` stepped Return Fourth inner of SSL_read SSL_read+SSL_read_ex\n\
        Write 1240 `sub $8,%rsp` stepped Return Fourth inner of SSL_write SSL_write+SSL_write_ex\n";
    assert!(told(&stripped(&stepped), true).starts_with(expected), "{}", told(&stripped(&stepped), true));
}

#[test]
fn finds_every_call_in_the_library_of_this_system() {
    let Ok(library) = std::fs::read("/usr/lib/x86_64-linux-gnu/libssl.so.3") else {
        return skipped("finds_every_call_in_the_library_of_this_system", "no libssl.so.3 where Debian has it");
    };
    for returns in [true, false] {
        let found = find(&library, returns).expect("a library that can be probed");
        let served: Vec<_> = found.sites.iter().flat_map(|site| &site.serves).collect();
        for name in ["SSL_read", "SSL_read_ex", "SSL_write", "SSL_write_ex", "SSL_clear", "SSL_free"] {
            assert!(served.iter().any(|served| *served == name), "{name}: {found:?}");
        }
    }
}

fn skipped(name: &str, reason: &str) {
    use std::io::Write as _;
    writeln!(std::io::stderr(), "skipped: {name}: {reason}").expect("stderr takes a line");
}

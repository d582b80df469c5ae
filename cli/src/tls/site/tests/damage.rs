//! Files that are not what they should be: an error, whatever is wrong, and no panic.

use super::elf::{elf, first_code_offset, stripped};
use super::*;

#[test]
fn says_what_is_no_elf_file() {
    assert_eq!(find(b"#!/bin/sh\n", true), Err(NoSites::NotElf));
    assert_eq!(find(b"", true), Err(NoSites::NotElf));
    assert_eq!(find(b"\x7fELF", true), Err(NoSites::Damaged));
}

#[test]
fn says_which_other_machine_a_file_is_for() {
    let mut file = elf(DEBIAN);
    file[18] = 183;
    assert_eq!(find(&file, true), Err(NoSites::OtherMachine(183)));
    assert!(!carries_tls(&file));
}

#[test]
fn says_that_a_file_has_no_tls_library() {
    let file = elf("export main 1000 1 c3");
    assert_eq!(find(&file, true), Err(NoSites::NoTls));
    assert!(!carries_tls(&file));
}

#[test]
fn says_that_a_library_was_stripped_and_cannot_be_found() {
    let without_pair: Vec<_> = CRYPTOGRAPHY.lines().filter(|line| !line.starts_with("text SSL_write")).collect();
    let file = stripped(&without_pair.join("\n"));
    assert_eq!(find(&file, true), Err(NoSites::Stripped));
    assert!(carries_tls(&file));
}

#[test]
fn carries_tls_by_exported_local_or_no_symbols() {
    for file in [elf(DEBIAN), elf(CRYPTOGRAPHY), stripped(CRYPTOGRAPHY), elf(NODE)] {
        assert!(carries_tls(&file));
    }
}

#[test]
fn takes_no_harm_from_files_that_are_cut_short() {
    for whole in [elf(DEBIAN), elf(reads::CET_READS), stripped(COLD)] {
        for length in (0..whole.len()).step_by(7) {
            let _ = find(&whole[..length], length % 2 == 0);
            let _ = carries_tls(&whole[..length]);
        }
    }
}

#[test]
fn takes_no_harm_from_any_changed_byte() {
    for whole in [elf(PSYCOPG2), elf(reads::CET_READS), stripped(COLD)] {
        let mut random = Random(1);
        for _ in 0..3_000 {
            let mut file = whole.clone();
            for _ in 0..1 + random.below(4) {
                let at = random.place(&file);
                file[at] = random.next() as u8;
            }
            let _ = find(&file, random.below(2) == 0);
            let _ = carries_tls(&file);
        }
    }
}

#[test]
fn takes_no_harm_from_random_code() {
    let mut random = Random(2);
    for _ in 0..1_000 {
        let mut file = elf(DEBIAN);
        let code = first_code_offset(&file).0 as usize;
        file[code..].iter_mut().take(0x6000).filter(|byte| **byte != 0xcc).for_each(|byte| *byte = random.next() as u8);
        let _ = find(&file, random.below(2) == 0);
    }
}

#[test]
fn takes_no_harm_from_numbers_at_their_limits() {
    for whole in [stripped(COLD), elf(reads::CET_READS)] {
        for at in (16..whole.len()).step_by(4).filter(|at| *at < 400 || *at > 0x1000) {
            for limit in [u64::MAX, i64::MAX as u64, 0x8000_0000_8000_0000] {
                let mut file = whole.clone();
                let end = file.len().min(at + 8);
                file[at..end].copy_from_slice(&limit.to_le_bytes()[..end - at]);
                let _ = find(&file, true);
            }
        }
    }
}

/// Numbers that are the same in each run (xorshift64*).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32
    }

    fn below(&mut self, limit: usize) -> usize {
        self.next() as usize % limit
    }

    /// Headers and tables as often as the rest.
    fn place(&mut self, file: &[u8]) -> usize {
        match self.below(3) {
            0 => self.below(64 + 4 * 56),
            1 => file.len() - 1 - self.below(0x400.min(file.len())),
            _ => self.below(file.len()),
        }
    }
}

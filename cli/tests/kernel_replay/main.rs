//! The same frames live and from a capture file are the same rows: public captures and made-up conversations, as they were, out of
//! order, and with segments repeated.
//!
//! `EHL_CORPORA` names the folder with the captures (`http-pcap/*.pcap`), beside the repository's own folder when not set;
//! `EHL_CASES` sets how many conversations each test makes up, `EHL_SEED` has another number than 0 choose what is done to captures.

#[path = "../conversation/case.rs"]
#[expect(dead_code, reason = "shared with the tests that need no kernel, which use more of it")]
mod case;
mod disorder;
#[path = "../conversation/generate.rs"]
mod generate;
#[path = "../conversation/message.rs"]
mod message;
mod played;
#[path = "../conversation/random.rs"]
mod random;
mod recording;
#[path = "../conversation/rows.rs"]
mod rows;
#[path = "../conversation/show.rs"]
mod show;
#[path = "../support/mod.rs"]
mod support;
#[path = "../conversation/tap.rs"]
#[expect(dead_code, reason = "as for `case`")]
mod tap;
#[path = "../conversation/wire.rs"]
mod wire;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use case::Case;
use played::{Rows, assert_same, play, read, rows_of_recordings};
use random::Random;
use recording::{Frame, Recording};
use support::can_run;
use support::wire::MAX_FRAME;
use wire::Packet;

/// A part of the segments, in percent: a few, and more than any network swaps or repeats.
const PERCENT: [usize; 2] = [5, 40];

#[test]
fn captures_are_the_same_rows_live_and_read() {
    if !can_run(&[]) {
        return;
    }
    let captures = captures();
    let files: Vec<_> = captures.iter().map(|capture| corpus().join(&capture.name)).collect();
    assert_same(&captures, &rows_of(&files), &play(&captures));
}

#[test]
fn captures_with_swapped_segments_are_the_same_rows_live_and_read() {
    if !can_run(&[]) {
        return;
    }
    for percent in PERCENT {
        disturbed(percent, |frames, random| disorder::swap(frames, percent, random));
    }
}

#[test]
fn captures_with_repeated_segments_are_the_same_rows_live_and_read() {
    if !can_run(&[]) {
        return;
    }
    for percent in PERCENT {
        disturbed(percent, |frames, random| disorder::repeat(frames, percent, random));
    }
}

/// Live and read are the same, and what they were undisturbed: of all connections, whether their beginning was captured or not,
/// and whatever else is missing of them, because nothing is done to them that TCP does not make good.
fn disturbed(percent: usize, disturb: impl Fn(&mut Vec<Frame>, &mut Random) -> usize) {
    let mut captures = captures();
    let undisturbed = captures.iter().map(|capture| corpus().join(&capture.name)).collect::<Vec<_>>();
    let undisturbed = rows_of(&undisturbed);
    let seed = u64::from(number_from_environment("EHL_SEED").unwrap_or(0)) << 32 | percent as u64;
    let disturb = |(number, capture): (usize, &mut Recording)| disturb(&mut capture.frames, &mut Random::new(seed << 16 | number as u64));
    let disturbances: usize = captures.iter_mut().enumerate().map(disturb).sum();
    assert!(disturbances > 0 || captures.is_empty());
    let read = rows_of_recordings(&captures);
    assert_same(&captures, &read, &play(&captures));
    assert_same(&captures, &undisturbed, &read);
}

#[test]
fn conversations_are_the_same_rows_live_and_read() {
    if !can_run(&[]) {
        return;
    }
    let cases = cases(|random| {
        let case = Case::new(random);
        (case.wire.packets.clone(), case)
    });
    let recordings: Vec<_> = cases.into_iter().map(|(recording, _)| recording).collect();
    assert_same(&recordings, &rows_of_recordings(&recordings), &play(&recordings));
}

#[test]
fn conversations_out_of_order_and_repeated_are_the_same_rows_live_and_read() {
    if !can_run(&[]) {
        return;
    }
    let cases = cases(|random| {
        let case = Case::with(false, random);
        (case.disordered(random), case)
    });
    let (disturbed, undisturbed): (Vec<_>, Vec<_>) = cases.into_iter().unzip();
    let read = rows_of_recordings(&disturbed);
    assert_same(&disturbed, &read, &play(&disturbed));
    assert_same(&disturbed, &rows_of_recordings(&undisturbed), &read);
}

/// Conversations as `make` wants their segments, and as they were said, each with a client port of its own.
fn cases(make: impl Fn(&mut Random) -> (Vec<Packet>, Case)) -> Vec<(Recording, Recording)> {
    let count = number_from_environment("EHL_CASES").unwrap_or(100);
    let case = |number: u16| {
        let (packets, case) = make(&mut Random::new(u64::from(number)));
        (Recording::of("conversation", number, &packets), Recording::of("undisturbed conversation", number, &case.wire.packets))
    };
    (0..count).map(case).collect()
}

/// The captures that can be sent as they were; says which cannot, and why.
fn captures() -> Vec<Recording> {
    let say = |what: String| writeln!(std::io::stderr(), "{what}").expect("stderr takes a line");
    let Ok(folder) = std::fs::read_dir(corpus()) else {
        say(format!("no captures in {}: EHL_CORPORA names another folder", corpus().display()));
        return Vec::new();
    };
    let names = folder.map(|file| file.expect("the folder can be read").file_name().into_string().expect("names are text"));
    let mut names: Vec<_> = names.filter(|name| name.ends_with(".pcap") || name.ends_with(".pcapng")).collect();
    names.sort();
    let mut captures = Vec::new();
    for name in names {
        match recording::read(&corpus().join(&name), MAX_FRAME) {
            Ok(frames) => captures.push(Recording { name, frames }),
            Err(why) => say(format!("left out: {name}: {why}")),
        }
    }
    captures
}

fn number_from_environment(name: &str) -> Option<u16> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

fn corpus() -> PathBuf {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpora");
    std::env::var_os("EHL_CORPORA").map_or(beside, PathBuf::from).join("http-pcap")
}

fn rows_of(files: &[PathBuf]) -> Vec<Rows> {
    files.iter().map(|file| read(file)).collect()
}

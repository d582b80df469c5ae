//! Many cases of a kind.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::random::Random;

/// Runs the cases, and reports the failed one with the fewest segments.
pub(crate) fn check(name: &str, cases: u64, run: impl Fn(&mut Random) -> Result<(), String>) {
    let mut failed: Vec<(u64, String)> = Vec::new();
    let cases = wanted(cases);
    for case in cases.clone() {
        let result = catch_unwind(AssertUnwindSafe(|| run(&mut Random::new(case)))).unwrap_or_else(|_| Err("panicked".to_owned()));
        if let Err(why) = result {
            failed.push((case, why));
        }
    }
    failed.sort_by_key(|(_, why)| why.len());
    if let Some((case, why)) = failed.first() {
        let numbers: Vec<_> = failed.iter().map(|(case, _)| case).take(20).collect();
        panic!("{name}: {} of {cases:?} failed: {numbers:?}\nEHL_CASES={case}..{}: {why}", failed.len(), case + 1);
    }
}

fn wanted(cases: u64) -> Range<u64> {
    let number = |text: &str| text.parse().expect("EHL_CASES is a number, or two with .. between");
    match std::env::var("EHL_CASES") {
        Err(_) => 0..cases,
        Ok(text) => match text.split_once("..") {
            Some((from, to)) => number(from)..number(to),
            None => 0..number(&text),
        },
    }
}

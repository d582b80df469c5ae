//! The manual pages under `man/` say what the command line says: options from its definitions, the
//! rest from the prose in `src/args/man/`. A stale page fails, and is rewritten on request.

mod examples;
mod page;

use std::{collections::BTreeSet, env, fs, path::PathBuf};

use clap::{Command, CommandFactory, Parser};
use ehl::args::Cli;

const UPDATE: &str = "EHL_UPDATE_MAN";

#[test]
fn manual_pages_are_up_to_date() {
    let stale: Vec<_> = pages().into_iter().filter(|page| !page.is_checked_in()).collect();
    if env::var_os(UPDATE).is_some() {
        stale.iter().for_each(Page::write);
        return;
    }
    let names: Vec<_> = stale.iter().map(|page| &page.file).collect();
    assert!(stale.is_empty(), "stale: {names:?}; rewrite with: {UPDATE}=1 cargo test -p ehl --test man");
}

#[test]
fn there_is_one_page_per_subcommand_and_no_other() {
    let expected: BTreeSet<_> = pages().into_iter().map(|page| page.file).collect();
    let entries = fs::read_dir(man_dir()).expect("man/ is there");
    let names = entries.map(|entry| entry.expect("readable").file_name());
    let found: BTreeSet<_> = names.map(|name| name.to_string_lossy().into_owned()).collect();
    assert_eq!(found, expected);
}

#[test]
fn every_example_is_accepted_by_the_command_line() {
    for Page { file, text } in pages() {
        let examples = examples::commands(&text);
        assert!((5..=10).contains(&examples.len()), "{file}: {examples:?}");
        for example in examples {
            if let Err(refusal) = Cli::try_parse_from(&example) {
                panic!("{file}: {example:?}\n{refusal}");
            }
        }
    }
}

#[test]
fn examples_fit_a_terminal_of_80_columns() {
    const INDENT: usize = 11;
    for Page { file, text } in pages() {
        for line in examples::lines(&text) {
            assert!(INDENT + line.len() <= 80, "{file}: {line:?}");
        }
    }
}

#[test]
fn no_line_of_a_page_is_blank_or_has_a_bare_option() {
    for Page { file, text } in pages() {
        for line in text.lines() {
            assert!(!line.trim().is_empty(), "{file}: blank line");
            assert!(!line.contains("--"), "{file}: write \\-\\- in {line:?}");
        }
    }
}

struct Page {
    file: String,
    text: String,
}

impl Page {
    fn is_checked_in(&self) -> bool {
        fs::read_to_string(man_dir().join(&self.file)).is_ok_and(|text| text == self.text)
    }

    fn write(&self) {
        fs::write(man_dir().join(&self.file), &self.text).expect("man/ is writable");
    }
}

fn man_dir() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../man"))
}

fn pages() -> Vec<Page> {
    let mut cli = Cli::command().disable_help_subcommand(true);
    cli.build();
    let subcommands: Vec<_> = cli.get_subcommands().map(page::name).collect();
    let page = |cmd: &Command| Page { file: format!("{}.1", page::name(cmd)), text: page::text(cmd, &subcommands) };
    let mut pages = vec![page(&cli)];
    pages.extend(cli.get_subcommands().map(page));
    pages
}

//! The text of a page: options from the definitions, the rest from prose.

use std::io;

use clap::{Arg, Command};
use clap_mangen::Man;

pub(super) fn text(cmd: &Command, subcommands: &[String]) -> String {
    let name = name(cmd);
    folded(&(generated(cmd) + &hand_written(&name) + &see_also(&name, subcommands)))
}

pub(super) fn name(cmd: &Command) -> String {
    cmd.get_display_name().unwrap_or_else(|| cmd.get_name()).to_owned()
}

/// How the list of possible values begins; without the blank line it follows the sentence before it.
const POSSIBLE_VALUES: &str = ".br\n\n.br\n\\fIPossible values:\\fR\n.RS 14\n";

/// From NAME to OPTIONS, as the definitions have it.
fn generated(cmd: &Command) -> String {
    let man = Man::new(in_manual_style(cmd))
        .title(name(cmd).to_uppercase())
        .source(concat!("ehl ", env!("CARGO_PKG_VERSION")))
        .manual("User Commands");
    // An empty argument must be quoted, or the next one takes its place: here the date.
    let mut text = roff(|w| man.render_title(w)).replacen(" 1  ", " 1 \"\" ", 1);
    text += &section(|w| man.render_name_section(w));
    text += &section(|w| man.render_synopsis_section(w));
    text += &section(|w| man.render_description_section(w));
    if cmd.has_subcommands() {
        text += &section(|w| man.render_subcommands_section(w));
    }
    let options = one_options_section(&section(|w| man.render_options_section(w)));
    text + &options.replace(POSSIBLE_VALUES, ".RS 7\n")
}

fn roff(render: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> String {
    let mut text = Vec::new();
    render(&mut text).expect("memory is writable");
    String::from_utf8(text).expect("roff is text")
}

/// A section without the preamble that every piece of roff begins with.
fn section(render: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> String {
    let piece = roff(render);
    let start = piece.find(".SH ").expect("a section");
    piece[start..].to_owned()
}

/// Options under headings become subsections of OPTIONS, followed by those without a heading.
fn one_options_section(sections: &str) -> String {
    let mut parts = sections.split(".SH ").skip(1);
    let unheaded = parts.next().and_then(|part| part.strip_prefix("OPTIONS\n"));
    let unheaded = unheaded.expect("at least --help is under no heading");
    let mut text = String::from(".SH OPTIONS\n");
    for part in parts {
        let (heading, options) = part.split_once('\n').expect("options under the heading");
        let (initial, rest) = heading.split_at(1);
        text += &format!(".SS {initial}{}\n{options}", rest.to_lowercase());
    }
    if text.contains(".SS ") {
        text += ".SS Help\n";
    }
    text + unheaded
}

/// Sentences instead of help lines, and a synopsis that does not repeat every option.
fn in_manual_style(cmd: &Command) -> Command {
    let usage = match cmd.get_bin_name().unwrap_or_else(|| cmd.get_name()) {
        "ehl" => "ehl SUBCOMMAND [OPTION]...".to_owned(),
        name => format!("{name} [OPTION]..."),
    };
    let about = cmd.get_long_about().expect("a long description").to_string();
    let (_, description) = about.split_once("\n\n").expect("more than the line for NAME");
    let cmd = cmd.clone().override_usage(usage).long_about(description.to_owned());
    cmd.mut_args(|arg| {
        let help = help_sentences(&arg);
        arg.long_help(help)
    })
}

fn help_sentences(arg: &Arg) -> String {
    let line = arg.get_help().expect("a help line").to_string();
    let long = arg.get_long_help().map(ToString::to_string);
    match long.as_deref().and_then(|long| long.strip_prefix(&line)) {
        Some(rest) => format!("{line}. {}", rest.trim_start_matches(['.', '\n'])),
        None => format!("{line}."),
    }
}

/// Text lines of 80 columns at most, outside examples: what a person can read in a diff.
fn folded(text: &str) -> String {
    let mut folded = String::new();
    let mut is_example = false;
    for line in text.lines() {
        is_example = line == ".EX" || (is_example && line != ".EE");
        if is_example || line.starts_with(['.', '\'']) {
            folded += line;
        } else {
            fold_into(&mut folded, line);
        }
        folded.push('\n');
    }
    folded
}

fn fold_into(folded: &mut String, line: &str) {
    let mut column = 0;
    for word in line.split(' ') {
        let control = word.starts_with(['.', '\'']);
        if column > 0 && column + 1 + word.len() > 80 && !control {
            folded.push('\n');
            column = 0;
        } else if column > 0 {
            folded.push(' ');
            column += 1;
        }
        *folded += word;
        column += word.len();
    }
}

macro_rules! prose {
    ($($name:literal)+) => {
        [$(include_str!(concat!("../../src/args/man/", $name, ".roff"))),+].concat()
    };
}

fn hand_written(page: &str) -> String {
    let exchanges = prose!("output-exchanges" "formats" "examples-capture");
    let own = match page {
        "ehl" => prose!("output-ehl" "formats" "examples-ehl" "runbook"),
        "ehl-capture" => exchanges,
        "ehl-sock-http" => exchanges.replace("ehl capture", "ehl sock\\-http"),
        "ehl-ssl-uprobe" => prose!("output-exchanges" "formats" "examples-ssl-uprobe"),
        "ehl-xdp-headers" => prose!("output-packets" "formats" "examples-xdp-headers"),
        "ehl-tc-headers" => prose!("output-packets" "formats" "examples-tc-headers"),
        "ehl-flows" => prose!("output-flows" "formats" "examples-flows"),
        "ehl-top-headers" => prose!("output-top-headers" "formats" "examples-top-headers"),
        "ehl-stats" => prose!("output-stats" "formats" "examples-stats"),
        "ehl-latency" => prose!("output-latency" "formats" "examples-latency"),
        "ehl-demo" => prose!("output-demo" "examples-demo"),
        "ehl-probes" => return prose_of_probes(),
        other => panic!("write the prose of {other}.1 in src/args/man/, and list it here"),
    };
    let shared = prose!("exit-status" "accounting" "privileges" "limits" "signals" "environment" "files");
    let file = if page == "ehl-demo" { String::new() } else { prose!("files-output") };
    own + &shared + &file
}

fn prose_of_probes() -> String {
    prose!("output-probes" "examples-probes" "exit-status" "privileges-probes" "limits" "environment" "files")
}

fn see_also(page: &str, subcommands: &[String]) -> String {
    let own = ["ehl"].into_iter().chain(subcommands.iter().map(String::as_str));
    let own = own.filter(|name| *name != page).map(|name| (name, 1));
    let others = [("jq", 1), ("nsenter", 1), ("capabilities", 7), ("setcap", 8), ("tcpdump", 8)];
    let references: Vec<_> = own.chain(others).map(|(name, section)| format!(".BR {} ({section})", name.replace('-', "\\-"))).collect();
    format!(".SH SEE ALSO\n{}\n", references.join(" ,\n"))
}

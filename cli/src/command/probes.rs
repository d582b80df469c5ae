//! `ehl probes`: the table of probes, whether each can run here, and where in TLS libraries.

use std::io::Write as _;

use super::Outcome;
use super::live::unix_ns;
use super::printing::commit;
use crate::args::{self, ListFormat};
use crate::probe::catalog::{Entry, Verdict, probes};
use crate::probe::{needs, ssl_uprobe};
use crate::render::{self, Cell, Column, Format, Options, Output, Run, Schema, StopReason, Summary};
use crate::tls::library;
use crate::tls::target::{self, Wanted};

/// Lists the probes.
pub(super) fn run(args: &args::Probes) -> anyhow::Result<Outcome> {
    let is_json = args.format == ListFormat::Json;
    let schema = schema(args.verbose, is_json);
    let format = if is_json { Format::Json } else { Format::Table };
    let sites = if args.verbose || is_json { sites() } else { Vec::new() };
    let output = Output::stdout()?;
    let options = Options { fit: true, ..Options::default() };
    let mut renderer = render::renderer(format, &schema, &options, Box::new(output.writer()));
    let uname = rustix::system::uname();
    let (host, kernel) = (uname.nodename().to_string_lossy(), uname.release().to_string_lossy());
    renderer.start(&Run {
        host: Some(host.into_owned()),
        kernel: Some(kernel.into_owned()),
        started_at_ns: unix_ns(),
        ..Run::default()
    })?;
    for Entry { name, hook, sees, needs, kernel, verdict } in &probes() {
        let (reason, needs) = (reason(verdict), needs::names(needs).join(" "));
        let text = |text: &'static str| Cell::Text(text.as_bytes());
        let reason = reason.as_deref().map_or(Cell::Null, |reason| Cell::Text(reason.as_bytes()));
        let places = if *name == "ssl-uprobe" { &sites[..] } else { &[] };
        let is_ready = Cell::Bool(*verdict == Verdict::Ready);
        let cells = [text(name), is_ready, reason, text(hook), text(sees), Cell::Text(needs.as_bytes()), text(kernel), Cell::Texts(places)];
        renderer.row(&cells[..schema.columns.len()])?;
    }
    let accounting = render::Accounting::default();
    renderer.finish(&Summary {
        ended_at_ns: unix_ns(),
        stop_reason: StopReason::EndOfInput,
        accounting,
        unseen: None,
        sentences: Vec::new(),
        failed: 0,
    })?;
    drop(renderer);
    if args.verbose && !is_json {
        let mut out = output.writer();
        for site in &sites {
            writeln!(out, "{}{site}", if site == &sites[0] { "\nwhere ssl-uprobe would be attached now:\n" } else { "" })?;
        }
        out.flush()?;
    }
    commit(output)?;
    Ok(Outcome::Done)
}

fn schema(verbose: bool, is_json: bool) -> Schema {
    let mut columns = vec![
        Column::left("name", 11),
        Column::left("ready", 5),
        Column::left("reason", 24),
        Column::left("hook", 34),
        Column::left("sees", 44),
    ];
    if verbose || is_json {
        columns.extend([Column::left("needs", 40), Column::left("kernel", 6)]);
    }
    if is_json {
        columns.push(Column::left("sites", 40));
    }
    Schema { name: "ehl.probes/1", columns }
}

/// The places in the TLS libraries of this host, as far as this user may look, one each.
fn sites() -> Vec<String> {
    let Ok(found) = target::find(&Wanted::default()) else { return Vec::new() };
    let returns = ssl_uprobe::returns_are_safe();
    let mut lines = Vec::new();
    for library in &found.libraries {
        match library::probe(library, returns).sites {
            Ok(sites) => lines.extend(library::describe(&sites.sites).into_iter().map(|line| format!("{}: {line}", library.shown))),
            Err(reason) => lines.push(format!("{}: {reason}", library.shown)),
        }
    }
    lines
}

fn reason(verdict: &Verdict) -> Option<String> {
    match verdict {
        Verdict::Ready => None,
        Verdict::NotPermitted(missing) => Some(format!("missing {}", missing.join(", "))),
    }
}

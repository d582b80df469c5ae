//! `ehl probes`: the table of probes, and whether each can run here.

use super::Outcome;
use super::live::unix_ns;
use super::printing::commit;
use crate::args::{self, ListFormat};
use crate::probe::catalog::{Entry, Verdict, probes};
use crate::probe::needs;
use crate::render::{self, Cell, Column, Format, Options, Output, Run, Schema, StopReason, Summary};

/// Lists the probes.
pub(super) fn run(args: &args::Probes) -> anyhow::Result<Outcome> {
    let mut columns = vec![Column::left("name", 11), Column::left("ready", 24), Column::left("hook", 34), Column::left("sees", 40)];
    if args.verbose || args.format == ListFormat::Json {
        columns.extend([Column::left("needs", 40), Column::left("kernel", 6)]);
    }
    let schema = Schema { name: "ehl.probes/1", columns };
    let format = match args.format {
        ListFormat::Table => Format::Table,
        ListFormat::Json => Format::Json,
    };
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
    let entries = probes();
    for entry in &entries {
        let Entry { name, hook, sees, needs, kernel, verdict } = entry;
        let (reason, needs) = (reason(verdict), needs::names(needs).join(" "));
        let text = |text: &'static str| Cell::Text(text.as_bytes());
        let reason = reason.as_deref().map_or(Cell::Null, |reason| Cell::Text(reason.as_bytes()));
        let cells = [
            text(name),
            Cell::Bool(*verdict == Verdict::Ready),
            reason,
            text(hook),
            text(sees),
            Cell::Text(needs.as_bytes()),
            text(kernel),
        ];
        renderer.row(&cells[..schema.columns.len()])?;
    }
    let summary = Summary { ended_at_ns: unix_ns(), stop_reason: StopReason::EndOfInput, accounting: render::Accounting::default() };
    renderer.finish(&summary)?;
    commit(output)?;
    Ok(Outcome::Done)
}

fn reason(verdict: &Verdict) -> Option<String> {
    match verdict {
        Verdict::Ready => None,
        Verdict::NotPermitted(missing) => Some(format!("missing {}", missing.join(", "))),
        Verdict::NotInThisVersion => Some("not in this version".to_owned()),
    }
}

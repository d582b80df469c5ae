//! Where a subcommand's rows go and what they look like, from the options that all of them share.

use std::io;

use anyhow::Context as _;

use super::{Usage, gates, plan};
use crate::args::{self, Format};
use crate::progress::Notes;
use crate::render::{self, Cell, Column, Options, Output, Renderer, Schema, Summary};

/// Opens the output and lays out its form: what `args` says, on top of what `options` says already.
pub(super) fn open(
    args: &args::Output,
    gates: &args::Gates,
    schema: &Schema,
    options: Options,
) -> anyhow::Result<(Output, Box<dyn Renderer>)> {
    open_judging(args, gates, schema, options, |_| true)
}

/// The same; only the rows that `is_judged` accepts are held against the conditions of `--fail-if`.
pub(super) fn open_judging(
    args: &args::Output,
    gates: &args::Gates,
    schema: &Schema,
    options: Options,
    is_judged: impl Fn(&[Cell<'_>]) -> bool + 'static,
) -> anyhow::Result<(Output, Box<dyn Renderer>)> {
    let sort = args.sort.as_deref().map(|name| schema.column(name)).transpose().map_err(usage)?.or(options.sort);
    let color = plan::is_coloured(args.color, args.file.is_some());
    let conditions = gates::Conditions::new(&gates.fail_if, schema)?;
    let options = Options { heading: !args.no_heading, color, sort, ..options };
    let output = match &args.file {
        Some(path) => Output::file(path)?,
        None => Output::stdout()?,
    };
    let renderer = render::renderer(plan::format(args.format), schema, &options, Box::new(output.writer()));
    Ok((output, conditions.guard(renderer, schema, Notes { quiet: args.quiet }, Box::new(is_judged))))
}

/// The columns asked for. Without `--columns`, a table on a terminal has those that fit, the `first` ones before others.
pub(super) fn columns(args: &args::Output, schema: &Schema, default: Vec<usize>, first: &[&str]) -> Result<Vec<usize>, Usage> {
    if !args.columns.is_empty() {
        return schema.select(&args.columns.join(",")).map_err(usage);
    }
    Ok(match width_to_fit(args) {
        Some(width) => fitting(schema, &default, first, |_| false, width),
        None => default,
    })
}

/// How wide a table may be whose columns nobody named: as wide as the terminal that it goes to. Rows that wrap several times are read by
/// nobody, and scripts read no terminals.
pub(super) fn width_to_fit(args: &args::Output) -> Option<u16> {
    let is_table = args.format == Format::Table && args.file.is_none() && args.columns.is_empty();
    plan::terminal_width().filter(|_| is_table)
}

/// Of `selected`, the places of those that fit a terminal of `width`, the `first` ones before others, in their order. At least the
/// first five, and those that are `wanted` in any case.
pub(super) fn fitting(schema: &Schema, selected: &[usize], first: &[&str], wanted: impl Fn(usize) -> bool, width: u16) -> Vec<usize> {
    const AT_LEAST: usize = 5;
    const GAP: u16 = 2;
    let taken = |place: usize| {
        let Column { name, width, heading, .. } = &schema.columns[place];
        let shown = heading.unwrap_or(name);
        (*width).max(u16::try_from(shown.len()).unwrap_or(u16::MAX)).saturating_add(GAP)
    };
    let named = first.iter().filter_map(|name| schema.column(name).ok());
    let others = selected.iter().copied().filter(|place| !wanted(*place));
    let mut fitting: Vec<usize> = selected.iter().copied().filter(|place| wanted(*place)).collect();
    let mut left = fitting.iter().fold(width, |left, place| left.saturating_sub(taken(*place)));
    for (rank, place) in named.chain(others).enumerate() {
        if fitting.contains(&place) {
            continue;
        }
        if rank >= AT_LEAST && taken(place) > left {
            break;
        }
        left = left.saturating_sub(taken(place));
        fitting.push(place);
    }
    fitting.sort_unstable();
    fitting
}

/// A column that is none is bad usage.
#[expect(clippy::needless_pass_by_value, reason = "it is handed to map_err")]
pub(super) fn usage(error: render::ColumnError) -> Usage {
    Usage(error.to_string())
}

/// Prints the end of the result, and completes the summary with what was printed.
pub(super) fn finish(renderer: &mut dyn Renderer, summary: &mut Summary) -> io::Result<()> {
    let counts = renderer.counts();
    summary.accounting.rows = counts.rows;
    summary.accounting.rows_beyond_max = counts.beyond_max;
    renderer.finish(summary)?;
    summary.failed = renderer.counts().failed;
    Ok(())
}

/// Writes the output for good; a closed pipe is no failure.
pub(super) fn commit(output: Output) -> anyhow::Result<()> {
    match output.commit() {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.context("the result is not complete"),
    }
}

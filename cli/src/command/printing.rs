//! Where a subcommand's rows go and what they look like, from the options that all of them share.

use std::io;

use anyhow::Context as _;

use super::{Usage, plan};
use crate::args;
use crate::render::{self, Options, Output, Renderer, Schema, Summary};

/// Opens the output and lays out its form: what `args` says, on top of what `options` says already.
pub(super) fn open(args: &args::Output, schema: &Schema, options: Options) -> anyhow::Result<(Output, Box<dyn Renderer>)> {
    let sort = args.sort.as_deref().map(|name| schema.column(name)).transpose().map_err(usage)?;
    let color = plan::is_coloured(args.color, args.file.is_some());
    let options = Options { heading: !args.no_heading, color, sort, ..options };
    let output = match &args.file {
        Some(path) => Output::file(path)?,
        None => Output::stdout()?,
    };
    let renderer = render::renderer(plan::format(args.format), schema, &options, Box::new(output.writer()));
    Ok((output, renderer))
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
    renderer.finish(summary)
}

/// Writes the output for good; a closed pipe is no failure.
pub(super) fn commit(output: Output) -> anyhow::Result<()> {
    match output.commit() {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.context("the result is not complete"),
    }
}

//! The columns about gateways of large language models. They come by `--columns` only, and heads are read for them only then.

use super::columns::{Fixed, Side};
use crate::args;
use crate::http::exchange::Exchange;
use crate::http::llm::Provider;
use crate::render::Cell;

pub(super) const COLUMNS: [Fixed; 12] = [
    Fixed("llm_provider", 12, Side::Left, false),
    Fixed("streamed", 8, Side::Left, false),
    Fixed("limit_requests", 14, Side::Right, false),
    Fixed("remaining_requests", 18, Side::Right, false),
    Fixed("reset_requests_ms", 17, Side::Right, false),
    Fixed("limit_tokens", 12, Side::Right, false),
    Fixed("remaining_tokens", 16, Side::Right, false),
    Fixed("reset_tokens_ms", 15, Side::Right, false),
    Fixed("retry_after_ms", 14, Side::Right, false),
    Fixed("claimed_ms", 11, Side::Right, false),
    Fixed("claimed_by", 30, Side::Left, false),
    Fixed("unclaimed_ms", 12, Side::Right, false),
];

/// Whether one of them is asked for: to be printed, to sort by, or for a condition, where a column may go by its short name.
pub(super) fn is_wanted(output: &args::Output, gates: &args::Gates) -> bool {
    let is_one = |name: &str| COLUMNS.iter().any(|Fixed(column, ..)| *column == name || column.strip_suffix("_ms") == Some(name));
    let typed = output.columns.iter().chain(&output.sort).chain(gates.fail_if.iter().map(|gate| &gate.column));
    typed.map(|name| name.trim()).any(is_one)
}

/// The cells of an exchange.
pub(super) fn cells(exchange: &Exchange) -> [Cell<'static>; COLUMNS.len()] {
    let gateway = exchange.gateway().unwrap_or_default();
    let number = |number: Option<u64>| number.map_or(Cell::Null, Cell::Number);
    let millis = |ns: Option<u64>| ns.map_or(Cell::Null, Cell::Millis);
    let text = |text: Option<&'static str>| text.map_or(Cell::Null, |text| Cell::Text(text.as_bytes()));
    [
        text(gateway.provider.map(Provider::as_str)),
        gateway.is_streamed.map_or(Cell::Null, Cell::Bool),
        number(gateway.requests.limit),
        number(gateway.requests.remaining),
        millis(gateway.requests.reset),
        number(gateway.tokens.limit),
        number(gateway.tokens.remaining),
        millis(gateway.tokens.reset),
        millis(gateway.retry_after_ns),
        millis(gateway.claimed.map(|(ns, _)| ns)),
        text(gateway.claimed.map(|(_, field)| field)),
        millis(gateway.unclaimed_ns),
    ]
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::args::{Cli, Command};

    #[test]
    fn heads_are_read_only_for_columns_that_are_asked_for() {
        let wanted = |options: &[&str]| {
            let cli = Cli::try_parse_from(["ehl", "capture"].iter().chain(options)).expect("options of capture");
            let Command::Capture(args) = cli.command else { panic!("not a capture") };
            is_wanted(&args.exchanges.output, &args.exchanges.gates)
        };
        for options in [
            &["--columns", "path,claimed_ms"][..],
            &["--columns", "path, streamed"],
            &["--sort", "remaining_tokens"],
            &["--fail-if", "retry_after > 1s"],
            &["--fail-if", "remaining_requests < 5"],
        ] {
            assert!(wanted(options), "{options:?}");
        }
        for options in [&[][..], &["--columns", "path"], &["--sort", "status"], &["--fail-if", "duration > 1s"], &["--header", "streamed"]]
        {
            assert!(!wanted(options), "{options:?}");
        }
    }
}

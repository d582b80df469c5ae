//! `ehl demo`: an API and its clients on loopback, so that a newcomer has traffic to look at.
//!
//! The traffic is real: TCP over both IP stacks, HTTP/1.1, kept-alive and closed connections, streamed answers. The modules
//! below make it and know nothing of probes.

mod answer;
pub mod api;
pub mod clients;
pub mod endpoints;
mod lcg;
mod message;
mod stop;
mod traffic;

use std::cell::RefCell;
use std::time::Duration;

use self::api::Api;
use self::clients::{Clients, Sent};
use super::capture::{Capture, Columns};
use super::hook::{Hook, Packets};
use super::live::Live;
use super::printing::commit;
use super::{Outcome, plan};
use crate::args;
use crate::http::head::Wanted;
use crate::http::selection::Selection;
use crate::http::tracker::Tracker;
use crate::progress::Notes;
use crate::render::{self, Format, Options, Output};

/// What a table of the demo shows: enough to see what ehl is for, and not wider than a terminal.
const TABLE_COLUMNS: [&str; 9] =
    ["time", "method", "path", "status", "response_time_ms", "duration_ms", "api_version", "auth", "user_agent"];

/// The clients finish what they began within this time.
const GRACE: Duration = Duration::from_secs(2);

/// Starts the API and its clients, and captures them.
pub(super) fn run(args: &args::Demo) -> anyhow::Result<Outcome> {
    let notes = Notes { quiet: args.quiet };
    let api = match args.port {
        Some(port) => Api::start_on(port)?,
        None => Api::start()?,
    };
    let hook = Hook::SockHttp(Packets::of_port(api.port()));
    let columns = Columns::new(&[], Some(hook.name()));
    let schema = columns.schema();
    let format = plan::format(args.format);
    let typed: Vec<_> = if format == Format::Table { TABLE_COLUMNS.map(str::to_owned).to_vec() } else { Vec::new() };
    let options =
        Options { color: plan::is_coloured(args.color, false), columns: Some(columns.select(&schema, &typed)?), ..Options::default() };
    let output = Output::stdout()?;
    let mut capture = Capture::new(columns, render::renderer(format, &schema, &options, Box::new(output.writer())));
    notes.note(format_args!(
        "an API on port {} of the loopback interface, and its clients, for {}",
        api.port(),
        humantime::format_duration(args.run_time.0)
    ));
    let clients: RefCell<Option<Clients>> = RefCell::new(None);
    let mut sent: Option<Sent> = None;
    let live = Live {
        hook,
        run_time: args.run_time.0,
        count: None,
        selection: Selection::default(),
        tracker: Tracker::new(Wanted::default(), plan::redactor(args::Redact::Mask)),
        notes,
        verbose: false,
        attached: &mut || {
            *clients.borrow_mut() = Some(Clients::start(&api)?);
            Ok(())
        },
        stopping: &mut || {
            if let Some(clients) = clients.borrow_mut().take() {
                sent = Some(clients.stop()?);
            }
            Ok(())
        },
        grace: GRACE,
    };
    let summary = live.run(&mut capture)?;
    commit(output)?;
    drop(api);
    if let Some(sent) = sent {
        notes.note(format_args!("the clients had {} exchanges; {} of them are above", sent.total(), summary.accounting.rows));
    }
    notes.note("next: `ehl capture --port 8080 --for 30s` for your own API, `ehl top-headers` for what is in its headers, `man ehl-capture` for the rest");
    Ok(Outcome::Done)
}

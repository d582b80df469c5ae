//! The `ehl` binary.

use std::process::ExitCode;

use clap::Parser as _;
use ehl::progress::Notes;
use ehl::{args, command};

fn main() -> ExitCode {
    match command::run(&args::Cli::parse()) {
        Ok(outcome) => outcome.into(),
        Err(error) => {
            Notes::default().warn(format_args!("{error:#}"));
            command::exit_code(&error)
        }
    }
}

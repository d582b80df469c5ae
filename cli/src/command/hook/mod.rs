//! The probe of a live run: what it is attached to, and what there is to say of that.

mod newcomers;
mod sock_http;
mod ssl_uprobe;

use std::collections::HashSet;

pub(super) use self::sock_http::Packets;
use self::ssl_uprobe::Processes;
use super::looks::Looks;
use super::{Usage, plan};
use crate::args::{self, ProbeName};
use crate::probe::{Attached, Counts, needs};
use crate::progress::Notes;
use crate::render::{Summary, Unseen};

/// A probe, and what it is to watch.
pub(super) enum Hook {
    SockHttp(Packets),
    SslUprobe(Box<Processes>),
}

impl Hook {
    /// As typed, in the network namespace that was asked for. Attaches nothing.
    pub(super) fn new(probe: ProbeName, args: &args::Http, verbose: bool) -> anyhow::Result<Self> {
        Ok(match probe {
            ProbeName::SockHttp => {
                plan::enter(&args.watch)?;
                Self::SockHttp(Packets::new(args)?)
            }
            ProbeName::SslUprobe => Self::SslUprobe(Box::new(Processes::new(args, verbose)?)),
            ProbeName::XdpHeaders | ProbeName::TcHeaders => {
                return Err(Usage("xdp-headers and tc-headers see packets, not HTTP; use sock-http or ssl-uprobe".to_owned()).into());
            }
        })
    }

    /// The probe's name.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::SockHttp(_) => sock_http::NAME,
            Self::SslUprobe(_) => ssl_uprobe::NAME,
        }
    }

    /// Attaches the probe, and gives up the privileges that only that needs.
    pub(super) fn attach(&mut self, notes: Notes) -> anyhow::Result<Attached> {
        match self {
            Self::SockHttp(packets) => {
                let attached = packets.attach()?;
                needs::give_up(&[])?;
                Ok(attached)
            }
            Self::SslUprobe(processes) => {
                let attached = processes.attach(notes)?;
                needs::give_up(needs::SSL_UPROBE_REPORT)?;
                Ok(attached)
            }
        }
    }

    /// What is watched, in words.
    pub(super) fn describe(&self) -> Vec<String> {
        match self {
            Self::SockHttp(packets) => packets.describe(),
            Self::SslUprobe(processes) => processes.describe(),
        }
    }

    /// Who has traffic that the probe cannot see, as far as that can be told at the end of the run; from here on, nothing more is probed.
    /// `seen` are the processes that had traffic.
    pub(super) fn unseen(&mut self, seen: &HashSet<u32>) -> Option<Vec<Unseen>> {
        match self {
            Self::SockHttp(_) => None,
            Self::SslUprobe(processes) => Some(processes.unseen(seen)),
        }
    }

    /// How often to look at what the probe has.
    pub(super) fn looks(&self) -> Looks {
        match self {
            Self::SockHttp(_) => Looks::PACKETS,
            Self::SslUprobe(_) => Looks::TLS,
        }
    }

    /// What has the kernel submit less, or hold more.
    pub(super) fn against_loss(&self) -> &'static str {
        match self {
            Self::SockHttp(_) => "a larger --ring-size, --port or --net",
            Self::SslUprobe(_) => "a larger --ring-size, --pid or --comm",
        }
    }

    /// What a person wants to know at the end, besides the accounting.
    pub(super) fn tell(&self, notes: Notes, summary: &Summary, counts: &Counts) {
        match self {
            Self::SockHttp(packets) => packets.tell(notes),
            Self::SslUprobe(processes) => processes.tell(notes, summary),
        }
        if summary.accounting.exchanges == 0 {
            match self {
                Self::SockHttp(packets) => packets.tell_nothing(notes, &summary.accounting.not_http, counts),
                Self::SslUprobe(processes) => processes.tell_nothing(notes, counts),
            }
        }
    }
}

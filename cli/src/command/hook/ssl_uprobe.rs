//! `ssl-uprobe`: which files and processes, and what there is to say of them.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::ops::RangeInclusive;

use ehl_probes_common::counter::Counter;

use super::newcomers::Newcomers;
use crate::args;
use crate::command::{Usage, plan};
use crate::probe::ssl_uprobe::{self, File, Settings};
use crate::probe::{Attached, Counts};
use crate::process::mappings::Mappings;
use crate::process::{Proc, Unreadable};
use crate::progress::Notes;
use crate::render::{Summary, Unseen};
use crate::tls::coverage::{self, Coverage, Watch};
use crate::tls::library::{self, Probed};
use crate::tls::target::{self, Found, Library, Unopened, Wanted};

pub(super) const NAME: &str = "ssl-uprobe";

/// Names of processes that a note lists.
const MOST_NAMES: usize = 5;
/// The map's size.
const MOST_COMMS: usize = 64;
/// Processes that a note lists, and ports of each.
const MOST_UNSEEN: usize = 10;

/// What is watched.
pub(in crate::command) struct Processes {
    wanted: Wanted,
    ports: Vec<RangeInclusive<u16>>,
    ends: Vec<String>,
    ring_bytes: u32,
    measure: bool,
    verbose: bool,
    /// Files that carry TLS, and where they are probed.
    libraries: Vec<(Library, Probed)>,
    newcomers: Option<Newcomers>,
}

impl Processes {
    pub(super) fn new(args: &args::Http, verbose: bool) -> Result<Self, Usage> {
        let args::Http { watch, events, processes, .. } = args;
        if watch.netns.is_some() {
            return Err(Usage("ssl-uprobe sees the processes of every network namespace; leave out --netns, or use --pid".to_owned()));
        }
        if let Some(interface) = watch.interfaces.first() {
            return Err(Usage(format!(
                "ssl-uprobe sees processes, not the interface {interface}; leave out --interface, or use sock-http"
            )));
        }
        if processes.comms.len() > MOST_COMMS {
            return Err(Usage(format!("--comm was given {} times; at most {MOST_COMMS} names are watched", processes.comms.len())));
        }
        if !processes.pids.is_empty() && !is_first_pid_namespace() {
            return Err(Usage("--pid does not work in a pid namespace of its own; use --comm, or run ehl on the host".to_owned()));
        }
        let wanted = Wanted { pids: processes.pids.clone(), comm: processes.comms.clone(), libs: processes.libs.clone() };
        if let Some(pid) = wanted.pids.iter().find(|pid| Proc::of_this_host().stat(**pid).is_err()) {
            return Err(Usage(format!("there is no process {pid}")));
        }
        let ports = plan::ports(watch);
        let ends = plan::ends(&ports, &plan::networks(watch));
        let (ring_bytes, measure) = (events.ring_size.0, watch.probe_cost);
        Ok(Self { wanted, ports, ends, ring_bytes, measure, verbose, libraries: Vec::new(), newcomers: None })
    }

    pub(super) fn attach(&mut self, notes: Notes) -> anyhow::Result<Attached> {
        ssl_uprobe::check(self.measure)?;
        allow_open_files();
        // Opened first, so that nothing is missed between.
        let mappings = if self.wanted.libs.is_empty() { Some(Mappings::open()) } else { None };
        let (processes, names) = (self.wanted.pids.clone(), self.wanted.comm.clone());
        let settings = Settings { processes, names, ring_bytes: self.ring_bytes, measure: self.measure };
        let list = || with_children(&settings.processes).map_err(|reason| reason.to_string());
        // Before all that the programs do not need: it waits for the verifier, and that for the maps.
        let made = ssl_uprobe::make(&settings)?;
        let find = || {
            let returns = ssl_uprobe::returns_are_safe();
            (returns, self.find(returns, notes).map(|files| (files, self.cost())))
        };
        let (loaded, (returns, found)) = ssl_uprobe::load(made, &settings, &list, find);
        let (files, cost) = found?;
        notes.note(cost);
        let (attached, attacher, report) = ssl_uprobe::attach(loaded?, &files)?;
        for (file, reason) in &report.refused {
            notes.warn(format_args!("{file} cannot be probed: {reason}"));
        }
        for (library, probed) in &mut self.libraries {
            probed.is_refused = report.refused.iter().any(|(file, _)| *file == library.shown);
        }
        if !report.has_addresses {
            notes.note("this kernel does not tell through which socket a process writes: addresses are not known");
        }
        let known = self.libraries.iter().map(|(library, _)| library.id).collect();
        match mappings {
            Some(Ok(mappings)) => self.newcomers = Newcomers::start(mappings, attacher, &self.wanted, returns, notes, known),
            Some(Err(error)) => notes.warn(format_args!("libraries that are loaded from now on are not seen: {error}")),
            None => {}
        }
        Ok(attached)
    }

    /// The files to probe.
    fn find(&mut self, returns: bool, notes: Notes) -> anyhow::Result<Vec<File>> {
        let Found { libraries, unopened, .. } = target::find(&self.wanted)?;
        for library in libraries {
            let probed = library::probe(&library, returns);
            self.libraries.push((library, probed));
        }
        self.tell_refused(notes, &unopened);
        let files: Vec<_> = self.libraries.iter().filter_map(|(library, probed)| file_of(library, probed)).collect();
        if files.is_empty() {
            return Err(ssl_uprobe::failed(&nothing_to_probe(&self.wanted)).into());
        }
        Ok(files)
    }

    /// Who pays, before anybody does.
    fn cost(&self) -> String {
        let probed: Vec<_> = self.libraries.iter().filter(|(_, probed)| probed.is_seen()).map(|(library, _)| library).collect();
        let running = target::running(&Proc::of_this_host(), probed.iter().copied());
        let mut names: Vec<_> = running.names.iter().take(MOST_NAMES).map(|(name, count)| format!("{name} ({count})")).collect();
        if running.names.len() > MOST_NAMES {
            names.push("others".to_owned());
        }
        let (files, them) = if probed.len() == 1 { ("1 file", "it") } else { (&format!("{} files", probed.len())[..], "them") };
        let who = match running.processes {
            0 => format!("no process uses {them} now"),
            1 => format!("1 process uses {them} and will be slower: {}", names.join(", ")),
            many => format!("{many} processes use {them} and will be slower: {}", names.join(", ")),
        };
        format!("probing TLS in {files}; {who}")
    }

    /// What cannot be probed of what was found; with --verbose, where the rest is.
    fn tell_refused(&self, notes: Notes, unopened: &[Unopened]) {
        for (library, probed) in &self.libraries {
            match &probed.sites {
                Err(reason) if !library.users.is_empty() || !self.wanted.libs.is_empty() => {
                    notes.warn(format_args!("{} cannot be probed: {reason}", library.shown));
                }
                Err(_) => {}
                Ok(sites) => {
                    for left_out in &sites.left_out {
                        notes.warn(format_args!("{}: {} cannot be probed: {}", library.shown, left_out.function, left_out.why));
                    }
                    for line in library::describe(&sites.sites).iter().filter(|_| self.verbose) {
                        notes.note(format_args!("{}: {line}", library.shown));
                    }
                }
            }
        }
        for Unopened { shown, pid, reason } in unopened {
            notes.warn(format_args!("{shown} of process {pid} cannot be opened: {reason}"));
        }
    }

    pub(super) fn describe(&self) -> Vec<String> {
        let files = self.libraries.iter().filter(|(_, probed)| probed.is_seen()).map(|(library, _)| library.shown.clone());
        let pids = self.wanted.pids.iter().map(|pid| format!("pid {pid}"));
        let names = self.wanted.comm.iter().map(|name| format!("comm {name}"));
        files.chain(pids).chain(names).chain(self.ends.iter().cloned()).collect()
    }

    pub(super) fn unseen(&mut self, seen: &HashSet<u32>) -> Vec<Unseen> {
        self.libraries.extend(self.newcomers.take().map(Newcomers::finish).unwrap_or_default());
        let found = self.libraries.iter().map(|(library, _)| library.id).collect();
        let probed = self.libraries.iter().filter(|(_, probed)| probed.is_seen()).map(|(library, _)| library.id).collect();
        let watch = Watch { ports: &self.ports, wanted: &self.wanted, found: &found, probed: &probed, seen };
        let Coverage { unseen, hidden } = match coverage::unseen(&Proc::of_this_host(), &watch) {
            Ok(coverage) => coverage,
            Err(reason) => {
                let explanation = format!("whose TLS was not seen cannot be told: {reason}");
                return vec![Unseen { pid: None, comm: None, ports: Vec::new(), reason: "not_permitted", explanation }];
            }
        };
        let hidden = hidden.map(|hidden| Unseen {
            pid: None,
            comm: None,
            ports: hidden.ports,
            reason: "not_permitted",
            explanation: match hidden.processes {
                1 => "1 process may not be looked into".to_owned(),
                many => format!("{many} processes may not be looked into"),
            },
        });
        let unseen = unseen.into_iter().map(|process| Unseen {
            pid: Some(process.pid),
            comm: Some(process.comm),
            ports: process.ports,
            reason: process.reason.name(),
            explanation: process.reason.to_string(),
        });
        unseen.chain(hidden).collect()
    }

    pub(super) fn tell(&self, notes: Notes, summary: &Summary) {
        let unseen = summary.unseen.as_deref().unwrap_or_default();
        for Unseen { pid, comm, ports, explanation, .. } in unseen.iter().take(MOST_UNSEEN) {
            let who = match (pid, comm) {
                (Some(pid), Some(comm)) => format!("{comm} ({pid})"),
                _ => "somebody".to_owned(),
            };
            notes.warn(format_args!("not seen: {who} on {}: {explanation}", list(ports)));
        }
        if unseen.len() > MOST_UNSEEN {
            notes.warn(format_args!("not seen: {} more processes; json has them all", unseen.len() - MOST_UNSEEN));
        }
    }

    /// Empty output must not look like no traffic.
    pub(super) fn tell_nothing(&self, notes: Notes, counts: &Counts) {
        let (attached, calls) = (self.describe().join("; "), counts.of(Counter::Segments));
        notes.note(format_args!("no HTTP exchange was seen; {NAME} watched {attached}, and saw {calls} reads and writes"));
        if calls == 0 {
            notes.note(
                "is there TLS traffic, in processes that use these files? `--probe sock-http` tells, with --port, what is on the wire",
            );
        }
    }
}

/// The processes asked for with all that they have started.
fn with_children(pids: &[u32]) -> Result<Vec<u32>, Unreadable> {
    Proc::of_this_host().with_children(pids)
}

/// A library as the probe wants it; `None` when there is no place to probe.
pub(super) fn file_of(library: &Library, probed: &Probed) -> Option<File> {
    let sites = probed.sites.as_ref().ok()?.sites.clone();
    (!sites.is_empty()).then(|| File { path: library.open.clone(), shown: library.shown.clone(), sites })
}

/// Each library takes a few descriptors, and a host may have many.
fn allow_open_files() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    // With fewer, those that do not fit are named.
    let _ = setrlimit(Resource::Nofile, rustix::process::Rlimit { current: limit.maximum, ..limit });
}

/// Whether process ids are here what they are to the kernel's programs (`PROC_PID_INIT_INO`, linux/proc_ns.h).
fn is_first_pid_namespace() -> bool {
    const FIRST: u64 = 0xeffffffc;
    std::fs::metadata("/proc/self/ns/pid").is_ok_and(|namespace| std::os::unix::fs::MetadataExt::ino(&namespace) == FIRST)
}

fn nothing_to_probe(wanted: &Wanted) -> String {
    if !wanted.libs.is_empty() {
        return "there is no place to probe in what --lib names".to_owned();
    }
    let whose = if wanted.pids.is_empty() { "in use on this host" } else { "in use by these processes" };
    format!("no TLS library that can be probed is {whose}; give one with --lib")
}

/// The first ports of a list.
fn list(ports: &[u16]) -> String {
    let mut text = String::from(match ports.len() {
        0 => "any port",
        1 => "port ",
        _ => "ports ",
    });
    for (number, port) in ports.iter().take(MOST_UNSEEN).enumerate() {
        let _ = write!(text, "{}{port}", if number == 0 { "" } else { ", " });
    }
    if ports.len() > MOST_UNSEEN {
        text.push_str(", ...");
    }
    text
}

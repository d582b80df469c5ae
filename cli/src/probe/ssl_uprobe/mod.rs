//! Loads `ssl-uprobe` and attaches it to TLS libraries: by one link a file and program where the kernel has such links, by
//! perf events elsewhere.

mod kernel;
mod multi;
mod places;
mod seccomp;

use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use aya::maps::HashMap;
use aya::programs::{KProbe, RawTracePoint, UProbe};
use aya::{Ebpf, EbpfLoader};
use caps::Capability;

use self::multi::Multi;
use super::{
    Attached, Error, Held, Links, Memory, Switch, TlsConnections, counters, descriptor, error_chain, lock, needs, programs::Programs,
    records,
};
use crate::tls::site::Site;

pub use seccomp::returns_are_safe;

const NAME: &str = "ssl-uprobe";

/// What the probe watches.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Files, each with the places to probe in it.
    pub files: Vec<File>,
    /// Processes, with those that they start; all when empty.
    pub processes: Vec<u32>,
    /// Names of processes; all when empty.
    pub names: Vec<String>,
    /// Size of the ring buffer in bytes, a power of two of pages.
    pub ring_bytes: u32,
    /// Whether the kernel is to measure the programs' run time.
    pub measure: bool,
}

/// A file with TLS functions.
#[derive(Clone, Debug)]
pub struct File {
    /// Where to open it.
    pub path: PathBuf,
    /// What people know it by.
    pub shown: String,
    /// The places.
    pub sites: Vec<Site>,
}

/// How the places of files were attached, and what could not be.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Files that could not be probed, each with the reason.
    pub refused: Vec<(String, String)>,
    /// Whether addresses can be told.
    pub has_addresses: bool,
}

/// Probes more files while the probe is attached.
#[derive(Clone)]
pub struct Attacher {
    held: Arc<Mutex<Option<Held>>>,
    /// Whether there is one link for all places of a file.
    is_multi: bool,
}

/// Refuses when a capability is missing.
pub fn check(measure: bool) -> Result<(), Error> {
    needs::check(NAME, needs::SSL_UPROBE)?;
    if measure {
        needs::check("ssl-uprobe with --probe-cost", &[Capability::CAP_SYS_ADMIN])?;
    }
    Ok(())
}

/// Loads the programs and attaches them. [`check`] is to be asked before. `relist` lists the processes to watch anew.
pub fn attach(settings: &Settings, relist: &dyn Fn() -> Vec<u32>) -> Result<(Attached, Attacher, Report), Error> {
    let mut ebpf = load(settings)?;
    fill_filters(&mut ebpf, settings)?;
    let statistics = if settings.measure { Some(Programs::measure(NAME)?) } else { None };
    let mut report = Report { has_addresses: watch_sockets(&mut ebpf)?, ..Report::default() };
    follow(&mut ebpf, "exited", "sched_process_exit")?;
    if !settings.processes.is_empty() {
        follow(&mut ebpf, "forked", "sched_process_fork")?;
        // Those that were started since they were listed.
        watch_processes(&mut ebpf, &relist())?;
    }
    let at_once = attach_at_once(&ebpf, &settings.files, &mut report);
    let is_multi = at_once.is_some();
    let (hooks, run) = match at_once {
        Some(attached) => attached,
        None => (Vec::new(), load_each(&mut ebpf)?),
    };
    let missing = || failed("the object lacks a map");
    let (records, counters) = (records(&mut ebpf).ok_or_else(missing)?, counters(NAME, &mut ebpf).ok_or_else(missing)?);
    let memory = Memory::Tls(TlsConnections::of(&mut ebpf).ok_or_else(missing)?);
    let switch = Switch::of(&mut ebpf).ok_or_else(missing)?;
    let links = Links::new(hooks, Programs::new(vec![ebpf], run, statistics), Some(switch));
    let attacher = Attacher { held: Arc::clone(&links.held), is_multi };
    for file in settings.files.iter().filter(|_| !is_multi) {
        if let Err(reason) = attacher.add(file) {
            report.refused.push((file.shown.clone(), reason));
        }
    }
    match report.refused.first() {
        Some((file, reason)) if report.refused.len() == settings.files.len() => Err(failed(&format!("{file}: {reason}"))),
        _ => {
            attacher.switch_on()?;
            Ok((Attached { links, records, memory, counters }, attacher, report))
        }
    }
}

impl Attacher {
    fn switch_on(&self) -> Result<(), Error> {
        let mut held = lock(&self.held);
        let switch = held.as_mut().and_then(|held| held.switch.as_mut()).ok_or_else(|| failed("the object lacks a map"))?;
        switch.set(true).map_err(|error| failed(&format!("it cannot be switched on: {error}")))
    }

    /// Probes a file. Nothing happens when the probe is not attached any more.
    pub fn add(&self, file: &File) -> Result<(), String> {
        let mut held = lock(&self.held);
        let Some(Held { hooks, programs, .. }) = held.as_mut() else { return Ok(()) };
        let (objects, run) = programs.parts();
        match (run, objects) {
            ([enter, leave, read], _) if self.is_multi => {
                hooks.extend(multi::attach_all([enter, leave, read], file).map_err(|error| error.to_string())?);
            }
            (_, [ebpf, ..]) => places::attach_each(ebpf, file).map_err(|error| error_chain(&error))?,
            (_, []) => {}
        }
        Ok(())
    }
}

fn load(settings: &Settings) -> Result<Ebpf, Error> {
    let offsets = kernel::offsets();
    let bpf_loop = kernel::has_loop();
    let mut loader = EbpfLoader::new();
    // No program here is relocated against the kernel's types; parsing them would take longer than all the rest.
    loader.btf(None);
    for (name, offset) in &offsets {
        loader.override_global(name, offset, true);
    }
    loader
        .override_global("FILTER_PROCESSES", &u8::from(!settings.processes.is_empty()), true)
        .override_global("FILTER_NAMES", &u8::from(!settings.names.is_empty()), true)
        .override_global("BPF_LOOP", &u8::from(bpf_loop), true)
        .map_max_entries("RECORDS", settings.ring_bytes)
        .load(ehl_probes::ssl_uprobe())
        .map_err(|error| unsupported(&error_chain(&error)))
}

fn fill_filters(ebpf: &mut Ebpf, settings: &Settings) -> Result<(), Error> {
    watch_processes(ebpf, &settings.processes)?;
    let full = |error: aya::maps::MapError| failed(&format!("its filters cannot be set: {error}"));
    let missing = || failed("the object lacks a map");
    let mut names: HashMap<_, [u8; 16], u8> = HashMap::try_from(ebpf.map_mut("NAMES").ok_or_else(missing)?).map_err(full)?;
    for name in &settings.names {
        names.insert(kernel::comm(name), 1, 0).map_err(full)?;
    }
    Ok(())
}

fn watch_processes(ebpf: &mut Ebpf, processes: &[u32]) -> Result<(), Error> {
    let full = |error: aya::maps::MapError| failed(&format!("its processes cannot be set: {error}"));
    let map = ebpf.map_mut("WATCHED").ok_or_else(|| failed("the object lacks a map"))?;
    let mut watched: HashMap<_, u32, u8> = HashMap::try_from(map).map_err(full)?;
    for process in processes {
        watched.insert(process, 1, 0).map_err(full)?;
    }
    Ok(())
}

/// What tells addresses; false where the kernel has neither.
fn watch_sockets(ebpf: &mut Ebpf) -> Result<bool, Error> {
    let mut watched = 0;
    for (program, tracepoint) in [("sent", "sock_send_length"), ("received", "sock_recv_length")] {
        let program: &mut RawTracePoint = program_of(ebpf, program)?;
        watched += usize::from(program.load().and_then(|()| program.attach(tracepoint)).is_ok());
    }
    if watched > 0 {
        return Ok(true);
    }
    for (program, function) in [("sending", "tcp_sendmsg"), ("receiving", "tcp_recvmsg")] {
        let program: &mut KProbe = program_of(ebpf, program)?;
        watched += usize::from(program.load().and_then(|()| program.attach(function, 0)).is_ok());
    }
    Ok(watched > 0)
}

/// Of processes and threads that begin or end.
fn follow(ebpf: &mut Ebpf, program: &str, tracepoint: &str) -> Result<(), Error> {
    let program: &mut RawTracePoint = program_of(ebpf, program)?;
    let attached = program.load().and_then(|()| program.attach(tracepoint));
    attached.map(drop).map_err(|error| failed(&format!("processes cannot be followed: {}", error_chain(&error))))
}

/// The links of all files, and the programs that they run; `None` when no file can be probed in this way.
fn attach_at_once(ebpf: &Ebpf, files: &[File], report: &mut Report) -> Option<(Vec<OwnedFd>, Vec<OwnedFd>)> {
    let Multi { enter, leave, read } = Multi::load(ehl_probes::ssl_uprobe(), ebpf).ok()?;
    let mut hooks = Vec::new();
    for file in files {
        match multi::attach_all([&enter, &leave, &read], file) {
            Ok(links) => hooks.extend(links),
            Err(error) => report.refused.push((file.shown.clone(), error.to_string())),
        }
    }
    if hooks.is_empty() {
        report.refused.clear();
        return None;
    }
    Some((hooks, vec![enter, leave, read]))
}

/// For perf events, one for each place.
fn load_each(ebpf: &mut Ebpf) -> Result<Vec<OwnedFd>, Error> {
    let mut run = Vec::new();
    for name in places::PROGRAMS {
        let program: &mut UProbe = program_of(ebpf, name)?;
        program.load().map_err(|error| unsupported(&error_chain(&error)))?;
        run.push(descriptor(program.fd()).map_err(|error| failed(&error))?);
    }
    Ok(run)
}

fn program_of<'e, P>(ebpf: &'e mut Ebpf, name: &str) -> Result<&'e mut P, Error>
where
    &'e mut P: TryFrom<&'e mut aya::programs::Program>,
{
    let program = ebpf.program_mut(name).ok_or_else(|| failed(&format!("the object has no program {name}")))?;
    program.try_into().map_err(|_| failed(&format!("its program {name} is of another type")))
}

/// It cannot be attached.
pub fn failed(reason: &str) -> Error {
    Error::Failed { probe: NAME, reason: reason.to_owned() }
}

/// A kernel that lacks a map type, a helper or the program type says EINVAL or worse at loading.
fn unsupported(reason: &str) -> Error {
    Error::Unsupported { probe: NAME, reason: reason.to_owned() }
}

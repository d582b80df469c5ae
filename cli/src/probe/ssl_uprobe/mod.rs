//! Loads `ssl-uprobe` and attaches it to TLS libraries: by links to many places of a file where the kernel has them, by perf events
//! elsewhere.

mod event;
mod grace;
mod kernel;
mod multi;
mod places;
mod seccomp;

use std::ffi::CStr;
use std::os::fd::{AsFd as _, OwnedFd};
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread;

use aya::maps::{HashMap, MapData};
use aya_obj::generated::bpf_attach_type::BPF_TRACE_UPROBE_MULTI;
use caps::Capability;
use perf_event::Builder;
use perf_event::events::KProbe;

use self::grace::Ready;
use super::object::{Loader, Object};
use super::programs::Programs;
use super::{Attached, Error, Held, Links, Memory, Records, Switch, TlsConnections, counters, lock, mapped, needs, syscall};
use crate::tls::site::Site;

pub use seccomp::returns_are_safe;

const NAME: &str = "ssl-uprobe";

/// The program at all places.
const CALL: &str = "call";
/// Programs that tell addresses, and their tracepoints (kernel 6.4).
const SOCKETS: [(&str, &CStr); 2] = [("sent", c"sock_send_length"), ("received", c"sock_recv_length")];

/// What the probe watches.
#[derive(Clone, Debug, Default)]
pub struct Settings {
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

/// Maps in the kernel.
pub struct Made {
    object: Object,
    statistics: Option<OwnedFd>,
    /// For the first file.
    ready: Ready,
}

/// Programs and maps in the kernel. Processes and sockets are followed; no file is probed.
pub struct Loaded {
    object: Object,
    /// The program for links to many places; what the kernel said, if it does not take it.
    at_once: Result<OwnedFd, String>,
    /// What tells addresses; none where the kernel has nothing for it.
    sockets: Vec<OwnedFd>,
    /// What follows processes.
    processes: Vec<OwnedFd>,
    records: Option<Records>,
    statistics: Option<OwnedFd>,
    /// For the first file.
    ready: Ready,
}

/// Makes the maps. [`check`] is to be asked before.
pub fn make(settings: &Settings) -> Result<Made, Error> {
    // What takes longest after the verifier, and needs no processor.
    let ready = Ready::start();
    let mut object = object(settings)?;
    watch_names(&mut object, &settings.names)?;
    let statistics = if settings.measure { Some(Programs::measure(NAME)?) } else { None };
    Ok(Made { object, statistics, ready })
}

/// Loads the programs, and does `meanwhile` what takes its time too: the verifier has one processor for a while. `list` lists the
/// processes to watch.
pub fn load<R: Send>(
    made: Made,
    settings: &Settings,
    list: &(dyn Fn() -> Result<Vec<u32>, String> + Sync),
    meanwhile: impl FnOnce() -> R + Send,
) -> (Result<Loaded, Error>, R) {
    let Made { mut object, statistics, ready } = made;
    let ring = object.take_map("RECORDS");
    // A new thread may have to wait for a processor, and the verifier takes longest.
    let (at_once, (result, sockets, processes, records)) = thread::scope(|scope| {
        let rest = scope.spawn(|| {
            let result = meanwhile();
            let (sockets, processes) = (watch_sockets(&object), follow_processes(&object, settings, list));
            (result, sockets, processes, mapped(ring))
        });
        let at_once = object.program_for(CALL, BPF_TRACE_UPROBE_MULTI);
        (at_once, rest.join().unwrap_or_else(|panic| resume_unwind(panic)))
    });
    (processes.map(|processes| Loaded { at_once, sockets, processes, records, statistics, ready, object }), result)
}

/// Attaches them to files.
pub fn attach(loaded: Loaded, files: &[File]) -> Result<(Attached, Attacher, Report), Error> {
    let Loaded { mut object, at_once, sockets, processes, records, statistics, ready } = loaded;
    let mut report = Report { has_addresses: !sockets.is_empty(), ..Report::default() };
    let mut hooks = [sockets, processes].into_iter().flatten().collect::<Vec<_>>();
    let at_once = at_once.ok().and_then(|program| Some((attach_at_once(&program, files, &mut report)?, program)));
    drop(ready);
    let is_multi = at_once.is_some();
    let run = match at_once {
        Some((links, program)) => {
            hooks.extend(links);
            program
        }
        None => object.program(CALL).map_err(|reason| unsupported(&reason))?,
    };
    let missing = || failed("the object lacks a map");
    let (records, counters) = (records.ok_or_else(missing)?, counters(NAME, &mut object).ok_or_else(missing)?);
    let memory = Memory::Tls(TlsConnections::of(&mut object).ok_or_else(missing)?);
    let switch = Switch::of(&mut object).ok_or_else(missing)?;
    let links = Links::new(hooks, Programs::new(vec![run], object.into_maps(), statistics), Some(switch));
    let attacher = Attacher { held: Arc::clone(&links.held), is_multi };
    for file in files.iter().filter(|_| !is_multi) {
        if let Err(reason) = attacher.add(file) {
            report.refused.push((file.shown.clone(), reason));
        }
    }
    match report.refused.first() {
        Some((file, reason)) if report.refused.len() == files.len() => Err(failed(&format!("{file}: {reason}"))),
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
        let [program] = programs.descriptors() else { return Ok(()) };
        let attach = if self.is_multi { multi::attach_all } else { places::attach_each };
        let added = attach(program.as_fd(), file);
        hooks.extend(added.map_err(|error| error.to_string())?);
        Ok(())
    }
}

/// Tells the programs what they want to know, and makes their maps.
fn object(settings: &Settings) -> Result<Object, Error> {
    let unfilled: &[_] = if kernel::has_stock() { &["THREADS", "WATCHED"] } else { &[] };
    let loader = Loader::new(ehl_probes::ssl_uprobe());
    let loader = unfilled.iter().fold(loader, |loader, map| loader.unfilled(map));
    loader
        .tell("FILTER_PROCESSES", [u8::from(!settings.processes.is_empty())])
        .tell("FILTER_NAMES", [u8::from(!settings.names.is_empty())])
        .tell_found(|| vec![("BPF_LOOP", vec![u8::from(kernel::has_loop())])])
        .tell_found(|| kernel::offsets().into_iter().map(|(name, offset)| (name, offset.to_ne_bytes().to_vec())).collect())
        .size("RECORDS", settings.ring_bytes)
        .load()
        .map_err(|reason| unsupported(&reason))
}

fn watch_names(object: &mut Object, names: &[String]) -> Result<(), Error> {
    let mut map: HashMap<&mut MapData, [u8; 16], u8> = object.map("NAMES").ok_or_else(|| failed("the object lacks a map"))?;
    for name in names {
        map.insert(kernel::comm(name), 1, 0).map_err(|error| failed(&format!("its filters cannot be set: {error}")))?;
    }
    Ok(())
}

/// What tells addresses: tracepoints, or functions where the kernel lacks those; nothing where it has neither.
fn watch_sockets(object: &Object) -> Vec<OwnedFd> {
    let at_tracepoint = |(program, name): (&str, _)| syscall::trace(object.program(program).ok()?.as_fd(), name).ok();
    let at_tracepoints: Vec<_> = SOCKETS.into_iter().filter_map(at_tracepoint).collect();
    if !at_tracepoints.is_empty() {
        return at_tracepoints;
    }
    let at_function = |(program, function)| {
        let probe = KProbe::probe(function, 0).ok()?;
        syscall::link_event(object.program(program).ok()?.as_fd(), &mut Builder::new(probe), 0).ok()
    };
    [("sending", "tcp_sendmsg"), ("receiving", "tcp_recvmsg")].into_iter().filter_map(at_function).collect()
}

/// What follows processes and threads that end; when only some are watched, also those that begin.
fn follow_processes(object: &Object, settings: &Settings, list: &dyn Fn() -> Result<Vec<u32>, String>) -> Result<Vec<OwnedFd>, Error> {
    let not_followed = |reason: &str| failed(&format!("processes cannot be followed: {reason}"));
    let follow = |program, tracepoint| {
        let program = object.program(program).map_err(|reason| not_followed(&reason))?;
        syscall::trace(program.as_fd(), tracepoint).map_err(|error| not_followed(&error.to_string()))
    };
    let mut hooks = vec![follow("exited", c"sched_process_exit")?];
    if !settings.processes.is_empty() {
        hooks.push(follow("forked", c"sched_process_fork")?);
        // From here on none is missed that they start.
        let map = object.descriptor("WATCHED").ok_or_else(|| failed("the object lacks a map"))?;
        for process in list().map_err(|reason| not_followed(&reason))? {
            syscall::set(map, &process.to_ne_bytes(), &[1]).map_err(|error| failed(&format!("its processes cannot be set: {error}")))?;
        }
    }
    Ok(hooks)
}

/// The links of all files; `None` when no file can be probed in this way.
fn attach_at_once(program: &OwnedFd, files: &[File], report: &mut Report) -> Option<Vec<OwnedFd>> {
    let mut hooks = Vec::new();
    for file in files {
        match multi::attach_all(program.as_fd(), file) {
            Ok(links) => hooks.extend(links),
            Err(error) => report.refused.push((file.shown.clone(), error.to_string())),
        }
    }
    if hooks.is_empty() {
        report.refused.clear();
        return None;
    }
    Some(hooks)
}

/// It cannot be attached.
pub fn failed(reason: &str) -> Error {
    Error::Failed { probe: NAME, reason: reason.to_owned() }
}

/// A kernel that lacks a map type, a helper or the program type says EINVAL or worse at loading.
fn unsupported(reason: &str) -> Error {
    Error::Unsupported { probe: NAME, reason: reason.to_owned() }
}

//! A place in a file as a perf event (perf_event_open(2)).

use std::ffi::CString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use perf_event::Builder;
use perf_event::events::KProbe;

use super::places::When;

const TYPE: &str = "/sys/bus/event_source/devices/uprobe/type";

/// Happens when a process gets there.
pub(super) fn uprobe(path: &Path, offset: u64, when: When) -> io::Result<Builder<'static>> {
    let kind = fs::read_to_string(TYPE)?.trim().parse().map_err(io::Error::other)?;
    // perf-event2 0.7 has such events, and cannot open them: but for the type, they are a kernel function's.
    let path = CString::new(path.as_os_str().as_bytes())?;
    let mut event = Builder::new(KProbe::for_function(when == When::Return, path, offset)?);
    event.attrs_mut().type_ = kind;
    Ok(event)
}

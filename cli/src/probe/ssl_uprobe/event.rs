//! A place in a file as a perf event (perf_event_open(2)).

use std::ffi::CString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use perf_event::Builder;
use perf_event::events::Raw;

use super::places::When;

const TYPE: &str = "/sys/bus/event_source/devices/uprobe/type";

/// Opens what happens when a process gets there.
pub(super) fn uprobe<R>(path: &Path, offset: u64, when: When, open: impl FnOnce(&mut Builder<'_>) -> io::Result<R>) -> io::Result<R> {
    let kind = fs::read_to_string(TYPE)?.trim().parse().map_err(io::Error::other)?;
    let path = CString::new(path.as_os_str().as_bytes())?;
    // perf-event2 0.7 has such events, and cannot open them. As numbers: bit 0 is for returns, then `uprobe_path` and `probe_offset`.
    let mut event = Builder::new(Raw::new(u64::from(when == When::Return)).config1(path.as_ptr() as u64).config2(offset));
    event.attrs_mut().type_ = kind;
    open(&mut event)
}

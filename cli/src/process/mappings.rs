//! Executable files as processes map them: programs that start, libraries that are loaded.
//!
//! The kernel tells of each such mapping in a ring for each CPU, which perf(1) reads too (`PERF_RECORD_MMAP2`,
//! perf_event_open(2)).

use std::fs;
use std::io;
use std::ops::Range;
use std::os::fd::{AsRawFd as _, BorrowedFd};
use std::time::Duration;

use perf_event::data::Record;
use perf_event::events::Software;
use perf_event::{Builder, Sampler};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::Mapping;

/// Bytes of a ring: some hundred mappings, which is more than a process makes when it starts.
const RING_BYTES: usize = 64 << 10;

/// All mappings from when it was opened on.
pub struct Mappings {
    rings: Vec<Sampler>,
}

/// What the kernel told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mapped {
    /// A process mapped a file to run code in it.
    File(MappedFile),
    /// Mappings were lost.
    Lost,
}

/// A file as a process mapped it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappedFile {
    /// The process.
    pub pid: u32,
    addresses: Range<u64>,
    device: u64,
    inode: u64,
    generation: u64,
    path: Vec<u8>,
}

impl MappedFile {
    /// What no other file has, also not one that gets its inode later.
    pub fn id(&self) -> (u64, u64, u64) {
        (self.device, self.inode, self.generation)
    }

    /// As /proc/PID/maps shows it.
    pub fn mapping(&self) -> Mapping<'_> {
        Mapping::new(self.addresses.clone(), self.device, self.inode, &self.path)
    }
}

impl Mappings {
    /// Takes CAP_PERFMON.
    pub fn open() -> io::Result<Self> {
        let mut rings = Vec::new();
        for cpu in online_cpus()? {
            let mut builder = Builder::new(Software::DUMMY);
            builder.any_pid().one_cpu(cpu).mmap(true).mmap2(true).wakeup_watermark(1);
            let mut ring = builder.build()?.sampled(RING_BYTES)?;
            ring.enable()?;
            rings.push(ring);
        }
        Ok(Self { rings })
    }

    /// Waits until there is something to read, or `stop` can be read, or the time is over.
    pub fn wait(&self, stop: BorrowedFd<'_>, time: Duration) {
        // SAFETY: the descriptors are open as long as the rings, which are borrowed.
        let rings = self.rings.iter().map(|ring| unsafe { BorrowedFd::borrow_raw(ring.as_counter().as_raw_fd()) });
        let mut fds: Vec<_> = rings.chain([stop]).map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)).collect();
        let timeout = Timespec { tv_sec: time.as_secs() as i64, tv_nsec: time.subsec_nanos().into() };
        // Whatever it says, there is a look.
        let _ = poll(&mut fds, Some(&timeout));
    }

    /// Passes on what is there now.
    pub fn drain(&mut self, mut each: impl FnMut(Mapped)) {
        for ring in &mut self.rings {
            while let Some(record) = ring.next_record() {
                match record.parse_record() {
                    Ok(Record::Mmap2(mapped)) => {
                        let (Some(major), Some(minor), Some(inode)) = (mapped.maj(), mapped.min(), mapped.ino()) else { continue };
                        let (addresses, device) = (mapped.addr..mapped.addr.saturating_add(mapped.len), rustix::fs::makedev(major, minor));
                        let path = mapped.filename.to_vec();
                        each(Mapped::File(MappedFile {
                            pid: mapped.pid,
                            addresses,
                            device,
                            inode,
                            generation: mapped.ino_generation().unwrap_or(0),
                            path,
                        }));
                    }
                    Ok(Record::Lost(_)) | Err(_) => each(Mapped::Lost),
                    Ok(_) => {}
                }
            }
        }
    }
}

/// As in /sys: `0-3,5`.
fn online_cpus() -> io::Result<Vec<usize>> {
    let list = fs::read_to_string("/sys/devices/system/cpu/online")?;
    parse_cpus(list.trim()).ok_or_else(|| io::Error::other("the list of CPUs does not read as expected"))
}

fn parse_cpus(list: &str) -> Option<Vec<usize>> {
    let mut cpus = Vec::new();
    for range in list.split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
        cpus.extend(first..=last);
    }
    Some(cpus)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_lists_of_cpus() {
        assert_eq!(parse_cpus("0"), Some(vec![0]));
        assert_eq!(parse_cpus("0-2,5"), Some(vec![0, 1, 2, 5]));
        assert_eq!((parse_cpus(""), parse_cpus("0-")), (None, None));
    }
}

//! All stages, one after the other.

use std::fs::File;
use std::io::{self, Cursor, Write as _};
use std::os::fd::AsRawFd as _;

use clap::Parser as _;
use criterion::{BatchSize, Criterion, Throughput};
use ehl::args::Cli;
use ehl::command::Outcome;
use ehl::http::head::Wanted;
use ehl::source::Source as _;
use ehl::source::capture_file::{CaptureFile, Watched};
use rustix::fs::{MemfdFlags, memfd_create};

use crate::aggregate::Statistics;
use crate::traffic::{EXCHANGES, FULL, Packet, follow, packets, pcap, tracker};

pub(crate) fn bench(criterion: &mut Criterion) {
    let packets = packets(&FULL);
    let segments: Vec<_> = packets.iter().map(Packet::segment).collect();
    let pcap: &'static [u8] = pcap(&packets).leak();
    let mut group = criterion.benchmark_group("whole");
    group.throughput(Throughput::Elements(EXCHANGES));
    let begin = || (tracker(Wanted::default()), Statistics::new());
    group.bench_function("segments to stats", |bencher| {
        bencher.iter_batched_ref(
            begin,
            |(tracker, statistics)| follow(tracker, &segments, &mut |exchange| statistics.add(exchange)),
            BatchSize::PerIteration,
        );
    });
    let open = || CaptureFile::open(Box::new(Cursor::new(pcap)), &Watched::default()).expect("a capture file");
    group.bench_function("packets to stats", |bencher| {
        bencher.iter_batched_ref(
            || (open(), begin()),
            |(source, (tracker, statistics))| {
                while source.drain(usize::MAX, &mut |segment| tracker.segment(segment, &mut |exchange| statistics.add(exchange))).records
                    > 0
                {}
            },
            BatchSize::PerIteration,
        );
    });
    let file = in_memory(pcap).expect("a file in memory");
    group.bench_function("packets to CSV", |bencher| bencher.iter(|| csv(&file)));
    group.finish();
}

/// As a user runs it.
fn csv(file: &File) {
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    let rows = EXCHANGES.to_string();
    let typed = ["ehl", "capture", "--quiet", "--format", "csv", "--output", "/dev/null", "--expect-min", &rows, "--read", &path];
    let outcome = ehl::command::run(&Cli::try_parse_from(typed).expect("options that are there"));
    assert_eq!(outcome.expect("a run over the file"), Outcome::Done);
}

fn in_memory(bytes: &[u8]) -> io::Result<File> {
    let mut file = File::from(memfd_create("capture", MemfdFlags::CLOEXEC)?);
    file.write_all(bytes)?;
    Ok(file)
}

//! A recording of the packets that a test sends, made by tcpdump.

use std::io::{BufRead as _, BufReader};
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{ChildStderr, Stdio};

use rustix::process::Signal;
use tempfile::TempDir;

use super::netns::Netns;
use super::process::Running;
use super::wait_for;

/// Everything to and from port 8080 on the loopback interface of a namespace.
pub(crate) struct Recording<'a> {
    netns: &'a Netns,
    process: Running,
    stderr: BufReader<ChildStderr>,
    folder: TempDir,
}

/// A datagram after all else.
const LAST: &[u8] = b"the last of the packets";

impl<'a> Recording<'a> {
    /// Returns when tcpdump listens.
    pub(crate) fn start(netns: &'a Netns) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the recording");
        let mut tcpdump = netns.command("tcpdump");
        // As root, or it may not write there; with a buffer for bursts.
        tcpdump.args("-Z root -i lo -s 0 -B 65536 -U -w".split(' ')).arg(folder.path().join("pcap")).args(["port", "8080"]);
        let mut process = Running::start(tcpdump.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()));
        let mut stderr = BufReader::new(process.child().stderr.take().expect("stderr is piped"));
        let mut line = String::new();
        while !line.contains("listening on") {
            line.clear();
            assert_ne!(stderr.read_line(&mut line).expect("stderr is text"), 0, "tcpdump ends before it listens");
        }
        Self { netns, process, stderr, folder }
    }

    /// Ends tcpdump when it has written what was sent; the file lives as long as what this returns.
    #[track_caller]
    pub(crate) fn finish(mut self) -> (TempDir, PathBuf) {
        let file = self.folder.path().join("pcap");
        self.netns.run(|| {
            let socket = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
            socket.send_to(LAST, "127.0.0.1:8080").expect("loopback takes a datagram");
        });
        wait_for("the last packet", || std::fs::read(&file).ok()?.ends_with(LAST).then_some(()));
        self.process.signal(Signal::INT);
        self.process.wait();
        let said: Vec<_> = self.stderr.lines().map_while(Result::ok).collect();
        assert!(said.iter().any(|line| line.starts_with("0 packets dropped")), "{said:?}");
        (self.folder, file)
    }
}

/// The frames of HTTP/2 in a recording, as tshark reads them.
pub(crate) fn frames(netns: &Netns, file: &Path) -> Vec<Frame> {
    let mut tshark = netns.command("tshark");
    tshark.arg("-r").arg(file).args(["-d", "tcp.port==8080,http2", "-Y", "http2", "-T", "fields"]);
    tshark.args(["tcp.srcport", "tcp.dstport", "http2.streamid", "http2.type", "http2.length"].iter().flat_map(|field| ["-e", field]));
    let output = super::netns::run(&mut tshark);
    let text = String::from_utf8(output.stdout).expect("tshark prints text");
    text.lines().flat_map(frames_of_a_packet).collect()
}

/// One frame; `length` is that of its payload.
pub(crate) struct Frame {
    pub(crate) from: u16,
    pub(crate) to: u16,
    pub(crate) stream: u32,
    pub(crate) kind: u8,
    pub(crate) length: u64,
}

/// Tab-separated fields, each a list with an item for each frame.
fn frames_of_a_packet(line: &str) -> Vec<Frame> {
    let fields: Vec<Vec<u64>> = line.split('\t').map(|field| field.split(',').filter_map(|item| item.parse().ok()).collect()).collect();
    let [from, to, streams, kinds, lengths] = &fields[..] else {
        panic!("five fields: {line}");
    };
    assert!(streams.len() == kinds.len() && kinds.len() == lengths.len(), "as many of each: {line}");
    let small = |number: u64| u16::try_from(number).expect("a port is small");
    let frame = |((stream, kind), length): ((&u64, &u64), &u64)| Frame {
        from: small(from[0]),
        to: small(to[0]),
        stream: u32::try_from(*stream).expect("31 bits"),
        kind: u8::try_from(*kind).expect("a byte"),
        length: *length,
    };
    streams.iter().zip(kinds).zip(lengths).map(frame).collect()
}

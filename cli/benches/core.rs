//! Exchanges per second on one core, from packets in memory: read, paired and redacted, and printed as CSV.

use std::fs::File;
use std::io::{self, Cursor, Write as _};
use std::os::fd::AsRawFd as _;
use std::time::Instant;

use clap::Parser as _;
use ehl::args::Cli;
use ehl::http::head::Wanted;
use ehl::http::redact::{Mode, Redactor};
use ehl::http::tracker::Tracker;
use ehl::source::Source as _;
use ehl::source::capture_file::{CaptureFile, Watched};
use rustix::fs::{MemfdFlags, memfd_create};

const CONNECTIONS: u32 = 5_000;
/// Of one connection, one after the other.
const EXCHANGES: u32 = 20;
/// How many connections go on at a time.
const CONCURRENT: u32 = 250;
const ROUNDS: usize = 5;
/// Stands for digits that are others in each exchange.
const NUMBER: &[u8] = b"00000000";

const REQUEST: &str = "POST /v1/threads/00000000/runs HTTP/1.1\r\nHost: api.internal.example\r\n\
    User-Agent: OpenAI/Python 1.30.1\r\nAccept: application/json\r\nAccept-Encoding: gzip, deflate\r\n\
    Connection: keep-alive\r\nAuthorization: Bearer sk-proj-Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5\r\n\
    X-Request-Id: 00000000-7d3a-4a53-9c57-1f0f3f6b2a10\r\nX-Forwarded-For: 203.0.113.7\r\n\
    traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\nContent-Type: application/json\r\n\
    Content-Length: 26\r\n\r\n{\"model\":\"m\",\"input\":\"abc\"}";
const RESPONSE: &str = "HTTP/1.1 200 OK\r\nDate: Fri, 02 Jan 2026 03:04:05 GMT\r\nContent-Type: application/json\r\n\
    Content-Length: 13\r\nConnection: keep-alive\r\nServer: nginx\r\nX-Request-Id: 00000000-7d3a-4a53-9c57-1f0f3f6b2a10\r\n\
    Cache-Control: no-store\r\n\r\n{\"text\":\"ok\"}";

fn main() -> anyhow::Result<()> {
    let pcap: &'static [u8] = capture().leak();
    let file = in_memory(pcap)?;
    let mut out = io::stdout().lock();
    let stages: [(&str, &dyn Fn() -> anyhow::Result<u64>); 3] =
        [("segments", &|| segments(pcap)), ("exchanges", &|| exchanges(pcap)), ("csv", &|| csv(&file))];
    let mut best = [f64::INFINITY; 3];
    for _ in 0..ROUNDS {
        for ((_, stage), best) in stages.iter().zip(&mut best) {
            let start = Instant::now();
            anyhow::ensure!(stage()? > 0, "nothing was found");
            *best = best.min(start.elapsed().as_secs_f64());
        }
    }
    for ((name, _), seconds) in stages.iter().zip(best) {
        writeln!(out, "{name:9} {:>10.0} exchanges/s", f64::from(CONNECTIONS * EXCHANGES) / seconds)?;
    }
    Ok(())
}

/// Packets to segments.
fn segments(pcap: &'static [u8]) -> anyhow::Result<u64> {
    let mut found = 0;
    let mut source = CaptureFile::open(Box::new(Cursor::new(pcap)), &Watched::default())?;
    while source.drain(usize::MAX, &mut |_| found += 1).records > 0 {}
    Ok(found)
}

/// Packets to exchanges without secrets.
fn exchanges(pcap: &'static [u8]) -> anyhow::Result<u64> {
    let mut found = 0;
    let mut source = CaptureFile::open(Box::new(Cursor::new(pcap)), &Watched::default())?;
    let mut tracker = Tracker::new(Wanted::default(), Redactor::new(Mode::Mask, [0, 0]));
    while source.drain(usize::MAX, &mut |segment| tracker.segment(segment, &mut |_| found += 1)).records > 0 {}
    anyhow::ensure!(found == u64::from(CONNECTIONS * EXCHANGES), "{found} exchanges");
    Ok(found)
}

/// All of it, as a user runs it.
fn csv(file: &File) -> anyhow::Result<u64> {
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    let rows = (CONNECTIONS * EXCHANGES).to_string();
    let typed = ["ehl", "capture", "--quiet", "--format", "csv", "--output", "/dev/null", "--expect-min", &rows, "--read", &path];
    let outcome = ehl::command::run(&Cli::try_parse_from(typed)?)?;
    Ok(u64::from(outcome == ehl::command::Outcome::Done))
}

fn in_memory(bytes: &[u8]) -> io::Result<File> {
    let mut file = File::from(memfd_create("capture", MemfdFlags::CLOEXEC)?);
    file.write_all(bytes)?;
    Ok(file)
}

/// A pcap file of connections that take turns, each request and each response in one packet.
fn capture() -> Vec<u8> {
    let mut pcap = Vec::new();
    for word in [0xa1b2_3c4d, 0x0004_0002, 0, 0, 0xffff, 101_u32] {
        pcap.extend_from_slice(&word.to_le_bytes());
    }
    let (mut request, mut response) = (REQUEST.as_bytes().to_vec(), RESPONSE.as_bytes().to_vec());
    let places = [places(&request), places(&response)];
    let mut time_us = 0;
    for group in (0..CONNECTIONS).step_by(CONCURRENT as usize) {
        for exchange in 0..EXCHANGES {
            for connection in group..group + CONCURRENT {
                let client = Sent { connection, sequence: 1 + exchange * request.len() as u32 };
                let server = Sent { connection, sequence: 1 + exchange * response.len() as u32 };
                if exchange == 0 {
                    packet(&mut pcap, time_us, &Sent { sequence: 0, ..client }, true, SYN, 0, b"");
                    packet(&mut pcap, time_us, &Sent { sequence: 0, ..server }, false, SYN | ACK, 1, b"");
                }
                for (message, places) in [&mut request, &mut response].into_iter().zip(&places) {
                    let number = format!("{:08x}", time_us.wrapping_mul(0x9e37_79b1));
                    places.iter().for_each(|place| message[*place..place + NUMBER.len()].copy_from_slice(number.as_bytes()));
                }
                packet(&mut pcap, time_us, &client, true, ACK, server.sequence, &request);
                packet(&mut pcap, time_us + 50, &server, false, ACK, client.sequence + request.len() as u32, &response);
                time_us += 1;
            }
        }
    }
    pcap
}

fn places(message: &[u8]) -> Vec<usize> {
    message.windows(NUMBER.len()).enumerate().filter(|(_, window)| *window == NUMBER).map(|(place, _)| place).collect()
}

const SYN: u8 = 0x02;
const ACK: u8 = 0x10;

struct Sent {
    connection: u32,
    sequence: u32,
}

fn packet(pcap: &mut Vec<u8>, time_us: u32, sent: &Sent, by_client: bool, flags: u8, acknowledgement: u32, payload: &[u8]) {
    let len = 40 + payload.len() as u32;
    for word in [1_767_323_045 + time_us / 1_000_000, time_us % 1_000_000 * 1000, len, len] {
        pcap.extend_from_slice(&word.to_le_bytes());
    }
    let client = ((0x0a00_0000 + sent.connection).to_be_bytes(), (32_768 + (sent.connection % 28_000) as u16).to_be_bytes());
    let server = ([192, 0, 2, 1], 8080_u16.to_be_bytes());
    let (from, to) = if by_client { (client, server) } else { (server, client) };
    pcap.extend_from_slice(&[0x45, 0]);
    pcap.extend_from_slice(&(len as u16).to_be_bytes());
    pcap.extend_from_slice(&[0, 0, 0x40, 0, 64, 6, 0, 0]);
    pcap.extend_from_slice(&from.0);
    pcap.extend_from_slice(&to.0);
    pcap.extend_from_slice(&from.1);
    pcap.extend_from_slice(&to.1);
    pcap.extend_from_slice(&sent.sequence.to_be_bytes());
    pcap.extend_from_slice(&acknowledgement.to_be_bytes());
    pcap.extend_from_slice(&[0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    pcap.extend_from_slice(payload);
}

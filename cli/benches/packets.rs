//! What the packet probes cost: nanoseconds per packet by `BPF_PROG_TEST_RUN`, beside a program that does nothing and one that only
//! counts. Prints one JSON document; `scripts/bench` makes a table of it. Needs root.

#[path = "../tests/support/program.rs"]
#[expect(dead_code, reason = "a part of it is for tests")]
mod program;

use std::io::{self, Write as _};
use std::os::fd::{IntoRawFd as _, OwnedFd};

use aya_obj::generated::{bpf_cmd, bpf_map_type, bpf_prog_type};
use ehl_probes_common::flow::By;
use program::{Program, RECORDS, Settings, open, run, zeroed};
use serde_json::{Value, json};

const ROUNDS: usize = 15;
/// Their records fit the ring.
const PACKETS: u32 = 100_000;

fn main() -> anyhow::Result<()> {
    let mut figures = Vec::new();
    for hook in [Hook::Xdp, Hook::Tc] {
        let mut subjects = subjects(hook)?;
        for (name, packet) in [("TCP over IPv4", tcp_over_ipv4()), ("TCP over IPv6", tcp_over_ipv6())] {
            figures.extend(measure(hook, name, &packet, &mut subjects)?);
        }
    }
    let document = json!({ "schema": "ehl.bench.packets/1", "rounds": ROUNDS, "packets": PACKETS, "figures": figures });
    Ok(writeln!(io::stdout(), "{document:#}")?)
}

fn subjects(hook: Hook) -> anyhow::Result<Vec<Subject>> {
    Ok(vec![
        Subject::plain(hook, "empty", &[])?,
        Subject::plain(hook, "count", &count(counter()?))?,
        Subject::probe(hook, "flows", By::Tuple as u32),
        Subject::probe(hook, "flows by interface", By::Interface as u32),
        Subject::probe(hook, "records", RECORDS),
    ])
}

/// In each round, all of them: drift of the machine favours nobody.
fn measure(hook: Hook, name: &str, packet: &[u8], subjects: &mut [Subject]) -> anyhow::Result<Vec<Value>> {
    let mut times = vec![Vec::new(); subjects.len()];
    for _ in 0..ROUNDS {
        for (subject, times) in subjects.iter_mut().zip(&mut times) {
            times.push(subject.ns_per_packet(packet)?);
        }
    }
    let figures = subjects.iter().zip(times).map(|(subject, times)| {
        json!({ "hook": hook.name(), "packet": name, "subject": subject.name, "verified": subject.verified(), "ns": times })
    });
    Ok(figures.collect())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Hook {
    Xdp,
    Tc,
}

impl Hook {
    fn name(self) -> &'static str {
        match self {
            Self::Xdp => "xdp-headers",
            Self::Tc => "tc-headers",
        }
    }

    fn program(self) -> &'static str {
        match self {
            Self::Xdp => "xdp_headers",
            Self::Tc => "ingress",
        }
    }

    fn program_type(self) -> bpf_prog_type {
        match self {
            Self::Xdp => bpf_prog_type::BPF_PROG_TYPE_XDP,
            Self::Tc => bpf_prog_type::BPF_PROG_TYPE_SCHED_CLS,
        }
    }

    /// `XDP_PASS`, `TC_ACT_UNSPEC`.
    fn pass(self) -> i32 {
        match self {
            Self::Xdp => 2,
            Self::Tc => -1,
        }
    }
}

/// What is measured.
struct Subject {
    name: &'static str,
    code: Code,
}

enum Code {
    /// So many instructions that need nothing else.
    Plain(OwnedFd, usize),
    Probe(Box<Program>),
}

impl Subject {
    fn probe(hook: Hook, name: &'static str, flows_by: u32) -> Self {
        let settings = Settings { flows_by, deadline_ns: u64::MAX, ..Settings::default() };
        Self { name, code: Code::Probe(Box::new(Program::load(hook.program(), &settings))) }
    }

    /// Instructions that end by letting the packet pass.
    fn plain(hook: Hook, name: &'static str, instructions: &[u64]) -> anyhow::Result<Self> {
        const MOVE: u8 = 0xb7;
        const EXIT: u8 = 0x95;
        let pass = [instruction(MOVE, 0, 0, 0, hook.pass()), instruction(EXIT, 0, 0, 0, 0)];
        let instructions = [instructions, &pass].concat();
        let mut attr = zeroed();
        // SAFETY: all variants are plain numbers.
        let load = unsafe { &mut attr.__bindgen_anon_3 };
        load.prog_type = hook.program_type() as u32;
        load.insns = instructions.as_ptr() as u64;
        load.insn_cnt = u32::try_from(instructions.len())?;
        load.license = c"GPL".as_ptr() as u64;
        let program = open(bpf_cmd::BPF_PROG_LOAD, &mut attr)?;
        Ok(Self { name, code: Code::Plain(program, instructions.len()) })
    }

    fn ns_per_packet(&mut self, packet: &[u8]) -> anyhow::Result<u32> {
        match &mut self.code {
            Code::Plain(program, _) => Ok(run(program, packet, PACKETS, None)?.ns),
            Code::Probe(program) => {
                let run = program.run(packet, PACKETS);
                // Makes room in the ring.
                program.records();
                Ok(run.ns)
            }
        }
    }

    /// How many instructions the verifier looked at.
    fn verified(&self) -> usize {
        match &self.code {
            Code::Plain(_, instructions) => *instructions,
            Code::Probe(program) => program.verified as usize,
        }
    }
}

/// An array of one number for each CPU.
fn counter() -> io::Result<OwnedFd> {
    let mut attr = zeroed();
    // SAFETY: all variants are plain numbers.
    let map = unsafe { &mut attr.__bindgen_anon_1 };
    map.map_type = bpf_map_type::BPF_MAP_TYPE_PERCPU_ARRAY as u32;
    map.key_size = 4;
    map.value_size = 8;
    map.max_entries = 1;
    open(bpf_cmd::BPF_MAP_CREATE, &mut attr)
}

/// Adds one to the number. The program that is loaded keeps the map.
fn count(map: OwnedFd) -> Vec<u64> {
    const STORE: u8 = 0x62;
    const COPY: u8 = 0xbf;
    const ADD: u8 = 0x07;
    const LOAD_MAP: u8 = 0x18;
    const CALL: u8 = 0x85;
    const JUMP_IF_EQUAL: u8 = 0x15;
    const LOAD_WORD: u8 = 0x79;
    const STORE_WORD: u8 = 0x7b;
    const MAP_LOOKUP_ELEM: i32 = 1;
    let map = map.into_raw_fd();
    vec![
        instruction(STORE, 10, 0, -4, 0),
        instruction(COPY, 2, 10, 0, 0),
        instruction(ADD, 2, 0, 0, -4),
        instruction(LOAD_MAP, 1, 1, 0, map),
        0,
        instruction(CALL, 0, 0, 0, MAP_LOOKUP_ELEM),
        instruction(JUMP_IF_EQUAL, 0, 0, 3, 0),
        instruction(LOAD_WORD, 1, 0, 0, 0),
        instruction(ADD, 1, 0, 0, 1),
        instruction(STORE_WORD, 0, 1, 0, 0),
    ]
}

/// One instruction (RFC 9669 section 3), on a little-endian host.
fn instruction(code: u8, to: u64, from: u64, offset: i16, immediate: i32) -> u64 {
    u64::from(code) | to << 8 | from << 12 | u64::from(offset as u16) << 16 | u64::from(immediate as u32) << 32
}

fn tcp_over_ipv4() -> Vec<u8> {
    let mut frame = [&[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x08, 0][..], &[0x45, 0, 0, 152, 0, 0, 0x40, 0, 64, 6, 0, 0]].concat();
    frame.extend([10, 0, 0, 1, 10, 0, 0, 2]);
    frame.extend(TCP);
    frame
}

fn tcp_over_ipv6() -> Vec<u8> {
    let mut frame = [&[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x86, 0xdd][..], &[0x60, 0, 0, 0, 0, 132, 6, 64]].concat();
    frame.extend([0xfd; 32]);
    frame.extend(TCP);
    frame
}

/// With 12 bytes of options, as usual, and 100 of payload.
const TCP: [u8; 132] = {
    let mut bytes = [1; 132];
    let (fixed, _) = bytes.split_at_mut(20);
    fixed.copy_from_slice(&[0x1f, 0x90, 0xc3, 0x50, 0, 0, 0, 7, 0, 0, 0, 9, 0x80, 0x18, 0x20, 1, 0, 0, 0, 0]);
    bytes
};

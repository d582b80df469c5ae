//! The programs of the packet probes, loaded and not attached, run on packets of our own (`BPF_PROG_TEST_RUN`). Needs root.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, FromRawFd as _, OwnedFd, RawFd};

use aya::maps::lpm_trie::{Key, LpmTrie};
use aya::maps::{Array, MapData, PerCpuArray, RingBuf};
use aya::programs::{ProgramFd, ProgramInfo, SchedClassifier, Xdp};
use aya::util::nr_cpus;
use aya::{Ebpf, EbpfLoader};
use aya_obj::generated::{bpf_attr, bpf_cmd};
use ehl_probes_common::counter::Counter;
use ehl_probes_common::flow::{Flow, FlowKey, FlowTotals};
use ehl_probes_common::packet::record::PacketRecord;

/// `FLOWS_BY` of programs that submit records.
pub(crate) const RECORDS: u32 = u32::MAX;

/// What the programs are told.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) flows_by: u32,
    pub(crate) sample: u32,
    pub(crate) deadline_ns: u64,
    pub(crate) max_flows: u32,
    pub(crate) ports: Vec<u16>,
    /// As `::ffff:a.b.c.d`, with the length of the prefix.
    pub(crate) networks: Vec<([u8; 16], u32)>,
    pub(crate) protocols: Vec<u8>,
    pub(crate) ethertypes: [u16; 8],
    /// Flags of TCP that are set, and that are not.
    pub(crate) tcp_flags: (u8, u8),
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            flows_by: RECORDS,
            sample: 1,
            deadline_ns: 0,
            max_flows: 1024,
            ports: Vec::new(),
            networks: Vec::new(),
            protocols: Vec::new(),
            ethertypes: [0; 8],
            tcp_flags: (0, 0),
        }
    }
}

/// A program, and the maps of its object.
pub(crate) struct Program {
    object: Ebpf,
    descriptor: OwnedFd,
    /// How many instructions the verifier looked at.
    pub(crate) verified: u32,
    records: RingBuf<MapData>,
}

/// What a run says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// What the program returned.
    pub(crate) verdict: i32,
    /// Nanoseconds per packet.
    pub(crate) ns: u32,
}

impl Program {
    /// The programs are those of [`ehl_probes::xdp_headers`] and [`ehl_probes::tc_headers`], by name.
    pub(crate) fn load(name: &str, settings: &Settings) -> Self {
        let is_xdp = name == "xdp_headers";
        let (set, clear) = settings.tcp_flags;
        let has_protocols = !settings.protocols.is_empty() || settings.ethertypes != [0; 8];
        let mut object = EbpfLoader::new()
            .btf(None)
            .override_global("FLOWS_BY", &settings.flows_by, true)
            .override_global("SAMPLE", &settings.sample, true)
            .override_global("DEADLINE_NS", &settings.deadline_ns, true)
            .override_global("FILTER_PORTS", &u8::from(!settings.ports.is_empty()), true)
            .override_global("FILTER_NETWORKS", &u8::from(!settings.networks.is_empty()), true)
            .override_global("FILTER_PROTOCOLS", &u8::from(has_protocols), true)
            .override_global("ETHERTYPES", &settings.ethertypes, true)
            .override_global("TCP_FLAGS_SET", &set, true)
            .override_global("TCP_FLAGS_CLEAR", &clear, true)
            .map_max_entries("FLOWS", settings.max_flows)
            .map_max_entries("TOTALS", settings.max_flows + nr_cpus().expect("the kernel tells") as u32)
            .map_max_entries("RECORDS", 16 << 20)
            .load(if is_xdp { ehl_probes::xdp_headers() } else { ehl_probes::tc_headers() })
            .expect("the object loads");
        fill_filters(&mut object, settings);
        let (program, info) = if is_xdp { xdp(&mut object) } else { classifier(&mut object, name) };
        let descriptor = program.as_fd().try_clone_to_owned().expect("a descriptor");
        let verified = info.verified_instruction_count().unwrap_or(0);
        let records = RingBuf::try_from(object.take_map("RECORDS").expect("the object has it")).expect("a ring");
        Self { object, descriptor, verified, records }
    }

    /// Shows it a frame so many times.
    pub(crate) fn run(&self, frame: &[u8], times: u32) -> Run {
        run(&self.descriptor, frame, times, None).expect("the program runs")
    }

    /// The same frame as one that stands for several, each of `size` bytes.
    pub(crate) fn run_segments(&self, frame: &[u8], segments: u32, size: u32) -> Run {
        // Places in `struct __sk_buff` (linux/bpf.h).
        const GSO_SEGS: usize = 164 / 4;
        const GSO_SIZE: usize = 176 / 4;
        let mut context = SkBuff::default();
        context.0[GSO_SEGS] = segments;
        context.0[GSO_SIZE] = size;
        run(&self.descriptor, frame, 1, Some(&context)).expect("the program runs")
    }

    /// The records since the last call.
    pub(crate) fn records(&mut self) -> Vec<PacketRecord> {
        let mut records = Vec::new();
        while let Some(bytes) = self.records.next() {
            records.push(PacketRecord::decode(&bytes).expect("a whole record"));
        }
        records
    }

    pub(crate) fn counter(&self, counter: Counter) -> u64 {
        let counters: PerCpuArray<_, u64> =
            PerCpuArray::try_from(self.object.map("COUNTERS").expect("the object has it")).expect("an array");
        counters.get(&counter.index(), 0).expect("the counter is there").iter().sum()
    }

    pub(crate) fn flows(&self) -> HashMap<FlowKey, FlowTotals> {
        let places: Array<_, [u8; size_of::<Flow>()]> =
            Array::try_from(self.object.map("TOTALS").expect("the object has it")).expect("an array");
        let mut flows = HashMap::new();
        for place in places.iter() {
            // SAFETY: the kernel's bytes, which are valid for every bit pattern.
            let Flow { key, totals } = unsafe { read(&place.expect("it can be read")) };
            let is_one = totals.packets != 0;
            assert!(!is_one || flows.insert(key, totals).is_none(), "{key:?} has two places");
        }
        flows
    }

    /// Totals of what did not fit, of each CPU.
    pub(crate) fn other(&self) -> Vec<FlowTotals> {
        let other: PerCpuArray<_, [u8; size_of::<FlowTotals>()]> =
            PerCpuArray::try_from(self.object.map("OTHER").expect("the object has it")).expect("an array");
        // SAFETY: the kernel's bytes, which are valid for every bit pattern.
        other.get(&0, 0).expect("it is there").iter().map(|totals| unsafe { read(totals) }).collect()
    }
}

/// # Safety
/// The bytes are those of a `T`.
unsafe fn read<T, const N: usize>(bytes: &[u8; N]) -> T {
    assert_eq!(size_of::<T>(), N);
    // SAFETY: by the caller's promise; the read does not assume alignment.
    unsafe { bytes.as_ptr().cast::<T>().read_unaligned() }
}

fn fill_filters(object: &mut Ebpf, settings: &Settings) {
    let mut ports: Array<_, [u64; 1024]> = Array::try_from(object.map_mut("PORTS").expect("the object has it")).expect("an array");
    let mut bits = [0; 1024];
    settings.ports.iter().for_each(|port| bits[usize::from(port >> 6)] |= 1 << (port & 63));
    ports.set(0, bits, 0).expect("it is set");
    let mut protocols: Array<_, [u64; 4]> = Array::try_from(object.map_mut("PROTOCOLS").expect("the object has it")).expect("an array");
    let mut bits = [0; 4];
    settings.protocols.iter().for_each(|protocol| bits[usize::from(protocol >> 6)] |= 1 << (protocol & 63));
    protocols.set(0, bits, 0).expect("it is set");
    let mut networks: LpmTrie<_, [u8; 16], u8> = LpmTrie::try_from(object.map_mut("NETWORKS").expect("the object has it")).expect("a trie");
    for (address, prefix) in &settings.networks {
        networks.insert(&Key::new(*prefix, *address), 1, 0).expect("there is room");
    }
}

fn xdp(object: &mut Ebpf) -> (ProgramFd, ProgramInfo) {
    let program: &mut Xdp = object.program_mut("xdp_headers").expect("the object has it").try_into().expect("an XDP program");
    program.load().expect("the verifier takes it");
    (program.fd().and_then(|fd| Ok(fd.try_clone()?)).expect("a descriptor"), program.info().expect("it can be asked"))
}

fn classifier(object: &mut Ebpf, name: &str) -> (ProgramFd, ProgramInfo) {
    let program: &mut SchedClassifier = object.program_mut(name).expect("the object has it").try_into().expect("a classifier");
    program.load().expect("the verifier takes it");
    (program.fd().and_then(|fd| Ok(fd.try_clone()?)).expect("a descriptor"), program.info().expect("it can be asked"))
}

/// `struct __sk_buff`.
pub(crate) struct SkBuff([u32; 48]);

impl Default for SkBuff {
    fn default() -> Self {
        Self([0; 48])
    }
}

/// Runs any program of these types.
pub(crate) fn run(program: &OwnedFd, frame: &[u8], times: u32, context: Option<&SkBuff>) -> io::Result<Run> {
    let mut attr = zeroed();
    // SAFETY: all variants are plain numbers.
    let test = unsafe { &mut attr.test };
    test.prog_fd = program.as_raw_fd() as u32;
    test.data_in = frame.as_ptr() as u64;
    test.data_size_in = frame.len() as u32;
    test.repeat = times;
    if let Some(context) = context {
        test.ctx_in = std::ptr::from_ref(context) as u64;
        test.ctx_size_in = size_of_val(context) as u32;
    }
    bpf(bpf_cmd::BPF_PROG_TEST_RUN, &mut attr)?;
    // SAFETY: likewise; the kernel wrote this one.
    let test = unsafe { attr.test };
    Ok(Run { verdict: test.retval as i32, ns: test.duration })
}

pub(crate) fn zeroed() -> bpf_attr {
    // SAFETY: all variants are plain numbers, for which zero is a value.
    unsafe { std::mem::zeroed() }
}

/// A command that opens something.
pub(crate) fn open(command: bpf_cmd, attr: &mut bpf_attr) -> io::Result<OwnedFd> {
    let descriptor = bpf(command, attr)?;
    // SAFETY: the kernel just opened it for us.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

fn bpf(command: bpf_cmd, attr: &mut bpf_attr) -> io::Result<RawFd> {
    // SAFETY: the attributes are those of the command, and what they point to lives as long as the call.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command as libc::c_long, std::ptr::from_mut(attr), size_of::<bpf_attr>()) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result as RawFd) }
}

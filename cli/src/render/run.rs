//! What is said about a run beside its rows: where and when it looked, why it stopped, what it counted.

/// Where and when a run looked; known once the probe is attached, or the file is open.
#[derive(Clone, Debug, Default)]
pub struct Run {
    /// Name of the host that was looked at; `None` when that is not known, as of a file.
    pub host: Option<String>,
    /// Its kernel release.
    pub kernel: Option<String>,
    /// Name of the probe; `None` where none was used.
    pub probe: Option<&'static str>,
    /// What the probe is attached to: interfaces, libraries, or the file that was read.
    pub attached: Vec<String>,
    /// When it was attached, or the first packet captured, in nanoseconds since 1970.
    pub started_at_ns: u64,
}

/// How a run ended.
#[derive(Clone, Debug)]
pub struct Summary {
    /// When it stopped looking, or the last packet was captured, in nanoseconds since 1970.
    pub ended_at_ns: u64,
    /// Why it stopped looking.
    pub stop_reason: StopReason,
    /// What it counted. A renderer puts the number of rows that it wrote itself into `rows`.
    pub accounting: Accounting,
    /// Whose traffic the probe could not see; `None` when that was not looked for.
    pub unseen: Option<Vec<Unseen>>,
    /// What the rows say, in plain sentences.
    pub sentences: Vec<String>,
    /// Rows of which a condition of `--fail-if` held.
    pub failed: u64,
}

/// A process whose TLS could not be looked into, or processes that cannot be named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unseen {
    /// Process id.
    pub pid: Option<u32>,
    /// Its name.
    pub comm: Option<String>,
    /// Ports of its connections, of either end, that are watched.
    pub ports: Vec<u16>,
    /// Why, in a word for scripts: `go`.
    pub reason: &'static str,
    /// And in words for people.
    pub explanation: String,
}

/// Why a run stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// The time of `--for` was over.
    Deadline,
    /// The rows of `--count` were there.
    Count,
    /// SIGINT or SIGTERM.
    Signal,
    /// The reader of the output went away.
    ClosedPipe,
    /// The command after `--` ended.
    Command,
    /// The file of `--read` was at its end.
    EndOfInput,
    /// An error.
    Failed,
}

impl StopReason {
    /// The name in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deadline => "deadline",
            Self::Count => "count",
            Self::Signal => "signal",
            Self::ClosedPipe => "closed_pipe",
            Self::Command => "command",
            Self::EndOfInput => "end_of_input",
            Self::Failed => "failed",
        }
    }
}

/// What became of every event, message and row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accounting {
    /// Events that the probe saw: `submitted + lost`, or packets read from a file.
    pub events: u64,
    /// Events that did not fit the ring buffer, and program runs that the kernel missed.
    pub lost: u64,
    /// Packets seen a second time, on loopback or on both ends of a pair; not reported.
    pub duplicates: u64,
    /// Heads cut by the capture window or a cap.
    pub truncated: u64,
    /// Messages given up on because they are not what they claim to be.
    pub undecodable: u64,
    /// Fields of HTTP/2 of which the name, the value or both are unknown: they were sent before the run, or lost.
    pub unknown_fields: u64,
    /// Rows left out by a filter.
    pub filtered: u64,
    /// Requests whose response was not seen.
    pub unpaired_requests: u64,
    /// Responses whose request was not seen.
    pub unpaired_responses: u64,
    /// Rows written.
    pub rows: u64,
    /// Events that reached user space.
    pub submitted: u64,
    /// Request/response exchanges, before filters.
    pub exchanges: u64,
    /// Rows left out because of `--max-rows` or the memory that rows may take.
    pub rows_beyond_max: u64,
    /// State given up to stay within bounded memory.
    pub evicted: u64,
    /// Segments of connections whose state did not fit the kernel's map, and which were not looked at.
    pub untracked: u64,
    /// Directions of connections that the kernel could not follow (reordering, unprovable framing): all their bytes went up.
    pub out_of_step: u64,
    /// IP fragments after the first one, which carry no ports and are not looked at.
    pub fragments: u64,
    /// Streams that carry something else.
    pub not_http: NotHttp,
    /// What became of packets; `None` where rows are exchanges.
    pub packets: Option<PacketCounts>,
    /// With `--probe-cost`: what the probe cost the kernel.
    pub probe_cost: Option<ProbeCost>,
}

/// Packets that passed the hook, or were in the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PacketCounts {
    /// All of them.
    pub seen: u64,
    /// Of these, such that `--sample` left out.
    pub unsampled: u64,
    /// Such that are cut within their headers, or whose headers contradict themselves.
    pub malformed: u64,
    /// Of protocols other than IP.
    pub not_ip: u64,
    /// Such that carry others: GRE, ESP, VXLAN and the like.
    pub tunnels: u64,
}

impl PacketCounts {
    /// None of any kind.
    pub const NONE: Self = Self { seen: 0, unsampled: 0, malformed: 0, not_ip: 0, tunnels: 0 };
}

/// Streams that were recognised as something other than readable HTTP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NotHttp {
    /// TLS records.
    pub tls: u64,
    /// Tunnels and the PROXY protocol without HTTP in it.
    pub proxy: u64,
    /// Anything else.
    pub other: u64,
}

/// Kernel statistics of the probe's programs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProbeCost {
    /// Program runs.
    pub run_count: u64,
    /// Time in them.
    pub run_time_ns: u64,
}

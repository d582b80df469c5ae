//! Options that several subcommands share: the same name and meaning wherever they apply.

use std::path::PathBuf;

use clap::{
    Args, ValueEnum,
    builder::{NonEmptyStringValueParser, PathBufValueParser},
};

use super::{Gate, HostPattern, Method, Net, PathPattern, PortRange, RingSize, Rows, RunTime, StatusRange, Threshold};

pub(super) const WATCHING: &str = "Watching";
pub(super) const SELECTION: &str = "Selection";
pub(super) const OUTPUT: &str = "Output";
pub(super) const GATES: &str = "Gates";

/// What the kernel is asked for, and for how long.
#[derive(Debug, Args)]
pub struct Watch {
    /// How long to watch (30s, 250ms, 1m 30s); 10s if not given
    ///
    /// Counted from the moment the probe is attached, whether or not there is traffic. Longer than
    /// zero, at most 24h: there is no "for ever". With --read, how long to read; to the end if not given.
    #[arg(long = "for", value_name = "DURATION", help_heading = WATCHING)]
    pub run_time: Option<RunTime>,

    /// Read a capture file (pcap, pcapng, gzip) instead; - for stdin
    ///
    /// The same rows and options, from packets that were captured before: by tcpdump -w, for example. Needs no
    /// privileges. Ethernet, VLAN tags, Linux cooked captures, raw IP and loopback are understood, and IP
    /// fragments put together. Times are those of the packets. If the file is cut off or damaged, the rows so far
    /// are printed, and the exit status is 1.
    #[arg(long, value_name = "FILE", help_heading = WATCHING, value_parser = PathBufValueParser::new(),
          conflicts_with_all = ["interfaces", "netns", "probe_cost"])]
    pub read: Option<PathBuf>,

    /// Watch this interface only; repeatable
    ///
    /// Without it, sock-http watches every interface of the network namespace, loopback included; of a loopback that is named, the
    /// kernel hands it each packet once instead of twice, which costs less. xdp-headers and tc-headers watch the interface of the
    /// default route. The kernel applies this filter. Not of ssl-uprobe.
    #[arg(short, long = "interface", value_name = "IF", help_heading = SELECTION,
          value_parser = NonEmptyStringValueParser::new())]
    pub interfaces: Vec<String>,

    /// Look from inside this network namespace
    ///
    /// A process id, or a name of ip netns, which is looked up in /run/netns. That of a container is found by the id of one of its
    /// processes. Needs the capability sys_admin. Not of ssl-uprobe, which sees every namespace.
    #[arg(long, value_name = "PID|NAME", help_heading = WATCHING, value_parser = NonEmptyStringValueParser::new())]
    pub netns: Option<String>,

    /// Watch these ports only, at either end (80,8000-8999)
    ///
    /// Repeatable. Without it, every port is watched. The kernel applies this filter; with ssl-uprobe, ehl does, and
    /// leaves out exchanges of which no address is known.
    #[arg(long = "port", value_name = "LIST", value_delimiter = ',', help_heading = SELECTION)]
    pub ports: Vec<PortRange>,

    /// Watch this network only, at either end; repeatable
    ///
    /// An IPv4 or IPv6 network such as 10.0.0.0/8, or one address. Host bits are ignored: 10.1.2.3/24
    /// is 10.1.2.0/24. The kernel applies this filter, as that of --port.
    #[arg(long = "net", value_name = "CIDR", help_heading = SELECTION)]
    pub nets: Vec<Net>,

    /// Also report how often the probe ran, and for how long
    ///
    /// Adds run_count and run_time_ns to the accounting. It switches on the kernel's statistics for all
    /// BPF programs of the host while ehl runs, which slows each of them a little and needs the
    /// capability sys_admin.
    #[arg(long, help_heading = WATCHING)]
    pub probe_cost: bool,
}

/// What passes from the kernel to ehl, one by one.
#[derive(Debug, Args)]
pub struct Events {
    /// Stop after N exchanges that were kept, or N packets
    ///
    /// The run still ends at --for if fewer come.
    #[arg(long, value_name = "N", help_heading = WATCHING)]
    pub count: Option<Rows>,

    /// Size of the ring between the kernel and ehl (512K, 8MiB)
    ///
    /// A power of two from 256KiB to 1GiB, in bytes or with a unit: K or KiB, M or MiB, G or GiB. It counts
    /// twice in resident memory. A larger ring rides out longer bursts.
    #[arg(long, value_name = "SIZE", default_value = "8MiB", help_heading = WATCHING, conflicts_with = "read")]
    pub ring_size: RingSize,
}

/// Which processes are looked into.
#[derive(Debug, Args)]
pub struct Processes {
    /// Watch this process and those that it starts; repeatable
    ///
    /// Of ssl-uprobe. Others that use the same library file are not reported, but pay for the probe too.
    #[arg(long = "pid", value_name = "PID", help_heading = SELECTION, value_parser = clap::value_parser!(u32).range(1..),
          conflicts_with = "read")]
    pub pids: Vec<u32>,

    /// Watch processes of this name only; repeatable
    ///
    /// Of ssl-uprobe. The name as ps -o comm shows it, at most 15 characters. Others that use the same library
    /// file are not reported, but pay for the probe too.
    #[arg(long = "comm", value_name = "NAME", help_heading = SELECTION, value_parser = NonEmptyStringValueParser::new(),
          conflicts_with = "read")]
    pub comms: Vec<String>,

    /// Probe this TLS library or executable only; repeatable
    ///
    /// Of ssl-uprobe. Without it, every file with TLS functions that is in use is probed, and the system's libssl;
    /// so is what processes load during the run. With it, nothing else is.
    #[arg(long = "lib", value_name = "PATH", help_heading = WATCHING, value_parser = PathBufValueParser::new(),
          conflicts_with = "read")]
    pub libs: Vec<PathBuf>,
}

/// Which exchanges are kept: all options given must match, and one element of each list.
#[derive(Debug, Args)]
pub struct Selection {
    /// Keep these request methods (GET,POST)
    ///
    /// Compared without regard to case. Repeatable. Options that select must all match, and of a list
    /// one element; what is unknown about an exchange matches nothing.
    #[arg(long = "method", value_name = "LIST", value_delimiter = ',', help_heading = SELECTION)]
    pub methods: Vec<Method>,

    /// Keep these paths (/v1/chat,/v1/files/*)
    ///
    /// Compared as a whole with the path without its query; * stands for any text, slashes included.
    /// Repeatable. Quote it, so that the shell leaves the * alone.
    #[arg(long = "path", value_name = "LIST", value_delimiter = ',', help_heading = SELECTION)]
    pub paths: Vec<PathPattern>,

    /// Keep these hosts (api.example.com,*.internal)
    ///
    /// Compared as a whole with the column host, with or without its port and without regard to case; *
    /// stands for any text. Repeatable.
    #[arg(long = "host", value_name = "LIST", value_delimiter = ',', help_heading = SELECTION)]
    pub hosts: Vec<HostPattern>,

    /// Keep these statuses (404,5xx,200-299)
    ///
    /// Repeatable. An exchange without a response is not kept.
    #[arg(long = "status", value_name = "LIST", value_delimiter = ',', help_heading = SELECTION)]
    pub statuses: Vec<StatusRange>,

    /// Keep exchanges whose response took longer (500ms, 2s)
    ///
    /// Compared with response_time_ms: from the first byte of the request to the first byte of the
    /// final response head. An exchange without a response is not kept.
    #[arg(long, value_name = "DURATION", help_heading = SELECTION)]
    pub slower_than: Option<Threshold>,
}

/// What becomes of secrets.
#[derive(Debug, Args)]
pub struct Secrets {
    /// What to do with secrets
    #[arg(long, value_name = "MODE", default_value = "mask", help_heading = OUTPUT)]
    pub redact: Redact,
}

/// Where rows go and what they look like.
#[derive(Debug, Args)]
pub struct Output {
    /// How to print the rows
    #[arg(long, value_name = "FORMAT", default_value = "table", help_heading = OUTPUT)]
    pub format: Format,

    /// Write the rows to this file instead of stdout
    ///
    /// Opened before the probe is attached, with mode 0600. A regular file is replaced when the run
    /// has ended, whole or not at all; a device or pipe is written in place.
    #[arg(short = 'o', long = "output", value_name = "FILE", help_heading = OUTPUT)]
    pub file: Option<PathBuf>,

    /// Print these columns, in this order
    ///
    /// A list separated by commas, of the columns that the manual page lists under OUTPUT. Units may be left out, and of
    /// response times their name: p99 is response_time_p99_ms. Columns of --header follow.
    #[arg(long, value_name = "LIST", value_delimiter = ',', help_heading = OUTPUT,
          value_parser = NonEmptyStringValueParser::new())]
    pub columns: Vec<String>,

    /// Sort the rows by this column
    ///
    /// Numbers from the largest, everything else from the smallest, absent values last. Rows are
    /// collected until the end of the run.
    #[arg(long, value_name = "COL", help_heading = OUTPUT,
          value_parser = NonEmptyStringValueParser::new())]
    pub sort: Option<String>,

    /// Leave out the heading of a table or CSV
    #[arg(long, help_heading = OUTPUT)]
    pub no_heading: bool,

    /// Print no progress and no notes on stderr; errors and losses stay
    #[arg(short, long, help_heading = OUTPUT)]
    pub quiet: bool,

    /// When to use colour
    #[arg(long, value_name = "WHEN", default_value = "auto", help_heading = OUTPUT)]
    pub color: Color,

    /// Say on stderr what was attached, where and with which filters
    ///
    /// Secrets are masked here as everywhere.
    #[arg(short, long, conflicts_with = "quiet", help_heading = OUTPUT)]
    pub verbose: bool,
}

/// What makes the exit status other than 0 although the run went well.
#[derive(Debug, Args)]
pub struct Gates {
    /// Exit 4 if fewer than N rows were printed
    #[arg(long, value_name = "N", help_heading = GATES)]
    pub expect_min: Option<u64>,

    /// Exit 5 if events were lost
    ///
    /// Lost between the kernel and ehl, as counted in the accounting.
    #[arg(long, help_heading = GATES)]
    pub fail_on_loss: bool,

    /// Exit 3 if any row is like this ('p99 > 500ms')
    ///
    /// Repeatable. A column with numbers, named as for --columns, one of < <= > >= == !=, and a limit, with its unit if it has one: us,
    /// ms, s, m, h, %, B, KiB, MiB, GiB. It is held against every row, printed or not, and stderr names those of which it holds. What is
    /// absent compares with nothing; where there are no rows at all, 0 is compared.
    #[arg(long, value_name = "EXPR", help_heading = GATES)]
    pub fail_if: Vec<Gate>,
}

/// How rows are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// aligned columns for people
    Table,
    /// RFC 4180, with a heading
    Csv,
    /// one document, at the end of the run
    Json,
    /// one JSON record per line: start, rows, summary
    Ndjson,
}

/// How a short list is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ListFormat {
    /// aligned columns for people
    Table,
    /// one document
    Json,
}

/// What happens to secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Redact {
    /// shown as *** after their scheme, as in "Bearer ***"
    Mask,
    /// shown as they are; says so on stderr
    Off,
}

/// When colour is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// on a terminal, unless NO_COLOR is set
    Auto,
    /// into files and pipes too
    Always,
    /// not on a terminal either
    Never,
}

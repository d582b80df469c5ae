//! What the reports over many exchanges take.

use std::str::FromStr;

use clap::{Args, ValueEnum};

use super::options::{OUTPUT, SELECTION, WATCHING};
use super::{Gates, HeaderName, Http, Invalid, Messages, Output, ProbeName, Rows};

/// What `ehl stats` takes.
#[derive(Debug, Args)]
pub struct Stats {
    /// Which probe to attach
    ///
    /// sock-http sees cleartext HTTP on every interface; ssl-uprobe sees HTTP within TLS, in the processes that
    /// use OpenSSL or its kin: what, and at whose cost, is in ehl-ssl-uprobe(1).
    #[arg(long, value_name = "NAME", default_value = "sock-http", help_heading = WATCHING)]
    pub probe: ProbeName,

    /// Which exchanges are counted.
    #[command(flatten)]
    pub http: Http,

    /// What the exchanges of a row have in common
    ///
    /// endpoint (method, host and path), host, status, client, api-version, content-type, auth, pid, provider (of a language model's API),
    /// header:NAME, or total for one row of
    /// all. In paths, what differs from request to request is folded: /users/4711 counts as /users/{id}.
    #[arg(long, value_name = "KEY", default_value = "endpoint", help_heading = OUTPUT)]
    pub by: GroupBy,

    /// Keep at most N groups
    ///
    /// What does not fit is in one row more, whose first column says other. A group takes some 10 KB of memory,
    /// with --llm three times that.
    #[arg(long, value_name = "N", default_value = "1000", help_heading = OUTPUT, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub max_groups: u32,

    /// Add columns about gateways of large language models
    ///
    /// Streamed answers, rate limits, and the time that the server claims to have taken: see OUTPUT in the manual page.
    #[arg(long, help_heading = OUTPUT)]
    pub llm: bool,

    /// Where rows go and what they look like.
    #[command(flatten)]
    pub output: Output,

    /// Print only the first N rows of the result
    ///
    /// First by --sort, or else by requests. All rows if not given.
    #[arg(long, value_name = "N", help_heading = OUTPUT)]
    pub top: Option<Rows>,

    /// What makes the exit status other than 0.
    #[command(flatten)]
    pub gates: Gates,
}

/// What `ehl latency` takes.
#[derive(Debug, Args)]
pub struct Latency {
    /// Which probe to attach
    ///
    /// sock-http sees cleartext HTTP on every interface; ssl-uprobe sees HTTP within TLS, in the processes that
    /// use OpenSSL or its kin: what, and at whose cost, is in ehl-ssl-uprobe(1).
    #[arg(long, value_name = "NAME", default_value = "sock-http", help_heading = WATCHING)]
    pub probe: ProbeName,

    /// Which exchanges are counted.
    #[command(flatten)]
    pub http: Http,

    /// What the exchanges of one histogram have in common
    ///
    /// total for one of all, or as in ehl stats: endpoint, host, status, client, api-version, content-type, auth, pid, provider, header:NAME.
    #[arg(long, value_name = "KEY", default_value = "total", help_heading = OUTPUT)]
    pub by: GroupBy,

    /// Keep at most N groups
    ///
    /// What does not fit is in one group more, which is called other.
    #[arg(long, value_name = "N", default_value = "20", help_heading = OUTPUT, value_parser = clap::value_parser!(u32).range(1..=200))]
    pub max_groups: u32,

    /// Where rows go and what they look like.
    #[command(flatten)]
    pub output: Output,

    /// What makes the exit status other than 0.
    #[command(flatten)]
    pub gates: Gates,
}

/// What `ehl top-headers` takes.
#[derive(Debug, Args)]
pub struct TopHeaders {
    /// Which probe to attach
    ///
    /// sock-http sees cleartext HTTP on every interface; ssl-uprobe sees HTTP within TLS, in the processes that
    /// use OpenSSL or its kin: what, and at whose cost, is in ehl-ssl-uprobe(1).
    #[arg(long, value_name = "NAME", default_value = "sock-http", help_heading = WATCHING)]
    pub probe: ProbeName,

    /// Which exchanges are counted.
    #[command(flatten)]
    pub http: Http,

    /// What a row is about
    #[arg(long, value_name = "KEY", default_value = "name", help_heading = OUTPUT)]
    pub by: ElementsBy,

    /// Which messages to rank
    #[arg(long, value_name = "WHICH", default_value = "both", help_heading = SELECTION)]
    pub direction: Messages,

    /// Where rows go and what they look like.
    #[command(flatten)]
    pub output: Output,

    /// Print only the first N rows of the result
    ///
    /// First by --sort, or else by the number of messages that had the element.
    #[arg(long, value_name = "N", default_value = "20", help_heading = OUTPUT)]
    pub top: Rows,

    /// How many of the most frequent values to list per element
    ///
    /// JSON has them all; a table and CSV show the most frequent one and its share. 0 lists none; at
    /// most 100.
    #[arg(long, value_name = "N", default_value = "5", help_heading = OUTPUT,
          value_parser = clap::value_parser!(u8).range(0..=100))]
    pub values: u8,

    /// What makes the exit status other than 0.
    #[command(flatten)]
    pub gates: Gates,
}

/// What the exchanges of a group have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupBy {
    /// Method, host and path.
    Endpoint,
    /// Authority.
    Host,
    /// Status code.
    Status,
    /// Who the request is from.
    Client,
    /// Version of the API.
    ApiVersion,
    /// Media type of the response.
    ContentType,
    /// Kind of credentials.
    Auth,
    /// Who offers the API of a language model.
    Provider,
    /// Process.
    Pid,
    /// Everything.
    Total,
    /// A header element.
    Header(HeaderName),
}

impl FromStr for GroupBy {
    type Err = Invalid;

    fn from_str(typed: &str) -> Result<Self, Invalid> {
        Ok(match typed {
            "endpoint" => Self::Endpoint,
            "host" => Self::Host,
            "status" => Self::Status,
            "client" => Self::Client,
            "api-version" => Self::ApiVersion,
            "content-type" => Self::ContentType,
            "auth" => Self::Auth,
            "provider" => Self::Provider,
            "pid" => Self::Pid,
            "total" => Self::Total,
            _ => match typed.strip_prefix("header:") {
                Some(name) => Self::Header(name.parse()?),
                None => {
                    let hint = "write endpoint, host, status, client, api-version, content-type, auth, pid, provider, total or header:NAME";
                    return Err(Invalid::new("not a key", hint));
                }
            },
        })
    }
}

/// What a row of header elements is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ElementsBy {
    /// an element, by direction and name
    Name,
    /// a value of an element
    Value,
    /// an element of the messages of one endpoint
    Endpoint,
    /// an element of the messages of one client
    Client,
}

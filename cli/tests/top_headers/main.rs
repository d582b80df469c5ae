//! `ehl top-headers` on traffic of which all elements are known: exact while there is room, then within limits, in bounded memory.

#[path = "../support/mod.rs"]
mod support;
mod traffic;

use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::process::{ChildStdout, Command, Stdio};
use std::thread::JoinHandle;

use serde_json::Value;
use support::capture::{binary, ehl_here};
use support::process::{Running, peak_resident_bytes};
use traffic::{TENANTS, UNIQUE, tenant};

/// Less than 128 MiB, of which the ring of a live run takes 16.
const MOST_RESIDENT: u64 = (128 - 16) << 20;

/// `ehl top-headers` while it reads or prints.
struct Started {
    process: Running,
    stdout: ChildStdout,
    writer: JoinHandle<io::Result<()>>,
}

/// What was printed.
struct Printed {
    rows: Vec<Value>,
}

fn start(exchanges: u64, args: &[&str]) -> Started {
    let mut command = Command::new(binary());
    command.args(["top-headers", "--read", "-", "--format", "json", "--top", "100000", "--quiet"]).args(args);
    let mut process = Running::start(command.stdin(Stdio::piped()).stdout(Stdio::piped()));
    let stdin = process.child().stdin.take().expect("stdin is piped");
    let stdout = process.child().stdout.take().expect("stdout is piped");
    Started { process, stdout, writer: std::thread::spawn(move || traffic::write(stdin, exchanges)) }
}

/// `ehl top-headers ARGS` on so many exchanges.
fn top_headers(exchanges: u64, args: &[&str]) -> Printed {
    start(exchanges, args).printed(Vec::new())
}

/// The same of a run that prints much, and the most memory that was resident, in bytes.
fn top_headers_and_peak(exchanges: u64, args: &[&str]) -> (Printed, u64) {
    let mut started = start(exchanges, args);
    // With the first rows, all are made. The pipe has no room for the others, so that it cannot end yet.
    let mut first = vec![0; 4096];
    started.stdout.read_exact(&mut first).expect("ehl prints");
    let peak = peak_resident_bytes(started.process.pid());
    (started.printed(first), peak)
}

impl Started {
    /// All that it prints, of which `printed` was read already.
    fn printed(mut self, mut printed: Vec<u8>) -> Printed {
        self.stdout.read_to_end(&mut printed).expect("ehl prints");
        self.writer.join().expect("the writer does not panic").expect("ehl reads");
        assert!(self.process.wait().success(), "ehl ends well");
        let document: Value = serde_json::from_slice(&printed).expect("one document");
        Printed { rows: document["rows"].as_array().expect("rows").clone() }
    }
}

impl Printed {
    /// The one row that has these texts.
    #[track_caller]
    fn row(&self, texts: &[(&str, &str)]) -> &Value {
        let mut rows = self.rows.iter().filter(|row| texts.iter().all(|(column, text)| row[*column] == *text));
        let row = rows.next().unwrap_or_else(|| panic!("no row with {texts:?}"));
        assert!(rows.next().is_none(), "several rows with {texts:?}");
        row
    }

    /// One element of requests.
    #[track_caller]
    fn request(&self, name: &str) -> &Value {
        self.row(&[("direction", "request"), ("name", name)])
    }
}

fn number(row: &Value, column: &str) -> u64 {
    row[column].as_u64().unwrap_or_else(|| panic!("{column} of {row}"))
}

/// Holds the values of `x-tenant` that 1 % of the requests have against what was sent.
#[track_caller]
fn assert_tenants(found: &BTreeMap<String, u64>, exchanges: u64) {
    for (name, percent) in TENANTS {
        let count = exchanges / 100 * percent;
        let told = *found.get(name).unwrap_or_else(|| panic!("{name} is not there"));
        assert!(told <= count && told >= count - count / 100, "{name}: {told} of {count}");
    }
}

fn listed(row: &Value) -> BTreeMap<String, u64> {
    let values = row["top_values"].as_array().expect("a list");
    values.iter().map(|top| (top["value"].as_str().expect("a text").to_owned(), number(top, "count"))).collect()
}

#[test]
fn few_values_are_told_exactly() {
    const EXCHANGES: u64 = 1000;
    let result =
        top_headers(EXCHANGES, &["--columns", "direction,name,messages,presence,distinct,distinct_exact,values,change,top_values"]);
    let of = |direction: &str, name: &str| {
        let mut row = result.row(&[("direction", direction), ("name", name)]).clone();
        let members = row.as_object_mut().expect("a row");
        ["direction", "name", "top_values"].iter().for_each(|column| drop(members.remove(*column)));
        row.to_string()
    };
    let exact = |messages: u64, distinct: u64, presence: f64, change: &str| {
        format!(
            r#"{{"change":{change},"distinct":{distinct},"distinct_exact":true,"messages":{messages},"presence":{presence:?},"values":{messages}}}"#
        )
    };
    for (direction, name, distinct) in [
        ("request", "host", 1),
        ("request", "x-unique-9", EXCHANGES),
        ("request", "x-tenant", 574),
        ("request", ":method", 1),
        ("request", ":path", EXCHANGES),
        ("request", ":auth", 1),
        ("request", ":http_version", 1),
        ("response", "content-type", 1),
        ("response", ":status", 2),
        ("response", ":content_type", 1),
        ("response", ":http_version", 1),
    ] {
        assert_eq!(of(direction, name), exact(EXCHANGES, distinct, 1.0, "null"), "{name}");
    }
    assert_eq!(of("request", "x-canary"), exact(EXCHANGES / 2, 1, 0.5, r#"["appeared"]"#));
    assert_eq!(listed(result.row(&[("name", ":status")])), BTreeMap::from([("200".into(), 750), ("404".into(), 250)]));
    assert_eq!(listed(result.row(&[("name", ":content_type")])), BTreeMap::from([("text/plain".into(), EXCHANGES)]));
    assert_eq!(result.rows.len(), 4 + UNIQUE + 4 + 5, "nothing else was sent: {:?}", result.rows);
}

#[test]
fn default_columns_stay_as_they_are() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("traffic.pcap");
    traffic::write(std::fs::File::create(&path).expect("a file"), 100).expect("it is written");
    let path = path.to_str().expect("text");
    let heading = |args: &[&str]| {
        let outcome = ehl_here(&[&["top-headers", "--read", path], args].concat()).exited(0);
        outcome.text().lines().next().expect("a heading").to_owned()
    };
    let of_element =
        "direction,name,messages,presence,distinct,distinct_exact,entropy_bits,min_len,max_len,first_seen,last_seen,top_values";
    let of_value = "direction,name,value,messages,share,first_seen,last_seen,change";
    assert_eq!(heading(&["--format", "csv"]), of_element);
    assert_eq!(heading(&["--format", "csv", "--by", "value"]), of_value);
    assert_eq!(heading(&["--format", "csv", "--by", "client"]), format!("client,{of_element}"));
    assert_eq!(heading(&["--format", "csv", "--by", "endpoint"]), format!("method,host,path,{of_element}"));
    assert!(heading(&[]).ends_with("change  top value"), "a table says what changed");
}

#[test]
fn values_have_rows_of_their_own() {
    const EXCHANGES: u64 = 1000;
    let result = top_headers(EXCHANGES, &["--by", "value"]);
    let status = |value: &str| {
        let row = result.row(&[("name", ":status"), ("value", value)]);
        (number(row, "messages"), number(row, "share_of"), row["share"].as_f64(), row["change"].clone())
    };
    assert_eq!(status("200"), (750, EXCHANGES, Some(0.75), Value::Null));
    assert_eq!(status("404"), (250, EXCHANGES, Some(0.25), Value::Null));
    let messages: Vec<_> = result.rows.iter().map(|row| number(row, "messages")).collect();
    assert!(messages.is_sorted_by(|a, b| a >= b), "the most frequent ones come first");
    let canary = result.row(&[("name", "x-canary")]);
    assert_eq!((&canary["value"], &canary["change"]), (&"yes".into(), &Value::from(vec!["appeared"])));
}

#[test]
fn endpoints_and_clients_have_elements_of_their_own() {
    let result = top_headers(2000, &["--by", "client", "--columns", "client,direction,name,messages,presence,distinct"]);
    let of = |client: &str, name: &str| result.row(&[("client", client), ("direction", "request"), ("name", name)]);
    for (client, name, messages, distinct) in
        [("10.0.0.1", "x-unique-3", 2, 2), ("10.0.0.1", ":method", 2, 1), ("10.4.99.1", "host", 2, 1), ("other", "x-unique-3", 1000, 1000)]
    {
        let row = of(client, name);
        assert_eq!((number(row, "messages"), number(row, "distinct")), (messages, distinct), "{row}");
        assert_eq!(row["presence"], 1.0);
    }
    assert_eq!(of("10.3.10.1", "x-canary")["presence"], 0.5, "of the messages of that client");

    let result = top_headers(600, &["--by", "endpoint", "--columns", "method,host,path,name,messages"]);
    let row = result.row(&[("path", "/things/aaaaa"), ("name", "x-tenant")]);
    assert_eq!((&row["method"], &row["host"], number(row, "messages")), (&"GET".into(), &"raw.example".into(), 1));
    assert_eq!(number(result.row(&[("method", "other"), ("name", "x-tenant")]), "messages"), 100);
}

#[test]
fn a_million_values_and_a_hundred_thousand_paths_fit() {
    const EXCHANGES: u64 = 100_000;
    let (result, peak) = top_headers_and_peak(EXCHANGES, &["--values", "20"]);
    assert!(peak < MOST_RESIDENT, "{peak} bytes");
    let close = |name: &str, distinct: u64| {
        let row = result.request(name);
        assert_eq!((number(row, "messages"), row["presence"].as_f64()), (EXCHANGES, Some(1.0)), "{row}");
        let told = number(row, "distinct");
        assert!(told.abs_diff(distinct) <= distinct / 50, "{name}: {told} for {distinct}");
    };
    (0..UNIQUE).for_each(|place| close(&format!("x-unique-{place}"), EXCHANGES));
    close(":path", EXCHANGES);
    close("x-tenant", EXCHANGES / 100 * 57 + TENANTS.len() as u64);
    close("x-forwarded-for", 1000);
    let row = result.request("x-tenant");
    assert_eq!((&row["distinct_exact"], &row["entropy_bits"]), (&false.into(), &Value::Null));
    assert_tenants(&listed(row), EXCHANGES);
    let canary = result.request("x-canary");
    assert_eq!((number(canary, "messages"), &canary["distinct_exact"]), (EXCHANGES / 2, &true.into()));
    assert_eq!(tenant(99), "vdaaa", "others are not counted among the tenants");
}

#[test]
fn however_it_is_grouped_it_fits() {
    const EXCHANGES: u64 = 8_000;
    for by in ["value", "endpoint", "client"] {
        let (result, peak) = top_headers_and_peak(EXCHANGES, &["--by", by]);
        assert!(peak < MOST_RESIDENT, "--by {by}: {peak} bytes");
        let messages = |row: &&Value| row["name"] == ":method";
        let of_methods: u64 = result.rows.iter().filter(messages).map(|row| number(row, "messages")).sum();
        assert_eq!(of_methods, EXCHANGES, "--by {by}");
    }
}

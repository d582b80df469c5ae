//! Streamed answers of a language model's API: when they begin and end, against the server's own log, and what their heads say.

mod support;

use std::collections::BTreeMap;

use serde_json::Value;
use support::can_run;
use support::capture::Capture;
use support::llm::{Kind, Server};
use support::netns::Netns;
use support::outcome::Outcome;
use support::script::python;
use support::tls::node::nodes;

const COLUMNS: &str = "time,path,status,response_time_ms,duration_ms,flags,request_id,llm_provider,streamed,limit_requests,\
    remaining_requests,reset_requests_ms,limit_tokens,remaining_tokens,reset_tokens_ms,retry_after_ms,claimed_ms,claimed_by,unclaimed_ms";

const CLIENTS: usize = 4;
const ANSWERS: usize = 32;

/// What of all answers must be within [`CLOSE_MS`] of the log: on a busy machine, the server itself may be stopped between a write and the
/// look at the clock.
const SHARE: f64 = 0.95;
const CLOSE_MS: f64 = 5.0;
const FAR_MS: f64 = 50.0;

#[track_caller]
fn assert_is_seen(kind: Kind) {
    let [node, _] = nodes();
    if !can_run(&["curl", &python(), &node]) {
        return;
    }
    let netns = Netns::new();
    let mut server = Server::start(&netns, kind);
    // The first answers take the server long, after it has looked at the clock.
    server.ask(&netns, CLIENTS, 1);
    let pid = server.pid().to_string();
    let options = [options(kind, &pid), vec!["--for", "5m", "--format", "ndjson", "--fail-on-loss"]].concat();
    let rows = Capture::start(&netns, &[&["capture", "--columns", COLUMNS], &options[..]].concat());
    let stats = Capture::start(&netns, &[&["stats", "--llm", "--by", "provider"], &options[..]].concat());
    server.ask(&netns, CLIENTS, ANSWERS);
    let [rows, stats] = [rows, stats].map(|capture| capture.stop().exited(0));
    let log = server.finish().split_off(CLIENTS);
    assert_eq!(log.len(), CLIENTS * ANSWERS);
    let rows = paired(&rows, log);
    assert_times(&rows);
    rows.iter().for_each(|(row, logged)| assert_says(row, logged));
    assert_totals(&stats, &rows);
}

/// Each row with the line of the log about the same answer.
#[track_caller]
fn paired(outcome: &Outcome, log: Vec<Value>) -> Vec<(Value, Value)> {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let mut log: BTreeMap<_, _> = log.into_iter().map(|logged| (text(&logged["path"]), logged)).collect();
    let rows = outcome.rows();
    let paired = rows.into_iter().map(|row| {
        let logged = log.remove(&text(&row["path"])).unwrap_or_else(|| panic!("a row of no answer, or of one twice: {row}"));
        (row, logged)
    });
    let paired: Vec<_> = paired.collect();
    assert!(log.is_empty(), "answers without a row: {log:#?}");
    paired
}

/// Times are those of the log, and so is the time between first and last byte.
#[track_caller]
fn assert_times(rows: &[(Value, Value)]) {
    let off = |(row, logged): &(Value, Value)| {
        let began_ms = time_ms(&row["time"]);
        let [first_ms, last_ms] = ["response_time_ms", "duration_ms"].map(|column| began_ms + number(&row[column]));
        let [logged_first_ms, logged_last_ms] = ["first_us", "last_us"].map(|key| number(&logged[key]) / 1000.0);
        let between = (last_ms - first_ms) - (logged_last_ms - logged_first_ms);
        [first_ms - logged_first_ms, last_ms - logged_last_ms, between]
    };
    let off: Vec<_> = rows.iter().map(off).collect();
    for (place, what) in ["first byte", "last byte", "between both"].into_iter().enumerate() {
        let all: Vec<_> = off.iter().map(|off| off[place].abs()).collect();
        let close = all.iter().filter(|ms| **ms <= CLOSE_MS).count() as f64 / all.len() as f64;
        let farthest = all.iter().copied().fold(0.0, f64::max);
        assert!(
            close >= SHARE && farthest <= FAR_MS,
            "{what}: {close} are within {CLOSE_MS} ms, the farthest is off by {farthest} ms: {off:?}"
        );
    }
}

fn time_ms(time: &Value) -> f64 {
    let time: jiff::Timestamp = time.as_str().expect("a time").parse().expect("RFC 3339");
    time.as_microsecond() as f64 / 1000.0
}

#[track_caller]
fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

/// The row says what the head said.
#[track_caller]
fn assert_says(row: &Value, logged: &Value) {
    let is_streamed = logged["streamed"] == true;
    let claimed_by = if logged["provider"] == "anthropic" { "x-envoy-upstream-service-time" } else { "openai-processing-ms" };
    let retry_after = if is_streamed { Value::Null } else { 20_000.0.into() };
    for (column, expected) in [
        ("status", if is_streamed { 200 } else { 429 }.into()),
        ("flags", Value::Array(Vec::new())),
        ("request_id", format!("req_{}", logged["number"]).into()),
        ("llm_provider", logged["provider"].clone()),
        ("streamed", is_streamed.into()),
        ("limit_requests", 1000.into()),
        ("remaining_requests", logged["requests"].clone()),
        ("limit_tokens", 80_000.into()),
        ("remaining_tokens", logged["tokens"].clone()),
        ("retry_after_ms", retry_after),
        ("claimed_ms", number(&logged["claimed_ms"]).into()),
        ("claimed_by", claimed_by.into()),
    ] {
        assert_eq!(row[column], expected, "{column} of {row}");
    }
    let [requests_ms, tokens_ms] = ["reset_requests_ms", "reset_tokens_ms"].map(|column| number(&row[column]));
    if logged["provider"] == "anthropic" {
        assert!((requests_ms - 60_000.0).abs() < 1000.0 && (tokens_ms - 30_000.0).abs() < 1000.0, "{row}");
    } else {
        assert_eq!((requests_ms, tokens_ms), (120.0, 360_000.0), "{row}");
    }
    let unclaimed_ms = number(&row["response_time_ms"]) - number(&row["claimed_ms"]);
    assert!((number(&row["unclaimed_ms"]) - unclaimed_ms.max(0.0)).abs() < 0.01, "{row}");
}

/// The statistics of each provider are those of its rows.
#[track_caller]
fn assert_totals(stats: &Outcome, rows: &[(Value, Value)]) {
    let totals = stats.rows();
    assert_eq!(totals.len(), 2, "{stats}");
    for total in totals {
        let provider = &total["provider"];
        let rows: Vec<_> = rows.iter().filter(|(_, logged)| logged["provider"] == *provider).map(|(row, _)| row).collect();
        let streamed: Vec<_> = rows.iter().copied().filter(|row| row["streamed"] == true).collect();
        let least = |column: &str| rows.iter().map(|row| row[column].as_u64().expect("a count")).min();
        assert_eq!((&total["llm_provider"], total["requests"].as_u64()), (provider, Some(rows.len() as u64)), "{total}");
        assert_eq!(total["streamed"].as_u64(), Some(streamed.len() as u64), "{total}");
        assert_eq!(total["rate_limited"].as_u64(), Some((rows.len() - streamed.len()) as u64), "{total}");
        assert_eq!(total["remaining_requests_min"].as_u64(), least("remaining_requests"), "{total}");
        assert_eq!(total["remaining_tokens_min"].as_u64(), least("remaining_tokens"), "{total}");
        assert_eq!(total["retry_after_max_ms"], 20_000.0, "{total}");
        let longest = if provider == "anthropic" { 60_000.0 } else { 360_000.0 };
        assert!((number(&total["reset_max_ms"]) - longest).abs() < 1000.0, "{total}");
        for (column, of, rows) in [
            ("stream_first_byte", "response_time_ms", &streamed),
            ("stream_last_byte", "duration_ms", &streamed),
            ("claimed", "claimed_ms", &rows),
            ("unclaimed", "unclaimed_ms", &rows),
        ] {
            let mut all: Vec<_> = rows.iter().map(|row| number(&row[of])).collect();
            all.sort_by(f64::total_cmp);
            for (quantile, name) in [(0.5, "p50"), (0.99, "p99")] {
                let exact = all[(quantile * all.len() as f64).ceil() as usize - 1];
                let told = number(&total[&format!("{column}_{name}_ms")]);
                // Both runs have clocks of their own.
                assert!((told - exact).abs() <= exact * 0.01 + 0.5, "{column} {name}: {told} for {exact}: {total}");
            }
            assert!(total[&format!("{column}_histogram")].is_string(), "{total}");
        }
    }
}

/// A stream that goes on when the run ends is a row without an end.
#[track_caller]
fn assert_is_open(kind: Kind) {
    let [node, _] = nodes();
    if !can_run(&["curl", &node]) {
        return;
    }
    let netns = Netns::new();
    let mut server = Server::start(&netns, kind);
    let pid = server.pid().to_string();
    let options = [options(kind, &pid), vec!["--for", "5m", "--format", "ndjson"]].concat();
    let rows = Capture::start(&netns, &[&["capture", "--columns", COLUMNS], &options[..]].concat());
    let stats = Capture::start(&netns, &[&["stats", "--llm", "--by", "total"], &options[..]].concat());
    let client = server.begin(&netns);
    let [rows, stats] = [rows, stats].map(|capture| capture.stop().exited(0));
    drop(client);
    let [row] = &rows.rows()[..] else { panic!("not one row: {rows}") };
    assert_eq!((&row["flags"], &row["streamed"], &row["duration_ms"]), (&serde_json::json!(["open"]), &true.into(), &Value::Null), "{row}");
    assert!(number(&row["response_time_ms"]) > 5.0, "{row}");
    let [total] = &stats.rows()[..] else { panic!("not one row: {stats}") };
    assert_eq!((&total["streamed"], &total["llm_provider"]), (&1.into(), &"anthropic".into()), "{total}");
    assert!(total["stream_first_byte_p50_ms"].is_number() && total["stream_last_byte_p50_ms"].is_null(), "{total}");
}

fn options(kind: Kind, pid: &str) -> Vec<&str> {
    if kind.has_tls() { vec!["--probe", "ssl-uprobe", "--pid", pid] } else { vec!["--probe", "sock-http", "--port", "8080"] }
}

#[test]
fn a_stream_in_clear_that_goes_on_is_open() {
    assert_is_open(Kind::Http);
}

#[test]
fn a_stream_within_tls_that_goes_on_is_open() {
    assert_is_open(Kind::Http2Tls);
}

#[test]
fn streams_over_http_1_1_in_clear() {
    assert_is_seen(Kind::Http);
}

#[test]
fn streams_over_http_1_1_within_tls() {
    assert_is_seen(Kind::Https);
}

#[test]
fn streams_over_http_2_in_clear() {
    assert_is_seen(Kind::Http2);
}

#[test]
fn streams_over_http_2_within_tls() {
    assert_is_seen(Kind::Http2Tls);
}

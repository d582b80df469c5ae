//! `ehl stats` on traffic of which all is known: counts are exact, quantiles within 1 %, conditions hold when they do.

#[path = "../support/mod.rs"]
mod support;
mod traffic;

use std::collections::BTreeMap;

use serde_json::Value;
use support::capture::ehl_here;
use support::outcome::Outcome;
use traffic::{Exchange, Traffic};

fn stats(traffic: &Traffic, args: &[&str]) -> Outcome {
    ehl_here(&[&["stats", "--read", traffic.path()], args].concat())
}

fn rows(traffic: &Traffic, args: &[&str]) -> Vec<Value> {
    let outcome = stats(traffic, &[&["--format", "json"], args].concat()).exited(0);
    let document: Value = serde_json::from_slice(&outcome.stdout).expect("a document");
    document["rows"].as_array().expect("rows").clone()
}

/// What an exchange is grouped by, as JSON.
type Key<'a> = &'a dyn Fn(&Exchange) -> String;

/// Exchanges by what `key` says of each.
fn grouped(traffic: &Traffic, key: impl Fn(&Exchange) -> String) -> BTreeMap<String, Vec<&Exchange>> {
    let mut groups: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for exchange in &traffic.exchanges {
        groups.entry(key(exchange)).or_default().push(exchange);
    }
    groups
}

/// Holds every figure of a row against the exchanges that it is about.
#[track_caller]
fn assert_row(row: &Value, exchanges: &[&Exchange], traffic: &Traffic) {
    let count = |keep: &dyn Fn(&Exchange) -> bool| exchanges.iter().filter(|exchange| keep(exchange)).count() as u64;
    let of_status = |class: u16| count(&|exchange| exchange.status.is_some_and(|status| status / 100 == class));
    let unanswered = count(&|exchange| exchange.status.is_none() && !exchange.is_open);
    let errors = of_status(4) + of_status(5) + unanswered;
    let requests = exchanges.len() as u64;
    for (column, expected) in [
        ("requests", requests),
        ("errors", errors),
        ("errors_4xx", of_status(4)),
        ("errors_5xx", of_status(5)),
        ("no_answer", unanswered),
        ("request_bytes", exchanges.iter().map(|exchange| exchange.request_bytes).sum()),
        ("response_bytes", exchanges.iter().map(|exchange| exchange.response_bytes).sum()),
        ("in_flight_max", most_in_flight(exchanges)),
    ] {
        assert_eq!(row[column], expected, "{column} of {row}");
    }
    let close = |column: &str, expected: f64, share: f64| {
        let told = row[column].as_f64().unwrap_or_else(|| panic!("{column} of {row}"));
        // Three decimals are printed.
        assert!((told - expected).abs() <= expected * share + 0.0006, "{column}: {told} for {expected} of {row}");
    };
    close("error_rate", errors as f64 / requests as f64, 0.0001);
    close("rate_per_s", requests as f64 / traffic.seconds(), 0.0001);
    let mut times: Vec<f64> = exchanges.iter().filter_map(|exchange| exchange.response_time_ms()).collect();
    let mut durations: Vec<f64> = exchanges.iter().filter_map(|exchange| exchange.duration_ms()).collect();
    times.sort_unstable_by(f64::total_cmp);
    durations.sort_unstable_by(f64::total_cmp);
    close("response_time_mean_ms", times.iter().sum::<f64>() / times.len() as f64, 0.0);
    close("response_time_max_ms", *times.last().expect("some"), 0.0);
    for (column, all, quantile) in [
        ("response_time_p50_ms", &times, 0.5),
        ("response_time_p90_ms", &times, 0.9),
        ("response_time_p99_ms", &times, 0.99),
        ("duration_p50_ms", &durations, 0.5),
        ("duration_p99_ms", &durations, 0.99),
    ] {
        close(column, all[(quantile * all.len() as f64).ceil() as usize - 1], 0.01);
    }
}

/// By looking at each beginning whether the others are under way.
fn most_in_flight(exchanges: &[&Exchange]) -> u64 {
    let at = |ns: u64| exchanges.iter().filter(|other| other.begin_ns <= ns && other.end_ns() > ns).count() as u64;
    exchanges.iter().map(|exchange| at(exchange.begin_ns)).max().unwrap_or(0)
}

#[test]
fn endpoints_are_what_was_sent() {
    let traffic = Traffic::generate(6000);
    let expected = grouped(&traffic, |exchange| format!("{} {} {}", exchange.method, exchange.host, exchange.template));
    let rows = rows(&traffic, &[]);
    assert_eq!(rows.len(), expected.len());
    for row in &rows {
        let text = |column: &str| row[column].as_str().unwrap_or_else(|| panic!("{column} of {row}")).to_owned();
        assert_row(row, &expected[&format!("{} {} {}", text("method"), text("host"), text("path"))], &traffic);
    }
    let requests: Vec<_> = rows.iter().map(|row| row["requests"].as_u64()).collect();
    assert!(requests.is_sorted_by(|a, b| a >= b), "the busiest first: {requests:?}");
}

#[test]
fn every_key_groups_by_what_it_says() {
    let traffic = Traffic::generate(2000);
    let by_status = |exchange: &Exchange| exchange.status.map_or("null".to_owned(), |status| status.to_string());
    let text = |text: &str| format!("{text:?}");
    let keys: [(&str, &str, Key); 8] = [
        ("host", "host", &|exchange| text(exchange.host)),
        ("status", "status", &by_status),
        ("client", "client", &|exchange| text(exchange.client)),
        ("api-version", "api_version", &|exchange| text(exchange.api_version)),
        ("content-type", "content_type", &|exchange| exchange.status.map_or("null".to_owned(), |_| text(exchange.media_type))),
        ("auth", "auth", &|exchange| text(exchange.auth)),
        ("header:x-tenant", "header:x-tenant", &|exchange| text(exchange.tenant)),
        ("pid", "pid", &|_| "null".to_owned()),
    ];
    for (by, column, key) in keys {
        let expected = grouped(&traffic, key);
        let rows = rows(&traffic, &["--by", by]);
        assert_eq!(rows.len(), expected.len(), "{by}");
        for row in rows.iter().filter(|row| !row["response_time_mean_ms"].is_null()) {
            assert_row(row, &expected[&row[column].to_string()], &traffic);
        }
    }
    let all: Vec<_> = traffic.exchanges.iter().collect();
    let rows = rows(&traffic, &["--by", "total"]);
    assert_eq!(rows.len(), 1);
    assert_row(&rows[0], &all, &traffic);
}

#[test]
fn what_does_not_fit_is_one_exact_row() {
    let traffic = Traffic::generate(2000);
    let rows = rows(&traffic, &["--by", "header:x-tenant", "--max-groups", "3"]);
    let tenants: Vec<_> = rows.iter().map(|row| row["header:x-tenant"].as_str().expect("a name")).collect();
    assert_eq!((tenants.len(), tenants[3]), (4, "other"));
    let other: Vec<_> = traffic.exchanges.iter().filter(|exchange| !tenants[..3].contains(&exchange.tenant)).collect();
    assert_row(&rows[3], &other, &traffic);
    assert_eq!(rows.iter().filter_map(|row| row["requests"].as_u64()).sum::<u64>(), 2000);
}

#[test]
fn histograms_can_be_added_by_other_programs() {
    use base64::Engine as _;
    let traffic = Traffic::generate(500);
    let row = &rows(&traffic, &["--by", "total"])[0];
    let encoded = row["response_time_histogram"].as_str().expect("a histogram");
    let bytes = base64::engine::general_purpose::STANDARD.decode(encoded).expect("base64");
    let mut deserializer = hdrhistogram::serialization::Deserializer::new();
    let histogram: hdrhistogram::Histogram<u64> = deserializer.deserialize(&mut bytes.as_slice()).expect("HdrHistogram V2");
    let answered = traffic.exchanges.iter().filter(|exchange| exchange.status.is_some()).count() as u64;
    assert_eq!(histogram.len(), answered);
    let p90_ms = histogram.value_at_quantile(0.9) as f64 / 1e6;
    let told = row["response_time_p90_ms"].as_f64().expect("a number");
    assert!((p90_ms - told).abs() <= told * 0.01, "{p90_ms} {told}");
}

#[test]
fn conditions_hold_or_not_and_name_their_rows() {
    let traffic = Traffic::generate(1000);
    let gate = |conditions: &[&str], args: &[&str]| {
        let conditions: Vec<_> = conditions.iter().flat_map(|condition| ["--fail-if", condition]).collect();
        stats(&traffic, &[args, &conditions].concat())
    };
    for (conditions, code) in [
        (&["requests < 1000"][..], 0),
        (&["requests < 1001"], 3),
        (&["requests == 1000"], 3),
        (&["requests != 1000"], 0),
        (&["p99 > 1h"], 0),
        (&["p99 > 1us"], 3),
        (&["response_time_p99_ms > 0.001"], 3),
        (&["max <= 1us", "error_rate > 99%"], 0),
        (&["max <= 1us", "error_rate > 0.1%"], 3),
        (&["error_rate >= 0.001"], 3),
        (&["response_bytes < 1KiB"], 0),
        (&["response_bytes > 1KiB"], 3),
        (&["rate < 1"], 0),
    ] {
        let outcome = gate(conditions, &["--by", "total"]).exited(code);
        assert_eq!(outcome.stderr.contains("--fail-if"), code == 3, "{conditions:?}: {}", outcome.stderr);
        assert_eq!(outcome.text().lines().count(), 2, "the table is printed all the same");
    }
    // Rows that --top leaves out count too, and five are named.
    let outcome = gate(&["requests > 0"], &["--by", "header:x-tenant", "--top", "1"]).exited(3);
    let named = outcome.stderr.lines().filter(|line| line.contains("--fail-if 'requests > 0' holds: ")).count();
    assert_eq!((named, outcome.stderr.contains("holds of 15 more")), (5, true), "{}", outcome.stderr);
    let outcome = gate(&["errors_5xx > 0"], &["--quiet"]).exited(3);
    assert!(outcome.stderr.contains("of GET api.example /reports/{date}"), "{}", outcome.stderr);
}

#[test]
fn without_rows_zero_is_compared() {
    let nothing = Traffic::generate(0);
    stats(&nothing, &["--fail-if", "requests < 100"]).exited(3);
    stats(&nothing, &["--by", "total", "--fail-if", "requests < 100"]).exited(3);
    stats(&nothing, &["--by", "total", "--fail-if", "p99 > 1ms", "--fail-if", "error_rate < 1%"]).exited(0);
    stats(&nothing, &["--fail-if", "p99 > 1ms"]).exited(0);
    let rows = rows(&nothing, &["--by", "total"]);
    assert_eq!((rows.len(), &rows[0]["requests"], &rows[0]["response_time_p50_ms"]), (1, &Value::from(0), &Value::Null));
    // In the order of precedence.
    stats(&nothing, &["--expect-min", "1", "--fail-if", "requests < 100"]).exited(4);
}

#[test]
fn conditions_that_cannot_be_held_are_refused() {
    let nothing = Traffic::generate(0);
    for (condition, why) in [
        ("latency > 5", "no column `latency`; numbers are in requests, rate_per_s"),
        ("path > 5", "column `path` has no numbers"),
        ("p99 > 5%", "the limit has another unit than column `response_time_p99_ms`, which has milliseconds"),
        ("requests > 5ms", "which has counts"),
        ("error_rate > 5ms", "which has a share of 1"),
        ("p99", "no comparison"),
    ] {
        let outcome = stats(&nothing, &["--fail-if", condition]).exited(2);
        assert!(outcome.stderr.contains(why), "{condition}: {}", outcome.stderr);
    }
    // Of rows of every kind.
    let failing = Traffic::generate(100);
    ehl_here(&["capture", "--read", failing.path(), "--fail-if", "status >= 500"]).exited(3);
    ehl_here(&["capture", "--read", failing.path(), "--fail-if", "status >= 600"]).exited(0);
    ehl_here(&["flows", "--read", failing.path(), "--fail-if", "packets >= 1"]).exited(3);
    for args in [&["capture", "--fail-if", "status >= 500"][..], &["top-headers", "--fail-if", "presence > 99%"]] {
        ehl_here(&[args, &["--read", nothing.path()]].concat()).exited(0);
    }
}

#[test]
fn a_table_is_for_the_eye_and_csv_is_not() {
    let traffic = Traffic::generate(1000);
    let table = stats(&traffic, &["--by", "auth", "--columns", "auth,requests,share,response_time_p50_ms,response_bytes"]).exited(0).text();
    let lines: Vec<_> = table.lines().collect();
    assert_eq!(lines[0].split_whitespace().collect::<Vec<_>>(), ["auth", "requests", "share", "p50", "received"]);
    let words: Vec<_> = lines[1].split_whitespace().collect();
    assert!(words.contains(&"%") && words.contains(&"ms") && words.contains(&"KiB") && lines[1].contains("|#"), "{table}");
    let csv = stats(&traffic, &["--by", "auth", "--format", "csv"]).exited(0);
    let expected = "auth,requests,rate_per_s,errors,error_rate,errors_4xx,errors_5xx,no_answer,response_time_mean_ms,\
                    response_time_p50_ms,response_time_p90_ms,response_time_p99_ms,response_time_max_ms,duration_p50_ms,\
                    duration_p99_ms,request_bytes,response_bytes,in_flight_max";
    assert_eq!(csv.text().lines().next(), Some(expected));
    for row in csv.csv_rows() {
        row["response_time_p50_ms"].parse::<f64>().expect("a number");
    }
}

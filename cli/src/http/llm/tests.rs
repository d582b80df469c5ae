//! Heads as providers send them, and as nobody should.

use super::*;
use crate::http::exchange::Ends;
use crate::http::head::Wanted;
use crate::http::raw;
use crate::http::redact::{Mode, Redactor};
use crate::stream::{Endpoint, Origin};

const SECOND_NS: u64 = 1_000_000_000;
/// 2024-10-29T23:57:30Z
const ANSWERED_S: u64 = 1_730_246_250;

fn exchange(request: &str, response: &str, wanted: &Wanted) -> Exchange {
    let head = |text: &str| {
        let bytes = text.replace('\n', "\r\n") + "\r\n\r\n";
        let mut fields = raw::Fields::new();
        let raw = raw::parse(bytes.as_bytes(), &mut fields)?;
        Some(Head::new(&raw.sent(), wanted, &Redactor::new(Mode::Mask, [0, 0])))
    };
    let end = Endpoint { address: [0; 16], port: 80 };
    let ends = Ends { client: end, proxied: None, server: end, origin: Origin::Unknown };
    Exchange {
        request: head(request),
        response: head(response),
        request_first_ns: Some((ANSWERED_S - 2) * SECOND_NS),
        response_first_ns: Some(ANSWERED_S * SECOND_NS),
        ..Exchange::between(&ends)
    }
}

fn gateway(request: &str, response: &str) -> Gateway {
    let wanted = Wanted { llm: true, ..Wanted::default() };
    exchange(request, response, &wanted).gateway().expect("a head is there")
}

fn answer(fields: &str) -> Gateway {
    gateway("", &format!("HTTP/1.1 200 OK\n{fields}"))
}

/// Limit, remaining, and reset in milliseconds; `-` for what is not known.
fn quota(quota: Quota<u64>) -> String {
    let text = |number: Option<u64>| number.map_or("-".to_owned(), |number| number.to_string());
    format!("{} {} {}", text(quota.limit), text(quota.remaining), text(quota.reset.map(|ns| ns / 1_000_000)))
}

fn provider(request: &str, response: &str) -> Option<&'static str> {
    gateway(request, response).provider.map(Provider::as_str)
}

#[test]
fn nothing_is_read_unless_it_is_wanted() {
    let exchange = exchange("GET / HTTP/1.1", "HTTP/1.1 200 OK\nopenai-version: 2020-10-01", &Wanted::default());
    assert_eq!(exchange.gateway(), None);
}

#[test]
fn openai() {
    let said = gateway(
        "POST /v1/chat/completions HTTP/1.1\nHost: api.openai.com\nOpenAI-Organization: org-x",
        "HTTP/1.1 200 OK\ncontent-type: text/event-stream; charset=utf-8\nopenai-processing-ms: 1032\nopenai-version: 2020-10-01\n\
         x-envoy-upstream-service-time: 1035\nx-ratelimit-limit-requests: 5000\nx-ratelimit-limit-tokens: 160000\n\
         x-ratelimit-remaining-requests: 4999\nx-ratelimit-remaining-tokens: 159976\nx-ratelimit-reset-requests: 12ms\n\
         x-ratelimit-reset-tokens: 6m0s\nx-ratelimit-limit-tokens_usage_based: 7\nx-request-id: req_1",
    );
    assert_eq!((said.provider, said.is_streamed), (Some(Provider::OpenAi), Some(true)));
    assert_eq!((quota(said.requests), quota(said.tokens)), ("5000 4999 12".into(), "160000 159976 360000".into()));
    assert_eq!(said.claimed, Some((1_032_000_000, "openai-processing-ms")));
    assert_eq!((said.unclaimed_ns, said.retry_after_ns), (Some(968_000_000), None));
}

#[test]
fn anthropic() {
    let said = gateway(
        "POST /v1/messages HTTP/1.1\nHost: api.anthropic.com\nanthropic-version: 2023-06-01",
        "HTTP/1.1 429 Too Many Requests\ncontent-type: application/json\nrequest-id: req_01F6CycZZPSHKRCCctcS1Vto\nretry-after: 15\n\
         anthropic-ratelimit-input-tokens-remaining: 3\nanthropic-ratelimit-requests-limit: 50\nanthropic-ratelimit-requests-remaining: 0\n\
         anthropic-ratelimit-requests-reset: 2024-10-29T23:57:36Z\nanthropic-ratelimit-tokens-limit: 80000\n\
         anthropic-ratelimit-tokens-remaining: 70000\nanthropic-ratelimit-tokens-reset: 2024-10-29T23:57:00Z",
    );
    assert_eq!((said.provider, said.is_streamed), (Some(Provider::Anthropic), Some(false)));
    assert_eq!((quota(said.requests), quota(said.tokens)), ("50 0 6000".into(), "80000 70000 0".into()));
    assert_eq!(said.retry_after_ns, Some(15 * SECOND_NS));
}

#[test]
fn families_of_other_providers() {
    for (fields, name, requests, tokens) in [
        (
            "x-groq-region: fra\nx-ratelimit-limit-requests: 14400\nx-ratelimit-remaining-requests: 14370\n\
             x-ratelimit-reset-requests: 2m59.56s\nx-ratelimit-remaining-tokens: 17997\nx-ratelimit-reset-tokens: 7.66s",
            "groq",
            "14400 14370 179560",
            "- 17997 7660",
        ),
        (
            "mistral-correlation-id: c-1\nx-ratelimit-limit-tokens-minute: 5000000\nx-ratelimit-remaining-tokens-minute: 4999911\n\
             x-ratelimit-limit-req-minute: 720\nx-ratelimit-remaining-req-minute: 717\nx-ratelimit-tokens-query-cost: 52",
            "mistral",
            "720 717 -",
            "5000000 4999911 -",
        ),
        (
            "mistral-correlation-id: c-1\nratelimitbysize-limit: 500000\nratelimitbysize-remaining: 499900\nratelimitbysize-reset: 28",
            "mistral",
            "- - -",
            "500000 499900 28000",
        ),
        (
            "x-endpoint-monthly-call-limit: 1000\nx-trial-endpoint-call-limit: 20\nx-trial-endpoint-call-remaining: 19",
            "cohere",
            "20 19 -",
            "- - -",
        ),
        (
            "x-together-traceid: t\nx-ratelimit-limit: 10\nx-ratelimit-remaining: 9\nx-ratelimit-reset: 1\nx-tokenlimit-limit: 3000\n\
             x-tokenlimit-remaining: 2990",
            "together",
            "10 9 1000",
            "3000 2990 -",
        ),
        ("fireworks-prompt-tokens: 12\nx-ratelimit-limit-tokens-prompt: 60000", "fireworks", "- - -", "60000 - -"),
        ("x-litellm-call-id: c\nopenai-version: 1\nx-ratelimit-remaining-tokens: None", "litellm", "- - -", "- - -"),
        ("x-openrouter-provider: Chutes\nx-ratelimit-limit: 20\nx-ratelimit-reset: 1730246280000", "openrouter", "20 - 30000", "- - -"),
        ("x-ds-trace-id: fb3cc7347920593f11e4fe8116dee066", "deepseek", "- - -", "- - -"),
        ("x-metrics-ttft-ms: 295.3\nx-metrics-e2e-ms: 2570.6", "xai", "- - -", "- - -"),
        ("x-gemini-service-tier: standard", "google", "- - -", "- - -"),
        ("azureml-model-session: d2026\nx-ratelimit-remaining-requests: 99", "azure", "- 99 -", "- - -"),
        ("x-amzn-bedrock-invocation-latency: 889", "bedrock", "- - -", "- - -"),
        ("cf-aig-log-id: 1\nopenai-processing-ms: 1", "cloudflare", "- - -", "- - -"),
        ("helicone-id: 1", "helicone", "- - -", "- - -"),
        ("x-portkey-trace-id: 1", "portkey", "- - -", "- - -"),
        ("nvcf-reqid: 1", "nvidia", "- - -", "- - -"),
    ] {
        let said = answer(fields);
        assert_eq!(
            (said.provider.map(Provider::as_str), quota(said.requests), quota(said.tokens)),
            (Some(name), requests.into(), tokens.into())
        );
    }
}

#[test]
fn quotas_of_any_server() {
    for (fields, expected) in [
        ("ratelimit-limit: 100, 100;w=60\nratelimit-remaining: 7\nratelimit-reset: 5", "100 7 5000"),
        ("RateLimit: limit=10, remaining=4, reset=2\nRateLimit-Policy: 10;w=60", "10 4 2000"),
        ("RateLimit: \"default\";r=50;t=30\nRateLimit-Policy: \"default\";q=100;w=60", "100 50 30000"),
        ("RateLimit: \"day\";r=900;t=3, \"hour\";r=8;t=40\nRateLimit-Policy: \"hour\";q=10;w=60,\"day\";q=1000;w=3600", "10 8 40000"),
        ("RateLimit: \"a\";r=5\nRateLimit-Policy: \"a\";q=100;w=60;qu=\"content-bytes\"", "- - -"),
        ("RateLimit: \"a\";r=5\nx-ratelimit-remaining: 3", "- 3 -"),
        ("RateLimit: ;;,=,r\nRateLimit-Policy: \"", "- - -"),
        // What belongs together comes from one family, in whatever order.
        ("x-ratelimit-limit: 60\nx-ratelimit-remaining-requests: 9\nx-ratelimit-reset: 5", "- 9 -"),
        ("x-ratelimit-remaining: 1\nx-ratelimit-remaining: 2", "- 1 -"),
        ("x-ratelimit-remaining-requests: -1\nx-ratelimit-remaining: 2", "- 2 -"),
        ("x-ratelimit-limit: 18446744073709551616\nx-ratelimit-remaining: 1e3\nx-ratelimit-reset: soon", "- - -"),
    ] {
        assert_eq!(quota(answer(fields).requests), expected, "{fields}");
    }
}

#[test]
fn waiting_is_counted_from_the_response() {
    for (fields, expected_ms) in [
        ("retry-after: 120", Some(120_000)),
        ("retry-after: Tue, 29 Oct 2024 23:57:36 GMT", Some(6000)),
        ("retry-after: Tue, 29 Oct 2024 23:57:00 GMT", Some(0)),
        ("retry-after: 2\nretry-after-ms: 1500", Some(1500)),
        ("retry-after-ms: 1500\nretry-after: 2", Some(1500)),
        ("retry-after-ms: soon\nretry-after: 2", Some(2000)),
        ("retry-after: never", None),
        ("retry-after: 99999999999999999999999", None),
    ] {
        assert_eq!(answer(fields).retry_after_ns.map(|ns| ns / 1_000_000), expected_ms, "{fields}");
    }
}

#[test]
fn providers_are_told_by_fields_that_nobody_else_sends() {
    let ok = "HTTP/1.1 200 OK";
    for (request, response, expected) in [
        // Names of hosts are no evidence, nor is what several send.
        ("POST /v1/chat/completions HTTP/1.1\nHost: api.openai.com", ok, None),
        ("POST /v1/messages HTTP/1.1\nHost: a", "HTTP/1.1 200 OK\nrequest-id: req_1\nx-ratelimit-limit-tokens: 5", None),
        ("GET / HTTP/1.1\nHost: a\napi-key: k", ok, None),
        ("GET /maps HTTP/1.1\nHost: places.googleapis.com\nx-goog-api-key: k", "HTTP/1.1 200 OK\nserver-timing: gfet4t7; dur=5", None),
        ("GET / HTTP/1.1\nHost: a", "HTTP/1.1 200 OK\napim-request-id: 1\nx-ms-region: East US", None),
        // The request says it, even when nobody answers.
        ("POST /v1/messages HTTP/1.1\nHost: a\nAnthropic-Version: 2023-06-01", "", Some("anthropic")),
        ("POST /v1/messages HTTP/1.1\nHost: a\nanthropic-version: 2023-06-01", ok, Some("anthropic")),
        // Who answers knows better whose API it is.
        ("POST /v1/messages HTTP/1.1\nHost: a\nanthropic-version: 2023-06-01", "HTTP/1.1 200 OK\nx-ds-trace-id: 1", Some("deepseek")),
        ("POST /a HTTP/1.1\nHost: a", "HTTP/1.1 200 OK\nopenai-version: 1\nx-groq-region: fra", Some("groq")),
        // Clouds, by fields and place.
        ("POST /openai/deployments/gpt/chat/completions?api-version=1 HTTP/1.1\nHost: a\napi-key: k", ok, Some("azure")),
        ("POST /v1/responses HTTP/1.1\nHost: x.openai.azure.com", "HTTP/1.1 200 OK\napim-request-id: 1", Some("azure")),
        ("POST /v1/responses HTTP/1.1\nHost: a", "HTTP/1.1 200 OK\nopenai-processing-ms: 1\nx-ms-region: East US", Some("azure")),
        ("POST /v1beta/models/gemini:generateContent HTTP/1.1\nHost: a\nx-goog-api-key: k", ok, Some("google")),
        (
            "POST /v1beta/openai/chat/completions HTTP/1.1\nHost: generativelanguage.googleapis.com",
            "HTTP/1.1 200 OK\nserver-timing: gfet4t7; dur=598",
            Some("google"),
        ),
        (
            "POST /v1/projects/p/publishers/anthropic/models/c:streamRawPredict HTTP/1.1\nHost: us-aiplatform.googleapis.com:443",
            "HTTP/1.1 200 OK\nserver-timing: gfet4t7; dur=598\nanthropic-ratelimit-tokens-limit: 5",
            Some("google"),
        ),
    ] {
        assert_eq!(provider(request, response), expected, "{request} {response}");
    }
}

#[test]
fn streams_are_told_by_their_media_type() {
    for (fields, expected) in [
        ("content-type: Text/Event-Stream;charset=utf-8", true),
        ("content-type: application/x-ndjson", true),
        ("content-type: application/vnd.amazon.eventstream", true),
        ("content-type: application/stream+json", true),
        ("content-type: application/json", false),
        ("x: y", false),
    ] {
        assert_eq!(answer(fields).is_streamed, Some(expected), "{fields}");
    }
    assert_eq!(gateway("GET / HTTP/1.1\nHost: a", "").is_streamed, None);
}

#[test]
fn who_made_the_answer_knows_best_how_long_it_took() {
    let fields = "x-envoy-upstream-service-time: 10\nopenai-processing-ms: 7\nserver-timing: total;dur=12";
    assert_eq!(answer(fields).claimed, Some((7_000_000, "openai-processing-ms")));
    let fields = "server-timing: total;dur=12\nx-envoy-upstream-service-time: 10\nopenai-processing-ms: soon";
    assert_eq!(answer(fields).claimed, Some((10_000_000, "x-envoy-upstream-service-time")));
}

#[test]
fn claims_beyond_what_was_seen_leave_nothing() {
    let said = answer("server-timing: cache;desc=\"x\", total;dur=2500.5, db;dur=53");
    assert_eq!((said.claimed, said.unclaimed_ns), (Some((2_500_500_000, "server-timing")), Some(0)));
    assert_eq!(answer("server-timing: miss, db;dur=x\nx-envoy-upstream-service-time: 9e9").claimed, None);
    assert_eq!(answer("x-metrics-e2e-ms: 99999999999999").claimed, None);
}

#[test]
fn any_values_do_no_harm() {
    const NAMES: [&str; 9] = [
        "x-ratelimit-remaining-tokens",
        "x-ratelimit-reset-tokens",
        "anthropic-ratelimit-requests-reset",
        "ratelimit",
        "ratelimit-policy",
        "retry-after",
        "retry-after-ms",
        "server-timing",
        "openai-processing-ms",
    ];
    const PARTS: [&str; 24] = [
        "9",
        "99999999",
        "0",
        ".",
        "-",
        "e",
        "h",
        "m",
        "s",
        "ms",
        "us",
        "T",
        "Z",
        ":",
        ";",
        ",",
        "=",
        "\"",
        "dur=",
        "r=",
        "q=",
        "2024-10-29",
        "Tue, 29 Oct 2024 23:57:36 GMT",
        "\u{e9}",
    ];
    let mut state = 7_u64;
    let mut below = |most: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % most
    };
    for _ in 0..5000 {
        let fields: Vec<_> = NAMES
            .iter()
            .map(|name| {
                let value: String = (0..below(12)).map(|_| PARTS[below(PARTS.len())]).collect();
                format!("{name}: {value}")
            })
            .collect();
        answer(&fields.join("\n"));
    }
}

#[test]
fn ids_that_proxies_add_count_last() {
    let id = |request: &str, response: &str| {
        let exchange = exchange(request, response, &Wanted::default());
        exchange.request_id().map(|id| String::from_utf8_lossy(id).into_owned())
    };
    let plain = "GET / HTTP/1.1\nHost: a";
    assert_eq!(id(plain, "HTTP/1.1 200 OK\ncf-ray: 8c135d3eeec4a97a-SYD").as_deref(), Some("8c135d3eeec4a97a-SYD"));
    assert_eq!(id(plain, "HTTP/1.1 200 OK\ncf-ray: 8c135d3eeec4a97a-SYD\nrequest-id: req_1").as_deref(), Some("req_1"));
    assert_eq!(id(plain, "HTTP/1.1 200 OK\napim-request-id: a\nx-request-id: b").as_deref(), Some("b"));
    assert_eq!(id("GET / HTTP/1.1\nHost: a\ncf-ray: c", "HTTP/1.1 200 OK\nx-ds-trace-id: d").as_deref(), Some("d"));
    assert_eq!(id("GET / HTTP/1.1\nHost: a\nx-correlation-id: c", "HTTP/1.1 200 OK\nx-request-id: d").as_deref(), Some("c"));
}

// An API of a language model: `llm_server.js KIND FOLDER`, on port 8080 of all addresses, until stdin ends.
//
// KIND is the module that serves, `http`, `https`, `http2` (clear, with prior knowledge) or `http2s`. FOLDER has `certificate.pem` and
// `key.pem` for those with TLS.
//
// `/v1/messages/N` answers as Anthropic does, `/v1/chat/completions/N` as OpenAI does: after some time with a stream of events that have
// pauses between them; every eighth time with 429, and in HTTP/1.1 every eighth time with a stream that the end of the connection ends.
// From 1000 on, the stream takes a minute. Each answer is a line of JSON in FOLDER/log: what its head said, and when its first and its last
// byte were written, in microseconds since 1970.

const fs = require("fs");
const path = require("path");
const { performance } = require("perf_hooks");

const [kind, folder] = process.argv.slice(2);
const file = (name) => path.join(folder, name);
const log = fs.openSync(file("log"), "w");

const now = () => performance.timeOrigin + performance.now();
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function headersOf(said) {
    const { provider, number, requests, tokens, claimed_ms } = said;
    if (provider === "anthropic") {
        return {
            "request-id": `req_${number}`,
            "x-envoy-upstream-service-time": claimed_ms,
            "anthropic-ratelimit-requests-limit": 1000,
            "anthropic-ratelimit-requests-remaining": requests,
            "anthropic-ratelimit-requests-reset": new Date(Date.now() + 60000).toISOString(),
            "anthropic-ratelimit-tokens-limit": 80000,
            "anthropic-ratelimit-tokens-remaining": tokens,
            "anthropic-ratelimit-tokens-reset": new Date(Date.now() + 30000).toISOString(),
        };
    }
    return {
        "x-request-id": `req_${number}`,
        "openai-processing-ms": claimed_ms,
        "x-ratelimit-limit-requests": 1000,
        "x-ratelimit-remaining-requests": requests,
        "x-ratelimit-reset-requests": "120ms",
        "x-ratelimit-limit-tokens": 80000,
        "x-ratelimit-remaining-tokens": tokens,
        "x-ratelimit-reset-tokens": "6m0s",
    };
}

async function answer(request, response) {
    const began = now();
    const number = Number(request.url.split("/").pop());
    const provider = request.url.includes("messages") ? "anthropic" : "openai";
    await sleep(10 + (number % 7) * 5);
    const said = { provider, number, requests: 999 - number, tokens: 79000 - 10 * number, claimed_ms: Math.floor(now() - began) };
    const first_us = Math.round(now() * 1000);
    const last_us = await (number % 8 === 7 ? refuse : stream)(response, said, number);
    const entry = { path: request.url, ...said, streamed: number % 8 !== 7, first_us, last_us: last_us ?? first_us };
    fs.writeSync(log, JSON.stringify(entry) + "\n");
}

async function refuse(response, said) {
    response.writeHead(429, { ...headersOf(said), "content-type": "application/json", "retry-after": 20 });
    response.end('{"error":{}}');
}

async function stream(response, said, number) {
    const is_closed = number % 8 === 5 && !kind.startsWith("http2");
    if (is_closed) response.useChunkedEncodingByDefault = false;
    const closing = is_closed ? { connection: "close" } : {};
    response.writeHead(200, { ...headersOf(said), ...closing, "content-type": "text/event-stream; charset=utf-8" });
    for (let event = 0; event < (number < 1000 ? 6 : 2000); event++) {
        response.write(`event: content_block_delta\ndata: {"delta": {"text": "${"word ".repeat(number % 40)}"}}\n\n`);
        await sleep(20 + ((number + event) % 4) * 10);
    }
    const done_us = Math.round(now() * 1000);
    response.write("data: [DONE]\n\n");
    await sleep(20);
    const end_us = Math.round(now() * 1000);
    response.end();
    return is_closed ? done_us : end_us;
}

function serverOf() {
    if (kind === "http") return require("http").createServer(answer);
    if (kind === "http2") return require("http2").createServer(answer);
    const keys = { cert: fs.readFileSync(file("certificate.pem")), key: fs.readFileSync(file("key.pem")) };
    return kind === "https" ? require("https").createServer(keys, answer) : require("http2").createSecureServer(keys, answer);
}

serverOf().listen(8080);
process.stdin.resume().on("end", () => process.exit(0));

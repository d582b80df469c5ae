//! How exchanges go.

use super::Segment::{C, S};
use super::{Said, against, same};

pub(super) const SAID: &[Said] = &[
    same(
        "pipelining",
        &[
            C("GET /a HTTP/1.1\r\nHost: h\r\n\r\nGET /b HTTP/1.1\r\nHost: h\r\n\r\nGET /c HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
            S("HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"),
        ],
        "GET h /a, GET h /b, GET h /c -> 200, 200, 404",
    ),
    same(
        "100 and the body",
        &[
            C("POST /a HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"),
            S("HTTP/1.1 100 Continue\r\n\r\n"),
            C("hi"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
            C("GET /b HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ],
        "POST h /a, GET h /b -> 200, 200",
    ),
    same(
        "103 before the answer",
        &[
            C("GET /a HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 103 Early Hints\r\nLink: </s>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
            C("GET /b HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ],
        "GET h /a, GET h /b -> 200, 200",
    ),
    same(
        "Expect without a body",
        &[
            C("POST /a HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\nGET /b HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ],
        "POST h /a, GET h /b -> 200, 200",
    ),
    same(
        "HEAD",
        &[
            C("HEAD /a HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n"),
            C("GET /b HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ],
        "HEAD h /a, GET h /b -> 200, 200",
    ),
    same(
        "204 and 304",
        &[
            C("GET /a HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 204 No Content\r\n\r\n"),
            C("GET /b HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 304 Not Modified\r\nContent-Length: 200\r\n\r\n"),
            C("GET /c HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ],
        "GET h /a, GET h /b, GET h /c -> 204, 304, 200",
    ),
    against(
        "close-delimited",
        &[C("GET /a HTTP/1.1\r\nHost: h\r\n\r\n"), S("HTTP/1.1 200 OK\r\n\r\nsome"), S("HTTP/1.1 404 trap\r\n\r\n")],
        "GET h /a -> 200",
        "RFC 9112 section 6.3: without a length, all up to the close is body; tshark looks for a head where a segment starts",
    ),
    same(
        "HTTP/1.0 keep-alive",
        &[
            C("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"),
            S("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok"),
            C("GET /b HTTP/1.0\r\n\r\n"),
            S("HTTP/1.0 200 OK\r\n\r\nbye"),
        ],
        "GET  /a, GET  /b -> 200, 200",
    ),
    same(
        "CONNECT",
        &[
            C("CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n"),
            S("HTTP/1.1 200 Established\r\n\r\n"),
            C("\u{16}\u{3}\u{1}"),
            S("\u{15}\u{3}\u{1}"),
        ],
        "CONNECT h:443 h:443 -> 200",
    ),
    same(
        "CONNECT refused",
        &[
            C("CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n"),
            S("HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n"),
            C("GET /b HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ],
        "CONNECT h:443 h:443, GET h /b -> 407, 200",
    ),
    same(
        "101",
        &[
            C("GET /a HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"),
            S("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"),
            C("\u{1}\u{5}hello"),
            S("\u{1}\u{2}hi"),
        ],
        "GET h /a -> 101",
    ),
    same(
        "absolute form",
        &[
            C("GET http://other:8080/a?b HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
            C("GET http://other HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ],
        "GET other:8080 /a?b, GET other / -> 200, 200",
    ),
    same(
        "asterisk form",
        &[C("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n"), S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")],
        "OPTIONS h * -> 200",
    ),
    against(
        "folded field",
        &[
            C("GET /a HTTP/1.1\r\nX-A: b\r\n c\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
            C("GET /b HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ],
        "GET h /a, GET h /b -> 200, 200",
        "RFC 9112 section 5.2: tshark does not read the field after a folded one",
    ),
    same(
        "bare LF",
        &[
            C("GET /a HTTP/1.1\nHost: h\n\n"),
            S("HTTP/1.1 200 OK\nContent-Length: 2\n\nok"),
            C("GET /b HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ],
        "GET h /a, GET h /b -> 200, 200",
    ),
    same(
        "fields twice",
        &[C("GET /a HTTP/1.1\r\nHost: h\r\nHost: i\r\nX-A: b\r\nX-A: c\r\n\r\n"), S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")],
        "GET h /a -> 200",
    ),
    same(
        "no reason phrase",
        &[
            C("GET /a HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n"),
            C("GET /b HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 404 \r\nContent-Length: 0\r\n\r\n"),
        ],
        "GET h /a, GET h /b -> 200, 404",
    ),
    same("408 without request", &[S("HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")], " -> 408"),
    same(
        "413 before the end of the body",
        &[
            C("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 60\r\n\r\ntoo much"),
            S("HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n"),
            C("----------------------------------------------------"),
        ],
        "POST h /a -> 413",
    ),
    same(
        "body that looks like a request",
        &[
            C("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 34\r\n\r\nGET /trap HTTP/1.1\r\nHost: h\r\n\r\n\r\n\r"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
            C("GET /b HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ],
        "POST h /a, GET h /b -> 200, 200",
    ),
    against(
        "empty lines before a request",
        &[
            C("\r\n\r\nGET /a HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
            C("\r\nGET /b HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ],
        "GET h /a, GET h /b -> 200, 200",
        "RFC 9112 section 2.2: empty lines before a request line are to be ignored",
    ),
];

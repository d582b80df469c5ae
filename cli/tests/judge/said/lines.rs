//! First lines that the grammar does not have.

use super::Segment::{C, S};
use super::{Said, against, same};

pub(super) const SAID: &[Said] = &[
    same(
        "no request line's target",
        &[
            C("GET HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 400 No\r\nContent-Length: 0\r\n\r\n"),
            C("GET /b HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ],
        "GET h HTTP/1.1, GET h /b -> 400, 200",
    ),
    same(
        "version HTTP/1.",
        &[
            C("PUT /a HTTP/1.\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 505 No\r\nContent-Length: 0\r\n\r\n"),
            C("GET /b HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ],
        "PUT h /a, GET h /b -> 505, 200",
    ),
    same(
        "version HTTP/1.x",
        &[
            C("PUT /a HTTP/1.x\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 505 No\r\nContent-Length: 0\r\n\r\n"),
            C("GET /b HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ],
        "PUT h /a, GET h /b -> 505, 200",
    ),
    same(
        "version HTTP/1",
        &[
            C("PUT /a HTTP/1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 505 No\r\nContent-Length: 0\r\n\r\n"),
            C("GET /b HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ],
        "PUT h /a, GET h /b -> 505, 200",
    ),
    same(
        "version HTTP/",
        &[
            C("PUT /a HTTP/\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 505 No\r\nContent-Length: 0\r\n\r\n"),
            C("GET /b HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ],
        "PUT h /a, GET h /b -> 505, 200",
    ),
    same(
        "version http/1.1",
        &[
            C("PUT /a http/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 505 No\r\nContent-Length: 0\r\n\r\n"),
            C("GET /b HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ],
        "PUT h /a, GET h /b -> 505, 200",
    ),
    same(
        "version HTTP/1.10",
        &[
            C("PUT /a HTTP/1.10\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 505 No\r\nContent-Length: 0\r\n\r\n"),
            C("GET /b HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ],
        "PUT h /a, GET h /b -> 505, 200",
    ),
    same(
        "version HTTP/2.0",
        &[
            C("PUT /a HTTP/2.0\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 505 No\r\nContent-Length: 0\r\n\r\n"),
            C("GET /b HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ],
        "PUT h /a, GET h /b -> 505, 200",
    ),
    same(
        "version HTTP/01.1",
        &[
            C("PUT /a HTTP/01.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 505 No\r\nContent-Length: 0\r\n\r\n"),
            C("GET /b HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ],
        "PUT h /a, GET h /b -> 505, 200",
    ),
    same(
        "version HTTP/3",
        &[
            C("PUT /a HTTP/3\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 505 No\r\nContent-Length: 0\r\n\r\n"),
            C("GET /b HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ],
        "PUT h /a, GET h /b -> 505, 200",
    ),
    same(
        "version HTTP",
        &[
            C("PUT /a HTTP\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 505 No\r\nContent-Length: 0\r\n\r\n"),
            C("GET /b HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ],
        "PUT h /a, GET h /b -> 505, 200",
    ),
    same(
        "no version",
        &[
            C("GET /a\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 400 No\r\nContent-Length: 0\r\n\r\n"),
            C("GET /b HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ],
        "GET h /a, GET h /b -> 400, 200",
    ),
    same(
        "no version, and not GET",
        &[
            C("POST /a\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi"),
            S("HTTP/1.1 400 No\r\nContent-Length: 0\r\n\r\n"),
            C("GET /b HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ],
        "POST h /a, GET h /b -> 400, 200",
    ),
    same("no version, no fields", &[C("HEAD /a\r\n\r\n"), S("HTTP/1.1 400 No\r\n\r\n")], "HEAD  /a -> 400"),
    same("no space before the version", &[C("PUT /aHTTP/1.1\r\nHost: h\r\n\r\n"), S("HTTP/1.1 400 No\r\n\r\n")], "PUT h /aHTTP/1.1 -> 400"),
    against(
        "several spaces",
        &[C("GET  /a   HTTP/1.1\r\nHost: h\r\n\r\n"), S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")],
        "GET h /a -> 200",
        "RFC 9112 section 3: white space may be parsed as one boundary; tshark takes an empty target",
    ),
    against(
        "spaces in the target",
        &[C("GET /a b HTTP/1.1\r\nHost: h\r\n\r\n"), S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")],
        "GET h /a b -> 200",
        "RFC 9112 section 3.2: white space that a client failed to encode is part of the target",
    ),
    same(
        "white space at the end of the request line",
        &[C("GET /a HTTP/1.1 \r\nHost: h\r\n\r\n"), S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")],
        "GET h /a -> 200",
    ),
    against(
        "lower-case method",
        &[C("get /a HTTP/1.1\r\nHost: h\r\n\r\n"), S("HTTP/1.1 501 No\r\nContent-Length: 0\r\n\r\n")],
        "get h /a -> 501",
        "RFC 9110 section 9.1: a method is any token, in its own case; tshark has a list",
    ),
    against(
        "HTTP/0.9",
        &[C("GET /a\r\n"), S("<html>")],
        "GET  /a -> ",
        "RFC 1945 section 4.1: this is all of a Simple-Request; tshark waits for an empty line",
    ),
    same(
        "status line HTTP/1.x 200 OK",
        &[
            C("GET /a HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.x 200 OK\r\nContent-Length: 2\r\n\r\nok"),
            C("GET /b HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ],
        "GET h /a, GET h /b -> 200, 200",
    ),
    same(
        "status line HTTP/1 200 OK",
        &[
            C("GET /a HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
            C("GET /b HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ],
        "GET h /a, GET h /b -> 200, 200",
    ),
    same(
        "status line HTTP/2.0 200 OK",
        &[
            C("GET /a HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok"),
            C("GET /b HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ],
        "GET h /a, GET h /b -> 200, 200",
    ),
    same(
        "status line HTTP/1.10 200 OK",
        &[
            C("GET /a HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.10 200 OK\r\nContent-Length: 2\r\n\r\nok"),
            C("GET /b HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ],
        "GET h /a, GET h /b -> 200, 200",
    ),
    same(
        "status line http/1.1 200 OK",
        &[
            C("GET /a HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("http/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
            C("GET /b HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ],
        "GET h /a, GET h /b -> 200",
    ),
    same(
        "status line HTTP/1.1  200 OK",
        &[
            C("GET /a HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1  200 OK\r\nContent-Length: 2\r\n\r\nok"),
            C("GET /b HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ],
        "GET h /a, GET h /b -> 200, 200",
    ),
    same(
        "status line HTTP/1.1 2000 OK",
        &[
            C("GET /a HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\nok"),
            C("GET /b HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ],
        "GET h /a, GET h /b -> 200, 200",
    ),
    same(
        "status line HTTP/1.1 20 OK",
        &[
            C("GET /a HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 20 OK\r\nContent-Length: 2\r\n\r\nok"),
            C("GET /b HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ],
        "GET h /a, GET h /b -> 200",
    ),
    same(
        "status line HTTP/1.1200 OK",
        &[
            C("GET /a HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1200 OK\r\nContent-Length: 2\r\n\r\nok"),
            C("GET /b HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ],
        "GET h /a, GET h /b -> 200",
    ),
    same(
        "status line HTTP/1.1 OK",
        &[
            C("GET /a HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 OK\r\nContent-Length: 2\r\n\r\nok"),
            C("GET /b HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ],
        "GET h /a, GET h /b -> 200",
    ),
    against(
        "status line ICY 200 OK",
        &[
            C("GET /a HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("ICY 200 OK\r\nContent-Length: 2\r\n\r\nok"),
            C("GET /b HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ],
        "GET h /a, GET h /b -> 200",
        "RFC 9112 section 2.3: the name is HTTP; ICY is another protocol",
    ),
    same(
        "status line HTTP/0.9 200 OK",
        &[
            C("GET /a HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/0.9 200 OK\r\nContent-Length: 2\r\n\r\nok"),
            C("GET /b HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ],
        "GET h /a, GET h /b -> 200, 200",
    ),
    same(
        "status line HTTP/1.1 999 X",
        &[
            C("GET /a HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 999 X\r\nContent-Length: 2\r\n\r\nok"),
            C("GET /b HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ],
        "GET h /a, GET h /b -> 999, 200",
    ),
    same(
        "status line HTTP/1.1 000 X",
        &[
            C("GET /a HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 000 X\r\nContent-Length: 2\r\n\r\nok"),
            C("GET /b HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ],
        "GET h /a, GET h /b -> 0, 200",
    ),
];

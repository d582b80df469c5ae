//! Chunked bodies, and what is no chunked body.

use super::Segment::{C, S};
use super::{Said, same};

pub(super) const SAID: &[Said] = &[
    same(
        "chunks with trailers",
        &[
            C("GET /a HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nExpires: never\r\n\r\n"),
            C("GET /b HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ],
        "GET h /a, GET h /b -> 200, 200",
    ),
    same(
        "chunks with extensions",
        &[
            C("GET /a HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;a=b;c=\"d e\"\r\nok\r\n0;last\r\n\r\n"),
            C("GET /b HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ],
        "GET h /a, GET h /b -> 200, 200",
    ),
    same(
        "chunk sizes with zeros",
        &[
            C("GET /a HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0002\r\nok\r\n000\r\n\r\n"),
            C("GET /b HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ],
        "GET h /a, GET h /b -> 200, 200",
    ),
    same(
        "chunk sizes with white space",
        &[
            C("GET /a HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2 \r\nok\r\n0\r\n\r\n"),
            C("GET /b HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ],
        "GET h /a, GET h /b -> 200, 200",
    ),
    same(
        "chunk sizes with white space and a tab",
        &[
            C("GET /a HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2 \t\r\nok\r\n0\r\n\r\n"),
            C("GET /b HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ],
        "GET h /a, GET h /b -> 200, 200",
    ),
    same(
        "chunks in one segment with the next answer",
        &[
            C("GET /a HTTP/1.1\r\nHost: h\r\n\r\nGET /b HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ],
        "GET h /a, GET h /b -> 200, 200",
    ),
    same(
        "chunks cut everywhere",
        &[
            C("GET /a HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r"),
            S("\n2\r"),
            S("\no"),
            S("k\r"),
            S("\n0\r\n\r"),
            S("\n"),
            C("GET /b HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ],
        "GET h /a, GET h /b -> 200, 200",
    ),
    same(
        "chunked request",
        &[
            C("POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\nGET /b HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ],
        "POST h /a, GET h /b -> 200, 200",
    ),
    same(
        "chunk size 0x2",
        &[
            C("POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0x2\r\nhi\r\n0\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
            C("GET /b HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ],
        "POST h /a, GET h /b -> 200, 200",
    ),
    same(
        "chunk size 2_0",
        &[
            C("POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2_0\r\nhi\r\n0\r\n\r\n"),
            S("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"),
            C("GET /b HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ],
        "POST h /a, GET h /b -> 400, 200",
    ),
    same(
        "chunk size overflow",
        &[
            C("POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000002\r\nhi\r\n0\r\n\r\n"),
            S("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"),
        ],
        "POST h /a -> 400",
    ),
    same(
        "negative chunk size",
        &[
            C("POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n-2\r\nhi\r\n0\r\n\r\n"),
            S("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"),
        ],
        "POST h /a -> 400",
    ),
    same(
        "a request right after a bad chunk",
        &[C("POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0x0\r\n\r\nGET /b HTTP/1.1\r\nHost: h\r\n\r\n")],
        "POST h /a, GET h /b -> ",
    ),
    same(
        "a request right after a chunk with an underscore",
        &[C("POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2_0\r\nhi\r\n0\r\n\r\nGET /b HTTP/1.1\r\nHost: h\r\n\r\n")],
        "POST h /a, GET h /b -> ",
    ),
    same(
        "a request right after a negative chunk",
        &[C("POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n-0\r\n\r\nGET /b HTTP/1.1\r\nHost: h\r\n\r\n")],
        "POST h /a, GET h /b -> ",
    ),
    same(
        "a request in a chunk of 2^64 and some bytes",
        &[C(
            "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000002\r\nhi\r\n0\r\n\r\nGET /b HTTP/1.1\r\nHost: h\r\n\r\n",
        )],
        "POST h /a -> ",
    ),
    same(
        "a request right after a negative length",
        &[C("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\nGET /b HTTP/1.1\r\nHost: h\r\n\r\n")],
        "POST h /a, GET h /b -> ",
    ),
    same(
        "a request right after a length with a sign",
        &[C("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: +5\r\n\r\n0\r\n\r\nGET /b HTTP/1.1\r\nHost: h\r\n\r\n")],
        "POST h /a, GET h /b -> ",
    ),
    same(
        "a request right after an unknown coding",
        &[C("POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\nGET /b HTTP/1.1\r\nHost: h\r\n\r\n")],
        "POST h /a -> ",
    ),
    same(
        "a request right after chunked that is not last",
        &[C("POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\nGET /b HTTP/1.1\r\nHost: h\r\n\r\n")],
        "POST h /a, GET h /b -> ",
    ),
];

//! Fields that frame a body in ways that two readers may read differently.

use super::Segment::{C, S};
use super::{Said, against, same};

pub(super) const SAID: &[Said] = &[
    against(
        "Content-Length: -2",
        &[
            C("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: -2\r\n\r\nhi"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
            C("GET /b HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ],
        "POST h /a, GET h /b -> 200, 200",
        "RFC 9112 section 6.3: no length, so that the body is not known to go on; tshark takes the next segment for body",
    ),
    same(
        "Content-Length: +2",
        &[
            C("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: +2\r\n\r\nhi"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
            C("GET /b HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ],
        "POST h /a, GET h /b -> 200, 200",
    ),
    against(
        "Content-Length: 2, 2",
        &[
            C("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 2, 2\r\n\r\nhi"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
            C("GET /b HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ],
        "POST h /a, GET h /b -> 200, 200",
        "RFC 9110 section 8.6: the same number twice is that number",
    ),
    same(
        "Content-Length: 2\r\nContent-Length: 2",
        &[
            C("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nhi"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
            C("GET /b HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ],
        "POST h /a, GET h /b -> 200, 200",
    ),
    same(
        "Content-Length: 2\r\nContent-Length: 3",
        &[
            C("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
            C("GET /b HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ],
        "POST h /a, GET h /b -> 200, 200",
    ),
    same(
        "Content-Length: 2 ",
        &[
            C("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 2 \r\n\r\nhi"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
            C("GET /b HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ],
        "POST h /a, GET h /b -> 200, 200",
    ),
    against(
        "Content-Length : 2",
        &[
            C("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length : 2\r\n\r\nhi"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
            C("GET /b HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ],
        "POST h /a, GET h /b -> 200, 200",
        "RFC 9112 section 5.1: no recipient takes it for another field; one that does not refuse it removes the white space",
    ),
    against(
        "Content-Length: 0x2",
        &[
            C("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 0x2\r\n\r\nhi"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
            C("GET /b HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ],
        "POST h /a, GET h /b -> 200, 200",
        "RFC 9112 section 6.3: no length, so that the body is not known to go on; tshark takes the next segment for body",
    ),
    against(
        "Content-Length: 2a",
        &[
            C("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 2a\r\n\r\nhi"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
            C("GET /b HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ],
        "POST h /a, GET h /b -> 200, 200",
        "RFC 9112 section 6.3: no length, so that the body is not known to go on; tshark takes the next segment for body",
    ),
    against(
        "Content-Length:",
        &[
            C("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length:\r\n\r\nhi"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
            C("GET /b HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ],
        "POST h /a, GET h /b -> 200, 200",
        "RFC 9112 section 6.3: no length, so that the body is not known to go on; tshark takes the next segment for body",
    ),
    against(
        "Content-Length: 18446744073709551618",
        &[
            C("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 18446744073709551618\r\n\r\nhi"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
            C("GET /b HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ],
        "POST h /a, GET h /b -> 200, 200",
        "RFC 9112 section 6.3: no length, so that the body is not known to go on; tshark takes the next segment for body",
    ),
    same(
        "Transfer-Encoding: xchunked",
        &[
            C("POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
            C("GET /b HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ],
        "POST h /a, GET h /b -> 200, 200",
    ),
    same(
        "Transfer-Encoding : chunked",
        &[
            C("POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding : chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
            C("GET /b HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ],
        "POST h /a, GET h /b -> 200, 200",
    ),
    same(
        "Transfer-Encoding: chunked\r\nContent-Length: 2",
        &[
            C("POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\nhi\r\n0\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
            C("GET /b HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ],
        "POST h /a, GET h /b -> 200, 200",
    ),
    same(
        "Transfer-Encoding: gzip, chunked",
        &[
            C("POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
            C("GET /b HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ],
        "POST h /a, GET h /b -> 200, 200",
    ),
    same(
        "Transfer-Encoding: chunked, identity",
        &[
            C("POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, identity\r\n\r\n2\r\nhi\r\n0\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
            C("GET /b HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ],
        "POST h /a, GET h /b -> 200, 200",
    ),
    same(
        "Transfer-Encoding: identity\r\nContent-Length: 2",
        &[
            C("POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: identity\r\nContent-Length: 2\r\n\r\nhi"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
            C("GET /b HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ],
        "POST h /a, GET h /b -> 200, 200",
    ),
    same(
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        &[
            C("POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
            C("GET /b HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ],
        "POST h /a, GET h /b -> 200, 200",
    ),
    same(
        "Transfer-Encoding: \u{b}chunked",
        &[
            C("POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: \u{b}chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
            C("GET /b HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ],
        "POST h /a, GET h /b -> 200, 200",
    ),
    same(
        "Transfer-Encoding: CHUNKED",
        &[
            C("POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: CHUNKED\r\n\r\n2\r\nhi\r\n0\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
            C("GET /b HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ],
        "POST h /a, GET h /b -> 200, 200",
    ),
    same(
        "Transfer-Encoding: chunked;a=b",
        &[
            C("POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked;a=b\r\n\r\n2\r\nhi\r\n0\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
            C("GET /b HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ],
        "POST h /a, GET h /b -> 200, 200",
    ),
    same(
        "Transfer-Encoding: \"chunked\"",
        &[
            C("POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: \"chunked\"\r\n\r\n2\r\nhi\r\n0\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
            C("GET /b HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ],
        "POST h /a, GET h /b -> 200, 200",
    ),
    same(
        "Transfer-Encoding:\r\n chunked",
        &[
            C("POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding:\r\n chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
            C("GET /b HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ],
        "POST h /a, GET h /b -> 200, 200",
    ),
    same(
        "X: y\r\n Transfer-Encoding: chunked",
        &[
            C("POST /a HTTP/1.1\r\nHost: h\r\nX: y\r\n Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
            C("GET /b HTTP/1.1\r\nHost: h\r\n\r\n"),
            S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ],
        "POST h /a, GET h /b -> 200, 200",
    ),
];

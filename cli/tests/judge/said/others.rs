//! Other protocols, which have words of HTTP.

use super::Segment::{C, S};
use super::{Said, against, same};

pub(super) const SAID: &[Said] = &[
    same("SMTP", &[S("220 mail ESMTP\r\n"), C("EHLO me\r\n"), C("MAIL FROM:<a@b>\r\n")], ""),
    same("SSH", &[S("SSH-2.0-OpenSSH_9.6\r\n"), C("SSH-2.0-OpenSSH_9.6\r\n")], ""),
    same("redis", &[S("$5\r\nvalue\r\n"), C("GET key\r\n")], ""),
    same("memcached", &[S("END\r\n"), C("get key\r\n")], ""),
    same("SIP", &[S("SIP/2.0 200 OK\r\n\r\n"), C("INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP c\r\n\r\n")], ""),
    against(
        "SIP OPTIONS",
        &[S("SIP/2.0 200 OK\r\n\r\n"), C("OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP c\r\n\r\n")],
        "",
        "RFC 3261: this is SIP",
    ),
    against(
        "RTSP",
        &[S("RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n"), C("OPTIONS rtsp://a/b RTSP/1.0\r\nCSeq: 1\r\n\r\n")],
        "",
        "RFC 2326: this is RTSP",
    ),
    same("FTP", &[S("220 ready\r\n"), C("USER me\r\n"), C("LIST\r\n"), C("DELETE 1\r\n")], ""),
    same("IMAP", &[S("* OK\r\n"), C("a SEARCH 1\r\n")], ""),
    same("SQL", &[S("ok\r\n"), C("DELETE FROM a\r\n"), C("UPDATE a SET b\r\n")], ""),
    same("POP3", &[S("+OK\r\n"), C("LIST\r\n")], ""),
    against("ICAP", &[S("ICAP/1.0 200 OK\r\n\r\n"), C("OPTIONS icap://a/b ICAP/1.0\r\nHost: a\r\n\r\n")], "", "RFC 3507: this is ICAP"),
];

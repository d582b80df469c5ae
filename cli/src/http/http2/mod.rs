//! HTTP/2 (RFC 9113), as an observer reads it.

pub(super) mod hpack;

//! What HTTP messages say: parsed from streams of bytes, framed, paired into exchanges, and redacted before anything leaves
//! this module.
//!
//! A [`tracker::Tracker`] takes segments and gives [`exchange::Exchange`]s. Per connection, two `messages::Messages` find
//! heads and the ends of bodies in the two byte streams, and `pairing::Pairing` tells which response answers which request.
//! Where there is HTTP/2 instead, `http2` does both.

pub mod api_version;
pub mod auth;
mod connection;
pub mod counts;
pub mod exchange;
mod first_line;
mod forwarded;
mod framing;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
pub mod head;
mod http2;
pub mod llm;
mod messages;
mod pairing;
mod proxy;
mod raw;
pub mod redact;
mod request_id;
pub mod selection;
mod sent;
mod side;
pub mod tracker;

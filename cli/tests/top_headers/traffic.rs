//! Exchanges whose elements are all known, as a capture that is made while it is read.

use std::io::{self, BufWriter, Write};

use crate::support::pcap::timed;
use crate::support::segment::{Conversation, Segment, Shape};

/// Elements of requests of which each has another value in each request.
pub(crate) const UNIQUE: usize = 10;
/// Whether the request with this number is from somebody who sends more than others, and how many in a hundred each of them sends.
pub(crate) const TENANTS: [(&str, u64); 4] = [("acme", 30), ("birch", 10), ("cedar", 2), ("delta", 1)];

/// Writes so many exchanges, a microsecond apart.
pub(crate) fn write(out: impl Write, exchanges: u64) -> io::Result<()> {
    const CONNECTIONS: u64 = 50;
    let mut out = BufWriter::new(out);
    let header = timed(1, u32::MAX, [] as [(u64, Vec<u8>); 0]);
    out.write_all(&header)?;
    let mut talks: Vec<_> = (0..CONNECTIONS).map(|number| Conversation::new(2000 + number as u16)).collect();
    for number in 0..exchanges {
        let talk = &mut talks[(number % CONNECTIONS) as usize];
        for segment in [talk.request(request(number, exchanges)), talk.response(response(number))] {
            out.write_all(&packet(number, &segment)[header.len()..])?;
        }
    }
    out.flush()
}

fn packet(number: u64, segment: &Segment) -> Vec<u8> {
    const BEGAN_NS: u64 = 1_700_000_000_000_000_000;
    timed(1, u32::MAX, [(BEGAN_NS + number * 1000, segment.frame(Shape::Plain))])
}

/// From a few who send much, and from many others.
pub(crate) fn tenant(number: u64) -> String {
    let mut share = number % 100;
    for (name, percent) in TENANTS {
        if share < percent {
            return name.to_owned();
        }
        share -= percent;
    }
    word(number)
}

fn request(number: u64, exchanges: u64) -> String {
    let mut head = format!("GET /things/{}?page={number} HTTP/1.1\r\nHost: raw.example\r\n", word(number));
    head.push_str(&format!("X-Forwarded-For: 10.{}.{}.1\r\nX-Tenant: {}\r\n", number % 5, number / 5 % 200, tenant(number)));
    (0..UNIQUE).for_each(|place| head.push_str(&format!("X-Unique-{place}: {place} of {number:07}\r\n")));
    if number >= exchanges / 2 {
        head.push_str("X-Canary: yes\r\n");
    }
    head + "\r\n"
}

fn response(number: u64) -> String {
    let status = if number.is_multiple_of(4) { "404 Not Found" } else { "200 OK" };
    format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nContent-Type: Text/Plain; charset=utf-8\r\n\r\n")
}

/// Letters that no other number has.
fn word(number: u64) -> String {
    let letter = |place: u32| char::from(b'a' + (number / 26_u64.pow(place) % 26) as u8);
    (0..5).map(letter).collect()
}

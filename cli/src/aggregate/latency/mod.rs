//! Response times of groups of exchanges: how they are spread, and how they go along with the load of the server.

pub mod bend;
pub mod loads;
pub mod powers;
mod side;
mod tenths;
#[cfg(test)]
mod tests;
pub mod trend;

use std::collections::HashMap;

use foldhash::fast::RandomState;

use self::loads::{Answered, Loads};
use self::powers::Powers;
use super::groups::{Groups, Place};
use super::histogram::Histogram;
use super::in_flight::{InFlight, Interval, Load, under_way};
use crate::http::exchange::Exchange;
use crate::stream::Endpoint;

/// What is known of a group's response times: first byte of the request to first byte of the final response.
#[derive(Clone, Debug, Default)]
pub struct Latency {
    /// Exchanges, with and without a response time.
    pub requests: u64,
    /// Response times.
    pub response_time: Histogram,
    /// The same, counted by powers of two.
    pub powers: Powers,
    /// The same, by requests in flight at the server when the request began, itself included.
    pub in_flight: Loads,
    /// The same, by requests of the server that began in the second that ended with it.
    pub rate: Loads,
    /// Exchanges with a response time whose load is not known, or had no room.
    pub without_load: u64,
}

/// Response times of groups, in bounded memory.
#[derive(Debug)]
pub struct Latencies {
    groups: Groups<Latency>,
    /// A number for each server: requests to others are no load of it.
    servers: HashMap<Endpoint, u32, RandomState>,
    in_flight: InFlight<Tag>,
    room: usize,
}

/// What is told of an exchange along with its load.
#[derive(Clone, Copy, Debug)]
struct Tag {
    place: Place,
    response_time_ns: Option<u64>,
}

/// Servers whose load is known; that of those that come later is not.
const MAX_SERVERS: usize = 1 << 14;
/// Sizes of response times that all levels of load together may tell apart: some 30 MiB of them.
const ROOM: usize = 3 << 20;

impl Latencies {
    /// Of these groups.
    pub fn new(groups: Groups<Latency>) -> Self {
        Self { groups, servers: HashMap::default(), in_flight: InFlight::default(), room: ROOM }
    }

    /// Counts an exchange.
    pub fn add(&mut self, exchange: &Exchange) {
        let place = self.groups.place(exchange);
        let response_time_ns = exchange.response_time_ns();
        let latency = self.groups.at(place);
        latency.requests += 1;
        if let Some(ns) = response_time_ns {
            latency.response_time.record(ns);
            latency.powers.record(ns);
        }
        let tag = Tag { place, response_time_ns };
        let Some((key, (begin_ns, end_ns))) = self.server(exchange.server).zip(under_way(exchange)) else {
            self.groups.at(place).without_load += u64::from(response_time_ns.is_some());
            return;
        };
        let Self { groups, in_flight, room, .. } = self;
        in_flight.add(Interval { begin_ns, end_ns, key, tag }, |interval, load| note(groups, &interval, load, room));
    }

    /// Counts what waited for others that began before.
    pub fn finish(&mut self) {
        let Self { groups, in_flight, room, .. } = self;
        in_flight.finish(|interval, load| note(groups, &interval, load, room));
    }

    /// The groups; complete when it is finished.
    pub fn groups(&self) -> &Groups<Latency> {
        &self.groups
    }

    fn server(&mut self, server: Endpoint) -> Option<u32> {
        let next = self.servers.len();
        match self.servers.get(&server) {
            Some(number) => Some(*number),
            None if next < MAX_SERVERS => Some(*self.servers.entry(server).or_insert(next as u32)),
            None => None,
        }
    }
}

fn note(groups: &mut Groups<Latency>, interval: &Interval<Tag>, load: Option<Load>, room: &mut usize) {
    let Interval { begin_ns, end_ns, tag: Tag { place, response_time_ns }, .. } = *interval;
    let Some(response_time_ns) = response_time_ns else { return };
    // Not known of an answer that was not complete at the end.
    let streamed_ns = if end_ns == u64::MAX { 0 } else { end_ns.saturating_sub(begin_ns + response_time_ns) };
    let latency = groups.at(place);
    let is_counted = load.is_some_and(|Load { in_flight, per_s, gap_ns }| {
        let answered = Answered { begin_ns, gap_ns, response_time_ns, streamed_ns };
        let by_number = latency.in_flight.record(in_flight, &answered, room);
        let by_rate = latency.rate.record(per_s, &answered, room);
        by_number && by_rate
    });
    latency.without_load += u64::from(!is_counted);
}

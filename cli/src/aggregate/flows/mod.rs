//! Packet and byte totals by what packets have in common: made of single packets where a file is read, taken over where the kernel keeps
//! them.
//!
//! The totals are exact: what does not fit goes into one more of all others.

mod totals;

use std::cmp::Reverse;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use ehl_probes_common::flow::{By, FlowKey, FlowTotals, known};
use ehl_probes_common::packet::Address;
use ehl_probes_common::record::Way;
use foldhash::fast::RandomState;

use crate::packet::Sighting;
use crate::probe::packets::Protocol;

/// In [`FlowKey::way`], of files that do not tell it.
const UNKNOWN_WAY: u8 = u8::MAX;
const TCP: u8 = 6;

/// The totals of all flows.
#[derive(Debug)]
pub struct Flows {
    by: By,
    max_flows: usize,
    flows: HashMap<FlowKey, FlowTotals, RandomState>,
    other: FlowTotals,
}

/// One flow.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row<'a> {
    by: By,
    key: &'a FlowKey,
    /// Its totals.
    pub totals: &'a FlowTotals,
    /// SYNs that nobody answered, neither with SYN and ACK nor with RST. `None` of what is not TCP by its tuple, and where the answer
    /// may not have been seen.
    pub unanswered_syn: Option<u32>,
}

impl Flows {
    /// Keeps up to `max_flows`.
    pub fn new(by: By, max_flows: u32) -> Self {
        Self { by, max_flows: max_flows as usize, flows: HashMap::default(), other: FlowTotals::default() }
    }

    /// Counts a packet.
    pub fn add(&mut self, packet: &Sighting) {
        let mut key = FlowKey::of(self.by, &packet.headers, packet.interface.unwrap_or(0), packet.way.unwrap_or(Way::Ingress));
        if packet.way.is_none() {
            key.way = UNKNOWN_WAY;
        }
        let is_direction = self.by == By::Tuple;
        match self.totals(key) {
            Some(totals) => {
                totals::add(totals, packet);
                if is_direction {
                    totals::follow(totals, &packet.headers);
                }
            }
            None => totals::add(&mut self.other, packet),
        }
    }

    /// Takes over the totals of a flow: adds them to those that it has.
    pub fn insert(&mut self, key: FlowKey, totals: &FlowTotals) {
        match self.totals(key) {
            Some(known) => known.merge(totals),
            None => self.other.merge(totals),
        }
    }

    /// Takes over the totals of what did not fit elsewhere.
    pub fn insert_other(&mut self, totals: &FlowTotals) {
        self.other.merge(totals);
    }

    /// Takes over all of another part of the run, by the same and in its order.
    pub fn merge(&mut self, more: &Self) {
        for row in more.rows(false) {
            self.insert(*row.key, row.totals);
        }
        self.insert_other(&more.other);
    }

    /// What does not fit; `None` when all does.
    pub fn other(&self) -> Option<&FlowTotals> {
        (self.other.packets > 0).then_some(&self.other)
    }

    /// One row a flow, the largest first: by bytes, then by packets, then by what they have in common. `sees_both_ways` is whether the
    /// source looks at what is sent and at what is received; where one connection was seen both ways, that is taken for granted.
    pub fn rows(&self, sees_both_ways: bool) -> Vec<Row<'_>> {
        let answers = self.answers(sees_both_ways);
        let mut rows: Vec<_> = self
            .flows
            .iter()
            .map(|(key, totals)| Row { by: self.by, key, totals, unanswered_syn: answers.as_ref().and_then(|them| them.lack(key, totals)) })
            .collect();
        rows.sort_by_cached_key(|Row { key, totals, .. }| (Reverse((totals.bytes, totals.packets)), order(key)));
        rows
    }

    /// Those of a flow that is kept.
    fn totals(&mut self, key: FlowKey) -> Option<&mut FlowTotals> {
        let is_full = self.flows.len() >= self.max_flows;
        match self.flows.entry(key) {
            Entry::Occupied(known) => Some(known.into_mut()),
            Entry::Vacant(_) if is_full => None,
            Entry::Vacant(free) => Some(free.insert(FlowTotals::default())),
        }
    }

    /// `None` where they were not looked at.
    fn answers(&self, sees_both_ways: bool) -> Option<Answers> {
        if self.by != By::Tuple || !(sees_both_ways || self.has_both_ways()) {
            return None;
        }
        let is_answer = |totals: &FlowTotals| totals.syn_ack > 0 || totals.rst > 0;
        let given = self.flows.iter().filter(|(key, totals)| is_tcp(key) && is_answer(totals)).map(|(key, _)| Tuple::of(key)).collect();
        Some(Answers { given, are_all_known: self.other.packets == 0 })
    }

    fn has_both_ways(&self) -> bool {
        let seen: HashSet<Tuple, RandomState> = self.flows.keys().filter(|key| is_tcp(key)).map(Tuple::of).collect();
        seen.iter().any(|tuple| seen.contains(&tuple.reversed()))
    }
}

/// The directions of TCP connections in which somebody answered, over whatever interface.
struct Answers {
    given: HashSet<Tuple, RandomState>,
    /// None may be among what did not fit.
    are_all_known: bool,
}

impl Answers {
    /// How many answers a flow lacks.
    fn lack(&self, key: &FlowKey, totals: &FlowTotals) -> Option<u32> {
        let is_answered = self.given.contains(&Tuple::of(key).reversed());
        match totals.syn {
            _ if !is_tcp(key) => None,
            0 => Some(0),
            _ if is_answered => Some(0),
            syn => self.are_all_known.then_some(syn),
        }
    }
}

/// Both ends of a direction.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Tuple {
    ends: [(Address, u16); 2],
}

impl Tuple {
    fn of(key: &FlowKey) -> Self {
        Self { ends: [(key.source, key.source_port), (key.destination, key.destination_port)] }
    }

    fn reversed(self) -> Self {
        let [source, destination] = self.ends;
        Self { ends: [destination, source] }
    }
}

fn is_tcp(key: &FlowKey) -> bool {
    key.protocol == TCP && key.known & (known::IP | known::PORTS) == known::IP | known::PORTS
}

type Order = ([u8; 16], [u8; 16], u16, u16, u16, u8, u32, u8, u8);

fn order(key: &FlowKey) -> Order {
    let FlowKey { source, destination, source_port, destination_port, interface, ethertype, protocol, known, way, reserved: _ } = *key;
    (source.bytes(), destination.bytes(), source_port, destination_port, ethertype, protocol, interface, way, known)
}

impl Row<'_> {
    /// The sender, where flows are told apart by it and it has an address.
    pub fn source(&self) -> Option<IpAddr> {
        (matches!(self.by, By::Tuple | By::Source) && self.knows(known::IP)).then(|| address(self.key.source))
    }

    /// The receiver, likewise.
    pub fn destination(&self) -> Option<IpAddr> {
        (matches!(self.by, By::Tuple | By::Destination) && self.knows(known::IP)).then(|| address(self.key.destination))
    }

    /// The sender's port.
    pub fn source_port(&self) -> Option<u16> {
        (self.by == By::Tuple && self.knows(known::PORTS)).then_some(self.key.source_port)
    }

    /// The receiver's port.
    pub fn destination_port(&self) -> Option<u16> {
        (self.by == By::Tuple && self.knows(known::PORTS)).then_some(self.key.destination_port)
    }

    /// The lower port of both, where flows are told apart by that.
    pub fn port(&self) -> Option<u16> {
        (self.by == By::Port && self.knows(known::PORTS)).then_some(self.key.source_port)
    }

    /// The protocol, where flows are told apart by it.
    pub fn protocol(&self) -> Option<Protocol> {
        let protocol = if self.knows(known::IP) { Protocol::Ip(self.key.protocol) } else { Protocol::Link(self.key.ethertype) };
        matches!(self.by, By::Tuple | By::Port | By::Protocol).then_some(protocol)
    }

    /// The interface, where flows are told apart by it and the source tells it.
    pub fn interface(&self) -> Option<u32> {
        (self.key.interface != 0).then_some(self.key.interface)
    }

    /// Which way it goes; `None` where the source does not tell.
    pub fn way(&self) -> Option<Way> {
        [Way::Ingress, Way::Egress].into_iter().find(|way| *way as u8 == self.key.way)
    }

    fn knows(&self, bit: u8) -> bool {
        self.key.known & bit != 0
    }
}

fn address(address: Address) -> IpAddr {
    IpAddr::from(Ipv6Addr::from(address.bytes())).to_canonical()
}

/// A rate over a run of this length; `None` where no time went by.
pub fn per_s(count: u64, run: Duration) -> Option<f64> {
    (!run.is_zero()).then(|| count as f64 / run.as_secs_f64())
}

#[cfg(test)]
mod tests;

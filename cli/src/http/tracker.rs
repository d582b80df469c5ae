//! All connections: a bounded table, in which the least recently used one makes room.

use std::collections::VecDeque;
use std::num::NonZeroUsize;

use foldhash::fast::RandomState;
use lru::LruCache;

use super::connection::{Connection, Outcome, Shared};
use super::counts::Counts;
use super::exchange::Exchange;
use super::head::Wanted;
use super::redact::Redactor;
use crate::stream::{Endpoint, Identity, Origin, Segment, Tls};

/// Connections followed at a time.
const MAX_CONNECTIONS: NonZeroUsize = NonZeroUsize::new(16 * 1024).unwrap();
/// Bytes of streams and heads kept for all of them.
const MAX_BUFFERED: usize = 32 << 20;
/// Connections that are over and not yet forgotten.
const LINGERING: usize = 1024;
/// A connection that holds more than this is the first to make room.
const MUCH_HELD: usize = 64 << 10;

/// Makes exchanges of segments.
pub struct Tracker {
    /// Whoever chooses addresses and ports must not choose where they end up in the table: it is seeded at random.
    connections: LruCache<Key, Box<Connection>, RandomState>,
    shared: Shared,
    buffered: usize,
    /// Connections that are over, oldest first: what comes again of them is known for that.
    over: VecDeque<Key>,
    outcome: Outcome,
}

/// What tells connections apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Key {
    /// The lower end first.
    Ends([Endpoint; 2]),
    /// In a process.
    Tls { process: u32, connection: u64 },
}

impl Tracker {
    /// Keeps what is wanted of heads, redacted.
    pub fn new(wanted: Wanted, redactor: Redactor) -> Self {
        let connections = LruCache::with_hasher(MAX_CONNECTIONS, RandomState::default());
        Self { connections, shared: Shared { wanted, redactor }, buffered: 0, over: VecDeque::new(), outcome: Outcome::default() }
    }

    /// Takes a segment, and passes on the exchanges that are complete with it.
    pub fn segment(&mut self, segment: &Segment<'_>, each: &mut dyn FnMut(&Exchange)) {
        let Segment { source, destination, origin, identity, part } = *segment;
        let (is_turned, process) = match (identity, origin) {
            (Identity::Tls(tls), Origin::Process(process)) => (!tls.is_written, process.id),
            (Identity::Tls(tls), _) => (!tls.is_written, 0),
            (Identity::Ends, _) => (source > destination, 0),
        };
        let ends = if is_turned { [destination, source] } else { [source, destination] };
        let key = match identity {
            Identity::Tls(Tls { connection, .. }) => Key::Tls { process, connection },
            Identity::Ends => Key::Ends(ends),
        };
        if self.connections.len() == MAX_CONNECTIONS.get() && !self.connections.contains(&key) {
            self.evict();
        }
        let connection = self.connections.get_or_insert_mut(key, || Box::new(Connection::new(ends, origin, identity)));
        let before = connection.counted;
        connection.learn(ends);
        connection.part(usize::from(is_turned), part, &self.shared, &mut self.outcome);
        if connection.held() > MUCH_HELD && self.buffered + connection.buffered() > before + MAX_BUFFERED {
            // Rather this one than the many that hold little.
            connection.give_up_waiting(&self.shared, &mut self.outcome);
        }
        connection.address(&mut self.outcome.exchanges);
        connection.counted = connection.buffered();
        self.buffered = self.buffered + connection.counted - before;
        if connection.is_over() && connection.is_idle() && !std::mem::replace(&mut connection.lingers, true) {
            self.over.push_back(key);
        }
        if self.over.len() > LINGERING {
            self.forget();
        }
        while self.buffered > MAX_BUFFERED && !self.connections.is_empty() {
            self.evict();
        }
        self.pass_on(each);
    }

    /// Nothing more comes: what is open becomes exchanges.
    pub fn finish(&mut self, each: &mut dyn FnMut(&Exchange)) {
        while let Some((_, mut connection)) = self.connections.pop_lru() {
            connection.finish(&self.shared, &mut self.outcome);
            connection.address(&mut self.outcome.exchanges);
            self.pass_on(each);
        }
        self.buffered = 0;
        self.over.clear();
    }

    /// What was counted so far.
    pub fn counts(&self) -> Counts {
        self.outcome.counts
    }

    /// The connection that has been over for longest, if it still is.
    fn forget(&mut self) {
        let Some(key) = self.over.pop_front() else { return };
        let Some(connection) = self.connections.peek_mut(&key) else { return };
        connection.lingers = false;
        if connection.is_over() && connection.is_idle() {
            self.buffered -= connection.counted;
            self.connections.pop(&key);
        }
    }

    fn evict(&mut self) {
        if let Some((_, mut connection)) = self.connections.pop_lru() {
            self.buffered -= connection.counted;
            connection.finish(&self.shared, &mut self.outcome);
            connection.address(&mut self.outcome.exchanges);
            self.outcome.counts.evicted += u64::from(!connection.is_over());
        }
    }

    fn pass_on(&mut self, each: &mut dyn FnMut(&Exchange)) {
        let Outcome { exchanges, counts, .. } = &mut self.outcome;
        for exchange in exchanges.drain(..) {
            counts.exchanges += 1;
            counts.unpaired_requests += u64::from(exchange.response_first_ns.is_none());
            counts.unpaired_responses += u64::from(exchange.request_first_ns.is_none());
            each(&exchange);
        }
    }
}

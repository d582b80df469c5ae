//! The demo's clients: one thread for each, which counts what it sent and what came back.

use super::api::Api;
use super::endpoints::Endpoint;
use super::lcg::Lcg;
use super::message;
use super::stop::Stop;
use super::traffic::{Call, PROFILES, Profile, Stack};
use std::collections::BTreeMap;
use std::io::{self, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

pub use super::traffic::SECRETS;

/// What one client does at most, should nobody stop it: about a day of calls.
const MAX_CALLS: u32 = 2_000_000;
const MAX_TIME: Duration = Duration::from_secs(24 * 60 * 60);
/// Ten times the slowest answer.
const PATIENCE: Duration = Duration::from_secs(6);

/// Running clients. Dropping them ends and joins them; [`Clients::stop`] also tells what they did.
#[derive(Debug)]
pub struct Clients {
    stop: Arc<Stop>,
    threads: Vec<JoinHandle<io::Result<Sent>>>,
}

/// What the clients sent and had answered to the last byte.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sent {
    /// Exchanges by endpoint and status.
    pub exchanges: BTreeMap<Endpoint, BTreeMap<u16, u64>>,
}

impl Clients {
    /// Starts every client. The same calls in the same order on every run, by client.
    pub fn start(api: &Api) -> io::Result<Self> {
        let mut clients = Self { stop: Arc::default(), threads: Vec::with_capacity(PROFILES.len()) };
        for (seed, profile) in (1..).zip(PROFILES) {
            let address = address(api.addresses(), profile.stack)?;
            let stop = Arc::clone(&clients.stop);
            let thread = thread::Builder::new().name(format!("demo-{}", profile.name));
            clients.threads.push(thread.spawn(move || work(&profile, address, seed, &stop))?);
        }
        Ok(clients)
    }

    /// Lets each client finish the exchange it is in, at most about 0.7 s, and adds up what they did. Fails with
    /// the first error that a client met.
    pub fn stop(mut self) -> io::Result<Sent> {
        self.stop.set();
        let mut all = Sent::default();
        for thread in self.threads.drain(..) {
            let panicked = |_| Err(io::Error::other("a client of the demo panicked"));
            all.add(thread.join().unwrap_or_else(panicked)?);
        }
        Ok(all)
    }
}

impl Drop for Clients {
    fn drop(&mut self) {
        self.stop.set();
        for thread in self.threads.drain(..) {
            // Whoever wants the outcome calls `stop`.
            let _ = thread.join();
        }
    }
}

impl Sent {
    /// Exchanges in all.
    pub fn total(&self) -> u64 {
        self.exchanges.values().flat_map(BTreeMap::values).sum()
    }

    /// Exchanges with one endpoint.
    pub fn with(&self, endpoint: Endpoint) -> u64 {
        let statuses = self.exchanges.get(&endpoint);
        statuses.map_or(0, |by_status| by_status.values().sum())
    }

    fn count(&mut self, endpoint: Endpoint, status: u16, exchanges: u64) {
        let by_status = self.exchanges.entry(endpoint).or_default();
        *by_status.entry(status).or_default() += exchanges;
    }

    fn add(&mut self, other: Self) {
        for (endpoint, by_status) in other.exchanges {
            for (status, exchanges) in by_status {
                self.count(endpoint, status, exchanges);
            }
        }
    }
}

fn address(of_api: &[SocketAddr], stack: Stack) -> io::Result<SocketAddr> {
    let wanted = of_api.iter().find(|address| address.is_ipv6() == (stack == Stack::V6));
    let address = wanted.or(of_api.first());
    address.copied().ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
}

fn work(profile: &Profile, address: SocketAddr, seed: u64, stop: &Stop) -> io::Result<Sent> {
    let begun = Instant::now();
    let mut lcg = Lcg::new(seed);
    let mut kept = None;
    let mut sent = Sent::default();
    for _ in 0..MAX_CALLS {
        if begun.elapsed() >= MAX_TIME {
            break;
        }
        let call = (profile.call)(&mut lcg);
        let status = exchange(profile, address, &call, &mut kept).map_err(|error| {
            let Call { method, target, .. } = &call;
            let path = target.split('?').next().unwrap_or_default();
            io::Error::new(error.kind(), format!("demo: {method} {path}: {error}"))
        })?;
        if let Some(endpoint) = Endpoint::of(call.method, &call.target) {
            sent.count(endpoint, status, 1);
        }
        let pause_ms = lcg.between(profile.pause_ms.start, profile.pause_ms.end);
        if stop.sleep(Duration::from_millis(pause_ms.into())) {
            break;
        }
    }
    Ok(sent)
}

/// One request and its answer, over the kept connection if there is one. `kept` is what is left for the next.
fn exchange(profile: &Profile, address: SocketAddr, call: &Call, kept: &mut Option<BufReader<TcpStream>>) -> io::Result<u16> {
    let mut connection = match kept.take() {
        Some(connection) => connection,
        None => connect(address)?,
    };
    connection.get_mut().write_all(compose(profile, call).as_bytes())?;
    let status = message::read_answer(&mut connection, call.method)?;
    *kept = profile.keep_alive.then_some(connection);
    Ok(status)
}

fn connect(address: SocketAddr) -> io::Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(BufReader::new(stream))
}

fn compose(profile: &Profile, call: &Call) -> String {
    let mut text = format!("{} {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: {}\r\n", call.method, call.target, call.host, profile.user_agent,);
    for (name, value) in &call.headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    if !profile.keep_alive {
        text.push_str("Connection: close\r\n");
    }
    if let Some(body) = call.body {
        text.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    text.push_str("\r\n");
    text.push_str(call.body.unwrap_or_default());
    text
}

#[cfg(test)]
mod tests {
    use super::{Api, Clients, Endpoint};
    use std::time::{Duration, Instant};

    #[test]
    fn clients_and_api_work_together_and_stop_promptly() {
        let api = Api::start().expect("the API starts");
        let clients = Clients::start(&api).expect("the clients start");
        std::thread::sleep(Duration::from_millis(300));
        let stopping = Instant::now();
        let sent = clients.stop().expect("no client failed");
        drop(api);
        assert!(stopping.elapsed() < Duration::from_secs(3), "{:?}", stopping.elapsed());

        // Each client had at least one answer, and none can have had more than its pauses allow.
        let total = sent.total();
        assert!((8..200).contains(&total), "{sent:?}");
        let chat = Endpoint::of("POST", "/v1/chat/completions").expect("an endpoint");
        assert!((1..10).contains(&sent.with(chat)), "{sent:?}");
    }

    #[test]
    fn an_api_that_went_away_is_an_error_not_a_panic() {
        let api = Api::start().expect("the API starts");
        let clients = Clients::start(&api).expect("the clients start");
        std::thread::sleep(Duration::from_millis(50));
        drop(api);
        std::thread::sleep(Duration::from_millis(300));
        let error = clients.stop().expect_err("the API is gone").to_string();
        assert!(error.starts_with("demo: "), "{error}");
    }
}

//! The demo's API: a small HTTP/1.1 server on loopback, over IPv4 and, where there is one, IPv6.
//!
//! It owns its threads: one for each listener, one for each connection up to a limit, all joined when it is dropped. What it
//! answers is decided in [`endpoints`].

use super::answer::{Answer, Body};
use super::endpoints;
use super::message::Request;
use super::stop::Stop;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

const MAX_CONNECTIONS: usize = 64;
/// How long a stop may go unnoticed by a thread that waits for a peer.
const POLL: Duration = Duration::from_millis(50);
/// How long a peer may pause inside a request, or leave an answer unread.
const PATIENCE: Duration = Duration::from_secs(5);

/// A running API. Dropping it closes every socket and joins every thread.
#[derive(Debug)]
pub struct Api {
    addresses: Vec<SocketAddr>,
    stop: Arc<Stop>,
    listeners: Vec<JoinHandle<()>>,
}

impl Api {
    /// Binds a free port on 127.0.0.1 and the same on `::1`, and serves. Goes on with IPv4 alone where IPv6 is absent.
    pub fn start() -> io::Result<Self> {
        Self::serve(bind_free_port()?)
    }

    /// Binds this port on the same addresses, and serves. Fails where another program has it on either.
    pub fn start_on(port: u16) -> io::Result<Self> {
        let bound =
            bind(port).map_err(|error| io::Error::new(error.kind(), format!("cannot listen on port {port} of loopback: {error}")))?;
        Self::serve(bound)
    }

    fn serve(bound: Vec<TcpListener>) -> io::Result<Self> {
        let mut api = Self { addresses: Vec::with_capacity(bound.len()), stop: Arc::default(), listeners: Vec::with_capacity(bound.len()) };
        let open = Arc::new(AtomicUsize::new(0));
        for listener in bound {
            api.addresses.push(listener.local_addr()?);
            set_socket_timeout(&listener, Timeout::Recv, Some(POLL))?;
            let (stop, open) = (Arc::clone(&api.stop), Arc::clone(&open));
            let thread = thread::Builder::new().name("demo-api".to_owned());
            api.listeners.push(thread.spawn(move || listen(&listener, &stop, &open))?);
        }
        Ok(api)
    }

    /// Where it listens: IPv4 first, then IPv6 if there is one.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The one port of all addresses.
    pub fn port(&self) -> u16 {
        self.addresses.first().map_or(0, SocketAddr::port)
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        self.stop.set();
        for listener in self.listeners.drain(..) {
            // A panic has been printed by then, and the API ends either way.
            let _ = listener.join();
        }
    }
}

/// The kernel picks a port that is free for IPv4; another program may hold it on IPv6, so try a few.
fn bind_free_port() -> io::Result<Vec<TcpListener>> {
    for _ in 0..16 {
        match bind(0) {
            Err(error) if error.kind() == ErrorKind::AddrInUse => {}
            bound => return bound,
        }
    }
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map(|v4| vec![v4])
}

/// One port on both stacks, or on IPv4 alone where there is no IPv6.
fn bind(port: u16) -> io::Result<Vec<TcpListener>> {
    let v4 = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    match TcpListener::bind((Ipv6Addr::LOCALHOST, v4.local_addr()?.port())) {
        Ok(v6) => Ok(vec![v4, v6]),
        Err(error) if error.kind() == ErrorKind::AddrInUse => Err(error),
        Err(_) => Ok(vec![v4]),
    }
}

fn listen(listener: &TcpListener, stop: &Stop, open: &AtomicUsize) {
    thread::scope(|connections| {
        while !stop.is_set() {
            match listener.accept() {
                Ok((stream, _)) => {
                    let Some(place) = Place::take(open) else {
                        continue;
                    };
                    let thread = thread::Builder::new().name("demo-api".to_owned());
                    // Without a thread the connection is closed unanswered, as it is without a place.
                    let _ = thread.spawn_scoped(connections, move || {
                        let _place = place;
                        // The peer went away, or does not speak HTTP: close.
                        let _ = serve(&stream, stop);
                    });
                }
                Err(error) if is_timeout(&error) => {}
                Err(_) => {
                    stop.sleep(POLL);
                }
            }
        }
    });
}

/// One of the places for connections; free again when dropped.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(open: &'a AtomicUsize) -> Option<Self> {
        let place = Self(open);
        (open.fetch_add(1, Ordering::Relaxed) < MAX_CONNECTIONS).then_some(place)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn serve(stream: &TcpStream, stop: &Stop) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut reader = BufReader::new(stream);
    while begins(&mut reader, stop)? {
        let request = Request::read(&mut reader)?;
        let close = request.is_last();
        send(stream, endpoints::answer(&request), &request, stop)?;
        if close {
            break;
        }
    }
    Ok(())
}

/// Waits for the first byte of a request. False when the client closed, or when it is time to stop.
fn begins(reader: &mut BufReader<&TcpStream>, stop: &Stop) -> io::Result<bool> {
    reader.get_ref().set_read_timeout(Some(POLL))?;
    let begun = loop {
        match reader.fill_buf() {
            Ok(bytes) => break !bytes.is_empty(),
            Err(error) if is_timeout(&error) && !stop.is_set() => {}
            Err(error) if is_timeout(&error) => break false,
            Err(error) => return Err(error),
        }
    };
    reader.get_ref().set_read_timeout(Some(PATIENCE))?;
    Ok(begun && !stop.is_set())
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

/// Sends an answer at the pace it asks for. A stop cuts it short, and the connection with it.
fn send(mut to: &TcpStream, answer: Answer, request: &Request, stop: &Stop) -> io::Result<()> {
    let bodyless = request.method == "HEAD";
    pause(stop, answer.wait)?;
    let mut head = answer.head();
    match answer.body {
        Body::Whole(body) => {
            head.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
            if !bodyless {
                head.push_str(&body);
            }
            to.write_all(head.as_bytes())
        }
        Body::Streamed { events, gap } => {
            head.push_str("Transfer-Encoding: chunked\r\n\r\n");
            to.write_all(head.as_bytes())?;
            if bodyless {
                return Ok(());
            }
            for event in events {
                pause(stop, gap)?;
                to.write_all(format!("{:x}\r\n{event}\r\n", event.len()).as_bytes())?;
            }
            to.write_all(b"0\r\n\r\n")
        }
    }
}

fn pause(stop: &Stop, duration: Duration) -> io::Result<()> {
    match stop.sleep(duration) {
        true => Err(ErrorKind::ConnectionAborted.into()),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::Api;
    use std::io::{Read, Write};
    use std::net::{SocketAddr, TcpStream};
    use std::time::{Duration, Instant};

    fn say(to: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(to).expect("the API listens");
        stream.write_all(request.as_bytes()).expect("it reads");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("it answers");
        String::from_utf8(answer).expect("in UTF-8")
    }

    #[test]
    fn listens_on_loopback_only_with_one_port() {
        let api = Api::start().expect("the API starts");
        assert!(api.port() > 0);
        assert!(api.addresses().iter().all(|address| address.ip().is_loopback() && address.port() == api.port()));
    }

    #[test]
    fn names_the_port_that_another_program_has() {
        let first = Api::start().expect("the API starts");
        let error = Api::start_on(first.port()).expect_err("the port is taken");
        let expected = format!("cannot listen on port {} of loopback: ", first.port());
        assert!(error.to_string().starts_with(&expected), "{error}");
    }

    #[test]
    fn answers_on_every_address_and_keeps_the_connection() {
        let api = Api::start().expect("the API starts");
        for address in api.addresses() {
            let answers =
                say(*address, "HEAD /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
            assert_eq!(answers.matches("HTTP/1.1 200 OK\r\n").count(), 2, "{answers}");
            assert!(answers.ends_with("\r\n\r\nok\n"), "{answers}");
        }
    }

    #[test]
    fn streams_the_chat_in_chunks() {
        let api = Api::start().expect("the API starts");
        let begun = Instant::now();
        let answer = say(
            api.addresses()[0],
            "POST /v1/chat/completions HTTP/1.1\r\nX-Request-Id: req_1\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}",
        );
        assert!(begun.elapsed() >= Duration::from_millis(150));
        assert!(answer.contains("Transfer-Encoding: chunked\r\n"), "{answer}");
        assert!(answer.contains("Content-Type: text/event-stream"), "{answer}");
        assert!(answer.contains("data: [DONE]"), "{answer}");
        assert!(answer.ends_with("\r\n0\r\n\r\n"), "{answer}");
    }

    #[test]
    fn stops_promptly_with_connections_idle_and_an_answer_under_way() {
        let api = Api::start().expect("the API starts");
        let _idle = TcpStream::connect(api.addresses()[0]).expect("the API listens");
        let mut busy = TcpStream::connect(api.addresses()[0]).expect("the API listens");
        busy.write_all(b"GET /internal/report HTTP/1.1\r\n\r\n").expect("it reads");
        let begun = Instant::now();
        let address = api.addresses()[0];
        drop(api);
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
        assert!(TcpStream::connect(address).is_err());
    }
}

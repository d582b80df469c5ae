//! Exact bytes over real TCP connections on loopback.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};

use super::netns::Netns;

/// Where scripted servers listen.
pub(crate) const SERVER: ([u8; 4], u16) = ([127, 0, 0, 1], 8080);

/// `GET /0`, `GET /1`, ... each on a connection of its own, answered 200.
pub(crate) fn exchange_plain(netns: &Netns, count: usize) {
    let request = |index| format!("GET /{index} HTTP/1.1\r\nHost: plain.example\r\n\r\n");
    let response = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    exchange_many(netns, &(0..count).map(|index| (request(index), response)).collect::<Vec<_>>());
}

/// Connections one after the other, in each of which the client sends its bytes and the server answers its own. For what
/// fits into socket buffers: both ends are on one thread.
pub(crate) fn exchange_many<R: AsRef<[u8]> + Sync, S: AsRef<[u8]> + Sync>(netns: &Netns, exchanges: &[(R, S)]) {
    netns.run(|| {
        let listener = TcpListener::bind(SocketAddr::from(SERVER)).expect("the port is free in this namespace");
        for (request, response) in exchanges {
            exchange_over(&listener, request.as_ref(), response.as_ref());
        }
    });
}

fn exchange_over(listener: &TcpListener, request: &[u8], response: &[u8]) {
    let mut client = TcpStream::connect(SocketAddr::from(SERVER)).expect("the listener takes connections");
    let (mut server, _) = listener.accept().expect("a connection waits");
    client.write_all(request).expect("the request fits the socket");
    let mut received = vec![0; request.len()];
    server.read_exact(&mut received).expect("the request arrives");
    server.write_all(response).expect("the response fits the socket");
    drop(server);
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).expect("the response arrives");
    assert_eq!(answer, response);
}

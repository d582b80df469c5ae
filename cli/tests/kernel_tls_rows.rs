//! `ehl capture --probe ssl-uprobe` against what real servers logged and real clients were answered: each exchange is a row
//! of either end.

mod support;

use support::can_run;
use support::capture::Capture;
use support::netns::{Netns, run};
use support::script::python;
use support::tls::certificate::Certificates;
use support::tls::client::{self, Asker, talk};
use support::tls::exchange::{Request, every_kind, plain};
use support::tls::node::{Node, nodes};
use support::tls::rows::{CAPTURE, Truth};
use support::tls::server::{self, Server};

const CLIENTS: [client::Kind; 13] = [
    client::Kind::Curl,
    client::Kind::CurlHttp2,
    client::Kind::Nghttp,
    client::Kind::Python("http.client"),
    client::Kind::Python("requests"),
    client::Kind::Python("asyncio"),
    client::Kind::Python("pycurl"),
    client::Kind::Python("pyopenssl"),
    client::Kind::Node(Node::Debian, "https"),
    client::Kind::Node(Node::Debian, "http2"),
    client::Kind::Node(Node::Wheel, "https"),
    client::Kind::Node(Node::Wheel, "http2"),
    client::Kind::SClient,
];

/// Every client that the server can serve, one after the other: each exchange is a row of its client and one of its server.
#[track_caller]
fn assert_rows_with_every_client(kind: server::Kind, has_addresses: bool) {
    let [debian, wheel] = nodes();
    if !can_run(&["nginx", "curl", "nghttp", "openssl", &python(), &debian, &wheel]) {
        return;
    }
    let netns = Netns::new();
    let certificates = Certificates::make();
    let server = Server::start(&netns, kind, &certificates);
    let comm = server.comm.clone();
    let clients = CLIENTS.into_iter().filter(|client| kind.speaks_http2() || !client.speaks_http2());
    let start = |client| (Asker::start(&netns, client, "127.0.0.1", &certificates), requests(kind, client));
    let askers: Vec<_> = clients.map(start).collect();
    askers.iter().filter(|_| !kind.is_whole()).for_each(|(_, requests)| server.provide(requests));
    let capture = Capture::start(&netns, &CAPTURE);
    let talks: Vec<_> = askers.into_iter().map(|(asker, requests)| asker.ask(&netns, &certificates, &requests)).collect();
    let logged = server.finish(&talks);
    let outcome = capture.stop().exited(0);
    Truth { talks: &talks, logged: &logged, comm: &comm, server_has_addresses: has_addresses }.assert_rows(&outcome);
    assert_eq!(outcome.accounting("lost"), 0, "{outcome}");
}

fn requests(server: server::Kind, client: client::Kind) -> Vec<Request> {
    match client {
        client::Kind::SClient if !server.is_whole() => vec![Request::get("/s200/sclient/0").last()],
        _ if !server.is_whole() => plain(&client.name()),
        client::Kind::Nghttp => (0..5).map(|index| Request::get(format!("/s404/nghttp/{index}"))).collect(),
        client::Kind::SClient => {
            vec![Request::get("/s404/sclient/0"), Request::get("/s200/len/3000/sclient"), Request::get("/s503/sclient/2").last()]
        }
        _ => every_kind(&client.name()),
    }
}

#[test]
fn nginx_and_every_client() {
    assert_rows_with_every_client(server::Kind::Nginx(1), true);
}

#[test]
fn nginx_with_two_workers_and_every_client() {
    assert_rows_with_every_client(server::Kind::Nginx(2), true);
}

#[test]
fn the_standard_library_s_server_with_threads_and_every_client() {
    assert_rows_with_every_client(server::Kind::Python("threads"), false);
}

#[test]
fn an_asyncio_server_and_every_client() {
    assert_rows_with_every_client(server::Kind::Python("asyncio"), false);
}

#[test]
fn a_server_of_debian_s_node_and_every_client() {
    assert_rows_with_every_client(server::Kind::Node(Node::Debian, "https"), false);
}

#[test]
fn a_server_of_a_node_with_openssl_inside_and_every_client() {
    assert_rows_with_every_client(server::Kind::Node(Node::Wheel, "https"), false);
}

#[test]
fn an_http2_server_of_debian_s_node_and_every_client() {
    assert_rows_with_every_client(server::Kind::Node(Node::Debian, "http2"), false);
}

#[test]
fn an_http2_server_of_a_node_with_openssl_inside_and_every_client() {
    assert_rows_with_every_client(server::Kind::Node(Node::Wheel, "http2"), false);
}

#[test]
fn openssl_s_server_and_every_client() {
    assert_rows_with_every_client(server::Kind::SServer, false);
}

#[test]
fn over_ipv6_the_rows_have_its_addresses() {
    if !can_run(&["nginx", "curl", &python()]) {
        return;
    }
    let netns = Netns::new();
    let certificates = Certificates::make();
    let server = Server::start(&netns, server::Kind::Nginx(1), &certificates);
    let capture = Capture::start(&netns, &CAPTURE);
    let clients = [client::Kind::Curl, client::Kind::CurlHttp2, client::Kind::Python("http.client")];
    let talks = clients.map(|client| talk(&netns, client, "::1", &certificates, &every_kind(&client.name())));
    let logged = server.finish(&talks);
    let outcome = capture.stop().exited(0);
    Truth { talks: &talks, logged: &logged, comm: "nginx", server_has_addresses: true }.assert_rows(&outcome);
}

/// A client frees its connection before the next one, which then often gets the same memory.
#[test]
fn connections_one_after_the_other_in_the_same_memory_are_not_one() {
    if !can_run(&["nginx", &python()]) {
        return;
    }
    let netns = Netns::new();
    let certificates = Certificates::make();
    let server = Server::start(&netns, server::Kind::Nginx(1), &certificates);
    let capture = Capture::start(&netns, &CAPTURE);
    let requests: Vec<_> = (0..120).map(|index| Request::get(format!("/s{}/{index}", [200, 404][index % 2]))).collect();
    let requests: Vec<_> = requests.into_iter().map(Request::last).collect();
    let talks = [talk(&netns, client::Kind::Python("http.client"), "127.0.0.1", &certificates, &requests)];
    let logged = server.finish(&talks);
    let outcome = capture.stop().exited(0);
    Truth { talks: &talks, logged: &logged, comm: "nginx", server_has_addresses: true }.assert_rows(&outcome);
}

#[test]
fn connections_of_many_threads_are_told_apart() {
    if !can_run(&[&python()]) {
        return;
    }
    let netns = Netns::new();
    let certificates = Certificates::make();
    let server = Server::start(&netns, server::Kind::Python("threads"), &certificates);
    let comm = server.comm.clone();
    let mut client = client::Client::start(&netns, client::Kind::Python("http.client"), "127.0.0.1", &certificates);
    let capture = Capture::start(&netns, &CAPTURE);
    let path = |thread: usize, index: usize| format!("/s{}/chunked/{}/{thread}", [200, 404, 503][(thread + index) % 3], 100 * index);
    let lists: Vec<Vec<_>> = (0..40).map(|thread| (0..8).map(|index| Request::get(path(thread, index))).collect()).collect();
    let talks = [client.ask_at_once(&lists)];
    client.finish();
    let logged = server.finish(&talks);
    let outcome = capture.stop().exited(0);
    Truth { talks: &talks, logged: &logged, comm: &comm, server_has_addresses: false }.assert_rows(&outcome);
}

/// Asks once on each of its connections, and resets it as soon as it is answered.
const RESETS: &str = "
import socket, ssl, struct, sys
context = ssl.create_default_context(cafile=sys.argv[1])
for number in range(300):
    plain = socket.create_connection(('127.0.0.1', 8080))
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    with context.wrap_socket(plain, server_hostname='127.0.0.1') as tls:
        tls.sendall(b'GET /s200/reset/%d HTTP/1.1\\r\\nHost: a\\r\\nConnection: close\\r\\n\\r\\n' % number)
        tls.recv(4096)
";

#[test]
fn connections_that_are_reset_have_whole_addresses_or_none() {
    if !can_run(&["nginx", &python()]) {
        return;
    }
    let netns = Netns::new();
    let certificates = Certificates::make();
    let _server = Server::start(&netns, server::Kind::Nginx(1), &certificates);
    let capture = Capture::start(&netns, &CAPTURE);
    run(netns.command(python()).args(["-c", RESETS, &certificates.file("authority.pem")]));
    let outcome = capture.stop().exited(0);
    let rows = outcome.rows();
    let is_reset = |row: &&serde_json::Value| row["path"].as_str().is_some_and(|path| path.starts_with("/s200/reset/"));
    let of_server: Vec<_> = rows.iter().filter(|row| row["comm"] == "nginx").filter(is_reset).collect();
    assert_eq!(of_server.len(), 300, "{outcome}");
    for row in of_server {
        let whole = row["dst"] == "127.0.0.1" && row["dst_port"] == 8080 && row["src_port"].as_u64().is_some_and(|port| port > 0);
        assert!(whole || row["dst"].is_null() && row["dst_port"].is_null() && row["src"].is_null(), "{row}");
    }
}

/// Asks on each of its connections and is not answered: the path says the client's port. One thread serves all of them, as they come.
const SILENCE: &str = "
import selectors, socket, ssl, sys, threading
folder, at_once = sys.argv[1], int(sys.argv[2])
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(folder + '/certificate.pem', folder + '/key.pem')
listener = socket.create_server(('127.0.0.1', 8080), backlog=200)

def serve(count):
    waiting = selectors.DefaultSelector()
    waiting.register(listener, selectors.EVENT_READ)
    while count:
        for key, _ in waiting.select():
            if key.fileobj is listener:
                connection = context.wrap_socket(listener.accept()[0], server_side=True, do_handshake_on_connect=False)
                connection.setblocking(False)
                waiting.register(connection, selectors.EVENT_READ)
                continue
            try:
                if not key.fileobj.recv(4096):
                    waiting.unregister(key.fileobj)
                    key.fileobj.close()
                    count -= 1
            except ssl.SSLWantReadError:
                pass

def ask(barrier):
    plain = socket.create_connection(('127.0.0.1', 8080))
    barrier.wait()
    trusting = ssl.create_default_context(cafile=folder + '/authority.pem')
    with trusting.wrap_socket(plain, server_hostname='127.0.0.1') as tls:
        barrier.wait()
        tls.sendall(b'GET /s200/silence/%d HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n' % tls.getsockname()[1])
        barrier.wait()

serving = threading.Thread(target=serve, args=(40,))
serving.start()
for _ in range(40 // at_once):
    barrier = threading.Barrier(at_once)
    asking = [threading.Thread(target=ask, args=(barrier,)) for _ in range(at_once)]
    for thread in asking: thread.start()
    for thread in asking: thread.join()
serving.join()
";

#[test]
fn requests_without_an_answer_have_addresses() {
    if !can_run(&[&python()]) {
        return;
    }
    for at_once in ["1", "20"] {
        let netns = Netns::new();
        let certificates = Certificates::make();
        let capture = Capture::start(&netns, &CAPTURE);
        run(netns.command(python()).args(["-c", SILENCE, &certificates.folder().to_string_lossy(), at_once]));
        let outcome = capture.stop().exited(0);
        let rows = outcome.rows();
        let silent: Vec<_> = rows.iter().filter_map(|row| Some((row, row["path"].as_str()?.strip_prefix("/s200/silence/")?))).collect();
        assert_eq!(silent.len(), 80, "{outcome}");
        for (row, port) in silent {
            let whole = row["dst"] == "127.0.0.1" && row["dst_port"] == 8080 && row["src_port"].as_u64() == port.parse().ok();
            assert!(whole && row["status"].is_null(), "{at_once} at once: {row}");
        }
    }
}

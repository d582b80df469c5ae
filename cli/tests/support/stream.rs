//! A TCP stream between the ends of a [`Pair`], of known length.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};

use super::pair::{FAR, Pair};
use super::wait_for;

/// Where the receiver listens.
pub(crate) const PORT: u16 = 9000;

/// Sends so many bytes from `near` to `far`, and waits until both ends have closed and no packet of theirs is on its way.
pub(crate) fn send_stream(pair: &Pair, bytes: usize) {
    let listener = pair.far().run(|| TcpListener::bind((FAR, PORT))).expect("the port is free");
    let receiver = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("somebody connects");
        let mut buffer = vec![0; 1 << 16];
        let mut received = 0;
        loop {
            match stream.read(&mut buffer).expect("the stream can be read") {
                0 => return received,
                len => received += len,
            }
        }
    });
    pair.near().run(|| {
        let mut stream = TcpStream::connect(SocketAddr::from((FAR, PORT))).expect("somebody listens");
        let part = vec![7; 1 << 18];
        let mut left = bytes;
        while left > 0 {
            let len = left.min(part.len());
            stream.write_all(&part[..len]).expect("the stream takes it");
            left -= len;
        }
        stream.shutdown(Shutdown::Write).expect("the stream can be closed");
        assert_eq!(stream.read(&mut [0]).expect("the other end closes"), 0);
    });
    assert_eq!(receiver.join().expect("the receiver does not fail"), bytes);
    settle(pair, PORT);
}

/// Waits until the last acknowledgement has come to `far`: nobody waits for one any more.
pub(crate) fn settle(pair: &Pair, port: u16) {
    const TIME_WAIT: &str = "06";
    const LISTEN: &str = "0A";
    let local = format!(":{port:04X}");
    wait_for("connections to be closed", || {
        let table = pair.far().run(|| std::fs::read_to_string("/proc/thread-self/net/tcp").expect("the kernel lists sockets"));
        let mut sockets = table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
        let is_open = sockets.any(|socket| socket[1].ends_with(&local) && ![TIME_WAIT, LISTEN].contains(&socket[3]));
        (!is_open).then_some(())
    });
}

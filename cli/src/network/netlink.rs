//! Questions and orders to rtnetlink(7), one at a time.

use std::convert::Infallible;
use std::io;
use std::ops::ControlFlow;

use netlink_packet_core::{
    ErrorMessage, NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, NetlinkDeserializable, NetlinkHeader, NetlinkMessage, NetlinkPayload, NlaBuffer,
    NlasIterator, parse_string,
};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_sys::protocols::NETLINK_ROUTE;

/// A connection to the kernel, in the network namespace in which it was opened.
pub(super) struct Netlink {
    socket: netlink_sys::Socket,
    sequence: u32,
}

/// What the kernel answers, not decoded: what has attributes that are unknown here is still an answer.
struct Answer(Vec<u8>);

impl NetlinkDeserializable for Answer {
    type Error = Infallible;

    fn deserialize(_: &NetlinkHeader, body: &[u8]) -> Result<Self, Infallible> {
        Ok(Self(body.to_vec()))
    }
}

impl Netlink {
    pub(super) fn open() -> io::Result<Self> {
        let mut socket = netlink_sys::Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        // Words besides an error's number, without the order that they answer. Kernels before 4.12 have none.
        let _ = socket.set_ext_ack(true).and_then(|()| socket.set_cap_ack(true));
        Ok(Self { socket, sequence: 0 })
    }

    /// Calls `each` with the body of every answer, until it breaks.
    pub(super) fn list(&mut self, question: RouteNetlinkMessage, each: &mut dyn FnMut(&[u8]) -> ControlFlow<()>) -> io::Result<()> {
        self.send(question, NLM_F_DUMP)?;
        self.receive(each)
    }

    /// Waits until it is done.
    pub(super) fn order(&mut self, order: RouteNetlinkMessage, flags: u16) -> io::Result<()> {
        self.send(order, NLM_F_ACK | flags)?;
        self.receive(&mut |_| ControlFlow::Continue(()))
    }

    fn send(&mut self, message: RouteNetlinkMessage, flags: u16) -> io::Result<()> {
        self.sequence = self.sequence.wrapping_add(1);
        let mut message = NetlinkMessage::from(message);
        message.header.flags = NLM_F_REQUEST | flags;
        message.header.sequence_number = self.sequence;
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        self.socket.send(&bytes, 0).map(drop)
    }

    fn receive(&self, each: &mut dyn FnMut(&[u8]) -> ControlFlow<()>) -> io::Result<()> {
        loop {
            let (bytes, _) = self.socket.recv_from_full()?;
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                let message = NetlinkMessage::<Answer>::deserialize(rest).map_err(io::Error::other)?;
                rest = rest.get((message.header.length as usize).next_multiple_of(4)..).unwrap_or_default();
                if message.header.sequence_number != self.sequence {
                    continue;
                }
                match message.payload {
                    NetlinkPayload::InnerMessage(Answer(body)) if each(&body).is_break() => return Ok(()),
                    NetlinkPayload::Done(done) if done.code < 0 => return Err(io::Error::from_raw_os_error(-done.code)),
                    NetlinkPayload::Done(_) => return Ok(()),
                    NetlinkPayload::Error(answer) => return answer.code.map_or(Ok(()), |_| Err(refused(&answer))),
                    _ => {}
                }
            }
        }
    }
}

/// The order's header comes back before the words.
const HEADER_LEN: usize = 16;
/// `NLMSGERR_ATTR_MSG` (linux/netlink.h).
const WORDS: u16 = 1;

/// The error, with the kernel's own words where it has some. Its kind stays known.
fn refused(answer: &ErrorMessage) -> io::Error {
    let error = answer.to_io();
    let words = attributes(answer.header.get(HEADER_LEN..).unwrap_or_default())
        .find(|attribute| attribute.kind() == WORDS)
        .and_then(|attribute| parse_string(attribute.value()).ok());
    match words {
        Some(words) => io::Error::new(error.kind(), format!("{words}: {error}")),
        None => error,
    }
}

/// The attributes that are whole.
pub(super) fn attributes(bytes: &[u8]) -> impl Iterator<Item = NlaBuffer<&[u8]>> {
    NlasIterator::new(bytes).map_while(Result::ok)
}

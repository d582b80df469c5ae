//! TCP segments of a conversation that no kernel takes part in: any order, split, repetition or loss is possible.

use std::net::{IpAddr, SocketAddr};

use etherparse::{
    IpHeaders, IpNumber, Ipv4Header, Ipv6Extensions, Ipv6Header, Ipv6RawExtHeader, PacketBuilder, TcpHeader, TcpOptionElement,
};

/// Both ends of a TCP connection, and how far each has come.
pub(crate) struct Conversation {
    client: SocketAddr,
    server: SocketAddr,
    client_next: u32,
    server_next: u32,
}

impl Conversation {
    /// Over IPv4 from this port to the server's 8080; the port tells conversations apart.
    pub(crate) fn new(client_port: u16) -> Self {
        let client = SocketAddr::from(([10, 9, 0, 1], client_port));
        Self::between(client, SocketAddr::from(([10, 9, 0, 2], 8080)))
    }

    pub(crate) fn over_ipv6(client_port: u16) -> Self {
        let address = |host| IpAddr::from([0xfd00, 0, 0, 0, 0, 0, 0, host]);
        Self::between(SocketAddr::new(address(1), client_port), SocketAddr::new(address(2), 8080))
    }

    fn between(client: SocketAddr, server: SocketAddr) -> Self {
        let start = u32::from(client.port()) * 7919;
        Self { client, server, client_next: start, server_next: start ^ 0x5555_0000 }
    }

    /// The same with other initial sequence numbers.
    pub(crate) fn starting_at(mut self, client: u32, server: u32) -> Self {
        (self.client_next, self.server_next) = (client, server);
        self
    }

    /// The three segments of the handshake.
    pub(crate) fn open(&mut self) -> [Segment; 3] {
        let mut syn = self.request("");
        (syn.syn, syn.ack) = (true, None);
        self.client_next = self.client_next.wrapping_add(1);
        let mut syn_ack = self.response("");
        syn_ack.syn = true;
        self.server_next = self.server_next.wrapping_add(1);
        [syn, syn_ack, self.request("")]
    }

    /// The FIN of each end, client first.
    pub(crate) fn close(&mut self) -> [Segment; 2] {
        let mut client = self.request("");
        client.fin = true;
        self.client_next = self.client_next.wrapping_add(1);
        let mut server = self.response("");
        server.fin = true;
        self.server_next = self.server_next.wrapping_add(1);
        [client, server]
    }

    /// The client's next bytes, acknowledging all that the server has said so far.
    pub(crate) fn request(&mut self, bytes: impl AsRef<[u8]>) -> Segment {
        let segment = Segment::new(self.client, self.server, self.client_next, self.server_next, bytes.as_ref());
        self.client_next = segment.end();
        segment
    }

    /// The server's next bytes, acknowledging all that the client has said so far.
    pub(crate) fn response(&mut self, bytes: impl AsRef<[u8]>) -> Segment {
        let segment = Segment::new(self.server, self.client, self.server_next, self.client_next, bytes.as_ref());
        self.server_next = segment.end();
        segment
    }
}

/// One TCP segment.
#[derive(Clone)]
pub(crate) struct Segment {
    from: SocketAddr,
    to: SocketAddr,
    pub(crate) seq: u32,
    pub(crate) ack: Option<u32>,
    pub(crate) syn: bool,
    pub(crate) fin: bool,
    pub(crate) rst: bool,
    pub(crate) payload: Vec<u8>,
}

/// What may surround a segment on its way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Shape {
    Plain,
    Vlan,
    QinQ,
    TcpOptions,
    /// Hop-by-hop options and destination options; for IPv6.
    Ipv6Extensions,
    /// Short frames filled up to Ethernet's 60 bytes, with bytes that look like a head.
    Padded,
}

impl Segment {
    fn new(from: SocketAddr, to: SocketAddr, seq: u32, ack: u32, payload: &[u8]) -> Self {
        Self { from, to, seq, ack: Some(ack), syn: false, fin: false, rst: false, payload: payload.to_vec() }
    }

    /// The sequence number after its last byte.
    pub(crate) fn end(&self) -> u32 {
        self.seq.wrapping_add(u32::try_from(self.payload.len()).expect("a segment is small"))
    }

    /// The same bytes in two segments.
    pub(crate) fn cut(&self, at: usize) -> [Segment; 2] {
        let (mut first, mut second) = (self.clone(), self.clone());
        second.payload = first.payload.split_off(at);
        second.seq = first.end();
        [first, second]
    }

    /// The same bytes, one in each segment.
    pub(crate) fn bytewise(&self) -> Vec<Segment> {
        let mut rest = self.clone();
        let mut segments = Vec::new();
        while rest.payload.len() > 1 {
            let [first, second] = rest.cut(1);
            segments.push(first);
            rest = second;
        }
        segments.push(rest);
        segments
    }

    /// The Ethernet frame.
    pub(crate) fn frame(&self, shape: Shape) -> Vec<u8> {
        let mut frame = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];
        match shape {
            Shape::Vlan => frame.extend([0x81, 0, 0, 100]),
            Shape::QinQ => frame.extend([0x88, 0xa8, 0, 200, 0x81, 0, 0, 100]),
            _ => {}
        }
        frame.extend(if self.from.is_ipv4() { [0x08, 0x00] } else { [0x86, 0xdd] });
        frame.extend(self.packet(shape));
        if shape == Shape::Padded {
            let padding = b"GET /padding HTTP/1.1\r\nHost: padding.example\r\n\r\n".iter().cycle();
            frame.extend(padding.take(60_usize.saturating_sub(frame.len())));
        }
        frame
    }

    /// The IP packet.
    pub(crate) fn packet(&self, shape: Shape) -> Vec<u8> {
        let mut packet = Vec::new();
        let builder = PacketBuilder::ip(self.ip(shape)).tcp_header(self.tcp(shape));
        builder.write(&mut packet, &self.payload).expect("a packet can be written to memory");
        packet
    }

    fn ip(&self, shape: Shape) -> IpHeaders {
        match (self.from.ip(), self.to.ip()) {
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                let header = Ipv4Header::new(0, 64, IpNumber::TCP, from.octets(), to.octets()).expect("a short header");
                IpHeaders::Ipv4(header, etherparse::Ipv4Extensions::default())
            }
            (IpAddr::V6(from), IpAddr::V6(to)) => {
                let (source, destination) = (from.octets(), to.octets());
                let header = Ipv6Header { hop_limit: 64, source, destination, ..Ipv6Header::default() };
                IpHeaders::Ipv6(header, extensions(shape))
            }
            _ => panic!("both ends are of one family"),
        }
    }

    fn tcp(&self, shape: Shape) -> TcpHeader {
        let mut header = TcpHeader::new(self.from.port(), self.to.port(), self.seq, 65_535);
        (header.syn, header.fin, header.rst) = (self.syn, self.fin, self.rst);
        header.psh = !self.payload.is_empty();
        (header.ack, header.acknowledgment_number) = (self.ack.is_some(), self.ack.unwrap_or(0));
        if shape == Shape::TcpOptions {
            let sack = TcpOptionElement::SelectiveAcknowledgement((1, 2), [Some((3, 4)), None, None]);
            let options = [TcpOptionElement::Noop, TcpOptionElement::Timestamp(1, 2), sack];
            header.set_options(&options).expect("the options fit");
        }
        header
    }
}

fn extensions(shape: Shape) -> Ipv6Extensions {
    if shape != Shape::Ipv6Extensions {
        return Ipv6Extensions::default();
    }
    // PadN options (RFC 8200 section 4.2) of 6 and 14 bytes: together with type and length, whole 8-byte units.
    let padding = |len: u8| {
        let mut option = vec![1, len - 2];
        option.resize(usize::from(len), 0);
        Some(Ipv6RawExtHeader::new_raw(IpNumber::TCP, &option).expect("a whole number of units"))
    };
    Ipv6Extensions { hop_by_hop_options: padding(6), destination_options: padding(14), ..Ipv6Extensions::default() }
}

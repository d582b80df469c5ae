//! Frames of every protocol that etherparse can build, whole and damaged, and what our parser makes of them.

use ehl_probes_common::packet::headers::{Headers, Start, parse};
use ehl_probes_common::packet::{Header, Load};
use etherparse::{
    IpAuthHeader, IpFragOffset, IpHeaders, IpNumber, Ipv4Extensions, Ipv4Header, Ipv6Extensions, Ipv6FragmentHeader, Ipv6Header,
    Ipv6RawExtHeader, Ipv6RoutingExtensions, PacketBuilder, PacketBuilderStep, TcpOptionElement, VlanId,
};

use super::random::Random;

const PAYLOAD: &[u8] = b"forty bytes of payload are enough here..";

/// Reads as the probes do.
pub(crate) fn read(start: Start, bytes: &[u8]) -> Headers {
    let mut headers = Headers::NONE;
    parse(&mut Bytes(bytes), start, &mut headers);
    headers
}

struct Bytes<'a>(&'a [u8]);

impl Load for Bytes<'_> {
    fn load<'h, const N: usize>(&mut self, offset: u32, header: &'h mut Header<N>) -> Option<&'h [u8; N]> {
        let bytes = self.0.get(offset as usize..)?.first_chunk::<N>()?;
        Some(header.0.write(*bytes))
    }

    fn packet_len(&self) -> u32 {
        u32::try_from(self.0.len()).unwrap_or(u32::MAX)
    }
}

/// All combinations of tags, IP headers and transport protocols.
pub(crate) fn whole() -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    for tags in 0..3 {
        for ip in ip_headers() {
            frames.extend(transports(tags, &ip));
        }
    }
    frames
}

/// One of them with a few bytes changed, and perhaps cut or padded; at least an Ethernet header is left.
pub(crate) fn damaged(random: &mut Random, whole: &[Vec<u8>]) -> Vec<u8> {
    let mut frame = whole[random.within(0..whole.len())].clone();
    for _ in 0..random.within(0..4) {
        let at = random.within(12..frame.len().min(100));
        frame[at] = random.pick(&[0, 1, 4, 6, 0x40, 0x45, 0x60, 17, 43, 44, 51, 58, 60, 132, 0xff]);
    }
    match random.within(0..4) {
        0 => frame.truncate(random.within(14..frame.len())),
        1 => frame.resize(frame.len() + random.within(1..50), 0),
        _ => {}
    }
    frame
}

fn ip_headers() -> Vec<IpHeaders> {
    let v4 = |more, offset| {
        let mut header = Ipv4Header::new(0, 63, IpNumber::TCP, [10, 0, 0, 1], [192, 0, 2, 7]).expect("a short payload");
        header.dscp = etherparse::IpDscp::try_new(46).expect("six bits");
        header.more_fragments = more;
        header.fragment_offset = IpFragOffset::try_new(offset).expect("13 bits");
        header
    };
    let mut options = v4(false, 0);
    options.options = [1; 12].into();
    let v6 = Ipv6Header { traffic_class: 46 << 2, hop_limit: 64, source: [0xfd; 16], destination: [0xfe; 16], ..Ipv6Header::default() };
    let raw = |len: usize| Ipv6RawExtHeader::new_raw(IpNumber::TCP, &vec![1; len]).expect("a length that fits");
    let fragment = |more, offset| {
        let offset = IpFragOffset::try_new(offset).expect("13 bits");
        Some(Ipv6FragmentHeader::new(IpNumber::TCP, offset, more, 7))
    };
    let extended = Ipv6Extensions {
        hop_by_hop_options: Some(raw(6)),
        destination_options: Some(raw(14)),
        routing: Some(Ipv6RoutingExtensions { routing: raw(22), final_destination_options: Some(raw(6)) }),
        fragment: fragment(false, 0),
        auth: IpAuthHeader::new(IpNumber::TCP, 1, 2, &[3; 12]).ok(),
    };
    let of_fragment = |fragment| Ipv6Extensions { fragment, ..Ipv6Extensions::default() };
    let v4 = [v4(false, 0), options, v4(true, 0), v4(true, 3), v4(false, 100)];
    let extensions = [Ipv6Extensions::default(), extended, of_fragment(fragment(true, 0)), of_fragment(fragment(false, 9))];
    v4.into_iter()
        .map(|header| IpHeaders::Ipv4(header, Ipv4Extensions::default()))
        .chain(extensions.into_iter().map(|extensions| IpHeaders::Ipv6(v6.clone(), extensions)))
        .collect()
}

/// All but ICMPv6 over IPv4, which etherparse refuses to write.
fn transports(tags: usize, ip: &IpHeaders) -> Vec<Vec<u8>> {
    let below = || below(tags, ip.clone());
    let options = [TcpOptionElement::MaximumSegmentSize(1460), TcpOptionElement::Timestamp(1, 2)];
    let write = |write: &dyn Fn(&mut Vec<u8>) -> bool| {
        let mut frame = Vec::new();
        write(&mut frame).then_some(frame)
    };
    let syn = || below().tcp(50_000, 80, u32::MAX, 0).syn().options(&options).expect("options that fit");
    [
        write(&|to| below().tcp(443, 50_000, 7, 1000).ack(9).psh().write_to_vec(to, PAYLOAD).is_ok()),
        write(&|to| syn().write_to_vec(to, &[]).is_ok()),
        write(&|to| below().udp(53, 4789).write_to_vec(to, PAYLOAD).is_ok()),
        write(&|to| below().icmpv4_echo_request(1, 2).write_to_vec(to, PAYLOAD).is_ok()),
        write(&|to| below().icmpv6_echo_reply(1, 2).write_to_vec(to, PAYLOAD).is_ok()),
        write(&|to| below().write_to_vec(to, IpNumber::GRE, PAYLOAD).is_ok()),
        write(&|to| below().write_to_vec(to, IpNumber::SCTP, PAYLOAD).is_ok()),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn below(tags: usize, ip: IpHeaders) -> PacketBuilderStep<IpHeaders> {
    let id = |id| VlanId::try_new(id).expect("12 bits");
    let ethernet = PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);
    match tags {
        0 => ethernet.ip(ip),
        1 => ethernet.single_vlan(id(100)).ip(ip),
        _ => ethernet.double_vlan(id(200), id(300)).ip(ip),
    }
}

//! What tshark tells of the packets of a capture: of the outermost IP header, and of what is below it.

use std::path::Path;
use std::process::Command;

use ehl::probe::packets::Protocol;

use crate::told::Told;

/// All occurrences of each are asked for, as packets may lie in packets.
const FIELDS: [&str; 35] = [
    "frame.len",
    "frame.protocols",
    "eth.type",
    "eth.len",
    "ieee8021ad.id",
    "vlan.id",
    "vlan.etype",
    "sll.etype",
    "sll.ltype",
    "sll.ifindex",
    "null.family",
    "ip.src",
    "ip.dst",
    "ip.proto",
    "ip.ttl",
    "ip.dsfield.dscp",
    "ipv6.src",
    "ipv6.dst",
    "ipv6.nxt",
    "ipv6.hlim",
    "ipv6.tclass.dscp",
    "ipv6.hopopts.nxt",
    "ipv6.routing.nxt",
    "ipv6.fraghdr.nxt",
    "ipv6.dstopts.nxt",
    "ah.next_header",
    "ipv6.fraghdr.offset",
    "ip.frag_offset",
    "tcp.flags",
    "tcp.window_size_value",
    "tcp.len",
    "tcp.port",
    "udp.port",
    "sctp.port",
    "dccp.port",
];

/// A file that is damaged is told as far as it goes.
pub(crate) fn told(file: &Path) -> Vec<Told> {
    let output = Command::new("tshark")
        // Nothing of this machine's configuration, and no names.
        .args(["-C", "Default", "-n"])
        // Each packet by itself.
        .args(["-o", "ip.defragment:FALSE", "-o", "ipv6.defragment:FALSE", "-o", "tcp.desegment_tcp_streams:FALSE"])
        .args(["-o", "tcp.check_checksum:FALSE", "-o", "ip.check_checksum:FALSE", "-o", "tcp.relative_sequence_numbers:FALSE"])
        .args(["-T", "fields", "-E", "separator=/t", "-E", "occurrence=a", "-E", "aggregator=,"])
        .args(FIELDS.iter().flat_map(|field| ["-e", field]))
        .arg("-r")
        .arg(file)
        .output()
        .expect("tshark can be started");
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().zip(1..).map(|(line, number)| Packet::new(line).told(number)).collect()
}

/// The values of one packet's fields.
struct Packet<'a>(Vec<Vec<&'a str>>);

impl<'a> Packet<'a> {
    fn new(line: &'a str) -> Self {
        Self(line.split('\t').map(|values| values.split(',').filter(|value| !value.is_empty()).collect()).collect())
    }

    fn all(&self, field: &str) -> &[&'a str] {
        let at = FIELDS.iter().position(|known| *known == field).expect("it is asked for");
        self.0.get(at).map(Vec::as_slice).unwrap_or_default()
    }

    /// The first of them: the outermost.
    fn number(&self, field: &str) -> Option<u32> {
        self.all(field).first().map(|text| number(text))
    }

    fn told(&self, number: u64) -> Told {
        let layers = Layers::of(self);
        let mut told = Told { number, length: self.number("frame.len").unwrap_or_default() - layers.cooked, ..Told::default() };
        let tags = self.all("ieee8021ad.id").iter().chain(self.all("vlan.id"));
        told.vlans = tags.take(layers.tags.len().min(2)).map(|id| self::number(id) as u16).collect();
        let [source, destination] = ["src", "dst"].map(|end| {
            let is_ip = matches!(layers.network, "ip" | "ipv6");
            let first = is_ip.then(|| self.all(&format!("{}.{end}", layers.network)).first()).flatten();
            first.map(|text| text.parse().expect("an address"))
        });
        let (Some(source), Some(destination)) = (source, destination) else {
            told.protocol = self.link_protocol(&layers);
            return told;
        };
        told.ends = Some([source, destination]);
        let is_v4 = layers.network == "ip";
        let [ttl, dscp] = if is_v4 { ["ip.ttl", "ip.dsfield.dscp"] } else { ["ipv6.hlim", "ipv6.tclass.dscp"] };
        told.ip = Some([ttl, dscp].map(|field| self.number(field).unwrap_or_default() as u8));
        let (protocol, is_later) = if is_v4 { self.carried_by_ipv4() } else { self.carried_by_ipv6() };
        told.protocol = Some(Protocol::Ip(protocol).to_string());
        if !is_later {
            self.transport(protocol, &mut told);
        }
        told
    }

    /// The EtherType of what is no IP packet, or not all of one; `None` where there is none.
    fn link_protocol(&self, layers: &Layers<'_>) -> Option<String> {
        let ethertype = match &layers.tags[..] {
            [] if !self.all("eth.len").is_empty() => Some(0),
            [] => ["eth.type", "sll.etype", "sll.ltype"].into_iter().find_map(|field| self.number(field)),
            // tshark has no field for what is behind a tag of this kind.
            ["ieee8021ad"] | ["ieee8021ad", "ieee8021ad", ..] => return Some(layers.network.to_owned()),
            ["ieee8021ad", ..] => self.number("vlan.etype"),
            tags => self.all("vlan.etype").get(tags.len().min(2) - 1).map(|text| number(text)),
        };
        let ethertype = ethertype.map(|ethertype| if ethertype < 0x600 { 0 } else { ethertype as u16 });
        ethertype.map(|ethertype| Protocol::Link(ethertype).to_string())
    }

    fn carried_by_ipv4(&self) -> (u8, bool) {
        (self.number("ip.proto").unwrap_or_default() as u8, self.number("ip.frag_offset").is_some_and(|offset| offset != 0))
    }

    /// What is behind the extension headers, and whether it is a later fragment.
    fn carried_by_ipv6(&self) -> (u8, bool) {
        let mut next = self.number("ipv6.nxt").unwrap_or_default();
        let mut passed = [0; 5];
        loop {
            let (header, field) = match next {
                0 => (0, "ipv6.hopopts.nxt"),
                43 => (1, "ipv6.routing.nxt"),
                44 => (2, "ipv6.fraghdr.nxt"),
                60 => (3, "ipv6.dstopts.nxt"),
                51 => (4, "ah.next_header"),
                other => return (other as u8, false),
            };
            let Some(text) = self.all(field).get(passed[header]) else { return (next as u8, false) };
            passed[header] += 1;
            next = number(text);
            if header == 2 && self.number("ipv6.fraghdr.offset").is_some_and(|offset| offset != 0) {
                return (next as u8, true);
            }
        }
    }

    fn transport(&self, protocol: u8, told: &mut Told) {
        let ports = match protocol {
            6 => "tcp.port",
            17 | 136 => "udp.port",
            33 => "dccp.port",
            132 => "sctp.port",
            _ => return,
        };
        if let [source, destination, ..] = self.all(ports) {
            told.ports = Some([source, destination].map(|port| number(port) as u16));
        }
        if protocol == 6
            && let (Some(flags), Some(window)) = (self.number("tcp.flags"), self.number("tcp.window_size_value"))
        {
            told.tcp = Some((flags as u8, window as u16, self.number("tcp.len")));
        }
    }
}

/// What a packet is made of, from the outside.
struct Layers<'a> {
    /// Bytes of a header that only captures have.
    cooked: u32,
    tags: Vec<&'a str>,
    /// The first that is neither.
    network: &'a str,
}

impl<'a> Layers<'a> {
    fn of(packet: &Packet<'a>) -> Self {
        let protocols = packet.all("frame.protocols").first().copied().unwrap_or_default();
        let mut layers = Self { cooked: 0, tags: Vec::new(), network: "" };
        for layer in protocols.split(':') {
            match layer {
                "eth" | "ethertype" | "raw" => {}
                "sll" => layers.cooked = if packet.all("sll.ifindex").is_empty() { 16 } else { 20 },
                "null" => layers.cooked = 4,
                "vlan" | "ieee8021ad" => layers.tags.push(layer),
                other => {
                    layers.network = other;
                    break;
                }
            }
        }
        layers
    }
}

/// In decimal or, after `0x`, in hexadecimal.
fn number(text: &str) -> u32 {
    match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => text.parse(),
    }
    .unwrap_or_else(|error| panic!("{text:?} of tshark: {error}"))
}

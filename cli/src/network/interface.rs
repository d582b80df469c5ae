//! Network interfaces.

use std::io;
use std::ops::ControlFlow;

use netlink_packet_core::{Emitable as _, ParseableParametrized as _};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{LinkAttribute, LinkHeader, LinkLayerType, LinkMessage, LinkXdp, Prop};

use super::netlink::{Netlink, attributes};

/// A network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// What else it is called (`ip link property`).
    pub other_names: Vec<String>,
    /// Its index.
    pub index: u32,
    /// Whether its packets begin with an Ethernet header. Those of tunnels do not.
    pub is_ethernet: bool,
    /// The id of the XDP program that is attached to it.
    pub xdp_program: Option<u32>,
}

/// All interfaces, by index.
pub fn interfaces() -> io::Result<Vec<Interface>> {
    let mut found = Vec::new();
    Netlink::open()?.list(RouteNetlinkMessage::GetLink(LinkMessage::default()), &mut |answer| {
        found.extend(Interface::parse(answer));
        ControlFlow::Continue(())
    })?;
    found.sort_by_key(|interface| interface.index);
    Ok(found)
}

impl Interface {
    /// Whether this is its name, or one of them.
    pub fn is_called(&self, name: &str) -> bool {
        self.name == name || self.other_names.iter().any(|other| other == name)
    }

    fn parse(answer: &[u8]) -> Option<Self> {
        let header = LinkHeader::parse(answer).ok()?;
        // The loopback's packets have one too.
        let is_ethernet = matches!(header.link_layer_type, LinkLayerType::Ether | LinkLayerType::Loopback);
        let (mut name, mut other_names, mut xdp_program) = (None, Vec::new(), None);
        for attribute in attributes(answer.get(header.buffer_len()..)?) {
            match LinkAttribute::parse_with_param(&attribute, header.interface_family) {
                Ok(LinkAttribute::IfName(found)) => name = Some(found),
                Ok(LinkAttribute::PropList(found)) => other_names.extend(found.into_iter().filter_map(other_name)),
                Ok(LinkAttribute::Xdp(found)) => xdp_program = found.iter().find_map(program),
                _ => {}
            }
        }
        Some(Self { name: name?, other_names, index: header.index, is_ethernet, xdp_program })
    }
}

fn other_name(property: Prop) -> Option<String> {
    if let Prop::AltIfName(name) = property { Some(name) } else { None }
}

fn program(attribute: &LinkXdp) -> Option<u32> {
    match *attribute {
        LinkXdp::ProgId(id) | LinkXdp::DrvProgId(id) | LinkXdp::SkbProgId(id) | LinkXdp::HwProgId(id) => Some(id).filter(|id| *id > 0),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_loopback() {
        let found = interfaces().expect("anyone may ask");
        let loopback = found.iter().find(|interface| interface.name == "lo").expect("every namespace has one");
        assert_eq!((loopback.index, loopback.is_ethernet), (1, true));
    }

    #[test]
    fn reads_names_and_what_the_packets_begin_with() {
        let mut message = LinkMessage::default();
        message.header.index = 7;
        message.header.link_layer_type = LinkLayerType::None;
        let other = Prop::AltIfName("wireguard-of-the-office".to_owned());
        message.attributes = vec![LinkAttribute::IfName("wg0".to_owned()), LinkAttribute::PropList(vec![other])];
        let mut bytes = vec![0; message.buffer_len()];
        message.emit(&mut bytes);
        let found = Interface::parse(&bytes).expect("an interface");
        assert_eq!((found.name.as_str(), found.index, found.is_ethernet, found.xdp_program), ("wg0", 7, false, None));
        assert!(found.is_called("wg0") && found.is_called("wireguard-of-the-office") && !found.is_called("wg1"));
    }
}

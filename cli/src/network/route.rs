//! Where packets go that no other route is for.

use std::io;
use std::ops::ControlFlow;

use netlink_packet_core::{Emitable as _, ParseableParametrized as _};
use netlink_packet_route::route::{RouteAttribute, RouteHeader, RouteLwEnCapType, RouteMessage, RouteType};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

use super::interface::interfaces;
use super::netlink::{Netlink, attributes};

/// The interface of the default route, by name and index: that of IPv4, else that of IPv6.
pub fn default_interface() -> Option<(String, u32)> {
    let index = [AddressFamily::Inet, AddressFamily::Inet6].into_iter().find_map(|family| default_route(family).ok()?)?;
    let found = interfaces().ok()?.into_iter().find(|interface| interface.index == index)?;
    Some((found.name, index))
}

/// The kernel lists the default routes of a table by their metric, and before the others: not all of a large table are read.
fn default_route(family: AddressFamily) -> io::Result<Option<u32>> {
    let mut message = RouteMessage::default();
    message.header.address_family = family;
    let mut found = None;
    Netlink::open()?.list(RouteNetlinkMessage::GetRoute(message), &mut |answer| {
        found = interface(answer);
        if found.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    Ok(found)
}

/// The interface of a default route; of several that share the load, the first one.
fn interface(answer: &[u8]) -> Option<u32> {
    let header = RouteHeader::parse(answer).ok()?;
    let RouteHeader {
        address_family: family,
        destination_prefix_length: 0,
        table: RouteHeader::RT_TABLE_MAIN,
        kind: RouteType::Unicast,
        ..
    } = header
    else {
        return None;
    };
    attributes(answer.get(header.buffer_len()..)?).find_map(|attribute| {
        match RouteAttribute::parse_with_param(&attribute, (family, RouteType::Unicast, RouteLwEnCapType::None)).ok()? {
            RouteAttribute::Oif(index) => Some(index),
            RouteAttribute::MultiPath(hops) => hops.first().map(|hop| hop.interface_index),
            _ => None,
        }
    })
}

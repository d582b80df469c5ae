//! Packet classifiers at the `clsact` hook of interfaces (tc-bpf(8)).

use std::io;
use std::ops::ControlFlow;
use std::os::fd::{AsRawFd as _, BorrowedFd};

use netlink_packet_core::{Emitable as _, NLM_F_CREATE, NLM_F_EXCL, ParseableParametrized as _};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::tc::{TcAttribute, TcBpfFlags, TcFilterBpf, TcFilterBpfOption, TcHandle, TcHeader, TcMessage, TcOption};

use super::netlink::{Netlink, attributes};

/// A connection to the kernel.
pub struct Tc {
    netlink: Netlink,
}

/// What filters of both directions hang on: `clsact`, or `ingress`, which has one direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Qdisc {
    /// Index of the interface.
    pub interface: u32,
    /// Its kind.
    pub kind: String,
}

/// The kind of qdisc that has both directions.
pub const CLSACT: &str = "clsact";

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parent {
    /// Packets that come in.
    Ingress,
    /// Packets that go out.
    Egress,
}

/// Where a filter is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Index of the interface.
    pub interface: u32,
    /// Its direction.
    pub parent: Parent,
    /// The lower one comes first.
    pub priority: u16,
    /// Which one of that priority.
    pub handle: u32,
}

/// A filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// Where it is.
    pub place: Place,
    /// The chain that it belongs to; packets start in chain 0.
    pub chain: u32,
    /// EtherType of the packets that it looks at.
    pub protocol: u16,
    /// Its kind.
    pub kind: String,
    /// A name, if it is a BPF program.
    pub name: Option<String>,
}

/// The EtherType that stands for all (`ETH_P_ALL`, linux/if_ether.h).
pub const ALL: u16 = libc::ETH_P_ALL as u16;
/// The kind of filter that is a BPF program.
pub const BPF: &str = TcFilterBpf::KIND;

impl Parent {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::Ingress, Self::Egress];

    fn handle(self) -> TcHandle {
        let minor = match self {
            Self::Ingress => TcHandle::MIN_INGRESS,
            Self::Egress => TcHandle::MIN_EGRESS,
        };
        TcHandle { minor, ..TcHandle::CLSACT }
    }
}

impl Place {
    fn header(&self, protocol: u16) -> TcHeader {
        let info = u32::from(self.priority) << 16 | u32::from(protocol.to_be());
        let handle = self.handle.into();
        TcHeader { index: self.interface as i32, handle, parent: self.parent.handle(), info, ..TcHeader::default() }
    }
}

impl Tc {
    /// In the network namespace that this thread is in.
    pub fn open() -> io::Result<Self> {
        Ok(Self { netlink: Netlink::open()? })
    }

    /// Those of all interfaces.
    pub fn qdiscs(&mut self) -> io::Result<Vec<Qdisc>> {
        let mut found = Vec::new();
        self.netlink.list(RouteNetlinkMessage::GetQueueDiscipline(TcMessage::default()), &mut |answer| {
            found.extend(Qdisc::parse(answer));
            ControlFlow::Continue(())
        })?;
        Ok(found)
    }

    /// Adds `clsact` to an interface that has nothing in its place.
    pub fn add_clsact(&mut self, interface: u32) -> io::Result<()> {
        self.netlink.order(RouteNetlinkMessage::NewQueueDiscipline(clsact(interface)), NLM_F_CREATE | NLM_F_EXCL)
    }

    /// Removes it, with all its filters.
    pub fn remove_clsact(&mut self, interface: u32) -> io::Result<()> {
        self.netlink.order(RouteNetlinkMessage::DelQueueDiscipline(clsact(interface)), 0)
    }

    /// The filters of one direction, in all chains.
    pub fn filters(&mut self, interface: u32, parent: Parent) -> io::Result<Vec<Filter>> {
        let header = TcHeader { index: interface as i32, parent: parent.handle(), ..TcHeader::default() };
        let mut found = Vec::new();
        self.netlink.list(RouteNetlinkMessage::GetTrafficFilter(TcMessage::from_parts(header, Vec::new())), &mut |answer| {
            found.extend(Filter::parse(answer, interface, parent));
            ControlFlow::Continue(())
        })?;
        Ok(found)
    }

    /// Adds a BPF program for packets of all protocols, whose answer is the verdict. What is in that place already stays, and is an error.
    pub fn add(&mut self, place: &Place, name: &str, program: BorrowedFd<'_>) -> io::Result<()> {
        let options = [
            TcFilterBpfOption::ProgFd(program.as_raw_fd() as u32),
            TcFilterBpfOption::ProgName(name.to_owned()),
            TcFilterBpfOption::Flags(TcBpfFlags::DirectAction),
        ];
        let attributes = vec![TcAttribute::Kind(BPF.to_owned()), TcAttribute::Options(options.into_iter().map(TcOption::Bpf).collect())];
        let message = TcMessage::from_parts(place.header(ALL), attributes);
        self.netlink.order(RouteNetlinkMessage::NewTrafficFilter(message), NLM_F_CREATE | NLM_F_EXCL)
    }

    /// Removes a BPF program.
    pub fn remove(&mut self, place: &Place) -> io::Result<()> {
        let message = TcMessage::from_parts(place.header(ALL), vec![TcAttribute::Kind(BPF.to_owned())]);
        self.netlink.order(RouteNetlinkMessage::DelTrafficFilter(message), 0)
    }
}

fn clsact(interface: u32) -> TcMessage {
    let handle = TcHandle { minor: 0, ..TcHandle::CLSACT };
    let header = TcHeader { index: interface as i32, handle, parent: TcHandle::CLSACT, ..TcHeader::default() };
    TcMessage::from_parts(header, vec![TcAttribute::Kind(CLSACT.to_owned())])
}

impl Qdisc {
    /// `None` for those of the queues.
    fn parse(answer: &[u8]) -> Option<Self> {
        let (header, attributes) = parse(answer)?;
        let kind = attributes.into_iter().find_map(kind)?;
        (header.parent == TcHandle::CLSACT).then_some(Self { interface: header.index as u32, kind })
    }
}

impl Filter {
    /// `None` for what stands for all filters of a priority.
    fn parse(answer: &[u8], interface: u32, parent: Parent) -> Option<Self> {
        let (header, attributes) = parse(answer)?;
        let place = Place { interface, parent, priority: (header.info >> 16) as u16, handle: header.handle.into() };
        let (protocol, kind, name) = (u16::from_be(header.info as u16), String::new(), None);
        let mut filter = Self { place, chain: 0, protocol, kind, name };
        for attribute in attributes {
            match attribute {
                TcAttribute::Kind(kind) => filter.kind = kind,
                TcAttribute::Chain(chain) => filter.chain = chain,
                TcAttribute::Options(options) => filter.name = options.into_iter().find_map(name_of),
                _ => {}
            }
        }
        (filter.place.handle != 0).then_some(filter)
    }
}

fn kind(attribute: TcAttribute) -> Option<String> {
    if let TcAttribute::Kind(kind) = attribute { Some(kind) } else { None }
}

fn name_of(option: TcOption) -> Option<String> {
    if let TcOption::Bpf(TcFilterBpfOption::ProgName(name)) = option { Some(name) } else { None }
}

/// The header, and those attributes that can be decoded: others' filters may have any.
fn parse(answer: &[u8]) -> Option<(TcHeader, Vec<TcAttribute>)> {
    let header = TcHeader::parse(answer).ok()?;
    let mut kind = String::new();
    let mut found = Vec::new();
    for attribute in attributes(answer.get(header.buffer_len()..)?) {
        let Ok(attribute) = TcAttribute::parse_with_param(&attribute, kind.as_str()) else { continue };
        if let TcAttribute::Kind(of) = &attribute {
            kind.clone_from(of);
        }
        found.push(attribute);
    }
    Some((header, found))
}

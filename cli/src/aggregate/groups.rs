//! Exchanges that have something in common, and what is kept of each such group: bounded, with one place for all that does not fit.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::IpAddr;

use foldhash::fast::RandomState;

use super::path_template;
use crate::http::exchange::Exchange;
use crate::http::head::Head;
use crate::stream::Origin;

/// What the exchanges of a group have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// Method, host and path template.
    Endpoint,
    /// Authority, in lower case.
    Host,
    /// Status code.
    Status,
    /// Who the request is from, past the proxies that say so.
    Client,
    /// Version of the API.
    ApiVersion,
    /// Media type of the response, without parameters.
    ContentType,
    /// Kind of credentials.
    Auth,
    /// The first of the wanted columns of heads.
    Header,
    /// Who offers the API, by the fields of heads, of which [`crate::http::head::Wanted::llm`] is needed.
    Provider,
    /// Process in which it was seen.
    Pid,
    /// All of them.
    Total,
}

/// What a group is known by, as texts and numbers put together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Key(Box<[u8]>);

/// One of the things that the exchanges of a group have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part<'a> {
    /// Not known, or not there.
    Unknown,
    /// A text as it was on the wire, redacted.
    Text(&'a [u8]),
    /// A number.
    Number(u64),
    /// An IP address.
    Address(IpAddr),
}

/// A group, or all that did not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place(u32);

/// Groups in the order in which they came, at most as many as were asked for.
#[derive(Debug)]
pub struct Groups<T> {
    by: By,
    most: usize,
    /// Whoever chooses paths must not choose where they end up in the table: it is seeded at random.
    places: HashMap<Key, Place, RandomState>,
    keys: Vec<Key>,
    totals: Vec<T>,
    other: Option<T>,
    key: Vec<u8>,
}

/// The longest text of a key in bytes; what is longer is cut.
const MAX_TEXT: usize = 1024;

impl By {
    /// How many parts a key has.
    pub fn parts(self) -> usize {
        match self {
            Self::Endpoint => 3,
            Self::Total => 0,
            _ => 1,
        }
    }

    /// Writes the key of the group that an exchange belongs to.
    fn push_key(self, exchange: &Exchange, key: &mut Vec<u8>) {
        let Exchange { request, response, origin, .. } = exchange;
        let (request, response) = (request.as_ref(), response.as_ref());
        match self {
            Self::Endpoint => {
                push_text(key, request.and_then(Head::method));
                push_host(key, request);
                push_path(key, request.and_then(Head::path));
            }
            Self::Host => push_host(key, request),
            Self::Status => push_number(key, response.and_then(|head| head.status).map(u64::from)),
            Self::Client => push_address(key, exchange.client_address()),
            Self::ApiVersion => push_text(key, exchange.api_version().map(|(version, _)| version)),
            Self::ContentType => push_lower(key, response.and_then(Head::media_type)),
            Self::Auth => push_text(key, request.and_then(Head::auth).map(|auth| auth.as_str().as_bytes())),
            Self::Header => push_text(key, [request, response].into_iter().flatten().find_map(|head| head.column(0))),
            Self::Provider => {
                let provider = exchange.gateway().and_then(|gateway| gateway.provider);
                push_text(key, provider.map(|provider| provider.as_str().as_bytes()));
            }
            Self::Pid => {
                let process = if let Origin::Process(process) = origin { Some(u64::from(process.id)) } else { None };
                push_number(key, process);
            }
            Self::Total => {}
        }
    }
}

/// What stands before each part of a key.
mod tag {
    pub(super) const UNKNOWN: u8 = 0;
    pub(super) const TEXT: u8 = 1;
    pub(super) const NUMBER: u8 = 2;
    pub(super) const ADDRESS: u8 = 3;
}

fn push_text(key: &mut Vec<u8>, text: Option<&[u8]>) {
    let Some(text) = text else { return key.push(tag::UNKNOWN) };
    push_with(key, |key| key.extend_from_slice(&text[..text.len().min(MAX_TEXT)]));
}

fn push_with(key: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    key.extend_from_slice(&[tag::TEXT, 0, 0]);
    let start = key.len();
    write(key);
    let len = u16::try_from(key.len() - start).expect("texts are cut well before");
    key[start - 2..start].copy_from_slice(&len.to_le_bytes());
}

fn push_lower(key: &mut Vec<u8>, text: Option<&[u8]>) {
    let start = key.len();
    push_text(key, text);
    if key[start] == tag::TEXT {
        key[start + 3..].make_ascii_lowercase();
    }
}

fn push_host(key: &mut Vec<u8>, request: Option<&Head>) {
    push_lower(key, request.and_then(Head::host));
}

fn push_path(key: &mut Vec<u8>, path: Option<&[u8]>) {
    let Some(path) = path else { return key.push(tag::UNKNOWN) };
    push_with(key, |key| path_template::push(key, path));
}

fn push_number(key: &mut Vec<u8>, number: Option<u64>) {
    let Some(number) = number else { return key.push(tag::UNKNOWN) };
    key.push(tag::NUMBER);
    key.extend_from_slice(&number.to_le_bytes());
}

fn push_address(key: &mut Vec<u8>, address: Option<IpAddr>) {
    let Some(address) = address else { return key.push(tag::UNKNOWN) };
    key.push(tag::ADDRESS);
    let address = match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    };
    key.extend_from_slice(&address.octets());
}

impl Key {
    /// What the exchanges have in common, in the order of the columns.
    pub fn parts(&self) -> impl Iterator<Item = Part<'_>> {
        let mut rest = &*self.0;
        std::iter::from_fn(move || {
            let (part, after) = match *rest {
                [tag::TEXT, low, high, ref after @ ..] => {
                    let (text, after) = after.split_at(usize::from(u16::from_le_bytes([low, high])));
                    (Part::Text(text), after)
                }
                [tag::NUMBER, ref after @ ..] => {
                    let (number, after) = after.split_first_chunk()?;
                    (Part::Number(u64::from_le_bytes(*number)), after)
                }
                [tag::ADDRESS, ref after @ ..] => {
                    let (address, after) = after.split_first_chunk::<16>()?;
                    (Part::Address(IpAddr::from(*address).to_canonical()), after)
                }
                [_, ref after @ ..] => (Part::Unknown, after),
                [] => return None,
            };
            rest = after;
            Some(part)
        })
    }
}

impl Place {
    /// Of all that did not fit.
    pub const OTHER: Self = Self(u32::MAX);

    /// A number that no other place has.
    pub fn number(self) -> u32 {
        self.0
    }
}

impl<T: Default> Groups<T> {
    /// Keeps `most` groups at most.
    pub fn new(by: By, most: usize) -> Self {
        let most = most.min(Place::OTHER.0 as usize);
        let mut groups = Self { by, most, places: HashMap::default(), keys: Vec::new(), totals: Vec::new(), other: None, key: Vec::new() };
        // All exchanges are a group even when there are none.
        if by == By::Total {
            groups.insert(Key::default());
        }
        groups
    }

    /// The group that an exchange belongs to; a new one if there is room.
    pub fn place(&mut self, exchange: &Exchange) -> Place {
        let mut key = std::mem::take(&mut self.key);
        key.clear();
        self.by.push_key(exchange, &mut key);
        let place = self.find(&key);
        self.key = key;
        place
    }

    fn find(&mut self, key: &[u8]) -> Place {
        match self.places.get(key) {
            Some(place) => *place,
            None if self.keys.len() < self.most || self.by == By::Total => self.insert(Key(key.into())),
            None => {
                self.other.get_or_insert_default();
                Place::OTHER
            }
        }
    }

    fn insert(&mut self, key: Key) -> Place {
        let place = Place(self.keys.len() as u32);
        self.places.insert(key.clone(), place);
        self.keys.push(key);
        self.totals.push(T::default());
        place
    }

    /// What is kept of the group with this number.
    pub fn numbered(&mut self, number: u32) -> &mut T {
        self.at(Place(number))
    }

    /// What is kept of a group.
    pub fn at(&mut self, place: Place) -> &mut T {
        self.totals.get_mut(place.0 as usize).unwrap_or_else(|| self.other.get_or_insert_default())
    }

    /// The key of the group with this number, and what is kept of it; without a key, of what did not fit.
    pub fn get(&self, number: u32) -> (Option<&Key>, Option<&T>) {
        let place = number as usize;
        (self.keys.get(place), self.totals.get(place).or(self.other.as_ref()))
    }

    /// All groups but the one for what did not fit.
    pub fn iter(&self) -> impl Iterator<Item = (&Key, &T)> {
        self.keys.iter().zip(&self.totals)
    }

    /// All groups, those with the most `requests` first, and last what did not fit, which has no key.
    pub fn ranked(&self, requests: impl Fn(&T) -> u64) -> Vec<(Option<&Key>, &T)> {
        let mut ranked: Vec<_> = self.iter().map(|(key, totals)| (Some(key), totals)).collect();
        ranked.sort_by_key(|(_, totals)| Reverse(requests(totals)));
        ranked.extend(self.other().map(|totals| (None, totals)));
        ranked
    }

    /// What did not fit, if anything.
    pub fn other(&self) -> Option<&T> {
        self.other.as_ref()
    }
}

impl std::borrow::Borrow<[u8]> for Key {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut key = Vec::new();
        write(&mut key);
        let key = Key(key.into());
        format!("{:?}", key.parts().collect::<Vec<_>>())
    }

    #[test]
    fn keys_give_back_what_was_put_in() {
        let text = parts(|key| {
            push_text(key, Some(b"GET"));
            push_lower(key, Some(b"API.example"));
            push_path(key, Some(b"/users/7?x"));
            push_number(key, Some(404));
            push_text(key, None);
            push_text(key, Some(b""));
            push_address(key, Some(IpAddr::from([10, 0, 0, 1])));
            push_address(key, Some(IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1_u16])));
        });
        let expected = [
            Part::Text(b"GET"),
            Part::Text(b"api.example"),
            Part::Text(b"/users/{id}"),
            Part::Number(404),
            Part::Unknown,
            Part::Text(b""),
            Part::Address(IpAddr::from([10, 0, 0, 1])),
            Part::Address(IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1_u16])),
        ];
        assert_eq!(text, format!("{expected:?}"));
    }

    #[test]
    fn what_does_not_fit_is_in_one_place() {
        let mut groups = Groups::<u64>::new(By::Host, 2);
        for key in ["a", "b", "c", "a", "d", "c"] {
            let place = groups.find(key.as_bytes());
            *groups.at(place) += 1;
        }
        assert_eq!(groups.iter().map(|(_, count)| *count).collect::<Vec<_>>(), [2, 1]);
        assert_eq!(groups.other(), Some(&3));
    }

    #[test]
    fn all_of_nothing_is_a_group() {
        let groups = Groups::<u64>::new(By::Total, 1);
        assert_eq!(groups.iter().map(|(key, count)| (key.parts().count(), *count)).collect::<Vec<_>>(), [(0, 0)]);
        assert_eq!(Groups::<u64>::new(By::Host, 1).iter().count(), 0);
    }
}

//! Chooses the places for each call: the internal function or the exported ones, whichever costs fewer traps.

use ehl_probes_common::call::{Call, Length};

use super::copies::{self, Copy};
use super::family::{Export, Inner, Pass, Root};
use super::frames::function_around;
use super::image::{Function, Image};
use super::instruction::decode;
use super::reader::{self, End};
use super::straight::{Place, entry, result};
use super::{Exit, Site, Sites, Why};

/// How many arguments a probe at a function's beginning reads.
const CONNECTION: u8 = 1;
const CONNECTION_BUFFER_SIZE: u8 = 3;

/// Where a family's calls begin and end, each with what is probed.
struct Family<'a> {
    image: &'a Image<'a>,
    call: Call,
    roots: &'a [Root],
    inner: Option<Inner>,
}

/// Adds the sites of a family of exported functions.
pub(super) fn add_family(sites: &mut Sites, image: &Image<'_>, call: Call, roots: &[Root], inner: Option<Inner>, returns: bool) {
    let family = Family { image, call, roots, inner };
    if call == Call::Read && family.add_ends(sites) {
        return;
    }
    if returns { family.add_with_return(sites) } else { family.add_without_return(sites) }
}

/// Adds the site of an internal function by which all calls come, whatever it costs.
pub(super) fn add_inner(sites: &mut Sites, image: &Image<'_>, call: Call, roots: &[Root], inner: Inner) {
    let family = Family { image, call, roots, inner: Some(inner) };
    family.add_inner(sites, inner, family.inner_entry(inner));
}

/// Adds the site of a function whose result says the number of bytes.
pub(super) fn add_single(sites: &mut Sites, image: &Image<'_>, call: Call, name: &str, function: Function, returns: bool) {
    if !returns {
        return sites.leave_out(name, Why::NeedsReturn);
    }
    let place = entry(image, function, CONNECTION_BUFFER_SIZE, true);
    sites.add(site(image, call, place, Exit::Return, Length::Returned, name, &[name]), &[name]);
}

/// Adds the site of a function whose end does not matter.
pub(super) fn add_notice(sites: &mut Sites, image: &Image<'_>, call: Call, name: &str, function: Function) {
    let place = entry(image, function, CONNECTION, false);
    sites.add(site(image, call, place, Exit::None, Length::Returned, name, &[name]), &[name]);
}

impl Family<'_> {
    /// One site for all where there is an internal function, unless it is the exported ones alone that the kernel emulates.
    fn add_with_return(&self, sites: &mut Sites) {
        let exported: Vec<_> = self.roots.iter().map(|root| (root, self.entry(root.export.function, arguments(root.export)))).collect();
        let inner = self.inner.map(|inner| (inner, self.inner_entry(inner)));
        let are_cheaper = exported.iter().all(|(_, place)| is_cheap(place.as_ref()));
        match inner {
            Some((inner, place)) if place.is_some() && (is_cheap(place.as_ref()) || !are_cheaper) => {
                self.add_inner(sites, inner, place);
            }
            _ => exported.into_iter().for_each(|(root, place)| self.add_exported(sites, root, place)),
        }
    }

    fn add_inner(&self, sites: &mut Sites, inner: Inner, place: Option<Place>) {
        let serves: Vec<_> = self.roots.iter().flat_map(|root| root.serves.iter().copied()).collect();
        let name = self.inner_name(inner);
        sites.add(site(self.image, self.call, place, Exit::Return, inner.length, &name, &serves), &serves);
    }

    fn add_exported(&self, sites: &mut Sites, root: &Root, place: Option<Place>) {
        let length = root.export.form.length();
        sites.add(site(self.image, self.call, place, Exit::Return, length, root.export.name, &root.serves), &root.serves);
    }

    /// Each exported function at its call of the internal one, and right after.
    fn add_without_return(&self, sites: &mut Sites) {
        for root in self.roots {
            let passes: Vec<_> = root.passes.iter().filter(|pass| self.inner.is_some_and(|inner| inner.address == pass.target)).collect();
            if passes.is_empty() || passes.iter().any(|pass| pass.is_jump) {
                root.serves.iter().for_each(|name| sites.leave_out(name, Why::NeedsReturn));
                continue;
            }
            passes.into_iter().for_each(|pass| self.add_pass(sites, root, pass));
        }
    }

    fn add_pass(&self, sites: &mut Sites, root: &Root, pass: &Pass) {
        let step = self.image.code(pass.at).and_then(|code| decode(code, pass.at));
        let after = self.image.offset(result(self.image, root.export.function, pass.next));
        let site = after.and_then(|after| {
            let place = step.map(|step| Place::at(&step));
            site(self.image, self.call, place, Exit::After(after), pass.length, root.export.name, &root.serves)
        });
        sites.add(site, &root.serves);
    }

    fn entry(&self, function: Function, arguments: u8) -> Option<Place> {
        entry(self.image, function, arguments, true)
    }

    fn inner_entry(&self, inner: Inner) -> Option<Place> {
        self.entry(self.function_at(inner.address), arguments_of(inner.length))
    }

    fn function_at(&self, address: u64) -> Function {
        let known = function_around(self.image, address).filter(|function| function.address == address);
        known.unwrap_or(Function { address, size: 0 })
    }

    /// One probe for each read, where it hands out its bytes or where it has ended, if it is certain where that is and the kernel emulates
    /// it.
    fn add_ends(&self, sites: &mut Sites) -> bool {
        let Some(ends) = reader::ends(self.image, self.roots, self.inner) else { return false };
        match copies::copies(self.image, ends.getter) {
            Some(copies) => copies.into_iter().for_each(|Copy { function, place, copying }| {
                self.add_end(sites, function, place, Exit::Copy(copying), Length::Third);
            }),
            None => ends.places.into_iter().for_each(|End { function, place, held }| {
                self.add_end(sites, function, place, Exit::Here(held), Length::Fourth);
            }),
        }
        true
    }

    fn add_end(&self, sites: &mut Sites, function: u64, place: Place, exit: Exit, length: Length) {
        let serves: Vec<_> = self.roots.iter().flat_map(|root| root.serves.iter().copied()).collect();
        let unnamed = || format!("reader of {}", serves.first().unwrap_or(&"?"));
        let name = self.image.name_at(function).map_or_else(unnamed, str::to_owned);
        sites.add(site(self.image, self.call, Some(place), exit, length, &name, &serves), &serves);
    }

    fn inner_name(&self, inner: Inner) -> String {
        let unnamed = || format!("inner of {}", self.roots.first().map_or("?", |root| root.export.name));
        self.image.name_at(inner.address).map_or_else(unnamed, str::to_owned)
    }
}

fn is_cheap(place: Option<&Place>) -> bool {
    place.is_some_and(|place| place.is_emulated)
}

fn arguments(export: Export) -> u8 {
    arguments_of(export.form.length())
}

fn arguments_of(length: Length) -> u8 {
    match length {
        Length::Returned | Length::Third => CONNECTION_BUFFER_SIZE,
        Length::Fourth => 4,
        Length::Fifth => 5,
    }
}

fn site(image: &Image<'_>, call: Call, place: Option<Place>, exit: Exit, length: Length, function: &str, serves: &[&str]) -> Option<Site> {
    let place = place?;
    Some(Site {
        call,
        serves: serves.iter().map(|name| (*name).to_owned()).collect(),
        function: function.to_owned(),
        entry: image.offset(place.address)?,
        exit,
        length,
        instruction: place.instruction,
        is_emulated: place.is_emulated,
    })
}

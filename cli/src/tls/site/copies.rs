//! Finds where each read of an OpenSSL hands out its bytes: the calls of `memcpy`, deeper still than where reads end.
//!
//! What gets the bytes of reads, `ssl_read_bytes(ssl, type, &type, buffer, length, peek, &length)`, takes records apart and copies what they hold
//! to the buffer. It does so when there is something to read and not else, so that a server that reads until there is nothing left pays
//! half of what it pays at the ends of its reads. What is not certain in all of this is not taken.

use ehl_probes_common::call::Copying;
use iced_x86::Register;

use super::family::stub_name;
use super::flow::{Handover, all_calls};
use super::image::Image;
use super::instruction::decode;
use super::reader::function_at;
use super::state::{ARGUMENTS, State};
use super::straight::Place;
use super::tables;
use super::value::Value;

/// Arguments of the function that gets the bytes.
const CONNECTION: u8 = 0;
const KIND: u8 = 1;
const BUFFER: u8 = 3;
const PEEK: u8 = 5;

/// What copies, as the C standard names it.
const COPY: &str = "memcpy";

/// Where a read hands out bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Copy {
    /// The function.
    pub(super) function: u64,
    /// The call.
    pub(super) place: Place,
    /// Where what tells the read is then.
    pub(super) copying: Copying,
}

/// Where all reads hand out their bytes whose function is there in the tables, if that is certain, and the kernel emulates it.
pub(super) fn copies(image: &Image<'_>, getter: i64) -> Option<Vec<Copy>> {
    let function = function_at(image, tables::stream_function_at(image, getter)?)?;
    let calls = all_calls(image, function)?;
    let may_take = |state: &State, name| has_buffer(state) || name == Some(COPY) && !is_elsewhere(state.get(Register::RDI));
    if calls.pointed.iter().any(|call| may_take(&call.state, None))
        || calls.bound.iter().any(|call| may_take(&call.state, image.bound_at(call.slot)))
    {
        return None;
    }
    let taking = calls.direct.iter().filter(|call| may_take(&call.state, stub_name(image, call.target)));
    let copies = taking.map(|call| Copy::at(image, function.address, call)).collect::<Option<Vec<_>>>()?;
    if copies.is_empty() { None } else { Some(copies) }
}

impl Copy {
    fn at(image: &Image<'_>, function: u64, call: &Handover) -> Option<Self> {
        let is_whole = call.state.get(Register::RDI).pointer() == Some(BUFFER) && stub_name(image, call.target) == Some(COPY);
        let step = decode(image.code(call.at)?, call.at)?;
        if !is_whole || call.is_jump || !step.is_emulated() {
            return None;
        }
        let slot = |least, is_it: fn(Value) -> bool| {
            call.state.slot(least, |offset| u32::from(offset) + u32::from(least) <= u32::from(Copying::REACH), is_it)
        };
        let copying = Copying {
            ssl: slot(8, |value| value == Value::Argument(CONNECTION))?,
            kind: slot(1, |value| value.argument() == Some(KIND))?,
            peek: slot(4, |value| value.argument() == Some(PEEK))?,
        };
        Some(Self { function, place: Place::at(&step), copying })
    }
}

/// Whether a called function finds the buffer, or a place in it, among its arguments. Where it still is in the register in which this one got
/// it, next to the connection, nothing tells whether it is handed on: what is called so has fewer arguments.
fn has_buffer(state: &State) -> bool {
    let is_left = |register| register == Register::RCX && state.get(register) == Value::Argument(BUFFER);
    ARGUMENTS.iter().any(|register| state.get(*register).pointer() == Some(BUFFER) && !is_left(*register))
}

/// Whether it is certain that it does not point to the buffer: handshakes are put together within the connection.
fn is_elsewhere(pointer: Value) -> bool {
    pointer.pointer() == Some(CONNECTION) || matches!(pointer, Value::Stack(_))
}

//! Finds where each read of an OpenSSL has its bytes: behind the call, deep inside, that gets them.
//!
//! All that reads ends at the same member of the tables of functions that connections have: `ssl3_read(ssl, buffer, size, &length)`. It,
//! or what it hands its arguments to with whether to peek, calls another member, `ssl_read_bytes(ssl, 23, NULL, buffer, size, peek,
//! &length)` (23 is application data, RFC 8446 section 5.1), perhaps a second time when a handshake came between, and looks at the result. There
//! all that matters is at hand, and neither the call's begin nor its return need a probe. What is not certain in all of this is not taken.

use ehl_probes_common::call::{Held, Slot};
use iced_x86::{FlowControl, InstructionInfoFactory, Register};

use super::family::{Form, Inner, Root};
use super::flow::{Calls, Handover, PointedCall, all_calls};
use super::frames::function_around;
use super::image::{Function, Image};
use super::instruction::decode;
use super::state::{ARGUMENTS, State};
use super::straight::Place;
use super::tables;
use super::value::Value;

/// Functions that hand their arguments on, one to the next.
const MOST_FUNCTIONS: usize = 3;
/// Farther from a call is not looked.
const MOST_STEPS: usize = 12;
/// The type of records that hold application data (RFC 8446 section 5.1).
const APPLICATION_DATA: u64 = 23;
/// The argument that is the address of the length, of the function in the tables.
const LENGTH_AT: u8 = 3;

/// Where a read has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct End {
    /// The function.
    pub(super) function: u64,
    /// The instruction.
    pub(super) place: Place,
    /// Where what it was given is then.
    pub(super) held: Held,
}

/// Where all reads end, and what gets them their bytes.
#[derive(Clone, Debug)]
pub(super) struct Ends {
    /// The places.
    pub(super) places: Vec<End>,
    /// Where in the tables the function is that gets the bytes, `ssl_read_bytes`.
    pub(super) getter: i64,
}

/// Where all reads end that come by these functions, if that is certain.
pub(super) fn ends(image: &Image<'_>, roots: &[Root], inner: Option<Inner>) -> Option<Ends> {
    let readers = match inner {
        Some(inner) => vec![(function_at(image, inner.address)?, Form::Ex)],
        None => roots.iter().map(|root| (root.export.function, root.export.form)).collect(),
    };
    let mut members = readers.into_iter().map(|(function, form)| member(image, function, form)).collect::<Option<Vec<_>>>()?;
    members.dedup();
    let [Member { table, offset }] = members[..] else { return None };
    let mut reader = Reader { function: function_at(image, tables::function_at(image, offset)?)?, length_at: LENGTH_AT, peek: None };
    for _ in 0..MOST_FUNCTIONS {
        let calls = all_calls(image, reader.function)?;
        if !calls.pointed.is_empty() {
            return reader.ends(image, &calls, table);
        }
        reader = reader.next(image, &calls)?;
    }
    None
}

/// Which function of which table: offsets in the connection, and in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Member {
    table: i64,
    offset: i64,
}

impl Member {
    fn of(pointer: Value) -> Option<Self> {
        match pointer {
            Value::Pointed(table, offset) => Some(Self { table, offset }),
            _ => None,
        }
    }
}

/// The member that a function of this form hands its arguments to, if no other pointer's function gets the buffer.
fn member(image: &Image<'_>, function: Function, form: Form) -> Option<Member> {
    let Calls { pointed, .. } = all_calls(image, function)?;
    let mut members: Vec<_> = pointed.iter().filter(|call| has_buffer(&call.state)).map(|call| member_of(call, form)).collect();
    members.dedup();
    match members[..] {
        [only] => only,
        _ => None,
    }
}

fn member_of(call: &PointedCall, form: Form) -> Option<Member> {
    let is_whole = has_connection_buffer(&call.state)
        && form.is_size(call.state.get(Register::RDX))
        && form.is_length_place(call.state.get(Register::RCX));
    if is_whole { Member::of(call.pointer) } else { None }
}

/// A function that reads: `(ssl, buffer, size)`, and more.
#[derive(Clone, Copy, Debug)]
struct Reader {
    function: Function,
    /// The argument that is the address of the length.
    length_at: u8,
    /// The argument that says whether to peek.
    peek: Option<u8>,
}

impl Reader {
    /// The one function that this one hands all on to.
    fn next(self, image: &Image<'_>, calls: &Calls) -> Option<Reader> {
        let mut others: Vec<_> = calls.direct.iter().filter_map(|call| self.handed(call)).collect();
        others.dedup();
        let [(address, length_at, peek)] = others[..] else { return None };
        Some(Reader { function: function_at(image, address)?, length_at, peek })
    }

    /// To which function a call hands all on, and its arguments for the length and for whether to peek.
    fn handed(self, call: &Handover) -> Option<(u64, u8, Option<u8>)> {
        let is_length = |register| call.state.get(register) == Value::Argument(self.length_at);
        if !has_connection_buffer(&call.state) || call.state.get(Register::RDX) != Value::Argument(2) {
            return None;
        }
        match (is_length(Register::RCX), is_length(Register::R8)) {
            (true, false) => Some((call.target, 3, None)),
            (false, true) if self.is_peek(call.state.get(Register::RCX)) => Some((call.target, 4, Some(3))),
            _ => None,
        }
    }

    /// Whether it is known of a value whether it is to peek.
    fn is_peek(self, value: Value) -> bool {
        value == Value::Constant(0) || self.peek.is_some() && value.argument() == self.peek
    }

    /// Behind each of the calls that read.
    fn ends(self, image: &Image<'_>, calls: &Calls, table: i64) -> Option<Ends> {
        let mut readers = calls.pointed.iter().filter(|call| has_buffer(&call.state)).peekable();
        let offset = Member::of(readers.peek()?.pointer)?.offset;
        // Any other pointer could be the same function's.
        if calls.pointed.iter().any(|call| Member::of(call.pointer).is_none()) || calls.pointed.iter().any(|call| call.is_jump) {
            return None;
        }
        // As a compiler may do it that has seen which function it is most of the time.
        let is_known = |call: &Handover| call.state.get(Register::RSI) == Value::Constant(APPLICATION_DATA);
        if calls.direct.iter().any(|call| is_known(call) && has_buffer(&call.state)) {
            return None;
        }
        let of_member = calls.pointed.iter().filter(|call| Member::of(call.pointer) == Some(Member { table, offset }));
        if of_member.count() != readers.clone().count() {
            return None;
        }
        let mut places = readers.map(|call| self.end(image, calls, call, Member { table, offset })).collect::<Option<Vec<_>>>()?;
        places.sort_by_key(|end| end.place.address);
        places.dedup();
        Some(Ends { places, getter: offset })
    }

    fn end(self, image: &Image<'_>, calls: &Calls, call: &PointedCall, member: Member) -> Option<End> {
        let peek = call.state.get(Register::R9);
        let is_whole = Member::of(call.pointer) == Some(member)
            && has_connection(&call.state)
            && call.state.get(Register::RSI) == Value::Constant(APPLICATION_DATA)
            && call.state.get(Register::RDX) == Value::Constant(0)
            && call.state.get(Register::RCX) == Value::Argument(1)
            && call.state.get(Register::R8) == Value::Argument(2)
            && self.is_peek(peek)
            && call.state.stack_argument() == Value::Argument(self.length_at);
        if !is_whole {
            return None;
        }
        let peek = (peek != Value::Constant(0)).then_some(self.peek).flatten();
        let (place, state) = behind(image, call)?;
        // What comes by there is the result of this call alone.
        if calls.jumps.iter().any(|jump| (call.next..=place.address).contains(jump)) {
            return None;
        }
        let held = Held {
            ssl: slot(&state, 8, |value| value == Value::Argument(0))?,
            buffer: slot(&state, 8, |value| value == Value::Argument(1))?,
            length_at: slot(&state, 8, |value| value == Value::Argument(self.length_at))?,
            peek: match peek {
                Some(number) => Some(slot(&state, 4, |value| value.argument() == Some(number))?),
                None => None,
            },
        };
        Some(End { function: self.function.address, place, held })
    }
}

/// The first instruction behind a call that the kernel emulates, while the result is where it was, and what is known there.
fn behind(image: &Image<'_>, call: &PointedCall) -> Option<(Place, State)> {
    let mut state = call.state.clone();
    let mut factory = InstructionInfoFactory::new();
    state.called();
    let mut address = call.next;
    for _ in 0..MOST_STEPS {
        let step = decode(image.code(address)?, address)?;
        if step.is_emulated() {
            return Some((Place::at(&step), state));
        }
        let is_straight = step.instruction.flow_control() == FlowControl::Next;
        state.step(&step.instruction, &mut factory);
        if !is_straight || state.get(Register::RAX) != Value::Result {
            return None;
        }
        address = step.instruction.next_ip();
    }
    None
}

/// Where a value of so many bytes is, as the cookie says it.
fn slot(state: &State, least: u8, is_it: impl Fn(Value) -> bool) -> Option<Slot> {
    state.slot(least, |offset| offset % 4 == 0 && offset <= Slot::MOST, is_it)
}

pub(super) fn function_at(image: &Image<'_>, address: u64) -> Option<Function> {
    function_around(image, address).filter(|function| function.address == address)
}

fn has_connection(state: &State) -> bool {
    state.get(Register::RDI) == Value::Argument(0)
}

fn has_connection_buffer(state: &State) -> bool {
    has_connection(state) && state.get(Register::RSI) == Value::Argument(1)
}

/// Whether a called function finds the buffer among its arguments.
fn has_buffer(state: &State) -> bool {
    ARGUMENTS.iter().any(|register| state.get(*register) == Value::Argument(1))
}

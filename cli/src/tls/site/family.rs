//! The exported functions that do the same in several forms, and the internal one that they share.

use ehl_probes_common::call::Length;
use iced_x86::{OpKind, Register};

use super::flow::{self, Handover};
use super::image::{Function, Image};
use super::instruction::decode;
use super::value::Value;

/// How an exported function tells the number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `int SSL_read(ssl, buffer, int size)`.
    Plain,
    /// `int SSL_read_ex(ssl, buffer, size_t size, size_t *length)`.
    Ex,
    /// `int SSL_write_ex2(ssl, buffer, size_t size, uint64_t flags, size_t *length)`.
    Ex2,
}

/// An exported function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Export {
    pub(super) name: &'static str,
    pub(super) form: Form,
    pub(super) function: Function,
}

/// An exported function that does not just call another one.
#[derive(Clone, Debug)]
pub(super) struct Root {
    pub(super) export: Export,
    /// It, and those that just call it.
    pub(super) serves: Vec<&'static str>,
    /// Where it calls what may be the internal function.
    pub(super) passes: Vec<Pass>,
}

/// Where the arguments pass on to a function unchanged, with a place for the number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pass {
    /// The address of the call or jump.
    pub(super) at: u64,
    /// The address after it.
    pub(super) next: u64,
    /// Whether it is a jump, after which nothing more is seen of the call.
    pub(super) is_jump: bool,
    /// The function that gets them.
    pub(super) target: u64,
    /// Where that one has the number of bytes in the end.
    pub(super) length: Length,
}

/// The internal function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Inner {
    pub(super) address: u64,
    pub(super) length: Length,
}

impl Form {
    /// Where the number of bytes is when the exported function returns.
    pub(super) fn length(self) -> Length {
        match self {
            Form::Plain => Length::Returned,
            Form::Ex => Length::Fourth,
            Form::Ex2 => Length::Fifth,
        }
    }

    /// Whether this is the size argument as an internal function must get it, which has it as `size_t`.
    pub(super) fn is_size(self, value: Value) -> bool {
        value == if self == Form::Plain { Value::Extended(2) } else { Value::Argument(2) }
    }

    /// Whether this is where the number of bytes is to be written.
    pub(super) fn is_length_place(self, value: Value) -> bool {
        match self {
            Form::Plain => matches!(value, Value::Stack(_)),
            Form::Ex => value == Value::Argument(3),
            Form::Ex2 => value == Value::Argument(4),
        }
    }
}

/// The roots among the exports, in their order.
pub(super) fn roots(image: &Image<'_>, exports: &[Export]) -> Vec<Root> {
    let calls: Vec<_> = exports.iter().map(|export| flow::calls(image, export.function)).collect();
    let wrapped: Vec<_> = calls.iter().map(|calls| calls.iter().find_map(|call| wrapped(image, exports, call))).collect();
    let mut roots: Vec<Root> = Vec::new();
    for (at, export) in exports.iter().enumerate().filter(|(at, _)| root_of(&wrapped, *at) == *at) {
        let serves = (0..exports.len()).filter(|other| root_of(&wrapped, *other) == at).map(|other| exports[other].name);
        roots.push(Root { export: *export, serves: serves.collect(), passes: passes(export.form, &calls[at]) });
    }
    roots
}

/// The export that one ends at by calling the next, itself if they go round.
fn root_of(wrapped: &[Option<usize>], first: usize) -> usize {
    let mut at = first;
    for _ in wrapped {
        match wrapped[at] {
            Some(next) => at = next,
            None => return at,
        }
    }
    first
}

/// The one function that all roots hand their arguments to, in one way, and none of the `unlike` does.
pub(super) fn inner(image: &Image<'_>, roots: &[Root], unlike: &[Export]) -> Option<Inner> {
    let (first, others) = roots.split_first()?;
    let strangers: Vec<_> = unlike.iter().flat_map(|export| passes(export.form, &flow::calls(image, export.function))).collect();
    let mut shared: Vec<_> = first.passes.iter().map(Pass::inner).collect();
    shared.retain(|inner| others.iter().all(|root| root.passes.iter().any(|pass| pass.inner() == *inner)));
    shared.retain(|inner| strangers.iter().all(|pass| pass.target != inner.address));
    shared.retain(|inner| !is_stub(image, inner.address));
    shared.sort_by_key(|inner| inner.address);
    shared.dedup();
    match shared[..] {
        [only] => Some(only),
        _ => None,
    }
}

/// Where a function of this form hands its arguments on.
pub(super) fn passes(form: Form, calls: &[Handover]) -> Vec<Pass> {
    calls.iter().filter_map(|call| Pass::of(form, call)).collect()
}

impl Pass {
    fn of(form: Form, call: &Handover) -> Option<Self> {
        if !has_connection_and_buffer(call) || !form.is_size(call.state.get(Register::RDX)) {
            return None;
        }
        let is_fourth = form.is_length_place(call.state.get(Register::RCX));
        let is_fifth = form.is_length_place(call.state.get(Register::R8));
        let length = match (is_fourth, is_fifth) {
            (true, false) => Length::Fourth,
            (false, true) => Length::Fifth,
            _ => return None,
        };
        Some(Pass { at: call.at, next: call.next, is_jump: call.is_jump, target: call.target, length })
    }

    fn inner(&self) -> Inner {
        Inner { address: self.target, length: self.length }
    }
}

/// The export of the same family that a call hands connection and buffer to: whatever the size is there, its bytes are seen there.
fn wrapped(image: &Image<'_>, exports: &[Export], call: &Handover) -> Option<usize> {
    if !has_connection_and_buffer(call) {
        return None;
    }
    let name = stub_name(image, call.target);
    exports.iter().position(|export| export.function.address == call.target || name == Some(export.name))
}

fn has_connection_and_buffer(call: &Handover) -> bool {
    call.state.get(Register::RDI) == Value::Argument(0) && call.state.get(Register::RSI) == Value::Argument(1)
}

/// The function that a stub of the procedure linkage table jumps to.
pub(super) fn stub_name<'a>(image: &Image<'a>, address: u64) -> Option<&'a str> {
    image.bound_at(stub_slot(image, address)?)
}

fn is_stub(image: &Image<'_>, address: u64) -> bool {
    stub_slot(image, address).is_some()
}

/// The slot of the global offset table that a stub jumps through, perhaps after a landing mark.
fn stub_slot(image: &Image<'_>, address: u64) -> Option<u64> {
    let mut step = decode(image.code(address)?, address)?;
    if step.instruction.mnemonic() == iced_x86::Mnemonic::Endbr64 {
        let next = step.instruction.next_ip();
        step = decode(image.code(next)?, next)?;
    }
    let is_stub = step.instruction.is_jmp_near_indirect()
        && step.instruction.op0_kind() == OpKind::Memory
        && step.instruction.is_ip_rel_memory_operand();
    is_stub.then(|| step.instruction.ip_rel_memory_address())
}

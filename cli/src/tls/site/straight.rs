//! The straight line of code from an instruction on, and the cheapest place to probe on it.

use iced_x86::{FlowControl, InstructionInfoFactory, Mnemonic, OpAccess, Register};

use super::image::{Function, Image};
use super::instruction::{Step, decode, is_near_jump};
use super::state::{ARGUMENTS, State};
use super::value::Value;

/// Farther from where the call begins is not looked.
const MOST_STEPS: usize = 8;

/// A place to probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Its address.
    pub(super) address: u64,
    /// The instruction there.
    pub(super) instruction: String,
    /// Whether the kernel emulates it.
    pub(super) is_emulated: bool,
}

/// Where in a function to see its call begin, with so many arguments still in their registers. A uretprobe needs the stack as the caller left
/// it. The first instruction that does anything, if there is no place that is cheaper.
pub(super) fn entry(image: &Image<'_>, function: Function, arguments: u8, is_returning: bool) -> Option<Place> {
    let mut state = State::at_entry();
    let mut factory = InstructionInfoFactory::new();
    for step in line(image, function.address) {
        if !is_as_called(&state, arguments, is_returning) {
            break;
        }
        if step.is_emulated() && is_reached_once(image, function, step.instruction.ip()) {
            return Some(Place::at(&step));
        }
        state.step(&step.instruction, &mut factory);
    }
    line(image, function.address).find(|step| !is_landing_mark(step)).map(|step| Place::at(&step))
}

/// Where to see the result of a call that comes back to this address: an instruction that is emulated, as long as the result and the stack
/// pointer stay, else the very next one.
pub(super) fn result(image: &Image<'_>, function: Function, next: u64) -> u64 {
    for step in line(image, next) {
        if step.is_emulated() && !is_target(image, function, next, step.instruction.ip()) {
            return step.instruction.ip();
        }
        if changes_result(&step) {
            break;
        }
    }
    next
}

impl Place {
    /// The place of an instruction.
    pub(super) fn at(step: &Step<'_>) -> Self {
        Place { address: step.instruction.ip(), instruction: step.text(), is_emulated: step.is_emulated() }
    }
}

/// The instructions from an address on that run one after the other, the first that may branch included.
fn line<'a>(image: &Image<'a>, address: u64) -> impl Iterator<Item = Step<'a>> {
    let mut code = image.code(address).unwrap_or_default();
    let mut address = Some(address);
    let steps = std::iter::from_fn(move || {
        let step = decode(code, address?)?;
        let is_straight = step.instruction.flow_control() == FlowControl::Next;
        address = is_straight.then(|| step.instruction.next_ip());
        code = &code[step.bytes.len()..];
        Some(step)
    });
    steps.take(MOST_STEPS)
}

fn is_as_called(state: &State, arguments: u8, is_returning: bool) -> bool {
    let are_there = (0..arguments).zip(ARGUMENTS).all(|(number, register)| state.get(register) == Value::Argument(number));
    are_there && (!is_returning || state.get(Register::RSP) == Value::Stack(0))
}

/// Whether the function cannot come back to a place behind its first instruction.
fn is_reached_once(image: &Image<'_>, function: Function, place: u64) -> bool {
    place == function.address || is_marker(image, function.address, place) || !is_target(image, function, function.address, place)
}

/// Whether all between is the mark of where indirect calls may land.
fn is_marker(image: &Image<'_>, begin: u64, place: u64) -> bool {
    line(image, begin).next().is_some_and(|step| is_landing_mark(&step) && step.instruction.next_ip() == place)
}

fn is_landing_mark(step: &Step<'_>) -> bool {
    step.instruction.mnemonic() == Mnemonic::Endbr64
}

/// Whether the function jumps to anywhere from `first` to `place`, or whether it does cannot be known.
fn is_target(image: &Image<'_>, function: Function, first: u64, place: u64) -> bool {
    let Some(mut code) = image.code(function.address) else { return true };
    let range = function.range();
    let mut address = range.start;
    while address < range.end {
        let Some(step) = decode(code, address) else { return true };
        if is_near_jump(&step.instruction) && (first..=place).contains(&step.instruction.near_branch_target()) {
            return true;
        }
        address = step.instruction.next_ip();
        code = &code[step.bytes.len()..];
    }
    range.is_empty()
}

fn changes_result(step: &Step<'_>) -> bool {
    let mut factory = InstructionInfoFactory::new();
    let info = factory.info(&step.instruction);
    let kept = [Register::RAX, Register::RSP];
    info.used_registers().iter().any(|used| kept.contains(&used.register().full_register()) && used.access() != OpAccess::Read)
}

//! Follows the code of a function to what it calls, with what it is certain to hand over.

use std::collections::{BTreeMap, VecDeque};

use iced_x86::{FlowControl, Instruction, InstructionInfoFactory, Register};

use super::frames::function_around;
use super::image::{Function, Image};
use super::instruction::{decode, is_near_jump};
use super::state::State;
use super::value::Value;

/// More instructions than this are not followed, counted as often as something is learnt of them.
const MOST_STEPS: usize = 20_000;

/// A call, or a jump that leaves the function for good.
#[derive(Clone, Debug)]
pub(super) struct Handover {
    /// The address of the instruction.
    pub(super) at: u64,
    /// The address of the one after it.
    pub(super) next: u64,
    /// What is called.
    pub(super) target: u64,
    /// Whether it does not come back here.
    pub(super) is_jump: bool,
    /// What the called function finds.
    pub(super) state: State,
}

/// A call, or a jump that leaves the function for good, through a pointer.
#[derive(Clone, Debug)]
pub(super) struct PointedCall {
    /// The address after the instruction.
    pub(super) next: u64,
    /// Whether it does not come back here.
    pub(super) is_jump: bool,
    /// What is known of the pointer.
    pub(super) pointer: Value,
    /// What the called function finds.
    pub(super) state: State,
}

/// A call of another file's function, through the loader's table of them.
#[derive(Clone, Debug)]
pub(super) struct BoundCall {
    /// The place in the table.
    pub(super) slot: u64,
    /// What the called function finds.
    pub(super) state: State,
}

/// All that a function calls.
#[derive(Clone, Debug)]
pub(super) struct Calls {
    /// By a fixed address.
    pub(super) direct: Vec<Handover>,
    /// Through the loader's table.
    pub(super) bound: Vec<BoundCall>,
    /// Through any other pointer.
    pub(super) pointed: Vec<PointedCall>,
    /// Where its jumps go.
    pub(super) jumps: Vec<u64>,
}

/// What a function calls, by address of the instruction: nothing if not all of it is known. A function that reads or writes itself does so
/// through the tables of functions that a connection has, so that one which only hands on has none of those calls.
pub(super) fn calls(image: &Image<'_>, function: Function) -> Vec<Handover> {
    let walk = Walk::through(image, function);
    if walk.is_open() { Vec::new() } else { walk.handovers() }
}

/// All that a function calls, through pointers too; `None` if it jumps anywhere that is not known.
pub(super) fn all_calls(image: &Image<'_>, function: Function) -> Option<Calls> {
    let walk = Walk::through(image, function);
    if walk.known.is_empty() || walk.is_astray() {
        return None;
    }
    Some(Calls { bound: walk.bound(), pointed: walk.pointed(), jumps: walk.jumps(), direct: walk.handovers() })
}

/// States before each instruction, until they change no more.
struct Walk<'a> {
    image: &'a Image<'a>,
    function: Function,
    /// The function, and its parts that were put aside.
    parts: Vec<Function>,
    known: BTreeMap<u64, State>,
    waiting: VecDeque<u64>,
}

impl<'a> Walk<'a> {
    fn through(image: &'a Image<'a>, function: Function) -> Self {
        let mut walk = Walk { image, function, parts: vec![function], known: BTreeMap::new(), waiting: VecDeque::new() };
        walk.reach(function.address, State::at_entry());
        walk.settle();
        walk
    }

    fn settle(&mut self) {
        let mut factory = InstructionInfoFactory::new();
        for _ in 0..MOST_STEPS {
            let Some(address) = self.waiting.pop_front() else { return };
            self.pass(address, &mut factory);
        }
        // Not settled: nothing is certain.
        self.known.clear();
    }

    fn pass(&mut self, address: u64, factory: &mut InstructionInfoFactory) {
        let Some(before) = self.known.get(&address) else { return };
        let Some(instruction) = self.instruction(address) else { return };
        let is_leaving = self.is_leaving(&instruction, before);
        let mut after = before.clone();
        after.step(&instruction, factory);
        if is_near_jump(&instruction) && !is_leaving {
            self.add_part(instruction.near_branch_target());
            self.reach(instruction.near_branch_target(), after.clone());
        }
        if goes_on(&instruction) && !self.is_end(instruction.next_ip()) {
            self.reach(instruction.next_ip(), after);
        }
    }

    fn add_part(&mut self, address: u64) {
        if !self.parts.iter().any(|part| part.range().contains(&address)) {
            self.parts.extend(function_around(self.image, address));
        }
    }

    /// Whether the code before does not come here: at the end of a function, or of a part, is a call that never returns.
    fn is_end(&self, address: u64) -> bool {
        self.parts.iter().any(|part| part.size > 0 && part.range().end == address)
    }

    fn reach(&mut self, address: u64, state: State) {
        let is_news = match self.known.get_mut(&address) {
            Some(known) => known.meet(&state),
            None => {
                self.known.insert(address, state);
                true
            }
        };
        if is_news && !self.waiting.contains(&address) {
            self.waiting.push_back(address);
        }
    }

    /// Whether the code leads anywhere that cannot be told.
    fn is_open(&self) -> bool {
        self.known.keys().any(|address| self.instruction(*address).is_none_or(|instruction| is_open(&instruction)))
    }

    /// The same, of jumps alone: one through a table of the connection's functions leaves for good.
    fn is_astray(&self) -> bool {
        self.known.iter().any(|(address, state)| {
            let leaves =
                |instruction| matches!(state.destination(&instruction), Value::Pointed(..)) && state.get(Register::RSP) == Value::Stack(0);
            let leads_on = |instruction| !is_open(&instruction) || is_call(&instruction) || leaves(instruction);
            !self.instruction(*address).is_some_and(leads_on)
        })
    }

    fn bound(&self) -> Vec<BoundCall> {
        let bound = |(address, state): (&u64, &State)| {
            let instruction = self.instruction(*address).filter(|instruction| is_indirect(instruction) && !is_open(instruction))?;
            Some(BoundCall { slot: instruction.ip_rel_memory_address(), state: state.clone() })
        };
        self.known.iter().filter_map(bound).collect()
    }

    fn pointed(&self) -> Vec<PointedCall> {
        let pointed = |(address, state): (&u64, &State)| {
            let instruction = self.instruction(*address).filter(is_open)?;
            Some(PointedCall {
                next: instruction.next_ip(),
                is_jump: !is_call(&instruction),
                pointer: state.destination(&instruction),
                state: state.clone(),
            })
        };
        self.known.iter().filter_map(pointed).collect()
    }

    fn jumps(&self) -> Vec<u64> {
        let instructions = self.known.keys().filter_map(|address| self.instruction(*address));
        instructions.filter(is_near_jump).map(|jump| jump.near_branch_target()).collect()
    }

    fn handovers(self) -> Vec<Handover> {
        self.known.iter().filter_map(|(address, state)| self.handover(*address, state)).collect()
    }

    fn handover(&self, address: u64, state: &State) -> Option<Handover> {
        let instruction = self.instruction(address)?;
        let is_jump = self.is_leaving(&instruction, state);
        let is_call = instruction.flow_control() == FlowControl::Call && instruction.is_call_near();
        (is_jump || is_call).then(|| Handover {
            at: address,
            next: instruction.next_ip(),
            target: instruction.near_branch_target(),
            is_jump,
            state: state.clone(),
        })
    }

    /// A jump elsewhere with the caller's stack. With another stack it goes to a part of this function that was put aside.
    fn is_leaving(&self, instruction: &Instruction, state: &State) -> bool {
        instruction.flow_control() == FlowControl::UnconditionalBranch
            && is_near_jump(instruction)
            && state.get(Register::RSP) == Value::Stack(0)
            && !self.function.range().contains(&instruction.near_branch_target())
    }

    fn instruction(&self, address: u64) -> Option<Instruction> {
        decode(self.image.code(address)?, address).map(|step| step.instruction)
    }
}

/// Whether it goes where a register or a table says, unless it is the loader's table of the file's own imports.
fn is_open(instruction: &Instruction) -> bool {
    is_indirect(instruction) && !instruction.is_ip_rel_memory_operand()
}

fn is_indirect(instruction: &Instruction) -> bool {
    matches!(instruction.flow_control(), FlowControl::IndirectCall | FlowControl::IndirectBranch)
}

fn is_call(instruction: &Instruction) -> bool {
    instruction.flow_control() == FlowControl::IndirectCall
}

fn goes_on(instruction: &Instruction) -> bool {
    matches!(instruction.flow_control(), FlowControl::Next | FlowControl::Call | FlowControl::IndirectCall | FlowControl::ConditionalBranch)
}

//! What registers and the stack hold at some point of a function, as far as it is certain.

use std::collections::BTreeMap;

use ehl_probes_common::call::Slot;
use iced_x86::{FlowControl, Instruction, InstructionInfoFactory, MemorySize, Mnemonic, OpAccess, OpKind, Register, UsedMemory};

use super::value::Value;

/// The registers of the arguments, in order.
pub(super) const ARGUMENTS: [Register; 6] = [Register::RDI, Register::RSI, Register::RDX, Register::RCX, Register::R8, Register::R9];

/// What a called function keeps.
const KEPT: [Register; 7] = [Register::RSP, Register::RBP, Register::RBX, Register::R12, Register::R13, Register::R14, Register::R15];

/// Where a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whereabouts {
    /// The number of the register.
    Register(u8),
    /// The distance from the stack pointer, and in how many bytes.
    Stack(i64, u8),
}

/// Registers and stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct State {
    registers: [Value; 16],
    /// By distance from the first stack pointer: what is there, in how many bytes.
    slots: BTreeMap<i64, (Value, u8)>,
    /// Whether somebody else may know addresses in this frame.
    is_frame_known: bool,
}

impl State {
    /// At a function's first instruction.
    pub(super) fn at_entry() -> Self {
        let mut state = State { registers: [Value::Unknown; 16], slots: BTreeMap::new(), is_frame_known: false };
        for (argument, register) in (0..).zip(ARGUMENTS) {
            state.set(register, Value::Argument(argument));
        }
        state.set(Register::RSP, Value::Stack(0));
        state
    }

    /// What a register of 64 bits holds.
    pub(super) fn get(&self, register: Register) -> Value {
        if register.is_gpr64() { self.registers[register.number()] } else { Value::Unknown }
    }

    /// Keeps what holds in both. Says whether that is less than before.
    pub(super) fn meet(&mut self, other: &State) -> bool {
        let before = self.clone();
        for (mine, theirs) in self.registers.iter_mut().zip(other.registers) {
            *mine = mine.meet(theirs);
        }
        self.slots.retain(|at, (mine, size)| match other.slots.get(at) {
            Some((theirs, length)) if length == size => {
                *mine = mine.meet(*theirs);
                *mine != Value::Unknown
            }
            _ => false,
        });
        self.is_frame_known |= other.is_frame_known;
        *self != before
    }

    /// Runs one instruction.
    pub(super) fn step(&mut self, instruction: &Instruction, factory: &mut InstructionInfoFactory) {
        match instruction.flow_control() {
            FlowControl::Call | FlowControl::IndirectCall => return self.call(),
            FlowControl::Next if instruction.mnemonic() == Mnemonic::Leave => return self.leave(),
            FlowControl::Next => {}
            _ => return,
        }
        let result = self.result(instruction);
        let stored = self.stored(instruction);
        self.forget_written(instruction, factory);
        self.move_stack(instruction);
        if let Some((register, value)) = result {
            self.set(register.full_register(), value);
        }
        if let Some((at, value, size)) = stored {
            self.is_frame_known |= matches!(value, Value::Stack(_)) && instruction.mnemonic() != Mnemonic::Push;
            self.slots.insert(at, (value, size));
        }
    }

    fn set(&mut self, register: Register, value: Value) {
        self.registers[register.number()] = value;
    }

    /// A call whose result is to be followed has come back, with one argument in the stack: that place is the called function's to write to.
    pub(super) fn called(&mut self) {
        self.call();
        if let Value::Stack(top) = self.get(Register::RSP) {
            self.slots.remove(&top);
        }
        self.set(Register::RAX, Value::Result);
    }

    /// A called function keeps some registers, and the frame as long as nobody told it where that is.
    fn call(&mut self) {
        self.is_frame_known |= ARGUMENTS.iter().any(|register| matches!(self.get(*register), Value::Stack(_)));
        for number in 0..self.registers.len() {
            if !KEPT.iter().any(|kept| kept.number() == number) {
                self.registers[number] = Value::Unknown;
            }
        }
        if self.is_frame_known {
            self.slots.clear();
        }
    }

    /// The register that gets a value worth knowing.
    fn result(&self, instruction: &Instruction) -> Option<(Register, Value)> {
        let target = instruction.op0_register();
        let value = match instruction.mnemonic() {
            Mnemonic::Mov if instruction.op0_kind() == OpKind::Register => self.source(instruction, target)?,
            Mnemonic::Movsxd if target.is_gpr64() => self.source(instruction, Register::EAX)?,
            Mnemonic::Cdqe => return Some((Register::RAX, self.get(Register::RAX).extended())),
            Mnemonic::Lea if target.is_gpr64() && instruction.is_ip_rel_memory_operand() => {
                Value::Constant(instruction.ip_rel_memory_address())
            }
            Mnemonic::Lea if target.is_gpr64() => self.address(instruction),
            Mnemonic::Xor if is_clearing(instruction) => Value::Constant(0),
            Mnemonic::Add | Mnemonic::Sub if target.is_gpr64() => self.moved(instruction, target),
            Mnemonic::Pop if target.is_gpr64() => self.top()?,
            _ => return None,
        };
        Some((target, value))
    }

    /// What a move brings to a register of the target's size.
    fn source(&self, instruction: &Instruction, target: Register) -> Option<Value> {
        let whole = match instruction.op1_kind() {
            OpKind::Register => self.get(instruction.op1_register().full_register()),
            OpKind::Memory => self.loaded(instruction, target)?,
            OpKind::Immediate32 | OpKind::Immediate32to64 | OpKind::Immediate64 => Value::Constant(instruction.immediate(1)),
            _ => return None,
        };
        match target.size() {
            8 => Some(whole),
            4 => Some(whole.extended()),
            _ => None,
        }
    }

    fn loaded(&self, instruction: &Instruction, target: Register) -> Option<Value> {
        if let Some(place) = self.stack_place(instruction) {
            let (value, size) = *self.slots.get(&place)?;
            return (usize::from(size) >= target.size()).then_some(value);
        }
        if target.size() == 8 { self.pointed(instruction) } else { None }
    }

    /// What the memory operand's eight bytes are, as far as it leads on from the first argument.
    fn pointed(&self, instruction: &Instruction) -> Option<Value> {
        if instruction.memory_index() != Register::None || instruction.segment_prefix() != Register::None {
            return None;
        }
        let offset = instruction.memory_displacement64().cast_signed();
        match self.get(instruction.memory_base()) {
            Value::Argument(0) => Some(Value::Member(offset)),
            Value::Member(member) => Some(Value::Pointed(member, offset)),
            _ => None,
        }
    }

    /// Where a call or jump through a register or memory goes.
    pub(super) fn destination(&self, instruction: &Instruction) -> Value {
        match instruction.op0_kind() {
            OpKind::Register => self.get(instruction.op0_register()),
            OpKind::Memory => self.pointed(instruction).unwrap_or(Value::Unknown),
            _ => Value::Unknown,
        }
    }

    /// The first of the arguments that are handed over in the stack, before the call itself.
    pub(super) fn stack_argument(&self) -> Value {
        self.top().unwrap_or(Value::Unknown)
    }

    /// Where a value that satisfies `is_it` is: a register, else the distance from the stack pointer and how many bytes are there.
    fn find(&self, is_it: impl Fn(Value) -> bool) -> Option<Whereabouts> {
        if let Some(number) = self.registers.iter().position(|value| is_it(*value)) {
            return u8::try_from(number).ok().map(Whereabouts::Register);
        }
        let Value::Stack(top) = self.get(Register::RSP) else { return None };
        let kept = self.slots.iter().filter(|(at, _)| **at >= top);
        let (at, (_, size)) = kept.into_iter().find(|(_, (value, _))| is_it(*value))?;
        Some(Whereabouts::Stack(at.checked_sub(top)?, *size))
    }

    /// The address that the memory operand has.
    fn address(&self, instruction: &Instruction) -> Value {
        let place = self.stack_place(instruction).map(Value::Stack);
        place.unwrap_or_else(|| sum(self.get(instruction.memory_base()), self.get(instruction.memory_index())))
    }

    /// [`State::find`] as a cookie says it, if there are so many bytes of it, and near enough in the stack.
    pub(super) fn slot(&self, least: u8, is_near: impl Fn(u16) -> bool, is_it: impl Fn(Value) -> bool) -> Option<Slot> {
        match self.find(is_it)? {
            Whereabouts::Register(number) => Some(Slot::Register(number)),
            Whereabouts::Stack(offset, size) => {
                let offset = u16::try_from(offset).ok().filter(|offset| is_near(*offset))?;
                (size >= least).then_some(Slot::Stack(offset))
            }
        }
    }

    fn moved(&self, instruction: &Instruction, target: Register) -> Value {
        let before = self.get(target);
        match (before, instruction.op1_kind()) {
            (Value::Stack(at), OpKind::Immediate8to64 | OpKind::Immediate32to64) => {
                let by = instruction.immediate(1).cast_signed();
                let is_down = instruction.mnemonic() == Mnemonic::Sub;
                let moved = if is_down { at.checked_sub(by) } else { at.checked_add(by) };
                moved.map_or(Value::Unknown, Value::Stack)
            }
            (_, OpKind::Register) if instruction.mnemonic() == Mnemonic::Add => sum(before, self.get(instruction.op1_register())),
            _ => before.moved(),
        }
    }

    fn top(&self) -> Option<Value> {
        let Value::Stack(at) = self.get(Register::RSP) else { return None };
        self.slots.get(&at).filter(|(_, size)| *size == 8).map(|(value, _)| *value)
    }

    /// The place in the frame that gets a value worth knowing.
    fn stored(&self, instruction: &Instruction) -> Option<(i64, Value, u8)> {
        let (at, source) = match instruction.mnemonic() {
            Mnemonic::Mov if instruction.op0_kind() == OpKind::Memory => (self.stack_place(instruction)?, instruction.op1_register()),
            Mnemonic::Push => {
                let Value::Stack(top) = self.get(Register::RSP) else { return None };
                (top.checked_sub(8)?, instruction.op0_register())
            }
            _ => return None,
        };
        match source.size() {
            8 if source.is_gpr() => Some((at, self.get(source), 8)),
            4 if source.is_gpr() => Some((at, self.get(source.full_register()), 4)),
            1 if is_lowest_byte(source) => Some((at, self.get(source.full_register()), 1)),
            _ => None,
        }
    }

    /// Where in the frame the memory operand is.
    fn stack_place(&self, instruction: &Instruction) -> Option<i64> {
        let Value::Stack(base) = self.get(instruction.memory_base()) else { return None };
        if instruction.memory_index() != Register::None || instruction.segment_prefix() != Register::None {
            return None;
        }
        base.checked_add(instruction.memory_displacement64().cast_signed())
    }

    fn forget_written(&mut self, instruction: &Instruction, factory: &mut InstructionInfoFactory) {
        let info = factory.info(instruction);
        for used in info.used_registers().iter().filter(|used| writes(used.access())) {
            let register = used.register().full_register();
            if register.is_gpr64() && register != Register::RSP {
                self.set(register, Value::Unknown);
            }
        }
        for memory in info.used_memory().iter().filter(|memory| writes(memory.access())) {
            self.forget_stored(memory, has_length(instruction));
        }
    }

    fn forget_stored(&mut self, memory: &UsedMemory, has_length: bool) {
        let Value::Stack(base) = self.get(memory.base()) else {
            if self.is_frame_known {
                self.slots.clear();
            }
            return;
        };
        let size = size_of(memory.memory_size());
        let at = base.wrapping_add(memory.displacement().cast_signed());
        if memory.index() != Register::None || size == 0 || !has_length {
            self.slots.clear();
        }
        self.slots.retain(|slot, (_, length)| slot.saturating_add((*length).into()) <= at || at.saturating_add(size) <= *slot);
    }

    /// The stack pointer after the instruction.
    fn move_stack(&mut self, instruction: &Instruction) {
        let moved = match self.get(Register::RSP) {
            Value::Stack(at) if instruction.is_stack_instruction() => {
                at.checked_add(instruction.stack_pointer_increment().into()).map_or(Value::Unknown, Value::Stack)
            }
            before if !names_stack_pointer(instruction) => before,
            _ => Value::Unknown,
        };
        self.set(Register::RSP, moved);
    }

    fn leave(&mut self) {
        let Value::Stack(frame) = self.get(Register::RBP) else { return self.set(Register::RSP, Value::Unknown) };
        let saved = self.slots.get(&frame).map_or(Value::Unknown, |(value, _)| *value);
        self.set(Register::RSP, Value::Stack(frame.wrapping_add(8)));
        self.set(Register::RBP, saved);
    }
}

/// A pointer and a distance, in either order.
fn sum(one: Value, other: Value) -> Value {
    if one.pointer().is_some() { one.moved() } else { other.moved() }
}

fn writes(access: OpAccess) -> bool {
    !matches!(access, OpAccess::None | OpAccess::Read | OpAccess::CondRead | OpAccess::NoMemAccess)
}

/// Whether an instruction writes as much as its operand says, and not that many times.
fn has_length(instruction: &Instruction) -> bool {
    !instruction.has_rep_prefix() && !instruction.has_repne_prefix()
}

/// Whether the instruction's first operand, which most write, is the stack pointer.
fn names_stack_pointer(instruction: &Instruction) -> bool {
    instruction.op0_kind() == OpKind::Register && instruction.op0_register().full_register() == Register::RSP
}

/// Whether it is the byte that a register of 64 bits has lowest.
fn is_lowest_byte(register: Register) -> bool {
    register.is_gpr8() && !matches!(register, Register::AH | Register::BH | Register::CH | Register::DH)
}

/// Whether it is how compilers write zero.
fn is_clearing(instruction: &Instruction) -> bool {
    let (target, source) = (instruction.op0_register(), instruction.op1_register());
    target == source && target != Register::None && target.size() >= 4
}

fn size_of(size: MemorySize) -> i64 {
    i64::try_from(size.size()).unwrap_or(0)
}

//! The tables of functions by which OpenSSL's connections read and write, one for each version of the protocol and role.

use iced_x86::{FlowControl, InstructionInfoFactory, Register};

use super::image::Image;
use super::instruction::{decode, is_near_jump};
use super::state::State;
use super::value::Value;

/// The functions that say where a table is: the exported ones, and others that a file may name.
const METHODS: [&str; 21] = [
    "TLS_method",
    "TLS_server_method",
    "TLS_client_method",
    "TLSv1_2_method",
    "TLSv1_2_server_method",
    "TLSv1_2_client_method",
    "TLSv1_1_method",
    "TLSv1_1_server_method",
    "TLSv1_1_client_method",
    "TLSv1_method",
    "TLSv1_server_method",
    "TLSv1_client_method",
    "DTLS_method",
    "DTLS_server_method",
    "DTLS_client_method",
    "tlsv1_3_method",
    "tlsv1_3_server_method",
    "tlsv1_3_client_method",
    "tlsv1_2_method",
    "tlsv1_2_server_method",
    "tlsv1_2_client_method",
];
/// Where those for any version are: a linker keeps what is used.
const GENERAL: usize = 3;
/// Such a function does nothing else.
const MOST_STEPS: usize = 8;

/// The function that all tables have at an offset, if it is one.
pub(super) fn function_at(image: &Image<'_>, offset: i64) -> Option<u64> {
    function_in(image, offset, |_| true)
}

/// The same of those for TLS over a stream: datagrams, which HTTP does not use, are read in another way.
pub(super) fn stream_function_at(image: &Image<'_>, offset: i64) -> Option<u64> {
    function_in(image, offset, |method| !method.starts_with("DTLS"))
}

fn function_in(image: &Image<'_>, offset: i64, is_asked: impl Fn(&str) -> bool) -> Option<u64> {
    let functions = image.functions(METHODS);
    if functions[..GENERAL].iter().all(Option::is_none) {
        return None;
    }
    let asked = functions.into_iter().zip(METHODS).filter(|(_, method)| is_asked(method));
    let tables = asked.filter_map(|(function, _)| function).map(|function| table(image, function.address));
    let mut pointers = tables.map(|table| image.pointer(table?.checked_add_signed(offset)?)).collect::<Option<Vec<_>>>()?;
    pointers.dedup();
    match pointers[..] {
        [only] => Some(only),
        _ => None,
    }
}

/// The address that a function returns whatever it was given.
fn table(image: &Image<'_>, mut address: u64) -> Option<u64> {
    let mut state = State::at_entry();
    let mut factory = InstructionInfoFactory::new();
    for _ in 0..MOST_STEPS {
        let step = decode(image.code(address)?, address)?;
        address = match step.instruction.flow_control() {
            FlowControl::Next => step.instruction.next_ip(),
            FlowControl::UnconditionalBranch if is_near_jump(&step.instruction) => step.instruction.near_branch_target(),
            FlowControl::Return => break,
            _ => return None,
        };
        state.step(&step.instruction, &mut factory);
    }
    match state.get(Register::RAX) {
        Value::Constant(table) => Some(table),
        _ => None,
    }
}

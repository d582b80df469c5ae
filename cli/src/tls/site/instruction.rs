//! Single instructions: which the kernel emulates under a breakpoint, and how they read.

use iced_x86::{Decoder, DecoderOptions, Formatter as _, GasFormatter, Instruction};

/// The longest instruction of the processor.
const LONGEST: usize = 15;

/// An instruction, where it is mapped, and its bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step<'a> {
    pub(super) instruction: Instruction,
    pub(super) bytes: &'a [u8],
}

impl Step<'_> {
    /// Whether the kernel emulates it (arch/x86/kernel/uprobes.c, `branch_setup_xol_ops` and `push_setup_xol_ops`): one trap, not two. What it
    /// emulates in some versions only, such as a `nop` with prefixes, is not counted.
    pub(super) fn is_emulated(&self) -> bool {
        match self.bytes {
            [0x50..=0x57 | 0x90] | [0x41, 0x50..=0x57] | [0xeb | 0x70..=0x7f, _] => true,
            [0xe8 | 0xe9, ..] => self.bytes.len() == 5,
            [0x0f, 0x80..=0x8f, ..] => self.bytes.len() == 6,
            _ => false,
        }
    }

    /// As an assembler of the GNU kind writes it: `push %r14`.
    pub(super) fn text(&self) -> String {
        let mut formatter = GasFormatter::new();
        formatter.options_mut().set_uppercase_hex(false);
        formatter.options_mut().set_branch_leading_zeros(false);
        let mut text = String::new();
        formatter.format(&self.instruction, &mut text);
        text
    }
}

/// The instruction at the beginning of the code, if it is one.
pub(super) fn decode(code: &[u8], address: u64) -> Option<Step<'_>> {
    let code = &code[..code.len().min(LONGEST)];
    let mut decoder = Decoder::with_ip(64, code, address, DecoderOptions::NONE);
    let instruction = decoder.decode();
    (!instruction.is_invalid()).then(|| Step { instruction, bytes: &code[..instruction.len()] })
}

/// Whether it is a jump to a fixed place, with a condition or without.
pub(super) fn is_near_jump(instruction: &Instruction) -> bool {
    instruction.is_jmp_short_or_near() || instruction.is_jcc_short_or_near()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_what_the_kernel_emulates() {
        let emulated: [&[u8]; 9] = [
            &[0x55],
            &[0x41, 0x56],
            &[0x90],
            &[0x74, 0x10],
            &[0xeb, 0x10],
            &[0x0f, 0x84, 1, 0, 0, 0],
            &[0xe8, 1, 0, 0, 0],
            &[0xe9, 1, 0, 0, 0],
            &[0x50],
        ];
        let stepped: [&[u8]; 10] = [
            &[0xf3, 0x0f, 0x1e, 0xfa],
            &[0x48, 0x83, 0xec, 0x18],
            &[0x66, 0x90],
            &[0xf3, 0x90],
            &[0x40, 0x55],
            &[0x66, 0x50],
            &[0xff, 0xd0],
            &[0x5d],
            &[0xc3],
            &[0xe3, 0x10],
        ];
        assert!(emulated.iter().all(|bytes| decode(bytes, 0x1000).is_some_and(|step| step.is_emulated())));
        assert!(stepped.iter().all(|bytes| decode(bytes, 0x1000).is_some_and(|step| !step.is_emulated())));
    }

    #[test]
    fn writes_instructions_as_the_gnu_tools_do() {
        let text = |bytes: &[u8]| decode(bytes, 0x1000).map(|step| step.text());
        assert_eq!(text(&[0x41, 0x56]).as_deref(), Some("push %r14"));
        assert_eq!(text(&[0x48, 0x83, 0xec, 0x18]).as_deref(), Some("sub $0x18,%rsp"));
        assert_eq!(text(&[0xe8, 0xfb, 0xff, 0xff, 0xff]).as_deref(), Some("call 0x1000"));
        assert_eq!(text(&[0x0f]), None);
    }
}

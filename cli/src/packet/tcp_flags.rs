//! TCP flags as text, and which of them a packet must have: `syn,!ack`.

use std::str::FromStr;
use std::sync::LazyLock;

use crate::probe::packets::TcpFlags;

/// Names of the flags, from the low bit on (RFC 9293 section 3.1).
const NAMES: [&str; 8] = ["fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr"];

/// Each combination of flags.
static TEXTS: LazyLock<[Box<str>; 256]> = LazyLock::new(|| {
    std::array::from_fn(|flags| {
        let set: Vec<_> = NAMES.iter().enumerate().filter(|(bit, _)| flags >> bit & 1 != 0).map(|(_, name)| *name).collect();
        set.join("|").into()
    })
});

/// The names of the flags that are set, from the low bit on: `syn|ack`; `None` when none is.
pub fn text(flags: u8) -> Option<&'static str> {
    (flags != 0).then(|| &*TEXTS[usize::from(flags)])
}

/// Why what was typed asks for no flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WrongFlags {
    /// No such flag.
    #[error("no such TCP flag; {FLAGS}")]
    Name,
    /// One flag is to be set and not set.
    #[error("no packet has a flag and does not have it; {FLAGS}")]
    Contradiction,
}

const FLAGS: &str = "write flags (fin, syn, rst, psh, ack, urg, ece, cwr), each with ! before it where it must not be set, as in syn,!ack";

impl TcpFlags {
    /// Whether these flags of a packet are as wanted.
    pub fn matches(self, flags: u8) -> bool {
        flags & self.set == self.set && flags & self.clear == 0
    }
}

impl FromStr for TcpFlags {
    type Err = WrongFlags;

    fn from_str(typed: &str) -> Result<Self, WrongFlags> {
        let mut flags = Self { set: 0, clear: 0 };
        for element in typed.split(',') {
            let element = element.trim();
            match element.strip_prefix('!') {
                Some(name) => flags.clear |= bit(name)?,
                None => flags.set |= bit(element)?,
            }
        }
        if flags.set & flags.clear == 0 { Ok(flags) } else { Err(WrongFlags::Contradiction) }
    }
}

fn bit(name: &str) -> Result<u8, WrongFlags> {
    NAMES.iter().position(|known| name.eq_ignore_ascii_case(known)).map(|bit| 1 << bit).ok_or(WrongFlags::Name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_written_from_the_low_bit_on() {
        assert_eq!(text(0), None);
        assert_eq!(text(0x02), Some("syn"));
        assert_eq!(text(0x12), Some("syn|ack"));
        assert_eq!(text(0x18), Some("psh|ack"));
        assert_eq!(text(0xff), Some("fin|syn|rst|psh|ack|urg|ece|cwr"));
    }

    #[test]
    fn flags_to_be_set_and_not_to_be_set_are_read() {
        for (typed, set, clear) in [("syn", 0x02, 0), ("syn,!ack", 0x02, 0x10), (" SYN , !Ack", 0x02, 0x10), ("!rst,!fin,cwr", 0x80, 0x05)]
        {
            assert_eq!(typed.parse(), Ok(TcpFlags { set, clear }), "{typed:?}");
        }
    }

    #[test]
    fn other_flags_are_refused_with_what_would_be_right() {
        for typed in ["", ",", "syn,", "syn|ack", "!", "!!ack", "! ack", "s", "0x02"] {
            assert_eq!(typed.parse::<TcpFlags>(), Err(WrongFlags::Name), "{typed:?}");
        }
        assert_eq!("syn,ack,!syn".parse::<TcpFlags>(), Err(WrongFlags::Contradiction));
        assert_eq!(
            WrongFlags::Name.to_string(),
            "no such TCP flag; write flags (fin, syn, rst, psh, ack, urg, ece, cwr), each with ! before it where it must not be set, as in syn,!ack"
        );
    }

    #[test]
    fn a_packet_matches_with_all_that_must_be_set_and_none_of_the_others() {
        let opening = TcpFlags { set: 0x02, clear: 0x10 };
        assert_eq!([0x02, 0xc2, 0x12, 0x10, 0].map(|flags| opening.matches(flags)), [true, true, false, false, false]);
    }
}

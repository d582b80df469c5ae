//! The Huffman code of strings (RFC 7541 section 5.2 and appendix B).
//!
//! It is a canonical one: codes of one length follow each other in the order of the symbols, and longer ones follow shorter
//! ones. So the lengths say it all.

use super::Error;

/// Bits of the code of each byte, and of EOS.
const LENGTHS: [u8; SYMBOLS] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, //
    28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28, //
    6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, //
    5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, //
    13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, //
    7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, //
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, //
    6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, //
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, //
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, //
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, //
    21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, //
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, //
    19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, //
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, //
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, //
    30,
];

const SYMBOLS: usize = 257;
const EOS: u16 = 256;
const SHORTEST: usize = 5;
const LONGEST: usize = 30;
/// Codes of no more bits are looked up: most of what is said is in them.
const SHORT: usize = 8;

static CODE: Code = Code::new();

/// The code, made for decoding. A code stands at the top of 32 bits.
struct Code {
    /// By the next `SHORT` bits: a byte, and the bits of its code; 0 where the code is longer.
    short: [(u8, u8); 1 << SHORT],
    /// By length: codes of that length and shorter ones are below.
    limits: [u64; LONGEST + 1],
    /// By length: what to add to a code, as a number, for its place in `symbols`; wraps.
    places: [u32; LONGEST + 1],
    /// In the order of their codes.
    symbols: [u16; SYMBOLS],
}

impl Code {
    const fn new() -> Self {
        let mut code = Self { short: [(0, 0); 1 << SHORT], limits: [0; LONGEST + 1], places: [0; LONGEST + 1], symbols: [0; SYMBOLS] };
        let (mut next, mut place, mut length) = (0_u32, 0, SHORTEST);
        while length <= LONGEST {
            code.places[length] = (place as u32).wrapping_sub(next);
            let mut symbol = 0;
            while symbol < SYMBOLS {
                if LENGTHS[symbol] as usize == length {
                    code.symbols[place] = symbol as u16;
                    if length <= SHORT {
                        code.look_up(next, length, symbol);
                    }
                    place += 1;
                    next += 1;
                }
                symbol += 1;
            }
            code.limits[length] = (next as u64) << (32 - length);
            next <<= 1;
            length += 1;
        }
        code
    }

    /// All that starts with the code is its symbol's.
    const fn look_up(&mut self, code: u32, length: usize, symbol: usize) {
        let count = 1 << (SHORT - length);
        let mut other = 0;
        while other < count {
            self.short[code as usize * count + other] = (symbol as u8, length as u8);
            other += 1;
        }
    }

    /// The symbol whose code, longer than `SHORT`, is at the top of `bits`, and how long that is.
    #[cold]
    fn long(&self, bits: u32) -> (u16, u32) {
        let mut lengths = self.limits.iter().zip(&self.places).zip(0_u32..).skip(SHORT + 1);
        let found = lengths.find(|((limit, _), _)| u64::from(bits) < **limit);
        // All ones are EOS, and the limit of that is above 32 bits.
        let Some(((_, place), length)) = found else { return (EOS, LONGEST as u32) };
        let symbol = (bits >> (32 - length)).wrapping_add(*place) as usize;
        (self.symbols.get(symbol).copied().unwrap_or(EOS), length)
    }
}

/// Appends what the code says to `text`: at most 8/5 of its length, which is what codes of five bits give.
pub(super) fn decode(coded: &[u8], text: &mut Vec<u8>) -> Result<(), Error> {
    text.reserve(coded.len() * 8 / SHORTEST);
    let mut bits = Bits { rest: coded, next: 0, have: 0 };
    loop {
        bits.fill();
        let (byte, length) = CODE.short.get((bits.next >> (64 - SHORT)) as usize).copied().unwrap_or_default();
        let length = u32::from(length);
        if length != 0 && length <= bits.have {
            text.push(byte);
            bits.skip(length);
            continue;
        }
        let (symbol, length) = CODE.long((bits.next >> 32) as u32);
        if length > bits.have || bits.have < 8 {
            return bits.padding();
        }
        text.push(u8::try_from(symbol).map_err(|_| Error::Huffman)?);
        bits.skip(length);
    }
}

/// The bits of bytes, the first one on top.
struct Bits<'c> {
    rest: &'c [u8],
    /// Those that come next, and zeros.
    next: u64,
    /// How many of them there are; at least as many as the longest code has, until the bytes end.
    have: u32,
}

impl Bits<'_> {
    fn fill(&mut self) {
        if self.have >= 32 {
            return;
        }
        if let Some((bytes, rest)) = self.rest.split_first_chunk::<4>() {
            self.next |= u64::from(u32::from_be_bytes(*bytes)) << (32 - self.have);
            self.have += 32;
            self.rest = rest;
            return;
        }
        while let Some((byte, rest)) = self.rest.split_first() {
            self.next |= u64::from(*byte) << (56 - self.have);
            self.have += 8;
            self.rest = rest;
        }
    }

    fn skip(&mut self, count: u32) {
        self.next <<= count;
        self.have -= count;
    }

    /// "Padding strictly longer than 7 bits MUST be treated as a decoding error. A padding not corresponding to the most
    /// significant bits of the code for the EOS symbol MUST be treated as a decoding error."
    fn padding(&self) -> Result<(), Error> {
        let ones = self.next.leading_ones();
        if self.have < 8 && ones == self.have { Ok(()) } else { Err(Error::Huffman) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(coded: &[u8]) -> Result<Vec<u8>, Error> {
        let mut text = Vec::new();
        decode(coded, &mut text).map(|()| text)
    }

    /// Codes bit by bit: symbols by length, padded with ones.
    fn encoded(symbols: &[usize]) -> Vec<u8> {
        let mut bits = String::new();
        for symbol in symbols {
            let place = CODE.symbols.iter().position(|other| usize::from(*other) == *symbol).expect("a symbol");
            let length = usize::from(LENGTHS[*symbol]);
            let code = (place as u32).wrapping_sub(CODE.places[length]);
            bits += &format!("{code:0length$b}");
        }
        bits += &"1".repeat(bits.len().next_multiple_of(8) - bits.len());
        bits.as_bytes().chunks(8).map(|byte| u8::from_str_radix(std::str::from_utf8(byte).expect("digits"), 2).expect("bits")).collect()
    }

    #[test]
    fn the_code_is_that_of_appendix_b() {
        for (symbol, code) in [
            (usize::from(b'0'), &[0b0000_0111][..]),
            (usize::from(b'a'), &[0b0001_1111]),
            (usize::from(b' '), &[0b0101_0011]),
            (usize::from(b'X'), &[0xfc]),
            (usize::from(b'!'), &[0xfe, 0b0011_1111]),
            (0, &[0xff, 0xc7]),
            (usize::from(b'\\'), &[0xff, 0xfe, 0b0001_1111]),
            (9, &[0xff, 0xff, 0xea]),
            (255, &[0xff, 0xff, 0xfb, 0b1011_1111]),
            (249, &[0xff, 0xff, 0xff, 0b1110_1111]),
            (22, &[0xff, 0xff, 0xff, 0b1111_1011]),
            (256, &[0xff, 0xff, 0xff, 0xff]),
        ] {
            assert_eq!(encoded(&[symbol]), code, "{symbol}");
        }
    }

    #[test]
    fn no_code_is_left_over() {
        assert_eq!(LENGTHS.iter().map(|length| 1_u64 << (LONGEST - usize::from(*length))).sum::<u64>(), 1 << LONGEST);
    }

    #[test]
    fn decodes_every_byte_next_to_every_other() {
        let bytes: Vec<u8> = (0..=255).flat_map(|first| (0..=255).flat_map(move |second| [first, second])).collect();
        let symbols: Vec<usize> = bytes.iter().map(|byte| usize::from(*byte)).collect();
        assert_eq!(decoded(&encoded(&symbols)), Ok(bytes));
        for byte in 0..=255 {
            assert_eq!(decoded(&encoded(&[usize::from(byte)])), Ok(vec![byte]));
            assert_eq!(decoded(&encoded(&[48, usize::from(byte)])), Ok(vec![48, byte]));
        }
    }

    #[test]
    fn padding_is_the_start_of_eos_and_shorter_than_a_byte() {
        assert_eq!(decoded(&[]), Ok(Vec::new()));
        assert_eq!(decoded(&[0b0000_0111]), Ok(b"0".to_vec()));
        // 'X' fills its byte.
        assert_eq!(decoded(&[0xfc]), Ok(b"X".to_vec()));
        for coded in [&[0b0000_0110][..], &[0b0000_0101], &[0b0001_1000], &[0b0000_0111, 0xff], &[0xfc, 0xff], &[0xff], &[0xff, 0xff]] {
            assert_eq!(decoded(coded), Err(Error::Huffman), "{coded:02x?}");
        }
    }

    #[test]
    fn eos_is_no_text() {
        for coded in [encoded(&[256]), encoded(&[97, 256]), encoded(&[256, 97]), encoded(&[97, 256, 97])] {
            assert_eq!(decoded(&coded), Err(Error::Huffman), "{coded:02x?}");
        }
        assert_eq!(decoded(&[0xff, 0xff, 0xff, 0xfe]), Err(Error::Huffman));
    }

    #[test]
    fn what_is_cut_is_no_code() {
        let coded = encoded(&[9, 9, 9]);
        assert_eq!(decoded(&coded[..coded.len() - 1]), Err(Error::Huffman));
    }
}

//! The bytes of a header block, and what numbers and strings stand in them (RFC 7541 section 5).

use super::{Error, huffman};

/// What is left of a header block.
pub(super) struct Reader<'b> {
    rest: &'b [u8],
}

impl<'b> Reader<'b> {
    pub(super) fn new(block: &'b [u8]) -> Self {
        Self { rest: block }
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*byte)
    }

    /// A number (section 5.1) that starts in the low `prefix` bits (at most 8) of `first`.
    pub(super) fn integer(&mut self, first: u8, prefix: u32) -> Result<u32, Error> {
        let most = u8::MAX >> (8 - prefix);
        let start = first & most;
        if start < most {
            return Ok(u32::from(start));
        }
        let mut value = u64::from(most);
        // 32 bits need no more of them.
        for shift in [0, 7, 14, 21, 28] {
            let byte = self.byte().ok_or(Error::Truncated)?;
            value += u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return u32::try_from(value).map_err(|_| Error::Integer);
            }
        }
        Err(Error::Integer)
    }

    /// A string (section 5.2). One in Huffman code is unpacked into `unpacked`, and is no longer than 8/5 of what is left.
    pub(super) fn string<'s>(&mut self, unpacked: &'s mut Vec<u8>) -> Result<&'s [u8], Error>
    where
        'b: 's,
    {
        let first = self.byte().ok_or(Error::Truncated)?;
        let len = self.integer(first, 7)? as usize;
        let (string, rest) = self.rest.split_at_checked(len).ok_or(Error::Truncated)?;
        self.rest = rest;
        if first & 0x80 == 0 {
            return Ok(string);
        }
        unpacked.clear();
        huffman::decode(string, unpacked)?;
        Ok(unpacked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The number, and how many bytes are left.
    fn integer(bytes: &[u8], prefix: u32) -> Result<(u32, usize), Error> {
        let mut reader = Reader::new(bytes);
        let first = reader.byte().expect("a byte");
        Ok((reader.integer(first, prefix)?, reader.rest.len()))
    }

    #[test]
    fn reads_the_numbers_of_appendix_c_1() {
        assert_eq!(integer(&[0b1110_1010, 7], 5), Ok((10, 1)));
        assert_eq!(integer(&[0b1111_1111, 0b1001_1010, 0b0000_1010, 7], 5), Ok((1337, 1)));
        assert_eq!(integer(&[0b0010_1010, 7], 8), Ok((42, 1)));
    }

    #[test]
    fn a_number_has_32_bits() {
        assert_eq!(integer(&[0xff, 0x00], 7), Ok((127, 0)));
        assert_eq!(integer(&[0xff, 0x80, 0x80, 0x80, 0x80, 0x00], 7), Ok((127, 0)));
        assert_eq!(integer(&[0xff, 0x80, 0xff, 0xff, 0xff, 0x0f], 7), Ok((u32::MAX, 0)));
        assert_eq!(integer(&[0xff, 0x81, 0xff, 0xff, 0xff, 0x0f], 7), Err(Error::Integer));
        assert_eq!(integer(&[0xff, 0xff, 0xff, 0xff, 0xff, 0x7f], 7), Err(Error::Integer));
        assert_eq!(integer(&[0xff, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00], 7), Err(Error::Integer));
        assert_eq!(integer(&[0xff, 0x80, 0x80], 7), Err(Error::Truncated));
        assert_eq!(integer(&[0xff], 7), Err(Error::Truncated));
    }

    #[test]
    fn a_string_is_raw_or_in_huffman_code() {
        let string = |bytes: &[u8]| Reader::new(bytes).string(&mut Vec::new()).map(<[u8]>::to_vec);
        assert_eq!(string(b"\x03abcd"), Ok(b"abc".to_vec()));
        assert_eq!(string(b"\x00"), Ok(Vec::new()));
        assert_eq!(string(b"\x80"), Ok(Vec::new()));
        assert_eq!(string(b"\x81\x1f"), Ok(b"a".to_vec()));
        assert_eq!(string(b"\x81\x1e"), Err(Error::Huffman));
        assert_eq!(string(b"\x82\x1f"), Err(Error::Truncated));
        assert_eq!(string(b"\x04abc"), Err(Error::Truncated));
        assert_eq!(string(b""), Err(Error::Truncated));
    }
}

//! Numbers in header blocks (RFC 7541 section 5.1).

/// Writes a number behind the bits of `first` that come before it, in so many `bits` of that byte and as many bytes more as it takes.
pub(crate) fn integer(first: u8, bits: u32, number: usize, block: &mut Vec<u8>) {
    let most = (1 << bits) - 1;
    if number < most {
        return block.push(first | number as u8);
    }
    block.push(first | most as u8);
    let mut rest = number - most;
    while rest >= 128 {
        block.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    block.push(rest as u8);
}

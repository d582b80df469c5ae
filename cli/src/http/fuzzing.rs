//! What fuzzing asks of private parts.

use super::raw;

/// Whether the lenient reader reads all that the strict one accepts, and reads it alike.
pub fn readers_agree(head: &[u8]) -> Result<(), String> {
    let Some(strict) = raw::strict(head) else { return Ok(()) };
    let Some(lenient) = raw::lenient(head) else { return Err(format!("strict: {strict:?}\nlenient: none")) };
    let is_same = (strict.line, strict.version, &strict.fields) == (lenient.line, lenient.version, &lenient.fields);
    if is_same { Ok(()) } else { Err(format!("strict: {strict:?}\nlenient: {lenient:?}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_readers_read_plain_heads_alike() {
        for head in [
            &b"GET /a?b HTTP/1.1\r\nHost: x\r\nA:  b c \r\nEmpty:\r\n\r\n"[..],
            b"\r\nGET / HTTP/1.0\nHost: x\n\n",
            b"HTTP/1.1 200\r\n\r\n",
            b"HTTP/1.1 404 Not Found\r\nServer: \xff\r\n\r\nbody",
            b"no head",
        ] {
            assert_eq!(readers_agree(head), Ok(()));
        }
    }
}

//! What fuzzing asks of private parts.

use super::http2::hpack;
use super::raw;

/// Whether the lenient reader reads all that the strict one accepts, and reads it alike.
pub fn readers_agree(head: &[u8]) -> Result<(), String> {
    let (mut strict_fields, mut lenient_fields) = (raw::Fields::new(), raw::Fields::new());
    let Some(strict) = raw::strict(head, &mut strict_fields) else { return Ok(()) };
    let strict = strict.with(&strict_fields);
    let Some(lenient) = raw::lenient(head, &mut lenient_fields) else { return Err(format!("strict: {strict:?}\nlenient: none")) };
    let lenient = lenient.with(&lenient_fields);
    let is_same = (strict.line, strict.version, strict.fields) == (lenient.line, lenient.version, lenient.fields);
    if is_same { Ok(()) } else { Err(format!("strict: {strict:?}\nlenient: {lenient:?}")) }
}

/// A decoder of header blocks (RFC 7541).
pub struct HeaderDecoder {
    decoder: hpack::Decoder,
    list: hpack::List,
}

/// Name and value; `None` is unknown.
pub type Field = (Option<Vec<u8>>, Option<Vec<u8>>);

/// The fields of a header block.
pub struct Fields {
    /// In their order.
    pub fields: Vec<Field>,
    /// There are more of them.
    pub is_truncated: bool,
}

impl HeaderDecoder {
    /// Of a connection that is seen from its start.
    pub fn opened() -> Self {
        Self { decoder: hpack::Decoder::opened(), list: hpack::List::default() }
    }

    /// Of one that is joined in the middle.
    pub fn joined() -> Self {
        Self { decoder: hpack::Decoder::joined(), list: hpack::List::default() }
    }

    /// A block was missed.
    pub fn forget(&mut self) {
        self.decoder.forget();
    }

    /// The receiver allows a table of so many bytes.
    pub fn allow(&mut self, bytes: u32) {
        self.decoder.allow(bytes);
    }

    /// The fields of a whole block.
    pub fn decode(&mut self, block: &[u8]) -> Result<Fields, String> {
        self.decoder.decode(block, &mut self.list).map_err(|error| error.to_string())?;
        let owned = |text: Option<&[u8]>| text.map(<[u8]>::to_vec);
        let fields: Vec<Field> = self.list.fields().map(|field| (owned(field.name), owned(field.value))).collect();
        let unknown = fields.iter().filter(|(name, value)| name.is_none() || value.is_none()).count();
        assert_eq!(unknown as u64, self.list.unknown());
        Ok(Fields { fields, is_truncated: self.list.is_truncated() })
    }

    /// Bytes that it keeps.
    pub fn size(&self) -> usize {
        self.decoder.size()
    }
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

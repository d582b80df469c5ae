//! The bytes of a capture file, unpacked if need be: looked at until a record is whole, then passed over.
//!
//! One buffer, that grows to the largest record looked at, and only as its bytes arrive, whatever a file says of itself.

use std::io::{self, Cursor, ErrorKind, Read};

use flate2::read::MultiGzDecoder;

use super::error::{Place, ReadError, Record};

/// Large enough that a record is rarely moved to the buffer's beginning.
const BUFFER_BYTES: usize = 256 << 10;
/// On damage the unpacker drops what it wrote in that call; so much at most is lost of what was whole.
const UNPACK_BYTES: usize = 4 << 10;
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// What anything readable gives, gzip or not.
pub(super) struct Input {
    reader: Box<dyn Read + Send>,
    unpacks: bool,
    buffer: Vec<u8>,
    /// Of the buffer, from what is not passed over to the end of what has arrived.
    start: usize,
    end: usize,
    ended: bool,
    /// Bytes before `start`, in the unpacked stream.
    offset: u64,
}

impl Input {
    /// Looks whether it is gzip, which the bytes say and no name.
    pub(super) fn open(reader: Box<dyn Read + Send>) -> Result<Self, ReadError> {
        let mut reader = Uninterrupted(reader);
        let mut magic = [0; 2];
        let mut read = 0;
        while read < magic.len() {
            match reader.read(&mut magic[read..]) {
                Ok(0) => break,
                Ok(more) => read += more,
                Err(source) => return Err(ReadError::Io { at: Place { byte: read as u64, unpacked: false }, source }),
            }
        }
        let whole = Cursor::new(magic).take(read as u64).chain(reader);
        let unpacks = magic == GZIP_MAGIC;
        Ok(Self {
            reader: if unpacks { Box::new(MultiGzDecoder::new(whole)) } else { Box::new(whole) },
            unpacks,
            buffer: vec![0; BUFFER_BYTES],
            start: 0,
            end: 0,
            ended: false,
            offset: 0,
        })
    }

    /// The next `wanted` bytes, fewer when the stream ends before; they are not passed over.
    pub(super) fn peek(&mut self, wanted: usize) -> Result<&[u8], ReadError> {
        if self.end - self.start < wanted {
            self.fill(wanted)?;
        }
        Ok(&self.buffer[self.start..self.end.min(self.start + wanted)])
    }

    /// The next `wanted` bytes. `None` when the stream has ended, an error when it ends within them: they are (the beginning of) `record`.
    pub(super) fn peek_whole(&mut self, wanted: usize, record: Record) -> Result<Option<&[u8]>, ReadError> {
        let begins = self.place();
        match self.peek(wanted)? {
            [] => Ok(None),
            bytes if bytes.len() < wanted => Err(ReadError::CutOff { record, begins }),
            bytes => Ok(Some(bytes)),
        }
    }

    /// Passes over bytes that were looked at.
    pub(super) fn pass(&mut self, count: usize) {
        self.start += count;
        self.offset += count as u64;
        debug_assert!(self.start <= self.end, "only what was looked at is passed over");
    }

    /// The last `count` bytes passed over; there until the next look.
    pub(super) fn passed(&self, count: usize) -> &[u8] {
        &self.buffer[self.start - count..self.start]
    }

    /// Where the next byte is.
    pub(super) fn place(&self) -> Place {
        Place { byte: self.offset, unpacked: self.unpacks }
    }

    #[cold]
    fn fill(&mut self, wanted: usize) -> Result<(), ReadError> {
        while self.end - self.start < wanted && !self.ended {
            self.make_room(wanted);
            let room = self.buffer.len() - self.end;
            let room = if self.unpacks { room.min(UNPACK_BYTES) } else { room };
            match self.reader.read(&mut self.buffer[self.end..self.end + room]) {
                Ok(0) => self.ended = true,
                Ok(read) => self.end += read,
                Err(source) => return Err(self.failed(source)),
            }
        }
        Ok(())
    }

    fn make_room(&mut self, wanted: usize) {
        if self.start > 0 && self.start + wanted > self.buffer.len() {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        if self.end == self.buffer.len() {
            self.buffer.resize(2 * self.buffer.len(), 0);
        }
    }

    fn failed(&self, source: io::Error) -> ReadError {
        let at = Place { byte: self.offset + (self.end - self.start) as u64, unpacked: self.unpacks };
        // The unpacker's errors are of these kinds; the system's, when it reads, are not.
        let unpacker = matches!(source.kind(), ErrorKind::InvalidInput | ErrorKind::InvalidData | ErrorKind::UnexpectedEof);
        if self.unpacks && unpacker { ReadError::Gzip { at, source } } else { ReadError::Io { at, source } }
    }
}

/// Reads again when a signal came in between. Below the unpacker, which takes that for an end.
struct Uninterrupted(Box<dyn Read + Send>);

impl Read for Uninterrupted {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.0.read(into) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{PcapFile, Trickle, gzip, read_all};
    use super::*;

    fn file() -> Vec<u8> {
        PcapFile::new(1).packet(1, 2, b"first", 5).packet(3, 4, b"second", 600).bytes()
    }

    fn at(byte: u64) -> Place {
        Place { byte, unpacked: true }
    }

    /// Bytes that do not compress, so that unpacking takes many calls.
    fn noise(count: usize) -> Vec<u8> {
        let mut state = 1_u32;
        std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .take(count)
        .collect()
    }

    #[test]
    fn gzip_of_one_and_of_two_members_is_unpacked() {
        let (expected, _) = read_all(Cursor::new(file()));
        assert_eq!(expected.len(), 2);
        for middle in [0, 1, 24, 30, file().len()] {
            let (one, two) = (gzip(&file()), [gzip(&file()[..middle]), gzip(&file()[middle..])].concat());
            for packed in [one, two] {
                let (given, error) = read_all(Cursor::new(packed.clone()));
                assert_eq!((given, error.is_none()), (expected.clone(), true));
                let (given, error) = read_all(Trickle::new(packed));
                assert_eq!((given, error.is_none()), (expected.clone(), true));
            }
        }
    }

    #[test]
    fn gzip_cut_anywhere_gives_what_is_whole_and_the_place_in_the_unpacked_stream() {
        let packed = gzip(&file());
        for cut in 2..packed.len() {
            let (given, error) = read_all(Cursor::new(packed[..cut].to_vec()));
            match error.expect("an error") {
                ReadError::Gzip { at, .. } => {
                    let whole = if at.byte < 45 { 0 } else { 1 + usize::from(at.byte == 67) };
                    assert_eq!((given.len(), at.unpacked), (whole, true), "{cut}");
                }
                other => panic!("{cut}: {other}"),
            }
        }
    }

    #[test]
    fn damaged_gzip_loses_little_before_the_damage() {
        let mut packed = gzip(&noise(300_000));
        let cut = packed.len() / 2;
        packed.truncate(cut);
        packed.extend([0xff; 64]);
        let mut input = Input::open(Box::new(Cursor::new(packed))).expect("gzip");
        let mut count = 0;
        let error = loop {
            match input.peek(1) {
                Ok(_) => count += 1,
                Err(error) => break error,
            }
            input.pass(1);
        };
        assert!(matches!(error, ReadError::Gzip { at, .. } if at.byte == count), "{error}");
        assert!(count as usize > cut - 2 * UNPACK_BYTES, "{count} of {cut}");
    }

    #[test]
    fn a_wrong_checksum_is_told_after_all_packets() {
        let mut packed = gzip(&file());
        let checksum = packed.len() - 8;
        packed[checksum] ^= 1;
        let (given, error) = read_all(Cursor::new(packed));
        assert_eq!(given.len(), 2);
        assert!(matches!(error, Some(ReadError::Gzip { at: place, .. }) if place == at(67)), "{error:?}");
    }

    #[test]
    fn places_in_gzip_are_said_to_be_of_the_unpacked_stream() {
        let (given, error) = read_all(Cursor::new(gzip(&file()[..60])));
        assert_eq!(given.len(), 1);
        assert_eq!(error.map(|error| error.to_string()).as_deref(), Some("cut off within a packet at byte 45 of the unpacked stream"));
    }

    #[test]
    fn the_systems_error_comes_after_the_packets_before_it() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("disk on fire"))
            }
        }
        let (given, error) = read_all(Cursor::new(file()[..50].to_vec()).chain(Broken));
        assert_eq!(given.len(), 1);
        assert_eq!(error.map(|error| error.to_string()).as_deref(), Some("I/O error at byte 50: disk on fire"));
    }

    #[test]
    fn the_buffer_grows_with_what_arrives_not_with_what_is_asked_for() {
        let mut input = Input::open(Box::new(Cursor::new(vec![7; 1000]))).expect("opens");
        assert_eq!(input.peek(16 << 20).map(<[u8]>::len).ok(), Some(1000));
        assert_eq!(input.buffer.len(), BUFFER_BYTES);
    }

    #[test]
    fn a_long_stream_passes_through_the_first_buffer() {
        let mut input = Input::open(Box::new(io::repeat(7).take(10 << 20))).expect("opens");
        while let [_, ..] = input.peek(1_499).expect("no error") {
            let step = input.peek(1_499).expect("no error").len();
            input.pass(step);
            assert!(input.passed(step).iter().all(|byte| *byte == 7));
        }
        assert_eq!((input.place().byte, input.buffer.len()), (10 << 20, BUFFER_BYTES));
    }
}

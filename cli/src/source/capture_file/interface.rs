//! What a pcapng file says of an interface: its packets' link type and clock, and how many it missed.

use super::byte_order::ByteOrder;

/// `if_tsresol` where none is given: microseconds.
const MICROSECONDS: u8 = 6;
/// Longer names are none: they would make a damaged file's descriptions large.
const MAX_NAME_BYTES: usize = 255;

mod option {
    pub(super) const IF_NAME: u16 = 2;
    pub(super) const IF_TSRESOL: u16 = 9;
    pub(super) const IF_TSOFFSET: u16 = 14;
    pub(super) const ISB_IFDROP: u16 = 5;
    pub(super) const ISB_OSDROP: u16 = 7;
}

/// An interface of a section.
pub(super) struct Interface {
    pub(super) link_type: u16,
    /// How many bytes are captured of a packet at most; 0 when there is no limit.
    pub(super) snap_bytes: u32,
    pub(super) name: Option<Box<str>>,
    /// Packets it missed, as its last statistics say.
    pub(super) dropped: Option<u64>,
    clock: Clock,
}

impl Interface {
    /// From the body of an interface description block, at least 8 bytes.
    pub(super) fn described(body: &[u8], order: ByteOrder) -> Self {
        let mut interface = Self {
            link_type: order.u16(body, 0),
            snap_bytes: order.u32(body, 4),
            name: None,
            dropped: None,
            clock: Clock::of(MICROSECONDS, 0),
        };
        let (mut resolution, mut offset_seconds) = (MICROSECONDS, 0);
        for (code, value) in options(&body[8..], order) {
            match code {
                option::IF_NAME if value.len() <= MAX_NAME_BYTES => {
                    let name = String::from_utf8_lossy(value);
                    interface.name = Some(name.trim_end_matches('\0').into());
                }
                option::IF_TSRESOL if !value.is_empty() => resolution = value[0],
                option::IF_TSOFFSET if value.len() == 8 => offset_seconds = order.u64(value, 0).cast_signed(),
                _ => {}
            }
        }
        interface.clock = Clock::of(resolution, offset_seconds);
        interface
    }

    /// Takes the drops from the options of an interface statistics block, which counts from the capture's beginning.
    pub(super) fn count_drops(&mut self, statistics: &[u8], order: ByteOrder) {
        let drops = options(statistics, order)
            .filter(|(code, value)| matches!(*code, option::ISB_IFDROP | option::ISB_OSDROP) && value.len() == 8)
            .map(|(_, value)| order.u64(value, 0));
        self.dropped = drops.reduce(u64::saturating_add).or(self.dropped);
    }

    /// Nanoseconds since 1970 of a packet's time stamp; the nearest there are when it is out of range.
    pub(super) fn time_ns(&self, ticks: u64) -> u64 {
        self.clock.time_ns(ticks)
    }
}

/// How an interface's time stamps count: `if_tsresol` and `if_tsoffset`.
struct Clock {
    tick: Tick,
    offset_ns: i128,
}

/// The length of a time stamp's unit.
enum Tick {
    /// So many nanoseconds.
    Nanoseconds(u64),
    /// One nanosecond by so much.
    PerNanosecond(u64),
    /// One second by two to this power.
    BinarySecond(u8),
    /// So short that no time stamp reaches a nanosecond.
    Nothing,
}

impl Clock {
    fn of(resolution: u8, offset_seconds: i64) -> Self {
        let exponent = resolution & 0x7f;
        let tick = if resolution & 0x80 != 0 {
            Tick::BinarySecond(exponent)
        } else if exponent <= 9 {
            Tick::Nanoseconds(10_u64.pow(u32::from(9 - exponent)))
        } else {
            10_u64.checked_pow(u32::from(exponent - 9)).map_or(Tick::Nothing, Tick::PerNanosecond)
        };
        Self { tick, offset_ns: i128::from(offset_seconds) * 1_000_000_000 }
    }

    /// No step overflows: 2^64 seconds and the offset are below 2^95 nanoseconds.
    fn time_ns(&self, ticks: u64) -> u64 {
        let since_offset = match self.tick {
            Tick::Nanoseconds(nanoseconds) => i128::from(ticks) * i128::from(nanoseconds),
            Tick::PerNanosecond(count) => i128::from(ticks / count),
            Tick::BinarySecond(exponent) => (i128::from(ticks) * 1_000_000_000) >> exponent,
            Tick::Nothing => 0,
        };
        u64::try_from((since_offset + self.offset_ns).max(0)).unwrap_or(u64::MAX)
    }
}

/// The options at the end of a block, as code and value; they end where they are not whole.
pub(super) fn options(bytes: &[u8], order: ByteOrder) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (head, after) = rest.split_at_checked(4)?;
        let (code, length) = (order.u16(head, 0), usize::from(order.u16(head, 2)));
        let value = after.get(..length)?;
        // A value is padded to a multiple of four bytes; the last one's padding may lack.
        rest = after.get(length.next_multiple_of(4)..).unwrap_or_default();
        // opt_endofopt
        (code != 0).then_some((code, value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_stamps_count_in_powers_of_ten_and_of_two() {
        assert_eq!(Clock::of(6, 0).time_ns(1_500_000), 1_500_000_000);
        assert_eq!(Clock::of(9, 0).time_ns(1_500_000), 1_500_000);
        assert_eq!(Clock::of(0, 0).time_ns(3), 3_000_000_000);
        assert_eq!(Clock::of(12, 0).time_ns(1_500_999), 1_500);
        assert_eq!(Clock::of(0x80 | 20, 0).time_ns(3 << 19), 1_500_000_000);
        assert_eq!(Clock::of(0x80, 0).time_ns(3), 3_000_000_000);
    }

    #[test]
    fn the_offset_counts_in_seconds_either_way() {
        assert_eq!(Clock::of(6, 2).time_ns(1), 2_000_001_000);
        assert_eq!(Clock::of(6, -1).time_ns(1_000_001), 1000);
    }

    #[test]
    fn times_out_of_range_become_the_nearest() {
        assert_eq!(Clock::of(0, i64::MAX).time_ns(u64::MAX), u64::MAX);
        assert_eq!(Clock::of(0, i64::MIN).time_ns(u64::MAX), u64::MAX);
        assert_eq!(Clock::of(6, i64::MIN).time_ns(u64::MAX), 0);
        for finest in [0x7f, 0xff] {
            assert_eq!(Clock::of(finest, 0).time_ns(u64::MAX), 0);
        }
        for resolution in 0..=u8::MAX {
            Clock::of(resolution, -5).time_ns(u64::MAX);
        }
    }

    #[test]
    fn options_end_where_they_are_not_whole() {
        let whole = [0, 2, 0, 1, b'x', 0, 0, 0, 0, 9, 0, 1, 3];
        let read = |bytes| options(bytes, ByteOrder::Big).map(|(code, value)| (code, value.to_vec())).collect::<Vec<_>>();
        assert_eq!(read(&whole), [(2, vec![b'x']), (9, vec![3])]);
        assert_eq!(read(&whole[..12]), [(2, vec![b'x'])]);
        assert_eq!(read(&[0, 0, 0, 0, 0, 2, 0, 0]), []);
    }
}

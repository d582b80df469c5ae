//! One line of `/proc/PID/stat`.

/// What `/proc/PID/stat` says, as far as it is asked for here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stat {
    /// The parent process, 0 for what has none.
    pub parent: u32,
    /// Whether it is a thread of the kernel, which maps nothing.
    pub is_kernel_thread: bool,
    /// When it started, in clock ticks since boot: with the pid it names a process for good.
    pub started_at_ticks: u64,
}

/// `PF_KTHREAD` of the kernel's `include/linux/sched.h`.
const KERNEL_THREAD: u64 = 0x0020_0000;

impl Stat {
    /// The name stands in parentheses and may hold spaces and parentheses itself: what follows the last one counts.
    pub fn parse(line: &[u8]) -> Option<Self> {
        let after_name = memchr::memrchr(b')', line)? + 1;
        let mut fields = str::from_utf8(&line[after_name..]).ok()?.split_ascii_whitespace();
        // proc_pid_stat(5) counts from 1: the state, which comes first here, is field 3.
        Some(Self {
            parent: fields.nth(1)?.parse().ok()?,
            is_kernel_thread: fields.nth(4)?.parse::<u64>().ok()? & KERNEL_THREAD != 0,
            started_at_ticks: fields.nth(12)?.parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REST: &str = "1 77 77 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4711 1000 2 18446744073709551615";

    #[test]
    fn reads_the_fields_after_any_name() {
        for name in ["nginx", "a b", "x) S 9 (", ")", "((", "", "a\nb"] {
            let line = format!("77 ({name}) S {REST}\n");
            let expected = Stat { parent: 1, is_kernel_thread: false, started_at_ticks: 4711 };
            assert_eq!(Stat::parse(line.as_bytes()), Some(expected), "{name:?}");
        }
    }

    #[test]
    fn knows_kernel_threads_by_their_flag() {
        let line = "12 (kworker/0:1) I 2 0 0 0 -1 69238880 0 0 0 0 0 0 0 0 20 0 1 0 5 0 0";
        assert_eq!(Stat::parse(line.as_bytes()), Some(Stat { parent: 2, is_kernel_thread: true, started_at_ticks: 5 }));
    }

    #[test]
    fn refuses_what_is_no_such_line() {
        for line in ["", "77", "77 (x", "77 (x)", "77 (x) S", "77 (x) S a b c d e f g", "77 (x) S 1 2 3"] {
            assert_eq!(Stat::parse(line.as_bytes()), None, "{line:?}");
        }
    }
}

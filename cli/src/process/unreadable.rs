//! Why something of a process could not be read.

use std::io;

use rustix::io::Errno;

/// Why something of a process could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum Unreadable {
    /// The process, or the file asked for, is not there (any more).
    #[error("it is not there")]
    Gone,
    /// It is there, and this process may not look into it.
    #[error("not permitted")]
    NotPermitted,
    /// It is there and does not read as this should.
    #[error("it does not read as expected")]
    Odd,
    /// The kernel refused with this error number.
    #[error("{}", io::Error::from_raw_os_error(*.0))]
    Failed(i32),
}

impl From<io::Error> for Unreadable {
    fn from(error: io::Error) -> Self {
        error.raw_os_error().map_or(Self::Odd, |number| Errno::from_raw_os_error(number).into())
    }
}

impl From<Errno> for Unreadable {
    fn from(error: Errno) -> Self {
        match error {
            Errno::NOENT | Errno::SRCH => Self::Gone,
            Errno::ACCESS | Errno::PERM => Self::NotPermitted,
            other => Self::Failed(other.raw_os_error()),
        }
    }
}

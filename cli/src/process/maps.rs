//! The files that a process executes from, as `/proc/PID/maps` lists them.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::ops::Range;
use std::os::unix::ffi::OsStrExt as _;

/// One mapping of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping<'a> {
    /// Where it is in the process.
    pub addresses: Range<u64>,
    /// The device, as `stat` encodes it; on overlay and btrfs not the one that `stat` says of the file.
    pub device: u64,
    /// The inode.
    pub inode: u64,
    /// As the kernel prints it.
    path: &'a [u8],
}

const DELETED: &[u8] = b" (deleted)";

impl<'a> Mapping<'a> {
    /// Of a path as the kernel tells it elsewhere, which is nearly as in maps.
    pub fn new(addresses: Range<u64>, device: u64, inode: u64, path: &'a [u8]) -> Self {
        Self { addresses, device, inode, path }
    }

    /// Whether the file has no name any more. A file may also be called so: compare inodes before believing it.
    pub fn is_deleted(&self) -> bool {
        self.path.ends_with(DELETED)
    }

    /// The path of the file, also of one that is deleted, as this process sees it where it can, else from the root of the mount namespace.
    pub fn path(&self) -> Cow<'a, OsStr> {
        unescaped(self.path.strip_suffix(DELETED).unwrap_or(self.path))
    }

    /// The path with what the kernel appends to that of a deleted file.
    pub fn shown(&self) -> Cow<'a, OsStr> {
        unescaped(self.path)
    }

    /// The last part of the path.
    pub fn name(&self) -> &'a [u8] {
        let path = self.path.strip_suffix(DELETED).unwrap_or(self.path);
        &path[memchr::memrchr(b'/', path).map_or(0, |slash| slash + 1)..]
    }

    /// Its name in `/proc/PID/map_files`.
    pub fn map_file(&self) -> String {
        format!("{:x}-{:x}", self.addresses.start, self.addresses.end)
    }

    fn parse(line: &'a [u8]) -> Option<Self> {
        let mut rest = line;
        let mut field = || {
            let (field, after) = rest.split_at(memchr::memchr(b' ', rest)?);
            rest = &after[1..];
            Some(field)
        };
        let addresses = field()?;
        if *field()?.get(2)? != b'x' {
            return None;
        }
        let _offset = field()?;
        let device = field()?;
        let inode = decimal(field()?)?;
        let path = rest.trim_ascii_start();
        if inode == 0 || !path.starts_with(b"/") {
            return None;
        }
        let (start, end) = addresses.split_at(memchr::memchr(b'-', addresses)?);
        let (major, minor) = device.split_at(memchr::memchr(b':', device)?);
        let device = rustix::fs::makedev(hex(major)?.try_into().ok()?, hex(&minor[1..])?.try_into().ok()?);
        Some(Self { addresses: hex(start)?..hex(&end[1..])?, device, inode, path })
    }
}

/// The mappings of files with code in the text of `maps`. Lines that do not read as one are passed over.
pub fn executable_files(maps: &[u8]) -> impl Iterator<Item = Mapping<'_>> {
    maps.split(|&byte| byte == b'\n').filter_map(Mapping::parse)
}

/// The kernel escapes the line end and nothing else, not even the backslash.
fn unescaped(path: &[u8]) -> Cow<'_, OsStr> {
    const LINE_END: &[u8] = b"\\012";
    if memchr::memmem::find(path, LINE_END).is_none() {
        return Cow::Borrowed(OsStr::from_bytes(path));
    }
    let mut unescaped = Vec::with_capacity(path.len());
    let mut copied = 0;
    for at in memchr::memmem::find_iter(path, LINE_END) {
        unescaped.extend_from_slice(&path[copied..at]);
        unescaped.push(b'\n');
        copied = at + LINE_END.len();
    }
    unescaped.extend_from_slice(&path[copied..]);
    Cow::Owned(std::os::unix::ffi::OsStringExt::from_vec(unescaped))
}

fn hex(digits: &[u8]) -> Option<u64> {
    u64::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()
}

fn decimal(digits: &[u8]) -> Option<u64> {
    str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAPS: &str = "\
55d0a0000000-55d0a0010000 r--p 00000000 fe:01 1234                       /usr/sbin/nginx
55d0a0010000-55d0a00f0000 r-xp 00010000 fe:01 1234                       /usr/sbin/nginx
55d0a1000000-55d0a1021000 rw-p 00000000 00:00 0                          [heap]
7f0000000000-7f0000040000 r-xp 0001c000 103:1f 98765                     /opt/a b/lib ssl\\012.so.3 (deleted)
7f0000100000-7f0000101000 rwxp 00000000 00:00 0 
7f0000200000-7f0000201000 r-xs 00000000 00:01 7                          /memfd:jit (deleted)
7ffd00000000-7ffd00002000 r-xp 00000000 00:00 0                          [vdso]
ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]
";

    #[test]
    fn only_files_with_code_are_listed() {
        let names: Vec<_> = executable_files(MAPS.as_bytes()).map(|mapping| mapping.shown().into_owned()).collect();
        assert_eq!(names, ["/usr/sbin/nginx", "/opt/a b/lib ssl\n.so.3 (deleted)", "/memfd:jit (deleted)"]);
    }

    #[test]
    fn a_line_tells_where_and_which_file() {
        let mapping = executable_files(MAPS.as_bytes()).nth(1).expect("there are two");
        assert_eq!(mapping.addresses, 0x7f00_0000_0000..0x7f00_0004_0000);
        assert_eq!((rustix::fs::major(mapping.device), rustix::fs::minor(mapping.device)), (0x103, 0x1f));
        assert_eq!(mapping.inode, 98765);
        assert!(mapping.is_deleted());
        assert_eq!(mapping.path(), OsStr::new("/opt/a b/lib ssl\n.so.3"));
        assert_eq!(mapping.name(), b"lib ssl\\012.so.3");
        assert_eq!(mapping.map_file(), "7f0000000000-7f0000040000");
    }

    #[test]
    fn what_does_not_read_as_a_line_is_passed_over() {
        for line in [
            "",
            "\n\n",
            "x",
            "1-2 r-xp",
            "1-2 r-xp 0 1:1 5 relative",
            "1-2 r-xp 0 1:1 x /a",
            "1-2 r-xp 0 11 5 /a",
            "12 r-xp 0 1:1 5 /a",
            "g-2 r-xp 0 1:1 5 /a",
            "1-2 r- 0 1:1 5 /a",
            "1-2 r-xp 0 1ffffffff:1 5 /a",
        ] {
            assert_eq!(executable_files(line.as_bytes()).count(), 0, "{line:?}");
        }
    }
}

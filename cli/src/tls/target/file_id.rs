//! Which file is the same as which.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;

/// Names a file, whatever path and mount namespace it was opened through.
///
/// That is its device and inode, except on overlay file systems: there each container sees a layer that it shares with others
/// under a device of its own, while a probe goes to the layer's one file. Opened twice, it would be probed twice and each call
/// be seen twice. So there the inode together with size and times stands for the file: they come from the layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId {
    device: Option<u64>,
    inode: u64,
    layer: Option<Layer>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Layer {
    bytes: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// `OVERLAYFS_SUPER_MAGIC` of the kernel's `include/uapi/linux/magic.h`.
const OVERLAY: i128 = 0x794c_7630;

impl FileId {
    /// Of an open file, with what `stat` says of it.
    pub fn of(file: &File) -> io::Result<(Self, Metadata)> {
        let metadata = file.metadata()?;
        let is_layered = rustix::fs::fstatfs(file).is_ok_and(|system| i128::from(system.f_type) == OVERLAY);
        Ok((if is_layered { Self::layered(&metadata) } else { Self::plain(&metadata) }, metadata))
    }

    fn plain(metadata: &Metadata) -> Self {
        Self { device: Some(metadata.dev()), inode: metadata.ino(), layer: None }
    }

    fn layered(metadata: &Metadata) -> Self {
        let layer = Layer {
            bytes: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        };
        Self { device: None, inode: metadata.ino(), layer: Some(layer) }
    }
}

//! Where the bytes go: standard output, or the file of `--output`.
//!
//! A file is opened before a probe is attached, so that a path that cannot be written stops the run before it starts,
//! and holds a whole result or what it held before. Privileges may be gone when it is completed: whatever needs them
//! is done at open. Nothing here prints.

mod staged;
mod unprivileged;

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::Arc;

use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;

use staged::Staged;

/// An open place for output. Unless [`Output::commit`] is called, a file stays as it was.
///
/// Every error names the place and keeps its [`ErrorKind`]; [`ErrorKind::BrokenPipe`] says that the reader went away.
pub struct Output {
    name: Arc<str>,
    place: Place,
}

enum Place {
    /// Written as it comes: standard output, a device, a pipe.
    Direct(Arc<File>),
    /// Written elsewhere first: a regular file.
    Staged(Staged),
}

impl Output {
    /// Standard output.
    pub fn stdout() -> io::Result<Self> {
        Self::duplicate(io::stdout(), "standard output")
    }

    /// A file, opened now.
    ///
    /// A new file has mode 0600; one that is there keeps its mode and owner. A symbolic link is followed. What is
    /// neither absent nor a regular file is written in place; `/dev/stdout` and `-` are standard output.
    pub fn file(path: &Path) -> io::Result<Self> {
        if path == Path::new("-") || path == Path::new("/dev/stdout") {
            return Self::stdout();
        }
        let name = path.display().to_string();
        let opened = match fs::symlink_metadata(path) {
            Ok(_) => Self::present(path, &name),
            Err(error) if error.kind() == ErrorKind::NotFound => absent(path).map(Place::Staged).map(|place| Self::new(&name, place)),
            Err(error) => Err(error),
        };
        opened.map_err(|error| named(&name, &error))
    }

    /// What to give to a renderer. Its errors name the place.
    pub fn writer(&self) -> Box<dyn Write + Send> {
        let file = match &self.place {
            Place::Direct(file) => Arc::clone(file),
            Place::Staged(staged) => staged.file(),
        };
        Box::new(Writer { name: Arc::clone(&self.name), file })
    }

    /// Completes the output once the renderer has finished: a file appears under its path as a whole.
    ///
    /// An error here means that what was written did not get to its place; on disks that is known only now.
    pub fn commit(self) -> io::Result<()> {
        let committed = match self.place {
            Place::Direct(file) => sync(&file),
            Place::Staged(staged) => staged.commit(),
        };
        committed.map_err(|error| named(&self.name, &error))
    }

    fn new(name: &str, place: Place) -> Self {
        Self { name: name.into(), place }
    }

    fn duplicate(stream: impl AsFd, name: &str) -> io::Result<Self> {
        let file = stream.as_fd().try_clone_to_owned().map_err(|error| named(name, &error))?;
        Ok(Self::new(name, Place::Direct(Arc::new(file.into()))))
    }

    /// Opens what a path leads to. The kernel follows links, so that its protection against links and files that
    /// others planted in a shared directory holds (`fs.protected_symlinks`, `fs.protected_regular` with `O_CREAT`).
    fn present(path: &Path, name: &str) -> io::Result<Self> {
        let is_dangling = fs::metadata(path).is_err_and(|error| error.kind() == ErrorKind::NotFound);
        let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).custom_flags(libc::O_NOCTTY).open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Ok(Self::new(name, Place::Direct(Arc::new(file))));
        }
        // A second open file of what a stream already writes to would overwrite it from the start.
        if is_same(&metadata, io::stdout())? {
            return Self::duplicate(io::stdout(), name);
        }
        if is_same(&metadata, io::stderr())? {
            return Self::duplicate(io::stderr(), name);
        }
        let target = fs::canonicalize(path)?;
        if is_dangling {
            fs::remove_file(&target)?;
            return Ok(Self::new(name, Place::Staged(absent(&target)?)));
        }
        Ok(Self::new(name, Place::Staged(Staged::over(file, &metadata, &target)?)))
    }
}

fn absent(path: &Path) -> io::Result<Staged> {
    if path.as_os_str().as_bytes().ends_with(b"/") {
        return Err(Errno::ISDIR.into());
    }
    Staged::new(path)
}

fn is_same(metadata: &fs::Metadata, stream: impl AsFd) -> io::Result<bool> {
    let stream = File::from(stream.as_fd().try_clone_to_owned()?).metadata()?;
    Ok((stream.dev(), stream.ino()) == (metadata.dev(), metadata.ino()))
}

/// Waits until the bytes of a regular file are on its disk, which is where delayed errors of writes come out.
fn sync(file: &File) -> io::Result<()> {
    if file.metadata()?.is_file() { file.sync_data() } else { Ok(()) }
}

/// Writes to the place and names it in errors.
struct Writer {
    name: Arc<str>,
    file: Arc<File>,
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match (&*self.file).write(bytes) {
                // Somebody who shares the pipe or the terminal has made it non-blocking.
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    wait_until_writable(&self.file);
                }
                result => return result.map_err(|error| named(&self.name, &error)),
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// An error of the wait itself is left to the next write.
fn wait_until_writable(file: &File) {
    let _ = rustix::event::poll(&mut [PollFd::new(file, PollFlags::OUT)], None);
}

fn named(name: &str, error: &io::Error) -> io::Error {
    let text = error.to_string();
    let reason = text.split(" (os error").next().unwrap_or(&text);
    io::Error::new(error.kind(), format!("cannot write to {name}: {reason}"))
}

#[cfg(test)]
mod tests;

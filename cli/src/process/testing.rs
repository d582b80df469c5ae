//! A folder laid out as /proc, for tests.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::Proc;

pub(crate) struct MadeProc(TempDir);

impl MadeProc {
    pub(crate) fn new() -> Self {
        Self(TempDir::new().expect("a folder"))
    }

    pub(crate) fn proc(&self) -> Proc {
        Proc::at(self.0.path())
    }

    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(&path).expect("the folder is ours");
        path
    }

    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("the folder is ours")).expect("it can be read");
        fs::write(path, content).expect("the folder is ours");
    }

    pub(crate) fn link(&self, name: &str, target: impl AsRef<Path>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("the folder is ours")).expect("it can be read");
        std::os::unix::fs::symlink(target, path).expect("the folder is ours");
    }
}

//! Looks into each mapped file once.

use std::collections::HashMap;
use std::fs::File;
use std::fs::Metadata;

use super::{Carries, FileId, open};
use crate::process::{Mapping, Proc, Unreadable};

/// The files looked into so far, by the device and inode that maps show.
pub(in crate::tls) struct Files<'a> {
    proc: &'a Proc,
    carries: Carries<'a>,
    known: HashMap<(u64, u64), Looked>,
}

/// What was seen of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::tls) struct Looked {
    /// Which file it is.
    pub(in crate::tls) id: FileId,
    /// Whether the functions of a TLS library are inside.
    pub(in crate::tls) carries_tls: bool,
}

/// A file seen for the first time.
pub(in crate::tls) struct First {
    pub(in crate::tls) file: File,
    pub(in crate::tls) metadata: Metadata,
}

impl<'a> Files<'a> {
    pub(in crate::tls) fn new(proc: &'a Proc, carries: Carries<'a>) -> Self {
        Self { proc, carries, known: HashMap::new() }
    }

    /// Which file is behind a mapping, if it was looked at.
    pub(in crate::tls) fn known(&self, mapping: &Mapping<'_>) -> Option<FileId> {
        self.known.get(&(mapping.device, mapping.inode)).map(|looked| looked.id)
    }

    /// Looks at the file behind a mapping; hands it out when it had not been looked at before. What cannot be opened is tried again
    /// at the next process that maps it.
    pub(in crate::tls) fn look(&mut self, pid: u32, mapping: &Mapping<'_>) -> Result<(Looked, Option<First>), Unreadable> {
        let key = (mapping.device, mapping.inode);
        if let Some(looked) = self.known.get(&key) {
            return Ok((*looked, None));
        }
        let file = open(self.proc, pid, mapping)?;
        let (id, metadata) = FileId::of(&file)?;
        let looked = Looked { id, carries_tls: (self.carries)(&file) };
        self.known.insert(key, looked);
        Ok((looked, Some(First { file, metadata })))
    }
}

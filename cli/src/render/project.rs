//! Passes on some of the cells of each row, as `--columns` asks.

use std::io;

use smallvec::SmallVec;

use super::{Cell, Counts, Renderer, Run, Summary};

/// Picks cells for another renderer.
pub(super) struct Project {
    inner: Box<dyn Renderer>,
    columns: Vec<usize>,
}

impl Project {
    pub(super) fn new(inner: Box<dyn Renderer>, columns: Vec<usize>) -> Self {
        Self { inner, columns }
    }
}

impl Renderer for Project {
    fn start(&mut self, run: &Run) -> io::Result<()> {
        self.inner.start(run)
    }

    fn row(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        let picked: SmallVec<[Cell<'_>; 64]> = self.columns.iter().map(|&column| cells[column]).collect();
        self.inner.row(&picked)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }

    fn finish(&mut self, summary: &Summary) -> io::Result<()> {
        self.inner.finish(summary)
    }

    fn counts(&self) -> Counts {
        self.inner.counts()
    }
}

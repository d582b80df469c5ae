//! Holds rows back until the end: to sort them, to keep the first of them, or for a format that needs them all.

use std::io;

use super::{Cell, Counts, Options, Renderer, Rows, Run, Schema, Summary};

/// Collects rows for another renderer, within a limit on their number and on their bytes.
pub(super) struct Collect {
    inner: Box<dyn Renderer>,
    /// The cells to keep of each row: those to print, then the one to sort by.
    columns: Vec<usize>,
    printed: usize,
    sort: bool,
    top: Option<usize>,
    max_rows: usize,
    max_bytes: usize,
    rows: Rows,
    beyond_max: u64,
}

/// How many rows more than asked for are kept at least between two sorts, so that each row is sorted a few times only.
const SLACK: usize = 1024;

impl Collect {
    pub(super) fn new(inner: Box<dyn Renderer>, schema: &Schema, options: &Options) -> Self {
        let mut columns = options.columns.clone().unwrap_or_else(|| (0..schema.columns.len()).collect());
        let printed = columns.len();
        columns.extend(options.sort);
        Self {
            inner,
            columns,
            printed,
            sort: options.sort.is_some(),
            top: options.top,
            max_rows: options.max_rows,
            max_bytes: options.max_bytes,
            rows: Rows::default(),
            beyond_max: 0,
        }
    }

    /// Sorts, and forgets what is not among the first.
    fn settle(&mut self) {
        if self.sort {
            self.rows.sort(self.printed);
        }
        if let Some(top) = self.top {
            self.rows.truncate(top);
        }
    }

    /// Makes room for another row by settling early, if that can make any.
    fn make_room(&mut self) -> bool {
        let Some(top) = self.top.filter(|&top| self.sort && top <= self.max_rows / 2 && self.rows.len() > top) else {
            return false;
        };
        self.settle();
        self.rows.compact();
        self.rows.len() <= top
    }

    fn is_over(&self) -> bool {
        self.rows.len() > self.max_rows || self.rows.byte_len() > self.max_bytes
    }

    /// More than this many rows are settled early.
    fn settle_at(&self) -> usize {
        self.top.map_or(usize::MAX, |top| top.saturating_mul(2).max(top.saturating_add(SLACK)))
    }
}

impl Renderer for Collect {
    fn start(&mut self, run: &Run) -> io::Result<()> {
        self.inner.start(run)
    }

    fn row(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        if !self.sort && self.top.is_some_and(|top| self.rows.len() >= top) {
            return Ok(());
        }
        self.rows.push(self.columns.iter().map(|&column| cells[column]));
        if self.rows.len() > self.settle_at() || self.is_over() {
            self.make_room();
        }
        if self.is_over() {
            self.rows.pop();
            self.beyond_max += 1;
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn finish(&mut self, summary: &Summary) -> io::Result<()> {
        self.settle();
        let mut summary = summary.clone();
        summary.accounting.rows_beyond_max = self.beyond_max;
        self.inner.collected(&summary, &self.rows)?;
        for place in 0..self.rows.len() {
            self.rows.with(place, |cells| self.inner.row(&cells[..self.printed]))?;
        }
        self.inner.finish(&summary)
    }

    fn counts(&self) -> Counts {
        let kept = self.rows.len();
        let rows = self.top.map_or(kept, |top| kept.min(top)) as u64;
        Counts { rows, beyond_max: self.beyond_max, failed: 0 }
    }
}

#[cfg(test)]
mod tests {
    use crate::render::testing::{Printed, print, row, run, schema, summary};
    use crate::render::{Counts, Format, Options};

    const PATH: usize = 2;
    const STATUS: usize = 3;
    const RESPONSE_TIME: usize = 4;
    const FLAGS: usize = 5;

    fn sorted(sort: Option<usize>, top: Option<usize>) -> String {
        let options = Options { sort, top, heading: false, columns: Some(vec![PATH, STATUS]), ..Options::default() };
        let rows = [row(b"/b", 200, 5_000), row(b"/a", 0, 0), row(b"/c", 503, 7_000), row(b"/d", 200, 6_000), row(b"/a", 404, 9_000)];
        print(Format::Csv, &schema(), &options, &rows).replace('\n', " ")
    }

    #[test]
    fn numbers_go_down_and_absent_ones_come_last() {
        assert_eq!(sorted(Some(RESPONSE_TIME), None), "/a,404 /c,503 /d,200 /b,200 /a, ");
    }

    #[test]
    fn equal_rows_stay_as_they_came() {
        assert_eq!(sorted(Some(STATUS), None), "/c,503 /a,404 /b,200 /d,200 /a, ");
    }

    #[test]
    fn text_goes_up() {
        assert_eq!(sorted(Some(PATH), None), "/a, /a,404 /b,200 /c,503 /d,200 ");
        assert_eq!(sorted(Some(FLAGS), None), "/a, /b,200 /c,503 /d,200 /a,404 ");
    }

    #[test]
    fn the_top_is_taken_from_the_order_or_else_from_the_start() {
        assert_eq!(sorted(Some(RESPONSE_TIME), Some(2)), "/a,404 /c,503 ");
        assert_eq!(sorted(None, Some(2)), "/b,200 /a, ");
        assert_eq!(sorted(None, Some(0)), "");
    }

    /// Response times 1 to `count` microseconds in no order.
    fn many(options: &Options, count: u64) -> (String, Counts) {
        let printed = Printed::default();
        let mut renderer = printed.renderer(Format::Csv, options);
        renderer.start(&run()).expect("start");
        for number in 0..count {
            let us = number * 7919 % count + 1;
            renderer.row(&row(b"/", 200, us * 1000)).expect("row");
        }
        let before = renderer.counts();
        renderer.finish(&summary()).expect("finish");
        assert_eq!(renderer.counts(), before, "what is known before the end holds at the end");
        (printed.text().replace('\n', " "), before)
    }

    fn slowest(top: Option<usize>, max_rows: usize, max_bytes: usize) -> Options {
        let columns = Some(vec![RESPONSE_TIME]);
        Options { sort: Some(RESPONSE_TIME), columns, heading: false, top, max_rows, max_bytes, ..Options::default() }
    }

    #[test]
    fn a_sorted_top_is_right_for_more_rows_than_are_kept() {
        let (text, counts) = many(&slowest(Some(3), 100, 1 << 20), 50_000);
        assert_eq!(text, "50.000 49.999 49.998 ");
        assert_eq!(counts, Counts { rows: 3, beyond_max: 0, failed: 0 });
    }

    #[test]
    fn rows_beyond_the_limit_are_counted() {
        let (text, counts) = many(&slowest(None, 3, 1 << 20), 100);
        assert_eq!(text, "0.039 0.020 0.001 ");
        assert_eq!(counts, Counts { rows: 3, beyond_max: 97, failed: 0 });
    }

    #[test]
    fn bytes_are_limited_as_well_as_rows() {
        let (text, counts) = many(&slowest(None, 100, 100), 100);
        assert_eq!(text.split_whitespace().count() as u64, counts.rows);
        assert_eq!(counts, Counts { rows: 4, beyond_max: 96, failed: 0 });
    }
}

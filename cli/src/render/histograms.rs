//! Histograms for people, drawn as bpftrace prints them, and tables of what goes along with a load: a block for each of them, in groups.

use std::io::{self, BufWriter, Write};

use super::text::{Clock, push_cell};
use super::{BUFFER_BYTES, Cell, Counts, Options, Renderer, Run, Summary, Unit, eye, table};

/// Where such a report has what is drawn: after the columns of a group's key come those of `CELLS`.
#[derive(Clone, Copy, Debug)]
pub struct Histograms {
    /// Columns of the key.
    pub key: usize,
    /// Terminal columns that a line may take.
    pub width: u16,
}

/// The columns that are drawn: name of the histogram, from, to, count, share, median, 90 and 99 % quantile, longest, and the load above
/// which it bends. There may be others after them. A histogram that is called [`ALL`] is the head of a group, one of times
/// ([`TIMES`]) is drawn, others are tables.
const CELLS: usize = 10;
/// All of a group.
pub const ALL: &str = "all";
/// Counts of response times in milliseconds.
pub const TIMES: &str = "response_time_ms";

/// Writes rows as blocks.
pub(super) struct Blocks {
    layout: Histograms,
    heading: bool,
    color: bool,
    out: BufWriter<Box<dyn Write>>,
    /// What the rows of the block are of.
    name: String,
    block: Vec<Line>,
    rows: u64,
}

/// A row of a block.
#[derive(Debug)]
struct Line {
    range: String,
    count: u64,
    /// Medians and the like, as they are shown.
    times: [String; 3],
    bends: Option<String>,
}

/// As wide as bpftrace draws it.
const BAR: usize = 52;
const MIN_BAR: usize = 10;
/// What comes before the bar: the range, the count, and spaces.
const RANGE: usize = 18;
const COUNT: usize = 9;
const TIME: usize = 9;
const BOLD: &str = "\x1b[1m";
const PLAIN: &str = "\x1b[0m";

impl Blocks {
    pub(super) fn new(layout: Histograms, options: &Options, out: Box<dyn Write>) -> Self {
        let out = BufWriter::with_capacity(BUFFER_BYTES, out);
        let Options { heading, color, .. } = *options;
        Self { layout, heading, color, out, name: String::new(), block: Vec::new(), rows: 0 }
    }

    /// What a group is called, and all of it in a line.
    fn write_group(&mut self, key: &[Cell<'_>], cells: &[Cell<'_>; CELLS]) -> io::Result<()> {
        let [_, _, _, count, _, p50, p90, p99, longest, _] = *cells;
        if self.rows > 0 {
            self.out.write_all(b"\n")?;
        }
        if !key.is_empty() && self.heading {
            let names: Vec<String> = key.iter().map(|cell| shown(*cell, Unit::None)).collect();
            self.write_heading(&names.join(" "))?;
        }
        let times = [("p50", p50), ("p90", p90), ("p99", p99), ("max", longest)];
        let times: Vec<String> = times.iter().map(|(name, cell)| format!("{name} {}", shown(*cell, Unit::Millis))).collect();
        writeln!(self.out, "{} requests, response time {}", shown(count, Unit::None), times.join(", "))
    }

    fn write_heading(&mut self, text: &str) -> io::Result<()> {
        if self.color { writeln!(self.out, "{BOLD}{text}{PLAIN}") } else { writeln!(self.out, "{text}") }
    }

    fn write_block(&mut self) -> io::Result<()> {
        let lines = std::mem::take(&mut self.block);
        if lines.is_empty() {
            return Ok(());
        }
        self.out.write_all(b"\n")?;
        if self.name == TIMES { self.write_bars(&lines) } else { self.write_times(&lines) }
    }

    fn write_bars(&mut self, lines: &[Line]) -> io::Result<()> {
        if self.heading {
            self.write_heading("response time")?;
        }
        let room = usize::from(self.layout.width).saturating_sub(RANGE + COUNT + 3);
        let width = room.clamp(MIN_BAR, BAR);
        let most = lines.iter().map(|line| line.count).max().unwrap_or(0).max(1);
        for Line { range, count, .. } in lines {
            let bar = "@".repeat((u128::from(*count) * width as u128 / u128::from(most)) as usize);
            writeln!(self.out, "{range:<RANGE$}{count:>COUNT$} |{bar:<width$}|")?;
        }
        Ok(())
    }

    fn write_times(&mut self, lines: &[Line]) -> io::Result<()> {
        if self.heading {
            let name = match self.name.as_str() {
                "in_flight" => "in flight",
                "rate_per_s" => "per second",
                other => other,
            };
            self.write_heading(&format!("{name:<RANGE$}{:>COUNT$}  {:>TIME$}  {:>TIME$}  {:>TIME$}", "requests", "p50", "p90", "p99"))?;
        }
        for Line { range, count, times: [p50, p90, p99], bends } in lines {
            write!(self.out, "{range:<RANGE$}{count:>COUNT$}  {p50:>TIME$}  {p90:>TIME$}  {p99:>TIME$}")?;
            match bends {
                Some(load) => writeln!(self.out, "  < bends above {load}")?,
                None => self.out.write_all(b"\n")?,
            }
        }
        Ok(())
    }
}

impl Renderer for Blocks {
    fn start(&mut self, _run: &Run) -> io::Result<()> {
        Ok(())
    }

    fn row(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        let (key, cells) = cells.split_at(self.layout.key);
        let cells: &[Cell<'_>; CELLS] = cells.first_chunk().expect("a row has all columns that are drawn");
        let [name, from, to, count, _, p50, p90, p99, _, bends] = *cells;
        let name = shown(name, Unit::None);
        if name != self.name {
            self.write_block()?;
            self.name = name;
        }
        if self.name == ALL {
            self.write_group(key, cells)?;
        } else {
            let range = if self.name == TIMES { times(from, to) } else { numbers(from, to) };
            let count = if let Cell::Number(count) = count { count } else { 0 };
            let times = [p50, p90, p99].map(|cell| shown(cell, Unit::Millis));
            let bends = (bends != Cell::Null).then(|| shown(bends, Unit::None));
            self.block.push(Line { range, count, times, bends });
        }
        self.rows += 1;
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn finish(&mut self, summary: &Summary) -> io::Result<()> {
        self.write_block()?;
        table::write_sentences(&mut self.out, summary)?;
        self.flush()
    }

    fn counts(&self) -> Counts {
        Counts { rows: self.rows, ..Counts::default() }
    }
}

/// A cell in few characters.
fn shown(cell: Cell<'_>, unit: Unit) -> String {
    let mut text = Vec::new();
    if cell == Cell::Null {
        text.push(b'-');
    } else if !eye::push(&mut text, cell, unit) {
        push_cell(&mut text, &mut Clock::new(), cell);
    }
    String::from_utf8(text).expect("what is made visible is UTF-8")
}

/// 5-8, or 1.
fn numbers(from: Cell<'_>, to: Cell<'_>) -> String {
    let (from, to) = (shown(from, Unit::None), shown(to, Unit::None));
    if from == to { from } else { format!("{from}-{to}") }
}

/// [4ms, 8ms)
fn times(from: Cell<'_>, to: Cell<'_>) -> String {
    let edge = |cell| if let Cell::Decimal(ms) = cell { edge(ms) } else { shown(cell, Unit::None) };
    format!("[{}, {})", edge(from), edge(to))
}

/// Three digits at most, with a unit that makes them short.
fn edge(ms: f64) -> String {
    let (number, unit) = match ms {
        0.0 => return "0".to_owned(),
        _ if ms < 1.0 => (ms * 1000.0, "us"),
        _ if ms < 1000.0 => (ms, "ms"),
        _ => (ms / 1000.0, "s"),
    };
    let decimals = if number < 10.0 { 2 } else { usize::from(number < 100.0) };
    let digits = format!("{number:.decimals$}");
    let digits = if decimals > 0 { digits.trim_end_matches('0').trim_end_matches('.') } else { &digits };
    format!("{digits}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::testing::print;
    use crate::render::{Column, Format, Schema};

    const COLUMNS: [&str; CELLS + 2] =
        ["host", "histogram", "from", "to", "requests", "share", "p50", "p90", "p99", "max", "bends", "more"];

    fn row(host: &'static [u8], histogram: &'static str, range: [Cell<'static>; 2], requests: u64, ms: u64, bends: Cell<'static>) -> Row {
        let [p50, p90, p99] = [1, 2, 3].map(|times| if ms == 0 { Cell::Null } else { Cell::Millis(times * ms * 1_000_000) });
        let [from, to] = range;
        let requests = Cell::Number(requests);
        [Cell::Text(host), Cell::Text(histogram.as_bytes()), from, to, requests, Cell::Null, p50, p90, p99, p99, bends, Cell::Null]
    }

    type Row = [Cell<'static>; CELLS + 2];

    fn drawn(rows: &[Row], options: Options, width: u16) -> String {
        let schema = Schema { name: "ehl.test/1", columns: COLUMNS.map(|name| Column::left(name, 8)).to_vec() };
        let options = Options { histograms: Some(Histograms { key: 1, width }), for_the_eye: true, fit: true, ..options };
        print(Format::Table, &schema, &options, rows)
    }

    fn rows() -> Vec<Row> {
        let (none, load) = ([Cell::Null; 2], |from, to| [Cell::Number(from), Cell::Number(to)]);
        let range = |from, to| [Cell::Decimal(from), Cell::Decimal(to)];
        vec![
            row(b"api\n", ALL, none, 105, 5, Cell::Null),
            row(b"api\n", TIMES, range(0.0625, 0.125), 100, 0, Cell::Null),
            row(b"api\n", TIMES, range(512.0, 1024.0), 5, 0, Cell::Null),
            row(b"api\n", "in_flight", load(1, 1), 100, 5, Cell::Null),
            row(b"api\n", "in_flight", load(33, 64), 5, 40, Cell::Number(32)),
            row(b"b", ALL, none, 0, 0, Cell::Null),
            row(b"b", "rate_per_s", load(3, 4), 0, 0, Cell::Null),
        ]
    }

    #[test]
    fn groups_are_blocks_with_bars_and_tables() {
        let expected = "\
api\\n
105 requests, response time p50 5.00 ms, p90 10.0 ms, p99 15.0 ms, max 15.0 ms

response time
[62.5us, 125us)         100 |@@@@@@@@@@|
[512ms, 1.02s)            5 |          |

in flight          requests        p50        p90        p99
1                       100    5.00 ms    10.0 ms    15.0 ms
33-64                     5    40.0 ms    80.0 ms     120 ms  < bends above 32

b
0 requests, response time p50 -, p90 -, p99 -, max -

per second         requests        p50        p90        p99
3-4                       0          -          -          -
";
        assert_eq!(drawn(&rows(), Options::default(), 40), expected);
    }

    #[test]
    fn bars_are_as_wide_as_there_is_room() {
        let bar = |width| drawn(&rows(), Options::default(), width).lines().map(|line| line.matches('@').count()).max();
        assert_eq!([0, 60, 80, 500].map(bar), [10, 30, 50, 52].map(Some));
    }

    #[test]
    fn rows_that_are_sorted_or_of_chosen_columns_are_a_plain_table() {
        let columns = Some(vec![1, 4]);
        let plain = drawn(&rows()[..1], Options { columns, ..Options::default() }, 80);
        assert_eq!(plain, "histogram  requests\nall        105\n");
        assert!(drawn(&rows(), Options { sort: Some(4), ..Options::default() }, 80).starts_with("host"));
    }

    #[test]
    fn headings_can_be_left_out_or_painted() {
        let bare = drawn(&rows(), Options { heading: false, ..Options::default() }, 80);
        assert!(!bare.contains("api") && !bare.contains("p50  ") && bare.contains("[62.5us, 125us)"), "{bare}");
        let painted = drawn(&rows(), Options { color: true, ..Options::default() }, 80);
        assert!(painted.contains("\x1b[1mresponse time\x1b[0m"), "{painted}");
    }

    #[test]
    fn edges_have_three_digits() {
        let edges = [0.0, 0.007_812_5, 0.25, 1.0, 64.0, 512.0, 1024.0, 65_536.0].map(edge);
        assert_eq!(edges, ["0", "7.81us", "250us", "1ms", "64ms", "512ms", "1.02s", "65.5s"]);
    }
}

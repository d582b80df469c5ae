//! One line of a table: puts texts where their columns are, as a terminal counts columns.

use unicode_width::UnicodeWidthChar as _;

use crate::render::Align;

/// A line being put together.
#[derive(Default)]
pub(super) struct Line {
    text: Vec<u8>,
    /// Terminal columns that the text takes.
    at: usize,
    /// Where the next column starts; less than `at` after a text that did not fit.
    next_start: usize,
}

const GAP: usize = 2;
const ELLIPSIS: &str = "…";
const PLAIN: &str = "\x1b[0m";

impl Line {
    /// The next column; its text is cut to `width` unless it is free.
    pub(super) fn push(&mut self, text: &str, width: usize, align: Align, is_free: bool, paint: Option<&str>) {
        let (text, ellipsis, needed) = if is_free { (text, "", self::width(text)) } else { cut(text, width) };
        let start = match align {
            Align::Left => self.next_start,
            Align::Right => (self.next_start + width).saturating_sub(needed),
        };
        self.next_start += width + GAP;
        // Spaces only before text, so that no line ends in them.
        if needed == 0 {
            return;
        }
        let gap = if self.at == 0 { 0 } else { GAP };
        let start = start.max(self.at + gap);
        self.text.resize(self.text.len() + start - self.at, b' ');
        self.at = start + needed;
        for part in [paint.unwrap_or(""), text, ellipsis, paint.map_or("", |_| PLAIN)] {
            self.text.extend_from_slice(part.as_bytes());
        }
    }

    /// Gives the whole line to `write`, and starts another one.
    pub(super) fn end<R>(&mut self, write: impl FnOnce(&[u8]) -> R) -> R {
        self.text.push(b'\n');
        let result = write(&self.text);
        self.text.clear();
        self.at = 0;
        self.next_start = 0;
        result
    }
}

/// Terminal columns of a text without controls.
pub(super) fn width(text: &str) -> usize {
    if text.is_ascii() {
        return text.len();
    }
    text.chars().map(|character| character.width().unwrap_or(0)).sum()
}

/// As much of a text as fits, what stands for the rest, and the columns that both take.
///
/// Marks that take no column of their own are limited as well: a pile of them covers the lines above and below.
fn cut(text: &str, limit: usize) -> (&str, &'static str, usize) {
    if text.len() <= limit {
        return (text, "", width(text));
    }
    let (mut columns, mut marks) = (0, 0);
    // Where to cut if the text turns out to be too long.
    let (mut cut_at, mut cut_columns) = (0, 0);
    for (place, character) in text.char_indices() {
        let width = character.width().unwrap_or(0);
        marks += usize::from(width == 0);
        columns += width;
        if columns > limit || marks > limit {
            return (&text[..cut_at], ELLIPSIS, cut_columns + 1);
        }
        if columns < limit {
            cut_at = place + character.len_utf8();
            cut_columns = columns;
        }
    }
    (text, "", columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_by_terminal_columns() {
        assert_eq!(cut("abcdef", 6), ("abcdef", "", 6));
        assert_eq!(cut("abcdef", 5), ("abcd", "…", 5));
        assert_eq!(cut("日本語", 6), ("日本語", "", 6));
        assert_eq!(cut("日本語", 5), ("日本", "…", 5));
        assert_eq!(cut("日本語", 4), ("日", "…", 3));
        assert_eq!(cut("e\u{301}te\u{301}", 3), ("e\u{301}te\u{301}", "", 3));
        assert_eq!(cut("e\u{301}te\u{301}", 2), ("e\u{301}", "…", 2));
    }

    #[test]
    fn a_pile_of_marks_is_cut() {
        let pile = format!("a{}", "\u{301}".repeat(100));
        assert_eq!(cut(&pile, 3), ("a\u{301}\u{301}\u{301}", "…", 2));
    }

    #[test]
    fn a_text_that_does_not_fit_takes_from_the_space_after_it() {
        let mut line = Line::default();
        let mut all = String::new();
        for (first, second) in [("1", "GET"), ("123456", "GET"), ("12345678901", "GET"), ("", "GET")] {
            line.push(first, 4, Align::Right, true, None);
            line.push(second, 5, Align::Right, false, None);
            line.push("end", 3, Align::Left, true, None);
            line.end(|text| all.push_str(&String::from_utf8_lossy(text)));
        }
        let expected = "
   1    GET  end
123456  GET  end
12345678901  GET  end
        GET  end
";
        assert_eq!(format!("\n{all}"), expected);
    }

    #[test]
    fn no_line_ends_in_spaces() {
        let mut line = Line::default();
        line.push("a", 4, Align::Left, false, None);
        line.push("", 9, Align::Left, true, None);
        assert_eq!(line.end(<[u8]>::to_vec), b"a\n");
    }
}

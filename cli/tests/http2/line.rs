//! What two ends said, and what of it is on its way.

use std::ops::Range;

use crate::generate::Send;
use crate::message::Bytes;
use crate::random::Random;

/// The bytes of a connection, as they are said.
#[derive(Default)]
pub(crate) struct Line {
    pub(crate) streams: [Bytes; 2],
    /// Where the frames of each end start.
    pub(crate) frames: [Vec<usize>; 2],
    pub(crate) sends: Vec<Send>,
    /// How much of each stream was sent.
    sent: [usize; 2],
    /// How much of the other stream each end must have seen.
    needs: [usize; 2],
}

impl Line {
    /// `from` has seen so much of the other stream.
    pub(crate) fn see(&mut self, from: usize, at: usize, random: &mut Random) {
        if self.sent[1 - from] < at {
            self.flush(1 - from, true, random);
        }
        self.needs[from] = self.needs[from].max(at);
    }

    /// One or more frames. What the other end said before is on its way by then, or most of it.
    pub(crate) fn emit(&mut self, from: usize, frames: &[u8], random: &mut Random) -> Range<usize> {
        let whole = random.percent(80);
        self.flush(1 - from, whole, random);
        let start = self.streams[from].len();
        let mut at = 0;
        while let Some([a, b, c]) = frames[at..].first_chunk() {
            self.frames[from].push(start + at);
            self.cut(from, start + at, random);
            at += 9 + u32::from_be_bytes([0, *a, *b, *c]) as usize;
        }
        self.streams[from].text(frames);
        if random.percent(20) {
            self.flush(from, true, random);
        }
        start..start + frames.len()
    }

    /// A frame starts at `at`: before it, in its header, after it, it hurts.
    fn cut(&mut self, from: usize, at: usize, random: &mut Random) {
        let within = at + random.within(1..9);
        self.streams[from].cuts.extend([at, within, at + 9, at + 10]);
    }

    /// Sends what was said, or most of it.
    pub(crate) fn flush(&mut self, from: usize, whole: bool, random: &mut Random) {
        let (begin, end) = (self.sent[from], self.streams[from].len());
        let end = if whole || begin == end { end } else { random.within(begin..end + 1) };
        if begin == end {
            return;
        }
        let before = self.sends.iter().rev().find(|send| send.from == from).map_or(0, |send| *send.acknowledged.start());
        let other = self.sent[1 - from];
        let least = random.within(before.max(self.needs[from])..other + 1);
        self.sends.push(Send { from, range: begin..end, acknowledged: least..=other });
        self.sent[from] = end;
    }

    /// What is no frame. Answers where it begins.
    pub(crate) fn text(&mut self, from: usize, text: &[u8], random: &mut Random) -> usize {
        let begin = self.streams[from].len();
        let within = begin + random.within(1..text.len());
        self.streams[from].cuts.extend([within, begin + text.len() - 1]);
        self.streams[from].text(text);
        begin
    }
}

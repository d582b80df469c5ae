//! Two ends that talk: who says what next, and what of it is on its way.

use ehl_probes_common::frame::{frame_flag, kind};

use crate::frame::{frame, head, noise, padded};
use crate::generate::{CLIENT, Conversation, End, SERVER, Shape, Span, Truth};
use crate::hpack::{Encoder, Field};
use crate::line::Line;
use crate::message::Bytes;
use crate::plan::{Plan, Step, exchange, pushed};
use crate::random::Random;

pub(crate) struct Talk<'r> {
    pub(crate) shape: Shape,
    pub(crate) random: &'r mut Random,
    pub(crate) encoders: [Encoder; 2],
    pub(crate) line: Line,
    pub(crate) truths: Vec<Truth>,
    pub(crate) plans: Vec<Plan>,
    pub(crate) next_id: [u32; 2],
    goaways: Vec<(usize, u32)>,
    pub(crate) proxied: Option<[u8; 4]>,
    /// SETTINGS that were not acknowledged yet, by who said them: the size of the table, the size of frames, where they end.
    pub(crate) settings: [Vec<(Vec<u32>, u32, usize)>; 2],
    /// How long a DATA frame of each end may be.
    longest: [usize; 2],
    /// How many requests are to come.
    left: usize,
}

impl<'r> Talk<'r> {
    pub(crate) fn new(shape: Shape, random: &'r mut Random) -> Self {
        let left = random.within(1..shape.streams + 1);
        Self {
            shape,
            random,
            encoders: [Encoder::new(), Encoder::new()],
            line: Line::default(),
            truths: Vec::new(),
            plans: Vec::new(),
            next_id: [1, 2],
            goaways: Vec::new(),
            proxied: None,
            settings: Default::default(),
            longest: [16_384; 2],
            left,
        }
    }

    /// From the first byte to the last one.
    pub(crate) fn all(mut self) -> Conversation {
        self.open();
        let stops_early = self.shape.odd && self.random.percent(20);
        while self.left > 0 || !self.plans.is_empty() {
            self.turn();
            if stops_early && self.random.percent(3) {
                break;
            }
        }
        self.line.flush(CLIENT, true, self.random);
        self.line.flush(SERVER, true, self.random);
        let end = self.random.pick(&[End::Open, End::Fin(CLIENT), End::Fin(SERVER), End::Reset(CLIENT), End::Reset(SERVER)]);
        self.line.streams.iter_mut().for_each(|stream| stream.cuts.sort_unstable());
        let Self { line: Line { streams, frames, sends, .. }, truths, goaways, proxied, .. } = self;
        Conversation { streams, frames, sends, truths, goaways, proxied, end, closed: None }
    }

    fn turn(&mut self) {
        match self.random.within(0..100) {
            0..4 => self.say_noise(),
            4..6 => self.say_settings(),
            6..10 => self.acknowledge_settings(),
            10 if self.shape.odd && self.random.percent(20) => self.go_away(),
            _ if self.left > 0 && (self.plans.is_empty() || self.plans.len() < self.shape.depth && self.random.percent(40)) => self.ask(),
            _ if self.plans.is_empty() => {}
            _ => {
                let (place, from) = (self.random.within(0..self.plans.len()), self.random.within(0..2));
                self.step(place, from);
            }
        }
    }

    fn ask(&mut self) {
        self.left -= 1;
        let id = self.next_id[CLIENT];
        self.next_id[CLIENT] += 2 * self.random.pick(&[1, 1, 1, 1, 5]);
        let (truth, plan) = exchange(self.truths.len(), id, self.shape, self.random);
        self.truths.push(truth);
        self.plans.push(plan);
        self.step(self.plans.len() - 1, CLIENT);
    }

    /// The next step of one end, if it may be now.
    fn step(&mut self, place: usize, from: usize) {
        let Plan { number, id, .. } = self.plans[place];
        let asked = self.truths[number].request.first().map(|head| (head.from, head.range.end));
        match asked {
            None if from == SERVER => return,
            Some((asker, at)) if asker != from => self.line.see(from, at, self.random),
            _ => {}
        }
        if let Some(step) = self.plans[place].steps[from].pop_front() {
            let no_more = self.plans[place].says_no_more(from);
            let is_silent = self.plans[place].is_silent(from);
            let may_end = no_more && matches!(step, Step::Head(_) | Step::Data(_) | Step::Trailers(_));
            let ends = may_end && self.random.percent(if is_silent { 80 } else { 50 }) || matches!(step, Step::Trailers(_));
            self.say(number, id, from, step, ends);
        }
        let Truth { ends, resets, is_pushed, .. } = &self.truths[number];
        let was_reset_by_it = resets.iter().any(|(by, _)| *by == from);
        let is_due = ends[from].is_none() && resets.is_empty() && !(*is_pushed && from == CLIENT);
        if is_due && self.plans[place].is_silent(from) && !(from == SERVER && self.is_refused(number)) {
            self.say_data(number, id, from, 0, true);
        }
        if was_reset_by_it {
            self.plans[place].steps[from].clear();
        }
        self.forget(place);
    }

    /// Who was told of the end of a stream says no more, sooner or later.
    fn forget(&mut self, place: usize) {
        let number = self.plans[place].number;
        let dead = !self.truths[number].resets.is_empty() || self.is_refused(number);
        if dead && self.random.percent(30) || self.plans[place].is_over() {
            self.plans.remove(place);
        }
    }

    fn is_refused(&self, number: usize) -> bool {
        let id = self.truths[number].stream_id;
        id % 2 == 1 && self.truths[number].response.is_empty() && self.goaways.iter().any(|(_, last)| id > *last)
    }

    fn say(&mut self, number: usize, id: u32, from: usize, step: Step, ends: bool) {
        if self.is_refused(number) && from == SERVER {
            self.plans.iter_mut().filter(|plan| plan.number == number).for_each(|plan| plan.steps[SERVER].clear());
            return;
        }
        match step {
            Step::Interim(fields) => {
                self.say_head(id, from, kind::HEADERS, &[], &fields, false);
            }
            Step::Head(fields) | Step::Trailers(fields) => {
                let before: &[u8] = if self.random.percent(10) { &[0x80, 0, 0, 0, 16] } else { &[] };
                let grpc = fields.iter().find(|(name, _)| *name == "grpc-status").map(|(_, value)| value.parse().expect("a number"));
                let span = self.say_head(id, from, kind::HEADERS, before, &fields, ends);
                let end = span.range.end;
                self.add(number, from, span);
                let truth = &mut self.truths[number];
                truth.ends[from] = truth.ends[from].or(ends.then_some(end));
                if let Some(status) = grpc {
                    truth.grpc_status = Some((status, end));
                }
            }
            Step::Data(len) => {
                let most = self.random.pick(&[self.longest[from], self.longest[from], 16_384, 1000, 10]).max(len / 10 + 1);
                let most = most.min(self.longest[from]);
                let mut left = len;
                loop {
                    let count = left.min(most);
                    left -= count;
                    self.say_data(number, id, from, count, ends && left == 0);
                    if left == 0 {
                        break;
                    }
                }
            }
            Step::Push => self.promise(id),
            Step::Reset(code) => {
                let bytes = frame(kind::RST_STREAM, 0, id, &code.to_be_bytes());
                let end = self.line.emit(from, &bytes, self.random).end;
                self.truths[number].resets.push((from, end));
            }
        }
    }

    fn add(&mut self, number: usize, from: usize, span: Span) {
        let truth = &mut self.truths[number];
        let spans = if from == CLIENT { &mut truth.request } else { &mut truth.response };
        spans.push(span);
    }

    fn say_head(&mut self, id: u32, from: usize, kind: u8, before: &[u8], fields: &[Field], ends: bool) -> Span {
        let at = self.line.streams[from].len();
        let block = self.encoders[from].block(fields, at, self.random);
        let flags = if ends { frame_flag::END_STREAM } else { 0 } | if before.len() == 5 { frame_flag::PRIORITY } else { 0 };
        let bytes = head(kind, flags, id, before, &block.bytes, self.shape, self.random);
        Span { from, range: self.line.emit(from, &bytes, self.random), is_data: false, since: block.since }
    }

    fn say_data(&mut self, number: usize, id: u32, from: usize, len: usize, ends: bool) {
        let mut body = Bytes::default();
        body.body(len, self.shape.traps, self.random);
        let mut body = body.bytes;
        if self.shape.traps {
            let traps = crate::frame::traps();
            let trap = &traps[self.random.within(0..traps.len())];
            let at = self.random.within(0..len + 1);
            let end = len.min(at + trap.len());
            body[at..end].copy_from_slice(&trap[..end - at]);
        }
        let flags = if ends { frame_flag::END_STREAM } else { 0 };
        let bytes = padded(kind::DATA, flags, id, &body, self.shape.pads, self.random);
        let range = self.line.emit(from, &bytes, self.random);
        let end = range.end;
        self.shape.bytes = self.shape.bytes.saturating_sub(len);
        self.add(number, from, Span { from, range, is_data: true, since: 0 });
        let ends_at = &mut self.truths[number].ends[from];
        *ends_at = ends_at.or(ends.then_some(end));
    }

    /// RFC 9113 section 8.4.
    fn promise(&mut self, id: u32) {
        let promised = self.next_id[SERVER];
        self.next_id[SERVER] += 2;
        let (mut truth, fields, plan) = pushed(self.truths.len(), promised, self.shape, self.random);
        let span = self.say_head(id, SERVER, kind::PUSH_PROMISE, &promised.to_be_bytes(), &fields, false);
        truth.ends[CLIENT] = Some(span.range.end);
        truth.request.push(span);
        self.truths.push(truth);
        self.plans.push(plan);
    }

    fn say_noise(&mut self) {
        let from = self.random.within(0..2);
        let stream = 1 + 2 * self.random.within(0..self.next_id[CLIENT] as usize / 2 + 1) as u32;
        let bytes = noise(stream, self.random);
        self.line.emit(from, &bytes, self.random);
    }

    fn acknowledge_settings(&mut self) {
        let by = self.random.within(0..2);
        if self.settings[1 - by].is_empty() {
            return;
        }
        let (tables, longest, at) = self.settings[1 - by].remove(0);
        self.line.see(by, at, self.random);
        for table in tables {
            self.encoders[by].allow(table);
        }
        self.longest[by] = longest as usize;
        let bytes = frame(kind::SETTINGS, frame_flag::ACK, 0, &[]);
        self.line.emit(by, &bytes, self.random);
    }

    fn go_away(&mut self) {
        if self.random.percent(30) {
            self.line.emit(CLIENT, &frame(kind::GOAWAY, 0, 0, &[0; 8]), self.random);
            return;
        }
        let answered = self.truths.iter().filter(|truth| !truth.response.is_empty()).map(|truth| truth.stream_id);
        let least = answered.filter(|id| id % 2 == 1).max().unwrap_or(0);
        let before = self.goaways.last().map_or(0x7fff_ffff, |(_, last)| *last);
        let last = if self.random.percent(30) { before } else { before.min(least.max(self.next_id[CLIENT].saturating_sub(3))) };
        let last = if self.random.percent(50) { last } else { least.min(before) };
        let bytes = frame(kind::GOAWAY, 0, 0, &[&last.to_be_bytes()[..], &[0, 0, 0, 0], b"bye"].concat());
        self.line.see(SERVER, self.line.streams[CLIENT].len(), self.random);
        let end = self.line.emit(SERVER, &bytes, self.random).end;
        self.goaways.push((end, last));
        if last < 0x7fff_ffff {
            // Some may be on their way.
            self.left = self.left.min(self.random.within(0..3));
        }
    }
}

//! How a connection starts: prefaces, and what may come before them.

use ehl_probes_common::frame::PREFACE;

use crate::frame::settings;
use crate::generate::{CLIENT, SERVER, Span};
use crate::plan::{Step, exchange};
use crate::talk::Talk;

const V1: &[u8] = b"PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n";
const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x11\xc0\0\x02\x07\x0a\0\0\x01\x04\x57\0\x50\x04\0\x02ab";
const HEADER_TABLE_SIZE: u16 = 1;
const MAX_FRAME_SIZE: u16 = 5;

impl Talk<'_> {
    pub(crate) fn open(&mut self) {
        let odd = self.shape.odd;
        if odd && self.random.percent(10) {
            self.proxied = Some([192, 0, 2, 7]);
            let header = self.random.pick(&[V1, V2]);
            self.line.text(CLIENT, header, self.random);
        }
        if odd && self.random.percent(15) {
            return self.upgrade();
        }
        // Some servers do not wait for the client.
        let begins = if odd && self.random.percent(20) { SERVER } else { CLIENT };
        for from in [begins, 1 - begins] {
            if from == CLIENT {
                self.line.text(CLIENT, PREFACE, self.random);
            }
            self.settings(from);
        }
    }

    /// RFC 7540 section 3.2.
    fn upgrade(&mut self) {
        let (mut truth, mut plan) = exchange(0, 1, self.shape, self.random);
        (truth.method, truth.path, truth.host) = ("GET", Some("/n/0".to_owned()), "example.com".to_owned());
        let table = if self.random.percent(30) { self.random.pick(&[0, 100, 65_536]) } else { 4096 };
        let said = base64(&settings(&[(HEADER_TABLE_SIZE, table)])[9..]);
        let body = if self.random.percent(50) { "hello" } else { "" };
        let request = format!(
            "GET /n/0 HTTP/1.1\r\nHost: example.com\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: {said}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let begin = self.line.text(CLIENT, request.as_bytes(), self.random);
        let end = begin + request.len();
        truth.request.push(Span { from: CLIENT, range: begin..end, is_data: false, since: begin });
        truth.ends[CLIENT] = Some(end);
        plan.steps[CLIENT].clear();
        plan.steps[SERVER].retain(|step| !matches!(step, Step::Push));
        self.truths.push(truth);
        self.plans.push(plan);
        self.line.see(SERVER, end, self.random);
        let begin = self.line.text(SERVER, b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", self.random);
        let end = self.line.streams[SERVER].len();
        self.line.streams[SERVER].cuts.extend([begin + 5, end - 1, end]);
        self.encoders[SERVER].allow(table);
        self.settings(SERVER);
        self.next_id[CLIENT] = 3;
        self.line.see(CLIENT, end, self.random);
        self.line.text(CLIENT, PREFACE, self.random);
        self.settings(CLIENT);
    }

    pub(crate) fn say_settings(&mut self) {
        let from = self.random.within(0..2);
        self.settings(from);
    }

    fn settings(&mut self, from: usize) {
        let (mut said, mut tables, mut longest) = (Vec::new(), Vec::new(), 16_384);
        while said.len() < 10 && self.random.percent(50) {
            match self.random.within(if self.shape.tables { 0 } else { 1 }..5) {
                0 => {
                    let size = self.random.pick(&[0, 100, 1000, 4096, 8192, 65_536, u32::MAX]);
                    tables.push(size);
                    said.push((HEADER_TABLE_SIZE, size));
                }
                1 => {
                    longest = self.random.pick(&[16_384, 20_000, 100_000]);
                    said.push((MAX_FRAME_SIZE, longest));
                }
                2 => said.push((3, 100)),
                3 => said.push((4, 1 << 20)),
                _ => said.push((0x0a0a, 7)),
            }
        }
        let end = self.line.emit(from, &settings(&said), self.random).end;
        self.settings[from].push((tables, longest, end));
    }
}

/// RFC 4648 section 5.
fn base64(bytes: &[u8]) -> String {
    let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let number = bytes.iter().fold(0u64, |number, byte| number << 8 | u64::from(*byte));
    (0..bytes.len() * 8 / 6).rev().map(|at| char::from(digits[(number >> (6 * at)) as usize & 63])).collect()
}

//! What the two ends of a stream are going to say.

use std::collections::VecDeque;

use crate::generate::{CLIENT, SERVER, Shape, Truth};
use crate::hpack::Field;
use crate::random::Random;

/// What one end says next.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Of the final response, or of the request.
    Head(Vec<Field>),
    /// 1xx.
    Interim(Vec<Field>),
    Data(usize),
    Trailers(Vec<Field>),
    Push,
    Reset(u32),
}

/// A stream that is under way.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Its place among the truths.
    pub(crate) number: usize,
    pub(crate) id: u32,
    pub(crate) steps: [VecDeque<Step>; 2],
}

const HOSTS: [&str; 3] = ["example.com", "api.example.com:8080", "a.test"];
const AGENTS: [&str; 3] = ["ehl-test/1.0", "curl/8.5.0", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"];
const ERRORS: [u32; 4] = [2, 7, 8, 11];

/// A request and its answer on the stream `id`; `shape` has the bytes that are left.
pub(crate) fn exchange(number: usize, id: u32, shape: Shape, random: &mut Random) -> (Truth, Plan) {
    let is_grpc = random.percent(25);
    let method =
        if is_grpc { "POST" } else { random.pick(&["GET", "GET", "GET", "POST", "PUT", "HEAD", "DELETE", "CONNECT", "frobnicate"]) };
    let truth = truth(number, id, method, is_grpc, random);
    let mut client = VecDeque::from([Step::Head(request(&truth, is_grpc, shape, random))]);
    if is_grpc || method != "GET" && random.percent(60) {
        bodies(&mut client, shape, random);
    }
    if random.percent(10) {
        client.push_back(Step::Trailers(vec![("x-checksum", number.to_string())]));
    }
    let mut server = answer(&truth, is_grpc, shape, random);
    if shape.odd {
        oddities(&mut client, &mut server, random);
    }
    (truth, Plan { number, id, steps: [client, server] })
}

/// What a server answers unasked.
pub(crate) fn pushed(number: usize, id: u32, shape: Shape, random: &mut Random) -> (Truth, Vec<Field>, Plan) {
    let truth = Truth { is_pushed: true, ..truth(number, id, "GET", false, random) };
    let fields = request(&truth, false, shape, random);
    let mut steps = [VecDeque::new(), answer(&truth, false, shape, random)];
    if random.percent(20) {
        steps[CLIENT].push_back(Step::Reset(8));
    }
    (truth, fields, Plan { number, id, steps })
}

fn truth(number: usize, stream_id: u32, method: &'static str, is_grpc: bool, random: &mut Random) -> Truth {
    let path = match random.within(0..10) {
        0 => "/".to_owned(),
        1 => "/index.html".to_owned(),
        2 => format!("/n/{}", number % 3),
        3 => format!("/n/{number}?{}", "q".repeat(random.within(0..200))),
        _ => format!("/n/{number}"),
    };
    Truth {
        stream_id,
        method,
        path: (method != "CONNECT").then_some(path),
        host: random.pick(&HOSTS).to_owned(),
        status: if is_grpc { 200 } else { random.pick(&[200, 200, 200, 201, 204, 206, 304, 400, 404, 500, 503, 599]) },
        answer: if random.percent(20) { "same".to_owned() } else { number.to_string() },
        grpc_status: None,
        is_pushed: false,
        request: Vec::new(),
        response: Vec::new(),
        ends: [None; 2],
        resets: Vec::new(),
    }
}

fn request(truth: &Truth, is_grpc: bool, shape: Shape, random: &mut Random) -> Vec<Field> {
    let Truth { method, path, host, .. } = truth;
    let mut fields = vec![(":method", (*method).to_owned())];
    if let Some(path) = path {
        fields.push((":scheme", random.pick(&["http", "http", "https"]).to_owned()));
        fields.push((":path", path.clone()));
    }
    let is_host = path.is_some() && random.percent(10);
    if !is_host {
        fields.push((":authority", host.clone()));
    }
    shuffle(&mut fields, 0, random);
    let first = fields.len();
    if is_host {
        fields.push(("host", host.clone()));
    }
    fields.push(("user-agent", random.pick(&AGENTS).to_owned()));
    if is_grpc {
        fields.push(("content-type", "application/grpc".to_owned()));
        fields.push(("te", "trailers".to_owned()));
    }
    more(&mut fields, shape, random);
    shuffle(&mut fields, first, random);
    fields
}

fn answer(truth: &Truth, is_grpc: bool, shape: Shape, random: &mut Random) -> VecDeque<Step> {
    let mut steps = VecDeque::new();
    while random.percent(8) {
        let mut fields = vec![(":status", random.pick(&["100", "102", "103"]).to_owned())];
        fields.extend(random.percent(50).then(|| ("link", "</style.css>; rel=preload".to_owned())));
        steps.push_back(Step::Interim(fields));
    }
    let mut fields = vec![(":status", truth.status.to_string()), ("x-answer", truth.answer.clone())];
    let grpc_status = || ("grpc-status", (truth.stream_id % 17).to_string());
    let is_alone = is_grpc && random.percent(20);
    if is_alone {
        fields.push(grpc_status());
    }
    if is_grpc {
        fields.push(("content-type", "application/grpc".to_owned()));
    }
    fields.push(("server", "test".to_owned()));
    more(&mut fields, shape, random);
    shuffle(&mut fields, 1, random);
    steps.push_back(Step::Head(fields));
    if !is_alone && !matches!(truth.status, 204 | 304) && truth.method != "HEAD" {
        bodies(&mut steps, shape, random);
    }
    if is_grpc && !is_alone {
        steps.push_back(Step::Trailers(vec![grpc_status(), ("grpc-message", "all%20is%20well".to_owned())]));
    } else if random.percent(10) {
        steps.push_back(Step::Trailers(vec![("server-timing", "a;dur=1".to_owned())]));
    }
    steps
}

fn bodies(steps: &mut VecDeque<Step>, shape: Shape, random: &mut Random) {
    let most = random.pick(&[0, 1, 10, 100, 2000, 20_000, 100_000]).min(shape.bytes);
    for _ in 0..random.within(0..4) {
        steps.push_back(Step::Data(random.within(0..most + 1)));
    }
}

/// Fields that say nothing.
fn more(fields: &mut Vec<Field>, shape: Shape, random: &mut Random) {
    if random.percent(50) {
        fields.push(("cookie", format!("a={}", random.within(0..4))));
    }
    if random.percent(30) {
        fields.push(("date", format!("Sun, 22 Nov 2026 05:48:{:02} GMT", random.within(0..60))));
    }
    if random.percent(20) {
        fields.push(("accept-encoding", "gzip, deflate".to_owned()));
    }
    if random.percent(15) {
        let most = random.pick(&[10, 300, 3000, 30_000]).min(shape.bytes.max(20));
        fields.push(("x-pad", "v".repeat(random.within(0..most))));
    }
    if shape.traps && random.percent(10) {
        fields.push(("x-trap", "GET /trap HTTP/1.1".to_owned()));
    }
}

/// Resets, promises, and what comes after them.
fn oddities(client: &mut VecDeque<Step>, server: &mut VecDeque<Step>, random: &mut Random) {
    match random.within(0..20) {
        0 => client.insert(random.within(1..client.len() + 1), Step::Reset(random.pick(&ERRORS))),
        1 => server.insert(random.within(0..server.len() + 1), Step::Reset(random.pick(&ERRORS))),
        // A server that has answered may ask for no more of the request.
        2 => server.push_back(Step::Reset(0)),
        3 | 4 => server.insert(random.within(0..server.len()), Step::Push),
        _ => {}
    }
}

fn shuffle(fields: &mut [Field], first: usize, random: &mut Random) {
    for at in (first + 1..fields.len()).rev() {
        fields.swap(at, random.within(first..at + 1));
    }
}

impl Plan {
    /// Whether this end has nothing left to say.
    pub(crate) fn is_silent(&self, from: usize) -> bool {
        self.steps[from].is_empty()
    }

    pub(crate) fn is_over(&self) -> bool {
        self.is_silent(CLIENT) && self.is_silent(SERVER)
    }

    /// Whether `from` says nothing more than that it resets the stream, and perhaps not even that.
    pub(crate) fn says_no_more(&self, from: usize) -> bool {
        self.steps[from].iter().all(|step| matches!(step, Step::Reset(_)))
    }
}

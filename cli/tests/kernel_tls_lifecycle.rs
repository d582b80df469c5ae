//! What a target of `ehl capture --probe ssl-uprobe` goes through: it answers everything, whatever happens to the run, and
//! has its own code again when the run is over.

mod support;

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use rustix::process::Signal;
use support::capture::{Capture, ehl};
use support::netns::Netns;
use support::objects::Objects;
use support::script::python;
use support::tls::certificate::Certificates;
use support::tls::client::{Client, Kind as Asks, talk};
use support::tls::exchange::{Request, every_kind};
use support::tls::openssl::confined;
use support::tls::rows::{AFTER_THE_START, CAPTURE, Truth, rows_of};
use support::tls::server::{Kind as Serves, Server};
use support::{can_run, wait_for};

#[test]
fn killed_at_any_moment_it_leaves_nothing_and_the_target_answers_everything() {
    if !can_run(&["bpftool", "nginx", &python()]) {
        return;
    }
    let kills = std::env::var("EHL_KILLS").map_or(20, |kills| kills.parse().expect("a number of kills"));
    let netns = Netns::new();
    let certificates = Certificates::make();
    let mut server = Server::start(&netns, Serves::Nginx(1), &certificates);
    let before = Objects::now();
    let (over, answered) = (AtomicBool::new(false), AtomicU64::new(0));
    let asked = std::thread::scope(|scope| {
        let asking = scope.spawn(|| ask_until(&over, &answered, &netns, &certificates));
        // A failed check must not leave the other thread asking for ever.
        let end = EndOnDrop(&over);
        for kill in 0..kills {
            kill_one(&netns, kill, &answered);
        }
        drop(end);
        asking.join().expect("every request is answered as it asks")
    });
    assert!(server.is_running());
    assert_own_code_again(worker_of(server.pid()));
    assert_eq!(server.finish(&[]).len() as u64, asked);
    assert_eq!(before.left_behind(), [""; 0]);
}

struct EndOnDrop<'a>(&'a AtomicBool);

impl Drop for EndOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Asks on new and old connections; the number of answers, each of which was the right one.
fn ask_until(over: &AtomicBool, answered: &AtomicU64, netns: &Netns, certificates: &Certificates) -> u64 {
    let mut client = Client::start(netns, Asks::Python("http.client"), "127.0.0.1", certificates);
    while !over.load(Ordering::Relaxed) {
        let talk = client.ask(&every_kind("killed"));
        answered.fetch_add(talk.exchanges.len() as u64, Ordering::Relaxed);
    }
    client.finish();
    answered.load(Ordering::Relaxed)
}

/// Every other one dies while it starts, at a moment of its own; the others when they have seen some traffic.
fn kill_one(netns: &Netns, kill: u64, answered: &AtomicU64) {
    let mut capture = Capture::spawn(&mut ehl(netns, &CAPTURE));
    if kill.is_multiple_of(2) {
        std::thread::sleep(Duration::from_millis(kill * 37 % 500));
    } else {
        capture.wait_until("the start", |capture| !capture.stdout().is_empty());
        let start = answered.load(Ordering::Relaxed);
        wait_for("more answers", || (answered.load(Ordering::Relaxed) > start + 10).then_some(()));
    }
    capture.signal(Signal::KILL);
    assert_eq!(capture.finish().code, None);
}

fn worker_of(master: u32) -> u32 {
    let children = std::fs::read_to_string(format!("/proc/{master}/task/{master}/children")).expect("nginx runs");
    children.trim().parse().expect("one worker")
}

/// The code of libssl in the memory of a process is that in its file, soon: other runs may have their probes in it.
#[track_caller]
fn assert_own_code_again(pid: u32) {
    let mappings = std::fs::read_to_string(format!("/proc/{pid}/maps")).expect("the process runs");
    let memory = File::open(format!("/proc/{pid}/mem")).expect("root may read it");
    for mapping in mappings.lines().filter(|mapping| mapping.contains(" r-xp ") && mapping.contains("libssl")) {
        let words: Vec<_> = mapping.split_whitespace().collect();
        let number = |text: &str| u64::from_str_radix(text, 16).expect("a hexadecimal number");
        let (start, end) = words[0].split_once('-').expect("a mapping has two ends");
        let [start, end, offset] = [start, end, words[2]].map(number);
        let file = File::open(words[5]).expect("the library is there");
        let read = |from: &File, at: u64| {
            let mut code = vec![0; usize::try_from(end - start).expect("code fits into memory")];
            // The last page may go beyond the end of the file.
            let len = from.read_at(&mut code, at).expect("code can be read");
            code.truncate(len);
            code
        };
        let right = read(&file, offset);
        wait_for("a library without breakpoints", || read(&memory, start).starts_with(&right).then_some(()));
    }
}

#[test]
fn over_or_interrupted_it_gives_the_target_its_own_code_again() {
    if !can_run(&["nginx", "curl"]) {
        return;
    }
    for signal in [None, Some(Signal::INT), Some(Signal::TERM)] {
        let netns = Netns::new();
        let certificates = Certificates::make();
        let mut server = Server::start(&netns, Serves::Nginx(1), &certificates);
        let duration = if signal.is_some() { "5m" } else { "2s" };
        let arguments = ["capture", "--probe", "ssl-uprobe", "--for", duration, "--format", "ndjson"];
        let capture = Capture::start(&netns, &arguments);
        let talks = [talk(&netns, Asks::Curl, "127.0.0.1", &certificates, &every_kind("over"))];
        signal.into_iter().for_each(|signal| capture.signal(signal));
        let outcome = capture.finish().exited(0);
        assert_own_code_again(worker_of(server.pid()));
        let logged = server.finish(&talks);
        let rows = rows_of(&outcome, [talks[0].pid, logged[0].pid]);
        assert_eq!(rows.len(), 2 * logged.len(), "{outcome}");
    }
}

#[test]
fn a_target_under_a_strict_seccomp_filter_survives() {
    if !can_run(&["cc", "curl", &python()]) {
        return;
    }
    let netns = Netns::new();
    let certificates = Certificates::make();
    let mut server = confined(&netns, &certificates);
    let pid = server.pid();
    let requests = |name: &str| (0..20).map(|index| Request::get(format!("/s404/{name}/{index}"))).collect::<Vec<_>>();
    let mut client = Client::start(&netns, Asks::Python("http.client"), "127.0.0.1", &certificates);
    client.ask(&requests("before"));
    let capture = Capture::start(&netns, &CAPTURE);
    client.ask(&[Request::get(AFTER_THE_START)]);
    let mut last = requests("on-the-old");
    last.push(Request::get("/s404/end").last());
    let on_the_old = client.ask(&last);
    let on_a_new = talk(&netns, Asks::Curl, "127.0.0.1", &certificates, &requests("on-a-new"));
    assert!(server.is_running(), "it is killed");
    let outcome = capture.stop().exited(0);
    client.ask(&requests("after"));
    assert!(server.is_running(), "it is killed");
    client.finish();
    let talks = [on_the_old, on_a_new];
    let comm = server.comm.clone();
    let logged = server.finish(&talks);
    assert_eq!(logged[0].pid, u64::from(pid));
    Truth { talks: &talks, logged: &logged, comm: &comm, server_has_addresses: false }.assert_rows_after_the_start(&outcome);
}

/// The server asks its connection again and again whether there is something, with the last request still in its buffer.
#[test]
fn reads_that_fail_are_no_rows() {
    if !can_run(&[&python()]) {
        return;
    }
    let netns = Netns::new();
    let certificates = Certificates::make();
    let server = Server::start(&netns, Serves::Python("nonblocking"), &certificates);
    let comm = server.comm.clone();
    let mut client = Client::start(&netns, Asks::Python("http.client"), "127.0.0.1", &certificates);
    let capture = Capture::start(&netns, &CAPTURE);
    let mut ask = |index: u64| {
        // Some hundred failures.
        std::thread::sleep(Duration::from_millis(200));
        client.ask(&[Request::get(format!("/s{}/polled/{index}", 200 + index))])
    };
    let talks = [0, 1, 2, 3].map(&mut ask);
    client.finish();
    let logged = server.finish(&talks);
    let outcome = capture.stop().exited(0);
    Truth { talks: &talks, logged: &logged, comm: &comm, server_has_addresses: false }.assert_rows(&outcome);
}

#[test]
fn two_runs_at_once_see_the_same() {
    if !can_run(&["nginx", "curl"]) {
        return;
    }
    let netns = Netns::new();
    let certificates = Certificates::make();
    let server = Server::start(&netns, Serves::Nginx(1), &certificates);
    let [first, second] = [(); 2].map(|()| Capture::start(&netns, &CAPTURE));
    let talks = [talk(&netns, Asks::Curl, "127.0.0.1", &certificates, &every_kind("both"))];
    let logged = server.finish(&talks);
    for capture in [first, second] {
        let outcome = capture.stop().exited(0);
        Truth { talks: &talks, logged: &logged, comm: "nginx", server_has_addresses: true }.assert_rows(&outcome);
    }
}

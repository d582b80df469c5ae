//! Attaching the packet probes beside other programs: each sees what it should, and nothing is left behind.

mod support;

use std::mem;
use std::process::Command;
use std::time::{Duration, Instant};

use ehl::network::{default_interface, namespace};
use ehl::probe::packets::{Directions, Filter, Settings, Task, XdpMode};
use ehl::probe::{Attached, Error, Memory, tc_headers, xdp_headers};
use ehl_probes_common::counter::Counter;
use ehl_probes_common::flow::By;
use ehl_probes_common::record::Way;
use rustix::process::Signal;
use support::capture::{Capture, binary, ehl_here};
use support::netns::{Netns, run};
use support::objects::Objects;
use support::others::{Hook, Other, Verdict};
use support::quiet::Quiet;
use support::wire::open_tun;
use support::{can_run, wait_for};

// Processes that other tests start hold copies of links for a moment, and with them the place on an interface.

/// How a probe is attached.
type Attach = fn(&Settings) -> Result<Attached, Error>;

const BY_EITHER: [Attach; 2] = [tc_headers::attach, tc_headers::attach_by_filters];

/// Totals by interface and direction, of an interface of the namespace that this thread is in.
fn settings(interface: &str) -> Settings {
    let known = ehl::network::interfaces().expect("interfaces can be listed");
    let index = known.into_iter().find(|known| known.name == interface).expect("the interface is there").index;
    Settings {
        interfaces: vec![(interface.to_owned(), index)],
        directions: Directions::Both,
        mode: XdpMode::Native,
        filter: Filter::default(),
        task: Task::Flows { by: By::Interface, max_flows: 16 },
        run_time: Duration::from_secs(300),
        measure: false,
    }
}

fn attach(netns: &Netns, attach: Attach, with: impl FnOnce(&mut Settings) + Send) -> Result<Attached, Error> {
    netns.run(|| {
        let mut settings = settings("seen");
        with(&mut settings);
        attach(&settings)
    })
}

/// Packets that a probe has counted: received and sent.
fn packets(attached: &Attached) -> (u64, u64) {
    let Memory::Flows(flows) = &attached.memory else { panic!("packet probes keep flows") };
    let (mut received, mut sent) = (0, 0);
    flows.each(|key, totals| {
        if key.way == Way::Ingress as u8 {
            received += totals.packets;
        } else {
            sent += totals.packets;
        }
    });
    assert_eq!(flows.other().packets, 0);
    (received, sent)
}

/// What `tc` shows of `seen`: qdiscs, and filters of both directions.
fn shown(netns: &Netns) -> String {
    let tc = |args: &str| {
        let output = run(netns.command("tc").args(args.split_whitespace()));
        String::from_utf8(output.stdout).expect("tc prints text")
    };
    tc("qdisc show dev seen") + &tc("filter show dev seen ingress") + &tc("filter show dev seen egress")
}

fn tc(netns: &Netns, args: &str) {
    run(netns.command("tc").args(args.split_whitespace()));
}

/// A filter that takes all packets away, to an interface that is called `other`.
const TAKES_ALL: &str = "u32 match u32 0 0 action mirred egress redirect dev other";

fn add_other(netns: &Netns) {
    netns.ip("link add other type bridge");
    netns.ip("link set other up");
}

/// How many packets the filters of a direction have had, as `tc` counts them.
fn had(netns: &Netns, parent: &str) -> u64 {
    let output = run(netns.command("tc").args(["-s", "filter", "show", "dev", "seen", parent]));
    let text = String::from_utf8(output.stdout).expect("tc prints text");
    let sent = text.split("Sent ").nth(1).expect("an action has statistics");
    sent.split_whitespace().nth(2).and_then(|packets| packets.parse().ok()).expect("a number of packets")
}

#[test]
fn tc_sees_packets_before_another_program_drops_them() {
    if !can_run(&["tc"]) {
        return;
    }
    // Before or after ehl in time, and wherever it wants to be.
    for (comes_first, is_first) in [(true, true), (true, false), (false, false)] {
        let mut quiet = Quiet::new();
        let another = |quiet: &Quiet| {
            [Hook::TcxIngress { is_first }, Hook::TcxEgress { is_first }]
                .map(|hook| Other::attach(quiet.namespace(), "seen", hook, Verdict::Drop))
        };
        let early = comes_first.then(|| another(&quiet));
        let attached = attach(quiet.namespace(), tc_headers::attach, |_| ()).expect("it is attached");
        let others = early.unwrap_or_else(|| another(&quiet));
        let before = others.each_ref().map(Other::packets);
        assert_eq!(before, [0, 0]);
        quiet.receive(7);
        quiet.transmit(3);
        assert_eq!((packets(&attached), others.each_ref().map(Other::packets)), ((7, 3), [7, 3]));
        drop(attached.links);
        quiet.receive(2);
        quiet.transmit(1);
        assert_eq!(others.each_ref().map(Other::packets), [9, 4]);
    }
}

#[test]
fn tc_leaves_the_filters_of_others_as_they_are() {
    if !can_run(&["tc"]) {
        return;
    }
    for by in BY_EITHER {
        let mut quiet = Quiet::new();
        let netns = quiet.namespace();
        tc(netns, "qdisc add dev seen clsact");
        add_other(netns);
        tc(netns, &format!("filter add dev seen ingress prio 10 {TAKES_ALL}"));
        tc(netns, &format!("filter add dev seen egress {TAKES_ALL}"));
        let before = shown(netns);
        let attached = attach(netns, by, |_| ()).expect("it is attached");
        quiet.receive(7);
        quiet.transmit(3);
        assert_eq!(packets(&attached), (7, 3));
        assert_eq!((had(quiet.namespace(), "ingress"), had(quiet.namespace(), "egress")), (7, 3));
        attached.links.release();
        quiet.receive(2);
        quiet.transmit(1);
        assert_eq!((had(quiet.namespace(), "ingress"), had(quiet.namespace(), "egress")), (9, 4));
        assert_eq!(shown(quiet.namespace()), before);
    }
}

#[test]
fn what_others_add_meanwhile_stays() {
    if !can_run(&["tc"]) {
        return;
    }
    let mut quiet = Quiet::new();
    let netns = quiet.namespace();
    let attached = attach(netns, tc_headers::attach_by_filters, |_| ()).expect("it is attached");
    add_other(netns);
    tc(netns, &format!("filter add dev seen ingress prio 1 {TAKES_ALL}"));
    attached.links.release();
    quiet.receive(5);
    assert_eq!(had(quiet.namespace(), "ingress"), 5);
    assert!(!shown(quiet.namespace()).contains("ehl"), "{}", shown(quiet.namespace()));
}

#[test]
fn an_interface_without_clsact_is_left_without() {
    if !can_run(&["tc"]) {
        return;
    }
    let mut quiet = Quiet::new();
    let before = shown(quiet.namespace());
    for directions in [Directions::Ingress, Directions::Egress, Directions::Both] {
        let attached = attach(quiet.namespace(), tc_headers::attach_by_filters, |settings| settings.directions = directions);
        let attached = attached.expect("it is attached");
        assert!(shown(quiet.namespace()).contains("clsact"));
        quiet.receive(4);
        quiet.transmit(2);
        let expected = match directions {
            Directions::Ingress => (4, 0),
            Directions::Egress => (0, 2),
            Directions::Both => (4, 2),
        };
        assert_eq!(packets(&attached), expected);
        drop(attached);
        assert_eq!(shown(quiet.namespace()), before);
    }
}

#[test]
fn an_ingress_qdisc_has_no_egress() {
    if !can_run(&["tc"]) {
        return;
    }
    let mut quiet = Quiet::new();
    tc(quiet.namespace(), "qdisc add dev seen ingress");
    let before = shown(quiet.namespace());
    let refused = attach(quiet.namespace(), tc_headers::attach_by_filters, |_| ()).err().expect("there is no egress");
    let reason = "seen: it has the qdisc `ingress`, which has no egress; `--direction ingress` does without";
    assert_eq!(refused.to_string(), format!("cannot attach tc-headers: {reason}"));
    assert_eq!(shown(quiet.namespace()), before);
    let ingress = attach(quiet.namespace(), tc_headers::attach_by_filters, |settings| settings.directions = Directions::Ingress);
    let ingress = ingress.expect("it is attached");
    quiet.receive(3);
    quiet.transmit(2);
    assert_eq!(packets(&ingress), (3, 0));
    drop(ingress);
    assert_eq!(shown(quiet.namespace()), before);
}

#[test]
fn two_at_a_time_do_not_touch_each_other() {
    if !can_run(&["tc"]) {
        return;
    }
    for by in BY_EITHER {
        for first_ends_first in [true, false] {
            let mut quiet = Quiet::new();
            let before = shown(quiet.namespace());
            let start = |quiet: &Quiet| attach(quiet.namespace(), by, |_| ()).expect("it is attached");
            let first = start(&quiet);
            quiet.receive(1);
            let second = start(&quiet);
            quiet.receive(2);
            quiet.transmit(1);
            assert_eq!((packets(&first), packets(&second)), ((3, 1), (2, 1)));
            let (ends, stays) = if first_ends_first { (first, second) } else { (second, first) };
            let so_far = packets(&stays);
            drop(ends);
            quiet.receive(4);
            quiet.transmit(5);
            assert_eq!(packets(&stays), (so_far.0 + 4, so_far.1 + 5));
            drop(stays);
            assert_eq!(shown(quiet.namespace()), before);
        }
    }
}

#[test]
fn what_a_killed_run_left_does_nothing_after_its_time_and_goes_with_the_next_run() {
    if !can_run(&["tc"]) {
        return;
    }
    let mut quiet = Quiet::new();
    let before = shown(quiet.namespace());
    let since = Instant::now();
    let killed = attach(quiet.namespace(), tc_headers::attach_by_filters, |settings| settings.run_time = Duration::ZERO);
    let killed = killed.expect("it is attached");
    quiet.receive(2);
    // What keeps it attached goes to nobody, as when it is killed.
    let Attached { links, memory, counters, .. } = killed;
    mem::forget(links);
    // Not yet over: a run that is there is not touched.
    drop(attach(quiet.namespace(), tc_headers::attach_by_filters, |_| ()).expect("it is attached"));
    assert!(shown(quiet.namespace()).contains("ehl:tc-headers:until="), "{}", shown(quiet.namespace()));
    let seen = wait_for("its time to be over", || {
        quiet.receive(1);
        let before = counters.read().expect("counters can be read").of(Counter::Packets);
        quiet.receive(1);
        let after = counters.read().expect("counters can be read").of(Counter::Packets);
        (before == after).then_some(after)
    });
    assert!(since.elapsed() >= Duration::from_secs(10), "it stops early");
    quiet.receive(100);
    assert_eq!(counters.read().expect("counters can be read").of(Counter::Packets), seen);
    drop(memory);
    // On another interface of the namespace.
    let next = quiet.namespace().run(|| tc_headers::attach_by_filters(&settings("lo"))).expect("it is attached");
    assert_eq!(shown(quiet.namespace()), before);
    drop(next);
}

#[test]
fn packets_without_an_ethernet_header_have_programs_of_their_own() {
    if !can_run(&["tc"]) {
        return;
    }
    for by in BY_EITHER {
        let netns = Netns::new();
        netns.run(|| {
            let _device = open_tun("tun0").expect("root may make a tun device");
            let attached = by(&settings("tun0")).expect("it is attached");
            attached.links.release();
            let refused = xdp_headers::attach(&settings("tun0")).err().expect("XDP needs Ethernet");
            let reason = "packets of tun0 have no Ethernet header, which XDP needs; `--probe tc-headers` does without";
            assert_eq!(refused.to_string(), format!("cannot attach xdp-headers: {reason}"));
        });
    }
}

#[test]
fn xdp_runs_in_the_mode_that_was_asked_for() {
    if !can_run(&[]) {
        return;
    }
    for (mode, word) in [(XdpMode::Native, "xdp"), (XdpMode::Generic, "xdpgeneric")] {
        let mut quiet = Quiet::new();
        let attached = attach(quiet.namespace(), xdp_headers::attach, |settings| settings.mode = mode).expect("it is attached");
        let link = run(quiet.namespace().command("ip").args(["link", "show", "seen"]));
        let link = String::from_utf8(link.stdout).expect("ip prints text");
        assert!(link.split_whitespace().any(|found| found == word), "{word} in {link}");
        quiet.receive(7);
        quiet.transmit(3);
        assert_eq!((packets(&attached), quiet.counted()), ((7, 0), (7, 3)));
        attached.links.release();
        let again = wait_for("the place to be free", || attach(quiet.namespace(), xdp_headers::attach, |_| ()).ok());
        quiet.receive(2);
        assert_eq!(packets(&again), (2, 0));
    }
}

#[test]
fn a_driver_without_native_xdp_is_named_with_the_way_out() {
    if !can_run(&[]) {
        return;
    }
    let netns = Netns::new();
    let refused = netns.run(|| xdp_headers::attach(&settings("lo"))).err().expect("the loopback has none");
    let expected = "cannot attach xdp-headers: the driver of lo has no native XDP; `--mode generic` works with every driver";
    assert_eq!(refused.to_string(), expected);
    let generic = netns.run(|| xdp_headers::attach(&Settings { mode: XdpMode::Generic, ..settings("lo") }));
    generic.expect("it is attached").links.release();
}

#[test]
fn an_xdp_program_of_someone_else_stays() {
    if !can_run(&[]) {
        return;
    }
    let mut quiet = Quiet::new();
    let other = Other::attach(quiet.namespace(), "seen", Hook::Xdp, Verdict::Next);
    for mode in [XdpMode::Native, XdpMode::Generic] {
        let refused = attach(quiet.namespace(), xdp_headers::attach, |settings| settings.mode = mode).err().expect("the place is taken");
        let (refused, rest) = (refused.to_string(), "and takes only one; it stays; `--probe tc-headers` can look beside it");
        assert!(refused.starts_with("cannot attach xdp-headers: seen has an XDP program, `someone_elses` (program "), "{refused}");
        assert!(refused.ends_with(rest), "{refused}");
        quiet.receive(5);
    }
    let tc = attach(quiet.namespace(), tc_headers::attach, |_| ()).expect("it is attached");
    quiet.receive(5);
    assert_eq!((other.packets(), packets(&tc)), (15, (5, 0)));
    drop(other);
    let attached = wait_for("the place to be free", || attach(quiet.namespace(), xdp_headers::attach, |_| ()).ok());
    let late = Other::try_attach(quiet.namespace(), "seen", Hook::Xdp, Verdict::Drop);
    assert!(late.is_err(), "ehl's own place is taken as well");
    quiet.receive(5);
    assert_eq!(packets(&attached), (5, 0));
    drop(attached);
    wait_for("the place to be free", || Other::try_attach(quiet.namespace(), "seen", Hook::Xdp, Verdict::Drop).ok());
}

/// How a run ends.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Deadline,
    Interrupt,
    Kill,
}

#[test]
fn others_go_on_as_before_however_it_ends() {
    if !can_run(&["tc", "bpftool"]) {
        return;
    }
    for probe in ["tc-headers", "xdp-headers"] {
        for end in [End::Deadline, End::Interrupt, End::Kill] {
            let mut quiet = Quiet::new();
            let netns = quiet.namespace();
            tc(netns, "qdisc add dev seen clsact");
            add_other(netns);
            tc(netns, &format!("filter add dev seen ingress {TAKES_ALL}"));
            let early = Other::attach(netns, "seen", Hook::TcxIngress { is_first: true }, Verdict::Next);
            let (filters, objects) = (shown(netns), Objects::now());
            let run_time = if end == End::Deadline { "2s" } else { "5m" };
            let capture = Capture::start(netns, &["capture", "--probe", probe, "-i", "seen", "--for", run_time, "--format", "ndjson"]);
            let late = Other::attach(quiet.namespace(), "seen", Hook::TcxIngress { is_first: false }, Verdict::Next);
            let had = |quiet: &Quiet| (early.packets(), late.packets(), had(quiet.namespace(), "ingress"));
            quiet.receive(5);
            assert_eq!(had(&quiet), (5, 5, 5));
            match end {
                End::Deadline => assert_eq!(capture.finish().exited(0).rows().len(), 5),
                End::Interrupt => assert_eq!(capture.stop().exited(0).rows().len(), 5),
                End::Kill => {
                    capture.signal(Signal::KILL);
                    assert_eq!(capture.finish().code, None);
                }
            }
            quiet.receive(2);
            assert_eq!(had(&quiet), (7, 7, 7), "{probe} {end:?}");
            assert_eq!(shown(quiet.namespace()), filters);
            assert_eq!(objects.left_behind(), [""; 0], "{probe} {end:?}");
        }
    }
}

#[test]
fn they_are_detached_at_once() {
    if !can_run(&[]) {
        return;
    }
    let attaches: [Attach; 3] = [tc_headers::attach, tc_headers::attach_by_filters, xdp_headers::attach];
    for by in attaches {
        let quiet = Quiet::new();
        // The machine may be busy; what takes long takes long every time.
        let fastest = (0..10).map(|_| {
            let attached = attach(quiet.namespace(), by, |_| ()).expect("it is attached");
            let since = Instant::now();
            attached.links.release();
            since.elapsed()
        });
        let fastest = fastest.min().expect("it was tried");
        assert!(fastest < Duration::from_millis(100), "{fastest:?}");
    }
}

#[test]
fn an_interface_that_disappears_hinders_nothing() {
    if !can_run(&[]) {
        return;
    }
    let attaches: [Attach; 3] = [tc_headers::attach, tc_headers::attach_by_filters, xdp_headers::attach];
    for by in attaches {
        let mut quiet = Quiet::new();
        let attached = attach(quiet.namespace(), by, |_| ()).expect("it is attached");
        quiet.receive(3);
        quiet.namespace().ip("link del seen");
        assert_eq!(packets(&attached), (3, 0));
        attached.links.release();
    }
}

#[test]
fn only_filters_need_a_capability_to_go() {
    if !can_run(&[]) {
        return;
    }
    let quiet = Quiet::new();
    let needs = |by| attach(quiet.namespace(), by, |_| ()).expect("it is attached").links.needs().len();
    assert_eq!([needs(tc_headers::attach), needs(xdp_headers::attach), needs(tc_headers::attach_by_filters)], [0, 0, 1]);
}

#[test]
fn the_default_route_tells_the_interface() {
    if !can_run(&[]) {
        return;
    }
    let netns = Netns::new();
    let found = || netns.run(default_interface).map(|(name, _)| name);
    assert_eq!(found(), None);
    netns.ip("link add six type ifb");
    netns.ip("link add four type ifb");
    netns.ip("link set six up");
    netns.ip("link set four up");
    netns.ip("-6 route add fd00::/64 dev four");
    netns.ip("-6 route add default dev six");
    assert_eq!(found().as_deref(), Some("six"));
    netns.ip("address add 10.0.0.1/24 dev four");
    netns.ip("route add unreachable default metric 1");
    netns.ip("route add default via 10.0.0.2 dev six metric 100 onlink");
    netns.ip("route add default via 10.0.0.2 dev four metric 50");
    assert_eq!(found().as_deref(), Some("four"));
    netns.ip("route del default via 10.0.0.2 dev four metric 50");
    netns.ip("route add default metric 50 nexthop via 10.0.0.2 dev four weight 1 nexthop via 10.0.0.3 dev four weight 1");
    assert_eq!(found().as_deref(), Some("four"));
}

#[test]
fn a_namespace_is_entered_by_its_name_or_by_a_process() {
    if !can_run(&[]) {
        return;
    }
    let netns = Netns::new();
    netns.ip("link add inside type ifb");
    let is_inside = || ehl::network::interfaces().expect("interfaces can be listed").iter().any(|interface| interface.name == "inside");
    let enters = |named: &str| {
        std::thread::scope(|scope| scope.spawn(|| namespace::enter(named).map(|()| is_inside())).join().expect("it does not panic"))
    };
    assert!(enters(netns.name()).expect("root may enter"));
    let mut sleeper = support::process::Running::start(netns.command("sleep").arg("60"));
    wait_for("the process to be inside", || enters(&sleeper.pid().to_string()).is_ok_and(|is_inside| is_inside).then_some(()));
    assert!(sleeper.is_running() && !is_inside());
    let unknown = enters("no-such-name").expect_err("there is none").to_string();
    assert!(unknown.starts_with("no network namespace `no-such-name`; there are "), "{unknown}");
    assert!(unknown.contains(netns.name()), "{unknown}");
}

#[test]
fn what_is_watched_is_in_the_namespace_that_was_asked_for() {
    if !can_run(&[]) {
        return;
    }
    let mut quiet = Quiet::new();
    let name = quiet.namespace().name().to_owned();
    let inside = |args: &[&str]| ehl_here(&[&["capture", "--netns", &name, "--for", "2s", "--format", "csv"], args].concat());
    let unnamed = inside(&["--probe", "tc-headers"]).exited(2);
    assert!(unnamed.stderr.contains("name one with -i: lo, seen"), "{unnamed}");
    inside(&["-i", "seen"]).exited(0);
    let mut command = Command::new(binary());
    command.args(["capture", "--netns", &name, "--probe", "tc-headers", "-i", "seen", "--for", "5m", "--format", "ndjson"]);
    let mut capture = Capture::spawn(&mut command);
    capture.wait_until("the start", |capture| capture.stdout().contains(&b'\n'));
    quiet.receive(3);
    assert_eq!(capture.stop().exited(0).rows().len(), 3);
    let unknown = ehl_here(&["capture", "--netns", "no-such-name", "--for", "1s"]).exited(2);
    assert!(unknown.stderr.contains("no network namespace `no-such-name`; there are "), "{unknown}");
}

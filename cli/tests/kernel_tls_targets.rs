//! Which processes `ehl capture --probe ssl-uprobe` sees: those that it is told, their children, those that start later.

mod support;

use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use rustix::process::Signal;
use support::capture::{Capture, ehl_here};
use support::cgroup::Cgroup;
use support::netns::Netns;
use support::outcome::Outcome;
use support::process::Running;
use support::script::python;
use support::tls::certificate::Certificates;
use support::tls::client::{Client, Kind as Asks, talk};
use support::tls::exchange::every_kind;
use support::tls::rows::{CAPTURE, Truth, rows_of};
use support::tls::server::{Kind as Serves, Server};
use support::{can_run, wait_for};

/// All rows there are, of whatever process.
fn pids_of(outcome: &Outcome) -> Vec<u64> {
    let mut pids: Vec<_> = outcome.rows().iter().map(|row| row["pid"].as_u64().expect("a pid")).collect();
    pids.sort_unstable();
    pids.dedup();
    pids
}

#[test]
fn a_pid_is_that_process_and_its_children_and_no_other() {
    if !can_run(&["nginx", "curl"]) {
        return;
    }
    let netns = Netns::new();
    let certificates = Certificates::make();
    let mut server = Server::start(&netns, Serves::Nginx(2), &certificates);
    let master = server.pid().to_string();
    let capture = Capture::start(&netns, &[&CAPTURE[..], &["--pid", &master]].concat());
    let requests = every_kind("pid");
    let talks = [talk(&netns, Asks::Curl, "127.0.0.1", &certificates, &requests)];
    let logged = server.finish(&talks);
    let mut workers: Vec<_> = logged.iter().map(|exchange| exchange.pid).collect();
    workers.sort_unstable();
    workers.dedup();
    let outcome = capture.stop().exited(0);
    assert_eq!(pids_of(&outcome), workers);
    assert_eq!(outcome.rows().len(), requests.len(), "{outcome}");
}

#[test]
fn a_pid_has_children_that_start_later() {
    if !can_run(&["nginx", "curl"]) {
        return;
    }
    let netns = Netns::new();
    let certificates = Certificates::make();
    let _server = Server::start(&netns, Serves::Nginx(1), &certificates);
    let mut shell = Running::start(netns.command("sh").stdin(Stdio::piped()));
    let mut stdin = shell.child().stdin.take().expect("stdin is piped");
    let capture = Capture::start(&netns, &[&CAPTURE[..], &["--pid", &shell.pid().to_string()]].concat());
    let authority = certificates.file("authority.pem");
    let curl = format!("curl --disable --silent --output /dev/null --cacert {authority} https://127.0.0.1:8080/s404/child");
    // Of the second, the shell is not the parent but the grandparent.
    write!(stdin, "{curl}\n(sleep 0; {curl}; sleep 0)\n").expect("the shell reads");
    drop(stdin);
    assert!(shell.wait().success());
    let outcome = capture.stop().exited(0);
    let rows = outcome.rows();
    assert!(rows.iter().all(|row| row["comm"] == "curl" && row["path"] == "/s404/child" && row["status"] == 404), "{outcome}");
    assert_eq!((rows.len(), pids_of(&outcome).len()), (2, 2), "{outcome}");
}

#[test]
fn a_name_is_the_processes_of_that_name() {
    if !can_run(&["nginx", "curl", &python()]) {
        return;
    }
    let netns = Netns::new();
    let certificates = Certificates::make();
    let server = Server::start(&netns, Serves::Nginx(1), &certificates);
    let capture = Capture::start(&netns, &[&CAPTURE[..], &["--comm", "curl"]].concat());
    let requests = every_kind("comm");
    let asked = talk(&netns, Asks::Curl, "127.0.0.1", &certificates, &requests);
    talk(&netns, Asks::Python("http.client"), "127.0.0.1", &certificates, &requests);
    drop(server);
    let outcome = capture.stop().exited(0);
    assert!(outcome.rows().iter().all(|row| row["comm"] == "curl"), "{outcome}");
    assert_eq!(rows_of(&outcome, [asked.pid]).len(), requests.len(), "{outcome}");
}

#[test]
fn exchanges_of_other_ports_are_no_rows() {
    if !can_run(&["nginx", "curl"]) {
        return;
    }
    let netns = Netns::new();
    let certificates = Certificates::make();
    let server = Server::start(&netns, Serves::Nginx(1), &certificates);
    let [other, right] = ["9999", "80,8000-8999"].map(|port| Capture::start(&netns, &[&CAPTURE[..], &["--port", port]].concat()));
    let talks = [talk(&netns, Asks::Curl, "127.0.0.1", &certificates, &every_kind("port"))];
    let logged = server.finish(&talks);
    let outcome = right.stop().exited(0);
    Truth { talks: &talks, logged: &logged, comm: "nginx", server_has_addresses: true }.assert_rows(&outcome);
    let outcome = other.stop().exited(0);
    assert!(rows_of(&outcome, [talks[0].pid, logged[0].pid]).is_empty(), "{outcome}");
}

#[test]
fn workers_that_take_over_from_others_are_seen() {
    if !can_run(&["nginx", &python()]) {
        return;
    }
    let netns = Netns::new();
    let certificates = Certificates::make();
    let mut server = Server::start(&netns, Serves::Nginx(1), &certificates);
    let mut client = Client::start(&netns, Asks::Python("http.client"), "127.0.0.1", &certificates);
    let capture = Capture::start(&netns, &CAPTURE);
    let before = client.ask(&every_kind("before"));
    let children = format!("/proc/{0}/task/{0}/children", server.pid());
    let old = std::fs::read_to_string(&children).expect("nginx runs");
    server.signal(Signal::HUP);
    wait_for("another worker alone", || {
        let now = std::fs::read_to_string(&children).expect("nginx runs");
        (now.split_whitespace().count() == 1 && now != old).then_some(())
    });
    let after = client.ask(&every_kind("after"));
    client.finish();
    let talks = [before, after];
    let logged = server.finish(&talks);
    let outcome = capture.stop().exited(0);
    Truth { talks: &talks, logged: &logged, comm: "nginx", server_has_addresses: true }.assert_rows(&outcome);
}

#[test]
fn a_process_in_a_container_has_its_id() {
    if !can_run(&["nginx", &python()]) {
        return;
    }
    let Some(cgroup) = Cgroup::of_container() else {
        assert!(std::env::var_os("EHL_REQUIRE_KERNEL").is_none(), "kernel tests are required, but there is no cgroup of version 2");
        return;
    };
    let netns = Netns::new();
    let certificates = Certificates::make();
    let server = Server::start(&netns, Serves::Nginx(1), &certificates);
    let mut client = Client::start(&netns, Asks::Python("http.client"), "127.0.0.1", &certificates);
    cgroup.take_in(client.process().pid());
    let capture = Capture::start(&netns, &[&CAPTURE[..8], &["pid,path,container_id"]].concat());
    let talks = [client.ask(&every_kind("contained"))];
    client.finish();
    let outcome = capture.stop().exited(0);
    let logged = server.finish(&talks);
    let containers = |pid| rows_of(&outcome, [pid]).into_iter().map(|row| row["container_id"].clone()).collect::<Vec<_>>();
    assert_eq!(containers(talks[0].pid), vec![cgroup.container.clone(); logged.len()]);
    assert_eq!(containers(logged[0].pid), vec![serde_json::Value::Null; logged.len()]);
}

#[test]
fn a_process_that_has_gone_is_no_target() {
    if !can_run(&["true"]) {
        return;
    }
    let mut gone = Running::start(&mut std::process::Command::new("true"));
    gone.wait();
    let pid = gone.pid().to_string();
    assert!(!Path::new("/proc").join(&pid).exists());
    let outcome = ehl_here(&["capture", "--probe", "ssl-uprobe", "--for", "1s", "--pid", &pid]);
    assert!(outcome.code.is_some_and(|code| code != 0), "{outcome}");
    assert!(outcome.stderr.contains(&pid), "{outcome}");
}

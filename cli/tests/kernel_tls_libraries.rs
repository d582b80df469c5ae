//! Which copies of libssl `ehl capture --probe ssl-uprobe` sees: those in use, wherever they are and whatever became of their
//! files, those that it is told, those that come into use.

mod support;

use std::time::{Duration, Instant};

use serde_json::Value;
use support::capture::{Capture, ehl_here};
use support::netns::Netns;
use support::tls::certificate::{Certificates, text};
use support::tls::client::{Kind as Asks, Talk, talk};
use support::tls::exchange::{Request, plain};
use support::tls::openssl::Root;
use support::tls::rows::{CAPTURE, Truth, rows_of};
use support::tls::s_client::s_client_of;
use support::tls::server::Server;
use support::{HANG, can_run};

const TOOLS: [&str; 5] = ["openssl", "curl", "chroot", "ldd", "find"];

/// Asked by curl, of a server of files with an own libssl; the rows are those of both.
#[track_caller]
fn assert_seen(netns: &Netns, server: Server, certificates: &Certificates, capture: Capture) {
    let requests = plain("own");
    server.provide(&requests);
    let talks = [talk(netns, Asks::Curl, "127.0.0.1", certificates, &requests)];
    let logged = server.finish(&talks);
    let outcome = capture.stop().exited(0);
    Truth { talks: &talks, logged: &logged, comm: "openssl", server_has_addresses: false }.assert_rows(&outcome);
}

#[test]
fn a_process_in_a_chroot_with_a_libssl_of_its_own_is_seen() {
    if !can_run(&TOOLS) {
        return;
    }
    let netns = Netns::new();
    let certificates = Certificates::make();
    let root = Root::make(&certificates);
    let server = root.chrooted_s_server(&netns);
    let capture = Capture::start(&netns, &CAPTURE);
    assert_seen(&netns, server, &certificates, capture);
}

#[test]
fn a_libssl_that_is_in_a_mount_namespace_only_is_seen() {
    if !can_run(&TOOLS) {
        return;
    }
    let netns = Netns::new();
    let certificates = Certificates::make();
    let root = Root::make(&certificates);
    let server = root.s_server_with_libraries_out_of_sight(&netns);
    let hidden = root.path("hidden/libssl.so.3");
    assert!(!hidden.exists(), "{} is to be seen by its process alone", hidden.display());
    let capture = Capture::start(&netns, &CAPTURE);
    assert_seen(&netns, server, &certificates, capture);
}

#[test]
fn of_a_libssl_in_a_chroot_processes_that_start_later_are_seen() {
    if !can_run(&TOOLS) {
        return;
    }
    let netns = Netns::new();
    let certificates = Certificates::make();
    let root = Root::make(&certificates);
    let server = root.chrooted_s_server(&netns);
    let capture = Capture::start(&netns, &CAPTURE);
    let requests = [Request::get("/s200/later").last()];
    server.provide(&requests);
    let (pid, answers) = s_client_of(root.chrooted(&netns), "127.0.0.1", "/authority.pem", &requests);
    let talks = [Talk::new(Asks::SClient, "127.0.0.1", pid, "openssl".into(), &requests, answers)];
    let logged = server.finish(&talks);
    let outcome = capture.stop().exited(0);
    Truth { talks: &talks, logged: &logged, comm: "openssl", server_has_addresses: false }.assert_rows(&outcome);
}

#[test]
fn a_libssl_that_is_first_used_during_the_run_is_soon_seen() {
    if !can_run(&TOOLS) {
        return;
    }
    let netns = Netns::new();
    let certificates = Certificates::make();
    let root = Root::make(&certificates);
    let capture = Capture::start(&netns, &CAPTURE);
    let mut server = root.chrooted_s_server(&netns);
    let pid = server.pid();
    let requests = [Request::get("/s200/later").last()];
    server.provide(&requests);
    let since = Instant::now();
    let is_seen = || String::from_utf8_lossy(&capture.stdout()).lines().any(|line| line.contains(&format!("\"pid\":{pid},")));
    while !is_seen() {
        assert!(since.elapsed() < HANG, "the server in the chroot is not seen");
        talk(&netns, Asks::Curl, "127.0.0.1", &certificates, &requests);
        std::thread::sleep(Duration::from_millis(300));
    }
    let rows = rows_of(&capture.stop().exited(0), [pid.into()]);
    assert!(rows.iter().all(|row| row["path"] == "/s200/later" && row["status"] == 200), "{rows:#?}");
}

#[test]
fn a_libssl_that_was_upgraded_under_its_users_is_seen() {
    if !can_run(&TOOLS) {
        return;
    }
    let netns = Netns::new();
    let certificates = Certificates::make();
    let root = Root::make(&certificates);
    let server = root.s_server_with_libraries(&netns);
    root.upgrade_libssl();
    let capture = Capture::start(&netns, &CAPTURE);
    assert_seen(&netns, server, &certificates, capture);
}

#[test]
fn a_libssl_that_was_removed_under_its_users_is_seen() {
    if !can_run(&TOOLS) {
        return;
    }
    let netns = Netns::new();
    let certificates = Certificates::make();
    let root = Root::make(&certificates);
    let server = root.s_server_with_libraries(&netns);
    std::fs::remove_file(root.libssl()).expect("the library is removed");
    let capture = Capture::start(&netns, &CAPTURE);
    assert_seen(&netns, server, &certificates, capture);
}

#[test]
fn a_library_that_is_named_is_seen_from_its_first_user_on() {
    if !can_run(&TOOLS) {
        return;
    }
    let netns = Netns::new();
    let certificates = Certificates::make();
    let root = Root::make(&certificates);
    let library = text(&root.libssl());
    let capture = Capture::start(&netns, &[&CAPTURE[..], &["--lib", &library]].concat());
    let mut server = root.s_server_with_libraries(&netns);
    let pid = server.pid();
    let requests = plain("named");
    server.provide(&requests);
    talk(&netns, Asks::Curl, "127.0.0.1", &certificates, &requests);
    drop(server);
    let rows = rows_of(&capture.stop().exited(0), [pid.into()]);
    let paths: Vec<_> = rows.iter().filter_map(|row| row["path"].as_str()).collect();
    assert_eq!(paths, ["/s200/named/0", "/s200/named/1", "/s200/named/2"]);
}

#[test]
fn what_is_named_and_is_no_such_library_is_said() {
    if !can_run(&[]) {
        return;
    }
    for file in ["/etc/passwd", "/nosuch/libssl.so"] {
        let outcome = ehl_here(&["capture", "--probe", "ssl-uprobe", "--for", "1s", "--lib", file]);
        assert!(outcome.code.is_some_and(|code| code != 0), "{file}: {outcome}");
        assert!(outcome.stderr.contains(file), "{file}: {outcome}");
        assert!(outcome.stdout.is_empty(), "{file}: {outcome}");
    }
}

/// What is probed is chosen by its code, in which another run has its breakpoints.
#[test]
fn the_places_are_the_same_while_another_run_is_attached_there() {
    if !can_run(&TOOLS) {
        return;
    }
    let places = || {
        let listed = ehl_here(&["probes", "--format", "json"]).exited(0).stdout;
        let document: Value = serde_json::from_slice(&listed).expect("one document");
        let rows = document["rows"].as_array().expect("a list").clone();
        let sites = rows.into_iter().find(|row| row["name"] == "ssl-uprobe").expect("it is listed")["sites"].clone();
        let is_system = |site: &&Value| site.as_str().is_some_and(|site| site.contains("/libssl.so"));
        sites.as_array().expect("a list").iter().filter(is_system).cloned().collect::<Vec<_>>()
    };
    let netns = Netns::new();
    let alone = places();
    assert!(alone.len() >= 4, "{alone:?}");
    let capture = Capture::start(&netns, &CAPTURE);
    assert_eq!(places(), alone);
    capture.stop().exited(0);
}

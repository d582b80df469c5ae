//! The servers.

use std::fs::File;
use std::path::{Path, PathBuf};

use rustix::process::Signal;

use super::certificate::Certificates;
use super::client::Talk;
use super::exchange::{Exchange, Request};
use super::node::Node;
use super::openssl::s_server;
use crate::support::netns::Netns;
use crate::support::nginx::Nginx;
use crate::support::outcome::ndjson;
use crate::support::process::{Running, comm_of, wait_until_listening};
use crate::support::script::Script;
use crate::support::wait_for;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// With so many workers; speaks HTTP/2 to who asks for it.
    Nginx(usize),
    /// A kind of `tls_server.py`.
    Python(&'static str),
    /// A kind of `tls_server.js`.
    Node(Node, &'static str),
    /// `openssl s_server -WWW`: files, one connection after the other, each for one request.
    SServer,
}

impl Kind {
    /// Whether it serves more than files, and more than one request on a connection.
    pub(crate) fn is_whole(self) -> bool {
        !matches!(self, Self::SServer)
    }

    pub(crate) fn speaks_http2(self) -> bool {
        matches!(self, Self::Nginx(_) | Self::Node(_, "http2"))
    }
}

/// A running server, whose folder is that of its certificates.
pub(crate) struct Server {
    folder: PathBuf,
    process: Process,
    pub(crate) comm: String,
}

enum Process {
    Nginx(Nginx),
    Script(Script),
    Logless(Running),
}

impl Server {
    pub(crate) fn start(netns: &Netns, kind: Kind, certificates: &Certificates) -> Self {
        let folder = certificates.file("");
        let process = match kind {
            Kind::Nginx(workers) => Process::Nginx(nginx(netns, workers, certificates)),
            Kind::Python(kind) => Process::Script(Script::start(netns, "tls_server.py", &[kind, &folder])),
            Kind::Node(node, kind) => Process::Script(node.script(netns, "tls_server.js", &[kind, &folder])),
            Kind::SServer => return Self::of_files(s_server(netns, certificates), certificates.folder()),
        };
        Self::listening(process, certificates.folder())
    }

    /// A process that serves the files of a folder, and has no log.
    pub(crate) fn of_files(process: Running, folder: &Path) -> Self {
        Self::listening(Process::Logless(process), folder)
    }

    fn listening(process: Process, folder: &Path) -> Self {
        let mut server = Self { folder: folder.into(), process, comm: String::new() };
        match &mut server.process {
            // It has waited itself.
            Process::Nginx(_) => {}
            Process::Script(script) => wait_until_listening(script.process(), 8080),
            Process::Logless(running) => wait_until_listening(running, 8080),
        }
        server.comm = comm_of(server.pid());
        server
    }

    /// Of the process that was started; nginx serves from children of it.
    pub(crate) fn pid(&mut self) -> u32 {
        match &mut self.process {
            Process::Nginx(nginx) => nginx.pid(),
            Process::Script(script) => script.process().pid(),
            Process::Logless(running) => running.pid(),
        }
    }

    /// Files for `openssl s_server` to serve.
    pub(crate) fn provide(&self, requests: &[Request]) {
        requests.iter().for_each(|request| self.provide_file(&request.path[1..], b"the file\n"));
    }

    /// A file for nginx or `openssl s_server` to serve.
    pub(crate) fn provide_file(&self, path: &str, content: &[u8]) {
        let file = self.folder.join(path);
        std::fs::create_dir_all(file.parent().expect("a file is in a folder")).expect("the folder is made");
        std::fs::write(file, content).expect("the file is written");
    }

    pub(crate) fn signal(&self, signal: Signal) {
        match &self.process {
            Process::Nginx(nginx) => nginx.signal(signal),
            Process::Script(_) => panic!("a script ends with its stdin"),
            Process::Logless(running) => running.signal(signal),
        }
    }

    pub(crate) fn is_running(&mut self) -> bool {
        match &mut self.process {
            Process::Nginx(nginx) => nginx.is_running(),
            Process::Script(script) => script.process().is_running(),
            Process::Logless(running) => running.is_running(),
        }
    }

    /// Waits until a script has logged so many requests.
    #[track_caller]
    pub(crate) fn wait_for_logged(&self, count: usize) {
        let log = self.folder.join("log");
        let logged = || std::fs::read_to_string(&log).is_ok_and(|log| log.lines().count() >= count);
        wait_for("requests to be logged", || logged().then_some(()));
    }

    /// Lets go the answers that are held half way.
    pub(crate) fn release(&self) {
        File::create(self.folder.join("release")).expect("the file is made");
    }

    /// Ends the server, and returns what it logged; of one without a log, what its clients say.
    #[track_caller]
    pub(crate) fn finish(mut self, talks: &[Talk]) -> Vec<Exchange> {
        let pid = self.pid();
        let log = match self.process {
            Process::Nginx(nginx) => nginx.exchanges_log(),
            Process::Script(script) => {
                script.finish();
                std::fs::read(self.folder.join("log")).expect("the server wrote its log")
            }
            Process::Logless(_) => {
                let exchanges = talks.iter().flat_map(|talk| talk.exchanges.iter());
                return exchanges.map(|exchange| Exchange { pid: pid.into(), client: None, ..exchange.clone() }).collect();
            }
        };
        ndjson(&log).iter().map(Exchange::logged).collect()
    }
}

fn nginx(netns: &Netns, workers: usize, certificates: &Certificates) -> Nginx {
    let [certificate, key] = ["certificate.pem", "key.pem"].map(|name| certificates.file(name));
    // What is sent goes to files, and what is in files is sent.
    let folder = certificates.file("");
    let files = format!(
        "location /s200/files/ {{ root {folder}; }} location /s201/up/ {{ dav_methods PUT; create_full_put_path on; root {folder}; }}"
    );
    let listen = format!("listen 8080 ssl http2; listen [::]:8080 ssl http2; ssl_certificate {certificate}; ssl_certificate_key {key};");
    Nginx::start_with(netns, workers, &listen, &files)
}

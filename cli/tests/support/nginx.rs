//! A real nginx with a folder of its own, whose access log says what was really asked and answered.

use std::path::PathBuf;
use std::process::Stdio;

use rustix::process::Signal;
use tempfile::TempDir;

use super::netns::Netns;
use super::process::{Running, wait_until_listening};

/// Listens on port 8080 of both address families; `/sNNN/...` answers with status NNN.
pub(crate) struct Nginx {
    process: Running,
    folder: TempDir,
}

/// The statuses that `/sNNN/...` can be asked for.
pub(crate) const STATUSES: [u16; 17] = [200, 201, 202, 204, 301, 302, 304, 400, 401, 403, 404, 409, 410, 429, 500, 502, 503];

impl Nginx {
    /// Started inside a namespace with `server` as further lines of its one server block.
    pub(crate) fn start(netns: &Netns, server: &str) -> Self {
        Self::start_on(netns, "listen 8080; listen [::]:8080;", server)
    }

    /// The same with its own `listen` lines (port 8080, IPv4 among them).
    pub(crate) fn start_on(netns: &Netns, listen: &str, server: &str) -> Self {
        Self::start_with(netns, 1, listen, server)
    }

    /// The same with so many worker processes.
    pub(crate) fn start_with(netns: &Netns, workers: usize, listen: &str, server: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder for nginx");
        let config = folder.path().join("nginx.conf");
        std::fs::write(&config, configuration(workers, listen, server)).expect("the configuration is written");
        let mut nginx = netns.command("nginx");
        nginx.arg("-p").arg(folder.path()).arg("-c").arg(&config).args(["-e", "error.log"]);
        let mut process = Running::start(nginx.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()));
        wait_until_listening(&mut process, 8080);
        Self { process, folder }
    }

    /// Of the master, whose children are the workers.
    pub(crate) fn pid(&self) -> u32 {
        self.process.pid()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.process.is_running()
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    /// Ends nginx when its connections are done, and returns the access log: `METHOD TARGET STATUS HOST` a line.
    pub(crate) fn access_log(self) -> Vec<String> {
        self.log("access.log")
    }

    /// The same with more of each exchange: `CLIENT-PORT METHOD TARGET STATUS AUTHORITY BYTES-SENT`, sorted.
    pub(crate) fn detailed_log(self) -> Vec<String> {
        let mut lines = self.log("detailed.log");
        lines.sort();
        lines
    }

    /// The same as lines of JSON, with the worker's pid and the client's address.
    pub(crate) fn exchanges_log(self) -> Vec<u8> {
        self.log("exchanges.log").join("\n").into_bytes()
    }

    /// How many exchanges are logged so far.
    pub(crate) fn logged(&self) -> usize {
        std::fs::read_to_string(self.folder.path().join("access.log")).map_or(0, |log| log.lines().count())
    }

    fn log(mut self, name: &str) -> Vec<String> {
        self.process.signal(Signal::QUIT);
        self.process.wait();
        let log = std::fs::read_to_string(self.folder.path().join(name)).expect("nginx wrote its log");
        log.lines().map(str::to_owned).collect()
    }
}

/// A killed master would leave its worker behind: it is asked to end instead.
impl Drop for Nginx {
    fn drop(&mut self) {
        if self.process.is_running() {
            self.process.signal(Signal::TERM);
            self.process.wait();
        }
    }
}

fn configuration(workers: usize, listen: &str, server: &str) -> String {
    let statuses: String = STATUSES.iter().map(|status| location(*status)).collect();
    format!(
        "daemon off; worker_processes {workers}; user root; pid nginx.pid;
        events {{ worker_connections 1024; }}
        http {{
            log_format rows '$request_method $request_uri $status $host';
            log_format details '$remote_port $request_method $request_uri $status $http_host $bytes_sent';
            log_format exchanges escape=json '{{\"pid\":$pid,\"client\":\"$remote_addr\",\"client_port\":$remote_port,\"method\":\"$request_method\",\"path\":\"$request_uri\",\"status\":$status,\"host\":\"$http_host\"}}';
            access_log access.log rows; access_log detailed.log details; access_log exchanges.log exchanges;
            client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
            uwsgi_temp_path uwsgi; scgi_temp_path scgi;
            keepalive_requests 1000000; large_client_header_buffers 8 64k; client_max_body_size 0;
            server {{ {listen} {server} {statuses} }}
        }}"
    )
}

fn location(status: u16) -> String {
    let answer = match status {
        204 | 304 => String::new(),
        301 | 302 => "http://elsewhere.example/".into(),
        _ => format!("\"answer {status} to $request_uri\\n\""),
    };
    format!("location /s{status}/ {{ return {status} {answer}; }}\n")
}

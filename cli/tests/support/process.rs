//! A child process that does not outlive its test, and what `/proc` says about it.

use std::process::{Child, Command, ExitStatus};

use rustix::process::{Pid, Signal, kill_process};

use super::wait_for;

/// Killed and reaped on drop.
pub(crate) struct Running(Child);

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        Self(command.spawn().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}")))
    }

    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.0
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw).expect("a child has a pid");
        kill_process(pid, signal).expect("the child is there to be signalled");
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.0.try_wait().expect("a child can be waited for").is_none()
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        wait_for("a process to end", || self.0.try_wait().expect("a child can be waited for"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits until something listens on `port` in the network namespace of `process`, without connecting to it.
pub(crate) fn wait_until_listening(process: &mut Running, port: u16) {
    let local = format!(":{port:04X} ");
    let listens = |line: &str| line.contains(&local) && line.split_whitespace().nth(3) == Some("0A");
    wait_for(&format!("a listener on port {port}"), || {
        assert!(process.is_running(), "the server on port {port} ended");
        let tables = ["tcp", "tcp6"].map(|table| format!("/proc/{}/net/{table}", process.pid()));
        let sockets = tables.map(|table| std::fs::read_to_string(table).unwrap_or_default()).concat();
        sockets.lines().any(listens).then_some(())
    });
}

/// The values of `field` in `/proc/PID/status`, one per thread; empty once the process is gone.
pub(crate) fn status_of_threads(pid: u32, field: &str) -> Vec<String> {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{pid}/task")) else {
        return Vec::new();
    };
    let statuses = threads.flatten().filter_map(|thread| std::fs::read_to_string(thread.path().join("status")).ok());
    statuses.filter_map(|status| value_of(&status, field)).collect()
}

/// The name of a process, as rows have it.
pub(crate) fn comm_of(pid: u32) -> String {
    let comm = std::fs::read_to_string(format!("/proc/{pid}/comm")).expect("the process runs");
    comm.trim_end().to_owned()
}

/// The most memory that was ever resident, in bytes.
pub(crate) fn peak_resident_bytes(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("the process runs");
    let peak = value_of(&status, "VmHWM").expect("a process has a high water mark");
    let kib: u64 = peak.trim_end_matches(" kB").trim().parse().expect("a number of KiB");
    kib * 1024
}

fn value_of(status: &str, field: &str) -> Option<String> {
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
    Some(line.trim().to_owned())
}

/// How many AF_PACKET sockets there are in the network namespace of a process.
pub(crate) fn packet_sockets(pid: u32) -> usize {
    let table = std::fs::read_to_string(format!("/proc/{pid}/net/packet")).expect("the process runs");
    table.lines().skip(1).count()
}

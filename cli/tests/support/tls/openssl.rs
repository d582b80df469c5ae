//! `openssl` with libraries of its own, and a server that is confined.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::certificate::{Certificates, text};
use super::server::Server;
use crate::support::netns::{Netns, run};
use crate::support::process::Running;

const S_SERVER: &str = "s_server -quiet -WWW -accept 8080 -cert certificate.pem -key key.pem";

/// `openssl s_server` where the certificates are.
pub(crate) fn s_server(netns: &Netns, certificates: &Certificates) -> Running {
    let mut command = netns.command("openssl");
    start(command.args(S_SERVER.split(' ')).current_dir(certificates.folder()))
}

/// A folder that can be a root: with `openssl`, all libraries that it needs, and the certificates.
pub(crate) struct Root(TempDir);

impl Root {
    pub(crate) fn make(certificates: &Certificates) -> Self {
        let root = Self(tempfile::tempdir().expect("a folder for a root"));
        let program = run(Command::new("which").arg("openssl")).stdout;
        let program = String::from_utf8(program).expect("a path of plain letters");
        let needed = run(Command::new("ldd").arg(program.trim())).stdout;
        let needed = String::from_utf8(needed).expect("paths of plain letters");
        for path in needed.split_whitespace().filter(|word| word.starts_with('/')) {
            root.copy(Path::new(path), path);
        }
        root.copy(Path::new(program.trim()), "/openssl");
        for name in ["certificate.pem", "key.pem", "authority.pem"] {
            root.copy(&certificates.folder().join(name), name);
        }
        root
    }

    fn copy(&self, from: &Path, to: &str) {
        let to = self.path(to);
        std::fs::create_dir_all(to.parent().expect("a file is in a folder")).expect("the folder is made");
        std::fs::copy(from, to).expect("the file is copied");
    }

    pub(crate) fn path(&self, inside: &str) -> PathBuf {
        self.0.path().join(inside.trim_start_matches('/'))
    }

    /// Its libssl, as it is named outside.
    pub(crate) fn libssl(&self) -> PathBuf {
        let found = run(Command::new("find").arg(self.0.path()).args(["-name", "libssl.so*"])).stdout;
        String::from_utf8(found).expect("a path of plain letters").trim().into()
    }

    /// What replaces a file does not change the one that is in use.
    pub(crate) fn upgrade_libssl(&self) {
        let libssl = self.libssl();
        let new = libssl.with_extension("new");
        std::fs::copy(&libssl, &new).expect("the library is copied");
        std::fs::rename(new, libssl).expect("the library is replaced");
    }

    /// `openssl` with this as its root.
    pub(crate) fn chrooted(&self, netns: &Netns) -> Command {
        let mut command = netns.command("chroot");
        command.arg(self.0.path()).arg("/openssl");
        command
    }

    pub(crate) fn chrooted_s_server(&self, netns: &Netns) -> Server {
        Server::of_files(start(self.chrooted(netns).args(S_SERVER.split(' '))), self.0.path())
    }

    /// `openssl s_server` of the host with the libraries in here.
    pub(crate) fn s_server_with_libraries(&self, netns: &Netns) -> Server {
        let libssl = self.libssl();
        let libraries = libssl.parent().expect("a file is in a folder");
        let mut command = netns.command("openssl");
        command.args(S_SERVER.split(' ')).current_dir(self.0.path()).env("LD_LIBRARY_PATH", libraries);
        Server::of_files(start(&mut command), self.0.path())
    }

    /// The same with copies of the libraries that are in its own mount namespace only.
    pub(crate) fn s_server_with_libraries_out_of_sight(&self, netns: &Netns) -> Server {
        let libssl = self.libssl();
        let libraries = libssl.parent().expect("a file is in a folder");
        // Entering a network namespace by its name comes with a mount namespace.
        let script = format!(
            "mkdir hidden && mount -t tmpfs none hidden && cp \"$0\"/* hidden && LD_LIBRARY_PATH=$PWD/hidden exec openssl {S_SERVER}"
        );
        let mut command = netns.command("sh");
        command.args(["-c", &script]).arg(libraries).current_dir(self.0.path());
        Server::of_files(start(&mut command), self.0.path())
    }
}

/// A server of a few lines that is killed for any system call that it does not need.
pub(crate) fn confined(netns: &Netns, certificates: &Certificates) -> Server {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/c/confined.c");
    let program = certificates.folder().join("confined");
    run(Command::new("cc").arg(source).arg("-o").arg(&program).args(["-l:libssl.so.3", "-l:libcrypto.so.3"]));
    let process = start(netns.command(text(&program)).arg(certificates.folder()));
    Server::of_files(process, certificates.folder())
}

fn start(command: &mut Command) -> Running {
    Running::start(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()))
}

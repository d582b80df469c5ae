//! A certificate authority that lives as long as a test, and a server's certificate.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::support::netns::run;

const NEW_KEY: [&str; 6] = ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
const NAMES: &str = "basicConstraints=CA:FALSE\nsubjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1\n";

/// A folder with `authority.pem`, and the server's `certificate.pem` and `key.pem` for this host's own names.
pub(crate) struct Certificates(TempDir);

impl Certificates {
    pub(crate) fn make() -> Self {
        let folder = tempfile::tempdir().expect("a folder for certificates");
        let openssl = |args: &[&str]| run(Command::new("openssl").args(args).current_dir(folder.path()));
        let authority = ["-x509", "-days", "2", "-subj", "/CN=authority of a test", "-keyout", "authority.key", "-out", "authority.pem"];
        let extensions = ["-addext", "keyUsage=critical,keyCertSign"];
        openssl(&[&NEW_KEY[..], &authority, &extensions].concat());
        openssl(&[&NEW_KEY[..], &["-subj", "/CN=localhost", "-keyout", "key.pem", "-out", "request.pem"]].concat());
        std::fs::write(folder.path().join("names"), NAMES).expect("the extensions are written");
        let signed = "x509 -req -days 2 -in request.pem -out certificate.pem -extfile names";
        let by = "-CA authority.pem -CAkey authority.key -CAcreateserial";
        openssl(&signed.split(' ').chain(by.split(' ')).collect::<Vec<_>>());
        Self(folder)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.0.path()
    }

    /// A file in the folder, as an argument.
    pub(crate) fn file(&self, name: &str) -> String {
        text(&self.folder().join(name))
    }
}

pub(crate) fn text(path: &Path) -> String {
    PathBuf::from(path).into_os_string().into_string().expect("a path of plain letters")
}

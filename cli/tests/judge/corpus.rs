//! Captures of others, and where tshark and ehl read them differently.

use std::fs;
use std::path::{Path, PathBuf};

use crate::needed::skipped;
use crate::reading::Difference;

/// A difference that stays, and why ehl is right.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) capture: &'static str,
    pub(crate) connection: &'static str,
    pub(crate) tshark: &'static str,
    pub(crate) ehl: &'static str,
    /// What it is about, as it stands in the capture.
    pub(crate) bytes: &'static [u8],
    #[expect(dead_code, reason = "shown when it fails")]
    pub(crate) section: &'static str,
    #[expect(dead_code, reason = "shown when it fails")]
    pub(crate) reason: &'static str,
}

/// As told by tshark 4.0.
pub(crate) const DIFFERENCES: &[Known] = &[
    Known {
        capture: "261_variant-09-te_obs_fold.pcap",
        connection: "192.168.1.100:40009 > 192.168.1.200:80",
        tshark: "POST target / -> ",
        ehl: "POST target /, GET target /smuggled-obsfold -> ",
        bytes: b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\nGET /smuggled-obsfold HTTP/1.1\r\n",
        section: "RFC 9112 section 5.2",
        reason: "a server that does not refuse a folded value replaces the fold with spaces: the coding is chunked, and the body \
                 is over after its last chunk. tshark unfolds no framing, and shows the next request as body.",
    },
    Known {
        capture: "query-method.pcap",
        connection: "10.0.0.1:54321 > 10.0.0.2:80",
        tshark: " -> 200",
        ehl: "QUERY example.com /users -> 200",
        bytes: b"QUERY /users HTTP/1.1\r\nHost: example.com\r\n",
        section: "RFC 9110 section 9.1",
        reason: "a method is any token. tshark has a list of methods, and takes a request with another one for no request.",
    },
    Known {
        capture: "methods.pcap",
        connection: "128.2.6.136:46565 > 173.194.75.103:80",
        tshark: "OPTIONS www.google.com  -> 400",
        ehl: " -> 400",
        bytes: b"OPTIONS\nHost: www.google.com\n\n",
        section: "RFC 9112 section 3",
        reason: "a request line is a method, a space and a target, and one of HTTP/0.9 too. A word alone is the start of a line in \
                 many protocols; tshark has only the word to go by.",
    },
];

impl Known {
    pub(crate) fn is(&self, found: &Difference) -> bool {
        let Difference { capture, connection, tshark, ehl } = found;
        capture == self.capture && connection == self.connection && tshark == self.tshark && ehl == self.ehl
    }
}

/// The captures in order of their names; `None`, and a word about it, when they are not here.
pub(crate) fn captures() -> Option<Vec<PathBuf>> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpora");
    let directory = std::env::var_os("EHL_CORPORA").map_or_else(beside, PathBuf::from).join("http-pcap");
    let Ok(entries) = fs::read_dir(&directory) else {
        skipped(&format!(
            "no captures in {}; name their place with EHL_CORPORA. Traffic that nobody made up for ehl is not read then",
            directory.display()
        ));
        return None;
    };
    let files = entries.map(|entry| entry.expect("a directory can be read").path());
    let mut captures: Vec<_> = files.filter(|file| file.extension().is_some_and(|extension| extension == "pcap")).collect();
    captures.sort();
    Some(captures)
}

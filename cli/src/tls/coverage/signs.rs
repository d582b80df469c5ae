//! Signs of a TLS library in what a process maps: the names of libraries, and texts in programs.

use std::collections::HashMap;
use std::fs::File;

use super::Reason;
use crate::tls::target::{Elf, FileId, MARKS};

/// Of all files together: to read more takes longer than a note is worth.
const MOST_BYTES: u64 = 1 << 30;

/// What the name of a mapped library tells.
pub(super) fn in_name(name: &[u8]) -> Option<Reason> {
    let names: [(&str, Reason); 8] = [
        ("libjvm.so", Reason::Java),
        ("libgnutls.so", Reason::GnuTls),
        ("libgnutls-", Reason::GnuTls),
        ("libnss3.so", Reason::Nss),
        ("libssl3.so", Reason::Nss),
        ("libmbedtls", Reason::MbedTls),
        ("libwolfssl", Reason::WolfSsl),
        // In a form that cannot be read here, a 32-bit one for instance: others are known by their functions.
        ("libssl", Reason::NotProbed),
    ];
    names.iter().find(|(begin, _)| name.starts_with(begin.as_bytes())).map(|(_, reason)| *reason)
}

/// What the texts of files tell, each file read once.
#[derive(Debug)]
pub(super) struct Texts {
    known: HashMap<FileId, Option<Reason>>,
    bytes_left: u64,
}

impl Texts {
    pub(super) fn new() -> Self {
        Self { known: HashMap::new(), bytes_left: MOST_BYTES }
    }

    /// What was found in a file, if it has been read.
    pub(super) fn known(&self, id: FileId) -> Option<Option<Reason>> {
        self.known.get(&id).copied()
    }

    /// Reads a file. Nothing is found in a file that is more than may still be read.
    pub(super) fn read(&mut self, id: FileId, file: &File) -> Option<Reason> {
        let bytes = file.metadata().map_or(u64::MAX, |metadata| metadata.len());
        let reason = if let Some(left) = self.bytes_left.checked_sub(bytes) {
            self.bytes_left = left;
            in_texts(file)
        } else {
            None
        };
        self.known.insert(id, reason);
        reason
    }
}

fn in_texts(file: &File) -> Option<Reason> {
    let elf = Elf::read(file)?;
    if elf.has_section(".go.buildinfo") || elf.has_section(".gopclntab") {
        // Names of functions stay there in a stripped program as well.
        let [tls] = elf.texts(&[".gopclntab", ".data.rel.ro.gopclntab", ".rodata"], ["crypto/tls.(*Conn)"]);
        return tls.then_some(Reason::Go);
    }
    let found = elf.texts(&[".rodata"], TEXTS.map(|(text, _)| text));
    found.iter().zip(TEXTS).find_map(|(found, (_, reason))| found.then_some(reason))
}

/// Texts of programs, the most certain first. Versions and ciphers are not among them: many name those who only use libcrypto, or
/// another library, or want to look like another.
const TEXTS: [(&str, Reason); 8] = [
    (MARKS[0], Reason::StrippedStatic),
    (MARKS[1], Reason::StrippedStatic),
    (MARKS[2], Reason::StrippedStatic),
    // Where an error came from.
    ("ssl/ssl_lib.c", Reason::StrippedStatic),
    ("/rustls-0.", Reason::Rustls),
    ("rustls::", Reason::Rustls),
    ("mbedtls_ssl_", Reason::MbedTls),
    ("wolfSSL_", Reason::WolfSsl),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::target::testing::MadeElf;

    #[test]
    fn libraries_are_known_by_their_names() {
        for (name, reason) in [
            ("libjvm.so", Some(Reason::Java)),
            ("libgnutls.so.30.34.3", Some(Reason::GnuTls)),
            ("libnss3.so", Some(Reason::Nss)),
            ("libssl3.so", Some(Reason::Nss)),
            ("libmbedtls.so.14", Some(Reason::MbedTls)),
            ("libwolfssl.so.35", Some(Reason::WolfSsl)),
            ("libssl.so.3", Some(Reason::NotProbed)),
            ("libnss_files.so.2", None),
            ("libc.so.6", None),
        ] {
            assert_eq!(in_name(name.as_bytes()), reason, "{name}");
        }
    }

    #[test]
    fn programs_are_known_by_their_texts() {
        for (sections, reason) in [
            (&[(".go.buildinfo", ""), (".gopclntab", "net/http.(*Server)\0crypto/tls.(*Conn).Read\0")][..], Some(Reason::Go)),
            (&[(".go.buildinfo", ""), (".gopclntab", "main.main\0"), (".rodata", "rustls::")], None),
            (&[(".rodata", "x/registry/src/index/rustls-0.23.12/src/conn.rs")], Some(Reason::Rustls)),
            (&[(".rodata", "rustls::client::hs")], Some(Reason::Rustls)),
            (&[(".rodata", "/rustls-pemfile-2.1.0/src/lib.rs")], None),
            (&[(".rodata", "../ssl/ssl_lib.c")], Some(Reason::StrippedStatic)),
            (&[(".rodata", "OpenSSL 3.0.11 19 Sep 2023\0TLS_AES_128_GCM_SHA256\0")], None),
            (&[(".rodata", "TLS client read_server_hello")], Some(Reason::StrippedStatic)),
            (&[(".rodata", "/rustls-0.23.12/src\0OpenSSL 3.0.11 19 Sep 2023\0TLS_AES_128_GCM_SHA256\0")], Some(Reason::Rustls)),
            (&[(".rodata", "mbedtls_ssl_handshake")], Some(Reason::MbedTls)),
            (&[(".rodata", "wolfSSL_read")], Some(Reason::WolfSsl)),
            (&[(".text", "rustls::")], None),
        ] {
            let made = MadeElf::new().with_texts(sections);
            assert_eq!(in_texts(&made.file()), reason, "{sections:?}");
        }
    }

    #[test]
    fn a_file_is_read_once_and_only_while_there_is_time() {
        let file = MadeElf::new().with_texts(&[(".rodata", "rustls::")]).file();
        let (id, _) = FileId::of(&file).expect("it can be read");
        let mut texts = Texts::new();
        assert_eq!(texts.known(id), None);
        assert_eq!(texts.read(id, &file), Some(Reason::Rustls));
        assert_eq!(texts.known(id), Some(Some(Reason::Rustls)));
        texts.bytes_left = 10;
        assert_eq!(texts.read(id, &file), None);
    }
}

//! The system's own copies of OpenSSL, which a process that starts later will map.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::names::is_libssl;

/// Where libraries are without being configured, on Debian, Red Hat and Alpine.
const FOLDERS: [&str; 8] = [
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/usr/local/lib",
    "/usr/local/lib64",
    "/lib/x86_64-linux-gnu",
    "/usr/lib/x86_64-linux-gnu",
];

/// The paths of libssl in the system's folders, as seen from `root`, symbolic links resolved.
pub(super) fn copies(root: &Path) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = FOLDERS
        .iter()
        .map(PathBuf::from)
        .chain(configured(root))
        .filter_map(|folder| fs::canonicalize(under(root, &folder)).ok())
        .collect();
    folders.sort_unstable();
    folders.dedup();
    let mut found: Vec<PathBuf> = folders.iter().flat_map(|folder| copies_in(folder)).collect();
    found.sort_unstable();
    found.dedup();
    found
}

fn copies_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter(|entry| is_libssl(entry.file_name().as_bytes())).filter_map(|entry| fs::canonicalize(entry.path()).ok()).collect()
}

/// ld.so.conf(5) and the files that it includes everywhere; musl keeps a list of its own.
fn configured(root: &Path) -> Vec<PathBuf> {
    let folder = fs::read_dir(under(root, Path::new("/etc/ld.so.conf.d"))).into_iter().flatten().flatten().map(|entry| entry.path());
    let conf = folder.filter(|path| path.extension().is_some_and(|extension| extension == "conf"));
    let lists = conf.chain(["/etc/ld.so.conf", "/etc/ld-musl-x86_64.path"].map(|list| under(root, Path::new(list))));
    lists.flat_map(|list| listed(&fs::read(list).unwrap_or_default())).collect()
}

/// One folder a line or, for musl, between colons.
fn listed(text: &[u8]) -> Vec<PathBuf> {
    let words = text.split(|&byte| byte == b'\n' || byte == b':').map(<[u8]>::trim_ascii);
    words.filter(|word| word.starts_with(b"/")).map(|word| PathBuf::from(std::ffi::OsStr::from_bytes(word))).collect()
}

fn under(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::testing::MadeProc;

    fn found(made: &MadeProc) -> Vec<String> {
        let root = fs::canonicalize(made.path("")).expect("the folder is ours");
        copies(&root).iter().map(|path| path.strip_prefix(&root).expect("it is below").to_str().expect("it is text").to_owned()).collect()
    }

    #[test]
    fn known_folders_are_searched_once_each() {
        let made = MadeProc::new();
        made.file("usr/lib/x86_64-linux-gnu/libssl.so.3", "");
        made.file("usr/lib/x86_64-linux-gnu/libcrypto.so.3", "");
        made.file("usr/lib/libssl.so.1.1", "");
        made.link("usr/lib/libssl.so", "libssl.so.1.1");
        made.link("usr/lib/libssl.so.0.9", "gone");
        made.link("lib", "usr/lib");
        assert_eq!(found(&made), ["usr/lib/libssl.so.1.1", "usr/lib/x86_64-linux-gnu/libssl.so.3"]);
    }

    #[test]
    fn configured_folders_are_searched_too() {
        let made = MadeProc::new();
        made.file("etc/ld.so.conf", "include /etc/ld.so.conf.d/*.conf\n/opt/a\n# /opt/none\n");
        made.file("etc/ld.so.conf.d/b.conf", "# comment\n /opt/b \n");
        made.file("etc/ld.so.conf.d/c.conf.bak", "/opt/c\n");
        made.file("etc/ld-musl-x86_64.path", "/opt/d:/opt/e");
        for folder in ["a", "b", "c", "d", "e"] {
            made.file(&format!("opt/{folder}/libssl.so.3"), "");
        }
        assert_eq!(found(&made), ["opt/a/libssl.so.3", "opt/b/libssl.so.3", "opt/d/libssl.so.3", "opt/e/libssl.so.3"]);
    }

    #[test]
    fn a_host_without_any_has_none() {
        assert!(found(&MadeProc::new()).is_empty());
    }
}

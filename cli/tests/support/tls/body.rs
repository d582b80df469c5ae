//! Bodies with marks in them, which a test looks for where no body may be; those of `tls_bodies.py`.

use std::path::PathBuf;

use super::certificate::Certificates;

/// Not far behind the head.
pub(crate) const NEAR: &str = "near-mark-of-";
/// Far beyond what is copied with a head.
pub(crate) const FAR: &str = "far-mark-of-";

/// `near-mark-of-SIDE` and `far-mark-of-SIDE` in a body of so many bytes.
pub(crate) fn marked(len: usize, side: &str) -> Vec<u8> {
    let mut body = vec![b'.'; len];
    for (at, mark) in [(100, NEAR), (1 << 16, FAR), (1 << 20, FAR)] {
        let mark = format!("{mark}{side}");
        if let Some(place) = body.get_mut(at..at + mark.len()) {
            place.copy_from_slice(mark.as_bytes());
        }
    }
    body
}

/// A file with the body of a request.
pub(crate) fn file(certificates: &Certificates, len: usize) -> PathBuf {
    let path = certificates.folder().join(format!("body-{len}"));
    std::fs::write(&path, marked(len, "request")).expect("the body is written");
    path
}

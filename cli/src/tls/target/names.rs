//! What the name of a library tells.

/// Beginnings of the names of libraries that nearly every process maps and that carry no TLS. To open each of
/// them would take most of the time of a scan.
const WITHOUT_TLS: [&str; 31] = [
    "ld-linux",
    "ld-musl",
    "ld-2.",
    "libacl.",
    "libanl",
    "libattr.",
    "libbz2.",
    "libc-2.",
    "libc.so",
    "libcap.",
    "libcrypt.",
    "libcrypto",
    "libdl",
    "libgcc_s",
    "libgomp",
    "libicudata",
    "libicui18n",
    "libicuuc",
    "liblz4.",
    "liblzma.",
    "libm-2.",
    "libm.so",
    "libmvec",
    "libnss_",
    "libpcre",
    "libpthread",
    "libresolv",
    "librt",
    "libselinux.",
    "libstdc++",
    "libz.so",
];

/// Whether a file of this name need not be looked into.
pub fn carries_none(name: &[u8]) -> bool {
    WITHOUT_TLS.iter().any(|known| name.starts_with(known.as_bytes()))
}

/// Whether a library is called as OpenSSL's is: `libssl.so.3`, `libssl-3a880ada.so.1.1`, `libssl3.so` (which is NSS).
pub(super) fn is_libssl(name: &[u8]) -> bool {
    name.starts_with(b"libssl") && memchr::memmem::find(name, b".so").is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_everybody_maps_are_passed_over() {
        for name in
            ["libc.so.6", "libc-2.31.so", "ld-linux-x86-64.so.2", "ld-musl-x86_64.so.1", "libcrypto.so.3", "libm.so.6", "libstdc++.so.6"]
        {
            assert!(carries_none(name.as_bytes()), "{name}");
        }
        for name in ["libssl.so.3", "node", "libnode.so.115", "_rust.abi3.so", "libcurl.so.4", "libmariadb.so.3", "ld", "libpq.so.5"] {
            assert!(!carries_none(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn a_libssl_is_a_shared_library_of_that_name() {
        for name in ["libssl.so", "libssl.so.1.1", "libssl-3a880ada.so.1.1", "libssl3.so"] {
            assert!(is_libssl(name.as_bytes()), "{name}");
        }
        for name in ["libssl.a", "libssl.pc", "mylibssl.so", "libssh.so.4"] {
            assert!(!is_libssl(name.as_bytes()), "{name}");
        }
    }
}

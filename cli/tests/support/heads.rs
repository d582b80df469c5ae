//! Heads and bodies for crafted segments.

/// A request without a body.
pub(crate) fn get(path: &str) -> String {
    asked("GET", path)
}

pub(crate) fn asked(method: &str, path: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: raw.example\r\n\r\n")
}

/// A response with a body of five bytes.
pub(crate) fn answer(status: u16) -> String {
    format!("HTTP/1.1 {status} Reason\r\nContent-Length: 5\r\n\r\nhello")
}

/// What a segment of a body may start with, 1000 bytes long.
pub(crate) fn traps() -> [String; 4] {
    ["GET /trap HTTP/1.1\r\nHost: trap.example\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "", "PUT /trap "]
        .map(|trap| format!("{trap:x<1000}"))
}

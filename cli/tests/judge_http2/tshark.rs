//! What tshark reads of HTTP/2 in a capture.

use std::path::Path;
use std::process::Command;

use crate::Heads;

/// By connection and stream.
pub(crate) fn heads(file: &Path) -> Heads {
    let output = Command::new("tshark")
        // Nothing of this machine's configuration, no names, and two passes: then what is out of order is known to be.
        .args(["-C", "Default", "-n", "-2", "-o", "tcp.reassemble_out_of_order:TRUE"])
        .args(["-o", "tcp.check_checksum:FALSE", "-o", "ip.check_checksum:FALSE"])
        // What a body is makes no difference.
        .args(["--disable-protocol", "grpc"])
        .args(["-d", "tcp.port==80,http2", "-Y", "http2", "-T", "pdml", "-J", "tcp http2", "-r"])
        .arg(file)
        .output()
        .expect("tshark can be started");
    assert!(output.status.success(), "{}: {}", file.display(), String::from_utf8_lossy(&output.stderr));
    let (mut heads, mut ports, mut stream) = (Heads::new(), [0, 0], 0);
    // Each element is on a line of its own.
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let show = attribute(line, "show");
        let number = || show.parse().unwrap_or_default();
        match attribute(line, "name") {
            "tcp.srcport" => ports[0] = number(),
            "tcp.dstport" => ports[1] = number(),
            "http2.streamid" => stream = number(),
            name => {
                let connection = ports.into_iter().max().unwrap_or_default();
                let head = heads.entry((connection, stream)).or_default();
                match name {
                    "http2.headers.method" => head.method = show.to_owned(),
                    "http2.headers.path" => head.path = show.to_owned(),
                    "http2.headers.status" if number() >= 200 => head.status = number(),
                    _ => {}
                }
            }
        }
    }
    heads.retain(|_, head| !head.method.is_empty() || head.status > 0);
    heads
}

fn attribute<'a>(element: &'a str, name: &str) -> &'a str {
    let start = format!(" {name}=\"");
    element.find(&start).and_then(|at| element[at + start.len()..].split('"').next()).unwrap_or_default()
}

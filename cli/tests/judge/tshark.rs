//! What tshark reads in a capture.

use std::path::Path;
use std::process::Command;

use crate::reading::{Reading, Readings, Request};

/// How tshark takes bodies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bodies {
    /// It waits for all of each body, and so finds the message after it wherever that starts. It shows nothing of a message
    /// whose body never comes to its end.
    Whole,
    /// It shows each head at once, and looks for the next one only where a segment starts.
    Apart,
}

pub(crate) fn readings(file: &Path, bodies: Bodies) -> Readings {
    let desegment_body = format!("http.desegment_body:{}", if bodies == Bodies::Whole { "TRUE" } else { "FALSE" });
    let output = Command::new("tshark")
        // Nothing of this machine's configuration, no names, and two passes: then what is out of order is known to be.
        .args(["-C", "Default", "-n", "-2"])
        .args(["-o", "tcp.desegment_tcp_streams:TRUE", "-o", "tcp.reassemble_out_of_order:TRUE"])
        .args(["-o", "tcp.check_checksum:FALSE", "-o", "ip.check_checksum:FALSE"])
        .args(["-o", "http.desegment_headers:TRUE", "-o", &desegment_body, "-o", "http.dechunk_body:TRUE"])
        // On any port, as ehl, and never something else.
        .args(["-d", "tcp.port==1-65535,http"])
        .args(["-Y", "http", "-T", "pdml", "-J", "ip ipv6 tcp http", "-r"])
        .arg(file)
        .output()
        .expect("tshark can be started");
    assert!(output.status.success(), "{}: {}", file.display(), String::from_utf8_lossy(&output.stderr));
    Packets::default().read(&String::from_utf8_lossy(&output.stdout))
}

/// Adds the last message of each direction that is not all there.
pub(crate) fn with_unfinished(mut whole: Readings, apart: &Readings) -> Readings {
    for (connection, Reading { requests, statuses }) in apart {
        let reading = whole.entry(connection.clone()).or_default();
        add_one(&mut reading.requests, requests);
        add_one(&mut reading.statuses, statuses);
    }
    whole.retain(|_, reading| *reading != Reading::default());
    whole
}

fn add_one<T: Clone + PartialEq>(whole: &mut Vec<T>, apart: &[T]) {
    if apart.len() == whole.len() + 1 && apart.starts_with(whole) {
        whole.clone_from(&apart.to_vec());
    }
}

/// Reads PDML, of which tshark writes each element on a line of its own.
#[derive(Default)]
struct Packets {
    readings: Readings,
    /// Of the current packet.
    addresses: [String; 2],
    ports: [String; 2],
    /// Of the current message.
    request: Option<Request>,
    status: Option<u16>,
}

impl Packets {
    fn read(mut self, pdml: &str) -> Readings {
        for line in pdml.lines().map(str::trim_start) {
            if line.starts_with("<proto name=\"http\"") {
                self.message_is_over();
            } else if let Some(field) = line.strip_prefix("<field ") {
                self.field(attribute(field, "name"), field);
            } else if line.starts_with("</packet>") {
                self.message_is_over();
            }
        }
        self.readings
    }

    fn field(&mut self, name: &str, field: &str) {
        let show = || attribute(field, "show").to_owned();
        match name {
            "ip.src" | "ipv6.src" => self.addresses[0] = show(),
            "ip.dst" | "ipv6.dst" => self.addresses[1] = show(),
            "tcp.srcport" => self.ports[0] = show(),
            "tcp.dstport" => self.ports[1] = show(),
            "http.request.method" => self.request.get_or_insert_default().method = bytes(field),
            "http.request.uri" => self.request.get_or_insert_default().path = bytes(field),
            "http.host" => {
                // All of the field line. Of several, the first.
                if let Some(request) = self.request.as_mut().filter(|request| request.host.is_empty()) {
                    request.host = bytes(field).split_once(':').unwrap_or_default().1.trim().to_owned();
                }
            }
            "http.response.code" => self.status = attribute(field, "show").parse().ok(),
            _ => {}
        }
    }

    fn message_is_over(&mut self) {
        let ends = [0, 1].map(|end| format!("{}:{}", self.addresses[end], self.ports[end]));
        let [source, destination] = &ends;
        if let Some(request) = self.request.take() {
            let reading = self.readings.entry(format!("{source} > {destination}")).or_default();
            reading.requests.push(split(request));
        }
        // Rows have the final response; 101 is one (RFC 9110 section 15.2).
        if let Some(status) = self.status.take().filter(|status| !matches!(status, 100 | 102..=199)) {
            let reading = self.readings.entry(format!("{destination} > {source}")).or_default();
            reading.statuses.push(status);
        }
    }
}

/// The authority of a target in absolute form counts, whatever Host says (RFC 9112 section 3.2.2).
fn split(mut request: Request) -> Request {
    let is_scheme = |scheme: &str| scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    if let Some((_, rest)) = request.path.split_once("://").filter(|(scheme, _)| is_scheme(scheme)) {
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        request.host = rest[..end].to_owned();
        request.path = if end == rest.len() { "/".to_owned() } else { rest[end..].to_owned() };
    }
    request
}

fn attribute<'a>(element: &'a str, name: &str) -> &'a str {
    let start = format!("{name}=\"");
    let rest =
        if element.starts_with(&start) { Some(start.len()) } else { element.find(&format!(" {start}")).map(|at| at + 1 + start.len()) };
    rest.and_then(|at| element[at..].split('"').next()).unwrap_or_default()
}

/// As they are on the wire.
fn bytes(field: &str) -> String {
    let hex = attribute(field, "value");
    let digits = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("a value is in hex");
    let bytes: Vec<u8> = (0..hex.len()).step_by(2).map(digits).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

//! Any bytes as a head: the lenient reader reads what the strict one does, and no secret that is planted is shown.

#![no_main]

#[path = "../../tests/conversation/random.rs"]
#[allow(dead_code, reason = "the conversations need more of it")]
mod random;

use std::cell::RefCell;

use ehl::http::exchange::Exchange;
use ehl::http::fuzzing::readers_agree;
use ehl::http::head::{Head, Wanted};
use ehl::http::redact::{Mode, Redactor};
use ehl::http::tracker::Tracker;
use ehl::stream::{Endpoint, Identity, Origin, Part, Segment};
use ehl_probes_common::record::flag;
use libfuzzer_sys::fuzz_target;
use memchr::memmem;
use random::Random;

/// Fields that hold nothing but a secret, or name it.
const CARRIERS: [&str; 6] =
    ["Authorization: Bearer ", "Authorization: ", "Proxy-Authorization: Basic ", "Cookie: session=", "Set-Cookie: id=", "X-Api-Key: "];
/// Less than this of a secret may be shown by chance.
const PART: usize = 8;

thread_local! {
    static TRACKER: RefCell<Tracker> = RefCell::new(tracker());
}

fuzz_target!(|head: &[u8]| {
    if let Err(why) = readers_agree(head) {
        panic!("{why}");
    }
    let mut random = Random::new(seed(head));
    let secret = secret(&mut random);
    let planted = plant(head, random.pick(&CARRIERS), &secret);
    TRACKER.with_borrow_mut(|tracker| {
        show(tracker, &planted, &mut |text| {
            for part in secret.as_bytes().windows(PART) {
                assert!(memmem::find(text, part).is_none(), "{} of {} is shown", text.escape_ascii(), planted.escape_ascii());
            }
        });
    });
});

fn tracker() -> Tracker {
    let columns = ["authorization", "cookie", "x-api-key"].map(|name| (None, name.to_owned())).into();
    Tracker::new(Wanted { columns, all: true, llm: true }, Redactor::new(Mode::Mask, [1, 2]))
}

/// Depends on all of the input, so that no input contains the secret by design.
fn seed(head: &[u8]) -> u64 {
    Random::of_bytes(head).number()
}

fn secret(random: &mut Random) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    (0..32).map(|_| char::from(random.pick(ALPHABET))).collect()
}

/// The head with one more field, as the last one.
fn plant(head: &[u8], carrier: &str, secret: &str) -> Vec<u8> {
    let fields = head.trim_ascii_end();
    [fields, b"\r\n", carrier.as_bytes(), secret.as_bytes(), b"\r\n\r\n"].concat()
}

/// Follows the head as the only one of a connection, and passes on all texts that are kept of it.
fn show(tracker: &mut Tracker, head: &[u8], each_text: &mut dyn FnMut(&[u8])) {
    let mut each = |exchange: &Exchange| {
        exchange.gateway();
        [&exchange.request, &exchange.response].into_iter().flatten().for_each(|head| texts(head, each_text));
    };
    let part = Part {
        time_ns: 0,
        sequence: 0,
        acknowledgement: 0,
        tcp_flags: 0,
        covered: head.len() as u32,
        captured: head,
        proven: flag::HEAD_START,
        handover: None,
    };
    let end = |number| Endpoint { address: [number; 16], port: u16::from(number) };
    tracker.segment(&Segment { source: end(1), destination: end(2), origin: Origin::Unknown, identity: Identity::Ends, part }, &mut each);
    tracker.finish(&mut each);
}

fn texts(head: &Head, each: &mut dyn FnMut(&[u8])) {
    let singles = [head.method(), head.path(), head.host(), head.user_agent(), head.content_type(), head.request_id()];
    singles.into_iter().flatten().for_each(&mut *each);
    (0..3).filter_map(|index| head.column(index)).for_each(&mut *each);
    if let Some((version, _)) = head.api_version() {
        each(version);
    }
    for element in head.elements() {
        each(element.name);
        each(element.display);
    }
}

//! `Sec-WebSocket-Protocol`, where browsers put credentials because they can set no other field: `bearer, abc`,
//! `base64url.bearer.authorization.k8s.io.abc`.

use super::mask::STARS;
use super::scan::Form;
use super::{names, scheme, text};

/// Shows protocols, up to one that announces credentials and no further.
pub(super) fn mask(name: &[u8], value: &[u8], out: &mut Vec<u8>) -> bool {
    let mut shown = 0;
    for protocol in value.split(|byte| *byte == b',') {
        if let Some(announced) = announcement(protocol) {
            let end = shown + announced;
            text(name, &value[..end], Form::Text, out);
            return hide_rest(&value[end..], out);
        }
        shown += protocol.len() + 1;
    }
    text(name, value, Form::Text, out)
}

/// The length of a protocol up to the end of the last piece that names a secret.
fn announcement(protocol: &[u8]) -> Option<usize> {
    let (mut end, mut announced) = (0, None);
    for piece in protocol.split(|byte| matches!(byte, b'.' | b'#' | b'|' | b'~' | b'!' | b'$' | b'*')) {
        end += piece.len();
        let word = piece.trim_ascii();
        if names::parameter(word).is_secret() || scheme::is_known(word) {
            announced = Some(end);
        }
        end += 1;
    }
    announced
}

fn hide_rest(rest: &[u8], out: &mut Vec<u8>) -> bool {
    let separators = rest.iter().take_while(|byte| matches!(byte, b'.' | b'#' | b',' | b' ')).count();
    out.extend_from_slice(&rest[..separators]);
    if separators == rest.len() {
        return false;
    }
    out.extend_from_slice(STARS);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_protocols_and_the_announcement_only() {
        for (value, shown) in [
            ("graphql-transport-ws, mqtt", "graphql-transport-ws, mqtt"),
            ("chat, bearer, abc, def", "chat, bearer, ***"),
            ("base64url.bearer.authorization.k8s.io.abc, v4.channel.k8s.io", "base64url.bearer.authorization.***"),
            ("realtime, openai-insecure-api-key.abc", "realtime, openai-insecure-api-key.***"),
            ("token.abc", "token.***"),
            ("authorization#abc", "authorization#***"),
            ("ghp_abc, token", "***, token"),
            ("bearer", "bearer"),
        ] {
            let mut out = Vec::new();
            mask(b"sec-websocket-protocol", value.as_bytes(), &mut out);
            assert_eq!(String::from_utf8_lossy(&out), shown, "{value}");
        }
    }
}

//! Elements that names like `password` mark up: `<wsse:Password Type="PasswordText">...</wsse:Password>`.

use super::bytes::{RUN, SPACE, class, span_without};
use super::names;
use super::scan::Scan;

impl Scan<'_, '_> {
    /// Hides the content of the element whose start tag stands from `open` to `close`, if its name is a secret's.
    /// Returns where to go on.
    pub(super) fn element(&mut self, open: usize, close: usize) -> usize {
        let tag = &self.bytes[open + 1..close];
        let name = &tag[..span_without(tag, SPACE)];
        let local = name.rsplit(|byte| *byte == b':').next().unwrap_or_default();
        let is_name = local.iter().all(|byte| class(*byte) & RUN != 0 && *byte != b'/');
        if !is_name || !names::parameter(local).is_secret() {
            return close + 1;
        }
        let end = memchr::memmem::find(&self.bytes[close..], b"</").map_or(self.bytes.len(), |end| close + end);
        self.mask.hide(close + 1, end);
        end
    }
}

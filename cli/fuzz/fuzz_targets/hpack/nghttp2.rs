//! The header compression of nghttp2.

use std::ptr::null_mut;

use libnghttp2_sys as sys;

#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: Vec<u8>,
    pub(crate) value: Vec<u8>,
    /// It may be put into the table.
    pub(crate) is_indexed: bool,
}

/// An encoder.
pub(crate) struct Deflater(*mut sys::nghttp2_hd_deflater);

impl Deflater {
    /// One that uses a table of so many bytes at most.
    pub(crate) fn new(bytes: u32) -> Self {
        let mut deflater = null_mut();
        // SAFETY: it writes to the pointer, and to nothing else that is not its own.
        assert_eq!(unsafe { sys::nghttp2_hd_deflate_new(&mut deflater, bytes as usize) }, 0);
        Self(deflater)
    }

    /// The receiver allows so much.
    pub(crate) fn allow(&mut self, bytes: u32) {
        // SAFETY: the pointer is that of `new`.
        assert_eq!(unsafe { sys::nghttp2_hd_deflate_change_table_size(self.0, bytes as usize) }, 0);
    }

    pub(crate) fn deflate(&mut self, fields: &[Field]) -> Vec<u8> {
        let pairs: Vec<_> = fields.iter().map(pair).collect();
        // SAFETY: the pointer is that of `new`, and the pairs point to the fields, which are only read.
        let mut block = vec![0; unsafe { sys::nghttp2_hd_deflate_bound(self.0, pairs.as_ptr(), pairs.len()) }];
        // SAFETY: as before, and it writes no more than the block is long.
        let len = unsafe { sys::nghttp2_hd_deflate_hd2(self.0, block.as_mut_ptr(), block.len(), pairs.as_ptr(), pairs.len()) };
        block.truncate(usize::try_from(len).expect("the block is large enough"));
        block
    }
}

fn pair(field: &Field) -> sys::nghttp2_nv {
    let Field { name, value, is_indexed } = field;
    let flags = if *is_indexed { sys::NGHTTP2_NV_FLAG_NONE } else { sys::NGHTTP2_NV_FLAG_NO_INDEX };
    let start = |text: &[u8]| text.as_ptr().cast_mut();
    sys::nghttp2_nv { name: start(name), value: start(value), namelen: name.len(), valuelen: value.len(), flags: flags as u8 }
}

impl Drop for Deflater {
    fn drop(&mut self) {
        // SAFETY: the pointer is that of `new`, and nobody uses it any more.
        unsafe { sys::nghttp2_hd_deflate_del(self.0) }
    }
}

/// A decoder.
pub(crate) struct Inflater(*mut sys::nghttp2_hd_inflater);

impl Inflater {
    pub(crate) fn new() -> Self {
        let mut inflater = null_mut();
        // SAFETY: it writes to the pointer, and to nothing else that is not its own.
        assert_eq!(unsafe { sys::nghttp2_hd_inflate_new(&mut inflater) }, 0);
        Self(inflater)
    }

    pub(crate) fn allow(&mut self, bytes: u32) {
        // SAFETY: the pointer is that of `new`.
        assert_eq!(unsafe { sys::nghttp2_hd_inflate_change_table_size(self.0, bytes as usize) }, 0);
    }

    /// The fields of a whole block; `None` when it is refused.
    pub(crate) fn inflate(&mut self, mut block: &[u8]) -> Option<Vec<Field>> {
        let mut fields = Vec::new();
        loop {
            let mut pair = sys::nghttp2_nv { name: null_mut(), value: null_mut(), namelen: 0, valuelen: 0, flags: 0 };
            let mut said = 0;
            // SAFETY: the pointer is that of `new`, and it reads no more than the block.
            let len = unsafe { sys::nghttp2_hd_inflate_hd3(self.0, &mut pair, &mut said, block.as_ptr(), block.len(), 1) };
            block = block.get(usize::try_from(len).ok()?..)?;
            if said as u32 & sys::NGHTTP2_HD_INFLATE_EMIT != 0 {
                // SAFETY: it set the pair, which is good until the next call.
                fields.push(unsafe {
                    Field { name: text(pair.name, pair.namelen), value: text(pair.value, pair.valuelen), is_indexed: true }
                });
            }
            if said as u32 & sys::NGHTTP2_HD_INFLATE_FINAL != 0 {
                // SAFETY: the pointer is that of `new`.
                assert_eq!(unsafe { sys::nghttp2_hd_inflate_end_headers(self.0) }, 0);
                return Some(fields);
            }
        }
    }
}

/// # Safety
///
/// There are so many bytes.
unsafe fn text(start: *const u8, len: usize) -> Vec<u8> {
    if len == 0 {
        return Vec::new();
    }
    // SAFETY: the caller says so.
    unsafe { std::slice::from_raw_parts(start, len) }.to_vec()
}

impl Drop for Inflater {
    fn drop(&mut self) {
        // SAFETY: the pointer is that of `new`, and nobody uses it any more.
        unsafe { sys::nghttp2_hd_inflate_del(self.0) }
    }
}

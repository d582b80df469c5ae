//! The bytes of a file that may be large, without reading all of them, and whatever becomes of it meanwhile.
//!
//! A file that its owner cuts off while it is mapped gives its reader SIGBUS, and anybody may own a file that is looked at here. So
//! what is missing then is replaced by zeros.

use std::fs::File;
use std::io;
use std::mem;
use std::os::fd::AsFd as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, Once, PoisonError};

use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

/// The mapping that is looked at: there is one at a time.
static START: AtomicUsize = AtomicUsize::new(0);
static END: AtomicUsize = AtomicUsize::new(0);
static ONE: Mutex<()> = Mutex::new(());
static PREPARED: Once = Once::new();

const PAGE: usize = 4096;

/// Calls `look` with the file's bytes; `None` when it cannot be mapped.
pub(super) fn with<R>(file: &File, look: impl FnOnce(&[u8]) -> R) -> Option<R> {
    let len = usize::try_from(file.metadata().ok()?.len()).ok().filter(|len| *len > 0)?;
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    PREPARED.call_once(|| _ = handle_missing_pages());
    // Shared, because in a mapping of one's own the kernel puts the breakpoints of others too.
    // SAFETY: a new mapping, of which nothing else knows.
    let address = unsafe { mmap(std::ptr::null_mut(), len, ProtFlags::READ, MapFlags::SHARED, file.as_fd(), 0) }.ok()?;
    START.store(address as usize, Ordering::SeqCst);
    END.store(address as usize + len.next_multiple_of(PAGE), Ordering::SeqCst);
    // SAFETY: the mapping has `len` readable bytes and lives until below; pages that go missing are replaced. Bytes that change
    // meanwhile are numbers all the same, and what is made of them is checked against the bytes' own bounds.
    let result = look(unsafe { std::slice::from_raw_parts(address.cast::<u8>(), len) });
    START.store(0, Ordering::SeqCst);
    END.store(0, Ordering::SeqCst);
    // SAFETY: the mapping made above, which nothing refers to any more.
    let _ = unsafe { munmap(address, len) };
    Some(result)
}

fn handle_missing_pages() -> io::Result<()> {
    // SAFETY: plain numbers and a pointer, all valid when zero.
    let mut action: libc::sigaction = unsafe { mem::zeroed() };
    action.sa_sigaction = on_missing_page as *const () as usize;
    action.sa_flags = libc::SA_SIGINFO;
    // SAFETY: the handler has the signature that SA_SIGINFO wants, and makes nothing but system calls.
    if unsafe { libc::sigaction(libc::SIGBUS, &raw const action, std::ptr::null_mut()) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Puts a page of zeros where one of the mapping is missing. Anything else ends the process, as it would without.
extern "C" fn on_missing_page(signal: libc::c_int, info: *mut libc::siginfo_t, _context: *mut libc::c_void) {
    // SAFETY: the kernel passes a valid siginfo with SIGBUS.
    let address = unsafe { (*info).si_addr() } as usize;
    let is_ours = (START.load(Ordering::SeqCst)..END.load(Ordering::SeqCst)).contains(&address);
    // SAFETY: system calls alone; the page is of the mapping, of which only `with` knows.
    unsafe {
        let page = (address & !(PAGE - 1)) as *mut libc::c_void;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED;
        if !is_ours || libc::mmap(page, PAGE, libc::PROT_READ, flags, -1, 0) == libc::MAP_FAILED {
            libc::signal(signal, libc::SIG_DFL);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn what_is_cut_off_while_it_is_read_is_zeros() {
        let mut file = tempfile::tempfile().expect("there is room");
        file.write_all(&vec![7; 3 * PAGE]).expect("there is room");
        let sums = with(&file, |bytes| {
            let before: u64 = bytes.iter().map(|byte| u64::from(*byte)).sum();
            file.set_len(PAGE as u64).expect("it is ours");
            (before, bytes.iter().map(|byte| u64::from(*byte)).sum::<u64>())
        });
        assert_eq!(sums, Some((7 * 3 * PAGE as u64, 7 * PAGE as u64)));
        assert_eq!(with(&tempfile::tempfile().expect("there is room"), |_| ()), None);
    }
}

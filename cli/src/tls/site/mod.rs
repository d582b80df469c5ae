//! Where in a file to probe the calls of its TLS library, so that a hit costs as little as possible.

//!
//! A call is seen at the first instruction of a function, or of one that it hands its arguments to, that the kernel emulates instead of
//! stepping it. Nothing is taken from the name of a library or its version: what the code does decides, and where that is not certain, the
//! exported functions are probed as they are documented.

mod copies;
mod family;
mod flow;
mod frames;
mod image;
mod instruction;
mod plan;
mod reader;
mod state;
mod straight;
mod tables;
mod unnamed;
mod value;

#[cfg(test)]
mod tests;

use ehl_probes_common::call::{Call, Copying, Held, Length};

use family::{Export, Form};
use image::Image;

/// A place to probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// What is called there.
    pub call: Call,
    /// The exported functions whose calls come by: `SSL_read`, `SSL_read_ex`.
    pub serves: Vec<String>,
    /// The function that is probed, as far as it has a name: `ssl_read_internal`.
    pub function: String,
    /// Offset in the file of the instruction where the call begins, its arguments in their registers; of that where it has ended, or is
    /// about to, with [`Exit::Here`] and [`Exit::Copy`].
    pub entry: u64,
    /// Where it has ended.
    pub exit: Exit,
    /// Where the number of bytes is then.
    pub length: Length,
    /// The instruction at the entry, for the eye: `push %r14`.
    pub instruction: String,
    /// Whether the kernel emulates it: one trap instead of two.
    pub is_emulated: bool,
}

/// How the end of a call is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Not needed.
    None,
    /// By a uretprobe at the entry, which stands where the stack pointer still points to the return address.
    Return,
    /// By a uprobe at this offset in the file, where the stack pointer is as at the entry and the result in eax.
    After(u64),
    /// By the one uprobe, where the result is in eax and the rest is held so. Nothing is seen of the begin.
    Here(Held),
    /// By the one uprobe, at a call of `memcpy` that hands out what was read: all of it, or a part of several. Nothing else is seen.
    Copy(Copying),
}

/// What was found in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sites {
    /// Where to probe.
    pub sites: Vec<Site>,
    /// Functions whose calls will not be seen.
    pub left_out: Vec<LeftOut>,
}

/// A function whose calls will not be seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Its name.
    pub function: String,
    /// The reason.
    pub why: Why,
}

/// Why a function has no site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// Only a uretprobe would see its end.
    #[error("its end cannot be seen without a uretprobe, which can kill confined processes on this kernel")]
    NeedsReturn,
    /// No symbol says where it is, nor its error reports.
    #[error("nothing says where in the file it is")]
    NoSymbol,
    /// Its symbol leads to no code.
    #[error("its symbol leads to no code")]
    NoCode,
}

/// Why a file has no sites at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoSites {
    /// It is something else.
    #[error("not an ELF file")]
    NotElf,
    /// Its headers cannot be right.
    #[error("damaged ELF file")]
    Damaged,
    /// It is for another processor (`e_machine`).
    #[error("for another processor (ELF machine {0}): x86-64 is what can be probed")]
    OtherMachine(u16),
    /// The library is inside, and nothing says where.
    #[error("has a TLS library inside, but no symbols that say where: a build that was not stripped can be probed")]
    Stripped,
    /// Nothing is inside.
    #[error("has no SSL_read and no SSL_write")]
    NoTls,
}

/// Whether the file has a TLS library of OpenSSL's kind inside, be it one that was stripped. Cheap: two tables of strings, as a rule.
pub fn carries_tls(elf: &[u8]) -> bool {
    let Ok(image) = Image::parse(elf) else { return false };
    image.functions(["SSL_read", "SSL_write"]).iter().any(Option::is_some) || (image.is_stripped() && unnamed::has_marks(&image))
}

/// The cheapest places to see all calls. `returns` says whether uretprobes are allowed.
pub fn find(elf: &[u8], returns: bool) -> Result<Sites, NoSites> {
    let image = Image::parse(elf)?;
    let is_named = image.functions(["SSL_read", "SSL_write"]).iter().any(Option::is_some);
    if is_named { Ok(find_named(&image, returns)) } else { find_unnamed(&image, returns) }
}

fn find_named(image: &Image<'_>, returns: bool) -> Sites {
    let mut sites = Sites::default();
    let [read, read_ex, peek, peek_ex] = image.functions(["SSL_read", "SSL_read_ex", "SSL_peek", "SSL_peek_ex"]);
    let reads = exports([("SSL_read", Form::Plain, read), ("SSL_read_ex", Form::Ex, read_ex)]);
    let peeks = exports([("SSL_peek", Form::Plain, peek), ("SSL_peek_ex", Form::Ex, peek_ex)]);
    let [write, write_ex, write_ex2] = image.functions(["SSL_write", "SSL_write_ex", "SSL_write_ex2"]);
    let writes =
        exports([("SSL_write", Form::Plain, write), ("SSL_write_ex", Form::Ex, write_ex), ("SSL_write_ex2", Form::Ex2, write_ex2)]);
    for (call, exports, unlike) in [(Call::Read, reads, &peeks[..]), (Call::Write, writes, &[])] {
        let roots = family::roots(image, &exports);
        let inner = family::inner(image, &roots, unlike);
        plan::add_family(&mut sites, image, call, &roots, inner, returns);
    }
    add_others(&mut sites, image, returns);
    sites
}

fn add_others(sites: &mut Sites, image: &Image<'_>, returns: bool) {
    let [send_file, clear, free] = image.functions(["SSL_sendfile", "SSL_clear", "SSL_free"]);
    if let Some(function) = send_file {
        plan::add_single(sites, image, Call::SendFile, "SSL_sendfile", function, returns);
    }
    for (call, name, function) in [(Call::Clear, "SSL_clear", clear), (Call::Free, "SSL_free", free)] {
        match function {
            Some(function) => plan::add_notice(sites, image, call, name, function),
            None => sites.leave_out(name, Why::NoSymbol),
        }
    }
}

fn exports<const N: usize>(named: [(&'static str, Form, Option<image::Function>); N]) -> Vec<Export> {
    named.into_iter().filter_map(|(name, form, function)| Some(Export { name, form, function: function? })).collect()
}

/// The internal functions see the calls of all forms, if uretprobes may be used; else only the plain forms are known.
fn find_unnamed(image: &Image<'_>, returns: bool) -> Result<Sites, NoSites> {
    if !unnamed::has_marks(image) {
        return Err(NoSites::NoTls);
    }
    let mut sites = Sites::default();
    let calls = [
        (Call::Read, ["SSL_read", "SSL_read_ex"], "ssl_read_internal"),
        (Call::Write, ["SSL_write", "SSL_write_ex"], "ssl_write_internal"),
    ];
    for (call, serves, internal) in calls {
        let (mut root, inner) = unnamed::root_and_inner(image, serves[0], internal).ok_or(NoSites::Stripped)?;
        if returns {
            root.serves = serves.to_vec();
            plan::add_inner(&mut sites, image, call, &[root], inner);
        } else {
            plan::add_family(&mut sites, image, call, &[root], Some(inner), returns);
            sites.leave_out(serves[1], Why::NoSymbol);
        }
    }
    for name in ["SSL_sendfile", "SSL_clear", "SSL_free"] {
        sites.leave_out(name, Why::NoSymbol);
    }
    Ok(sites)
}

impl Sites {
    fn add(&mut self, site: Option<Site>, serves: &[&str]) {
        match site {
            Some(site) => self.sites.push(site),
            None => serves.iter().for_each(|name| self.leave_out(name, Why::NoCode)),
        }
    }

    fn leave_out(&mut self, function: &str, why: Why) {
        self.left_out.push(LeftOut { function: function.to_owned(), why });
    }
}

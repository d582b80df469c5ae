//! The name of a filter of ours: it tells later runs whose it is, until when it does anything, and who brought what it hangs on.

use std::fmt;

use crate::network::tc::Filter;

/// What the name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tag {
    /// `CLOCK_MONOTONIC` in nanoseconds, from when on its program does nothing.
    pub(super) deadline_ns: u64,
    /// Whether a run of ours has added the `clsact` qdisc.
    pub(super) made_clsact: bool,
}

const NAME: &str = "ehl:tc-headers";

impl Tag {
    /// Of a filter, if it is ours.
    pub(super) fn of(filter: &Filter) -> Option<Self> {
        Self::parse(filter.name.as_deref()?)
    }

    fn parse(name: &str) -> Option<Self> {
        let (deadline, clsact) = name.strip_prefix(NAME)?.strip_prefix(":until=")?.split_once(":clsact=")?;
        let made_clsact = match clsact {
            "made" => true,
            "found" => false,
            _ => return None,
        };
        Some(Self { deadline_ns: deadline.parse().ok()?, made_clsact })
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let clsact = if self.made_clsact { "made" } else { "found" };
        write!(out, "{NAME}:until={}:clsact={clsact}", self.deadline_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        for (tag, name) in [
            (Tag { deadline_ns: 17, made_clsact: true }, "ehl:tc-headers:until=17:clsact=made"),
            (Tag { deadline_ns: u64::MAX, made_clsact: false }, "ehl:tc-headers:until=18446744073709551615:clsact=found"),
        ] {
            assert_eq!(tag.to_string(), name);
            assert_eq!(Tag::parse(name), Some(tag));
        }
    }

    #[test]
    fn others_filters_are_not_ours() {
        for name in ["", "ehl", "ehl:tc-headers", "ehl:tc-headers:until=:clsact=made", "ehl:tc-headers:until=1:clsact=", "cil_from_netdev"]
        {
            assert_eq!(Tag::parse(name), None, "{name}");
        }
    }
}

//! The network namespace that this thread is in, as rtnetlink(7) shows it: interfaces, the default route, packet classifiers; and
//! moving into another one.
//!
//! /sys/class/net is not looked at: it shows the namespace in which it was mounted.

mod interface;
pub mod namespace;
mod netlink;
mod route;
pub mod tc;

pub use interface::{Interface, interfaces};
pub use route::default_interface;

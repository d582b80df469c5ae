//! `ehl latency`: how response times are spread, and how they depend on load.

use super::Outcome;
use crate::args;

/// Measures as asked for.
pub(super) fn run(_args: &args::Latency) -> anyhow::Result<Outcome> {
    anyhow::bail!("not yet")
}

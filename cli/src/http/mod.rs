//! What HTTP messages say: parsed from streams of bytes, and redacted before anything leaves this module.

pub mod api_version;
pub mod auth;
pub mod redact;

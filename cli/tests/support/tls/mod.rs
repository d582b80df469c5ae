//! Real servers and clients over TLS, and what each says of the exchanges it took part in.
//!
//! All serve on port 8080, and `/sNNN/...` is answered with status NNN everywhere. An exchange has a path of its own,
//! by which what a server logged, what a client was answered and a row are told to be the same.

pub(crate) mod body;
pub(crate) mod certificate;
pub(crate) mod client;
pub(crate) mod exchange;
pub(crate) mod node;
pub(crate) mod openssl;
pub(crate) mod rows;
pub(crate) mod s_client;
pub(crate) mod server;
pub(crate) mod tools;

//! Why a typed value is refused. clap names the option and the value in front of it.

use std::{error::Error, fmt};

/// What is wrong with a value, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    wrong: String,
    right: &'static str,
}

impl Invalid {
    pub(super) fn new(wrong: impl Into<String>, right: &'static str) -> Self {
        let wrong = wrong.into();
        Self { wrong, right }
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { wrong, right } = self;
        write!(f, "{wrong}; {right}")
    }
}

impl Error for Invalid {}

//! What can be known of a value that a register or a place in the frame holds.

/// What is known of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// Nothing.
    Unknown,
    /// The argument of this number, from 0.
    Argument(u8),
    /// Its low half, extended to a whole register by sign or by zeros.
    Extended(u8),
    /// Its low half, and anything above.
    Low(u8),
    /// The stack pointer at the function's first instruction, and so many bytes.
    Stack(i64),
}

impl Value {
    /// What holds of both.
    pub(super) fn meet(self, other: Value) -> Value {
        match (self.argument(), other.argument()) {
            _ if self == other => self,
            (Some(mine), Some(theirs)) if mine == theirs => Value::Low(mine),
            _ => Value::Unknown,
        }
    }

    /// The number of the argument whose low half this is.
    fn argument(self) -> Option<u8> {
        match self {
            Value::Argument(number) | Value::Extended(number) | Value::Low(number) => Some(number),
            Value::Unknown | Value::Stack(_) => None,
        }
    }

    /// Its low half, extended.
    pub(super) fn extended(self) -> Value {
        self.argument().map_or(Value::Unknown, Value::Extended)
    }
}

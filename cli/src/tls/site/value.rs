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
    /// The argument, a pointer, moved by who knows how far: somewhere in what it points to.
    Within(u8),
    /// The stack pointer at the function's first instruction, and so many bytes.
    Stack(i64),
    /// What a call has returned.
    Result,
    /// A number, or an address.
    Constant(u64),
    /// What was loaded from the first argument's object, so many bytes behind its begin.
    Member(i64),
    /// What was loaded from where such a member pointed: its offset, then the one from there.
    Pointed(i64, i64),
}

impl Value {
    /// What holds of both.
    pub(super) fn meet(self, other: Value) -> Value {
        match (self.argument(), other.argument()) {
            _ if self == other => self,
            _ if self.pointer().is_some() && self.pointer() == other.pointer() => self.moved(),
            (Some(mine), Some(theirs)) if mine == theirs => Value::Low(mine),
            _ => Value::Unknown,
        }
    }

    /// The number of the argument whose low half this is.
    pub(super) fn argument(self) -> Option<u8> {
        match self {
            Value::Argument(number) | Value::Extended(number) | Value::Low(number) => Some(number),
            _ => None,
        }
    }

    /// The number of the argument that this points into.
    pub(super) fn pointer(self) -> Option<u8> {
        match self {
            Value::Argument(number) | Value::Within(number) => Some(number),
            _ => None,
        }
    }

    /// A pointer after it was moved.
    pub(super) fn moved(self) -> Value {
        self.pointer().map_or(Value::Unknown, Value::Within)
    }

    /// Its low half, extended.
    pub(super) fn extended(self) -> Value {
        if let Value::Constant(number) = self
            && i32::try_from(number).is_ok()
        {
            return self;
        }
        self.argument().map_or(Value::Unknown, Value::Extended)
    }
}

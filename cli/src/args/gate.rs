//! `--fail-if`: a column, a comparison and a limit.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::Invalid;

/// A condition that makes the run fail, as typed: `p99 > 500ms`.
#[derive(Debug, Clone, PartialEq)]
pub struct Gate {
    /// A column, or its short name.
    pub column: String,
    /// How it is compared.
    pub comparison: Comparison,
    /// With what.
    pub limit: Limit,
    typed: String,
}

/// How a value is compared with a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    More,
    /// `>=`
    AtLeast,
    /// `==`
    Equal,
    /// `!=`
    Unequal,
}

/// A number and its unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Limit {
    /// Without unit: in the unit of the column.
    Number(f64),
    /// `1%` is 0.01.
    Share(f64),
    /// `500ms`
    Time(Duration),
    /// `10MiB`
    Bytes(f64),
}

const HINT: &str = "write 'p99 > 500ms', 'error_rate > 1%' or 'requests < 100'";

/// Longer ones first: `<=` begins with `<`.
const COMPARISONS: [(&str, Comparison); 7] = [
    ("<=", Comparison::AtMost),
    (">=", Comparison::AtLeast),
    ("==", Comparison::Equal),
    ("!=", Comparison::Unequal),
    ("<", Comparison::Less),
    (">", Comparison::More),
    ("=", Comparison::Equal),
];

impl FromStr for Gate {
    type Err = Invalid;

    fn from_str(typed: &str) -> Result<Self, Invalid> {
        let at = typed.find(['<', '>', '=', '!']).ok_or_else(|| Invalid::new("no comparison", HINT))?;
        let (column, rest) = typed.split_at(at);
        let found = COMPARISONS.iter().find_map(|(sign, comparison)| Some((rest.strip_prefix(sign)?, *comparison)));
        let (limit, comparison) = found.ok_or_else(|| Invalid::new("no comparison", HINT))?;
        let column = column.trim();
        if column.is_empty() || column.contains(char::is_whitespace) {
            return Err(Invalid::new("not one column", HINT));
        }
        Ok(Self { column: column.to_owned(), comparison, limit: limit.trim().parse()?, typed: typed.trim().to_owned() })
    }
}

impl FromStr for Limit {
    type Err = Invalid;

    fn from_str(typed: &str) -> Result<Self, Invalid> {
        let unit_at = typed.find(|character: char| !character.is_ascii_digit() && character != '.').unwrap_or(typed.len());
        let (digits, unit) = typed.split_at(unit_at);
        let number: f64 = digits.parse().map_err(|_| Invalid::new("not a number with a unit", HINT))?;
        let bytes = |power: i32, base: f64| Ok(Self::Bytes(number * base.powi(power)));
        match unit.trim() {
            "" => Ok(Self::Number(number)),
            "%" => Ok(Self::Share(number / 100.0)),
            "B" => bytes(0, 1.0),
            "KB" | "kB" => bytes(1, 1000.0),
            "MB" => bytes(2, 1000.0),
            "GB" => bytes(3, 1000.0),
            "KiB" => bytes(1, 1024.0),
            "MiB" => bytes(2, 1024.0),
            "GiB" => bytes(3, 1024.0),
            unit => {
                let ns = match unit {
                    "us" => 1e3,
                    "ms" => 1e6,
                    "s" => 1e9,
                    "m" | "min" => 60e9,
                    "h" => 3600e9,
                    _ => return Err(Invalid::new("an unknown unit", "write us, ms, s, m, h, %, B, KiB, MiB, GiB, kB, MB or GB")),
                };
                let too_long = || Invalid::new("too long a time", "write at most 24h");
                Ok(Self::Time(Duration::try_from_secs_f64(number * ns / 1e9).map_err(|_| too_long())?))
            }
        }
    }
}

impl Comparison {
    /// Whether `left` compares so with `right`.
    pub fn holds(self, left: f64, right: f64) -> bool {
        match self {
            Self::Less => left < right,
            Self::AtMost => left <= right,
            Self::More => left > right,
            Self::AtLeast => left >= right,
            Self::Equal => left == right,
            Self::Unequal => left != right,
        }
    }
}

impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.typed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(typed: &str) -> (String, Comparison, Limit) {
        let Gate { column, comparison, limit, .. } = typed.parse().expect(typed);
        (column, comparison, limit)
    }

    #[test]
    fn takes_conditions_apart() {
        let time = |ms| Limit::Time(Duration::from_millis(ms));
        for (typed, column, comparison, limit) in [
            ("p99 > 500ms", "p99", Comparison::More, time(500)),
            ("p99>1.5s", "p99", Comparison::More, time(1500)),
            ("error_rate >= 1%", "error_rate", Comparison::AtLeast, Limit::Share(0.01)),
            (" requests < 100 ", "requests", Comparison::Less, Limit::Number(100.0)),
            ("status == 503", "status", Comparison::Equal, Limit::Number(503.0)),
            ("status = 503", "status", Comparison::Equal, Limit::Number(503.0)),
            ("no_answer!=0", "no_answer", Comparison::Unequal, Limit::Number(0.0)),
            ("response_bytes<=10MiB", "response_bytes", Comparison::AtMost, Limit::Bytes(10_485_760.0)),
            ("duration_p99 > 2m", "duration_p99", Comparison::More, time(120_000)),
        ] {
            assert_eq!(parsed(typed), (column.to_owned(), comparison, limit), "{typed}");
        }
        assert_eq!(" p99  >  1s ".parse::<Gate>().expect("a gate").to_string(), "p99  >  1s");
    }

    #[test]
    fn says_what_is_wrong_with_others() {
        for (typed, why) in [
            ("p99", "no comparison"),
            ("> 5", "not one column"),
            ("a b > 5", "not one column"),
            ("p99 > ", "not a number"),
            ("p99 > fast", "not a number"),
            ("p99 > -5", "not a number"),
            ("p99 > 1e9", "unknown unit"),
            ("p99 > 5 parsecs", "unknown unit"),
            ("p99 > 99999999999999999999h", "too long"),
            ("p99 ! 5", "no comparison"),
            ("p99 > 1.2.3", "not a number"),
        ] {
            let error = typed.parse::<Gate>().expect_err(typed).to_string();
            assert!(error.contains(why), "{typed}: {error}");
        }
    }
}

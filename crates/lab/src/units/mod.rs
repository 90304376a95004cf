//! Durations, sizes, rates and the like as people write them in scenario files: `"1.5 s"`, `"8 MiB"`, `"20 Mbit/s"`, `"5 /s"`.
//!
//! Each is a thin type that parses from text, so that a wrong unit is reported by the TOML reader with the line it stands on, and that is written as text which
//! parses to exactly the same: a scenario that a program has made is a file like any other.

mod number;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::de::{self, Deserializer};
use serde::{Deserialize, Serialize, Serializer};

use number::{Digits, Scaled, write};

const SPANS: [(&str, u64, Digits); 7] = [
    ("d", 86_400_000_000_000, Digits::Whole),
    ("h", 3_600_000_000_000, Digits::Whole),
    ("min", 60_000_000_000, Digits::Whole),
    ("s", 1_000_000_000, Digits::Decimal),
    ("ms", 1_000_000, Digits::Decimal),
    ("us", 1_000, Digits::Decimal),
    ("ns", 1, Digits::Whole),
];

/// The nanoseconds of a duration's text. A century is more than any run lasts, and far from where 64 bits end.
fn nanos(text: &str) -> Result<u64, String> {
    const CENTURY: u128 = 100 * 366 * 86_400 * 1_000_000_000;
    let units: Vec<(&str, u64)> = SPANS.iter().rev().map(|(unit, factor, _)| (*unit, *factor)).collect();
    let nanos = Scaled::read(text, "duration", &units)?.whole();
    if nanos > CENTURY { Err(format!("`{text}` is longer than a century: write a shorter duration")) } else { Ok(nanos as u64) }
}

/// A length of time: `"250 ms"`, `"1.5 s"`, `"2 min"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

impl Span {
    /// So many nanoseconds; what no 64 bits hold is as long as they can say.
    #[must_use]
    pub fn nanos(self) -> u64 {
        u64::try_from(self.0.as_nanos()).unwrap_or(u64::MAX)
    }

    /// Whether it is no time at all.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.0.is_zero()
    }
}

impl FromStr for Span {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        nanos(text).map(|nanos| Self(Duration::from_nanos(nanos)))
    }
}

impl fmt::Display for Span {
    /// Exact to the nanosecond.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_zero() { f.write_str("0 s") } else { f.write_str(&write(self.nanos(), &SPANS)) }
    }
}

/// How far a clock jumps: a duration, `"-2 s"` if back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Skew(pub i64);

impl FromStr for Skew {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let back = text.trim().strip_prefix('-');
        // A century of nanoseconds fits 63 bits.
        nanos(back.unwrap_or(text)).map(|nanos| Self(if back.is_some() { -(nanos as i64) } else { nanos as i64 }))
    }
}

impl fmt::Display for Skew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        write!(f, "{sign}{}", Span(Duration::from_nanos(self.0.unsigned_abs())))
    }
}

const SIZES: [(&str, u64, Digits); 9] = [
    ("TiB", 1 << 40, Digits::Whole),
    ("GiB", 1 << 30, Digits::Whole),
    ("MiB", 1 << 20, Digits::Whole),
    ("KiB", 1 << 10, Digits::Whole),
    ("TB", 1_000_000_000_000, Digits::Whole),
    ("GB", 1_000_000_000, Digits::Whole),
    ("MB", 1_000_000, Digits::Whole),
    ("kB", 1_000, Digits::Whole),
    ("B", 1, Digits::Whole),
];

/// An amount of bytes: `"512 KiB"`, `"8 MiB"`, `"1 GB"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

impl FromStr for Size {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let units: Vec<(&str, u64)> = SIZES.iter().rev().map(|(unit, factor, _)| (*unit, *factor)).collect();
        let bytes = Scaled::read(text, "size", &units)?.whole();
        u64::try_from(bytes).map(Self).map_err(|_| format!("`{text}` is more than 64 bits can count: write a smaller size"))
    }
}

impl Size {
    fn exactly(self) -> String {
        write(self.0, &SIZES)
    }
}

impl fmt::Display for Size {
    /// Rounded, for people; scenario files are written exactly.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (value, unit) = match self.0 {
            n if n >= 1 << 30 => (n as f64 / (1u64 << 30) as f64, "GiB"),
            n if n >= 1 << 20 => (n as f64 / (1u64 << 20) as f64, "MiB"),
            n if n >= 1 << 10 => (n as f64 / 1024.0, "KiB"),
            n => return write!(f, "{n} B"),
        };
        write!(f, "{value:.1} {unit}")
    }
}

/// Units of rates in bits a second, which no floating point spoils: eight of them are a byte a second.
const RATES: [(&str, u64); 8] = [
    ("bit/s", 1),
    ("kbit/s", 1_000),
    ("Mbit/s", 1_000_000),
    ("Gbit/s", 1_000_000_000),
    ("B/s", 8),
    ("kB/s", 8_000),
    ("MB/s", 8_000_000),
    ("GB/s", 8_000_000_000),
];

/// How fast a link is, in bytes a second: `"20 Mbit/s"`, `"2.5 MB/s"`.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Rate(pub f64);

impl FromStr for Rate {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match Scaled::read(text, "rate", &RATES)?.real() / 8.0 {
            rate if rate > 0.0 && rate.is_finite() => Ok(Self(rate)),
            _ => Err(format!("`{text}` is no rate at all: a link must carry something")),
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = self.0 * 8.0;
        // The largest unit in which it is short and reads back as the same number.
        let short = |(unit, factor): &(&str, u64)| {
            Some(format!("{} {unit}", bits / *factor as f64)).filter(|text| text.len() < 16 && text.parse() == Ok(*self))
        };
        let text = RATES[..4].iter().rev().filter(|(_, factor)| bits >= *factor as f64).find_map(short);
        f.write_str(&text.unwrap_or_else(|| format!("{bits} bit/s")))
    }
}

/// How often something happens, in times a second: `"5 /s"`, `"30 /min"`.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Frequency(pub f64);

impl FromStr for Frequency {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let units = [("/s", 86_400), ("/min", 1_440), ("/h", 60), ("/d", 1)];
        // A unit that is no division of the day comes back with the rounding error of one division.
        let each = Scaled::read(text, "frequency", &units)?;
        let second = if text.trim_end().ends_with("/s") { each.real_of(1) } else { each.real() / 86_400.0 };
        if second > 0.0 && second.is_finite() { Ok(Self(second)) } else { Err(format!("`{text}` is never: give a frequency above zero")) }
    }
}

impl fmt::Display for Frequency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} /s", self.0)
    }
}

/// A share between 0 and 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Share(pub f64);

impl Share {
    /// Everything.
    pub const ALL: Share = Share(1.0);

    /// So many of `count`, to the nearest.
    #[must_use]
    pub fn of(self, count: u32) -> u32 {
        (f64::from(count) * self.0).round() as u32
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Rounded to what a person can use: 7 % and not 7.000000000000001 %.
        write!(f, "{} %", (self.0 * 1e8).round() / 1e6)
    }
}

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let share = f64::deserialize(deserializer)?;
        if (0.0..=1.0).contains(&share) { Ok(Self(share)) } else { Err(de::Error::custom(format!("{share} is not a share: allowed is 0.0 to 1.0"))) }
    }
}

macro_rules! as_text {
    ($($unit:ty => $write:expr),* $(,)?) => {
        $(impl<'de> Deserialize<'de> for $unit {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
        impl Serialize for $unit {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let write: fn(&$unit) -> String = $write;
                serializer.serialize_str(&write(self))
            }
        })*
    };
}

as_text!(Span => ToString::to_string, Skew => ToString::to_string, Size => |size| size.exactly(), Rate => ToString::to_string, Frequency => ToString::to_string);

#[cfg(test)]
mod tests;

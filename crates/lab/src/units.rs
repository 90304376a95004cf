//! Durations, sizes and rates as people write them in scenario files: `"1.5 s"`, `"8 MiB"`, `"20 Mbit/s"`.
//!
//! Each is a thin type that parses from text, so that a wrong unit is reported by the TOML reader with the line it stands on.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{self, Deserializer};

/// Splits `"20 Mbit/s"` into 20 and `Mbit/s`.
fn number_and_unit(text: &str) -> Option<(f64, &str)> {
    let text = text.trim();
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let number: f64 = text[..end].parse().ok()?;
    number.is_finite().then(|| (number, text[end..].trim()))
}

/// Looks `unit` up in a table of units and factors.
fn scaled(text: &str, what: &str, units: &[(&str, f64)]) -> Result<f64, String> {
    let allowed = || units.iter().map(|(unit, _)| *unit).collect::<Vec<_>>().join(", ");
    let (number, unit) = number_and_unit(text).ok_or_else(|| format!("`{text}` is not a {what}: write a number and one of {}", allowed()))?;
    let factor = units.iter().find(|(name, _)| *name == unit).map(|(_, factor)| factor);
    factor.map(|factor| number * factor).ok_or_else(|| format!("`{unit}` is not a unit of a {what}: use one of {}", allowed()))
}

/// A length of time: `"250 ms"`, `"1.5 s"`, `"2 min"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Span(pub Duration);

impl FromStr for Span {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let units = [("ns", 1.0), ("us", 1e3), ("ms", 1e6), ("s", 1e9), ("min", 60e9), ("h", 3600e9), ("d", 86400e9)];
        let nanos = scaled(text, "duration", &units)?;
        // A century is more than any run lasts, and far from where 64 bits end.
        if nanos > 100.0 * 366.0 * 86400e9 {
            return Err(format!("`{text}` is longer than a century: write a shorter duration"));
        }
        Ok(Self(Duration::from_nanos(nanos.round() as u64)))
    }
}

/// An amount of bytes: `"512 KiB"`, `"8 MiB"`, `"1 GB"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

impl FromStr for Size {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let units = [
            ("B", 1.0),
            ("kB", 1e3),
            ("MB", 1e6),
            ("GB", 1e9),
            ("TB", 1e12),
            ("KiB", 1024.0),
            ("MiB", 1_048_576.0),
            ("GiB", 1_073_741_824.0),
            ("TiB", 1_099_511_627_776.0),
        ];
        Ok(Self(scaled(text, "size", &units)?.round() as u64))
    }
}

impl fmt::Display for Size {
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

/// How fast a link is, in bytes a second: `"20 Mbit/s"`, `"2.5 MB/s"`.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Rate(pub f64);

impl FromStr for Rate {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let units =
            [("bit/s", 0.125), ("kbit/s", 125.0), ("Mbit/s", 125e3), ("Gbit/s", 125e6), ("B/s", 1.0), ("kB/s", 1e3), ("MB/s", 1e6), ("GB/s", 1e9)];
        match scaled(text, "rate", &units)? {
            rate if rate > 0.0 => Ok(Self(rate)),
            _ => Err(format!("`{text}` is no rate at all: a link must carry something")),
        }
    }
}

/// A share between 0 and 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Share(pub f64);

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let share = f64::deserialize(deserializer)?;
        if (0.0..=1.0).contains(&share) { Ok(Self(share)) } else { Err(de::Error::custom(format!("{share} is not a share: allowed is 0.0 to 1.0"))) }
    }
}

macro_rules! deserialize_from_text {
    ($($unit:ty),*) => {
        $(impl<'de> Deserialize<'de> for $unit {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        })*
    };
}

deserialize_from_text!(Span, Size, Rate);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_is_understood() {
        assert_eq!("250ms".parse(), Ok(Span(Duration::from_millis(250))));
        assert_eq!("1.5 min".parse(), Ok(Span(Duration::from_secs(90))));
        assert_eq!("8 MiB".parse(), Ok(Size(8 << 20)));
        assert_eq!("20 Mbit/s".parse(), Ok(Rate(2.5e6)));
    }

    #[test]
    fn a_wrong_unit_is_answered_with_the_right_ones() {
        assert_eq!("5 parsecs".parse::<Span>(), Err("`parsecs` is not a unit of a duration: use one of ns, us, ms, s, min, h, d".into()));
        assert!("fast".parse::<Rate>().unwrap_err().contains("bit/s"));
        assert!("-5 s".parse::<Span>().is_err());
        assert!("0 bit/s".parse::<Rate>().is_err());
        assert!("99999999 d".parse::<Span>().unwrap_err().contains("century"));
    }

    #[test]
    fn sizes_are_shown_in_the_unit_people_would_use() {
        assert_eq!(Size(999).to_string(), "999 B");
        assert_eq!(Size(1_572_864).to_string(), "1.5 MiB");
    }
}

//! Numbers with units, exactly: `"1.5 s"` is 1,500,000,000 nanoseconds and not a float near it, so that what is written back reads the same.

/// How many digits behind the point count: enough for a nanosecond of a century.
const DIGITS: usize = 18;

/// A number and what it is multiplied with.
pub(crate) struct Scaled<'a> {
    /// The digits before the point.
    before: u64,
    /// The digits behind it.
    behind: &'a str,
    factor: u64,
}

impl<'a> Scaled<'a> {
    /// Reads `"20 Mbit/s"` by a table of units and factors. The error says which units are allowed.
    pub(crate) fn read(text: &'a str, what: &str, units: &[(&str, u64)]) -> Result<Self, String> {
        let allowed = || units.iter().map(|(unit, _)| *unit).collect::<Vec<_>>().join(", ");
        let (before, behind, unit) = split(text).ok_or_else(|| format!("`{text}` is not a {what}: write a number and one of {}", allowed()))?;
        let factor = units.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor);
        let factor = factor.ok_or_else(|| format!("`{unit}` is not a unit of a {what}: use one of {}", allowed()))?;
        Ok(Self { before, behind, factor })
    }

    /// The product, rounded to the nearest whole number.
    pub(crate) fn whole(&self) -> u128 {
        let behind = &self.behind[..self.behind.len().min(DIGITS)];
        let scale = 10u128.pow(behind.len() as u32);
        let fraction = behind.bytes().fold(0u128, |sum, digit| sum * 10 + u128::from(digit - b'0'));
        u128::from(self.before) * u128::from(self.factor) + (fraction * u128::from(self.factor) + scale / 2) / scale
    }

    /// The product as a real number.
    pub(crate) fn real(&self) -> f64 {
        self.real_of(self.factor)
    }

    /// The product with another factor.
    pub(crate) fn real_of(&self, factor: u64) -> f64 {
        let number = format!("{}.{}", self.before, if self.behind.is_empty() { "0" } else { self.behind });
        // Digits, a point and digits are a number.
        number.parse::<f64>().unwrap_or(f64::INFINITY) * factor as f64
    }
}

/// The digits before the point, those behind it, and the unit.
fn split(text: &str) -> Option<(u64, &str, &str)> {
    let text = text.trim();
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (number, unit) = (&text[..end], text[end..].trim());
    let (before, behind) = number.split_once('.').unwrap_or((number, ""));
    if behind.contains('.') || number.len() == number.matches('.').count() {
        return None;
    }
    let before = if before.is_empty() { 0 } else { before.parse().ok()? };
    Some((before, behind, unit))
}

/// `value` in the largest of these units (largest first) of which it is at least one, with as many digits as it takes. `whole` units are used only where no
/// digits behind the point are needed.
pub(crate) fn write(value: u64, units: &[(&str, u64, Digits)]) -> String {
    let fits = |(_, factor, digits): &&(&str, u64, Digits)| match digits {
        Digits::Whole => value >= *factor && value.is_multiple_of(*factor),
        Digits::Decimal => value >= *factor,
    };
    let Some((unit, factor, _)) = units.iter().find(fits).or(units.last()) else { return value.to_string() };
    let rest = value % factor;
    if rest == 0 {
        return format!("{} {unit}", value / factor);
    }
    // Factors of decimal units are powers of ten.
    let digits = format!("{rest:0width$}", width = factor.ilog10() as usize);
    format!("{}.{} {unit}", value / factor, digits.trim_end_matches('0'))
}

/// How a unit is used when numbers are written.
#[derive(Clone, Copy)]
pub(crate) enum Digits {
    /// Only for whole multiples.
    Whole,
    /// With digits behind the point: the unit is a power of ten.
    Decimal,
}

//! What parameters are allowed: one function for each kind of number, so that all models refuse the same things in the same words.

use core::time::Duration;

use crate::SetupError;

/// The longest delay that any model takes: a year. The signals of Voyager 1 take a day, and sums of a few years stay far from the end of time.
pub const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// Refuses what is no probability.
pub(crate) fn probability(what: &'static str, value: f64) -> Result<(), SetupError> {
    if (0.0..=1.0).contains(&value) { Ok(()) } else { Err(SetupError::Probability { what, value }) }
}

/// Refuses delays longer than [`LONGEST`].
pub(crate) fn delay(what: &'static str, value: Duration) -> Result<(), SetupError> {
    if value <= LONGEST { Ok(()) } else { Err(SetupError::Delay { what, value, most: LONGEST }) }
}

/// Refuses delays of zero and those longer than [`LONGEST`].
pub(crate) fn positive_delay(what: &'static str, value: Duration) -> Result<(), SetupError> {
    if value.is_zero() { Err(SetupError::NoDelay { what, most: LONGEST }) } else { delay(what, value) }
}

/// Refuses what is negative, infinite or no number.
pub(crate) fn spread(what: &'static str, value: f64) -> Result<(), SetupError> {
    if value.is_finite() && value >= 0.0 { Ok(()) } else { Err(SetupError::Spread { what, value }) }
}

/// Refuses what is outside `least..=most`, or no number.
pub(crate) fn range(what: &'static str, value: f64, least: f64, most: f64) -> Result<(), SetupError> {
    if (least..=most).contains(&value) { Ok(()) } else { Err(SetupError::Range { what, value, least, most }) }
}

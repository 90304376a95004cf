//! Adding up what test runners say.

use std::fmt;

/// How many tests ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) skipped: usize,
}

impl Tally {
    /// Adds another.
    pub(crate) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }

    /// Hears a line of `cargo test`: `test result: ok. 3 passed; 0 failed; 1 ignored; ...` counts, every other line does not.
    pub(crate) fn hear(&mut self, line: &str) {
        let Some(counts) = line.strip_prefix("test result: ") else { return };
        for part in counts.split(['.', ';']) {
            let mut words = part.split_whitespace();
            let (Some(Ok(number)), Some(what)) = (words.next().map(str::parse::<usize>), words.next()) else { continue };
            match what {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.skipped += number,
                _ => {}
            }
        }
    }

    /// Takes the tests that said they could not run (`name: why`) out of those that passed. Where `required`, they have failed.
    pub(crate) fn set_aside(&mut self, skips: &[&str], required: bool) {
        for skip in skips {
            println!("{} {skip}", if required { "FAIL (may not be skipped in CI)" } else { "skipped" });
        }
        self.passed = self.passed.saturating_sub(skips.len());
        if required {
            self.failed += skips.len();
        } else {
            self.skipped += skips.len();
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)?;
        if self.skipped > 0 { write!(f, ", {} skipped", self.skipped) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_cargo_are_added_up() {
        let mut tally = Tally::default();
        tally.hear("running 4 tests");
        tally.hear("test result: ok. 4 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s");
        tally.hear("test result: FAILED. 1 passed; 2 failed; 3 ignored; 0 measured; 9 filtered out; finished in 1.50s");
        assert_eq!(tally, Tally { passed: 5, failed: 2, skipped: 3 });
        assert_eq!(tally.to_string(), "5 passed, 2 failed, 3 skipped");
        assert_eq!(Tally { passed: 7, ..Tally::default() }.to_string(), "7 passed, 0 failed");
    }

    #[test]
    fn a_skip_is_no_pass_and_in_ci_a_failure() {
        let ran = Tally { passed: 3, ..Tally::default() };
        let (mut here, mut there) = (ran, ran);
        here.set_aside(&["interop: no such program"], false);
        assert_eq!(here, Tally { passed: 2, failed: 0, skipped: 1 });
        there.set_aside(&["interop: no such program"], true);
        assert_eq!(there, Tally { passed: 2, failed: 1, skipped: 0 });
    }
}

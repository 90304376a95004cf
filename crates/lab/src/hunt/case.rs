//! [`Case`]: a finding as a scenario file, which says at its head what it shows and how to see it again.

use std::fmt;
use std::path::Path;

use crate::laws::Replay;

use super::Shrunk;

/// A finding on its way into a file.
#[derive(Clone, Debug)]
pub struct Case<'a> {
    /// What was found.
    pub shrunk: &'a Shrunk,
    /// The scenario that was hunted through.
    pub scenario: &'a Path,
    /// Where it will be.
    pub file: &'a Path,
}

impl Case<'_> {
    /// The command that breaks the law again.
    #[must_use]
    pub fn replay(&self) -> Replay {
        Replay::of(self.file, self.shrunk.scenario.seed, self.shrunk.violation.law)
    }

    /// The text of the file.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        Ok(format!("{self}\n{}", self.shrunk.scenario.moved_to(self.file).to_toml()?))
    }
}

impl fmt::Display for Case<'_> {
    /// The head of the file: comments, each line ended.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |path: &Path| path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned());
        writeln!(f, "# Found by peerglass hunt in {}.", name(self.scenario))?;
        self.shrunk.violation.to_string().lines().try_for_each(|line| writeln!(f, "# {line}"))?;
        writeln!(f, "# replay:    {}", Replay { scenario: name(self.file).into(), ..self.replay() })
    }
}

//! [`Case`]: a finding as a scenario file, which says at its head what it shows and how to see it again.

use std::fmt;
use std::path::{Component, Path, PathBuf};

use crate::laws::Replay;
use crate::scenario::{DistributionSpec, LatencySpec, Scenario};

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
        Ok(format!("{self}\n{}", moved(&self.shrunk.scenario, self.file).to_toml()?))
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

/// The scenario as it must read in another file: paths start at the folder of the file.
fn moved(scenario: &Scenario, file: &Path) -> Scenario {
    let mut moved = scenario.clone();
    let folder = absolute(file.parent().unwrap_or(Path::new("")));
    let follow = |path: &mut PathBuf| *path = relative(&folder, &absolute(&scenario.resolve(path)));
    moved.content.iter_mut().filter_map(|content| content.path.as_mut()).for_each(follow);
    if let LatencySpec::Matrix { path } = &mut moved.network.latency {
        follow(path);
    }
    for churn in &mut moved.churn {
        for distribution in [Some(&mut churn.session), churn.downtime.as_mut(), churn.interarrival.as_mut()].into_iter().flatten() {
            if let DistributionSpec::Trace { path } = distribution {
                follow(path);
            }
        }
    }
    moved
}

/// The path from the root, without `.` and `..`, as far as that can be known.
fn absolute(path: &Path) -> PathBuf {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    path.canonicalize().or_else(|_| std::path::absolute(path)).unwrap_or_else(|_| path.to_owned())
}

/// The way from `folder` to `path`, both from the root.
fn relative(folder: &Path, path: &Path) -> PathBuf {
    let shared = folder.components().zip(path.components()).take_while(|(a, b)| a == b).count();
    if shared == 0 {
        return path.to_owned();
    }
    let up = folder.components().skip(shared).map(|_| Component::ParentDir);
    up.chain(path.components().skip(shared)).collect()
}

#[cfg(test)]
mod tests {
    use super::relative;

    #[test]
    fn paths_lead_from_the_new_file_to_the_old_content() {
        let way = |folder: &str, path: &str| relative(folder.as_ref(), path.as_ref()).display().to_string();
        assert_eq!(way("/a/b", "/a/b/c"), "c");
        assert_eq!(way("/a/b/c", "/a/d"), "../../d");
        assert_eq!(way("/x", "/a/d"), "../a/d");
    }
}

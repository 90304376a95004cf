//! A scenario in another file than it came from: paths in it start at the folder of the file.

use std::path::{Component, Path, PathBuf};

use super::{DistributionSpec, LatencySpec, Scenario};

impl Scenario {
    /// The scenario as it must read in another file: paths start at the folder of the file.
    #[must_use]
    pub fn moved_to(&self, file: &Path) -> Scenario {
        let mut moved = self.clone();
        let folder = absolute(file.parent().unwrap_or(Path::new("")));
        let follow = |path: &mut PathBuf| *path = relative(&folder, &absolute(&self.resolve(path)));
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

//! Scenario files.

use std::path::Path;

use peerglass_lab::Scenario;

/// The text of a scenario. What is wrong in it is told with its line, which is one that the file has.
pub(crate) fn scenario(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match Scenario::parse(text, Path::new("fuzz.toml")) {
        Ok(scenario) => assert!(scenario.with_peers(1).peers <= 1),
        Err(why) => assert!(why.to_string().contains("fuzz.toml"), "an error that does not name the file: {why}"),
    }
}

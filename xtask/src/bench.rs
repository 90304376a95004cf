//! `cargo xtask bench`: the release benchmarks, one after the other, each printing its own table.

use crate::tools::{self, Failure};

/// A benchmark's name, the package that holds it, its example, and what it measures.
const BENCHES: [(&str, &str, &str, &str); 3] = [
    ("sim", "peerglass-lab", "bench_sim", "messages a second and bytes a peer of the simulator"),
    ("glass", "peerglass-lab", "bench_glass", "what recording costs the simulator, and how fast a recorded run answers"),
    ("transfer", "peerglass-node", "bench_transfer", "a large file between two node processes, beside a raw stream"),
];

/// Runs the benchmark named in `arguments`, or all. What stands behind `--` goes to the benchmark.
pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    let (chosen, passed) = match arguments.iter().position(|word| word == "--") {
        Some(at) => (&arguments[..at], &arguments[at + 1..]),
        None => (arguments, &[][..]),
    };
    if let Some(unknown) = chosen.iter().find(|name| BENCHES.iter().all(|(known, ..)| known != name)) {
        return Err(format!("there is no benchmark `{unknown}`; there are: sim, glass, transfer"));
    }
    let mut failed = Vec::new();
    for (name, package, example, what) in BENCHES.iter().filter(|(name, ..)| chosen.is_empty() || chosen.iter().any(|wanted| wanted == name)) {
        println!("== {name}: {what}");
        let mut command = tools::cargo(&["run", "--quiet", "--release", "--package", package, "--example", example, "--"]);
        if !tools::aloud(command.args(passed), |_| ())? {
            failed.push(*name);
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(format!("these benchmarks failed: {}", failed.join(", "))) }
}

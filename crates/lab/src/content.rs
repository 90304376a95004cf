//! What is shared in a scenario: real files and directories, or so many bytes that do not exist; either way only sizes and links go into the simulator.

use std::path::PathBuf;

use peerglass_store::{Dag, ImportError, ImportOptions, Shape};
use thiserror::Error;

use crate::scenario::{ContentSpec, Scenario};
use crate::units::Size;

/// Why a content cannot be shared.
#[derive(Debug, Error)]
#[error("the content `{name}` of {} cannot be read: {source}", scenario.display())]
pub struct ContentError {
    /// Its name.
    pub name: String,
    /// The scenario file.
    pub scenario: PathBuf,
    /// Why.
    pub source: ImportError,
}

/// The DAGs of all contents of a scenario: those it names, then those of its libraries.
pub(crate) fn load_all(scenario: &Scenario) -> Result<Vec<Dag>, ContentError> {
    let named: Vec<Dag> = scenario.content.iter().enumerate().map(|(i, content)| load(scenario, i, content)).collect::<Result<_, _>>()?;
    let sizes = scenario.libraries().into_iter().flat_map(|(items, size)| (0..items).map(move |_| size));
    let generated = sizes.enumerate().map(|(i, size)| Dag::synthetic((named.len() + i) as u64, size.0, Shape::default())).collect::<Vec<_>>();
    Ok(named.into_iter().chain(generated).collect())
}

/// The DAG of a scenario's content. Generated contents differ from each other by their number.
fn load(scenario: &Scenario, number: usize, content: &ContentSpec) -> Result<Dag, ContentError> {
    match &content.path {
        Some(path) => Dag::of_path(&scenario.resolve(path), &ImportOptions::default()).map_err(|source| ContentError {
            name: content.name.clone(),
            scenario: scenario.origin.file.clone(),
            source,
        }),
        None => Ok(Dag::synthetic(number as u64, content.size.unwrap_or(Size(0)).0, Shape::default())),
    }
}

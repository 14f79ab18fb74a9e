//! Weights: named parameters, and the files that hold them.

mod archive;
mod export;
mod hours;
mod measured;
mod merge;
mod model;
mod parameters;
mod published;
mod torch;

pub use archive::Archive;
pub use export::export;
pub use hours::{HOURS_BEFORE, SECONDS};
pub use measured::Figures;
pub use model::Model;
pub use parameters::Parameters;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use candle_core::Device;

    use super::{Model, Parameters};
    use crate::model::{Config, Preset};

    /// A model of random weights that tells nothing of itself.
    pub fn tiny(tasks: &[&str], seed: u64) -> Model {
        let tasks = tasks.iter().map(|task| task.parse().unwrap()).collect();
        let config = Config::preset(Preset::Tiny, tasks);
        let parameters = Parameters::init(&config, seed, &Device::Cpu).unwrap();
        Model { config, parameters, provenance: BTreeMap::new() }
    }
}

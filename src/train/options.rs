//! What a run is asked to do; written to RUN/config.toml and into every checkpoint.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::loss::{Comparison, ContrastiveForm};
use super::optimizer::Rule;
use super::origin::Origin;
use super::schedule::{Rate, Schedule};
use crate::atomic::{self, Existing};
use crate::device::Placement;
use crate::error::{AtPath, Error, Result};
use crate::model::Config;
use crate::ops::Numbers;
use crate::task::Task;

/// Every choice of a run, resolved: the same options and files give the same weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Options {
    /// Photographs: files, and folders to be walked.
    pub photos: Vec<PathBuf>,
    /// Folders of degraded and of clean pictures; the tasks that they are for learn from them, and not from photographs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pairs: Vec<TaskPairs>,
    /// Names all random streams.
    pub seed: u64,
    /// Steps at which the run ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<u64>,
    /// Seconds of training after which the run ends; the time of resumed parts counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_seconds: Option<f64>,
    /// Patches in a batch.
    pub batch: usize,
    /// Batches in a step.
    pub accumulate: usize,
    /// How gradients become steps; Adam in runs that do not tell.
    #[serde(default)]
    pub optimizer: Rule,
    /// How the learning rate goes.
    pub schedule: Schedule,
    /// The largest learning rate.
    pub rate: f64,
    /// Steps of warm-up.
    pub warm_up: u64,
    /// How restored pictures are compared with the true ones; L1 as published, and in runs that do not tell.
    #[serde(default)]
    pub loss: Comparison,
    /// Weight of the contrastive term beside the L1 in 8-bit levels, or the PSNR in dB; 0 leaves it out.
    pub lambda: f64,
    /// Which contrastive loss.
    pub contrastive: ContrastiveForm,
    /// Patch indices that stand for all in the contrastive loss; 0 takes all.
    pub contrastive_patches: usize,
    /// Largest norm of a step's gradient, with the L1 term on the scale 0..1 (so 255 times this on
    /// the scale of the loss); 0 does not clip. Below all norms it gives each step the same weight in
    /// what the optimizer remembers. Tasks need that where they share weights: the gradient of noise is
    /// ten times that of enlargement, which otherwise learns far less of them. Steps become no smaller,
    /// since both rules take the direction only.
    pub clip: f64,
    /// Decay of the running mean of the weights.
    pub ema: f64,
    /// Steps between checkpoints.
    pub save_every: u64,
    /// Checkpoints kept, the newest.
    pub keep: usize,
    /// High-quality pictures to measure on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validate: Option<PathBuf>,
    /// Steps between measurements.
    pub validate_every: u64,
    /// A folder of real streak layers for the rain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rain_streaks: Option<PathBuf>,
    /// How often each task of the model is drawn, relative to the others; empty: equally.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub task_weights: Vec<f64>,
    /// Decoded photographs kept in memory, in MiB.
    pub cache: usize,
    /// Where it is computed.
    #[serde(with = "text")]
    pub device: Placement,
    /// Number format of products.
    #[serde(with = "text")]
    pub precision: Numbers,
    /// The model that the run begins with; none for fresh weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Origin>,
    /// Whether the body stays as that has it (task embeddings are trained).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub freeze_body: bool,
    /// Whether heads and tails learn without the transformer, which adds nothing to the features of the head then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub skip_transformer: bool,
    /// What is different where the run tunes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tune: Option<Tune>,
    /// The shape of the model and its tasks.
    pub model: Config,
}

/// Two folders of which a task learns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskPairs {
    /// The task.
    pub task: Task,
    /// The folder of degraded pictures, and that of the same as they should be.
    pub folders: [PathBuf; 2],
}

/// What is different when a trained model is tuned to one task.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tune {
    /// Two such folders to measure on; instead of good pictures that are degraded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validate_pairs: Option<[PathBuf; 2]>,
}

impl Options {
    /// The folders of pairs that `task` learns from; none where photographs are degraded for it.
    pub fn pairs_of(&self, task: Task) -> Vec<[PathBuf; 2]> {
        self.pairs.iter().filter(|pairs| pairs.task == task).map(|pairs| pairs.folders.clone()).collect()
    }

    /// A task that is trained and has no pairs, so that it needs photographs.
    pub fn needs_photos(&self) -> Option<Task> {
        let has_pairs = |task: Task| self.pairs.iter().any(|pairs| pairs.task == task);
        let trained = self.weighted_tasks().into_iter().filter(|(_, weight)| *weight > 0.0);
        trained.map(|(task, _)| task).find(|&task| !has_pairs(task))
    }

    /// A task that is not trained, but has its head in common with one that is.
    fn changes_unasked(&self) -> Option<Task> {
        let tasks = self.weighted_tasks();
        let trained = |task: &Task| tasks.iter().any(|(of, weight)| of == task && *weight > 0.0);
        let groups = self.model.shared_heads.iter().filter(|group| group.iter().any(trained));
        groups.flatten().copied().find(|task| !trained(task))
    }

    /// The defaults for a model of this shape.
    pub fn new(photos: Vec<PathBuf>, model: Config) -> Self {
        let options = Self {
            photos,
            pairs: Vec::new(),
            seed: 0,
            steps: None,
            max_seconds: None,
            batch: 16,
            accumulate: 1,
            optimizer: Rule::Muon,
            schedule: Schedule::Cosine,
            rate: 0.0,
            warm_up: 200,
            loss: Comparison::L1,
            lambda: 0.1,
            contrastive: ContrastiveForm::Paper,
            contrastive_patches: 32,
            clip: 0.001,
            ema: 0.999,
            save_every: 500,
            keep: 3,
            validate: None,
            validate_every: 1000,
            rain_streaks: None,
            task_weights: Vec::new(),
            cache: 2048,
            device: Placement::Auto,
            precision: Numbers::Auto,
            from: None,
            freeze_body: false,
            skip_transformer: false,
            tune: None,
            model,
        };
        Self { rate: options.default_rate(), ..options }
    }

    /// The largest learning rate where the user names none.
    pub fn default_rate(&self) -> f64 {
        match (self.schedule, self.optimizer, &self.tune) {
            // The paper's for fine-tuning, and what learns a new task in minutes.
            (_, Rule::Adam, Some(_)) => 2e-5,
            (_, Rule::Muon, Some(_)) => 2e-4,
            (Schedule::Paper, ..) => 5e-5,
            (_, Rule::Adam, _) => 3e-4,
            (_, Rule::Muon, _) => 5e-4,
        }
    }

    /// Reads a file that [`Options::save`] wrote.
    pub fn open(path: &Path) -> Result<Self> {
        std::fs::read_to_string(path).map_err(Error::from).and_then(|text| Self::from_toml(&text)).at(path)
    }

    /// Writes the options as TOML.
    pub fn save(&self, path: &Path) -> Result<()> {
        atomic::write(path, self.to_toml().at(path)?.as_bytes(), Existing::Replace)
    }

    /// From TOML.
    pub fn from_toml(text: &str) -> Result<Self> {
        toml::from_str(text).map_err(|error| Error::Usage(error.to_string()))
    }

    /// As TOML, every number to the last bit.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string(self).map_err(|error| Error::Usage(error.to_string()))
    }

    /// Checks that the numbers make sense together.
    ///
    /// # Errors
    /// Names the first that does not.
    pub fn check(&self) -> Result<()> {
        let refuse = |reason: &str| Err(Error::Usage(reason.into()));
        self.model.check()?;
        // Far above any, and far below what would overflow a product of sizes.
        if !(1..=65_536).contains(&self.batch) || !(1..=65_536).contains(&self.accumulate) {
            return refuse("a step has 1 to 65536 batches of 1 to 65536 patches");
        }
        if self.steps.is_none() && self.max_seconds.is_none() {
            return refuse("a run needs an end: a number of steps or a time");
        }
        if !(self.rate.is_finite() && self.rate > 0.0) {
            return refuse("the learning rate is not above 0");
        }
        if !(0.0..1.0).contains(&self.ema) {
            return refuse("the decay of the running mean is not within 0..1");
        }
        let amount = |number: f64| number.is_finite() && number >= 0.0;
        if !(amount(self.lambda) && amount(self.clip)) {
            return refuse("lambda and clip are numbers not below 0");
        }
        if self.max_seconds.is_some_and(|seconds| !amount(seconds)) {
            return refuse("the time of a run is a number of seconds");
        }
        if self.save_every == 0 || self.validate_every == 0 || self.keep == 0 {
            return refuse("save-every, validate-every and keep are at least 1");
        }
        if self.tune.is_some() && (self.from.is_none() || self.model.tasks.len() != 1) {
            return refuse("a trained model is tuned to one task");
        }
        if self.freeze_body && self.from.is_none() {
            return refuse("only a trained body can stay as it is");
        }
        if self.skip_transformer && !(self.freeze_body && self.lambda == 0.0) {
            return refuse(
                "without the transformer the body cannot be trained, nor what it gives be compared: take \
                 --freeze-body and --lambda 0",
            );
        }
        if self.freeze_body
            && let Some(still) = self.changes_unasked()
        {
            return refuse(&format!(
                "{still} has weight 0, but shares its head with a task that is trained, and would change with it: \
                 give it a weight, or --share-head none"
            ));
        }
        if let (Some(tune), Some(_)) = (&self.tune, &self.validate) {
            if !self.pairs.is_empty() {
                return refuse(
                    "validate would degrade pictures otherwise than the pairs are: measure on pairs, with \
                     validate-pairs",
                );
            }
            if tune.validate_pairs.is_some() {
                return refuse("measured is on good pictures or on pairs, not on both");
            }
        }
        if let Some(pairs) = self.pairs.iter().find(|pairs| !self.model.tasks.contains(&pairs.task)) {
            return refuse(&format!("there are pairs for {}, which the model does not learn", pairs.task));
        }
        let weights = &self.task_weights;
        if !weights.is_empty() && weights.len() != self.model.tasks.len() {
            let tasks: Vec<_> = self.model.tasks.iter().map(Task::to_string).collect();
            let (given, wanted) = (weights.len(), tasks.len());
            return refuse(&format!(
                "task weights: {given} given, {wanted} wanted, for {}",
                tasks.join(", ")
            ));
        }
        let sum: f64 = weights.iter().sum();
        let drawn = weights.is_empty() || (sum.is_finite() && sum > 0.0);
        if !(drawn && weights.iter().copied().all(amount)) {
            return refuse("task weights are not below 0, one is above, and their sum is a number");
        }
        Ok(())
    }

    /// The learning rate's course.
    pub fn learning_rate(&self) -> Rate {
        Rate { schedule: self.schedule, peak: self.rate, warm_up: self.warm_up }
    }

    /// The tasks with their weights.
    pub fn weighted_tasks(&self) -> Vec<(Task, f64)> {
        let weight = |i: usize| self.task_weights.get(i).copied().unwrap_or(1.0);
        self.model.tasks.iter().enumerate().map(|(i, &task)| (task, weight(i))).collect()
    }
}

/// Choices by the names that the command line has for them.
mod text {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::{Deserialize, Deserializer, Serializer, de};

    pub fn serialize<S: Serializer>(choice: &impl Display, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(choice)
    }

    pub fn deserialize<'de, D: Deserializer<'de>, T: FromStr<Err: Display>>(
        deserializer: D,
    ) -> Result<T, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Preset;

    #[test]
    fn files_round_trip() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        let mut options =
            Options::new(vec!["photos".into()], Config::preset(Preset::Tiny, Task::PRETRAINING.to_vec()));
        options.steps = Some(10);
        options.task_weights = vec![1.0, 1.0, 0.5, 2.0, 1.0, 1.0];
        options.check().unwrap();
        options.from = Some(Origin { hours: Some(1.3), ..Origin::new(Some("model.safetensors".into())) });
        options.tune = Some(Tune { validate_pairs: Some(["noisy".into(), "clean".into()]) });
        options.freeze_body = true;
        options.skip_transformer = true;
        options.lambda = 0.0;
        options.loss = Comparison::Psnr;
        options.pairs = vec![TaskPairs { task: Task::Derain, folders: ["rainy".into(), "dry".into()] }];
        options.save(&path).unwrap();
        assert_eq!(Options::open(&path).unwrap(), options);
    }

    #[test]
    fn nonsense_is_refused() {
        let good = Options {
            steps: Some(1),
            ..Options::new(Vec::new(), Config::preset(Preset::Tiny, vec![Task::Derain]))
        };
        good.check().unwrap();
        let (from, folders) = (Some(Origin::new(None)), || ["noisy".into(), "clean".into()]);
        let tuned = |tune| Options { from: from.clone(), tune: Some(tune), ..good.clone() };
        let pairs = |task| vec![TaskPairs { task, folders: folders() }];
        let paired = |tune| Options { pairs: pairs(Task::Derain), ..tuned(tune) };
        let measured = Tune { validate_pairs: Some(folders()) };
        paired(measured.clone()).check().unwrap();
        for bad in [
            Options { tune: Some(Tune::default()), ..good.clone() },
            Options { validate: Some("clean".into()), ..paired(Tune::default()) },
            Options { pairs: pairs(Task::PRETRAINING[0]), ..good.clone() },
            Options { validate: Some("clean".into()), ..tuned(measured) },
            Options { freeze_body: true, ..good.clone() },
            Options { skip_transformer: true, lambda: 0.0, ..good.clone() },
            Options { from: from.clone(), freeze_body: true, skip_transformer: true, ..good.clone() },
            Options { steps: None, ..good.clone() },
            Options { batch: 0, ..good.clone() },
            Options { rate: f64::NAN, ..good.clone() },
            Options { ema: 1.0, ..good.clone() },
            Options { lambda: -1.0, ..good.clone() },
            Options { lambda: f64::INFINITY, ..good.clone() },
            Options { clip: f64::NAN, ..good.clone() },
            Options { max_seconds: Some(f64::NAN), ..good.clone() },
            Options { task_weights: vec![1.0, 2.0], ..good.clone() },
            Options { task_weights: vec![0.0], ..good.clone() },
            Options {
                task_weights: vec![1e308, 1e308],
                model: Config::preset(Preset::Tiny, Task::PRETRAINING[..2].to_vec()),
                ..good.clone()
            },
            Options { keep: 0, ..good.clone() },
        ] {
            assert!(bad.check().is_err(), "{bad:?}");
        }
    }
}

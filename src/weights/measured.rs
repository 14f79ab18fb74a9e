//! Figures of quality that a model file states of itself.
//!
//! Each is an entry of the provenance, `measured.TASK.SET.METRIC`, such as `measured.sr2.Set5.psnr_y`.
//! Metrics are named as in the JSON of `ipt score`; with `input_` in front they are those of the
//! model's input, enlarged by bicubic interpolation where the task enlarges.

use std::collections::BTreeMap;

use super::Model;
use crate::task::Task;

/// What the names of such entries begin with.
pub(super) const PREFIX: &str = "measured.";

/// Figures by metric, by test set.
pub type Figures = BTreeMap<String, BTreeMap<String, f64>>;

impl Model {
    /// What was measured of `task`.
    pub fn measured(&self, task: Task) -> Figures {
        let mut figures = Figures::new();
        for (of, set, metric, value) in self.provenance.iter().filter_map(|(name, value)| parse(name, value))
        {
            if of == task {
                figures.entry(set.to_owned()).or_default().insert(metric.to_owned(), value);
            }
        }
        figures
    }

    /// The provenance without the figures.
    pub fn history(&self) -> impl Iterator<Item = (&str, &str)> {
        let all = self.provenance.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        all.filter(|(name, value)| parse(name, value).is_none())
    }
}

/// Task, set, metric and value of an entry, if it is a figure.
fn parse<'a>(name: &'a str, value: &str) -> Option<(Task, &'a str, &'a str, f64)> {
    let (task, rest) = name.strip_prefix(PREFIX)?.split_once('.')?;
    // A set's name may hold dots.
    let (set, metric) = rest.rsplit_once('.')?;
    let value = value.parse().ok().filter(|value: &f64| value.is_finite())?;
    Some((task.parse().ok()?, set, metric, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_told_from_history() {
        let facts = [
            ("measured.sr2.Set5.psnr_y", "36.61"),
            ("measured.sr2.Set5.input_psnr_y", "33.67"),
            ("measured.denoise30.Kodak v1.0.psnr_rgb", "30.28"),
            ("measured.sr2.Set5.ssim_y", "good"),
            ("measured.blur.Set5.psnr_y", "30"),
            ("hours", "1.2"),
        ];
        let provenance = facts.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let model = Model { provenance, ..Model::embedded().unwrap() };
        let of = |task: &str| model.measured(task.parse().unwrap());
        assert_eq!(of("sr2")["Set5"]["psnr_y"], 36.61);
        assert_eq!(of("sr2")["Set5"].len(), 2);
        assert_eq!(of("denoise30")["Kodak v1.0"]["psnr_rgb"], 30.28);
        assert!(of("sr3").is_empty());
        // What is no figure stays to be seen.
        let history: Vec<_> = model.history().map(|(name, _)| name).collect();
        assert_eq!(history, ["hours", "measured.blur.Set5.psnr_y", "measured.sr2.Set5.ssim_y"]);
    }
}

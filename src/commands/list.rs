//! What `ipt restore --list` says of a model.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Serialize;

use crate::error::{Result, visible};
use crate::model::Config;
use crate::task::Task;
use crate::weights::{Figures, Model};

/// A model, for people and programs.
#[derive(Serialize)]
pub struct Listing<'a> {
    /// The file, or `embedded`.
    model: &'a str,
    id: String,
    parameters: usize,
    tasks: Vec<Ability>,
    config: &'a Config,
    provenance: BTreeMap<&'a str, &'a str>,
}

#[derive(Serialize)]
struct Ability {
    task: Task,
    scale: usize,
    measured: Figures,
}

impl<'a> Listing<'a> {
    pub fn new(name: &'a str, model: &'a Model) -> Result<Self> {
        let ability = |&task: &Task| Ability { task, scale: task.scale(), measured: model.measured(task) };
        Ok(Self {
            model: name,
            id: model.id()?,
            parameters: model.parameters.count(),
            tasks: model.config.tasks.iter().map(ability).collect(),
            config: &model.config,
            provenance: model.history().collect(),
        })
    }

    /// One object, with its line's end.
    pub fn json(&self) -> Result<Vec<u8>> {
        let mut line = serde_json::to_vec(self).map_err(|error| crate::Error::Model(error.to_string()))?;
        line.push(b'\n');
        Ok(line)
    }

    /// A few lines, and one for each task and each entry of the provenance.
    pub fn text(&self) -> String {
        let mut text = format!(
            "model       {}\nid          {}\nparameters  {}\nshape       {}\n\ntasks\n",
            visible(self.model),
            self.id,
            grouped(self.parameters),
            self.config.shape(),
        );
        let lines = self.tasks.iter().map(|ability| (ability.task.to_string(), ability.quality()));
        table(&mut text, lines);
        text += "\nprovenance\n";
        match self.provenance.is_empty() {
            true => text += "  not told by the file\n",
            false => {
                table(&mut text, self.provenance.iter().map(|(name, value)| (visible(name), visible(value))));
            }
        }
        text
    }
}

impl Ability {
    fn quality(&self) -> String {
        if self.measured.is_empty() {
            return "not measured".into();
        }
        let of_set = |(set, figures): (&String, &BTreeMap<String, f64>)| {
            let figures: Vec<_> = figures.iter().map(|(metric, value)| figure(metric, *value)).collect();
            format!("{}: {}", visible(set), figures.join(", "))
        };
        self.measured.iter().map(of_set).collect::<Vec<_>>().join("; ")
    }
}

/// `input_psnr_y` as it is written in tables, with its value.
fn figure(metric: &str, value: f64) -> String {
    let (of, metric) = metric.strip_prefix("input_").map_or(("", metric), |metric| ("input ", metric));
    let name = visible(metric).to_uppercase().replace('_', "-");
    match name.starts_with("PSNR") {
        true => format!("{of}{name} {value:.2} dB"),
        false => format!("{of}{name} {value:.4}"),
    }
}

/// Two columns, set in.
fn table(text: &mut String, lines: impl Iterator<Item = (String, String)>) {
    let lines: Vec<_> = lines.collect();
    let width = lines.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    for (name, value) in lines {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {name:width$}  {value}");
    }
}

/// Thousands apart: 5,108,882.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_for_people() {
        assert_eq!([0, 12, 999, 1000, 5_108_882].map(grouped), ["0", "12", "999", "1,000", "5,108,882"]);
        assert_eq!(figure("input_psnr_y", 33.67), "input PSNR-Y 33.67 dB");
        assert_eq!(figure("ssim_rgb", 0.9), "SSIM-RGB 0.9000");
    }
}

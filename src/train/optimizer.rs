//! Which rule updates which parameter, and what it remembers.

use std::collections::BTreeMap;

use candle_core::{Result, Tensor, Var};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::adam::Moments;
use super::gradient::Gradient;
use super::muon;
use crate::ops::Precision;

/// How gradients become steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rule {
    /// Adam for all parameters (paper).
    #[default]
    Adam,
    /// Muon for the matrices between the first and the last layer, Adam for the others.
    Muon,
}

/// Muon's rate in terms of Adam's, whose step changes every weight by about its rate; as found for the
/// default model.
const MUON_TO_ADAM: f64 = 20.0;

/// What the optimizer remembers of one parameter.
#[derive(Debug, Clone)]
pub enum Memory {
    /// Adam's.
    Moments(Moments),
    /// Muon's: the running mean of the gradient.
    Momentum(Tensor),
}

/// A rule and what it remembers of every parameter updated so far.
#[derive(Debug)]
pub struct Optimizer {
    rule: Rule,
    precision: Precision,
    memory: BTreeMap<String, Memory>,
}

impl Optimizer {
    /// An optimizer that remembers this; a parameter without memory starts from zero. Muon's products
    /// are taken in `precision`.
    pub fn new(rule: Rule, precision: Precision, memory: BTreeMap<String, Memory>) -> Self {
        Self { rule, precision, memory }
    }

    /// What it remembers, by the parameters' names.
    pub fn memory(&self) -> &BTreeMap<String, Memory> {
        &self.memory
    }

    /// Updates every variable that has a gradient, with `scale` times that gradient.
    pub fn step<'a>(
        &mut self,
        variables: impl IntoIterator<Item = (&'a str, &'a Var)>,
        gradient: &Gradient,
        scale: f64,
        rate: f64,
    ) -> Result<()> {
        let mut found = BTreeMap::new();
        for (name, variable) in variables {
            let Some(gradient) = gradient.get(name) else { continue };
            if !self.memory.contains_key(name) {
                let fresh = match matrices(self.rule, name) {
                    0 => Memory::Moments(Moments::start(variable)?),
                    _ => Memory::Momentum(variable.zeros_like()?),
                };
                self.memory.insert(name.to_owned(), fresh);
            }
            found.insert(name, (variable, gradient));
        }
        let (rule, precision) = (self.rule, self.precision);
        let update = |name: &str, memory: &mut Memory, (variable, gradient): (&Var, &Tensor)| match memory {
            Memory::Moments(moments) => moments.step(variable, gradient, scale, rate),
            Memory::Momentum(momentum) => {
                let (matrices, rate) = (matrices(rule, name), MUON_TO_ADAM * rate);
                muon::step(momentum, variable, matrices, gradient, scale, rate, precision)
            }
        };
        let mut work: Vec<_> = (self.memory.iter_mut())
            .filter_map(|(name, memory)| Some((name, memory, *found.get(name.as_str())?)))
            .collect();
        // One at a time and the largest first, so that no thread is left with the largest at the end.
        work.sort_by_key(|(_, _, (variable, _))| std::cmp::Reverse(variable.elem_count()));
        work.into_par_iter().with_max_len(1).try_for_each(|(name, memory, given)| update(name, memory, given))
    }
}

/// As how many matrices, one below the other, Muon takes the parameter; 0 where Adam takes it.
fn matrices(rule: Rule, name: &str) -> usize {
    let parts: Vec<&str> = name.split('.').collect();
    match (rule, parts.as_slice()) {
        (Rule::Adam, _) => 0,
        // What reads and writes colours, and tables of vectors.
        (_, ["head", _, "0", ..] | ["tail", _, "1", ..]) => 0,
        (_, ["body", "query_embed" | "position_encoding", ..]) => 0,
        (_, [.., "in_proj_weight"]) => 3,
        (_, [.., norm, _]) if norm.starts_with("norm") => 0,
        (_, [.., "weight"]) => 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;
    use crate::model::{Config, Preset};
    use crate::task::Task;
    use crate::weights::Parameters;

    #[test]
    fn muon_takes_the_matrices_inside() {
        let config = Config::preset(Preset::Base, vec!["sr4".parse::<Task>().unwrap()]);
        let config = Config { layers: 1, memory_norm: true, ..config };
        let shapes = Parameters::shapes(&config).unwrap();
        let taken: Vec<(&str, usize)> = (shapes.keys())
            .map(|name| (name.as_str(), matrices(Rule::Muon, name)))
            .filter(|(_, matrices)| *matrices > 0)
            .collect();
        let layer = "body.encoder.layers.0";
        for name in ["linear1.weight", "linear2.weight", "self_attn.out_proj.weight"] {
            assert!(taken.contains(&(&format!("{layer}.{name}"), 1)), "{name}");
        }
        assert!(taken.contains(&("body.decoder.layers.0.multihead_attn.in_proj_weight", 3)));
        assert!(taken.contains(&("tail.0.0.2.weight", 1)));
        assert!(taken.contains(&("head.0.2.body.0.weight", 1)));
        // Four kernels of the head, 2 stages of the tail, 2 + 2 of the body's ends, encoder 4, decoder 6.
        assert_eq!(taken.len(), 4 + 2 + 1 + 2 + 4 + 6, "{taken:?}");
        assert!(taken.iter().all(|(name, _)| shapes[*name].len() >= 2), "{taken:?}");
        assert!(shapes.keys().all(|name| matrices(Rule::Adam, name) == 0));
    }

    #[test]
    fn what_has_no_gradient_stays() {
        let var = |x: f32| Var::new(&[[x, 0.0], [0.0, x]], &Device::Cpu).unwrap();
        let (a, b) = (var(1.0), var(2.0));
        let variables = || [("body.a.weight", &a), ("body.b.weight", &b)];
        let given = Tensor::new(&[[1f32, 0.0], [0.0, 1.0]], &Device::Cpu).unwrap();
        let gradient = Gradient::from_iter([("body.a.weight".to_owned(), given)]);
        for (rule, by) in [(Rule::Adam, 0.1), (Rule::Muon, MUON_TO_ADAM * 0.1)] {
            let mut optimizer = Optimizer::new(rule, Precision::F32, BTreeMap::new());
            let before: Vec<Vec<f32>> = a.to_vec2().unwrap();
            optimizer.step(variables(), &gradient, 1.0, 0.1).unwrap();
            let moved = before[0][0] - a.to_vec2::<f32>().unwrap()[0][0];
            assert!((f64::from(moved) / by - 1.0).abs() < 0.35, "{rule:?} {moved}");
            assert_eq!(b.to_vec2::<f32>().unwrap()[0], [2.0, 0.0]);
            assert_eq!(optimizer.memory().keys().collect::<Vec<_>>(), ["body.a.weight"]);
        }
    }
}

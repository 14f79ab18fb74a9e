//! Reverse-mode differentiation of the operators on the CPU.
//!
//! Candle's own backward pass adds every gradient to a tensor of zeros and keeps all activations to
//! the end. Here each operator records how its gradients are computed. The first gradient of a
//! tensor is taken as it comes, a later one is added by the kernel that computes it where it can,
//! and what an operator kept is freed as soon as it has been used.
//!
//! On a GPU the operators are compositions of candle's, nothing is recorded, and candle's graph is
//! walked instead: [`Tape::backward`] serves both.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use candle_core::backprop::GradStore;
use candle_core::{Result, Tensor, TensorId};

use super::cpu::{tensor, with_values};
use super::elementwise::plus;
use super::{PackedWeights, Precision};

/// How operators compute in one pass through the model.
#[derive(Clone, Copy)]
pub struct Pass<'a> {
    /// In which numbers products are taken.
    pub precision: Precision,
    /// Where the operators are recorded, if there will be a way back.
    pub tape: Option<&'a Tape>,
    /// Where packed weights are kept, if they do not change.
    pub packed: Option<&'a PackedWeights>,
}

impl<'a> Pass<'a> {
    /// A pass without a way back.
    pub fn forward(precision: Precision) -> Self {
        Self { precision, tape: None, packed: None }
    }

    /// A pass that `tape` records.
    pub fn recorded(precision: Precision, tape: &'a Tape) -> Self {
        Self { tape: Some(tape), ..Self::forward(precision) }
    }

    /// Whether anything will be recorded that depends on one of these.
    pub(super) fn wants(&self, inputs: &[&Tensor]) -> bool {
        self.tape.is_some_and(|tape| {
            let wanted = tape.wanted.borrow();
            inputs.iter().any(|input| input.is_variable() || wanted.contains(&input.id()))
        })
    }

    /// Records how the gradients of `inputs` follow from that of `result`, unless nobody wants one.
    ///
    /// The gradient given to `backward` has the shape of `result` and is contiguous.
    pub(super) fn record(
        &self,
        result: &Tensor,
        inputs: &[&Tensor],
        backward: impl FnOnce(Tensor, &mut Gradients) -> Result<()> + Send + 'static,
    ) {
        if let Some(tape) = self.tape.filter(|_| self.wants(inputs)) {
            tape.wanted.borrow_mut().insert(result.id());
            tape.records.borrow_mut().push(Record { result: result.id(), backward: Box::new(backward) });
        }
    }
}

/// The operators of a pass, in order.
#[derive(Default)]
pub struct Tape {
    records: RefCell<Vec<Record>>,
    /// Results that depend on a variable.
    wanted: RefCell<HashSet<TensorId>>,
}

/// Makes the gradients of an operator's inputs from that of its result.
type Backward = Box<dyn FnOnce(Tensor, &mut Gradients) -> Result<()> + Send>;

struct Record {
    result: TensorId,
    backward: Backward,
}

impl Tape {
    /// The gradients of all variables, given those of some results of the pass.
    pub fn backward(self, results: impl IntoIterator<Item = (Tensor, Tensor)>) -> Result<Gradients> {
        let mut gradients =
            Gradients { arrived: HashMap::new(), wanted: self.wanted.into_inner(), candle: None };
        let mut elsewhere: Option<Tensor> = None;
        for (result, gradient) in results {
            if result.device().is_cpu() {
                gradients.add(&result, gradient)?;
            } else {
                // A scalar with these gradients; its own value means nothing. They are numbers here, whatever they
                // were computed of.
                let product = (result * gradient.detach())?.sum_all()?;
                elsewhere = Some(match elsewhere {
                    Some(sum) => (sum + product)?,
                    None => product,
                });
            }
        }
        for record in self.records.into_inner().into_iter().rev() {
            if let Some(gradient) = gradients.arrived.remove(&record.result) {
                (record.backward)(gradient, &mut gradients)?;
            }
        }
        gradients.candle = elsewhere.map(|scalar| scalar.backward()).transpose()?;
        Ok(gradients)
    }
}

/// Gradients by tensor, on the way back.
pub struct Gradients {
    arrived: HashMap<TensorId, Tensor>,
    wanted: HashSet<TensorId>,
    candle: Option<GradStore>,
}

impl Gradients {
    /// Takes away the gradient of a variable; `None` if nothing depends on it.
    pub fn take(&mut self, variable: &Tensor) -> Option<Tensor> {
        let candles = self.candle.as_mut().and_then(|store| store.remove(variable));
        self.arrived.remove(&variable.id()).or(candles)
    }

    /// Whether anybody wants the gradient of `x`.
    pub(super) fn want(&self, x: &Tensor) -> bool {
        x.is_variable() || self.wanted.contains(&x.id())
    }

    /// Adds to the gradient of `x`.
    pub(super) fn add(&mut self, x: &Tensor, gradient: Tensor) -> Result<()> {
        if self.want(x) {
            let sum = match self.arrived.remove(&x.id()) {
                Some(earlier) => plus(&earlier, &gradient)?,
                None => gradient,
            };
            self.arrived.insert(x.id(), sum);
        }
        Ok(())
    }

    /// Adds these values to the gradient of `x`; they are computed only if anybody wants them.
    pub(super) fn add_values(&mut self, x: &Tensor, values: impl FnOnce() -> Result<Vec<f32>>) -> Result<()> {
        match self.want(x) {
            true => self.add(x, tensor(values()?, x.shape())?),
            false => Ok(()),
        }
    }

    /// The gradient of `x` becomes what `sum` makes of the one that has arrived so far.
    pub(super) fn extend(
        &mut self,
        x: &Tensor,
        sum: impl FnOnce(Option<&[f32]>) -> Result<Vec<f32>>,
    ) -> Result<()> {
        if self.want(x) {
            let values = match self.arrived.remove(&x.id()) {
                Some(earlier) => with_values([&earlier], |[earlier]| sum(Some(earlier)))??,
                None => sum(None)?,
            };
            self.arrived.insert(x.id(), tensor(values, x.shape())?);
        }
        Ok(())
    }
}

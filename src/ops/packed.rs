//! Packed weights that are kept from one pass to the next.

use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{Tensor, TensorId};

use super::Pass;
use crate::kernels::element::Element;
use crate::kernels::matmul::Packed;

/// The packed weights of a model that does not change. Where few tiles go through a model at once,
/// packing its weights anew would take about as long as a layer or two.
#[derive(Default)]
pub struct PackedWeights(Mutex<HashMap<(TensorId, usize), Arc<dyn Any + Send + Sync>>>);

impl PackedWeights {
    fn find<E: Element>(&self, key: (TensorId, usize)) -> Option<Arc<Packed<E>>> {
        let map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        map.get(&key).cloned()?.downcast().ok()
    }
}

impl Pass<'_> {
    /// Part `part` of a weight as `pack` packs it, kept if the pass keeps packed weights.
    pub(super) fn packed<E: Element>(
        &self,
        (weight, part): (&Tensor, usize),
        pack: impl FnOnce() -> Packed<E>,
    ) -> Arc<Packed<E>> {
        let Some(kept) = self.packed else { return Arc::new(pack()) };
        let key = (weight.id(), part);
        // Threads that miss at the same time pack the same; to wait for one of them could be to wait
        // for oneself, as packing is parallel and a thread that waits takes up other work.
        kept.find(key).unwrap_or_else(|| {
            let packed = Arc::new(pack().fitted());
            let mut map = kept.0.lock().unwrap_or_else(PoisonError::into_inner);
            map.insert(key, packed.clone());
            packed
        })
    }
}

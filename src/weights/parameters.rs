//! The trainable tensors of a model, by name.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use candle_core::{DType, Device, Shape, Tensor, Var};
use candle_nn::var_builder::SimpleBackend;
use candle_nn::{Init, VarBuilder};
use rand_distr::{Distribution, StandardNormal, Uniform};

use crate::error::{Error, Result};
use crate::model::{Config, Ipt};
use crate::ops::Precision;
use crate::rng;

/// Variables in the order of their names, all f32 and on one device.
///
/// The names are those of the published state dict, so `tail.0.1.weight` is the weight of task 0's
/// last convolution.
#[derive(Debug, Clone)]
pub struct Parameters {
    variables: BTreeMap<String, Var>,
    device: Device,
}

impl Parameters {
    /// Fresh parameters; the same for the same configuration and seed on every machine.
    pub fn init(config: &Config, seed: u64, device: &Device) -> Result<Self> {
        let backend = Initial { seed, made: Mutex::default() };
        Ipt::new(config, Precision::F32, builder(&backend, &Device::Cpu))?;
        let tensors = backend.made.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
        Self::new(tensors, device)
    }

    /// Parameters read from somewhere, converted to f32.
    ///
    /// # Errors
    /// When a parameter of `config` is missing, has another shape, or is not in `config`: the
    /// message names it.
    pub fn from_tensors(config: &Config, tensors: BTreeMap<String, Tensor>, device: &Device) -> Result<Self> {
        let parameters = Self::new(tensors, device)?;
        let backend = parameters.lookup(|_| true);
        Ipt::new(config, Precision::F32, builder(&backend, device))?;
        let used = backend.used.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
        let unknown: Vec<_> =
            parameters.variables.keys().filter(|&name| !used.contains(name)).map(String::as_str).collect();
        match unknown.as_slice() {
            [] => Ok(parameters),
            names => Err(Error::Model(format!("the model has no parameter {}", names.join(", ")))),
        }
    }

    /// The names and shapes of the parameters of `config`.
    pub fn shapes(config: &Config) -> Result<BTreeMap<String, Vec<usize>>> {
        let backend = Shapes::default();
        Ipt::new(config, Precision::F32, builder(&backend, &Device::Cpu))?;
        Ok(backend.0.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner()))
    }

    fn new(tensors: BTreeMap<String, Tensor>, device: &Device) -> Result<Self> {
        let variables = tensors
            .into_iter()
            .map(|(name, tensor)| {
                let tensor = tensor.to_dtype(DType::F32)?.to_device(device)?;
                Ok((name, Var::from_tensor(&tensor)?))
            })
            .collect::<Result<_>>()?;
        Ok(Self { variables, device: device.clone() })
    }

    /// The model to train: what is later written into the variables, it sees.
    pub fn model(&self, config: &Config, precision: Precision) -> Result<Ipt> {
        self.partly_trained(config, precision, |_| true)
    }

    /// The same, where only what is named so is trained: for the rest no gradients are computed.
    pub fn partly_trained(
        &self,
        config: &Config,
        precision: Precision,
        trained: impl Fn(&str) -> bool,
    ) -> Result<Ipt> {
        Ipt::new(config, precision, builder(&self.lookup(trained), &self.device))
    }

    /// The model to use, on `device`: without the graph that training keeps.
    pub fn inference_model(&self, config: &Config, precision: Precision, device: &Device) -> Result<Ipt> {
        let tensors = self.tensors().into_iter();
        let tensors =
            tensors.map(|(name, tensor)| Ok((name, tensor.to_device(device)?))).collect::<Result<_>>()?;
        let model =
            Ipt::new(config, precision, builder(&Lookup { tensors, used: Mutex::default() }, device))?;
        Ok(model.frozen())
    }

    fn lookup(&self, trained: impl Fn(&str) -> bool) -> Lookup {
        let tensors = self.iter().map(|(name, variable)| {
            let tensor =
                if trained(name) { variable.as_tensor().clone() } else { variable.as_detached_tensor() };
            (name.to_owned(), tensor)
        });
        Lookup { tensors: tensors.collect(), used: Mutex::default() }
    }

    /// The variables in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Var)> {
        self.variables.iter().map(|(name, variable)| (name.as_str(), variable))
    }

    /// The variable of that name.
    pub fn get(&self, name: &str) -> Option<&Var> {
        self.variables.get(name)
    }

    /// The present values, no longer variables, sharing memory with them.
    pub fn tensors(&self) -> BTreeMap<String, Tensor> {
        self.iter().map(|(name, variable)| (name.to_owned(), variable.as_detached_tensor())).collect()
    }

    /// The values of a `part`, `head` or `tail`, of the task of this number, by what follows both in their
    /// names.
    pub fn part(&self, part: &str, task: usize) -> impl Iterator<Item = (&str, Tensor)> {
        let prefix = format!("{part}.{task}.");
        self.iter().filter_map(move |(name, variable)| {
            Some((name.strip_prefix(&prefix)?, variable.as_detached_tensor()))
        })
    }

    /// Numbers in all tensors together.
    pub fn count(&self) -> usize {
        self.variables.values().map(|variable| variable.elem_count()).sum()
    }
}

fn builder<'a>(backend: &'a (impl SimpleBackend + 'a), device: &Device) -> VarBuilder<'a> {
    struct Borrowed<'a, B>(&'a B);

    impl<B: SimpleBackend> SimpleBackend for Borrowed<'_, B> {
        fn get(
            &self,
            shape: Shape,
            name: &str,
            init: Init,
            dtype: DType,
            device: &Device,
        ) -> candle_core::Result<Tensor> {
            self.0.get(shape, name, init, dtype, device)
        }

        fn get_unchecked(&self, name: &str, dtype: DType, device: &Device) -> candle_core::Result<Tensor> {
            self.0.get_unchecked(name, dtype, device)
        }

        fn contains_tensor(&self, name: &str) -> bool {
            self.0.contains_tensor(name)
        }
    }

    VarBuilder::from_backend(Box::new(Borrowed(backend)), DType::F32, device.clone())
}

/// Makes every parameter that is asked for, from a random stream of its name.
struct Initial {
    seed: u64,
    made: Mutex<BTreeMap<String, Tensor>>,
}

impl SimpleBackend for Initial {
    fn get(
        &self,
        shape: Shape,
        name: &str,
        init: Init,
        _: DType,
        device: &Device,
    ) -> candle_core::Result<Tensor> {
        let mut rng = rng::stream(self.seed, &[b"parameter", name.as_bytes()]);
        let count = shape.elem_count();
        let values: Vec<f32> = match init {
            Init::Const(value) => vec![value as f32; count],
            Init::Randn { mean, stdev } => {
                let normals = StandardNormal.sample_iter(&mut rng);
                normals.take(count).map(|normal: f64| (mean + stdev * normal) as f32).collect()
            }
            Init::Uniform { lo, up } => {
                let uniform = Uniform::new_inclusive(lo, up).map_err(candle_core::Error::wrap)?;
                uniform.sample_iter(&mut rng).take(count).map(|value| value as f32).collect()
            }
            Init::Kaiming { .. } => candle_core::bail!("{name}: the model's layers give bounds, not Kaiming"),
        };
        let tensor = Tensor::from_vec(values, shape, device)?;
        let mut made = self.made.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        made.insert(name.to_owned(), tensor.clone());
        Ok(tensor)
    }

    fn get_unchecked(&self, name: &str, _: DType, _: &Device) -> candle_core::Result<Tensor> {
        candle_core::bail!("{name}: a parameter needs a shape")
    }

    fn contains_tensor(&self, _: &str) -> bool {
        true
    }
}

/// Remembers what was asked for, and hands out one zero in the shape of it.
#[derive(Default)]
struct Shapes(Mutex<BTreeMap<String, Vec<usize>>>);

impl SimpleBackend for Shapes {
    fn get(
        &self,
        shape: Shape,
        name: &str,
        _: Init,
        dtype: DType,
        device: &Device,
    ) -> candle_core::Result<Tensor> {
        let mut shapes = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        shapes.insert(name.to_owned(), shape.dims().to_vec());
        Tensor::zeros((), dtype, device)?.broadcast_as(shape)
    }

    fn get_unchecked(&self, name: &str, _: DType, _: &Device) -> candle_core::Result<Tensor> {
        candle_core::bail!("{name}: a parameter needs a shape")
    }

    fn contains_tensor(&self, _: &str) -> bool {
        true
    }
}

/// Hands out what is there, and remembers what was asked for.
struct Lookup {
    tensors: BTreeMap<String, Tensor>,
    used: Mutex<BTreeSet<String>>,
}

impl SimpleBackend for Lookup {
    fn get(
        &self,
        shape: Shape,
        name: &str,
        _: Init,
        dtype: DType,
        device: &Device,
    ) -> candle_core::Result<Tensor> {
        let tensor = self.get_unchecked(name, dtype, device)?;
        if tensor.shape() != &shape {
            candle_core::bail!("parameter {name} has shape {:?}, not {shape:?}", tensor.shape());
        }
        Ok(tensor)
    }

    fn get_unchecked(&self, name: &str, _: DType, _: &Device) -> candle_core::Result<Tensor> {
        let Some(tensor) = self.tensors.get(name) else {
            candle_core::bail!("parameter {name} is missing");
        };
        self.used.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).insert(name.to_owned());
        Ok(tensor.clone())
    }

    fn contains_tensor(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }
}

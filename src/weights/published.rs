//! The authors' published state dicts (huawei-noah/Pretrained-IPT) as models.
//!
//! They say nothing of themselves but names and shapes, and from those the configuration is
//! inferred. What shapes do not tell:
//!
//! - The number of attention heads is 12, as published; where 12 does not divide the width, the
//!   largest smaller number that does.
//! - Six tasks are those of pre-training, in that order. One task is named by its factor, and if it
//!   keeps the picture's size, by the user.
//!
//! Beyond the parameters there are constants, which are compared with the model's own: the mean
//! colour in `sub_mean` and `add_mean`, and `position_ids`. `out_proj.bias`, which PyTorch 1.6 to
//! 1.8 made although the model asks for none, is used if it is there and not zero.

use std::collections::BTreeMap;

use candle_core::{Device, Tensor};

use super::model::Model;
use super::parameters::Parameters;
use crate::error::{Error, Result};
use crate::model::{Config, INPUT, MEAN, TASK_EMBEDDING, TailForm, TaskEmbedding};
use crate::task::{Scale, Task};

/// Learned beside the names of the model's parameters.
pub(super) const SUB_MEAN: [&str; 2] = ["sub_mean.weight", "sub_mean.bias"];
/// The same with the other sign.
pub(super) const ADD_MEAN: [&str; 2] = ["add_mean.weight", "add_mean.bias"];
/// 0, 1, 2, ...
pub(super) const POSITION_IDS: &str = "body.position_encoding.position_ids";

const POSITIONS: &str = "body.position_encoding.pe.weight";
const FIRST: &str = "head.0.0.weight";
const OUTPUT_BIAS: &str = ".out_proj.bias";

/// Named tensors, read one at a time.
pub trait Source {
    /// What kind of file it is.
    fn format(&self) -> &'static str;
    /// Their names and shapes.
    fn shapes(&self) -> BTreeMap<String, Vec<usize>>;
    /// One of them, f32 on the CPU.
    fn tensor(&mut self, name: &str) -> Result<Tensor>;
}

/// The number of attention heads that a width goes with.
pub(super) fn heads(width: usize) -> usize {
    (1..=12).rev().find(|&heads| width.is_multiple_of(heads)).unwrap_or(1)
}

/// Reads the model; `task` names the one task of a model that keeps the picture's size.
///
/// # Errors
/// When it is no published model; parameters that are missing, unknown or of another shape are
/// named.
pub fn read(source: &mut dyn Source, task: Option<Task>) -> Result<Model> {
    let shapes = source.shapes();
    let white = white(source, &shapes)?;
    let mut output_bias = false;
    for name in shapes.keys().filter(|name| name.ends_with(OUTPUT_BIAS)) {
        output_bias |= values(source, name)?.iter().any(|&value| value != 0.0);
    }
    let config = Config { white, output_bias, ..infer(&shapes, task)? };
    let wanted = Parameters::shapes(&config)?;
    compare(&shapes, &wanted, &config)?;
    constants(source, &shapes, &config)?;

    let tensors = wanted
        .into_keys()
        .map(|name| {
            let tensor = source.tensor(&name)?;
            Ok((name, tensor))
        })
        .collect::<Result<_>>()?;
    let parameters = Parameters::from_tensors(&config, tensors, &Device::Cpu)?;
    let inferred = format!("{config} (assumed: shapes do not tell)");
    let provenance =
        [("format", format!("published names, {}", source.format())), (Model::INFERRED, inferred)];
    let provenance = provenance.map(|(key, value)| (key.to_owned(), value)).into();
    Ok(Model { config, parameters, provenance })
}

/// The configuration that the shapes tell.
fn infer(shapes: &BTreeMap<String, Vec<usize>>, task: Option<Task>) -> Result<Config> {
    let dims = |name: &str| shapes.get(name).map(Vec::as_slice);
    let (Some(&[channels, ..]), Some(&[tokens, width]), Some(&[tasks, table])) =
        (dims(FIRST), dims(POSITIONS), dims(TASK_EMBEDDING))
    else {
        return refuse(format!(
            "no published model: it needs tensors {FIRST}, {POSITIONS} and {TASK_EMBEDDING}"
        ));
    };
    if tokens.checked_mul(width) != Some(table) {
        return refuse(format!(
            "{TASK_EMBEDDING} has {table} values a task, and {POSITIONS} {tokens}×{width}"
        ));
    }
    let patch = (1..=INPUT).find(|&patch| INPUT.is_multiple_of(patch) && (INPUT / patch).pow(2) == tokens);
    let Some(patch) = patch.filter(|patch| channels.checked_mul(patch * patch) == Some(width)) else {
        return refuse(format!(
            "{POSITIONS} has {tokens} rows of {width}, which no patch of {channels} channels in {INPUT}×{INPUT} \
             pixels gives"
        ));
    };
    let layer = |side: &str, i: usize| dims(&format!("body.{side}.layers.{i}.norm1.weight")).is_some();
    let layers = (0..).take_while(|&i| layer("encoder", i) || layer("decoder", i)).count();
    Ok(Config {
        tasks: name_tasks(shapes, channels, tasks, task)?,
        channels,
        blocks: 2,
        shared_heads: Vec::new(),
        shared_blocks: 0,
        kernel: 5,
        unshuffle: Vec::new(),
        tail: TailForm::Staged,
        patch,
        width,
        layers,
        heads: heads(width),
        task_embedding: TaskEmbedding::PerPosition,
        memory_norm: false,
        decoder_norm: false,
        bicubic_residual: false,
        white: 255.0,
        output_bias: false,
        head_blocks: BTreeMap::new(),
        coarse: BTreeMap::new(),
    })
}

/// Which tasks `count` heads are for.
fn name_tasks(
    shapes: &BTreeMap<String, Vec<usize>>,
    channels: usize,
    count: usize,
    task: Option<Task>,
) -> Result<Vec<Task>> {
    match count {
        // Tails of other factors are found when all shapes are compared.
        6 => return Ok(Task::PRETRAINING.to_vec()),
        1 => {}
        _ => return refuse(format!("{count} tasks: the published models have one or six")),
    }
    let outputs = |name: &str| shapes.get(name).and_then(|dims| dims.first()).copied();
    let (first, second) = (outputs("tail.0.0.0.weight"), outputs("tail.0.0.2.weight"));
    let scale = match (first.map(|outputs| outputs / channels.max(1)), second) {
        (None, _) => match task {
            Some(task) if task.scale() == 1 => return Ok(vec![task]),
            Some(task) => {
                return refuse(format!("the model keeps the size of pictures, and so has no task {task}"));
            }
            None => {
                return refuse(
                    "the model has one task that keeps the size of pictures, and does not say which".into(),
                );
            }
        },
        (Some(9), _) => Scale::X3,
        (_, Some(_)) => Scale::X4,
        (_, None) => Scale::X2,
    };
    Ok(vec![Task::SuperResolution(scale)])
}

/// That there are exactly the wanted parameters and the constants.
fn compare(
    shapes: &BTreeMap<String, Vec<usize>>,
    wanted: &BTreeMap<String, Vec<usize>>,
    config: &Config,
) -> Result<()> {
    let constants = [
        (SUB_MEAN[0], vec![3, 3, 1, 1]),
        (SUB_MEAN[1], vec![3]),
        (ADD_MEAN[0], vec![3, 3, 1, 1]),
        (ADD_MEAN[1], vec![3]),
    ];
    let mut wanted = wanted.clone();
    wanted.extend(constants.map(|(name, dims)| (name.to_owned(), dims)));
    let missing: Vec<String> = wanted.keys().filter(|&name| !shapes.contains_key(name)).cloned().collect();
    let (mut unknown, mut other) = (Vec::new(), Vec::new());
    for (name, dims) in shapes {
        let expected = match wanted.get(name) {
            Some(expected) => expected.clone(),
            None if name == POSITION_IDS => vec![1, config.tokens()],
            // Zero, or else it would be wanted.
            None if wanted.contains_key(&name.replace(OUTPUT_BIAS, ".out_proj.weight"))
                && name.ends_with(OUTPUT_BIAS) =>
            {
                vec![config.width]
            }
            None => {
                unknown.push(name.clone());
                continue;
            }
        };
        if *dims != expected {
            other.push(format!("{name} {dims:?}, not {expected:?}"));
        }
    }
    let faults: Vec<String> = [("missing", missing), ("unknown", unknown), ("of another shape", other)]
        .into_iter()
        .filter(|(_, names)| !names.is_empty())
        .map(|(what, names)| format!("{what}: {}", list(&names)))
        .collect();
    match faults.as_slice() {
        [] => Ok(()),
        faults => refuse(format!("no published model of {config}: tensors {}", faults.join("; "))),
    }
}

/// The first few, and how many more.
fn list(names: &[String]) -> String {
    const FEW: usize = 8;
    let more = match names.len().saturating_sub(FEW) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{}{more}", names[..names.len().min(FEW)].join(", "))
}

/// The value of white, from the mean colour that is subtracted.
fn white(source: &mut dyn Source, shapes: &BTreeMap<String, Vec<usize>>) -> Result<f64> {
    if shapes.get(SUB_MEAN[1]).map(Vec::as_slice) != Some(&[3]) {
        return refuse(format!("no published model: it needs tensor {} of three numbers", SUB_MEAN[1]));
    }
    let bias = values(source, SUB_MEAN[1])?;
    // 255, or 1 where the code ran with another range; f16 is not exact.
    let white = -f64::from(bias[0] / MEAN[0]);
    let whole = white.round();
    match (white - whole).abs() <= 2e-3 * whole && whole >= 1.0 {
        true => Ok(whole),
        false => refuse(format!("{} is not the published mean colour", SUB_MEAN[1])),
    }
}

/// That the tensors that are not learned have the values that the model has built in.
fn constants(source: &mut dyn Source, shapes: &BTreeMap<String, Vec<usize>>, config: &Config) -> Result<()> {
    for (name, expected) in constant_tensors(config) {
        if name == POSITION_IDS && !shapes.contains_key(name) {
            continue;
        }
        let found = values(source, name)?;
        let near = |(a, b): (&f32, &f32)| (a - b).abs() <= 1e-3 * b.abs().max(1e-3);
        if found.len() != expected.len() || !found.iter().zip(&expected).all(near) {
            return refuse(format!("{name} has not the published values, and the model is made for those"));
        }
    }
    Ok(())
}

/// The tensors of a published state dict that are not learned.
pub(super) fn constant_tensors(config: &Config) -> [(&'static str, Vec<f32>); 5] {
    let identity = || vec![1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0];
    let shift = |sign: f32| MEAN.iter().map(|mean| sign * config.white as f32 * mean).collect();
    [
        (SUB_MEAN[0], identity()),
        (SUB_MEAN[1], shift(-1.0)),
        (ADD_MEAN[0], identity()),
        (ADD_MEAN[1], shift(1.0)),
        (POSITION_IDS, (0..config.tokens()).map(|i| i as f32).collect()),
    ]
}

fn values(source: &mut dyn Source, name: &str) -> Result<Vec<f32>> {
    Ok(source.tensor(name)?.flatten_all()?.to_vec1()?)
}

fn refuse<T>(reason: String) -> Result<T> {
    Err(Error::Model(reason))
}

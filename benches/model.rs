//! The whole model: patches or pictures a second, as `bench/ipt_torch.py` measures PyTorch's.
//!
//! `cargo bench --bench model` times everything; `-- WORK NUMBERS [SECONDS]` prints one rate;
//! `-- shape WORK` prints the shape of the model that is timed; `-- loss MODEL TASK` prints the losses
//! of one batch and the norm of its gradient, to compare.

use std::io::{Write, stdout};
use std::path::Path;
use std::time::{Duration, Instant};

use candle_core::{Device, Tensor};
use ipt::dataset::Batch;
use ipt::model::{Config, Preset};
use ipt::ops::Precision;
use ipt::picture::{Layout, Picture, Samples};
use ipt::restore::{self, Cutting, Restorer};
use ipt::task::Task;
use ipt::train::Options;
use ipt::train::optimizer::Rule;
use ipt::train::trainer::Trainer;
use ipt::weights::{Model, Parameters};

/// As in the program itself: glibc's allocator maps and unmaps big buffers every time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const WORK: [&str; 5] = ["forward-base", "step-base", "forward-default", "step-default", "restore-default"];

fn main() -> Result<()> {
    // SAFETY: no other thread runs yet.
    unsafe { ipt::startup::prepare() };
    // Cargo says `--bench` of its own accord.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut out = stdout().lock();
    match arguments[..] {
        [] => {
            for work in WORK {
                for numbers in ["f32", "bf16"] {
                    writeln!(out, "{work} {numbers}: {:.4} a second", rate(work, numbers, 3.0)?)?;
                }
            }
        }
        ["shape", work] => writeln!(out, "{}", serde_json::to_string(&shape(work)?.0)?)?,
        ["loss", model, task] => writeln!(out, "{}", losses(Path::new(model), task.parse()?)?)?,
        [work, numbers] => writeln!(out, "{:.4}", rate(work, numbers, 10.0)?)?,
        [work, numbers, seconds] => writeln!(out, "{:.4}", rate(work, numbers, seconds.parse()?)?)?,
        _ => return Err("which work, and in f32 or bf16?".into()),
    }
    Ok(())
}

/// Numbers without meaning, the same as those of `bench/ipt_torch.py`.
fn values(count: usize, factor: usize) -> Vec<f32> {
    (0..count).map(|i| (i * factor % 65_521 % 256) as f32).collect()
}

fn batch(config: &Config, size: usize, task: Task) -> Batch {
    let side = config.input(task);
    let values = |side: usize, factor| values(size * side * side * 3, factor);
    Batch { task, size, input: values(side, 7919), target: values(side * task.scale(), 104_729) }
}

/// The model that a work takes, and the patches or pictures of each task.
fn shape(work: &str) -> Result<(Config, usize)> {
    let (preset, tasks, size) = match work {
        "forward-base" => (Preset::Base, vec!["sr2".parse()?], 8),
        "step-base" => (Preset::Base, vec!["sr2".parse()?], 4),
        "forward-default" | "step-default" => (Preset::Default, Task::PRETRAINING.to_vec(), 16),
        "restore-default" => (Preset::Default, Task::PRETRAINING.to_vec(), 1),
        other => return Err(format!("{other}: one of {}", WORK.join(", ")).into()),
    };
    Ok((Config::preset(preset, tasks), size))
}

/// Patches or pictures a second, over at least `seconds`.
fn rate(work: &str, numbers: &str, seconds: f64) -> Result<f64> {
    let precision = match numbers {
        "f32" => Precision::F32,
        "bf16" => Precision::Bf16,
        other => return Err(format!("{other}: f32 or bf16").into()),
    };
    let (config, size) = shape(work)?;
    let tasks = config.tasks.clone();
    let patches = size * tasks.len();
    let parameters = Parameters::init(&config, 0, &Device::Cpu)?;
    match work.split('-').next() {
        Some("step") => {
            // As `ipt train` does by default.
            let optimizer = if work == "step-base" { Rule::Adam } else { Rule::Muon };
            let options = Options { optimizer, ..Options::new(Vec::new(), config) };
            let mut trainer = Trainer::start(&options, parameters, precision)?;
            let batches: Vec<Batch> =
                tasks.into_iter().map(|task| batch(&options.model, size, task)).collect();
            let seconds = median(seconds, || {
                for batch in &batches {
                    let (gradient, _) = trainer.gradient(batch)?;
                    trainer.apply(&gradient, 1, batch.task, 1e-5)?;
                }
                Ok(())
            })?;
            Ok(patches as f64 / seconds)
        }
        Some("forward") => {
            let model = parameters.inference_model(&config, precision, &Device::Cpu)?;
            let input = |task: &Task| {
                let side = config.input(*task);
                Tensor::from_vec(batch(&config, size, *task).input, (size, side, side, 3), &Device::Cpu)
            };
            let inputs = tasks.iter().map(input).collect::<candle_core::Result<Vec<_>>>()?;
            let seconds = median(seconds, || {
                for (&task, input) in tasks.iter().zip(&inputs) {
                    model.forward(input, task)?;
                }
                Ok(())
            })?;
            Ok(patches as f64 / seconds)
        }
        _ => {
            let options = restore::Options {
                device: Device::Cpu,
                precision,
                self_ensemble: false,
                skip_transformer: false,
                cutting: Cutting::ByTask,
            };
            let model = Model { config, parameters, provenance: Default::default() };
            let restorer = Restorer::new(&model, &["denoise30".parse()?], options)?;
            let samples = (0..512 * 512 * 3).map(|i| (i * 7919 % 256) as u8).collect();
            let picture = Picture::new(512, 512, Layout::Rgb, Samples::Eight(samples))?;
            Ok(1.0
                / median(seconds, || {
                    restorer.restore(&picture)?;
                    Ok(())
                })?)
        }
    }
}

/// The median time of a round, in seconds, after one that does not count.
fn median(seconds: f64, mut round: impl FnMut() -> Result<()>) -> Result<f64> {
    round()?;
    let (mut times, began) = (Vec::new(), Instant::now());
    while times.is_empty() || began.elapsed() < Duration::from_secs_f64(seconds) {
        let start = Instant::now();
        round()?;
        times.push(start.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    Ok((times[(times.len() - 1) / 2] + times[times.len() / 2]) / 2.0)
}

/// L1, contrastive loss over all patches, and norm of the gradient.
fn losses(path: &Path, task: Task) -> Result<String> {
    let model = Model::open_for(path, Some(task))?;
    let options = Options { contrastive_patches: 0, ..Options::new(Vec::new(), model.config) };
    let trainer = Trainer::start(&options, model.parameters, Precision::F32)?;
    let (gradient, losses) = trainer.gradient(&batch(&options.model, 4, task))?;
    Ok(format!("{:.3} {:.4} {:.2}", losses.l1, losses.contrastive, gradient.norm()?))
}

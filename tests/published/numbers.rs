//! The same numbers as the published code, for one input and for larger pictures in tiles.

use std::collections::HashMap;
use std::io::Write;
use std::path::Path;

use candle_core::{Device, Tensor};
use ipt::Task;
use ipt::model::{INPUT, Ipt};
use ipt::ops::Precision;
use ipt::restore::tiles::{self, Canvas, Tiling};
use ipt::weights::Model;

use crate::{LEGACY, ZIP, fixture};

/// On the scale 0..255.
const TOLERANCE: f32 = 1e-3;

/// What the published code gives, by name.
struct Expected(HashMap<String, Tensor>);

impl Expected {
    fn read(path: &Path) -> Self {
        Self(candle_core::safetensors::load(path, &Device::Cpu).unwrap())
    }

    fn values(&self, name: &str) -> Vec<f32> {
        let tensor = self.0.get(name).unwrap_or_else(|| panic!("no {name}"));
        tensor.flatten_all().unwrap().to_vec1().unwrap()
    }

    /// The largest difference from `name`, of which every n-th value is known.
    fn difference(&self, name: &str, actual: &[f32]) -> f32 {
        let stride = self.values("stride")[0] as usize;
        let expected = self.values(name);
        assert_eq!(expected.len(), actual.len().div_ceil(stride), "{name}");
        let pairs = expected.iter().zip(actual.iter().step_by(stride));
        pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    }
}

fn ipt(model: &Model) -> Ipt {
    model.parameters.inference_model(&model.config, Precision::F32, &Device::Cpu).unwrap()
}

fn forward(ipt: &Ipt, x: Vec<f32>, count: usize, task: Task) -> Vec<f32> {
    let x = Tensor::from_vec(x, (count, INPUT, INPUT, 3), &Device::Cpu).unwrap();
    ipt.forward(&x, task).unwrap().pictures.flatten_all().unwrap().to_vec1().unwrap()
}

/// Not println!, which the test harness keeps to itself.
fn say(text: impl std::fmt::Display) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

fn check(file: &str, what: &str, difference: f32, theirs: Option<f32>) {
    let theirs = theirs.map_or(String::new(), |theirs| format!(" {theirs:.1e} |"));
    say(format_args!("| {file} | {what} | {difference:.1e} |{theirs}"));
    assert!(difference <= TOLERANCE, "{file}, {what}: {difference}");
}

/// Compares each task of the model in `path`; gives how many there were.
fn compare(path: &Path, expected: &Expected, task: Option<Task>) -> usize {
    let model = Model::open_for(path, task).unwrap();
    let ipt = ipt(&model);
    let file = path.file_name().unwrap().to_str().unwrap();
    for task in &model.config.tasks {
        let y = forward(&ipt, expected.values("input"), 1, *task);
        let task = task.to_string();
        let theirs = expected.values(&format!("{task}.float"))[0];
        check(file, &task, expected.difference(&task, &y), Some(theirs));
    }
    model.config.tasks.len()
}

#[test]
fn tiny_models_give_what_the_published_code_gives() {
    for (file, name, tasks) in [(ZIP, "tiny-six", 6), (LEGACY, "tiny-sr4", 1)] {
        let expected = Expected::read(&fixture(&format!("{name}.expected.safetensors")));
        assert_eq!(compare(&fixture(file), &expected, None), tasks);
    }
}

#[test]
fn full_models_give_what_the_published_code_gives() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/published");
    for (name, kinds, task) in [
        ("full-denoise50", &["pt", "legacy.pt"][..], "denoise50".parse().ok()),
        ("full-sr2", &["pt", "legacy.pt"], None),
        ("full-sr3", &["pt", "legacy.pt"], None),
        ("full-sr4", &["pt", "legacy.pt"], None),
        ("full-six", &["pt", "legacy.pt"], None),
        ("full-six-half", &["pt"], None),
    ] {
        let expected = folder.join(format!("{name}.expected.safetensors"));
        if !expected.exists() {
            say(format_args!("SKIPPED: no {}: see tests/published/make.py", expected.display()));
            continue;
        }
        let expected = Expected::read(&expected);
        for kind in kinds {
            compare(&folder.join(format!("{name}.{kind}")), &expected, task);
        }
    }
}

/// Colours as they are.
struct Floats {
    width: usize,
    input: Vec<f32>,
    output: Vec<f32>,
}

impl Canvas for Floats {
    fn read(&self, x: usize, y: usize, width: usize, row: &mut [f32]) {
        row.copy_from_slice(&self.input[(y * self.width + x) * 3..][..width * 3]);
    }

    fn write(&mut self, _: usize, row: &[f32]) {
        self.output.extend_from_slice(row);
    }
}

#[test]
fn larger_pictures_in_tiles() {
    for (file, name, task) in [(ZIP, "tiny-six", "denoise50"), (LEGACY, "tiny-sr4", "sr4")] {
        let expected = Expected::read(&fixture(&format!("{name}.expected.safetensors")));
        let task: Task = task.parse().unwrap();
        let ipt = ipt(&Model::open(&fixture(file)).unwrap());
        for picture in ["whole", "cut"] {
            let input = format!("{picture}.input");
            let &[height, width, 3] = expected.0[&input].dims() else { panic!() };
            for (how, tiling) in [("published", Tiling::published(INPUT)), ("paper", Tiling::paper(INPUT))] {
                let mut canvas = Floats { width, input: expected.values(&input), output: Vec::new() };
                tiles::restore(&mut canvas, (width, height), task.scale(), tiling, 8, |tiles, count| {
                    Ok(forward(&ipt, tiles, count, task))
                })
                .unwrap();
                let difference = expected.difference(&format!("{picture}.{how}"), &canvas.output);
                check(file, &format!("{task}, {width}×{height} in {how} tiles"), difference, None);
            }
        }
    }
}

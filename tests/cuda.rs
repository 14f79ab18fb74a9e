//! The GPU against the CPU: every operator forward and backward, a training step, a picture.
//!
//! Says so and passes where there is no GPU, or no CUDA in the program: compiled everywhere, it cannot fall behind.
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)]

mod support;

use std::path::Path;

use candle_core::{Device, Result, Tensor, Var};
use ipt::device::Placement;
use ipt::model::{Config, Preset};
use ipt::ops::{self, Activation, Pass, Precision, Tape};
use ipt::restore::{Cutting, Options, Restorer};
use ipt::rng;
use ipt::train::loss::Comparison;
use ipt::weights::{Model, Parameters};
use ipt::{Scale, Task};
use rand::RngExt;

/// TF32 keeps 11 bits of a factor, and bf16 8, of what comes out of products too.
const TOLERANCE: [(Precision, f32); 2] = [(Precision::F32, 5e-3), (Precision::Bf16, 5e-2)];

fn gpu() -> Option<Device> {
    match Placement::Cuda(0).device() {
        Ok(device) => Some(device),
        Err(error) => {
            eprintln!("skipped: {error}");
            None
        }
    }
}

fn random(label: &str, shape: &[usize]) -> Tensor {
    let mut rng = rng::stream(3, &[label.as_bytes()]);
    let values: Vec<f32> = (0..shape.iter().product()).map(|_| rng.random_range(-1.0..1.0)).collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

#[track_caller]
fn assert_near(name: &str, expected: &Tensor, actual: &Tensor, tolerance: f32) {
    assert_eq!(expected.dims(), actual.dims(), "{name}");
    let (expected, actual) = (values(expected), values(actual));
    let scale = expected.iter().fold(1e-6f32, |most, value| most.max(value.abs()));
    let worst = expected.iter().zip(&actual).fold(0f32, |worst, (a, b)| worst.max((a - b).abs()));
    assert!(worst <= tolerance * scale, "{name}: {worst} apart where values reach {scale}");
}

/// Compares an operator's result and its gradient to every input.
fn compare(name: &str, inputs: &[&[usize]], operator: impl Fn(&[Tensor], Pass) -> Result<Tensor>) {
    compare_in(&TOLERANCE, name, inputs, operator);
}

/// The same in some numbers only.
fn compare_in(
    tolerances: &[(Precision, f32)],
    name: &str,
    inputs: &[&[usize]],
    operator: impl Fn(&[Tensor], Pass) -> Result<Tensor>,
) {
    let Some(gpu) = gpu() else { return };
    let run = |device: &Device, precision: Precision| {
        let variables: Vec<Var> = (0..inputs.len())
            .map(|i| random(&format!("{name} {i}"), inputs[i]).to_device(device).unwrap())
            .map(|tensor| Var::from_tensor(&tensor).unwrap())
            .collect();
        let tensors: Vec<Tensor> = variables.iter().map(|variable| variable.as_tensor().clone()).collect();
        let tape = Tape::default();
        let result = operator(&tensors, Pass::recorded(precision, &tape)).unwrap();
        // Each element counts differently, so that a gradient in a wrong place is seen.
        let weights = random("weights", result.dims()).to_device(device).unwrap();
        let mut gradients = tape.backward([(result.clone(), weights)]).unwrap();
        let gradients = variables.iter().map(|variable| gradients.take(variable).unwrap());
        (result.detach(), gradients.collect::<Vec<_>>())
    };
    let (expected, wanted) = run(&Device::Cpu, Precision::F32);
    for &(precision, tolerance) in tolerances {
        let (actual, found) = run(&gpu, precision);
        assert_near(&format!("{name}, {precision:?}"), &expected, &actual, tolerance);
        for (i, (wanted, found)) in wanted.iter().zip(&found).enumerate() {
            assert_near(&format!("{name}, {precision:?}, gradient {i}"), wanted, found, tolerance);
        }
    }
}

#[test]
fn operators() {
    // What is rounded to bf16 may fall on the other side of a ReLU.
    for (activation, tolerances) in [(Activation::None, &TOLERANCE[..]), (Activation::Relu, &TOLERANCE[..1])]
    {
        for kernel in [3, 5] {
            let shapes: [&[usize]; 4] =
                [&[2, 12, 10, 16], &[24, 16, kernel, kernel], &[24], &[2, 12, 10, 24]];
            compare_in(tolerances, "conv2d", &shapes, |t, pass| {
                ops::conv2d(&t[0], &t[1], &t[2], activation, Some(&t[3]), pass)
            });
        }
        let shapes: [&[usize]; 4] = [&[2, 9, 32], &[48, 32], &[48], &[2, 9, 48]];
        compare_in(tolerances, "linear", &shapes, |t, pass| {
            ops::linear(&t[0], &t[1], Some(&t[2]), activation, Some(&t[3]), pass)
        });
    }
    compare("layer_norm", &[&[2, 9, 32], &[32], &[32]], |t, pass| {
        ops::layer_norm(&t[0], &t[1], &t[2], 1e-5, pass)
    });
    compare("attention", &[&[2, 16, 32], &[2, 16, 32], &[2, 16, 32], &[96, 32]], |t, pass| {
        ops::attention(&t[0], &t[1], &t[2], &t[3], 4, pass)
    });
    compare("unfold", &[&[2, 6, 9, 4]], |t, pass| ops::unfold(&t[0], 3, pass));
    compare("fold", &[&[2, 6, 36]], |t, pass| ops::fold(&t[0], 3, 6, 9, pass));
    compare("pixel_shuffle", &[&[2, 5, 4, 12]], |t, pass| ops::pixel_shuffle(&t[0], 2, pass));
    compare("add", &[&[2, 5, 4], &[2, 5, 4]], |t, pass| {
        ops::add(&t[0], &ops::scale(&t[1], 3.0, pass)?, pass)
    });
    compare("add_repeated", &[&[2, 5, 4], &[3, 4]], |t, pass| ops::add_repeated(&t[0], &t[1], 4..8, pass));
}

#[test]
fn orthogonal_steps() {
    let Some(gpu) = gpu() else { return };
    for shape in [[24, 40], [40, 24]] {
        let x = random("orthogonal", &shape);
        let expected = ops::orthogonal(&x, Precision::F32).unwrap();
        let actual = ops::orthogonal(&x.to_device(&gpu).unwrap(), Precision::F32).unwrap();
        assert_near("orthogonal", &expected, &actual, 5e-2);
    }
}

/// A tiny model that says something from the start.
fn model() -> Model {
    let config = Config {
        bicubic_residual: false,
        ..Config::preset(Preset::Tiny, vec![Task::Derain, Task::SuperResolution(Scale::X2)])
    };
    let parameters = Parameters::init(&config, 5, &Device::Cpu).unwrap();
    Model { config, parameters, provenance: Default::default() }
}

#[test]
fn a_training_step_has_the_same_gradients() {
    let Some(gpu) = gpu() else { return };
    let Model { config, parameters, .. } = model();
    let side = config.input(Task::Derain);
    let x = ((random("x", &[2, side, side, 3]) + 1.0).unwrap() * 127.5).unwrap();
    let run = |device: &Device| {
        let parameters = Parameters::from_tensors(&config, parameters.tensors(), device).unwrap();
        let model = parameters.model(&config, Precision::F32).unwrap();
        let tape = Tape::default();
        let output = model.record(&x.to_device(device).unwrap(), Task::Derain, &tape).unwrap();
        let compared =
            Comparison::Psnr.of(&output.pictures, &output.pictures.zeros_like().unwrap(), 1.0).unwrap();
        let mut gradients = tape.backward([(output.pictures, compared.gradient)]).unwrap();
        let named: Vec<_> = (parameters.iter())
            .filter_map(|(name, variable)| Some((name.to_owned(), gradients.take(variable)?)))
            .collect();
        named
    };
    let (expected, actual) = (run(&Device::Cpu), run(&gpu));
    assert_eq!(expected.len(), actual.len());
    for ((name, wanted), (_, found)) in expected.iter().zip(&actual) {
        assert_near(name, wanted, found, TOLERANCE[0].1);
    }
}

#[test]
fn a_picture_is_restored_alike() {
    let Some(gpu) = gpu() else { return };
    let model = model();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/pictures");
    let fixtures = if fixtures.exists() { fixtures } else { Path::new("fixtures/pictures").into() };
    let picture = support::read(&fixtures.join("parrot.png"));
    let restore = |device: &Device| {
        let options = Options {
            device: device.clone(),
            precision: Precision::F32,
            self_ensemble: false,
            skip_transformer: false,
            cutting: Cutting::ByTask,
        };
        let restorer = Restorer::new(&model, &[Task::SuperResolution(Scale::X2)], options).unwrap();
        restorer.restore(&picture).unwrap().as_rgb8().unwrap().to_vec()
    };
    let (expected, actual) = (restore(&Device::Cpu), restore(&gpu));
    let worst = expected.iter().zip(&actual).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
    assert!(worst <= 3, "{worst} of 255 apart");
}

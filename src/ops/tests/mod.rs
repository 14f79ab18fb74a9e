//! Each operator on the CPU against candle's own operators in f64, forward and backward.

use candle_core::{DType, Device, Result, Tensor, Var};
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};

use super::*;

mod composed;

/// Bounds on |error| / max |exact|.
const SINGLE: (Precision, f64) = (Precision::F32, 3e-6);
const BF16: f64 = 1.5e-2;

fn random(shape: &[usize], seed: u64) -> Tensor {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let values: Vec<f32> = (0..shape.iter().product()).map(|_| rng.random_range(-1.0..1.0)).collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

/// The result and the gradients of all inputs under a fixed random loss, through the tape.
fn run(
    inputs: &[Tensor],
    precision: Precision,
    op: impl Fn(&[Tensor], Pass) -> Result<Tensor>,
) -> Vec<Tensor> {
    let vars: Vec<Var> = inputs.iter().map(|x| Var::from_tensor(x).unwrap()).collect();
    let tensors: Vec<Tensor> = vars.iter().map(|var| var.as_tensor().clone()).collect();
    let tape = Tape::default();
    let result = op(&tensors, Pass::recorded(precision, &tape)).unwrap();
    let mut gradients = tape.backward([(result.clone(), random(result.dims(), 99))]).unwrap();
    let found = tensors.iter().map(|x| gradients.take(x).expect("every input has a gradient"));
    [result].into_iter().chain(found).collect()
}

/// The same through candle's graph, in f64.
fn run_composed(inputs: &[Tensor], op: impl Fn(&[Tensor]) -> Result<Tensor>) -> Vec<Tensor> {
    let double = |x: &Tensor| Var::from_tensor(&x.to_dtype(DType::F64).unwrap()).unwrap();
    let vars: Vec<Var> = inputs.iter().map(double).collect();
    let tensors: Vec<Tensor> = vars.iter().map(|var| var.as_tensor().clone()).collect();
    let result = op(&tensors).unwrap();
    let weights = random(result.dims(), 99).to_dtype(DType::F64).unwrap();
    let gradients = (&result * weights).unwrap().sum_all().unwrap().backward().unwrap();
    let found = tensors.iter().map(|x| gradients.get(x).expect("every input has a gradient").clone());
    [result.detach()].into_iter().chain(found).collect()
}

fn values(x: &Tensor) -> Vec<f64> {
    x.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

fn assert_close(name: &str, found: &[Tensor], exact: &[Tensor], bound: f64) {
    for (index, (found, exact)) in found.iter().zip(exact).enumerate() {
        assert_eq!(found.dims(), exact.dims(), "{name}: shape of {index}");
        let (found, exact) = (values(found), values(exact));
        let size = exact.iter().fold(1e-3_f64, |most, x| most.max(x.abs()));
        let error = found.iter().zip(&exact).fold(0.0_f64, |most, (a, b)| {
            let error = (a - b).abs();
            if error > most || error.is_nan() { error } else { most }
        });
        assert!(error <= bound * size, "{name}: output or gradient {index} is off by {:e}", error / size);
    }
}

fn check(
    name: &str,
    shapes: &[&[usize]],
    (precision, bound): (Precision, f64),
    op: impl Fn(&[Tensor], Pass) -> Result<Tensor>,
    oracle: impl Fn(&[Tensor]) -> Result<Tensor>,
) {
    let inputs: Vec<Tensor> = shapes.iter().enumerate().map(|(i, shape)| random(shape, i as u64)).collect();
    assert_close(name, &run(&inputs, precision, op), &run_composed(&inputs, oracle), bound);
}

fn precisions() -> impl Iterator<Item = (Precision, f64)> {
    [SINGLE, (Precision::Bf16, BF16)].into_iter().filter(|(precision, _)| precision.supported())
}

#[test]
fn conv2d_and_its_gradients_are_exact() {
    let cases = [
        (1, 5, 7, 3, 8, 3),
        (2, 9, 48, 16, 3, 3),
        (1, 19, 33, 20, 37, 5),
        (3, 4, 1, 5, 6, 1),
        (2, 17, 16, 64, 48, 3),
        (1, 2, 2, 4, 33, 5),
        (1, 60, 50, 8, 12, 3),
    ];
    for (batch, height, width, inputs, outputs, kernel) in cases {
        for precision in precisions() {
            let picture = [batch, height, width, inputs];
            let shapes: [&[usize]; 3] = [&picture, &[outputs, inputs, kernel, kernel], &[outputs]];
            let name = format!("conv2d {picture:?} -> {outputs}, {kernel}, {precision:?}");
            let op = |x: &[Tensor], pass: Pass| conv2d(&x[0], &x[1], &x[2], Activation::None, None, pass);
            check(&name, &shapes, precision, op, |x| {
                composed::conv2d(&x[0], &x[1], &x[2], Activation::None, None)
            });
        }
    }
}

#[test]
fn residual_blocks_are_convolutions_one_after_the_other() {
    for (picture, kernel) in
        [([1, 5, 7, 3], 3), ([3, 9, 48, 16], 3), ([5, 12, 17, 40], 5), ([1, 3, 2, 33], 1)]
    {
        let channels = picture[3];
        let weight = [channels, channels, kernel, kernel];
        // x, then the weights and biases of two blocks.
        let shapes: Vec<&[usize]> = std::iter::once(&picture[..])
            .chain((0..8).map(|i| if i % 2 == 0 { &weight[..] } else { &picture[3..] }))
            .collect();
        // Far from zero before the ReLU, so that rounding does not decide what passes.
        let small = 0.3 / (channels as f64).sqrt() / kernel as f64;
        let scaled = |x: &[Tensor]| -> Result<Vec<Tensor>> {
            let scaled = |(i, x): (usize, &Tensor)| match i {
                0 => Ok(x.clone()),
                2 | 6 => x.sign()? + (x * 0.2)?,
                _ => x * small,
            };
            x.iter().enumerate().map(scaled).collect()
        };
        let shapes_of = |i: usize| random(shapes[i], i as u64);
        let inputs = scaled(&(0..9).map(shapes_of).collect::<Vec<_>>()).unwrap();
        let exact = run_composed(&inputs, |x| {
            x[1..].chunks_exact(4).try_fold(x[0].clone(), |sum, block| {
                let inner = composed::conv2d(&sum, &block[0], &block[1], Activation::Relu, None)?;
                composed::conv2d(&inner, &block[2], &block[3], Activation::None, Some(&sum))
            })
        });
        for (precision, bound) in precisions() {
            // The differences of Winograd's form are of larger numbers.
            let bound = if kernel == 3 { 1.5 * bound } else { bound };
            let op = |x: &[Tensor], pass: Pass| {
                let conv = |pair: &'_ [Tensor]| -> [Tensor; 2] { [pair[0].clone(), pair[1].clone()] };
                let all: Vec<[Tensor; 2]> = x[1..].chunks_exact(2).map(conv).collect();
                let all: Vec<Convolution> =
                    all.iter().map(|[weight, bias]| Convolution { weight, bias }).collect();
                let blocks: Vec<[Convolution; 2]> = all.chunks_exact(2).map(|two| [two[0], two[1]]).collect();
                residual_blocks(&x[0], &blocks, pass)
            };
            let name = format!("residual {picture:?}, {kernel}, {precision:?}");
            assert_close(&name, &run(&inputs, precision, op), &exact, bound);
        }
    }
}

#[test]
fn conv2d_with_relu_or_residual() {
    let shapes: [&[usize]; 3] = [&[2, 6, 10, 7], &[7, 7, 3, 3], &[7]];
    let relu = |x: &[Tensor], pass: Pass| conv2d(&x[0], &x[1], &x[2], Activation::Relu, None, pass);
    check("relu", &shapes, SINGLE, relu, |x| composed::conv2d(&x[0], &x[1], &x[2], Activation::Relu, None));
    let shapes: [&[usize]; 4] = [&[2, 6, 10, 7], &[7, 7, 3, 3], &[7], &[2, 6, 10, 7]];
    let both = |x: &[Tensor], pass: Pass| conv2d(&x[0], &x[1], &x[2], Activation::Relu, Some(&x[3]), pass);
    check("both", &shapes, SINGLE, both, |x| {
        composed::conv2d(&x[0], &x[1], &x[2], Activation::Relu, Some(&x[3]))
    });
}

#[test]
fn linear_and_its_gradients_are_exact() {
    let cases = [(1, 1, 1), (3, 5, 7), (50, 40, 33), (333, 17, 100), (13, 1100, 70), (260, 64, 192)];
    for (rows, inputs, outputs) in cases {
        for precision in precisions() {
            let name = format!("linear {rows} × {inputs} -> {outputs}, {precision:?}");
            let shapes: [&[usize]; 3] = [&[1, rows, inputs], &[outputs, inputs], &[outputs]];
            let op =
                |x: &[Tensor], pass: Pass| linear(&x[0], &x[1], Some(&x[2]), Activation::None, None, pass);
            let oracle = |x: &[Tensor]| composed::linear(&x[0], &x[1], Some(&x[2]), Activation::None, None);
            check(&name, &shapes, precision, op, oracle);
        }
    }
}

#[test]
fn linear_without_bias_with_relu_and_residual() {
    let shapes: [&[usize]; 3] = [&[2, 9, 20], &[30, 20], &[2, 9, 30]];
    let op = |x: &[Tensor], pass: Pass| linear(&x[0], &x[1], None, Activation::Relu, Some(&x[2]), pass);
    let oracle = |x: &[Tensor]| composed::linear(&x[0], &x[1], None, Activation::Relu, Some(&x[2]));
    check("linear", &shapes, SINGLE, op, oracle);
}

#[test]
fn attention_and_its_gradients_are_exact() {
    for (batch, tokens, heads, width) in
        [(1, 1, 1, 1), (2, 5, 3, 7), (1, 256, 2, 48), (2, 140, 2, 32), (1, 33, 1, 64)]
    {
        for precision in precisions() {
            let shape = [batch, tokens, heads * width];
            // Products of products: the first ones' rounding is in the second ones' factors.
            let precision = (precision.0, 3.0 * precision.1);
            let name = format!("attention {shape:?}, {heads} heads, {precision:?}");
            let shapes: [&[usize]; 4] = [&shape, &shape, &shape, &[3 * shape[2], shape[2]]];
            let op = |x: &[Tensor], pass: Pass| attention(&x[0], &x[1], &x[2], &x[3], heads, pass);
            check(&name, &shapes, precision, op, |x| composed::attention(&x[0], &x[1], &x[2], &x[3], heads));
        }
    }
}

#[test]
fn layer_norm_and_its_gradients_are_exact() {
    for (rows, width) in [(1, 1), (3, 5), (130, 48), (70, 577)] {
        let shapes: [&[usize]; 3] = [&[2, rows, width], &[width], &[width]];
        let op = |x: &[Tensor], pass: Pass| layer_norm(&x[0], &x[1], &x[2], 1e-5, pass);
        check("layer_norm", &shapes, (Precision::F32, 1e-5), op, |x| {
            composed::layer_norm(&x[0], &x[1], &x[2], 1e-5)
        });
    }
}

#[test]
fn patches_are_those_of_the_composition() {
    let grid = crate::kernels::patches::Grid { batch: 2, rows: 3, columns: 4, channels: 5, side: 3 };
    let op = |x: &[Tensor], pass: Pass| unfold(&x[0], 3, pass);
    check("unfold", &[&[2, 9, 12, 5]], (Precision::F32, 1e-7), op, |x| {
        patches::composed_unfold(&x[0], &grid)
    });
    let op = |x: &[Tensor], pass: Pass| fold(&x[0], 3, 9, 12, pass);
    check("fold", &[&[2, 12, 45]], (Precision::F32, 1e-7), op, |x| patches::composed_fold(&x[0], &grid));
}

#[test]
fn pixel_shuffle_is_pytorchs() {
    let x = Tensor::arange(0f32, 16.0, &Device::Cpu).unwrap().reshape((1, 1, 2, 8)).unwrap();
    let found = pixel_shuffle(&x, 2, Pass::forward(Precision::F32)).unwrap();
    assert_eq!(found.dims(), [1, 2, 4, 2]);
    // torch.nn.functional.pixel_shuffle(torch.arange(16.).reshape(1, 1, 2, 8).permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1)
    let exact = [0., 4., 1., 5., 8., 12., 9., 13., 2., 6., 3., 7., 10., 14., 11., 15.];
    assert_eq!(values(&found), exact);
    let back = pixel_unshuffle(&found, 2, Pass::forward(Precision::F32)).unwrap();
    assert_eq!((back.dims(), values(&back)), (x.dims(), values(&x)));
    assert!(pixel_unshuffle(&found, 3, Pass::forward(Precision::F32)).is_err());
    let grid = crate::kernels::patches::Grid { batch: 2, rows: 3, columns: 4, channels: 5, side: 2 };
    let op = |x: &[Tensor], pass: Pass| pixel_unshuffle(&x[0], 2, pass);
    check("pixel_unshuffle", &[&[2, 6, 8, 5]], (Precision::F32, 1e-7), op, |x| {
        patches::composed_unfold(&x[0], &grid)?.reshape((2, 3, 4, 20))
    });
}

#[test]
fn sums_multiples_and_embeddings() {
    let op = |x: &[Tensor], pass: Pass| add(&x[0], &scale(&x[1], -3.0, pass)?, pass);
    check("add", &[&[2, 3, 4], &[2, 3, 4]], SINGLE, op, |x| &x[0] + x[1].affine(-3.0, 0.0)?);
    let op = |x: &[Tensor], pass: Pass| add_repeated(&x[0], &x[1], 12..24, pass);
    check("per position", &[&[2, 3, 4], &[2, 12]], SINGLE, op, |x| {
        x[0].broadcast_add(&x[1].get(1)?.reshape((3, 4))?)
    });
    let op = |x: &[Tensor], pass: Pass| add_repeated(&x[0], &x[1], 4..8, pass);
    check("per task", &[&[2, 3, 4], &[5, 4]], SINGLE, op, |x| x[0].broadcast_add(&x[1].get(1)?));
}

#[test]
fn absolute_errors_have_the_sign_as_gradient() {
    let (a, b) = (random(&[3, 50], 1), random(&[3, 50], 2));
    let (sum, gradient) = absolute_error(&a, &b, 0.5).unwrap();
    let difference: Vec<f64> = values(&a).iter().zip(values(&b)).map(|(a, b)| a - b).collect();
    assert!((values(&sum)[0] - difference.iter().map(|d| d.abs()).sum::<f64>()).abs() < 1e-4);
    assert!(values(&gradient).iter().zip(&difference).all(|(g, d)| *g == 0.5 * d.signum()));
    assert_eq!(values(&absolute_error(&a, &a, 1.0).unwrap().1), [0.0; 150]);
}

/// A tensor that several operators read gets the sum of their gradients.
#[test]
fn gradients_of_branches_are_summed() {
    let shapes: [&[usize]; 4] = [&[2, 6, 8], &[8, 8], &[8], &[8]];
    let op = |x: &[Tensor], pass: Pass| {
        let normal = layer_norm(&x[0], &x[2], &x[3], 1e-5, pass)?;
        let y = linear(&normal, &x[1], None, Activation::Relu, Some(&x[0]), pass)?;
        let z = linear(&normal, &x[1], None, Activation::None, Some(&y), pass)?;
        add(&z, &x[0], pass)
    };
    check("branches", &shapes, (Precision::F32, 1e-5), op, |x| {
        let normal = composed::layer_norm(&x[0], &x[2], &x[3], 1e-5)?;
        let y = composed::linear(&normal, &x[1], None, Activation::Relu, Some(&x[0]))?;
        let z = composed::linear(&normal, &x[1], None, Activation::None, Some(&y))?;
        z + &x[0]
    });
}

#[test]
fn results_do_not_depend_on_the_threads() {
    let all = |precision| {
        let mut out = Vec::new();
        let inputs = [random(&[5, 20, 48, 20], 1), random(&[40, 20, 3, 3], 2), random(&[40], 3)];
        out.extend(run(&inputs, precision, |x, pass| {
            conv2d(&x[0], &x[1], &x[2], Activation::Relu, None, pass)
        }));
        let inputs = [random(&[700, 96], 1), random(&[100, 96], 2), random(&[100], 3)];
        out.extend(run(&inputs, precision, |x, pass| {
            linear(&x[0], &x[1], Some(&x[2]), Activation::Relu, None, pass)
        }));
        let [q, k, v] = [1, 2, 3].map(|seed| random(&[3, 256, 64], seed));
        let inputs = [q, k, v, random(&[192, 64], 4)];
        out.extend(run(&inputs, precision, |x, pass| attention(&x[0], &x[1], &x[2], &x[3], 2, pass)));
        let inputs = [random(&[700, 96], 1), random(&[96], 2), random(&[96], 3)];
        out.extend(run(&inputs, precision, |x, pass| layer_norm(&x[0], &x[1], &x[2], 1e-5, pass)));
        let weights = |seed| [random(&[16, 16, 3, 3], seed), random(&[16], seed + 1)];
        let inputs = [&[random(&[5, 12, 10, 16], 1)][..], &weights(2), &weights(4)].concat();
        out.extend(run(&inputs, precision, |x, pass| {
            let [first, second] = [1, 3].map(|at| Convolution { weight: &x[at], bias: &x[at + 1] });
            residual_blocks(&x[0], &[[first, second]], pass)
        }));
        out.push(orthogonal(&random(&[64, 576], 1), precision).unwrap());
        out.iter().map(|x| x.flatten_all().unwrap().to_vec1::<f32>().unwrap()).collect::<Vec<_>>()
    };
    for (precision, _) in precisions() {
        let [one, two, three] = [1, 2, 3].map(|threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| all(precision))
        });
        assert!(one == two && two == three, "{precision:?}");
    }
}

/// What a GPU computes, on the CPU, and its ways back in candle's graph. Without ReLUs: what is rounded may
/// fall on their other side.
fn check_gpu(
    name: &str,
    shapes: &[&[usize]],
    bounds: [f64; 2],
    op: impl Fn(&[Tensor], Pass) -> Result<Tensor>,
    oracle: impl Fn(&[Tensor]) -> Result<Tensor>,
) {
    let inputs: Vec<Tensor> = shapes.iter().enumerate().map(|(i, shape)| random(shape, i as u64)).collect();
    let exact = run_composed(&inputs, oracle);
    for (precision, bound) in [Precision::F32, Precision::Bf16].into_iter().zip(bounds) {
        let vars: Vec<Var> = inputs.iter().map(|x| Var::from_tensor(x).unwrap()).collect();
        let tensors: Vec<Tensor> = vars.iter().map(|var| var.as_tensor().clone()).collect();
        let tape = Tape::default();
        let result = op(&tensors, Pass::recorded(precision, &tape)).unwrap();
        let loss = (&result * random(result.dims(), 99)).unwrap().sum_all().unwrap();
        let gradients = loss.backward().unwrap();
        let found = tensors.iter().map(|x| gradients.get(x).expect("every input has a gradient").clone());
        let found: Vec<Tensor> = [result.detach()].into_iter().chain(found).collect();
        assert_close(&format!("{name}, {precision:?}"), &found, &exact, bound);
        let alone = op(&inputs, Pass::forward(precision)).unwrap();
        assert_eq!(values(&alone), values(&found[0]), "{name}");
    }
}

#[test]
fn what_a_gpu_computes_is_the_same() {
    for kernel in [3, 5] {
        let shapes: [&[usize]; 4] = [&[2, 5, 7, 6], &[9, 6, kernel, kernel], &[9], &[2, 5, 7, 9]];
        let op =
            |x: &[Tensor], pass: Pass| gpu::conv2d(&x[0], &x[1], &x[2], Activation::None, Some(&x[3]), pass);
        check_gpu(&format!("conv2d {kernel}"), &shapes, [SINGLE.1, BF16], op, |x| {
            composed::conv2d(&x[0], &x[1], &x[2], Activation::None, Some(&x[3]))
        });
    }
    let shapes: [&[usize]; 4] = [&[2, 9, 32], &[48, 32], &[48], &[2, 9, 48]];
    let op = |x: &[Tensor], pass: Pass| {
        gpu::linear(&x[0], &x[1], Some(&x[2]), Activation::None, Some(&x[3]), pass)
    };
    check_gpu("linear", &shapes, [SINGLE.1, BF16], op, |x| {
        composed::linear(&x[0], &x[1], Some(&x[2]), Activation::None, Some(&x[3]))
    });
    let op = |x: &[Tensor], pass: Pass| gpu::layer_norm(&x[0], &x[1], &x[2], 1e-5, pass);
    check_gpu("layer_norm", &[&[2, 9, 32], &[32], &[32]], [1e-5; 2], op, |x| {
        composed::layer_norm(&x[0], &x[1], &x[2], 1e-5)
    });
    let op = |x: &[Tensor], pass: Pass| gpu::attention(&x[0], &x[1], &x[2], &x[3], 4, pass);
    check_gpu("attention", &[&[2, 16, 32], &[2, 16, 32], &[2, 16, 32], &[96, 32]], [1e-5, 5e-2], op, |x| {
        composed::attention(&x[0], &x[1], &x[2], &x[3], 4)
    });
}

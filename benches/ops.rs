//! The operators at the sizes of the model, beside candle's own forms.
//!
//! `cargo bench --bench ops -- 'conv2d'` runs those whose name matches. Throughput is in multiply-adds.

use std::time::Duration;

use candle_core::{D, Device, Result, Tensor, Var};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ipt::ops::{self, Activation, Pass, Precision, Tape};

/// As in the program itself: glibc's allocator maps and unmaps big buffers every time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// An operator, and whose it is.
enum Op<'a> {
    Ours(Precision, &'a dyn Fn(&[Tensor], Pass) -> Result<Tensor>),
    Candle(&'a dyn Fn(&[Tensor]) -> Result<Tensor>),
}

impl Op<'_> {
    fn forward(&self, x: &[Tensor]) -> Result<Tensor> {
        match self {
            Op::Ours(precision, op) => op(x, Pass::forward(*precision)),
            Op::Candle(op) => op(x),
        }
    }

    /// Forward, and back from a gradient of ones.
    fn both(&self, x: &[Tensor]) -> Result<()> {
        match self {
            Op::Ours(precision, op) => {
                let tape = Tape::default();
                let result = op(x, Pass::recorded(*precision, &tape))?;
                let ones = result.ones_like()?;
                tape.backward([(result, ones)]).map(drop)
            }
            Op::Candle(op) => op(x)?.backward().map(drop),
        }
    }
}

/// Times an operator forward, and forward and backward.
fn measure(criterion: &mut Criterion, group: &str, work: usize, shapes: &[&[usize]], ops: &[(&str, Op)]) {
    let random = |shape: &&[usize]| Tensor::rand(-0.5f32, 0.5, *shape, &Device::Cpu).unwrap();
    let tensors: Vec<Tensor> = shapes.iter().map(random).collect();
    let vars: Vec<Var> = tensors.iter().map(|x| Var::from_tensor(x).unwrap()).collect();
    let tracked: Vec<Tensor> = vars.iter().map(|x| x.as_tensor().clone()).collect();
    let mut group = criterion.benchmark_group(group);
    for (name, op) in ops {
        group.throughput(Throughput::Elements(work as u64));
        group.bench_function(format!("{name}/forward"), |bencher| {
            bencher.iter(|| op.forward(&tensors).unwrap())
        });
        group.throughput(Throughput::Elements(3 * work as u64));
        group.bench_function(format!("{name}/both"), |bencher| {
            bencher.iter(|| op.both(&tracked).unwrap());
        });
    }
}

/// Ours in both number formats, and candle's.
fn both_precisions<'a>(
    ours: &'a dyn Fn(&[Tensor], Pass) -> Result<Tensor>,
    candle: &'a dyn Fn(&[Tensor]) -> Result<Tensor>,
) -> [(&'static str, Op<'a>); 3] {
    let of = |precision| Op::Ours(precision, ours);
    [("f32", of(Precision::F32)), ("bf16", of(Precision::Bf16)), ("candle", Op::Candle(candle))]
}

fn conv2d(criterion: &mut Criterion) {
    for (batch, side, inputs, outputs, kernel) in [
        (8, 48, 64, 64, 5),
        (16, 48, 48, 48, 5),
        (8, 48, 64, 64, 3),
        (8, 48, 64, 256, 3),
        (16, 48, 3, 64, 3),
        (8, 96, 64, 3, 3),
    ] {
        let conv = |x: &[Tensor], pass: Pass| ops::conv2d(&x[0], &x[1], &x[2], Activation::None, None, pass);
        let candle = |x: &[Tensor]| {
            let planes = x[0].permute((0, 3, 1, 2))?.contiguous()?;
            let product = planes.conv2d(&x[1], kernel / 2, 1, 1, 1)?;
            product.permute((0, 2, 3, 1))?.contiguous()?.broadcast_add(&x[2])
        };
        measure(
            criterion,
            &format!("conv2d {batch}x{side}x{side} {inputs}-{outputs} k{kernel}"),
            batch * side * side * inputs * outputs * kernel * kernel,
            &[&[batch, side, side, inputs], &[outputs, inputs, kernel, kernel], &[outputs]],
            &both_precisions(&conv, &candle),
        );
    }
}

fn linear(criterion: &mut Criterion) {
    for (rows, inputs, outputs) in
        [(4096, 576, 2304), (4096, 2304, 576), (4096, 192, 768), (4096, 192, 192), (256, 576, 576)]
    {
        let linear =
            |x: &[Tensor], pass: Pass| ops::linear(&x[0], &x[1], Some(&x[2]), Activation::None, None, pass);
        let candle = |x: &[Tensor]| x[0].matmul(&x[1].t()?)?.broadcast_add(&x[2]);
        measure(
            criterion,
            &format!("linear {rows} {inputs}-{outputs}"),
            rows * inputs * outputs,
            &[&[rows, inputs], &[outputs, inputs], &[outputs]],
            &both_precisions(&linear, &candle),
        );
    }
}

fn attention(criterion: &mut Criterion) {
    for (batch, heads, width) in [(16, 4, 48), (8, 12, 48), (16, 6, 64)] {
        let shape = [batch, 256, heads * width];
        let attention = |x: &[Tensor], pass: Pass| ops::attention(&x[0], &x[1], &x[2], &x[3], heads, pass);
        let features = heads * width;
        let candle = |x: &[Tensor]| {
            let split = |i: usize| {
                let projected = x[i].reshape((batch * 256, features))?;
                let projected = projected.matmul(&x[3].narrow(0, i * features, features)?.t()?)?;
                projected.reshape((batch, 256, heads, width))?.transpose(1, 2)?.contiguous()
            };
            let scores = (split(0)?.matmul(&split(1)?.t()?)? * (width as f64).powf(-0.5))?;
            candle_nn::ops::softmax(&scores, D::Minus1)?.matmul(&split(2)?)?.transpose(1, 2)?.contiguous()
        };
        measure(
            criterion,
            &format!("attention {batch} {heads}x{width}"),
            batch * 256 * features * (2 * 256 + 3 * features),
            &[&shape, &shape, &shape, &[3 * features, features]],
            &both_precisions(&attention, &candle),
        );
    }
}

fn layer_norm(criterion: &mut Criterion) {
    let norm = |x: &[Tensor], pass: Pass| ops::layer_norm(&x[0], &x[1], &x[2], 1e-5, pass);
    for (rows, width) in [(4096, 192), (4096, 576)] {
        let candle = |x: &[Tensor]| {
            let centred = x[0].broadcast_sub(&x[0].mean_keepdim(D::Minus1)?)?;
            let deviation = (centred.sqr()?.mean_keepdim(D::Minus1)? + 1e-5)?.sqrt()?;
            centred.broadcast_div(&deviation)?.broadcast_mul(&x[1])?.broadcast_add(&x[2])
        };
        measure(
            criterion,
            &format!("layer_norm {rows} {width}"),
            rows * width,
            &[&[rows, width], &[width], &[width]],
            &[("f32", Op::Ours(Precision::F32, &norm)), ("candle", Op::Candle(&candle))],
        );
    }
}

fn patches(criterion: &mut Criterion) {
    let candle = |x: &[Tensor]| {
        let cut = x[0].reshape(vec![16, 16, 3, 16, 3, 64])?.permute(vec![0, 1, 3, 5, 2, 4])?;
        cut.reshape((16, 256, 576))
    };
    let shape = [16, 48, 48, 64];
    let ours = |x: &[Tensor], pass: Pass| ops::unfold(&x[0], 3, pass);
    let ops = [("f32", Op::Ours(Precision::F32, &ours)), ("candle", Op::Candle(&candle))];
    measure(criterion, "unfold", shape.iter().product(), &[&shape], &ops);
    let shape = [8, 48, 48, 256];
    let candle = |x: &[Tensor]| {
        let split = x[0].reshape(vec![8, 48, 48, 64, 2, 2])?.permute(vec![0, 1, 4, 2, 5, 3])?;
        split.reshape((8, 96, 96, 64))
    };
    let ours = |x: &[Tensor], pass: Pass| ops::pixel_shuffle(&x[0], 2, pass);
    let ops = [("f32", Op::Ours(Precision::F32, &ours)), ("candle", Op::Candle(&candle))];
    measure(criterion, "pixel_shuffle", shape.iter().product(), &[&shape], &ops);
}

fn short() -> Criterion {
    Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
}

criterion_group! { name = benches; config = short(); targets = conv2d, linear, attention, layer_norm, patches }
criterion_main!(benches);

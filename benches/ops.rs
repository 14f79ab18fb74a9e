//! The operators at the sizes of the model, beside candle's own forms.
//!
//! `cargo bench --bench ops -- 'conv2d'` runs those whose name matches. Throughput is in multiply-adds.

use std::time::Duration;

use candle_core::{D, Device, Result, Tensor, Var};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ipt::ops::{self, Activation, Precision};

/// As in the program itself: glibc's allocator maps and unmaps big buffers every time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Op<'a> = &'a dyn Fn(&[Tensor]) -> Result<Tensor>;

/// Times an operator forward, and forward and backward.
fn measure(criterion: &mut Criterion, group: &str, work: usize, shapes: &[&[usize]], ops: &[(&str, Op)]) {
    let random = |shape: &&[usize]| Tensor::rand(-0.5f32, 0.5, *shape, &Device::Cpu).unwrap();
    let tensors: Vec<Tensor> = shapes.iter().map(random).collect();
    let vars: Vec<Var> = tensors.iter().map(|x| Var::from_tensor(x).unwrap()).collect();
    let tracked: Vec<Tensor> = vars.iter().map(|x| x.as_tensor().clone()).collect();
    let mut group = criterion.benchmark_group(group);
    for (name, op) in ops {
        group.throughput(Throughput::Elements(work as u64));
        group.bench_function(format!("{name}/forward"), |bencher| bencher.iter(|| op(&tensors).unwrap()));
        group.throughput(Throughput::Elements(3 * work as u64));
        group.bench_function(format!("{name}/both"), |bencher| {
            bencher.iter(|| op(&tracked).unwrap().backward().unwrap());
        });
    }
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
        let conv = |precision| {
            move |x: &[Tensor]| ops::conv2d(&x[0], &x[1], &x[2], Activation::None, None, precision)
        };
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
            &[("f32", &conv(Precision::F32)), ("bf16", &conv(Precision::Bf16)), ("candle", &candle)],
        );
    }
}

fn linear(criterion: &mut Criterion) {
    for (rows, inputs, outputs) in
        [(4096, 576, 2304), (4096, 2304, 576), (4096, 192, 768), (4096, 192, 192), (256, 576, 576)]
    {
        let linear = |precision| {
            move |x: &[Tensor]| ops::linear(&x[0], &x[1], Some(&x[2]), Activation::None, None, precision)
        };
        let candle = |x: &[Tensor]| x[0].matmul(&x[1].t()?)?.broadcast_add(&x[2]);
        measure(
            criterion,
            &format!("linear {rows} {inputs}-{outputs}"),
            rows * inputs * outputs,
            &[&[rows, inputs], &[outputs, inputs], &[outputs]],
            &[("f32", &linear(Precision::F32)), ("bf16", &linear(Precision::Bf16)), ("candle", &candle)],
        );
    }
}

fn attention(criterion: &mut Criterion) {
    for (batch, heads, width) in [(16, 4, 48), (8, 12, 48), (16, 6, 64)] {
        let shape = [batch, 256, heads * width];
        let attention = |precision| move |x: &[Tensor]| ops::attention(&x[0], &x[1], &x[2], heads, precision);
        let candle = |x: &[Tensor]| {
            let split = |x: &Tensor| x.reshape((batch, 256, heads, width))?.transpose(1, 2)?.contiguous();
            let scores = (split(&x[0])?.matmul(&split(&x[1])?.t()?)? * (width as f64).powf(-0.5))?;
            candle_nn::ops::softmax(&scores, D::Minus1)?.matmul(&split(&x[2])?)?.transpose(1, 2)?.contiguous()
        };
        measure(
            criterion,
            &format!("attention {batch} {heads}x{width}"),
            2 * batch * heads * 256 * 256 * width,
            &[&shape[..]; 3],
            &[
                ("f32", &attention(Precision::F32)),
                ("bf16", &attention(Precision::Bf16)),
                ("candle", &candle),
            ],
        );
    }
}

fn layer_norm(criterion: &mut Criterion) {
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
            &[("f32", &|x| ops::layer_norm(&x[0], &x[1], &x[2], 1e-5)), ("candle", &candle)],
        );
    }
}

fn patches(criterion: &mut Criterion) {
    let candle = |x: &[Tensor]| {
        let cut = x[0].reshape(vec![16, 16, 3, 16, 3, 64])?.permute(vec![0, 1, 3, 5, 2, 4])?;
        cut.reshape((16, 256, 576))
    };
    let shape = [16, 48, 48, 64];
    let ours: Op = &|x| ops::unfold(&x[0], 3);
    measure(criterion, "unfold", shape.iter().product(), &[&shape], &[("f32", ours), ("candle", &candle)]);
    let shape = [8, 48, 48, 256];
    let candle = |x: &[Tensor]| {
        let split = x[0].reshape(vec![8, 48, 48, 64, 2, 2])?.permute(vec![0, 1, 4, 2, 5, 3])?;
        split.reshape((8, 96, 96, 64))
    };
    let ours: Op = &|x| ops::pixel_shuffle(&x[0], 2);
    measure(
        criterion,
        "pixel_shuffle",
        shape.iter().product(),
        &[&shape],
        &[("f32", ours), ("candle", &candle)],
    );
}

fn short() -> Criterion {
    Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
}

criterion_group! { name = benches; config = short(); targets = conv2d, linear, attention, layer_norm, patches }
criterion_main!(benches);

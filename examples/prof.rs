use candle_core::*;
use ipt::ops::{self, *};
#[global_allocator]
static A: mimalloc::MiMalloc = mimalloc::MiMalloc;
fn cpu() -> f64 {
    let mut s = 0.0;
    for d in std::fs::read_dir("/proc/self/task").unwrap() {
        let t = std::fs::read_to_string(d.unwrap().path().join("schedstat")).unwrap();
        s += t.split(' ').next().unwrap().parse::<f64>().unwrap();
    }
    s * 1e-6
}
fn r(s: &[usize]) -> Tensor {
    Tensor::rand(-0.5f32, 0.5, s, &Device::Cpu).unwrap()
}
fn m(name: &str, work: f64, shapes: &[Vec<usize>], f: &dyn Fn(&[Tensor]) -> Result<Tensor>) {
    if let Some(p) = std::env::args().nth(1) {
        if !name.contains(&p) {
            return;
        }
    }
    let t: Vec<Tensor> = shapes.iter().map(|s| r(s)).collect();
    let v: Vec<Var> = t.iter().map(|x| Var::from_tensor(x).unwrap()).collect();
    let tt: Vec<Tensor> = v.iter().map(|x| x.as_tensor().clone()).collect();
    let time = |g: &dyn Fn()| {
        g();
        g();
        let mut b = 1e9f64;
        for _ in 0..7 {
            let a = cpu();
            g();
            b = b.min(cpu() - a);
        }
        b
    };
    let a = time(&|| {
        f(&t).unwrap();
    });
    let b = time(&|| {
        f(&tt).unwrap().backward().unwrap();
    });
    println!(
        "{name:38} fwd {a:8.2} ms {:7.0} GF/s   both {b:8.2} ms {:7.0} GF/s",
        2.0 * work / a * 1e-6,
        6.0 * work / b * 1e-6
    );
}
fn main() {
    for p in [Precision::F32, Precision::Bf16] {
        for (b, s, i, o, k) in [
            (8usize, 48usize, 64usize, 64usize, 5usize),
            (8, 48, 48, 48, 5),
            (8, 48, 64, 64, 3),
            (8, 48, 64, 256, 3),
            (8, 48, 3, 64, 3),
            (8, 96, 64, 3, 3),
        ] {
            m(
                &format!("conv {p:?} {b} {s} {i}-{o} k{k}"),
                (b * s * s * i * o * k * k) as f64,
                &[vec![b, s, s, i], vec![o, i, k, k], vec![o]],
                &|x| ops::conv2d(&x[0], &x[1], &x[2], Activation::None, None, p),
            );
        }
        for (n, i, o) in [
            (4096usize, 576usize, 2304usize),
            (4096, 2304, 576),
            (4096, 192, 768),
            (4096, 192, 192),
            (256, 576, 576),
        ] {
            m(
                &format!("linear {p:?} {n} {i}-{o}"),
                (n * i * o) as f64,
                &[vec![n, i], vec![o, i], vec![o]],
                &|x| ops::linear(&x[0], &x[1], Some(&x[2]), Activation::None, None, p),
            );
        }
        for (b, h, d) in [(16usize, 4usize, 48usize), (8, 12, 48), (16, 6, 64)] {
            m(
                &format!("attention {p:?} {b} {h}x{d}"),
                (2 * b * h * 256 * 256 * d) as f64,
                &vec![vec![b, 256, h * d]; 3],
                &|x| ops::attention(&x[0], &x[1], &x[2], h, p),
            );
        }
    }
    for w in [192, 576] {
        m(&format!("layer_norm {w}"), (4096 * w) as f64, &[vec![4096, w], vec![w], vec![w]], &|x| {
            ops::layer_norm(&x[0], &x[1], &x[2], 1e-5)
        });
    }
    m("unfold", 1e6, &[vec![16, 48, 48, 64]], &|x| ops::unfold(&x[0], 3));
    m("pixel_shuffle", 1e6, &[vec![8, 48, 48, 256]], &|x| ops::pixel_shuffle(&x[0], 2));
}

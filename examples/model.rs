use candle_core::*;
use candle_nn::{VarBuilder, VarMap};
use ipt::{Task, model::*, ops::Precision};
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
fn main() {
    let d = Device::Cpu;
    let a: Vec<String> = std::env::args().collect();
    let p = if a[1] == "f32" { Precision::F32 } else { Precision::Bf16 };
    let b: usize = a[2].parse().unwrap();
    let task: Task = a[3].parse().ok().unwrap();
    let n: usize = a[4].parse().unwrap();
    let m = VarMap::new();
    let c = Config::preset(Preset::Default, vec![task]);
    let net = Ipt::new(&c, p, VarBuilder::from_varmap(&m, DType::F32, &d)).unwrap();
    let x = (Tensor::rand(0f32, 255f32, (b, 48, 48, 3), &d)).unwrap();
    for i in 0..n {
        let t = cpu();
        let w = std::time::Instant::now();
        let o = net.forward(&x, task).unwrap();
        let t1 = cpu();
        o.pictures.abs().unwrap().mean_all().unwrap().backward().unwrap();
        let t2 = cpu();
        println!(
            "{i} fwd {:.1} bwd {:.1} cpu ms; wall {:.1}",
            t1 - t,
            t2 - t1,
            w.elapsed().as_secs_f64() * 1e3
        );
    }
}

//! Statistics of streak layers.

use ipt::degrade::Layer;

/// What was measured on a layer.
pub const NAMES: [&str; 8] = [
    // Pixels brighter than 8 of 255, in percent, and their mean brightness.
    "lit %", "mean lit", // Mean brightness of all pixels.
    "mean",
    // Pixels brighter than 64 per pixel brighter than 8, in percent: the tail of the histogram.
    "tail %",
    // Main direction, in degrees from the vertical, without its sign; how strict it is, of 1.
    "angle", "strict",
    // Distance in pixels at which the autocorrelation falls to 0.2 along the main direction: length;
    // and to 0.5 across it: width and softness.
    "length", "width",
];

pub fn measure(layer: &Layer) -> [f64; 8] {
    let all = layer.samples.len() as f64;
    let above = |level: u8| layer.samples.iter().filter(move |&&sample| sample > level);
    let sum = |samples: &mut dyn Iterator<Item = &u8>| samples.map(|&sample| f64::from(sample)).sum::<f64>();
    let (lit, bright) = (above(8).count() as f64, above(64).count() as f64);
    let (direction, strict) = direction(layer);
    let across = [direction[1], -direction[0]];
    let reach = |to: [f64; 2], level: f64, step: f64| {
        let far = |n: i32| [to[0] * f64::from(n) * step, to[1] * f64::from(n) * step];
        let mut correlations = (1..).map(|n| correlation(layer, far(n)));
        let mut last = 1.0;
        for n in 0..(100.0 / step) as i32 {
            let next = correlations.next().unwrap_or_default();
            if next < level {
                return (f64::from(n) + (last - level) / (last - next)) * step;
            }
            last = next;
        }
        100.0
    };
    [
        100.0 * lit / all,
        sum(&mut above(8)) / lit,
        sum(&mut layer.samples.iter()) / all,
        100.0 * bright / lit,
        direction[0].atan2(direction[1]).to_degrees().abs(),
        strict,
        reach(direction, 0.2, 3.0),
        reach(across, 0.5, 0.25),
    ]
}

/// The direction in which the layer changes least, and (λ1 − λ2) / (λ1 + λ2) of its structure tensor.
fn direction(layer: &Layer) -> ([f64; 2], f64) {
    let at = |x: usize, y: usize| f64::from(layer.samples[y * layer.width + x]);
    let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
    for y in 1..layer.height - 1 {
        for x in 1..layer.width - 1 {
            let sobel = |a: f64, b: f64, c: f64| a + 2.0 * b + c;
            let right = sobel(at(x + 1, y - 1), at(x + 1, y), at(x + 1, y + 1))
                - sobel(at(x - 1, y - 1), at(x - 1, y), at(x - 1, y + 1));
            let down = sobel(at(x - 1, y + 1), at(x, y + 1), at(x + 1, y + 1))
                - sobel(at(x - 1, y - 1), at(x, y - 1), at(x + 1, y - 1));
            (xx, xy, yy) = (xx + right * right, xy + right * down, yy + down * down);
        }
    }
    let steepest = 0.5 * (2.0 * xy).atan2(xx - yy);
    let strict = ((xx - yy).powi(2) + 4.0 * xy * xy).sqrt() / (xx + yy);
    ([-steepest.sin(), steepest.cos()], strict)
}

/// The autocorrelation at a distance of `[right, down]` pixels, interpolated between pixels.
fn correlation(layer: &Layer, [right, down]: [f64; 2]) -> f64 {
    let (left, top) = (right.floor(), down.floor());
    let (x_part, y_part) = (right - left, down - top);
    let whole = |x: f64, y: f64| covariance(layer, x as i64, y as i64);
    let upper = (1.0 - x_part) * whole(left, top) + x_part * whole(left + 1.0, top);
    let lower = (1.0 - x_part) * whole(left, top + 1.0) + x_part * whole(left + 1.0, top + 1.0);
    ((1.0 - y_part) * upper + y_part * lower) / covariance(layer, 0, 0)
}

fn covariance(layer: &Layer, right: i64, down: i64) -> f64 {
    let (width, height) = (layer.width as i64, layer.height as i64);
    let (mut product, mut first, mut second, mut count) = (0u64, 0u64, 0u64, 0u64);
    for y in 0.max(-down)..height.min(height - down) {
        for x in 0.max(-right)..width.min(width - right) {
            let a = u64::from(layer.samples[(y * width + x) as usize]);
            let b = u64::from(layer.samples[((y + down) * width + x + right) as usize]);
            (product, first, second, count) = (product + a * b, first + a, second + b, count + 1);
        }
    }
    let count = count as f64;
    product as f64 / count - first as f64 / count * (second as f64 / count)
}

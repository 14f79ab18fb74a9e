//! Minimal filtering along a line, F(4, 3): four results of windows of three from six products, where the windows have twelve
//! (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016, equations 5 to 9 and section 4.3).

use crate::kernels::element::Element;
use crate::kernels::tile::PANEL;

/// Results.
pub const RESULTS: usize = 4;

/// Inputs, and products.
pub const TERMS: usize = RESULTS + 2;

/// Numbers side by side, each of sums of its own.
pub type Lanes = [f32; PANEL];

/// Those that a slice has from `at` on.
///
/// # Panics
/// If there are fewer.
#[inline(always)]
pub fn lanes<E>(values: &[E], at: usize) -> &[E; PANEL] {
    values[at..].first_chunk().expect("whole panels")
}

/// Sums along a line.
///
/// What is done with many of them is written as loops over the lanes: those the compiler vectorises, while closures and the
/// functions of arrays are not inlined to where wider instructions are allowed.
pub trait Sums<const FROM: usize, const TO: usize> {
    fn of(values: [f32; FROM]) -> [f32; TO];

    /// Those of all lanes.
    #[inline(always)]
    fn of_lanes<E: Element>(from: [&[E; PANEL]; FROM]) -> [Lanes; TO] {
        let mut to = [[0.0; PANEL]; TO];
        for i in 0..PANEL {
            let mut values = [0.0; FROM];
            for (value, lanes) in values.iter_mut().zip(from) {
                *value = lanes[i].to_f32();
            }
            for (lanes, value) in to.iter_mut().zip(Self::of(values)) {
                lanes[i] = value;
            }
        }
        to
    }

    /// Down and then along the rows of a square.
    #[inline(always)]
    fn of_square(from: [[&Lanes; FROM]; FROM]) -> [[Lanes; TO]; TO] {
        let mut rows = [[[0.0; PANEL]; FROM]; TO];
        for x in 0..FROM {
            let mut column = [from[0][x]; FROM];
            for (lanes, row) in column.iter_mut().zip(&from) {
                *lanes = row[x];
            }
            for (row, value) in rows.iter_mut().zip(Self::of_lanes(column)) {
                row[x] = value;
            }
        }
        let mut to = [[[0.0; PANEL]; TO]; TO];
        for (to, row) in to.iter_mut().zip(&rows) {
            let mut from = [&row[0]; FROM];
            for (from, lanes) in from.iter_mut().zip(row) {
                *from = lanes;
            }
            *to = Self::of_lanes(from);
        }
        to
    }
}

/// The points are 0, ±[`NEAR`], ±[`FAR`] and ∞.
const NEAR: f32 = 2.0 / 3.0;

/// 1 / NEAR, so that the factors, differences of larger numbers, are as small as they can be: the error of bf16 is half that with
/// ±1 and ±2 (see Alam, Anderson, Barabasz and Gregg, "Winograd Convolution for Deep Neural Networks: Efficient Point Selection",
/// 2022).
const FAR: f32 = 1.5;

const NEAR_2: f32 = NEAR * NEAR;
const FAR_2: f32 = FAR * FAR;
const NEAR_3: f32 = NEAR_2 * NEAR;
const FAR_3: f32 = FAR_2 * FAR;

/// What the windows at the points are divided by.
const BY_NEAR: f32 = 0.5 / (NEAR_2 * (NEAR_2 - FAR_2));
const BY_FAR: f32 = 0.5 / (FAR_2 * (FAR_2 - NEAR_2));

/// Bᵀd of the inputs.
pub enum Inputs {}

impl Sums<TERMS, TERMS> for Inputs {
    #[inline(always)]
    fn of(d: [f32; TERMS]) -> [f32; TERMS] {
        const SUM: f32 = NEAR_2 + FAR_2;
        let (near_even, near_odd) = (d[4] - d[2] * FAR_2, (d[3] - d[1] * FAR_2) * NEAR);
        let (far_even, far_odd) = (d[4] - d[2] * NEAR_2, (d[3] - d[1] * NEAR_2) * FAR);
        [
            d[0] - d[2] * SUM + d[4],
            near_even + near_odd,
            near_even - near_odd,
            far_even + far_odd,
            far_even - far_odd,
            d[1] - d[3] * SUM + d[5],
        ]
    }
}

/// Gg of the window.
pub enum Window {}

impl Sums<3, TERMS> for Window {
    #[inline(always)]
    fn of(g: [f32; 3]) -> [f32; TERMS] {
        let (near_even, near_odd) = (g[0] * BY_NEAR + g[2] * (BY_NEAR * NEAR_2), g[1] * (BY_NEAR * NEAR));
        let (far_even, far_odd) = (g[0] * BY_FAR + g[2] * (BY_FAR * FAR_2), g[1] * (BY_FAR * FAR));
        [g[0], near_even + near_odd, near_even - near_odd, far_even + far_odd, far_even - far_odd, g[2]]
    }
}

/// Aᵀp of the products.
pub enum Results {}

impl Sums<TERMS, RESULTS> for Results {
    #[inline(always)]
    fn of(p: [f32; TERMS]) -> [f32; RESULTS] {
        let (near, far) = (p[1] + p[2], p[3] + p[4]);
        let (by_near, by_far) = (p[1] - p[2], p[3] - p[4]);
        [
            p[0] + near + far,
            by_near * NEAR + by_far * FAR,
            near * NEAR_2 + far * FAR_2,
            by_near * NEAR_3 + by_far * FAR_3 + p[5],
        ]
    }
}

/// Ay of the results' gradient: that of the products.
pub enum Gradients {}

impl Sums<RESULTS, TERMS> for Gradients {
    #[inline(always)]
    fn of(y: [f32; RESULTS]) -> [f32; TERMS] {
        let (near_even, near_odd) = (y[0] + y[2] * NEAR_2, y[1] * NEAR + y[3] * NEAR_3);
        let (far_even, far_odd) = (y[0] + y[2] * FAR_2, y[1] * FAR + y[3] * FAR_3);
        [y[0], near_even + near_odd, near_even - near_odd, far_even + far_odd, far_even - far_odd, y[3]]
    }
}

/// Gᵀu of a gradient at the terms: that of the window.
pub enum WindowGradient {}

impl Sums<TERMS, 3> for WindowGradient {
    #[inline(always)]
    fn of(u: [f32; TERMS]) -> [f32; 3] {
        let (near, far) = ((u[1] + u[2]) * BY_NEAR, (u[3] + u[4]) * BY_FAR);
        let (by_near, by_far) = ((u[1] - u[2]) * (BY_NEAR * NEAR), (u[3] - u[4]) * (BY_FAR * FAR));
        [u[0] + near + far, by_near + by_far, near * NEAR_2 + far * FAR_2 + u[5]]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::test_value as value;
    use std::array;

    /// Against the window at each place, and each gradient against what it is the transpose of.
    #[test]
    fn fewer_products_give_the_same() {
        let d: [f32; TERMS] = array::from_fn(value);
        let g = [0.5, -0.75, 0.25];
        let product = |a: [f32; TERMS], b: [f32; TERMS]| array::from_fn(|i| a[i] * b[i]);
        let terms = Inputs::of(d);
        let ours = Results::of(product(terms, Window::of(g)));
        for (i, result) in ours.iter().enumerate() {
            let plain: f32 = (0..3).map(|k| d[i + k] * g[k]).sum();
            assert!((result - plain).abs() < 1e-5, "{result} {plain}");
        }
        // y · Aᵀ(V ⊙ Gg) = Gᵀ(V ⊙ Ay) · g.
        let y: [f32; RESULTS] = array::from_fn(|i| value(i + 9));
        let forward: f32 = y.iter().zip(ours).map(|(a, b)| a * b).sum();
        let gradient = WindowGradient::of(product(terms, Gradients::of(y)));
        let backward: f32 = gradient.iter().zip(g).map(|(a, b)| a * b).sum();
        assert!((forward - backward).abs() < 1e-5, "{forward} {backward}");
    }
}

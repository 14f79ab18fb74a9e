//! Minimal filtering along a line, F(m, 3): m results of windows of three from m + 2 products, where the windows have 3·m
//! (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016, equations 5 to 9 and section 4.3).

use std::ops::{Add, Mul, Sub};

use crate::kernels::element::Element;

/// The most inputs of a form.
pub const TERMS: usize = 6;

/// The most results of a form.
pub const RESULTS: usize = TERMS - 2;

/// A number, or several side by side.
pub trait Value: Copy + Default + Add<Output = Self> + Sub<Output = Self> + Mul<f32, Output = Self> {
    /// The first numbers of a slice.
    fn read<E: Element>(from: &[E]) -> Self;
    /// To the first places of a slice, rounded.
    fn write<E: Element>(self, to: &mut [E]);
}

impl Value for f32 {
    #[inline(always)]
    fn read<E: Element>(from: &[E]) -> Self {
        from[0].to_f32()
    }

    #[inline(always)]
    fn write<E: Element>(self, to: &mut [E]) {
        to[0] = E::from_f32(self);
    }
}

/// As many numbers as the compiler keeps in registers beside those of the other terms. All that is done to them is written as
/// loops: closures and the functions of arrays are not inlined to where wider instructions are allowed.
#[derive(Clone, Copy, Default)]
pub struct Lanes([f32; Self::WIDTH]);

impl Lanes {
    /// Numbers side by side.
    pub const WIDTH: usize = 8;
}

impl Value for Lanes {
    #[inline(always)]
    fn read<E: Element>(from: &[E]) -> Self {
        let mut lanes = Self::default();
        for (lane, value) in lanes.0.iter_mut().zip(&from[..Self::WIDTH]) {
            *lane = value.to_f32();
        }
        lanes
    }

    #[inline(always)]
    fn write<E: Element>(self, to: &mut [E]) {
        let to = &mut to[..Self::WIDTH];
        for (to, value) in to.iter_mut().zip(self.0) {
            *to = E::from_f32(value);
        }
    }
}

impl Add for Lanes {
    type Output = Self;

    #[inline(always)]
    fn add(mut self, other: Self) -> Self {
        for (lane, other) in self.0.iter_mut().zip(other.0) {
            *lane += other;
        }
        self
    }
}

impl Sub for Lanes {
    type Output = Self;

    #[inline(always)]
    fn sub(mut self, other: Self) -> Self {
        for (lane, other) in self.0.iter_mut().zip(other.0) {
            *lane -= other;
        }
        self
    }
}

impl Mul<f32> for Lanes {
    type Output = Self;

    #[inline(always)]
    fn mul(mut self, factor: f32) -> Self {
        for lane in &mut self.0 {
            *lane *= factor;
        }
        self
    }
}

/// A form F(m, 3). What it has fewer of than an array holds comes first; the rest is not read, and written as zeros.
pub trait Form {
    /// Results m.
    const RESULTS: usize;
    /// Inputs, and products.
    const TERMS: usize = Self::RESULTS + 2;

    /// Bᵀd of the inputs.
    fn inputs<V: Value>(d: [V; TERMS]) -> [V; TERMS];
    /// Gg of the window.
    fn window<V: Value>(g: [V; 3]) -> [V; TERMS];
    /// Aᵀp of the products.
    fn results<V: Value>(p: [V; TERMS]) -> [V; RESULTS];
    /// Ay of the results' gradient: that of the products.
    fn gradients<V: Value>(y: [V; TERMS]) -> [V; TERMS];
    /// Gᵀu of a gradient at the terms: that of the window.
    fn window_gradient<V: Value>(u: [V; TERMS]) -> [V; 3];
}

/// Which of a form's sums are taken.
pub trait Spread {
    fn spread<F: Form, V: Value>(values: [V; TERMS]) -> [V; TERMS];
}

/// [`Form::inputs`].
pub enum Inputs {}

impl Spread for Inputs {
    #[inline(always)]
    fn spread<F: Form, V: Value>(values: [V; TERMS]) -> [V; TERMS] {
        F::inputs(values)
    }
}

/// [`Form::gradients`].
pub enum Gradients {}

impl Spread for Gradients {
    #[inline(always)]
    fn spread<F: Form, V: Value>(values: [V; TERMS]) -> [V; TERMS] {
        F::gradients(values)
    }
}

/// F(2, 3): its factors are sums of two or three numbers, so bf16 holds them nearly as well as the numbers themselves.
pub enum Two {}

impl Form for Two {
    const RESULTS: usize = 2;

    #[inline(always)]
    fn inputs<V: Value>([p, q, r, s, ..]: [V; TERMS]) -> [V; TERMS] {
        let zero = V::default();
        [p - r, q + r, r - q, q - s, zero, zero]
    }

    #[inline(always)]
    fn window<V: Value>(g: [V; 3]) -> [V; TERMS] {
        let (ends, zero) = (g[0] + g[2], V::default());
        [g[0], (ends + g[1]) * 0.5, (ends - g[1]) * 0.5, g[2], zero, zero]
    }

    #[inline(always)]
    fn results<V: Value>(p: [V; TERMS]) -> [V; RESULTS] {
        let zero = V::default();
        [p[0] + p[1] + p[2], p[1] - p[2] - p[3], zero, zero]
    }

    #[inline(always)]
    fn gradients<V: Value>([p, q, ..]: [V; TERMS]) -> [V; TERMS] {
        let zero = V::default();
        [p, p + q, p - q, zero - q, zero, zero]
    }

    #[inline(always)]
    fn window_gradient<V: Value>(u: [V; TERMS]) -> [V; 3] {
        let middle = (u[1] + u[2]) * 0.5;
        [u[0] + middle, (u[1] - u[2]) * 0.5, middle + u[3]]
    }
}

/// F(4, 3): a quarter of the products in place of four ninths. Its factors are differences of much larger numbers, which f32 bears.
pub enum Four {}

impl Form for Four {
    const RESULTS: usize = 4;

    #[inline(always)]
    fn inputs<V: Value>(d: [V; TERMS]) -> [V; TERMS] {
        let (even, odd) = (d[4] - d[2] * 4.0, d[3] - d[1] * 4.0);
        let (outer, inner) = (d[4] - d[2], (d[3] - d[1]) * 2.0);
        [
            d[0] * 4.0 - d[2] * 5.0 + d[4],
            even + odd,
            even - odd,
            outer + inner,
            outer - inner,
            d[1] * 4.0 - d[3] * 5.0 + d[5],
        ]
    }

    #[inline(always)]
    fn window<V: Value>(g: [V; 3]) -> [V; TERMS] {
        let near = (g[0] + g[2]) * (-1.0 / 6.0);
        let far = g[0] * (1.0 / 24.0) + g[2] * (1.0 / 6.0);
        let (by_one, by_two) = (g[1] * (1.0 / 6.0), g[1] * (1.0 / 12.0));
        [g[0] * 0.25, near - by_one, near + by_one, far + by_two, far - by_two, g[2]]
    }

    #[inline(always)]
    fn results<V: Value>(p: [V; TERMS]) -> [V; RESULTS] {
        let (near, far) = (p[1] + p[2], p[3] + p[4]);
        let (by_one, by_two) = (p[1] - p[2], p[3] - p[4]);
        [p[0] + near + far, by_one + by_two * 2.0, near + far * 4.0, by_one + by_two * 8.0 + p[5]]
    }

    #[inline(always)]
    fn gradients<V: Value>(y: [V; TERMS]) -> [V; TERMS] {
        let (near_even, near_odd) = (y[0] + y[2], y[1] + y[3]);
        let (far_even, far_odd) = (y[0] + y[2] * 4.0, y[1] * 2.0 + y[3] * 8.0);
        [y[0], near_even + near_odd, near_even - near_odd, far_even + far_odd, far_even - far_odd, y[3]]
    }

    #[inline(always)]
    fn window_gradient<V: Value>(u: [V; TERMS]) -> [V; 3] {
        let (near, far) = ((u[1] + u[2]) * (-1.0 / 6.0), (u[3] + u[4]) * (1.0 / 24.0));
        let (by_one, by_two) = ((u[2] - u[1]) * (1.0 / 6.0), (u[3] - u[4]) * (1.0 / 12.0));
        [u[0] * 0.25 + near + far, by_one + by_two, near + far * 4.0 + u[5]]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::test_value as value;
    use std::array;

    /// Against the windows themselves, and each gradient against what it is the transpose of.
    fn check<F: Form>() {
        let inputs: [f32; TERMS] = array::from_fn(|i| if i < F::TERMS { value(i) } else { f32::NAN });
        let window = [0.5, -0.75, 0.25];
        let product = |a: [f32; TERMS], b: [f32; TERMS]| array::from_fn(|i| a[i] * b[i]);
        let terms = F::inputs(inputs);
        let results = F::results(product(terms, F::window(window)));
        for (i, result) in results[..F::RESULTS].iter().enumerate() {
            let plain: f32 = (0..3).map(|k| inputs[i + k] * window[k]).sum();
            assert!((result - plain).abs() < 1e-5, "{result} {plain}");
        }
        // y · Aᵀ(V ⊙ Gg) = Gᵀ(V ⊙ Ay) · g.
        let y: [f32; TERMS] = array::from_fn(|i| if i < F::RESULTS { value(i + 9) } else { f32::NAN });
        let forward: f32 = (0..F::RESULTS).map(|i| y[i] * results[i]).sum();
        let gradient = F::window_gradient(product(terms, F::gradients(y)));
        let backward: f32 = gradient.iter().zip(window).map(|(a, b)| a * b).sum();
        assert!((forward - backward).abs() < 1e-5, "{forward} {backward}");
    }

    #[test]
    fn fewer_products_give_the_same() {
        check::<Two>();
        check::<Four>();
    }
}

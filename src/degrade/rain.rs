//! Procedural rain.

use rand::{Rng, RngExt};
use rand_distr::{Distribution, Exp1, Poisson, StandardNormal};

use super::Layer;

/// The style of a layer of rain streaks; lengths in pixels, brightness on the 0..255 scale.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Rain {
    /// Mean brightness over all pixels: how much rain there is.
    pub amount: f32,
    /// Main direction, in degrees from the vertical, −60..=60; positive leans to the right going down.
    pub angle: f32,
    /// Standard deviation of a streak's direction from the main one, in degrees.
    pub spread: f32,
    /// Median length.
    pub length: f32,
    /// Median width at half brightness.
    pub width: f32,
    /// Mean brightness of a streak in its middle.
    pub brightness: f32,
    /// Mean number of further streaks near and along each one.
    pub company: f32,
}

/// No streak is longer than this many times the median.
const LONGEST: f32 = 3.0;

/// The usual length of a bead, the brighter parts that streaks consist of, in pixels.
const BEAD: f32 = 6.0;

/// Brightness is summed in whole parts of this fraction, which cannot overflow unnoticed.
const PART: f32 = 1.0 / 128.0;

impl Rain {
    /// A style like those of recorded light rain, and somewhat beyond.
    ///
    /// The ranges were chosen so that layers measure like the 20 recorded ones of the light-rain set
    /// Rain100L that we have (least – median – greatest; a test holds them to it):
    ///
    /// | | recorded | procedural |
    /// |---|---|---|
    /// | pixels brighter than 8 of 255 | 6.7 – 19.2 – 32.4 % | 6.0 – 15.2 – 37.3 % |
    /// | their mean brightness | 19.7 – 24.5 – 31.7 | 19.8 – 24.6 – 35.8 |
    /// | mean brightness of all pixels | 1.7 – 5.4 – 9.5 | 1.7 – 4.6 – 10.6 |
    /// | of those brighter than 8, brighter than 64 | 1.2 – 3.4 – 12.2 % | 0.7 – 4.5 – 15.3 % |
    /// | main direction from the vertical | 0 – 9 – 27° | 0 – 12 – 33° |
    /// | strictness of it (1: all gradients across it) | 0.87 – 0.90 – 0.97 | 0.82 – 0.95 – 0.97 |
    /// | autocorrelation falls to 0.2 along it after | 16 – 44 – 62 px | 15 – 36 – 72 px |
    /// | autocorrelation falls to 0.5 across it after | 0.9 – 1.4 – 1.5 px | 0.9 – 1.3 – 1.8 px |
    pub fn random(rng: &mut impl Rng) -> Rain {
        let mut log_uniform = |low: f32, high: f32| low * (high / low).powf(rng.random());
        let (amount, length) = (log_uniform(1.6, 11.0), log_uniform(14.0, 75.0));
        let (width, brightness) = (log_uniform(1.5, 2.4), log_uniform(15.0, 36.0));
        let (spread, company) = (log_uniform(0.3, 2.0), log_uniform(0.2, 1.5));
        let angle = rng.random_range(-22.0..=22.0) + rng.random_range(-22.0..=22.0);
        Rain { amount, angle, spread, length, width, brightness, company }
    }

    /// A layer of `width` × `height` pixels of this rain. Takes time in proportion to its pixels and
    /// those of a frame around it as wide as streaks are long.
    pub fn layer(&self, width: usize, height: usize, rng: &mut impl Rng) -> Layer {
        let mut canvas = Canvas { width, height, parts: vec![0; width * height] };
        // Streaks may lie partly outside, or be in company of one outside. Farther out than half the
        // longest and as much again for the way to the company, none matters.
        let reach = self.length * LONGEST;
        let (sin, cos) = self.angle.to_radians().sin_cos();
        let frame = [reach * sin.abs() + 4.0 * self.width, reach * cos + 4.0 * self.width];
        let (wide, high) = (width as f32 + 2.0 * frame[0], height as f32 + 2.0 * frame[1]);
        let ink = self.brightness * self.length * self.width * MEAN_INK;
        let expected = self.amount * wide * high / (ink * (1.0 + self.company));
        let drops = poisson(expected, rng);
        for _ in 0..drops {
            let centre = [rng.random::<f32>() * wide - frame[0], rng.random::<f32>() * high - frame[1]];
            canvas.draw(&self.streak(centre, rng));
            for _ in 0..poisson(self.company, rng) {
                let [aside, along]: [f32; 2] = [rng.sample(StandardNormal), rng.sample(StandardNormal)];
                let (aside, along) = (aside * 2.5 * self.width, along * self.length);
                let near = [centre[0] + aside * cos + along * sin, centre[1] - aside * sin + along * cos];
                canvas.draw(&self.streak(near, rng));
            }
        }
        let samples =
            canvas.parts.iter().map(|&parts| (f32::from(parts) * PART + 0.5).min(255.0) as u8).collect();
        Layer { width, height, samples }
    }

    fn streak(&self, centre: [f32; 2], rng: &mut impl Rng) -> Streak {
        let mut normal = || -> f32 { rng.sample(StandardNormal) };
        let angle = self.angle + self.spread * normal();
        let length = self.length * (0.9 * normal()).exp().min(LONGEST);
        let width = self.width * (0.3 * normal()).exp();
        let (sin, cos) = angle.to_radians().sin_cos();
        let bright: f32 = rng.sample(Exp1);
        let ends = rng.random_range(0.8..=2.2);
        let beads = [length / (2.0 * BEAD * rng.random_range(0.7..=2.0)), rng.random::<f32>() + 64.0];
        let depth = rng.random_range(0.0..=0.8);
        Streak {
            centre,
            sin,
            cos,
            half: length / 2.0,
            radius: width / 1.082,
            bright: self.brightness * bright,
            ends,
            beads,
            depth,
        }
    }
}

/// The brightness of an average streak's pixels, summed, in units of brightness · length · width.
const MEAN_INK: f32 = 0.87;

fn poisson(mean: f32, rng: &mut impl Rng) -> usize {
    // Only a mean of 0 has no distribution.
    Poisson::new(f64::from(mean)).map_or(0, |distribution| distribution.sample(rng) as usize)
}

/// A streak: brightest along its middle line, fading to its sides and ends.
struct Streak {
    /// Column and row of its middle.
    centre: [f32; 2],
    sin: f32,
    cos: f32,
    /// Half of its length.
    half: f32,
    /// Where it has faded to nothing, from its middle line.
    radius: f32,
    /// Brightness of its middle.
    bright: f32,
    /// How abrupt its ends are: 1 fades all along, 4 only near the ends.
    ends: f32,
    /// Beads in half its length, and where among them its middle is (positive, so that all are).
    beads: [f32; 2],
    /// How much darker it is between beads: 0 not at all, 1 at most to black.
    depth: f32,
}

struct Canvas {
    width: usize,
    height: usize,
    parts: Vec<u16>,
}

impl Canvas {
    fn draw(&mut self, streak: &Streak) {
        let &Streak { centre: [x, y], sin, cos, half, radius, bright, ends, beads, depth } = streak;
        let reach = half * cos + radius * sin.abs();
        let rows = clip(y - reach, y + reach, self.height);
        for row in rows {
            let below = row as f32 - y;
            // The streak's middle line crosses this row at `middle`.
            let middle = x + below * sin / cos;
            let columns = clip(middle - radius / cos, middle + radius / cos, self.width);
            let line = &mut self.parts[row * self.width..][..self.width];
            for column in columns {
                let right = column as f32 - x;
                let (along, aside) =
                    ((below * cos + right * sin) / half, (right * cos - below * sin) / radius);
                let fade = (1.0 - aside * aside).max(0.0);
                let taper = (ends * (1.0 - along * along)).clamp(0.0, 1.0);
                // Two waves whose lengths have no common multiple, lest it look like a dashed line.
                let bead = along * beads[0] + beads[1];
                let bead = 1.0 - depth * (wave(bead) + wave(0.618 * bead));
                let parts = (bright / PART * fade * fade * taper * bead) as u16;
                line[column] = line[column].saturating_add(parts);
            }
        }
    }
}

/// 0 in the middle between whole numbers, 1/2 at them; for positive positions.
fn wave(position: f32) -> f32 {
    let phase = 2.0 * (position - position as i32 as f32) - 1.0;
    0.5 * phase * phase
}

/// The whole positions from `start` to `end` that are in 0..`side`.
fn clip(start: f32, end: f32, side: usize) -> std::ops::Range<usize> {
    // Conversion from a float saturates: negative becomes 0.
    let (start, end) = (start.ceil() as usize, (end.floor() + 1.0) as usize);
    start..end.min(side).max(start)
}

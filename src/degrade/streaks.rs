//! Rain from recorded streak layers.

use std::path::Path;

use rand::{Rng, RngExt};

use super::Layer;
use crate::error::{AtPath, Error, Result};
use crate::picture::{Format, decode};

/// Streak layers (rainy − clean) to draw rain from.
#[derive(Debug, Clone)]
pub struct StreakSet {
    layers: Vec<Layer>,
    digest: blake3::Hash,
}

impl StreakSet {
    /// The layers of all picture files in `folder`, in the order of their names.
    ///
    /// # Errors
    /// When the folder holds no picture, or one that cannot be read or is not grey.
    pub fn load(folder: impl AsRef<Path>) -> Result<StreakSet> {
        let folder = folder.as_ref();
        let mut paths = Vec::new();
        for entry in std::fs::read_dir(folder).at(folder)? {
            let path = entry.at(folder)?.path();
            if Format::from_extension(&path).is_some() {
                paths.push(path);
            }
        }
        // The order of a folder is the file system's; the drawn layer must not depend on it.
        paths.sort();
        if paths.is_empty() {
            return Err(Error::Usage("no streak layers (pictures) in the folder".into()).at(folder));
        }
        Self::new(paths.iter().map(|path| read(path).at(path)).collect::<Result<_>>()?)
    }

    /// A set of these layers.
    ///
    /// # Errors
    /// When there are none, or one is empty.
    pub fn new(layers: Vec<Layer>) -> Result<StreakSet> {
        let sound =
            |layer: &Layer| !layer.samples.is_empty() && layer.samples.len() == layer.width * layer.height;
        if layers.is_empty() || !layers.iter().all(sound) {
            return Err(Error::Usage("a set of streak layers needs layers with pixels".into()));
        }
        let mut hasher = blake3::Hasher::new();
        for layer in &layers {
            for side in [layer.width, layer.height] {
                hasher.update(&(side as u64).to_le_bytes());
            }
            hasher.update(&layer.samples);
        }
        Ok(StreakSet { layers, digest: hasher.finalize() })
    }

    /// BLAKE3 of the layers in their order: of each its width and height, 64 bits from the lowest byte
    /// on, and its samples.
    pub fn digest(&self) -> blake3::Hash {
        self.digest
    }

    /// How many layers there are.
    pub fn len(&self) -> usize {
        self.layers.len()
    }

    /// Never: an empty set cannot be made.
    pub fn is_empty(&self) -> bool {
        self.layers.is_empty()
    }

    /// `width` × `height` pixels of one of the layers: from a random place, perhaps flipped, 0.7 to
    /// 1.4 times as large, turned by up to 8° and 0.7 to 1.3 times as bright. Where the layer ends it
    /// begins again.
    pub fn layer(&self, width: usize, height: usize, rng: &mut impl Rng) -> Layer {
        let source = &self.layers[rng.random_range(0..self.layers.len())];
        let zoom = 0.7 * 2f32.powf(rng.random());
        let (sin, cos) = rng.random_range(-8f32..=8.0).to_radians().sin_cos();
        let flip = if rng.random() { 1.0 } else { -1.0 };
        let start = [rng.random::<f32>() * source.width as f32, rng.random::<f32>() * source.height as f32];
        let strength = rng.random_range(0.7..=1.3f32);
        // Steps in the layer for one pixel to the right; one pixel down is that turned by 90°.
        let (across, down) = ([cos / zoom * flip, sin / zoom], [-sin / zoom * flip, cos / zoom]);
        let mut samples = Vec::with_capacity(width * height);
        for y in 0..height {
            let row = [start[0] + y as f32 * down[0], start[1] + y as f32 * down[1]];
            for x in 0..width {
                let at = [row[0] + x as f32 * across[0], row[1] + x as f32 * across[1]];
                samples.push((strength * bilinear(source, at) + 0.5) as u8);
            }
        }
        Layer { width, height, samples }
    }
}

/// The layer's brightness between pixels, beyond its border as if it lay there again.
fn bilinear(layer: &Layer, [x, y]: [f32; 2]) -> f32 {
    let (left, top) = (x.floor(), y.floor());
    let (right_part, lower_part) = (x - left, y - top);
    let wrap = |position: f32, side: usize| (position as i64).rem_euclid(side as i64) as usize;
    let (x0, y0) = (wrap(left, layer.width), wrap(top, layer.height));
    let x1 = if x0 + 1 == layer.width { 0 } else { x0 + 1 };
    let y1 = if y0 + 1 == layer.height { 0 } else { y0 + 1 };
    let at = |x: usize, y: usize| f32::from(layer.samples[y * layer.width + x]);
    let upper = at(x0, y0) + right_part * (at(x1, y0) - at(x0, y0));
    let lower = at(x0, y1) + right_part * (at(x1, y1) - at(x0, y1));
    upper + lower_part * (lower - upper)
}

fn read(path: &Path) -> Result<Layer> {
    let picture = decode(&std::fs::read(path)?)?.picture;
    let rgb = picture.to_rgb8();
    let (pixels, _) = rgb.as_rgb8().unwrap_or_default().as_chunks::<3>();
    if pixels.iter().any(|&[red, green, blue]| red != green || green != blue) {
        return Err(Error::Picture("a streak layer is grey, but this picture has colours".into()));
    }
    let samples = pixels.iter().map(|pixel| pixel[0]).collect();
    Ok(Layer { width: picture.width(), height: picture.height(), samples })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_of_sizes_samples_and_order() {
        let layer = |width: usize, samples: &[u8]| Layer {
            width,
            height: samples.len() / width,
            samples: samples.to_vec(),
        };
        let digest = |layers: &[Layer]| StreakSet::new(layers.to_vec()).unwrap().digest();
        let (a, b) = (layer(2, &[1, 2, 3, 4]), layer(2, &[1, 2]));
        let all = [
            digest(&[a.clone(), b.clone()]),
            digest(&[b, a.clone()]),
            digest(std::slice::from_ref(&a)),
            digest(&[layer(1, &a.samples)]),
            digest(&[layer(2, &[1, 2, 3, 5])]),
        ];
        assert!((0..all.len()).all(|i| !all[..i].contains(&all[i])));
        assert_eq!(digest(std::slice::from_ref(&a)), all[2]);
    }
}

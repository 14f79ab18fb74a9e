//! A picture of any size as overlapping tiles, and back without seams.
//!
//! Tiles that overlap are blended: near its border a tile knows only one side of a pixel's
//! neighbourhood, so it counts less there. Work goes in bands of tiles from the top, so that
//! memory grows with the picture's width and not with its area.

use crate::error::Result;

/// Colours of a picture that [`restore`] reads and writes, interleaved RGB on the 0..255 scale.
pub trait Canvas {
    /// Copies `width` pixels of row `y` from column `x` on into `row`, 3 values a pixel.
    fn read(&self, x: usize, y: usize, width: usize, row: &mut [f32]);
    /// Takes the finished row `y` of the restored picture, 3 values a pixel.
    fn write(&mut self, y: usize, row: &[f32]);
}

/// How a picture is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tiling {
    /// The shortest side of a tile in input pixels.
    pub least: usize,
    /// The longest.
    pub most: usize,
    /// Sides are multiples of this.
    pub unit: usize,
    /// Pixels that neighbouring tiles share, at least.
    pub overlap: usize,
    /// How tiles that overlap become one picture.
    pub blend: Blend,
}

/// How tiles that overlap become one picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blend {
    /// The mean in which a tile counts less towards a border that a neighbour covers too.
    Ramp,
    /// The mean of the tiles' middles, half a tile wide, as the published code has it. It takes the
    /// last half tile of the picture from the last tile alone, what no middle reaches from the first,
    /// and the picture's upper left corner for a whole tile's width.
    Middle,
}

impl Tiling {
    /// The paper's: tiles of `tile` pixels that share ten.
    pub const fn paper(tile: usize) -> Self {
        Self { least: tile, most: tile, unit: tile, overlap: 10, blend: Blend::Ramp }
    }

    /// The published code's: a tile every quarter of a tile.
    pub const fn published(tile: usize) -> Self {
        Self { overlap: tile - tile / 4, blend: Blend::Middle, ..Self::paper(tile) }
    }

    /// Width and height of the tiles of a picture of this size: as few tiles as there can be, and no larger than that needs.
    pub fn sides(self, (width, height): (usize, usize)) -> (usize, usize) {
        (self.side(width), self.side(height))
    }

    fn side(self, length: usize) -> usize {
        let count = length.saturating_sub(self.overlap).div_ceil(self.most - self.overlap).max(1);
        let side = (length + (count - 1) * self.overlap).div_ceil(count);
        side.next_multiple_of(self.unit).clamp(self.least, self.most)
    }
}

/// Restores `width` × `height` pixels of `canvas` tile by tile.
///
/// `model` takes any number of tiles up to `batch`, of the size that [`Tiling::sides`] tells and 3 values a pixel, and
/// gives as many that are `scale` times as wide and high. A picture smaller than a tile is continued by its mirror image.
///
/// # Errors
/// What `model` gives.
pub fn restore<C: Canvas>(
    canvas: &mut C,
    (width, height): (usize, usize),
    scale: usize,
    tiling: Tiling,
    batch: usize,
    mut model: impl FnMut(Vec<f32>, usize) -> Result<Vec<f32>>,
) -> Result<()> {
    let columns = Axis::new(width, tiling);
    let rows = Axis::new(height, tiling);
    let tile_values = columns.side * rows.side * 3;
    let mut band = Band::new(width * scale, rows.side * scale);
    // Gives away row r of tiles; what the next one reaches is not finished.
    let finish = |band: &mut Band, canvas: &mut C, r: usize| {
        let (top, next) = (rows.starts[r], rows.starts.get(r + 1).copied().unwrap_or(height));
        band.finish((next.min(height) - top) * scale, top * scale, |y, row| canvas.write(y, row));
    };
    let places: Vec<_> =
        (0..rows.starts.len()).flat_map(|r| (0..columns.starts.len()).map(move |c| (r, c))).collect();
    let mut current = 0;
    for batch in places.chunks(batch) {
        let mut tiles = Vec::with_capacity(batch.len() * tile_values);
        for &(r, c) in batch {
            let corner = (columns.starts[c], rows.starts[r]);
            read_tile(canvas, (width, height), corner, (columns.side, rows.side), &mut tiles);
        }
        let restored = model(tiles, batch.len())?;
        for (tile, &(r, c)) in restored.chunks_exact(tile_values * scale * scale).zip(batch) {
            if current < r {
                finish(&mut band, canvas, current);
                current = r;
            }
            let vertical = rows.weights(r, scale, rows.side / 4);
            let horizontal = columns.weights(c, scale, columns.side / 4);
            let corner = match tiling.blend {
                Blend::Middle if r == 0 => rows.side / 4 * scale,
                _ => 0,
            };
            let left = columns.starts[c] * scale;
            let (upper, lower) = tile.split_at(corner * columns.side * scale * 3);
            if !upper.is_empty() {
                let horizontal = columns.weights(c, scale, columns.side);
                band.add(upper, (left, 0), &horizontal, &vertical[..corner]);
            }
            band.add(lower, (left, corner), &horizontal, &vertical[corner..]);
        }
    }
    finish(&mut band, canvas, current);
    Ok(())
}

/// How many tiles a picture of this size is cut into.
pub fn count((width, height): (usize, usize), tiling: Tiling) -> usize {
    Axis::new(width, tiling).starts.len() * Axis::new(height, tiling).starts.len()
}

/// Appends the tile at (left, top); beyond the picture it mirrors.
fn read_tile(
    canvas: &impl Canvas,
    (width, height): (usize, usize),
    (left, top): (usize, usize),
    (across, down): (usize, usize),
    tiles: &mut Vec<f32>,
) {
    let inside = across.min(width - left);
    for y in top..top + down {
        let start = tiles.len();
        tiles.resize(start + across * 3, 0.0);
        let row = &mut tiles[start..];
        canvas.read(left, mirror(y, height), inside, &mut row[..inside * 3]);
        for x in inside..across {
            let from = mirror(x, inside) * 3;
            row.copy_within(from..from + 3, x * 3);
        }
    }
}

/// Where `position` lies in a line of `length` that goes on as its mirror image.
fn mirror(position: usize, length: usize) -> usize {
    let folded = position % (2 * length);
    folded.min(2 * length - 1 - folded)
}

/// Tile positions along one side of the picture.
struct Axis {
    side: usize,
    starts: Vec<usize>,
    tiling: Tiling,
}

impl Axis {
    fn new(length: usize, tiling: Tiling) -> Self {
        let side = tiling.side(length);
        let last = length.saturating_sub(side);
        // The last tile ends with the picture: it overlaps more rather than reach outside.
        let starts = (0..last).step_by(side - tiling.overlap).chain([last]).collect();
        Self { side, starts, tiling }
    }

    /// How much each output pixel along tile `index` counts; of middles, the first `lead` input
    /// pixels are the first tile's.
    fn weights(&self, index: usize, scale: usize, lead: usize) -> Vec<f32> {
        match self.tiling.blend {
            Blend::Ramp => self.ramp(index, scale),
            Blend::Middle => self.middle(index, scale, lead),
        }
    }

    /// 1 where the tile takes part in the mean, else 0.
    fn middle(&self, index: usize, scale: usize, lead: usize) -> Vec<f32> {
        let (tile, overlap) = (self.side, self.tiling.overlap);
        let (step, margin) = (tile - overlap, tile / 4 * scale);
        let last = self.starts.len() - 1;
        // The last tile is in the row of the others if it is a whole number of steps from the first.
        let rest = self.starts[last] % step;
        let in_row = index < last || rest == 0;
        // Where the last half tile begins, between the end of the row and the end of the picture.
        let seam = (self.starts[last] + tile - rest) * scale - (tile - rest) * scale / 2;
        let counts = |i: usize| match self.starts[index] * scale + i {
            at if at >= seam => index == last,
            at if at < lead * scale => index == 0,
            _ => in_row && (margin..tile * scale - margin).contains(&i),
        };
        (0..tile * scale).map(|i| if counts(i) { 1.0 } else { 0.0 }).collect()
    }

    /// Rising from the border that a neighbour covers too.
    fn ramp(&self, index: usize, scale: usize) -> Vec<f32> {
        let overlap = self.tiling.overlap;
        let (side, overlap) = (self.side * scale, (overlap * scale) as f32);
        let rise = |distance: usize, covered: bool| match covered {
            true => ((distance as f32 + 0.5) / overlap).min(1.0),
            false => 1.0,
        };
        let (before, after) = (index > 0, index + 1 < self.starts.len());
        (0..side).map(|i| rise(i, before) * rise(side - 1 - i, after)).collect()
    }
}

/// The rows that are being summed: weighted colours, and the weights.
struct Band {
    width: usize,
    colours: Vec<f32>,
    weights: Vec<f32>,
}

impl Band {
    fn new(width: usize, rows: usize) -> Self {
        Self { width, colours: vec![0.0; width * rows * 3], weights: vec![0.0; width * rows] }
    }

    /// Adds a tile, or some rows of one, of which the first is row `top` of the band.
    fn add(&mut self, tile: &[f32], (left, top): (usize, usize), horizontal: &[f32], vertical: &[f32]) {
        // A tile of a picture smaller than itself reaches beyond the right border.
        let inside = horizontal.len().min(self.width - left);
        for (y, (row, &down)) in tile.chunks_exact(horizontal.len() * 3).zip(vertical).enumerate() {
            let at = (top + y) * self.width + left;
            let colours = self.colours[at * 3..][..inside * 3].chunks_exact_mut(3);
            let weights = self.weights[at..][..inside].iter_mut();
            for (((pixel, colour), sum), &across) in
                row.chunks_exact(3).zip(colours).zip(weights).zip(horizontal)
            {
                let weight = across * down;
                *sum += weight;
                colour.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += weight * value);
            }
        }
    }

    /// Gives away the first `rows` rows, of which the first is row `top` of the picture, and moves
    /// the others up.
    fn finish(&mut self, rows: usize, top: usize, mut write: impl FnMut(usize, &[f32])) {
        let width = self.width;
        for y in 0..rows {
            let row = &mut self.colours[y * width * 3..][..width * 3];
            for (colour, weight) in row.chunks_exact_mut(3).zip(&self.weights[y * width..][..width]) {
                colour.iter_mut().for_each(|value| *value /= weight);
            }
            write(top + y, row);
        }
        shift(&mut self.colours, rows * width * 3);
        shift(&mut self.weights, rows * width);
    }
}

/// Drops the first `count` values and fills up with zeros.
fn shift(values: &mut [f32], count: usize) {
    values.copy_within(count.., 0);
    let end = values.len() - count;
    values[end..].fill(0.0);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One row of values repeated over three channels.
    struct Grid {
        width: usize,
        input: Vec<f32>,
        output: Vec<Vec<f32>>,
    }

    impl Canvas for Grid {
        fn read(&self, x: usize, y: usize, width: usize, row: &mut [f32]) {
            row.copy_from_slice(&self.input[(y * self.width + x) * 3..][..width * 3]);
        }

        fn write(&mut self, y: usize, row: &[f32]) {
            assert_eq!(y, self.output.len(), "rows come in order");
            self.output.push(row.to_vec());
        }
    }

    fn grid(width: usize, height: usize) -> Grid {
        let input = (0..width * height * 3).map(|i| (i * 7919 % 256) as f32).collect();
        Grid { width, input, output: Vec::new() }
    }

    const TILING: Tiling = Tiling::paper(48);
    const PUBLISHED: Tiling = Tiling::published(48);
    const LARGE: Tiling = Tiling { most: 96, unit: 8, ..TILING };

    /// Mean over a (2·radius + 1)² window with zeros outside, as a convolution pads.
    fn blur(picture: &[f32], width: usize, height: usize, radius: usize) -> Vec<f32> {
        let mut out = vec![0.0; picture.len()];
        for y in 0..height {
            for x in 0..width {
                for c in 0..3 {
                    let mut sum = 0.0;
                    for v in y.saturating_sub(radius)..(y + radius + 1).min(height) {
                        for u in x.saturating_sub(radius)..(x + radius + 1).min(width) {
                            sum += picture[(v * width + u) * 3 + c];
                        }
                    }
                    out[(y * width + x) * 3 + c] = sum / ((2 * radius + 1) * (2 * radius + 1)) as f32;
                }
            }
        }
        out
    }

    #[test]
    fn the_identity_gives_the_picture_back_at_any_size() {
        for (width, height) in [(1, 1), (47, 5), (48, 48), (49, 48), (86, 87), (200, 131)] {
            for tiling in [TILING, PUBLISHED, LARGE] {
                let mut canvas = grid(width, height);
                let expected = canvas.input.clone();
                let (across, down) = tiling.sides((width, height));
                restore(&mut canvas, (width, height), 1, tiling, 3, |tiles, count| {
                    assert!((1..=3).contains(&count) && tiles.len() == count * across * down * 3);
                    Ok(tiles)
                })
                .unwrap();
                let have = canvas.output.concat();
                assert_eq!(have.len(), expected.len());
                assert!(have.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-3), "{width}×{height}");
            }
        }
    }

    #[test]
    fn tiles_are_few_and_no_larger_than_needed() {
        let tiles = |length| (LARGE.side(length), Axis::new(length, LARGE).starts);
        assert_eq!(tiles(5), (48, vec![0]));
        assert_eq!(tiles(90), (96, vec![0]));
        assert_eq!(tiles(96), (96, vec![0]));
        assert_eq!(tiles(97), (56, vec![0, 41]));
        assert_eq!(tiles(182), (96, vec![0, 86]));
        assert_eq!(tiles(183), (72, vec![0, 62, 111]));
        assert_eq!(TILING.sides((5, 500)), (48, 48));
    }

    #[test]
    fn enlarging_puts_every_pixel_in_its_place() {
        let (width, height, scale) = (101, 60, 3);
        let mut canvas = grid(width, height);
        let nearest = |tiles: Vec<f32>, count: usize| {
            let side = 48 * scale;
            let mut out = Vec::with_capacity(count * side * side * 3);
            for tile in tiles.chunks_exact(48 * 48 * 3) {
                for y in 0..side {
                    for x in 0..side {
                        out.extend_from_slice(&tile[(y / scale * 48 + x / scale) * 3..][..3]);
                    }
                }
            }
            Ok(out)
        };
        restore(&mut canvas, (width, height), scale, TILING, 3, nearest).unwrap();
        assert_eq!(canvas.output.len(), height * scale);
        for (y, row) in canvas.output.iter().enumerate() {
            assert_eq!(row.len(), width * scale * 3);
            for (x, pixel) in row.chunks(3).enumerate() {
                let want = &canvas.input[(y / scale * width + x / scale) * 3..][..3];
                assert!(pixel.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-3));
            }
        }
    }

    #[test]
    fn a_convolution_tiled_is_the_convolution_where_no_border_reaches() {
        let (width, height, radius) = (130, 100, 2);
        let mut canvas = grid(width, height);
        let whole = blur(&canvas.input, width, height, radius);
        restore(&mut canvas, (width, height), 1, TILING, 3, |tiles, _| {
            Ok(tiles.chunks(48 * 48 * 3).flat_map(|tile| blur(tile, 48, 48, radius)).collect())
        })
        .unwrap();
        let columns = Axis::new(width, TILING);
        let rows = Axis::new(height, TILING);
        // Pixels nearer than the radius to a tile's inner border see that tile's zeros.
        let clear = |axis: &Axis, i: usize| {
            axis.starts.iter().all(|&start| {
                let inner = |border: usize| border > 0 && border < axis.starts.last().unwrap() + 48;
                !(start..start + 48).contains(&i)
                    || ((i - start >= radius || !inner(start))
                        && (start + 47 - i >= radius || !inner(start + 48)))
            })
        };
        let (mut compared, mut worst) = (0, 0f32);
        for y in 0..height {
            for x in 0..width {
                for c in 0..3 {
                    let difference = (canvas.output[y][x * 3 + c] - whole[(y * width + x) * 3 + c]).abs();
                    if clear(&columns, x) && clear(&rows, y) {
                        compared += 1;
                        assert!(difference < 1e-2, "({x}, {y}): {difference}");
                    }
                    worst = worst.max(difference);
                }
            }
        }
        assert!(compared > width * height * 3 / 2);
        // Where a border reaches, the tile counts little: far less than the zeros would cost.
        assert!(worst < 30.0, "{worst}");
    }
}

//! Windows of tokens: the transformer knows the places of 48×48 features, and a picture may have more.

use candle_core::{Result, Tensor};

/// How the tokens of a picture, `[B, rows·columns, D]`, are cut into square windows and joined again. Windows lie side by
/// side; the last ends with the picture, and of what it shares with the one before each has half.
pub(super) struct Windows {
    /// Tokens of a window.
    size: usize,
    /// For each place of each window, the token that is there.
    tokens: Vec<u32>,
    /// For each token, the place that it comes from.
    places: Vec<u32>,
}

impl Windows {
    /// Windows of `side` × `side` tokens; the picture has `rows` and `columns` of at least as many.
    pub fn new((rows, columns): (usize, usize), side: usize) -> Self {
        let (down, across) = (starts(rows, side), starts(columns, side));
        let mut tokens = Vec::with_capacity(down.len() * across.len() * side * side);
        let mut places = vec![0; rows * columns];
        for (i, &top) in down.iter().enumerate() {
            for (j, &left) in across.iter().enumerate() {
                for y in top..top + side {
                    for x in left..left + side {
                        let token = y * columns + x;
                        // A later window takes what is nearer to its middle than to that of the one before.
                        if y >= first_of_its_own(&down, i, side) && x >= first_of_its_own(&across, j, side) {
                            places[token] = tokens.len() as u32;
                        }
                        tokens.push(token as u32);
                    }
                }
            }
        }
        Self { size: side * side, tokens, places }
    }

    /// `[B, rows·columns, D]` → `[B·windows, side², D]`.
    pub fn cut(&self, x: &Tensor) -> Result<Tensor> {
        let (batch, _, values) = x.dims3()?;
        let shape = (batch * self.tokens.len() / self.size, self.size, values);
        select(x, &self.tokens)?.reshape(shape)
    }

    /// `[B·windows, side², D]` → `[B, rows·columns, D]`.
    pub fn join(&self, windows: &Tensor) -> Result<Tensor> {
        let (count, size, values) = windows.dims3()?;
        let batch = count * size / self.tokens.len();
        select(&windows.reshape((batch, self.tokens.len(), values))?, &self.places)
    }

    /// Whether there is but one, which is the picture.
    pub fn is_one(&self) -> bool {
        self.tokens.len() == self.size
    }
}

fn select(x: &Tensor, tokens: &[u32]) -> Result<Tensor> {
    x.index_select(&Tensor::from_slice(tokens, tokens.len(), x.device())?, 1)
}

/// Where the windows along a side begin.
fn starts(length: usize, side: usize) -> Vec<usize> {
    let last = length - side;
    (0..last).step_by(side).chain([last]).collect()
}

/// Where window `index` takes over from the one before.
fn first_of_its_own(starts: &[usize], index: usize, side: usize) -> usize {
    match index {
        0 => 0,
        _ => (starts[index - 1] + side + starts[index]).div_ceil(2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn what_is_cut_is_joined() {
        for (rows, columns) in [(3, 3), (6, 3), (7, 11), (4, 5)] {
            let x = Tensor::arange(0f32, (2 * rows * columns * 5) as f32, &Device::Cpu).unwrap();
            let x = x.reshape((2, rows * columns, 5)).unwrap();
            let windows = Windows::new((rows, columns), 3);
            let cut = windows.cut(&x).unwrap();
            assert_eq!(cut.dims(), [2 * rows.div_ceil(3) * columns.div_ceil(3), 9, 5]);
            assert_eq!(windows.is_one(), cut.dims()[0] == 2);
            let joined = windows.join(&cut).unwrap();
            assert_eq!(joined.to_vec3::<f32>().unwrap(), x.to_vec3::<f32>().unwrap());
        }
    }

    #[test]
    fn windows_that_overlap_have_half_each() {
        // Rows 0..4 and 3..7 of one column: row 3 is shared, and the first one's.
        let windows = Windows::new((7, 4), 4);
        let of = |row: usize| windows.places[row * 4] as usize / 16;
        assert_eq!((0..7).map(of).collect::<Vec<_>>(), [0, 0, 0, 0, 1, 1, 1]);
        let windows = Windows::new((6, 4), 4);
        let of = |row: usize| windows.places[row * 4] as usize / 16;
        assert_eq!((0..6).map(of).collect::<Vec<_>>(), [0, 0, 0, 1, 1, 1]);
    }
}

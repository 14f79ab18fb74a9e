//! Colours under no opacity: nobody sees them, but filters and models do.

use std::borrow::Cow;

use super::{Picture, Sample, Samples};

impl Picture {
    /// The picture with the colours of pixels without any opacity taken from the visible ones around
    /// them, so that what is done to its colours brings nothing hidden to light.
    ///
    /// Layer by layer from the border, a pixel takes the mean of those of its eight neighbours that
    /// have a colour already. A picture of which nothing is hidden, or all, stays as it is.
    pub fn with_hidden_filled(&self) -> Cow<'_, Picture> {
        if !self.layout.has_alpha() {
            return Cow::Borrowed(self);
        }
        let samples = match &self.samples {
            Samples::Eight(samples) => filled(self, samples),
            Samples::Sixteen(samples) => filled(self, samples),
        };
        samples.map_or(Cow::Borrowed(self), |samples| Cow::Owned(Picture { samples, ..*self }))
    }
}

/// Whether a pixel has a colour to give.
#[derive(Clone, Copy, PartialEq)]
enum State {
    Hidden,
    /// In the layer that comes next.
    Next,
    Known,
}

/// The samples with hidden colours filled, if there are any.
fn filled<S: Sample>(picture: &Picture, samples: &[S]) -> Option<Samples> {
    let channels = picture.layout.channels();
    let opacity = |pixel: &[S]| pixel[channels - 1] != S::default();
    if samples.chunks_exact(channels).all(opacity) {
        return None;
    }
    let known = |pixel| if opacity(pixel) { State::Known } else { State::Hidden };
    let mut states: Vec<State> = samples.chunks_exact(channels).map(known).collect();
    let mut samples = samples.to_vec();
    let beside = |at, state, states: &[State]| neighbours(picture, at).any(|other| states[other] == state);
    let mut layer: Vec<usize> = (0..states.len())
        .filter(|&at| states[at] == State::Hidden && beside(at, State::Known, &states))
        .collect();
    while !layer.is_empty() {
        // Only known pixels give, and those of this layer become known together: their order does
        // not matter.
        for &at in &layer {
            for channel in 0..channels - 1 {
                let (mut sum, mut count) = (0.0, 0.0);
                for other in neighbours(picture, at).filter(|&other| states[other] == State::Known) {
                    sum += samples[other * channels + channel].to_f64();
                    count += 1.0;
                }
                samples[at * channels + channel] = S::round(sum / count);
            }
        }
        layer.iter().for_each(|&at| states[at] = State::Known);
        let mut next = Vec::new();
        for &at in &layer {
            for other in neighbours(picture, at) {
                if states[other] == State::Hidden {
                    states[other] = State::Next;
                    next.push(other);
                }
            }
        }
        layer = next;
    }
    Some(S::wrap(samples))
}

/// The pixels around a pixel, by their places in the rows.
fn neighbours(picture: &Picture, at: usize) -> impl Iterator<Item = usize> + use<> {
    let (width, height) = (picture.width, picture.height);
    let (x, y) = (at % width, at / width);
    let rows = y.saturating_sub(1)..(y + 2).min(height);
    let columns = x.saturating_sub(1)..(x + 2).min(width);
    let all = rows.flat_map(move |row| columns.clone().map(move |column| row * width + column));
    all.filter(move |&other| other != at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::Layout;

    fn grey(width: usize, pixels: &[(u8, u8)]) -> Picture {
        let samples = pixels.iter().flat_map(|&(grey, alpha)| [grey, alpha]).collect();
        Picture::new(width, pixels.len() / width, Layout::GreyAlpha, Samples::Eight(samples)).unwrap()
    }

    #[test]
    fn hidden_colours_come_from_around() {
        let picture = grey(5, &[(10, 255), (99, 0), (98, 0), (97, 0), (20, 1)]);
        let filled = picture.with_hidden_filled();
        assert_eq!(*filled, grey(5, &[(10, 255), (10, 0), (15, 0), (20, 0), (20, 1)]));
        // A second layer rests on the first, and corners count.
        let picture = grey(3, &[(10, 9), (0, 0), (0, 0), (30, 9), (0, 0), (0, 0), (200, 0), (0, 0), (0, 0)]);
        let expected = [(10, 9), (20, 0), (20, 0), (30, 9), (20, 0), (23, 0), (30, 0), (30, 0), (25, 0)];
        assert_eq!(*picture.with_hidden_filled(), grey(3, &expected));
    }

    #[test]
    fn nothing_or_all_hidden_stays() {
        for alpha in [0, 1] {
            let picture = grey(2, &[(1, alpha), (2, alpha), (3, alpha), (4, alpha)]);
            assert_eq!(*picture.with_hidden_filled(), picture);
        }
        let opaque = Picture::new(2, 1, Layout::Grey, Samples::Eight(vec![0, 9])).unwrap();
        assert!(matches!(opaque.with_hidden_filled(), Cow::Borrowed(_)));
    }
}

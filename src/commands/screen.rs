//! What is said of one picture while it is worked on.

use crate::batch::Input;
use crate::progress::Progress;
use crate::restore::Tiles;

/// The way from the work on a picture to the person at the terminal.
pub struct Screen<'a> {
    pub bar: &'a Progress,
    pub input: &'a Input,
    /// The bar is for the tiles of this one picture.
    pub alone: bool,
    pub quiet: bool,
}

impl Screen<'_> {
    /// Something that the user may want to know of the picture, which is no error.
    /// It is not even looked for where nobody would see it.
    pub fn hint(&self, text: impl FnOnce() -> Option<String>) {
        if !self.quiet
            && let Some(text) = text()
        {
            self.bar.line(format_args!("hint: {}: {text}", self.input));
        }
    }

    /// How far the work is.
    pub fn tiles(&self, Tiles { done, total }: Tiles) {
        if self.alone {
            self.bar.set_total(total);
            self.bar.set(done);
        } else {
            self.bar.message(format_args!("{} {} %", self.input, 100 * done / total.max(1)));
        }
    }
}

//! What a person at a terminal sees of long work: a bar on stderr, and lines above it.
//!
//! Nothing is drawn where stderr is no terminal or `--quiet` was given.

use std::fmt::Display;
use std::io::{IsTerminal, Write, stderr};

use indicatif::{ProgressBar, ProgressStyle};

use crate::error::harmless;

/// A bar, or nothing.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// Nothing is drawn, lines are still written.
    pub fn hidden() -> Self {
        Self { bar: ProgressBar::hidden() }
    }

    /// A bar of `total` steps named `unit` ("pictures"), drawn only on a terminal.
    pub fn new(total: usize, unit: &str) -> Self {
        if !stderr().is_terminal() {
            return Self::hidden();
        }
        let bar = ProgressBar::new(total as u64);
        let template = format!("{{bar:32}} {{pos}}/{{len}} {unit}, {{per_sec}}, {{eta}} left {{wide_msg}}");
        // The template is ours and fixed; a slip in it costs the style, not the work.
        if let Ok(style) = ProgressStyle::with_template(&template) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(std::time::Duration::from_millis(200));
        Self { bar }
    }

    /// `steps` more are done.
    pub fn advance(&self, steps: usize) {
        self.bar.inc(steps as u64);
    }

    /// There are `total` steps in all, as has turned out.
    pub fn set_total(&self, total: usize) {
        self.bar.set_length(total as u64);
    }

    /// `step` steps are done in all.
    pub fn set(&self, step: usize) {
        self.bar.set_position(step as u64);
    }

    /// Shown behind the bar.
    pub fn message(&self, text: impl Display) {
        if !self.bar.is_hidden() {
            self.bar.set_message(text.to_string());
        }
    }

    /// Does what writes to the terminal, without the bar in its way.
    pub fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        self.bar.suspend(write)
    }

    /// Writes a line to stderr, above the bar if there is one.
    pub fn line(&self, text: impl Display) {
        self.aside(|| line(text));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Writes a line to stderr. Where stderr is closed there is nobody left to tell.
pub fn line(text: impl Display) {
    // One write a line: lines of parallel programs in one terminal stay whole.
    let _ = stderr().write_all(harmless(&format!("{text}\n")).as_bytes());
}

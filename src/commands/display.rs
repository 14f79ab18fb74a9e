//! What a person sees of a run: a bar, or lines now and then.

use std::io::{IsTerminal, stderr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::progress::{self, Progress};
use crate::train::log::{Entry, Step, Validation};
use crate::train::{Options, Watch};

/// The bar or lines of a run.
pub struct Display {
    bar: Option<Progress>,
    quiet: bool,
    steps: Option<u64>,
    max_seconds: Option<f64>,
    signal: Arc<AtomicUsize>,
    last_line: Option<Instant>,
    /// Whether any step was done.
    stepped: bool,
}

/// How often a line is written where there is no bar.
const LINE_EVERY: Duration = Duration::from_secs(30);

impl Display {
    pub fn new(options: &Options, quiet: bool, signal: Arc<AtomicUsize>) -> Self {
        // With a time limit alone the bar counts seconds.
        let (total, unit) = match (options.steps, options.max_seconds) {
            (Some(steps), _) => (steps, "steps"),
            (None, seconds) => (seconds.unwrap_or(0.0) as u64, "seconds"),
        };
        let bar = (!quiet && stderr().is_terminal()).then(|| Progress::new(total as usize, unit));
        let (steps, max_seconds) = (options.steps, options.max_seconds);
        Self { bar, quiet, steps, max_seconds, signal, last_line: None, stepped: false }
    }

    /// Takes the bar away; whether any step was done.
    pub fn end(self) -> bool {
        self.stepped
    }

    fn line(&self, text: impl std::fmt::Display) {
        match &self.bar {
            Some(bar) => bar.line(text),
            None => progress::line(text),
        }
    }

    fn step(&mut self, step: &Step) {
        let Step { task, l1, lr, norm, patches_per_second, .. } = step;
        let text = format!("{task} L1 {l1:.3} lr {lr:.1e} norm {norm:.1} {patches_per_second:.1} patches/s");
        if let Some(bar) = &self.bar {
            bar.set(if self.steps.is_some() { step.step } else { step.seconds as u64 } as usize);
            bar.message(text);
        } else if self.last_line.is_none_or(|last| last.elapsed() >= LINE_EVERY) {
            self.last_line = Some(Instant::now());
            let of = self.steps.map_or(String::new(), |steps| format!("/{steps}"));
            let left = self.left(step).map_or(String::new(), |left| format!(", {left} left"));
            progress::line(format_args!("step {}{of}: {text}{left}", step.step));
        }
    }

    /// Time to the end, from the pace so far.
    fn left(&self, step: &Step) -> Option<String> {
        let pace = step.seconds / step.step.max(1) as f64;
        let by_steps = self.steps.map(|steps| pace * steps.saturating_sub(step.step) as f64);
        let by_time = self.max_seconds.map(|most| (most - step.seconds).max(0.0));
        let left = by_steps.into_iter().chain(by_time).reduce(f64::min)? as u64;
        Some(format!("{}:{:02}:{:02}", left / 3600, left / 60 % 60, left % 60))
    }

    fn validation(&self, validation: &Validation) {
        self.line(format_args!("step {}: PSNR in dB, and what is gained", validation.step));
        for score in &validation.tasks {
            let (y, rgb) = (score.psnr_y, score.psnr_rgb);
            let [gain_y, gain_rgb] = score.gains();
            let task = score.task.to_string();
            self.line(format_args!("  {task:10} Y {y:6.2} {gain_y:+6.2}   RGB {rgb:6.2} {gain_rgb:+6.2}"));
        }
    }
}

impl Watch for Display {
    fn note(&mut self, text: &str) {
        if !self.quiet {
            self.line(text);
        }
    }

    fn entry(&mut self, entry: &Entry) {
        self.stepped |= matches!(entry, Entry::Step(_));
        match entry {
            _ if self.quiet => {}
            Entry::Step(step) => self.step(step),
            Entry::Validation(validation) => self.validation(validation),
            Entry::Resume { .. } => {}
        }
    }

    fn stop(&mut self) -> bool {
        self.signal.load(Ordering::SeqCst) != 0
    }
}

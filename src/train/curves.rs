//! RUN/curves.svg: how loss and PSNR of each task went, drawn from the log.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use plotters::coord::Shift;
use plotters::coord::ranged1d::{AsRangedCoord, ValueFormatter};
use plotters::prelude::*;

use super::log::Entry;
use crate::atomic::{self, Existing};
use crate::error::{Error, Result};
use crate::task::Task;

const SIZE: (u32, u32) = (960, 900);

/// Points of a loss curve; each is the mean of the steps around it, for single steps jump about.
const POINTS: usize = 120;

type Curves = BTreeMap<Task, Vec<(f64, f64)>>;

/// Draws the entries of a log: L1 in 8-bit levels on a logarithmic scale above, and below how many
/// dB of PSNR (Y) restoring gains over the degraded or bicubically enlarged picture.
pub fn draw(path: &Path, entries: &[Entry]) -> Result<()> {
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        root.fill(&WHITE).map_err(plotting)?;
        let (above, below) = root.split_vertically(SIZE.1 / 2);
        let (losses, gains) = (losses(entries), gains(entries));
        if let Some((x, y)) = bounds(&losses) {
            let y = (y.start.max(1e-3)..y.end.max(2e-3)).log_scale();
            chart(&above, "L1 in levels of 0..255", x, y, &losses)?;
        }
        if let Some((x, y)) = bounds(&gains) {
            chart(&below, "gain in dB of PSNR (Y)", x, y, &gains)?;
        }
        root.present().map_err(plotting)?;
    }
    atomic::write(path, svg.as_bytes(), Existing::Replace)
}

/// A line for each task.
fn chart<Y>(
    area: &DrawingArea<SVGBackend, Shift>,
    title: &str,
    x: Range<f64>,
    y: Y,
    curves: &Curves,
) -> Result<()>
where
    Y: AsRangedCoord<Value = f64>,
    Y::CoordDescType: Ranged<ValueType = f64> + ValueFormatter<f64>,
{
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(32)
        .y_label_area_size(56)
        .build_cartesian_2d(x, y)
        .map_err(plotting)?;
    chart
        .configure_mesh()
        .x_desc("step")
        .x_label_formatter(&|step| format!("{step:.0}"))
        .light_line_style(TRANSPARENT)
        .draw()
        .map_err(plotting)?;
    for (i, (task, points)) in curves.iter().enumerate() {
        let colour = Palette99::pick(i).stroke_width(2);
        chart
            .draw_series(LineSeries::new(points.iter().copied(), colour))
            .map_err(plotting)?
            .label(task.to_string())
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour));
    }
    chart
        .configure_series_labels()
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.4))
        .draw()
        .map_err(plotting)
}

fn plotting(error: impl std::fmt::Display) -> Error {
    Error::Encode(format!("the curves cannot be drawn: {error}"))
}

/// L1 by step, averaged over as many steps as leave [`POINTS`] points.
fn losses(entries: &[Entry]) -> Curves {
    let mut all = Curves::new();
    for entry in entries {
        if let Entry::Step(step) = entry {
            all.entry(step.task).or_default().push((step.step as f64, step.l1));
        }
    }
    let mean = |points: &[(f64, f64)], of: fn(&(f64, f64)) -> f64| {
        points.iter().map(of).sum::<f64>() / points.len() as f64
    };
    for points in all.values_mut() {
        let size = points.len().div_ceil(POINTS).max(1);
        *points = points.chunks(size).map(|part| (mean(part, |p| p.0), mean(part, |p| p.1))).collect();
    }
    all
}

/// Gained PSNR by step.
fn gains(entries: &[Entry]) -> Curves {
    let mut all = Curves::new();
    for entry in entries {
        if let Entry::Validation(validation) = entry {
            for score in &validation.tasks {
                let [gain, _] = score.gains();
                // Infinite where one of the two is without fault.
                if gain.is_finite() {
                    all.entry(score.task).or_default().push((validation.step as f64, gain));
                }
            }
        }
    }
    all
}

/// The ranges of steps and of values; none where there is nothing to draw.
fn bounds(curves: &Curves) -> Option<(Range<f64>, Range<f64>)> {
    let points = || curves.values().flatten();
    let last = points().map(|point| point.0).reduce(f64::max)?;
    let low = points().map(|point| point.1).reduce(f64::min)?;
    let high = points().map(|point| point.1).reduce(f64::max)?;
    let room = 0.05 * (high - low).max(1e-3);
    // The legend stands to the right of the lines.
    Some((0.0..1.2 * last.max(1.0), low - room..high + room))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::log::{Step, TaskScore, Validation};

    #[test]
    fn every_task_has_a_line() {
        let step = |step: u64, task: Task| {
            Entry::Step(Step {
                step,
                task,
                loss: 1.0,
                l1: 10.0 / step as f64,
                contrastive: None,
                lr: 1e-4,
                norm: 1.0,
                patches_per_second: 1.0,
                seconds: 1.0,
                memory_mib: None,
            })
        };
        let score =
            |task| TaskScore { task, psnr_y: 31.0, psnr_rgb: 30.0, input_psnr_y: 30.0, input_psnr_rgb: 29.0 };
        let mut entries: Vec<Entry> = (1..500).map(|n| step(n, Task::PRETRAINING[n as usize % 6])).collect();
        for step in [100, 200] {
            let tasks = Task::PRETRAINING.map(score).to_vec();
            entries.push(Entry::Validation(Validation { step, seconds: 1.0, tasks }));
        }
        let faultless = TaskScore { psnr_y: f64::INFINITY, ..score(Task::Derain) };
        entries.push(Entry::Validation(Validation { step: 300, seconds: 1.0, tasks: vec![faultless] }));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("curves.svg");
        draw(&path, &[]).unwrap();
        draw(&path, &entries).unwrap();
        let svg = std::fs::read_to_string(&path).unwrap();
        for task in Task::PRETRAINING {
            assert_eq!(svg.matches(&format!("\n{task}\n")).count(), 2, "{task}");
        }
    }
}

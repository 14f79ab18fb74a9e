//! Whether a picture looks like what a task is for. Only ever a hint: the user may know better.
//!
//! The limits are from 581 photographs, of which `tests/hints.rs` looks at some again. Their noise
//! level, see [`Picture::noise_level`], in the median and at the ends:
//!
//! | photographs | lowest | median | highest |
//! |---|---|---|---|
//! | as they are | 0.0 | 0.8 | 11.6 |
//! | σ 5 | 4.1 | 5.8 | 13.2 |
//! | σ 10 | 9.1 | 10.7 | 16.4 |
//! | σ 30 | 24.7 | 29.7 | 33.1 |
//! | σ 50 | 33.8 | 45.3 | 52.7 |
//! | shrunk for sr2, sr3, sr4 | 0.0 | 1.6 | 14.8 |
//! | rain | 0.0 | 1.6 | 12.4 |
//!
//! Above σ 30 or so much noise is clipped, and its level comes out lower than it was.

use crate::picture::Picture;
use crate::task::Task;

/// Below this part of what a task is for, there is next to no noise to take away.
const CLEAN: f64 = 0.4;
/// The level that texture alone comes to, in the worst case.
const TEXTURE: f64 = 14.0;
/// How far above noise and texture together is too much.
const NOISY: f64 = 1.2;
/// Pixels of a result that few programs still open with ease.
const LARGE: f64 = 100e6;

/// One line on what looks wrong about restoring `picture` for `tasks`, one after the other; `model`
/// are all the tasks that there are to choose from.
pub fn hint(picture: &Picture, tasks: &[Task], model: &[Task]) -> Option<String> {
    match (noise(picture, tasks, model), size(picture, tasks)) {
        (Some(noise), Some(size)) => Some(format!("{noise}; {size}")),
        (noise, size) => noise.or(size),
    }
}

fn noise(picture: &Picture, tasks: &[Task], model: &[Task]) -> Option<String> {
    // Enlarging changes what noise looks like.
    let (at_first, then) = tasks.split_at(tasks.iter().take_while(|task| task.scale() == 1).count());
    let level = picture.noise_level()?;
    let denoise = at_first.iter().find_map(|&task| Some((task, sigma(task)?)));
    let limit = |sigma: f64| NOISY * sigma.hypot(TEXTURE);
    let nearest = |tasks: &[Task]| {
        let distance = |task: &Task| sigma(*task).map_or(f64::INFINITY, |sigma| (sigma - level).abs());
        let denoise = tasks.iter().filter(|&&task| sigma(task).is_some());
        denoise.min_by(|a, b| distance(a).total_cmp(&distance(b))).copied()
    };
    match denoise {
        Some((task, sigma)) if level < CLEAN * sigma => Some(format!(
            "looks clean for {task} (σ about {level:.0}): fine detail may go with the noise that is not there"
        )),
        Some((task, sigma)) if level > limit(sigma) => {
            let better = nearest(model).filter(|&better| better != task);
            let better = better.map_or(String::new(), |better| format!("; {better} is nearer"));
            Some(format!("looks noisier than {task} is for (σ about {level:.0}){better}"))
        }
        None if level > limit(0.0) && !then.iter().any(|&task| sigma(task).is_some()) => {
            let first = nearest(model);
            let chain: Vec<_> = first.iter().chain(tasks).map(Task::to_string).collect();
            let chain = chain.join(",");
            let better =
                first.map_or(String::new(), |_| format!("; --task {chain} takes the noise away first"));
            Some(format!("looks noisy (σ about {level:.0}){better}"))
        }
        _ => None,
    }
}

fn size(picture: &Picture, tasks: &[Task]) -> Option<String> {
    let scale = super::scale(tasks);
    let (width, height) = (picture.width() * scale, picture.height() * scale);
    let pixels = width as f64 * height as f64;
    (scale > 1 && pixels > LARGE)
        .then(|| format!("becomes {width}×{height} pixels, {:.0} megapixels", pixels / 1e6))
}

/// What a task that takes noise away is for.
fn sigma(task: Task) -> Option<f64> {
    match task {
        Task::Denoise(sigma) => Some(sigma.get().into()),
        Task::SuperResolution(_) | Task::Derain => None,
    }
}

//! What the model is made of.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::INPUT;
use super::coarse::SQUARE;
use crate::error::{Error, Result};
use crate::task::Task;

/// The shape of a model; with its weights it is the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The tasks, in the order of tails and task embeddings, and of heads where none is shared.
    pub tasks: Vec<Task>,
    /// Feature channels C of heads and tails.
    pub channels: usize,
    /// Residual blocks of each head: 2 as published.
    #[serde(default = "published::blocks", skip_serializing_if = "published::has_blocks")]
    pub blocks: usize,
    /// Side of the blocks' kernels in pixels, odd: 5 as published.
    #[serde(default = "published::kernel", skip_serializing_if = "published::has_kernel")]
    pub kernel: usize,
    /// Tasks that share one head, by groups; none as published. What a picture has lost where it was made smaller is
    /// alike for all scales, so that one head learns it for them (MDSR: Lim et al., CVPR Workshops 2017).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shared_heads: Vec<Vec<Task>>,
    /// Residual blocks behind the transformer that all tasks share; none as published.
    #[serde(default, skip_serializing_if = "published::has_shared_blocks")]
    pub shared_blocks: usize,
    /// Tasks for which squares of 2×2 pixels become one pixel inside, their colours its channels (reversible
    /// downsampling: Zhang et al., "FFDNet", 2018); none as published, and none that enlarges. The same work then
    /// restores four times the pixels, and sees twice as far.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unshuffle: Vec<Task>,
    /// How a tail makes a picture of features.
    #[serde(default, skip_serializing_if = "TailForm::is_published")]
    pub tail: TailForm,
    /// Side P of a patch in pixels; divides 48. A token has C·P² values.
    pub patch: usize,
    /// Width D of the transformer. Where it is not C·P², the linear encoding and the mlp head
    /// become projections in and out, without their residual.
    pub width: usize,
    /// Encoder layers, and as many decoder layers; with 0 there is no transformer, to see what it
    /// is worth.
    pub layers: usize,
    /// Attention heads; divides the width.
    pub heads: usize,
    /// How the decoder is told the task.
    pub task_embedding: TaskEmbedding,
    /// Whether the decoder sees LN(encoder output) (paper, eq. 2) or the output as it is
    /// (published code).
    pub memory_norm: bool,
    /// Whether the mlp head sees LN(decoder output), or the output as it is (published code).
    /// Where the mlp head has no residual, its ReLUs can otherwise fall silent in the first minutes
    /// of training: the body then gives the same for every picture, and learns no more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub decoder_norm: bool,
    /// Whether the tail's output is added to the bicubic enlargement of the input. The tail's last
    /// convolution then starts at zero, so that training starts from bicubic.
    pub bicubic_residual: bool,
    /// The value that white has inside: 255 as published. With 8 activations are about 1, so that
    /// biases and embeddings, which start small, take part from the first step, and Adam's steps of
    /// some 1e-4 are small beside them; with 1 they are not, and nearly all ReLUs of the heads fell
    /// silent.
    pub white: f64,
    /// Whether the last projection of each attention has a bias, as in weights published from
    /// PyTorch 1.6 to 1.8, which made one unasked.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub output_bias: bool,
    /// Residual blocks of those heads that have others than `blocks`, by the task; tasks that share a head have as many.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub head_blocks: BTreeMap<Task, usize>,
    /// The coarse levels of the heads that have one, by the task; tasks that share a head have the same. None as
    /// published.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub coarse: BTreeMap<Task, CoarseLevel>,
}

/// Residual blocks within a head that see squares of 2×2 features as one, and so twice as far for a quarter of the work
/// (as in a U-Net: Ronneberger et al., 2015).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CoarseLevel {
    /// The head's other blocks that come before it.
    pub after: usize,
    /// How many it has.
    pub blocks: usize,
}

/// How the decoder is told the task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TaskEmbedding {
    /// A table of one vector per position for each task (published code).
    PerPosition,
    /// One vector for each task (paper).
    PerTask,
    /// Not at all, to see what it is worth.
    None,
}

/// How a tail makes a picture of features.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TailForm {
    /// Features are enlarged by 2, 3 or twice 2, and then become a picture (published code).
    #[default]
    Staged,
    /// One convolution gives all the pixels that a pixel becomes (sub-pixel convolution: Shi et al.,
    /// CVPR 2016). For ×4 that is a thirtieth of the work.
    Direct,
}

impl TailForm {
    fn is_published(&self) -> bool {
        *self == TailForm::Staged
    }
}

/// What files without these entries have.
mod published {
    pub fn blocks() -> usize {
        2
    }

    pub fn has_blocks(blocks: &usize) -> bool {
        *blocks == self::blocks()
    }

    pub fn has_shared_blocks(blocks: &usize) -> bool {
        *blocks == 0
    }

    pub fn kernel() -> usize {
        5
    }

    pub fn has_kernel(kernel: &usize) -> bool {
        *kernel == self::kernel()
    }
}

/// Named shapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// The published model: 115 million parameters for one task.
    Base,
    /// The embedded model's shape: deep heads of small kernels around a narrow transformer.
    Default,
    /// For tests: under 0.3 million parameters.
    Tiny,
}

impl Config {
    /// The shape that `preset` names, for `tasks`.
    pub fn preset(preset: Preset, tasks: Vec<Task>) -> Self {
        // Streaks are long: rain gains by what is seen further away, and noise, which is in each pixel, loses.
        let unshuffle = tasks.iter().copied().filter(|task| *task == Task::Derain).collect();
        let default = Self {
            tasks,
            channels: 64,
            blocks: 8,
            kernel: 3,
            shared_heads: Vec::new(),
            shared_blocks: 0,
            unshuffle,
            tail: TailForm::Direct,
            patch: 4,
            width: 128,
            layers: 2,
            heads: 4,
            task_embedding: TaskEmbedding::PerTask,
            memory_norm: true,
            decoder_norm: true,
            bicubic_residual: true,
            white: 8.0,
            output_bias: false,
            head_blocks: BTreeMap::new(),
            coarse: BTreeMap::new(),
        };
        match preset {
            Preset::Base => Self {
                blocks: 2,
                kernel: 5,
                shared_blocks: 0,
                unshuffle: Vec::new(),
                tail: TailForm::Staged,
                patch: 3,
                width: 576,
                layers: 12,
                heads: 12,
                task_embedding: TaskEmbedding::PerPosition,
                memory_norm: false,
                decoder_norm: false,
                bicubic_residual: false,
                white: 255.0,
                ..default
            },
            Preset::Default => {
                let of = |kind: fn(Task) -> bool| -> Vec<Task> {
                    default.tasks.iter().copied().filter(|&task| kind(task)).collect()
                };
                let enlarged = of(|task| task.scale() > 1);
                let noise = of(|task| matches!(task, Task::Denoise(_)));
                let level = CoarseLevel { after: default.blocks / 2, blocks: 6 };
                Self {
                    coarse: of(|task| task.scale() == 1).into_iter().map(|task| (task, level)).collect(),
                    shared_heads: shared_heads([enlarged, noise]),
                    ..default
                }
            }
            Preset::Tiny => Self {
                channels: 8,
                blocks: 2,
                shared_blocks: 1,
                patch: 3,
                width: 32,
                layers: 1,
                heads: 2,
                ..default
            },
        }
    }

    /// Checks that the numbers fit together.
    ///
    /// # Errors
    /// Names the first that does not.
    pub fn check(&self) -> Result<()> {
        let refuse = |reason: String| Err(Error::Model(reason));
        if self.tasks.is_empty() {
            return refuse("the model has no task".into());
        }
        if (1..self.tasks.len()).any(|i| self.tasks[..i].contains(&self.tasks[i])) {
            return refuse("the model names a task twice".into());
        }
        for (name, value) in [
            ("channels", self.channels),
            ("kernel", self.kernel),
            ("patch", self.patch),
            ("width", self.width),
            ("heads", self.heads),
            // These may be 0.
            ("blocks", self.blocks.saturating_add(1)),
            ("shared_blocks", self.shared_blocks.saturating_add(1)),
            ("layers", self.layers.saturating_add(1)),
        ] {
            // Far above any model, and far below what would overflow a product of sizes.
            if !(1..=65_536).contains(&value) {
                return refuse(format!("{name} = {value} is out of range"));
            }
        }
        for (task, &blocks) in &self.head_blocks {
            if !self.tasks.contains(task) {
                return refuse(format!("there are blocks for {task}, which is no task of the model"));
            }
            if blocks >= 65_536 {
                return refuse(format!("{blocks} blocks for {task} are out of range"));
            }
        }
        for (&task, &CoarseLevel { after, blocks }) in &self.coarse {
            if !self.tasks.contains(&task) {
                return refuse(format!("there are coarse blocks for {task}, which is no task of the model"));
            }
            if !(1..65_536).contains(&blocks) {
                return refuse(format!("{blocks} coarse blocks for {task} are out of range"));
            }
            if after > self.blocks_of(task) {
                return refuse(format!(
                    "the coarse blocks for {task} follow block {after} of {}",
                    self.blocks_of(task)
                ));
            }
        }
        if self.kernel.is_multiple_of(2) {
            return refuse(format!("a kernel of {} pixels has no middle", self.kernel));
        }
        if !INPUT.is_multiple_of(self.patch) {
            return refuse(format!("a patch of {} pixels does not divide {INPUT}", self.patch));
        }
        if let Some(task) = self.unshuffle.iter().find(|task| !self.tasks.contains(task) || task.scale() > 1)
        {
            return refuse(format!("unshuffle names {task}, which enlarges or is no task of the model"));
        }
        let sharing: Vec<Task> = self.shared_heads.iter().flatten().copied().collect();
        if let Some(task) = sharing.iter().find(|task| !self.tasks.contains(task)) {
            return refuse(format!("a head is shared by {task}, which is no task of the model"));
        }
        if let Some(i) = (1..sharing.len()).find(|&i| sharing[..i].contains(&sharing[i])) {
            return refuse(format!("{} shares a head twice", sharing[i]));
        }
        if let Some(group) = self.shared_heads.iter().find(|group| group.len() < 2) {
            return refuse(format!("a head is shared by {} alone", names(group)));
        }
        if let Some(group) = self.uneven(|task| self.unshuffle_by(task)) {
            return refuse(format!("{group} share a head, but some see squares and some see pixels"));
        }
        if let Some(group) = self.uneven(|task| self.blocks_of(task)) {
            return refuse(format!("{group} share a head, and so need as many blocks: name them together"));
        }
        if let Some(group) = self.uneven(|task| self.coarse.get(&task)) {
            return refuse(format!(
                "{group} share a head, and so need the same coarse blocks: name them together"
            ));
        }
        if !self.width.is_multiple_of(self.heads) {
            return refuse(format!("{} heads do not divide a width of {}", self.heads, self.width));
        }
        // Beyond, colours or what is made of them would not be numbers any more.
        if !(1e-3..=1e6).contains(&self.white) {
            return refuse(format!("white = {} is not from 0.001 to 1000000", self.white));
        }
        Ok(())
    }

    /// The first tasks that share a head, but differ in what `of` tells of each.
    fn uneven<T: PartialEq>(&self, of: impl Fn(Task) -> T) -> Option<String> {
        let apart = |group: &&Vec<Task>| group.iter().any(|&task| of(task) != of(group[0]));
        self.shared_heads.iter().find(apart).map(|group| names(group))
    }

    /// Channels, blocks, patches, width, layers and heads, for people.
    pub fn shape(&self) -> String {
        let Self { channels, blocks, kernel, patch, width, layers, heads, .. } = self;
        let shared = match self.shared_blocks {
            0 => String::new(),
            blocks => format!(" and {blocks} that tasks share"),
        };
        let squares = match self.unshuffle.as_slice() {
            [] => String::new(),
            tasks => format!(", 2×2 pixels as one for {}", names(tasks)),
        };
        let together: String =
            self.shared_heads.iter().map(|group| format!(", one head for {}", names(group))).collect();
        let others: String =
            self.head_blocks.iter().map(|(task, blocks)| format!(", {blocks} for {task}")).collect();
        let coarse = |(task, level): (&Task, &CoarseLevel)| format!(", {} coarse for {task}", level.blocks);
        let coarse: String = self.coarse.iter().map(coarse).collect();
        format!(
            "{channels} channels, {blocks} blocks of {kernel}×{kernel}{others}{coarse}{shared}, patches of {patch}×{patch}, width {width}, \
             {layers} + {layers} layers, {heads} heads{squares}{together}"
        )
    }

    /// Pixels of the input, a side, that are one pixel of the features.
    pub fn unshuffle_by(&self, task: Task) -> usize {
        if self.unshuffle.contains(&task) { 2 } else { 1 }
    }

    /// Residual blocks of the head of `task`.
    pub fn blocks_of(&self, task: Task) -> usize {
        self.head_blocks.get(&task).copied().unwrap_or(self.blocks)
    }

    /// Side of the input in pixels; pictures to be restored may be larger by any number of [`Config::unit`]s.
    pub fn input(&self, task: Task) -> usize {
        INPUT * self.unshuffle_by(task)
    }

    /// What the sides of the input are multiples of, in pixels: the side of a patch, and whole squares where the head
    /// has a coarse level.
    pub fn unit(&self, task: Task) -> usize {
        let patches =
            if self.coarse.contains_key(&task) && !self.patch.is_multiple_of(SQUARE) { SQUARE } else { 1 };
        patches * self.patch * self.unshuffle_by(task)
    }

    /// Tokens N of one input.
    pub fn tokens(&self) -> usize {
        (INPUT / self.patch).pow(2)
    }

    /// Values of one patch, C·P².
    pub fn token_values(&self) -> usize {
        self.channels * self.patch * self.patch
    }

    /// The number of `task`, by which its tail and its embedding are found.
    ///
    /// # Errors
    /// When the model was not trained for it; the message lists what it was trained for.
    pub fn task_index(&self, task: Task) -> Result<usize> {
        self.tasks.iter().position(|&have| have == task).ok_or_else(|| {
            let has = names(&self.tasks);
            Error::Model(format!(
                "the model has no task {task}; it has {has}; `ipt tune --task {task}` makes one that has"
            ))
        })
    }

    /// Whether the head of `task` is that of another too.
    pub fn shares_head(&self, task: Task) -> bool {
        self.shared_heads.iter().flatten().any(|&sharing| sharing == task)
    }

    /// The number of the head that `task` has: its own, or that of the first of those that share it.
    ///
    /// # Errors
    /// As for [`Config::task_index`].
    pub fn head_index(&self, task: Task) -> Result<usize> {
        let own = self.task_index(task)?;
        let group = self.shared_heads.iter().find(|group| group.contains(&task));
        let first = group.and_then(|group| self.tasks.iter().position(|task| group.contains(task)));
        Ok(first.unwrap_or(own))
    }
}

/// Those of these numbers of blocks that are others than `blocks`.
pub fn head_blocks(blocks: usize, heads: impl IntoIterator<Item = (Task, usize)>) -> BTreeMap<Task, usize> {
    heads.into_iter().filter(|&(_, of_head)| of_head != blocks).collect()
}

/// Those of `groups` that can share a head: a task alone shares none.
pub fn shared_heads(groups: impl IntoIterator<Item = Vec<Task>>) -> Vec<Vec<Task>> {
    groups.into_iter().filter(|group| group.len() > 1).collect()
}

/// Tasks for people.
fn names(tasks: &[Task]) -> String {
    tasks.iter().map(Task::to_string).collect::<Vec<_>>().join(", ")
}

impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", names(&self.tasks), self.shape())
    }
}

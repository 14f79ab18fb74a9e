//! The tasks of two models, in one.

use std::collections::{BTreeMap, BTreeSet};

use candle_core::{Device, Tensor};
use serde_json::Value;

use super::measured;
use super::{Model, Parameters};
use crate::error::{Error, Result};
use crate::model::{CoarseLevel, Config, TASK_EMBEDDING, head_blocks, is_shared, shared_heads};
use crate::task::Task;

impl Model {
    /// This model with the tasks of `further`, a model around the same body: each takes the place of
    /// its like here, or stands behind the others.
    ///
    /// With a `share` below 1 a task that both have gets weights between theirs, (1 - share) · here + share ·
    /// there. Between a model and what a short tuning made of it lies better than both (Wortsman et al., "Robust
    /// fine-tuning of zero-shot models", CVPR 2022): what the tuning undid by its rate is in part back.
    ///
    /// What `further` tells of its making is told for each of its tasks, as `sr2.steps`.
    ///
    /// # Errors
    /// When `further` has another shape or another body than this model: neither's heads and tails
    /// would fit the other's. When a task of which a share is to be taken has another shape.
    pub fn merge(&self, further: &Model, share: f64) -> Result<Model> {
        let mut tasks = self.config.tasks.clone();
        tasks.extend(further.config.tasks.iter().filter(|task| !self.config.tasks.contains(task)));
        let owner = |task: &Task| if further.config.tasks.contains(task) { further } else { self };
        let unshuffle = |task: &Task| owner(task).config.unshuffle.contains(task);
        let unshuffle: Vec<Task> = tasks.iter().copied().filter(unshuffle).collect();
        let blocks = self.config.blocks;
        let head_blocks =
            head_blocks(blocks, tasks.iter().map(|&task| (task, owner(&task).config.blocks_of(task))));
        let coarse: BTreeMap<Task, CoarseLevel> =
            tasks.iter().filter_map(|task| Some((*task, *owner(task).config.coarse.get(task)?))).collect();
        let shape = |of: &Model| Config {
            tasks: tasks.clone(),
            blocks,
            head_blocks: head_blocks.clone(),
            coarse: coarse.clone(),
            unshuffle: unshuffle.clone(),
            shared_heads: Vec::new(),
            ..of.config.clone()
        };
        let mut config = shape(self);
        let apart = differences(&config, &shape(further))?;
        if !apart.is_empty() {
            return Err(Error::Model(format!("another shape than the model before: {}", apart.join(", "))));
        }
        let mut tensors = body(self);
        if !same(tensors.values(), body(further).values())? {
            let said = "another body than the model before: tune with --freeze-body what is to be merged";
            return Err(Error::Model(said.into()));
        }
        let mut facts = provenance(self, further);
        let mut parts = Vec::new();
        for &task in &tasks {
            let mut own = of_task(owner(&task), task)?;
            if share < 1.0 && self.config.tasks.contains(&task) && further.config.tasks.contains(&task) {
                own = between(of_task(self, task)?, own, share)
                    .map_err(|_| Error::Model(format!("{task} has another shape: take it whole, share 1")))?;
                facts.insert(format!("{task}.share"), share.to_string());
            }
            parts.push((task, own));
        }
        let sharing = |task: &Task| [self, further].iter().any(|model| model.config.shares_head(*task));
        config.shared_heads = still_shared(parts.iter().filter(|(task, _)| sharing(task)))?;
        let mut embeddings = Vec::new();
        for (tail, (task, mut own)) in parts.into_iter().enumerate() {
            let head = config.head_index(task)?;
            embeddings.extend(own.remove(TASK_EMBEDDING));
            tensors.extend(own.into_iter().filter_map(|(name, tensor)| {
                let (part, rest) = name.split_once('.')?;
                let to = if part == HEAD { head } else { tail };
                Some((format!("{part}.{to}.{rest}"), tensor))
            }));
        }
        if !embeddings.is_empty() {
            tensors.insert(TASK_EMBEDDING.into(), Tensor::cat(&embeddings, 0)?.contiguous()?);
        }
        let parameters = Parameters::from_tensors(&config, tensors, &Device::Cpu)?;
        let mut merged = Model { config, parameters, provenance: facts };
        merged.note_hours(self, further);
        Ok(merged)
    }
}

/// What tasks share.
fn body(model: &Model) -> BTreeMap<String, Tensor> {
    model.parameters.tensors().into_iter().filter(|(name, _)| is_shared(name)).collect()
}

/// What names the numbers of heads.
const HEAD: &str = "head";

/// What belongs to one task: of its head and tail by names without its number, and its embedding.
type Own = BTreeMap<String, Tensor>;

/// What of `model` belongs to `task`.
fn of_task(model: &Model, task: Task) -> Result<Own> {
    let number = model.config.task_index(task)?;
    let mut own = BTreeMap::new();
    for (part, number) in [(HEAD, model.config.head_index(task)?), ("tail", number)] {
        let named = model.parameters.part(part, number);
        own.extend(named.map(|(rest, tensor)| (format!("{part}.{rest}"), tensor)));
    }
    if let Some(table) = model.parameters.get(TASK_EMBEDDING) {
        own.insert(TASK_EMBEDDING.into(), table.as_detached_tensor().narrow(0, number, 1)?);
    }
    Ok(own)
}

/// Those of the tasks, with what belongs to them, whose heads are the same, by groups.
fn still_shared<'a>(parts: impl Iterator<Item = &'a (Task, Own)>) -> Result<Vec<Vec<Task>>> {
    let head = |own: &'a Own| own.iter().filter(|(name, _)| name.starts_with(HEAD)).map(|(_, tensor)| tensor);
    let mut groups: Vec<(&Own, Vec<Task>)> = Vec::new();
    'tasks: for (task, own) in parts {
        for (known, tasks) in &mut groups {
            if same(head(known), head(own))? {
                tasks.push(*task);
                continue 'tasks;
            }
        }
        groups.push((own, vec![*task]));
    }
    Ok(shared_heads(groups.into_iter().map(|(_, tasks)| tasks)))
}

/// (1 - share) · a + share · b of each tensor.
fn between(mut a: Own, b: Own, share: f64) -> candle_core::Result<Own> {
    let all = b.into_iter().map(|(name, b)| match a.remove(&name) {
        Some(a) => Ok((name, (a.affine(1.0 - share, 0.0)? + b.affine(share, 0.0)?)?)),
        None => candle_core::bail!("no {name}"),
    });
    let all = all.collect::<candle_core::Result<_>>()?;
    match a.keys().next() {
        Some(further) => candle_core::bail!("{further} in one alone"),
        None => Ok(all),
    }
}

/// Where two configurations differ: `channels is 8 and not 64`. What a file leaves out is as published.
fn differences(before: &Config, further: &Config) -> Result<Vec<String>> {
    let entries =
        |config: &Config| serde_json::to_value(config).map_err(|error| Error::Model(error.to_string()));
    let [before, further] = [entries(before)?, entries(further)?];
    let (Some(before), Some(further)) = (before.as_object(), further.as_object()) else {
        return Ok(Vec::new());
    };
    let names: BTreeSet<&String> = before.keys().chain(further.keys()).collect();
    let said = |value: Option<&Value>| value.map_or("as published".to_owned(), Value::to_string);
    let of = |name| (before.get(name), further.get(name));
    let apart =
        names.into_iter().map(|name| (name, of(name))).filter(|(_, (before, further))| before != further);
    Ok(apart
        .map(|(name, (before, further))| format!("{name} is {} and not {}", said(further), said(before)))
        .collect())
}

/// Whether the numbers of tensors of the same names are the same.
fn same<'a>(a: impl Iterator<Item = &'a Tensor>, b: impl Iterator<Item = &'a Tensor>) -> Result<bool> {
    let [a, b] = [a.collect::<Vec<_>>(), b.collect()];
    if a.len() != b.len() {
        return Ok(false);
    }
    for (a, b) in a.into_iter().zip(b) {
        if a.shape() != b.shape()
            || a.flatten_all()?.to_vec1::<f32>()? != b.flatten_all()?.to_vec1::<f32>()?
        {
            return Ok(false);
        }
    }
    Ok(true)
}

/// What is told of the first model without what is told of tasks that it no longer has, and what is told of
/// the other.
fn provenance(first: &Model, further: &Model) -> BTreeMap<String, String> {
    let taken = &further.config.tasks;
    let mut facts = first.provenance.clone();
    facts.retain(|name, _| task_of(name).is_none_or(|task| !taken.contains(&task)));
    let (of_tasks, of_all): (Vec<_>, Vec<_>) =
        further.provenance.iter().partition(|(name, _)| task_of(name).is_some());
    for task in taken {
        // What is told of the whole model is not of a task that came to it from another.
        let own = format!("{task}.");
        if !of_tasks.iter().any(|(name, _)| name.starts_with(&own)) {
            facts.extend(of_all.iter().map(|&(name, value)| (format!("{own}{name}"), value.clone())));
        }
    }
    facts.extend(of_tasks.into_iter().map(|(name, value)| (name.clone(), value.clone())));
    // The file tells now.
    facts.remove(Model::INFERRED);
    facts
}

/// The task that an entry of this name is about, if it is about one: `measured.sr2.Set5.psnr_y`, `sr2.steps`.
fn task_of(name: &str) -> Option<Task> {
    name.strip_prefix(measured::PREFIX).unwrap_or(name).split_once('.')?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::Precision;
    use crate::weights::tests::tiny;

    /// A model for `tasks` around the body of `of`, with heads, tails and embeddings of its own.
    fn around(of: &Model, tasks: &[&str], seed: u64) -> Model {
        let model = tiny(tasks, seed);
        let mut tensors = model.parameters.tensors();
        tensors.extend(body(of));
        let parameters = Parameters::from_tensors(&model.config, tensors, &Device::Cpu).unwrap();
        Model { parameters, ..model }
    }

    /// What a model makes of some picture.
    fn restored(model: &Model, task: &str) -> Vec<f32> {
        let task = task.parse().unwrap();
        let side = model.config.input(task);
        let picture: Vec<_> = (0..side * side * 3).map(|i| (i * 7 % 251) as f32).collect();
        let picture = Tensor::from_vec(picture, (1, side, side, 3), &Device::Cpu).unwrap();
        let net = model.parameters.model(&model.config, Precision::F32).unwrap();
        net.forward(&picture, task).unwrap().pictures.flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn each_task_gives_what_it_gave() {
        let first = tiny(&["sr2", "derain", "denoise30"], 1);
        let mut further = around(&first, &["denoise50", "derain", "sr2"], 2);
        // Not in squares any more.
        let config = Config { unshuffle: Vec::new(), ..further.config.clone() };
        let mut tensors = Parameters::init(&config, 3, &Device::Cpu).unwrap().tensors();
        tensors.extend(body(&first));
        further.parameters = Parameters::from_tensors(&config, tensors, &Device::Cpu).unwrap();
        further.config = config;

        let merged = first.merge(&further, 1.0).unwrap();
        let names: Vec<_> = merged.config.tasks.iter().map(ToString::to_string).collect();
        assert_eq!(names, ["sr2", "derain", "denoise30", "denoise50"]);
        for (task, source) in
            [("sr2", &further), ("derain", &further), ("denoise50", &further), ("denoise30", &first)]
        {
            assert!(restored(&merged, task) == restored(source, task), "{task}");
        }
        assert!(merged.config.unshuffle.is_empty());
        assert_eq!(further.merge(&first, 1.0).unwrap().config.unshuffle.len(), 1);
        assert_eq!(first.merge(&first, 1.0).unwrap().id().unwrap(), first.id().unwrap());
    }

    #[test]
    fn a_head_is_shared_as_long_as_it_is_the_same() {
        let tasks = ["sr2", "sr3", "sr4", "denoise30"];
        let sr: Vec<Task> = tasks[..3].iter().map(|name| name.parse().unwrap()).collect();
        let together = |of: &Model, seed| {
            let config = Config { shared_heads: vec![sr.clone()], ..of.config.clone() };
            let mut tensors = Parameters::init(&config, seed, &Device::Cpu).unwrap().tensors();
            tensors.extend(body(of));
            let parameters = Parameters::from_tensors(&config, tensors, &Device::Cpu).unwrap();
            Model { config, parameters, provenance: BTreeMap::new() }
        };
        let apart = tiny(&tasks, 1);
        let [first, further] = [together(&apart, 2), together(&apart, 3)];
        for (merged, shared, sources) in [
            (apart.merge(&first, 1.0), &sr[..], [&first, &first, &first, &first]),
            (first.merge(&apart, 1.0), &[], [&apart, &apart, &apart, &apart]),
            (first.merge(&further, 1.0), &sr, [&further, &further, &further, &further]),
            (
                first.merge(&around(&apart, &["sr2"], 4), 1.0),
                &sr[1..],
                [&around(&apart, &["sr2"], 4), &first, &first, &first],
            ),
        ] {
            let merged = merged.unwrap();
            let groups: Vec<&[Task]> = merged.config.shared_heads.iter().map(Vec::as_slice).collect();
            assert_eq!(groups, if shared.is_empty() { vec![] } else { vec![shared] });
            for (task, source) in tasks.iter().zip(sources) {
                assert!(restored(&merged, task) == restored(source, task), "{task}");
            }
        }
        assert_eq!(first.merge(&further, 0.5).unwrap().config.shared_heads, vec![sr.clone()]);
        assert!(apart.merge(&first, 0.5).unwrap().config.shared_heads.is_empty());
    }

    #[test]
    fn a_share_lies_between() {
        let first = tiny(&["sr2", "denoise30"], 1);
        let further = around(&first, &["denoise50", "sr2"], 2);
        let merged = first.merge(&further, 0.25).unwrap();
        let numbers = |model: &Model, task: &str| -> Vec<f32> {
            let own = of_task(model, task.parse().unwrap()).unwrap();
            own.values().flat_map(|tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap()).collect()
        };
        let [a, b, c] = [&first, &further, &merged].map(|model| numbers(model, "sr2"));
        assert!(a != b && a.len() == c.len());
        for ((a, b), c) in a.iter().zip(&b).zip(&c) {
            assert!((0.75 * a + 0.25 * b - c).abs() < 1e-6, "{a}, {b}: {c}");
        }
        // What only one has is whole.
        assert_eq!(numbers(&merged, "denoise30"), numbers(&first, "denoise30"));
        assert_eq!(numbers(&merged, "denoise50"), numbers(&further, "denoise50"));
        assert_eq!(merged.provenance, BTreeMap::from([("sr2.share".to_owned(), "0.25".to_owned())]));

        // In squares and not: there is nothing between.
        let squares = tiny(&["derain"], 1);
        let config = Config { unshuffle: Vec::new(), ..squares.config.clone() };
        let mut tensors = Parameters::init(&config, 3, &Device::Cpu).unwrap().tensors();
        tensors.extend(body(&squares));
        let parameters = Parameters::from_tensors(&config, tensors, &Device::Cpu).unwrap();
        let pixels = Model { config, parameters, provenance: BTreeMap::new() };
        let error = squares.merge(&pixels, 0.5).unwrap_err().to_string();
        assert!(error.contains("derain has another shape"), "{error}");
        squares.merge(&pixels, 1.0).unwrap();
    }

    #[test]
    fn heads_may_be_of_other_depths() {
        let first = tiny(&["sr2", "derain", "denoise30"], 1);
        let [sr2, derain, denoise30] =
            ["sr2", "derain", "denoise30"].map(|name| name.parse::<Task>().unwrap());
        let of_depth = |model: &Model, blocks: usize, heads: &[(Task, usize)]| {
            let head_blocks = head_blocks(blocks, heads.iter().copied());
            let level = CoarseLevel { after: 1, blocks };
            let coarse = heads.iter().map(|&(task, _)| (task, level)).collect();
            let config = Config { blocks, head_blocks, coarse, ..model.config.clone() };
            let mut tensors = Parameters::init(&config, 5, &Device::Cpu).unwrap().tensors();
            tensors.extend(body(model));
            let parameters = Parameters::from_tensors(&config, tensors, &Device::Cpu).unwrap();
            Model { config, parameters, provenance: BTreeMap::new() }
        };
        let deep = of_depth(&around(&first, &["denoise30", "sr2"], 2), 4, &[(denoise30, 6)]);
        for (merged, depths, sources) in [
            (first.merge(&deep, 1.0), [4, 2, 6], [&deep, &first, &deep]),
            (deep.merge(&first, 1.0), [2, 2, 2], [&first, &first, &first]),
        ] {
            let merged = merged.unwrap();
            for ((task, depth), source) in [sr2, derain, denoise30].into_iter().zip(depths).zip(sources) {
                assert_eq!(merged.config.blocks_of(task), depth);
                assert_eq!(merged.config.coarse.get(&task), source.config.coarse.get(&task));
                let name = task.to_string();
                assert!(restored(&merged, &name) == restored(source, &name), "{task}");
            }
        }
        // Of other depths: there is nothing between, whichever is the deeper.
        for merged in [first.merge(&deep, 0.5), deep.merge(&first, 0.5)] {
            let error = merged.unwrap_err().to_string();
            assert!(error.contains("has another shape"), "{error}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let first = tiny(&["sr2"], 1);
        let error = first.merge(&tiny(&["derain"], 2), 1.0).unwrap_err().to_string();
        assert!(error.contains("another body") && error.contains("--freeze-body"), "{error}");
        let config = Config { channels: 12, ..tiny(&["derain"], 1).config };
        let parameters = Parameters::init(&config, 1, &Device::Cpu).unwrap();
        let error = first.merge(&Model { config, parameters, provenance: BTreeMap::new() }, 1.0).unwrap_err();
        assert!(
            error.to_string().contains("another shape")
                && error.to_string().contains("channels is 12 and not 8")
        );
    }

    #[test]
    fn it_tells_where_each_task_comes_from() {
        let facts = |facts: &[(&str, &str)]| -> BTreeMap<String, String> {
            facts.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let mut first = tiny(&["sr2", "derain"], 1);
        first.provenance = facts(&[
            ("steps", "9"),
            ("hours before", "2.00"),
            ("measured.sr2.Set5.psnr_y", "37"),
            ("measured.derain.Kodak.psnr_y", "36"),
            ("sr2.seed", "4"),
        ]);
        let mut further = around(&first, &["sr2"], 2);
        further.provenance = facts(&[
            ("steps", "5"),
            ("seconds", "1800"),
            ("measured.sr2.Kodak.psnr_y", "33"),
            ("hours before", "2.00"),
        ]);
        let told = first.merge(&further, 1.0).unwrap().provenance;
        let expected = facts(&[
            ("steps", "9"),
            ("hours before", "2.50"),
            ("measured.derain.Kodak.psnr_y", "36"),
            ("measured.sr2.Kodak.psnr_y", "33"),
            ("sr2.steps", "5"),
            ("sr2.seconds", "1800"),
            ("sr2.hours before", "2.00"),
        ]);
        assert_eq!(told, expected);
    }
}

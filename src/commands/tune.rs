//! `ipt tune`.

use std::path::{Path, PathBuf};

use anyhow::bail;

use super::{Exit, train};
use crate::cli::tune::Tune;
use crate::cli::{Global, ModelName};
use crate::train::options::{self, Options, TaskPairs};
use crate::train::origin::Origin;

pub fn run(args: &Tune, global: &Global) -> anyhow::Result<Exit> {
    let file = args.model.as_ref().and_then(ModelName::file);
    let mut options = match train::start(&args.training)? {
        Some(options) if options.tune.is_none() => {
            bail!("these are the options of `ipt train`, which goes on with them")
        }
        Some(options) if args.training.resume => {
            let named = args.model.is_some().then(|| Origin::new(file.map(Path::to_path_buf)));
            Options { from: named.or(options.from), ..options }
        }
        Some(options) if args.model.is_some() => {
            let (from, model) = train::begin(file, &options.model.tasks, global)?;
            Options { from, model, ..options }
        }
        Some(options) => options,
        None => {
            let Some(task) = args.task else { bail!("--task says what to tune for") };
            let (from, model) = train::begin(file, &[task], global)?;
            let tune = Some(options::Tune::default());
            let options = Options { from, tune, ..Options::new(Vec::new(), model) };
            Options { rate: options.default_rate(), ..options }
        }
    };
    if !args.pairs.is_empty() {
        let Some(&task) = options.model.tasks.first() else { bail!("the options name no task") };
        let pairs = by_twos(&args.pairs).iter().map(|folders| TaskPairs { task, folders: folders.clone() });
        options.pairs = pairs.collect();
    }
    if let Some(tune) = &mut options.tune {
        // The one that is named now takes the place of the other.
        if args.validate_pairs.is_some() {
            options.validate = None;
            tune.validate_pairs =
                args.validate_pairs.as_deref().and_then(|given| by_twos(given).first().cloned());
        } else if args.training.validate.is_some() {
            tune.validate_pairs = None;
        }
    }
    if args.task.is_some_and(|task| options.model.tasks != [task]) {
        bail!("--task differs from the task of the run");
    }
    train::take(&mut options, &args.training)?;
    train::go(&mut options, &args.training, global)
}

/// The folders of an option that takes two each time.
fn by_twos(given: &[PathBuf]) -> &[[PathBuf; 2]] {
    given.as_chunks().0
}

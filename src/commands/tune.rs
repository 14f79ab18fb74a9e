//! `ipt tune`.

use std::path::Path;

use anyhow::bail;

use super::{Exit, train};
use crate::cli::Global;
use crate::cli::ModelName;
use crate::cli::tune::Tune;
use crate::train::options::{self, Options};
use crate::train::origin::Origin;

pub fn run(args: &Tune, global: &Global) -> anyhow::Result<Exit> {
    let file = args.model.as_ref().and_then(ModelName::file);
    let mut options = match train::start(&args.training)? {
        Some(options) if options.tune.is_none() => bail!("these are the options of `ipt train`"),
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
    if let Some(tune) = &mut options.tune {
        let pairs: Vec<_> = args.pairs.as_chunks().0.to_vec();
        if !pairs.is_empty() {
            tune.pairs = pairs;
        }
        // The one that is named now takes the place of the other.
        if args.validate_pairs.is_some() {
            options.validate = None;
            tune.validate_pairs = two(&args.validate_pairs);
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

/// The folders of an option that takes two.
fn two<T: Clone>(given: &Option<Vec<T>>) -> Option<[T; 2]> {
    given.clone().and_then(|given| given.try_into().ok())
}

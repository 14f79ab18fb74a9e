//! `ipt tune`.

use anyhow::bail;

use super::{Exit, model, train};
use crate::cli::Global;
use crate::cli::tune::Tune;
use crate::train::options::{self, Options};
use crate::train::tune;

/// The paper's rate for fine-tuning.
const RATE: f64 = 2e-5;

pub fn run(args: &Tune, global: &Global) -> anyhow::Result<Exit> {
    let mut options = match train::start(&args.training)? {
        Some(options) if options.tune.is_some() => options,
        Some(_) => bail!("these are the options of `ipt train`"),
        None => {
            let Some(task) = args.task else { bail!("--task says what to tune for") };
            let pairs = args.pairs.as_ref().and_then(|pairs| pairs.clone().try_into().ok());
            let from = options::Tune { model: args.model.clone(), pairs, freeze_body: args.freeze_body };
            let source = model::open(from.model.as_deref(), Some(tune::unnamed(task)), global)?;
            let model = tune::config(&source.config, task);
            Options { rate: RATE, tune: Some(from), ..Options::new(Vec::new(), model) }
        }
    };
    if let Some(tune) = &mut options.tune {
        tune.freeze_body |= args.freeze_body;
    }
    if args.task.is_some_and(|task| options.model.tasks != [task]) {
        bail!("--task differs from the task of the run");
    }
    train::take(&mut options, &args.training)?;
    train::go(&mut options, &args.training, global)
}

//! What degrade and restore share: from path arguments to finished files and an exit status.

use std::io::{IsTerminal, stdin, stdout};

use anyhow::bail;

use super::{Exit, complain};
use crate::batch::{self, Existing, Input, Job, Options, Order, Output, Plan};
use crate::cli::Global;
use crate::cli::paths::Paths;
use crate::error::Result;
use crate::picture::Picture;
use crate::progress::{self, Progress};

/// Plans the work. Nothing is read but folders.
pub fn plan(args: &Paths) -> anyhow::Result<Plan> {
    let existing = match (args.overwrite, args.skip_existing) {
        (true, _) => Existing::Overwrite,
        (_, true) => Existing::Skip,
        _ => Existing::Refuse,
    };
    let plan = Plan::new(&args.paths, &Options { existing, format: args.format })?;
    refuse_terminals(&plan, stdin().is_terminal(), stdout().is_terminal())?;
    Ok(plan)
}

fn refuse_terminals(plan: &Plan, stdin: bool, stdout: bool) -> anyhow::Result<()> {
    if stdout && plan.jobs.iter().any(|job| job.output == Output::Stdout) {
        bail!("a terminal cannot show a picture's bytes: name an output or redirect stdout (see --help)");
    }
    if stdin && plan.jobs.iter().any(|job| job.input == Input::Stdin) {
        bail!("stdin is a terminal: name a picture or redirect stdin (see --help)");
    }
    Ok(())
}

/// Works through the plan, with a bar, a line for each failure, and a last line for batches.
pub fn run(
    plan: &Plan,
    order: Order,
    global: &Global,
    work: impl Fn(&Job, &Picture) -> Result<Picture> + Sync,
) -> Exit {
    let total = plan.jobs.len();
    for failure in &plan.failures {
        complain(failure);
    }
    let bar = if global.quiet || total < 2 { Progress::hidden() } else { Progress::new(total, "pictures") };
    let summary = batch::run(plan, order, work, |job, result| {
        if let Err(error) = result {
            bar.line(format_args!("ipt: {}: {error}", job.input));
        }
        bar.advance(1);
    });
    drop(bar);
    let batch::Summary { done, skipped, failed } = summary;
    if !global.quiet && total + skipped + plan.failures.len() > 1 {
        progress::line(format_args!("{done} done, {skipped} skipped, {failed} failed"));
    }
    if failed == 0 { Exit::Done } else { Exit::Failed }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    #[test]
    fn no_picture_from_or_to_a_terminal() {
        let ends = |paths: &[&str], stdin, stdout| {
            let paths: Vec<PathBuf> = paths.iter().map(PathBuf::from).collect();
            refuse_terminals(&Plan::new(&paths, &Options::default()).unwrap(), stdin, stdout).is_ok()
        };
        assert!(ends(&[], false, false));
        assert!(!ends(&[], true, false));
        assert!(!ends(&[], false, true));
        assert!(!ends(&["a.png"], true, true));
        assert!(ends(&["a.png"], true, false));
        assert!(ends(&["a.png", "no-such-file.png"], true, true));
    }
}

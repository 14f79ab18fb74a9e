//! `ipt score`.

use std::path::Path;

use anyhow::bail;
use rayon::prelude::*;

use super::{Exit, complain};
use crate::batch::Input;
use crate::cli::Global;
use crate::cli::score::Score as Args;
use crate::error::{AtPath, Error, Result};
use crate::picture::{self, Picture};
use crate::progress::{self, Progress};
use crate::score::{self, Case, Figure, Metric, Protocol, Report, Row, Score};

pub fn run(args: &Args, global: &Global) -> anyhow::Result<Exit> {
    let protocol = protocol(args)?;
    if args.min_psnr.is_some() && !args.metrics.contains(&Metric::Psnr) {
        bail!("--min-psnr needs psnr among the --metrics");
    }
    let (results, reference) = roles(args);
    let found = score::match_up(&results, reference)?;
    if protocol.name.is_some() && !global.quiet {
        progress::line(&protocol);
    }
    let mut exit = Exit::Done;
    let mut fail = |error: &Error| {
        complain(error);
        exit = exit.merge(Exit::Failed);
    };
    found.failures.iter().for_each(&mut fail);
    let total = found.cases.len();
    let bar = if global.quiet || total < 2 { Progress::hidden() } else { Progress::new(total, "pictures") };
    let measured: Vec<Result<Vec<Score>>> = found
        .cases
        .par_iter()
        .map(|case| {
            let scores = measure(case, &protocol, &args.metrics);
            bar.advance(1);
            scores
        })
        .collect();
    drop(bar);
    let mut rows = Vec::new();
    for (Case { name, .. }, scores) in found.cases.iter().zip(measured) {
        match scores {
            Ok(scores) => rows.push(Row { name: name.clone(), scores }),
            Err(error) => fail(&error),
        }
    }
    let results = results.iter().map(|path| Input::new(path).to_string()).collect();
    let report = Report::new(protocol, Figure::of(&args.metrics), results, rows);
    show(&report, args)?;
    if let Some(least) = args.min_psnr {
        exit = exit.merge(hold_to(&report, least));
    }
    Ok(exit)
}

fn protocol(args: &Args) -> Result<Protocol> {
    let protocol = match (args.protocol, args.task) {
        (Some(name), task) => Protocol::named(name, task)?,
        (None, Some(task)) => Protocol::of(task),
        (None, None) => Protocol::whole(),
    };
    Ok(protocol.with_shave(args.shave))
}

/// What is judged, and by what.
fn roles(args: &Args) -> (Vec<&Path>, &Path) {
    let result = args.result.as_path();
    match (args.other.as_deref(), args.reference.as_deref()) {
        (Some(other), Some(reference)) => (vec![result, other], reference),
        // The command line has one of them.
        (other, reference) => (vec![result], reference.or(other).unwrap_or(result)),
    }
}

fn measure(case: &Case, protocol: &Protocol, metrics: &[Metric]) -> Result<Vec<Score>> {
    let reference = decode(&case.reference)?;
    let compare = |input: &Input| {
        // Both files belong into the line: either may be the wrong one.
        score::compare(&decode(input)?, &reference, protocol, metrics)
            .map_err(|error| error.at(case.reference.to_string()).at(input.to_string()))
    };
    case.restored.iter().map(compare).collect()
}

fn decode(input: &Input) -> Result<Picture> {
    let decoded = input.read().and_then(|bytes| picture::decode(&bytes));
    Ok(decoded.at(input.to_string())?.picture)
}

fn show(report: &Report, args: &Args) -> anyhow::Result<()> {
    // Whole before the first byte: half a JSON object helps nobody.
    let mut bytes = Vec::new();
    if args.json {
        report.json(&mut bytes)?;
    } else if args.csv {
        report.csv(&mut bytes)?;
    } else {
        report.table(&mut bytes)?;
    }
    Ok(super::print(&bytes)?)
}

/// Fails if the mean is below `least` dB, or there is none.
fn hold_to(report: &Report, least: f64) -> Exit {
    let figure = report.protocol().figure(Metric::Psnr);
    match report.summary(figure).map(|summary| summary.results[0].mean) {
        Some(mean) if mean >= least => Exit::Done,
        Some(mean) => {
            complain(format_args!(
                "the mean {figure} of {}, {mean:.3} dB, is below {least} dB",
                report.results()[0]
            ));
            Exit::Failed
        }
        None => {
            complain(format_args!("no picture was scored, so no mean {figure} reaches {least} dB"));
            Exit::Failed
        }
    }
}

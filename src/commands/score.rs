//! `ipt score`.

use std::io::{IsTerminal, stdin};
use std::path::Path;

use anyhow::bail;
use rayon::prelude::*;

use super::{Exit, complain, refuse_typing};
use crate::atomic;
use crate::batch::{Input, Output};
use crate::cli::Global;
use crate::cli::score::Score as Args;
use crate::error::{AtPath, Error, Result, visible};
use crate::picture::{self, Picture};
use crate::progress::{self, Progress};
use crate::score::{self, Case, Exhibit, Figure, Metric, Protocol, Report, Row, Score};

pub fn run(args: &Args, global: &Global) -> anyhow::Result<Exit> {
    let protocol = protocol(args)?;
    if args.min_psnr.is_some() && !args.metrics.contains(&Metric::Psnr) {
        bail!("--min-psnr needs psnr among the --metrics");
    }
    if let Some(path) = &args.html
        && !path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("html"))
    {
        // An older page is replaced; a picture named by mistake must not be.
        bail!("--html {}: a page's name ends in .html", visible(path));
    }
    let (results, reference) = roles(args);
    let found = score::match_up(&results, reference)?;
    if protocol.name.is_some() && !global.quiet {
        progress::line(&protocol);
    }
    refuse_typing(found.cases.iter().flat_map(Case::inputs), stdin().is_terminal())?;
    let pictures = Pictures::new(&found.cases)?;
    let mut exit = Exit::Done;
    let mut fail = |error: &Error| {
        complain(error);
        exit = exit.merge(Exit::Failed);
    };
    found.failures.iter().for_each(&mut fail);
    let total = found.cases.len();
    let bar = if global.quiet || total < 2 { Progress::hidden() } else { Progress::new(total, "pictures") };
    let measure = |case| {
        let scores = pictures.measure(case, &protocol, &args.metrics);
        bar.advance(1);
        scores
    };
    let measured: Vec<Result<Vec<Score>>> = found.cases.par_iter().map(measure).collect();
    drop(bar);
    let (mut cases, mut rows) = (Vec::new(), Vec::new());
    for (case, scores) in found.cases.iter().zip(measured) {
        match scores {
            Ok(scores) => {
                cases.push(case);
                rows.push(Row { name: case.name.clone(), scores });
            }
            Err(error) => fail(&error),
        }
    }
    let results = results.iter().map(|path| Input::new(path).text()).collect();
    let report = Report::new(protocol, Figure::of(&args.metrics), results, rows);
    show(&report, args)?;
    if let Some(path) = &args.html {
        let exhibit = |row: usize| pictures.exhibit(cases[row], report.protocol(), report.budget());
        let exhibits: Vec<Exhibit> = report.shown().into_par_iter().map(exhibit).collect::<Result<_>>()?;
        Output::Path(path.clone()).write(report.page(&exhibits).as_bytes(), atomic::Existing::Replace)?;
    }
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

/// Where pictures are read from; stdin, which gives its bytes once, is kept.
struct Pictures {
    stdin: Option<Vec<u8>>,
}

impl Pictures {
    fn new(cases: &[Case]) -> Result<Self> {
        let mut inputs = cases.iter().flat_map(Case::inputs);
        let stdin = inputs.find(|&input| *input == Input::Stdin);
        Ok(Self { stdin: stdin.map(|input| input.read().at("stdin")).transpose()? })
    }

    fn decode(&self, input: &Input) -> Result<Picture> {
        let decoded = match (input, &self.stdin) {
            (Input::Stdin, Some(bytes)) => picture::decode(bytes),
            _ => input.read().and_then(|bytes| picture::decode(&bytes)),
        };
        Ok(decoded.at(input.to_string())?.picture)
    }

    fn measure(&self, case: &Case, protocol: &Protocol, metrics: &[Metric]) -> Result<Vec<Score>> {
        let reference = self.decode(&case.reference)?;
        let compare = |input: &Input| {
            // Both files belong into the line: either may be the wrong one.
            score::compare(&self.decode(input)?, &reference, protocol, metrics)
                .map_err(|error| error.at(case.reference.to_string()).at(input.to_string()))
        };
        case.restored.iter().map(compare).collect()
    }

    fn exhibit(&self, case: &Case, protocol: &Protocol, budget: usize) -> Result<Exhibit> {
        let results: Vec<Picture> =
            case.restored.iter().map(|input| self.decode(input)).collect::<Result<_>>()?;
        Exhibit::new(case.name.clone(), &results, &self.decode(&case.reference)?, protocol, budget)
    }
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

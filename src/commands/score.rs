//! `ipt score`.

use rayon::prelude::*;

use super::{Exit, complain};
use crate::batch::Input;
use crate::cli::score::Score as Args;
use crate::error::{AtPath, Error, Result};
use crate::picture::{self, Picture};
use crate::score::{self, Pair, Protocol, Report, Row, Score};

pub fn run(args: &Args) -> anyhow::Result<Exit> {
    let protocol = Protocol::new(args.task, args.shave);
    let found = score::match_up(&args.restored, &args.reference)?;
    let mut exit = Exit::Done;
    let mut fail = |error: &Error| {
        complain(error);
        exit = exit.merge(Exit::Failed);
    };
    found.failures.iter().for_each(&mut fail);
    let scores: Vec<Result<Score>> = found.pairs.par_iter().map(|pair| compare(pair, protocol)).collect();
    let mut report = Report { rows: Vec::new(), shave: protocol.shave };
    for (Pair { name, .. }, score) in found.pairs.into_iter().zip(scores) {
        match score {
            Ok(score) => report.rows.push(Row { name, score }),
            Err(error) => fail(&error),
        }
    }
    show(&report, args)?;
    Ok(exit)
}

fn compare(pair: &Pair, protocol: Protocol) -> Result<Score> {
    let (restored, reference) = (decode(&pair.restored)?, decode(&pair.reference)?);
    // Both files belong into the line: either may be the wrong one.
    score::compare(&restored, &reference, protocol)
        .map_err(|error| error.at(pair.reference.to_string()).at(pair.restored.to_string()))
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

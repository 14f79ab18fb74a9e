//! One handler a subcommand: arguments → options → library → report.

mod compute;
mod degrade;
mod display;
mod encoding;
mod exit;
mod export;
mod files;
mod list;
mod list_file;
mod merge;
mod model;
mod record;
mod restore;
mod score;
mod screen;
mod train;
mod tune;

pub use exit::Exit;

use std::path::Path;

use anyhow::{Context, bail};

use crate::atomic::{self, Existing};
use crate::batch::{Input, Output};
use crate::cli::{Cli, Command, Global};
use crate::error::{Result, visible};
use crate::{interrupt, progress};

/// Does what the command line says. Errors that refuse the whole request are printed here.
pub fn run(cli: Cli) -> Exit {
    let Cli { command, global } = cli;
    // Training saves its state first.
    let ready = match command {
        Command::Train(_) | Command::Tune(_) => Ok(()),
        _ => interrupt::end_between_writes().context("signals cannot be caught"),
    };
    let ended = ready.and_then(|()| limit_threads(&global)).and_then(|()| match command {
        Command::Restore(args) => restore::run(&args, &global),
        Command::Degrade(args) => degrade::run(&args, &global),
        Command::Score(args) => score::run(&args, &global),
        Command::Train(args) => train::run(&args, &global),
        Command::Tune(args) => tune::run(&args, &global),
        Command::Merge(args) => merge::run(&args, &global),
        Command::Export(args) => export::run(&args, &global),
    });
    ended.unwrap_or_else(|error| {
        complain(explain(&error));
        Exit::Refused
    })
}

/// The global pool serves the batch, the model and the metrics alike.
fn limit_threads(global: &Global) -> anyhow::Result<()> {
    if let Some(jobs) = global.jobs {
        rayon::ThreadPoolBuilder::new().num_threads(jobs.into()).build_global()?;
    }
    Ok(())
}

/// One line on stderr, with the program's name in front as it stands in a pipeline.
fn complain(message: impl std::fmt::Display) {
    progress::line(format_args!("ipt: {message}"));
}

/// Refuses to wait for a picture that nobody types.
fn refuse_typing<'a>(mut inputs: impl Iterator<Item = &'a Input>, terminal: bool) -> anyhow::Result<()> {
    if terminal && inputs.any(|input| *input == Input::Stdin) {
        bail!("stdin is a terminal: name a picture or redirect stdin (see --help)");
    }
    Ok(())
}

/// What becomes of the one file that is to be written, if it is there.
///
/// # Errors
/// When it is, and must stay.
fn existing(file: &Path, overwrite: bool) -> anyhow::Result<Existing> {
    match overwrite {
        true => Ok(Existing::Replace),
        false if file.symlink_metadata().is_ok() => {
            bail!("{} exists: --overwrite replaces it", visible(file))
        }
        false => Ok(Existing::Refuse),
    }
}

/// Writes to stdout. A reader that has seen enough is no error.
fn print(bytes: &[u8]) -> Result<()> {
    Output::Stdout.write(bytes, atomic::Existing::Refuse)
}

/// An error with its causes, each said once: some errors' words hold their cause's already.
fn explain(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;
    use anyhow::Context;

    #[test]
    fn causes_are_said_once() {
        let error = Error::Model("no task derain".into()).at("a.safetensors");
        let error = Err::<(), _>(error).context("cannot restore").unwrap_err();
        assert_eq!(explain(&error), "cannot restore: a.safetensors: no task derain");
    }
}

//! What `--json` says of a picture.

use serde::Serialize;

use super::files::Work;
use crate::batch::{Job, Made};
use crate::degrade;
use crate::error::Result;

#[derive(Serialize)]
struct Record<'a> {
    input: String,
    output: String,
    task: &'a str,
    /// None where no model has a part in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model_id: Option<&'a str>,
    /// How the picture was damaged, if it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    degradation: Option<degrade::Record>,
    #[serde(flatten)]
    outcome: Outcome,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Outcome {
    Made { input_size: (usize, usize), output_size: (usize, usize), format: String, seconds: f64 },
    Failed { error: String },
}

/// One line, with its end.
pub fn line(job: &Job, result: &Result<Made>, what: &Work) -> Vec<u8> {
    let outcome = match result {
        Ok(made) => Outcome::Made {
            input_size: made.from,
            output_size: made.to,
            format: made.format.to_string(),
            seconds: made.time.as_secs_f64(),
        },
        Err(error) => Outcome::Failed { error: error.to_string() },
    };
    let record = Record {
        input: job.input.text(),
        output: job.output.text(),
        task: &what.task,
        degradation: what.degradation.map(|how| (how.record)(job)),
        model: what.model,
        model_id: what.model_id.as_deref(),
        outcome,
    };
    // Strings and finite numbers always serialise; an empty line would be seen.
    let mut line = serde_json::to_vec(&record).unwrap_or_default();
    line.push(b'\n');
    line
}

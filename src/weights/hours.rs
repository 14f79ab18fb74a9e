//! Hours of training behind a model, as its file tells.

use std::collections::BTreeMap;

use super::Model;

/// Seconds of training, of a run that a time ends.
pub const SECONDS: &str = "seconds";
/// Hours of training that the model of its beginning had behind it.
pub const HOURS_BEFORE: &str = "hours before";
/// As somebody noted them by hand.
const HOURS: &str = "hours";

impl Model {
    /// Hours of training over all the runs that led to the model, as far as its facts tell.
    pub fn hours(&self) -> Option<f64> {
        sum(number(&self.provenance, HOURS_BEFORE), own(&self.provenance))
    }

    /// Notes the hours behind a model that two models made, `self` being told of as the first of them. What was
    /// behind both counts once: that is what the second's last run began with, as far as the first has it.
    pub(super) fn note_hours(&mut self, first: &Model, second: &Model) {
        let shared =
            number(&second.provenance, HOURS_BEFORE).unwrap_or(0.0).min(first.hours().unwrap_or(0.0));
        if let Some(hours) = sum(first.hours(), second.hours()) {
            self.provenance.retain(|name, _| name != SECONDS && name != HOURS);
            self.provenance.insert(HOURS_BEFORE.into(), format!("{:.2}", hours - shared));
        }
    }
}

/// Hours of the last run. What was noted by hand is of the same run as the seconds.
fn own(facts: &BTreeMap<String, String>) -> Option<f64> {
    number(facts, SECONDS).map(|seconds| seconds / 3600.0).or(number(facts, HOURS))
}

fn number(facts: &BTreeMap<String, String>, name: &str) -> Option<f64> {
    facts.get(name)?.parse().ok().filter(|number: &f64| number.is_finite())
}

/// What is known of both together.
fn sum(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    [a, b].into_iter().flatten().reduce(|a, b| a + b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weights::tests::tiny;

    fn told(facts: &[(&str, &str)]) -> Model {
        let facts = facts.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Model { provenance: facts.collect(), ..tiny(&["derain"], 1) }
    }

    #[test]
    fn hours_add_up() {
        assert_eq!(told(&[("steps", "3")]).hours(), None);
        assert_eq!(told(&[("hours", "1.2")]).hours(), Some(1.2));
        assert_eq!(told(&[("seconds", "5400"), ("hours before", "1.20")]).hours(), Some(2.7));
        assert_eq!(told(&[("seconds", "3600"), ("hours", "1")]).hours(), Some(1.0));
        assert_eq!(told(&[("hours before", "2"), ("seconds", "x")]).hours(), Some(2.0));
    }

    #[test]
    fn what_was_behind_two_models_counts_once() {
        let merged = |first: &Model, second: &Model| {
            let mut merged = told(&[("seconds", "9")]);
            merged.note_hours(first, second);
            merged
        };
        let base = told(&[("seconds", "3600"), ("hours before", "2")]);
        let tuned = |seconds, before| told(&[("seconds", seconds), ("hours before", before)]);
        let one = merged(&base, &tuned("1800", "3"));
        assert_eq!(one.hours(), Some(3.5));
        // Two that were tuned from the same; one that was tuned twice; and one that had been merged already.
        assert_eq!(merged(&one, &tuned("900", "3")).hours(), Some(3.75));
        assert_eq!(merged(&base, &tuned("900", "3.5")).hours(), Some(3.75));
        assert_eq!(merged(&base, &one).hours(), Some(3.5));
        // As far as they tell.
        assert_eq!(merged(&told(&[]), &tuned("1800", "3")).hours(), Some(3.5));
        assert_eq!(merged(&base, &told(&[])).hours(), Some(3.0));
        let silent = told(&[]);
        assert_eq!(merged(&silent, &silent).provenance["seconds"], "9");
    }
}

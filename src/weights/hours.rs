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

    /// Adds the hours of the run that made `other`.
    pub(super) fn add_hours(&mut self, other: &Model) {
        if let Some(hours) = sum(number(&self.provenance, HOURS_BEFORE), own(&other.provenance)) {
            self.provenance.insert(HOURS_BEFORE.into(), format!("{hours:.2}"));
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
    fn hours_of_another_run_come_before() {
        let mut model = told(&[("seconds", "3600"), ("hours before", "2")]);
        model.add_hours(&told(&[("steps", "3"), ("hours before", "7")]));
        assert_eq!(model.hours(), Some(3.0));
        model.add_hours(&told(&[("seconds", "1800"), ("hours before", "3")]));
        assert_eq!(model.hours(), Some(3.5));
    }
}

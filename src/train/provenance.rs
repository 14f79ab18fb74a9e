//! What the result's file tells of its making.
//!
//! Nothing of when or where, and of time only where a time ends the run: equal runs have equal
//! files.

use std::collections::BTreeMap;

use super::options::Options;
use crate::dataset::Source;

/// Seconds of training, of a run that a time ends.
const SECONDS: &str = "seconds";
/// Hours of training that the model of its beginning had behind it.
const HOURS_BEFORE: &str = "hours before";
/// As somebody noted them by hand.
const HOURS: &str = "hours";

/// The facts of a run that ended after these steps, patches and seconds.
pub(super) fn facts(
    options: &Options,
    steps: u64,
    patches: u64,
    seconds: f64,
    source: &Source,
) -> BTreeMap<String, String> {
    let mut facts = BTreeMap::from([
        ("program".into(), concat!("ipt ", env!("CARGO_PKG_VERSION")).into()),
        ("steps".into(), steps.to_string()),
        ("patches".into(), patches.to_string()),
        ("photographs".into(), source.len().to_string()),
        ("data".into(), format!("blake3 {}", source.digest())),
        ("seed".into(), options.seed.to_string()),
    ]);
    if options.max_seconds.is_some() {
        facts.insert(SECONDS.into(), format!("{seconds:.0}"));
    }
    if let Some(origin) = &options.from {
        let name = origin.model.as_ref().and_then(|path| path.file_name());
        let name = name.map_or("the embedded model".into(), |name| name.to_string_lossy().into_owned());
        facts.insert("from".into(), name);
        facts.extend(origin.blake3.as_ref().map(|digest| ("from blake3".into(), digest.clone())));
        facts.extend(origin.hours.map(|hours| (HOURS_BEFORE.into(), format!("{hours:.2}"))));
    }
    facts
}

/// Hours of training behind a model, over all the runs that led to it, as far as its facts tell.
pub(super) fn hours(facts: &BTreeMap<String, String>) -> Option<f64> {
    let number = |name: &str| facts.get(name)?.parse::<f64>().ok().filter(|number| number.is_finite());
    let own = number(SECONDS).map(|seconds| seconds / 3600.0).or(number(HOURS));
    let parts = [number(HOURS_BEFORE), own];
    parts.into_iter().flatten().reduce(|before, own| before + own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_add_up() {
        let facts = |facts: &[(&str, &str)]| {
            facts.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        assert_eq!(hours(&facts(&[("steps", "3")])), None);
        assert_eq!(hours(&facts(&[("hours", "1.2")])), Some(1.2));
        assert_eq!(hours(&facts(&[("seconds", "5400"), ("hours before", "1.20")])), Some(2.7));
        // What was noted by hand is of the same run as the seconds.
        assert_eq!(hours(&facts(&[("seconds", "3600"), ("hours", "1")])), Some(1.0));
        assert_eq!(hours(&facts(&[("hours before", "2"), ("seconds", "x")])), Some(2.0));
    }
}

//! What the result's file tells of its making.
//!
//! Nothing of when or where, and of time only where a time ends the run: equal runs have equal
//! files.

use std::collections::BTreeMap;

use super::options::Options;
use crate::dataset::Source;
use crate::weights::{HOURS_BEFORE, SECONDS};

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

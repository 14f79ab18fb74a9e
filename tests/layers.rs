//! Who may import whom: a module knows only what lies below it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Each module of the crate and what it may use; what it may use is listed before it, so that
/// there are no circles.
const MODULES: &[(&str, &str)] = &[
    ("error", ""),
    ("task", "error"),
    ("rng", ""),
    ("interrupt", ""),
    ("atomic", "error interrupt"),
    ("startup", ""),
    ("progress", "error"),
    ("bicubic", ""),
    ("device", "error"),
    ("picture", "error bicubic"),
    ("degrade", "error task rng bicubic picture"),
    ("batch", "error atomic picture"),
    ("score", "error task rng picture batch"),
    ("kernels", ""),
    ("ops", "error device kernels"),
    ("model", "error task rng bicubic device ops"),
    ("weights", "error task rng atomic device ops model"),
    ("dataset", "error task rng picture degrade batch model"),
    ("restore", "error task bicubic device picture ops model weights"),
    ("train", "error task rng atomic device picture degrade score dataset ops model weights restore"),
    ("cli", "task degrade device picture score ops model"),
    (
        "commands",
        "error task atomic interrupt progress device picture degrade batch score ops dataset model weights train \
         restore cli",
    ),
];

/// Packages that only these modules (or `main`) may name.
const PACKAGES: &[(&str, &[&str])] = &[
    ("clap", &["cli", "main"]),
    ("clap_complete", &[]),
    ("clap_mangen", &[]),
    ("indicatif", &["progress", "commands"]),
    ("anyhow", &["commands", "main"]),
    ("signal_hook", &["commands", "interrupt"]),
    ("plotters", &["train"]),
    ("tempfile", &["atomic"]),
    ("zip", &["weights"]),
    ("image", &["picture"]),
    ("img_parts", &["picture"]),
    ("jpeg_encoder", &["picture"]),
    ("libwebp_sys", &["picture"]),
    ("tiff", &["picture"]),
    ("walkdir", &["batch"]),
];

/// Modules that know nothing of tensors.
const WITHOUT_CANDLE: &[&str] = &["picture", "degrade", "score", "batch", "cli", "task", "rng", "atomic"];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The code of each module without comments and unit tests.
fn modules() -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    assert!(files.len() > 30, "the sources were not found");
    let mut modules: BTreeMap<String, String> = BTreeMap::new();
    for file in files {
        let relative = file.strip_prefix(&root).unwrap();
        let first = Path::new(relative.iter().next().unwrap());
        let text = std::fs::read_to_string(&file).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
        let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
        let module = modules.entry(first.file_stem().unwrap().to_str().unwrap().to_owned()).or_default();
        lines.for_each(|line| *module += &format!("{line}\n"));
    }
    modules
}

/// The words that follow `before` in the code.
fn words_after<'a>(code: &'a str, before: &str) -> Vec<&'a str> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut words = Vec::new();
    for (at, _) in code.match_indices(before) {
        let rest = &code[at + before.len()..];
        if let Some(list) = rest.strip_prefix('{') {
            // `use crate::{a, b::{c, d}}`: the names at the outer level.
            let mut depth = 0;
            let mut start = true;
            for (i, c) in list.char_indices() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => start = true,
                    c if depth == 0 && start && is_word(c) => {
                        words.push(list[i..].split(|c| !is_word(c)).next().unwrap());
                        start = false;
                    }
                    _ => {}
                }
            }
        } else {
            words.push(rest.split(|c| !is_word(c)).next().unwrap());
        }
    }
    words
}

#[test]
fn a_module_knows_only_those_below() {
    let known: BTreeMap<&str, &str> = MODULES.iter().copied().collect();
    let mut wrong = Vec::new();
    for (module, code) in modules() {
        if module == "lib" || module == "main" {
            continue;
        }
        let Some(allowed) = known.get(module.as_str()) else {
            wrong.push(format!("{module} has no place in tests/layers.rs"));
            continue;
        };
        for used in words_after(&code, "crate::") {
            // Result, Error, Task and Scale are error's and task's, shown at the root.
            let used = match used {
                "Result" | "Error" => "error",
                "Task" | "Scale" => "task",
                other => other,
            };
            if used != module && !allowed.split(' ').any(|name| name == used) {
                wrong.push(format!("{module} uses {used}"));
            }
        }
    }
    wrong.sort();
    wrong.dedup();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_order_has_no_circles() {
    for (at, (module, allowed)) in MODULES.iter().enumerate() {
        for used in allowed.split_whitespace() {
            assert!(MODULES[..at].iter().any(|(name, _)| *name == used), "{module} and {used}");
        }
    }
}

#[test]
fn packages_stay_in_their_rooms() {
    let mut wrong = Vec::new();
    for (module, code) in modules() {
        for (package, homes) in PACKAGES {
            let named = [format!("{package}::"), format!("use {package};")].iter().any(|text| {
                code.match_indices(text.as_str())
                    .any(|(at, _)| !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_'))
            });
            if named && !homes.contains(&module.as_str()) {
                wrong.push(format!("{module} uses {package}"));
            }
        }
        if WITHOUT_CANDLE.contains(&module.as_str()) && code.contains("candle") {
            wrong.push(format!("{module} uses candle"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn braces_are_understood() {
    let code = "use crate::{a::{b, c}, d}; crate::e::f(); use crate::g;";
    assert_eq!(words_after(code, "crate::"), ["a", "d", "e", "g"]);
}

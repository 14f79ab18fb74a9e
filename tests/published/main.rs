//! The authors' weights: against what their own code gives, and damaged in every way.
//!
//! `make.py` makes the files: the tiny ones are in fixtures/published, and those of full size are
//! compared where it has put them in target/published.

mod allocations;
mod hostile;
mod numbers;

use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::process::Command;

use ipt::Task;
use ipt::weights::Model;

const ZIP: &str = "tiny-six.pt";
const LEGACY: &str = "tiny-sr4.legacy.pt";

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/published").join(name)
}

fn open(bytes: &[u8]) -> ipt::Result<Model> {
    Model::from_reader(Cursor::new(bytes), None)
}

#[test]
fn the_task_of_an_export_must_be_the_models() {
    let folder = tempfile::tempdir().unwrap();
    let export = |task: &str| {
        let mut program = Command::new(env!("CARGO_BIN_EXE_ipt"));
        program.args(["export", "--task", task]).arg(fixture(LEGACY)).arg(folder.path().join("out.pt"));
        let output = program.output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, said) = export("sr2");
    assert!(code == Some(2) && said.contains("--task differs from what the model is for: sr4"), "{said}");
    assert_eq!(export("sr4").0, Some(0));
}

#[test]
fn what_was_inferred_is_said() {
    let model = Model::open(&fixture(ZIP)).unwrap();
    assert_eq!(model.config.tasks, Task::PRETRAINING);
    assert!(!model.config.output_bias);
    assert_eq!(
        model.provenance[Model::INFERRED],
        "sr2, sr3, sr4, derain, denoise30, denoise50; 4 channels, 2 blocks of 5×5, patches of 3×3, width 36, \
         1 + 1 layers, 12 heads (assumed: shapes do not tell)"
    );
    let model = Model::open(&fixture(LEGACY)).unwrap();
    assert_eq!(model.config.tasks, ["sr4".parse().unwrap()]);
    assert!(model.config.output_bias);
}

//! Tasks that were tuned apart, in one model.

use candle_core::DType;
use ipt::weights::Model;

use crate::harness::{TestEnv, photo, tiny};

#[test]
fn a_tuned_task_goes_back_into_its_model() {
    let env = TestEnv::with(&["a.png"]);
    tiny(&["sr2", "derain"]).save(&env.path("base.safetensors"), DType::F32).unwrap();
    env.write("photos/a.png", &photo(160, 160));
    let tune = "tune --model base.safetensors photos --steps 2 --batch 1 --precision f32 -q";
    env.assert_output(&format!("{tune} --task sr2 --freeze-body --out sr2"), b"");
    env.assert_output(&format!("{tune} --task denoise70 --freeze-body --out denoise70"), b"");
    env.assert_output(
        "merge base.safetensors sr2/final.safetensors denoise70/final.safetensors all.safetensors",
        b"",
    );
    for (task, model) in [("sr2", "sr2/final"), ("denoise70", "denoise70/final"), ("derain", "base")] {
        let restore = |model: &str| {
            env.assert_output(&format!("restore -q --task {task} --model {model}.safetensors a.png"), b"")
        };
        assert!(restore("all") == restore(model), "{task}");
    }
    let told = Model::open(&env.path("all.safetensors")).unwrap().provenance;
    assert_eq!((&*told["sr2.steps"], &*told["denoise70.steps"]), ("2", "2"));

    // What is there stays, unless one says otherwise; what is asked of no model, too.
    let before = env.read("all.safetensors");
    env.assert_error(
        "merge base.safetensors base.safetensors all.safetensors",
        &["all.safetensors exists", "--overwrite"],
    );
    env.assert_error("merge base.safetensors none.safetensors b.safetensors", &["none.safetensors: "]);
    env.assert_error(
        "merge base.safetensors base.safetensors b.safetensors --share 1.5",
        &["--share", "from 0 to 1"],
    );
    // A FILE that was forgotten would be a model that is lost.
    env.assert_error("merge --overwrite base.safetensors sr2/final.safetensors", &["two models"]);
    env.assert_error("merge base.safetensors base.safetensors embedded", &["inside the program"]);
    assert!(env.read("all.safetensors") == before);
    env.assert_output("merge base.safetensors --overwrite base.safetensors all.safetensors", b"");
    assert!(env.read("all.safetensors") == env.read("base.safetensors"));
}

#[test]
fn models_with_another_body_are_refused() {
    let env = TestEnv::new();
    tiny(&["sr2"]).save(&env.path("base.safetensors"), DType::F32).unwrap();
    env.assert_error(
        "merge embedded base.safetensors all.safetensors",
        &["base.safetensors: another shape", "channels is 8 and not 64", "patch is 3 and not 4"],
    );
    env.write("photos/a.png", &photo(160, 160));
    env.assert_output(
        "tune --task sr2 --model base.safetensors photos --steps 2 --batch 1 --lr 0.01 --out run -q",
        b"",
    );
    env.assert_error(
        "merge base.safetensors run/final.safetensors all.safetensors",
        &["run/final.safetensors: another body", "--freeze-body"],
    );
    assert!(!env.path("all.safetensors").exists());
}

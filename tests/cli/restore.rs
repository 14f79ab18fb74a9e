//! `ipt restore`.

use crate::harness::{TestEnv, look, picture};

#[test]
fn the_baseline_needs_no_model() {
    let env = TestEnv::with(&["a.png"]);
    for (task, scale) in [("sr2", 2), ("sr3", 3), ("sr4", 4), ("denoise50", 1), ("derain", 1)] {
        let output = env.assert_output(&format!("restore --baseline --task {task}"), &picture("a.png"));
        let (width, height, _) = look(&output);
        assert_eq!((width, height), (24 * scale, 18 * scale), "{task}");
    }
    assert_eq!(
        ipt::picture::decode(&env.assert_output("restore --baseline --task denoise30 a.png", b""))
            .unwrap()
            .picture,
        ipt::picture::decode(&env.read("a.png")).unwrap().picture
    );
    env.assert_error("restore --baseline --self-ensemble --task sr2 a.png", &["--self-ensemble"]);
}

#[test]
fn a_model_that_is_none_is_refused() {
    let env = TestEnv::with(&["a.png"]);
    env.assert_error(
        "restore --task sr2 --model missing.safetensors a.png b.png",
        &["missing.safetensors: "],
    );
    env.write("no.safetensors", b"no model");
    env.assert_error("restore --task sr2 --model no.safetensors a.png b.png", &["no.safetensors: "]);
    assert_eq!(env.files(""), ["a.png", "no.safetensors"]);
}

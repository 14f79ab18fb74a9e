//! Degradations against the field's own data and against what they promise.

use std::path::{Path, PathBuf};

use ipt::degrade::{degrade, stream};
use ipt::picture::{Format, Picture, Samples, decode};
use ipt::{Scale, Task};

/// Data that is not in the repository, in `shared` beside it.
fn shared(path: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared").join(path);
    let found = path.exists();
    if !found {
        eprintln!("SKIPPED: no {}", path.display());
    }
    found.then_some(path)
}

fn read(path: &Path) -> Picture {
    decode(&std::fs::read(path).unwrap()).unwrap().picture
}

fn pictures(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| Format::from_extension(path).is_some());
    paths.sort();
    paths
}

fn eight(picture: &Picture) -> &[u8] {
    match picture.samples() {
        Samples::Eight(samples) => samples,
        Samples::Sixteen(_) => panic!("not 8 bits"),
    }
}

#[test]
fn bicubic_is_matlabs_to_the_last_sample() {
    let Some(folder) = shared("data/eval/Set5") else { return };
    let mut seen = 0;
    for scale in [Scale::X2, Scale::X3, Scale::X4] {
        let task = Task::SuperResolution(scale);
        for path in pictures(&folder.join("HR")) {
            let golden =
                read(&folder.join(format!("LRbicx{}", task.scale())).join(path.file_name().unwrap()));
            let ours = degrade(&read(&path), task, &mut stream(0, task, ""), None).unwrap();
            assert_eq!((ours.width(), ours.height()), (golden.width(), golden.height()));
            let differing = eight(&ours).iter().zip(eight(&golden)).filter(|(a, b)| a != b).count();
            assert_eq!(differing, 0, "{task} of {}", path.display());
            seen += 1;
        }
    }
    assert_eq!(seen, 15);
}

//! What the program makes of the pictures in `fixtures/`, against golden pictures beside them.
//!
//! `IPT_BLESS=1 cargo test --release --test golden` writes the golden pictures anew.

mod support;

use std::path::Path;

use ipt::Task;
use ipt::degrade::{degrade, stream};
use support::{golden, pictures, read};

#[test]
fn degradations() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let (mut checked, mut failures) = (0, Vec::new());
    for path in pictures(&fixtures.join("pictures")) {
        let file = path.file_name().unwrap().to_str().unwrap();
        for task in Task::PRETRAINING {
            let name = format!("{task}/{file}");
            let result = degrade(&read(&path), task, &mut stream(7, task, file), None).unwrap();
            match golden::check(&name, &result, &fixtures.join("degrade").join(&name), 0) {
                Ok(()) => println!("ok {name}"),
                Err(failure) => failures.push(failure),
            }
            checked += 1;
        }
    }
    assert_eq!(checked, 5 * 6, "pictures in fixtures/pictures times tasks");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

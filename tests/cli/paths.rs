//! Which files become which; the rule is the same for degrade and restore, so degrade stands for
//! both.

use ipt::picture::Format;

use crate::harness::{TestEnv, look, picture};

const DEGRADE: &str = "degrade --task denoise10";

#[test]
fn stdin_to_stdout() {
    let env = TestEnv::with(&["a.bmp"]);
    let input = env.read("a.bmp");
    for paths in ["", "-", "- -"] {
        let output = env.assert_output(&format!("{DEGRADE} {paths}"), &input);
        assert_eq!(look(&output), (24, 18, Format::Bmp), "{paths}");
    }
    let output = env.assert_output(&format!("{DEGRADE} --format jpeg"), &input);
    assert_eq!(look(&output), (24, 18, Format::Jpeg));
}

#[test]
fn file_to_stdout() {
    let env = TestEnv::with(&["a.png"]);
    for paths in ["a.png", "a.png -"] {
        let output = env.assert_output(&format!("{DEGRADE} {paths}"), b"");
        assert_eq!(look(&output), (24, 18, Format::Png), "{paths}");
    }
}

#[test]
fn file_to_file() {
    let env = TestEnv::with(&["a.png"]);
    for (paths, made, format) in [
        ("a.png b.png", "b.png", Format::Png),
        ("a.png new/b.jpg", "new/b.jpg", Format::Jpeg),
        ("a.png b.unknown", "b.unknown", Format::Png),
        ("--format bmp a.png c.png", "c.png", Format::Bmp),
        ("a.png into/", "into/a.png", Format::Png),
        ("--format jpeg a.png into", "into/a.jpg", Format::Jpeg),
    ] {
        env.assert_output(&format!("{DEGRADE} {paths}"), b"");
        assert_eq!(look(&env.read(made)), (24, 18, format), "{paths}");
    }
    env.assert_output(&format!("{DEGRADE} - from-stdin.png"), &picture("x.bmp"));
    assert_eq!(look(&env.read("from-stdin.png")), (24, 18, Format::Png));
}

#[test]
fn a_tree_is_mirrored() {
    let env = TestEnv::with(&["in/b.png", "in/deep/er/a.jpg", "in/UPPER.BMP"]);
    env.write("in/notes.txt", b"no picture");
    env.assert_output(&format!("{DEGRADE} in out"), b"");
    assert_eq!(env.files("out"), ["UPPER.BMP", "b.png", "deep/er/a.jpg"]);
    assert_eq!(look(&env.read("out/deep/er/a.jpg")).2, Format::Jpeg);
    env.assert_output(&format!("{DEGRADE} --format jpeg in jpegs/"), b"");
    assert_eq!(env.files("jpegs"), ["UPPER.jpg", "b.jpg", "deep/er/a.jpg"]);
}

#[test]
fn several_inputs() {
    let env = TestEnv::with(&["a.png", "one/b.png", "two/b.png", "two/deep/c.png"]);
    env.assert_output(&format!("{DEGRADE} a.png one/b.png flat"), b"");
    assert_eq!(env.files("flat"), ["a.png", "b.png"]);
    // Folders keep their names beside others, as with cp.
    env.assert_output(&format!("{DEGRADE} a.png one two all"), b"");
    assert_eq!(env.files("all"), ["a.png", "one/b.png", "two/b.png", "two/deep/c.png"]);
}

#[test]
fn nothing_is_done_where_the_paths_make_no_sense() {
    let env = TestEnv::with(&["a.png", "b.png", "one/a.png", "tree/x.jpg", "tree/x.png", "tree/deep/y.png"]);
    std::fs::create_dir(env.path("empty")).unwrap();
    let before = env.contents("");
    for (paths, words) in [
        ("tree", "folder"),
        ("tree -", "folder"),
        ("tree a.png", "a.png is not a folder"),
        ("a.png b.png -", "stdout"),
        ("a.png b.png c.png", "c.png is not a folder"),
        ("a.png one/a.png out", "would both become out/a.png"),
        ("--format png tree out", "would both become out/x.png"),
        ("a.png ./a.png", "a.png is read and would be written"),
        ("--overwrite a.png new/../a.png", "is read and would be written"),
        ("--overwrite a.png b.png .", "is read and would be written"),
        ("--overwrite tree tree", "the same folder"),
        ("tree tree/deep/out", "lies in it"),
        ("empty out", "no pictures in empty"),
        ("- out/", "stdin has no name"),
        ("a.png b.png", "b.png exists"),
        ("a.png b.png one", "one/a.png exists"),
    ] {
        env.assert_error(&format!("{DEGRADE} {paths}"), &[words]);
        assert_eq!(env.contents(""), before, "{paths}");
    }
}

#[test]
fn existing_outputs() {
    let env = TestEnv::with(&["in/a.png", "in/b.png", "in/c.png"]);
    env.write("out/b.png", b"mine");
    env.write("out/c.png", b"mine too");
    env.assert_error(&format!("{DEGRADE} in out"), &["out/b.png exists (and 1 more)", "--skip-existing"]);
    assert_eq!(env.files("out"), ["b.png", "c.png"]);
    env.assert_output(&format!("{DEGRADE} --skip-existing in out"), b"");
    assert_eq!(env.read("out/b.png"), b"mine");
    assert_eq!(look(&env.read("out/a.png")).2, Format::Png);
    env.assert_output(&format!("{DEGRADE} --overwrite in out"), b"");
    assert_eq!(look(&env.read("out/b.png")).2, Format::Png);
    // All there: nothing to do is success.
    env.assert_output(&format!("{DEGRADE} --skip-existing in out"), b"");
}

#[cfg(unix)]
#[test]
fn devices_are_not_replaced() {
    let env = TestEnv::with(&["a.png"]);
    std::os::unix::fs::symlink("/dev/null", env.path("link")).unwrap();
    for output in ["/dev/null", "link", "--overwrite /dev/null", "--overwrite link"] {
        env.assert_error(&format!("{DEGRADE} a.png {output}"), &["is no file, but a device or a pipe"]);
    }
}

/// A name may hold what commands a terminal, or another line.
#[cfg(unix)]
#[test]
fn names_are_shown_without_control_characters() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let env = TestEnv::with(&["ref/a\u{1b}[2J.png", "ref/b\nipt: all fine.png"]);
    for name in [&b"in/\xff.png"[..], b"in/\xfe.png"] {
        std::fs::create_dir_all(env.path("in")).unwrap();
        let path = env.path("").join(OsStr::from_bytes(name));
        ipt::atomic::write(&path, &env.read("ref/a\u{1b}[2J.png"), ipt::atomic::Existing::Refuse).unwrap();
    }
    env.assert_output("-q degrade --task denoise9 ref out", b"");
    let table = String::from_utf8(env.assert_output("-q score out ref", b"")).unwrap();
    assert!(!table.contains('\u{1b}') && table.contains("a\\u{1b}[2J"), "{table}");
    assert!(table.contains("b\\nipt: all fine"), "{table}");
    // Names that are no text are told apart, and have noise of their own.
    env.assert_output("-q degrade --task denoise9 in noisy", b"");
    let table = String::from_utf8(env.assert_output("-q score noisy in --csv", b"")).unwrap();
    assert!(table.contains("\\xff,") && table.contains("\\xfe,"), "{table}");
    let read = |name: &[u8]| std::fs::read(env.path("noisy").join(OsStr::from_bytes(name))).unwrap();
    assert_ne!(read(b"\xff.png"), read(b"\xfe.png"));
}

#[cfg(unix)]
#[test]
fn links_are_followed_once() {
    use std::os::unix::fs::symlink;
    let env = TestEnv::with(&["store/a.png", "in/b.png"]);
    symlink(env.path("store/a.png"), env.path("in/a.png")).unwrap();
    symlink(env.path("in"), env.path("in/circle")).unwrap();
    env.assert_failure(&format!("{DEGRADE} in out"), &["in/circle: a link to the folder above it"]);
    assert_eq!(env.files("out"), ["a.png", "b.png"]);
    // Through a link, an input is still an input.
    env.assert_error(
        &format!("{DEGRADE} --overwrite in/a.png store/a.png"),
        &["is read and would be written"],
    );
}

#[test]
fn a_failure_costs_its_own_file_only() {
    let env = TestEnv::with(&["in/a.png", "in/z.jpg"]);
    let whole = picture("x.png");
    env.write("in/cut.png", &whole[..whole.len() / 2]);
    env.write("in/empty.png", b"");
    env.write("in/text.jpg", b"Dear diary");
    let run = env
        .assert_failure(&format!("{DEGRADE} in out"), &["in/cut.png: ", "in/empty.png: ", "in/text.jpg: "]);
    assert!(run.stderr.contains("2 done, 0 skipped, 3 failed"), "{run}");
    assert_eq!(env.files("out"), ["a.png", "z.jpg"]);
    env.assert_failure(&format!("{DEGRADE} in/a.png missing.png more"), &["missing.png: "]);
    assert_eq!(env.files("more"), ["a.png"]);
    env.assert_failure(&format!("{DEGRADE} missing.png"), &["missing.png: "]);
    assert!(env.assert_failure(DEGRADE, &["stdin: "]).stdout.is_empty());
}

#[test]
fn quiet_says_nothing_but_errors() {
    let env = TestEnv::with(&["in/a.png", "in/b.png"]);
    let run = env.run(&format!("{DEGRADE} in out"), b"");
    assert_eq!(run.stderr, "2 done, 0 skipped, 0 failed\n");
    let run = env.run(&format!("{DEGRADE} -q in out2"), b"");
    assert_eq!(run.stderr, "");
    env.write("in/c.png", b"");
    let run = env.run(&format!("{DEGRADE} -q in out3"), b"");
    assert_eq!(run.stderr.lines().count(), 1, "{run}");
}

#[cfg(unix)]
#[test]
fn an_output_that_cannot_be_written_is_named() {
    let env = TestEnv::with(&["a.png", "b.png"]);
    // A file where a folder would have to be; unlike permissions it stops root, too.
    env.write("blocked", b"");
    let run = env.assert_failure(&format!("{DEGRADE} a.png blocked/out.png"), &["a.png: blocked"]);
    assert!(run.stdout.is_empty());
    assert_eq!(env.files(""), ["a.png", "b.png", "blocked"]);
}

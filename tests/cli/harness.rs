//! A temporary folder to run the program in, and what can be said about a run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use candle_core::Device;
use ipt::atomic::{self, Existing};
use ipt::model::{Config, Preset};
use ipt::picture::{self, Format, Layout, Picture, Samples};
use ipt::task::Task;
use ipt::weights::{Model, Parameters};

/// A temporary folder; all paths are relative to it.
pub struct TestEnv {
    folder: tempfile::TempDir,
}

impl TestEnv {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// With a picture in each of these files.
    pub fn with(pictures: &[&str]) -> Self {
        let env = Self::new();
        for name in pictures {
            env.write(name, &picture(name));
        }
        env
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, bytes: &[u8]) {
        atomic::write(&self.path(name), bytes, Existing::Replace).unwrap();
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// All files of the folder `name`, with `/`, sorted.
    pub fn files(&self, name: &str) -> Vec<String> {
        self.contents(name).into_keys().collect()
    }

    /// The files of the folder `name` and their bytes.
    pub fn contents(&self, name: &str) -> BTreeMap<String, Vec<u8>> {
        fn walk(folder: &Path, root: &Path, found: &mut BTreeMap<String, Vec<u8>>) {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    walk(&path, root, found);
                } else {
                    let relative = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                    found.insert(relative, std::fs::read(path).unwrap());
                }
            }
        }
        let mut found = BTreeMap::new();
        walk(&self.path(name), &self.path(name), &mut found);
        found
    }

    /// Runs the program; the command line is split at spaces.
    pub fn run(&self, command_line: &str, stdin: &[u8]) -> Run {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ipt"));
        command.current_dir(self.folder.path()).args(command_line.split_whitespace());
        // A little below what the batches' own tests give, so that a hang is seen as one.
        command.timeout(std::time::Duration::from_secs(120));
        let output = command.write_stdin(stdin).output().unwrap();
        Run {
            command_line: command_line.to_owned(),
            code: output.status.code(),
            stdout: output.stdout,
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Runs a line of a shell in which `ipt` is the program.
    pub fn bash(&self, line: &str) -> Run {
        let program = Path::new(env!("CARGO_BIN_EXE_ipt")).parent().unwrap().to_path_buf();
        let others = std::env::var_os("PATH").unwrap();
        let path = std::env::join_paths([program].into_iter().chain(std::env::split_paths(&others))).unwrap();
        let mut command = Command::new("bash");
        command.args(["-e", "-o", "pipefail", "-c", line]).current_dir(self.folder.path()).env("PATH", path);
        let output = command.timeout(std::time::Duration::from_secs(120)).output().unwrap();
        Run {
            command_line: line.to_owned(),
            code: output.status.code(),
            stdout: output.stdout,
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Runs, expects success, and gives stdout.
    #[track_caller]
    pub fn assert_output(&self, command_line: &str, stdin: &[u8]) -> Vec<u8> {
        let run = self.run(command_line, stdin);
        assert_eq!(run.code, Some(0), "{run}");
        run.stdout
    }

    /// Runs, expects that some pictures fail (status 1) with a line on stderr for each of these.
    #[track_caller]
    pub fn assert_failure(&self, command_line: &str, lines: &[&str]) -> Run {
        let run = self.run(command_line, b"");
        assert_eq!(run.code, Some(1), "{run}");
        run.assert_lines(lines);
        run
    }

    /// Runs, expects a refusal (status 2) that says all of this.
    #[track_caller]
    pub fn assert_error(&self, command_line: &str, words: &[&str]) {
        let run = self.run(command_line, b"");
        assert_eq!(run.code, Some(2), "{run}");
        assert!(run.stdout.is_empty(), "{run}");
        for words in words {
            assert!(run.stderr.contains(words), "no '{words}' in {run}");
        }
    }
}

/// How a run went.
pub struct Run {
    command_line: String,
    pub code: Option<i32>,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

impl Run {
    /// stderr has exactly as many error lines as these, each holding the words of one, in any order.
    #[track_caller]
    pub fn assert_lines(&self, expected: &[&str]) {
        let lines: Vec<&str> = self.stderr.lines().filter(|line| line.starts_with("ipt: ")).collect();
        assert_eq!(lines.len(), expected.len(), "{self}");
        for words in expected {
            assert!(lines.iter().any(|line| line.contains(words)), "no '{words}' in {self}");
        }
    }
}

impl std::fmt::Display for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Run { command_line, code, stdout, stderr } = self;
        write!(f, "{command_line}: status {code:?}, {} bytes, {stderr}", stdout.len())
    }
}

/// A small picture in the format of the name's extension, another for each name.
pub fn picture(name: &str) -> Vec<u8> {
    let salt = name.bytes().fold(7, |salt: usize, byte| (salt * 31 + usize::from(byte)) % 251);
    let (width, height) = (24, 18);
    let samples = (0..width * height * 3).map(|i| ((i % (3 * width)) * 3 + i / 40 + salt) as u8).collect();
    let picture = Picture::new(width, height, Layout::Rgb, Samples::Eight(samples)).unwrap();
    picture::encode(&picture, Format::from_extension(name).unwrap()).unwrap()
}

/// A grey PNG, dark with some bright columns.
pub fn grey(width: usize, height: usize) -> Vec<u8> {
    let samples = (0..width * height).map(|i| if i % width % 5 == 1 { 90 } else { 0 }).collect();
    let picture = Picture::new(width, height, Layout::Grey, Samples::Eight(samples)).unwrap();
    picture::encode(&picture, Format::Png).unwrap()
}

/// Width, height and format of a picture file.
pub fn look(bytes: &[u8]) -> (usize, usize, Format) {
    let decoded = picture::decode(bytes).unwrap();
    (decoded.picture.width(), decoded.picture.height(), decoded.format)
}

/// A smooth colour PNG with a fine pattern.
pub fn photo(width: usize, height: usize) -> Vec<u8> {
    let sample = |i: usize| (128.0 + 90.0 * (i as f64 * 0.013).sin() + (i % 7) as f64) as u8;
    let samples = (0..width * height * 3).map(sample).collect();
    let picture = Picture::new(width, height, Layout::Rgb, Samples::Eight(samples)).unwrap();
    picture::encode(&picture, Format::Png).unwrap()
}

/// A small model for these tasks that has learned nothing.
pub fn tiny(tasks: &[&str]) -> Model {
    let tasks = tasks.iter().map(|task| task.parse::<Task>().unwrap()).collect();
    let config = Config::preset(Preset::Tiny, tasks);
    let parameters = Parameters::init(&config, 1, &Device::Cpu).unwrap();
    Model { config, parameters, provenance: Default::default() }
}

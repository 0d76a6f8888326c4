//! Drives the real binary: how it ended, what it said, and what it left in its folder.
//!
//! Whatever runs is ended by a watchdog if it hangs, so a lost wake-up fails one test and does not
//! stop the suite.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

pub(crate) const MILLRACE: &str = env!("CARGO_BIN_EXE_millrace");

/// The first line of every output.
pub(crate) const BALANCES: &str = "client,available,held,total,locked\n";

/// What outputs hold before a run that must not touch them.
const OLD: &str = "what was here before\n";

/// A run of more than this hangs.
const PATIENCE: Duration = Duration::from_secs(180);

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ran {
    /// The exit code; `None` after a signal.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// Asserts how it ended.
    #[track_caller]
    pub(crate) fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        self
    }

    /// Asserts the balances on standard output, given without their header.
    #[track_caller]
    pub(crate) fn with_balances(self, lines: &str) -> Self {
        assert_eq!(self.stdout, format!("{BALANCES}{lines}"), "stderr: {}", self.stderr);
        self
    }

    /// Asserts that standard error mentions every one of `parts`.
    #[track_caller]
    pub(crate) fn saying(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.stderr.contains(part), "no {part:?} in: {}", self.stderr);
        }
        self
    }
}

/// A folder of one test's own; commands run in it, and temporary files of theirs go there too.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    pub(crate) fn path(&self, name: impl AsRef<OsStr>) -> PathBuf {
        self.0.path().join(name.as_ref())
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.path(name), bytes).expect("the folder takes files");
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| format!("{name}: {error}"))
    }

    /// Every name in the folder, with the size and the beginning of what is a file.
    pub(crate) fn files(&self) -> BTreeMap<OsString, (u64, Vec<u8>)> {
        const SHOWN: u64 = 4096;
        let entries = fs::read_dir(self.0.path()).expect("the folder stands");
        let describe = |path: PathBuf| {
            let metadata = path.symlink_metadata().expect("the name stands");
            let mut start = Vec::new();
            if metadata.is_file() {
                // A file that may not be read is described by its size.
                let _ = File::open(&path).map(|file| file.take(SHOWN).read_to_end(&mut start));
            }
            (metadata.len(), start)
        };
        let entries = entries.map(|entry| entry.expect("the folder is readable"));
        entries.map(|entry| (entry.file_name(), describe(entry.path()))).collect()
    }

    /// A command that runs in the folder.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.0.path())
            .env("TMPDIR", self.0.path())
            .env_remove("RUST_BACKTRACE");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs the binary in the folder, with `args` parted by spaces.
    pub(crate) fn run(&self, args: &str) -> Ran {
        run(self.command(MILLRACE).args(args.split_whitespace()))
    }

    /// Runs the binary and asserts that it refuses: the exit code, one line on standard error that
    /// mentions every one of `parts`, nothing on standard output, and no file touched, made or
    /// left behind, among them a balances and a rejects file of an earlier run.
    #[track_caller]
    pub(crate) fn refuses(&self, args: &str, code: i32, parts: &[&str]) -> Ran {
        self.write("old-balances.csv", OLD);
        self.write("old-rejects.csv", OLD);
        let before = self.files();
        let outputs = "-o old-balances.csv --rejects old-rejects.csv";
        let ran = self.run(&format!("{args} {outputs}")).ended(code).saying(parts);
        assert!(self.files() == before, "{args}: {:?} was {before:?}", self.files());
        assert_eq!(ran.stdout, "");
        assert!(ran.stderr.starts_with("millrace: "), "{}", ran.stderr);
        assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
        ran
    }
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> Ran {
    finish(command.spawn().expect("the program starts"))
}

/// Runs a command to its end, with `input` in its standard input.
pub(crate) fn run_with(command: &mut Command, input: &[u8]) -> Ran {
    let mut child = command.stdin(Stdio::piped()).spawn().expect("the program starts");
    let mut stdin = child.stdin.take().expect("piped");
    thread::scope(|scope| {
        // A program that does not read its input to the end shows it in its output.
        scope.spawn(move || stdin.write_all(input).ok());
        finish(child)
    })
}

/// Waits for a child to end and takes all it says.
pub(crate) fn finish(mut child: Child) -> Ran {
    let stdout = child.stdout.take().map(|pipe| thread::spawn(|| read_all(pipe)));
    let stderr = child.stderr.take().map(|pipe| thread::spawn(|| read_all(pipe)));
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().expect("a child of ours") {
            break status;
        }
        if start.elapsed() > PATIENCE {
            child.kill().ok();
            panic!("hangs: {child:?}");
        }
        thread::sleep(Duration::from_millis(2));
    };
    let text = |pipe: Option<thread::JoinHandle<String>>| {
        pipe.map(|thread| thread.join().expect("no panic")).unwrap_or_default()
    };
    Ran { code: status.code(), stdout: text(stdout), stderr: text(stderr) }
}

fn read_all(mut pipe: impl Read) -> String {
    let mut bytes = Vec::new();
    pipe.read_to_end(&mut bytes).expect("a pipe is readable");
    String::from_utf8(bytes).unwrap_or_else(|error| panic!("said: {}", error.utf8_error()))
}

//! Every call of the binary to the operating system failing, or met by a signal, one after the
//! other.
//!
//! strace strikes the Nth call of a kind of each thread, once or from there on, and N grows until a
//! run ends that was not struck. Where there is no strace, or it may not trace, the tests say that
//! they are skipped. What the loader does before the program begins is left out.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;

use crate::drive::{BALANCES, Folder, MILLRACE, Ran, run, run_with};
use crate::{HEADER, deposits};

const OLD: &str = "what was here before\n";

/// The first call of a Rust program, the standard streams looked at.
const BEGINNING: &str = "poll(";

/// More than is kept in memory of what can be read only once.
const SPOOLED_ROWS: u64 = 1_000_000;

/// A run, and what it is to leave.
struct Scene {
    folder: Folder,
    /// Where strace writes what it saw.
    notes: Folder,
    args: &'static str,
    /// For standard input, if it is a pipe.
    piped: Option<Vec<u8>>,
    balances: String,
    rejects: String,
}

/// When a fault strikes.
#[derive(Clone, Copy, Debug)]
struct When {
    nth: usize,
    is_lasting: bool,
}

/// What came of a fault.
enum Struck {
    /// Nothing: there is no such call.
    Missed,
    /// It was met before the program began.
    Loader,
    Program(Ran),
}

const MAP: &str = "in.csv -o out.csv --rejects rejects.csv --workers 1 --threads never";
const READ: &str = "in.csv -o out.csv --rejects rejects.csv --workers 1 --threads never --io read";
const THREADS: &str =
    "in.csv -o out.csv --rejects rejects.csv --workers 2 --readers 2 --threads always";
const BALANCES_ALONE: &str = "in.csv -o out.csv --threads never";
const REJECTS_ALONE: &str = "in.csv --rejects rejects.csv --threads never";
const PIPE: &str = "- -o out.csv --rejects rejects.csv --threads never";
const GZIP: &str = "in.gz -o out.csv --rejects rejects.csv --threads never";

impl Scene {
    fn new(args: &'static str) -> Self {
        let folder = Folder::new();
        let input = if args == GZIP {
            let mut encoder =
                flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            let text = deposits((0..SPOOLED_ROWS).map(|row| (row % 9, row))) + "refund,1,1,1\n";
            encoder.write_all(text.as_bytes()).expect("memory takes bytes");
            folder.write("in.gz", encoder.finish().expect("memory takes bytes"));
            Vec::new()
        } else {
            let rows =
                "deposit,1,1,5\ndeposit,2,2,7\nwithdrawal,1,3,9\ndispute,2,2,\nrefund,1,1,1\n";
            format!("{HEADER}{rows}").into_bytes()
        };
        let piped = (args == PIPE).then(|| input.clone());
        if args != PIPE && args != GZIP {
            folder.write("in.csv", input);
        }
        let mut scene = Self {
            folder,
            notes: Folder::new(),
            args,
            piped,
            balances: String::new(),
            rejects: String::new(),
        };
        let ran = scene.run(&["-f"]).ended(0);
        let has_output = scene.folder.path("out.csv").exists();
        scene.balances = if has_output { scene.folder.read("out.csv") } else { ran.stdout };
        assert!(scene.balances.starts_with(BALANCES));
        if args.contains("rejects.csv") {
            scene.rejects = scene.folder.read("rejects.csv");
            assert!(scene.rejects.lines().count() > 1);
        }
        scene
    }

    /// Runs the binary under strace.
    fn run(&self, options: &[&str]) -> Ran {
        let mut command = self.folder.command("strace");
        command.arg("-o").arg(self.notes.path("log")).args(options).arg(MILLRACE);
        command.args(self.args.split_whitespace()).arg("-q");
        match &self.piped {
            Some(bytes) => run_with(&mut command, bytes),
            None => run(&mut command),
        }
    }

    /// The calls that the program makes, by name.
    fn calls(&self) -> BTreeSet<String> {
        self.run(&["-f"]).ended(0);
        let log = self.notes.read("log");
        let (_, log) = log.split_once(BEGINNING).expect("it begins");
        let name = |line: &str| {
            let call = line.split_whitespace().nth(1)?;
            let (name, _) = call.split_once('(')?;
            Some(name.to_owned())
        };
        log.lines().filter_map(name).collect()
    }

    /// Lets a fault strike a call.
    fn strike(&self, calls: &str, fault: &str, when: When) -> Struck {
        for name in ["out.csv", "rejects.csv"] {
            self.folder.write(name, OLD);
        }
        let lasting = if when.is_lasting { "+" } else { "" };
        let inject = format!("inject={calls}:{fault}:when={}{lasting}", when.nth);
        let ran = self.run(&["-f", "-e", &inject]);
        let log = self.notes.read("log");
        let marks = ["(INJECTED)", "--- SIGINT {", "--- SIGTERM {", "killed by SIGKILL"];
        let Some(place) = marks.iter().filter_map(|mark| log.find(mark)).min() else {
            assert_eq!(ran.code, Some(0), "{inject}: {}", ran.stderr);
            return Struck::Missed;
        };
        if log.find(BEGINNING).is_none_or(|beginning| place < beginning) {
            return Struck::Loader;
        }
        if fault.starts_with("error") {
            // A message that cannot be written is lost.
            let is_mute = when.is_lasting && calls == "write";
            assert_eq!(ran.stderr.is_empty(), is_mute || ran.code == Some(0), "{inject}: {ran:?}");
        }
        self.assert_promise(&inject, &ran);
        Struck::Program(ran)
    }

    /// Asserts that the outputs are old or new, as the exit code says, and that nothing else is
    /// left.
    fn assert_promise(&self, inject: &str, ran: &Ran) {
        let what = format!("{} with {inject}: {ran:?}", self.args);
        assert!(!ran.stderr.contains("panicked"), "{what}");
        let is_new = |name: &str, new: &str| {
            let found = self.folder.read(name);
            assert!(found == OLD || found == new, "{what}: {name}: {found}");
            found == new
        };
        let has_output = self.args.contains("out.csv");
        let has_rejects = self.args.contains("rejects.csv");
        let new = (is_new("out.csv", &self.balances), is_new("rejects.csv", &self.rejects));
        // Where two threads make the call, two signals come, and the second ends the run at once.
        let is_killed = match ran.code {
            Some(code) => [130, 143].contains(&code) && ran.stderr.is_empty(),
            None => true,
        };
        match ran.code {
            Some(0) => {
                assert_eq!(new, (has_output, has_rejects), "{what}");
                assert!(has_output || ran.stdout == self.balances, "{what}");
            }
            // Between two renames, or after both.
            _ if is_killed => assert!(new.0 || !new.1 || !has_output, "{what}"),
            Some(66 | 73 | 74 | 130 | 143) => {
                assert!(has_output == ran.stdout.is_empty() || !has_output, "{what}");
                assert!(ran.stderr.lines().count() <= 1, "{what}");
                if ran.stderr.contains("is complete, but") {
                    assert_eq!(new, (has_output, has_rejects), "{what}");
                } else if ran.stderr.contains("rejects.csv: could not be put in place") {
                    assert!(!new.1, "{what}");
                } else {
                    assert_eq!(new, (false, false), "{what}");
                }
            }
            Some(_) | None => panic!("{what}"),
        }
        self.assert_names(&what, is_killed);
    }

    /// Asserts that no temporary is left. One that SIGKILL has met between the two calls that give
    /// it its name may be: hidden and complete.
    fn assert_names(&self, what: &str, is_killed: bool) {
        for name in self.folder.files().into_keys() {
            let name = name.to_str().expect("ours");
            if ["in.csv", "in.gz", "out.csv", "rejects.csv"].contains(&name) {
                continue;
            }
            assert!(is_killed && name.starts_with('.'), "{what}: {name}");
            let found = self.folder.read(name);
            assert!(found == self.balances || found == self.rejects, "{what}: {name}: {found}");
            fs::remove_file(self.folder.path(name)).expect("ours");
        }
    }

    /// Strikes every call in turn, and gives how many of the program were struck.
    fn sweep(&self, calls: &str, fault: &str, is_lasting: bool, step: usize) -> usize {
        let mut struck = 0;
        for nth in (1..).step_by(step) {
            match self.strike(calls, fault, When { nth, is_lasting }) {
                Struck::Missed => break,
                Struck::Loader => {}
                Struck::Program(ran) => {
                    struck += 1;
                    if fault == "error=EINTR" {
                        assert_eq!(ran.code, Some(0), "{calls} {nth}: {}", ran.stderr);
                    } else if fault.starts_with("error") && VITAL.contains(&calls) {
                        assert_eq!(ran.code, Some(74), "{calls} {nth}: {}", ran.stderr);
                    }
                }
            }
        }
        struck
    }
}

/// Tells whether programs can be traced here, and says so if not.
#[expect(clippy::print_stdout, reason = "whoever runs the tests should know what was skipped")]
pub(crate) fn can_trace() -> bool {
    let folder = Folder::new();
    let mut command = folder.command("strace");
    let inject = ["-f", "-o", "log", "-e", "inject=fsync:error=EIO", "true"];
    let reason = match command.args(inject).spawn() {
        Err(error) => error.to_string(),
        Ok(child) => {
            let ran = crate::drive::finish(child);
            if ran.code == Some(0) {
                return true;
            }
            ran.stderr
        }
    };
    println!("skipped: strace cannot be used: {reason}");
    false
}

/// Calls that no run can do without.
const VITAL: [&str; 4] = ["write", "fsync", "linkat", RENAME];

const RENAME: &str = "?rename,?renameat,renameat2";

/// What each call is told, where the full sweep tells more than the short one.
const ERRORS: [(&str, &[&str]); 13] = [
    ("?read,pread64", &["EIO"]),
    ("write", &["EIO", "ENOSPC", "EDQUOT"]),
    ("fsync", &["EIO", "ENOSPC", "EDQUOT"]),
    ("linkat", &["EIO", "ENOSPC", "EDQUOT"]),
    (RENAME, &["EIO", "ENOSPC", "EDQUOT"]),
    ("?open,openat", &["EIO", "EMFILE", "ENOSPC", "EDQUOT"]),
    ("clone3", &["EAGAIN"]),
    ("?stat,?fstat,newfstatat,statx", &["EIO"]),
    ("lseek,fcntl,ioctl,readlinkat,?readlink,?access,faccessat,?faccessat2", &["EIO"]),
    ("?fadvise64,madvise", &["EIO"]),
    ("sched_getaffinity,sched_setaffinity", &["EPERM"]),
    ("getrandom", &["ENOSYS"]),
    ("close", &["EIO"]),
];

/// Calls that a signal without a handler of the program's may wake.
const WOKEN: &str = "?read,pread64,write,fsync,?open,openat";

#[test]
fn a_call_that_fails_leaves_every_output_whole() {
    if !can_trace() {
        return;
    }
    let mut struck = 0;
    for args in [MAP, READ] {
        let scene = Scene::new(args);
        for (calls, errors) in &ERRORS[..5] {
            for is_lasting in [false, true] {
                struck += scene.sweep(calls, &format!("error={}", errors[0]), is_lasting, 1);
            }
        }
        struck += scene.sweep("clone3", "error=EAGAIN", false, 1);
    }
    for args in [BALANCES_ALONE, REJECTS_ALONE, PIPE] {
        let scene = Scene::new(args);
        for calls in ["write", "fsync", RENAME] {
            struck += scene.sweep(calls, "error=ENOSPC", false, 1);
        }
    }
    println!("{struck} calls struck");
    assert!(struck > 40, "{struck} calls struck");
}

#[test]
fn a_call_that_is_interrupted_is_made_again() {
    if !can_trace() {
        return;
    }
    let mut struck = 0;
    for args in [READ, PIPE] {
        struck += Scene::new(args).sweep("?read,pread64,write,fsync", "error=EINTR", false, 1);
    }
    println!("{struck} calls struck");
    assert!(struck > 10, "{struck} calls struck");
}

#[test]
fn a_signal_at_a_call_leaves_every_output_whole() {
    if !can_trace() {
        return;
    }
    let mut struck = 0;
    let scene = Scene::new(MAP);
    for signal in ["INT", "TERM", "KILL"] {
        for calls in ["write", "fsync", "linkat", RENAME, "mmap,munmap"] {
            let step = if calls.starts_with("mmap") { 9 } else { 1 };
            struck += scene.sweep(calls, &format!("signal={signal}"), false, step);
        }
    }
    println!("{struck} calls struck");
    assert!(struck > 20, "{struck} calls struck");
}

#[test]
fn a_pin_that_is_refused_is_said_and_changes_nothing() {
    if !can_trace() {
        return;
    }
    let scene = Scene::new(THREADS);
    for (call, message) in [
        ("sched_setaffinity", "pinning was refused; the thread runs unpinned"),
        ("sched_getaffinity", "cannot tell which cores may be used; threads run unpinned"),
    ] {
        let mut command = scene.folder.command("strace");
        command.args(["-f", "-o"]).arg(scene.notes.path("log"));
        command.args(["-e", &format!("inject={call}:error=EPERM"), MILLRACE]);
        command.args("in.csv --pin always --workers 2 --threads always -v".split(' '));
        let ran = run(&mut command).ended(0).saying(&[message]);
        assert_eq!(ran.stdout, scene.balances);
    }
}

#[test]
#[ignore = "minutes: cargo test --test faults every_call -- --ignored --nocapture"]
fn every_call_that_fails_leaves_every_output_whole() {
    assert!(can_trace());
    let mut struck = 0;
    for args in [MAP, READ, THREADS, BALANCES_ALONE, REJECTS_ALONE, PIPE] {
        let scene = Scene::new(args);
        for (calls, errors) in ERRORS {
            for error in errors {
                for is_lasting in [false, true] {
                    struck += scene.sweep(calls, &format!("error={error}"), is_lasting, 1);
                }
            }
        }
        struck += scene.sweep(WOKEN, "error=EINTR", false, 1);
        println!("{args}: {struck} calls struck so far");
    }
    let scene = Scene::new(GZIP);
    for (calls, error) in [
        ("write", "EIO"),
        ("write", "ENOSPC"),
        ("write", "EINTR"),
        ("read", "EIO"),
        ("read", "EINTR"),
        ("?open,openat", "EIO"),
    ] {
        struck += scene.sweep(calls, &format!("error={error}"), false, 1);
    }
    println!("{struck} calls struck");
    assert!(struck > 1_000, "{struck} calls struck");
}

#[test]
#[ignore = "minutes: cargo test --test faults every_call -- --ignored --nocapture"]
fn a_signal_at_every_call_leaves_every_output_whole() {
    assert!(can_trace());
    let mut struck = 0;
    for args in [MAP, READ, THREADS, PIPE] {
        let scene = Scene::new(args);
        for call in scene.calls() {
            for signal in ["INT", "TERM", "KILL"] {
                struck += scene.sweep(&call, &format!("signal={signal}"), false, 1);
            }
        }
        println!("{args}: {struck} calls struck so far");
    }
    assert!(struck > 1_000, "{struck} calls struck");
}

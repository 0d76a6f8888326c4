//! However a run ends, its threads are gone: an error or a panic at any read of its input, and in
//! whoever takes the rejects.
//!
//! The threads of this process are counted, so there is one test here: others would start theirs
//! meanwhile.

use std::cell::Cell;
use std::fs;
use std::io::{self, Cursor, Read};
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use millrace::output::rejects::RejectedRow;
use millrace::{Config, Input, Recall, Report, RunError, Sinks, Threads, run};

/// A thread that is joined is still listed for a moment; one that is not would be for ever.
const PATIENCE: Duration = Duration::from_secs(60);

const ROWS: u64 = 120;

/// What a read does when its turn has come.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    Panic,
    Fail,
    /// From there on.
    FailForEver,
    Interrupted,
    /// A byte at a time from there on.
    Trickle,
}

/// Gives a hundred bytes at a time; one of its reads meets a fault.
struct Faulty {
    bytes: Cursor<Vec<u8>>,
    fault: Fault,
    nth: u64,
    reads: u64,
    given_bytes: Arc<AtomicU64>,
    has_struck: Arc<AtomicBool>,
}

impl Read for Faulty {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reads += 1;
        let lasts = matches!(self.fault, Fault::FailForEver | Fault::Trickle);
        let is_struck = self.reads == self.nth || (lasts && self.reads > self.nth);
        let mut most = buffer.len().min(100);
        if is_struck {
            self.has_struck.store(true, Ordering::SeqCst);
            match self.fault {
                // Not through the hook, which would print every one of them.
                Fault::Panic => resume_unwind(Box::new("told to")),
                Fault::Fail | Fault::FailForEver => return Err(io::Error::from_raw_os_error(5)),
                Fault::Interrupted => return Err(io::ErrorKind::Interrupted.into()),
                Fault::Trickle => most = buffer.len().min(1),
            }
        }
        let count = self.bytes.read(&mut buffer[..most])?;
        let given_bytes = u64::try_from(count).expect("64 bits");
        self.given_bytes.fetch_add(given_bytes, Ordering::SeqCst);
        Ok(count)
    }
}

/// Rows of which every second is a duplicate.
fn text() -> String {
    let rows = (0..ROWS).map(|row| format!("deposit,{},{},1\n", row % 7, row / 2));
    "type,client,tx,amount\n".to_owned() + &rows.collect::<String>()
}

fn thread_count() -> usize {
    fs::read_dir("/proc/self/task").map_or(0, Iterator::count)
}

/// Asserts that no more threads are left than there were.
fn assert_joined(before: usize, what: &str) {
    let start = Instant::now();
    while thread_count() > before {
        assert!(start.elapsed() < PATIENCE, "{what}: threads are left");
        thread::yield_now();
    }
}

fn configs() -> Vec<Config> {
    let mut configs = Vec::new();
    for recall in [Recall::Named, Recall::All] {
        for (threads, readers) in
            [(Threads::Never, 1), (Threads::Always, 1), (Threads::Always, 2), (Threads::Always, 4)]
        {
            configs.push(Config {
                workers: NonZeroUsize::new(3),
                readers: NonZeroUsize::new(readers),
                threads,
                recall,
                batch_rows: 4,
                block_bytes: NonZeroUsize::new(64),
                ..Config::default()
            });
        }
    }
    configs
}

/// Runs with a sink that panics at its `nth` row.
fn run_with(config: &Config, input: Input, nth: u64) -> thread::Result<Result<Report, RunError>> {
    let rejected = Cell::new(0);
    let mut sink = |_: &RejectedRow<'_>| {
        rejected.set(rejected.get() + 1);
        if rejected.get() == nth {
            resume_unwind(Box::new("told to"));
        }
        Ok(())
    };
    let sinks = Sinks { rejects: Some(&mut sink) };
    catch_unwind(AssertUnwindSafe(|| run(config, vec![input], sinks)))
}

/// Fails every read in turn, and gives how many there were.
fn fail_every_read(config: &Config, fault: Fault) -> u64 {
    for nth in 1.. {
        let what = format!("{fault:?} at read {nth} of {config:?}");
        let (given_bytes, has_struck) = (Arc::default(), Arc::default());
        let faulty = Faulty {
            bytes: Cursor::new(text().into()),
            fault,
            nth,
            reads: 0,
            given_bytes: Arc::clone(&given_bytes),
            has_struck: Arc::clone(&has_struck),
        };
        let before = thread_count();
        let result = run_with(config, Input::reader("it", faulty), 0);
        assert_joined(before, &what);
        // Where the input were not dropped, somebody would still have it.
        assert_eq!(Arc::strong_count(&given_bytes), 1, "{what}");
        if !has_struck.load(Ordering::SeqCst) {
            assert_eq!(result.expect("no panic").expect("no fault").summary.rows, ROWS);
            return nth - 1;
        }
        match fault {
            Fault::Panic => {
                let panic = result.map(|_| ()).expect_err(&what);
                assert_eq!(panic.downcast_ref::<&str>(), Some(&"told to"), "{what}");
            }
            Fault::Fail | Fault::FailForEver => {
                let error = result.expect("no panic").map(|_| ()).expect_err(&what).to_string();
                let place = given_bytes.load(Ordering::SeqCst);
                let expected = format!("it: cannot be read at byte {place}: Input/output error");
                assert!(error.starts_with(&expected), "{what}: {error}");
            }
            Fault::Interrupted | Fault::Trickle => {
                let report = result.expect("no panic").expect("invisible");
                assert_eq!((report.summary.rows, report.summary.applied), (ROWS, ROWS / 2));
            }
        }
    }
    unreachable!("inputs end")
}

#[test]
fn no_thread_outlives_its_run_whichever_read_fails_or_panics() {
    for config in configs() {
        for fault in
            [Fault::Panic, Fault::Fail, Fault::FailForEver, Fault::Interrupted, Fault::Trickle]
        {
            let reads = fail_every_read(&config, fault);
            assert!(reads > 20, "{reads} reads");
        }
        // Every row of the rejects in turn.
        let mut nth = 1;
        loop {
            let before = thread_count();
            let result = run_with(&config, Input::bytes("it", text()), nth);
            assert_joined(before, "the rejects");
            if nth > ROWS / 2 {
                assert_eq!(result.expect("no panic").expect("no fault").summary.rows, ROWS);
                break;
            }
            let panic = result.map(|_| ()).expect_err("the sink panicked");
            assert_eq!(panic.downcast_ref::<&str>(), Some(&"told to"));
            nth += 1;
        }
    }
}

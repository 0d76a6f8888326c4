//! Several readers: the same result, errors and ends for every number of them.

use std::io::{self, Cursor, Read};
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use millrace::generate::{Plan, Workload};
use millrace::input::Io;
use millrace::ledger::SortedAccounts;
use millrace::output::rejects::{RejectedRow, RejectsWriter};
use millrace::{Config, Input, Interrupt, Recall, RunError, Sinks, Threads, run};

const READERS: [usize; 4] = [1, 2, 4, 8];
const HEADER: &str = "type,client,tx,amount\n";

/// A configuration with blocks of the usual size where it is 0.
fn config(readers: usize, block_bytes: usize) -> Config {
    Config {
        workers: NonZeroUsize::new(3),
        readers: NonZeroUsize::new(readers),
        threads: Threads::Always,
        block_bytes: NonZeroUsize::new(block_bytes),
        ..Config::default()
    }
}

/// What a run gives: accounts, rejects, and a summary that leaves out the time it took.
#[derive(Debug, PartialEq)]
struct Found {
    accounts: SortedAccounts,
    rejects: Vec<u8>,
    summary: String,
}

fn find(config: &Config, inputs: Vec<Input>, reporting: bool) -> Result<Found, RunError> {
    let mut writer = RejectsWriter::new(Vec::new(), inputs.len() > 1);
    let mut sink = |row: &RejectedRow<'_>| writer.write(row);
    let sinks = if reporting { Sinks { rejects: Some(&mut sink) } } else { Sinks::default() };
    let report = run(config, inputs, sinks)?;
    let summary = report.summary.to_json();
    let (summary, _) = summary.split_once(r#","elapsed"#).expect("the time comes last");
    let rejects = writer.finish().expect("memory");
    Ok(Found { accounts: report.accounts, rejects, summary: summary.to_owned() })
}

/// Gives a few bytes at a time, then whatever its end is.
struct Trickle<F> {
    bytes: Cursor<Vec<u8>>,
    end: F,
}

impl<F: FnMut() -> io::Result<usize>> Read for Trickle<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(100);
        match self.bytes.read(&mut buffer[..most])? {
            0 => (self.end)(),
            count => Ok(count),
        }
    }
}

fn trickle(
    name: &str,
    text: &str,
    end: impl FnMut() -> io::Result<usize> + Send + 'static,
) -> Input {
    Input::reader(name, Trickle { bytes: Cursor::new(text.into()), end })
}

fn deposits(first: u32, count: u32) -> String {
    let rows = (first..first + count).map(|tx| format!("deposit,{},{tx},1\n", tx % 7));
    HEADER.to_owned() + &rows.collect::<String>()
}

#[test]
fn every_number_of_readers_gives_the_same() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for workload in Workload::ALL {
        let mut bytes = Vec::new();
        Plan::new(workload, 3_000).write_to(&mut bytes).expect("memory");
        // Blank lines and a last row that may have been cut, before a second input.
        bytes.extend_from_slice(b"\n \r\ndeposit,1,999999999,1.5");
        let second = format!("\n\n{}\ndispute,1,999999999,\nrefund,1,1,1\n", deposits(1 << 30, 50));
        let path = folder.path().join("in.csv");
        std::fs::write(&path, &bytes).expect("a file");
        let second = || Input::bytes("second", second.as_bytes());
        for (block_bytes, strict) in [(40, false), (1_000, true), (0, false)] {
            for reporting in [true, false] {
                let mut expected = None;
                for readers in READERS {
                    let config = Config { strict, ..config(readers, block_bytes) };
                    let map = config.clone();
                    let read = Config { io: Io::Read, ..config.clone() };
                    let all = Config { recall: Recall::All, ..config };
                    for config in [&map, &read, &all] {
                        let inputs = vec![Input::path(&path), second()];
                        let found = find(config, inputs, reporting).expect("a good file");
                        let expected = expected.get_or_insert_with(|| {
                            assert!(!found.summary.contains(r#""blank_lines":0"#));
                            find(&map, vec![Input::path(&path), second()], reporting).expect("same")
                        });
                        assert!(found == *expected, "{workload}, {config:?}: {}", found.summary);
                    }
                }
            }
        }
    }
}

#[test]
fn the_first_error_in_input_order_ends_the_run() {
    for readers in READERS {
        for rows in [1, 10, 1_000] {
            let config = Config { recall: Recall::All, ..config(readers, 64) };
            let failing = |name, text: &str, message: &'static str| {
                trickle(name, text, move || Err(io::Error::other(message)))
            };
            let inputs = vec![
                Input::bytes("whole", deposits(0, 10)),
                failing("first", &deposits(100, rows), "the first"),
                failing("second", &deposits(10_000, 3), "the second"),
            ];
            let bytes = deposits(100, rows).len();
            let error = find(&config, inputs, true).map(|_| ()).expect_err("it cannot be read");
            let expected = format!("first: cannot be read at byte {bytes}: the first");
            assert_eq!(error.to_string(), expected, "{readers} readers");
        }
    }
}

/// A row knows the lines before it in its block only up to 65,535.
#[test]
fn a_refused_row_has_its_line_however_many_lines_its_block_has() {
    const LINES: u32 = 70_000;
    let mut text = HEADER.to_owned();
    let mut expected = Vec::new();
    for line in 2..LINES {
        let (row, is_refused) = match line % 7 {
            0 => ("", false),
            1 => ("x", true),
            2 => ("dispute,1,1", true),
            3 => ("\"dispute\",1,1", true),
            _ => ("deposit,1,1,5", line != 4),
        };
        text.push_str(row);
        text.push('\n');
        expected.extend(is_refused.then(|| line.to_string()));
    }
    // The first dispute of the first deposit holds, the others come too late.
    expected.retain(|line| line != "9");
    for readers in [1, 2] {
        for block_bytes in [1_000, 1 << 20] {
            let input = Input::bytes("it", text.clone());
            let found = find(&config(readers, block_bytes), vec![input], true).unwrap();
            let rejects = String::from_utf8(found.rejects).unwrap();
            let lines = rejects.lines().skip(1).map(|row| row.split(',').next().unwrap());
            assert!(lines.eq(expected.iter()), "{readers} readers, {block_bytes} bytes");
        }
    }
}

#[test]
fn a_request_to_stop_ends_the_run() {
    for readers in READERS {
        for block_bytes in [64, 0] {
            let interrupt = Interrupt::default();
            let config = Config {
                recall: Recall::All,
                interrupt: interrupt.clone(),
                ..config(readers, block_bytes)
            };
            let mut left = 100;
            let endless = trickle("endless", &deposits(0, 1_000), move || {
                interrupt.request();
                left -= 1;
                Ok(usize::from(left > 0))
            });
            let result = find(&config, vec![endless], false);
            assert!(matches!(result, Err(RunError::Interrupted)), "{readers}: {result:?}");
        }
    }
}

/// Where the threads that parse were not joined, one of them would still have the input.
#[test]
fn a_panic_of_a_reader_ends_the_run_and_every_thread_is_joined() {
    for readers in READERS {
        for rows in [1, 10, 1_000] {
            let config = Config { recall: Recall::All, ..config(readers, 64) };
            let held = Arc::new(());
            let mine = Arc::clone(&held);
            let input = trickle("it", &deposits(0, rows), move || {
                let thread = thread::current();
                panic!("{} was told to, with {}", thread.name().unwrap(), Arc::strong_count(&mine))
            });
            let result = catch_unwind(AssertUnwindSafe(|| find(&config, vec![input], false)));
            let panic = result.map(|_| ()).expect_err("it panicked");
            let text = panic.downcast_ref::<String>().expect("a text");
            assert!(text.ends_with(" was told to, with 2"), "{text}");
            assert!(text.starts_with(if readers == 1 { "reader " } else { "helper-" }), "{text}");
            assert_eq!(Arc::strong_count(&held), 1, "{readers} readers");
        }
    }
}

#[test]
fn a_sink_that_fails_ends_the_run() {
    for readers in READERS {
        let text = HEADER.to_owned() + &"refund,1,1,1\n".repeat(10_000);
        let mut sink = |_: &RejectedRow<'_>| Err(io::Error::other("full"));
        let sinks = Sinks { rejects: Some(&mut sink) };
        let error = run(&config(readers, 64), vec![Input::bytes("it", text)], sinks).unwrap_err();
        assert_eq!(error.to_string(), "the rejects cannot be written: full", "{readers} readers");
    }
}

#[test]
fn no_input_at_all_is_no_row() {
    for readers in READERS {
        let report = run(&config(readers, 64), Vec::new(), Sinks::default()).expect("nothing");
        assert_eq!((report.summary.rows, report.accounts.len()), (0, 0));
    }
}

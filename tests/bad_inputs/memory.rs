//! Memory, measured: what a run takes for hostile input beyond what it takes for three rows.
//!
//! The limits of `limits` end a run that asks for too much; here the memory that it uses is read
//! while it runs (`RssAnon` and `RssFile`, see `proc_pid_status(5)`), so the figures can be printed
//! and compared:
//! `cargo test --release --test bad_inputs memory -- --include-ignored --nocapture`.

use std::fs;
use std::io::{self, Write};
use std::process::{Child, Stdio};
use std::thread;
use std::time::Duration;

use crate::drive::{Folder, MILLRACE, Ran, finish};
use crate::limits::{HEADER, deposits, zstd_bomb};

const MIB: u64 = 1 << 20;

/// Memory that no file stands behind.
const ANONYMOUS: &str = "RssAnon";
/// Memory in which files are mapped.
const MAPPED: &str = "RssFile";

/// Waits for a child; gives the most memory of a kind that it was seen to use, in bytes.
fn finish_measured(child: Child, kind: &str) -> (Ran, u64) {
    let status = format!("/proc/{}/status", child.id());
    let waiting = thread::spawn(|| finish(child));
    let mut most = 0;
    while !waiting.is_finished() {
        // The child may be gone, or not yet another program than this one.
        let text = fs::read_to_string(&status).unwrap_or_default();
        if text.starts_with("Name:\tmillrace\n") {
            most = most.max(bytes_of(kind, &text));
        }
        thread::sleep(Duration::from_micros(500));
    }
    (waiting.join().expect("no panic"), most)
}

/// Reads a line as `RssAnon:   1234 kB`; 0 of a process that has ended.
fn bytes_of(kind: &str, status: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(kind)?.strip_prefix(':'));
    let number = line.and_then(|line| line.trim().strip_suffix(" kB"));
    number.map_or(0, |number| 1024 * number.trim().parse::<u64>().expect("a number"))
}

fn run_measured(folder: &Folder, args: &str, kind: &str) -> (Ran, u64) {
    let mut command = folder.command(MILLRACE);
    let child = command.args(args.split_whitespace()).spawn().expect("the binary starts");
    finish_measured(child, kind)
}

/// Runs it with `args`, and asserts how it ends and that it takes at most so much more than a run
/// of three rows with the same options.
#[expect(clippy::print_stdout, reason = "who runs this alone wants the figures")]
#[track_caller]
fn assert_takes(folder: &Folder, args: &str, code: i32, most_more: u64) {
    let (input, options) = args.split_once(' ').unwrap_or((args, ""));
    folder.write("three.csv", deposits(0..3));
    // A run so short may be over before it is seen; then nothing is taken off.
    let (ran, three_rows) = run_measured(folder, &format!("three.csv {options}"), ANONYMOUS);
    ran.ended(0);
    let (ran, taken) = run_measured(folder, args, ANONYMOUS);
    ran.ended(code);
    println!("{args}: {} KiB, {input} of three rows {} KiB", taken >> 10, three_rows >> 10);
    assert!(taken > 0, "{args}: too quick to be seen");
    assert!(taken <= three_rows + most_more, "{args}: {taken} bytes, three rows {three_rows}");
}

/// What is measured is memory that is used: ids without an order, all of them remembered.
#[test]
fn memory_that_is_used_is_seen() {
    const IDS: u64 = 300_000;
    let folder = Folder::new();
    folder.write("in.csv", deposits((0..IDS).map(|id| id << 20)));
    let (ran, taken) = run_measured(&folder, "in.csv --recall all", ANONYMOUS);
    ran.ended(0);
    assert!(taken > 16 * IDS, "{taken} bytes for {IDS} ids");
}

/// Some 16 MiB behind the reader are kept, and 4 MiB are let go of at a time. With `--recall all` no
/// pass over the whole map comes first.
#[test]
fn what_has_been_read_of_a_map_is_let_go_of() {
    let folder = Folder::new();
    let file = deposits(0..4_000_000);
    let whole = u64::try_from(file.len()).expect("64 bits");
    assert!(whole > 72 * MIB, "{whole} bytes");
    folder.write("in.csv", file);
    for how in ["--threads never", "--threads always", "--threads always --rejects rejects.csv"] {
        let args = format!("in.csv --recall all {how}");
        let (ran, taken) = run_measured(&folder, &args, MAPPED);
        ran.ended(0);
        assert!((8 * MIB..40 * MIB).contains(&taken), "{args}: {taken} bytes of {whole}");
    }
}

#[test]
fn a_row_without_an_end_takes_a_few_blocks() {
    let folder = Folder::new();
    let mut file = HEADER.to_vec();
    file.resize(file.len() + (64 << 20), b'1');
    file.extend_from_slice(b"\ndeposit,7,2,6\n");
    folder.write("in.csv", file);
    for how in ["", " --io read", " --recall all", " --readers 4 --threads always"] {
        assert_takes(&folder, &format!("in.csv{how}"), 0, 16 * MIB);
    }
}

#[test]
fn a_bomb_takes_a_few_blocks() {
    let folder = Folder::new();
    folder.write("one-row.zst", zstd_bomb(64 << 30, b'1'));
    for how in ["", " --recall all"] {
        let args = format!("one-row.zst --max-input-bytes 100000000{how}");
        // Besides the blocks: the window of the decoder.
        assert_takes(&folder, &args, 74, 24 * MIB);
    }
}

#[test]
fn scattered_ids_take_sixty_four_bytes_each() {
    const IDS: u64 = 1 << 17;
    let folder = Folder::new();
    folder.write("in.csv", deposits((0..IDS).map(|id| id << 20)));
    // A table that grows is there twice for a moment: half as much again.
    assert_takes(&folder, "in.csv --threads never", 0, 64 * IDS + 32 * IDS);
}

/// Feeds the binary rows that are all refused, half by the reader and half by a worker.
#[expect(clippy::print_stdout, reason = "who runs this alone wants the figures")]
fn refuse(rows: u64) -> u64 {
    const PAIRS: u64 = 5_000;
    let folder = Folder::new();
    let chunk = b"dispute,8,18446744073709551615,\nrefund,7,1,-99\n".repeat(5_000);
    let (reader, mut writer) = io::pipe().expect("a pipe");
    let mut command = folder.command(MILLRACE);
    let args = "- --recall all --workers 2 --threads always --rejects /dev/null";
    command.args(args.split_whitespace()).stdin(Stdio::from(reader));
    let child = command.spawn().expect("the binary starts");
    // Or else this process would hold the pipe open in the child's stead.
    drop(command);
    let feeder = thread::spawn(move || -> io::Result<()> {
        writer.write_all(HEADER)?;
        (0..rows / (2 * PAIRS)).try_for_each(|_| writer.write_all(&chunk))
    });
    let (ran, taken) = finish_measured(child, ANONYMOUS);
    feeder.join().expect("no panic").expect("the run reads to the end");
    let digits = grouped(rows / 2);
    let ran = ran.ended(0).saying(&["unknown_type", "unknown_tx", &digits]);
    assert!(ran.stderr.len() < 1024, "{}", ran.stderr);
    println!("{rows} bad rows: {} KiB", taken >> 10);
    taken
}

/// With a comma between thousands.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join(",")
}

/// A block holds 131,072 of them: what is kept of each counts.
#[test]
fn the_shortest_bad_rows_take_little_memory_in_each_of_four_readers() {
    let folder = Folder::new();
    folder.write("in.csv", [HEADER, &b"x\n".repeat(4_000_000)].concat());
    // Twelve pieces with 2 MiB each; where they are reported, lists of as much that wait as well.
    for (how, most_more) in [("", 32 * MIB), (" --rejects /dev/null", 96 * MIB)] {
        assert_takes(&folder, &format!("in.csv --readers 4 --threads always{how}"), 0, most_more);
    }
}

#[test]
fn bad_rows_take_no_memory_of_their_own() {
    let taken = refuse(2_000_000);
    assert!(taken < 24 * MIB, "{taken} bytes");
}

#[test]
#[ignore = "a minute: cargo test --release --test bad_inputs memory -- --ignored"]
fn a_hundred_million_bad_rows_take_no_more() {
    let taken = refuse(100_000_000);
    assert!(taken < 24 * MIB, "{taken} bytes");
}

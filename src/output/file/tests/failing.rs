//! Every call to the operating system failing, one after the other: the first, the second, and so
//! on until there is no such call any more.

use rustix::io::Errno;

use super::*;
use crate::output::disk::faults::{Call, Fault, with, with_short_writes};

const CALLS: [Call; 6] =
    [Call::Create, Call::Write, Call::Sync, Call::Link, Call::Rename, Call::SyncDirectory];

const NAMES: [&str; 2] = ["balances.csv", "rejects.csv"];

/// More than the buffer holds, so that the content is written in several calls.
fn content() -> String {
    "0123456789abcde\n".repeat(BUFFER_BYTES / 16 * 5 / 2)
}

/// Why a run would fail, and whether that was found before anything was read.
#[derive(Debug)]
enum Failure {
    Create(CreateError),
    Write(WriteError),
}

/// Writes the outputs of a run as the command line does.
fn write_all(paths: &[PathBuf], way: OpenUnnamed) -> Result<(), Failure> {
    let outputs: Result<Vec<_>, _> =
        paths.iter().map(|path| OutputFile::create_with(path, way)).collect();
    let mut outputs = outputs.map_err(Failure::Create)?;
    for output in &mut outputs {
        let path = output.path().to_owned();
        for piece in content().as_bytes().chunks(10_000) {
            let written = output.write_all(piece);
            written.map_err(|error| Failure::Write(WriteError::write(&path, error)))?;
        }
    }
    persist_all(outputs).map_err(Failure::Write)
}

/// Asserts what a fault has left: outputs that are old or new, as the error says, and nothing else.
fn assert_left(folder: &TempDir, paths: &[PathBuf], fault: Fault, result: &Result<(), Failure>) {
    let new = content();
    let is_new: Vec<bool> = paths
        .iter()
        .map(|path| {
            let found = fs::read_to_string(path).unwrap();
            assert!(found == "old" || found == new, "{fault:?}: {} bytes", found.len());
            found == new
        })
        .collect();
    assert_eq!(names(folder).len(), NAMES.len(), "{fault:?}: {:?}", names(folder));
    let replaced = is_new.iter().filter(|&&is_new| is_new).count();
    match (fault.call, result) {
        (Call::Create, Err(Failure::Create(CreateError::Temporary { .. })))
        | (Call::Write | Call::Sync, Err(Failure::Write(WriteError::Write { .. })))
        | (Call::Link, Err(Failure::Write(WriteError::Replace { .. }))) => assert_eq!(replaced, 0),
        // Those before the one that is named are in place.
        (Call::Rename, Err(Failure::Write(WriteError::Replace { path, .. }))) => {
            let named = paths.iter().position(|other| other == path);
            assert_eq!(Some(replaced), named, "{fault:?}");
            assert!(is_new.is_sorted_by(|a, b| a >= b));
        }
        (Call::SyncDirectory, Err(Failure::Write(WriteError::SyncDirectory { .. }))) => {
            assert_eq!(replaced, paths.len());
        }
        _ => panic!("{fault:?}: {result:?}"),
    }
}

#[test]
fn whichever_call_fails_every_output_is_whole_and_no_temporary_is_left() {
    let mut struck = 0;
    for way in WAYS {
        for outputs in 1..=NAMES.len() {
            for call in CALLS {
                for (errno, is_lasting) in [
                    (Errno::IO, false),
                    (Errno::IO, true),
                    (Errno::NOSPC, false),
                    (Errno::DQUOT, true),
                ] {
                    let mut nth = 1;
                    loop {
                        let folder = tempfile::tempdir().unwrap();
                        let paths = NAMES.map(|name| folder.path().join(name));
                        for path in &paths {
                            fs::write(path, "old").unwrap();
                        }
                        let paths = &paths[..outputs];
                        let fault = Fault { call, nth, is_lasting, errno: errno.raw_os_error() };
                        let (result, has_struck) = with(fault, || write_all(paths, way));
                        if !has_struck {
                            result.unwrap();
                            break;
                        }
                        assert_left(&folder, paths, fault, &result);
                        (nth, struck) = (nth + 1, struck + 1);
                    }
                }
            }
        }
    }
    assert!(struck > 100, "{struck} faults");
}

fn assert_written(paths: &[PathBuf]) {
    for path in paths {
        assert!(fs::read_to_string(path).unwrap() == content());
    }
}

#[test]
fn an_interrupted_or_a_short_write_is_no_failure() {
    let folder = tempfile::tempdir().unwrap();
    let paths = NAMES.map(|name| folder.path().join(name));
    let interrupted = Errno::INTR.raw_os_error();
    for nth in 1.. {
        let fault = Fault { call: Call::Write, nth, is_lasting: false, errno: interrupted };
        let (result, has_struck) = with(fault, || write_all(&paths, disk::open_unnamed));
        result.unwrap();
        assert_written(&paths);
        if !has_struck {
            assert!(nth > 6);
            break;
        }
    }
    for bytes in [1_000, 4_095, BUFFER_BYTES - 1] {
        with_short_writes(bytes, || write_all(&paths, disk::open_unnamed)).unwrap();
        assert_written(&paths);
    }
}

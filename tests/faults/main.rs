//! Faults and the promise for each: whatever breaks, an output is whole or untouched, and the exit
//! code says what happened.
//!
//! Faults strike at a known point. A run opens all of its inputs before it reads the first to its
//! end, so with a FIFO as the last one it stands still, with the others open, until the test writes
//! to the FIFO or closes it. Others strike at every call to the operating system in turn, or at
//! random moments.
//!
//! [`SHOWN`] says which tests show each promise.

mod calls;
mod changed;
#[path = "../drive/mod.rs"]
mod drive;
mod full_disk;
mod interrupted;
mod moments;
mod outputs;
mod surroundings;

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::Child;

use drive::{Folder, MILLRACE, Ran, finish};

/// Each fault of the page, and the tests that show what is promised for it: here, beside the code,
/// or in a file beside this folder.
const SHOWN: [(&str, &[&str]); 17] = [
    (
        "kill -9 at any moment",
        &[
            "a_killed_run_leaves_the_old_output_and_nothing_else",
            "an_output_is_the_old_or_the_new_one_whenever_the_run_is_killed",
            "a_run_killed_at_any_moment_leaves_whole_outputs",
            "a_run_killed_at_any_of_thousands_of_moments",
            "a_signal_at_a_call_leaves_every_output_whole",
            "a_signal_at_every_call_leaves_every_output_whole",
        ],
    ),
    (
        "input truncated under the map",
        &[
            "a_map_cut_short_is_a_message_and_no_crash",
            "an_input_changed_at_any_moment_is_refused_or_was_read_before",
            "an_input_changed_at_any_of_thousands_of_moments",
        ],
    ),
    (
        "input rewritten or grown while read",
        &[
            "an_input_changed_in_place_is_refused",
            "a_compressed_input_changed_in_place_is_refused",
            "an_input_replaced_by_rename_is_read_as_it_was",
            "only_a_lost_link_excuses_a_new_time_of_change",
            "an_input_changed_at_any_moment_is_refused_or_was_read_before",
        ],
    ),
    // What it costs is a matter for the benches.
    (
        "`--io read`",
        &["an_input_changed_in_place_is_refused", "an_input_that_nobody_touches_is_read"],
    ),
    (
        "EIO on input",
        &[
            "a_device_that_fails_is_named_with_the_place",
            "a_fault_after_the_header_is_named_with_the_place",
            "no_thread_outlives_its_run_whichever_read_fails_or_panics",
            "a_call_that_fails_leaves_every_output_whole",
        ],
    ),
    // What close(2) says is not looked at: it comes after a sync, which has said it.
    (
        "disk full, EIO on output, rejects or `/dev/full`",
        &[
            "a_full_device_is_an_io_error",
            "a_file_that_cannot_grow_is_an_io_error",
            "a_full_disk_leaves_the_old_outputs_and_no_temporary",
            "a_disk_without_room_for_what_is_read_twice_is_named",
            "whichever_call_fails_every_output_is_whole_and_no_temporary_is_left",
            "a_call_that_fails_leaves_every_output_whole",
            "every_call_that_fails_leaves_every_output_whole",
        ],
    ),
    (
        "output directory missing or read-only",
        &[
            "an_output_that_cannot_be_created_is_found_before_the_input_is_read",
            "a_protected_output_is_found_before_the_input_is_read",
            "a_directory_that_takes_no_file_is_refused",
        ],
    ),
    // Closed by the shell it cannot be told from `/dev/null` opened for reading and writing, which
    // is what other programs (Python's `subprocess`) give to those whose output they do not want.
    (
        "standard output closed early",
        &[
            "standard_output_that_is_closed_is_no_error_message",
            "standard_output_that_closes_in_the_middle_is_no_error_message",
            "standard_output_that_is_closed_does_not_matter_to_an_output_file",
        ],
    ),
    // The binary has no door through which it could be told to panic.
    (
        "worker or reader panics",
        &[
            "a_worker_that_panics_at_any_of_its_batches_ends_the_run_and_every_worker_is_gone",
            "a_worker_that_panics_stops_the_run_and_every_thread_is_joined",
            "a_reader_that_panics_stops_the_run_and_every_thread_is_joined",
            "no_thread_outlives_its_run_whichever_read_fails_or_panics",
            "a_panic_ends_as_the_exit_code_of_a_bug",
            "a_panic_of_a_thread_that_reads_ends_as_the_exit_code_of_a_bug",
        ],
    ),
    ("broken invariant at the join", &["a_broken_invariant_ends_as_a_bug_and_names_the_client"]),
    (
        "SIGINT, SIGTERM",
        &[
            "a_signal_stops_a_run_that_waits_for_a_fifo",
            "a_signal_stops_a_run_that_waits_for_standard_input",
            "a_signal_stops_a_run_that_keeps_its_input_in_a_temporary_file",
            "a_signal_stops_a_run_that_waits_for_whoever_reads_its_output",
            "a_run_interrupted_at_any_moment_leaves_whole_outputs",
            "a_signal_at_every_call_leaves_every_output_whole",
        ],
    ),
    // No result depends on a clock: clippy.toml forbids the one that jumps.
    ("SIGSTOP, suspend, clock jumps", &["a_stopped_run_goes_on"]),
    ("slow worker, one hot client", &["no_more_batches_are_made_than_the_queue_holds"]),
    (
        "EINTR, short reads and writes",
        &[
            "a_call_that_is_interrupted_is_made_again",
            "an_interrupted_or_a_short_write_is_no_failure",
            "no_thread_outlives_its_run_whichever_read_fails_or_panics",
        ],
    ),
    (
        "stderr blocked or closed",
        &[
            "closed_streams_change_no_result",
            "a_standard_error_that_nobody_reads_holds_up_no_balance",
        ],
    ),
    ("non-UTF-8 paths", &["a_name_that_is_not_utf8_is_a_name"]),
    (
        "no permission to pin threads, a cpuset smaller than the machine",
        &[
            "a_pin_that_is_refused_is_said_and_changes_nothing",
            "fewer_cores_than_workers_give_the_same",
        ],
    ),
];

#[test]
fn every_fault_of_the_page_has_its_tests() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &str| std::fs::read_to_string(root.join(path)).expect(path);
    let sources = [
        "src/cli/exit.rs",
        "src/cli/mod.rs",
        "src/engine/panics.rs",
        "src/input/watch.rs",
        "src/output/file/tests.rs",
        "src/output/file/tests/failing.rs",
        "src/pipeline/tests.rs",
        "tests/faults/calls.rs",
        "tests/faults/changed.rs",
        "tests/faults/full_disk.rs",
        "tests/faults/interrupted.rs",
        "tests/faults/moments.rs",
        "tests/faults/outputs.rs",
        "tests/faults/surroundings.rs",
        "tests/threads.rs",
    ]
    .map(read)
    .concat();
    for (fault, tests) in SHOWN {
        for test in tests {
            assert!(sources.contains(&format!("fn {test}()")), "{fault}: no test {test}");
        }
    }
}

const HEADER: &str = "type,client,tx,amount\n";

/// What the FIFO brings when nothing goes wrong.
const LAST_INPUT: &str = "type,client,tx,amount\ndeposit,9,999999,9\n";
const LAST_BALANCE: &str = "9,9.0000,0.0000,9.0000,false\n";

/// A run that stands still with its inputs open.
struct Halted {
    child: Child,
    fifo: File,
}

impl Halted {
    /// Starts the binary with `args`, one of which is `fifo`, and waits until it has opened that.
    fn start(folder: &Folder, args: &str) -> Self {
        make_fifo(folder, "fifo");
        let child = folder.command(MILLRACE).args(args.split_whitespace()).spawn();
        let child = child.expect("the binary starts");
        // Opening waits until the other end is open as well.
        let fifo = OpenOptions::new().write(true).open(folder.path("fifo")).expect("a FIFO");
        Self { child, fifo }
    }

    /// Lets the run go on to its end.
    fn resume(mut self) -> Ran {
        // A run that has failed already shows it in its exit code.
        self.fifo.write_all(LAST_INPUT.as_bytes()).ok();
        drop(self.fifo);
        finish(self.child)
    }
}

/// A file of deposits of 1, each of a client and with an id.
fn deposits(rows: impl Iterator<Item = (u64, u64)>) -> String {
    use std::fmt::Write;
    let mut file = HEADER.to_owned();
    for (client, tx) in rows {
        writeln!(file, "deposit,{client},{tx},1").expect("memory takes text");
    }
    file
}

fn make_fifo(folder: &Folder, name: &str) {
    use rustix::fs::{CWD, FileType, mknodat};
    // One of an earlier run would do as well.
    mknodat(CWD, folder.path(name), FileType::Fifo, 0o600.into(), 0).ok();
}

//! Faults at random moments of a run. What each of them leaves is one of two things, whenever it
//! comes, so no clock decides about a result.

use std::fs::{self, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use rustix::process::{Pid, Signal, kill_process};

use crate::drive::{BALANCES, Folder, MILLRACE, Ran, finish, run};
use crate::{Halted, deposits};

const OLD: &str = "what was here before\n";

/// Changed inputs are as long as it takes to be met in the middle.
const ROWS: u64 = 200_000;

const WAYS: [&str; 4] = [
    "--io map",
    "--io read",
    "--io map --workers 2 --readers 2 --threads always",
    "--io read --workers 2 --readers 2 --threads always --recall all",
];

struct Chance(Xoshiro256PlusPlus);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0.next_u64() % end
    }

    /// A moment of a run that takes so long, or shortly after it.
    fn moment(&mut self, run: Duration) -> Duration {
        let micros = u64::try_from(run.as_micros()).expect("a short run");
        Duration::from_micros(self.below(micros * 5 / 4 + 1))
    }
}

/// Changes an input in one of several ways, so that its size or its time changes.
fn change(path: &Path, original: &str, chance: &mut Chance) -> &'static str {
    let length = u64::try_from(original.len()).expect("64 bits");
    let mut file = OpenOptions::new().write(true).open(path).expect("ours");
    match chance.below(5) {
        0 => {
            file.set_len(chance.below(length)).expect("ours");
            "cut"
        }
        1 => {
            file.set_len(0).expect("ours");
            "emptied"
        }
        2 => {
            file.seek(SeekFrom::End(0)).expect("a file");
            file.write_all(b"deposit,7,99999999,1\n").expect("ours");
            "appended to"
        }
        3 => {
            file.seek(SeekFrom::Start(chance.below(length - 100))).expect("a file");
            file.write_all(&[b'9'; 100]).expect("ours");
            "overwritten"
        }
        _ => {
            // As an editor would: as long as before, with other amounts.
            file.set_len(0).expect("ours");
            file.write_all(original.replace(",1\n", ",2\n").as_bytes()).expect("ours");
            "rewritten"
        }
    }
}

/// Changes an input while it is read, again and again, and gives how many runs were refused.
fn change_inputs(runs: u64, seed: u64) -> u64 {
    let mut chance = Chance(Xoshiro256PlusPlus::seed_from_u64(seed));
    let original = deposits((0..ROWS).map(|tx| (tx % 11, tx)));
    let balance = |client: u64| {
        // The last input brings another deposit of 9 for client 9.
        let last = if client == 9 { 9 } else { 0 };
        let amount = ROWS / 11 + u64::from(client < ROWS % 11) + last;
        format!("{client},{amount}.0000,0.0000,{amount}.0000,false\n")
    };
    let settled = BALANCES.to_owned() + &(0..11).map(balance).collect::<String>();
    let folder = Folder::new();
    let mut took = [Duration::ZERO; WAYS.len()];
    let mut refused = 0;
    for round in 0..runs {
        let way = usize::try_from(round).expect("few") % WAYS.len();
        folder.write("in.csv", &original);
        let file = OpenOptions::new().write(true).open(folder.path("in.csv")).expect("ours");
        file.set_modified(SystemTime::UNIX_EPOCH).expect("ours");
        drop(file);
        folder.write("out.csv", OLD);
        folder.write("rejects.csv", OLD);
        let args = format!("in.csv fifo -o out.csv --rejects rejects.csv -q {}", WAYS[way]);
        let halted = Halted::start(&folder, &args);
        if took[way].is_zero() {
            // The first run of each way shows how long one takes.
            let start = Instant::now();
            halted.resume().ended(0);
            took[way] = start.elapsed();
            assert_eq!(folder.read("out.csv"), settled);
            continue;
        }
        let moment = chance.moment(took[way]);
        let mut how = "";
        let path = folder.path("in.csv");
        let ran = thread::scope(|scope| {
            scope.spawn(|| {
                thread::sleep(moment);
                how = change(&path, &original, &mut chance);
            });
            halted.resume()
        });
        let what = format!("seed {seed}, round {round}: {how} after {moment:?} by {}", WAYS[way]);
        refused += u64::from(assert_refused_or_settled(&what, &folder, &ran, &settled));
    }
    refused
}

/// Asserts that a run has failed and touched nothing, or has read all of what it opened; tells
/// which.
fn assert_refused_or_settled(what: &str, folder: &Folder, ran: &Ran, settled: &str) -> bool {
    assert!(!ran.stderr.contains("panicked"), "{what}: {}", ran.stderr);
    let outputs = (folder.read("out.csv"), folder.read("rejects.csv"));
    match ran.code {
        Some(0) => {
            assert!(outputs.0 == settled, "{what}: {}", outputs.0);
            assert_eq!(outputs.1.lines().count(), 1, "{what}");
            false
        }
        Some(74) => {
            assert_eq!(outputs, (OLD.into(), OLD.into()), "{what}");
            let says = ["truncated", "was written to", "has grown"];
            let says = says.iter().any(|message| ran.stderr.contains(message));
            assert!(says && ran.stderr.lines().count() == 1, "{what}: {}", ran.stderr);
            assert_eq!(folder.files().len(), 4, "{what}: {:?}", folder.files().keys());
            true
        }
        _ => panic!("{what}: {ran:?}"),
    }
}

/// What is left in a folder by a run that was ended.
#[derive(Default)]
struct Ends {
    stopped: u64,
    finished: u64,
    /// Hidden temporaries of runs that were killed between the two calls that name an output.
    half_named: u64,
}

/// Sends a signal to runs at random moments.
fn signal_runs(runs: u64, seed: u64, signal: Signal) -> Ends {
    let mut chance = Chance(Xoshiro256PlusPlus::seed_from_u64(seed));
    let folder = Folder::new();
    folder.write("in.csv", deposits((0..20_000).map(|row| (row, row / 2 * 2))));
    let args = "in.csv -o out.csv --rejects rejects.csv -q";
    let start = Instant::now();
    folder.run(args).ended(0);
    let took = start.elapsed();
    let new = (folder.read("out.csv"), folder.read("rejects.csv"));
    assert!(new.0.starts_with(BALANCES) && new.1.lines().count() == 10_001);
    let mut ends = Ends::default();
    for round in 0..runs {
        folder.write("out.csv", OLD);
        folder.write("rejects.csv", OLD);
        let child = folder.command(MILLRACE).args(args.split(' ')).spawn().expect("it starts");
        // Whoever asks it to stop must do so before the outputs are put in place, which takes most
        // of the time.
        let moment = chance.moment(if signal == Signal::KILL { took } else { took / 4 });
        thread::sleep(moment);
        kill_process(Pid::from_child(&child), signal).expect("a child of ours");
        let ran = finish(child);
        let what = format!("seed {seed}, round {round}: {signal:?} after {moment:?}: {ran:?}");
        let found = (folder.read("out.csv"), folder.read("rejects.csv"));
        assert!(found.0 == new.0 || found.0 == OLD, "{what}: {} bytes", found.0.len());
        assert!(found.1 == new.1 || found.1 == OLD, "{what}: {} bytes", found.1.len());
        let is_old = (found.0 == OLD, found.1 == OLD);
        match ran.code {
            Some(0) => assert_eq!(is_old, (false, false), "{what}"),
            Some(130 | 143) => assert_eq!(is_old, (true, true), "{what}"),
            // Killed, or before the handlers were set.
            None => assert!(signal == Signal::KILL || is_old == (true, true), "{what}"),
            Some(_) => panic!("{what}"),
        }
        ends.finished += u64::from(ran.code == Some(0));
        ends.stopped += u64::from(ran.code != Some(0));
        for name in folder.files().into_keys() {
            let name = name.to_str().expect("ours");
            if !["in.csv", "out.csv", "rejects.csv"].contains(&name) {
                assert!(signal == Signal::KILL && name.starts_with('.'), "{what}: {name}");
                let left = folder.read(name);
                assert!(left == new.0 || left == new.1, "{what}: {name}");
                fs::remove_file(folder.path(name)).expect("ours");
                ends.half_named += 1;
            }
        }
        // A rerun gives what a run that was not ended gives.
        if round % 8 == 0 {
            run(folder.command(MILLRACE).args(args.split(' '))).ended(0);
            assert!((folder.read("out.csv"), folder.read("rejects.csv")) == new, "{what}");
        }
    }
    ends
}

#[test]
fn an_input_changed_at_any_moment_is_refused_or_was_read_before() {
    let refused = change_inputs(60, 1);
    println!("{refused} of 60 runs refused");
    assert!(refused > 10, "{refused}");
}

#[test]
fn a_run_killed_at_any_moment_leaves_whole_outputs() {
    let ends = signal_runs(60, 1, Signal::KILL);
    println!("{} killed, {} finished, {} half named", ends.stopped, ends.finished, ends.half_named);
    assert!(ends.stopped > 10, "{}", ends.stopped);
}

#[test]
fn a_run_interrupted_at_any_moment_leaves_whole_outputs() {
    for signal in [Signal::INT, Signal::TERM] {
        let ends = signal_runs(30, 1, signal);
        println!("{signal:?}: {} stopped, {} finished", ends.stopped, ends.finished);
        assert!(ends.stopped > 0);
    }
}

#[test]
#[ignore = "minutes: cargo test --test faults thousands -- --ignored --nocapture"]
fn an_input_changed_at_any_of_thousands_of_moments() {
    let start = Instant::now();
    let refused = change_inputs(1_000, 2);
    println!("{refused} of 1000 changed inputs refused, {:?}", start.elapsed());
    assert!(refused > 200, "{refused}");
}

#[test]
#[ignore = "minutes: cargo test --test faults thousands -- --ignored --nocapture"]
fn a_run_killed_at_any_of_thousands_of_moments() {
    for (signal, runs) in [(Signal::KILL, 2_000), (Signal::INT, 500), (Signal::TERM, 500)] {
        let start = Instant::now();
        let ends = signal_runs(runs, 2, signal);
        let Ends { stopped, finished, half_named } = ends;
        println!(
            "{signal:?}: {stopped} stopped, {finished} finished, {half_named} half named, {:?}",
            start.elapsed()
        );
        assert!(stopped > runs / 10, "{stopped}");
    }
}

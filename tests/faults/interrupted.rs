//! Runs that are told to stop, or killed.

use std::io::Write;
use std::process::Child;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::drive::{BALANCES, Folder, MILLRACE, finish, run};
use crate::{HEADER, Halted, LAST_BALANCE, deposits, make_fifo};

const OLD: &str = "what was here before\n";

const STOPS: [(Signal, i32); 2] = [(Signal::INT, 130), (Signal::TERM, 143)];

fn send(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).expect("a child of ours");
}

/// A folder with an input and outputs of an earlier run.
fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("in.csv", deposits((0..1_000).map(|tx| (7, tx))));
    folder.write("out.csv", OLD);
    folder.write("rejects.csv", OLD);
    folder
}

/// Asserts that a child ends by the exit code of its signal, and leaves nothing.
#[track_caller]
fn assert_stops(child: Child, folder: &Folder, code: i32) {
    let ran = finish(child).ended(code);
    assert_eq!(ran.stdout, "");
    assert_eq!(ran.stderr, "millrace: interrupted; no output was written\n");
    assert_eq!((folder.read("out.csv"), folder.read("rejects.csv")), (OLD.into(), OLD.into()));
}

#[test]
fn a_signal_stops_a_run_that_waits_for_a_fifo() {
    for (signal, code) in STOPS {
        // With no byte of it, with its header, and with rows that wait for more.
        for begun in ["", "type,client", HEADER, "type,client,tx,amount\ndeposit,9,9,9\n"] {
            for how in [
                "",
                "--recall all",
                "--threads never",
                "--io read",
                "--readers 4 --threads always",
                "--readers 2 --threads always --recall all --block-bytes 1",
            ] {
                let folder = folder();
                make_fifo(&folder, "fifo");
                let before = folder.files();
                let args = format!("in.csv fifo -o out.csv --rejects rejects.csv {how}");
                let mut halted = Halted::start(&folder, &args);
                halted.fifo.write_all(begun.as_bytes()).unwrap();
                send(&halted.child, signal);
                assert_stops(halted.child, &folder, code);
                assert!(folder.files() == before, "{how}: {:?}", folder.files());
            }
        }
    }
}

#[test]
fn a_signal_stops_an_explanation() {
    for (signal, code) in STOPS {
        for how in ["explain 7", "explain --tx 7 --threads never", "explain 7 --io read"] {
            let folder = folder();
            make_fifo(&folder, "fifo");
            let before = folder.files();
            let halted = Halted::start(&folder, &format!("{how} in.csv fifo -o out.csv"));
            send(&halted.child, signal);
            assert_stops(halted.child, &folder, code);
            assert!(folder.files() == before, "{how}: {:?}", folder.files());
        }
    }
}

#[test]
fn a_signal_stops_a_run_whose_fifo_nobody_writes_to() {
    for (signal, code) in STOPS {
        let folder = folder();
        make_fifo(&folder, "ready");
        make_fifo(&folder, "fifo");
        let before = folder.files();
        let mut command = folder.command(MILLRACE);
        let args = "ready fifo -o out.csv --rejects rejects.csv";
        let child = command.args(args.split_whitespace()).spawn().unwrap();
        // Once the first FIFO has been read, the second is what is waited for; a signal that comes
        // sooner must do as well.
        std::fs::write(folder.path("ready"), HEADER).unwrap();
        thread::sleep(Duration::from_millis(50));
        send(&child, signal);
        assert_stops(child, &folder, code);
        assert!(folder.files() == before);
    }
}

#[test]
fn a_signal_stops_a_run_that_waits_for_standard_input() {
    for (signal, code) in STOPS {
        for begun in [HEADER, "type,client,tx,amount\ndeposit,9,9,9\n"] {
            let folder = folder();
            let before = folder.files();
            let (reader, mut writer) = std::io::pipe().unwrap();
            let mut command = folder.command(MILLRACE);
            command.args(["-", "-o", "out.csv", "--rejects", "rejects.csv"]).stdin(reader);
            let child = command.spawn().unwrap();
            writer.write_all(begun.as_bytes()).unwrap();
            // What is written is read by a program that has set its handlers.
            while rustix::io::ioctl_fionread(&writer).unwrap() > 0 {
                thread::sleep(Duration::from_millis(1));
            }
            send(&child, signal);
            assert_stops(child, &folder, code);
            assert!(folder.files() == before);
        }
    }
}

#[test]
fn a_signal_stops_a_run_that_keeps_its_input_in_a_temporary_file() {
    // More than is kept in memory, and then nothing.
    let input = deposits((0..1_000_000).map(|tx| (7, tx)));
    assert!(input.len() > 16 << 20);
    for (signal, code) in STOPS {
        let folder = folder();
        let before = folder.files();
        let (reader, mut writer) = std::io::pipe().unwrap();
        let mut command = folder.command(MILLRACE);
        command.args(["-", "-o", "out.csv", "--rejects", "rejects.csv"]).stdin(reader);
        let child = command.spawn().unwrap();
        writer.write_all(input.as_bytes()).unwrap();
        while rustix::io::ioctl_fionread(&writer).unwrap() > 0 {
            thread::sleep(Duration::from_millis(1));
        }
        send(&child, signal);
        assert_stops(child, &folder, code);
        assert!(folder.files() == before, "{:?}", folder.files());
    }
}

/// A run that wrote to a pipe nobody read could be ended by SIGKILL alone: std waits for the pipe
/// again whenever a signal wakes it.
#[test]
fn a_signal_stops_a_run_that_waits_for_whoever_reads_its_output() {
    for (signal, code) in STOPS {
        let folder = folder();
        folder.write("large.csv", deposits((0..50_000).map(|tx| (tx, tx))));
        make_fifo(&folder, "fifo");
        for (args, stdout_is_read) in [
            ("in.csv -o fifo", true),
            ("in.csv -o out.csv --rejects fifo", true),
            ("large.csv", false),
        ] {
            let mut child = folder.command(MILLRACE).args(args.split_whitespace()).spawn().unwrap();
            let unread = if stdout_is_read { None } else { child.stdout.take() };
            thread::sleep(Duration::from_millis(300));
            send(&child, signal);
            let ran = finish(child).ended(code);
            assert_eq!(ran.stderr, "millrace: interrupted; no output was written\n", "{args}");
            drop(unread);
            assert_eq!(folder.read("out.csv"), OLD);
        }
    }
}

#[test]
fn a_stopped_run_goes_on() {
    for how in ["", "--threads always --workers 3 --readers 3", "--recall all"] {
        let folder = folder();
        let halted = Halted::start(&folder, &format!("in.csv fifo {how}"));
        for _ in 0..3 {
            send(&halted.child, Signal::STOP);
            send(&halted.child, Signal::CONT);
        }
        let ran = halted.resume().ended(0);
        ran.with_balances(&format!("7,1000.0000,0.0000,1000.0000,false\n{LAST_BALANCE}"));
    }
}

#[test]
fn a_killed_run_leaves_the_old_output_and_nothing_else() {
    let folder = folder();
    make_fifo(&folder, "fifo");
    let before = folder.files();
    let mut halted = Halted::start(&folder, "in.csv fifo -o out.csv --rejects rejects.csv");
    halted.fifo.write_all(HEADER.as_bytes()).unwrap();
    send(&halted.child, Signal::KILL);
    assert_eq!(finish(halted.child).code, None);
    assert!(folder.files() == before, "{:?}", folder.files());
}

#[test]
fn an_output_is_the_old_or_the_new_one_whenever_the_run_is_killed() {
    let folder = folder();
    folder.write("in.csv", deposits((0..20_000).map(|row| (row, row))));
    let new = folder.run("in.csv").ended(0).stdout;
    assert!(new.starts_with(BALANCES));
    for step in 0..40 {
        folder.write("out.csv", OLD);
        let child = folder.command(MILLRACE).args(["in.csv", "-o", "out.csv"]).spawn().unwrap();
        thread::sleep(Duration::from_micros(500 * step));
        send(&child, Signal::KILL);
        finish(child);
        let found = folder.read("out.csv");
        assert!(found == OLD || found == new, "step {step}: {} bytes", found.len());
        // A rerun gives what a run that was not killed gives.
        if step % 10 == 0 {
            run(folder.command(MILLRACE).args(["in.csv", "-o", "out.csv"])).ended(0);
            assert!(folder.read("out.csv") == new);
        }
    }
}

//! Surroundings that are short of something: standard error, cores, UTF-8 in names.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;

use crate::drive::{BALANCES, Folder, MILLRACE, finish, run, run_with};
use crate::{HEADER, deposits};

const SETTLED: &str = "client,available,held,total,locked\n7,5.0000,0.0000,5.0000,false\n";

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("in.csv", format!("{HEADER}deposit,7,1,5\ndeposit,7,1,6\n"));
    folder
}

#[test]
fn closed_streams_change_no_result() {
    let folder = folder();
    for (streams, output) in [
        ("2>&-", ""),
        ("2>&- -v", ""),
        ("2>&- -vv --log-format json", ""),
        ("2>/dev/full -v", ""),
        ("<&-", ""),
        ("2>&- <&- --rejects rejects.csv", ""),
        (">&- 2>&- <&-", "-o out.csv"),
        (">/dev/full 2>/dev/full", "-o out.csv"),
    ] {
        let script = format!("exec \"$0\" in.csv {output} {streams}");
        let ran = run(folder.command("sh").args(["-c", &script, MILLRACE])).ended(0);
        let written = if output.is_empty() { ran.stdout } else { folder.read("out.csv") };
        assert_eq!(written, SETTLED, "{script}");
        fs::remove_file(folder.path("out.csv")).ok();
    }
    // A failure is told by its code alone.
    let script = "exec \"$0\" missing.csv 2>&-";
    run(folder.command("sh").args(["-c", script, MILLRACE])).ended(66);
}

#[test]
fn a_standard_error_that_nobody_reads_holds_up_no_balance() {
    use rustix::fs::{OFlags, fcntl_setfl};
    let folder = folder();
    let (mut reader, mut writer) = io::pipe().unwrap();
    fcntl_setfl(&writer, OFlags::NONBLOCK).unwrap();
    let mut filled = 0;
    while let Ok(count) = writer.write(&[b'-'; 4096]) {
        filled += count;
    }
    fcntl_setfl(&writer, OFlags::empty()).unwrap();
    let mut command = folder.command(MILLRACE);
    let mut child = command.arg("in.csv").stderr(writer).spawn().unwrap();
    drop(command);
    let mut balances = vec![0; SETTLED.len()];
    child.stdout.as_mut().unwrap().read_exact(&mut balances).unwrap();
    assert_eq!(balances, SETTLED.as_bytes());
    let mut said = String::new();
    reader.read_to_string(&mut said).unwrap();
    assert!(said[filled..].starts_with("rows "), "{}", &said[filled..]);
    let ran = finish(child).ended(0);
    assert_eq!(ran.stdout, "");
}

#[test]
fn a_name_that_is_not_utf8_is_a_name() {
    let folder = folder();
    let name = |bytes| OsStr::from_bytes(bytes);
    let input = name(b"m\xe4i\x1b[2J.csv");
    fs::copy(folder.path("in.csv"), folder.path(input)).unwrap();
    let mut command = folder.command(MILLRACE);
    command.arg(input).arg("-o").arg(name(b"b\xff.csv")).arg("--rejects").arg(name(b"r\xff"));
    run(&mut command).ended(0);
    assert_eq!(fs::read_to_string(folder.path(name(b"b\xff.csv"))).unwrap(), SETTLED);
    assert!(fs::read_to_string(folder.path(name(b"r\xff"))).unwrap().contains("\n3,rejected,"));

    let missing = run(folder.command(MILLRACE).arg(name(b"\xff\x1b[31m\n.csv"))).ended(66);
    assert!(missing.stderr.starts_with(r"millrace: \xff\x1b[31m\x0a.csv: cannot be opened"));
    let mut command = folder.command(MILLRACE);
    let ran = run(command.arg(input).arg("-o").arg(name(b"\xff/out.csv"))).ended(73);
    ran.saying(&[r"millrace: \xff/out.csv: there is no directory \xff;"]);
    fs::write(folder.path(name(b"\xe4.csv")), "no csv\n").unwrap();
    let ran = run(folder.command(MILLRACE).arg(name(b"\xe4.csv"))).ended(65);
    ran.saying(&[r"millrace: \xe4.csv: line 1: "]);
}

/// A system without threads to give was reported as a bug in millrace.
///
/// Stacks are large, so that what is left when there is no room for another one is enough for all
/// else: memory that ends within a few bytes ends a process whatever it does.
#[test]
fn threads_that_cannot_be_started_are_an_io_error() {
    let folder = folder();
    for how in ["--workers 1024", "--readers 1024 --threads always"] {
        let script = format!("ulimit -v 400000; exec \"$0\" in.csv {how}");
        let mut command = folder.command("sh");
        command.args(["-c", &script, MILLRACE]).env("RUST_MIN_STACK", (32 << 20).to_string());
        let ran = run(&mut command).ended(74);
        assert_eq!(ran.stdout, "");
        ran.saying(&["no thread can be started", "--workers", "--readers"]);
    }
}

#[test]
fn fewer_cores_than_workers_give_the_same() {
    let folder = Folder::new();
    folder.write("in.csv", deposits((0..5_000).map(|tx| (tx % 50, tx))));
    let expected = folder.run("in.csv --workers 1 --threads never").ended(0).stdout;
    assert_eq!(expected.lines().count(), 51);
    assert!(expected.starts_with(&format!("{BALANCES}0,100.0000,")));
    for how in [
        "--pin always --workers 16",
        "--pin never --workers 16",
        "--pin auto --workers 16",
        "--pin always --workers 3 --readers 8",
    ] {
        let ran = folder.run(&format!("in.csv --threads always --batch-rows 1 {how}")).ended(0);
        assert_eq!(ran.stdout, expected, "{how}");
    }
    let one_core = ["-c", "0", MILLRACE, "in.csv"];
    for how in ["", "--pin always --workers 16 --threads always", "--readers 3 -v", "--pin always"]
    {
        let mut command = folder.command("taskset");
        match command.args(one_core).args(how.split_whitespace()).spawn() {
            Ok(child) => assert_eq!(finish(child).ended(0).stdout, expected, "{how}"),
            Err(error) => println!("skipped: no taskset: {error}"),
        }
    }
}

#[test]
fn a_temporary_folder_that_is_missing_is_named() {
    // Too long for memory, and from a pipe.
    let folder = folder();
    let input = deposits((0..1_000_000).map(|tx| (7, tx)));
    let mut command = folder.command(MILLRACE);
    command.args(["-", "-o", "out.csv"]).env("TMPDIR", folder.path("missing"));
    let ran = run_with(&mut command, input.as_bytes()).ended(74);
    ran.saying(&["standard input: cannot be kept in a temporary file", "set TMPDIR"]);
    assert!(!folder.path("out.csv").exists());
    // Nothing need be kept where nothing is read twice.
    run_with(command.args(["--recall", "all"]), input.as_bytes()).ended(0);
}

//! Outputs that cannot be made, or not completed.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::{PermissionsExt, symlink};

use crate::drive::{BALANCES, Folder, MILLRACE, finish, run};
use crate::{HEADER, deposits, make_fifo};

const OLD: &str = "what was here before\n";

/// A folder with an input of `rows` deposits, every second of them a duplicate.
fn folder(rows: u64) -> Folder {
    let folder = Folder::new();
    folder.write("in.csv", deposits((0..rows).map(|row| (row, row / 2))));
    folder
}

/// Sizes of input for which an output fits into its buffer, and for which it does not.
const SIZES: [u64; 2] = [10, 50_000];

#[test]
fn standard_output_that_is_closed_is_no_error_message() {
    for rows in SIZES {
        let folder = folder(rows);
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let mut command = folder.command(MILLRACE);
        command.args(["in.csv", "--rejects", "rejects.csv"]).stdout(writer);
        let ran = run(&mut command).ended(141);
        assert_eq!(ran.stderr, "");
        assert!(!folder.path("rejects.csv").exists());
    }
}

#[test]
fn standard_output_that_closes_in_the_middle_is_no_error_message() {
    let folder = folder(50_000);
    let mut child = folder.command(MILLRACE).arg("in.csv").spawn().unwrap();
    let mut first = [0; 100];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let ran = finish(child).ended(141);
    assert_eq!(ran.stderr, "");
    assert!(first.starts_with(BALANCES.as_bytes()));
}

#[test]
fn standard_output_that_is_closed_does_not_matter_to_an_output_file() {
    let folder = folder(10);
    let expected = folder.run("in.csv").ended(0).stdout;
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    run(folder.command(MILLRACE).args(["in.csv", "-o", "out.csv"]).stdout(writer)).ended(0);
    assert_eq!(folder.read("out.csv"), expected);
}

#[test]
fn a_full_device_is_an_io_error() {
    for rows in SIZES {
        let folder = folder(rows);
        folder.write("old.csv", OLD);
        let before = folder.files();
        for args in [
            "-o /dev/full",
            "-o /dev/full --rejects old.csv",
            "--rejects /dev/full -o old.csv",
            "--rejects /dev/full",
        ] {
            let ran = folder.run(&format!("in.csv {args}")).ended(74);
            ran.saying(&["/dev/full: writing failed: No space left", "no output file was changed"]);
            assert!(folder.files() == before, "{args}: {:?}", folder.files());
        }
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut command = folder.command(MILLRACE);
        command.args(["in.csv", "--rejects", "old.csv"]).stdout(full);
        run(&mut command).ended(74).saying(&["standard output: cannot be written: No space left"]);
        assert!(folder.files() == before, "{:?}", folder.files());
    }
}

/// The signal that comes with such a write ended the process without a word.
#[test]
fn a_file_that_cannot_grow_is_an_io_error() {
    // As good as a full disk: a file may not exceed 4 KiB or so.
    let folder = folder(50_000);
    folder.write("old.csv", OLD);
    folder.write("old-rejects.csv", OLD);
    let before = folder.files();
    for (args, name) in [
        ("-o old.csv", "old.csv"),
        ("-o old.csv --rejects old-rejects.csv", "old-rejects.csv"),
        ("-o new.csv", "new.csv"),
    ] {
        for signal in ["", "trap '' XFSZ;"] {
            let script = format!("{signal} ulimit -f 8; exec \"$0\" in.csv {args}");
            let ran = run(folder.command("sh").args(["-c", &script, MILLRACE])).ended(74);
            assert_eq!(ran.stdout, "");
            ran.saying(&[name, "writing failed: File too large", "run again"]);
            assert!(folder.files() == before, "{args}: {:?}", folder.files());
        }
    }
    let script = "ulimit -f 8; exec \"$0\" generate -n 50000 old.csv";
    let ran = run(folder.command("sh").args(["-c", script, MILLRACE])).ended(74);
    ran.saying(&["old.csv: writing failed: File too large"]);
    assert!(folder.files() == before);
}

#[test]
fn an_output_that_cannot_be_created_is_found_before_the_input_is_read() {
    let folder = folder(10);
    // Nobody writes to it: a run that read its input first would hang.
    make_fifo(&folder, "fifo");
    fs::create_dir(folder.path("folder")).unwrap();
    fs::create_dir(folder.path("sealed")).unwrap();
    symlink("loop", folder.path("loop")).unwrap();
    let before = folder.files();
    for (output, parts) in [
        ("missing/out.csv", ["missing/out.csv: there is no directory", "create it"]),
        ("in.csv/out.csv", ["in.csv/out.csv: there is no directory", "write elsewhere"]),
        ("folder", ["folder: is a directory", "name a file in it"]),
        ("loop", ["loop: cannot be opened for writing", "check the path"]),
        ("/proc/out.csv", ["/proc/out.csv: no file can be created in /proc", "write elsewhere"]),
    ] {
        for args in [format!("-o {output}"), format!("-o ok.csv --rejects {output}")] {
            let ran = folder.run(&format!("fifo {args}")).ended(73).saying(&parts);
            assert_eq!((ran.stdout.as_str(), ran.stderr.lines().count()), ("", 1));
            assert!(folder.files() == before, "{args}: {:?}", folder.files());
        }
    }
}

#[test]
fn a_protected_output_is_found_before_the_input_is_read() {
    let folder = folder(10);
    make_fifo(&folder, "fifo");
    folder.write("old.csv", OLD);
    fs::set_permissions(folder.path("old.csv"), Permissions::from_mode(0o444)).unwrap();
    if OpenOptions::new().append(true).open(folder.path("old.csv")).is_err() {
        folder.run("fifo -o old.csv").ended(73).saying(&["old.csv: is write-protected"]);
        return;
    }
    // The superuser may write everywhere, unless the program is started without that right.
    let mut command = folder.command("setpriv");
    command.args(["--bounding-set", "-dac_override,-dac_read_search", MILLRACE]);
    match command.args(["fifo", "-o", "old.csv"]).spawn() {
        Ok(child) => {
            finish(child).ended(73).saying(&["old.csv: is write-protected", "make it writable"]);
            assert_eq!(folder.read("old.csv"), OLD);
        }
        Err(error) => println!("skipped: run by the superuser, and no setpriv: {error}"),
    }
}

#[test]
fn outputs_that_would_meet_an_input_or_each_other_are_refused() {
    let folder = folder(10);
    fs::hard_link(folder.path("in.csv"), folder.path("linked.csv")).unwrap();
    symlink("in.csv", folder.path("soft.csv")).unwrap();
    folder.write("rules.toml", "locked = 'frozen'");
    let before = folder.files();
    for (args, parts) in [
        ("in.csv -o in.csv", ["in.csv: is an input", "would replace it"]),
        ("in.csv -o ./in.csv", ["./in.csv: is an input", "would replace it"]),
        ("in.csv -o linked.csv", ["linked.csv: is an input", "would replace it"]),
        ("in.csv --rejects soft.csv", ["soft.csv: is an input", "would replace it"]),
        ("soft.csv -o in.csv", ["in.csv: is an input", "would replace it"]),
        ("in.csv -o new.csv --rejects new.csv", ["new.csv: is both", "--rejects"]),
        ("in.csv -o new.csv --rejects ./new.csv", ["new.csv: is both", "--rejects"]),
        ("in.csv --rules rules.toml -o rules.toml", ["rules.toml: is an input", "replace it"]),
        ("in.csv --rules rules.toml --rejects ./rules.toml", ["rules.toml: is", "replace it"]),
        ("in.csv --rejects -", ["--rejects needs a file", "standard output"]),
        ("- in.csv -", ["`-` is given twice", "read once"]),
    ] {
        let ran = folder.run(args).ended(2).saying(&parts);
        assert_eq!(ran.stdout, "");
        assert!(folder.files() == before, "{args}: {:?}", folder.files());
    }
    let stdin = fs::File::open(folder.path("in.csv")).unwrap();
    let mut command = folder.command(MILLRACE);
    run(command.args(["-", "-o", "in.csv"]).stdin(stdin)).ended(2).saying(&["in.csv: is an input"]);
    assert!(folder.files() == before);
}

/// `-o -` made a file of that name, and whoever read standard output got nothing.
#[test]
fn a_dash_is_standard_output() {
    let folder = folder(10);
    let expected = folder.run("in.csv").ended(0).stdout;
    assert_eq!(folder.run("in.csv -o -").ended(0).stdout, expected);
    assert!(!folder.path("-").exists());
}

/// Std takes a standard output that cannot be written to for one that nobody reads: the balances
/// were lost, and the exit code was 0.
#[test]
fn a_standard_output_that_cannot_be_written_is_an_io_error() {
    let folder = folder(10);
    for args in ["in.csv", "generate -n 5", "man"] {
        let script = format!("exec \"$0\" {args} 1</dev/null");
        let ran = run(folder.command("sh").args(["-c", &script, MILLRACE])).ended(74);
        ran.saying(&["standard output: cannot be written"]);
    }
}

#[test]
fn a_wrong_number_of_rows_writes_nothing() {
    let folder = folder(10);
    folder.write("out.csv", OLD);
    folder.write("rejects.csv", OLD);
    let before = folder.files();
    for expected in [0, 9, 11] {
        let outputs = "-o out.csv --rejects rejects.csv";
        let ran = folder.run(&format!("in.csv --expect-rows {expected} {outputs}")).ended(65);
        ran.saying(&["have 10 rows", &format!("not the {expected} that --expect-rows promises")]);
        assert!(folder.files() == before, "{:?}", folder.files());
        let ran = folder.run(&format!("in.csv --expect-rows {expected}")).ended(65);
        assert_eq!(ran.stdout, "");
    }
    folder.run("in.csv --expect-rows 10 -o out.csv").ended(0);
    assert!(folder.read("out.csv").starts_with(BALANCES));
}

#[test]
fn a_strict_run_with_findings_writes_its_outputs() {
    let folder = folder(10);
    let expected = folder.run("in.csv").ended(0).stdout;
    folder.run("in.csv --strict -o out.csv --rejects rejects.csv").ended(1);
    assert_eq!(folder.read("out.csv"), expected);
    assert_eq!(folder.read("rejects.csv").lines().count(), 6);
    folder.write("good.csv", format!("{HEADER}deposit,1,1,1\n"));
    folder.run("good.csv --strict").ended(0);
}

#[test]
fn a_replaced_output_keeps_its_permissions_and_links() {
    let folder = folder(10);
    folder.write("real.csv", OLD);
    fs::set_permissions(folder.path("real.csv"), Permissions::from_mode(0o640)).unwrap();
    symlink("real.csv", folder.path("link.csv")).unwrap();
    folder.run("in.csv -o link.csv").ended(0);
    assert!(folder.path("link.csv").is_symlink());
    assert!(folder.read("real.csv").starts_with(BALANCES));
    let mode = fs::metadata(folder.path("real.csv")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
}

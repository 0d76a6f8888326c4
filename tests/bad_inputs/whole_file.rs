//! Whole files: missing, empty, in another encoding, of another kind, cut, or of no size.

use std::fs::{self, Permissions};
use std::io::{PipeWriter, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use crate::drive::{Folder, MILLRACE, finish, run, run_with};

const CSV: &str = "type,client,tx,amount\ndeposit,7,1,5\nwithdrawal,7,2,1.5\ndispute,7,1,\n";
const SETTLED: &str = "7,-1.5000,5.0000,3.5000,false\n";

#[test]
fn a_missing_file_is_named() {
    let folder = Folder::new();
    folder.write("good.csv", CSV);
    folder.refuses("missing.csv", 66, &["missing.csv: cannot be opened", "No such file"]);
    folder.refuses("good.csv missing.csv", 66, &["missing.csv: cannot be opened"]);
}

#[test]
fn a_directory_is_no_input() {
    let folder = Folder::new();
    fs::create_dir(folder.path("may")).unwrap();
    folder.refuses("may", 66, &["may: is a directory", "name the files in it"]);
    folder.write("old.csv", "old\n");
    let directory = fs::File::open(folder.path("may")).unwrap();
    let ran = run(folder.command(MILLRACE).args(["-", "-o", "old.csv"]).stdin(directory));
    ran.ended(66).saying(&["standard input: is a directory"]);
    assert_eq!(folder.read("old.csv"), "old\n");
}

#[test]
fn a_file_without_permission_is_named() {
    let folder = Folder::new();
    folder.write("secret.csv", CSV);
    fs::set_permissions(folder.path("secret.csv"), Permissions::from_mode(0o000)).unwrap();
    if fs::File::open(folder.path("secret.csv")).is_err() {
        folder.refuses("secret.csv", 66, &["secret.csv: cannot be opened", "ermission denied"]);
        return;
    }
    // The superuser may read everything, unless the program is started without that right.
    let mut command = folder.command("setpriv");
    command.args(["--bounding-set", "-dac_override,-dac_read_search", MILLRACE, "secret.csv"]);
    match command.spawn() {
        Ok(child) => {
            let ran = finish(child).ended(66);
            assert_eq!(ran.stdout, "");
            ran.saying(&["secret.csv: cannot be opened", "ermission denied"]);
        }
        Err(error) => println!("skipped: run by the superuser, and no setpriv: {error}"),
    }
}

#[test]
fn an_empty_file_is_no_csv() {
    let folder = Folder::new();
    folder.write("empty.csv", "");
    folder.refuses("empty.csv", 65, &["empty.csv: is empty", "`type,client,tx,amount`"]);
    folder.refuses("-", 65, &["standard input: is empty"]);
    for blanks in ["\n", " \n\t\r\n", "\u{feff}", "\u{feff}\n\n"] {
        folder.write("blank.csv", blanks);
        folder.refuses("blank.csv", 65, &["blank.csv: has no header", "`type,client,tx,amount`"]);
    }
}

#[test]
fn a_header_alone_gives_a_header_alone() {
    let folder = Folder::new();
    for text in
        ["type,client,tx,amount", "type,client,tx,amount\n", "\n\ntype,client,tx,amount\n\n"]
    {
        folder.write("in.csv", text);
        folder.run("in.csv").ended(0).with_balances("").saying(&["rows               0"]);
    }
}

#[test]
fn a_byte_order_mark_may_come_byte_by_byte() {
    let folder = Folder::new();
    let marked = [b"\xef\xbb\xbf", CSV.as_bytes()].concat();
    for first in [1, 2, 3, 4] {
        let (reader, mut writer) = std::io::pipe().unwrap();
        let child = folder.command(MILLRACE).arg("-").stdin(reader).spawn().unwrap();
        writer.write_all(&marked[..first]).unwrap();
        wait_until_read(&writer);
        writer.write_all(&marked[first..]).unwrap();
        drop(writer);
        finish(child).ended(0).with_balances(SETTLED);
    }
}

/// Waits until what is in a pipe has been read.
fn wait_until_read(writer: &PipeWriter) {
    while rustix::io::ioctl_fionread(writer).expect("a pipe tells what is in it") > 0 {
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn other_encodings_are_named() {
    let folder = Folder::new();
    for (bytes, encoding) in [
        (&b"\xff\xfet\0y\0p\0e\0"[..], "UTF-16 (little-endian)"),
        (b"\xfe\xff\0t\0y\0p\0e", "UTF-16 (big-endian)"),
        (b"\xff\xfe\0\0t\0\0\0", "UTF-32 (little-endian)"),
        (b"\0\0\xfe\xff\0\0\0t", "UTF-32 (big-endian)"),
    ] {
        folder.write("in.csv", bytes);
        for args in ["in.csv", "in.csv --io read"] {
            folder.refuses(args, 65, &["in.csv: ", encoding, "convert it to UTF-8"]);
        }
    }
}

#[test]
fn other_kinds_of_file_are_named() {
    let folder = Folder::new();
    for (magic, kind, hint) in [
        (&b"\xfd7zXZ\0"[..], "xz", "xz -dc"),
        (b"BZh9", "bzip2", "bzip2 -dc"),
        (b"PK\x03\x04", "zip", "unpack it"),
        (b"7z\xbc\xaf\x27\x1c", "7z", "unpack it"),
        (b"%PDF-1.7", "PDF", "CSV"),
        (b"\x7fELF\x02\x01", "control bytes", "binary file"),
    ] {
        folder.write("in.csv", [magic, b"\n some more bytes of it\n"].concat());
        folder.refuses("in.csv", 65, &["in.csv: ", kind, hint]);
    }
}

#[test]
fn compressed_input_is_as_good_as_plain() {
    let folder = Folder::new();
    folder.write("in.csv", gzip(CSV.as_bytes()));
    folder.write("in.zst", zstd(CSV.as_bytes()));
    for args in ["in.csv", "in.zst", "in.csv --recall all", "in.zst --io read"] {
        folder.run(args).ended(0).with_balances(SETTLED);
    }
    for bytes in [gzip(CSV.as_bytes()), zstd(CSV.as_bytes())] {
        run_with(folder.command(MILLRACE).arg("-"), &bytes).ended(0).with_balances(SETTLED);
        folder.write("twice.gz", gzip(&bytes));
        folder.refuses("twice.gz", 65, &["twice.gz: is compressed twice"]);
        folder.write("cut.gz", &bytes[..bytes.len() - 3]);
        folder.refuses("cut.gz", 74, &["cut.gz: cannot be read at byte "]);
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("memory takes bytes")
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

#[test]
fn pipes_and_files_without_a_size_are_read_to_their_end() {
    let folder = Folder::new();
    run_with(folder.command(MILLRACE).arg("-"), CSV.as_bytes()).ended(0).with_balances(SETTLED);
    let by_name = run_with(folder.command(MILLRACE).arg("/dev/stdin"), CSV.as_bytes());
    by_name.ended(0).with_balances(SETTLED);

    let fifo = folder.path("fifo");
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, 0o600.into(), 0)
        .unwrap();
    let child = folder.command(MILLRACE).arg("fifo").spawn().unwrap();
    fs::write(&fifo, CSV).unwrap();
    finish(child).ended(0).with_balances(SETTLED);

    // The arguments of a process are a file of size 0 in /proc; here they are a CSV, with a last
    // row of their own.
    if !cfg!(target_os = "linux") {
        return;
    }
    let mut sleeper = folder.command("sleep");
    let mut sleeper = sleeper.arg0(CSV).arg("1000").stdout(Stdio::null()).spawn().unwrap();
    let path = format!("/proc/{}/cmdline", sleeper.id());
    // For a moment after its start a process has none.
    while fs::read(&path).unwrap().is_empty() {
        thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(fs::metadata(&path).unwrap().len(), 0);
    let ran = folder.run(&format!("{path} --rejects rejects.csv"));
    sleeper.kill().unwrap();
    sleeper.wait().unwrap();
    ran.ended(0).with_balances(SETTLED);
    let rejects = folder.read("rejects.csv");
    assert!(
        rejects.ends_with("\n5,malformed,too_few_fields,,,,,\"\\x001000\\x00\"\n"),
        "{rejects}"
    );
}

#[test]
fn a_last_row_without_a_newline_is_told() {
    let folder = Folder::new();
    folder.write("in.csv", "type,client,tx,amount\ndeposit,1,1,5\ndeposit,1,2,100.0");
    let ran = folder.run("in.csv").ended(0);
    let ran = ran.with_balances("1,105.0000,0.0000,105.0000,false\n");
    ran.saying(&["the last row of in.csv has no newline: it may have been cut"]);
    let ran = folder.run("in.csv --strict --rejects rejects.csv").ended(1);
    ran.with_balances("1,5.0000,0.0000,5.0000,false\n");
    let rejects = folder.read("rejects.csv");
    assert!(rejects.contains("\n3,rejected,unterminated_row,deposit,1,2,"), "{rejects}");
}

#[test]
fn lines_that_end_with_cr_alone_are_refused() {
    let folder = Folder::new();
    folder.write("in.csv", CSV.replace('\n', "\r"));
    folder.refuses("in.csv", 65, &["in.csv: line 1:", "CR alone", r"tr '\r' '\n'"]);
}

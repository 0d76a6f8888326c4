//! Inputs that do not stay what they were.

use std::fs::{self, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::time::SystemTime;

use crate::calls;
use crate::drive::{BALANCES, Folder, MILLRACE, finish, run};
use crate::{HEADER, Halted, LAST_BALANCE, LAST_INPUT, deposits, make_fifo};

const OLD: &str = "what was here before\n";

/// How a run is told to read, and whether it maps.
const WAYS: [(&str, bool); 4] = [
    ("--io map", true),
    ("--io read", false),
    ("--recall all", true),
    ("--io read --readers 4 --threads always", false),
];

/// An input of many pages, last written long ago.
fn write_input(folder: &Folder) {
    const ROWS: u64 = 50_000;
    folder.write("in.csv", deposits((0..ROWS).map(|tx| (7, tx))));
    let file = OpenOptions::new().write(true).open(folder.path("in.csv")).expect("just written");
    // A change within the same tick of the clock could not be seen.
    file.set_modified(SystemTime::UNIX_EPOCH).expect("our file");
}

fn settled() -> String {
    format!("{BALANCES}7,50000.0000,0.0000,50000.0000,false\n{LAST_BALANCE}")
}

/// Changes an input while it is read and asserts that the run fails and touches nothing.
#[track_caller]
fn assert_refused(way: &str, change: impl FnOnce(&Path), messages: &[&str]) {
    let folder = Folder::new();
    write_input(&folder);
    folder.write("out.csv", OLD);
    folder.write("rejects.csv", OLD);
    let args = format!("in.csv fifo -o out.csv --rejects rejects.csv {way}");
    let halted = Halted::start(&folder, &args);
    change(&folder.path("in.csv"));
    let before = folder.files();
    let ran = halted.resume().ended(74);
    assert_eq!(ran.stdout, "");
    assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
    let says = messages.iter().any(|message| ran.stderr.contains(message));
    assert!(says && ran.stderr.contains("again"), "{way}: {}", ran.stderr);
    assert!(folder.files() == before, "{way}: {:?}", folder.files());
    assert_eq!((folder.read("out.csv"), folder.read("rejects.csv")), (OLD.into(), OLD.into()));
}

fn truncate(path: &Path, len: u64) {
    OpenOptions::new().write(true).open(path).and_then(|file| file.set_len(len)).expect("ours");
}

#[test]
fn an_explanation_of_an_input_that_changes_is_refused() {
    for (way, change) in [
        ("--io map", 0),
        ("--io read", 0),
        ("--io read --threads never", 100_000),
        ("--io map --threads always", 10_000_000),
    ] {
        let folder = Folder::new();
        write_input(&folder);
        folder.write("out.csv", OLD);
        let halted = Halted::start(&folder, &format!("explain 7 in.csv fifo -o out.csv {way}"));
        truncate(&folder.path("in.csv"), change);
        let ran = halted.resume().ended(74);
        assert_eq!((ran.stdout.as_str(), ran.stderr.lines().count()), ("", 1), "{}", ran.stderr);
        assert_eq!(folder.read("out.csv"), OLD, "{way}");
    }
}

#[test]
fn an_input_that_nobody_touches_is_read() {
    for (way, _) in WAYS {
        let folder = Folder::new();
        write_input(&folder);
        let ran = Halted::start(&folder, &format!("in.csv fifo {way}")).resume().ended(0);
        assert_eq!(ran.stdout, settled());
    }
}

#[test]
fn a_map_cut_short_is_a_message_and_no_crash() {
    for way in
        ["--io map", "--recall all", "--workers 4 --readers 4 --threads always", "--threads never"]
    {
        for len in [0, 22, 5_000, 100_000] {
            assert_refused(way, |path| truncate(path, len), &["an input was truncated"]);
        }
    }
}

/// Two threads that met the end of a cut map at the same moment could be a bare crash: the handler
/// that std has for its own purposes was called first, and gave SIGBUS back to the system.
#[test]
fn a_handler_of_a_cut_map_leaves_sigbus_as_it_is() {
    if !calls::can_trace() {
        return;
    }
    let folder = Folder::new();
    write_input(&folder);
    make_fifo(&folder, "fifo");
    let args = "-f -e trace=rt_sigaction -e signal=SIGBUS -o log";
    let mut command = folder.command("strace");
    let args = args.split(' ').chain([MILLRACE, "in.csv", "fifo", "-o", "out.csv"]);
    let child = command.args(args).spawn().unwrap();
    let fifo = OpenOptions::new().write(true).open(folder.path("fifo")).unwrap();
    truncate(&folder.path("in.csv"), 5_000);
    Halted { child, fifo }.resume().ended(74).saying(&["an input was truncated"]);
    let log = folder.read("log");
    let (_, after) = log.split_once("--- SIGBUS").expect("the handler was called");
    assert!(!after.contains("rt_sigaction(SIGBUS"), "{log}");
}

#[test]
fn an_input_changed_in_place_is_refused() {
    for (way, is_mapped) in WAYS {
        let size = |path: &Path| fs::metadata(path).unwrap().len();
        // The last page of a map outlives the end of its file; its bytes are zeros then.
        let cut = |path: &Path| truncate(path, size(path) - 1);
        assert_refused(way, cut, &["in.csv: was truncated while it was read"]);
        if !is_mapped {
            for len in [0, 22, 5_000] {
                let message = "in.csv: was truncated while it was read";
                assert_refused(way, |path| truncate(path, len), &[message]);
            }
        }
        let rewrite = |path: &Path| {
            let mut file = OpenOptions::new().write(true).open(path).unwrap();
            file.seek(SeekFrom::End(-2)).unwrap();
            file.write_all(b"2").unwrap();
        };
        assert_refused(way, rewrite, &["in.csv: was written to while it was read"]);
        let append = |path: &Path| {
            let mut file = OpenOptions::new().append(true).open(path).unwrap();
            file.write_all(b"deposit,7,99999999,1\n").unwrap();
        };
        assert_refused(way, append, &["in.csv: has grown while it was read"]);
    }
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).and_then(|()| encoder.finish()).expect("memory takes bytes")
}

#[test]
fn a_compressed_input_changed_in_place_is_refused() {
    let folder = Folder::new();
    folder.write("in.csv", gzip(&format!("{HEADER}deposit,7,1,5\n")));
    let halted = Halted::start(&folder, "in.csv fifo");
    // A second member is as good as the first, but for its being late.
    let mut file = OpenOptions::new().append(true).open(folder.path("in.csv")).unwrap();
    file.write_all(&gzip("deposit,7,2,6\n")).unwrap();
    let ran = halted.resume().ended(74);
    assert_eq!(ran.stdout, "");
    ran.saying(&["in.csv: has grown while it was read"]);
}

#[test]
fn an_input_replaced_by_rename_is_read_as_it_was() {
    for (way, _) in WAYS {
        for is_removed in [false, true] {
            let folder = Folder::new();
            write_input(&folder);
            let halted = Halted::start(&folder, &format!("in.csv fifo {way}"));
            if is_removed {
                fs::remove_file(folder.path("in.csv")).unwrap();
            } else {
                folder.write("new.csv", format!("{HEADER}deposit,8,8,8\n"));
                fs::rename(folder.path("new.csv"), folder.path("in.csv")).unwrap();
            }
            let ran = halted.resume().ended(0);
            assert_eq!(ran.stdout, settled(), "{way}");
        }
    }
}

/// A file of which somebody had read a line before was not watched, and an overwritten row was
/// lost without a word.
#[test]
fn a_file_that_is_read_on_is_watched_as_well() {
    let folder = Folder::new();
    write_input(&folder);
    let text = folder.read("in.csv");
    folder.write("in.csv", format!("skipped\n{text}"));
    make_fifo(&folder, "fifo");
    let mut stdin = fs::File::open(folder.path("in.csv")).unwrap();
    stdin.seek(SeekFrom::Start(8)).unwrap();
    let child = folder.command(MILLRACE).args(["-", "fifo"]).stdin(stdin).spawn().unwrap();
    let mut fifo = OpenOptions::new().write(true).open(folder.path("fifo")).unwrap();
    let mut file = OpenOptions::new().write(true).open(folder.path("in.csv")).unwrap();
    file.seek(SeekFrom::End(-1)).unwrap();
    file.write_all(b"#").unwrap();
    fifo.write_all(LAST_INPUT.as_bytes()).unwrap();
    drop(fifo);
    let ran = finish(child).ended(74).saying(&["was written to"]);
    assert_eq!(ran.stdout, "");
}

#[test]
fn standard_input_from_a_file_is_watched_as_well() {
    let folder = Folder::new();
    write_input(&folder);
    make_fifo(&folder, "fifo");
    let stdin = fs::File::open(folder.path("in.csv")).unwrap();
    let child = folder.command(MILLRACE).args(["-", "fifo"]).stdin(stdin).spawn().unwrap();
    let mut fifo = OpenOptions::new().write(true).open(folder.path("fifo")).unwrap();
    truncate(&folder.path("in.csv"), 300_000);
    fifo.write_all(LAST_INPUT.as_bytes()).unwrap();
    drop(fifo);
    let ran = finish(child).ended(74);
    assert_eq!(ran.stdout, "");
    ran.saying(&["truncated", "no output was written"]);
}

#[test]
fn a_device_that_fails_is_named_with_the_place() {
    // The memory of a process cannot be read at its start: EIO.
    let folder = Folder::new();
    folder.refuses("/proc/self/mem", 74, &["/proc/self/mem: cannot be read at byte 0: "]);
}

#[test]
fn a_fault_after_the_header_is_named_with_the_place() {
    use std::fmt::Write;
    // All of it is as hard to compress, so that half of what is compressed is half of the text.
    let mut text = HEADER.to_owned();
    for row in 0..200_000_u64 {
        writeln!(text, "deposit,7,{},1", row.wrapping_mul(0x9e37_79b9_7f4a_7c15)).unwrap();
    }
    let mut compressed = gzip(&text);
    compressed.truncate(compressed.len() / 2);
    let folder = Folder::new();
    folder.write("in.csv", compressed);
    for way in ["", "--recall all", "--recall all --threads never --block-bytes 9999"] {
        let ran = run(folder.command(MILLRACE).arg("in.csv").args(way.split_whitespace()));
        let ran = ran.ended(74);
        assert_eq!(ran.stdout, "");
        let (_, place) = ran.stderr.split_once("in.csv: cannot be read at byte ").unwrap();
        let place: usize = place.split(':').next().unwrap().parse().unwrap();
        let (least, most) = (text.len() / 10 * 4, text.len() / 10 * 6);
        assert!((least..most).contains(&place), "{way}: {place} of {}", text.len());
    }
}

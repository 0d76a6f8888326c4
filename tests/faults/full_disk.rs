//! Disks that are really full: a small one in memory, mounted for one run where only it sees it.

use std::io::Write;

use crate::deposits;
use crate::drive::{Folder, MILLRACE, Ran, run};

const OLD: &str = "what was here before\n";

/// Commands that run another where it may mount things: as the superuser, or as somebody who is one
/// in a namespace of his own.
const NAMESPACES: [&str; 2] = ["unshare -m", "unshare -rm"];

/// Gives the way to mount a disk here; where there is none, says so.
#[expect(clippy::print_stdout, reason = "whoever runs the tests should know what was skipped")]
fn namespace() -> Option<&'static str> {
    let may_mount = |namespace: &&str| {
        let folder = Folder::new();
        let script = format!("{namespace} mount -t tmpfs -o size=64k none .");
        run(folder.command("sh").args(["-c", &script])).code == Some(0)
    };
    let found = NAMESPACES.into_iter().find(may_mount);
    if found.is_none() {
        println!("skipped: no disk may be mounted");
    }
    found
}

/// What a run on a full disk has said, and what it has left there.
struct Left {
    ran: Ran,
    code: String,
    /// One name each line.
    names: String,
    contents: String,
}

/// Runs the binary with a disk of 64 KiB in the folder `disk`, on which two old outputs stand.
fn run_on_small_disk(namespace: &str, folder: &Folder, variables: &str, args: &str) -> Left {
    std::fs::create_dir_all(folder.path("disk")).expect("a folder");
    folder.write("old.csv", OLD);
    let inner = format!(
        "mount -t tmpfs -o size=64k none disk || exit 99
        cp old.csv disk/out.csv && cp old.csv disk/rejects.csv
        {variables} \"$0\" {args} >said.txt
        echo code $? && ls -A disk && echo content && cat disk/*.csv said.txt"
    );
    let script = format!("exec {namespace} sh -c '{inner}' \"$0\"");
    let mut ran = run(folder.command("sh").args(["-c", &script, MILLRACE]));
    let said = std::mem::take(&mut ran.stdout);
    let (code, rest) = said.split_once('\n').expect("a code");
    let (names, contents) = rest.split_once("content\n").expect("contents");
    Left { ran, code: code.to_owned(), names: names.to_owned(), contents: contents.to_owned() }
}

impl Left {
    fn assert_untouched(self, parts: &[&str]) {
        assert_eq!(self.code, "code 74", "{}", self.ran.stderr);
        assert_eq!(self.names, "out.csv\nrejects.csv\n");
        assert_eq!(self.contents, OLD.repeat(2));
        assert_eq!(self.ran.stderr.lines().count(), 1, "{}", self.ran.stderr);
        self.ran.saying(parts);
    }
}

#[test]
fn a_full_disk_leaves_the_old_outputs_and_no_temporary() {
    let Some(namespace) = namespace() else { return };
    let folder = Folder::new();
    folder.write("in.csv", deposits((0..20_000).map(|row| (row, row / 2))));
    for how in ["", "--io read", "--threads never"] {
        for (outputs, name) in [
            ("-o disk/out.csv", "disk/out.csv"),
            ("--rejects disk/rejects.csv", "disk/rejects.csv"),
            ("-o elsewhere.csv --rejects disk/rejects.csv", "disk/rejects.csv"),
            ("-o disk/out.csv --rejects elsewhere.csv", "disk/out.csv"),
            ("-o disk/new.csv --rejects disk/rejects.csv", "disk/"),
        ] {
            // Without -o the balances have gone out before the rejects are put in place.
            let output = if outputs.contains("-o") { "" } else { "-o /dev/null" };
            let args = format!("in.csv {outputs} {output} {how}");
            let left = run_on_small_disk(namespace, &folder, "", &args);
            left.assert_untouched(&[name, "writing failed: No space left", "make room"]);
            assert!(!folder.path("elsewhere.csv").exists(), "{args}");
        }
    }
}

#[test]
fn a_disk_without_room_for_what_is_read_twice_is_named() {
    let Some(namespace) = namespace() else { return };
    let folder = Folder::new();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let text = deposits((0..1_000_000).map(|tx| (7, tx)));
    encoder.write_all(text.as_bytes()).expect("memory takes bytes");
    folder.write("in.gz", encoder.finish().expect("memory takes bytes"));
    for how in ["", "--io read --threads never"] {
        let args = format!("in.gz -o disk/out.csv --rejects disk/rejects.csv {how}");
        let left = run_on_small_disk(namespace, &folder, "TMPDIR=disk", &args);
        let message = "in.gz: cannot be kept in a temporary file in disk: No space left";
        left.assert_untouched(&[message, "set TMPDIR"]);
    }
    // Nothing need be kept where nothing is read twice.
    let args = "in.gz -q -o disk/out.csv --recall all";
    let left = run_on_small_disk(namespace, &folder, "TMPDIR=disk", args);
    assert_eq!(left.code, "code 0");
    assert!(left.contents.contains("7,1000000.0000,"), "{}", left.contents);
}

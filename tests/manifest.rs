//! The manifest, the state root, and what `verify` makes of them.

#[expect(dead_code, reason = "only a part of it is needed here")]
mod drive;

use std::fs;

use rustix::fs::{CWD, FileType, mknodat};
use serde_json::Value;

use drive::{Folder, MILLRACE, run_with};
use millrace::generate::{Plan, Workload};

/// A row of every outcome in two files, one of them compressed.
fn folder() -> Folder {
    let folder = Folder::new();
    let first = "type,client,tx,amount\ndeposit,1,1,10\nwithdrawal,1,2,2.5\nwithdrawal,1,3,100\n\
                 refund,1,4,1\n\ndispute,1,1,\n";
    let second = "type,client,tx,amount\ndeposit,2,5,3\ndispute,2,5,\nchargeback,2,5,\n\
                  deposit,2,5,9\ndeposit,3,6,7\n";
    folder.write("first.csv", first);
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, second.as_bytes()).expect("memory");
    folder.write("second.csv.gz", encoder.finish().expect("memory"));
    folder
}

const INPUTS: &str = "first.csv second.csv.gz";

fn manifest(folder: &Folder, name: &str) -> Value {
    serde_json::from_str(&folder.read(name)).expect("a manifest is JSON")
}

/// Runs and gives the manifest without what may differ.
fn run_facts_aside(folder: &Folder, args: &str) -> Value {
    let outputs = "-o out.csv --rejects rejects.csv --manifest manifest.json -q";
    folder.run(&format!("{args} {outputs}")).ended(0);
    let mut manifest = manifest(folder, "manifest.json");
    assert!(manifest.as_object_mut().expect("an object").remove("run").is_some());
    manifest
}

#[test]
fn a_manifest_states_what_was_read_decided_and_written() {
    let folder = folder();
    let found = run_facts_aside(&folder, INPUTS);
    let digest = |name: &str| {
        millrace::digest::Digest::of(&fs::read(folder.path(name)).unwrap()).to_string()
    };
    for (pointer, expected) in [
        ("/schema", Value::from("millrace-manifest/1")),
        ("/rules/locked", "frozen".into()),
        ("/inputs/0/path", "first.csv".into()),
        ("/inputs/0/blake3", digest("first.csv").into()),
        ("/inputs/0/rows", 5.into()),
        ("/inputs/1/blake3", digest("second.csv.gz").into()),
        ("/inputs/1/bytes", fs::metadata(folder.path("second.csv.gz")).unwrap().len().into()),
        ("/inputs/1/content_bytes", 93.into()),
        ("/inputs/1/rows", 5.into()),
        ("/rows/all", 10.into()),
        ("/rows/applied", 7.into()),
        ("/rows/rejected_by_reason/duplicate_tx", 1.into()),
        ("/rows/malformed_by_reason/unknown_type", 1.into()),
        ("/rows/blank_lines", 1.into()),
        ("/by_type/deposit/applied", 3.into()),
        ("/by_type/deposit/applied_amount", "20.0000".into()),
        ("/by_type/deposit/rejected_amount", "9.0000".into()),
        ("/by_type/withdrawal/rejected_amount", "100.0000".into()),
        ("/by_type/dispute/applied_amount", "13.0000".into()),
        ("/hash_totals/client", "15".into()),
        ("/hash_totals/tx", "33".into()),
        ("/accounts/all", 3.into()),
        ("/accounts/locked", 1.into()),
        ("/accounts/available", "4.5000".into()),
        ("/conservation/total", "14.5000".into()),
        ("/conservation/held", "10.0000".into()),
        ("/balances/blake3", digest("out.csv").into()),
        ("/rejects/blake3", digest("rejects.csv").into()),
    ] {
        assert_eq!(found.pointer(pointer), Some(&expected), "{pointer}");
    }
    let root = folder.run("root out.csv").ended(0).stdout;
    assert_eq!(found["state_root"], root.trim());
}

#[test]
fn a_manifest_is_the_same_however_it_is_made() {
    let folder = folder();
    let expected = run_facts_aside(&folder, INPUTS);
    for how in [
        "--workers 1",
        "--workers 2 --threads always",
        "--workers 7 --io read --readers 3 --threads always",
        "--threads never --recall all --block-bytes 1",
        "--recall all --batch-rows 1",
    ] {
        assert_eq!(run_facts_aside(&folder, &format!("{INPUTS} {how}")), expected, "{how}");
    }
    for workload in Workload::ALL {
        let mut csv = Vec::new();
        Plan::new(workload, 30_000).write_to(&mut csv).unwrap();
        folder.write("in.csv", &csv);
        let expected = run_facts_aside(&folder, "in.csv");
        for how in ["--workers 1", "--workers 2", "--workers 7"] {
            for io in ["--io map", "--io read", "--threads never", "--recall all"] {
                let found = run_facts_aside(&folder, &format!("in.csv {how} {io}"));
                assert_eq!(found, expected, "{workload} {how} {io}");
            }
        }
        // A pipe differs in its name alone.
        let args = "- -o out.csv --rejects rejects.csv --manifest manifest.json -q";
        run_with(folder.command(MILLRACE).args(args.split(' ')), &csv).ended(0);
        let mut piped = manifest(&folder, "manifest.json");
        piped.as_object_mut().unwrap().remove("run");
        assert_eq!(piped["inputs"][0]["path"], "-");
        piped["inputs"][0]["path"] = "in.csv".into();
        assert_eq!(piped, expected, "{workload}");
    }
}

#[test]
fn the_state_root_does_not_know_how_the_input_was_cut() {
    let folder = Folder::new();
    let rows = "deposit,9,1,1\ndeposit,7,2,2\nwithdrawal,9,3,0.5\n";
    folder.write("whole.csv", format!("type,client,tx,amount\n{rows}"));
    for (index, row) in rows.lines().enumerate() {
        folder.write(
            &format!("{index}.csv"),
            format!("client,tx,type,amount\n{}\n", {
                let fields: Vec<_> = row.split(',').collect();
                [fields[1], fields[2], fields[0], fields[3]].join(",")
            }),
        );
    }
    let whole = run_facts_aside(&folder, "whole.csv");
    let parts = run_facts_aside(&folder, "0.csv 1.csv 2.csv");
    assert_eq!(whole["state_root"], parts["state_root"]);
    folder.write("shuffled.csv", "locked,client,total,held\nfalse,9,.5,0\nFALSE,07,2.0000,0.0\n");
    let root = folder.run("root shuffled.csv").ended(0).stdout;
    assert_eq!(root.trim(), whole["state_root"].as_str().unwrap());
    let piped = run_with(
        folder.command(MILLRACE).args(["root", "-"]),
        folder.read("shuffled.csv").as_bytes(),
    );
    assert_eq!(piped.ended(0).stdout, root);
}

#[test]
fn a_manifest_that_holds_is_said_to() {
    let folder = folder();
    run_facts_aside(&folder, INPUTS);
    let before = folder.files();
    for how in ["", " --quick"] {
        let ran = folder.run(&format!("verify manifest.json{how}")).ended(0);
        assert!(!ran.stdout.contains("differs"), "{}", ran.stdout);
        assert!(ran.stdout.contains("holds    outputs as they stand: state_root = "));
        let ran = folder.run(&format!("verify manifest.json -q{how}")).ended(0);
        assert_eq!(ran.stdout.lines().count(), 1, "{}", ran.stdout);
        assert!(ran.stdout.ends_with(" statements hold\n"));
    }
    assert!(folder.files() == before);
}

#[test]
fn what_if_is_part_of_the_statement() {
    let folder = folder();
    let options = "--until 3 --without-client 1 --without-tx 77 --rules conservative --strict";
    folder.run(&format!("first.csv {options} -o out.csv --manifest manifest.json -q")).ended(0);
    let found = manifest(&folder, "manifest.json");
    assert_eq!((&found["rows"]["all"], &found["rows"]["left_out"]), (&2.into(), &2.into()));
    assert_eq!(found["options"]["until_line"], 3);
    assert_eq!(found["options"]["without_clients"], serde_json::json!(["1"]));
    folder.run("verify manifest.json").ended(0);
}

#[test]
fn every_change_is_found() {
    for (name, change, expected) in [
        ("out.csv", "1,-2.5000", "differs  outputs as they stand: balances.blake3 = "),
        ("out.csv", "3,7", "accounts = balances, but found out.csv: line 4, total 7.0000: not"),
        ("out.csv", "\n3", "differs  outputs as they stand: state_root = "),
        ("rejects.csv", "insufficient", "differs  outputs as they stand: rejects.blake3 = "),
        ("first.csv", "deposit,1,1,10", "differs  inputs run again: inputs[0].blake3 = "),
        ("first.csv", "withdrawal,1,2,2.5", "differs  inputs run again: by_type.withdrawal."),
        ("first.csv", "dispute,1,1", "differs  inputs run again: state_root = "),
        ("manifest.json", "\"all\": 10", "differs  figures: rows.all = "),
        ("manifest.json", "\"total\": \"14.5000\"", "differs  figures: "),
    ] {
        let folder = folder();
        run_facts_aside(&folder, INPUTS);
        let text = folder.read(name);
        assert!(text.contains(change), "{name}: {text}");
        // The last digit or letter of the place becomes another one.
        let at = change.rfind(|it: char| it.is_ascii_alphanumeric()).unwrap();
        let other = if &change[at..=at] == "9" { "8" } else { "9" };
        let changed = format!("{}{other}{}", &change[..at], &change[at + 1..]);
        folder.write(name, text.replacen(change, &changed, 1));
        let ran = folder.run("verify manifest.json -q").ended(1);
        assert!(ran.stdout.contains(expected), "{name} {change}: {}", ran.stdout);
    }
}

#[test]
fn an_input_or_output_that_is_gone_is_named() {
    let folder = folder();
    run_facts_aside(&folder, INPUTS);
    fs::remove_file(folder.path("out.csv")).unwrap();
    let ran = folder.run("verify manifest.json --quick -q").ended(1);
    assert!(ran.stdout.contains("outputs as they stand: balances = out.csv, but found No such"));
    fs::rename(folder.path("first.csv"), folder.path("moved.csv")).unwrap();
    folder.run("verify manifest.json").ended(66).saying(&["first.csv: cannot be opened"]);
    folder.run("verify nowhere.json").ended(66).saying(&["nowhere.json: cannot be opened"]);
}

/// A pipe was opened and waited for, a device was read as if it were the file, and an output with the
/// name of an error was taken for one that stands there.
#[test]
fn an_output_that_nothing_is_kept_of_is_skipped_and_said_to_be() {
    let folder = folder();
    let path = folder.path("pipe");
    mknodat(CWD, &path, FileType::Fifo, 0o600.into(), 0).unwrap();
    let reader = std::thread::spawn(move || fs::read_to_string(path).unwrap());
    folder.run("first.csv -q -o pipe --rejects rejects.csv --manifest manifest.json").ended(0);
    assert!(reader.join().unwrap().starts_with("client,"));
    for how in ["", " --quick"] {
        let ran = folder.run(&format!("verify manifest.json -q{how}")).ended(0);
        let skipped = "skipped  outputs as they stand: balances = pipe, which is no file\n";
        assert!(ran.stdout.starts_with(skipped), "{}", ran.stdout);
        assert_eq!(ran.stdout.lines().count(), 2, "{}", ran.stdout);
    }
    folder.run("first.csv -q -o /dev/null --manifest manifest.json").ended(0);
    let ran = folder.run("verify manifest.json -q --quick").ended(0);
    assert!(ran.stdout.contains("balances = /dev/null, which is no file"), "{}", ran.stdout);

    let text = folder.read("manifest.json");
    let missing = text.replace("/dev/null", "No such file or directory (os error 2)");
    folder.write("manifest.json", missing);
    let ran = folder.run("verify manifest.json -q --quick").ended(1);
    assert!(ran.stdout.starts_with("differs  outputs as they stand: balances = No such file"));
}

#[test]
fn what_is_no_manifest_or_balances_file_is_refused() {
    let folder = folder();
    run_facts_aside(&folder, INPUTS);
    let text = folder.read("manifest.json");
    for (text, parts) in [
        (String::new(), &["bad.json: is no manifest: ", "line 1"][..]),
        (text.replace("\"deposited\"", "\"put in\""), &["missing field `deposited`", "line"]),
        (text.replace("\"frozen\"", "\"thawed\""), &["rules.locked", "frozen or deposits"]),
        (text.replace("\"20.0000\",", "\"x\\u001b[2J\","), &["conservation.deposited", "no"]),
        (text.replace("manifest/1", "manifest/7"), &["schema is \"millrace-manifest/7\""]),
    ] {
        folder.write("bad.json", text);
        let ran = folder.run("verify bad.json").ended(65).saying(parts);
        assert!(!ran.stderr.contains('\u{1b}'), "{}", ran.stderr);
        assert_eq!(ran.stdout, "");
    }
    folder.write("bad.json", b"\xff");
    folder.run("verify bad.json").ended(65).saying(&["is not UTF-8"]);
    folder.run("verify /dev/zero").ended(65).saying(&["is no manifest: it is longer than"]);
    folder.write("bad.csv", "client,available,held,locked\n1,1,0,false\n2,1.00001,0,false\n");
    folder.run("root bad.csv").ended(65).saying(&["bad.csv: line 3", "available"]);
    folder.run("root first.csv").ended(65).saying(&["first.csv: line 1"]);
    folder.run("root gone.csv").ended(66).saying(&["gone.csv"]);
}

#[test]
fn a_manifest_is_written_whole_or_not_at_all() {
    let folder = folder();
    folder.write("manifest.json", "old");
    folder.write("broken.csv", "no header\n");
    let before = folder.files();
    folder.run("broken.csv --manifest manifest.json -o out.csv").ended(65);
    folder.run("first.csv --expect-rows 7 --manifest manifest.json").ended(65);
    folder.run("first.csv --manifest nowhere/manifest.json").ended(73);
    folder.run("first.csv --manifest first.csv").ended(2).saying(&["first.csv: is an input"]);
    folder.run("first.csv --manifest -").ended(2).saying(&["--manifest needs a file"]);
    let twice = folder.run("first.csv --manifest a --rejects ./a").ended(2);
    twice.saying(&["a: is both --rejects and --manifest"]);
    assert!(folder.files() == before);
    let full = folder.run("first.csv -q --manifest /dev/full").ended(74);
    full.saying(&["/dev/full"]);
}

#[test]
fn a_manifest_of_standard_input_is_verified_with_the_same_input() {
    let folder = folder();
    let csv = folder.read("first.csv");
    let made = run_with(
        folder.command(MILLRACE).args(["-", "-q", "--manifest", "manifest.json", "--until", "3"]),
        csv.as_bytes(),
    );
    made.ended(0);
    assert_eq!(manifest(&folder, "manifest.json")["inputs"][0]["bytes"], csv.len());
    let verify = ["verify", "manifest.json", "-q"];
    run_with(folder.command(MILLRACE).args(verify), csv.as_bytes()).ended(0);
    let other = csv.replace("2.5", "2.6");
    let ran = run_with(folder.command(MILLRACE).args(verify), other.as_bytes()).ended(1);
    assert!(ran.stdout.contains("inputs[0].blake3"));
}

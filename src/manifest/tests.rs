use std::os::unix::ffi::OsStrExt;

use super::*;
use crate::amount::Balance;
use crate::digest::{Digest, Digested};
use crate::state_root::StateRoot;
use crate::{Config, Input, Sinks, run};

fn manifest() -> Manifest {
    let config = Config { control_totals: true, digests: true, ..Config::default() };
    let csv = "type,client,tx,amount\ndeposit,1,1,5\nwithdrawal,1,2,9\ndispute,1,1,\ndeposit,1,1,2\n\
               refund,1,1,1\n";
    let report = run(&config, vec![Input::bytes("in", csv)], Sinks::default()).unwrap();
    let digested = Digested { bytes: 1, blake3: Digest::of(b"x") };
    Manifest::of(Evidence {
        config: &config,
        report: &report,
        paths: vec![b"in\xff.csv"],
        balances: Written { path: b"-", digested },
        rejects: None,
        state_root: StateRoot::of(&report.accounts),
        run: RunFacts::default(),
    })
}

#[test]
fn a_manifest_reads_back_as_it_was_written() {
    let manifest = manifest();
    assert_eq!(Manifest::from_json(&manifest.to_json()).unwrap(), manifest);
    assert_eq!((manifest.rows.all, manifest.rows.applied, manifest.rows.rejected), (5, 2, 2));
    assert_eq!(manifest.by_type["deposit"].rejected_amount, "2.0000");
    assert_eq!(manifest.by_type["dispute"].applied_amount, "5.0000");
    assert_eq!((&*manifest.hash_totals.client, &*manifest.hash_totals.tx), ("4", "5"));
    assert_eq!((&*manifest.conservation.total, &*manifest.conservation.held), ("5.0000", "5.0000"));
}

#[test]
fn a_path_that_is_no_text_comes_back() {
    let manifest = manifest();
    let path = &manifest.inputs[0].path;
    assert_eq!((&*path.path, path.path_hex.as_deref()), (r"in\xff.csv", Some("696eff2e637376")));
    assert_eq!(path.to_path().unwrap().as_os_str().as_bytes(), b"in\xff.csv");
    assert_eq!(manifest.balances.path.to_path().unwrap().as_os_str(), "-");
    for hex in ["6", "6x", "+f", "é"] {
        let path = GivenPath { path: String::new(), path_hex: Some(hex.to_owned()) };
        let error = path.to_path().unwrap_err().to_string();
        assert!(error.starts_with("is no manifest: path_hex: "), "{error}");
    }
}

/// The figures of a manifest may be as large as 128 bits; to subtract them ended in a panic.
#[test]
fn figures_that_cannot_be_counted_do_not_hold() {
    let largest = Balance::from_units(i128::MAX).to_string();
    let mut manifest = manifest();
    manifest.conservation.withdrawn = format!("-{largest}");
    manifest.conservation.resolved.clone_from(&largest);
    manifest.conservation.charged_back = largest;
    let found = manifest.compare_sums().unwrap();
    for field in ["conservation.total", "conservation.held", "accounts.total", "accounts.held"] {
        let statement = found.iter().find(|it| it.field == field).unwrap();
        assert_eq!(statement.found, Err("more than can be counted".to_owned()), "{field}");
        assert!(!statement.holds(), "{field}");
    }
}

/// The name of a rule came into the message as it stands in the file, control bytes and all.
#[test]
fn a_rule_that_there_is_not_is_named_fit_to_print() {
    let mut manifest = manifest();
    manifest.rules.insert("\u{1b}[2J\n".to_owned(), "1".to_owned());
    let error = manifest.config().unwrap_err().to_string();
    assert!(error.starts_with(r"is no manifest: rules.\x1b[2J\x0a: there is no rule"), "{error}");
    assert!(!error.contains(char::is_control), "{error}");
}

#[test]
fn what_is_no_manifest_is_told_by_line_and_field() {
    let text = manifest().to_json();
    let of = |text: &str| Manifest::from_json(text).unwrap_err().to_string();
    for (text, expected) in [
        ("", "is no manifest: EOF while parsing a value at line 1"),
        ("client,available", "is no manifest: expected value at line 1"),
        ("{}", "is no manifest: missing field `schema` at line 1"),
        (&text.replace("manifest/1", "manifest/2"), "its schema is \"millrace-manifest/2\""),
        (&text.replace("\"state_root\"", "\"root\""), "missing field `state_root` at line"),
        (&text.replace("\"all\": 5", "\"all\": \"5\""), "is no manifest: rows.all: invalid type"),
        (&text.replace("\"all\": 5", "\"all\": 5.5"), "expected u64 at line"),
        (&text.replace("\"rows\": 5", "\"rows\": []"), "is no manifest: inputs[0]"),
        (&text.replace("\"deposit\": {", "\"\u{1}x\": {"), "at line"),
        (&text.replace("\"deposit\": {", "\"\\u0001x\": 7, \"y\": {"), r"by_type.\x01x: invalid"),
        ("null", "is no manifest: invalid type: null, expected the object of a manifest at line 1"),
        (&(text.clone() + "{}"), "trailing characters at line"),
        (&text[..text.len() / 2], "at line"),
    ] {
        let error = of(text);
        assert!(error.contains(expected), "{error}");
    }
}

//! Row shape, type and ids, amounts: one row between those of other clients, whose money it must
//! not touch.

use std::fs;

use crate::drive::{BALANCES, Folder};

/// A row and what it gets.
pub(crate) struct Case {
    /// Its number on the page.
    pub(crate) number: u32,
    row: &'static [u8],
    gets: Gets,
}

enum Gets {
    /// The row is applied, and its client's line in the output is this.
    Applied(&'static str),
    /// The row is malformed, for this reason.
    Malformed(&'static str),
    /// The row is malformed, for this reason, and its text stands like this in the rejects.
    Escaped(&'static str, &'static str),
}

use Gets::{Applied, Escaped, Malformed};

const fn case(number: u32, row: &'static [u8], gets: Gets) -> Case {
    Case { number, row, gets }
}

const ONE: Gets = Applied("7,1.0000,0.0000,1.0000,false");
const HALF: Gets = Applied("7,0.5000,0.0000,0.5000,false");
const FIVE: Gets = Applied("7,5.0000,0.0000,5.0000,false");
const MAX: Gets = Applied("7,922337203685477.5807,0.0000,922337203685477.5807,false");

/// A deposit of 1 with 500 zeros in front.
const PADDED: [u8; 513] = {
    let (start, mut row, mut at) = (b"deposit,7,1,", [b'0'; 513], 0);
    while at < start.len() {
        row[at] = start[at];
        at += 1;
    }
    row[row.len() - 1] = b'1';
    row
};

#[rustfmt::skip]
pub(crate) const CASES: &[Case] = &[
    // Row shape
    case(29, b" deposit ,\t7 , 1\t, 1 ", ONE),
    case(34, b"deposit", Malformed("too_few_fields")),
    case(34, b"deposit,7", Malformed("too_few_fields")),
    case(34, b"dispute,901", Malformed("too_few_fields")),
    case(35, b"deposit,7,1,1,1", Malformed("too_many_fields")),
    case(35, b"dispute,901,9001,,x", Malformed("too_many_fields")),
    case(36, b"deposit,7,1,1,", ONE),
    case(36, b"deposit,7,1,1,, ,", ONE),
    case(37, b"\"deposit\",\"7\",\"1\",\"1\"", ONE),
    case(37, b" \" deposit \" , \"7\" ,1,\"1 \"", ONE),
    case(38, b"deposit,7,1,\"1,000.00\"", Malformed("bad_amount")),
    case(38, b"deposit,\"7,1\",1,1", Malformed("bad_client")),
    case(39, b"deposit,7,1,\"1", Malformed("bad_quoting")),
    case(39, b"\"deposit,7,1,1", Malformed("bad_quoting")),
    case(40, b"deposit,7,1,\"1\"\"0\"", Malformed("bad_quoting")),
    case(40, b"deposit,7,1,1\"0", Malformed("bad_quoting")),
    case(40, b"deposit,7,1,\"1\"0", Malformed("bad_quoting")),
    case(41, &[b'1'; 4097], Malformed("row_too_long")),
    case(43, b"deposit,7,1,1\0", Escaped("bad_amount", r"deposit,7,1,1\x00")),
    case(43, b"\0deposit,7,1,1", Escaped("unknown_type", r"\x00deposit,7,1,1")),
    case(44, b"deposit,7,1,\xff1", Escaped("bad_amount", r"deposit,7,1,\xff1")),
    case(44, b"dep\xc3\xb6sit,7,1,1", Escaped("unknown_type", r"dep\xc3\xb6sit,7,1,1")),
    case(45, b"deposit,\xd9\xa7,1,1", Escaped("bad_client", r"deposit,\xd9\xa7,1,1")),
    case(45, b"deposit,7,1,\xef\xbc\x91", Escaped("bad_amount", r"deposit,7,1,\xef\xbc\x91")),
    case(45, b"deposit,7,\xe2\x80\xae1,1", Escaped("bad_tx", r"deposit,7,\xe2\x80\xae1,1")),
    case(45, b"\x1b[2Jdeposit,7,1,1", Escaped("unknown_type", r"\x1b[2Jdeposit,7,1,1")),
    case(46, b"=cmd|' /C calc'!A0,7,1,1", Escaped("unknown_type", "'=cmd|' /C calc'!A0,7,1,1")),
    case(46, b"@SUM(A1),7,1,1", Escaped("unknown_type", "'@SUM(A1),7,1,1")),
    case(46, b" +1,7,1,1", Escaped("unknown_type", "' +1,7,1,1")),
    case(47, b",,,", Malformed("unknown_type")),
    case(47, b",", Malformed("too_few_fields")),
    // Type and ids
    case(49, b"transfer,7,1,1", Malformed("unknown_type")),
    case(50, b",7,1,1", Malformed("unknown_type")),
    case(51, b"Deposit,7,1,1", Malformed("unknown_type")),
    case(51, b"DEPOSIT,7,1,1", Malformed("unknown_type")),
    case(52, b"withdraw,901,1,1", Malformed("unknown_type")),
    case(53, b"deposit,65536,1,1", Applied("65536,1.0000,0.0000,1.0000,false")),
    case(53, b"deposit,4294967296,1,1", Applied("4294967296,1.0000,0.0000,1.0000,false")),
    case(53, b"deposit,18446744073709551615,1,1", Applied("18446744073709551615,1.0000,0.0000,1.0000,false")),
    case(53, b"deposit,18446744073709551616,1,1", Malformed("bad_client")),
    case(54, b"deposit,-1,1,1", Malformed("bad_client")),
    case(54, b"deposit,7,-1,1", Malformed("bad_tx")),
    case(55, b"deposit,+1,1,1", Malformed("bad_client")),
    case(55, b"deposit,7,+1,1", Malformed("bad_tx")),
    case(56, b"deposit,007,1,1", ONE),
    case(56, b"deposit,7,00000000000000000000001,1", ONE),
    case(57, b"deposit,0,1,1", Applied("0,1.0000,0.0000,1.0000,false")),
    case(58, b"deposit,7,0,1", ONE),
    case(58, b"deposit,7,18446744073709551615,1", ONE),
    case(59, b"deposit,7,18446744073709551616,1", Malformed("bad_tx")),
    case(60, b"deposit,1.0,1,1", Malformed("bad_client")),
    case(60, b"deposit,0x10,1,1", Malformed("bad_client")),
    case(60, b"deposit,1_000,1,1", Malformed("bad_client")),
    case(60, b"deposit,1e3,1,1", Malformed("bad_client")),
    case(60, b"deposit,7,1.0,1", Malformed("bad_tx")),
    case(60, b"deposit,7,0x10,1", Malformed("bad_tx")),
    case(60, b"deposit,7,1_000,1", Malformed("bad_tx")),
    case(60, b"deposit,7,1e3,1", Malformed("bad_tx")),
    case(61, b"deposit,,1,1", Malformed("bad_client")),
    case(61, b"deposit,7, ,1", Malformed("bad_tx")),
    case(62, b"deposit,999999999999999999999,1,1", Malformed("bad_client")),
    case(62, b"deposit,7,100000000000000000000,1", Malformed("bad_tx")),
    // Amount
    case(63, b"deposit,7,1,1", ONE),
    case(63, b"deposit,7,1,1.5", Applied("7,1.5000,0.0000,1.5000,false")),
    case(63, b"deposit,7,1,1.0000", ONE),
    case(64, b"deposit,7,1,.5", HALF),
    case(64, b"deposit,7,1,5.", FIVE),
    case(64, b"deposit,7,1,.", Malformed("bad_amount")),
    case(65, b"deposit,7,1,0.00005", Malformed("too_precise")),
    case(65, b"deposit,7,1,1.00001", Malformed("too_precise")),
    case(66, b"deposit,7,1,1.00000", ONE),
    case(66, b"deposit,7,1,1.0000000000000000000000000", ONE),
    case(67, b"deposit,7,1,0", Malformed("zero_amount")),
    case(67, b"withdrawal,901,1,0.0000", Malformed("zero_amount")),
    case(68, b"deposit,901,1,-1", Malformed("negative_amount")),
    case(69, b"withdrawal,901,1,-1.5", Malformed("negative_amount")),
    case(70, b"deposit,7,1,-0", Malformed("negative_amount")),
    case(71, b"deposit,7,1,+1", Malformed("bad_amount")),
    case(72, b"deposit,7,1,1e3", Malformed("bad_amount")),
    case(72, b"deposit,7,1,1E3", Malformed("bad_amount")),
    case(73, b"deposit,7,1,nan", Malformed("bad_amount")),
    case(73, b"deposit,7,1,inf", Malformed("bad_amount")),
    case(74, b"deposit,7,1,1,000.00", Malformed("too_many_fields")),
    case(74, b"deposit,7,1,$1", Malformed("bad_amount")),
    case(74, b"deposit,7,1,1 USD", Malformed("bad_amount")),
    case(75, b"deposit,7,1,123456789012345678901234567890", Malformed("amount_too_large")),
    case(76, b"deposit,7,1,922337203685477.5807", MAX),
    case(76, b"deposit,7,1,922337203685477.5808", Malformed("amount_too_large")),
    case(77, b"deposit,7,1,", Malformed("missing_amount")),
    case(77, b"deposit,7,1", Malformed("missing_amount")),
    case(77, b"withdrawal,901,1", Malformed("missing_amount")),
    case(78, &PADDED, ONE),
];

/// What the others have whatever the row holds.
const OTHERS: [&str; 2] = ["901,7.5000,0.0000,7.5000,false", "902,1.0000,0.0000,1.0000,false"];

const REJECTS: &str = "line,outcome,reason,type,client,tx,amount,raw\n";

#[test]
fn every_row_gets_what_the_page_says() {
    let folder = Folder::new();
    for case in CASES {
        let mut input = b"type,client,tx,amount\ndeposit,901,9001,10\n".to_vec();
        input.extend_from_slice(case.row);
        input.extend_from_slice(b"\nwithdrawal,901,9002,2.5\ndeposit,902,9003,1\n");
        folder.write("in.csv", input);
        for how in [
            "",
            "--workers 3 --io read --batch-rows 1 --recall all",
            "--readers 2 --threads always",
        ] {
            let ran = folder.run(&format!("in.csv --quiet --rejects rejects.csv {how}"));
            let ran = ran.ended(0);
            let shown = format!("{} with {how:?}: {}", case.number, case.row.escape_ascii());
            assert_eq!(ran.stdout, expected_balances(case), "{shown}");
            assert_eq!(ran.stderr, "", "{shown}");
            assert_rejects(case, &folder.read("rejects.csv"), &shown);
            // So that the next run cannot pass with what this one wrote.
            fs::remove_file(folder.path("rejects.csv")).unwrap();
        }
    }
}

fn expected_balances(case: &Case) -> String {
    let mut lines = OTHERS.to_vec();
    if let Applied(own) = case.gets {
        lines.push(own);
    }
    let client = |line: &str| line.split(',').next().and_then(|id| id.parse::<u64>().ok());
    lines.sort_by_key(|line| client(line));
    format!("{BALANCES}{}\n", lines.join("\n"))
}

fn assert_rejects(case: &Case, rejects: &str, shown: &str) {
    let (reason, raw) = match case.gets {
        Applied(_) => {
            assert_eq!(rejects, REJECTS, "{shown}");
            return;
        }
        Malformed(reason) => (reason, ""),
        Escaped(reason, raw) => (reason, raw),
    };
    let record = rejects.strip_prefix(REJECTS).unwrap_or_default();
    assert!(record.starts_with(&format!("3,malformed,{reason},")), "{shown}: {rejects}");
    assert_eq!(record.lines().count(), 1, "{shown}: {rejects}");
    if !raw.is_empty() {
        assert!(record.ends_with(&format!(",\"{raw}\"\n")), "{shown}: {rejects}");
    }
}

#[test]
fn blank_lines_count_as_lines() {
    let folder = Folder::new();
    folder.write("in.csv", "\n \ntype,client,tx,amount\n\n\t\r\ndeposit,1,1,5\n\nrefund,1,2,5\n\n");
    let ran = folder.run("in.csv --rejects rejects.csv").ended(0);
    ran.with_balances("1,5.0000,0.0000,5.0000,false\n").saying(&["blank lines", "  6\n"]);
    let rejects = folder.read("rejects.csv");
    assert!(rejects.contains("\n8,malformed,unknown_type,"), "{rejects}");
}

#[test]
fn a_dispute_needs_no_amount() {
    let folder = Folder::new();
    for (row, ignored) in [
        ("dispute,1,1", 0),
        ("dispute,1,1,", 0),
        ("dispute,1,1,,", 0),
        ("dispute,1,1,999", 1),
        ("dispute,1,1,-2.5", 1),
        ("dispute,1,1,nan", 1),
    ] {
        folder.write("in.csv", format!("type,client,tx,amount\ndeposit,1,1,5\n{row}\n"));
        let ran = folder.run("in.csv --summary json").ended(0);
        let ran = ran.with_balances("1,0.0000,5.0000,5.0000,false\n");
        ran.saying(&[&format!("\"amounts_ignored\":{ignored},"), "\"malformed\":0,"]);
    }
    folder.write("in.csv", "type,client,tx\ndispute,1,1\n");
    folder.refuses("in.csv", 65, &["in.csv: line 1:", "no column `amount`"]);
}

//! Header lines that are none, and what the message says about them.

use crate::drive::Folder;

/// Headers that fail the run, and what the message must hold.
const REFUSED: [(u32, &str, &[&str]); 15] = [
    (21, "deposit,1,1,5.0", &["line 1", "is a transaction, not a header", "add the line"]),
    (21, "\n\ndeposit,1,1,5.0", &["line 3", "is a transaction, not a header"]),
    (21, "hello", &["line 1", "no column `type`", "hello"]),
    (21, "\u{1b}[31mhello", &["line 1", "control bytes"]),
    (23, "type,client,tx,amount,client", &["line 1", "`client` twice"]),
    (23, "type,Type,client,tx,amount", &["line 1", "`type` twice"]),
    (24, "type,client,tx,amount,note", &["line 1", "`note` (number 5)", "--ignore-extra-columns"]),
    (24, "type,bank,client,tx,amount", &["`bank` (number 2)", "--ignore-extra-columns"]),
    (25, "type,client,tx", &["line 1", "no column `amount`"]),
    (25, "client,tx,amount", &["no column `type`"]),
    (25, "type,tx,amount", &["no column `client`"]),
    (25, "type,client,amount", &["no column `tx`"]),
    (28, "type;client;tx;amount", &["line 1", "';'", "commas"]),
    (28, "type\tclient\ttx\tamount", &["line 1", r"'\t'", "commas"]),
    (28, "type|client|tx|amount", &["line 1", "'|'", "commas"]),
];

#[test]
fn what_is_no_header_is_refused() {
    let folder = Folder::new();
    folder.write("good.csv", "type,client,tx,amount\ndeposit,1,1,5\n");
    for (number, header, parts) in REFUSED {
        folder.write("bad.csv", format!("{header}\ndeposit,7,7,5\n"));
        for args in ["bad.csv", "bad.csv --io read", "good.csv bad.csv"] {
            let ran = folder.refuses(args, 65, parts);
            assert!(ran.stderr.starts_with("millrace: bad.csv: "), "{number}: {}", ran.stderr);
        }
    }
}

#[test]
fn the_flag_that_is_named_helps() {
    let folder = Folder::new();
    folder.write("in.csv", "note,type,client,tx,amount\nrent,deposit,1,1,5\n,dispute,1,1\n");
    let ran = folder.run("in.csv --ignore-extra-columns").ended(0);
    ran.with_balances("1,0.0000,5.0000,5.0000,false\n");
}

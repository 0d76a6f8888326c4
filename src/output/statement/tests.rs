use super::*;
use crate::account::Account;
use crate::amount::{Amount, Balance};
use crate::explain::{Entry, Place, Subject};
use crate::outcome::{Malformation, Reason, Rejection};
use crate::transaction::Kind;

fn entry(input: usize, line: u64) -> Entry {
    Entry {
        place: Place { input, line },
        kind: Some(Kind::Deposit),
        client: Some(7),
        tx: Some(1),
        amount: Amount::from_units(15_000),
        outcome: Ok(()),
        refers_to: None,
        account: Some(Account::new(Balance::from_units(-5_000), Balance::from_units(20_000), true)),
    }
}

/// A deposit, a dispute in another input, and a row of which nothing can be read but the client.
fn statement(subject: Subject) -> Statement {
    let deposit = entry(0, 2);
    let refused = Err(Reason::Rejected(Rejection::AccountLocked));
    let kind = Some(Kind::Dispute);
    let dispute = Entry { kind, outcome: refused, refers_to: Some(deposit.place), ..entry(1, 3) };
    let malformed = Err(Reason::Malformed(Malformation::UnknownType));
    let (kind, tx, amount, account) = (None, None, None, None);
    let spoilt = Entry { kind, tx, amount, account, outcome: malformed, ..entry(1, 12) };
    Statement {
        subject,
        inputs: vec![b"-a,\"b\"\x1b.csv".to_vec(), b"\xff.csv".to_vec()],
        until: Some(12),
        entries: vec![deposit, dispute, spoilt],
        accounts: vec![(7, deposit.account.unwrap())],
    }
}

fn written(statement: &Statement, format: Format) -> String {
    let mut out = Vec::new();
    write(&mut out, statement, format).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn a_table_is_aligned_and_names_other_files() {
    let expected = r#"client 7 until \xff.csv:12: 3 rows, 2 not applied

row               type     tx  amount  outcome                   refers to         available    held   total  locked
-a,"b"\x1b.csv:2  deposit   1  1.5000  applied                                       -0.5000  2.0000  1.5000  locked
\xff.csv:3        dispute   1  1.5000  rejected: account_locked  -a,"b"\x1b.csv:2    -0.5000  2.0000  1.5000  locked
\xff.csv:12                            malformed: unknown_type
closing balance                                                                      -0.5000  2.0000  1.5000  locked
"#;
    assert_eq!(written(&statement(Subject::Client(7)), Format::Text), expected);
}

#[test]
fn the_life_of_a_transaction_ends_with_how_far_it_has_come() {
    let mut statement = statement(Subject::Tx(1));
    let ending =
        |statement: &Statement| written(statement, Format::Text).lines().last().unwrap().to_owned();
    assert_eq!(ending(&statement), "tx 1 is a deposit of client 7: applied");
    for (kind, standing) in [
        (Kind::Dispute, "under dispute"),
        (Kind::Resolve, "disputed and resolved"),
        (Kind::Chargeback, "charged back"),
    ] {
        (statement.entries[1].kind, statement.entries[1].outcome) = (Some(kind), Ok(()));
        assert_eq!(ending(&statement), format!("tx 1 is a deposit of client 7: {standing}"));
    }
    statement.entries[0].outcome = Err(Reason::Rejected(Rejection::AccountLocked));
    statement.entries.truncate(1);
    assert_eq!(ending(&statement), "tx 1 is a deposit of client 7: refused: account_locked");
    statement.entries.clear();
    assert_eq!(ending(&statement), "no deposit or withdrawal has consumed tx 1");
}

#[test]
fn a_record_has_every_field_and_no_formula() {
    let expected = r#""'-a,""b""\x1b.csv",2,deposit,7,1,1.5000,applied,,,,-0.5000,2.0000,1.5000,true
\xff.csv,3,dispute,7,1,1.5000,rejected,account_locked,"'-a,""b""\x1b.csv",2,-0.5000,2.0000,1.5000,true
\xff.csv,12,,7,,,malformed,unknown_type,,,,,,
"#;
    let text = written(&statement(Subject::Client(7)), Format::Csv);
    assert_eq!(text.split_once('\n').unwrap().1, expected);
}

#[test]
fn an_object_has_every_key_and_any_name() {
    let text = written(&statement(Subject::Tx(u64::MAX)), Format::Json);
    assert_eq!(text.matches('\n').count(), 1);
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    // As a number it would be a float for many, and another id.
    assert_eq!(value["tx"], "18446744073709551615");
    assert_eq!(value["rows"][0]["client"], "7");
    assert_eq!(value["accounts"][0]["client"], "7");
    assert!(value["client"].is_null());
    assert_eq!(value["until"], 12);
    assert_eq!(value["inputs"][0], "-a,\"b\"\\x1b.csv");
    assert_eq!(value["rows"][1]["refers_to"]["file"], "-a,\"b\"\\x1b.csv");
    assert_eq!(value["rows"][1]["refers_to"]["line"], 2);
    assert_eq!(value["rows"][1]["reason"], "account_locked");
    assert_eq!(value["rows"][0]["account"]["available"], "-0.5000");
    assert!(value["rows"][2]["account"].is_null() && value["rows"][2]["type"].is_null());
    assert_eq!(value["accounts"][0]["locked"], true);
}

#[test]
fn many_rows_are_written_whole_and_a_full_output_is_met() {
    let entries: Vec<_> = (2..20_002).map(|line| entry(0, line)).collect();
    let statement = Statement { entries, ..statement(Subject::Client(7)) };
    for (format, rows) in [(Format::Text, 20_004), (Format::Csv, 20_001), (Format::Json, 1)] {
        let text = written(&statement, format);
        assert_eq!(text.lines().count(), rows, "{format:?}");
        assert_eq!(text.matches("1.5000").count(), 2 * 20_000 + usize::from(format != Format::Csv));
        let mut small = [0; 100];
        assert!(write(&mut &mut small[..], &statement, format).is_err(), "{format:?}");
    }
}

//! `millrace diff`: two balances files against a plain comparison of maps, two rule profiles against
//! the reference model, and every format to the byte.

#[expect(dead_code, reason = "other tests drive the main command with it")]
mod drive;
mod histories;
#[expect(dead_code, reason = "other tests compare rejects with it")]
mod model;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use drive::{Folder, MILLRACE, run_with};
use histories::Dice;
use millrace::balances_file::BalancesReader;
use millrace::diff::{Listed, balances, runs};
use millrace::outcome::Reason;
use millrace::output::Format;
use millrace::parser::ExtraColumns;
use millrace::rules::Rules;
use millrace::{Config, Threads};

const OURS: &str = "client,available,held,total,locked\n\
    1,1.5000,0.0000,1.5000,false\n\
    2,48.0001,19.9999,68.0000,false\n\
    3,-0.5000,2.0000,1.5000,false\n\
    4,1000.0000,0.0000,1000.0000,false\n\
    7,-2880.0000,0.0000,-2880.0000,true\n";
/// Two accounts moved, one is missing, one is new; the others are spelled in other ways.
const THEIRS: &str = "Total, locked ,CLIENT,available,held,note\r\n\
    -2880,FALSE,7,-2880.,0,\"x, y\"\r\n\
    \r\n\
    1.50,false,001,1.5,0,\r\n\
    68,false,2,48.0001,19.9999,\r\n\
    1.25,false,3,-.75000,2,=1+1\r\n\
    10,false,18446744073709551615,9,1,\r\n";

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("a.csv", OURS);
    folder.write("b.csv", THEIRS);
    folder
}

#[test]
fn two_files_are_compared_as_text() {
    let ran = folder().run("diff a.csv b.csv").ended(1);
    assert_eq!(
        ran.stdout,
        "~ client 3: available -0.5000 -> -0.7500 (-0.2500), total 1.5000 -> 1.2500 (-0.2500)\n\
         - client 4: available 1000.0000, held 0.0000, total 1000.0000, locked false\n\
         ~ client 7: locked true -> false\n\
         + client 18446744073709551615: available 9.0000, held 1.0000, total 10.0000, locked false\n"
    );
    assert_eq!(
        ran.stderr,
        "                       A            B      B - A
accounts               5            5          0
  only here            1            1
  changed              2            2
  equal                2            2
  locked               1            0         -1
available    -1,830.9999  -2,822.2499  -991.2500
held             21.9999      22.9999    +1.0000
total        -1,809.0000  -2,799.2500  -990.2500
"
    );
}

#[test]
fn two_files_are_compared_as_csv() {
    let ran = folder().run("diff a.csv b.csv --format csv -q").ended(1);
    assert_eq!(ran.stderr, "");
    assert_eq!(
        ran.stdout,
        "finding,client,available_a,available_b,available_difference,held_a,held_b,held_difference,\
         total_a,total_b,total_difference,locked_a,locked_b\n\
         changed,3,-0.5000,-0.7500,-0.2500,2.0000,2.0000,0.0000,1.5000,1.2500,-0.2500,false,false\n\
         only_in_a,4,1000.0000,,-1000.0000,0.0000,,0.0000,1000.0000,,-1000.0000,false,\n\
         changed,7,-2880.0000,-2880.0000,0.0000,0.0000,0.0000,0.0000,-2880.0000,-2880.0000,0.0000,\
         true,false\n\
         only_in_b,18446744073709551615,,9.0000,9.0000,,1.0000,1.0000,,10.0000,10.0000,,false\n"
    );
}

#[test]
fn two_files_are_compared_as_json() {
    let folder = folder();
    let ran = folder.run("diff a.csv b.csv --format json --limit 1 -o out.json").ended(1);
    assert_eq!(ran.stdout, "");
    assert_eq!(
        folder.read("out.json"),
        "{\"a\":\"a.csv\",\"b\":\"b.csv\",\"accounts\":[\n\
         {\"finding\":\"changed\",\"client\":\"3\",\
         \"available\":{\"a\":\"-0.5000\",\"b\":\"-0.7500\",\"difference\":\"-0.2500\"},\
         \"held\":{\"a\":\"2.0000\",\"b\":\"2.0000\",\"difference\":\"0.0000\"},\
         \"total\":{\"a\":\"1.5000\",\"b\":\"1.2500\",\"difference\":\"-0.2500\"},\
         \"locked\":{\"a\":false,\"b\":false}}\n\
         ],\"summary\":{\"accounts\":{\"a\":5,\"b\":5},\"equal\":2,\"changed\":2,\"only_in_a\":1,\
         \"only_in_b\":1,\
         \"available\":{\"a\":\"-1830.9999\",\"b\":\"-2822.2499\",\"difference\":\"-991.2500\"},\
         \"held\":{\"a\":\"21.9999\",\"b\":\"22.9999\",\"difference\":\"1.0000\"},\
         \"total\":{\"a\":\"-1809.0000\",\"b\":\"-2799.2500\",\"difference\":\"-990.2500\"},\
         \"locked\":{\"a\":1,\"b\":0}}}\n"
    );
    let all: Value = serde_json::from_str(&folder.run("diff a.csv b.csv --format json").stdout)
        .expect("one JSON document");
    assert_eq!(all["accounts"].as_array().expect("a list").len(), 4);
    assert_eq!(all["accounts"][1]["available"]["b"], Value::Null);
}

#[test]
fn equal_files_in_another_order_and_spelling_have_no_difference() {
    let folder = folder();
    let (header, rows) = OURS.split_once('\n').expect("a header");
    let mut rows: Vec<_> = rows.lines().collect();
    rows.reverse();
    let other = format!("{header}\n{}\n", rows.join("\n")).replace(".5000", ".5");
    folder.write("c.csv", other);
    for args in ["a.csv c.csv", "c.csv a.csv", "a.csv a.csv"] {
        let ran = folder.run(&format!("diff {args}")).ended(0);
        assert_eq!(ran.stdout, "", "{args}");
        let expected = "no difference in 5 accounts, available -1,830.9999, held 21.9999, total \
                        -1,809.0000\n";
        assert_eq!(ran.stderr, expected, "{args}");
    }
    folder.run("diff a.csv c.csv -q").ended(0).saying(&[]);
    let ran = folder.run("diff a.csv c.csv --format json").ended(0);
    let document: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!(document["accounts"], json!([]));
}

#[test]
fn compared_are_the_columns_that_both_files_have() {
    let folder = folder();
    folder.write("totals.csv", "client,total\n1,1.5\n2,68\n3,1.6\n4,1000\n7,-2880\n");
    let ran = folder.run("diff a.csv totals.csv").ended(1);
    assert_eq!(ran.stdout, "~ client 3: total 1.5000 -> 1.6000 (+0.1000)\n");
    let ran = ran.saying(&["not compared: available, held, locked\n"]);
    assert!(
        ran.stderr.contains("total        -1,809.0000  -1,808.9000  +0.1000\n"),
        "{}",
        ran.stderr
    );
    // What follows from two columns is compared as if it stood there.
    folder.write("two.csv", "client,available,held\n1,1.5,0\n2,48.0001,19.9999\n");
    folder.write("first.csv", "client,total\n1,1.5\n2,68\n");
    folder.run("diff two.csv first.csv").ended(0).saying(&["total 69.5000", "not compared: avail"]);
    folder.write("available.csv", "client,available\n1,1.5\n");
    let parts = ["available.csv and totals.csv: no balance that both have"];
    assert_eq!(folder.run("diff available.csv totals.csv").ended(65).saying(&parts).stdout, "");
}

#[test]
fn a_bad_file_is_named_with_its_line_and_field_and_nothing_is_printed() {
    let folder = folder();
    let good = (1..40_000).map(|client: u64| client.to_string() + ",1\n").collect::<String>();
    for (text, parts) in [
        ("", &["bad.csv: is empty"][..]),
        ("type,client,tx,amount\n", &["bad.csv: line 1: the header has no column `available`"]),
        ("client,total\n1,1,1\n", &["bad.csv: line 2: 3 fields where the header has 2"]),
        ("client,total\n1,1e3\n", &["bad.csv: line 2, total `1e3`: not a decimal number"]),
        (
            "client,total\n1,1\n\nx\u{1b}[2J,1\n",
            &[r"bad.csv: line 4, client `x\x1b[2J`: not an id"],
        ),
        ("client,total,locked\n1,1,1\n", &["bad.csv: line 2, locked `1`: neither true nor false"]),
        ("client,available,held,total\n1,1,1,1\n", &["bad.csv: line 2, total 1.0000: not avail"]),
        ("client,total\n2,1\n1,1\n2,3\n", &["bad.csv: line 4, client 2: line 2 has this client"]),
        ("client,total\n2,1\n2,1\n", &["bad.csv: line 3, client 2: line 2 has this client"]),
    ] {
        folder.write("bad.csv", text);
        for args in ["a.csv bad.csv", "bad.csv b.csv"] {
            let ran = folder.run(&format!("diff {args} -o out.csv")).ended(65).saying(parts);
            assert_eq!(ran.stdout, "");
            assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
            assert!(!folder.path("out.csv").exists());
        }
    }
    // A fault at the end of a long file, after thousands of findings.
    folder.write("bad.csv", format!("client,total\n{good}39999,1\n"));
    let ran = folder.run("diff a.csv bad.csv").ended(65).saying(&["line 40001, client 39999"]);
    assert_eq!(ran.stdout, "");
    folder.write("a\u{202e}\n.csv", "x");
    let ran = drive::run(folder.command(MILLRACE).args(["diff", "a.csv", "a\u{202e}\n.csv"]));
    ran.ended(65).saying(&[r"millrace: a\u{202e}\x0a.csv: line 1: the header"]);
}

#[test]
fn findings_that_cannot_be_kept_are_not_printed_in_part() {
    let folder = folder();
    folder.write("few.csv", "client,total\n1,1\n");
    let rows = (1..500_000).map(|client: u64| client.to_string() + ",1\n").collect::<String>();
    folder.write("many.csv", format!("client,total\n{rows}"));
    let args = ["diff", "few.csv", "many.csv", "--format", "csv"];
    let ran = drive::run(folder.command(MILLRACE).env("TMPDIR", "/dev/null").args(args)).ended(74);
    assert_eq!(ran.stdout, "");
    ran.saying(&["the findings cannot be kept in a temporary file", "set TMPDIR to a folder"]);
    let ran = folder.run("diff few.csv many.csv --format csv").ended(1);
    assert_eq!(ran.stdout.lines().count(), 499_999);
    assert_eq!(ran.stdout.lines().last(), Some("only_in_b,499999,,,,,,,,1.0000,1.0000,,"));
}

#[test]
fn files_that_are_missing_and_arguments_that_make_no_sense_have_codes_of_their_own() {
    let folder = folder();
    folder.write("t.csv", "type,client,tx,amount\ndeposit,1,1,1\n");
    for (args, code, part) in [
        ("a.csv none.csv", 66, "none.csv: cannot be opened"),
        (". a.csv", 66, ".: is a directory"),
        ("a.csv", 2, "two balances files are needed"),
        ("a.csv b.csv a.csv", 2, "two balances files are needed"),
        ("- -", 2, "`-` is given twice"),
        ("a.csv b.csv -o b.csv", 2, "b.csv: is an input"),
        ("a.csv b.csv -o none/x", 73, "none/x: there is no directory"),
        ("a.csv b.csv --rules default", 2, "--runs"),
        ("a.csv b.csv --format yaml", 2, "yaml"),
        ("--runs t.csv", 2, "--runs needs --rules twice"),
        ("--runs t.csv --rules default", 2, "--runs needs --rules twice"),
        ("--runs t.csv --rules default --rules none", 66, "none: cannot be read as a rule file"),
        ("--runs - --rules default --rules conservative", 2, "-: --runs reads its inputs twice"),
        ("--runs /dev/null --rules default --rules default", 2, "/dev/null: --runs reads its"),
        ("--runs none.csv --rules default --rules default", 66, "none.csv: cannot be opened"),
        ("--runs a.csv --rules default --rules default", 65, "a.csv: "),
        ("--runs t.csv --rules default --rules default -o t.csv", 2, "t.csv: is an input"),
    ] {
        let ran = folder.run(&format!("diff {args}")).ended(code).saying(&[part]);
        assert_eq!(ran.stdout, "", "{args}");
    }
}

#[test]
fn standard_input_is_one_of_the_two() {
    let folder = folder();
    let expected = folder.run("diff a.csv b.csv").ended(1);
    for (args, input) in [(["diff", "-", "b.csv"], OURS), (["diff", "a.csv", "-"], THEIRS)] {
        let ran = run_with(folder.command(MILLRACE).args(args), input.as_bytes()).ended(1);
        assert_eq!((&ran.stdout, &ran.stderr), (&expected.stdout, &expected.stderr));
    }
    let ran = run_with(folder.command(MILLRACE).args(["diff", "a.csv", "-"]), b"client\n");
    ran.ended(65).saying(&["standard input: line 1: the header has no column"]);
}

#[test]
fn the_order_of_rows_changes_no_byte() {
    let folder = Folder::new();
    let mut dice = Dice::new(7);
    // Out of order early, late and not at all; enough for many batches.
    let rows = |seed: u64| {
        let mut dice = Dice::new(seed);
        let mut rows = Vec::new();
        for client in 0..30_000_u64 {
            if !dice.one_in(50) {
                let (available, held) = (dice.below(3), dice.below(2));
                let total = available + held;
                rows.push(format!("{client},{available},{held}.0,{total},{}\n", dice.one_in(9)));
            }
        }
        rows
    };
    let (a, b) = (rows(1), rows(2));
    let text = |rows: &[String]| format!("client,available,held,total,locked\n{}", rows.concat());
    let mut swapped = b.clone();
    let last = swapped.len() - 1;
    swapped.swap(last - 1, last);
    let [mut mixed_a, mut mixed_b] = [a.clone(), b.clone()];
    dice.shuffle(&mut mixed_a);
    dice.shuffle(&mut mixed_b);
    for (name, rows) in
        [("a", &a), ("b", &b), ("late", &swapped), ("ma", &mixed_a), ("mb", &mixed_b)]
    {
        folder.write(name, text(rows));
    }
    for format in ["text", "csv", "json"] {
        let expected = folder.run(&format!("diff a b --format {format}")).ended(1);
        assert!(expected.stdout.lines().count() > 1000, "few findings");
        for args in ["a late", "ma b", "a mb", "ma mb", "ma late"] {
            let ran = folder.run(&format!("diff {args} --format {format}")).ended(1);
            let [name_a, name_b] = [0, 1].map(|at| args.split(' ').nth(at).expect("two"));
            let names = format!("{{\"a\":\"{name_a}\",\"b\":\"{name_b}\"");
            let stdout = ran.stdout.replacen(&names, "{\"a\":\"a\",\"b\":\"b\"", 1);
            assert!(stdout == expected.stdout, "{args} as {format} differs");
            assert_eq!(ran.stderr, expected.stderr, "{args}");
        }
    }
}

/// What a file says of a client: available and held in units, and whether it is locked.
type Plain = BTreeMap<u64, (i128, i128, bool)>;

/// Writes balances down in some spelling and order.
fn spell(dice: &mut Dice, accounts: &Plain) -> String {
    let mut columns = [0, 1, 2, 3, 4];
    dice.shuffle(&mut columns);
    let names = ["client", "Available", "held ", "TOTAL", " locked"];
    let write = |cells: [String; 5]| columns.map(|at| cells[at].clone()).join(",") + "\n";
    let mut rows: Vec<String> = accounts
        .iter()
        .map(|(client, &(available, held, locked))| {
            let mut decimal = |units| {
                let text = model::decimal(units);
                match dice.below(3) {
                    0 => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
                    1 => format!(" \"{text}00\""),
                    _ => text,
                }
            };
            let total = decimal(available + held);
            let (available, held) = (decimal(available), decimal(held));
            write([client.to_string(), available, held, total, locked.to_string()])
        })
        .collect();
    if dice.one_in(2) {
        dice.shuffle(&mut rows);
    }
    write(names.map(str::to_owned)) + &rows.concat()
}

/// The findings as CSV, from the two maps.
fn plain_diff(a: &Plain, b: &Plain) -> Vec<String> {
    let mut clients: Vec<_> = a.keys().chain(b.keys()).copied().collect();
    clients.sort_unstable();
    clients.dedup();
    let mut lines = Vec::new();
    for client in clients {
        let (of_a, of_b) = (a.get(&client), b.get(&client));
        if of_a == of_b {
            continue;
        }
        let finding = match (of_a, of_b) {
            (Some(_), None) => "only_in_a",
            (None, _) => "only_in_b",
            (Some(_), Some(_)) => "changed",
        };
        let mut line = format!("{finding},{client}");
        let figures =
            |&(available, held, _): &(i128, i128, bool)| [available, held, available + held];
        let [figures_a, figures_b] = [of_a, of_b].map(|it| it.map(figures));
        for column in 0..3 {
            let [x, y] = [figures_a, figures_b].map(|it| it.map(|it: [i128; 3]| it[column]));
            let cell = |it: Option<i128>| it.map_or(String::new(), model::decimal);
            let difference = model::decimal(y.unwrap_or(0) - x.unwrap_or(0));
            line = [line, cell(x), cell(y), difference].join(",");
        }
        let [x, y] = [of_a, of_b].map(|it| it.map_or(String::new(), |it| it.2.to_string()));
        lines.push([line, x, y].join(","));
    }
    lines
}

#[test]
fn random_files_differ_as_two_maps_do() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for seed in 0..2_000 {
        let mut dice = Dice::new(seed);
        let accounts = dice.pick(&[0, 1, 5, 40]);
        let mut a = Plain::new();
        for _ in 0..accounts {
            let client = if dice.one_in(9) { u64::MAX - dice.below(3) } else { dice.below(60) };
            let wide = i128::from(u64::MAX) * i128::from(dice.below(4));
            let units = i128::from(dice.below(30_000)) - 15_000;
            let available = if dice.one_in(8) { units + wide } else { units };
            let held = i128::from(dice.below(3)) * 5_000;
            a.insert(client, (available, held, dice.one_in(5)));
        }
        let mut b = a.clone();
        for _ in 0..dice.below(6) {
            let client = dice.below(60);
            match dice.below(4) {
                0 => b.remove(&client),
                1 => b.insert(client, (1, 0, false)),
                _ => b.get_mut(&client).map(|account| {
                    account.0 += 1 - i128::from(dice.below(3));
                    *account
                }),
            };
        }
        let texts = [spell(&mut dice, &a), spell(&mut dice, &b)];
        let is_file = dice.one_in(8);
        let open = |name: &str, text: &String| {
            if !is_file {
                let bytes = std::io::Cursor::new(text.clone().into_bytes());
                return BalancesReader::new(name, bytes).expect(text);
            }
            let path = folder.path().join(name);
            std::fs::write(&path, text).expect("the folder takes files");
            BalancesReader::open(&path).expect(text)
        };
        let (of_a, of_b) = (open("a", &texts[0]), open("b", &texts[1]));
        let listed = Listed { format: Format::Csv, limit: None };
        let (findings, tally) = balances(of_a, of_b, listed).expect("two balances files");
        let mut found = Vec::new();
        findings.write_to(&mut found).expect("memory");
        let found = String::from_utf8(found).expect("ASCII");
        let expected = plain_diff(&a, &b);
        assert_eq!(found.lines().skip(1).collect::<Vec<_>>(), expected, "seed {seed}: {texts:?}");
        let differ = usize::try_from(tally.changed + tally.only_in_a + tally.only_in_b);
        assert_eq!(differ.expect("few"), expected.len());
        let sum = |it: &Plain| it.values().map(|it| it.0 + it.1).sum::<i128>();
        let total = tally.total.difference.expect("both have it");
        assert_eq!(total.units(), sum(&b) - sum(&a));
    }
}

const HISTORY: &str = "type,client,tx,amount\n\
    deposit,1,1,10\n\
    withdrawal,1,2,8\n\
    dispute,1,1,\n\
    resolve,1,1,\n\
    deposit,2,3,5\n\
    dispute,2,3,\n\
    resolve,2,3,\n\
    dispute,2,3,\n\
    chargeback,2,3,\n\
    deposit,2,4,1.5\n\
    deposit,1,1,3\n\
    refund,1,9,1\n";

fn history_folder() -> Folder {
    let folder = Folder::new();
    folder.write("in,1.csv", HISTORY);
    folder
}

#[test]
fn two_profiles_are_compared_as_text() {
    let folder = history_folder();
    let ran = folder.run("diff --runs in,1.csv --rules default --rules conservative").ended(1);
    assert_eq!(
        ran.stdout,
        "in,1.csv:4: dispute, client 1, tx 1: applied -> insufficient_funds\n\
         in,1.csv:5: resolve, client 1, tx 1: applied -> not_disputed\n\
         in,1.csv:9: dispute, client 2, tx 3: applied -> already_resolved\n\
         in,1.csv:10: chargeback, client 2, tx 3: applied -> not_disputed\n\
         in,1.csv:11: deposit, 1.5000, client 2, tx 4: account_locked -> applied\n\
         ~ client 2: available 0.0000 -> 6.5000 (+6.5000), total 0.0000 -> 6.5000 (+6.5000), \
         locked true -> false\n"
    );
    assert_eq!(
        ran.stderr,
        "rows                          12
  applied under A only         4
  applied under B only         1
  refused for another reason   0
                  A       B    B - A
accounts          2       2        0
  only here       0       0
  changed         1       1
  equal           1       1
  locked          1       0       -1
available    2.0000  8.5000  +6.5000
held         0.0000  0.0000   0.0000
total        2.0000  8.5000  +6.5000
"
    );
    let args = "diff --runs in,1.csv --rules default --rules conservative --limit 2 -q";
    let ran = folder.run(args).ended(1);
    assert_eq!(ran.stdout.lines().nth(2), Some("... and 3 more rows"));
    assert_eq!(ran.stdout.lines().count(), 4);
    let ran = folder.run("diff --runs in,1.csv --rules default --rules default").ended(0);
    assert_eq!(ran.stdout, "");
}

#[test]
fn two_profiles_are_compared_as_csv_and_json() {
    let folder = history_folder();
    folder.write("small.toml", "max-client = 1\n");
    let ran = folder
        .run("diff --runs in,1.csv --rules small.toml --rules conservative --format csv --limit 2")
        .ended(1);
    assert_eq!(
        ran.stdout,
        "finding,client,file,line,type,tx,amount,outcome_a,outcome_b,\
         available_a,available_b,available_difference,held_a,held_b,held_difference,\
         total_a,total_b,total_difference,locked_a,locked_b\n\
         row,1,\"in,1.csv\",4,dispute,1,,applied,insufficient_funds,,,,,,,,,,,\n\
         row,1,\"in,1.csv\",5,resolve,1,,applied,not_disputed,,,,,,,,,,,\n\
         only_in_b,2,,,,,,,,,6.5000,6.5000,,0.0000,0.0000,,6.5000,6.5000,,false\n"
    );
    let ran = folder
        .run("diff --runs in,1.csv --rules small.toml --rules conservative --format json")
        .ended(1);
    let document: Value = serde_json::from_str(&ran.stdout).expect("one JSON document");
    assert_eq!(document["a"], "small.toml");
    let rows = document["rows"].as_array().expect("a list");
    assert_eq!(rows.len(), 8);
    assert_eq!(
        rows[3],
        json!({
            "file": "in,1.csv", "line": 7, "type": "dispute", "client": null, "tx": "3",
            "amount": null, "a": "bad_client", "b": "applied",
        })
    );
    // Refused by both: what either can read of it.
    assert_eq!(rows[5]["client"], "2");
    assert_eq!((&rows[5]["a"], &rows[5]["b"]), (&json!("bad_client"), &json!("already_resolved")));
    assert_eq!(document["summary"]["refused_for_other_reason"], 2);
    assert_eq!(document["summary"]["applied_only_in_b"], 4);
    assert_eq!(document["accounts"][0]["client"], "2");
}

/// A row that differs: input, line and what becomes of it under either profile.
type Differing = (usize, u64, Option<Reason>, Option<Reason>);

#[test]
fn the_rows_and_accounts_that_differ_are_those_of_the_model() {
    let folder = Folder::new();
    let (mut seen_rows, mut seen_equal) = (0, 0);
    for seed in 0..1_500 {
        let history = histories::history(seed);
        let mut dice = Dice::new(!seed);
        let mut flags = history.flags;
        flags.strict = false;
        let profiles = Rules::PROFILES.map(|name| Rules::named(name).expect("a profile"));
        let rules = [history.rules, dice.pick(&profiles)];
        let mut paths = Vec::new();
        for (index, bytes) in history.inputs.iter().enumerate() {
            folder.write(&index.to_string(), bytes);
            paths.push(folder.path(index.to_string()));
        }
        // The same file twice is two inputs.
        let mut inputs: Vec<&[u8]> = history.inputs.iter().map(Vec::as_slice).collect();
        if dice.one_in(4) {
            inputs.push(inputs[0]);
            paths.push(paths[0].clone());
        }
        let [a, b] = rules.map(|rules| model::run(&inputs, &rules, flags).expect("a CSV"));
        let outcomes = a.rows.iter().zip(&b.rows);
        let expected: Vec<Differing> = outcomes
            .filter(|(a, b)| a.outcome != b.outcome)
            .map(|(a, b)| (a.input, a.line, a.outcome.err(), b.outcome.err()))
            .collect();
        let extra =
            if flags.ignore_extra_columns { ExtraColumns::Ignore } else { ExtraColumns::Refuse };
        let [config_a, config_b] = rules.map(|rules| Config {
            rules,
            extra_columns: extra,
            threads: if seed % 16 == 0 { Threads::Always } else { Threads::Never },
            ..Config::default()
        });
        let listed = Listed { format: Format::Csv, limit: None };
        let names = ["a", "b"].map(str::to_owned);
        let (findings, tally) =
            runs([&config_a, &config_b], &paths, &names, listed).expect("two runs");
        let mut found = Vec::new();
        findings.write_to(&mut found).expect("memory");
        let found = String::from_utf8(found).expect("ASCII");
        let (rows, accounts): (Vec<_>, Vec<_>) =
            found.lines().skip(1).partition(|line| line.starts_with("row,"));
        let name = |refused: Option<Reason>| refused.map_or("applied", Reason::name).to_owned();
        let shown: Vec<_> = rows
            .iter()
            .map(|line| {
                let cells: Vec<_> = line.split(',').collect();
                [cells[2], cells[3], cells[7], cells[8]].map(str::to_owned)
            })
            .collect();
        let wanted: Vec<_> = expected
            .iter()
            .map(|&(input, line, a, b)| {
                [paths[input].display().to_string(), line.to_string(), name(a), name(b)]
            })
            .collect();
        assert_eq!(shown, wanted, "seed {seed}, {rules:?}");
        let accounts: Vec<_> =
            accounts.iter().map(|line| line.replacen(",,,,,,,", "", 1)).collect();
        let [of_a, of_b] = [&a, &b].map(|report| plain(&report.balances));
        assert_eq!(accounts, plain_diff(&of_a, &of_b), "seed {seed}, {rules:?}");
        assert_eq!(tally.rows.rows, u64::try_from(a.rows.len()).expect("few"));
        assert_eq!(tally.is_equal(), rows.is_empty() && accounts.is_empty());
        seen_rows += rows.len();
        seen_equal += usize::from(tally.is_equal());
    }
    assert!(seen_rows > 1_000 && seen_equal > 100, "{seen_rows} rows, {seen_equal} equal");
}

/// Reads the balances of the model.
fn plain(balances: &str) -> Plain {
    let units = |cell: &str| cell.replace('.', "").parse::<i128>().expect("four decimals");
    let line = |line: &str| {
        let cells: Vec<_> = line.split(',').collect();
        (cells[0].parse().expect("an id"), (units(cells[1]), units(cells[2]), cells[4] == "true"))
    };
    balances.lines().skip(1).map(line).collect()
}

//! `millrace explain`: what a statement says is what the model says of the same rows, however they
//! are read; and the command around it.

#[expect(dead_code, reason = "what the main command writes and refuses is tested elsewhere")]
mod drive;
mod histories;
#[expect(dead_code, reason = "what only summaries and rejects tell is compared elsewhere")]
mod model;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Cursor, Read, Write};
use std::num::NonZeroUsize;

use flate2::Compression;
use flate2::write::GzEncoder;

use drive::{Folder, MILLRACE, Ran, run, run_with};
use histories::{Dice, History};
use millrace::amount::Amount;
use millrace::explain::{self, Entry, Place, Statement, Subject};
use millrace::generate::{Plan, Workload};
use millrace::input::Io;
use millrace::outcome::{Reason, Rejection};
use millrace::parser::ExtraColumns;
use millrace::rules::TxIdSpace;
use millrace::transaction::Kind;
use millrace::{Config, Input, RunError, Threads};

const HISTORIES: u64 = 3_000;

/// What the model says of a history.
struct Expected {
    rows: Vec<model::Row>,
    space: TxIdSpace,
    /// The balances line of every client after each row, without the client.
    balances: Vec<BTreeMap<u64, String>>,
}

fn model_of(inputs: &[&[u8]], history: &History) -> Option<model::Report> {
    model::run(inputs, &history.rules, history.flags)
}

/// Gives the bytes up to the end of a line.
fn until_line(bytes: &[u8], line: u64) -> &[u8] {
    let most = usize::try_from(line).expect("few");
    let length = bytes.split_inclusive(|&byte| byte == b'\n').take(most).map(<[u8]>::len).sum();
    &bytes[..length]
}

/// Reads the balances that the model has written.
fn balances(report: &model::Report) -> BTreeMap<u64, String> {
    let rows = report.balances.lines().skip(1).map(|line| {
        let (client, rest) = line.split_once(',').expect("a client");
        (client.parse().expect("an id"), rest.to_owned())
    });
    rows.collect()
}

fn shown(entry: &Entry) -> Option<String> {
    entry.account.map(|account| {
        let (available, held, total) = (account.available(), account.held(), account.total());
        format!("{available},{held},{total},{}", account.is_locked())
    })
}

impl Expected {
    fn of(history: &History) -> Self {
        let inputs: Vec<&[u8]> = history.inputs.iter().map(Vec::as_slice).collect();
        let rows = model_of(&inputs, history).expect("a transactions CSV").rows;
        // Whether the last row lacks its newline is told by the whole input, and by no start of it.
        let after = |row: &model::Row| {
            let mut cut = inputs[..=row.input].to_vec();
            cut[row.input] = until_line(inputs[row.input], row.line);
            balances(&model_of(&cut, history).expect("a transactions CSV"))
        };
        let balances = rows.iter().map(after).collect();
        Self { rows, space: history.rules.tx_ids, balances }
    }

    /// The row that one refers to: looked for among those before it.
    fn referred(&self, index: usize) -> Option<&model::Row> {
        let row = &self.rows[index];
        let moves = |row: &model::Row| {
            let is_transaction = !matches!(row.outcome, Err(Reason::Malformed(_)));
            is_transaction && matches!(name(row), "deposit" | "withdrawal")
        };
        let is_duplicate = row.outcome == Err(Reason::Rejected(Rejection::DuplicateTx));
        if matches!(row.outcome, Err(Reason::Malformed(_))) || moves(row) && !is_duplicate {
            return None;
        }
        let same_client = !is_duplicate || self.space == TxIdSpace::PerClient;
        self.rows[..index].iter().find(|other| {
            moves(other)
                && other.columns.tx == row.columns.tx
                && (!same_client || other.columns.client == row.columns.client)
                && (is_duplicate || other.outcome.is_ok())
        })
    }

    /// Compares one entry of a statement with the row that it should be.
    fn compare(&self, entry: &Entry, index: usize) {
        let row = &self.rows[index];
        assert_eq!(entry.place, place(row));
        assert_eq!(entry.outcome, row.outcome, "{entry:?}");
        assert_eq!(entry.kind.map_or("", Kind::name), name(row));
        assert_eq!((entry.client, entry.tx), (row.columns.client, row.columns.tx));
        let referred = self.referred(index);
        assert_eq!(entry.refers_to, referred.map(place), "{entry:?}");
        let amount = match referred.filter(|_| row.columns.amount.is_none()) {
            Some(referred) => referred.columns.amount,
            None => row.columns.amount,
        };
        assert_eq!(entry.amount.map(Amount::units).map(i128::from), amount, "{entry:?}");
        let expected = entry.client.and_then(|client| self.balances[index].get(&client));
        assert_eq!(shown(entry).as_ref(), expected, "{entry:?}");
    }

    /// The indexes of the rows that hold something.
    fn indexes(&self, holds: impl Fn(&model::Row) -> bool) -> Vec<usize> {
        (0..self.rows.len()).filter(|&index| holds(&self.rows[index])).collect()
    }
}

fn name(row: &model::Row) -> &'static str {
    row.columns.kind.map_or("", model::reader::Kind::name)
}

fn place(row: &model::Row) -> Place {
    Place { input: row.input, line: row.line }
}

/// Gives a few bytes at a time.
struct Trickle(Cursor<Vec<u8>>);

impl Read for Trickle {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(7);
        self.0.read(&mut buffer[..most])
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

/// A way to read a history, by chance.
fn config(dice: &mut Dice, history: &History) -> Config {
    let extra = history.flags.ignore_extra_columns;
    Config {
        rules: history.rules,
        extra_columns: if extra { ExtraColumns::Ignore } else { ExtraColumns::Refuse },
        strict: history.flags.strict,
        readers: NonZeroUsize::new(dice.pick(&[1, 2, 3])),
        block_bytes: NonZeroUsize::new(dice.pick(&[1, 2, 17, 64, 0])),
        io: dice.pick(&[Io::Map, Io::Read]),
        threads: if dice.one_in(10) { Threads::Always } else { Threads::Never },
        ..Config::default()
    }
}

fn explained(
    dice: &mut Dice,
    history: &History,
    folder: &Folder,
    subject: Subject,
    until: Option<u64>,
) -> Statement {
    let config = Config { until_line: until, ..config(dice, history) };
    let inputs = history.inputs.iter().enumerate().map(|(index, bytes)| {
        let name = index.to_string();
        match dice.below(20) {
            0 => Input::bytes(name, gzip(bytes)),
            1 | 2 => Input::reader(name, Trickle(Cursor::new(bytes.clone()))),
            3 => {
                fs::write(folder.path(&name), bytes).expect("a file for an input");
                Input::path(folder.path(&name))
            }
            _ => Input::bytes(name, bytes.clone()),
        }
    });
    let inputs = inputs.collect();
    let statement = match subject {
        Subject::Client(client) => explain::client(&config, inputs, client),
        Subject::Tx(tx) => explain::tx(&config, inputs, tx),
    };
    statement.unwrap_or_else(|error| panic!("{subject:?} until {until:?}: {error}; {config:?}"))
}

#[test]
fn every_statement_says_what_the_model_says_of_its_rows() {
    let folder = Folder::new();
    for seed in 0..HISTORIES {
        let history = histories::history(seed);
        let expected = Expected::of(&history);
        let dice = &mut Dice::new(!seed);
        let clients: BTreeSet<u64> =
            expected.rows.iter().filter_map(|row| row.columns.client).collect();
        let closing = expected.balances.last().cloned().unwrap_or_default();
        for &client in &clients {
            let indexes = expected.indexes(|row| row.columns.client == Some(client));
            let statement = explained(dice, &history, &folder, Subject::Client(client), None);
            assert_eq!(statement.entries.len(), indexes.len(), "seed {seed}, client {client}");
            for (entry, &index) in statement.entries.iter().zip(&indexes) {
                expected.compare(entry, index);
            }
            assert_eq!(closing_of(&statement).get(&client), closing.get(&client), "seed {seed}");
            assert!(statement.accounts.len() <= 1);
        }
    }
}

fn closing_of(statement: &Statement) -> BTreeMap<u64, String> {
    let accounts = statement.accounts.iter().map(|&(client, account)| {
        let (available, held, total) = (account.available(), account.held(), account.total());
        (client, format!("{available},{held},{total},{}", account.is_locked()))
    });
    accounts.collect()
}

#[test]
fn every_transaction_lives_as_the_model_says() {
    let folder = Folder::new();
    for seed in 0..HISTORIES {
        let history = histories::history(seed);
        let expected = Expected::of(&history);
        let dice = &mut Dice::new(!seed);
        let ids: BTreeSet<u64> = expected.rows.iter().filter_map(|row| row.columns.tx).collect();
        let closing = expected.balances.last().cloned().unwrap_or_default();
        for &tx in &ids {
            let indexes = expected.indexes(|row| row.columns.tx == Some(tx));
            let statement = explained(dice, &history, &folder, Subject::Tx(tx), None);
            assert_eq!(statement.entries.len(), indexes.len(), "seed {seed}, tx {tx}");
            for (entry, &index) in statement.entries.iter().zip(&indexes) {
                expected.compare(entry, index);
            }
            let concerned: BTreeMap<u64, String> = indexes
                .iter()
                .filter_map(|&index| expected.rows[index].columns.client)
                .filter_map(|client| closing.get(&client).map(|it| (client, it.clone())))
                .collect();
            assert_eq!(closing_of(&statement), concerned, "seed {seed}, tx {tx}");
        }
    }
}

#[test]
fn until_each_line_stands_what_the_model_says_of_the_lines_before() {
    let folder = Folder::new();
    for seed in 0..HISTORIES / 5 {
        let history = histories::history(seed);
        let dice = &mut Dice::new(!seed);
        let last = history.inputs.len() - 1;
        let whole: Vec<&[u8]> = history.inputs.iter().map(Vec::as_slice).collect();
        let lines = whole[last].split_inclusive(|&byte| byte == b'\n').count();
        let lines = u64::try_from(lines).expect("few");
        let rows = model_of(&whole, &history).expect("a transactions CSV").rows;
        let Some(client) = rows.iter().find_map(|row| row.columns.client) else { continue };
        for line in 1..=lines {
            let mut cut = whole.clone();
            // A cut before the header has no rows, as one behind it.
            let report = (line..=lines).find_map(|line| {
                cut[last] = until_line(whole[last], line);
                model_of(&cut, &history)
            });
            let report = report.expect("there is a header");
            let subject = Subject::Client(client);
            let statement = explained(dice, &history, &folder, subject, Some(line));
            let outcomes = statement.entries.iter().map(|entry| (entry.place, entry.outcome));
            let of_client = report.rows.iter().filter(|row| row.columns.client == Some(client));
            let of_client: Vec<_> = of_client.map(|row| (place(row), row.outcome)).collect();
            assert_eq!(outcomes.collect::<Vec<_>>(), of_client, "seed {seed} until {line}");
            let closing = balances(&report);
            assert_eq!(closing_of(&statement).get(&client), closing.get(&client), "seed {seed}");
        }
        let config = Config { until_line: Some(lines + 1), ..config(dice, &history) };
        let inputs = history.inputs.iter().map(|bytes| Input::bytes("it", bytes.clone())).collect();
        let error = explain::client(&config, inputs, client).unwrap_err();
        let expected = format!("it: has {lines} lines, so it cannot be read --until line");
        assert!(error.to_string().starts_with(&expected), "{error}");
    }
}

/// Runs `explain` on a sample, from the root of the repository.
fn on_samples(args: &str) -> Ran {
    let mut command = Folder::new().command(MILLRACE);
    run(command.current_dir(env!("CARGO_MANIFEST_DIR")).arg("explain").args(args.split(' ')))
}

#[test]
fn a_client_is_explained_as_a_table() {
    let ran = on_samples("7 samples/transactions.csv").ended(0);
    let expected = "\
client 7: 5 rows, 0 not applied

row                          type        tx     amount  outcome  refers to   available       held       total  locked
samples/transactions.csv:6   deposit      5  5000.0000  applied              5000.0000     0.0000   5000.0000
samples/transactions.csv:8   withdrawal   7  3000.0000  applied              2000.0000     0.0000   2000.0000
samples/transactions.csv:13  deposit     11   120.0000  applied              2120.0000     0.0000   2120.0000
samples/transactions.csv:17  dispute      5  5000.0000  applied  line 6     -2880.0000  5000.0000   2120.0000
samples/transactions.csv:19  chargeback   5  5000.0000  applied  line 6     -2880.0000     0.0000  -2880.0000  locked
closing balance                                                             -2880.0000     0.0000  -2880.0000  locked
";
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), (expected, ""));
}

#[test]
fn a_transaction_is_explained_as_a_table() {
    let ran = on_samples("--tx 1 samples/duplicate-tx-of-another-client.csv").ended(0);
    let expected = "\
tx 1: 2 rows, 1 not applied

row                                           type     client   amount  outcome                 refers to  available    held    total  locked
samples/duplicate-tx-of-another-client.csv:3  deposit       1  10.0000  applied                              10.0000  0.0000  10.0000
samples/duplicate-tx-of-another-client.csv:4  deposit       2  20.0000  rejected: duplicate_tx  line 3        1.0000  0.0000   1.0000

tx 1 is a deposit of client 1: applied
";
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), (expected, ""));
}

#[test]
fn a_client_is_explained_as_csv() {
    let ran = on_samples("3 samples/transactions.csv --format csv").ended(0);
    let expected = "\
file,line,type,client,tx,amount,outcome,reason,refers_to_file,refers_to_line,available,held,total,locked
samples/transactions.csv,4,deposit,3,3,300.0000,applied,,,,300.0000,0.0000,300.0000,false
samples/transactions.csv,11,withdrawal,3,10,450.0000,rejected,insufficient_funds,,,300.0000,0.0000,300.0000,false
samples/transactions.csv,16,deposit,3,3,300.0000,rejected,duplicate_tx,samples/transactions.csv,4,300.0000,0.0000,300.0000,false
samples/transactions.csv,22,withdrawal,3,16,100.2500,applied,,,,199.7500,0.0000,199.7500,false
";
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), (expected, ""));
}

#[test]
fn a_client_is_explained_as_json() {
    let ran = on_samples("4 samples/transactions.csv --format json --until 21").ended(0);
    let expected = concat!(
        r#"{"client":"4","tx":null,"until":21,"inputs":["samples/transactions.csv"],"rows":["#,
        r#"{"file":"samples/transactions.csv","line":18,"type":"deposit","client":"4","tx":"13","#,
        r#""amount":"15.0001","outcome":"applied","reason":null,"refers_to":null,"#,
        r#""account":{"available":"15.0001","held":"0.0000","total":"15.0001","locked":false}},"#,
        r#"{"file":"samples/transactions.csv","line":20,"type":"withdrawal","client":"4","tx":"14","#,
        r#""amount":"15.0001","outcome":"applied","reason":null,"refers_to":null,"#,
        r#""account":{"available":"0.0000","held":"0.0000","total":"0.0000","locked":false}},"#,
        r#"{"file":"samples/transactions.csv","line":21,"type":"deposit","client":"4","tx":"15","#,
        r#""amount":null,"outcome":"malformed","reason":"negative_amount","refers_to":null,"#,
        r#""account":{"available":"0.0000","held":"0.0000","total":"0.0000","locked":false}}],"#,
        r#""accounts":[{"client":"4","available":"0.0000","held":"0.0000","total":"0.0000","#,
        r#""locked":false}]}"#,
        "\n",
    );
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), (expected, ""));
}

#[test]
fn the_bytes_are_the_same_however_a_file_is_read() {
    let folder = Folder::new();
    for workload in [Workload::Nasty, Workload::OneHotClient, Workload::DisputeHeavy] {
        let mut bytes = Vec::new();
        let plan = Plan { clients: 5, ..Plan::new(workload, 2_000) };
        plan.write_to(&mut bytes).expect("memory");
        bytes.extend_from_slice(b"\n \r\n\"deposit\", 1 ,\"999999999\",1.5");
        folder.write("in.csv", &bytes);
        folder.write("in.gz", gzip(&bytes));
        for asked in ["1 --until 1900", "5", "--tx 999999999", "--tx 3"] {
            for format in ["text", "csv", "json"] {
                let asked = format!("explain --format {format} {asked}");
                let expected = folder.run(&format!("{asked} in.csv")).ended(0).stdout;
                for way in [
                    "--io read",
                    "--threads always",
                    "--threads always --io read --block-bytes 64",
                    "--threads never --block-bytes 1",
                    "--threads always --block-bytes 1",
                ] {
                    let ran = folder.run(&format!("{asked} in.csv {way}")).ended(0);
                    assert!(ran.stdout == expected, "{workload}, {asked} {way}: {}", ran.stdout);
                }
                let ran = folder.run(&format!("{asked} in.gz --threads always")).ended(0);
                let renamed = ran.stdout.replace("in.gz", "in.csv");
                assert!(squeezed(&renamed) == squeezed(&expected), "{workload}, {asked} gzip");
                let args = format!("{asked} -");
                let ran = run_with(folder.command(MILLRACE).args(args.split(' ')), &bytes).ended(0);
                let renamed = ran.stdout.replace("stdin", "in.csv");
                assert!(squeezed(&renamed) == squeezed(&expected), "{workload}, {asked} stdin");
            }
        }
    }
}

/// Every run of blanks as one: a longer name makes a table wider.
fn squeezed(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

#[test]
fn a_client_that_no_row_names_is_a_finding() {
    let folder = Folder::new();
    folder.write("in.csv", "type,client,tx,amount\ndeposit,1,1,1\n");
    let header = "file,line,type,client,tx,amount,outcome,reason,refers_to_file,refers_to_line,\
                  available,held,total,locked\n";
    let ran = folder.run("explain 2 in.csv --format csv").ended(1);
    assert_eq!(ran.stdout, header);
    assert_eq!(ran.stderr, "millrace: no row of the inputs names client 2\n");
    let ran = folder.run("explain --tx 9 in.csv --format csv").ended(1);
    assert_eq!(ran.stdout, header);
    assert_eq!(ran.stderr, "millrace: no row of the inputs has the transaction id 9\n");
    let ran = folder.run("explain 1 in.csv --until 1 -o out.csv --format csv").ended(1);
    assert_eq!(folder.read("out.csv"), header);
    ran.saying(&["no row of the inputs until line 1 of the last names client 1"]);
    folder.write("header.csv", "type,client,tx,amount");
    folder.run("explain 1 header.csv").ended(1).saying(&["no row of the inputs names client 1"]);
}

#[test]
fn rows_that_open_no_account_are_shown_without_one() {
    let folder = Folder::new();
    folder.write("in.csv", "type,client,tx,amount\ndispute,7,1,\nrefund,7,2,5\n\"x,7,3,1\n");
    let ran = folder.run("explain 7 in.csv --format csv").ended(0);
    let rows: Vec<_> = ran.stdout.lines().skip(1).collect();
    let expected = [
        "in.csv,2,dispute,7,1,,rejected,unknown_tx,,,,,,",
        "in.csv,3,,7,2,5.0000,malformed,unknown_type,,,,,,",
    ];
    assert_eq!(rows, expected);
    let ran = folder.run("explain 7 in.csv").ended(0);
    assert!(ran.stdout.contains("client 7 has no account"), "{}", ran.stdout);
}

#[test]
fn strict_refuses_a_cut_row_and_makes_refusals_a_finding() {
    let folder = Folder::new();
    folder.write("in.csv", "type,client,tx,amount\ndeposit,1,1,1\ndeposit,2,2,1");
    assert!(folder.run("explain 2 in.csv").ended(0).stdout.contains("applied"));
    let ran = folder.run("explain 2 in.csv --strict").ended(1);
    assert!(ran.stdout.contains("rejected: unterminated_row"), "{}", ran.stdout);
    folder.run("explain 1 in.csv --strict").ended(0);
}

#[test]
fn what_cannot_be_explained_leaves_the_output_alone() {
    let folder = Folder::new();
    folder.write("in.csv", "type,client,tx,amount\ndeposit,1,1,1\n");
    folder.write("empty.csv", "");
    folder.write("old.txt", "old");
    let before = folder.files();
    for (args, code, message) in [
        ("1 in.csv --until 3", 65, "in.csv: has 2 lines, so it cannot be read --until line 3"),
        ("1 in.csv empty.csv", 65, "empty.csv: is empty"),
        ("1 missing.csv", 66, "missing.csv: cannot be opened"),
        ("in.csv", 2, "in.csv: is no client"),
        ("+1 in.csv", 2, "+1: is no client"),
        ("18446744073709551616 in.csv", 2, "is no client"),
        ("1", 2, "no input is given to explain client 1 by"),
        ("1 - -", 2, "`-` is given twice"),
        ("1 old.txt", 2, "old.txt: is an input; the output would replace it"),
        ("1 in.csv --rule tx-ids=none", 2, "tx-ids cannot be"),
        ("1 in.csv --rules none.toml", 66, "none.toml: cannot be read as a rule file"),
    ] {
        let ran = folder.run(&format!("explain {args} -o old.txt")).ended(code).saying(&[message]);
        assert_eq!(ran.stdout, "");
        assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
        assert!(folder.files() == before, "{args}");
    }
    folder.run("explain 1 in.csv --until 0").ended(2);
    folder.run("explain 1 in.csv -o none/out.txt").ended(73).saying(&["no directory"]);
    folder.run("explain 1 in.csv -o /dev/full").ended(74).saying(&["/dev/full"]);
    folder.run("explain 1 in.csv -o old.txt").ended(0);
    assert!(folder.read("old.txt").starts_with("client 1: 1 row, 0 not applied\n"));
}

#[test]
fn rules_are_those_of_the_main_command() {
    let folder = Folder::new();
    let rows = "deposit,1,1,5,x\ndeposit,2,1,7,y\ndispute,2,1,,\ndeposit,300,3,1,\n";
    folder.write("in.csv", format!("type,client,tx,amount,memo\n{rows}"));
    folder.run("explain 2 in.csv").ended(65).saying(&["unknown column `memo`"]);
    let args = "explain 2 in.csv --ignore-extra-columns";
    let ran = folder.run(args).ended(0);
    assert!(ran.stdout.contains("duplicate_tx  line 2"), "{}", ran.stdout);
    let ran = folder.run(&format!("{args} --rule tx-ids=per-client --format csv")).ended(0);
    assert!(ran.stdout.ends_with(",in.csv,3,0.0000,7.0000,7.0000,false\n"), "{}", ran.stdout);
    let args = "explain 300 in.csv --ignore-extra-columns --rule max-client=255";
    folder.run(args).ended(1).saying(&["no row of the inputs names client 300"]);
}

#[test]
fn names_that_could_mislead_are_escaped() {
    let folder = Folder::new();
    let nasty = "=cmd|'\u{1b}[2J\n.csv";
    folder.write(nasty, "type,client,tx,amount\ndeposit,1,1,1\n");
    let explain = |format: &str| {
        run(folder.command(MILLRACE).args(["explain", "1", nasty, "--format", format])).ended(0)
    };
    let text = explain("text").stdout;
    assert!(text.contains("\n=cmd|'\\x1b[2J\\x0a.csv:2  deposit"), "{text}");
    let csv = explain("csv").stdout;
    assert!(csv.contains("\n'=cmd|'\\x1b[2J\\x0a.csv,2,deposit"), "{csv}");
    let json: serde_json::Value = serde_json::from_str(&explain("json").stdout).expect("JSON");
    assert_eq!(json["rows"][0]["file"], "=cmd|'\\x1b[2J\\x0a.csv");
}

#[test]
fn an_input_that_changes_while_it_is_read_is_noticed() {
    struct Rewrites(std::path::PathBuf);
    impl Read for Rewrites {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            let mut file = fs::OpenOptions::new().append(true).open(&self.0)?;
            file.write_all(b"deposit,1,2,1\n")?;
            Ok(0)
        }
    }
    let folder = Folder::new();
    let header = "type,client,tx,amount\n";
    folder.write("in.csv", format!("{header}deposit,1,1,1\n"));
    let second = Cursor::new(header.as_bytes().to_vec()).chain(Rewrites(folder.path("in.csv")));
    let inputs = vec![Input::path(folder.path("in.csv")), Input::reader("second", second)];
    let error = explain::client(&Config::default(), inputs, 1).unwrap_err();
    assert!(error.to_string().contains("in.csv: "), "{error}");
    assert!(error.to_string().contains("while it was read"), "{error}");
}

#[test]
fn a_reader_of_standard_output_that_goes_away_is_no_news() {
    let folder = Folder::new();
    let mut rows = Vec::new();
    Plan { clients: 1, ..Plan::new(Workload::Uniform, 20_000) }
        .write_to(&mut rows)
        .expect("memory");
    folder.write("in.csv", &rows);
    for format in ["text", "csv", "json"] {
        let args = ["explain", "1", "in.csv", "--format", format];
        let mut child = folder.command(MILLRACE).args(args).spawn().expect("the program starts");
        drop(child.stdout.take());
        let ran = drive::finish(child).ended(141);
        assert_eq!(ran.stderr, "", "{format}");
    }
}

#[test]
fn a_request_to_stop_ends_it() {
    for threads in [Threads::Always, Threads::Never] {
        let config = Config { threads, ..Config::default() };
        config.interrupt.request();
        let inputs = vec![Input::bytes("it", "type,client,tx,amount\ndeposit,1,1,1\n")];
        let result = explain::client(&config, inputs, 1);
        assert!(matches!(result, Err(RunError::Interrupted)), "{result:?}");
    }
}

#[test]
fn no_input_at_all_explains_nothing() {
    let config = Config { until_line: Some(5), ..Config::default() };
    let statement = explain::client(&config, Vec::new(), 1).expect("nothing");
    assert_eq!((statement.entries.len(), statement.accounts.len()), (0, 0));
}

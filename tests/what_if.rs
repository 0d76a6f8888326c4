//! Rows left out, inputs read up to a line, and what a run adds up besides: compared with the
//! reference model on inputs that are cut by hand.

mod histories;
#[expect(dead_code, reason = "only a part of the model is needed here")]
mod model;

use std::collections::BTreeSet;
use std::num::NonZeroUsize;

use millrace::amount::Balance;
use millrace::digest::Digest;
use millrace::input::Io;
use millrace::output::balances;
use millrace::parser::ExtraColumns;
use millrace::summary::{ByKind, ControlTotals};
use millrace::transaction::Kind;
use millrace::{Config, Input, LeftOut, Recall, Report, RunError, Sinks, Threads};

use histories::{Dice, History};

/// A way to run a history, and a way to give it its inputs.
fn draw(history: &History, dice: &mut Dice) -> (Config, bool) {
    let extra = history.flags.ignore_extra_columns;
    let config = Config {
        rules: history.rules,
        extra_columns: if extra { ExtraColumns::Ignore } else { ExtraColumns::Refuse },
        strict: history.flags.strict,
        workers: NonZeroUsize::new(dice.pick(&[1, 2, 3])),
        readers: NonZeroUsize::new(dice.pick(&[1, 3])),
        block_bytes: NonZeroUsize::new(dice.pick(&[1, 40, 0])),
        io: dice.pick(&[Io::Map, Io::Read]),
        recall: dice.pick(&[Recall::Named, Recall::All]),
        threads: if dice.one_in(20) { Threads::Always } else { Threads::Never },
        ..Config::default()
    };
    (config, dice.one_in(2))
}

fn run(config: &Config, inputs: &[Vec<u8>], as_streams: bool) -> Result<Report, RunError> {
    let open = |(index, bytes): (usize, &Vec<u8>)| {
        let name = index.to_string();
        if as_streams {
            Input::reader(name, std::io::Cursor::new(bytes.clone()))
        } else {
            Input::bytes(name, bytes.clone())
        }
    };
    millrace::run(config, inputs.iter().enumerate().map(open).collect(), Sinks::default())
}

fn text(config: &Config, report: &Report) -> String {
    let mut text = Vec::new();
    balances::write(&mut text, &report.accounts, config.closing_threads()).expect("memory");
    String::from_utf8(text).expect("ASCII")
}

fn of_model(inputs: &[Vec<u8>], history: &History) -> model::Report {
    let bytes: Vec<&[u8]> = inputs.iter().map(Vec::as_slice).collect();
    model::run(&bytes, &history.rules, history.flags).expect("a transactions CSV")
}

/// Tells what a row says, if it is well-formed.
fn meaning(row: &model::Row) -> Option<(Kind, u64, u64)> {
    let is_malformed = matches!(row.outcome, Err(millrace::outcome::Reason::Malformed(_)));
    let columns = &row.columns;
    let name = columns.kind.map_or("", model::reader::Kind::name);
    let meaning = Kind::from_name(name.as_bytes()).zip(columns.client).zip(columns.tx);
    meaning.filter(|_| !is_malformed).map(|((kind, client), tx)| (kind, client, tx))
}

#[test]
fn rows_left_out_are_as_good_as_not_there() {
    for seed in 0..4_000 {
        let history = histories::history(seed);
        let mut dice = Dice::new(!seed);
        let whole = of_model(&history.inputs, &history);
        let mut left_out = LeftOut::default();
        for (_, client, tx) in whole.rows.iter().filter_map(meaning) {
            if dice.one_in(12) {
                left_out.clients.insert(client);
            } else if dice.one_in(6) {
                left_out.txs.insert(tx);
            }
        }
        let is_left_out = |row: &&model::Row| {
            meaning(row).is_some_and(|(_, client, tx)| {
                left_out.clients.contains(&client) || left_out.txs.contains(&tx)
            })
        };
        let gone: BTreeSet<_> =
            whole.rows.iter().filter(is_left_out).map(|row| (row.input, row.line)).collect();
        // A blank line in its stead: the others keep their numbers.
        let mut inputs = history.inputs.clone();
        for (input, bytes) in inputs.iter_mut().enumerate() {
            let lines = bytes.split_inclusive(|&byte| byte == b'\n').zip(1..);
            let kept = lines.filter(|&(_, line)| !gone.contains(&(input, line)));
            *bytes = kept.flat_map(|(bytes, _)| bytes).copied().collect();
        }
        let expected = of_model(&inputs, &history);
        let (config, as_streams) = draw(&history, &mut dice);
        let config = Config { left_out, ..config };
        let report = run(&config, &history.inputs, as_streams).expect("it runs");
        assert_eq!(text(&config, &report), expected.balances, "seed {seed}");
        let summary = report.summary;
        assert_eq!(summary.left_out, u64::try_from(gone.len()).unwrap(), "seed {seed}");
        assert_eq!(summary.rows, u64::try_from(whole.rows.len()).unwrap(), "seed {seed}");
        assert_eq!(summary.amounts_ignored, expected.ignored_amounts, "seed {seed}");
        assert!(summary.is_balanced());
    }
}

#[test]
fn an_input_read_up_to_a_line_is_as_good_as_one_that_ends_there() {
    for seed in 0..1_000 {
        let history = histories::history(seed);
        let mut dice = Dice::new(!seed);
        let last = history.inputs.last().expect("there is one");
        let lines: Vec<_> = last.split_inclusive(|&byte| byte == b'\n').collect();
        let header = lines.iter().position(|line| line.contains(&b't')).expect("a header") + 1;
        for until in header..=lines.len() {
            let mut inputs = history.inputs.clone();
            *inputs.last_mut().expect("there is one") = lines[..until].concat();
            let expected = of_model(&inputs, &history);
            let (config, as_streams) = draw(&history, &mut dice);
            let config = Config { until_line: u64::try_from(until).ok(), ..config };
            let report = run(&config, &history.inputs, as_streams).expect("it runs");
            assert_eq!(text(&config, &report), expected.balances, "seed {seed}, line {until}");
            assert_eq!(report.summary.rows, u64::try_from(expected.rows.len()).unwrap());
        }
        let (config, as_streams) = draw(&history, &mut dice);
        let config = Config { until_line: u64::try_from(lines.len() + 1).ok(), ..config };
        let error = run(&config, &history.inputs, as_streams).unwrap_err().to_string();
        let name = history.inputs.len() - 1;
        let expected = format!("{name}: has {} lines, so it cannot be read", lines.len());
        assert!(error.starts_with(&expected), "seed {seed}: {error}");
    }
}

/// Adds up by hand what a run gives as its control totals.
fn control_totals(report: &model::Report) -> ControlTotals {
    let mut totals = ControlTotals::default();
    let mut deposits = std::collections::BTreeMap::new();
    let add = |to: &mut ByKind, kind, units: i128| {
        let mut sum = to.amount(kind);
        sum += Balance::from_units(units);
        to.set(kind, to.rows(kind) + 1, sum);
    };
    for row in &report.rows {
        let Some((kind, client, tx)) = meaning(row) else { continue };
        totals.client_hash_total = totals.client_hash_total.wrapping_add(client);
        totals.tx_hash_total = totals.tx_hash_total.wrapping_add(tx);
        let own = row.columns.amount.filter(|_| kind.moves_money());
        if row.outcome.is_ok() {
            let amount = *deposits.entry((client, tx)).or_insert(own.unwrap_or(0));
            add(&mut totals.applied, kind, own.unwrap_or(amount));
        } else {
            add(&mut totals.rejected, kind, own.unwrap_or(0));
        }
    }
    totals
}

#[test]
fn control_totals_and_digests_are_those_of_the_rows() {
    for seed in 0..4_000 {
        let history = histories::history(seed);
        let mut dice = Dice::new(!seed);
        let (config, as_streams) = draw(&history, &mut dice);
        let config = Config { control_totals: true, digests: true, ..config };
        let report = run(&config, &history.inputs, as_streams).expect("it runs");
        let expected = of_model(&history.inputs, &history);
        let totals = report.control_totals.expect("they were asked for");
        assert_eq!(totals, control_totals(&expected), "seed {seed}");
        for (index, (input, bytes)) in report.inputs.iter().zip(&history.inputs).enumerate() {
            let stored = input.stored.expect("it was asked for");
            assert_eq!(stored.blake3, Digest::of(bytes), "seed {seed}");
            assert_eq!(
                (stored.bytes, input.bytes),
                (input.bytes, u64::try_from(bytes.len()).unwrap())
            );
            let rows = expected.rows.iter().filter(|row| row.input == index).count();
            assert_eq!(input.rows, u64::try_from(rows).unwrap());
        }
    }
}

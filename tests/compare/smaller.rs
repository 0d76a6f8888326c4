//! A difference cut down: less to read that still shows it.

use std::iter::successors;

use millrace::outcome::Reason;
use millrace::rules::Rules;

use super::{Way, report_of_model};
use crate::histories::History;
use crate::model::{Report, decimal, reader};

const PLAIN_HEADER: &str = "type,client,tx,amount\n";

/// A history and the way to run it.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) history: History,
    pub(crate) way: Way,
}

impl Case {
    /// Takes away what it can as long as the case still shows what it is to show.
    ///
    /// Every step takes something away that no later step brings back, so this ends.
    pub(super) fn smallest(mut self, shows: impl Fn(&Self) -> bool) -> Self {
        while let Some(smaller) = self.smaller().into_iter().find(&shows) {
            self = smaller;
        }
        self
    }

    /// Everything that can be taken away in one step, what saves most of the later ones first.
    fn smaller(&self) -> Vec<Self> {
        let ways = simpler_ways(self.way).into_iter().map(|way| Self { way, ..self.clone() });
        let histories = smaller_histories(&self.history);
        ways.chain(histories.into_iter().map(|history| Self { history, ..*self })).collect()
    }
}

fn simpler_ways(way: Way) -> Vec<Way> {
    let Way { workers, readers, batch_rows, queue_batches, block_bytes, .. } = Way::SIMPLEST;
    let Way { io, threads, recall, feed, reporting, .. } = Way::SIMPLEST;
    let mut ways = vec![
        Way::SIMPLEST,
        Way { threads, ..way },
        Way { workers, ..way },
        Way { readers, ..way },
        Way { batch_rows, ..way },
        Way { queue_batches, ..way },
        Way { block_bytes, ..way },
        Way { feed, ..way },
        Way { io, ..way },
        Way { recall, ..way },
        Way { reporting, ..way },
    ];
    ways.retain(|simpler| *simpler != way);
    ways
}

fn smaller_histories(history: &History) -> Vec<History> {
    let mut smaller: Vec<History> = Vec::new();
    let mut inputs = fewer_inputs(&history.inputs);
    inputs.extend(fewer_lines(&history.inputs));
    inputs.extend(plainer(history));
    smaller.extend(inputs.into_iter().map(|inputs| History { inputs, ..history.clone() }));
    for (key, value) in Rules::default().entries() {
        let mut rules = history.rules;
        rules.set(key, &value).expect("a rule");
        smaller.push(History { rules, ..history.clone() });
    }
    for flag in 0..2 {
        let mut flags = history.flags;
        *[&mut flags.strict, &mut flags.ignore_extra_columns][flag] = false;
        smaller.push(History { flags, ..history.clone() });
    }
    smaller.retain(|smaller| smaller != history);
    smaller
}

type Inputs = Vec<Vec<u8>>;

/// Leaves an input out, or puts the rows of one behind those of the one before it.
fn fewer_inputs(inputs: &Inputs) -> Vec<Inputs> {
    let mut fewer = Vec::new();
    for at in 0..inputs.len() {
        let mut others = inputs.clone();
        let input = others.remove(at);
        if others.is_empty() {
            continue;
        }
        fewer.push(others.clone());
        if at > 0 {
            // Without what is its header as a rule; where it is not, the model will say so.
            let rows = lines(&input).split_first().map_or(Vec::new(), |(_, rows)| rows.concat());
            others[at - 1].extend(rows);
            fewer.push(others);
        }
    }
    fewer
}

fn lines(input: &[u8]) -> Vec<&[u8]> {
    input.split_inclusive(|&byte| byte == b'\n').collect()
}

/// Leaves out some lines of an input that follow each other: many, then fewer, then each by itself.
fn fewer_lines(inputs: &Inputs) -> Vec<Inputs> {
    let mut fewer = Vec::new();
    for (at, input) in inputs.iter().enumerate() {
        let lines = lines(input);
        let half = Some(lines.len().div_ceil(2)).filter(|&half| half > 0);
        let sizes = successors(half, |&size| (size > 1).then(|| size.div_ceil(2)));
        for (size, first) in
            sizes.flat_map(|size| (0..lines.len()).step_by(size).map(move |first| (size, first)))
        {
            let last = lines.len().min(first + size);
            let mut others = inputs.clone();
            others[at] = [&lines[..first], &lines[last..]].concat().concat();
            fewer.push(others);
        }
    }
    fewer
}

/// Spells every row of one input plainly that is a transaction.
fn plainer(history: &History) -> Vec<Inputs> {
    let Some(report) = report_of_model(history) else { return Vec::new() };
    let plain = |at: usize| {
        let mut inputs = history.inputs.clone();
        inputs[at] = plain_input(&report, at);
        inputs
    };
    (0..history.inputs.len()).map(plain).collect()
}

fn plain_input(report: &Report, input: usize) -> Vec<u8> {
    let mut bytes = PLAIN_HEADER.as_bytes().to_vec();
    for row in report.rows.iter().filter(|row| row.input == input) {
        let columns = &row.columns;
        match (columns.kind.map(reader::Kind::name), columns.client, columns.tx) {
            (Some(kind), Some(client), Some(tx))
                if !matches!(row.outcome, Err(Reason::Malformed(_))) =>
            {
                let amount = columns.amount.map_or(String::new(), decimal);
                let amount = amount.trim_end_matches('0').trim_end_matches('.');
                bytes.extend(format!("{kind},{client},{tx},{amount}").as_bytes());
            }
            _ => bytes.extend(&row.bytes),
        }
        bytes.push(b'\n');
    }
    bytes
}

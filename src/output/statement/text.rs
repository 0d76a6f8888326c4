//! A statement as a table for people: one line for each row, numbers to the right.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::iter::repeat_n;

use super::write_chunk;
use crate::account::Account;
use crate::explain::{Entry, Place, Statement, Subject};
use crate::outcome::{Reason, Rejection};
use crate::printable::Printable;
use crate::transaction::Kind;

/// The columns, and whether they stand to the right.
const COLUMNS: [(&str, bool); 11] = [
    ("row", false),
    ("type", false),
    ("client", true),
    ("tx", true),
    ("amount", true),
    ("outcome", false),
    ("refers to", false),
    ("available", true),
    ("held", true),
    ("total", true),
    ("locked", false),
];

/// Blanks between two columns.
const GAP: usize = 2;

type Cells = [String; COLUMNS.len()];

/// The place of the column that says the same in every row.
const fn needless_column(subject: Subject) -> usize {
    match subject {
        Subject::Client(_) => 2,
        Subject::Tx(_) => 3,
    }
}

pub(super) fn write(out: &mut impl Write, statement: &Statement) -> io::Result<()> {
    let names = statement.inputs.iter().map(|name| Printable::bytes(name).to_string());
    let names: Vec<_> = names.collect();
    let header = COLUMNS.map(|(name, _)| name.to_owned());
    let closing = match statement.subject {
        Subject::Client(_) => statement.accounts.iter().map(|(_, it)| closing_cells(it)).collect(),
        Subject::Tx(_) => Vec::new(),
    };
    let mut widths = COLUMNS.map(|_| 0);
    // The cells of a row are made twice and never kept: there may be millions.
    let rows = || statement.entries.iter().map(|entry| cells(entry, &names));
    for cells in rows().chain(closing.iter().cloned()).chain([header.clone()]) {
        for (width, cell) in widths.iter_mut().zip(&cells) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let needless = needless_column(statement.subject);
    let mut chunk = title(statement, &names).into_bytes();
    for cells in [header].into_iter().chain(rows()).chain(closing) {
        push_line(&mut chunk, &cells, &widths, needless);
        write_chunk(out, &mut chunk)?;
    }
    chunk.extend_from_slice(ending(statement).as_bytes());
    out.write_all(&chunk)
}

/// Says what the statement is about.
fn title(statement: &Statement, names: &[String]) -> String {
    let subject = match statement.subject {
        Subject::Client(client) => format!("client {client}"),
        Subject::Tx(tx) => format!("tx {tx}"),
    };
    let until = match (statement.until, names.last()) {
        (Some(line), Some(name)) => format!(" until {name}:{line}"),
        _ => String::new(),
    };
    let (rows, refused) = (statement.entries.len(), statement.refused_rows());
    let noun = if rows == 1 { "row" } else { "rows" };
    format!("{subject}{until}: {rows} {noun}, {refused} not applied\n\n")
}

fn cells(entry: &Entry, names: &[String]) -> Cells {
    let number = |number: Option<u64>| number.map_or_else(String::new, |it| it.to_string());
    let outcome = match entry.outcome {
        Ok(()) => "applied".to_owned(),
        Err(reason) => format!("{}: {}", reason.outcome(), reason.name()),
    };
    let refers_to = entry.refers_to.map_or_else(String::new, |place| {
        if place.input == entry.place.input {
            format!("line {}", place.line)
        } else {
            place_text(place, names)
        }
    });
    let [available, held, total, locked] =
        entry.account.as_ref().map_or_else(Default::default, balance_cells);
    [
        place_text(entry.place, names),
        entry.kind.map_or("", Kind::name).to_owned(),
        number(entry.client),
        number(entry.tx),
        entry.amount.map_or_else(String::new, |amount| amount.to_string()),
        outcome,
        refers_to,
        available,
        held,
        total,
        locked,
    ]
}

fn place_text(place: Place, names: &[String]) -> String {
    format!("{}:{}", names[place.input], place.line)
}

fn balance_cells(account: &Account) -> [String; 4] {
    let locked = if account.is_locked() { "locked" } else { "" };
    let [available, held, total] =
        [account.available(), account.held(), account.total()].map(|it| it.to_string());
    [available, held, total, locked.to_owned()]
}

/// The last line of the table: what the account ends with.
fn closing_cells(account: &Account) -> Cells {
    let mut cells = Cells::default();
    "closing balance".clone_into(&mut cells[0]);
    cells[COLUMNS.len() - 4..].clone_from_slice(&balance_cells(account));
    cells
}

fn push_line(out: &mut Vec<u8>, cells: &Cells, widths: &[usize], needless: usize) {
    let mut line = String::new();
    for (index, ((cell, width), (_, is_right))) in cells.iter().zip(widths).zip(COLUMNS).enumerate()
    {
        if index == needless {
            continue;
        }
        let blanks = width - cell.chars().count();
        let (before, after) = if is_right { (blanks, 0) } else { (0, blanks) };
        line.extend(repeat_n(' ', before));
        line += cell;
        line.extend(repeat_n(' ', after + GAP));
    }
    out.extend_from_slice(line.trim_end().as_bytes());
    out.push(b'\n');
}

/// Says how it ends, where the table does not.
fn ending(statement: &Statement) -> String {
    match statement.subject {
        Subject::Client(client) if statement.accounts.is_empty() => {
            format!("\nclient {client} has no account: no deposit or withdrawal has opened one\n")
        }
        Subject::Client(_) => String::new(),
        Subject::Tx(tx) => standings(tx, &statement.entries),
    }
}

/// Says how far a transaction has come; where each client has ids of its own, that of each client.
fn standings(tx: u64, entries: &[Entry]) -> String {
    // By client: the row that has consumed the id, and the last that was applied.
    let mut by_client: BTreeMap<u64, (&Entry, &Entry)> = BTreeMap::new();
    for entry in entries {
        let (Some(client), Some(kind)) = (entry.client, entry.kind) else { continue };
        let refused = match entry.outcome {
            Err(Reason::Malformed(_) | Reason::Rejected(Rejection::DuplicateTx)) => continue,
            Err(Reason::Rejected(_)) => true,
            Ok(()) => false,
        };
        if kind.moves_money() {
            by_client.entry(client).or_insert((entry, entry));
        } else if let Some((_, last)) = by_client.get_mut(&client).filter(|_| !refused) {
            *last = entry;
        }
    }
    if by_client.is_empty() {
        return format!("\nno deposit or withdrawal has consumed tx {tx}\n");
    }
    let lines = by_client.into_iter().map(|(client, (first, last))| {
        let kind = first.kind.map_or("", Kind::name);
        let standing = match (first.outcome, last.kind) {
            (Err(reason), _) => format!("refused: {}", reason.name()),
            (Ok(()), Some(Kind::Dispute)) => "under dispute".to_owned(),
            (Ok(()), Some(Kind::Resolve)) => "disputed and resolved".to_owned(),
            (Ok(()), Some(Kind::Chargeback)) => "charged back".to_owned(),
            (Ok(()), Some(Kind::Deposit | Kind::Withdrawal) | None) => "applied".to_owned(),
        };
        format!("tx {tx} is a {kind} of client {client}: {standing}\n")
    });
    "\n".to_owned() + &lines.collect::<String>()
}

//! A statement as CSV for programs and spreadsheets.

use std::io::{self, Write};

use super::super::cell;
use super::write_chunk;
use crate::amount::Balance;
use crate::decimal;
use crate::explain::{Entry, Place, Statement};
use crate::outcome::Reason;
use crate::transaction::Kind;

const HEADER: &[u8] = b"file,line,type,client,tx,amount,outcome,reason,refers_to_file,\
    refers_to_line,available,held,total,locked\n";

pub(super) fn write(out: &mut impl Write, statement: &Statement) -> io::Result<()> {
    let mut chunk = HEADER.to_vec();
    for entry in &statement.entries {
        push_record(&mut chunk, entry, &statement.inputs);
        write_chunk(out, &mut chunk)?;
    }
    out.write_all(&chunk)
}

fn push_record(out: &mut Vec<u8>, entry: &Entry, inputs: &[Vec<u8>]) {
    push_place(out, Some(entry.place), inputs);
    push_text(out, entry.kind.map_or("", Kind::name));
    push_number(out, entry.client);
    push_number(out, entry.tx);
    if let Some(amount) = entry.amount {
        Balance::from(amount).write_to(out);
    }
    out.push(b',');
    push_text(out, entry.outcome.map_or_else(Reason::outcome, |()| "applied"));
    push_text(out, entry.outcome.map_or_else(Reason::name, |()| ""));
    push_place(out, entry.refers_to, inputs);
    if let Some(account) = entry.account {
        for balance in [account.available(), account.held(), account.total()] {
            balance.write_to(out);
            out.push(b',');
        }
        out.extend_from_slice(if account.is_locked() { b"true\n" } else { b"false\n" });
    } else {
        out.extend_from_slice(b",,,\n");
    }
}

fn push_place(out: &mut Vec<u8>, place: Option<Place>, inputs: &[Vec<u8>]) {
    if let Some(place) = place {
        cell::push(out, &inputs[place.input]);
    }
    out.push(b',');
    push_number(out, place.map(|place| place.line));
}

fn push_number(out: &mut Vec<u8>, number: Option<u64>) {
    if let Some(number) = number {
        decimal::push(out, number);
    }
    out.push(b',');
}

fn push_text(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
    out.push(b',');
}

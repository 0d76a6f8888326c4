//! Findings as CSV: one record each; what is not known, or the same, is empty or said twice.

use super::accounts::{AccountDifference, Sides};
use super::as_text::outcome;
use super::listing::Subject;
use super::runs::RowDifference;
use crate::amount::Balance;
use crate::decimal;
use crate::output::cell;
use crate::transaction::Kind;

/// What stands before the figures of an account.
const ACCOUNT: &str = "finding,client,";
const ROW: &str = "finding,client,file,line,type,tx,amount,outcome_a,outcome_b,";
const FIGURES: &str = "available_a,available_b,available_difference,held_a,held_b,held_difference,\
    total_a,total_b,total_difference,locked_a,locked_b\n";

pub(super) fn push_header(out: &mut Vec<u8>, subject: Subject) {
    let start = match subject {
        Subject::Accounts => ACCOUNT,
        Subject::Runs => ROW,
    };
    out.extend_from_slice(start.as_bytes());
    out.extend_from_slice(FIGURES.as_bytes());
}

pub(super) fn push_account(out: &mut Vec<u8>, subject: Subject, account: &AccountDifference) {
    out.extend_from_slice(account.finding.name().as_bytes());
    out.push(b',');
    push_number(out, Some(account.client));
    // The columns that only rows fill.
    let columns = |text: &str| text.matches(',').count();
    let empty = match subject {
        Subject::Accounts => 0,
        Subject::Runs => columns(ROW) - columns(ACCOUNT),
    };
    out.resize(out.len() + empty, b',');
    for (_, Sides { a, b, difference }) in account.balances() {
        for balance in [a, b, difference] {
            out.push(b',');
            push_balance(out, balance);
        }
    }
    for locked in [account.locked.a, account.locked.b] {
        out.push(b',');
        let text = locked.map_or("", |locked| if locked { "true" } else { "false" });
        out.extend_from_slice(text.as_bytes());
    }
    out.push(b'\n');
}

pub(super) fn push_row(out: &mut Vec<u8>, row: &RowDifference<'_>) {
    out.extend_from_slice(b"row,");
    push_number(out, row.client);
    out.push(b',');
    cell::push(out, row.file);
    out.push(b',');
    push_number(out, Some(row.line));
    out.push(b',');
    out.extend_from_slice(row.kind.map_or("", Kind::name).as_bytes());
    out.push(b',');
    push_number(out, row.tx);
    out.push(b',');
    push_balance(out, row.amount.map(Balance::from));
    for refused in [row.a, row.b] {
        out.push(b',');
        out.extend_from_slice(outcome(refused).as_bytes());
    }
    out.resize(out.len() + FIGURES.split(',').count(), b',');
    out.push(b'\n');
}

fn push_number(out: &mut Vec<u8>, number: Option<u64>) {
    if let Some(number) = number {
        decimal::push(out, number);
    }
}

fn push_balance(out: &mut Vec<u8>, balance: Option<Balance>) {
    if let Some(balance) = balance {
        balance.write_to(out);
    }
}

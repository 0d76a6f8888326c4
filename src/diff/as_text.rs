//! Findings as text for people: one line each.
//!
//! `-` is an account that only A has, `+` one that only B has, `~` one that both have.

use std::io::Write;

use super::accounts::{AccountDifference, Finding, Sides};
use super::runs::RowDifference;
use crate::amount::Balance;
use crate::outcome::Reason;
use crate::printable::Printable;
use crate::summary::grouped;

pub(super) fn push_account(out: &mut Vec<u8>, account: &AccountDifference) {
    let mark = match account.finding {
        Finding::OnlyInA => '-',
        Finding::OnlyInB => '+',
        Finding::Changed => '~',
    };
    let mut parts = Vec::new();
    for (name, Sides { a, b, difference }) in account.balances() {
        parts.extend(match (account.finding, a, b, difference) {
            (Finding::Changed, Some(a), Some(b), Some(difference)) if a != b => {
                Some(format!("{name} {a} -> {b} ({})", signed(difference)))
            }
            (Finding::OnlyInA, Some(balance), ..) | (Finding::OnlyInB, _, Some(balance), _) => {
                Some(format!("{name} {balance}"))
            }
            _ => None,
        });
    }
    let Sides { a, b, .. } = account.locked;
    parts.extend(match (account.finding, a, b) {
        (Finding::Changed, Some(a), Some(b)) if a != b => Some(format!("locked {a} -> {b}")),
        (Finding::OnlyInA, Some(locked), _) | (Finding::OnlyInB, _, Some(locked)) => {
            Some(format!("locked {locked}"))
        }
        _ => None,
    });
    push_line(out, &format!("{mark} client {}: {}", account.client, parts.join(", ")));
}

pub(super) fn push_row(out: &mut Vec<u8>, row: &RowDifference<'_>) {
    let mut parts = Vec::new();
    parts.extend(row.kind.map(|kind| kind.name().to_owned()));
    parts.extend(row.amount.map(|amount| amount.to_string()));
    parts.extend(row.client.map(|client| format!("client {client}")));
    parts.extend(row.tx.map(|tx| format!("tx {tx}")));
    let (file, line) = (Printable::bytes(row.file), row.line);
    let [a, b] = [row.a, row.b].map(outcome);
    push_line(out, &format!("{file}:{line}: {}: {a} -> {b}", parts.join(", ")));
}

/// Says how many things there are beyond those that are listed.
pub(super) fn push_rest(out: &mut Vec<u8>, found: u64, limit: u64, thing: &str) {
    if let Some(more @ 1..) = found.checked_sub(limit) {
        let plural = if more == 1 { "" } else { "s" };
        push_line(out, &format!("... and {} more {thing}{plural}", grouped(&more.to_string())));
    }
}

fn push_line(out: &mut Vec<u8>, line: &str) {
    writeln!(out, "{line}").expect("memory takes everything");
}

/// The reason that a row was refused for, or `applied`.
pub(super) fn outcome(refused: Option<Reason>) -> &'static str {
    refused.map_or("applied", Reason::name)
}

/// A difference with its sign.
pub(super) fn signed(difference: Balance) -> String {
    if difference > Balance::ZERO { format!("+{difference}") } else { difference.to_string() }
}

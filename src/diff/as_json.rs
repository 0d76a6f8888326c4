//! Findings as JSON: one object, with the list of findings one to a line, and the summary.
//!
//! Money and ids are text, so that no reader makes floats of them. What is not known is `null`.

use std::io::Write;

use super::accounts::{AccountDifference, AccountsTally, Sides};
use super::as_text::outcome;
use super::listing::Subject;
use super::runs::{RowDifference, RowsTally};
use crate::printable::Printable;
use crate::transaction::Kind;

pub(super) fn push_start(out: &mut Vec<u8>, subject: Subject, names: &[String; 2]) {
    let [a, b] = names.each_ref().map(|name| text(name));
    let list = match subject {
        Subject::Accounts => "accounts",
        Subject::Runs => "rows",
    };
    push(out, &format!("{{\"a\":{a},\"b\":{b},\"{list}\":["));
}

/// Ends the list of rows and starts that of accounts.
pub(super) fn push_between(out: &mut Vec<u8>) {
    push(out, "\n],\"accounts\":[");
}

pub(super) fn push_account(out: &mut Vec<u8>, account: &AccountDifference, is_first: bool) {
    push(out, if is_first { "\n" } else { ",\n" });
    push(
        out,
        &format!("{{\"finding\":\"{}\",\"client\":\"{}\"", account.finding.name(), account.client),
    );
    for (name, figures) in account.balances() {
        push(out, &format!(",\"{name}\":{}", sides(figures)));
    }
    let [a, b] = [account.locked.a, account.locked.b].map(bare);
    push(out, &format!(",\"locked\":{{\"a\":{a},\"b\":{b}}}}}"));
}

pub(super) fn push_row(out: &mut Vec<u8>, row: &RowDifference<'_>, is_first: bool) {
    push(out, if is_first { "\n" } else { ",\n" });
    let file = text(&Printable::bytes(row.file).to_string());
    let [client, tx] = [row.client, row.tx].map(quoted);
    let (kind, amount) = (quoted(row.kind.map(Kind::name)), quoted(row.amount));
    let [a, b] = [row.a, row.b].map(outcome);
    push(
        out,
        &format!(
            "{{\"file\":{file},\"line\":{},\"type\":{kind},\"client\":{client},\"tx\":{tx},\
             \"amount\":{amount},\"a\":\"{a}\",\"b\":\"{b}\"}}",
            row.line
        ),
    );
}

pub(super) fn push_end(out: &mut Vec<u8>, rows: Option<&RowsTally>, accounts: &AccountsTally) {
    push(out, "\n],\"summary\":{");
    if let Some(rows) = rows {
        let RowsTally { rows, applied_only_in_a, applied_only_in_b, refused_for_other_reason } =
            rows;
        push(
            out,
            &format!(
                "\"rows\":{rows},\"applied_only_in_a\":{applied_only_in_a},\
                 \"applied_only_in_b\":{applied_only_in_b},\
                 \"refused_for_other_reason\":{refused_for_other_reason},"
            ),
        );
    }
    let AccountsTally { accounts_a, accounts_b, equal, changed, only_in_a, only_in_b, .. } =
        accounts;
    push(
        out,
        &format!(
            "\"accounts\":{{\"a\":{accounts_a},\"b\":{accounts_b}}},\"equal\":{equal},\
             \"changed\":{changed},\"only_in_a\":{only_in_a},\"only_in_b\":{only_in_b}"
        ),
    );
    for (name, figures) in accounts.balances() {
        push(out, &format!(",\"{name}\":{}", sides(figures)));
    }
    let [a, b] = [accounts.locked.a, accounts.locked.b].map(bare);
    push(out, &format!(",\"locked\":{{\"a\":{a},\"b\":{b}}}}}}}\n"));
}

fn sides<T: ToString>(figures: Sides<T>) -> String {
    let [a, b, difference] = [figures.a, figures.b, figures.difference].map(quoted);
    format!("{{\"a\":{a},\"b\":{b},\"difference\":{difference}}}")
}

/// A figure or a name of ours, as text.
fn quoted<T: ToString>(value: Option<T>) -> String {
    value.map_or("null".to_owned(), |value| format!("\"{}\"", value.to_string()))
}

fn bare<T: ToString>(value: Option<T>) -> String {
    value.map_or("null".to_owned(), |value| value.to_string())
}

/// A text of any characters.
fn text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn push(out: &mut Vec<u8>, text: &str) {
    out.write_all(text.as_bytes()).expect("memory takes everything");
}

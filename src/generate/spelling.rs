//! Spells rows: plainly, or after a template.

use super::story::Draft;
use crate::amount::{Amount, Balance, DECIMALS};
use crate::decimal;
use crate::transaction::Transaction;

/// Appends a row as `type,client,tx,amount`, without a line end.
#[inline]
pub(super) fn append_plain(out: &mut Vec<u8>, draft: &Draft) {
    let Transaction { client, tx, amount, kind } = draft.transaction;
    out.extend_from_slice(kind.name().as_bytes());
    out.push(b',');
    decimal::push(out, client);
    out.push(b',');
    decimal::push(out, tx);
    out.push(b',');
    if let Some(amount) = amount {
        append_amount(out, amount, draft.decimals);
    }
}

/// Appends a row after a template, without a line end: `@k`, `@c`, `@t` and `@a` stand for its type,
/// client, transaction and amount, all else for itself. The amount of a row that has none is the
/// smallest.
pub(super) fn append_template(out: &mut Vec<u8>, template: &[u8], draft: &Draft) {
    let Transaction { client, tx, amount, kind } = draft.transaction;
    let mut parts = template.split(|&byte| byte == b'@');
    out.extend_from_slice(parts.next().unwrap_or_default());
    for part in parts {
        let (mark, rest) = part.split_first().expect("a letter follows each mark");
        match mark {
            b'k' => out.extend_from_slice(kind.name().as_bytes()),
            b'c' => decimal::push(out, client),
            b't' => decimal::push(out, tx),
            b'a' => append_amount(out, amount.unwrap_or(Amount::MIN), draft.decimals),
            _ => unreachable!("a template has no other mark"),
        }
        out.extend_from_slice(rest);
    }
}

/// Appends an amount with so many decimals; those cut off are zeros.
#[inline]
fn append_amount(out: &mut Vec<u8>, amount: Amount, decimals: usize) {
    Balance::from(amount).write_to(out);
    out.truncate(out.len() + decimals - DECIMALS);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(text: &str, decimals: usize) -> Draft {
        Draft { transaction: Transaction::deposit(7, 12, text.parse().unwrap()), decimals }
    }

    #[test]
    fn amounts_have_the_decimals_asked_for() {
        for (text, decimals, expected) in [
            ("1.5", 1, "deposit,7,12,1.5"),
            ("1.5", 4, "deposit,7,12,1.5000"),
            ("0.05", 2, "deposit,7,12,0.05"),
            ("1234567", 3, "deposit,7,12,1234567.000"),
        ] {
            let mut out = Vec::new();
            append_plain(&mut out, &draft(text, decimals));
            assert_eq!(str::from_utf8(&out).unwrap(), expected);
        }
        let mut out = Vec::new();
        append_plain(&mut out, &Transaction::dispute(1, 2).into());
        assert_eq!(out, b"dispute,1,2,");
    }

    #[test]
    fn templates_are_filled_in() {
        let mut out = Vec::new();
        append_template(&mut out, b" \"@k\",0@c,@t,@a,", &draft("1.5", 2));
        assert_eq!(out, b" \"deposit\",07,12,1.50,");
        out.clear();
        append_template(&mut out, b"@k,@c,@t,@a", &Transaction::resolve(1, 2).into());
        assert_eq!(out, b"resolve,1,2,0.0001");
    }
}

//! The strict path: one row at a time, the whole grammar, the first fault named.

use super::fields::{BrokenQuotes, Fields};
use super::layout::Layout;
use super::{MAX_ROW_BYTES, Reading};
use crate::amount::{Amount, AmountError};
use crate::outcome::Malformation;
use crate::transaction::{Kind, Transaction};

/// The four fields of a row, as far as the row reaches.
struct Picked<'a> {
    kind: Option<&'a [u8]>,
    client: Option<&'a [u8]>,
    tx: Option<&'a [u8]>,
    amount: Option<&'a [u8]>,
    /// How many fields the row has.
    width: usize,
    /// A field beyond the last column is not empty.
    surplus: bool,
}

/// Reads one row, without its line end: each field for itself, since that is what is legible should
/// another be at fault.
///
/// # Errors
/// The first fault in the order of [`Malformation::ALL`], and what is legible nevertheless: nothing
/// in a row that is too long or whose quotes are broken.
pub(super) fn read(line: &[u8], layout: &Layout) -> Result<Reading, (Malformation, Legible)> {
    let picked = pick(line, layout).map_err(|fault| (fault, Legible::default()))?;
    let limits = layout.limits();
    let kind = picked.kind.and_then(Kind::from_name);
    let client = read_id(picked.client, limits.max_client);
    let tx = read_id(picked.tx, limits.max_tx);
    let text = picked.amount.unwrap_or_default();
    let has_amount = kind.is_none_or(Kind::moves_money);
    let amount = has_amount.then(|| Amount::parse(text)).transpose();
    let whole = || {
        if picked.width <= layout.last_required() {
            return Err(Malformation::TooFewFields);
        }
        if picked.surplus {
            return Err(Malformation::TooManyFields);
        }
        let Some(kind) = kind else {
            let repeated = layout.is_repeated_by(line) && !planted!(HeaderRowUnknown);
            return Err(if repeated { Malformation::HeaderRow } else { Malformation::UnknownType });
        };
        let client = client.ok_or(Malformation::BadClient)?;
        let tx = tx.ok_or(Malformation::BadTx)?;
        Ok(Transaction { client, tx, amount: amount?, kind })
    };
    match whole() {
        Ok(transaction) => Ok(Reading {
            transaction,
            amount_ignored: !has_amount && !text.is_empty() && !planted!(AmountUncounted),
        }),
        Err(fault) => {
            Err((fault, Legible { kind, client, tx, amount: amount.unwrap_or_default() }))
        }
    }
}

fn pick<'a>(line: &'a [u8], layout: &Layout) -> Result<Picked<'a>, Malformation> {
    if line.len() + usize::from(planted!(LongestRowRefused)) > MAX_ROW_BYTES {
        return Err(Malformation::RowTooLong);
    }
    let columns = layout.columns();
    let mut four = [None; 4];
    let (mut width, mut surplus) = (0, false);
    for field in Fields::new(line) {
        let field = field.map_err(|BrokenQuotes| Malformation::BadQuoting)?;
        if let Some(which) = columns.iter().position(|&column| column == width) {
            four[which] = Some(field);
        }
        surplus |= width >= layout.width() && (!field.is_empty() || planted!(EmptySurplusRefused));
        width += 1;
    }
    let [kind, client, tx, amount] = four;
    Ok(Picked { kind, client, tx, amount, width, surplus })
}

/// Reads an id: decimal digits, leading zeros allowed, at most `largest`.
fn read_id(text: Option<&[u8]>, largest: u64) -> Option<u64> {
    let text = text.filter(|text| !text.is_empty())?;
    let id = text.iter().try_fold(0_u64, |id, &byte| {
        let digit = byte.checked_sub(b'0').filter(|&digit| digit <= 9)?;
        id.checked_mul(10)?.checked_add(u64::from(digit))
    })?;
    (id <= largest).then_some(id)
}

impl From<AmountError> for Malformation {
    fn from(error: AmountError) -> Self {
        match error {
            AmountError::Missing => Self::MissingAmount,
            AmountError::Malformed => Self::BadAmount,
            AmountError::Negative => Self::NegativeAmount,
            AmountError::Zero => Self::ZeroAmount,
            AmountError::TooPrecise => Self::TooPrecise,
            AmountError::TooLarge => Self::AmountTooLarge,
        }
    }
}

/// What can be read of a row that may be malformed: each field for itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Legible {
    /// The type, where it is one of the five.
    pub kind: Option<Kind>,
    /// The client, where it is an id.
    pub client: Option<u64>,
    /// The transaction, where it is an id.
    pub tx: Option<u64>,
    /// The amount, where it is one and the type has one.
    pub amount: Option<Amount>,
}

impl From<Transaction> for Legible {
    /// All of a row that is a transaction is legible.
    fn from(Transaction { client, tx, amount, kind }: Transaction) -> Self {
        Self { kind: Some(kind), client: Some(client), tx: Some(tx), amount }
    }
}

//! The strict path: one row at a time, the whole grammar, the first fault named.

use super::fields::{BrokenQuotes, Fields, UnquotedFields};
use super::layout::Layout;
use super::{MAX_ROW_BYTES, Reading};
use crate::amount::{Amount, AmountError};
use crate::outcome::Malformation;
use crate::transaction::{Kind, Transaction};

/// The four fields of a row, as far as the row reaches.
#[derive(Default)]
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

impl<'a> Picked<'a> {
    /// Takes the next field.
    #[inline]
    fn add(&mut self, field: &'a [u8], layout: &Layout) {
        let column = layout.columns().iter().position(|&column| column == self.width);
        match column {
            Some(0) => self.kind = Some(field),
            Some(1) => self.client = Some(field),
            Some(2) => self.tx = Some(field),
            Some(_) => self.amount = Some(field),
            None => {}
        }
        let is_surplus = !field.is_empty() || planted!(EmptySurplusRefused);
        self.surplus |= self.width >= layout.width() && is_surplus;
        self.width += 1;
    }
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
    let mut picked = Picked::default();
    if let Some(fields) = UnquotedFields::of(line) {
        fields.for_each(|field| picked.add(field, layout));
        return Ok(picked);
    }
    for field in Fields::new(line) {
        picked.add(field.map_err(|BrokenQuotes| Malformation::BadQuoting)?, layout);
    }
    Ok(picked)
}

/// Reads an id: decimal digits, leading zeros allowed, at most `largest`.
fn read_id(text: Option<&[u8]>, largest: u64) -> Option<u64> {
    /// So many digits always fit 64 bits.
    const FIT: usize = 19;

    let text = text.filter(|text| !text.is_empty() && text.iter().all(u8::is_ascii_digit))?;
    let (first, rest) = text.split_at(text.len().min(FIT));
    let value = |digit: &u8| u64::from(digit & 0x0f);
    let id = first.iter().fold(0_u64, |id, it| id.wrapping_mul(10).wrapping_add(value(it)));
    let id = rest.iter().try_fold(id, |id, it| id.checked_mul(10)?.checked_add(value(it)))?;
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

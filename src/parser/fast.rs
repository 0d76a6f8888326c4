//! The fast path: rows in the plain spelling `type,client,tx,amount`, without a look at each byte.
//!
//! It either understands a row wholly or leaves it to the strict path; it never decides that a row
//! is malformed. One mask tells which bytes at the start of the row are no digits (see `digits`);
//! its bits are the ends of the fields. What varies from row to row (which type, how many digits)
//! is computed rather than branched on, because a wrong guess costs as much as the rest of a row.
//! Places in a window are small, so their arithmetic wraps nowhere; it is written as wrapping so
//! that no check is spent on it.
#![expect(clippy::inline_always, reason = "compiled as a whole once per instruction set")]
#![expect(clippy::needless_bitwise_bool, reason = "one branch that is never taken, not two")]

use super::digits::{WINDOW, Window, value_of_eight};
use super::layout::IdLimits;
use crate::amount::{Amount, UNITS_PER_WHOLE};
use crate::prefetch::prefetch_at;
use crate::transaction::{Kind, Transaction};

/// A row that the fast path has understood.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlainRow {
    pub(crate) client: u64,
    pub(crate) tx: u64,
    pub(crate) amount: Option<Amount>,
    /// Where the row starts in its block, in bytes.
    pub(crate) offset: u32,
    pub(crate) kind: Kind,
    /// Free for whoever takes the row; 0 when it is read.
    pub(crate) note: u8,
    /// As the note, with room for a count of lines.
    pub(crate) line: u16,
}

const _: () = assert!(size_of::<PlainRow>() == 32);

impl PlainRow {
    /// What stands where no row has been read yet.
    pub(crate) const NONE: Self =
        Self { client: 0, tx: 0, amount: None, offset: 0, kind: Kind::Dispute, note: 0, line: 0 };

    /// Where the row starts in its block, in bytes.
    pub(super) fn start(&self) -> usize {
        index(self.offset)
    }

    /// What the row means.
    #[inline]
    pub(crate) fn transaction(&self) -> Transaction {
        let &Self { client, tx, amount, kind, .. } = self;
        Transaction { client, tx, amount, kind }
    }
}

/// What has been read in one go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    /// The number of rows.
    pub(super) count: usize,
    /// The place of the next.
    pub(super) next: usize,
    /// The next row is not plain, or too near to the end of the bytes to be read here.
    pub(super) is_odd: bool,
}

impl Run {
    /// Adds the rows that have been read behind these.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn and(self, others: Self) -> Self {
        Self { count: self.count + others.count, ..others }
    }
}

/// Rows that are read in one go.
pub(super) const RUN_ROWS: usize = 64;

/// Bytes that must follow the start of a row: the window, and the words that are loaded at its end.
const REACH: usize = WINDOW + 16;

/// How far ahead of a row the input is fetched, in bytes.
const AHEAD: usize = 1024;

/// Reads plain rows from `at` on until the slots are full or a row is not plain.
///
/// `others` tells which bytes of a window are no digits, `values` what four words of digits are
/// worth: the two things that depend on the machine.
#[inline(always)]
pub(super) fn read(
    slots: &mut [PlainRow],
    bytes: &[u8],
    mut at: usize,
    limits: Option<IdLimits>,
    others: impl Fn(&Window) -> u64,
    values: impl Fn([u64; 4]) -> [u32; 4],
) -> Run {
    let mut count = 0;
    for slot in slots {
        let reach = bytes.get(at..).and_then(<[u8]>::first_chunk);
        let row = reach.and_then(|reach| read_row(reach, limits, &others, &values));
        let Some((row, length)) = row else {
            return Run { count, next: at, is_odd: true };
        };
        prefetch_at(bytes, at.wrapping_add(AHEAD));
        *slot = PlainRow { offset: offset(at), ..row };
        count += 1;
        at += index(length);
    }
    Run { count, next: at, is_odd: false }
}

/// Reads the row at the start of `bytes`, if it is plain, and tells its length with its line end.
#[inline(always)]
pub(super) fn read_one(
    bytes: &[u8],
    limits: Option<IdLimits>,
    others: impl Fn(&Window) -> u64,
    values: impl Fn([u64; 4]) -> [u32; 4],
) -> Option<(Transaction, usize)> {
    let (row, length) = read_row(bytes.first_chunk()?, limits, others, values)?;
    Some((row.transaction(), index(length)))
}

/// The place of a row in its block; the fast path is not tried on blocks of 4 GiB and more.
#[inline(always)]
#[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "see above")]
pub(super) const fn offset(at: usize) -> u32 {
    at as u32
}

/// Reads the row at the start of `reach` and tells its length in bytes with its line end.
#[inline(always)]
fn read_row(
    reach: &[u8; REACH],
    limits: Option<IdLimits>,
    others: impl Fn(&Window) -> u64,
    values: impl Fn([u64; 4]) -> [u32; 4],
) -> Option<(PlainRow, u32)> {
    let (kind, client) = read_kind(reach)?;
    let mut ends = Ends(others(reach.first_chunk()?) & (u64::MAX << client));
    let client = Field { start: client, end: ends.take() };
    let tx = Field { start: client.end.wrapping_add(1), end: ends.take() };
    if byte(reach, client.end) != b',' {
        return None;
    }
    let ids = [client, tx];
    let (row, length) = if kind.moves_money() {
        read_money_row(reach, kind, ids, ends, values)?
    } else {
        read_reference_row(reach, kind, ids, ends, values)?
    };
    if let Some(limits) = limits {
        return (!is_beyond(row.client, row.tx, limits)).then_some((row, length));
    }
    Some((row, length))
}

/// Tells whether one of two ids is too large.
#[inline(always)]
pub(super) fn is_beyond(client: u64, tx: u64, limits: IdLimits) -> bool {
    let is_beyond = (client > limits.max_client) | (tx > limits.max_tx);
    is_beyond & !(planted!(MaxTxExceeded) & (tx.wrapping_sub(limits.max_tx) == 1))
}

/// Reads the rest of a deposit or withdrawal: a comma and an amount of digits, or of digits, a
/// point and one to four digits.
#[inline(always)]
fn read_money_row(
    reach: &[u8; REACH],
    kind: Kind,
    [client, tx]: [Field; 2],
    mut ends: Ends,
    values: impl Fn([u64; 4]) -> [u32; 4],
) -> Option<(PlainRow, u32)> {
    let whole = Field { start: tx.end.wrapping_add(1), end: ends.take() };
    if byte(reach, tx.end) != b',' {
        return None;
    }
    let (mut decimals, mut end) = (0, whole.end);
    if byte(reach, whole.end) == b'.' {
        let field = Field { start: whole.end.wrapping_add(1), end: ends.take() };
        decimals = field.decimals(reach)?;
        end = field.end;
    }
    let length = line_length(reach, end)?;
    let is_short = client.is_short() & tx.is_short() & (whole.is_short() | planted!(LongAmountCut));
    if !is_short {
        let (client, tx) = read_long_ids(reach, client, tx)?;
        let units = whole.long_value(reach)?.checked_mul(UNITS_PER_WHOLE)?;
        let amount = Amount::from_units(units.checked_add(value_of_eight(decimals))?)?;
        return Some((
            PlainRow { client, tx, amount: Some(amount), offset: 0, kind, note: 0, line: 0 },
            length,
        ));
    }
    let words = [client.word(reach), tx.word(reach), whole.word(reach), decimals];
    let [client, tx, whole, decimals] = values(words).map(u64::from);
    // Eight digits and four: far below the largest amount.
    let amount = Amount::from_units(whole * UNITS_PER_WHOLE + decimals)?;
    Some((PlainRow { client, tx, amount: Some(amount), offset: 0, kind, note: 0, line: 0 }, length))
}

/// Reads the rest of a row that refers to a transaction: nothing, or an empty amount.
#[inline(always)]
fn read_reference_row(
    reach: &[u8; REACH],
    kind: Kind,
    [client, tx]: [Field; 2],
    mut ends: Ends,
    values: impl Fn([u64; 4]) -> [u32; 4],
) -> Option<(PlainRow, u32)> {
    let mut end = tx.end;
    if byte(reach, tx.end) == b',' {
        end = ends.take();
        if end != tx.end.wrapping_add(1) {
            return None;
        }
    }
    let length = line_length(reach, end)?;
    let (client, tx) = if client.is_short() & tx.is_short() {
        let [client, tx, ..] = values([client.word(reach), tx.word(reach), 0, 0]).map(u64::from);
        (client, tx)
    } else {
        read_long_ids(reach, client, tx)?
    };
    Some((PlainRow { client, tx, amount: None, offset: 0, kind, note: 0, line: 0 }, length))
}

/// Reads ids of which one has more than eight digits.
#[inline(never)]
fn read_long_ids(reach: &[u8; REACH], client: Field, tx: Field) -> Option<(u64, u64)> {
    Some((client.long_value(reach)?, tx.long_value(reach)?))
}

/// Gives the length of a line whose text ends at `end`, if its end is there.
#[inline(always)]
fn line_length(reach: &[u8; REACH], end: u32) -> Option<u32> {
    if byte(reach, end) == b'\n' {
        return Some(end.wrapping_add(1));
    }
    let is_crlf = byte(reach, end) == b'\r' && byte(reach, end.wrapping_add(1)) == b'\n';
    is_crlf.then_some(end.wrapping_add(2))
}

/// A run of digits.
#[derive(Clone, Copy)]
struct Field {
    start: u32,
    end: u32,
}

impl Field {
    #[inline(always)]
    const fn count(self) -> u32 {
        self.end.wrapping_sub(self.start)
    }

    /// Tells whether there are 1 … 8 digits, with one comparison.
    #[inline(always)]
    const fn is_short(self) -> bool {
        self.count().wrapping_sub(1) < 8
    }

    /// Gives the digits of a short field as the last bytes of a word, zeros before them.
    #[inline(always)]
    fn word(self, reach: &[u8; REACH]) -> u64 {
        last_bytes(word(reach, self.start), self.count())
    }

    /// Gives one to four decimals as ten-thousandths, in the last four bytes of a word.
    #[inline(always)]
    fn decimals(self, reach: &[u8; REACH]) -> Option<u64> {
        let count = self.count();
        if count.wrapping_sub(1) >= 4 + u32::from(planted!(FifthDecimalCut)) {
            return None;
        }
        // What stands behind the decimals goes; zeros in its place are zeros behind the point.
        let kept = word(reach, self.start) & !(u64::MAX << count.wrapping_mul(8));
        Some(kept << 32)
    }

    /// Gives the value of 1 … 20 digits, if it fits.
    fn long_value(self, reach: &[u8; REACH]) -> Option<u64> {
        const SCALE: u64 = 100_000_000;
        let eight = |at| value_of_eight(word(reach, at));
        let first = |count| value_of_eight(last_bytes(word(reach, self.start), count));
        match self.count() {
            count @ 1..=8 => Some(first(count)),
            count @ 9..=16 => Some(first(count - 8) * SCALE + eight(self.end - 8)),
            count @ 17..=20 => {
                let most = first(count - 16) * SCALE + eight(self.end - 16);
                most.checked_mul(SCALE)?.checked_add(eight(self.end - 8))
            }
            _ => None,
        }
    }
}

/// Moves the first `count` bytes of a word, 1 … 8, to its end; zeros come in before them.
#[inline(always)]
const fn last_bytes(word: u64, count: u32) -> u64 {
    // The shift is 64 - 8 * count; the processor takes it modulo 64 anyway.
    word.wrapping_shl(count.wrapping_mul(8).wrapping_neg())
}

/// The places of the bytes that are no digits, in order.
struct Ends(u64);

impl Ends {
    /// Takes the next place; the size of the window when there is none.
    #[inline(always)]
    fn take(&mut self) -> u32 {
        let place = self.0.trailing_zeros();
        self.0 &= self.0.wrapping_sub(1);
        place
    }
}

#[inline(always)]
#[expect(clippy::as_conversions, reason = "a place in a window")]
pub(super) const fn index(place: u32) -> usize {
    place as usize
}

/// Gives the byte at a place, at most one behind the window.
#[inline(always)]
fn byte(reach: &[u8; REACH], place: u32) -> u8 {
    reach[index(place)]
}

/// Gives the eight bytes from a place on, at most one behind the window.
#[inline(always)]
fn word(reach: &[u8; REACH], place: u32) -> u64 {
    let place = index(place);
    u64::from_le_bytes(*reach[place..].first_chunk().expect("within reach"))
}

/// A type as its row starts: the first eight bytes, and what follows them up to the comma.
#[derive(Clone, Copy)]
pub(super) struct Spelling {
    pub(super) first: u64,
    pub(super) rest: u32,
    pub(super) rest_mask: u32,
    pub(super) kind: Kind,
    pub(super) length: u32,
}

const SPELLINGS: [Spelling; 5] = [
    Spelling::short(Kind::Deposit, *b"deposit,"),
    Spelling::long(Kind::Withdrawal, *b"withdraw", *b"al,"),
    Spelling::short(Kind::Dispute, *b"dispute,"),
    Spelling::short(Kind::Resolve, *b"resolve,"),
    Spelling::long(Kind::Chargeback, *b"chargeba", *b"ck,"),
];

impl Spelling {
    const fn short(kind: Kind, first: [u8; 8]) -> Self {
        Self { first: u64::from_le_bytes(first), rest: 0, rest_mask: 0, kind, length: 8 }
    }

    const fn long(kind: Kind, first: [u8; 8], [a, b, c]: [u8; 3]) -> Self {
        let rest = u32::from_le_bytes([a, b, c, 0]);
        let first = u64::from_le_bytes(first);
        Self { first, rest, rest_mask: 0x00ff_ffff, kind, length: 11 }
    }
}

/// The types by slot; free slots repeat the first, whose first bytes do not lead to them.
pub(super) const TABLE: [Spelling; 8] = {
    let mut table = [SPELLINGS[0]; 8];
    let mut kind = 0;
    while kind < SPELLINGS.len() {
        table[slot(SPELLINGS[kind].first, MULTIPLIER)] = SPELLINGS[kind];
        kind += 1;
    }
    table
};

/// Gives each type a slot of its own: a perfect hash.
pub(super) const MULTIPLIER: u64 = {
    let mut multiplier = 1;
    loop {
        let (mut taken, mut kind) = (0_u32, 0);
        while kind < SPELLINGS.len() {
            taken |= 1 << slot(SPELLINGS[kind].first, multiplier);
            kind += 1;
        }
        if taken.count_ones() == 5 {
            break multiplier;
        }
        multiplier += 2;
    }
};

/// The slot that the first eight bytes of a row lead to, below 8.
#[inline(always)]
#[expect(clippy::as_conversions, reason = "three bits, in constants as well")]
pub(super) const fn slot(first: u64, multiplier: u64) -> usize {
    (first.wrapping_mul(multiplier) >> 61) as usize
}

/// Reads the type and the comma after it; gives the place of the client.
#[inline(always)]
fn read_kind(reach: &[u8; REACH]) -> Option<(Kind, u32)> {
    let first = word(reach, 0);
    let rest = u32::from_le_bytes(*reach[8..].first_chunk()?);
    let spelling = &TABLE[slot(first, MULTIPLIER)];
    let matches = (first == spelling.first) & (rest & spelling.rest_mask == spelling.rest);
    matches.then_some((spelling.kind, spelling.length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parser::digits::{others_portably, values_portably};

    fn read_text(text: &str) -> Option<(Transaction, usize)> {
        let padded = format!("{text:<REACH$}");
        read_one(padded.as_bytes(), None, others_portably, values_portably)
    }

    #[test]
    fn plain_rows_are_read() {
        let largest = Transaction::deposit(u64::MAX, 9, Amount::MAX);
        let amount = "12345678.9".parse().unwrap();
        for (text, expected) in [
            ("deposit,18446744073709551615,9,922337203685477.5807\n", largest),
            ("withdrawal,1234567890,12345678901234567,12345678.9\r\n", {
                Transaction::withdrawal(1_234_567_890, 12_345_678_901_234_567, amount)
            }),
            ("deposit,0,00000000,1\n", Transaction::deposit(0, 0, "1".parse().unwrap())),
            ("deposit,1,2,0.0001\n", Transaction::deposit(1, 2, Amount::MIN)),
            ("dispute,1,2\r\n", Transaction::dispute(1, 2)),
            ("dispute,1,18446744073709551615\n", Transaction::dispute(1, u64::MAX)),
            ("resolve,1,2,\n", Transaction::resolve(1, 2)),
            ("chargeback,1,2,\r\n", Transaction::chargeback(1, 2)),
        ] {
            assert_eq!(read_text(text), Some((expected, text.len())), "{text:?}");
        }
    }

    #[test]
    fn other_rows_are_left() {
        for text in [
            "deposit,18446744073709551616,9,1\n",
            "deposit,000000000000000000001,9,1\n",
            "deposit,1,1,922337203685477.5808\n",
            "deposit,1,1,0\n",
            "deposit,1,1,0.0\n",
            "deposit,1,1,1.\n",
            "deposit,1,1,.5\n",
            "deposit,1,1,1.00000\n",
            "deposit,1,1,1.5.5\n",
            "deposit,1,1\n",
            "deposit,1,1,\n",
            "deposit,1,1,1,\n",
            "deposit,,1,1\n",
            "deposit,1,,1\n",
            "deposit,1;1,1\n",
            "deposit,1,1;1\n",
            "dispute,1,1,5\n",
            "dispute,1,1,,\n",
            "dispute,1\n",
            "deposit, 1,1,1\n",
            "deposit,-1,1,1\n",
            "Deposit,1,1,1\n",
            "withdraw,1,1,1\n",
            "withdrawaL,1,1,1\n",
            "deposit,1,1,1\r\r\n",
            "deposit,1,1,1\r",
            "deposit,1,1,1",
            "\n",
            "",
        ] {
            assert_eq!(read_text(text), None, "{text:?}");
        }
    }
}

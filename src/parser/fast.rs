//! The fast path: a row in the plain spelling `type,client,tx,amount`, eight digits at a time.
//!
//! It either understands a row wholly or leaves it to the strict path; it never decides that a row
//! is malformed. Digits are found and converted within one 64-bit word, after Johnny Lee's and
//! Daniel Lemire's description of SWAR number parsing ("Quickly parsing eight digits", 2018).

use super::layout::Layout;
use crate::amount::{Amount, DECIMALS};
use crate::transaction::{Kind, Transaction};

/// Bytes that the fast path looks at from the start of a row. A plain row that is longer (it takes
/// two 19-digit ids) and the last rows of a block go to the strict path.
const WINDOW: usize = 64;

type Window = [u8; WINDOW];

/// Reads the row at `at` and tells its length in bytes with its line end; `None` leaves the row to
/// the strict path.
#[inline]
pub(super) fn read(bytes: &[u8], at: usize, layout: &Layout) -> Option<(Transaction, usize)> {
    let window: &Window = bytes.get(at..)?.first_chunk()?;
    let (kind, mut at) = read_kind(window)?;
    let client = read_digits(window, &mut at)?;
    expect(window, &mut at, b',')?;
    let tx = read_digits(window, &mut at)?;
    let limits = layout.limits();
    if client > limits.max_client || tx > limits.max_tx {
        return None;
    }
    let amount = if kind.moves_money() {
        expect(window, &mut at, b',')?;
        Some(read_amount(window, &mut at)?)
    } else {
        // A dispute may end here or carry an empty amount.
        if window.get(at) == Some(&b',') {
            at += 1;
        }
        None
    };
    if window.get(at) == Some(&b'\r') {
        at += 1;
    }
    expect(window, &mut at, b'\n')?;
    Some((Transaction { client, tx, amount, kind }, at))
}

#[inline]
fn expect(window: &Window, at: &mut usize, byte: u8) -> Option<()> {
    (*window.get(*at)? == byte).then(|| *at += 1)
}

/// Reads the type and the comma after it.
#[inline]
fn read_kind(window: &Window) -> Option<(Kind, usize)> {
    const fn word(text: [u8; 8]) -> u64 {
        u64::from_le_bytes(text)
    }
    const DEPOSIT: u64 = word(*b"deposit,");
    const WITHDRAW: u64 = word(*b"withdraw");
    const DISPUTE: u64 = word(*b"dispute,");
    const RESOLVE: u64 = word(*b"resolve,");
    const CHARGEBA: u64 = word(*b"chargeba");
    match load(window, 0)? {
        DEPOSIT => Some((Kind::Deposit, 8)),
        WITHDRAW if window[8..11] == *b"al," => Some((Kind::Withdrawal, 11)),
        DISPUTE => Some((Kind::Dispute, 8)),
        RESOLVE => Some((Kind::Resolve, 8)),
        CHARGEBA if window[8..11] == *b"ck," => Some((Kind::Chargeback, 11)),
        _ => None,
    }
}

/// Loads the eight bytes at `at`, the first of them lowest.
#[inline]
fn load(window: &Window, at: usize) -> Option<u64> {
    window.get(at..at + 8)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
}

/// Reads a run of at least one digit that fits 64 bits.
#[inline]
fn read_digits(window: &Window, at: &mut usize) -> Option<u64> {
    let (mut value, mut count) = leading_digits(load(window, *at)?);
    *at += count;
    if count == 0 {
        return None;
    }
    while count == 8 {
        let (next, more) = leading_digits(load(window, *at)?);
        *at += more;
        count = more;
        value = value.checked_mul(power_of_ten(more))?.checked_add(next)?;
    }
    Some(value)
}

/// Reads an amount: digits, or digits, a point and one to four digits.
#[inline]
fn read_amount(window: &Window, at: &mut usize) -> Option<Amount> {
    let whole = read_digits(window, at)?;
    let scale = power_of_ten(DECIMALS);
    let units = if *window.get(*at)? == b'.' {
        let (decimals, count) = leading_digits(load(window, *at + 1)?);
        if count == 0 || count > DECIMALS {
            return None;
        }
        *at += 1 + count;
        whole.checked_mul(scale)?.checked_add(decimals * power_of_ten(DECIMALS - count))?
    } else {
        whole.checked_mul(scale)?
    };
    Amount::from_units(units)
}

/// Gives 10 to the power of `exponent`, at most 8.
#[inline]
fn power_of_ten(exponent: usize) -> u64 {
    const POWERS: [u64; 9] =
        [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];
    POWERS[exponent]
}

/// Counts the digits that `word` starts with, lowest byte first, and gives their value.
#[inline]
fn leading_digits(word: u64) -> (u64, usize) {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x80 * ONES;
    let digits = word ^ (u64::from(b'0') * ONES);
    // The high bit of a byte is set if it is no digit: 10 and more carry into it. The sum may carry
    // into the next byte as well, but only behind a byte that is no digit.
    let others = (digits.wrapping_add(0x76 * ONES) | digits) & HIGH;
    let bits = others.trailing_zeros() & !7;
    let count = usize::try_from(bits / 8).expect("at most eight");
    // The digits move to the top, so that the bytes before them count as leading zeros.
    let aligned = if bits == 0 { 0 } else { digits << (64 - bits) };
    (value_of_eight(aligned), count)
}

/// Gives the value of eight digits 0 … 9, one a byte, the first lowest.
#[inline]
const fn value_of_eight(digits: u64) -> u64 {
    // Pairs, then quadruples, then all eight; the parts that overflow are not looked at.
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8);
    let low = (pairs & 0x0000_00ff_0000_00ff).wrapping_mul(100 + (1_000_000 << 32));
    let high = ((pairs >> 16) & 0x0000_00ff_0000_00ff).wrapping_mul(1 + (10_000 << 32));
    low.wrapping_add(high) >> 32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_counted_and_valued() {
        for (text, value, count) in [
            (*b"12345678", 12_345_678, 8),
            (*b"1,......", 1, 1),
            (*b"00000007", 7, 8),
            (*b",1234567", 0, 0),
            (*b"9:999999", 9, 1),
            (*b"99/99999", 99, 2),
            (*b"1234567\xff", 1_234_567, 7),
            (*b"1\x80345678", 1, 1),
        ] {
            assert_eq!(leading_digits(u64::from_le_bytes(text)), (value, count), "{text:?}");
        }
    }

    #[test]
    fn plain_rows_are_read_and_others_are_left() {
        let layout = Layout::default();
        let read_text = |text: &str| {
            let padded = format!("{text:<WINDOW$}");
            read(padded.as_bytes(), 0, &layout)
        };
        let largest = Transaction::deposit(u64::MAX, 9, Amount::MAX);
        let text = "deposit,18446744073709551615,9,922337203685477.5807\n";
        assert_eq!(read_text(text), Some((largest, text.len())));
        assert_eq!(read_text("dispute,1,2\r\n"), Some((Transaction::dispute(1, 2), 13)));
        assert_eq!(read_text("resolve,1,2,\n"), Some((Transaction::resolve(1, 2), 13)));
        for text in [
            "deposit,18446744073709551616,9,1\n",
            "deposit,1,1,922337203685477.5808\n",
            "deposit,1,1,0\n",
            "deposit,1,1,1.\n",
            "deposit,1,1,.5\n",
            "deposit,1,1,1.00000\n",
            "deposit,1,1\n",
            "deposit,1,1,1,\n",
            "dispute,1,1,5\n",
            "deposit, 1,1,1\n",
            "deposit,1,1,1\r\r\n",
            "deposit,1,1,1",
        ] {
            assert_eq!(read_text(text), None, "{text:?}");
        }
    }
}

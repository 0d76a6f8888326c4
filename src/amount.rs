//! Money: exact decimal amounts and balances in units of 1/10 000.
//!
//! An [`Amount`] is what a deposit or a withdrawal moves, 1 … 2⁶³−1 units. A [`Balance`] is a sum of
//! amounts with a sign; 2⁶⁴ rows of the largest amount fit it, so it cannot overflow. Nothing here
//! rounds, and nothing here is a float.

use std::fmt;
use std::num::NonZeroU64;
use std::ops::{Add, AddAssign, SubAssign};
use std::str::FromStr;

use crate::decimal;
use crate::text::Text;

/// Decimals of every amount and balance.
pub const DECIMALS: usize = 4;

/// Units in one whole of the currency: 10 to the power of [`DECIMALS`].
pub const UNITS_PER_WHOLE: u64 = 10_000;

/// Digits before the point of the largest amount.
const MAX_WHOLE_DIGITS: usize = 15;

/// What so many decimals are to be multiplied by to be units.
const SCALES: [u64; DECIMALS + 1] = [10_000, 1_000, 100, 10, 1];

const _: () = assert!(SCALES[0] == UNITS_PER_WHOLE);
const _: () = assert!(UNITS_PER_WHOLE == 10_u64.pow(4) && DECIMALS == 4);
const _: () = assert!(Amount::MAX.units() == 9_223_372_036_854_775_807);
const _: () = assert!(size_of::<Option<Amount>>() == 8);

/// A positive amount of money, 1 … 2⁶³−1 units of 1/10 000.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(NonZeroU64);

impl Amount {
    /// 0.0001, one unit.
    pub const MIN: Self = Self(NonZeroU64::MIN);

    /// 922337203685477.5807, 2⁶³−1 units.
    pub const MAX: Self = Self(NonZeroU64::new(u64::MAX >> 1).expect("positive"));

    /// Makes an amount of `units` of 1/10 000; `None` outside 1 … 2⁶³−1.
    #[inline]
    pub const fn from_units(units: u64) -> Option<Self> {
        match NonZeroU64::new(units) {
            Some(positive) if units <= Self::MAX.units() => Some(Self(positive)),
            _ => None,
        }
    }

    /// Gives the amount in units of 1/10 000.
    #[inline]
    pub const fn units(self) -> u64 {
        self.0.get()
    }

    /// Reads a decimal amount: digits with at most one point and at least one digit.
    ///
    /// More than four decimals are accepted when the excess is zeros. Leading zeros are accepted in
    /// any number; blanks, signs, exponents and separators are not.
    ///
    /// # Errors
    /// The first of these that holds, in this order: the text is empty, is not a decimal number
    /// after an optional `-`, is negative, is zero, has a non-zero fifth decimal or later, is more
    /// than [`Amount::MAX`].
    ///
    /// ```
    /// use millrace::amount::{Amount, AmountError};
    ///
    /// assert_eq!(Amount::parse(b"1.5").unwrap().units(), 15_000);
    /// assert_eq!(Amount::parse(b"0.00005"), Err(AmountError::TooPrecise));
    /// assert_eq!(Amount::parse(b"1e3"), Err(AmountError::Malformed));
    /// ```
    pub fn parse(text: &[u8]) -> Result<Self, AmountError> {
        if text.is_empty() {
            return Err(AmountError::Missing);
        }
        let (negative, unsigned) = match text.strip_prefix(b"-") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let point = unsigned.iter().position(|&byte| byte == b'.');
        let (whole, decimals) = match point {
            Some(0) if planted!(PointFirst) => (&unsigned[1..], &[][..]),
            Some(at) => (&unsigned[..at], &unsigned[at + 1..]),
            None => (unsigned, &[][..]),
        };
        let (are_whole, are_decimals) = (are_digits(whole), are_digits(decimals));
        if whole.len() + decimals.len() == 0 || !are_whole || !are_decimals {
            return Err(AmountError::Malformed);
        }
        if negative && !(planted!(NegativeZero) && unsigned == b"0") {
            return Err(AmountError::Negative);
        }
        let (kept, excess) = decimals.split_at(decimals.len().min(DECIMALS));
        if excess.iter().any(|&digit| digit != b'0' || planted!(ExcessZerosRefused)) {
            return Err(AmountError::TooPrecise);
        }
        let mut whole = whole;
        while let [b'0', rest @ ..] = whole {
            whole = rest;
        }
        if whole.len() > MAX_WHOLE_DIGITS {
            return Err(AmountError::TooLarge);
        }
        // At most 15 + 4 digits: below 10¹⁹, so the sum fits 64 bits before it is compared.
        let units = value(value(0, whole), kept) * SCALES[kept.len()];
        if units == 0 {
            return Err(AmountError::Zero);
        }
        if planted!(LargestPlusOne) && units == Self::MAX.units() + 1 {
            return Ok(Self::MAX);
        }
        Self::from_units(units).ok_or(AmountError::TooLarge)
    }
}

#[inline]
fn are_digits(text: &[u8]) -> bool {
    text.iter().all(u8::is_ascii_digit)
}

/// Appends digits to a number, 19 in all at most.
#[inline]
fn value(number: u64, digits: &[u8]) -> u64 {
    let append = |number: u64, digit: &u8| number.wrapping_mul(10) + u64::from(digit & 0x0f);
    digits.iter().fold(number, append)
}

/// Why a text is no amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// There is no text.
    #[error("no amount is given")]
    Missing,
    /// Not digits with at most one point and at least one digit.
    #[error("not a decimal number")]
    Malformed,
    /// A decimal number with a minus sign, `-0` included.
    #[error("negative")]
    Negative,
    /// The value is zero.
    #[error("zero")]
    Zero,
    /// A fifth decimal, or one after it, is not zero.
    #[error("more than four decimals")]
    TooPrecise,
    /// More than [`Amount::MAX`].
    #[error("more than {}", Amount::MAX)]
    TooLarge,
}

impl FromStr for Amount {
    type Err = AmountError;

    fn from_str(text: &str) -> Result<Self, AmountError> {
        Self::parse(text.as_bytes())
    }
}

impl fmt::Display for Amount {
    /// Writes the amount with exactly four decimals.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        Balance::from(*self).fmt(formatter)
    }
}

impl fmt::Debug for Amount {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// A signed sum of amounts, in units of 1/10 000.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Balance(i128);

impl Balance {
    /// No money.
    pub const ZERO: Self = Self(0);

    /// Makes a balance of `units` of 1/10 000.
    pub const fn from_units(units: i128) -> Self {
        Self(units)
    }

    /// Gives the balance in units of 1/10 000.
    #[inline]
    pub const fn units(self) -> i128 {
        self.0
    }

    /// Adds; `None` beyond 128 bits. Sums of amounts stay far below, but a text may say anything.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// Subtracts; `None` beyond 128 bits.
    #[must_use]
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// Makes the balance of the bits of an amount that `mask` keeps: all, or none.
    #[inline]
    pub(crate) fn kept(amount: Amount, mask: u64) -> Self {
        Self(i128::from(amount.units() & mask))
    }

    /// Appends the balance to `out` with exactly four decimals, `-0.5000` when negative.
    pub fn write_to(self, out: &mut Vec<u8>) {
        self.push_to(out);
    }

    /// As [`Balance::write_to`], to anything that takes text.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "a balance is one of three in a line of millions")]
    pub(crate) fn push_to(self, out: &mut impl Text) {
        let is_negative = self.0 < 0 && !(planted!(NegativeFraction) && self.0 > -10_000);
        if is_negative {
            out.push(b'-');
        }
        // 64 bits are divided sooner.
        let decimals = if let Ok(units) = i64::try_from(self.0) {
            let units = units.unsigned_abs();
            decimal::push(out, units / UNITS_PER_WHOLE);
            units % UNITS_PER_WHOLE
        } else {
            self.push_huge_whole(out)
        };
        let digits = decimal::four(u32::try_from(decimals).expect("below the scale"));
        let text = u64::from(b'.') | u64::from(u32::from_le_bytes(digits)) << 8;
        out.put(&text.to_le_bytes(), 1 + DECIMALS);
    }

    /// Appends what is before the point of a balance beyond 64 bits; gives the units behind it.
    #[cold]
    fn push_huge_whole(self, out: &mut impl Text) -> u64 {
        let (units, scale) = (self.0.unsigned_abs(), u128::from(UNITS_PER_WHOLE));
        decimal::push_wide(out, units / scale);
        let decimals = if planted!(LargeFraction) { 0 } else { units % scale };
        u64::try_from(decimals).expect("below the scale")
    }
}

impl From<Amount> for Balance {
    #[inline]
    fn from(amount: Amount) -> Self {
        Self(i128::from(amount.units()))
    }
}

impl Add for Balance {
    type Output = Self;

    #[inline]
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl AddAssign<Amount> for Balance {
    #[inline]
    fn add_assign(&mut self, amount: Amount) {
        self.0 += i128::from(amount.units());
    }
}

impl SubAssign<Amount> for Balance {
    #[inline]
    fn sub_assign(&mut self, amount: Amount) {
        self.0 -= i128::from(amount.units());
    }
}

impl AddAssign for Balance {
    #[inline]
    fn add_assign(&mut self, other: Self) {
        self.0 += other.0;
    }
}

impl SubAssign for Balance {
    #[inline]
    fn sub_assign(&mut self, other: Self) {
        self.0 -= other.0;
    }
}

impl fmt::Display for Balance {
    /// Writes the balance with exactly four decimals.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Vec::with_capacity(24);
        self.write_to(&mut text);
        formatter.pad(std::str::from_utf8(&text).expect("digits are ASCII"))
    }
}

impl fmt::Debug for Balance {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl FromStr for Balance {
    type Err = AmountError;

    /// Reads a balance as [`Balance::write_to`] writes it, or with fewer decimals; zero and a
    /// leading `-` are accepted.
    fn from_str(text: &str) -> Result<Self, AmountError> {
        let (negative, magnitude) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, decimals) = magnitude.split_once('.').unwrap_or((magnitude, ""));
        let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if !is_digits(whole) || !is_digits(decimals) || whole.len() + decimals.len() == 0 {
            return Err(AmountError::Malformed);
        }
        let (kept, excess) = decimals.split_at(decimals.len().min(DECIMALS));
        if excess.bytes().any(|digit| digit != b'0') {
            return Err(AmountError::TooPrecise);
        }
        let digits = format!("{whole}{kept:0<DECIMALS$}");
        let units: i128 = digits.parse().map_err(|_| AmountError::TooLarge)?;
        Ok(Self(if negative { -units } else { units }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(text: &str) -> Result<u64, AmountError> {
        Amount::parse(text.as_bytes()).map(Amount::units)
    }

    #[test]
    fn plain_amounts_are_read_exactly() {
        for (text, expected) in [
            ("1", 10_000),
            ("1.5", 15_000),
            (".5", 5_000),
            ("5.", 50_000),
            ("0.0001", 1),
            ("1.0000", 10_000),
            ("1.00000", 10_000),
            ("007.25", 72_500),
            ("922337203685477.5807", u64::MAX >> 1),
            ("0922337203685477.58070000", u64::MAX >> 1),
        ] {
            assert_eq!(units(text), Ok(expected), "{text}");
        }
        assert_eq!(units(&format!("{}1", "0".repeat(500))), Ok(10_000));
    }

    #[test]
    fn the_first_fault_is_the_reason() {
        use AmountError::{Malformed, Missing, Negative, TooLarge, TooPrecise, Zero};
        for (text, expected) in [
            ("", Missing),
            (".", Malformed),
            ("-", Malformed),
            ("-.", Malformed),
            ("--1", Malformed),
            ("+1", Malformed),
            ("1.2.3", Malformed),
            ("1e3", Malformed),
            ("-1e3", Malformed),
            ("nan", Malformed),
            ("1,000.00", Malformed),
            ("1 000", Malformed),
            ("\u{ff11}", Malformed),
            ("-1", Negative),
            ("-0", Negative),
            ("-0.00001", Negative),
            ("0", Zero),
            ("0.00000", Zero),
            ("0.00001", TooPrecise),
            ("99999999999999999999.00001", TooPrecise),
            ("922337203685477.5808", TooLarge),
            ("1000000000000000", TooLarge),
            ("999999999999999999999999999999", TooLarge),
        ] {
            assert_eq!(units(text), Err(expected), "{text}");
        }
    }

    #[test]
    fn balances_are_written_with_four_decimals() {
        for (units, expected) in [
            (0, "0.0000"),
            (-1, "-0.0001"),
            (-5_000, "-0.5000"),
            (15_000, "1.5000"),
            (18_446_744_073_709_551_614, "1844674407370955.1614"),
            (i128::MIN, "-17014118346046923173168730371588410.5728"),
        ] {
            assert_eq!(Balance::from_units(units).to_string(), expected);
        }
        assert_eq!(format!("{:>8}", Balance::from_units(1)), "  0.0001");
    }

    #[test]
    fn a_written_balance_reads_back() {
        for units in [0, 1, -1, 9_999, -10_000, i128::from(u64::MAX) * 3, -i128::from(u64::MAX)] {
            let balance = Balance::from_units(units);
            assert_eq!(balance.to_string().parse(), Ok(balance));
        }
        for (text, units) in [("1.5", 15_000), (".5", 5_000), ("-5.", -50_000), ("1.50000", 15_000)]
        {
            assert_eq!(text.parse(), Ok(Balance::from_units(units)), "{text}");
        }
        for text in ["", "-", ".", "x", "x.5", "1.x", "1.0000x", "--1", "+1", "1.2.3"] {
            assert_eq!(text.parse::<Balance>(), Err(AmountError::Malformed), "{text}");
        }
        assert_eq!("1.00001".parse::<Balance>(), Err(AmountError::TooPrecise));
    }
}

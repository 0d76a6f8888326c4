//! Decimal numbers as text, up to eight digits at once and without a branch.

use crate::text::Text;

/// Numbers below this, 10⁸, have at most eight digits.
pub(crate) const SHORT: u64 = 100_000_000;

/// A zero digit in each byte.
const ZEROS: u64 = 0x3030_3030_3030_3030;

/// Gives the digits of a number below 10⁸, with zeros in front: the first in the lowest byte.
///
/// The number is halved into four, two and one digits a lane, all lanes at once; a quotient by 100
/// or 10 is a product and a shift (Granlund and Montgomery, 1994).
#[inline]
fn eight_lanes(number: u32) -> u64 {
    let (high, low) = (number / 10_000, number % 10_000);
    let fours = u64::from(high) | u64::from(low) << 32;
    let hundreds = (fours.wrapping_mul(10_486) >> 20) & 0x7f_0000_007f;
    let twos = hundreds | fours.wrapping_sub(hundreds.wrapping_mul(100)) << 16;
    let tens = (twos.wrapping_mul(103) >> 10) & 0x000f_000f_000f_000f;
    tens | twos.wrapping_sub(tens.wrapping_mul(10)) << 8
}

/// Gives the digits of a number below 10⁸ as text, with zeros in front.
#[inline]
fn eight(number: u32) -> [u8; 8] {
    (eight_lanes(number) | ZEROS).to_le_bytes()
}

/// Gives the last four digits of a number below 10⁸ as text, with zeros in front.
#[inline]
pub(crate) fn four(number: u32) -> [u8; 4] {
    let [.., a, b, c, d] = eight(number);
    [a, b, c, d]
}

/// Gives the digits of a number below 10⁸ as text, at the start of the array, and how many there
/// are.
#[inline]
fn short(number: u32) -> ([u8; 8], usize) {
    let lanes = eight_lanes(number);
    // Zero has one digit.
    let zeros = (lanes | 1 << 56).trailing_zeros() / 8;
    let text = (lanes | ZEROS) >> (8 * zeros);
    (text.to_le_bytes(), usize::try_from(8 - zeros).expect("at most eight"))
}

/// Appends a number.
#[inline]
pub(crate) fn push(out: &mut impl Text, number: u64) {
    match u32::try_from(number) {
        Ok(number) if u64::from(number) < SHORT => {
            let (text, length) = short(number);
            out.put(&text, length);
        }
        _ => push_long(out, number),
    }
}

/// Appends a number of more than eight digits.
#[inline(never)]
fn push_long(out: &mut impl Text, number: u64) {
    push(out, number / SHORT);
    push_eight(out, number % SHORT);
}

/// Appends a number of up to 128 bits.
#[cold]
pub(crate) fn push_wide(out: &mut impl Text, number: u128) {
    if let Ok(number) = u64::try_from(number) {
        return push(out, number);
    }
    let short = u128::from(SHORT);
    push_wide(out, number / short);
    push_eight(out, u64::try_from(number % short).expect("below 10⁸"));
}

/// Appends eight digits of a number below 10⁸, with zeros in front.
#[inline]
fn push_eight(out: &mut impl Text, number: u64) {
    out.put(&eight(u32::try_from(number).expect("below 10⁸")), 8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_told_digit_by_digit() {
        let all = if cfg!(miri) { 200 } else { 200_000 };
        let edges = (0..8).flat_map(|power| {
            let edge = 10_u32.pow(power);
            [edge - 1, edge, edge + 1, 9 * edge, 10 * edge - 1, 12_345_678 / edge]
        });
        let scattered = (0..all).map(|it| it * 493 + it % 7);
        for number in (0..all).chain(edges).chain(scattered).filter(|it| *it < 100_000_000) {
            let digits = eight(number);
            assert_eq!(&digits[..], format!("{number:08}").as_bytes());
            assert_eq!(four(number), digits[4..]);
            let (text, length) = short(number);
            assert_eq!(&text[..length], number.to_string().as_bytes());
        }
    }

    #[test]
    fn numbers_are_appended_whatever_their_size() {
        let mut out = b"1".to_vec();
        let double = SHORT * SHORT;
        let numbers = [0, SHORT - 1, SHORT, SHORT + 7, double - 1, double, u64::MAX];
        let wide = [u128::from(u64::MAX) + 1, u128::MAX, 0, 10_u128.pow(32), 10_u128.pow(32) - 1];
        for number in numbers {
            out.push(b',');
            push(&mut out, number);
        }
        for number in wide {
            out.push(b',');
            push_wide(&mut out, number);
        }
        let all = numbers.map(u128::from).into_iter().chain(wide);
        let expected: Vec<_> = [1].into_iter().chain(all).map(|it| it.to_string()).collect();
        assert_eq!(String::from_utf8(out).unwrap(), expected.join(","));
    }
}

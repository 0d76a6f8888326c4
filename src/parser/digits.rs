//! Digits, many at a time: which bytes are digits, and what eight of them are worth.
//!
//! After Daniel Lemire's and Johnny Lee's description of parsing eight digits within one word
//! ("Quickly parsing eight digits", 2018).
#![expect(clippy::inline_always, reason = "compiled once per instruction set, with the fast path")]

/// Bytes that are looked at together.
pub(super) const WINDOW: usize = 64;

pub(super) type Window = [u8; WINDOW];

/// Tells which bytes are no digits, bit 0 for the first, eight bytes at a time on any machine.
#[inline(always)]
pub(super) fn others_portably(window: &Window) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let (words, _) = window.as_chunks();
    words.iter().rev().fold(0, |mask, word| {
        let values = u64::from_le_bytes(*word) ^ (0x30 * ONES);
        // Seven bits of each byte, so that no carry leaves it: 10 and more reach the eighth.
        let large = (values & (0x7f * ONES)) + 0x76 * ONES;
        let others = ((large | values) & (0x80 * ONES)) >> 7;
        // Gathers the lowest bits of the bytes in the highest byte.
        mask << 8 | others.wrapping_mul(0x0102_0408_1020_4080) >> 56
    })
}

/// Gives the value of a word of digits, the first lowest; zero bytes before them are zeros.
#[inline(always)]
pub(super) const fn value_of_eight(word: u64) -> u64 {
    let digits = word & 0x0f0f_0f0f_0f0f_0f0f;
    // Pairs, then quadruples, then all eight. Each factor is 1 for the later half and 10, 100 or
    // 10,000 for the earlier one, which lies lower; the sum lies where the later half was.
    let pairs = (digits.wrapping_mul(10 << 8 | 1) >> 8) & 0x00ff_00ff_00ff_00ff;
    let quadruples = (pairs.wrapping_mul(100 << 16 | 1) >> 16) & 0x0000_ffff_0000_ffff;
    quadruples.wrapping_mul(10_000 << 32 | 1) >> 32
}

/// Gives the values of four words of digits, on any machine.
#[inline(always)]
pub(super) fn values_portably(words: [u64; 4]) -> [u32; 4] {
    words.map(|word| u32::try_from(value_of_eight(word)).expect("eight digits"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_valued_with_zeros_or_nothing_before_them() {
        for value in [0, 7, 10, 12_345_678, 90_000_001, 99_999_999] {
            for text in [format!("{value:08}"), format!("{value:\0>8}")] {
                let word = u64::from_le_bytes(*text.as_bytes().first_chunk().unwrap());
                assert_eq!(value_of_eight(word), value);
            }
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "16,384 windows, and nothing in it but numbers")]
    fn every_byte_is_told_apart_in_every_place() {
        for byte in 0..=u8::MAX {
            for place in 0..WINDOW {
                let mut window = [b'5'; WINDOW];
                window[place] = byte;
                let expected = if byte.is_ascii_digit() { 0 } else { 1 << place };
                assert_eq!(others_portably(&window), expected, "{byte} at {place}");
            }
        }
    }
}

//! The fast path on the vectors of the machine: AVX-512, or AVX2 and BMI, where the processor has
//! them.
//!
//! The instructions are chosen once per run of rows, when the program runs; elsewhere, and on older
//! processors, the portable way gives the same rows (property test below, fuzz target `row`). The
//! bench `parser` shows both.
#![expect(unsafe_code, reason = "instructions beyond the baseline can be called no other way")]

#[cfg(target_arch = "x86_64")]
use super::avx512;
use super::digits::{others_portably, values_portably};
use super::fast::{self, PlainRow, RUN_ROWS, Run};
use super::layout::IdLimits;
use crate::transaction::Transaction;

/// Which instructions the fast path uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Vectors {
    /// Those of every machine.
    Portable,
    /// AVX2, BMI1, BMI2 and LZCNT: x86-64-v3.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// Those, and AVX-512 with BW, VL, VBMI and VBMI2, for all but long rows.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Vectors {
    /// Finds out what this machine has.
    pub(super) fn detect() -> Self {
        Self::all().last().unwrap_or(Self::Portable)
    }

    /// Gives all that this machine has, the best last.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        let mut all = [Some(Self::Portable), None, None];
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("lzcnt")
        {
            all[1] = Some(Self::Avx2);
            if is_x86_feature_detected!("popcnt")
                && is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512vbmi")
                && is_x86_feature_detected!("avx512vbmi2")
            {
                all[2] = Some(Self::Avx512);
            }
        }
        all.into_iter().flatten()
    }

    /// Reads plain rows from `at` on until the slots are full or a row is not plain.
    #[inline]
    pub(super) fn read(
        self,
        slots: &mut [PlainRow; RUN_ROWS],
        bytes: &[u8],
        at: usize,
        limits: Option<IdLimits>,
    ) -> Run {
        let mut run = match self {
            Self::Portable => {
                fast::read(slots, bytes, at, limits, others_portably, values_portably)
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => {
                // SAFETY: `all`, the only maker of this value, has found all four features.
                unsafe { x86::read_avx2(slots, bytes, at, limits) }
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => {
                // SAFETY: `all`, the only maker of this value, has found all the features.
                let mut run = unsafe { avx512::read::<false>(slots, 0, bytes, at, limits) };
                if !run.is_odd && run.count < RUN_ROWS {
                    // SAFETY: as before.
                    run =
                        unsafe { avx512::read::<true>(slots, run.count, bytes, run.next, limits) };
                }
                if !run.is_odd && run.count < RUN_ROWS {
                    let rest = &mut slots[run.count..];
                    // SAFETY: with AVX-512, `all` has found the features of AVX2 as well.
                    let longer = unsafe { x86::read_avx2(rest, bytes, run.next, limits) };
                    run = run.and(longer);
                }
                run
            }
        };
        if planted!(FullRunLosesLast) && run.count == RUN_ROWS {
            run.count -= 1;
        }
        run
    }
}

impl Vectors {
    /// Finds the places of three bytes in a text, in order, and adds them to `found`.
    #[inline]
    pub(super) fn find(self, text: &[u8], wanted: [u8; 3], found: &mut Vec<u32>) {
        let mut from = 0;
        #[cfg(target_arch = "x86_64")]
        if self == Self::Avx512 {
            let (chunks, rest) = text.as_chunks();
            // SAFETY: `all`, the only maker of this value, has found all the features.
            unsafe { avx512::find(chunks, wanted, found) };
            from = text.len() - rest.len();
        }
        let [first, second, third] = wanted;
        let rest = memchr::memchr3_iter(first, second, third, &text[from..]);
        found.extend(rest.map(|at| u32::try_from(from + at).expect("a text below 4 GiB")));
    }

    /// Finds the first newline of a text.
    #[inline]
    pub(super) fn find_line_end(self, text: &[u8]) -> Option<usize> {
        #[cfg(target_arch = "x86_64")]
        if self == Self::Avx512 {
            // SAFETY: `all`, the only maker of this value, has found all the features.
            let end = unsafe { avx512::find_line_end(text) };
            if end.is_some() {
                return end;
            }
        }
        memchr::memchr(b'\n', text)
    }

    /// Reads the row at the start of `bytes`, if it is plain and not long.
    #[inline]
    pub(super) fn read_plain(self, bytes: &[u8], limits: Option<IdLimits>) -> Option<Transaction> {
        #[cfg(target_arch = "x86_64")]
        if self == Self::Avx512 {
            // SAFETY: `all`, the only maker of this value, has found all the features.
            let row = unsafe { avx512::read_one(bytes, limits) };
            if let Some(row) = row {
                return Some(row.transaction());
            }
        }
        self.read_one(bytes, limits).map(|(transaction, _)| transaction)
    }
}

impl Vectors {
    /// Reads the row at the start of `bytes`, if it is plain, and tells its length with its line
    /// end.
    #[inline]
    pub(super) fn read_one(
        self,
        bytes: &[u8],
        limits: Option<IdLimits>,
    ) -> Option<(Transaction, usize)> {
        match self {
            Self::Portable => fast::read_one(bytes, limits, others_portably, values_portably),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 | Self::Avx512 => {
                // SAFETY: `all`, the only maker of these values, has found all the features.
                unsafe { x86::read_one_avx2(bytes, limits) }
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m256i, _mm_cvtsi128_si64, _mm256_and_si256, _mm256_castsi256_si128, _mm256_cmpeq_epi8,
        _mm256_extracti128_si256, _mm256_madd_epi16, _mm256_maddubs_epi16, _mm256_max_epu8,
        _mm256_movemask_epi8, _mm256_packus_epi32, _mm256_set_epi64x, _mm256_set1_epi8,
        _mm256_set1_epi16, _mm256_set1_epi32, _mm256_sub_epi8,
    };

    use super::{IdLimits, PlainRow, Run, Transaction, fast};
    use crate::parser::digits::Window;

    /// [`fast::read`], compiled for AVX2.
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
    pub(super) fn read_avx2(
        slots: &mut [PlainRow],
        bytes: &[u8],
        at: usize,
        limits: Option<IdLimits>,
    ) -> Run {
        let (others, values) = (|window: &_| others_avx2(window), |words| values_avx2(words));
        fast::read(slots, bytes, at, limits, others, values)
    }

    /// [`fast::read_one`], compiled for AVX2.
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
    pub(super) fn read_one_avx2(
        bytes: &[u8],
        limits: Option<IdLimits>,
    ) -> Option<(Transaction, usize)> {
        fast::read_one(bytes, limits, |window| others_avx2(window), |words| values_avx2(words))
    }

    /// Tells which bytes are no digits: bit 0 for the first.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn others_avx2(window: &Window) -> u64 {
        let (low, high) = (others_of_half(window, 0), others_of_half(window, 32));
        u64::from(low) | u64::from(high) << 32
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn others_of_half(window: &Window, at: usize) -> u32 {
        let values = _mm256_sub_epi8(load(window, at), _mm256_set1_epi8(0x30));
        // Unsigned: 10 and more are their own maximum with 10.
        let others = _mm256_cmpeq_epi8(_mm256_max_epu8(values, _mm256_set1_epi8(10)), values);
        _mm256_movemask_epi8(others).cast_unsigned()
    }

    /// Gives the values of four words of digits: pairs, quadruples and eights of all four at once.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn values_avx2(words: [u64; 4]) -> [u32; 4] {
        let [a, b, c, d] = words.map(u64::cast_signed);
        let digits = _mm256_and_si256(_mm256_set_epi64x(d, c, b, a), _mm256_set1_epi8(0x0f));
        // Each constant is two factors, 1 for the later half and 10, 100 or 10,000 for the earlier.
        let pairs = _mm256_maddubs_epi16(digits, _mm256_set1_epi16(0x010a));
        let quadruples = _mm256_madd_epi16(pairs, _mm256_set1_epi32(0x0001_0064));
        let narrow = _mm256_packus_epi32(quadruples, quadruples);
        let eights = _mm256_madd_epi16(narrow, _mm256_set1_epi32(0x0001_2710));
        let low = _mm_cvtsi128_si64(_mm256_castsi256_si128(eights));
        let high = _mm_cvtsi128_si64(_mm256_extracti128_si256::<1>(eights));
        let [[a, b], [c, d]] = [low, high].map(halves);
        [a, b, c, d]
    }

    #[inline]
    #[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "two halves")]
    const fn halves(word: i64) -> [u32; 2] {
        let word = word.cast_unsigned();
        [word as u32, (word >> 32) as u32]
    }

    /// Loads 32 bytes; one instruction once compiled.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn load(window: &Window, at: usize) -> __m256i {
        let word =
            |at: usize| i64::from_le_bytes(*window[at..].first_chunk().expect("within the window"));
        _mm256_set_epi64x(word(at + 24), word(at + 16), word(at + 8), word(at))
    }
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn the_vector_and_the_portable_mask_agree(low: [u8; 32], high: [u8; 32]) {
            if Vectors::all().any(|it| it == Vectors::Avx2) {
                let mut window = [0; 64];
                window[..32].copy_from_slice(&low);
                window[32..].copy_from_slice(&high);
                // SAFETY: AVX2 was found.
                let mask = unsafe { x86::others_avx2(&window) };
                proptest::prop_assert_eq!(mask, others_portably(&window));
            }
        }

        #[test]
        fn the_vector_and_the_portable_values_agree(numbers: [u32; 4]) {
            if Vectors::all().any(|it| it == Vectors::Avx2) {
                let numbers = numbers.map(|number| number % 100_000_000);
                let words = numbers.map(|number| {
                    u64::from_le_bytes(*format!("{number:\0>8}").as_bytes().first_chunk().unwrap())
                });
                // SAFETY: AVX2 was found.
                proptest::prop_assert_eq!(unsafe { x86::values_avx2(words) }, numbers);
                proptest::prop_assert_eq!(values_portably(words), numbers);
            }
        }
    }
}

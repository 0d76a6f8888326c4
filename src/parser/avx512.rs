//! Plain rows on AVX-512, without a branch that depends on what a row says.
//!
//! The ends of lines are found first, so that no row waits for the one before. Of the bytes of a row,
//! those that are no digits tell where its fields end (by their places) and whether it is plain (by
//! themselves, in order: `deposit,,,.` and a newline, say); what plain rows look like is in a table.
//! One permutation brings the digits of all fields to where they are valued together.
//!
//! What limits the speed is less how many instructions a row takes than how long the first of them
//! keeps the last waiting, since a processor looks ahead for no more than a few rows.
//!
//! It understands no row that the fast path does not understand, and all of those but long ones:
//! those of more than 64 bytes, or with more than eight digits in a field. Ids of more digits are
//! read where that is asked for; to be ready for them slows the other rows down by a tenth.
//! The two are compared by property test and fuzz target (`row`); the bench `parser` shows both.
#![expect(unsafe_code, reason = "vectors are loaded and stored by address")]

use std::arch::x86_64::{
    __m128i, __m256i, __m512i, _mm_add_epi64, _mm_cvtsi128_si32, _mm_cvtsi128_si64,
    _mm_extract_epi64, _mm_loadu_si128, _mm_mul_epu32, _mm_set1_epi64x, _mm_testz_si128,
    _mm_unpackhi_epi64, _mm_xor_si128, _mm256_add_epi8, _mm256_add_epi64, _mm256_and_si256,
    _mm256_blend_epi32, _mm256_castsi256_si128, _mm256_cmpgt_epi8_mask, _mm256_cmpgt_epu8_mask,
    _mm256_extracti128_si256, _mm256_loadu_si256, _mm256_madd_epi16, _mm256_maddubs_epi16,
    _mm256_mask_cmplt_epi8_mask, _mm256_mul_epu32, _mm256_permute4x64_epi64,
    _mm256_permutexvar_epi8, _mm256_set1_epi8, _mm256_set1_epi16, _mm256_set1_epi32,
    _mm256_set1_epi64x, _mm256_srli_epi64, _mm256_sub_epi8, _mm512_add_epi32,
    _mm512_castsi256_si512, _mm512_castsi512_si128, _mm512_castsi512_si256, _mm512_cmpeq_epi8_mask,
    _mm512_cmpgt_epu8_mask, _mm512_cvtepu8_epi32, _mm512_loadu_si512, _mm512_maskz_compress_epi8,
    _mm512_maskz_permutexvar_epi8, _mm512_set1_epi8, _mm512_set1_epi32, _mm512_storeu_si512,
    _mm512_sub_epi8, _pext_u64,
};

use super::fast::{self, PlainRow, RUN_ROWS, Run, index};
use super::layout::IdLimits;
use super::shape::{self, HEADS, SHAPES, Shape, WINDOW};
use crate::amount::Amount;
use crate::prefetch::prefetch_at;

/// Bytes in which the ends of lines are found before the rows are read, in chunks. A plain row that
/// is not long ends in as many bytes as a chunk has.
const STRETCH: usize = 512;
const CHUNK: usize = 64;
/// Ends of lines that are found in a chunk; where there are more, the stretch ends with them.
const CHUNK_LINES: usize = 16;

/// The ends of lines of a stretch.
type Ends = [u32; STRETCH / CHUNK * CHUNK_LINES];

/// Bytes that must follow the start of a stretch: itself, and what is read with its last row.
const REACH: usize = STRETCH + 64;

/// How far ahead of a stretch the input is fetched, in bytes.
const AHEAD: usize = 1024;

/// Reads plain rows from `at` on until the slots are full or a row is not plain or may be too long,
/// or the end of the bytes is near; tells how far it came, and whether the next row is not plain.
#[target_feature(
    enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,avx2,sse4.1,bmi1,bmi2,lzcnt,popcnt"
)]
pub(super) fn read<const LONG_IDS: bool>(
    slots: &mut [PlainRow; RUN_ROWS],
    from: usize,
    bytes: &[u8],
    mut at: usize,
    limits: Option<IdLimits>,
) -> Run {
    let mut slots = if LONG_IDS { slots[from..].iter_mut() } else { slots.iter_mut() };
    let mut ends = [0; STRETCH / CHUNK * CHUNK_LINES];
    while slots.len() > 0
        && let Some(reach) = bytes.get(at..).and_then(<[u8]>::first_chunk)
    {
        for chunk in 0..STRETCH / CHUNK {
            prefetch_at(bytes, at.wrapping_add(AHEAD + chunk * CHUNK));
        }
        let lines = find_ends(reach, &mut ends);
        let mut start = 0;
        for (&end, slot) in ends[..lines].iter().zip(&mut slots) {
            // The mask changes nothing, and spares the look whether all of this is within reach.
            let row = match reach[index(start) & (STRETCH - 1)..].first_chunk() {
                Some(window) => read_row::<LONG_IDS>(window, limits),
                None => Err(Unread::Long),
            };
            match row {
                Ok(row) => *slot = PlainRow { offset: fast::offset(at).wrapping_add(start), ..row },
                Err(unread) => {
                    let is_long = unread == Unread::Long || index(end - start) >= CHUNK;
                    let count = RUN_ROWS - slots.len() - 1;
                    return Run { count, next: at + index(start), is_odd: !is_long };
                }
            }
            start = end.wrapping_add(1);
        }
        if start == 0 {
            break;
        }
        at += index(start);
    }
    Run { count: RUN_ROWS - slots.len(), next: at, is_odd: false }
}

/// Why a row is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unread {
    /// It is not plain.
    Odd,
    /// It may be plain, with more digits in a field than are read here.
    Long,
}

/// Finds the ends of lines in a stretch, in order; tells how many.
#[inline]
#[target_feature(
    enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,avx2,sse4.1,bmi1,bmi2,lzcnt,popcnt"
)]
fn find_ends(reach: &[u8; REACH], ends: &mut Ends) -> usize {
    let newline = _mm512_set1_epi8(b'\n'.cast_signed());
    let (chunks, _) = reach[..STRETCH].as_chunks();
    let (mut count, mut start) = (0, 0);
    for chunk in chunks {
        let newlines = _mm512_cmpeq_epi8_mask(load_chunk(chunk), newline);
        let Some(room) = ends[count..].first_chunk_mut() else { break };
        list(newlines, start, room);
        let lines = index(newlines.count_ones());
        count += lines.min(CHUNK_LINES);
        if lines > CHUNK_LINES {
            break;
        }
        start += 64;
    }
    count
}

/// Lists the first places of the ones in a mask, from `start` on. What stands behind them in the
/// room means nothing.
#[inline]
#[target_feature(
    enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,avx2,sse4.1,bmi1,bmi2,lzcnt,popcnt"
)]
fn list(mask: u64, start: i32, room: &mut [u32; CHUNK_LINES]) {
    let places = _mm512_maskz_compress_epi8(mask, load_chunk(&ascending()));
    let places = _mm512_cvtepu8_epi32(_mm512_castsi512_si128(places));
    let places = _mm512_add_epi32(places, _mm512_set1_epi32(start));
    // SAFETY: there is room for sixteen numbers of four bytes each, wherever it starts.
    unsafe { _mm512_storeu_si512(room.as_mut_ptr().cast(), places) };
}

/// Adds the places of three bytes in chunks of a text to `found`, in order, counted from its start.
#[target_feature(
    enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,avx2,sse4.1,bmi1,bmi2,lzcnt,popcnt"
)]
pub(super) fn find(chunks: &[[u8; CHUNK]], wanted: [u8; 3], found: &mut Vec<u32>) {
    let [first, second, third] = wanted.map(|byte| _mm512_set1_epi8(byte.cast_signed()));
    let mut count = found.len();
    let mut start = 0;
    for chunk in chunks {
        prefetch_at(chunk, AHEAD);
        let text = load_chunk(chunk);
        let mut hits = _mm512_cmpeq_epi8_mask(text, first)
            | _mm512_cmpeq_epi8_mask(text, second)
            | _mm512_cmpeq_epi8_mask(text, third);
        // Most chunks have none or one.
        loop {
            if found.len() < count + CHUNK_LINES {
                found.resize(2 * count + CHUNK_LINES, 0);
            }
            let Some(room) = found[count..].first_chunk_mut() else { break };
            list(hits, start, room);
            let listed = index(hits.count_ones()).min(CHUNK_LINES);
            count += listed;
            if listed < CHUNK_LINES {
                break;
            }
            for _ in 0..listed {
                hits &= hits.wrapping_sub(1);
            }
        }
        start += 64;
    }
    found.truncate(count);
}

/// Reads the row at the start of a window.
#[inline]
#[target_feature(
    enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,avx2,sse4.1,bmi1,bmi2,lzcnt,popcnt"
)]
fn read_row<const LONG_IDS: bool>(
    window: &[u8; CHUNK],
    limits: Option<IdLimits>,
) -> Result<PlainRow, Unread> {
    let text = load_chunk(window);
    let values = _mm512_sub_epi8(text, _mm512_set1_epi8(0x30));
    let others = _mm512_cmpgt_epu8_mask(values, _mm512_set1_epi8(9));
    // The bytes that are no digits, in order, and their places.
    let signs = _mm512_castsi512_si128(_mm512_maskz_compress_epi8(others, text));
    let places = _mm512_maskz_compress_epi8(others, load_chunk(&ascending()));
    let places = _mm512_castsi512_si256(places);

    let head = &HEADS[fast::slot(
        u64::from_le_bytes(*window.first_chunk().ok_or(Unread::Long)?),
        fast::MULTIPLIER,
    )];
    let telling = _pext_u64(_mm_extract_epi64::<1>(signs).cast_unsigned(), head.telling);
    let shape = &SHAPES[shape::place(head, telling)];
    let differ = _mm_xor_si128(signs, load_few(&shape.signs));
    if _mm_testz_si128(differ, load_few(&shape.signs_mask)) == 0 {
        return Err(Unread::Odd);
    }
    // In the eight bytes of each field, its end and that of the field before.
    let ends = _mm256_permutexvar_epi8(load(&head.ends), places);
    let before = _mm256_permutexvar_epi8(load(&head.before), places);
    let gaps = _mm256_sub_epi8(_mm256_sub_epi8(ends, before), load(&shape.least_gaps));
    // Digits within the type would be overlooked if it were not for its length.
    let comma = _mm_cvtsi128_si32(_mm256_castsi256_si128(before)).cast_unsigned() & 0xff;
    if comma != head.comma || are_long::<LONG_IDS>(gaps, shape) {
        return Err(Unread::Long);
    }
    // Digits end where their field does; decimals start where the whole ends.
    let origins = _mm256_blend_epi32::<0b1100_0000>(ends, before);
    let places = _mm256_add_epi8(origins, load(&STEPS));
    let are_behind = _mm256_cmpgt_epi8_mask(places, before);
    let are_within = _mm256_mask_cmplt_epi8_mask(are_behind, places, ends);
    let fields = _mm256_and_si256(picked(values, places, are_within), load(&shape.fields));
    let (ids, money) = (_mm256_castsi256_si128(fields), _mm256_extracti128_si256::<1>(fields));
    let whole = _mm_mul_epu32(money, _mm_set1_epi64x(10_000));
    let units = _mm_cvtsi128_si64(_mm_add_epi64(whole, _mm_unpackhi_epi64(money, money)));
    // Eight digits and four: far below the largest amount.
    let amount = Amount::from_units(units.cast_unsigned());
    if amount.is_none() & head.kind.moves_money() {
        return Err(Unread::Long);
    }
    let mut client = _mm_cvtsi128_si64(ids).cast_unsigned();
    let mut tx = _mm_extract_epi64::<1>(ids).cast_unsigned();
    if LONG_IDS {
        let [above_client, above_tx] = before_last_eight(values, ends, before);
        client = beyond_eight(above_client, client).ok_or(Unread::Long)?;
        tx = beyond_eight(above_tx, tx).ok_or(Unread::Long)?;
    }
    if let Some(limits) = limits
        && fast::is_beyond(client, tx, limits)
    {
        return Err(Unread::Long);
    }
    Ok(PlainRow { client, tx, amount, offset: 0, kind: head.kind, note: 0, line: 0 })
}

/// Tells whether a field has too many digits, or none, from how many it has beyond the least.
#[inline]
#[target_feature(
    enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,avx2,sse4.1,bmi1,bmi2,lzcnt,popcnt"
)]
fn are_long<const LONG_IDS: bool>(gaps: __m256i, shape: &Shape) -> bool {
    let are_long = _mm256_cmpgt_epu8_mask(gaps, load(&shape.more_gaps));
    if LONG_IDS {
        let are_too_long = _mm256_cmpgt_epu8_mask(gaps, _mm256_set1_epi8(MORE_IN_LONG_ID));
        return are_long & (!IDS | are_too_long) != 0;
    }
    are_long != 0
}

/// Gives the value of what a client and a transaction have before their last eight digits, twelve
/// digits at most.
#[inline]
#[target_feature(
    enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,avx2,sse4.1,bmi1,bmi2,lzcnt,popcnt"
)]
fn before_last_eight(values: __m512i, ends: __m256i, before: __m256i) -> [u64; 2] {
    // Of each of the two eight digits, and of each those before.
    let ends = _mm256_permute4x64_epi64::<0b01_00_01_00>(ends);
    let before = _mm256_permute4x64_epi64::<0b01_00_01_00>(before);
    let places = _mm256_add_epi8(ends, load(&STEPS_BEFORE));
    let eights = picked(values, places, _mm256_cmpgt_epi8_mask(places, before));
    let (later, earlier) = (_mm256_castsi256_si128(eights), _mm256_extracti128_si256::<1>(eights));
    let scaled = _mm_mul_epu32(earlier, _mm_set1_epi64x(EIGHT_DIGITS.cast_signed()));
    let sums = _mm_add_epi64(scaled, later);
    [_mm_cvtsi128_si64(sums).cast_unsigned(), _mm_extract_epi64::<1>(sums).cast_unsigned()]
}

/// One more than the largest number of eight digits.
const EIGHT_DIGITS: u64 = 100_000_000;

/// Gives the value of an id from that of its last eight digits and that of those before, if it fits.
#[inline]
fn beyond_eight(above: u64, last: u64) -> Option<u64> {
    above.checked_mul(EIGHT_DIGITS)?.checked_add(last)
}

/// Finds the first newline of a text, if it is among the first bytes.
#[target_feature(
    enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,avx2,sse4.1,bmi1,bmi2,lzcnt,popcnt"
)]
pub(super) fn find_line_end(bytes: &[u8]) -> Option<usize> {
    let newline = _mm512_set1_epi8(b'\n'.cast_signed());
    let newlines = _mm512_cmpeq_epi8_mask(load_chunk(bytes.first_chunk()?), newline);
    (newlines != 0).then(|| index(newlines.trailing_zeros()))
}

/// Reads the row at the start of a text, if it is plain and not too long.
#[target_feature(
    enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,avx2,sse4.1,bmi1,bmi2,lzcnt,popcnt"
)]
pub(super) fn read_one(bytes: &[u8], limits: Option<IdLimits>) -> Option<PlainRow> {
    read_row::<false>(bytes.first_chunk()?, limits).ok()
}

/// Picks digits from places, as far as the mask says, and gives the values of four times eight.
#[inline]
#[target_feature(
    enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,avx2,sse4.1,bmi1,bmi2,lzcnt,popcnt"
)]
fn picked(values: __m512i, places: __m256i, mask: u32) -> __m256i {
    let places = _mm512_castsi256_si512(places);
    let digits = _mm512_maskz_permutexvar_epi8(u64::from(mask), places, values);
    let digits = _mm512_castsi512_si256(digits);
    // Each constant is two factors, 1 for the later half and 10 or 100 for the earlier.
    let pairs = _mm256_maddubs_epi16(digits, _mm256_set1_epi16(0x010a));
    let quadruples = _mm256_madd_epi16(pairs, _mm256_set1_epi32(0x0001_0064));
    let earlier = _mm256_mul_epu32(quadruples, _mm256_set1_epi64x(10_000));
    _mm256_add_epi64(earlier, _mm256_srli_epi64::<32>(quadruples))
}

/// From the end of a field to its eight digits, and from the end of a whole to four decimals.
const STEPS: [u8; WINDOW] = {
    let (mut steps, mut at) = (ascending(), 0);
    while at < WINDOW {
        let back = if at < 24 { 8 } else { 3 };
        steps[at] = (steps[at] % 8).wrapping_sub(back);
        at += 1;
    }
    steps
};

/// From the end of a client and a transaction to the eight digits before their last eight, and to
/// those before.
const STEPS_BEFORE: [u8; WINDOW] = {
    let (mut steps, mut at) = (ascending(), 0);
    while at < WINDOW {
        let back = if at < 16 { 16 } else { 24 };
        steps[at] = (steps[at] % 8).wrapping_sub(back);
        at += 1;
    }
    steps
};

/// The bytes of a window that belong to ids.
const IDS: u32 = 0xffff;
/// An id has one digit, and at most so many more: those of 2⁶⁴.
const MORE_IN_LONG_ID: i8 = 19;

#[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "at most 64")]
const fn ascending<const N: usize>() -> [u8; N] {
    let (mut bytes, mut at) = ([0; N], 0);
    while at < N {
        bytes[at] = at as u8;
        at += 1;
    }
    bytes
}

#[inline]
#[target_feature(
    enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,avx2,sse4.1,bmi1,bmi2,lzcnt,popcnt"
)]
fn load_few(bytes: &[u8; 16]) -> __m128i {
    // SAFETY: the reference is to 16 bytes, which may stand anywhere.
    unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
}

#[inline]
#[target_feature(
    enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,avx2,sse4.1,bmi1,bmi2,lzcnt,popcnt"
)]
fn load(window: &[u8; WINDOW]) -> __m256i {
    // SAFETY: the reference is to 32 bytes, which may stand anywhere.
    unsafe { _mm256_loadu_si256(window.as_ptr().cast()) }
}

#[inline]
#[target_feature(
    enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,avx2,sse4.1,bmi1,bmi2,lzcnt,popcnt"
)]
fn load_chunk(chunk: &[u8; CHUNK]) -> __m512i {
    // SAFETY: the reference is to 64 bytes, which may stand anywhere.
    unsafe { _mm512_loadu_si512(chunk.as_ptr().cast()) }
}

//! Compressed inputs: the bytes of some rows, compressed in one piece or several, have the result of
//! the rows themselves; what is cut, changed or made up ends in an error or in what it decompresses
//! to, never in a panic and never beyond the limit.
//!
//! The first byte chooses the format and what happens to it, the second and the third a place; the
//! rest are rows, or the bytes of a stream.
#![no_main]

use std::cell::RefCell;
use std::io::{Cursor, Read, Write};
use std::num::NonZeroUsize;

use flate2::Compression;
use flate2::bufread::GzDecoder;
use flate2::write::GzEncoder;
use libfuzzer_sys::fuzz_target;
use millrace::input::InputError;
use millrace::ledger::SortedAccounts;
use millrace::summary::Counts;
use millrace::{Config, Input, Recall, RunError, Sinks, Threads, run};
use ruzstd::decoding::StreamingDecoder;
use ruzstd::encoding::{CompressionLevel, FrameCompressor};

const HEADER: &[u8] = b"type,client,tx,amount\n";
const GZIP: &[u8] = b"\x1f\x8b";
const ZSTD: &[u8] = b"\x28\xb5\x2f\xfd";
/// Far more than any input here should become.
const LIMIT_BYTES: u64 = 1 << 16;
const MOST_BYTES: usize = 1 << 16;

/// The member or frame of an empty text, made by others than the encoders used here.
const EMPTY_GZIP: &[u8] = b"\x1f\x8b\x08\0\0\0\0\0\0\x03\x03\0\0\0\0\0\0\0\0\0";
const SKIPPABLE: &[u8] = b"\x5a\x2a\x4d\x18\x03\0\0\0abc";

#[derive(Clone, Copy, PartialEq)]
enum Format {
    Gzip,
    Zstd,
}

/// What a run says.
#[derive(Debug, PartialEq)]
struct Findings {
    accounts: SortedAccounts,
    refused: Counts,
    rows: u64,
    blank_lines: u64,
    bytes: u64,
}

type Found = Result<Findings, RunError>;

fuzz_target!(|data: &[u8]| {
    let [choice, first, second, rest @ ..] = data else { return };
    let format = if choice & 1 == 0 { Format::Gzip } else { Format::Zstd };
    let place = usize::from(*first) | usize::from(*second) << 8;
    if choice & 6 == 6 {
        let magic = if format == Format::Gzip { GZIP } else { ZSTD };
        check_any(&[magic, rest].concat(), *choice);
        return;
    }
    let plain = [HEADER, rest].concat();
    let pieces = compress(&plain, format, choice >> 3 & 3, place);
    let compressed = pieces.concat();
    match choice & 6 {
        0 => check_whole(&plain, compressed, place, *choice),
        2 => check_cut(&compressed, &pieces, place, *choice),
        _ => check_changed(compressed, place, *first, *choice),
    }
});

/// Compresses a text in one piece and up to three: each is a file by itself.
fn compress(plain: &[u8], format: Format, more: u8, place: usize) -> Vec<Vec<u8>> {
    let (mut pieces, mut rest) = (Vec::new(), plain);
    for nth in 0..more {
        if nth == 1 {
            let others = if format == Format::Gzip { EMPTY_GZIP } else { SKIPPABLE };
            pieces.push(others.to_vec());
            continue;
        }
        let (piece, after) = rest.split_at(place % (rest.len() + 1));
        pieces.push(compress_piece(piece, format, place));
        rest = after;
    }
    pieces.push(compress_piece(rest, format, place));
    pieces
}

type Compressor = FrameCompressor<Cursor<Vec<u8>>, Vec<u8>, ruzstd::encoding::MatchGeneratorDriver>;

thread_local! {
    /// They take longer to make than to use.
    static COMPRESSORS: RefCell<[Compressor; 2]> = RefCell::new([
        FrameCompressor::new(CompressionLevel::Uncompressed),
        FrameCompressor::new(CompressionLevel::Fastest),
    ]);
}

fn compress_piece(plain: &[u8], format: Format, place: usize) -> Vec<u8> {
    match format {
        Format::Gzip => {
            let level = [Compression::none(), Compression::fast()][place % 2];
            let mut encoder = GzEncoder::new(Vec::new(), level);
            encoder.write_all(plain).expect("memory");
            encoder.finish().expect("memory")
        }
        Format::Zstd => COMPRESSORS.with_borrow_mut(|compressors| {
            let compressor = &mut compressors[place % 2];
            compressor.set_source(Cursor::new(plain.to_vec()));
            compressor.set_drain(Vec::new());
            compressor.compress();
            compressor.take_drain().expect("it was given one")
        }),
    }
}

/// Runs bytes; the choice says whether they come as a stream and what is remembered.
fn findings(bytes: Vec<u8>, limit_bytes: u64, choice: u8) -> Found {
    let config = Config {
        workers: NonZeroUsize::new(1),
        threads: Threads::Never,
        recall: if choice & 0x20 == 0 { Recall::Named } else { Recall::All },
        batch_rows: 16,
        queue_batches: 1,
        max_input_bytes: limit_bytes,
        ..Config::default()
    };
    let input = match choice & 0x40 {
        0 => Input::bytes("it", bytes),
        _ => Input::reader("it", Cursor::new(bytes)),
    };
    let found = run(&config, vec![input], Sinks::default());
    let report = found.inspect_err(|error| {
        let is_expected = matches!(
            error,
            RunError::Input(
                InputError::Read { .. } | InputError::TooLarge { .. } | InputError::Format { .. }
            )
        );
        assert!(is_expected, "{error:?}");
    })?;
    let summary = report.summary;
    assert!(summary.is_balanced());
    Ok(Findings {
        accounts: report.accounts,
        refused: summary.refused,
        rows: summary.rows,
        blank_lines: summary.blank_lines,
        bytes: summary.bytes,
    })
}

fn assert_same(left: &Found, right: &Found) {
    match (left, right) {
        (Ok(left), Ok(right)) => assert_eq!(left, right),
        (Err(left), Err(right)) => assert_eq!(left.to_string(), right.to_string()),
        _ => panic!("{left:?} and {right:?}"),
    }
}

/// What is whole has the result of the plain text, up to the limit and not beyond.
fn check_whole(plain: &[u8], compressed: Vec<u8>, place: usize, choice: u8) {
    let size = u64::try_from(plain.len()).expect("64 bits");
    let expected = findings(plain.to_vec(), 0, choice);
    if choice & 0x80 == 0 {
        assert_same(&findings(compressed, LIMIT_BYTES, choice), &expected);
        return;
    }
    let limit_bytes = (size + 8).saturating_sub(u64::try_from(place % 32).expect("64 bits"));
    let found = findings(compressed, limit_bytes, choice);
    if size <= limit_bytes {
        assert_same(&found, &expected);
    } else {
        assert!(matches!(found, Err(RunError::Input(InputError::TooLarge { .. }))), "{found:?}");
    }
}

/// What is cut is noticed, unless whole pieces are left.
fn check_cut(compressed: &[u8], pieces: &[Vec<u8>], place: usize, choice: u8) {
    let kept = place % (compressed.len() + 1);
    let mut end = 0;
    let is_whole = kept == 0
        || pieces.iter().any(|piece| {
            end += piece.len();
            end == kept
        });
    let cut = &compressed[..kept];
    check_any(cut, choice);
    assert!(!is_compressed(cut) || decompress(cut).is_some() == is_whole, "{kept} bytes");
}

/// A changed bit is noticed, or does not matter.
fn check_changed(mut compressed: Vec<u8>, place: usize, change: u8, choice: u8) {
    let at = place % compressed.len();
    compressed[at] ^= 1 << (change >> 5 & 7);
    check_any(&compressed, choice);
}

/// What a stream becomes by other means is what is read; what becomes nothing is an error.
fn check_any(stream: &[u8], choice: u8) {
    let found = findings(stream.to_vec(), LIMIT_BYTES, choice);
    match decompress(stream) {
        Some(plain) if plain.len() <= MOST_BYTES => {
            // What is compressed twice is not decompressed twice.
            if is_compressed(stream) && is_compressed(&plain) {
                assert!(found.is_err(), "{found:?}");
            } else {
                assert_same(&found, &findings(plain, LIMIT_BYTES, choice));
            }
        }
        _ => assert!(found.is_err(), "{found:?}"),
    }
}

fn is_compressed(bytes: &[u8]) -> bool {
    let is_skippable = matches!(bytes, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..]);
    is_skippable || bytes.starts_with(GZIP) || bytes.starts_with(ZSTD)
}

/// Decompresses a whole stream by other means, or as much as is beyond the limit; `None` if it is
/// broken.
fn decompress(stream: &[u8]) -> Option<Vec<u8>> {
    if !is_compressed(stream) {
        return Some(stream.to_vec());
    }
    let is_gzip = stream.starts_with(GZIP);
    let (mut plain, mut rest) = (Vec::new(), stream);
    while !rest.is_empty() && plain.len() <= MOST_BYTES {
        rest = if is_gzip { gunzip(rest, &mut plain)? } else { unzstd(rest, &mut plain)? };
    }
    Some(plain)
}

/// Decompresses a member and gives what follows it.
fn gunzip<'s>(stream: &'s [u8], plain: &mut Vec<u8>) -> Option<&'s [u8]> {
    let mut decoder = GzDecoder::new(stream);
    decoder.by_ref().take(LIMIT_BYTES + 1).read_to_end(plain).ok()?;
    Some(decoder.into_inner())
}

/// Decompresses a frame, or skips one, and gives what follows it.
fn unzstd<'s>(mut stream: &'s [u8], plain: &mut Vec<u8>) -> Option<&'s [u8]> {
    if let [0x50..=0x5f, 0x2a, 0x4d, 0x18, a, b, c, d, after @ ..] = stream {
        let length = usize::try_from(u32::from_le_bytes([*a, *b, *c, *d])).ok()?;
        return after.get(length..);
    }
    let mut decoder = StreamingDecoder::new(&mut stream).ok()?;
    let before = plain.len();
    decoder.by_ref().take(LIMIT_BYTES + 1).read_to_end(plain).ok()?;
    let (frame, size) = (&decoder.decoder, plain.len() - before);
    let is_whole = [0, u64::try_from(size).ok()?].contains(&frame.content_size());
    let stored = frame.get_checksum_from_data();
    let is_right = stored.is_none() || stored == frame.get_calculated_checksum();
    // What is beyond the limit is not read to its end.
    ((is_whole && is_right) || plain.len() > MOST_BYTES).then_some(stream)
}

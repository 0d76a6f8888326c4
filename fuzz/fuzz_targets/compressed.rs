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
use flate2::write::GzEncoder;
use libfuzzer_sys::fuzz_target;
use millrace::input::InputError;
use millrace::ledger::SortedAccounts;
use millrace::summary::Counts;
use millrace::{Config, Input, Recall, RunError, Sinks, Threads, run};
use ruzstd::decoding::FrameDecoder;
use ruzstd::encoding::{CompressionLevel, FrameCompressor};

const HEADER: &[u8] = b"type,client,tx,amount\n";
const GZIP: &[u8] = b"\x1f\x8b";
const ZSTD: &[u8] = b"\x28\xb5\x2f\xfd";
/// Far more than any input here should become.
const LIMIT_BYTES: u64 = 1 << 16;

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
        2 => check_cut(&plain, &compressed, &pieces, place, *choice),
        _ => check_changed(&plain, compressed, place, *first, *choice),
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
fn check_cut(plain: &[u8], compressed: &[u8], pieces: &[Vec<u8>], place: usize, choice: u8) {
    let kept = place % (compressed.len() + 1);
    let found = findings(compressed[..kept].to_vec(), LIMIT_BYTES, choice);
    if kept == compressed.len() {
        assert_same(&found, &findings(plain.to_vec(), LIMIT_BYTES, choice));
        return;
    }
    let mut ends = pieces.iter().scan(0, |end, piece| {
        *end += piece.len();
        Some(*end)
    });
    if ends.all(|end| end != kept) {
        assert!(found.is_err(), "cut after {kept} bytes of {}: {found:?}", compressed.len());
    }
}

/// A byte that is changed is noticed, or does not matter.
fn check_changed(plain: &[u8], mut compressed: Vec<u8>, place: usize, change: u8, choice: u8) {
    let at = place % compressed.len();
    compressed[at] ^= 1 << (change >> 5 & 7);
    let decompressed = decompress(&compressed);
    if let Ok(found) = findings(compressed, LIMIT_BYTES, choice) {
        let expected = findings(plain.to_vec(), LIMIT_BYTES, choice);
        // A frame that has become a skippable one leaves its rows out.
        let is_same = expected.as_ref().is_ok_and(|expected| *expected == found);
        assert!(is_same || decompressed.is_some_and(|it| it != plain), "{found:?}");
    }
}

/// What a stream becomes decides, if it becomes anything.
fn check_any(stream: &[u8], choice: u8) {
    let found = findings(stream.to_vec(), LIMIT_BYTES, choice);
    match decompress(stream) {
        Some(plain) if u64::try_from(plain.len()).is_ok_and(|size| size <= LIMIT_BYTES) => {
            if let Ok(found) = found {
                let expected = findings(plain, LIMIT_BYTES, choice).expect("the same text");
                assert_eq!(found, expected);
            }
        }
        _ => assert!(found.is_err(), "{found:?}"),
    }
}

/// Decompresses a whole stream by other means; `None` if it is broken.
fn decompress(stream: &[u8]) -> Option<Vec<u8>> {
    let most = LIMIT_BYTES + 1;
    let mut plain = Vec::new();
    if stream.starts_with(GZIP) {
        let mut rest = stream;
        while !rest.is_empty() {
            let mut decoder = flate2::bufread::GzDecoder::new(rest);
            decoder.by_ref().take(most).read_to_end(&mut plain).ok()?;
            rest = decoder.into_inner();
            if plain.len() > usize::try_from(LIMIT_BYTES).ok()? {
                break;
            }
        }
        return Some(plain);
    }
    let mut rest = stream;
    while !rest.is_empty() {
        if let [0x50..=0x5f, 0x2a, 0x4d, 0x18, a, b, c, d, after @ ..] = rest {
            let length = usize::try_from(u32::from_le_bytes([*a, *b, *c, *d])).ok()?;
            rest = after.get(length..)?;
            continue;
        }
        let mut decoder = ruzstd::decoding::StreamingDecoder::new(&mut rest).ok()?;
        decoder.by_ref().take(most).read_to_end(&mut plain).ok()?;
        let frame: &FrameDecoder = &decoder.decoder;
        let stored = frame.get_checksum_from_data();
        if stored.is_some() && stored != frame.get_calculated_checksum() {
            return None;
        }
        if plain.len() > usize::try_from(LIMIT_BYTES).ok()? {
            break;
        }
    }
    Some(plain)
}

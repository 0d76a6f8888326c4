//! Compressed inputs: every member and frame of them, and none that is broken.

use super::*;

use flate2::Compression;
use flate2::write::GzEncoder;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    compress_to_vec(bytes, CompressionLevel::Fastest)
}

/// A frame of one raw block that says that it holds `size` bytes (RFC 8878, 3.1.1).
fn raw_zstd(bytes: &[u8], size: usize) -> Vec<u8> {
    // A single segment, the size in four bytes, no checksum.
    let mut frame = b"\x28\xb5\x2f\xfd\xa0".to_vec();
    frame.extend(u32::try_from(size).unwrap().to_le_bytes());
    // The last block, raw.
    frame.extend(&u32::try_from(bytes.len() << 3 | 1).unwrap().to_le_bytes()[..3]);
    [&frame[..], bytes].concat()
}

/// A frame of user data, which a reader of zstd skips (RFC 8878, 3.1.2).
fn skippable(user_data: &[u8]) -> Vec<u8> {
    let length = u32::try_from(user_data.len()).unwrap().to_le_bytes();
    [b"\x5a\x2a\x4d\x18", &length[..], user_data].concat()
}

/// Reads compressed bytes from memory, as a file and as a stream.
fn open_compressed(bytes: &[u8], opening: &Opening) -> [Result<Vec<Placed>, InputError>; 4] {
    let file = file_of(bytes);
    let inputs =
        [Input::bytes("it", bytes), Input::path(file.path()), trickle(bytes, 1), trickle(bytes, 7)];
    inputs.map(|input| {
        let mut source = Source::open(input, opening)?;
        assert!(source.is_stream());
        source.spool(opening)?;
        Ok(rows_of_source(&source, 70))
    })
}

#[test]
fn all_members_and_frames_of_compressed_inputs_are_read() {
    let text = short_rows(["\r\n", "\n"]) + &row_of(100 << 10) + "\ndispute,1,1";
    let expected = rows_of_bytes(text.as_bytes());
    // Cut in the header and in a row.
    let (header, rest) = text.as_bytes().split_at(7);
    let (some, others) = rest.split_at(600);
    let empty = skippable(b"");
    let note = skippable(&[7; 1000]);
    for compressed in [
        gzip(text.as_bytes()),
        [gzip(header), gzip(some), gzip(b""), gzip(others)].concat(),
        zstd(text.as_bytes()),
        raw_zstd(text.as_bytes(), text.len()),
        [zstd(header), zstd(b""), zstd(some), zstd(others)].concat(),
        [empty, zstd(header), note.clone(), zstd(some), zstd(others), note].concat(),
    ] {
        for rows in open_compressed(&compressed, &opening(Io::Read)) {
            assert_eq!(rows.unwrap(), expected);
        }
    }
}

#[test]
fn broken_compressed_inputs_are_errors() {
    let text = short_rows(["\n"; 2]);
    let (gzip, zstd) = (gzip(text.as_bytes()), zstd(text.as_bytes()));
    let changed = |bytes: &[u8], from_end: usize| {
        let mut bytes = bytes.to_vec();
        let at = bytes.len() - from_end;
        bytes[at] ^= 1;
        bytes
    };
    let half = |bytes: &[u8]| bytes[..bytes.len() / 2].to_vec();
    let all_but_one = |bytes: &[u8]| bytes[..bytes.len() - 1].to_vec();
    for (what, compressed) in [
        ("half a gzip", half(&gzip)),
        ("a gzip without its last byte", all_but_one(&gzip)),
        ("a gzip of another checksum", changed(&gzip, 8)),
        ("a gzip of another length", changed(&gzip, 1)),
        ("a gzip and something else", [&gzip[..], b"deposit,1,1,1\n"].concat()),
        ("half a zstd", half(&zstd)),
        ("a zstd without its last byte", all_but_one(&zstd)),
        ("a zstd of another checksum", changed(&zstd, 1)),
        ("a zstd and something else", [&zstd[..], b"deposit,1,1,1\n"].concat()),
        ("a zstd shorter than it says", raw_zstd(text.as_bytes(), text.len() + 5000)),
        ("a zstd and half a frame to skip", [&zstd[..], &half(&skippable(&[0; 100]))].concat()),
    ] {
        for rows in open_compressed(&compressed, &opening(Io::Read)) {
            assert!(matches!(rows, Err(InputError::Read { .. })), "{what}: {rows:?}");
        }
    }
}

#[test]
fn compressed_inputs_are_read_up_to_the_limit_and_no_byte_further() {
    let text = short_rows(["\n"; 2]);
    let length = u64::try_from(text.len()).unwrap();
    for compressed in [gzip(text.as_bytes()), zstd(text.as_bytes())] {
        let limited = |max_input_bytes| Opening { max_input_bytes, ..opening(Io::Map) };
        for rows in open_compressed(&compressed, &limited(length)) {
            assert_eq!(rows.unwrap(), rows_of_bytes(text.as_bytes()));
        }
        // In the rows, in the header, and before it.
        for limit in [length - 1, 8, 0] {
            for rows in open_compressed(&compressed, &limited(limit)) {
                let is_refused = matches!(
                    rows,
                    Err(InputError::TooLarge { limit_bytes, .. }) if limit_bytes == limit
                );
                assert!(is_refused, "{limit}: {rows:?}");
            }
        }
    }
    // The limit is on what bytes become, not on what they are.
    let limited = Opening { max_input_bytes: 0, ..opening(Io::Map) };
    assert!(Source::open(Input::bytes("plain", text), &limited).is_ok());
}

/// Compressed bytes in memory had no label: their rows stood in the rejects of a run of several
/// inputs without the name of their input.
#[test]
fn compressed_bytes_in_memory_keep_their_name_for_the_rejects() {
    for bytes in [HEADER.as_bytes().to_vec(), gzip(HEADER.as_bytes()), zstd(HEADER.as_bytes())] {
        let source = Source::open(Input::bytes("may", bytes), &opening(Io::Map)).unwrap();
        assert_eq!((&source.name[..], &source.label[..]), ("may", &b"may"[..]));
    }
}

//! What a file's first bytes tell about it.

use super::error::FormatError;

/// Bytes that the longest signature takes.
pub(super) const LONGEST: usize = 8;

/// A compression that is read through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    Gzip,
    Zstd,
}

/// The byte-order mark of UTF-8.
pub(super) const UTF8_BOM: &[u8] = b"\xef\xbb\xbf";

/// Tells how an input that starts with `first` is compressed.
pub(super) fn compression(first: &[u8]) -> Option<Compression> {
    if first.starts_with(b"\x1f\x8b") {
        return Some(Compression::Gzip);
    }
    // A frame, or one of the sixteen kinds of skippable frame (RFC 8878, 3.1).
    let is_frame = first.starts_with(b"\x28\xb5\x2f\xfd");
    let is_skippable = matches!(first, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..]);
    (is_frame || is_skippable).then_some(Compression::Zstd)
}

/// Refuses what starts like a file of another kind.
pub(super) fn refuse_others(first: &[u8]) -> Result<(), FormatError> {
    // UTF-32 before UTF-16, whose little-endian mark it starts with.
    const ENCODINGS: [(&[u8], &str); 4] = [
        (b"\xff\xfe\0\0", "UTF-32 (little-endian)"),
        (b"\0\0\xfe\xff", "UTF-32 (big-endian)"),
        (b"\xff\xfe", "UTF-16 (little-endian)"),
        (b"\xfe\xff", "UTF-16 (big-endian)"),
    ];
    const OTHERS: [(&[u8], &str, &str); 10] = [
        (
            b"\xfd7zXZ\0",
            "an xz archive",
            "decompress it first, for example `xz -dc FILE | millrace -`",
        ),
        (
            b"BZh",
            "a bzip2 archive",
            "decompress it first, for example `bzip2 -dc FILE | millrace -`",
        ),
        (b"PK\x03\x04", "a zip archive or a spreadsheet", "unpack it, or save the sheet as CSV"),
        (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it first"),
        (
            b"\x04\x22\x4d\x18",
            "an lz4 archive",
            "decompress it first, for example `lz4 -dc FILE | millrace -`",
        ),
        (b"\xd0\xcf\x11\xe0", "an old Office file", "save the sheet as CSV"),
        (b"PAR1", "a Parquet file", "export it as CSV"),
        (b"%PDF", "a PDF", "export the table as CSV"),
        (b"\x1f\x8b", "compressed twice", "decompress it once first"),
        (b"\x28\xb5\x2f\xfd", "compressed twice", "decompress it once first"),
    ];
    if let Some((_, encoding)) = ENCODINGS.iter().find(|(mark, _)| first.starts_with(mark)) {
        return Err(FormatError::Encoding { encoding });
    }
    match OTHERS.iter().find(|(magic, ..)| first.starts_with(magic)) {
        Some((_, kind, hint)) => Err(FormatError::Other { kind, hint }),
        None => Ok(()),
    }
}

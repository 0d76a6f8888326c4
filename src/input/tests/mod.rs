//! Every way to read an input gives the same rows, and what is no transactions CSV is named.

mod compressed;

use super::*;
use std::io::Write;

use crate::outcome::Malformation;
use crate::parser::{Block, HeaderError, MAX_ROW_BYTES, RowError, Rows};
use crate::transaction::Transaction;

const HEADER: &str = "type,client,tx,amount\n";

/// Larger than a block and than what is kept of a row that is too long.
const BUFFER_BYTES: usize = 2 * MAX_ROW_BYTES;

fn opening(io: Io) -> Opening {
    Opening {
        digests: false,
        io,
        extra: ExtraColumns::default(),
        limits: IdLimits::default(),
        max_input_bytes: u64::MAX,
        interrupt: Interrupt::default(),
    }
}

/// Gives at most a few bytes at a time.
struct Trickle {
    bytes: Cursor<Vec<u8>>,
    most: usize,
}

impl Read for Trickle {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(self.most);
        self.bytes.read(&mut buffer[..most])
    }
}

fn trickle(bytes: &[u8], most: usize) -> Input {
    Input::reader("trickle", Trickle { bytes: Cursor::new(bytes.to_vec()), most })
}

fn file_of(bytes: &[u8]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    file
}

/// A row and its place: line, offset, meaning.
type Placed = (u64, u64, Result<Transaction, Malformation>);

fn place_rows(rows: Rows<'_, '_>) -> Vec<Placed> {
    let place = |row: Result<crate::parser::Row, RowError>| match row {
        Ok(row) => (row.line, row.offset_bytes, Ok(row.transaction)),
        Err(error) => (error.line, error.offset_bytes, Err(error.kind)),
    };
    rows.map(place).collect()
}

/// The rows of an input whose header is [`HEADER`], all in one block.
fn rows_of_bytes(bytes: &[u8]) -> Vec<Placed> {
    let block = Block {
        bytes: &bytes[HEADER.len()..],
        offset_bytes: u64::try_from(HEADER.len()).unwrap(),
        line: 2,
    };
    place_rows(Rows::strict(block, &Layout::default()))
}

/// Reads all blocks, from the line given; every block but the last must end with a newline, and
/// the blocks together must take every byte.
fn rows_of_blocks(mut blocks: Blocks<'_>, layout: &Layout, mut line: u64) -> Vec<Placed> {
    let mut placed = Vec::new();
    let mut is_ended = false;
    let mut end = blocks.offset_bytes();
    while let Some(block) = blocks.next().unwrap() {
        let bytes = block.bytes();
        assert!(!bytes.is_empty() && !is_ended);
        assert_eq!(block.offset_bytes, end);
        is_ended = !bytes.ends_with(b"\n");
        let mut rows = Rows::new(Block { bytes, offset_bytes: end, line }, layout);
        placed.extend(place_rows(rows.clone()));
        rows.by_ref().for_each(drop);
        line = rows.next_line();
        end = blocks.offset_bytes();
        blocks.recycle(block);
    }
    placed
}

fn rows_of_source(source: &Source, block_bytes: usize) -> Vec<Placed> {
    let blocks = source.blocks(block_bytes);
    rows_of_blocks(blocks, &source.layout, source.line)
}

/// Reads `bytes` from memory, as a map, at positions, as streams, and from a spool; the rows must
/// be those of the bytes themselves each time.
fn assert_same_rows(bytes: &[u8], block_sizes: &[usize]) {
    let expected = rows_of_bytes(bytes);
    let file = file_of(bytes);
    let path = || Input::path(file.path());
    let memory = || Input::bytes("memory", bytes);
    for (input, io) in [(memory(), Io::Map), (path(), Io::Map), (path(), Io::Read)] {
        let source = Source::open(input, &opening(io)).unwrap();
        for &block_bytes in block_sizes {
            assert_eq!(rows_of_source(&source, block_bytes), expected, "{io:?} {block_bytes}");
        }
    }
    for most in [1, 2, usize::MAX] {
        for &block_bytes in block_sizes {
            let source = Source::open(trickle(bytes, most), &opening(Io::Map)).unwrap();
            assert_eq!(rows_of_source(&source, block_bytes), expected, "{most} {block_bytes}");
        }
        let mut source = Source::open(trickle(bytes, most), &opening(Io::Read)).unwrap();
        source.spool(&opening(Io::Read)).unwrap();
        assert_eq!(rows_of_source(&source, 64), expected, "spooled {most}");
    }
}

fn small_blocks() -> Vec<usize> {
    (1..=70).collect()
}

/// A row of this many bytes without its line end: too long, or a legal one.
fn row_of(length_bytes: usize) -> String {
    const START: &str = "deposit,1,1,";
    START.to_owned() + &"0".repeat(length_bytes - START.len() - 1) + "5"
}

/// Rows of many lengths, so that line ends fall on both sides of every edge.
fn short_rows(line_ends: [&str; 2]) -> String {
    let mut text = HEADER.to_owned();
    for (index, line_end) in (0..60).zip(line_ends.into_iter().cycle()) {
        let row = match index % 6 {
            0 => format!("deposit,{index},{index},{:0>width$}", 7, width = 1 + index / 2),
            1 => format!("dispute,{index},{},", index - 1),
            2 => "not a row".to_owned(),
            3 => String::new(),
            4 => format!("\"withdrawal\", {index} ,{index},1"),
            _ => "resolve,5".to_owned(),
        };
        text += &row;
        text += line_end;
    }
    text
}

#[test]
fn short_rows_are_the_same_for_every_block_size_and_every_way_of_reading() {
    for line_ends in [["\n"; 2], ["\r\n"; 2], ["\r\n", "\n"]] {
        let text = short_rows(line_ends);
        for end in ["", "\n", "\r", "deposit,1,1,1", "\r\n\r\n", " "] {
            let text = text.clone() + end;
            assert_same_rows(text.as_bytes(), &small_blocks());
        }
    }
    assert_same_rows(HEADER.as_bytes(), &small_blocks());
}

#[test]
fn long_rows_are_the_same_for_every_block_size_and_every_way_of_reading() {
    let short = "withdrawal,1,2,1";
    for line_end in ["\n", "\r\n"] {
        let mut text = HEADER.to_owned();
        for length in MAX_ROW_BYTES - 2..=MAX_ROW_BYTES + 4 {
            for row in [short, &row_of(length), short] {
                text = text + row + line_end;
            }
        }
        // What is kept of it must not end like a legal row.
        let cr_within = row_of(MAX_ROW_BYTES) + "\r" + &row_of(BUFFER_BYTES);
        for row in
            [&cr_within, &row_of(BUFFER_BYTES), short, &row_of(100 << 10), &row_of(MAX_ROW_BYTES)]
        {
            text = text + row + line_end;
        }
        let expected = rows_of_bytes(text.as_bytes());
        let too_long = Err(Malformation::RowTooLong);
        assert_eq!(expected.iter().filter(|(.., row)| *row == too_long).count(), 7);
        assert_same_rows(text.as_bytes(), &[1, 24, 47, 70, 4097, 8191, 8192, 1 << 20]);
        // The last row, cut in its line end and before it.
        for cut in 1..=line_end.len() + 1 {
            let text = &text[..text.len() - cut];
            assert_same_rows(text.as_bytes(), &[1, 64, BUFFER_BYTES - 1]);
        }
    }
}

#[test]
fn line_ends_at_the_edge_of_a_buffer_are_whole() {
    // The rows behind the header start a buffer of their own in a stream and in a file.
    for length in BUFFER_BYTES - 4..=BUFFER_BYTES + 2 {
        for first in [1000, MAX_ROW_BYTES - 1, MAX_ROW_BYTES] {
            let mut text = HEADER.to_owned() + &row_of(first) + "\r\n" + &row_of(3000) + "\n";
            let rest = length - (text.len() - HEADER.len());
            text += &(row_of(rest) + "\r\ndispute,1,1\r\n");
            let sizes = [1, BUFFER_BYTES - 1, BUFFER_BYTES, BUFFER_BYTES + 1];
            assert_same_rows(text.as_bytes(), &sizes);
        }
    }
}

#[test]
fn five_mebibytes_without_a_newline_are_one_row() {
    let long = row_of(5 << 20);
    for end in ["\ndispute,1,1\n", "\r\ndispute,1,1", "\n", "\r", ""] {
        let text = [HEADER, "deposit,1,1,1\n", &long, end].concat();
        assert_eq!(rows_of_bytes(text.as_bytes())[1].2, Err(Malformation::RowTooLong));
        assert_same_rows(text.as_bytes(), &[1, 70, 1 << 16]);
    }
}

#[test]
fn what_is_kept_of_a_row_that_is_too_long_stays_small() {
    let text = [HEADER, &row_of(5 << 20), "\n", &row_of(1 << 20)].concat();
    let source = Source::open(trickle(text.as_bytes(), 1000), &opening(Io::Map)).unwrap();
    let mut blocks = source.blocks(1 << 10);
    let mut count = 0;
    while let Some(block) = blocks.next().unwrap() {
        assert!(block.bytes().len() < BUFFER_BYTES);
        count += 1;
    }
    assert_eq!(count, 2);
    assert_eq!(blocks.offset_bytes(), u64::try_from(text.len()).unwrap());
}

#[test]
fn a_stream_that_is_too_long_for_memory_is_spooled_to_a_file() {
    const ROW: &str = "deposit,1,1,1\n";
    let bytes = (HEADER.to_owned() + &ROW.repeat((17 << 20) / ROW.len())).into_bytes();
    let expected = rows_of_bytes(&bytes);
    for io in [Io::Map, Io::Read] {
        let mut source = Source::open(trickle(&bytes, usize::MAX), &opening(io)).unwrap();
        source.spool(&opening(io)).unwrap();
        assert!(!matches!(source.content, Content::Memory(_) | Content::Stream(_)));
        assert!(rows_of_source(&source, 1 << 16) == expected);
    }
}

#[test]
fn parts_have_every_row_exactly_once() {
    let long = HEADER.to_owned() + &row_of(100 << 10) + "\ndispute,1,1\n" + &row_of(20_000);
    for text in [
        HEADER.to_owned(),
        HEADER.to_owned() + "\n",
        HEADER.to_owned() + "deposit,1,1,1",
        short_rows(["\r\n", "\n"]),
        short_rows(["\r\n"; 2]) + "dispute,1,1",
        long,
    ] {
        // A part does not know the numbers of its lines.
        let unnumbered = |rows: Vec<Placed>| -> Vec<_> {
            rows.into_iter().map(|(_, offset_bytes, row)| (offset_bytes, row)).collect()
        };
        let expected = unnumbered(rows_of_bytes(text.as_bytes()));
        let file = file_of(text.as_bytes());
        for (input, io) in [
            (Input::bytes("memory", text.as_bytes()), Io::Map),
            (Input::path(file.path()), Io::Map),
            (Input::path(file.path()), Io::Read),
        ] {
            let source = Source::open(input, &opening(io)).unwrap();
            for (parts, block_bytes) in (1..=9).flat_map(|parts| [(parts, 1), (parts, 100)]) {
                let parts = source.parts(parts, block_bytes).unwrap();
                let found = parts
                    .into_iter()
                    .flat_map(|part| unnumbered(rows_of_blocks(part, &source.layout, 0)));
                assert_eq!(found.collect::<Vec<_>>(), expected);
            }
        }
    }
}

#[test]
fn a_header_is_found_behind_a_mark_and_blank_lines_however_it_comes() {
    let text = "\u{feff}\n \t\r\n\"TYPE\",client,tx,amount\r\ndeposit,1,1,1\n";
    let file = file_of(text.as_bytes());
    let inputs = [1, 2, 3, usize::MAX].map(|most| trickle(text.as_bytes(), most));
    for input in inputs.into_iter().chain([Input::path(file.path()), Input::bytes("it", text)]) {
        let source = Source::open(input, &opening(Io::Map)).unwrap();
        assert_eq!((source.line, source.blank_lines), (4, 2));
        let deposit = Transaction::deposit(1, 1, "1".parse().unwrap());
        let offset_bytes = u64::try_from(text.find("deposit").unwrap()).unwrap();
        assert_eq!(rows_of_source(&source, 1), [(4, offset_bytes, Ok(deposit))]);
    }
}

/// Opens bytes from memory, as a file and as a stream; all must be refused alike.
fn refusal(bytes: &[u8]) -> FormatError {
    let file = file_of(bytes);
    let [first, others @ ..] = [
        (Input::bytes("it", bytes), Io::Map),
        (Input::path(file.path()), Io::Map),
        (Input::path(file.path()), Io::Read),
        (trickle(bytes, 1), Io::Map),
        (trickle(bytes, 9), Io::Map),
    ]
    .map(|(input, io)| match Source::open(input, &opening(io)) {
        Err(InputError::Format { source, .. }) => source,
        other => panic!("{:?}", other.map(|source| source.name)),
    });
    assert!(others.iter().all(|other| *other == first), "{first:?} {others:?}");
    first
}

/// Bytes in memory were searched for a header to their end, streams and files for a mebibyte: the
/// same bytes were an input or none, by the way they came.
#[test]
fn a_header_behind_a_mebibyte_of_blank_lines_is_none() {
    let blank = |count: usize| " \n".repeat(count / 2);
    let text = blank(1 << 20) + HEADER;
    assert_eq!(refusal(text.as_bytes()), FormatError::NoHeader);
    let text = blank((1 << 20) - 40) + HEADER;
    for input in [Input::bytes("memory", text.as_bytes()), trickle(text.as_bytes(), usize::MAX)] {
        assert!(Source::open(input, &opening(Io::Map)).is_ok());
    }
}

#[test]
fn what_is_no_transactions_csv_is_named() {
    let encoding = |encoding| FormatError::Encoding { encoding };
    assert_eq!(refusal(b""), FormatError::Empty);
    for text in ["\n", "\u{feff}", "\u{feff}\r\n \n", " ", "\r"] {
        assert_eq!(refusal(text.as_bytes()), FormatError::NoHeader, "{text:?}");
    }
    for (bytes, expected) in [
        (&b"\xff\xfet\0y\0p\0e\0,\0"[..], "UTF-16 (little-endian)"),
        (b"\xfe\xff\0t\0y\0p\0e\0,", "UTF-16 (big-endian)"),
        (b"\xff\xfe\0\0t\0\0\0y\0\0\0", "UTF-32 (little-endian)"),
        (b"\0\0\xfe\xff\0\0\0t\0\0\0y", "UTF-32 (big-endian)"),
    ] {
        assert_eq!(refusal(bytes), encoding(expected));
    }
    for (bytes, expected) in [
        (&b"\xfd7zXZ\0\0\x04"[..], "xz"),
        (b"BZh91AY&SY", "bzip2"),
        (b"PK\x03\x04\x14\0\0\0", "zip"),
        (&compressed::gzip(&compressed::gzip(HEADER.as_bytes())), "compressed twice"),
    ] {
        let message = refusal(bytes).to_string();
        assert!(message.contains(expected), "{message}");
    }
    for bytes in [&[0; 8][..], &[0; 100], &vec![0; 2 << 20]] {
        let source = HeaderError::Binary;
        assert_eq!(refusal(bytes), FormatError::Header { line: 1, source });
    }
    let text = "\n\ntype,client,tx\n";
    assert!(matches!(refusal(text.as_bytes()), FormatError::Header { line: 3, .. }));
}

/// Within the header, it was said to have failed at byte 0 wherever it failed.
#[test]
fn a_stream_that_fails_midway_is_an_error_that_tells_where() {
    struct Failing;
    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the device is gone"))
        }
    }
    // Before and after as much as compression is recognised by.
    for start in ["", "type", "type,client"] {
        let reader = Cursor::new(start).chain(Failing);
        let source = Source::open(Input::reader("stream", reader), &opening(Io::Map));
        let Err(InputError::Read { offset_bytes, .. }) = source.map(|it| it.name) else {
            panic!("{start}: it can be read");
        };
        assert_eq!(offset_bytes, u64::try_from(start.len()).unwrap());
    }
    let text = HEADER.to_owned() + &"deposit,1,1,1\n".repeat(1000);
    let reader = Cursor::new(text.into_bytes()).chain(Failing);
    let source = Source::open(Input::reader("stream", reader), &opening(Io::Map)).unwrap();
    let mut blocks = source.blocks(64);
    let error = loop {
        match blocks.next() {
            Ok(block) => assert!(block.is_some()),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, InputError::Read { offset_bytes, .. } if offset_bytes > 0), "{error}");
}

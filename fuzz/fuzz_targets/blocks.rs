//! Blocks: an input cut anywhere, in parts and in whole, and read as little as a byte at a time, has
//! the rows, lines and places of the whole.
//!
//! The first byte chooses where the input comes from, the second the size of blocks, the third how
//! much a read gives and the fourth the number of parts, or where the input fails; the rest are rows.
#![no_main]

mod expand;

use std::cell::RefCell;
use std::io::{self, ErrorKind, Read};
use std::path::PathBuf;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use millrace::Input;
use millrace::fuzzing::Opened;
use millrace::input::{InputError, Io};
use millrace::parser::{Block, Layout, Rows};

/// What may stand before the rows, and the line of the first row.
const HEADS: [(&[u8], u64); 4] = [
    (b"type,client,tx,amount\n", 2),
    (b"\xef\xbb\xbftype,client,tx,amount\r\n", 2),
    (b"\n \n\ntype,client,tx,amount\n", 5),
    (b"amount,memo,tx,type,client\n", 2),
];

/// A file of this process, in memory where there is a place for that, written anew for each input
/// that is to come from one.
static PATH: LazyLock<PathBuf> = LazyLock::new(|| {
    let memory = PathBuf::from("/dev/shm");
    let folder = if memory.is_dir() { memory } else { std::env::temp_dir() };
    folder.join(format!("millrace-fuzz-blocks-{}", std::process::id()))
});

thread_local! {
    static TEXT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

fuzz_target!(|data: &[u8]| {
    let [choice, block, reads, parts, rows @ ..] = data else { return };
    let (head, first_line) = HEADS[usize::from(choice >> 6)];
    let block_bytes = (1 + usize::from(block & 15)) << (block >> 4).min(10);
    TEXT.with_borrow_mut(|text| {
        text.clear();
        text.extend_from_slice(head);
        // Long texts take longer than all the rest, so few are.
        if *parts >= 0xf0 {
            expand::expand(rows, text);
        } else {
            text.extend_from_slice(rows);
        }
        let is_file = choice & 0x3f == 0x3f;
        let is_stream = choice & 3 != 0 && !is_file;
        let is_spooled = choice & 3 == 2;
        let fails_at =
            if choice & 0x0c == 4 { head.len() + usize::from(*parts) } else { usize::MAX };
        let opened = if is_file {
            std::fs::write(&*PATH, &text[..]).expect("a temporary file");
            let opened = Opened::open(Input::path(&*PATH), Io::Read, false);
            std::fs::remove_file(&*PATH).expect("it is there");
            opened
        } else if is_stream {
            let reader = Drip { bytes: text.clone(), at: 0, turn: *reads, fails_at };
            Opened::open(Input::reader("it", reader), Io::Read, is_spooled)
        } else {
            Opened::open(Input::bytes("it", &text[..]), Io::Read, false)
        };
        let fails = is_stream && fails_at <= text.len();
        let parts = if is_stream && !is_spooled { 0 } else { usize::from(parts & 7) };
        let read = opened.and_then(|opened| {
            assert_eq!(opened.line(), first_line);
            check(text, head.len(), &opened, block_bytes, parts, fails)
        });
        match read {
            Ok(()) => assert!(!fails, "the input fails"),
            // A fault in the head is told to be at its start.
            Err(InputError::Read { offset_bytes, .. }) if fails => {
                assert!(offset_bytes == 0 || usize::try_from(offset_bytes) == Ok(fails_at));
            }
            Err(error) => panic!("{error}"),
        }
    });
});

/// Compares the rows of all blocks with those of the whole.
fn check(
    bytes: &[u8],
    start: usize,
    opened: &Opened,
    block_bytes: usize,
    parts: usize,
    fails: bool,
) -> Result<(), InputError> {
    let (layout, mut line) = (opened.layout(), opened.line());
    let mut offset_bytes = u64::try_from(start).expect("64 bits");
    let mut whole = Rows::strict(Block { bytes: &bytes[start..], offset_bytes, line }, layout);
    let mut blank_lines = 0;
    let cuts = match parts {
        0 => vec![opened.blocks(block_bytes)],
        _ => opened.parts(parts, block_bytes)?,
    };
    assert!(cuts.len() <= parts.max(1));
    for mut cut in cuts {
        assert_eq!(cut.offset_bytes(), offset_bytes);
        while let Some((next, blank)) =
            cut.next(line, |block| check_block(block, offset_bytes, layout, &mut whole))?
        {
            line = next;
            blank_lines += blank;
            offset_bytes = cut.offset_bytes();
        }
    }
    assert!(!fails);
    assert_eq!(usize::try_from(offset_bytes), Ok(bytes.len()));
    assert_eq!(whole.next(), None);
    assert_eq!((line, blank_lines), (whole.next_line(), whole.blank_lines()));
    Ok(())
}

/// Compares the rows of a block with the next ones of the whole; gives the next line and how many
/// are blank.
fn check_block(
    block: Block<'_>,
    offset_bytes: u64,
    layout: &Layout,
    whole: &mut Rows<'_, '_>,
) -> (u64, u64) {
    assert_eq!(block.offset_bytes, offset_bytes);
    assert!(!block.bytes.is_empty());
    let mut rows = Rows::new(block, layout);
    for row in rows.by_ref() {
        assert_eq!(whole.next(), Some(row));
    }
    (rows.next_line(), rows.blank_lines())
}

/// Gives a few bytes at a time, is interrupted now and then, and may fail at a place.
struct Drip {
    bytes: Vec<u8>,
    at: usize,
    turn: u8,
    fails_at: usize,
}

impl Read for Drip {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.turn = self.turn.rotate_left(3).wrapping_mul(5).wrapping_add(self.turn & 1);
        if self.turn & 0x1f == 0x1f {
            return Err(ErrorKind::Interrupted.into());
        }
        if self.at == self.fails_at {
            return Err(io::Error::other("it breaks"));
        }
        let most = 1 + usize::from(self.turn & 0x70) * usize::from(self.turn & 0x0f);
        let left = &self.bytes[self.at..self.fails_at.min(self.bytes.len())];
        let count = most.min(left.len()).min(buffer.len());
        buffer[..count].copy_from_slice(&left[..count]);
        self.at += count;
        Ok(count)
    }
}

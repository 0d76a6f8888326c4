//! Rows: the fast path on each set of vectors that the machine has, the fast path of every machine
//! and the strict path against a reading one byte at a time.
//!
//! The first byte chooses the layout and whether the other paths are compared beside the fast one,
//! the second how often the rows stand there; the rest are rows.
#![no_main]

mod expand;
mod naive;

use std::cell::RefCell;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use millrace::parser::{
    Block, ExtraColumns, IdLimits, Layout, Row, RowError, Rows, parse_row, read_legible,
};

use naive::{Reading, Table};

const NO_LIMITS: IdLimits = IdLimits { max_client: u64::MAX, max_tx: u64::MAX };
const CLASSIC: IdLimits = IdLimits { max_client: 65_535, max_tx: 4_294_967_295 };
const PLAIN: &[&str] = &["type", "client", "tx", "amount"];
const OTHER: &[&str] = &["amount", "memo", "tx", "type", "client"];

static TABLES: [Table; 4] = [
    Table { names: PLAIN, places: [0, 1, 2, 3], limits: NO_LIMITS },
    Table { names: PLAIN, places: [0, 1, 2, 3], limits: NO_LIMITS },
    Table { names: PLAIN, places: [0, 1, 2, 3], limits: CLASSIC },
    Table { names: OTHER, places: [3, 4, 2, 0], limits: NO_LIMITS },
];

static LAYOUTS: LazyLock<[Layout; 4]> = LazyLock::new(|| {
    TABLES.each_ref().map(|table| {
        let header = table.names.join(",");
        Layout::from_header(header.as_bytes(), ExtraColumns::Ignore, table.limits)
            .expect("it is one")
    })
});

/// Bytes that must follow the start of a row for the fast path to look at it.
const BEHIND: [u8; 640] = [b' '; 640];
/// A run of the fast path has fewer rows than fit here.
const FULL_BYTES: usize = 900;

thread_local! {
    static TEXT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

fuzz_target!(|data: &[u8]| {
    let [choice, times, rows @ ..] = data else { return };
    let which = usize::from(choice & 3);
    TEXT.with_borrow_mut(|text| {
        text.clear();
        // Long texts take longer than all the rest, so few are.
        match times {
            0xf8.. if !rows.is_empty() => {
                while text.len() < FULL_BYTES {
                    text.extend_from_slice(rows);
                }
            }
            0xf0..0xf8 => expand::expand(rows, text),
            _ => text.extend_from_slice(rows),
        }
        if choice & 4 == 0 {
            text.extend_from_slice(&BEHIND);
        }
        check(text, &LAYOUTS[which], &TABLES[which], *choice);
    });
});

/// Reads the rows in several ways at once: the fast path, by choice all other paths, and the one of
/// single lines.
fn check(bytes: &[u8], layout: &Layout, table: &Table, choice: u8) {
    // Not the start of the input, so that nothing can be taken for a place in the block.
    let (mut line, mut offset_bytes, mut blank_lines) = (3, 1000, 0);
    let block = Block { bytes, offset_bytes, line };
    let mut fast = Rows::new(block, layout);
    let mut others = if choice & 16 != 0 { Rows::on_every_path(block, layout) } else { Vec::new() };
    let mut rest = bytes;
    while !rest.is_empty() {
        let (text, length) = naive::line(rest);
        rest = &rest[length..];
        if naive::is_blank(text) {
            blank_lines += 1;
        } else {
            let Reading { legible, transaction, amount_ignored } = naive::read(text, table);
            let expected = match transaction {
                Ok(transaction) => Ok(Row { transaction, line, offset_bytes, amount_ignored }),
                Err(kind) => Err(RowError { kind, line, offset_bytes }),
            };
            assert_eq!(fast.next(), Some(expected));
            for rows in &mut others {
                assert_eq!(rows.next(), Some(expected));
            }
            if choice & 8 != 0 {
                assert_eq!(parse_row(text, layout), transaction);
                assert_eq!(read_legible(text, layout), legible);
            }
        }
        line += 1;
        offset_bytes += u64::try_from(length).expect("64 bits");
    }
    for rows in others.iter_mut().chain([&mut fast]) {
        assert_eq!(rows.next(), None);
        assert_eq!((rows.next_line(), rows.blank_lines()), (line, blank_lines));
        assert_eq!(rows.consumed_bytes(), bytes.len());
    }
}

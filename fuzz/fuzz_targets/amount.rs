//! Amounts: the strict path and the fast path against a reading one byte at a time, and back to
//! text.
#![no_main]

mod naive;

use std::cell::RefCell;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use millrace::amount::{Amount, Balance};
use millrace::outcome::Malformation;
use millrace::parser::{Block, Layout, RowError, Rows};

static LAYOUT: LazyLock<Layout> = LazyLock::new(Layout::default);

/// Bytes that must follow the start of a row for the fast path to look at it.
const BEHIND: [u8; 80] = [b' '; 80];
const BEFORE: &[u8] = b"deposit,1,2,";

thread_local! {
    static TEXT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Longer ones make a row too long.
const MOST_BYTES: usize = 4000;

fuzz_target!(|data: &[u8]| {
    let data = &data[..data.len().min(MOST_BYTES)];
    let expected = naive::read_amount(data);
    let amount = Amount::parse(data);
    assert_eq!(amount.map(Amount::units).map_err(Malformation::from), expected);
    TEXT.with_borrow_mut(|text| {
        if let Ok(amount) = amount {
            check_text(amount, text);
        }
        // In a row, blanks, commas and quotes have a meaning of their own.
        if data.iter().all(|byte| matches!(byte, b'!'..=b'~') && !matches!(byte, b'"' | b',')) {
            text.clear();
            for piece in [BEFORE, data, b"\n", &BEHIND] {
                text.extend_from_slice(piece);
            }
            check_row(text, expected);
        }
    });
});

/// What is written reads back.
fn check_text(amount: Amount, text: &mut Vec<u8>) {
    text.clear();
    Balance::from(amount).write_to(text);
    assert_eq!(Amount::parse(text), Ok(amount));
    assert_eq!(naive::read_amount(text), Ok(amount.units()));
    let point = text.len() - 5;
    assert_eq!(text[point], b'.', "four decimals");
    assert!(point == 1 || text[0] != b'0', "no zeros before the whole");
}

/// The fast path reads the same amount in a row.
fn check_row(bytes: &[u8], expected: Result<u64, Malformation>) {
    let block = Block { bytes, offset_bytes: 0, line: 1 };
    for mut rows in [Rows::new(block, &LAYOUT), Rows::portable(block, &LAYOUT)] {
        let row = rows.next().expect("a row");
        let found = row.map(|row| row.transaction.amount.map_or(0, Amount::units));
        assert_eq!(found.map_err(|RowError { kind, .. }| kind), expected);
    }
}

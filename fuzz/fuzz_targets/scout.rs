//! The scout: names exactly the transactions that the strict reader sees referred to, wherever the
//! input is cut.
//!
//! The first byte chooses the layout and the number of parts, the second the size of blocks; the
//! rest are rows.
#![no_main]

mod expand;

use std::cell::RefCell;

use libfuzzer_sys::fuzz_target;
use millrace::Input;
use millrace::fuzzing::{Opened, named_ids};
use millrace::input::Io;
use millrace::ledger::TxIds;
use millrace::parser::{Block, Layout, Rows};

const HEADS: [&[u8]; 2] = [b"type,client,tx,amount\n", b"amount,memo,tx,type,client\n"];
/// Bytes that must follow the start of a row for the fast path to look at it.
const BEHIND: [u8; 80] = [b' '; 80];

/// What is used again by the next input.
#[derive(Default)]
struct Room {
    text: Vec<u8>,
    expected: Vec<u64>,
    named: Vec<u64>,
}

thread_local! {
    static ROOM: RefCell<Room> = RefCell::default();
}

fuzz_target!(|data: &[u8]| {
    let [choice, block, rows @ ..] = data else { return };
    let head = HEADS[usize::from(choice & 1)];
    let block_bytes = (1 + usize::from(block & 15)) << (block >> 4).min(10);
    ROOM.with_borrow_mut(|Room { text, expected, named }| {
        text.clear();
        text.extend_from_slice(head);
        if choice >> 5 == 6 {
            expand::expand(rows, text);
        } else {
            text.extend_from_slice(rows);
        }
        if choice & 2 == 0 {
            text.extend_from_slice(&BEHIND);
        }
        let opened =
            Opened::open(Input::bytes("it", &text[..]), Io::Read, false).expect("a header");
        let bytes = &text[head.len()..];
        refer(bytes, opened.layout(), expected);
        named.clear();
        named_ids(bytes, opened.layout(), named);
        assert_eq!(named, expected);
        named.clear();
        for mut part in opened.parts(1 + usize::from(choice >> 2 & 7), block_bytes).expect("memory")
        {
            let mut look = |block: Block<'_>| named_ids(block.bytes, opened.layout(), named);
            while part.next(1, &mut look).expect("memory").is_some() {}
        }
        assert_eq!(named, expected);
        if choice >> 6 == 3 {
            check_set(expected);
        }
    });
});

/// Lists every transaction that a row refers to, by reading every row.
fn refer(bytes: &[u8], layout: &Layout, ids: &mut Vec<u64>) {
    ids.clear();
    let rows = Rows::strict(Block { bytes, offset_bytes: 0, line: 1 }, layout);
    let transactions = rows.flatten().map(|row| row.transaction);
    ids.extend(transactions.filter(|it| !it.kind.moves_money()).map(|it| it.tx));
}

/// The set of what is named has it, and nothing beside it.
fn check_set(named: &[u64]) {
    let mut ids = TxIds::default();
    ids.name_all(named);
    for &id in named {
        assert!(ids.is_named(id));
        for beside in [id.wrapping_sub(1), id.wrapping_add(1), id ^ 512] {
            assert_eq!(ids.is_named(beside), named.contains(&beside));
        }
    }
}

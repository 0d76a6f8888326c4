//! The two paths against one table of rows, and against each other on any bytes.
#![expect(clippy::unnecessary_wraps, reason = "what a row must become is a result, good or bad")]

mod table;

use super::*;
use std::collections::BTreeSet;
use std::sync::LazyLock;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::amount::Amount;
use crate::transaction::Kind;

use Malformation as M;
use table::{Expected, deposit, dispute, table};

/// More rows than the fast path looks at in one go.
static PADDING: LazyLock<String> = LazyLock::new(|| "deposit,8,8,8\n".repeat(64));

/// Miri takes seconds for what the machine does in a millisecond.
const CASES: u32 = if cfg!(miri) { 5 } else { 5_000 };

/// All that a reader of rows says of a block.
#[derive(Debug, PartialEq)]
struct Said {
    rows: Vec<Result<Row, RowError>>,
    blank_lines: u64,
    next_line: u64,
    consumed_bytes: usize,
}

fn hear(mut rows: Rows<'_, '_>) -> Said {
    Said {
        rows: rows.by_ref().collect(),
        blank_lines: rows.blank_lines(),
        next_line: rows.next_line(),
        consumed_bytes: rows.consumed_bytes(),
    }
}

fn meaning(row: Result<Row, RowError>) -> Expected {
    row.map(|row| row.transaction).map_err(|error| error.kind)
}

#[test]
fn every_row_of_the_table_means_the_same_wherever_it_stands() {
    let layout = Layout::default();
    for (row, expected) in table().into_iter().step_by(if cfg!(miri) { 10 } else { 1 }) {
        assert_eq!(parse_row(&row, &layout), expected, "{}", row.escape_ascii());
        for end in [
            "",
            "\n",
            "\r\n",
            &["\n", PADDING.as_str()].concat(),
            &["\r\n", PADDING.as_str()].concat(),
        ] {
            let bytes = [b"dispute,7,7\n\n", &row[..], end.as_bytes()].concat();
            let block = Block { bytes: &bytes, offset_bytes: 1000, line: 10 };
            for rows in Rows::on_every_path(block, &layout) {
                let said = hear(rows);
                let mut rows = said.rows.into_iter();
                assert_eq!(rows.next().map(meaning), Some(dispute(7, 7)));
                let place = match rows.next().unwrap() {
                    Ok(Row { transaction, line, offset_bytes, .. }) => {
                        assert_eq!(Ok(transaction), expected, "{}", bytes.escape_ascii());
                        (line, offset_bytes)
                    }
                    Err(RowError { kind, line, offset_bytes }) => {
                        assert_eq!(Err(kind), expected, "{}", bytes.escape_ascii());
                        (line, offset_bytes)
                    }
                };
                assert_eq!(place, (12, 1013));
                assert!(rows.all(|row| meaning(row) == deposit(8, 8, 80_000)));
                assert_eq!((said.blank_lines, said.consumed_bytes), (1, bytes.len()));
            }
        }
    }
}

#[test]
fn the_table_has_every_malformation() {
    let found: BTreeSet<_> = table().into_iter().filter_map(|(_, it)| it.err()).collect();
    assert_eq!(found, Malformation::ALL.into());
}

#[test]
fn an_error_says_where_its_row_stands() {
    let error = RowError { kind: M::BadTx, line: 3, offset_bytes: 40 };
    assert_eq!(error.to_string(), "line 3, byte 40: bad_tx");
}

#[test]
fn only_one_cr_belongs_to_a_line_end() {
    let layout = Layout::default();
    for (row, expected) in [
        ("deposit,1,2,1\r", Err(M::BadAmount)),
        ("deposit,1,2,1.5\r", Err(M::BadAmount)),
        ("dispute,1,2\r", Err(M::BadTx)),
        ("dispute,1,2,\r", dispute(1, 2)),
        ("\r", Err(M::TooFewFields)),
        ("deposit\r,1,2,1", Err(M::UnknownType)),
    ] {
        assert_eq!(parse_row(row.as_bytes(), &layout), expected, "{row:?}");
        for padding in ["", PADDING.as_str()] {
            let text = [row, "\r\n", padding].concat();
            let block = Block { bytes: text.as_bytes(), offset_bytes: 0, line: 1 };
            let row = Rows::new(block, &layout).next().map(meaning);
            assert_eq!(row, Some(expected), "{text:?}");
            assert_eq!(Rows::strict(block, &layout).next().map(meaning), row);
        }
    }
}

/// A row was read as plain if its bytes that are no digits, in order, were those of a plain one: with
/// digits between CR and LF, `dispute,1,133\r12` was a dispute of 133.
#[test]
fn digits_where_none_belong_make_no_plain_row() {
    let layout = Layout::default();
    for (row, expected) in [
        ("dispute,1,133\r12", Err(M::BadTx)),
        ("dispute,1,2,\r5", dispute(1, 2)),
        ("deposit,1,2,15\r5", Err(M::BadAmount)),
        ("deposit,1,2,1.5\r5", Err(M::BadAmount)),
        ("withdrawal,1,2,1.5\r50", Err(M::BadAmount)),
        ("dep1osit,1,2,3", Err(M::UnknownType)),
        ("withdraw7al,1,2,3", Err(M::UnknownType)),
        ("withdrawal7,1,2,3", Err(M::UnknownType)),
        ("chargeback0,1,2", Err(M::UnknownType)),
        ("7dispute,1,2", Err(M::UnknownType)),
        ("deposit,1,2,.5", deposit(1, 2, 5_000)),
        ("deposit,1,2,5.", deposit(1, 2, 50_000)),
        ("deposit,1,2,1.23450", deposit(1, 2, 12_345)),
        ("deposit,,2,1.5", Err(M::BadClient)),
        ("deposit,1,,1.5", Err(M::BadTx)),
        ("deposit,1,123456789,1.5", deposit(1, 123_456_789, 15_000)),
    ] {
        for end in ["\n", "\r\n"] {
            let text = [PADDING.as_str(), row, end, PADDING.as_str()].concat();
            let block = Block { bytes: text.as_bytes(), offset_bytes: 0, line: 1 };
            for rows in Rows::on_every_path(block, &layout) {
                let padding = PADDING.lines().count();
                assert_eq!(rows.map(meaning).nth(padding), Some(expected), "{row:?}");
            }
        }
    }
}

#[test]
fn rows_not_given_out_yet_are_not_consumed() {
    let text =
        ["deposit,1,2,1\n", "dispute,1,2\n", "\n", " deposit,1,3,1\n", PADDING.as_str()].concat();
    let layout = Layout::default();
    let block = Block { bytes: text.as_bytes(), offset_bytes: 0, line: 1 };
    for mut rows in Rows::on_every_path(block, &layout) {
        for (consumed, next_line) in [(14, 2), (26, 3), (42, 5), (56, 6), (70, 7)] {
            assert!(rows.next().is_some_and(|row| row.is_ok()));
            assert_eq!((rows.consumed_bytes(), rows.next_line()), (consumed, next_line));
        }
    }
}

#[test]
fn ignored_amounts_are_marked_on_both_paths() {
    let layout = Layout::default();
    for (row, expected) in [
        ("dispute,1,2", false),
        ("dispute,1,2,", false),
        ("dispute,1,2, \t", false),
        ("dispute,1,2,\"\"", false),
        ("dispute,1,2,0", true),
        ("resolve,1,2,1.5", true),
        ("chargeback,1,2,x", true),
        ("deposit,1,2,1", false),
    ] {
        let text = [row, "\n", PADDING.as_str()].concat();
        let block = Block { bytes: text.as_bytes(), offset_bytes: 0, line: 1 };
        for mut rows in [Rows::new(block, &layout), Rows::strict(block, &layout)] {
            assert_eq!(rows.next().unwrap().unwrap().amount_ignored, expected, "{row}");
        }
    }
}

#[test]
fn columns_are_read_where_the_header_names_them() {
    let header = |line: &str, extra| {
        Layout::from_header(line.as_bytes(), extra, IdLimits { max_client: 9, max_tx: 99 }).unwrap()
    };
    let reordered = header("amount,tx,client,type", ExtraColumns::Refuse);
    let extra = header("memo,type,client,tx,note,amount", ExtraColumns::Ignore);
    let plain = header("type,client,tx,amount", ExtraColumns::Refuse);
    for (layout, row, expected) in [
        (&reordered, "1.5,99,9,deposit", deposit(9, 99, 15_000)),
        (&reordered, "1.5,100,9,deposit", Err(M::BadTx)),
        (&reordered, "1.5,99,10,deposit", Err(M::BadClient)),
        (&reordered, "1.5,99,9", Err(M::TooFewFields)),
        (&reordered, ",1,2,dispute", dispute(2, 1)),
        (&reordered, "deposit,1,2,1.5", Err(M::UnknownType)),
        (&reordered, "AMOUNT,tx,client,type", Err(M::HeaderRow)),
        (&extra, "\"a,b\",deposit,1,2,,1", deposit(1, 2, 10_000)),
        (&extra, ",dispute,1,2", dispute(1, 2)),
        (&extra, ",deposit,1,2,note", Err(M::MissingAmount)),
        (&extra, ",deposit,1", Err(M::TooFewFields)),
        (&extra, "\"a,deposit,1,2,,1", Err(M::BadQuoting)),
        (&plain, "deposit,9,99,1", deposit(9, 99, 10_000)),
        (&plain, "deposit,10,99,1", Err(M::BadClient)),
        (&plain, "deposit,9,100,1", Err(M::BadTx)),
        (&plain, "dispute,10,100,", Err(M::BadClient)),
    ] {
        assert_eq!(parse_row(row.as_bytes(), layout), expected, "{row}");
        let text = [row, "\n", PADDING.as_str()].concat();
        let block = Block { bytes: text.as_bytes(), offset_bytes: 0, line: 1 };
        assert_eq!(Rows::new(block, layout).next().map(meaning), Some(expected), "{row}");
    }
}

/// Pieces of rows, odd ones among them.
fn field() -> impl Strategy<Value = Vec<u8>> {
    let kinds = Kind::ALL.map(Kind::name).to_vec();
    let odd = ["", "Deposit", "withdraw", "type", "client", "tx", "amount", "-", ".", "1e3", "\""];
    let edges = ["18446744073709551615", "18446744073709551616", "922337203685477.5807"];
    prop_oneof![
        6 => select(kinds).prop_map(|it| it.as_bytes().to_vec()),
        6 => "[0-9]{1,9}".prop_map(String::into_bytes),
        2 => "[0-9]{8,22}".prop_map(String::into_bytes),
        4 => r"[0-9]{0,16}\.[0-9]{0,6}".prop_map(String::into_bytes),
        2 => select(odd.to_vec()).prop_map(|it| it.as_bytes().to_vec()),
        1 => select(edges.to_vec()).prop_map(|it| it.as_bytes().to_vec()),
        1 => "[ \t]{0,2}\"?[ \t]?[0-9a-z]{0,3}\"?[ \t]{0,2}".prop_map(String::into_bytes),
    ]
}

/// A row in the plain spelling.
fn plain_row() -> impl Strategy<Value = (Transaction, Vec<u8>)> {
    let id = prop_oneof![0..100_u64, 0..u64::from(u32::MAX), 0..10_000_000_000_000_000_u64];
    let client = 0..=u64::from(u32::MAX);
    let units = prop_oneof![1..1_000_000_u64, 1..=u64::MAX >> 1, Just(u64::MAX >> 1)];
    (select(Kind::ALL.to_vec()), client, id, units, any::<bool>(), any::<bool>()).prop_map(
        |(kind, client, tx, units, is_short, has_cr)| {
            let amount = Amount::from_units(units).filter(|_| kind.moves_money());
            let text = match amount {
                Some(amount) if is_short => {
                    let text = amount.to_string();
                    format!(",{}", text.trim_end_matches('0').trim_end_matches('.'))
                }
                Some(amount) => format!(",{amount}"),
                None => String::from(if is_short { "" } else { "," }),
            };
            let end = if has_cr { "\r\n" } else { "\n" };
            let row = format!("{},{client},{tx}{text}{end}", kind.name());
            (Transaction { client, tx, amount, kind }, row.into_bytes())
        },
    )
}

/// A row, plain or nearly so, with its line end.
fn near_row() -> impl Strategy<Value = Vec<u8>> {
    let ends = select(vec!["\n", "\n", "\r\n", "\r\r\n", "\n\n", " \n", ",\n", ""]);
    let pieces = (vec(field(), 1..6), ends)
        .prop_map(|(fields, end)| [&fields.join(&b","[..])[..], end.as_bytes()].concat());
    let bytes = select(b"\0\r\n\t \",.-+059duvk\xff\x80/:".to_vec());
    let spoiled = (plain_row(), any::<prop::sample::Index>(), bytes, 0..3).prop_map(
        |((_, mut row), at, byte, how)| {
            let at = at.index(row.len());
            match how {
                0 => row[at] = byte,
                1 => row.insert(at, byte),
                _ => drop(row.remove(at)),
            }
            row
        },
    );
    prop_oneof![
        4 => plain_row().prop_map(|(_, row)| row),
        4 => spoiled,
        3 => pieces,
        1 => Just(b"\n".to_vec()),
    ]
}

fn near_rows() -> impl Strategy<Value = Vec<u8>> {
    (vec(near_row(), 0..12), any::<bool>()).prop_map(|(rows, is_padded)| {
        // Without padding, nothing is read many rows at a time.
        let padding = if is_padded { PADDING.as_bytes() } else { b"" };
        [&rows.concat()[..], padding].concat()
    })
}

fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
    let byte =
        prop_oneof![3 => select(b"deposit,withdrawal,1.5\n\r\" \t".to_vec()), 1 => any::<u8>()];
    vec(byte, 0..300)
}

fn any_layout() -> impl Strategy<Value = Layout> {
    let layouts = [
        ("type,client,tx,amount", IdLimits::default()),
        ("type,client,tx,amount,", IdLimits::default()),
        ("type,client,tx,amount", IdLimits { max_client: 65_535, max_tx: 4_294_967_295 }),
        ("tx,amount,client,type", IdLimits::default()),
        ("type,client,tx,amount,memo", IdLimits { max_client: 9, max_tx: 9 }),
    ];
    let layouts = layouts.map(|(line, limits)| {
        Layout::from_header(line.as_bytes(), ExtraColumns::Ignore, limits).unwrap()
    });
    // The plain layout, which has a fast path, more often than the others.
    let [plain, ..] = layouts.clone();
    prop_oneof![Just(plain), select(layouts.to_vec())]
}

/// The rows of `bytes` given block by block, each block ending at a newline that `cuts` chooses.
fn hear_in_blocks(bytes: &[u8], cuts: &[bool], layout: &Layout) -> Said {
    let mut said = Said { rows: Vec::new(), blank_lines: 0, next_line: 1, consumed_bytes: 0 };
    let mut cuts = cuts.iter().copied().cycle();
    let mut start = 0;
    let newlines = (0..bytes.len()).filter(|&at| bytes[at] == b'\n').map(|at| at + 1);
    let ends: Vec<_> = newlines.filter(|_| cuts.next() == Some(true)).collect();
    for end in ends.into_iter().chain([bytes.len()]) {
        let offset_bytes = u64::try_from(start).unwrap();
        let block = Block { bytes: &bytes[start..end], offset_bytes, line: said.next_line };
        let more = hear(Rows::new(block, layout));
        said.rows.extend(more.rows);
        said.blank_lines += more.blank_lines;
        said.next_line = more.next_line;
        said.consumed_bytes += more.consumed_bytes;
        start = end;
    }
    said
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]

    #[test]
    fn both_paths_say_the_same_of_any_bytes(
        bytes in prop_oneof![2 => near_rows(), 1 => any_bytes()],
        layout in any_layout(),
        line in 1..1_000_000_u64,
        offset_bytes in 0..u64::MAX >> 1,
    ) {
        let block = Block { bytes: &bytes, offset_bytes, line };
        let said = hear(Rows::new(block, &layout));
        for rows in Rows::on_every_path(block, &layout) {
            prop_assert_eq!(&hear(rows), &said);
        }
        prop_assert_eq!(said.consumed_bytes, bytes.len());
    }

    #[test]
    fn the_rest_of_the_rows_can_be_folded(
        bytes in prop_oneof![2 => near_rows(), 1 => any_bytes()],
        layout in any_layout(),
        taken in 0..70_usize,
    ) {
        let mut rows = Rows::new(Block { bytes: &bytes, offset_bytes: 7, line: 3 }, &layout);
        let mut one_by_one = rows.clone();
        rows.by_ref().take(taken).for_each(drop);
        let mut folded: Vec<_> = Vec::new();
        rows.for_each(|row| folded.push(row));
        one_by_one.by_ref().take(taken).for_each(drop);
        // With another iterator between, the rows are taken one by one.
        let expected: Vec<_> = std::iter::from_fn(|| one_by_one.next()).collect();
        prop_assert_eq!(folded, expected);
    }

    #[test]
    fn blocks_say_the_same_as_the_whole(
        bytes in prop_oneof![2 => near_rows(), 1 => any_bytes()],
        layout in any_layout(),
        cuts in vec(any::<bool>(), 1..16),
    ) {
        let whole = hear(Rows::new(Block { bytes: &bytes, offset_bytes: 0, line: 1 }, &layout));
        prop_assert_eq!(hear_in_blocks(&bytes, &cuts, &layout), whole);
    }

    #[test]
    fn rows_are_what_their_lines_are_one_by_one(
        bytes in prop_oneof![2 => near_rows(), 1 => any_bytes()],
        layout in any_layout(),
    ) {
        let rows = Rows::new(Block { bytes: &bytes, offset_bytes: 0, line: 1 }, &layout);
        let rows: Vec<_> = rows.map(meaning).collect();
        let mut rest = &bytes[..];
        let mut expected = Vec::new();
        while !rest.is_empty() {
            let (line, length) = first_line(rest);
            rest = &rest[length..];
            if !is_blank(line) {
                expected.push(parse_row(line, &layout));
            }
        }
        prop_assert_eq!(rows, expected);
    }

    #[test]
    fn what_is_legible_of_a_row_is_what_it_means(
        bytes in prop_oneof![2 => near_row(), 1 => any_bytes()],
        layout in any_layout(),
    ) {
        let (line, _) = first_line(&bytes);
        let Legible { kind, client, tx, amount } = read_legible(line, &layout);
        if let Ok(transaction) = parse_row(line, &layout) {
            prop_assert_eq!(read_legible(line, &layout), Legible::from(transaction));
            let legible = (kind, client, tx, amount);
            let Transaction { kind, client, tx, amount } = transaction;
            prop_assert_eq!(legible, (Some(kind), Some(client), Some(tx), amount));
        }
    }

    /// With a client of 32 bits, an id below 10^16 and any amount, a row fits the window.
    #[test]
    fn plain_rows_take_the_fast_path((transaction, row) in plain_row()) {
        let bytes = [&row[..], PADDING.as_bytes()].concat();
        for vectors in Vectors::all() {
            prop_assert_eq!(vectors.read_one(&bytes, None), Some((transaction, row.len())));
            prop_assert_eq!(vectors.read_plain(&bytes, None), Some(transaction));
        }
    }

    #[test]
    fn bytes_are_found_wherever_they_stand(
        text in vec(prop_oneof![3 => select(b"uvk".to_vec()), 9 => any::<u8>()], 0..400),
        found in 0..3_u32,
    ) {
        let places = (0..found).chain(
            (0..).zip(&text).filter(|(_, byte)| b"uvk".contains(byte)).map(|(at, _)| at));
        let expected: Vec<u32> = places.collect();
        for vectors in Vectors::all() {
            let mut places: Vec<u32> = (0..found).collect();
            vectors.find(&text, *b"uvk", &mut places);
            prop_assert_eq!(&places, &expected);
            prop_assert_eq!(vectors.find_line_end(&text), memchr(b'\n', &text));
        }
    }

    #[test]
    fn headers_of_any_bytes_are_read_or_refused(bytes in any_bytes()) {
        let (line, _) = first_line(&bytes);
        let header = Layout::from_header(line, ExtraColumns::Ignore, IdLimits::default());
        if let Ok(layout) = header {
            prop_assert_eq!(parse_row(line, &layout), Err(M::HeaderRow));
        }
    }
}

use std::io::Write;

use proptest::prelude::*;

use super::*;
use crate::amount::AmountError;

const HEADER: &str = "client,available,held,total,locked\n";

fn read(text: &[u8]) -> Result<Vec<Record>, BalancesError> {
    BalancesReader::new("it", text)?.collect()
}

fn rows(text: &str) -> Vec<Record> {
    read(text.as_bytes()).unwrap()
}

fn message(text: impl AsRef<[u8]>) -> String {
    read(text.as_ref()).unwrap_err().to_string()
}

fn record(line: u64, client: u64, available: i128, held: i128, locked: bool) -> Record {
    let balance = |units| Some(Balance::from_units(units));
    Record {
        line,
        client,
        available: balance(available),
        held: balance(held),
        total: balance(available + held),
        locked: Some(locked),
    }
}

#[test]
fn a_header_alone_is_a_file_without_accounts() {
    assert_eq!(rows(HEADER), []);
    assert_eq!(rows(HEADER.trim_end()), []);
}

#[test]
fn foreign_spellings_of_the_same_balances_are_read() {
    let text = "\u{feff}\r\n  \n Locked ,\"TOTAL\",note,held,available,client\r\n\r\n\n\
                TRUE, 2 ,\"a, \"\"b\"\"\",0.50,1.5,  9\r\n\"False\" ,-1.00000,\u{e9},0,-1., \" 007 \"";
    assert_eq!(rows(text), [record(6, 9, 15_000, 5_000, true), record(7, 7, -10_000, 0, false)],);
}

#[test]
fn of_three_balances_two_give_the_third() {
    for (header, row) in [
        ("client,available,held,total", "7,1.5,0.5,2"),
        ("client,available,held", "7,1.5,0.5"),
        ("client,available,total", "7,1.5,2"),
        ("total,client,held", "2,7,0.5"),
    ] {
        let expected = Record { locked: None, ..record(2, 7, 15_000, 5_000, false) };
        assert_eq!(rows(&format!("{header}\n{row}\n")), [expected], "{header}");
        let columns = BalancesReader::new("it", header.as_bytes()).unwrap().columns();
        let all = Columns { available: true, held: true, total: true, locked: false };
        assert_eq!(columns, all, "{header}");
    }
    let total = Columns { available: false, held: false, total: true, locked: false };
    assert_eq!(BalancesReader::new("it", &b"client,total"[..]).unwrap().columns(), total);
    let one = &rows("client,total,locked\n7,2,true\n")[0];
    assert_eq!((one.available, one.held, one.locked), (None, None, Some(true)));
}

#[test]
fn a_fault_is_named_by_line_and_field() {
    for (rows, expected) in [
        ("1,1,0,1,false\nx,1,0,1,false\n", "it: line 3, client `x`: not an id"),
        ("+1,1,0,1,false\n", "it: line 2, client `+1`: not an id"),
        ("0x10,1,0,1,false\n", "it: line 2, client `0x10`: not an id"),
        ("18446744073709551616,1,0,1,false\n", "it: line 2, client `18446744073709551616`: not"),
        (",1,0,1,false\n", "it: line 2, client ``: not an id"),
        ("1,1e3,0,1000,false\n", "it: line 2, available `1e3`: not a decimal number"),
        ("1,+1,0,1,false\n", "it: line 2, available `+1`: not a decimal number"),
        ("1,,0,1,false\n", "it: line 2, available ``: not a decimal number"),
        ("1,1.x000,0,1,false\n", "it: line 2, available `1.x000`: not a decimal number"),
        ("1,--1.0000,0,1,false\n", "it: line 2, available `--1.0000`: not a decimal number"),
        ("1,1,0.00001,1,false\n", "it: line 2, held `0.00001`: more than four decimals"),
        ("1,1,0,\u{1b}[2J,false\n", r"it: line 2, total `\x1b[2J`: not a decimal number"),
        ("1,1,0,1,yes\n", "it: line 2, locked `yes`: neither true nor false"),
        ("1,1,0,1,0\n", "it: line 2, locked `0`: neither true nor false"),
        ("1,1,0.5,1,false\n", "it: line 2, total 1.0000: not available 1.0000 + held 0.5000"),
        ("1,1,0,1\n", "it: line 2: 4 fields where the header has 5"),
        ("1,1,0,1,false,\n", "it: line 2: 6 fields where the header has 5"),
        ("1,1,0,1,\"false\n2,1,0,1,false\n", "it: line 2: a quote that is not closed"),
        ("\"1\"2,1,0,1,false\n", "it: line 2: a quote that is not closed, or that stands"),
        ("1\"2\",1,0,1,false\n", "it: line 2: a quote that is not closed, or that stands"),
        ("1,1,0,1,false\n\n1,1,0,1,true\n", "it: line 4, client 1: line 2 has this client"),
    ] {
        let message = message(format!("{HEADER}{rows}"));
        assert!(message.starts_with(expected), "{rows}: {message}");
    }
    let not_text = [HEADER.as_bytes(), b"1,\xff,0,1,false\n"].concat();
    assert!(message(not_text).starts_with(r"it: line 2, available `\xff`: not a decimal"));
}

#[test]
fn a_client_that_comes_again_is_found_wherever_it_is() {
    let text = format!("{HEADER}3,1,0,1,false\n1,1,0,1,false\n\n3,1,0,1,false\n1,1,0,1,false\n");
    let reader = BalancesReader::new("it", text.as_bytes()).unwrap();
    let error = reader.sorted().unwrap_err().to_string();
    assert_eq!(error, "it: line 5, client 3: line 2 has this client already");
}

#[test]
fn a_sum_beyond_128_bits_is_a_fault_and_no_panic() {
    let largest = Balance::from_units(i128::MAX);
    let smallest = Balance::from_units(i128::MIN + 1);
    let too_large = "more than can be counted";
    for (columns, row, field) in [
        ("available,held,total", format!("{largest},{largest},0"), "total"),
        ("available,held,total", format!("9{largest},0,0"), "available"),
        ("available,held", format!("{largest},{largest}"), "available"),
        ("available,total", format!("{smallest},{largest}"), "total"),
        ("held,total", format!("{largest},{smallest}"), "total"),
    ] {
        let message = message(format!("client,{columns}\n1,{row}\n"));
        assert!(message.starts_with(&format!("it: line 2, {field}")), "{message}");
        assert!(message.contains(too_large) || columns.len() > 15, "{message}");
    }
}

#[test]
fn a_header_of_something_else_is_explained() {
    for (text, expected) in [
        (&b""[..], "it: is empty: a balances file starts with"),
        (b"\n \n", "it: is empty"),
        (b"type,client,tx,amount\n", "it: line 1: the header has no column `available`"),
        (b"\nid,available\n", "it: line 2: the header has no column `client`"),
        (b"client,held\n", "it: line 1: the header has no column `available` and no `total`;"),
        (b"client,client,total\n", "it: line 1: the header names the column `client` twice"),
        (b"client,total, \"Total\"\n", "it: line 1: the header names the column `total` twice"),
        (b"\x1f\x8b\x08\"\n", "it: is compressed; decompress it first"),
        (b"\x28\xb5\x2f\xfd\x04\n", "it: is compressed; decompress it first"),
        (b"\xff\xfec\0l\0i\0\n", "it: line 1: the header has no column `client`"),
        (b"\"client,total\n", "it: line 1: a quote that is not closed"),
    ] {
        let message = message(text);
        assert!(message.starts_with(expected), "{}: {message}", text.escape_ascii());
    }
}

#[test]
fn a_line_without_an_end_does_not_end_up_in_memory() {
    let start = format!("{HEADER}1,1,0,1,false\n");
    let endless = start.as_bytes().chain(io::repeat(b'0'));
    let mut reader = BalancesReader::new("it", endless).unwrap();
    assert!(reader.next().unwrap().is_ok());
    let error = reader.next().unwrap().unwrap_err().to_string();
    assert!(error.starts_with("it: line 3: longer than 1048576 bytes"), "{error}");
    assert!(reader.next().is_none());
    // A long field is no fault by itself.
    let text = format!("client,total,note\n1,2,{}\n", "x".repeat(1 << 19));
    assert_eq!(rows(&text).len(), 1);
}

#[test]
fn a_read_that_fails_is_no_fault_of_the_file() {
    struct Fails;
    impl Read for Fails {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("worn out"))
        }
    }
    let mut reader = BalancesReader::new("it", HEADER.as_bytes().chain(Fails)).unwrap();
    let error = reader.next().unwrap().unwrap_err();
    assert!(matches!(error, BalancesError::Input(InputError::Read { .. })), "{error:?}");
    assert!(error.to_string().contains("worn out"), "{error}");
}

#[test]
fn a_file_is_read_again_and_a_change_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.csv");
    std::fs::write(&path, format!("{HEADER}2,1,0,1,false\n1,1,0,1,false\n")).unwrap();
    let mut reader = BalancesReader::open(&path).unwrap();
    assert!(reader.is_restartable());
    assert_eq!(reader.next().unwrap().unwrap().client, 2);
    let clients = |reader: BalancesReader| reader.map(|it| it.map(|it| it.client)).collect();
    let all: Result<Vec<_>, _> = clients(reader.restart().unwrap());
    assert_eq!(all.unwrap(), [2, 1]);

    let reader = BalancesReader::open(&path).unwrap();
    let mut file = File::options().append(true).open(&path).unwrap();
    file.write_all(b"3,1,0,1,false\n").unwrap();
    let all: Result<Vec<_>, _> = clients(reader);
    assert!(all.unwrap_err().to_string().contains("has grown while it was read"));
}

#[test]
fn what_cannot_be_opened_is_told_from_what_is_no_balances_file() {
    let folder = tempfile::tempdir().unwrap();
    let error = BalancesReader::open(&folder.path().join("none")).unwrap_err();
    assert!(matches!(error, BalancesError::Input(InputError::Open { .. })), "{error:?}");
    let error = BalancesReader::open(folder.path()).unwrap_err();
    assert!(matches!(error, BalancesError::Input(InputError::Directory { .. })), "{error:?}");
}

/// Units at the edges of what is kept and read in different ways.
fn any_units() -> impl Strategy<Value = i128> {
    prop_oneof![
        Just(0),
        Just(i128::from(i64::MAX)),
        Just(i128::from(i64::MIN)),
        Just(i128::from(i64::MAX) + 1),
        Just(i128::MAX / 2),
        Just(-(i128::MAX / 2)),
        -20_000..20_000_i128,
        any::<i64>().prop_map(i128::from),
        any::<i128>().prop_map(|units| units / 2),
    ]
}

proptest! {
    #[test]
    fn rows_in_any_order_are_kept_whole(
        accounts in prop::collection::vec((any::<u64>(), any_units(), any_units(), any::<bool>()), 0..50),
    ) {
        let mut text = HEADER.to_owned();
        let mut expected = std::collections::BTreeMap::new();
        for (client, available, held, locked) in accounts {
            if expected.contains_key(&client) {
                continue;
            }
            let [a, h, t] = [available, held, available + held].map(Balance::from_units);
            let row = format!("{client},{a},{h},{t},{locked}\n");
            text.push_str(&row);
            let line = u64::try_from(expected.len()).unwrap() + 2;
            expected.insert(client, record(line, client, available, held, locked));
        }
        let sorted = BalancesReader::new("it", text.as_bytes()).unwrap().sorted().unwrap();
        prop_assert!(sorted.iter().eq(expected.values().copied()));
        prop_assert_eq!(sorted.len(), expected.len());
        for record in expected.values() {
            prop_assert_eq!(sorted.get(record.client), Some(*record));
        }
    }

    #[test]
    fn a_balance_is_read_as_the_money_module_reads_it(
        text in "-?[0-9]{0,17}(\\.[0-9]{0,5}0{0,3})?|[-+.0-9x ]{0,8}",
    ) {
        let slow: Result<Balance, AmountError> = text.trim().parse();
        let file = format!("client,total\n1,{text}\n");
        match (read(file.as_bytes()), slow) {
            (Ok(records), Ok(balance)) => prop_assert_eq!(records[0].total, Some(balance)),
            (Err(_), Err(_)) => {}
            (fast, slow) => prop_assert!(false, "{text}: {fast:?} {slow:?}"),
        }
    }

    #[test]
    fn no_bytes_are_too_odd_to_read(
        text in prop::collection::vec(prop_oneof![any::<u8>(), prop::sample::select(&b"0123456789.,-\"\n\r "[..])], 0..300),
    ) {
        let text = [HEADER.as_bytes(), &text].concat();
        if let Err(error) = read(&text) {
            let message = error.to_string();
            prop_assert!(message.starts_with("it: line "), "{}", message);
            prop_assert!(!message.contains(char::is_control), "{:?}", message);
        }
    }
}

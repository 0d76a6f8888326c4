use super::*;
use proptest::prelude::*;

const HEADER: &str = "client,available,held,total,locked\n";

fn account(available: i128, held: i128, locked: bool) -> Account {
    Account::new(Balance::from_units(available), Balance::from_units(held), locked)
}

fn text(accounts: &[(u64, Account)]) -> String {
    text_by(1, &accounts.iter().copied().collect())
}

fn text_by(threads: usize, accounts: &SortedAccounts) -> String {
    let mut text = Vec::new();
    write(&mut text, accounts, NonZeroUsize::new(threads).unwrap()).unwrap();
    String::from_utf8(text).unwrap()
}

fn read_back(text: &str) -> Vec<(u64, Account)> {
    read(text.as_bytes()).unwrap().iter().map(|row| (row.client, row.account)).collect()
}

fn message(rows: &str) -> String {
    read(format!("{HEADER}{rows}").as_bytes()).unwrap_err().to_string()
}

#[test]
fn no_accounts_are_a_header() {
    assert_eq!(text(&[]), HEADER);
    assert_eq!(read_back(HEADER), []);
}

#[test]
fn balances_are_written_with_four_decimals() {
    let accounts = [(0, account(15_000, 0, false)), (u64::MAX, account(-5_000, 5_000, true))];
    let expected = format!(
        "{HEADER}0,1.5000,0.0000,1.5000,false\n18446744073709551615,-0.5000,0.5000,0.0000,true\n"
    );
    assert_eq!(text(&accounts), expected);
}

#[test]
fn threads_write_the_same_bytes() {
    let clients = (0..60_000_u64).map(|it| if it % 3 == 0 { it } else { it << 44 });
    let accounts: SortedAccounts = clients
        .map(|client| (client, account(client.into(), i128::from(client % 5), client % 7 == 0)))
        .collect();
    assert!(accounts.len() >= FEW_ACCOUNTS);
    let expected = text_by(1, &accounts);
    assert!(accounts.iter().eq(read_back(&expected)));
    for threads in [2, 3, 8] {
        assert!(text_by(threads, &accounts) == expected, "{threads} threads");
    }
}

/// Takes some bytes, and fails then.
struct Full {
    room: usize,
}

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.room = self.room.checked_sub(bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_failing_output_is_reported() {
    let none = SortedAccounts::default();
    let error = write(&mut Full { room: 0 }, &none, NonZeroUsize::MIN).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
}

#[test]
fn a_full_disk_ends_all_threads() {
    let accounts: SortedAccounts = (0..200_000).map(|it| (it, account(1, 0, false))).collect();
    for (threads, room) in [(1, 0), (1, 500_000), (2, 0), (2, 500_000), (5, 500_000)] {
        let threads = NonZeroUsize::new(threads).unwrap();
        let error = write(&mut Full { room }, &accounts, threads).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }
}

#[test]
fn many_parts_are_written_whole() {
    let accounts: Vec<_> =
        (0..10_000).map(|client| (client, account(i128::from(client), 1, false))).collect();
    assert_eq!(read_back(&text(&accounts)), accounts);
}

#[test]
fn foreign_spellings_of_the_same_balances_are_read() {
    let text = "\u{feff} Locked ,\"TOTAL\",held,available,client\r\n\r\n\n\
                true, 2 ,0.50,1.5,  9\r\n\" false\" ,-1.00000,0,-1.,007";
    let rows = read(text.as_bytes()).unwrap();
    assert_eq!(
        rows,
        [
            BalanceRow { line: 5, client: 7, account: account(-10_000, 0, false) },
            BalanceRow { line: 4, client: 9, account: account(15_000, 5_000, true) },
        ]
    );
}

#[test]
fn a_fault_is_named_by_line_and_field() {
    for (rows, expected) in [
        ("1,1,0,1,false\nx,1,0,1,false\n", "line 3, client `x`: not an id"),
        ("+1,1,0,1,false\n", "line 2, client `+1`: not an id"),
        ("0x10,1,0,1,false\n", "line 2, client `0x10`: not an id"),
        ("18446744073709551616,1,0,1,false\n", "line 2, client `18446744073709551616`: not an id"),
        (",1,0,1,false\n", "line 2, client ``: not an id"),
        ("1,1e3,0,1000,false\n", "line 2, available `1e3`: not a decimal number"),
        ("1,1,0.00001,1,false\n", "line 2, held `0.00001`: more than four decimals"),
        ("1,1,0,\u{1b}[2J,false\n", r"line 2, total `\x1b[2J`: not a decimal number"),
        ("1,1,0,1,True\n", "line 2, locked `True`: neither true nor false"),
        ("1,1,0.5,1,false\n", "line 2, total 1.0000: not available 1.0000 + held 0.5000"),
        ("1,1,0,1\n", "line 2: 4 fields where the header has 5"),
        ("1,1,0,1,false,\n", "line 2: 6 fields where the header has 5"),
        ("1,1,0,1,\"false\n2,1,0,1,false\n", "line 2, locked `\"false`: neither"),
        ("2,1,0,1,false\n1,1,0,1,false\n2,1,0,1,false\n", "line 4, client 2: an earlier line"),
    ] {
        let message = message(rows);
        assert!(message.starts_with(expected), "{rows}: {message}");
    }
}

#[test]
fn a_sum_beyond_128_bits_is_a_fault_and_no_panic() {
    let largest = Balance::from_units(i128::MAX);
    assert!(message(&format!("1,{largest},{largest},0,false\n")).contains("line 2, total"));
    assert!(message(&format!("1,9{largest},0,0,false\n")).contains("line 2, available"));
}

#[test]
fn a_header_of_something_else_is_explained() {
    for (text, expected) in [
        ("", "the header has no column `client`"),
        ("type,client,tx,amount\n", "the header has no column `available`"),
        ("client,client,available,held,total,locked\n", "the header names the column `client`"),
        ("client,available,held,total,locked,note\n", "unknown column `note` (number 6)"),
    ] {
        let message = read(text.as_bytes()).unwrap_err().to_string();
        assert!(message.starts_with(expected), "{text}: {message}");
    }
    let message = read(&b"client,available,held,total,locked\n1,1,0,1,\xff\n"[..]).unwrap_err();
    assert_eq!(message.to_string(), "line 2: not UTF-8 text; this is no balances file");
}

fn any_account() -> impl Strategy<Value = Account> {
    let edges = prop_oneof![
        Just(0),
        Just(i128::from(u64::MAX)),
        Just(i128::MAX / 2),
        Just(-(i128::MAX / 2)),
        -20_000..20_000_i128,
        (any::<i128>()).prop_map(|units| units / 2),
    ];
    (edges.clone(), edges, any::<bool>())
        .prop_map(|(available, held, locked)| account(available, held, locked))
}

proptest! {
    #[test]
    fn whatever_is_written_reads_back(
        accounts in prop::collection::btree_map(any::<u64>(), any_account(), 0..50)
    ) {
        let accounts: Vec<_> = accounts.into_iter().collect();
        prop_assert_eq!(read_back(&text(&accounts)), accounts);
    }
}

use super::*;
use crate::balances_file::{BalancesReader, Record};
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
    let reader = BalancesReader::new("written", text.as_bytes()).unwrap();
    let account = |record: Record| {
        assert_eq!(record.total.unwrap().units(), units(record.available) + units(record.held));
        (
            record.client,
            account(units(record.available), units(record.held), record.locked.unwrap()),
        )
    };
    reader.map(|record| account(record.unwrap())).collect()
}

fn units(balance: Option<Balance>) -> i128 {
    balance.unwrap().units()
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

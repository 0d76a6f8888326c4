//! What a whole balances file amounts to: its accounts, their sums, and their state root.

use super::{BalancesError, BalancesFault, BalancesReader, Record};
use crate::account::Account;
use crate::amount::Balance;
use crate::ledger::Audit;
use crate::state_root::{StateRoot, StateRootBuilder};

/// What a balances file amounts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileTotals {
    /// The accounts and their sums.
    pub audit: Audit,
    /// The root of the accounts.
    pub state_root: StateRoot,
}

impl FileTotals {
    /// Reads a balances file to its end. Rows that ascend by client are not kept; others are, and
    /// a regular file is read twice then.
    ///
    /// # Errors
    /// The file is at fault, or lacks a column that the state root is made of.
    pub fn of(mut reader: BalancesReader<'static>) -> Result<Self, BalancesError> {
        let columns = reader.columns();
        for (is_there, missing) in [
            (columns.available && columns.held, "`available` with `held` or `total`"),
            (columns.locked, "`locked`"),
        ] {
            if !is_there {
                return Err(reader.at_fault(BalancesFault::NoState { missing }));
            }
        }
        if !reader.is_restartable() {
            return Ok(Self::of_records(reader.sorted()?.iter()));
        }
        let mut sums = Sums::default();
        let mut last = None;
        while let Some(record) = reader.next() {
            let record = record?;
            if last >= Some(record.client) {
                return Ok(Self::of_records(reader.restart()?.sorted()?.iter()));
            }
            last = Some(record.client);
            sums.add(&record);
        }
        Ok(sums.finish())
    }

    fn of_records(records: impl Iterator<Item = Record>) -> Self {
        let mut sums = Sums::default();
        records.for_each(|record| sums.add(&record));
        sums.finish()
    }
}

#[derive(Default)]
struct Sums {
    audit: Audit,
    root: StateRootBuilder,
}

impl Sums {
    fn add(&mut self, record: &Record) {
        let balance = |column: Option<Balance>| column.expect("the file has the column");
        let (available, held) = (balance(record.available), balance(record.held));
        let is_locked = record.locked.expect("the file has the column");
        self.audit.accounts += 1;
        self.audit.locked += u64::from(is_locked);
        self.audit.available += available;
        self.audit.held += held;
        self.root.add(record.client, &Account::new(available, held, is_locked));
    }

    fn finish(self) -> FileTotals {
        FileTotals { audit: self.audit, state_root: self.root.finish() }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const SORTED: &str = "client,available,held,total,locked\n3,1.5,0,1.5,false\n7,-2,3,1,TRUE\n";

    fn of_text(text: &str) -> Result<FileTotals, BalancesError> {
        FileTotals::of(BalancesReader::new("it", std::io::Cursor::new(text.to_owned()))?)
    }

    #[test]
    fn order_columns_and_spelling_change_nothing() {
        let expected = of_text(SORTED).unwrap();
        let accounts = [
            (3, Account::new(Balance::from_units(15_000), Balance::ZERO, false)),
            (7, Account::new(Balance::from_units(-20_000), Balance::from_units(30_000), true)),
        ];
        assert_eq!(expected.state_root, StateRoot::of(&accounts.into()));
        assert_eq!((expected.audit.accounts, expected.audit.locked), (2, 1));
        assert_eq!(expected.audit.total(), Balance::from_units(25_000));
        let other = "Locked,total,held,client\ntrue,1.0000,3,007\nfalse,1.5,0,3\n";
        assert_eq!(of_text(other).unwrap(), expected);
        for text in [SORTED, other] {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(text.as_bytes()).unwrap();
            let reader = BalancesReader::open(file.path()).unwrap();
            assert_eq!(FileTotals::of(reader).unwrap(), expected);
        }
    }

    #[test]
    fn a_file_without_a_part_of_the_state_has_no_root() {
        for (header, missing) in [
            ("client,total,locked\n", "`available` with `held` or `total`"),
            ("client,available,total\n", "`locked`"),
        ] {
            let error = of_text(header).unwrap_err().to_string();
            assert_eq!(error, format!("it: has no column {missing}, which the state root needs"));
        }
    }
}

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
            return Self::of_sorted(reader);
        }
        let mut sums = Sums::default();
        let mut last = None;
        while let Some(record) = reader.next() {
            let record = record?;
            if last >= Some(record.client) {
                return Self::of_sorted(reader.restart()?);
            }
            last = Some(record.client);
            sums.add(&record).map_err(|fault| reader.at_fault(fault))?;
        }
        Ok(sums.finish())
    }

    fn of_sorted(reader: BalancesReader<'static>) -> Result<Self, BalancesError> {
        let name = reader.name().to_owned();
        let mut sums = Sums::default();
        for record in reader.sorted()?.iter() {
            let at_fault = |source| BalancesError::Format { name: name.clone(), source };
            sums.add(&record).map_err(at_fault)?;
        }
        Ok(sums.finish())
    }
}

#[derive(Default)]
struct Sums {
    audit: Audit,
    root: StateRootBuilder,
}

impl Sums {
    fn add(&mut self, record: &Record) -> Result<(), BalancesFault> {
        let balance = |column: Option<Balance>| column.expect("the file has the column");
        let (available, held) = (balance(record.available), balance(record.held));
        let is_locked = record.locked.expect("the file has the column");
        self.audit.accounts += 1;
        self.audit.locked += u64::from(is_locked);
        (self.audit.available, self.audit.held) = sums_with(&self.audit, available, held)
            .ok_or(BalancesFault::Sum { line: record.line })?;
        self.root.add(record.client, &Account::new(available, held, is_locked));
        Ok(())
    }

    fn finish(self) -> FileTotals {
        FileTotals { audit: self.audit, state_root: self.root.finish() }
    }
}

/// The sums of what is available and held with one more account; `None` if they, or both together,
/// are beyond 128 bits: anybody may have written the file.
fn sums_with(audit: &Audit, available: Balance, held: Balance) -> Option<(Balance, Balance)> {
    let available = audit.available.checked_add(available)?;
    let held = audit.held.checked_add(held)?;
    available.checked_add(held)?;
    Some((available, held))
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

    /// Two rows that each can be counted, but not together, ended `root` and `verify` in a panic.
    #[test]
    fn rows_that_add_up_to_more_than_128_bits_are_a_fault_and_no_panic() {
        let largest = Balance::from_units(i128::MAX);
        let least = Balance::from_units(-i128::MAX);
        for rows in [
            format!("1,{largest},0,false\n2,0.0001,0,false\n"),
            format!("1,{least},0,false\n2,-1,0,false\n"),
            format!("1,0,{largest},false\n2,0,0.0001,false\n"),
            format!("1,{largest},0,false\n2,0,0.0001,false\n"),
            format!("2,0.0001,0,false\n1,{largest},0,false\n"),
        ] {
            let error = of_text(&format!("client,available,held,locked\n{rows}")).unwrap_err();
            let expected = ": the balances up to here add up to more than can be counted";
            assert!(error.to_string().ends_with(expected), "{rows}: {error}");
        }
        let rows = format!("1,{largest},0,false\n2,0,{least},false\n");
        let found = of_text(&format!("client,available,held,locked\n{rows}")).unwrap();
        assert_eq!(found.audit.total(), Balance::ZERO);
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

//! The reference model: what the engine does, said as plainly as possible. Read this first.
//!
//! From the bytes of the inputs, the rules and the flags to the outcome of every row and the bytes
//! of the output. One thread, one row at a time, ordered maps, `i128`; its own reader
//! ([`reader`]). It borrows from the engine only the names of the reasons and the rules as data.

pub(crate) mod reader;
pub(crate) mod rejects;

use std::collections::{BTreeMap, BTreeSet};

use millrace::outcome::{Reason, Rejection};
use millrace::rules::{Locked, Permission, Rules, TxIdSpace};

use reader::{Columns, Kind, Transaction};

/// What else a run can be told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flags {
    pub(crate) ignore_extra_columns: bool,
    pub(crate) strict: bool,
}

/// All that a run says.
pub(crate) struct Report {
    /// Every row of every input, in input order.
    pub(crate) rows: Vec<Row>,
    pub(crate) blank_lines: u64,
    /// Disputes, resolves and chargebacks that carried an amount.
    pub(crate) ignored_amounts: u64,
    /// The output: a line for every account.
    pub(crate) balances: String,
}

/// One row and what became of it.
pub(crate) struct Row {
    /// Which input, from 0.
    pub(crate) input: usize,
    /// The number of its line in that input, from 1.
    pub(crate) line: u64,
    /// Its bytes without the line end.
    pub(crate) bytes: Vec<u8>,
    /// What each of its columns says.
    pub(crate) columns: Columns,
    /// `Ok` if it was applied.
    pub(crate) outcome: Result<(), Reason>,
}

/// Runs the inputs as one stream; `None` if one of them is not a transactions CSV.
pub(crate) fn run(inputs: &[&[u8]], rules: &Rules, flags: Flags) -> Option<Report> {
    let mut ledger = Ledger::default();
    let (mut rows, mut blank_lines, mut ignored_amounts) = (Vec::new(), 0, 0);
    for (input, bytes) in inputs.iter().enumerate() {
        let file = reader::read(bytes, rules, flags)?;
        blank_lines += file.blank_lines;
        for reader::Row { line, bytes, ends_with_newline, columns, transaction } in file.rows {
            let cut_off = flags.strict && !ends_with_newline;
            let outcome = match transaction {
                Ok(transaction) => {
                    ignored_amounts += u64::from(transaction.amount_ignored);
                    ledger.apply(&transaction, cut_off, rules).map_err(Reason::Rejected)
                }
                Err(malformation) => Err(Reason::Malformed(malformation)),
            };
            rows.push(Row { input, line, bytes, columns, outcome });
        }
    }
    Some(Report { rows, blank_lines, ignored_amounts, balances: ledger.report() })
}

#[derive(Clone, Default)]
pub(crate) struct Ledger {
    pub(crate) accounts: BTreeMap<u64, Account>,
    /// The transaction ids that are decided; with the client where each has ids of its own.
    decided: BTreeSet<(Option<u64>, u64)>,
    /// Applied deposits less withdrawals less chargebacks.
    pub(crate) control_total: i128,
}

#[derive(Clone, Default)]
pub(crate) struct Account {
    pub(crate) available: i128,
    pub(crate) held: i128,
    pub(crate) locked: bool,
    /// The applied deposits and withdrawals, by id.
    applied: BTreeMap<u64, Applied>,
}

#[derive(Clone, Copy)]
enum Applied {
    Withdrawal,
    Deposit(i128, Standing),
}

#[derive(Clone, Copy, PartialEq)]
enum Standing {
    Untouched,
    Disputed,
    Resolved,
    ChargedBack,
}

impl Ledger {
    pub(crate) fn apply(
        &mut self,
        tx: &Transaction,
        cut_off: bool,
        rules: &Rules,
    ) -> Result<(), Rejection> {
        if matches!(tx.kind, Kind::Deposit | Kind::Withdrawal) {
            let space = (rules.tx_ids == TxIdSpace::PerClient).then_some(tx.client);
            if !self.decided.insert((space, tx.id)) {
                return Err(Rejection::DuplicateTx);
            }
            self.accounts.entry(tx.client).or_default();
        }
        if cut_off {
            return Err(Rejection::UnterminatedRow);
        }
        // A dispute by a client without an account: nothing is locked, and nothing known.
        let account = self.accounts.get_mut(&tx.client).ok_or(Rejection::UnknownTx)?;
        let refused_when_locked = match rules.locked {
            Locked::Frozen => true,
            Locked::DepositsAndDisputes => tx.kind == Kind::Withdrawal,
        };
        if account.locked && refused_when_locked {
            return Err(Rejection::AccountLocked);
        }
        self.control_total += match tx.kind {
            Kind::Deposit => account.deposit(tx.id, tx.amount),
            Kind::Withdrawal => account.withdraw(tx.id, tx.amount)?,
            Kind::Dispute | Kind::Resolve | Kind::Chargeback => account.settle(tx, rules)?,
        };
        Ok(())
    }

    /// Writes the output, once the money is all accounted for.
    pub(crate) fn report(&self) -> String {
        let totals: i128 = self.accounts.values().map(|it| it.available + it.held).sum();
        assert_eq!(totals, self.control_total, "money is neither made nor lost");
        let mut text = String::from("client,available,held,total,locked\n");
        for (client, Account { available, held, locked, .. }) in &self.accounts {
            assert!(*held >= 0, "client {client} holds less than nothing");
            let [free, kept, total] = [*available, *held, available + held].map(decimal);
            let row = format!("{client},{free},{kept},{total},{locked}\n");
            text.push_str(&row);
        }
        text
    }
}

/// Every change returns by how much the money in all accounts grew.
impl Account {
    fn deposit(&mut self, id: u64, amount: i128) -> i128 {
        self.available += amount;
        self.applied.insert(id, Applied::Deposit(amount, Standing::Untouched));
        amount
    }

    fn withdraw(&mut self, id: u64, amount: i128) -> Result<i128, Rejection> {
        if self.available < amount {
            return Err(Rejection::InsufficientFunds);
        }
        self.available -= amount;
        self.applied.insert(id, Applied::Withdrawal);
        Ok(-amount)
    }

    fn settle(&mut self, tx: &Transaction, rules: &Rules) -> Result<i128, Rejection> {
        use Standing::{ChargedBack, Disputed, Resolved};
        let (amount, standing) = match self.applied.get(&tx.id) {
            None => return Err(Rejection::UnknownTx),
            Some(Applied::Withdrawal) => return Err(Rejection::NotDisputable),
            Some(Applied::Deposit(_, ChargedBack)) => return Err(Rejection::ChargedBack),
            Some(Applied::Deposit(amount, standing)) => (*amount, *standing),
        };
        let (change, next) = if tx.kind == Kind::Dispute {
            if standing == Disputed {
                return Err(Rejection::AlreadyDisputed);
            }
            if standing == Resolved && rules.redispute == Permission::Reject {
                return Err(Rejection::AlreadyResolved);
            }
            if self.available < amount && rules.overdrawn_dispute == Permission::Reject {
                return Err(Rejection::InsufficientFunds);
            }
            self.available -= amount;
            self.held += amount;
            (0, Disputed)
        } else if standing != Disputed {
            return Err(Rejection::NotDisputed);
        } else if tx.kind == Kind::Resolve {
            self.held -= amount;
            self.available += amount;
            (0, Resolved)
        } else {
            self.held -= amount;
            self.locked = true;
            (-amount, ChargedBack)
        };
        self.applied.insert(tx.id, Applied::Deposit(amount, next));
        Ok(change)
    }
}

/// Writes units of 1/10 000 with exactly four decimals.
pub(crate) fn decimal(units: i128) -> String {
    let sign = if units < 0 { "-" } else { "" };
    let units = units.unsigned_abs();
    format!("{sign}{}.{:04}", units / 10_000, units % 10_000)
}

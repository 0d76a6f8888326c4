//! Explanations: why a balance is what it is.
//!
//! A [`Statement`] lists every row of the inputs that concerns a client, or a transaction, with its
//! outcome and what the account held after it. The outcomes are those of a run over the same
//! inputs, and the closing balances are its balances, since the same ledger decides them; money of
//! other clients is not computed. How a statement is written is not known here
//! ([`crate::output::statement`]).

use crate::account::Account;
use crate::amount::Amount;
use crate::engine::{self, Config, RunError};
use crate::input::Input;
use crate::outcome::Reason;
use crate::transaction::Kind;

/// What a statement is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The rows of a client.
    Client(u64),
    /// The rows of any client with this transaction id.
    Tx(u64),
}

/// Where a row stands. Places are ordered as the rows are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The index of the input, from 0.
    pub input: usize,
    /// The number of the line in the input, from 1.
    pub line: u64,
}

/// One row and what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where the row stands.
    pub place: Place,
    /// The type, where it is one of the five.
    pub kind: Option<Kind>,
    /// The client, where it is an id.
    pub client: Option<u64>,
    /// The transaction, where it is an id.
    pub tx: Option<u64>,
    /// The amount of a deposit or withdrawal; of another row, that of the transaction it refers to.
    pub amount: Option<Amount>,
    /// `Ok` if the row was applied.
    pub outcome: Result<(), Reason>,
    /// The row that this one refers to: of a dispute, resolve or chargeback the deposit or
    /// withdrawal, if it was applied; of a `duplicate_tx` the row that has consumed the id.
    pub refers_to: Option<Place>,
    /// The account of the client after the row, once it has been opened.
    pub account: Option<Account>,
}

/// The rows that concern a client or a transaction, and the accounts they end in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// What it is about.
    pub subject: Subject,
    /// The names of the inputs. Of a path the bytes, any bytes.
    pub inputs: Vec<Vec<u8>>,
    /// The last line of the last input that was read, if not all were.
    pub until: Option<u64>,
    /// The rows in input order.
    pub entries: Vec<Entry>,
    /// The account of the client, or those of all clients that the rows name, ascending by client;
    /// none that no row has opened.
    pub accounts: Vec<(u64, Account)>,
}

impl Statement {
    /// Tells how many rows were not applied.
    pub fn refused_rows(&self) -> usize {
        self.entries.iter().filter(|entry| entry.outcome.is_err()).count()
    }
}

/// Explains the balance of a client: every row that names it, malformed ones among them.
///
/// Of `config`, `recall`, `expect_rows`, control totals and digests have no effect, nor what is said
/// of workers.
///
/// # Errors
/// As [`crate::run`].
///
/// # Panics
/// On a bug; every thread has been joined by then.
///
/// ```
/// use millrace::{Config, Input, explain};
///
/// let csv = "type,client,tx,amount\ndeposit,1,1,5.0\ndeposit,2,2,7.0\ndispute,1,1,\n";
/// let inputs = vec![Input::bytes("memory", csv)];
/// let statement = explain::client(&Config::default(), inputs, 1)?;
/// let [deposit, dispute] = &statement.entries[..] else { panic!("two rows name client 1") };
/// assert_eq!(deposit.place.line, 2);
/// assert_eq!(dispute.refers_to, Some(deposit.place));
/// assert_eq!(dispute.account.unwrap().held().to_string(), "5.0000");
/// # Ok::<(), millrace::RunError>(())
/// ```
pub fn client(config: &Config, inputs: Vec<Input>, client: u64) -> Result<Statement, RunError> {
    engine::explain(config, inputs, Subject::Client(client))
}

/// Explains a transaction: every row of any client with its id, malformed ones among them.
///
/// The accounts of these clients are computed, since the outcomes depend on them, and no others.
/// `config` is as for [`client`].
///
/// # Errors
/// As [`client`].
///
/// # Panics
/// As [`client`].
pub fn tx(config: &Config, inputs: Vec<Input>, tx: u64) -> Result<Statement, RunError> {
    engine::explain(config, inputs, Subject::Tx(tx))
}

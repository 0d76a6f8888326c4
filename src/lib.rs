//! A payments ledger engine: files of transactions in, exact account balances out, every row
//! accounted for.

pub mod account;
pub mod amount;
pub mod ledger;
pub mod outcome;
pub mod parser;
pub mod pipeline;
pub mod rules;
pub mod transaction;

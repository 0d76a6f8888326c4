//! A payments ledger engine: files of transactions in, exact account balances out, every row
//! accounted for.
//!
//! [`run`] takes inputs and a [`Config`] and returns a [`Report`]: every account, ascending by
//! client, and a summary in which every row has its outcome. The parts stand on their own as well:
//! exact money in [`amount`], the parser in [`parser`], the state machine in [`ledger`].
//!
//! # Words
//! A **row** (bytes) becomes a **transaction** (meaning), which has an **outcome**: applied,
//! rejected (well-formed, refused by a rule) or malformed (not a transaction). A **worker**
//! (thread) owns a **shard** (set of clients). A **block** is a run of whole rows of an **input**. Its
//! transactions are scattered into **partitions**, one for each worker, and these travel to the
//! workers in **batches**. An account has money that is **available** and money that is **held** by
//! disputes; both together are its **total**. A transaction that is under **dispute** ends in a
//! **resolve** or a **chargeback**, which **locks** the account.
//!
//! # Features
//! `cli` (default) builds the command-line tool and takes in what only that needs; `report`, which it
//! includes, makes a page of a run.

#[macro_use]
mod planted;

pub mod account;
pub mod amount;
pub mod balances_file;
mod decimal;
pub mod diff;
pub mod digest;
mod engine;
pub mod explain;
#[cfg(fuzzing)]
pub mod fuzzing;
pub mod generate;
mod huge_pages;
pub mod input;
mod interrupt;
pub mod ledger;
pub mod manifest;
pub mod outcome;
pub mod output;
pub mod parser;
pub mod pipeline;
mod prefetch;
pub mod printable;
#[cfg(feature = "report")]
pub mod report;
pub mod rules;
pub mod state_root;
pub mod summary;
mod text;
pub mod transaction;

pub use engine::{
    Config, InputReport, LeftOut, Progress, Recall, RejectSink, Report, RunError, Sinks, Threads,
    run,
};
pub use input::Input;
pub use interrupt::Interrupt;
#[cfg(planted)]
pub use planted::{Fault, plant};

/// The examples of the README, compiled and run as documentation tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExamples;

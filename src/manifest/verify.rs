//! Holding a manifest against another: of the same inputs run once more, or of the outputs as they
//! stand.

use serde_json::Value;

use super::{Manifest, ManifestError};
use crate::amount::Balance;
use crate::balances_file::FileTotals;
use crate::digest::Digested;

/// One thing that a manifest states, and what was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// What is stated: the keys of the manifest, from the outermost on.
    pub field: String,
    /// What the manifest says.
    pub stated: String,
    /// What was found, or why nothing was.
    pub found: Result<String, String>,
}

impl Statement {
    /// Makes a statement of anything that can be written.
    pub fn new(field: impl Into<String>, stated: &impl ToString, found: &impl ToString) -> Self {
        Self { field: field.into(), stated: stated.to_string(), found: Ok(found.to_string()) }
    }

    /// Makes a statement of which nothing can be found; it does not hold, whatever it says.
    pub fn not_found(
        field: impl Into<String>,
        stated: &impl ToString,
        reason: &impl ToString,
    ) -> Self {
        Self { field: field.into(), stated: stated.to_string(), found: Err(reason.to_string()) }
    }

    /// Tells whether it holds.
    pub fn holds(&self) -> bool {
        self.found.as_ref() == Ok(&self.stated)
    }
}

impl Manifest {
    /// Compares everything that this manifest states, besides who wrote it and `run`, with a
    /// manifest of the same run done again.
    #[expect(clippy::missing_panics_doc, reason = "strings and integers have a JSON form")]
    pub fn compare(&self, again: &Self) -> Vec<Statement> {
        let value = |manifest| serde_json::to_value(manifest).expect("strings and integers");
        let (stated, found) = (value(self), value(again));
        let mut statements = Vec::new();
        let keys = stated.as_object().into_iter().flatten();
        for (key, value) in
            keys.filter(|(key, _)| !["schema", "millrace", "run"].contains(&&***key))
        {
            compare_values(key, value, &found[key], &mut statements);
        }
        statements
    }

    /// Compares what this manifest states of a balances file with the file as it stands.
    pub fn compare_balances(&self, found: &FileTotals) -> Vec<Statement> {
        let (stated, audit) = (&self.accounts, &found.audit);
        vec![
            Statement::new("accounts.all", &stated.all, &audit.accounts),
            Statement::new("accounts.locked", &stated.locked, &audit.locked),
            Statement::new("accounts.available", &stated.available, &audit.available),
            Statement::new("accounts.held", &stated.held, &audit.held),
            Statement::new("accounts.total", &stated.total, &audit.total()),
            Statement::new("state_root", &self.state_root, &found.state_root),
        ]
    }

    /// Checks that the figures of this manifest add up among themselves.
    ///
    /// # Errors
    /// A figure that should be money is none.
    pub fn compare_sums(&self) -> Result<Vec<Statement>, ManifestError> {
        let (rows, sums) = (&self.rows, &self.conservation);
        let outcomes = [rows.applied, rows.rejected, rows.malformed, rows.left_out];
        let of_types = |count: fn(&super::OfType) -> u64| add_up(self.by_type.values().map(count));
        let money = |name: &str, text: &str| {
            text.parse::<Balance>().map_err(|error| ManifestError::Value {
                field: format!("conservation.{name}"),
                message: format!("{text:?}: {error}"),
            })
        };
        let charged_back = money("charged_back", &sums.charged_back)?;
        let less = |all: Balance, part| {
            let rest = all.checked_sub(part).and_then(|rest| rest.checked_sub(charged_back));
            rest.map(|rest| rest.to_string()).ok_or_else(|| "more than can be counted".to_owned())
        };
        let total =
            less(money("deposited", &sums.deposited)?, money("withdrawn", &sums.withdrawn)?);
        let held = less(money("disputed", &sums.disputed)?, money("resolved", &sums.resolved)?);
        let statement = |field: &str, stated: &str, found: &Result<String, String>| Statement {
            field: field.to_owned(),
            stated: stated.to_owned(),
            found: found.clone(),
        };
        Ok(vec![
            Statement::new("rows.all", &rows.all, &add_up(outcomes)),
            Statement::new(
                "rows.all by input",
                &rows.all,
                &add_up(self.inputs.iter().map(|input| input.rows)),
            ),
            Statement::new("rows.applied by type", &rows.applied, &of_types(|it| it.applied)),
            Statement::new("rows.rejected by type", &rows.rejected, &of_types(|it| it.rejected)),
            Statement::new(
                "rows.rejected by reason",
                &rows.rejected,
                &add_up(rows.rejected_by_reason.values().copied()),
            ),
            Statement::new(
                "rows.malformed by reason",
                &rows.malformed,
                &add_up(rows.malformed_by_reason.values().copied()),
            ),
            statement("conservation.total", &sums.total, &total),
            statement("conservation.held", &sums.held, &held),
            statement("accounts.total", &self.accounts.total, &total),
            statement("accounts.held", &self.accounts.held, &held),
        ])
    }
}

impl super::OutputDigest {
    /// Compares what is stated of an output, which `field` names, with the file as it stands.
    pub fn compare(&self, field: &str, found: &Digested) -> Vec<Statement> {
        vec![
            Statement::new(format!("{field}.bytes"), &self.bytes, &found.bytes),
            Statement::new(format!("{field}.blake3"), &self.blake3, &found.blake3),
        ]
    }
}

/// Adds counts up, without a limit: a manifest may say anything.
fn add_up(counts: impl IntoIterator<Item = u64>) -> String {
    counts.into_iter().map(u128::from).sum::<u128>().to_string()
}

fn compare_values(field: &str, stated: &Value, found: &Value, into: &mut Vec<Statement>) {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            value.to_string()
        }
    };
    match (stated, found) {
        (Value::Object(stated), Value::Object(found)) => {
            for (key, value) in stated {
                let other = found.get(key).unwrap_or(&Value::Null);
                compare_values(&format!("{field}.{key}"), value, other, into);
            }
        }
        (Value::Array(stated), Value::Array(found)) if stated.len() == found.len() => {
            for (index, (value, other)) in stated.iter().zip(found).enumerate() {
                compare_values(&format!("{field}[{index}]"), value, other, into);
            }
        }
        _ => into.push(Statement::new(field, &text(stated), &text(found))),
    }
}

//! The summary of a comparison as text for people.

use std::fmt;

use super::accounts::{AccountsTally, Sides};
use super::as_text::signed;
use super::runs::{RowsTally, RunsTally};
use crate::amount::Balance;
use crate::summary::grouped;

/// A name, and a figure for A, B and the difference.
type Line = [String; 4];

impl fmt::Display for AccountsTally {
    /// Writes one line if nothing differs, or else a table, each line with its newline.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_equal() {
            let plural = if self.equal == 1 { "" } else { "s" };
            write!(formatter, "no difference in {} account{plural}", number(self.equal))?;
            for (name, figures) in self.balances() {
                if let Sides { a: Some(sum), b: Some(_), .. } = figures {
                    write!(formatter, ", {name} {}", grouped(&sum.to_string()))?;
                }
            }
            writeln!(formatter)?;
        } else {
            self.table(formatter)?;
        }
        let missing: Vec<_> = self.not_compared().collect();
        if !missing.is_empty() {
            writeln!(formatter, "not compared: {}", missing.join(", "))?;
        }
        Ok(())
    }
}

impl AccountsTally {
    fn table(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let row = |name: &str, a: String, b: String, difference: String| -> Line {
            [name.to_owned(), a, b, difference]
        };
        let count = |name, a: Option<u64>, b: Option<u64>| {
            let difference = a.zip(b).map(|(a, b)| i128::from(b) - i128::from(a));
            let sign = if difference > Some(0) { "+" } else { "" };
            let difference =
                difference.map_or(String::new(), |it| sign.to_owned() + &grouped(&it.to_string()));
            row(name, optional(a.map(number)), optional(b.map(number)), difference)
        };
        let only = |name, a, b| row(name, number(a), number(b), String::new());
        let mut lines = vec![
            row("", "A".into(), "B".into(), "B - A".into()),
            count("accounts", Some(self.accounts_a), Some(self.accounts_b)),
            only("  only here", self.only_in_a, self.only_in_b),
            only("  changed", self.changed, self.changed),
            only("  equal", self.equal, self.equal),
            count("  locked", self.locked.a, self.locked.b),
        ];
        for (name, Sides { a, b, difference }) in self.balances() {
            let [a, b] = [a, b].map(|it| optional(it.map(|balance| grouped(&balance.to_string()))));
            let difference = optional(difference.map(grouped_with_sign));
            lines.push(row(name, a, b, difference));
        }
        write_table(formatter, &lines)
    }

    /// The columns that not both files have, nor anything they would follow from.
    fn not_compared(&self) -> impl Iterator<Item = &'static str> {
        let is_compared = |sides: Sides<Balance>| sides.a.is_some() && sides.b.is_some();
        let balances = self.balances().map(|(name, sides)| (name, is_compared(sides)));
        let locked = ("locked", self.locked.a.is_some() && self.locked.b.is_some());
        let columns = balances.into_iter().chain([locked]);
        columns.filter(|&(_, is_compared)| !is_compared).map(|(name, _)| name)
    }
}

impl fmt::Display for RunsTally {
    /// Writes what became of the rows, and the accounts as [`AccountsTally`] does.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RowsTally { rows, applied_only_in_a, applied_only_in_b, refused_for_other_reason } =
            self.rows;
        let mut lines = vec![["rows".to_owned(), number(rows)]];
        for (name, count) in [
            ("  applied under A only", applied_only_in_a),
            ("  applied under B only", applied_only_in_b),
            ("  refused for another reason", refused_for_other_reason),
        ] {
            lines.push([name.to_owned(), number(count)]);
        }
        write_table(formatter, &lines)?;
        self.accounts.fmt(formatter)
    }
}

/// Writes lines in columns, the first to the left, the others to the right.
fn write_table<const N: usize>(
    formatter: &mut fmt::Formatter<'_>,
    lines: &[[String; N]],
) -> fmt::Result {
    let width = |column: usize| lines.iter().map(|line| line[column].len()).max().unwrap_or(0);
    for line in lines {
        let mut text = format!("{:<width$}", line[0], width = width(0));
        for (column, cell) in line.iter().enumerate().skip(1) {
            text += &" ".repeat(2 + width(column) - cell.len());
            text += cell;
        }
        writeln!(formatter, "{}", text.trim_end())?;
    }
    Ok(())
}

fn optional(text: Option<String>) -> String {
    text.unwrap_or_default()
}

fn number(count: u64) -> String {
    grouped(&count.to_string())
}

fn grouped_with_sign(difference: Balance) -> String {
    match signed(difference).strip_prefix('+') {
        Some(positive) => format!("+{}", grouped(positive)),
        None => grouped(&difference.to_string()),
    }
}

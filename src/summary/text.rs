//! The summary as a text for people: names to the left, figures to the right, no zeros that nobody
//! asked for.

use std::fmt;
use std::time::Duration;

use super::Summary;
use crate::amount::Balance;

/// One figure and its name.
struct Line {
    name: String,
    value: String,
    note: String,
}

impl Line {
    fn new(name: impl Into<String>, value: String) -> Self {
        Self { name: name.into(), value, note: String::new() }
    }

    fn count(name: impl Into<String>, count: u64) -> Self {
        Self::new(name, grouped(&count.to_string()))
    }

    fn money(name: &str, balance: Balance) -> Self {
        Self::new(name, grouped(&balance.to_string()))
    }
}

impl fmt::Display for Summary {
    /// Writes one line per figure, each with its newline. What there is none of, of reasons,
    /// rows left out, blank lines and ignored amounts, has no line.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = self.lines();
        let width = |text: fn(&Line) -> &str| {
            lines.iter().map(|line| text(line).chars().count()).max().unwrap_or(0)
        };
        let names = width(|line| &line.name);
        let values = width(|line| &line.value);
        for Line { name, value, note } in &lines {
            writeln!(formatter, "{name:<names$}  {value:>values$}{note}")?;
        }
        writeln!(formatter, "{}", pace(self.rows, self.elapsed))?;
        for input in &self.unterminated_inputs {
            writeln!(formatter, "the last row of {input} has no newline: it may have been cut")?;
        }
        Ok(())
    }
}

impl Summary {
    fn lines(&self) -> Vec<Line> {
        let mut lines = vec![
            Line::count("rows", self.rows),
            Line::count("  applied", self.applied),
            Line::count("  rejected", self.refused.rejected()),
        ];
        lines.extend(reasons(self.refused.rejections().map(|(it, count)| (it.name(), count))));
        lines.push(Line::count("  malformed", self.refused.malformed()));
        lines.extend(reasons(self.refused.malformations().map(|(it, count)| (it.name(), count))));
        for (name, count) in [
            ("  left out", self.left_out),
            ("blank lines", self.blank_lines),
            ("ignored amounts", self.amounts_ignored),
        ] {
            if count > 0 {
                lines.push(Line::count(name, count));
            }
        }
        lines.push(Line {
            note: format!("  ({} locked)", grouped(&self.locked_accounts.to_string())),
            ..Line::count("accounts", self.accounts)
        });
        lines.push(Line::money("money in", self.deposited));
        lines.push(Line::money("money out", self.withdrawn));
        lines.push(Line::money("charged back", self.charged_back));
        lines
    }
}

/// Makes the lines of the reasons that some row met.
fn reasons(counts: impl Iterator<Item = (&'static str, u64)>) -> impl Iterator<Item = Line> {
    counts
        .filter(|&(_, count)| count > 0)
        .map(|(name, count)| Line::count(format!("    {name}"), count))
}

/// Parts the digits before the point into thousands.
pub(crate) fn grouped(number: &str) -> String {
    let (sign, magnitude) = number.strip_prefix('-').map_or(("", number), |rest| ("-", rest));
    let (whole, decimals) = magnitude.split_at(magnitude.find('.').unwrap_or(magnitude.len()));
    let mut text = sign.to_owned();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text + decimals
}

/// Gives the duration and the rate, cut off and not rounded: never more than was measured.
fn pace(rows: u64, elapsed: Duration) -> String {
    let seconds = grouped(&format!("{}.{:03} s", elapsed.as_secs(), elapsed.subsec_millis()));
    let Some(per_second) = (u128::from(rows) * 1_000_000_000).checked_div(elapsed.as_nanos())
    else {
        return seconds;
    };
    let rate = match per_second {
        0..1_000 => per_second.to_string(),
        1_000..1_000_000 => tenths(per_second / 100, "k"),
        _ => tenths(per_second / 100_000, "M"),
    };
    format!("{seconds}, {rate} rows/s")
}

fn tenths(value: u128, unit: &str) -> String {
    grouped(&format!("{}.{} {unit}", value / 10, value % 10))
}

#[cfg(test)]
mod tests {
    use super::super::tests::full;
    use super::*;

    #[test]
    fn a_full_summary_is_aligned() {
        let expected = "\
rows                             5,000,000
  applied                        4,998,790
  rejected                           1,201
    duplicate_tx                         1
    insufficient_funds               1,200
  malformed                              2
    bad_amount                           2
  left out                               7
blank lines                              3
ignored amounts                          4
accounts                            65,535  (12,345 locked)
money in                1,234,567,890.5000
money out                           0.5000
charged back                      999.9999
0.142 s, 34.9 M rows/s
the last row of may.csv has no newline: it may have been cut
";
        assert_eq!(full().to_string(), expected);
    }

    #[test]
    fn an_empty_run_is_short() {
        let expected = "\
rows               0
  applied          0
  rejected         0
  malformed        0
accounts           0  (0 locked)
money in      0.0000
money out     0.0000
charged back  0.0000
0.000 s
";
        assert_eq!(Summary::default().to_string(), expected);
    }

    #[test]
    fn thousands_are_parted() {
        for (number, expected) in [
            ("0", "0"),
            ("999", "999"),
            ("1000", "1,000"),
            ("18446744073709551615", "18,446,744,073,709,551,615"),
            ("-123.4567", "-123.4567"),
            ("-1234.5678", "-1,234.5678"),
        ] {
            assert_eq!(grouped(number), expected);
        }
    }

    #[test]
    fn a_rate_has_a_unit_of_its_size() {
        for (rows, nanoseconds, expected) in [
            (5, 1_000_000_000, "1.000 s, 5 rows/s"),
            (999, 1_000_000_000, "1.000 s, 999 rows/s"),
            (1_000, 1_000_000_000, "1.000 s, 1.0 k rows/s"),
            (999_999, 1_000_000_000, "1.000 s, 999.9 k rows/s"),
            (1_000_000, 1_000_000_000, "1.000 s, 1.0 M rows/s"),
            (5_000_000, 142_000_000, "0.142 s, 35.2 M rows/s"),
            (0, 999_999, "0.000 s, 0 rows/s"),
            (u64::MAX, 1, "0.000 s, 18,446,744,073,709,551,615,000.0 M rows/s"),
            (1, u64::MAX, "18,446,744,073.709 s, 0 rows/s"),
        ] {
            assert_eq!(pace(rows, Duration::from_nanos(nanoseconds)), expected);
        }
    }
}

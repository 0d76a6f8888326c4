//! The sections that show figures: as exact text always, as a chart where a picture says more.

use maud::{Markup, PreEscaped, html};

use super::chart::{Bar, Ink, bars};
use super::page::{count, section};
use super::survey::{Bucket, MOST_LISTED, Ranking, Survey};
use crate::amount::Balance;
use crate::manifest::{Manifest, OfType};
use crate::summary::grouped;
use crate::transaction::Kind;

/// Marks a drawing as an image with a name.
pub(super) fn image(name: &str, svg: &str) -> Markup {
    let content = svg.strip_prefix("<svg").unwrap_or(svg);
    html! { (PreEscaped("<svg role=\"img\" aria-label=\"")) (name) (PreEscaped("\"")) (PreEscaped(content)) }
}

/// A chart of bars, and its figures for whoever does not see it.
fn bar_chart(name: &str, columns: [&str; 2], chart: &[Bar]) -> Markup {
    html! {
        figure {
            (image(name, &bars(chart)))
            details {
                summary { "The figures as a table" }
                table {
                    thead { tr { th { (columns[0]) } th.number { (columns[1]) } } }
                    tbody {
                        @for bar in chart {
                            tr { th scope="row" { (bar.label) } td.number { (bar.figure) } }
                        }
                    }
                }
            }
        }
    }
}

/// The rows that were not applied, by reason.
pub(super) fn outcomes(manifest: &Manifest) -> Markup {
    let rows = &manifest.rows;
    let mut reasons: Vec<_> =
        [(&rows.rejected_by_reason, Ink::Two), (&rows.malformed_by_reason, Ink::Three)]
            .into_iter()
            .flat_map(|(reasons, ink)| reasons.iter().map(move |(name, &rows)| (name, rows, ink)))
            .filter(|&(_, rows, _)| rows > 0)
            .collect();
    reasons.sort_by(|(a, more, _), (b, rows, _)| rows.cmp(more).then_with(|| a.cmp(b)));
    let outcome = |name: &str, rows, ink| Bar {
        label: name.to_owned(),
        figure: count(rows),
        size: rows.into(),
        ink,
    };
    let mut outcomes = vec![
        outcome("applied", rows.applied, Ink::One),
        outcome("rejected", rows.rejected, Ink::Two),
        outcome("malformed", rows.malformed, Ink::Three),
    ];
    if rows.left_out > 0 {
        outcomes.push(outcome("left out", rows.left_out, Ink::Soft));
    }
    let reasons: Vec<_> =
        reasons.into_iter().map(|(name, rows, ink)| outcome(name, rows, ink)).collect();
    let body = html! {
        @if rows.all == 0 {
            p { "There are no rows." }
        } @else {
            (bar_chart("Rows by outcome", ["Outcome", "Rows"], &outcomes))
            @if reasons.is_empty() {
                p.note { "No row was rejected or malformed." }
            } @else {
                h3 { "Rejected and malformed rows by reason" }
                (bar_chart("Rejected and malformed rows by reason", ["Reason", "Rows"], &reasons))
            }
        }
        @if rows.blank_lines > 0 {
            p.note { "Blank lines, which are no rows: " (count(rows.blank_lines)) "." }
        }
        @if rows.amounts_ignored > 0 {
            p.note {
                "Disputes, resolves and chargebacks with an amount, which was ignored: "
                (count(rows.amounts_ignored)) "."
            }
        }
    };
    section("outcomes", "Rows by outcome", &body)
}

/// How money came and went, and that none was made or lost.
pub(super) fn money(manifest: &Manifest) -> Markup {
    let sums = &manifest.conservation;
    let flow = [
        ("in: applied deposits", &sums.deposited, Ink::One),
        ("out: applied withdrawals", &sums.withdrawn, Ink::Two),
        ("charged back", &sums.charged_back, Ink::Three),
        ("held for open disputes", &sums.held, Ink::Soft),
    ];
    let flow = flow.map(|(label, sum, ink)| Bar {
        label: label.to_owned(),
        figure: grouped(sum),
        // What is no money has no bar; its text is shown as it is.
        size: sum.parse::<Balance>().map_or(0, |sum| sum.units().unsigned_abs()),
        ink,
    });
    let addition = |caption: &str, lines: [(&str, &String); 4]| {
        html! {
            h3 { (caption) }
            table {
                tbody {
                    @for (index, (name, sum)) in lines.into_iter().enumerate() {
                        tr.sum[index == 3] {
                            th scope="row" { (name) } td.number { (grouped(sum)) }
                        }
                    }
                }
            }
        }
    };
    let body = html! {
        (bar_chart("Money that came in, went out, was charged back and is held", ["Money", "Sum"], &flow))
        (addition("No money was made or lost", [
            ("deposited", &sums.deposited),
            ("− withdrawn", &sums.withdrawn),
            ("− charged back", &sums.charged_back),
            ("= total of all accounts", &sums.total),
        ]))
        (addition("What is held is under dispute", [
            ("disputed", &sums.disputed),
            ("− resolved", &sums.resolved),
            ("− charged back", &sums.charged_back),
            ("= held in all accounts", &sums.held),
        ]))
    };
    section("money", "Money", &body)
}

/// The rows by type, and sums that mean nothing but that no id is missing.
pub(super) fn control_totals(manifest: &Manifest) -> Markup {
    let line = |kind: Kind, of: &OfType| {
        let rejected_amount = match kind {
            Kind::Deposit | Kind::Withdrawal => grouped(&of.rejected_amount),
            Kind::Dispute | Kind::Resolve | Kind::Chargeback => "–".to_owned(),
        };
        html! {
            tr {
                th scope="row" { (kind.name()) }
                td.number data-label="applied rows" { (count(of.applied)) }
                td.number data-label="applied amount" { (grouped(&of.applied_amount)) }
                td.number data-label="rejected rows" { (count(of.rejected)) }
                td.number data-label="rejected amount" { (rejected_amount) }
            }
        }
    };
    let body = html! {
        table.rows {
            thead {
                tr {
                    th { "Type" }
                    th.number { "Applied rows" } th.number { "Applied amount" }
                    th.number { "Rejected rows" } th.number { "Rejected amount" }
                }
            }
            tbody {
                @for kind in Kind::ALL {
                    @if let Some(of) = manifest.by_type.get(kind.name()) { (line(kind, of)) }
                }
            }
        }
        p.note {
            "A dispute, resolve or chargeback has the amount of the deposit that it refers to; a \
             rejected one has none."
        }
        h3 { "Hash totals" }
        table {
            tbody {
                tr {
                    th scope="row" { "clients of all applied and rejected rows, modulo 2⁶⁴" }
                    td.number { (grouped(&manifest.hash_totals.client)) }
                }
                tr {
                    th scope="row" { "transaction ids of these, modulo 2⁶⁴" }
                    td.number { (grouped(&manifest.hash_totals.tx)) }
                }
            }
        }
    };
    section("control", "Control totals", &body)
}

/// All accounts together.
pub(super) fn state(manifest: &Manifest) -> Markup {
    let accounts = &manifest.accounts;
    let body = html! {
        table {
            tbody {
                tr { th scope="row" { "accounts" } td.number { (count(accounts.all)) } }
                tr { th scope="row" { "of these locked" } td.number { (count(accounts.locked)) } }
                tr { th scope="row" { "available" } td.number { (grouped(&accounts.available)) } }
                tr { th scope="row" { "+ held" } td.number { (grouped(&accounts.held)) } }
                tr.sum { th scope="row" { "= total" } td.number { (grouped(&accounts.total)) } }
            }
        }
        h3 { "State root" }
        p { code { (manifest.state_root) } }
        p.note { "BLAKE3 of all accounts; " code { "millrace root FILE" } " computes it from a balances file." }
    };
    section("state", "All accounts", &body)
}

/// The accounts by the size of their totals.
pub(super) fn sizes(survey: &Survey) -> Markup {
    let bar = |bucket: Bucket| Bar {
        label: bucket.label,
        figure: count(bucket.count),
        size: bucket.count.into(),
        ink: if bucket.is_negative { Ink::Three } else { Ink::One },
    };
    let (negative, others): (Vec<_>, Vec<_>) =
        survey.sizes.buckets().into_iter().partition(|bucket| bucket.is_negative);
    // Apart, each with its own scale: debts are few beside all accounts.
    let charts = [("Totals from zero on", others), ("Negative totals", negative)];
    let charts = charts.map(|(name, buckets)| (name, buckets.into_iter().map(bar).collect()));
    let body = html! {
        @if charts.iter().all(|(_, bars): &(_, Vec<_>)| bars.is_empty()) {
            p { "There are no accounts." }
        } @else {
            @for (name, bars) in charts.iter().filter(|(_, bars)| !bars.is_empty()) {
                h3 { (name) }
                (bar_chart(name, ["Total", "Accounts"], bars))
            }
            p.note { "A bound belongs to the range farther from zero: 10 is in 10 to 100." }
        }
    };
    section("sizes", "Accounts by total", &body)
}

/// The accounts that somebody may want to look at.
pub(super) fn rankings(survey: &Survey) -> Markup {
    html! {
        (ranking("negative", "Largest negative totals", "No account has a negative total.",
            "with a negative total", &survey.negative))
        (ranking("held", "Largest held balances", "No account holds money for a dispute.",
            "that hold money for disputes", &survey.held))
        (ranking("locked", "Locked accounts", "No account is locked.",
            "that are locked, by total", &survey.locked))
    }
}

fn ranking(id: &str, title: &str, none: &str, of_which: &str, ranking: &Ranking) -> Markup {
    let all = ranking.count();
    let body = html! {
        @if all == 0 {
            p { (none) }
        } @else {
            table.rows {
                thead {
                    tr {
                        th { "Client" }
                        th.number { "Available" } th.number { "Held" } th.number { "Total" }
                        th.number { "Locked" }
                    }
                }
                tbody {
                    @for (client, account) in ranking.listed() {
                        tr {
                            th scope="row" data-label="client" { (client) }
                            td.number data-label="available" { (money_of(account.available())) }
                            td.number data-label="held" { (money_of(account.held())) }
                            td.number data-label="total" { (money_of(account.total())) }
                            td.number data-label="locked" {
                                (if account.is_locked() { "yes" } else { "no" })
                            }
                        }
                    }
                }
            }
            p.note {
                "Accounts " (of_which) ": " (count(all))
                @if ranking.others() > 0 {
                    "; the first " (MOST_LISTED) " are listed, " (count(ranking.others())) " more are not"
                }
                "."
            }
        }
    };
    section(id, title, &body)
}

fn money_of(balance: Balance) -> String {
    grouped(&balance.to_string())
}

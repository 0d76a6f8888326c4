//! The page: its frame, and the sections in their order.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::chart::{self, per_second};
use super::figures;
use super::pace::Pace;
use super::survey::Survey;
use crate::Config;
use crate::manifest::{GivenPath, InputFile, Manifest, OutputDigest, RunFacts};
use crate::rules::Rules;
use crate::summary::grouped;

const STYLE: &str = include_str!("style.css");

/// What a page may load: nothing, whatever stands in it.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// Writes the page of a run.
pub(super) fn page(manifest: &Manifest, survey: &Survey, pace: &Pace) -> String {
    let title = title(manifest);
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    h1 { (title) }
                    p {
                        "millrace " (manifest.millrace)
                        @if !manifest.run.started.is_empty() {
                            " · " time datetime=(manifest.run.started) { (manifest.run.started) }
                        }
                    }
                }
                main {
                    (tiles(manifest))
                    (files(manifest))
                    (rules(manifest))
                    div.cards {
                        (figures::outcomes(manifest)) (figures::money(manifest))
                        (figures::state(manifest)) (figures::sizes(survey))
                    }
                    (figures::control_totals(manifest))
                    (figures::rankings(survey))
                    (run(manifest, pace))
                }
            }
        }
    };
    markup.into_string()
}

/// Makes a section with its heading.
pub(super) fn section(id: &str, title: &str, body: &Markup) -> Markup {
    html! { section id=(id) { h2 { (title) } (body) } }
}

/// Parts a count into thousands.
pub(super) fn count(count: u64) -> String {
    grouped(&count.to_string())
}

fn title(manifest: &Manifest) -> String {
    let first = manifest.inputs.first().map_or("no input", |input| {
        let path = shown(&input.path, "standard input");
        path.rsplit('/').next().unwrap_or(path)
    });
    match manifest.inputs.len() {
        0 | 1 => format!("Ledger report: {first}"),
        2 => format!("Ledger report: {first} and 1 more file"),
        inputs => format!("Ledger report: {first} and {} more files", inputs - 1),
    }
}

/// Gives a path as it is read by people: `-` says what it stands for.
fn shown<'a>(path: &'a GivenPath, stream: &'a str) -> &'a str {
    if path.path == "-" { stream } else { &path.path }
}

fn tiles(manifest: &Manifest) -> Markup {
    let (rows, accounts) = (&manifest.rows, &manifest.accounts);
    let locked = format!("{} locked", count(accounts.locked));
    let left_out = ("Left out", rows.left_out, None);
    let figures = [
        ("Rows", rows.all, None),
        ("Applied", rows.applied, None),
        ("Rejected", rows.rejected, None),
        ("Malformed", rows.malformed, None),
    ]
    .into_iter()
    .chain((rows.left_out > 0).then_some(left_out))
    .chain([("Accounts", accounts.all, Some(locked))]);
    html! {
        dl.tiles {
            @for (name, figure, note) in figures {
                div.tile {
                    dt { (name) }
                    dd { (count(figure)) @if let Some(note) = note { " " span.note { (note) } } }
                }
            }
        }
    }
}

fn files(manifest: &Manifest) -> Markup {
    let input = |input: &InputFile| {
        html! {
            tr {
                td { (shown(&input.path, "standard input")) code { (input.blake3) } }
                td.number data-label="bytes" { (count(input.bytes)) }
                td.number data-label="rows" { (count(input.rows)) }
            }
        }
    };
    let output = |name: &str, output: &OutputDigest| {
        html! {
            tr {
                td {
                    (shown(&output.path, "standard output")) " (" (name) ")"
                    code { (output.blake3) }
                }
                td.number data-label="bytes" { (count(output.bytes)) }
            }
        }
    };
    let of_inputs = html! {
        table.rows {
            thead {
                tr { th { "File, BLAKE3" } th.number { "Bytes" } th.number { "Rows" } }
            }
            tbody {
                @for file in &manifest.inputs { (input(file)) }
            }
        }
        @if manifest.inputs.iter().any(|input| input.bytes != input.content_bytes) {
            p.note { "Bytes and BLAKE3 are those of the files as they are stored." }
        }
    };
    let of_outputs = html! {
        table.rows {
            thead {
                tr { th { "File, BLAKE3" } th.number { "Bytes" } }
            }
            tbody {
                (output("balances", &manifest.balances))
                @if let Some(rejects) = &manifest.rejects { (output("rejects", rejects)) }
            }
        }
    };
    html! {
        (section("inputs", "Inputs", &of_inputs))
        (section("outputs", "Outputs", &of_outputs))
    }
}

/// Lists the rules and options that are not the default.
fn rules(manifest: &Manifest) -> Markup {
    let defaults = Rules::default().entries();
    let changed = defaults.into_iter().filter_map(|(key, default)| {
        let value = manifest.rules.get(key).filter(|value| **value != default)?;
        Some((key.to_owned(), value.clone(), default))
    });
    let options = &manifest.options;
    let ids = |ids: &[String]| ids.join(", ");
    let until = options.until_line.map(count);
    let most = options.max_input_bytes;
    let set = [
        (options.strict, "strict", "yes".to_owned(), "no".to_owned()),
        (options.ignore_extra_columns, "ignore-extra-columns", "yes".into(), "no".into()),
        (until.is_some(), "until", until.unwrap_or_default(), "the last line".into()),
        (
            !options.without_clients.is_empty(),
            "without-client",
            ids(&options.without_clients),
            "none".into(),
        ),
        (!options.without_txs.is_empty(), "without-tx", ids(&options.without_txs), "none".into()),
        (
            most != Config::MAX_INPUT_BYTES,
            "max-input-bytes",
            count(most),
            count(Config::MAX_INPUT_BYTES),
        ),
    ];
    let set = set.into_iter().filter(|(is_set, ..)| *is_set);
    let set = set.map(|(_, key, value, default)| (key.to_owned(), value, default));
    let lines: Vec<_> = changed.chain(set).collect();
    let body = html! {
        @if lines.is_empty() {
            p { "The default rules, and no option that changes the result." }
        } @else {
            table.rows {
                thead { tr { th { "Rule or option" } th { "Value" } th { "Default" } } }
                tbody {
                    @for (key, value, default) in &lines {
                        tr { th scope="row" { (key) } td data-label="value" { (value) } td data-label="default" { (default) } }
                    }
                }
            }
        }
    };
    section("rules", "Rules", &body)
}

/// What differs from run to run.
fn run(manifest: &Manifest, pace: &Pace) -> Markup {
    let RunFacts { started, elapsed_ns, workers, host, cores, system } = &manifest.run;
    let milliseconds = elapsed_ns / 1_000_000;
    let rows_per_second = (u128::from(manifest.rows.all) * 1_000_000_000)
        .checked_div(u128::from(*elapsed_ns))
        .map_or_else(|| "–".to_owned(), |rate| grouped(&rate.to_string()));
    let seconds = format!("{}.{:03} s", milliseconds / 1_000, milliseconds % 1_000);
    let facts = [
        ("Started", started.clone()),
        ("Time taken", grouped(&seconds)),
        ("Rows per second", rows_per_second),
        ("Workers", count(*workers)),
        ("Machine", format!("{host}, {cores} cores, {system}")),
    ];
    let spans = pace.spans();
    let body = html! {
        div.pair {
            table {
                tbody {
                    @for (name, fact) in &facts {
                        tr { th scope="row" { (name) } td.number { (fact) } }
                    }
                }
            }
            @if let Some(spans) = &spans {
                figure {
                    (figures::image("Input worked through per second, over the time of the run",
                        &chart::pace(spans)))
                    figcaption {
                        "Input worked through per second, over the time of the run. The search for \
                         disputes, which comes first, counts for a fifth of the work."
                    }
                    details {
                        summary { "The figures" }
                        table {
                            thead { tr { th.number { "Until" } th.number { "Bytes" } th.number { "Rate" } } }
                            tbody {
                                @for span in spans {
                                    tr {
                                        td.number { (span.to.as_millis()) " ms" }
                                        td.number { (count(span.bytes)) }
                                        td.number { (per_second(span.bytes_per_second())) }
                                    }
                                }
                            }
                        }
                    }
                }
            } @else {
                p.note { "The run was too short to show how its throughput changed." }
            }
        }
    };
    section("run", "Run", &body)
}

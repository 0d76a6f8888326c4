//! The page of `--report`: sound, whole by itself, and with the figures of the manifest.

#[path = "../drive/mod.rs"]
#[expect(dead_code, reason = "only a part of it is needed here")]
mod drive;
mod html;

use std::time::Duration;

use drive::Folder;
use html::Element;
use millrace::generate::{Plan, Workload};
use millrace::manifest::Manifest;
use millrace::report::{Pace, Survey, page};
use serde_json::Value;

const HEADER: &str = "type,client,tx,amount\n";

/// A folder with a file without refusals, one of each workload, and one without rows.
fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("clean.csv", format!("{HEADER}deposit,1,1,1250.5\nwithdrawal,1,2,1000\n"));
    folder.write("empty.csv", HEADER);
    for workload in Workload::ALL {
        let mut csv = Vec::new();
        Plan::new(workload, 20_000).write_to(&mut csv).expect("memory");
        folder.write(&format!("{workload}.csv"), csv);
    }
    folder
}

const INPUTS: [&str; 4] = ["clean.csv", "empty.csv", "nasty.csv", "dispute-heavy.csv uniform.csv"];

/// Runs with a report and gives its page.
fn report(folder: &Folder, args: &str) -> String {
    let outputs = "-q -o out.csv --rejects rejects.csv --manifest manifest.json";
    folder.run(&format!("{args} {outputs} --report report.html")).ended(0);
    folder.read("report.html")
}

/// Parts the digits before the point into thousands.
fn grouped(number: &str) -> String {
    let (whole, decimals) = number.split_at(number.find('.').unwrap_or(number.len()));
    let digits = whole.trim_start_matches('-');
    let chunks: Vec<_> = digits.as_bytes().rchunks(3).rev().collect();
    let sign = if digits == whole { "" } else { "-" };
    format!("{sign}{}{decimals}", String::from_utf8(chunks.join(&b',')).expect("digits"))
}

/// Gives the rank of an account of this available, held and total, locked or not, if it has one.
type Rank = fn(&[i128; 3], bool) -> Option<i128>;

/// The texts of the cells of a section, row by row.
fn rows<'e>(elements: &'e [Element], section: &str) -> Vec<Vec<&'e str>> {
    let mut rows = Vec::new();
    for element in elements.iter().filter(|element| element.section == section) {
        match &*element.name {
            "tr" => rows.push(Vec::new()),
            "td" | "th" => rows.last_mut().expect("a cell stands in a row").push(&*element.text),
            _ => {}
        }
    }
    rows
}

/// Takes out what differs from run to run.
fn lasting(page: &str) -> String {
    let (before, rest) = page.split_once("<time ").expect("a time");
    let (_, rest) = rest.split_once("</time>").expect("its end");
    let (between, rest) = rest.split_once("<section id=\"run\">").expect("a section");
    let (_, after) = rest.split_once("</section>").expect("its end");
    [before, between, after].concat()
}

#[test]
fn a_page_is_well_formed_and_loads_nothing() {
    let folder = folder();
    for inputs in INPUTS {
        let page = report(&folder, inputs);
        let lower = page.to_lowercase();
        for word in ["http:", "https:", "//", "@import", "url(", "javascript", "expression("] {
            assert!(!lower.contains(word), "{inputs}: {word}");
        }
        for element in html::read(&page) {
            let loads = ["a", "base", "embed", "form", "iframe", "img", "link", "object", "script"];
            assert!(!loads.contains(&&*element.name), "{inputs}: {element:?}");
            for (name, _) in &element.attributes {
                let is_active = name.starts_with("on") || name.contains(':');
                assert!(!is_active && !["src", "href", "srcset", "style"].contains(&&**name));
            }
            if element.name == "svg" {
                assert_eq!(element.attribute("role"), Some("img"));
                assert!(element.attribute("aria-label").is_some_and(|label| label.len() > 10));
            }
        }
    }
}

/// Asserts that the style sheet replaces every colour that is drawn; gives how many are.
fn colours_replaced(elements: &[Element]) -> usize {
    let style = &elements.iter().find(|it| it.name == "style").expect("a style sheet").text;
    let mut colours = 0;
    for element in elements {
        for name in ["fill", "stroke"] {
            if let Some(colour) = element.attribute(name).filter(|it| it.starts_with('#')) {
                colours += 1;
                let selector = format!("svg [{name}=\"{colour}\"] {{ {name}: var(--");
                assert!(style.contains(&selector), "{element:?}: no {selector}");
            }
        }
    }
    colours
}

#[test]
fn every_colour_of_a_chart_has_one_for_dark_pages() {
    let page = report(&folder(), "dispute-heavy.csv --without-client 1");
    let elements = html::read(&page);
    assert!(colours_replaced(&elements) > 20, "there are no charts");
    let (light, dark) = page.split_once("prefers-color-scheme: dark").expect("dark pages");
    let (dark, _) = dark.split_once("\n* {").expect("the rest of the style sheet");
    let names = |text: &str| -> Vec<String> {
        let names = text.split("--").skip(1).filter_map(|it| it.split_once(": #"));
        names.map(|(name, _)| name.to_owned()).collect()
    };
    assert_eq!(names(light), names(dark));
    assert!(names(light).len() >= 8);
}

#[test]
fn a_page_has_the_exact_figures_of_the_manifest() {
    let folder = folder();
    for inputs in INPUTS {
        let page = report(&folder, inputs);
        let elements = html::read(&page);
        let manifest: Value = serde_json::from_str(&folder.read("manifest.json")).unwrap();
        let figure = |pointer: &str| {
            let value = manifest.pointer(pointer).expect(pointer);
            grouped(&value.as_str().map_or_else(|| value.to_string(), str::to_owned))
        };
        for kind in ["deposit", "withdrawal", "dispute", "resolve", "chargeback"] {
            let of = |name: &str| figure(&format!("/by_type/{kind}/{name}"));
            let has_amount = ["deposit", "withdrawal"].contains(&kind);
            let rejected_amount = if has_amount { of("rejected_amount") } else { "–".to_owned() };
            let expected = [
                kind.to_owned(),
                of("applied"),
                of("applied_amount"),
                of("rejected"),
                rejected_amount,
            ];
            assert!(
                rows(&elements, "control").contains(&expected.each_ref().map(|it| &**it).to_vec())
            );
        }
        for (section, name, pointer) in [
            (
                "control",
                "clients of all applied and rejected rows, modulo 2⁶⁴",
                "/hash_totals/client",
            ),
            ("control", "transaction ids of these, modulo 2⁶⁴", "/hash_totals/tx"),
            ("state", "accounts", "/accounts/all"),
            ("state", "of these locked", "/accounts/locked"),
            ("state", "available", "/accounts/available"),
            ("state", "+ held", "/accounts/held"),
            ("state", "= total", "/accounts/total"),
            ("money", "in: applied deposits", "/conservation/deposited"),
            ("money", "out: applied withdrawals", "/conservation/withdrawn"),
            ("money", "charged back", "/conservation/charged_back"),
            ("money", "held for open disputes", "/conservation/held"),
            ("money", "deposited", "/conservation/deposited"),
            ("money", "− withdrawn", "/conservation/withdrawn"),
            ("money", "= total of all accounts", "/conservation/total"),
            ("money", "disputed", "/conservation/disputed"),
            ("money", "− resolved", "/conservation/resolved"),
            ("money", "− charged back", "/conservation/charged_back"),
            ("money", "= held in all accounts", "/conservation/held"),
        ] {
            let expected = vec![name.to_owned(), figure(pointer)];
            assert!(rows(&elements, section).iter().any(|row| *row == expected), "{expected:?}");
        }
        let tiles: Vec<_> =
            elements.iter().filter(|it| it.name == "dd").map(|it| &*it.text).collect();
        let counts =
            ["all", "applied", "rejected", "malformed"].map(|it| figure(&format!("/rows/{it}")));
        assert_eq!(tiles[..4], counts);
        let reasons = ["rejected_by_reason", "malformed_by_reason"]
            .map(|it| manifest["rows"][it].as_object().unwrap().clone());
        for (reason, count) in reasons.into_iter().flatten() {
            let is_listed = rows(&elements, "outcomes")
                .contains(&vec![&*reason, &*grouped(&count.to_string())]);
            assert_eq!(is_listed, count != 0, "{reason}");
        }
        for input in manifest["inputs"].as_array().unwrap() {
            let [path, blake3] = ["path", "blake3"].map(|key| input[key].as_str().unwrap());
            let [bytes, rows_read] = ["bytes", "rows"].map(|key| grouped(&input[key].to_string()));
            let expected = vec![format!("{path}{blake3}"), bytes, rows_read];
            assert!(rows(&elements, "inputs").iter().any(|row| *row == expected), "{expected:?}");
        }
        assert!(page.contains(manifest["state_root"].as_str().unwrap()));
    }
}

#[test]
fn what_stands_out_is_what_the_balances_say() {
    let folder = folder();
    for inputs in INPUTS {
        let elements = html::read(&report(&folder, inputs));
        let balances = folder.read("out.csv");
        let accounts: Vec<Vec<&str>> =
            balances.lines().skip(1).map(|line| line.split(',').collect()).collect();
        let units = |text: &str| text.replace('.', "").parse::<i128>().unwrap();
        let rankings: [(&str, Rank); 3] = [
            ("negative", |it, _| (it[2] < 0).then_some(it[2])),
            ("held", |it, _| (it[1] > 0).then_some(-it[1])),
            ("locked", |it, is_locked| is_locked.then_some(-it[2])),
        ];
        for (section, which) in rankings {
            let mut expected: Vec<_> = accounts
                .iter()
                .filter_map(|it| {
                    let sums = [it[1], it[2], it[3]].map(units);
                    which(&sums, it[4] == "true").map(|rank| (rank, it))
                })
                .collect();
            // A stable sort: of equal ones the smaller client stays first.
            expected.sort_by_key(|(rank, _)| *rank);
            let count = expected.len();
            let expected = expected.iter().take(10).map(|(_, it)| {
                let locked = if it[4] == "true" { "yes" } else { "no" };
                let [available, held, total] = [it[1], it[2], it[3]].map(grouped);
                vec![it[0].to_owned(), available, held, total, locked.to_owned()]
            });
            let found = rows(&elements, section);
            assert_eq!(found.get(1..).unwrap_or_default(), expected.collect::<Vec<_>>());
            let text = &elements.iter().find(|it| it.section == section).unwrap().text;
            let more = (count > 10).then(|| format!("{} more", grouped(&(count - 10).to_string())));
            assert!(more.is_none_or(|more| text.contains(&more)), "{text}");
        }
        let counts = rows(&elements, "sizes").into_iter().filter(|row| row[1] != "Accounts");
        let sum: usize = counts.map(|row| row[1].replace(',', "").parse::<usize>().unwrap()).sum();
        assert_eq!(sum, accounts.len(), "{inputs}");
    }
}

#[test]
fn a_page_is_the_same_however_it_is_made() {
    let folder = folder();
    for inputs in INPUTS {
        let expected = lasting(&report(&folder, inputs));
        for how in
            ["--workers 1", "--workers 7 --threads always --readers 2", "--threads never --io read"]
        {
            assert!(
                lasting(&report(&folder, &format!("{inputs} {how}"))) == expected,
                "{inputs} {how}"
            );
        }
    }
}

#[test]
fn names_of_files_are_text() {
    let folder = Folder::new();
    let name = "<script>alert('1')&\"\u{1b}\n\u{202e}.csv";
    folder.write(name, HEADER);
    let mut command = folder.command(drive::MILLRACE);
    command.args([name, "-q", "--report", "report.html", "--without-client", "7"]);
    drive::run(&mut command).ended(0);
    let page = folder.read("report.html");
    assert!(!page.contains("<script") && !page.contains('\u{1b}') && !page.contains('\u{202e}'));
    let elements = html::read(&page);
    let shown = r#"<script>alert('1')&"\x1b\x0a\u{202e}.csv"#;
    assert!(rows(&elements, "inputs")[1][0].starts_with(shown));
    for name in ["title", "h1"] {
        let title = elements.iter().find(|it| it.name == name).unwrap();
        assert_eq!(title.text, format!("Ledger report: {shown}"));
    }
}

#[test]
fn streams_are_named() {
    let folder = Folder::new();
    let mut command = folder.command(drive::MILLRACE);
    let csv = format!("{HEADER}deposit,1,1,5\n");
    drive::run_with(command.args(["-", "-q", "--report", "report.html"]), csv.as_bytes()).ended(0);
    let elements = html::read(&folder.read("report.html"));
    assert!(rows(&elements, "inputs")[1][0].starts_with("standard input"));
    assert!(rows(&elements, "outputs")[1][0].starts_with("standard output (balances)"));
    let title = elements.iter().find(|it| it.name == "h1").expect("a heading");
    assert_eq!(title.text, "Ledger report: standard input");
}

#[test]
fn rules_and_options_are_listed_where_they_are_not_the_default() {
    let folder = folder();
    let elements = html::read(&report(&folder, "clean.csv"));
    assert!(rows(&elements, "rules").is_empty());
    let how = "--rules conservative --rule max-tx=9 --without-tx 4 --without-tx 3 --until 2";
    let elements = html::read(&report(&folder, &format!("clean.csv {how} --ignore-extra-columns")));
    let expected = [
        ["overdrawn-dispute", "reject", "allow"],
        ["redispute", "reject", "allow"],
        ["max-tx", "9", "18446744073709551615"],
        ["ignore-extra-columns", "yes", "no"],
        ["until", "2", "the last line"],
        ["without-tx", "3, 4", "none"],
    ];
    assert_eq!(rows(&elements, "rules")[1..], expected);
}

#[test]
fn a_report_is_refused_where_it_would_replace_something() {
    let folder = folder();
    let before = folder.files();
    for (args, said) in [
        ("--report -", "--report needs a file"),
        ("--report clean.csv", "clean.csv: is an input"),
        ("--report a -o a", "a: is both --output and --report"),
        ("--report a --rejects ./a", "a: is both --rejects and --report"),
        ("--report a --manifest a", "a: is both --manifest and --report"),
    ] {
        folder.run(&format!("clean.csv {args}")).ended(2).saying(&[said]);
        assert!(folder.files() == before, "{args}");
    }
}

#[test]
fn a_report_appears_with_the_other_outputs_or_not_at_all() {
    let folder = folder();
    folder.write("broken.csv", "a;b\n");
    folder.write("old.html", "what was here before");
    let before = folder.files();
    for (args, code) in [
        ("broken.csv -o out.csv --report old.html", 65),
        ("clean.csv -o out.csv --report none/report.html", 73),
        ("clean.csv -o out.csv --report /dev/full", 74),
        ("clean.csv -o /dev/full --report old.html", 74),
    ] {
        folder.run(args).ended(code);
        assert!(folder.files() == before, "{args}: {:?}", folder.files());
    }
    folder.run("clean.csv -o out.csv --report old.html").ended(0);
    html::read(&folder.read("old.html"));
}

#[test]
fn throughput_is_drawn_where_the_run_was_long_enough() {
    let folder = folder();
    report(&folder, "clean.csv");
    let manifest = Manifest::from_json(&folder.read("manifest.json")).unwrap();
    let with = |pace: &Pace| html::read(&page(&manifest, &Survey::default(), pace));
    let mut pace = Pace::default();
    let too_short = "The run was too short to show how its throughput changed.";
    for tick in 1..=5_u32 {
        let elements = with(&pace);
        let is_drawn = elements.iter().any(|it| it.section == "run" && it.name == "svg");
        let says = elements.iter().any(|it| it.section == "run" && it.text == too_short);
        assert_eq!((is_drawn, says), (tick > 4, tick <= 4), "{tick}");
        pace.add(Duration::from_millis(100) * tick, 2_000_000 * u64::from(tick * tick));
    }
    let elements = with(&pace);
    assert!(colours_replaced(&elements) > 10);
    let rows = rows(&elements, "run");
    let course: Vec<_> = rows.iter().filter(|row| row.len() == 3).collect();
    assert_eq!(*course[1], ["100 ms", "2,000,000", "20 MB/s"]);
    assert_eq!(*course[5], ["500 ms", "18,000,000", "180 MB/s"]);
}

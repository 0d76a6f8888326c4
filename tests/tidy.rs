//! The absences that the design rests on, read off the source. What may not be named where is
//! listed in ARCHITECTURE.md; each rule here is one of its sentences.
//!
//! Words in comments and strings do not count. Rules about what a module knows leave its tests out;
//! rules about who may do a thing do not.

mod source;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use source::{SourceFile, functions, places, sources};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// The aim is 400; beyond this a file has two subjects.
const MOST_FILE_LINES: usize = 500;
const MOST_FUNCTION_LINES: usize = 70;

/// Modules that compute and do nothing else.
const PURE: [&str; 8] =
    ["account", "amount", "ledger", "outcome", "report", "rules", "summary", "transaction"];

/// What a pure module would do I/O, threads, clocks, channels or logging with.
const IMPURE: [&str; 17] = [
    "Instant",
    "SystemTime",
    "crossbeam_channel",
    "engine",
    "env",
    "fs",
    "indicatif",
    "io",
    "memmap2",
    "net",
    "parking_lot",
    "pipeline",
    "process",
    "rustix",
    "sync",
    "thread",
    "tracing",
];

/// Modules that know money, or how rows become money.
const MONEY: [&str; 13] = [
    "account",
    "amount",
    "balances_file",
    "diff",
    "engine",
    "generate",
    "ledger",
    "outcome",
    "output",
    "parser",
    "rules",
    "summary",
    "transaction",
];

fn root_file(name: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join(name)).expect(name)
}

type Rule = fn(&[SourceFile]) -> Vec<String>;

/// Applies a rule to the source.
fn check(rule: Rule) {
    let violations = rule(&sources());
    assert!(violations.is_empty(), "\n{}", violations.join("\n"));
}

fn named_in(files: &[SourceFile], applies: impl Fn(&str) -> bool, words: &[&str]) -> Vec<String> {
    let files = files.iter().filter(|file| applies(file.module()));
    files.flat_map(|file| file.names(words)).collect()
}

fn named_outside(files: &[SourceFile], allowed: &[&str], words: &[&str]) -> Vec<String> {
    let files = files.iter().filter(|file| !allowed.contains(&file.path.as_str()));
    files.flat_map(|file| file.names_anywhere(words)).collect()
}

fn impure(files: &[SourceFile]) -> Vec<String> {
    named_in(files, |module| PURE.contains(&module), &IMPURE)
}

fn rules_in_the_parser(files: &[SourceFile]) -> Vec<String> {
    let rules = ["account", "engine", "ledger", "output", "pipeline", "rules", "summary"];
    named_in(files, |module| module == "parser", &rules)
}

fn bytes_in_the_ledger(files: &[SourceFile]) -> Vec<String> {
    let is_ledger = |module: &str| ["account", "ledger"].contains(&module);
    named_in(files, is_ledger, &["Block", "Row", "input", "memchr", "parser"])
        .into_iter()
        .chain(files.iter().filter(|file| is_ledger(file.module())).flat_map(|file| {
            file.lines()
                .filter(|(_, line)| line.contains("[u8]"))
                .map(|(number, _)| format!("{}:{number}: takes bytes", file.path))
        }))
        .collect()
}

fn other_meetings(files: &[SourceFile]) -> Vec<String> {
    let meets = |file: &&SourceFile| {
        !["engine", "cli", "lib"].contains(&file.module())
            && !file.names(&["parser"]).is_empty()
            && !file.names(&["account", "ledger", "rules"]).is_empty()
    };
    files
        .iter()
        .filter(meets)
        .map(|file| format!("{}:1: knows rows and rules", file.path))
        .collect()
}

fn money_in_the_pipeline(files: &[SourceFile]) -> Vec<String> {
    let files = files.iter().filter(|file| file.module() == "pipeline");
    files.flat_map(|file| file.names_anywhere(&MONEY)).collect()
}

fn single_homes(files: &[SourceFile]) -> Vec<String> {
    [
        ("src/input/map.rs", &["memmap2", "Mmap"][..]),
        ("src/pipeline/queue.rs", &["crossbeam_channel"]),
        ("src/pipeline/pin.rs", &["sched_getaffinity", "sched_setaffinity"]),
        ("src/report/chart.rs", &["plotters"]),
    ]
    .into_iter()
    .flat_map(|(home, words)| named_outside(files, &[home], words))
    .collect()
}

fn unexplained_unsafe(files: &[SourceFile]) -> Vec<String> {
    let opens = |file: &SourceFile| {
        let code: String = file.code.split_whitespace().collect();
        code.contains("#![expect(unsafe_code,reason=")
    };
    let files = files.iter().filter(|file| !opens(file));
    files.flat_map(|file| file.names_anywhere(&["unsafe"])).collect()
}

fn printing(files: &[SourceFile]) -> Vec<String> {
    let macros = ["dbg", "eprint", "eprintln", "print", "println"];
    // One copies the descriptor of an output that the user has named, the other writes the last
    // words of a process that SIGBUS ends.
    let streams = ["src/output/target.rs", "src/input/map.rs"];
    let outside = files.iter().filter(|file| file.module() != "cli");
    outside
        .flat_map(|file| {
            let mut found = file.names_anywhere(&macros);
            if !streams.contains(&file.path.as_str()) {
                found.extend(file.names(&["stderr", "stdout"]));
            }
            found
        })
        .collect()
}

fn exits(files: &[SourceFile]) -> Vec<String> {
    let calls = |(_, line): &(usize, &str)| {
        ["exit(", "_exit(", "abort("].iter().any(|call| line.contains(call))
    };
    // A signal has nowhere to return an exit code to.
    let excused = ["src/input/map.rs", "src/cli/signals.rs"];
    let files = files.iter().filter(|file| !excused.contains(&file.path.as_str()));
    files
        .flat_map(|file| {
            let lines = file.all_lines().filter(calls);
            lines.map(|(number, line)| format!("{}:{number}: {}", file.path, line.trim()))
        })
        .collect()
}

fn vague_names(files: &[SourceFile]) -> Vec<String> {
    let vague = ["common", "helper", "helpers", "manager", "misc", "prelude", "util", "utils"];
    let is_vague = |file: &&SourceFile| {
        file.path.split(['/', '.']).any(|part| part.split('_').any(|word| vague.contains(&word)))
    };
    let paths = files.iter().filter(is_vague).map(|file| format!("{}:1: says nothing", file.path));
    let inline = files.iter().flat_map(|file| {
        let lines = file.all_lines().filter(|(_, line)| line.trim_start().starts_with("mod "));
        places(&file.path, lines, &vague)
    });
    paths.chain(inline).collect()
}

fn long_files(files: &[SourceFile]) -> Vec<String> {
    let long = files.iter().filter(|file| file.lines_above_tests > MOST_FILE_LINES);
    long.map(|file| format!("{}:{}: a long file", file.path, file.lines_above_tests)).collect()
}

fn long_functions(files: &[SourceFile]) -> Vec<String> {
    let functions = files.iter().flat_map(|file| {
        functions(&file.code).into_iter().map(|(line, length)| (&file.path, line, length))
    });
    functions
        .filter(|&(_, _, length)| length > MOST_FUNCTION_LINES)
        .map(|(path, line, length)| format!("{path}:{line}: a function of {length} lines"))
        .collect()
}

fn async_code(files: &[SourceFile]) -> Vec<String> {
    named_outside(files, &[], &["async", "await", "futures", "tokio"])
}

/// Planted bugs are named through their macro, and through nothing that a normal build would keep.
fn stray_planting(files: &[SourceFile]) -> Vec<String> {
    let homes = ["src/lib.rs", "src/planted.rs"];
    let files = files.iter().filter(|file| !homes.contains(&file.path.as_str()));
    files
        .flat_map(|file| {
            let others = file.code.replace("planted!(", "(");
            let lines = (1..).zip(others.lines());
            places(&file.path, lines, &["planted"])
        })
        .collect()
}

/// Each bug that `src/planted.rs` lists stands in one place, and no other does.
fn faults_out_of_place(files: &[SourceFile]) -> Vec<String> {
    let (lists, others): (Vec<_>, Vec<_>) =
        files.iter().partition(|file| file.path == "src/planted.rs");
    let listed = lists.iter().flat_map(|file| {
        let (_, list) = file.code.split_once("\nfaults! {").expect("the list of faults");
        list.lines().filter_map(|line| line.split_once(':')).map(|(name, _)| name.trim())
    });
    let planted = others.iter().flat_map(|file| {
        file.code.split("planted!(").skip(1).filter_map(|rest| rest.split(')').next())
    });
    let mut counts = BTreeMap::new();
    for name in listed {
        counts.entry(name).or_insert([0, 0])[0] += 1;
    }
    for name in planted {
        counts.entry(name).or_insert([0, 0])[1] += 1;
    }
    let wrong = counts.into_iter().filter(|&(_, count)| count != [1, 1]);
    wrong
        .map(|(name, [lists, places])| format!("{name}: listed {lists} times, planted {places}"))
        .collect()
}

#[test]
fn money_transactions_accounts_rules_and_the_ledger_are_pure() {
    check(impure);
}

#[test]
fn the_parser_does_not_know_accounts_or_rules() {
    check(rules_in_the_parser);
}

#[test]
fn the_ledger_does_not_know_bytes() {
    check(bytes_in_the_ledger);
}

#[test]
fn syntax_and_rules_meet_in_the_engine_alone() {
    check(other_meetings);
}

#[test]
fn the_pipeline_does_not_know_money() {
    check(money_in_the_pipeline);
}

#[test]
fn one_module_maps_one_has_channels_one_pins_one_draws() {
    check(single_homes);
}

#[test]
fn unsafe_stands_only_where_a_module_opens_it_with_a_reason() {
    check(unexplained_unsafe);
}

#[test]
fn nobody_prints_but_the_command_line_layer() {
    check(printing);
}

#[test]
fn nobody_calls_exit() {
    check(exits);
}

#[test]
fn no_module_has_a_name_that_says_nothing() {
    check(vague_names);
}

#[test]
fn files_end_before_a_reader_is_lost() {
    check(long_files);
}

#[test]
fn functions_fit_a_screen() {
    check(long_functions);
}

#[test]
fn nothing_is_async() {
    check(async_code);
}

#[test]
fn a_planted_bug_is_named_through_its_macro_alone() {
    check(stray_planting);
}

#[test]
fn each_bug_of_the_list_is_planted_in_one_place() {
    check(faults_out_of_place);
}

#[test]
fn every_dependency_says_what_it_is_for() {
    let manifest = root_file("Cargo.toml");
    let (mut in_dependencies, mut above, mut seen) = (false, "", 0);
    for (index, line) in manifest.lines().enumerate() {
        if line.starts_with('[') {
            in_dependencies = line.ends_with("dependencies]");
        } else if in_dependencies && line.contains(" = ") {
            seen += 1;
            assert!(above.starts_with("# "), "Cargo.toml:{}: no comment above: {line}", index + 1);
        }
        above = line;
    }
    assert!(seen > 20, "the dependencies are not where they should be");
}

#[test]
fn no_async_runtime_is_locked() {
    let deny: toml::Table = root_file("deny.toml").parse().expect("deny.toml is TOML");
    let banned: Vec<&str> = deny["bans"]["deny"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|entry| entry["crate"].as_str())
        .collect();
    for wanted in ["tokio", "async-std", "smol", "async-executor", "futures-executor"] {
        assert!(banned.contains(&wanted), "deny.toml: does not ban {wanted}");
    }
    let lock = root_file("Cargo.lock");
    for (index, line) in lock.lines().enumerate() {
        let name = line.strip_prefix("name = \"").and_then(|rest| rest.strip_suffix('"'));
        let is_banned = name.is_some_and(|name| banned.contains(&name));
        assert!(!is_banned, "Cargo.lock:{}: {line} is an async runtime", index + 1);
    }
    assert!(lock.contains("name = \"crossbeam-channel\""));
}

#[test]
fn each_rule_notices_what_it_forbids() {
    let long = "\n".repeat(MOST_FILE_LINES + 1);
    let function = format!("fn f(a: [u8; 2]) {{{}}}", "\n".repeat(MOST_FUNCTION_LINES));
    let list = "macro_rules! faults {}\nfaults! {\n    Forgotten: \"what\",\n}";
    let planted: [(Rule, &str, &str); 22] = [
        (impure, "src/ledger/shard.rs", "use std::{fmt, fs};"),
        (impure, "src/amount.rs", "tracing::info!(\"paid\");"),
        (rules_in_the_parser, "src/parser/fast.rs", "use crate::ledger::Shard;"),
        (bytes_in_the_ledger, "src/ledger/mod.rs", "fn apply(row: &[u8]) {}"),
        (bytes_in_the_ledger, "src/account.rs", "use crate::parser::Legible;"),
        (other_meetings, "src/input/head.rs", "use crate::{parser::Layout, rules::Rules};"),
        (money_in_the_pipeline, "src/pipeline/tests.rs", "use crate::ledger::Shard;"),
        (single_homes, "src/input/content.rs", "use memmap2::Advice;"),
        (single_homes, "src/engine/mod.rs", "crossbeam_channel::bounded(1);"),
        (unexplained_unsafe, "src/parser/fast.rs", "#[cfg(test)]\nmod t { unsafe {} }"),
        (printing, "src/engine/mod.rs", "eprintln!(\"here\");"),
        (exits, "src/cli/mod.rs", "std::process::exit(1);"),
        (vague_names, "src/parser/utils.rs", ""),
        (vague_names, "src/parser/mod.rs", "mod helpers;"),
        (long_files, "src/rules.rs", &long),
        (long_functions, "src/rules.rs", &function),
        (async_code, "src/engine/mod.rs", "async fn run() {}"),
        (stray_planting, "src/engine/mod.rs", "crate::planted::plant(None);"),
        (stray_planting, "src/ledger/shard.rs", "#[cfg(planted)]\nfn f() {}"),
        (faults_out_of_place, "src/planted.rs", list),
        (faults_out_of_place, "src/amount.rs", "if planted!(Unlisted) {}"),
        (faults_out_of_place, "src/amount.rs", "planted!(Twice) || planted!(Twice)"),
    ];
    for (rule, path, text) in planted {
        let found = rule(&[SourceFile::new(path, text)]);
        assert_eq!(found.len(), 1, "{path}: {text:?}: {found:?}");
    }
}

#[test]
fn words_in_comments_and_strings_do_not_count() {
    let text = r##"
// unsafe
/* unsafe
*/ let a = "unsafe \" unsafe"; let b = r#"unsafe " unsafe"#; let c = br"unsafe\";
let d: &'static str = "{"; let e = ['"', '\'', '{', '\u{7f}']; unsafe {}"##;
    let file = SourceFile::new("src/a.rs", text);
    assert_eq!(file.names(&["unsafe"]), ["src/a.rs:5: names `unsafe`"]);
    assert_eq!(file.names(&["static"]), ["src/a.rs:5: names `static`"]);
    assert_eq!(file.code.matches('{').count(), 1);
}

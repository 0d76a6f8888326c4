//! The command line: arguments, what goes to which stream, and inputs in every wrapping.

mod drive;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{Read, Write};

use serde_json::Value;

use drive::{BALANCES, Folder, MILLRACE, finish, run, run_with};
use millrace::generate::{Plan, Workload};
use millrace::rules::Rules;

/// A row of every outcome, and what comes of it.
const CSV: &str = "type,client,tx,amount\n\
    deposit,1,1,10\n\
    withdrawal,1,2,2.5\n\
    withdrawal,1,3,100\n\
    refund,1,4,1\n\
    deposit,2,5,3\n\
    dispute,2,5,\n\
    chargeback,2,5,\n";
const SETTLED: &str = "1,7.5000,0.0000,7.5000,false\n2,0.0000,0.0000,0.0000,true\n";

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("in.csv", CSV);
    folder
}

#[test]
fn no_arguments_are_answered_with_the_help() {
    let ran = Folder::new().run("").ended(2).saying(&["Usage: millrace", "--rejects", "generate"]);
    assert_eq!(ran.stdout, "");
}

#[test]
fn help_and_version_are_asked_for_and_given() {
    let folder = Folder::new();
    let short = folder.run("-h").ended(0);
    let long = folder.run("--help").ended(0);
    for ran in [&short, &long] {
        assert_eq!(ran.stderr, "");
        for part in ["Usage: millrace", "--output", "--rejects", "--strict", "Exit codes: 0 done"] {
            assert!(ran.stdout.contains(part), "{part}");
        }
        for code in ["2 usage", "65 ", "66 ", "70 ", "73", "74 ", "130/143", "141 "] {
            assert!(ran.stdout.contains(code), "{code}");
        }
    }
    assert!(long.stdout.len() > short.stdout.len());
    for args in ["--version", "-V"] {
        let ran = folder.run(args).ended(0);
        assert_eq!(ran.stdout, format!("millrace {}\n", env!("CARGO_PKG_VERSION")));
    }
    assert!(folder.run("generate --help").ended(0).stdout.contains("one-hot-client"));
}

#[test]
fn arguments_that_make_no_sense_are_refused() {
    let folder = folder();
    for (args, part) in [
        ("--no-such-flag in.csv", "--no-such-flag"),
        ("in.csv --strict=maybe", "--strict"),
        ("--strict", "<FILE>"),
        ("in.csv --until 0", "0 is not in 1.."),
        ("in.csv --workers 0", "a number from 1 to 1024 is needed"),
        ("in.csv --workers 1025", "a number from 1 to 1024 is needed"),
        ("in.csv --workers many", "a number from 1 to 1024 is needed"),
        ("in.csv --readers 0", "a number from 1 to 1024 is needed"),
        ("in.csv --batch-rows 0", "a number from 1 is needed"),
        ("in.csv --io mmap", "mmap"),
        ("in.csv --pin sometimes", "sometimes"),
        ("in.csv --summary yaml", "yaml"),
        ("in.csv --expect-rows -1", "-1"),
        ("in.csv -o a.csv -o b.csv", "--output"),
        ("completions tcl", "tcl"),
        ("generate", "--rows"),
        ("generate -n many", "many"),
        ("generate -n 1 -c 0", "0"),
        ("generate -n 1 --workload chaos", "many-clients"),
        ("generate -n 1 --mix deposit=none", "none"),
    ] {
        let ran = folder.run(args).ended(2).saying(&[part]);
        assert_eq!(ran.stdout, "", "{args}");
    }
    assert_eq!(folder.files().len(), 1);
}

#[test]
fn rules_that_do_not_exist_are_refused_with_those_that_do() {
    let folder = folder();
    for (rule, parts) in [
        ("locked", &["--rule locked: ", "KEY=VALUE"][..]),
        ("locked=open", &["--rule locked=open: ", "frozen", "deposits-and-disputes"]),
        ("lock=frozen", &["--rule lock=frozen: ", "max-client"]),
        ("redispute=maybe", &["--rule redispute=maybe: ", "allow", "reject"]),
        ("max-tx=-1", &["--rule max-tx=-1: "]),
    ] {
        let ran = folder.refuses(&format!("in.csv --rule {rule}"), 2, parts);
        assert!(!ran.stderr.contains("deserialize"), "{}", ran.stderr);
    }
    let ran = folder.refuses("in.csv --rules lenient", 66, &["lenient: cannot be read"]);
    for profile in Rules::PROFILES {
        assert!(ran.stderr.contains(profile), "{}", ran.stderr);
    }
    folder.write("odd.toml", "locked = \"open\"\n");
    let ran = folder.run("in.csv --rules odd.toml").ended(2).saying(&["millrace: odd.toml: "]);
    assert_eq!(ran.stdout, "");
    folder.write("good.toml", "locked = \"deposits-and-disputes\"\n");
    folder.write("more.csv", "type,client,tx,amount\ndeposit,2,6,4\n");
    let ran = folder.run("in.csv more.csv --rules good.toml").ended(0);
    assert!(ran.stdout.ends_with("\n2,4.0000,0.0000,4.0000,true\n"), "{}", ran.stdout);
    let ran = folder.run("in.csv more.csv --rules good.toml --rule locked=frozen").ended(0);
    ran.with_balances(SETTLED);
}

#[test]
fn completions_and_the_manual_are_written() {
    let folder = Folder::new();
    for (args, parts) in [
        ("completions bash", ["_millrace()", "--rejects"]),
        ("completions zsh", ["#compdef millrace", "--rejects"]),
        ("completions fish", ["complete -c millrace", "rejects"]),
        ("man", [".TH millrace 1", "rejects"]),
    ] {
        let ran = folder.run(args).ended(0);
        assert_eq!(ran.stderr, "");
        for part in parts {
            assert!(ran.stdout.contains(part), "{args}: {part}");
        }
    }
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let ran = run(folder.command(MILLRACE).arg("man").stdout(writer)).ended(141);
    assert_eq!(ran.stderr, "");
}

/// Generates to standard output. It goes to a file, since nasty data is no text.
fn generated(folder: &Folder, args: &str) -> Vec<u8> {
    let file = File::create(folder.path("stdout")).expect("the folder takes files");
    let mut command = folder.command(MILLRACE);
    let ran = run(command.args(args.split_whitespace()).stdout(file)).ended(0);
    assert_eq!(ran.stderr, "");
    fs::read(folder.path("stdout")).expect("just written")
}

#[test]
fn generated_data_is_the_same_every_time() {
    let folder = Folder::new();
    let mut seen = BTreeSet::new();
    for workload in Workload::ALL {
        let args = format!("generate -n 500 --seed 7 --workload {workload}");
        let printed = generated(&folder, &args);
        folder.run(&format!("{args} file.csv")).ended(0);
        assert!(fs::read(folder.path("file.csv")).unwrap() == printed, "{workload}");
        assert!(generated(&folder, &format!("{args} -")) == printed, "{workload}");
        let mut planned = Vec::new();
        Plan { seed: 7, ..Plan::new(workload, 500) }.write_to(&mut planned).unwrap();
        assert!(planned == printed, "{workload}");
        assert!(generated(&folder, &args.replace("seed 7", "seed 8")) != printed, "{workload}");
        assert!(seen.insert(printed), "{workload} is like another");
        folder.run("file.csv --expect-rows 500").ended(0);
    }
}

#[test]
fn a_generator_whose_reader_has_enough_stops() {
    let folder = Folder::new();
    let mut command = folder.command(MILLRACE);
    let mut child = command.args(["generate", "-n", "1000000000"]).spawn().unwrap();
    let mut first = [0; 22];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let ran = finish(child).ended(141);
    assert_eq!((&first, ran.stderr.as_str()), (b"type,client,tx,amount\n", ""));
    folder.run("generate -n 10 missing/out.csv").ended(73);
    let full = File::options().write(true).open("/dev/full").unwrap();
    let mut command = folder.command(MILLRACE);
    run(command.args(["generate", "-n", "9"]).stdout(full)).ended(74).saying(&["No space left"]);
}

#[test]
fn the_json_summary_adds_up() {
    let folder = folder();
    let ran = folder.run("in.csv --summary json --workers 3").ended(0).with_balances(SETTLED);
    assert_eq!(ran.stderr.lines().count(), 1);
    let summary: Value = serde_json::from_str(&ran.stderr).unwrap();
    let number = |key: &str| summary[key].as_u64().unwrap_or_else(|| panic!("no {key}: {summary}"));
    let sum = |key: &str| -> u64 {
        let counts = summary[key].as_object().expect("an object").values();
        counts.map(|count| count.as_u64().expect("a number")).sum()
    };
    assert_eq!(number("rows"), 7);
    assert_eq!(number("rows"), number("applied") + number("rejected") + number("malformed"));
    assert_eq!((number("rejected"), sum("rejected_by_reason")), (1, 1));
    assert_eq!((number("malformed"), sum("malformed_by_reason")), (1, 1));
    assert_eq!(summary["rejected_by_reason"]["insufficient_funds"], 1);
    assert_eq!(summary["malformed_by_reason"]["unknown_type"], 1);
    assert_eq!((number("accounts"), number("locked_accounts")), (2, 1));
    assert_eq!((number("inputs"), number("workers")), (1, 3));
    assert_eq!(number("bytes"), u64::try_from(CSV.len()).unwrap());
    let money = ["deposited", "withdrawn", "charged_back"].map(|key| &summary[key]);
    assert_eq!(money, ["13.0000", "2.5000", "3.0000"]);
}

#[test]
fn nothing_but_balances_is_written_to_standard_output() {
    let folder = folder();
    for args in ["", "-v", "-vv", "-vvv --log-format json", "--summary json", "--strict -v"] {
        let ran = folder.run(&format!("in.csv {args}"));
        let code = i32::from(args.contains("--strict"));
        let ran = ran.ended(code).with_balances(SETTLED);
        assert!(!ran.stderr.is_empty(), "{args}");
        assert!(!ran.stderr.contains('\x1b'), "{args}: no colours for a pipe: {}", ran.stderr);
        let ran = folder.run(&format!("in.csv {args} -o out.csv")).ended(code);
        assert_eq!(ran.stdout, "");
        assert_eq!(folder.read("out.csv"), format!("{BALANCES}{SETTLED}"));
    }
}

#[test]
fn a_quiet_run_says_nothing_but_errors() {
    let folder = folder();
    let ran = folder.run("in.csv --quiet").ended(0).with_balances(SETTLED);
    assert_eq!(ran.stderr, "");
    assert_eq!(folder.run("in.csv -q --summary json --strict").ended(1).stderr, "");
    folder.run("missing.csv -q").ended(66).saying(&["millrace: missing.csv: cannot be opened"]);
}

#[test]
fn log_lines_are_for_people_or_programs() {
    let folder = folder();
    let ran = folder.run("in.csv -v --quiet").ended(0);
    ran.saying(&["INFO", "opened", "inputs=1"]);
    let ran = folder.run("in.csv -vv --quiet --log-format json").ended(0);
    let lines: Vec<Value> = ran
        .stderr
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}")))
        .collect();
    let messages: Vec<_> = lines.iter().filter_map(|it| it["fields"]["message"].as_str()).collect();
    assert_eq!(messages.len(), lines.len());
    assert!(messages.contains(&"opened") && messages.contains(&"processed"), "{messages:?}");
}

#[test]
fn several_inputs_are_one_stream() {
    let folder = folder();
    folder.write(
        "more, please.csv",
        "tx,type,client,amount\n1,deposit,1,9\n\n6,bonus,1,9\n7,deposit,3,1\n",
    );
    let mut command = folder.command(MILLRACE);
    command.args(["in.csv", "more, please.csv", "-", "--rejects", "rejects.csv"]);
    let ran = run_with(&mut command, b"type,client,tx,amount\ndispute,3,7\ndispute,3,8\n").ended(0);
    ran.with_balances(&format!("{SETTLED}3,0.0000,1.0000,1.0000,false\n"));
    let expected = "\
file,line,outcome,reason,type,client,tx,amount,raw
in.csv,4,rejected,insufficient_funds,withdrawal,1,3,100.0000,\"withdrawal,1,3,100\"
in.csv,5,malformed,unknown_type,,1,4,1.0000,\"refund,1,4,1\"
\"more, please.csv\",2,rejected,duplicate_tx,deposit,1,1,9.0000,\"1,deposit,1,9\"
\"more, please.csv\",4,malformed,unknown_type,,1,6,9.0000,\"6,bonus,1,9\"
stdin,3,rejected,unknown_tx,dispute,3,8,,\"dispute,3,8\"
";
    assert_eq!(folder.read("rejects.csv"), expected);
}

#[test]
fn the_wrapping_of_the_input_changes_nothing() {
    let folder = folder();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(CSV.as_bytes()).unwrap();
    folder.write("in.gz", encoder.finish().unwrap());
    let level = ruzstd::encoding::CompressionLevel::Fastest;
    folder.write("in.zst", ruzstd::encoding::compress_to_vec(CSV.as_bytes(), level));
    folder.run("in.csv --rejects plain.csv").ended(0).with_balances(SETTLED);
    let rejects = folder.read("plain.csv");
    assert_eq!(rejects.lines().count(), 3);
    for name in ["in.csv", "in.gz", "in.zst"] {
        for how in ["", "--io read", "--recall all", "--threads never", "--block-bytes 1"] {
            // By name, with `<`, and through a pipe.
            let args = |input: &str| format!("{input} --rejects rejects.csv {how}");
            folder.run(&args(name)).ended(0).with_balances(SETTLED);
            assert_eq!(folder.read("rejects.csv"), rejects, "{name} {how}");
            let bytes = fs::read(folder.path(name)).unwrap();
            let mut command = folder.command(MILLRACE);
            command.args(args("-").split_whitespace());
            run_with(&mut command, &bytes).ended(0).with_balances(SETTLED);
            assert_eq!(folder.read("rejects.csv"), rejects, "{name} {how}");
            let file = File::open(folder.path(name)).unwrap();
            run(command.stdin(file)).ended(0).with_balances(SETTLED);
            assert_eq!(folder.read("rejects.csv"), rejects, "{name} {how}");
        }
    }
}

#[test]
fn standard_input_is_read_from_where_it_stands() {
    use std::io::Seek;
    // A shell may have read the first lines of it.
    let folder = Folder::new();
    folder.write("in.csv", format!("a note\nanother\n{CSV}"));
    let mut file = File::open(folder.path("in.csv")).unwrap();
    file.seek(std::io::SeekFrom::Start(15)).unwrap();
    run(folder.command(MILLRACE).arg("-").stdin(file)).ended(0).with_balances(SETTLED);
}

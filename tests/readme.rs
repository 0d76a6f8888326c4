//! The README shows what the program prints: every `console` block of it is run and compared.
//!
//! A block runs in a folder of its own that has the samples. It knows the commands `millrace`,
//! `cargo run --release --` (the same program), `cat FILE` and `echo $?`. Standard output stands
//! before standard error, and the time taken counts as equal.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A command and what the README shows below it.
#[derive(Debug, PartialEq, Eq)]
struct Example {
    /// The line of the command in the README, from 1.
    line: usize,
    command: String,
    shown: String,
}

/// Reads the blocks of a text, each a list of commands.
fn blocks(text: &str) -> Vec<Vec<Example>> {
    let (mut blocks, mut is_inside) = (Vec::<Vec<Example>>::new(), false);
    for (index, line) in text.lines().enumerate() {
        if line.starts_with("```") {
            is_inside = line == "```console";
            if is_inside {
                blocks.push(Vec::new());
            }
            continue;
        }
        let Some(block) = blocks.last_mut().filter(|_| is_inside) else { continue };
        if let Some(command) = line.strip_prefix("$ ") {
            let command = command.to_owned();
            block.push(Example { line: index + 1, command, shown: String::new() });
        } else {
            let example = block.last_mut().expect("a block starts with a command");
            example.shown += line;
            example.shown += "\n";
        }
    }
    blocks
}

/// Runs a command; gives what it prints, and changes the exit code of the last program.
fn run(command: &str, folder: &Path, exit_code: &mut i32) -> String {
    if command == "echo $?" {
        return format!("{}\n", std::mem::take(exit_code));
    }
    if let Some(file) = command.strip_prefix("cat ") {
        return fs::read_to_string(folder.join(file)).expect(command);
    }
    let arguments = command
        .strip_prefix("cargo run --release -- ")
        .or_else(|| command.strip_prefix("millrace "))
        .unwrap_or_else(|| panic!("no command that a README block knows: {command}"));
    assert_eq!(*exit_code, 0, "before {command}: a failure is to be shown with `echo $?`");
    let output = Command::new(env!("CARGO_BIN_EXE_millrace"))
        .args(arguments.split(' '))
        .current_dir(folder)
        .output()
        .expect("the binary starts");
    *exit_code = output.status.code().expect("no signal");
    let printed = [output.stdout, output.stderr].concat();
    String::from_utf8(printed).expect("text")
}

/// Takes the time out of the last line of a summary.
fn timeless(text: &str) -> String {
    let is_pace = |line: &str| line.ends_with(" rows/s") && line.contains(" s, ");
    let lines = text.lines().map(|line| if is_pace(line) { "TIME" } else { line });
    lines.flat_map(|line| [line, "\n"]).collect()
}

fn readme() -> String {
    fs::read_to_string(Path::new(ROOT).join("README.md")).expect("there is a README")
}

#[test]
fn every_command_of_the_readme_prints_what_it_shows() {
    let blocks = blocks(&readme());
    for block in &blocks {
        let folder = tempfile::tempdir().expect("a temporary folder");
        symlink(Path::new(ROOT).join("samples"), folder.path().join("samples")).expect("a link");
        let mut exit_code = 0;
        for Example { line, command, shown } in block {
            let printed = run(command, folder.path(), &mut exit_code);
            let (printed, shown) = (timeless(&printed), timeless(shown));
            assert!(printed == shown, "README.md:{line}: {command}\nprints\n{printed}");
        }
        assert_eq!(exit_code, 0, "the block ends with a failure that it does not show");
    }
    assert!(blocks.len() >= 4, "the blocks are not where they should be");
}

#[test]
fn the_readme_starts_with_the_sample_and_names_the_test_command() {
    let readme = readme();
    let first = &blocks(&readme)[0][0];
    assert_eq!(first.command, "cargo run --release -- samples/transactions.csv");
    let balances = fs::read_to_string(Path::new(ROOT).join("samples/transactions.expected.csv"));
    assert!(first.shown.starts_with(&balances.expect("the sample has balances")));
    assert!(readme.contains("```sh\ncargo test\n```"));
}

#[test]
fn every_reason_and_rule_is_explained_in_the_readme() {
    use millrace::outcome::{Malformation, Rejection};
    use millrace::rules::Rules;
    let readme = readme();
    let malformations = Malformation::ALL.map(Malformation::name);
    let rejections = Rejection::ALL.map(Rejection::name);
    for word in [&malformations[..], &rejections, &Rules::KEYS, &Rules::PROFILES].concat() {
        assert!(readme.contains(&format!("`{word}`")), "{word}");
    }
}

#[test]
fn a_block_that_has_rotted_is_noticed() {
    let text = "x\n```console\n$ millrace -V\nmillrace 0.0.0\n$ echo $?\n0\n```\n$ no\n";
    let blocks = blocks(text);
    let shown: Vec<_> = blocks[0].iter().map(|example| (example.line, &*example.shown)).collect();
    assert_eq!(shown, [(3, "millrace 0.0.0\n"), (5, "0\n")]);
    let mut exit_code = 0;
    let printed = run("millrace --version", Path::new(ROOT), &mut exit_code);
    assert_eq!(printed, concat!("millrace ", env!("CARGO_PKG_VERSION"), "\n"));
    run("millrace samples/none.csv", Path::new(ROOT), &mut exit_code);
    assert_eq!(run("echo $?", Path::new(ROOT), &mut exit_code), "66\n");
    assert_eq!(timeless("rows  1\n0.001 s, 9 rows/s\n"), "rows  1\nTIME\n");
}

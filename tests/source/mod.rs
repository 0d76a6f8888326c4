//! The source as the tidy test sees it: without comments and what stands in strings, line by line.

use std::fs;
use std::path::Path;

use super::ROOT;

pub(crate) struct SourceFile {
    /// From the root of the repository.
    pub(crate) path: String,
    /// Without comments, and without what stands in strings.
    pub(crate) code: String,
    /// How many lines stand above the tests.
    pub(crate) lines_above_tests: usize,
}

impl SourceFile {
    pub(crate) fn new(path: impl Into<String>, text: &str) -> Self {
        let lines_above_tests = text.lines().take_while(|line| *line != "#[cfg(test)]").count();
        Self { path: path.into(), code: code_only(text), lines_above_tests }
    }

    /// The module it belongs to: `src/parser/fast.rs` and `src/parser.rs` belong to `parser`.
    pub(crate) fn module(&self) -> &str {
        let inside = self.path.strip_prefix("src/").unwrap_or(&self.path);
        inside.split(['/', '.']).next().unwrap_or_default()
    }

    fn is_test(&self) -> bool {
        self.path.ends_with("/tests.rs") || self.path.contains("/tests/")
    }

    /// The lines above the tests, numbered from 1; none of a file of tests.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let most = if self.is_test() { 0 } else { self.lines_above_tests };
        self.all_lines().take(most)
    }

    pub(crate) fn all_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.code.lines().enumerate().map(|(index, line)| (index + 1, line))
    }

    pub(crate) fn names(&self, words: &[&str]) -> Vec<String> {
        places(&self.path, self.lines(), words)
    }

    /// As [`SourceFile::names`], in its tests as well.
    pub(crate) fn names_anywhere(&self, words: &[&str]) -> Vec<String> {
        places(&self.path, self.all_lines(), words)
    }
}

/// Lists where one of the words stands, as `file:line`.
pub(crate) fn places<'l, L>(path: &str, lines: L, words: &[&str]) -> Vec<String>
where
    L: Iterator<Item = (usize, &'l str)>,
{
    lines
        .flat_map(|(number, line)| identifiers(line).map(move |word| (number, word)))
        .filter(|(_, word)| words.contains(word))
        .map(|(number, word)| format!("{path}:{number}: names `{word}`"))
        .collect()
}

fn identifiers(line: &str) -> impl Iterator<Item = &str> {
    line.split(|character| !is_word(character)).filter(|word| !word.is_empty())
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// Takes comments out, and what stands in strings and characters; lines stay where they are.
fn code_only(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let after_word = code.chars().next_back().is_some_and(is_word);
        let length = if let Some(length) = passive_length(rest, after_word) {
            code.push(' ');
            code.extend(rest[..length].chars().filter(|&character| character == '\n'));
            length
        } else {
            code.push(first);
            first.len_utf8()
        };
        rest = &rest[length..];
    }
    code
}

/// How many bytes of a comment, string or character stand at the start of a text, if one does.
fn passive_length(text: &str, after_word: bool) -> Option<usize> {
    let end_of = |from: usize, end: &str| {
        text[from..].find(end).map_or(text.len(), |at| from + at + end.len())
    };
    if text.starts_with("//") {
        return Some(text.find('\n').unwrap_or(text.len()));
    }
    if text.starts_with("/*") {
        return Some(end_of(2, "*/"));
    }
    if !after_word && let Some(raw) = text.trim_start_matches('b').strip_prefix('r') {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if raw[hashes..].starts_with('"') {
            let body = text.len() - raw.len() + hashes + 1;
            return Some(end_of(body, &format!("\"{}", "#".repeat(hashes))));
        }
    }
    if let Some(inside) = text.strip_prefix('"') {
        let mut is_escaped = false;
        let end = inside.find(|character| {
            let is_end = character == '"' && !is_escaped;
            is_escaped = character == '\\' && !is_escaped;
            is_end
        });
        return Some(end.map_or(text.len(), |at| at + 2));
    }
    let inside = text.strip_prefix('\'')?;
    let length = inside.chars().next()?.len_utf8();
    if inside.starts_with('\\') {
        return Some(end_of(3, "'"));
    }
    // Anything else after a quote is a lifetime.
    inside[length..].starts_with('\'').then_some(length + 2)
}

/// Every function with the number of its first line and of its lines.
pub(crate) fn functions(code: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("fn ") {
        if code[..at].chars().next_back().is_some_and(is_word) {
            continue;
        }
        let first_line = code[..at].matches('\n').count() + 1;
        let (mut braces, mut parentheses) = (0_usize, 0_usize);
        for (offset, character) in code[at..].char_indices() {
            match character {
                '(' | '[' => parentheses += 1,
                ')' | ']' => parentheses = parentheses.saturating_sub(1),
                '{' => braces += 1,
                '}' => braces = braces.saturating_sub(1),
                _ => {}
            }
            let is_declared = character == ';' && braces + parentheses == 0;
            if is_declared || (character == '}' && braces == 0) {
                found.push((first_line, code[at..at + offset].matches('\n').count() + 1));
                break;
            }
        }
    }
    found
}

pub(crate) fn sources() -> Vec<SourceFile> {
    let mut files = Vec::new();
    collect(&Path::new(ROOT).join("src"), &mut files);
    files.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(files.len() > 50, "the source is not where it should be");
    files
}

fn collect(folder: &Path, files: &mut Vec<SourceFile>) {
    for entry in fs::read_dir(folder).expect("the source is readable") {
        let path = entry.expect("the source is readable").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("the source is UTF-8");
            let path = path.strip_prefix(ROOT).expect("below the root");
            files.push(SourceFile::new(path.to_str().expect("names are ASCII"), &text));
        }
    }
}

//! Rule files: any text is read as an independent reading of its TOML says, what is read is written
//! and read back, and an error names what is at fault.
//!
//! Texts in the simple spelling that people write are read without any TOML reader as well.
#![no_main]

use std::fmt::Write;

use libfuzzer_sys::fuzz_target;
use millrace::rules::{Locked, Permission, Rules, RulesError, TxIdSpace};
use toml::{Table, Value};

fuzz_target!(|data: &[u8]| {
    // A file that is no UTF-8 is refused before its rules are read.
    let Ok(text) = std::str::from_utf8(data) else { return };
    let read = Rules::from_toml(text);
    if let Some(simple) = read_simply(text) {
        assert_eq!(read.clone().ok(), simple, "{text:?}");
    }
    match text.parse::<Table>() {
        Err(_) => check_syntax(&read, text),
        Ok(table) => check_table(&read, &table),
    }
    if let Ok(rules) = read {
        check_written(&rules);
    }
});

fn check_syntax(read: &Result<Rules, RulesError>, text: &str) {
    let Err(error @ RulesError::Syntax(source)) = read else { panic!("{text:?} is {read:?}") };
    assert!(error.to_string().starts_with("not TOML: "));
    let span = source.span().expect("the place of the error");
    assert!(text.get(span).is_some(), "the place is in the text");
    assert!(error.to_string().contains("line "), "{error}");
}

/// Compares with a reading of the table key by key.
fn check_table(read: &Result<Rules, RulesError>, table: &Table) {
    let mut rules = Rules::default();
    let mut faults = Vec::new();
    for (key, value) in table {
        if !accept(&mut rules, key, value) {
            faults.push(key.as_str());
        }
    }
    match read {
        Ok(read) => assert_eq!((*read, faults), (rules, vec![])),
        Err(error @ RulesError::Key(key)) => {
            assert!(faults.contains(&key.as_str()) && !Rules::KEYS.contains(&key.as_str()));
            let message = error.to_string();
            assert!(message.contains(&format!("{key:?}")) && message.contains("max-client"));
        }
        Err(error @ RulesError::Value { key, value, expected }) => {
            assert!(faults.contains(&key.as_str()) && Rules::KEYS.contains(&key.as_str()));
            let message = error.to_string();
            assert_eq!(message, format!("{key} cannot be {value:?}; it is {expected}"));
            let is_text = table[key].as_str().is_none_or(|text| text == value);
            assert!(is_text && !expected.is_empty());
        }
        Err(RulesError::Syntax(error)) => panic!("it is TOML: {error}"),
    }
}

/// Sets the rule that a key and a value stand for; tells whether there is one.
fn accept(rules: &mut Rules, key: &str, value: &Value) -> bool {
    let permission = match value.as_str() {
        Some("allow") => Some(Permission::Allow),
        Some("reject") => Some(Permission::Reject),
        _ => None,
    };
    let limit = match value {
        Value::Integer(number) => u64::try_from(*number).ok(),
        Value::String(text) => limit(text),
        _ => None,
    };
    match (key, value.as_str(), permission, limit) {
        ("locked", Some("frozen"), ..) => rules.locked = Locked::Frozen,
        ("locked", Some("deposits-and-disputes"), ..) => rules.locked = Locked::DepositsAndDisputes,
        ("overdrawn-dispute", _, Some(permission), _) => rules.overdrawn_dispute = permission,
        ("redispute", _, Some(permission), _) => rules.redispute = permission,
        ("tx-ids", Some("global"), ..) => rules.tx_ids = TxIdSpace::Global,
        ("tx-ids", Some("per-client"), ..) => rules.tx_ids = TxIdSpace::PerClient,
        ("max-client", .., Some(limit)) => rules.max_client = limit,
        ("max-tx", .., Some(limit)) => rules.max_tx = limit,
        _ => return false,
    }
    true
}

/// Reads digits, a byte at a time.
fn limit(text: &str) -> Option<u64> {
    let mut limit = 0_u128;
    for byte in text.bytes() {
        match byte {
            b'0'..=b'9' => limit = limit.saturating_mul(10).saturating_add(u128::from(byte - b'0')),
            _ => return None,
        }
    }
    u64::try_from(limit).ok().filter(|_| !text.is_empty())
}

/// Reads a text of comments, blank lines and lines `key = 'value'` or `key = number`: the rules, or
/// nothing if one of them is at fault. `None` if it has other lines, or a key twice.
fn read_simply(text: &str) -> Option<Option<Rules>> {
    let (mut rules, mut seen) = (Some(Rules::default()), Vec::new());
    for line in text.split('\n') {
        if line.bytes().any(|byte| !matches!(byte, b' '..=b'~')) {
            return None;
        }
        let line = line.trim_matches(' ');
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (key, value) = line.split_once('=')?;
        let (key, value) = (key.trim_matches(' '), value.trim_matches(' '));
        let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if key.is_empty() || !key.bytes().all(is_bare) || seen.contains(&key) {
            return None;
        }
        seen.push(key);
        let quoted = value.strip_prefix('\'').and_then(|value| value.strip_suffix('\''));
        let value = match quoted {
            Some(text) if !text.contains('\'') => Value::String(text.to_owned()),
            None if !value.starts_with('0') || value == "0" => {
                Value::Integer(match limit(value)? {
                    number if number < 1 << 63 => number.cast_signed(),
                    _ => return None,
                })
            }
            _ => return None,
        };
        rules = rules.and_then(|mut rules| accept(&mut rules, key, &value).then_some(rules));
    }
    Some(rules)
}

/// What is written is read back, as a file, key by key and as it is shown.
fn check_written(rules: &Rules) {
    let (mut file, mut set) = (String::new(), Rules::default());
    for (key, value) in rules.entries() {
        writeln!(file, "{key} = '{value}'").expect("memory");
        set.set(key, &value).expect("a rule");
    }
    assert_eq!((Rules::from_toml(&file).as_ref(), &set), (Ok(rules), rules));
    assert_eq!(read_simply(&file), Some(Some(*rules)));
    let mut shown = Rules::default();
    for entry in rules.to_string().split(' ') {
        let (key, value) = entry.split_once('=').expect("key=value");
        shown.set(key, value).expect("a rule");
    }
    assert_eq!(shown, *rules);
}

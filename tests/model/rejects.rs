//! The rejects file of the model: a line for every row that was not applied.

use super::{Report, Row, decimal};

const LONGEST_RAW_BYTES: usize = 256;

/// Writes the rejects file of a run of one input.
pub(crate) fn write(report: &Report) -> String {
    let mut text = String::from("line,outcome,reason,type,client,tx,amount,raw\n");
    for Row { line, bytes, columns, outcome, .. } in &report.rows {
        let Err(reason) = outcome else { continue };
        let (outcome, reason) = (reason.outcome(), reason.name());
        let kind = columns.kind.map_or("", |kind| kind.name());
        let client = columns.client.map_or(String::new(), |client| client.to_string());
        let tx = columns.tx.map_or(String::new(), |tx| tx.to_string());
        let amount = columns.amount.map_or(String::new(), decimal);
        let raw = raw(bytes).replace('"', "\"\"");
        let row = format!("{line},{outcome},{reason},{kind},{client},{tx},{amount},\"{raw}\"\n");
        text.push_str(&row);
    }
    text
}

/// Makes the bytes of a row fit for a terminal and a spreadsheet.
fn raw(bytes: &[u8]) -> String {
    let mut pieces: Vec<String> = bytes
        .iter()
        .take(LONGEST_RAW_BYTES + 1)
        .map(|&byte| match byte {
            b'\\' => "\\\\".to_owned(),
            b' '..=b'~' => char::from(byte).to_string(),
            _ => format!("\\x{byte:02x}"),
        })
        .collect();
    let first = bytes.iter().find(|byte| !matches!(byte, b' ' | b'\t'));
    if matches!(first, Some(b'=' | b'+' | b'-' | b'@')) {
        pieces.insert(0, "'".to_owned());
    }
    if pieces.concat().len() > LONGEST_RAW_BYTES {
        while pieces.concat().len() + "...".len() > LONGEST_RAW_BYTES {
            pieces.pop();
        }
        pieces.push("...".to_owned());
    }
    pieces.concat()
}

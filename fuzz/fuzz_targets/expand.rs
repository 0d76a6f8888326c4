//! Long texts out of short inputs: what is short is fast to try and easy to change, and some faults
//! need rows of kilobytes.

/// Stands before the number of times, in sixteens but for line ends, that the byte before it is
/// repeated.
const REPEAT: u8 = 0xff;
/// Twice the longest row and a bit; no text becomes longer than this and a repetition.
const MOST_BYTES: usize = 9000;

/// Appends what the bytes stand for.
pub(crate) fn expand(bytes: &[u8], text: &mut Vec<u8>) {
    let mut rest = bytes;
    while let Some(at) = repeat(rest) {
        text.extend_from_slice(&rest[..at]);
        let times = rest.get(at + 1).map_or(0, |times| usize::from(*times));
        if let Some(&last) = text.last().filter(|_| text.len() < MOST_BYTES) {
            // Thousands of blank lines take the time of thousands of rows and show no more.
            let count = if last == b'\n' { times } else { 16 * times };
            text.resize(text.len() + count, last);
        }
        rest = rest.get(at + 2..).unwrap_or_default();
    }
    text.extend_from_slice(rest);
}

fn repeat(bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|byte| *byte == REPEAT)
}

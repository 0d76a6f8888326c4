//! The scout: finds out which transactions some row refers to, before the rows are applied.
//!
//! A dispute, resolve or chargeback spells its type out, and each of the three words has a letter
//! that no deposit or withdrawal has: `u`, `v`, `k`. So it is enough to look for those letters and
//! to parse the rows around them with the parser itself; no spelling that the parser accepts can
//! be missed. Rows that have such a letter for another reason are parsed in vain.

use std::panic::resume_unwind;
use std::thread::{Builder, scope};

use memchr::memrchr;
use parking_lot::Mutex;

use super::config::Config;
use super::count;
use super::error::RunError;
use crate::input::{Blocks, InputError, Source};
use crate::ledger::TxIds;
use crate::parser::{Layout, LineReader, first_line};
use crate::pipeline::usable_cores;
use crate::transaction::{Kind, Transaction};

/// One letter of each type that refers to a transaction, found in no other type.
const LETTERS: [u8; 3] = [b'u', b'v', b'k'];

const _: () = {
    let mut kind = 0;
    while kind < Kind::ALL.len() {
        let name = Kind::ALL[kind].name().as_bytes();
        let (mut at, mut found) = (0, false);
        while at < name.len() {
            found |= name[at] == LETTERS[0] || name[at] == LETTERS[1] || name[at] == LETTERS[2];
            at += 1;
        }
        assert!(found != Kind::ALL[kind].moves_money());
        kind += 1;
    }
};

/// Tells how many letters stand before one of the letters in the type that has it.
#[inline]
const fn letters_before(letter: u8) -> usize {
    const BEFORE: [usize; 3] = {
        let (mut before, mut kind) = ([0; 3], 0);
        while kind < Kind::ALL.len() {
            let (name, mut at) = (Kind::ALL[kind].name().as_bytes(), 0);
            while at < name.len() {
                let mut letter = 0;
                while letter < 3 {
                    before[letter] = if name[at] == LETTERS[letter] { at } else { before[letter] };
                    letter += 1;
                }
                at += 1;
            }
            kind += 1;
        }
        before
    };
    if letter == LETTERS[0] {
        BEFORE[0]
    } else if letter == LETTERS[1] {
        BEFORE[1]
    } else {
        BEFORE[2]
    }
}

/// Bytes in which letters are found before their rows are read: both at a time stay in the cache.
const STRETCH: usize = 1 << 12;

/// Inputs below this size, in bytes, are not worth a thread.
const SMALL: u64 = 1 << 20;

/// Parts of a large input for each thread: threads do not start together, and some parts take longer
/// than others.
const PARTS_PER_THREAD: usize = 8;

/// Ids that a thread gathers before it adds them to the set.
const GATHERED_IDS: usize = 1 << 16;

/// Lists every transaction that a row of the sources refers to.
pub(super) fn named_ids(sources: &[Source], config: &Config) -> Result<TxIds, RunError> {
    let ids = Mutex::new(TxIds::default());
    for source in sources {
        let is_small = source.size_bytes().is_some_and(|size| size < SMALL);
        let threads = if is_small || !config.uses_threads() { 1 } else { usable_cores() };
        let parts = if threads == 1 { 1 } else { threads * PARTS_PER_THREAD };
        let parts = source.parts(parts, config.block_bytes(source.size_bytes()))?;
        scout_parts(parts, threads, source, config, &ids)?;
    }
    if config.interrupt.is_requested() { Err(RunError::Interrupted) } else { Ok(ids.into_inner()) }
}

/// Scouts all parts, on several threads if there are several parts. Who is through with one takes
/// the next.
fn scout_parts(
    parts: Vec<Blocks<'_>>,
    threads: usize,
    source: &Source,
    config: &Config,
    ids: &Mutex<TxIds>,
) -> Result<(), RunError> {
    let others = threads.min(parts.len()).saturating_sub(1);
    let parts = Mutex::new(parts.into_iter());
    let work = || {
        let mut named = Vec::new();
        loop {
            let Some(part) = parts.lock().next() else { break };
            scout_part(part, source, config, &mut named, ids)?;
        }
        add(&mut named, ids);
        Ok::<(), InputError>(())
    };
    scope(|scope| {
        let mut threads = Vec::with_capacity(others);
        for _ in 0..others {
            let thread = Builder::new().name("scout".to_owned()).spawn_scoped(scope, work);
            threads.push(thread.map_err(RunError::Threads)?);
        }
        work()?;
        for thread in threads {
            thread.join().unwrap_or_else(|panic| resume_unwind(panic))?;
        }
        Ok(())
    })
}

fn scout_part(
    mut blocks: Blocks<'_>,
    source: &Source,
    config: &Config,
    named: &mut Vec<u64>,
    ids: &Mutex<TxIds>,
) -> Result<(), InputError> {
    // Whoever waits for the result looks at the request as well.
    while let Some(block) = blocks.next()?
        && !config.interrupt.is_requested()
    {
        scout_block(block.bytes(), &source.layout, named);
        config.progress.advance_scout(count(block.bytes().len()));
        blocks.recycle(block);
        if named.len() >= GATHERED_IDS {
            add(named, ids);
        }
    }
    Ok(())
}

/// Adds gathered ids to the set: each takes memory once, however often it is named.
fn add(named: &mut Vec<u64>, ids: &Mutex<TxIds>) {
    ids.lock().name_all(named);
    named.clear();
}

/// Adds every transaction that a row of a block refers to.
pub(crate) fn scout_block(bytes: &[u8], layout: &Layout, named: &mut Vec<u64>) {
    let lines = LineReader::new(layout);
    let mut hits = Vec::new();
    // Behind the rows that have been read.
    let mut at = 0;
    for (stretch, start) in bytes.chunks(STRETCH).zip((0..).step_by(STRETCH)) {
        hits.clear();
        lines.find(stretch, LETTERS, &mut hits);
        for hit in &hits {
            let hit = start + usize::try_from(*hit).expect("within a stretch");
            if hit < at {
                continue;
            }
            // In the plain spelling it is known how far the letter is from the start of its row.
            let plain =
                hit.checked_sub(letters_before(bytes[hit])).map(|start| bytes.split_at(start));
            if let Some((before, row)) = plain
                && (before.is_empty() || before.ends_with(b"\n"))
                && let Some(transaction) = lines.read_plain(row)
            {
                name(hide(transaction, || &row[..first_line(row).1]), named);
                at = hit + 1;
                continue;
            }
            let start = memrchr(b'\n', &bytes[at..hit]).map_or(at, |newline| at + newline + 1);
            let (transaction, length) = lines.read(&bytes[start..]);
            let transaction = transaction.and_then(|it| hide(it, || &bytes[start..start + length]));
            name(transaction, named);
            at = start + length;
        }
    }
}

/// Adds the transaction that a row refers to, if it is such a row.
#[inline]
fn name(row: Option<Transaction>, named: &mut Vec<u64>) {
    named.extend(row.filter(|it| !it.kind.moves_money()).map(|it| it.tx));
}

/// Overlooks rows that a planted bug is to overlook, and no others.
#[inline]
fn hide<'b>(transaction: Transaction, row: impl Fn() -> &'b [u8]) -> Option<Transaction> {
    match transaction {
        _ if planted!(ScoutMissesQuotes) && row().contains(&b'"') => None,
        _ if planted!(ScoutMissesLast) && !row().ends_with(b"\n") => None,
        _ if planted!(ScoutMissesCrlf) && row().ends_with(b"\r\n") => None,
        it => Some(it),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::{Plan, Workload};
    use crate::parser::{Block, Rows};

    /// Every transaction that a row refers to, found by parsing every row.
    fn parsed(bytes: &[u8], layout: &Layout) -> Vec<u64> {
        Rows::strict(Block { bytes, offset_bytes: 0, line: 1 }, layout)
            .flatten()
            .filter(|row| !row.transaction.kind.moves_money())
            .map(|row| row.transaction.tx)
            .collect()
    }

    fn scouted(bytes: &[u8], layout: &Layout) -> Vec<u64> {
        let mut named = Vec::new();
        scout_block(bytes, layout, &mut named);
        named
    }

    #[test]
    fn rows_in_any_spelling_are_found() {
        let layout = Layout::default();
        let text =
            b"dispute,1,1\n \"dispute\" , 1 ,\"2\",\nresolve,1,03,9\r\n\nuvk\ndeposit,1,u,1\n\
                     \tchargeback,1,4,,\n\"dispute,1,5\ndeposit,1,6,1\ndispute,1,7";
        assert_eq!(scouted(text, &layout), [1, 2, 3, 4, 7]);
        assert_eq!(parsed(text, &layout), [1, 2, 3, 4, 7]);
    }

    #[test]
    #[cfg_attr(miri, ignore = "120,000 rows")]
    fn every_workload_is_scouted_whole() {
        for workload in Workload::ALL {
            let mut bytes = Vec::new();
            Plan::new(workload, 20_000).write_to(&mut bytes).unwrap();
            let layout = Layout::default();
            let expected = parsed(&bytes, &layout);
            assert!(!expected.is_empty());
            assert_eq!(scouted(&bytes, &layout), expected, "{workload}");
        }
    }

    proptest::proptest! {
        #[test]
        #[cfg_attr(miri, ignore = "it takes a minute to read the regular expression")]
        fn nothing_is_missed_in_any_text(text in "([a-z]{1,2}|dispute|resolve|chargeback|deposit|[0-9]|[,,,\" \n\r]){0,60}") {
            let layout = Layout::default();
            proptest::prop_assert_eq!(scouted(text.as_bytes(), &layout), parsed(text.as_bytes(), &layout));
        }
    }
}

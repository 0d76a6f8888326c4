//! The set of transaction ids: which are decided, and which a later row may ask for.
//!
//! Ids that lie close together, as almost all do, take two bits each in pages of 512; the page of
//! the last id is at hand, so ascending ids cost no look-up. Of ids that lie apart, up to five stand in
//! an entry for their page or, where the page is far, in a hash table as they are; they stay below 64
//! bytes each, whatever ids a file is crafted from.
//!
//! Named ids can be numbered, densely from 0: within a page by rank, in the entry of the id, or in a
//! map of their own.

mod directory;
mod entry;
mod loose;
mod page;

use directory::Directory;
use entry::Entry;
use loose::Loose;
use page::{PAGE_IDS, Page, Ranking, WORD_IDS};

use super::index_map::IndexMap;
use crate::prefetch::prefetch;

/// Decided ids and named ids.
#[derive(Debug)]
pub struct TxIds {
    /// Every page that holds an id, by the number of the page.
    directory: Directory,
    pages: Vec<Page>,
    /// The full page that was used last.
    recent: Recent,
    /// The numbers of the named ids of each page that was asked for one.
    rankings: Vec<Ranking>,
    /// The numbers of named ids that had no page when they were asked for, and whose entry has no
    /// room for a number, or that had no entry.
    apart: IndexMap,
    /// The ids that have been named.
    named: usize,
    /// The numbers given away.
    numbers: usize,
    /// Many rows of the last ones decided together turned to another page.
    is_scattered: bool,
}

/// What the set knew of an id when it was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// No earlier row has decided the id.
    pub is_first: bool,
    /// The id was named beforehand.
    pub is_named: bool,
}

impl Decision {
    /// What the bits of an id mean.
    fn of(bits: u64) -> Self {
        Self { is_first: bits & Entry::DECIDED == 0, is_named: bits & Entry::NAMED != 0 }
    }
}

/// What the set knew of the ids of some rows: bit 0 stands for the first row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Decisions {
    /// An earlier row has decided the id.
    pub duplicate: u64,
    /// The id was named beforehand, and no earlier row has decided it.
    pub named: u64,
}

/// One word of the bitmaps of a page, taken out.
#[derive(Clone, Copy, Debug)]
struct OpenWord {
    /// Its ids divided by [`WORD_IDS`].
    number: u64,
    decided: u64,
    named: u64,
}

impl OpenWord {
    /// No word: beyond the largest number that one can have.
    const NONE: Self = Self { number: u64::MAX, decided: 0, named: 0 };
}

/// What was found where a word was to be taken out.
enum Opened {
    Word(OpenWord),
    /// The id has no page, and has been decided in its entry.
    Decided(Decision),
}

#[derive(Clone, Copy, Debug)]
struct Recent {
    number: u64,
    index: usize,
}

impl Recent {
    /// No page: beyond the largest number a page can have.
    const NONE: Self = Self { number: u64::MAX, index: 0 };
}

impl Default for TxIds {
    fn default() -> Self {
        Self {
            directory: Directory::default(),
            pages: Vec::new(),
            recent: Recent::NONE,
            rankings: Vec::new(),
            apart: IndexMap::default(),
            named: 0,
            numbers: 0,
            is_scattered: false,
        }
    }
}

impl TxIds {
    /// Notes that some row refers to the transaction `tx`. Names come before the first number.
    pub fn name(&mut self, tx: u64) {
        debug_assert_eq!(self.numbers, 0, "numbers are ranks among the names");
        let before = self.set(tx, Entry::NAMED);
        self.named += usize::from(before & Entry::NAMED == 0);
    }

    /// Notes how much of the input has come, so that tables grow to what the rest will need.
    pub fn foresee(&mut self, done_bytes: u64, total_bytes: u64) {
        self.directory.loose.foresee(done_bytes, total_bytes);
    }

    /// Notes that all names have come, so that tables are made of the size that they will need. It
    /// changes no outcome.
    pub fn end_names(&mut self) {
        self.directory.loose.end_names();
    }

    /// Tells how many ids have been named.
    pub fn named(&self) -> usize {
        self.named
    }

    /// Notes that some row refers to each of these transactions, as [`TxIds::name`] does, fetching
    /// ahead what some of them need.
    pub fn name_all(&mut self, ids: &[u64]) {
        for (at, &tx) in ids.iter().enumerate() {
            if let Some(ahead) = ids.get(at + Self::AHEAD) {
                self.directory.prefetch(ahead / PAGE_IDS);
            }
            self.name(tx);
        }
    }

    /// Decides the id `tx`: the first call for an id is the first, every later one is not.
    #[inline]
    pub fn decide(&mut self, tx: u64) -> Decision {
        Decision::of(self.set(tx, Entry::DECIDED))
    }

    /// Tells whether the ids decided last were scattered.
    #[inline]
    pub fn are_scattered(&self) -> bool {
        self.is_scattered
    }

    /// Decides `count` ids that follow one another from `first` on, 1 … 64 of them, at once: those of
    /// rows as they come from a system that numbers them. Gives which of them are named, the first
    /// lowest; `None`, with nothing decided, where that takes a look at each, since one of them has no
    /// page or has been decided before.
    ///
    /// # Panics
    /// With another number of ids.
    #[inline]
    pub fn decide_run(&mut self, first: u64, count: u32) -> Option<u64> {
        let (number, place) = (first / PAGE_IDS, first % PAGE_IDS);
        if self.recent.number != number {
            let index = self.directory.near(number).and_then(Entry::page)?;
            self.recent = Recent { number, index };
        }
        let before_next = PAGE_IDS - place;
        if u64::from(count) <= before_next {
            return self.pages[self.recent.index].decide_run(place, count);
        }
        self.decide_run_across(place, u32::try_from(before_next).ok()?, count)
    }

    /// As [`TxIds::decide_run`], of ids of which the first `here` are on the recent page and the others
    /// on the next.
    fn decide_run_across(&mut self, place: u64, here: u32, count: u32) -> Option<u64> {
        let Recent { number, index } = self.recent;
        let next = Recent { number: number + 1, index: self.directory.near(number + 1)?.page()? };
        let named = self.pages[index].decide_run(place, here)?;
        let Some(named_there) = self.pages[next.index].decide_run(0, count - here) else {
            self.pages[index].forget_run(place, here);
            return None;
        };
        self.recent = next;
        Some(named | named_there << here)
    }

    /// Decides the ids of at most 64 rows in turn, those that `money` tells, the first lowest; the
    /// others do nothing.
    ///
    /// Ascending ids stay in one word, which is at hand; and which rows decide takes no branch, as
    /// nobody can guess it. While ids are scattered, what some rows further on need is fetched: of
    /// `ahead`, which starts [`TxIds::AHEAD`] rows behind the first, one with each row.
    ///
    /// # Panics
    /// With more than 64 rows.
    #[inline]
    pub fn decide_all(&mut self, ids: &[u64], money: u64, ahead: &[u64]) -> Decisions {
        let mut decisions = Decisions::default();
        let mut word = OpenWord::NONE;
        let mut turns = 0;
        let mut ahead = ahead.iter();
        for (at, &tx) in ids.iter().enumerate() {
            if self.is_scattered
                && let Some(tx) = ahead.next()
            {
                self.directory.prefetch(tx / PAGE_IDS);
            }
            let decides = (money >> at & 1).wrapping_neg();
            if decides & (word.number ^ (tx / WORD_IDS)) != 0 {
                if planted!(WordForgotten) {
                    word = OpenWord::NONE;
                }
                self.put_back(word);
                turns += u32::from(self.recent.number != tx / PAGE_IDS);
                match self.open(tx) {
                    Opened::Word(opened) => word = opened,
                    Opened::Decided(decision) => {
                        word = OpenWord::NONE;
                        decisions.duplicate |= u64::from(!decision.is_first) << at;
                        decisions.named |= u64::from(decision.is_named) << at;
                        continue;
                    }
                }
            }
            let (place, decides) = (tx % WORD_IDS, decides & 1);
            decisions.duplicate |= (word.decided >> place & decides) << at;
            decisions.named |= (word.named >> place & decides) << at;
            if planted!(LastOfPageForgotten) && tx % PAGE_IDS == PAGE_IDS - 1 {
                continue;
            }
            word.decided |= decides << place;
        }
        self.put_back(word);
        self.is_scattered = turns >= Self::MANY_TURNS;
        decisions.named &= !decisions.duplicate;
        decisions
    }

    /// Ids between a fetch and the look at what it has fetched. Processors fetch some twenty lines
    /// at once, and may forget what is asked of them beyond that.
    pub const AHEAD: usize = 24;
    /// From so many turns to another page in 64 rows on, fetching ahead is worth its time.
    const MANY_TURNS: u32 = 8;

    /// Takes the word of an id out of its page; decides the id where it has no page.
    #[inline]
    fn open(&mut self, tx: u64) -> Opened {
        let number = tx / PAGE_IDS;
        if self.recent.number != number {
            if let Some(index) = self.directory.near(number).and_then(Entry::page) {
                self.recent = Recent { number, index };
            } else if let Some(before) = self.turn_to(tx, Entry::DECIDED) {
                return Opened::Decided(Decision::of(before));
            }
        }
        let page = &self.pages[self.recent.index];
        let (word, _) = Page::locate(tx % PAGE_IDS);
        let (decided, named) = (page.decided[word], page.named[word]);
        Opened::Word(OpenWord { number: tx / WORD_IDS, decided, named })
    }

    /// Puts a word back into its page, the recent one.
    fn put_back(&mut self, word: OpenWord) {
        if word.number != OpenWord::NONE.number {
            let (index, _) = Page::locate(word.number * WORD_IDS % PAGE_IDS);
            self.pages[self.recent.index].decided[index] = word.decided;
        }
    }

    /// Tells whether some row refers to the transaction `tx`, as far as [`TxIds::name`] was told.
    pub fn is_named(&self, tx: u64) -> bool {
        let (number, place) = (tx / PAGE_IDS, tx % PAGE_IDS);
        let bits = match self.directory.near(number) {
            Some(entry) => match entry.page() {
                Some(index) => self.pages[index].bits(place),
                None => entry.bits(place),
            },
            None => match self.directory.loose.get(tx) {
                Some(bits) => bits,
                None => self.pages[self.directory.far_page(number)].bits(place),
            },
        };
        bits & Entry::NAMED != 0
    }

    /// Fetches what [`TxIds::number`] will read for an id.
    #[inline]
    pub fn prefetch_number(&self, tx: u64) {
        match self.directory.near(tx / PAGE_IDS).map(Entry::page) {
            Some(Some(index)) => {
                let (word, _) = Page::locate(tx % PAGE_IDS);
                prefetch(&self.pages[index].named[word]);
                if let Some(ranking) = self.rankings.get(index) {
                    prefetch(ranking);
                }
            }
            Some(None) => {}
            None => {
                self.apart.prefetch(tx);
                self.directory.prefetch(tx / PAGE_IDS);
            }
        }
    }

    /// Gives the number of a named id, always the same, densely from 0;
    /// `None` for an id that was not named.
    pub fn number(&mut self, tx: u64) -> Option<usize> {
        let (number, place) = (tx / PAGE_IDS, tx % PAGE_IDS);
        let index = if self.recent.number == number {
            self.recent.index
        } else if let Some(entry) = self.directory.near(number) {
            match entry.page() {
                Some(index) => index,
                None if entry.bits(place) & Entry::NAMED == 0 => return None,
                None => return Some(entry.number().unwrap_or_else(|| self.number_in_entry(tx))),
            }
        } else if let Some(number) = self.apart.get(tx) {
            return Some(number);
        } else {
            match self.directory.loose.get(tx) {
                None => self.directory.far_page(number),
                Some(bits) if bits & Entry::NAMED != 0 => return Some(self.set_apart(tx)),
                Some(_) => return None,
            }
        };
        let page = &self.pages[index];
        if !page.is_named(place) {
            return None;
        }
        // The id may have been asked for before it had a page.
        if !self.apart.is_empty()
            && !planted!(NumberForgotten)
            && let Some(number) = self.apart.get(tx)
        {
            return Some(number);
        }
        if index >= self.rankings.len() {
            self.rankings.resize(self.pages.len(), Ranking::NONE);
        }
        let ranking = &mut self.rankings[index];
        if ranking.is_none() {
            (*ranking, self.numbers) = Ranking::new(page, self.numbers);
        }
        Some(ranking.number(page, place))
    }

    /// Gives the number of a named id that stands in an entry without a number.
    fn number_in_entry(&mut self, tx: u64) -> usize {
        let next = self.numbers;
        let entry = self.directory.near_mut(tx / PAGE_IDS);
        let is_set = self.apart.get(tx).is_none() && entry.is_some_and(|it| it.set_number(next));
        if is_set {
            self.numbers += 1;
            return next;
        }
        self.set_apart(tx)
    }

    /// Gives the number of a named id that has it neither by rank nor in an entry.
    fn set_apart(&mut self, tx: u64) -> usize {
        if self.apart.is_empty() {
            // Those of them that are loose come to be here.
            self.apart.reserve(self.directory.loose.names());
        }
        let number = self.apart.get_or_insert(tx, self.numbers);
        self.numbers += usize::from(number == self.numbers);
        number
    }

    /// Sets `bit` of an id and gives the id's bits before.
    #[inline]
    fn set(&mut self, tx: u64, bit: u64) -> u64 {
        if self.recent.number == tx / PAGE_IDS {
            return self.pages[self.recent.index].set(tx % PAGE_IDS, bit);
        }
        match self.turn_to(tx, bit) {
            Some(before) => before,
            None => self.pages[self.recent.index].set(tx % PAGE_IDS, bit),
        }
    }

    /// Makes the page of an id the recent one. Where the page has no bits yet, sets `bit` in the
    /// entry or the loose id, and gives the id's bits before.
    #[inline]
    fn turn_to(&mut self, tx: u64, bit: u64) -> Option<u64> {
        let (number, place) = (tx / PAGE_IDS, tx % PAGE_IDS);
        let Some(entry) = self.directory.near_entry(number) else {
            return self.turn_to_far(tx, bit);
        };
        let index = if let Some(index) = entry.page() {
            index
        } else {
            if let Some((numbered, given)) = entry.forget_number(place) {
                self.apart.get_or_insert(number * PAGE_IDS + numbered, given);
            }
            if let Some(before) = entry.set(place, bit) {
                return Some(before);
            }
            let index = self.pages.len();
            let before = if planted!(PageForgetsIds) { Entry::EMPTY } else { *entry };
            self.pages.push(Page::of_entry(before));
            *entry = Entry::of_page(index);
            index
        };
        self.recent = Recent { number, index };
        None
    }

    /// As [`TxIds::turn_to`], for an id that the table of entries does not reach.
    #[inline]
    fn turn_to_far(&mut self, tx: u64, bit: u64) -> Option<u64> {
        let tx = if planted!(FarIdsMerged) { u64::MAX - tx % PAGE_IDS } else { tx };
        let number = tx / PAGE_IDS;
        let index = match self.directory.loose.set(tx, bit) {
            Loose::Bits(before) => return Some(before),
            Loose::Paged => self.directory.far_page(number),
            Loose::Crowded => self.give_bits(number),
        };
        self.recent = Recent { number, index };
        None
    }

    /// Moves the loose ids of a far page to a page of bits; gives its index.
    fn give_bits(&mut self, number: u64) -> usize {
        let mut page = Page::default();
        self.directory.loose.take_page(number, |tx, bits| page.set_all(tx % PAGE_IDS, bits));
        let index = self.pages.len();
        self.pages.push(page);
        self.directory.note_far_page(number, index);
        index
    }
}

#[cfg(test)]
mod tests;

//! A hash table of buckets, each a line of cache: what it has in common whatever a bucket holds.
//!
//! It is known without a read which bucket is looked at first. What finds its bucket full goes to the
//! next one. A table that is to be larger grows where it stands if it can.

use std::ops::{Index, IndexMut};

use super::homes::Homes;
use crate::huge_pages;
use crate::prefetch::prefetch_at;

/// A line of cache with room for a few entries.
pub(super) trait CacheLine: Clone {
    /// What a bucket holds.
    type Entry: Copy;

    /// One that holds nothing.
    const EMPTY: Self;

    /// What an entry is looked for by.
    fn key(entry: Self::Entry) -> u64;

    /// Tells whether it holds as much as it can.
    fn is_full(&self) -> bool;

    /// Adds an entry to one that is not full.
    fn put(&mut self, entry: Self::Entry);

    /// Notes that an entry has found it full and stands behind it.
    fn pass(&mut self) {}

    /// Gives what it holds.
    fn used(self) -> impl Iterator<Item = Self::Entry>;
}

/// As many buckets as a power of two, or none.
#[derive(Debug)]
pub(super) struct Buckets<B> {
    all: Vec<B>,
    /// The buckets that keys are looked for first.
    homes: Homes,
}

impl<B> Default for Buckets<B> {
    fn default() -> Self {
        Self { all: Vec::new(), homes: Homes::default() }
    }
}

impl<B> Index<usize> for Buckets<B> {
    type Output = B;

    #[inline]
    fn index(&self, at: usize) -> &B {
        &self.all[at]
    }
}

impl<B> IndexMut<usize> for Buckets<B> {
    #[inline]
    fn index_mut(&mut self, at: usize) -> &mut B {
        &mut self.all[at]
    }
}

impl<B: CacheLine> Buckets<B> {
    /// How many times its size a new table has room for: it takes no memory before it is used.
    const ROOM: usize = 4;

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn all(&self) -> &[B] {
        &self.all
    }

    pub(super) fn all_mut(&mut self) -> &mut [B] {
        &mut self.all
    }

    /// The bucket that a key is looked for first, as long as the table is as large.
    #[inline]
    pub(super) fn home(&self, key: u64) -> usize {
        self.homes.of(key)
    }

    /// The bucket after one; the first after the last.
    #[inline]
    pub(super) fn after(&self, bucket: usize) -> usize {
        (bucket + 1) & (self.all.len() - 1)
    }

    /// Fetches a bucket.
    #[inline]
    pub(super) fn prefetch(&self, at: usize) {
        prefetch_at(&self.all, at);
    }

    /// Puts an entry into the first bucket that has room, from its home on. There is one that has.
    pub(super) fn insert(&mut self, entry: B::Entry) {
        let mut at = self.home(B::key(entry));
        while self.all[at].is_full() {
            self.all[at].pass();
            at = self.after(at);
        }
        self.all[at].put(entry);
    }

    /// Makes it a table of `size` buckets, a power of two from two on, which have room for all entries. It
    /// grows where it stands if there is room for that: memory that is new to a program costs more than
    /// what is moved.
    #[cold]
    pub(super) fn resize(&mut self, size: usize) {
        if (1..size).contains(&self.all.len()) && self.all.capacity() >= size {
            return self.grow(size);
        }
        let mut all = huge_pages::room_for(size, size * Self::ROOM);
        all.resize(size, B::EMPTY);
        let before = std::mem::replace(&mut self.all, all);
        self.homes.resize(size);
        for entry in before.into_iter().flat_map(B::used) {
            self.insert(entry);
        }
    }

    fn grow(&mut self, size: usize) {
        let before = self.all.len();
        self.all.resize(size, B::EMPTY);
        self.homes.resize(size);
        let mut left = Vec::new();
        // From the last one on: what was looked for first in a bucket will be at twice its place or
        // behind, where all has been moved already.
        for from in (0..before).rev() {
            let bucket = std::mem::replace(&mut self.all[from], B::EMPTY);
            if planted!(FarEntryLost) {
                continue;
            }
            for entry in bucket.used() {
                let home = self.home(B::key(entry));
                if home >= from && self.all[home..].iter().any(|bucket| !bucket.is_full()) {
                    self.insert(entry);
                } else {
                    // It had passed so many buckets that those are not moved yet, or will pass the end.
                    left.push(entry);
                }
            }
        }
        for entry in left {
            self.insert(entry);
        }
    }
}

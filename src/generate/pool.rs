//! A bounded memory of what the rows so far have done: a sample that rows to come refer to.

use super::random::Random;

/// At most `capacity` entries of all that were put in.
#[derive(Clone, Debug)]
pub(super) struct Pool<T> {
    entries: Vec<T>,
    capacity: usize,
    /// A full pool takes one new entry in so many, in place of an old one. The larger, the further
    /// back the entries reach.
    renewal: u64,
}

impl<T: Copy> Pool<T> {
    /// Makes an empty pool, which takes no memory before it is filled.
    pub(super) const fn new(capacity: usize, renewal: u64) -> Self {
        Self { entries: Vec::new(), capacity, renewal }
    }

    /// Puts an entry in; if the pool is full, in place of a random one, or not at all.
    #[inline]
    pub(super) fn put(&mut self, entry: T, random: &mut Random) {
        if self.entries.len() < self.capacity {
            self.entries.push(entry);
        } else if random.once_in(self.renewal) {
            let index = random.index(self.entries.len());
            self.entries[index] = entry;
        }
    }

    /// Gives a random entry.
    #[inline]
    pub(super) fn pick(&self, random: &mut Random) -> Option<T> {
        if self.entries.is_empty() { None } else { Some(random.one_of(&self.entries)) }
    }

    /// Takes a random entry out.
    #[inline]
    pub(super) fn take(&mut self, random: &mut Random) -> Option<T> {
        self.take_where(random, |_| true)
    }

    /// Takes out the first wanted entry among a few that start at a random one.
    pub(super) fn take_where(
        &mut self,
        random: &mut Random,
        is_wanted: impl Fn(&T) -> bool,
    ) -> Option<T> {
        const MOST: usize = 64;
        let length = self.entries.len();
        if length == 0 {
            return None;
        }
        let start = random.index(length);
        let mut places = (start..length).chain(0..start).take(MOST);
        places.find(|&at| is_wanted(&self.entries[at])).map(|at| self.entries.swap_remove(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_pool_keeps_its_size_and_renews_itself() {
        let (mut pool, mut random) = (Pool::new(8, 2), Random::from_seed(1));
        for entry in 0..1_000 {
            pool.put(entry, &mut random);
        }
        assert_eq!(pool.entries.len(), 8);
        assert!(pool.entries.iter().all(|&entry| entry >= 800), "{:?}", pool.entries);
    }

    #[test]
    fn what_is_taken_is_gone() {
        let (mut pool, mut random) = (Pool::new(8, 1), Random::from_seed(1));
        assert_eq!(pool.take(&mut random), None);
        (0..8).for_each(|entry| pool.put(entry, &mut random));
        assert_eq!(pool.take_where(&mut random, |&entry| entry == 5), Some(5));
        assert_eq!(pool.take_where(&mut random, |&entry| entry == 5), None);
        let mut rest: Vec<_> = std::iter::from_fn(|| pool.take(&mut random)).collect();
        rest.sort_unstable();
        assert_eq!(rest, [0, 1, 2, 3, 4, 6, 7]);
        assert_eq!(pool.pick(&mut random), None);
    }
}

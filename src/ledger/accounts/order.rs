//! Clients that are in no table, in order.

use std::io;
use std::num::NonZeroUsize;
use std::panic::resume_unwind;
use std::thread;

use crate::huge_pages;

/// Clients of a range, about: they are sorted in a core's own cache.
const FEW: usize = 1 << 11;

/// Clients of a range of a range, about: so few are sorted by insertion.
const VERY_FEW: usize = 1 << 3;

/// Fewer clients than these are sorted sooner than a thread starts.
const WORTH_A_THREAD: usize = 1 << 16;

/// A client, and the place of the account.
type Placed = (u64, u32);

/// Sorts clients by their ids, which are below 2 to the power of `digits`, on up to `threads` threads,
/// the calling one among them.
///
/// Many are dealt into ranges by their upper digits first, straight from where they come from, and
/// each range into smaller ones. Where ids are crafted to share these digits, that gains nothing and
/// costs little. With several threads each goes through all clients, and deals and sorts those of its
/// share of the ranges.
///
/// # Errors
/// The system refuses a thread.
pub(super) fn sort(
    clients: impl ExactSizeIterator<Item = Placed> + Clone + Send,
    digits: u32,
    threads: NonZeroUsize,
) -> io::Result<Vec<Placed>> {
    debug_assert!(clients.clone().all(|(client, _)| u128::from(client) >> digits == 0));
    let count = clients.len();
    // Zeros from the system, which takes the memory from where it has it only once it is touched.
    let mut sorted = vec![(0, 0); count];
    huge_pages::wish_for(&mut sorted);
    let Some(ranges) = Ranges::of(count, FEW, digits) else {
        sorted.iter_mut().zip(clients).for_each(|(place, client)| *place = client);
        sorted.sort_unstable_by_key(by_client);
        return Ok(sorted);
    };
    let mut counts = Vec::new();
    ranges.count(clients.clone(), &mut counts);
    let threads = threads.get().min(count.div_ceil(WORTH_A_THREAD));
    let mut shares = Share::cut(ranges, &mut counts, &mut sorted, count.div_ceil(threads));
    let own = shares.pop();
    thread::scope(|scope| {
        let mut handles = Vec::with_capacity(shares.len());
        for share in shares {
            let clients = clients.clone();
            let builder = thread::Builder::new().name("order".to_owned());
            handles.push(builder.spawn_scoped(scope, move || share.fill(clients))?);
        }
        if let Some(share) = own {
            share.fill(clients.clone());
        }
        for handle in handles {
            handle.join().unwrap_or_else(|panic| resume_unwind(panic));
        }
        io::Result::Ok(())
    })?;
    Ok(sorted)
}

fn by_client(&(client, _): &Placed) -> u64 {
    client
}

/// Some ranges that follow one another.
struct Share<'s> {
    ranges: Ranges,
    /// The number of the first of them.
    first: usize,
    /// How many clients each has.
    counts: &'s mut [usize],
    /// The place of all of these.
    into: &'s mut [Placed],
}

impl<'s> Share<'s> {
    /// Cuts all ranges into shares of `clients` clients, or little more.
    fn cut(
        ranges: Ranges,
        mut counts: &'s mut [usize],
        mut into: &'s mut [Placed],
        clients: usize,
    ) -> Vec<Self> {
        let mut shares = Vec::new();
        let mut first = 0;
        while !counts.is_empty() {
            let mut taken = 0;
            let enough = counts.iter().position(|count| {
                taken += count;
                taken >= clients
            });
            let own = counts.split_off_mut(..enough.map_or(counts.len(), |last| last + 1));
            let (own, into) = (own.expect("within"), into.split_off_mut(..taken).expect("within"));
            shares.push(Self { ranges, first, counts: own, into });
            first = ranges.count - counts.len();
        }
        shares
    }

    /// Deals those of all clients that belong here into their ranges, and sorts these.
    fn fill(self, clients: impl Iterator<Item = Placed>) {
        let Self { ranges, first, counts, into } = self;
        to_starts(counts);
        ranges.deal(clients, first, counts, into);
        let (mut start, mut memory, mut smaller) = (0, Vec::new(), Vec::new());
        for &mut end in counts {
            sort_range(&mut into[start..end], ranges.shift, &mut memory, &mut smaller);
            start = end;
        }
    }
}

/// Sorts the clients of a range, whose ids differ in the last so many digits. Both vectors are kept for
/// their memory.
fn sort_range(
    range: &mut [Placed],
    digits: u32,
    memory: &mut Vec<Placed>,
    counts: &mut Vec<usize>,
) {
    let smaller = Ranges::of(range.len(), VERY_FEW, digits);
    let Some(smaller) = smaller.filter(|_| range.len() <= 4 * FEW) else {
        range.sort_unstable_by_key(by_client);
        return;
    };
    memory.clear();
    memory.extend_from_slice(range);
    smaller.count(memory.iter().copied(), counts);
    to_starts(counts);
    smaller.deal(memory.iter().copied(), 0, counts, range);
    let mut start = 0;
    for &end in &*counts {
        range[start..end].sort_unstable_by_key(by_client);
        start = end;
    }
}

/// Turns how many each range has into where it starts.
fn to_starts(counts: &mut [usize]) {
    let mut start = 0;
    for count in counts {
        start += std::mem::replace(count, start);
    }
}

/// Ranges of ids that differ in some of their digits, a power of two of them.
#[derive(Clone, Copy)]
struct Ranges {
    count: usize,
    /// The digits behind those in which they differ.
    shift: u32,
}

impl Ranges {
    /// Makes ranges of about `few` of so many clients, by the uppermost of so many digits; none where
    /// they would be few ranges, or the digits do not suffice.
    fn of(clients: usize, few: usize, digits: u32) -> Option<Self> {
        let count = (clients / few).next_power_of_two();
        let shift = digits.saturating_sub(count.ilog2());
        (count >= 8 && shift > 0).then_some(Self { count, shift })
    }

    /// The range of a client. Those of a range have the digits before these in common.
    #[inline]
    fn range(self, client: u64) -> usize {
        let mask = u64::try_from(self.count - 1).expect("64 bits");
        usize::try_from(client >> self.shift & mask).expect("ranges in memory")
    }

    /// Counts the clients of each range.
    fn count(self, clients: impl Iterator<Item = Placed>, counts: &mut Vec<usize>) {
        counts.clear();
        counts.resize(self.count, 0);
        for (client, _) in clients {
            counts[self.range(client)] += 1;
        }
    }

    /// Deals the clients of the ranges from `first` on: `places` tells where each of these starts, and
    /// in the end where it ends. Clients of other ranges are left out.
    fn deal(
        self,
        clients: impl Iterator<Item = Placed>,
        first: usize,
        places: &mut [usize],
        into: &mut [Placed],
    ) {
        for (client, account) in clients {
            if let Some(place) = places.get_mut(self.range(client).wrapping_sub(first)) {
                into[*place] = (client, account);
                *place += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg_attr(miri, ignore = "200,000 clients")]
    fn clients_are_sorted_whatever_digits_they_share() {
        let few = u64::try_from(FEW).unwrap();
        let scattered = |it: u64| it.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let short = |it: u64| it.wrapping_mul(0x9e37_79b9) % (1 << 32);
        let orders: [&dyn Fn(u64) -> u64; 5] =
            [&scattered, &short, &|it| u64::MAX - it, &|it| it ^ 5, &|it| it << 40 | 1 << 63];
        for order in orders {
            for count in [0, 1, 2, 8 * few - 1, 8 * few, 9 * few + 1] {
                let clients: Vec<_> = (0..count).map(order).zip(0..).collect();
                let mut expected = clients.clone();
                // No client comes twice.
                expected.sort_by_key(by_client);
                let largest = expected.last().map_or(0, by_client);
                let digits = u64::BITS - largest.leading_zeros();
                for threads in [1, 2, 5] {
                    let threads = NonZeroUsize::new(threads).unwrap();
                    let sorted = sort(clients.iter().copied(), digits, threads).unwrap();
                    assert!(sorted == expected, "{count} clients on {threads} threads");
                }
            }
        }
    }
}

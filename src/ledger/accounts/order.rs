//! Clients that are in no table, in order.

use std::convert::Infallible;
use std::num::NonZeroUsize;

use super::super::index_map::IndexMap;
use crate::huge_pages;

/// Work that may be done on any thread.
pub type Job<'j> = Box<dyn FnOnce() + Send + 'j>;

/// Runs jobs one after the other.
#[expect(clippy::unnecessary_wraps, reason = "other ways to run them may fail")]
pub(in crate::ledger) fn one_by_one(jobs: Vec<Job<'_>>) -> Result<(), Infallible> {
    for job in jobs {
        job();
    }
    Ok(())
}

/// Clients of a range, about: they are sorted in a core's own cache.
const FEW: usize = 1 << 11;

/// Clients of a range of a range, about: so few are sorted by insertion.
const VERY_FEW: usize = 1 << 3;

/// Clients of a job, at least: fewer are sorted sooner than a thread starts.
const WORTH_A_JOB: usize = if cfg!(any(test, fuzzing)) { 1 << 12 } else { 1 << 16 };

/// A client, and the place of the account.
type Placed = (u64, usize);

/// Sorts clients by their ids, which are below 2 to the power of `digits`. Where they are many, that is cut
/// into up to `jobs` jobs, which `run` is to run, on whatever threads.
///
/// They are dealt into ranges by their upper digits first, straight from where they come from, and each
/// range into smaller ones. Where ids are crafted to share these digits, that gains nothing and costs
/// little. Each job goes through all clients, and deals and sorts those of its share of the ranges.
///
/// # Errors
/// That of `run`.
///
/// # Panics
/// If `run` succeeds without having run every job.
pub(super) fn sort<E>(
    clients: &IndexMap,
    digits: u32,
    jobs: NonZeroUsize,
    run: impl FnOnce(Vec<Job<'_>>) -> Result<(), E>,
) -> Result<Vec<Placed>, E> {
    let count = clients.len();
    // Zeros from the system, which takes the memory from where it has it only once it is touched.
    let mut sorted = vec![(0, 0); count];
    huge_pages::wish_for(&mut sorted);
    let Some(ranges) = Ranges::of(count, FEW, digits) else {
        let mut places = sorted.iter_mut();
        clients.visit(|_| true, |client, at| *places.next().expect("a place each") = (client, at));
        sorted.sort_unstable_by_key(by_client);
        return Ok(sorted);
    };
    let mut counts = vec![0; ranges.count];
    clients.visit(|_| true, |client, _| counts[ranges.range(client)] += 1);
    let most = jobs.get().min(count.div_ceil(WORTH_A_JOB));
    let shares = Share::cut(ranges, &mut counts, &mut sorted, count.div_ceil(most));
    let mut are_done = vec![false; shares.len()];
    let jobs = shares.into_iter().zip(&mut are_done).map(|(share, is_done)| -> Job<'_> {
        Box::new(move || {
            share.fill(clients);
            *is_done = true;
        })
    });
    run(jobs.collect())?;
    assert!(are_done.iter().all(|&is_done| is_done), "every job is to be run");
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
        // Behind the last client there may be ranges without any.
        while !into.is_empty() {
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
    fn fill(self, clients: &IndexMap) {
        let Self { ranges, first, counts, into } = self;
        to_starts(counts);
        let share = first..first + counts.len();
        clients.visit(
            |client| share.contains(&ranges.range(client)),
            |client, at| deal((client, at), &mut counts[ranges.range(client) - first], into),
        );
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
    counts.clear();
    counts.resize(smaller.count, 0);
    for &(client, _) in &*memory {
        counts[smaller.range(client)] += 1;
    }
    to_starts(counts);
    for &client in &*memory {
        deal(client, &mut counts[smaller.range(by_client(&client))], range);
    }
    let mut start = 0;
    for &end in &*counts {
        range[start..end].sort_unstable_by_key(by_client);
        start = end;
    }
}

/// Puts a client into its range, of which the next place is given.
#[inline]
fn deal(client: Placed, next: &mut usize, into: &mut [Placed]) {
    into[*next] = client;
    *next += 1;
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
        let mut are_several = false;
        for order in orders {
            for count in [0, 1, 2, 8 * few - 1, 8 * few, 9 * few + 1] {
                let clients: Vec<_> = (0..count).map(order).zip(0..).collect();
                let mut map = IndexMap::default();
                for &(client, at) in &clients {
                    map.insert(client, at);
                }
                let mut expected = clients.clone();
                // No client comes twice.
                expected.sort_by_key(by_client);
                let largest = expected.last().map_or(0, by_client);
                let digits = u64::BITS - largest.leading_zeros();
                for jobs in [1, 2, 5] {
                    let jobs = NonZeroUsize::new(jobs).unwrap();
                    let run = |made: Vec<Job<'_>>| {
                        let most = jobs.get().min(map.len().div_ceil(WORTH_A_JOB));
                        assert!((1..=most).contains(&made.len()), "{} of {most}", made.len());
                        are_several |= made.len() > 2;
                        one_by_one(made)
                    };
                    let Ok(sorted) = sort(&map, digits, jobs, run);
                    assert!(sorted == expected, "{count} clients in {jobs} jobs");
                }
            }
        }
        assert!(are_several, "jobs beyond the first and the last");
    }

    #[test]
    #[should_panic(expected = "every job is to be run")]
    #[cfg_attr(miri, ignore = "16,384 clients")]
    fn a_job_that_is_not_run_is_noticed() {
        let mut clients = IndexMap::default();
        for at in 0..8 * FEW {
            clients.insert(u64::try_from(at).unwrap() << 32, at);
        }
        let leave_one = |mut jobs: Vec<Job<'_>>| {
            assert_eq!(jobs.len(), 2);
            jobs.pop();
            one_by_one(jobs)
        };
        let Ok(_) = sort(&clients, 46, NonZeroUsize::new(2).unwrap(), leave_one);
    }
}

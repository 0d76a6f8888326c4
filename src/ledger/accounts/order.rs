//! Clients that are in no table, in order.

use super::Slot;
use crate::huge_pages;

/// Clients of a range, about: they are sorted in a core's own cache.
const FEW: usize = 1 << 11;

/// Clients of a range of a range, about: so few are sorted by insertion.
const VERY_FEW: usize = 1 << 3;

/// Sorts clients by their ids, which are below 2 to the power of `digits`.
///
/// Many are dealt into ranges by their upper digits first, straight from where they come from, and
/// each range into smaller ones. Where ids are crafted to share these digits, that gains nothing and
/// costs little.
pub(super) fn sort(
    clients: impl ExactSizeIterator<Item = (u64, Slot)> + Clone,
    digits: u32,
) -> Vec<(u64, Slot)> {
    debug_assert!(clients.clone().all(|(client, _)| u128::from(client) >> digits == 0));
    let count = clients.len();
    let mut sorted = huge_pages::room_for(count, count);
    let Some(ranges) = Ranges::of(count, FEW, digits) else {
        sorted.extend(clients);
        sorted.sort_unstable_by_key(by_client);
        return sorted;
    };
    sorted.resize(count, (0, Slot::NONE));
    let (mut ends, mut memory, mut smaller_ends) = (Vec::new(), Vec::new(), Vec::new());
    ranges.deal(clients, &mut sorted, &mut ends);
    let mut start = 0;
    for end in ends {
        let range = &mut sorted[start..end];
        start = end;
        let smaller = Ranges::of(range.len(), VERY_FEW, ranges.shift);
        let Some(smaller) = smaller.filter(|_| range.len() <= 4 * FEW) else {
            range.sort_unstable_by_key(by_client);
            continue;
        };
        memory.clear();
        memory.extend_from_slice(range);
        smaller.deal(memory.iter().copied(), range, &mut smaller_ends);
        let mut start = 0;
        for &end in &smaller_ends {
            range[start..end].sort_unstable_by_key(by_client);
            start = end;
        }
    }
    sorted
}

fn by_client(&(client, _): &(u64, Slot)) -> u64 {
    client
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

    /// Deals clients into their ranges, and tells where each ends.
    fn deal(
        self,
        clients: impl Iterator<Item = (u64, Slot)> + Clone,
        into: &mut [(u64, Slot)],
        ends: &mut Vec<usize>,
    ) {
        // Those of a range have the digits before them in common.
        let mask = u64::try_from(self.count - 1).expect("64 bits");
        let range =
            |client: u64| usize::try_from(client >> self.shift & mask).expect("ranges in memory");
        ends.clear();
        ends.resize(self.count, 0);
        for (client, _) in clients.clone() {
            ends[range(client)] += 1;
        }
        let mut start = 0;
        for end in ends.iter_mut() {
            start += std::mem::replace(end, start);
        }
        // From the start of each range to its end.
        for (client, slot) in clients {
            let place = &mut ends[range(client)];
            into[*place] = (client, slot);
            *place += 1;
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
                let clients: Vec<_> = (0..count).map(order).zip((0..).map(Slot)).collect();
                let mut expected = clients.clone();
                // No client comes twice.
                expected.sort_by_key(by_client);
                let largest = expected.last().map_or(0, by_client);
                let digits = u64::BITS - largest.leading_zeros();
                assert!(sort(clients.iter().copied(), digits) == expected);
            }
        }
    }
}

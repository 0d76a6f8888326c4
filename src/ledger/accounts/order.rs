//! Clients that are in no table, in order.

use super::Slot;

/// Clients of a range, about: they are sorted in a core's own cache.
const FEW: usize = 1 << 11;

/// Sorts clients by their ids.
///
/// Many are dealt into ranges by their upper digits first, and each range is sorted for itself.
/// Where ids are crafted to share these digits, that gains nothing and costs little.
pub(super) fn sort(mut clients: Vec<(u64, Slot)>) -> Vec<(u64, Slot)> {
    let by_client = |&(client, _): &(u64, Slot)| client;
    let largest = clients.iter().map(by_client).max().unwrap_or(0);
    let ranges = (clients.len() / FEW).next_power_of_two();
    let shift = (u64::BITS - largest.leading_zeros()).saturating_sub(ranges.ilog2());
    if ranges < 8 || shift == 0 {
        clients.sort_unstable_by_key(by_client);
        return clients;
    }
    let range = |client: u64| usize::try_from(client >> shift).expect("a range in memory");
    let mut places = vec![0; ranges];
    for &(client, _) in &clients {
        places[range(client)] += 1;
    }
    let mut end = 0;
    for count in &mut places {
        end += *count;
        *count = end;
    }
    // From the end of each range to its start.
    let mut dealt = vec![(0, Slot::NONE); clients.len()];
    for (client, slot) in clients {
        let place = &mut places[range(client)];
        *place -= 1;
        dealt[*place] = (client, slot);
    }
    let ends = places.iter().skip(1).copied().chain([dealt.len()]);
    for (&start, end) in places.iter().zip(ends) {
        dealt[start..end].sort_unstable_by_key(by_client);
    }
    dealt
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
                let clients = (0..count).map(order).zip((0..).map(Slot));
                let mut expected: Vec<_> = clients.clone().collect();
                // No client comes twice.
                expected.sort_by_key(|&(client, _)| client);
                assert!(sort(clients.collect()) == expected);
            }
        }
    }
}

//! The mix: how often each type of row occurs, in whole parts.

use std::fmt;
use std::str::FromStr;

use super::random::Random;
use crate::transaction::Kind;

/// How often each type occurs: a weight for each, of any size.
///
/// ```
/// use millrace::generate::Mix;
/// use millrace::transaction::Kind;
///
/// let mix: Mix = "deposit=3,dispute=1".parse().unwrap();
/// assert_eq!((mix.weight(Kind::Deposit), mix.weight(Kind::Withdrawal)), (3, 0));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mix {
    /// For each kind, in the order of [`Kind::ALL`], its weight and those before it; the last is the
    /// whole and not zero.
    sums: [u64; 5],
}

impl Mix {
    /// 70 % deposits, 22.25 % withdrawals, 7 % disputes, 0.5 % resolves, 0.25 % chargebacks.
    pub const USUAL: Self = Self { sums: [7_000, 9_225, 9_925, 9_975, 10_000] };

    /// 40 % deposits, 15 % withdrawals, 30 % disputes, 12 % resolves, 3 % chargebacks.
    pub const DISPUTE_HEAVY: Self = Self { sums: [40, 55, 85, 97, 100] };

    /// Makes a mix of weights in the order of [`Kind::ALL`].
    ///
    /// # Errors
    /// All weights are zero, or their sum is more than 2⁶⁴−1.
    pub fn from_weights(weights: [u64; 5]) -> Result<Self, MixError> {
        let mut sum: u64 = 0;
        let mut sums = [0; 5];
        for (place, weight) in sums.iter_mut().zip(weights) {
            sum = sum.checked_add(weight).ok_or(MixError::TooLarge)?;
            *place = sum;
        }
        if sum == 0 { Err(MixError::Empty) } else { Ok(Self { sums }) }
    }

    /// Gives the weight of a kind.
    pub fn weight(&self, kind: Kind) -> u64 {
        let index = place(kind);
        let before = if index == 0 { 0 } else { self.sums[index - 1] };
        self.sums[index] - before
    }

    /// Draws a kind.
    #[inline]
    pub(super) fn draw(&self, random: &mut Random) -> Kind {
        let at = random.below(self.sums[4]);
        let mut kinds = Kind::ALL.into_iter().zip(self.sums);
        kinds.find(|&(_, sum)| at < sum).map_or(Kind::Chargeback, |(kind, _)| kind)
    }
}

/// Gives the place of a kind in [`Kind::ALL`].
const fn place(kind: Kind) -> usize {
    match kind {
        Kind::Deposit => 0,
        Kind::Withdrawal => 1,
        Kind::Dispute => 2,
        Kind::Resolve => 3,
        Kind::Chargeback => 4,
    }
}

impl Default for Mix {
    fn default() -> Self {
        Self::USUAL
    }
}

impl fmt::Display for Mix {
    /// Writes `type=weight` for every type, separated by commas.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entries = Kind::ALL.map(|kind| format!("{}={}", kind.name(), self.weight(kind)));
        formatter.write_str(&entries.join(","))
    }
}

impl FromStr for Mix {
    type Err = MixError;

    /// Reads `type=weight` pairs separated by commas; a type that is not named has weight zero.
    fn from_str(text: &str) -> Result<Self, MixError> {
        let mut weights = [None; 5];
        for pair in text.split(',') {
            let (key, value) =
                pair.split_once('=').ok_or_else(|| MixError::Pair(pair.trim().to_owned()))?;
            let (key, value) = (key.trim(), value.trim());
            let kind = Kind::from_name(key.as_bytes())
                .ok_or_else(|| MixError::Kind { key: key.to_owned() })?;
            let weight = read_weight(value)
                .ok_or_else(|| MixError::Weight { kind: kind.name(), value: value.to_owned() })?;
            if weights[place(kind)].replace(weight).is_some() {
                return Err(MixError::Repeated { kind: kind.name() });
            }
        }
        Self::from_weights(weights.map(Option::unwrap_or_default))
    }
}

fn read_weight(text: &str) -> Option<u64> {
    let is_digits = text.bytes().all(|byte| byte.is_ascii_digit());
    if is_digits { text.parse().ok() } else { None }
}

/// Why a text or a list of weights is no mix.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MixError {
    /// Something that is not `type=weight`.
    #[error("{0:?} in the mix is not type=weight, such as deposit=70")]
    Pair(String),
    /// No type has this name.
    #[error(
        "there is no type {key:?} to mix; it is {names}",
        names = Kind::ALL.map(Kind::name).join(", ")
    )]
    Kind {
        /// What was given.
        key: String,
    },
    /// The weight is no integer.
    #[error(
        "the weight of {kind} cannot be {value:?}; it is an integer from 0 to \
         18446744073709551615, and a finer share takes larger weights throughout"
    )]
    Weight {
        /// The type.
        kind: &'static str,
        /// What was given.
        value: String,
    },
    /// The type is named twice.
    #[error("{kind} stands twice in the mix")]
    Repeated {
        /// The type.
        kind: &'static str,
    },
    /// All weights are zero.
    #[error("all weights of the mix are zero")]
    Empty,
    /// The sum does not fit 64 bits.
    #[error("the weights of the mix sum to more than 18446744073709551615")]
    TooLarge,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mix_is_read_as_it_is_written() {
        for mix in [Mix::USUAL, Mix::DISPUTE_HEAVY] {
            assert_eq!(mix.to_string().parse(), Ok(mix));
            assert_eq!(Mix::from_weights(Kind::ALL.map(|kind| mix.weight(kind))), Ok(mix));
        }
        let usual = "deposit=7000,withdrawal=2225,dispute=700,resolve=50,chargeback=25";
        assert_eq!(Mix::default().to_string(), usual);
        assert_eq!(" withdrawal = 2 ,deposit=1".parse(), Mix::from_weights([1, 2, 0, 0, 0]));
    }

    #[test]
    fn what_is_wrong_with_a_mix_is_named() {
        for (text, message) in [
            ("", "\"\" in the mix is not type=weight"),
            ("deposit", "\"deposit\" in the mix is not type=weight"),
            ("deposit=1,", "\"\" in the mix is not type=weight"),
            ("refund=1", "there is no type \"refund\" to mix; it is deposit, withdrawal,"),
            ("deposit=22.25", "the weight of deposit cannot be \"22.25\"; it is an integer"),
            ("deposit=-1", "the weight of deposit cannot be \"-1\""),
            ("deposit=", "the weight of deposit cannot be \"\""),
            ("deposit=18446744073709551616", "the weight of deposit cannot be"),
            ("deposit=1,deposit=1", "deposit stands twice"),
            ("deposit=0", "all weights of the mix are zero"),
            ("deposit=18446744073709551615,dispute=1", "sum to more than"),
        ] {
            let error = text.parse::<Mix>().unwrap_err().to_string();
            assert!(error.contains(message), "{text}: {error}");
        }
    }

    #[test]
    fn a_kind_without_weight_is_never_drawn() {
        let mix = Mix::from_weights([1, 0, 1, 0, 0]).unwrap();
        let mut random = Random::from_seed(1);
        for _ in 0..1_000 {
            assert!(matches!(mix.draw(&mut random), Kind::Deposit | Kind::Dispute));
        }
    }
}

//! Rule profiles as data: the points on which ledgers of this kind disagree.
//!
//! A profile is chosen by name, read from the text of a TOML file, or changed key by key. Every key
//! and value is spelled the same in all three.

use std::fmt;

use toml::{Table, Value};

/// What a locked account still takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Locked {
    /// Nothing.
    #[default]
    Frozen,
    /// Deposits, disputes, resolves and chargebacks, but no withdrawals.
    DepositsAndDisputes,
}

/// Whether the rules permit a thing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Permission {
    /// It is applied.
    #[default]
    Allow,
    /// It is rejected.
    Reject,
}

/// The space in which a transaction id is unique.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TxIdSpace {
    /// All inputs of a run.
    #[default]
    Global,
    /// The transactions of one client.
    PerClient,
}

/// Declares the names of an enum's values, both ways.
macro_rules! named_values {
    ($name:ident { $($variant:ident = $text:literal),+ }) => {
        impl $name {
            const NAMES: &'static [&'static str] = &[$($text),+];

            const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            fn from_name(name: &str) -> Option<Self> {
                match name { $($text => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

named_values!(Locked { Frozen = "frozen", DepositsAndDisputes = "deposits-and-disputes" });
named_values!(Permission { Allow = "allow", Reject = "reject" });
named_values!(TxIdSpace { Global = "global", PerClient = "per-client" });

/// A rule profile. The default is the strictest reading of the format that loses nobody's money.
///
/// ```
/// use millrace::rules::{Locked, Rules};
///
/// let rules = Rules::from_toml("locked = 'deposits-and-disputes'\nmax-client = 65535").unwrap();
/// assert_eq!(rules.locked, Locked::DepositsAndDisputes);
/// assert_eq!(rules.max_client, 65_535);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// `locked`: what a locked account still takes.
    pub locked: Locked,
    /// `overdrawn-dispute`: a dispute of more than is available goes negative, or is
    /// `insufficient_funds`.
    pub overdrawn_dispute: Permission,
    /// `redispute`: disputing a resolved transaction again, or `already_resolved`.
    pub redispute: Permission,
    /// `tx-ids`: the space in which a transaction id is unique.
    pub tx_ids: TxIdSpace,
    /// `max-client`: the largest client id; a larger one is `bad_client`.
    pub max_client: u64,
    /// `max-tx`: the largest transaction id; a larger one is `bad_tx`.
    pub max_tx: u64,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            locked: Locked::default(),
            overdrawn_dispute: Permission::default(),
            redispute: Permission::default(),
            tx_ids: TxIdSpace::default(),
            max_client: u64::MAX,
            max_tx: u64::MAX,
        }
    }
}

impl Rules {
    /// The names of the profiles that [`Rules::named`] knows.
    pub const PROFILES: [&'static str; 3] = ["default", "event-sourced", "conservative"];

    /// The keys that [`Rules::set`] knows.
    pub const KEYS: [&'static str; 6] =
        ["locked", "overdrawn-dispute", "redispute", "tx-ids", "max-client", "max-tx"];

    /// Finds the profile of this name.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "default" => Some(Self::default()),
            "event-sourced" => {
                Some(Self { locked: Locked::DepositsAndDisputes, ..Self::default() })
            }
            "conservative" => Some(Self {
                overdrawn_dispute: Permission::Reject,
                redispute: Permission::Reject,
                ..Self::default()
            }),
            _ => None,
        }
    }

    /// Reads a profile from the text of a TOML file; a key it does not name keeps its default.
    ///
    /// Ids beyond the integers of TOML, 2⁶³−1, are written as strings.
    ///
    /// # Errors
    /// The text is not TOML, or holds a key or a value that no rule has.
    pub fn from_toml(text: &str) -> Result<Self, RulesError> {
        let table: Table = text.parse().map_err(RulesError::Syntax)?;
        let mut rules = Self::default();
        for (key, value) in table {
            let value = match value {
                Value::String(text) => text,
                Value::Integer(number) => number.to_string(),
                other @ (Value::Float(_)
                | Value::Boolean(_)
                | Value::Datetime(_)
                | Value::Array(_)
                | Value::Table(_)) => other.to_string(),
            };
            rules.set(&key, &value)?;
        }
        Ok(rules)
    }

    /// Sets one rule by its key.
    ///
    /// # Errors
    /// There is no such key, or the key has no such value.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), RulesError> {
        match key {
            "locked" => self.locked = pick(key, value, Locked::from_name, Locked::NAMES)?,
            "overdrawn-dispute" => self.overdrawn_dispute = permission(key, value)?,
            "redispute" => self.redispute = permission(key, value)?,
            "tx-ids" => self.tx_ids = pick(key, value, TxIdSpace::from_name, TxIdSpace::NAMES)?,
            "max-client" => self.max_client = largest_id(key, value)?,
            "max-tx" => self.max_tx = largest_id(key, value)?,
            _ => return Err(RulesError::Key(key.to_owned())),
        }
        Ok(())
    }

    /// Lists every key with its value, in the order of [`Rules::KEYS`].
    pub fn entries(&self) -> [(&'static str, String); 6] {
        let [locked, overdrawn_dispute, redispute, tx_ids, max_client, max_tx] = Self::KEYS;
        [
            (locked, self.locked.name().to_owned()),
            (overdrawn_dispute, self.overdrawn_dispute.name().to_owned()),
            (redispute, self.redispute.name().to_owned()),
            (tx_ids, self.tx_ids.name().to_owned()),
            (max_client, self.max_client.to_string()),
            (max_tx, self.max_tx.to_string()),
        ]
    }
}

impl fmt::Display for Rules {
    /// Writes `key=value` for every rule, separated by blanks.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entries = self.entries().map(|(key, value)| format!("{key}={value}"));
        formatter.write_str(&entries.join(" "))
    }
}

fn permission(key: &str, value: &str) -> Result<Permission, RulesError> {
    pick(key, value, Permission::from_name, Permission::NAMES)
}

fn pick<T>(
    key: &str,
    value: &str,
    from_name: fn(&str) -> Option<T>,
    names: &[&str],
) -> Result<T, RulesError> {
    from_name(value).ok_or_else(|| RulesError::value(key, value, &names.join(" or ")))
}

fn largest_id(key: &str, value: &str) -> Result<u64, RulesError> {
    let is_digits = value.bytes().all(|byte| byte.is_ascii_digit());
    let parsed = if is_digits { value.parse().ok() } else { None };
    parsed.ok_or_else(|| RulesError::value(key, value, "an integer from 0 to 18446744073709551615"))
}

/// Why a text is no rule profile.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum RulesError {
    /// The text is not TOML.
    #[error("not TOML: {0}")]
    Syntax(#[source] toml::de::Error),
    /// No rule has this key.
    #[error("there is no rule {0:?}; the rules are {keys}", keys = Rules::KEYS.join(", "))]
    Key(String),
    /// The rule has no such value.
    #[error("{key} cannot be {value:?}; it is {expected}")]
    Value {
        /// The rule.
        key: String,
        /// What was given.
        value: String,
        /// What is possible.
        expected: String,
    },
}

impl RulesError {
    fn value(key: &str, value: &str, expected: &str) -> Self {
        Self::Value { key: key.to_owned(), value: value.to_owned(), expected: expected.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_profile_can_be_named() {
        for name in Rules::PROFILES {
            assert!(Rules::named(name).is_some(), "{name}");
        }
        assert_eq!(Rules::named("Default"), None);
    }

    #[test]
    fn every_entry_can_be_set_again() {
        for name in Rules::PROFILES {
            let rules = Rules::named(name).unwrap();
            let mut copy = Rules::default();
            for (key, value) in rules.entries() {
                copy.set(key, &value).unwrap();
            }
            assert_eq!(copy, rules);
        }
    }

    #[test]
    fn rules_are_written_as_they_are_given_on_the_command_line() {
        let mut rules = Rules::named("conservative").unwrap();
        rules.set("max-tx", "9").unwrap();
        let text = "locked=frozen overdrawn-dispute=reject redispute=reject tx-ids=global \
                    max-client=18446744073709551615 max-tx=9";
        assert_eq!(rules.to_string(), text);
    }

    #[test]
    fn a_profile_is_read_from_toml() {
        let text = "locked = 'frozen'\noverdrawn-dispute = 'reject'\nredispute = 'reject'\n\
                    tx-ids = 'per-client'\nmax-client = 65535\nmax-tx = '18446744073709551615'\n";
        let rules = Rules::from_toml(text).unwrap();
        assert_eq!(rules.tx_ids, TxIdSpace::PerClient);
        assert_eq!(rules.max_client, 65_535);
        assert_eq!(rules.max_tx, u64::MAX);
        assert_eq!(Rules::from_toml(""), Ok(Rules::default()));
    }

    #[test]
    fn an_unknown_key_or_value_is_named() {
        for (text, message) in [
            ("lokced = 'frozen'", "there is no rule \"lokced\""),
            ("locked = 'half'", "locked cannot be \"half\"; it is frozen or deposits-and-disputes"),
            ("locked = true", "locked cannot be \"true\""),
            ("max-client = -1", "max-client cannot be \"-1\""),
            ("max-tx = '18446744073709551616'", "max-tx cannot be"),
            ("max-tx = '+1'", "max-tx cannot be"),
            ("locked", "not TOML"),
        ] {
            let error = Rules::from_toml(text).unwrap_err().to_string();
            assert!(error.contains(message), "{text}: {error}");
        }
    }
}

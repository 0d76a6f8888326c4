//! The shapes of file that can be generated, by name.

use std::fmt;
use std::str::FromStr;

use super::Mix;

/// The clients of a workload that has no reason for another number.
const USUAL_CLIENTS: u64 = 65_535;

/// The shape of a generated file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Workload {
    /// Clients at random, each as likely as the next; ascending transaction ids. The baseline.
    #[default]
    Uniform,
    /// As [`Workload::Uniform`], but nine rows in ten are for client 1, who is never charged back.
    /// One worker has nearly all the work.
    OneHotClient,
    /// As [`Workload::Uniform`], but nearly every second row is a dispute, resolve or chargeback.
    /// Earlier transactions are looked up all the time.
    DisputeHeavy,
    /// About one row in ten is malformed or refused, for nearly every reason, and others are
    /// legal but oddly spelled. Nothing may be lost, and the slow paths are not rare.
    Nasty,
    /// As [`Workload::Uniform`], but transaction ids are scattered over all 64 bits. No order, no
    /// locality.
    RandomIds,
    /// As [`Workload::Uniform`], but with as many clients as rows. Every second row opens an account.
    ManyClients,
}

impl Workload {
    /// Every workload, in the order of their declaration.
    pub const ALL: [Self; 6] = [
        Self::Uniform,
        Self::OneHotClient,
        Self::DisputeHeavy,
        Self::Nasty,
        Self::RandomIds,
        Self::ManyClients,
    ];

    /// Gives the name as the command line spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::OneHotClient => "one-hot-client",
            Self::DisputeHeavy => "dispute-heavy",
            Self::Nasty => "nasty",
            Self::RandomIds => "random-ids",
            Self::ManyClients => "many-clients",
        }
    }

    /// Finds the workload with exactly this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|workload| workload.name() == name)
    }

    /// Tells how many clients a file of `rows` rows has unless its plan says otherwise.
    ///
    /// It is 65,535, and as many as rows for `many-clients`. Two workloads have more as the file
    /// grows, so that chargebacks do not lock most accounts: `dispute-heavy` one client in 8 rows
    /// beyond 524,280 rows; `nasty` one in 20 rows, which also lets most withdrawals of a short
    /// file find money.
    pub fn default_clients(self, rows: u64) -> u64 {
        match self {
            Self::Uniform | Self::OneHotClient | Self::RandomIds => USUAL_CLIENTS,
            Self::DisputeHeavy => USUAL_CLIENTS.max(rows / 8),
            Self::Nasty => (rows / 20).max(1),
            Self::ManyClients => rows.max(1),
        }
    }

    /// Gives the mix that a file has unless its plan says otherwise.
    pub fn default_mix(self) -> Mix {
        match self {
            Self::DisputeHeavy => Mix::DISPUTE_HEAVY,
            Self::Uniform
            | Self::OneHotClient
            | Self::Nasty
            | Self::RandomIds
            | Self::ManyClients => Mix::USUAL,
        }
    }
}

impl fmt::Display for Workload {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

impl FromStr for Workload {
    type Err = UnknownWorkload;

    fn from_str(name: &str) -> Result<Self, UnknownWorkload> {
        Self::from_name(name).ok_or_else(|| UnknownWorkload(name.to_owned()))
    }
}

/// No workload has this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no workload {0:?}; it is {names}", names = Workload::ALL.map(Workload::name).join(", "))]
pub struct UnknownWorkload(
    /// What was given.
    pub String,
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workload_is_found_by_its_exact_name_only() {
        for workload in Workload::ALL {
            assert_eq!(workload.name().parse(), Ok(workload));
            assert_eq!(workload.default_clients(0).min(1), 1);
        }
        let error = "Uniform".parse::<Workload>().unwrap_err().to_string();
        assert!(
            error.starts_with("there is no workload \"Uniform\"; it is uniform, one-hot-client")
        );
    }
}

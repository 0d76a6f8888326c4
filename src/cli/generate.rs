//! `millrace generate`: its arguments, the plan that they amount to, and writing it.

use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use millrace::generate::{Mix, Plan, Workload};
use millrace::output::{OutputFile, WriteError};

use super::exit::{Exit, Failure};
use super::stdout;

/// Writes test data: the same arguments give the same bytes on every machine.
#[derive(Args, Clone, Debug)]
pub(super) struct GenerateArgs {
    /// Data rows to write, besides the header.
    #[arg(short = 'n', long, value_name = "ROWS")]
    rows: u64,

    /// Clients, numbered from 1 [default: 65535, or what suits the workload].
    #[arg(short, long, value_name = "CLIENTS", value_parser = clap::value_parser!(u64).range(1..))]
    clients: Option<u64>,

    /// Where the stream of random numbers starts.
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,

    /// The shape of the file.
    #[arg(long, value_name = "NAME", default_value_t, value_parser = workload_parser())]
    workload: Workload,

    /// How often each type occurs, in whole parts, such as `deposit=75,withdrawal=20,dispute=5`
    /// [default: what suits the workload].
    #[arg(long, value_name = "TYPE=PARTS,...")]
    mix: Option<Mix>,

    /// The file to write; `-` or nothing is standard output.
    #[arg(value_name = "OUTPUT")]
    output: Option<PathBuf>,
}

impl GenerateArgs {
    /// Gives the plan.
    pub(super) fn plan(&self) -> Plan {
        let plan = Plan::new(self.workload, self.rows);
        Plan {
            clients: self.clients.unwrap_or(plan.clients),
            seed: self.seed,
            mix: self.mix.unwrap_or(plan.mix),
            ..plan
        }
    }

    /// Gives the file to write; `None` is standard output.
    pub(super) fn output(&self) -> Option<&Path> {
        self.output.as_deref().filter(|path| *path != Path::new("-"))
    }
}

/// Writes the data.
pub(super) fn run(args: &GenerateArgs) -> Result<Exit, Failure> {
    let plan = args.plan();
    if let Some(path) = args.output() {
        let mut file = OutputFile::create(path)?;
        plan.write_to(&mut file).map_err(|error| WriteError::write(path, error))?;
        file.persist()?;
    } else {
        let written = stdout().and_then(|mut stdout| plan.write_to(&mut stdout));
        written.map_err(|error| Failure::stdout(&error))?;
    }
    Ok(Exit::Done)
}

/// Reads the name of a workload; help and completions list them all.
fn workload_parser() -> impl TypedValueParser<Value = Workload> {
    PossibleValuesParser::new(Workload::ALL.map(Workload::name))
        .try_map(|name| name.parse::<Workload>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        args: GenerateArgs,
    }

    fn args(line: &str) -> Result<GenerateArgs, clap::Error> {
        Command::try_parse_from(line.split(' ')).map(|command| command.args)
    }

    #[test]
    fn what_is_not_given_is_the_default_of_the_workload() {
        let given = args("generate -n 5").unwrap();
        assert_eq!(given.plan(), Plan::new(Workload::Uniform, 5));
        assert_eq!(given.output(), None);
        let given = args("generate -n 5 --workload many-clients -").unwrap();
        assert_eq!(given.plan(), Plan::new(Workload::ManyClients, 5));
        assert_eq!(given.output(), None);
    }

    #[test]
    fn what_is_given_counts() {
        let line = "generate --rows 9 -c 3 --seed 7 --workload nasty --mix deposit=1 out.csv";
        let given = args(line).unwrap();
        let mix = Mix::from_weights([1, 0, 0, 0, 0]).unwrap();
        let plan = Plan { rows: 9, clients: 3, seed: 7, workload: Workload::Nasty, mix };
        assert_eq!(given.plan(), plan);
        assert_eq!(given.output(), Some(Path::new("out.csv")));
    }

    #[test]
    fn what_is_no_plan_is_refused() {
        for line in [
            "generate",
            "generate -n 1.5",
            "generate -n 5 -c 0",
            "generate -n 5 --workload Uniform",
            "generate -n 5 --mix deposit=22.25",
        ] {
            assert!(args(line).is_err(), "{line}");
        }
    }
}

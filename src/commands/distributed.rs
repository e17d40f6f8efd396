//! As which of several processes a command was started: what launchers say in the environment.

use clap::Args;
use serde::{Deserialize, Serialize};

use super::choices::choice;
use super::engine_args::EngineArgs;
use crate::engine::{Engine, Group, Rendezvous};
use crate::problem::{Problem, Result};

/// The flag of every command that several processes can do together.
#[derive(Args, Clone, Copy, Debug)]
pub struct DistributedArgs {
    /// Whether this is one of several processes that train together, and who says which: env (RANK, WORLD_SIZE,
    /// MASTER_ADDR, MASTER_PORT), slurm (srun), mpi (mpiexec), off; auto takes env where RANK and WORLD_SIZE are set.
    #[arg(long, value_name = "HOW", default_value = "auto", value_parser = choice::<Distributed>())]
    distributed: Distributed,
}

impl DistributedArgs {
    /// Starts libtorch with this process's share of the machine, and waits for the others where there are some.
    ///
    /// # Errors
    /// As [`EngineArgs::start_beside`] and [`Distributed::group`].
    pub fn start(self, engine: &EngineArgs) -> Result<(Engine, Option<Group>)> {
        let engine = engine.start_beside(self.distributed.on_this_machine())?;
        let group = self.distributed.group()?.map(|group| group.on(engine.device)).transpose()?;
        Ok((engine, group))
    }
}

/// Who says which process this is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Distributed {
    /// torchrun, where RANK and WORLD_SIZE are set; else one process.
    #[default]
    Auto,
    /// One process, whatever the environment says.
    Off,
    /// RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT, as torchrun sets them, or a person.
    Env,
    /// srun: SLURM_PROCID and SLURM_STEP_NUM_TASKS.
    Slurm,
    /// mpiexec or mpirun, of MPICH or Open MPI.
    Mpi,
}

/// Port of the table where nothing else is said, as torchrun's.
const PORT: u16 = 29_500;

/// What is looked up in the environment.
type Env<'a> = dyn Fn(&str) -> Option<String> + 'a;

impl Distributed {
    /// The processes that this one belongs to, once all have come; `None` for one alone.
    ///
    /// # Errors
    /// As [`Distributed::rendezvous`] and [`Group::join`].
    fn group(self) -> Result<Option<Group>> {
        let rendezvous = self.rendezvous(&|name| std::env::var(name).ok())?;
        rendezvous.map(|rendezvous| Group::join(&rendezvous)).transpose()
    }

    /// This process among those of the same run on this machine, and how many they are, at least 1: its cores are for
    /// all of them, its cards one for each.
    fn on_this_machine(self) -> (usize, usize) {
        self.here(&|name| std::env::var(name).ok())
    }

    fn here(self, env: &Env<'_>) -> (usize, usize) {
        // Who is not told its number here has one among all, which is as good on one machine.
        let (which, how_many): (&[&str], &[&str]) = match self.settled(env) {
            Self::Off | Self::Auto => return (0, 1),
            Self::Env => (&["LOCAL_RANK", "RANK"], &["LOCAL_WORLD_SIZE"]),
            Self::Slurm => (&["SLURM_LOCALID"], &["SLURM_STEP_TASKS_PER_NODE"]),
            Self::Mpi => (
                &["MPI_LOCALRANKID", "OMPI_COMM_WORLD_LOCAL_RANK", "PMI_RANK"],
                &["MPI_LOCALNRANKS", "OMPI_COMM_WORLD_LOCAL_SIZE"],
            ),
        };
        // "2(x3)": two on each of three machines.
        let leading = |text: String| text.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok();
        let first = |names: &[&str]| names.iter().find_map(|name| leading(env(name)?));
        (first(which).unwrap_or(0), first(how_many).unwrap_or(1).max(1))
    }

    fn settled(self, env: &Env<'_>) -> Self {
        match self {
            Self::Auto if env("RANK").is_some() && env("WORLD_SIZE").is_some() => Self::Env,
            Self::Auto => Self::Off,
            other => other,
        }
    }

    /// Where the processes find each other; `None` for one alone.
    ///
    /// # Errors
    /// `Kind::Usage`: a variable is missing or is no number in its range.
    fn rendezvous(self, env: &Env<'_>) -> Result<Option<Rendezvous>> {
        let settled = self.settled(env);
        let (rank, size) = match settled {
            Self::Off | Self::Auto => return Ok(None),
            Self::Env => (number(env, &["RANK"])?, number(env, &["WORLD_SIZE"])?),
            // Not SLURM_NTASKS: that is set in a batch script, too, which is one process.
            Self::Slurm => (number(env, &["SLURM_PROCID"])?, number(env, &["SLURM_STEP_NUM_TASKS"])?),
            Self::Mpi => (
                number(env, &["PMI_RANK", "OMPI_COMM_WORLD_RANK"])?,
                number(env, &["PMI_SIZE", "OMPI_COMM_WORLD_SIZE"])?,
            ),
        };
        Rendezvous::check_place(rank, size)?;
        if size == 1 {
            return Ok(None);
        }
        let host = env("MASTER_ADDR").filter(|host| !host.trim().is_empty()).ok_or_else(|| {
            let advice = match settled {
                Self::Slurm => {
                    "export MASTER_ADDR=$(scontrol show hostnames \"$SLURM_JOB_NODELIST\" | head -n 1) before srun"
                }
                _ => "export MASTER_ADDR before the launcher; 127.0.0.1 where all processes are on one machine",
            };
            Problem::usage("MASTER_ADDR is not set").expected("the host of the first process").advice(advice)
        })?;
        let port = match (env("MASTER_PORT"), env("SLURM_JOB_ID")) {
            (Some(_), _) => number(env, &["MASTER_PORT"])?,
            // Two jobs that share a machine would meet at one port.
            (None, Some(_)) if settled == Self::Slurm => 20_000 + number(env, &["SLURM_JOB_ID"])? % 20_000,
            (None, _) => usize::from(PORT),
        };
        let port = u16::try_from(port)
            .ok()
            .filter(|&port| port > 0)
            .ok_or_else(|| Problem::usage(format!("MASTER_PORT = {port}")).expected("a port, 1 to 65535"))?;
        let restart = env("TORCHELASTIC_RESTART_COUNT").unwrap_or_else(|| "0".to_owned());
        Ok(Some(Rendezvous {
            host,
            port,
            rank,
            size,
            kept_by_launcher: env("TORCHELASTIC_USE_AGENT_STORE").as_deref() == Some("True"),
            prefix: format!("rimforge/{restart}"),
        }))
    }
}

/// The first of these variables that is set.
fn number(env: &Env<'_>, names: &[&str]) -> Result<usize> {
    let Some((name, text)) = names.iter().find_map(|name| Some((name, env(name)?))) else {
        return Err(Problem::usage(format!("{} is not set", names.join(" or ")))
            .expected("a process that was started by the launcher that --distributed names")
            .advice("start it by torchrun, srun or mpiexec, or leave --distributed out"));
    };
    text.trim().parse().map_err(|_| Problem::usage(format!("{name} = {text:?}")).expected("a number from 0 on"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(choice: Distributed, variables: &[(&str, &str)]) -> Result<Option<Rendezvous>> {
        choice.rendezvous(&|name| variables.iter().find(|(known, _)| *known == name).map(|(_, v)| (*v).to_owned()))
    }

    fn refused(choice: Distributed, variables: &[(&str, &str)]) -> String {
        let found = with(choice, variables).and_then(|found| found.map(|found| found.check()).transpose());
        found.unwrap_err().to_string()
    }

    #[test]
    fn launchers_are_understood() {
        let torchrun = [
            ("RANK", "1"),
            ("WORLD_SIZE", "4"),
            ("MASTER_ADDR", "node1"),
            ("MASTER_PORT", "29501"),
            ("TORCHELASTIC_USE_AGENT_STORE", "True"),
            ("TORCHELASTIC_RESTART_COUNT", "2"),
        ];
        let expected = Rendezvous {
            host: "node1".into(),
            port: 29_501,
            rank: 1,
            size: 4,
            kept_by_launcher: true,
            prefix: "rimforge/2".into(),
        };
        assert_eq!(with(Distributed::Auto, &torchrun).unwrap().as_ref(), Some(&expected));
        assert_eq!(with(Distributed::Env, &torchrun).unwrap().as_ref(), Some(&expected));
        assert_eq!(with(Distributed::Off, &torchrun).unwrap(), None);

        let srun =
            [("SLURM_PROCID", "3"), ("SLURM_STEP_NUM_TASKS", "4"), ("SLURM_JOB_ID", "40017"), ("MASTER_ADDR", "n7")];
        let found = with(Distributed::Slurm, &srun).unwrap().unwrap();
        assert_eq!((found.rank, found.size, found.port, found.kept_by_launcher), (3, 4, 20_017, false));
        // Within a batch script, or under srun without being asked, it is one process.
        assert_eq!(with(Distributed::Auto, &srun).unwrap(), None);

        for (rank, size) in [("PMI_RANK", "PMI_SIZE"), ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE")] {
            let found = with(Distributed::Mpi, &[(rank, "0"), (size, "2"), ("MASTER_ADDR", "127.0.0.1")]).unwrap();
            let found = found.unwrap();
            assert_eq!((found.rank, found.size, found.port), (0, 2, PORT));
        }
        assert_eq!(with(Distributed::Env, &[("RANK", "0"), ("WORLD_SIZE", "1")]).unwrap(), None);
    }

    #[test]
    fn a_process_knows_its_place_on_its_machine() {
        let here = |choice: Distributed, variables: &[(&str, &str)]| {
            choice.here(&|name| variables.iter().find(|(known, _)| *known == name).map(|(_, v)| (*v).to_owned()))
        };
        let torchrun = [("RANK", "5"), ("WORLD_SIZE", "8"), ("LOCAL_RANK", "1"), ("LOCAL_WORLD_SIZE", "4")];
        assert_eq!(here(Distributed::Auto, &torchrun), (1, 4));
        assert_eq!(here(Distributed::Env, &torchrun[..2]), (5, 1));
        assert_eq!(here(Distributed::Off, &torchrun), (0, 1));
        let srun = [("SLURM_LOCALID", "1"), ("SLURM_STEP_TASKS_PER_NODE", "2(x3)")];
        assert_eq!(here(Distributed::Slurm, &srun), (1, 2));
        let mpirun = [("OMPI_COMM_WORLD_LOCAL_RANK", "3"), ("OMPI_COMM_WORLD_LOCAL_SIZE", "4")];
        assert_eq!(here(Distributed::Mpi, &mpirun), (3, 4));
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        assert!(refused(Distributed::Slurm, &[("SLURM_PROCID", "0")]).contains("SLURM_STEP_NUM_TASKS"));
        assert!(refused(Distributed::Mpi, &[]).contains("PMI_RANK or OMPI_COMM_WORLD_RANK"));
        let two = [("RANK", "0"), ("WORLD_SIZE", "2")];
        assert!(refused(Distributed::Env, &two).contains("MASTER_ADDR"));
        let at = |port| [two[0], two[1], ("MASTER_ADDR", "h"), ("MASTER_PORT", port)];
        assert!(refused(Distributed::Env, &at("99999")).contains("65535"));
        assert!(refused(Distributed::Env, &at("x")).contains("MASTER_PORT"));
        assert!(refused(Distributed::Env, &at("0")).contains("65535"));
        let third = [("RANK", "2"), two[1], ("MASTER_ADDR", "h")];
        assert!(refused(Distributed::Env, &third).contains("2 of 2"));
        let of = |rank, size, host| [("RANK", rank), ("WORLD_SIZE", size), ("MASTER_ADDR", host)];
        for (rank, size, host, says) in [
            ("5", "1", "h", "5 of 1"),
            ("0", "0", "h", "0 of 0"),
            ("0", "4294967297", "h", "at most 4096"),
            ("0", "2", "", "MASTER_ADDR is not set"),
            ("0", "2", "h\u{1b}[31m", "host's name"),
        ] {
            let said = refused(Distributed::Env, &of(rank, size, host));
            assert!(said.contains(says) && !said.contains('\u{1b}'), "{said}");
        }
    }
}

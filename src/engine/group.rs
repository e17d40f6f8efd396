//! Processes that compute one thing together, on one machine or several: they find each other by a table at a known
//! address, and then exchange tensors of the CPU over Gloo, which is inside libtorch, and where each has a card, those
//! of the cards over NCCL ([`super::cards`]).

use std::ffi::CString;
use std::net::ToSocketAddrs;
use std::time::{Duration, Instant};

use tch::{Device, Kind as Type, Tensor};

use super::cards::{self, Cards, ID_BYTES, Nccl};
use super::fused::handle;
use super::{checked, ffi};
use crate::problem::{Kind, Problem, Result};

/// How long the table and the other processes are waited for at the start.
const CONNECT: Duration = Duration::from_secs(60);

/// How long another process is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// All do the same meanwhile.
    Step,
    /// The first one scores or saves meanwhile, and the others wait for it.
    FirstWorks,
}

impl Patience {
    fn duration(self) -> Duration {
        match self {
            Self::Step => Duration::from_secs(10 * 60),
            Self::FirstWorks => Duration::from_secs(2 * 60 * 60),
        }
    }
}

/// Where processes find each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendezvous {
    /// Host of the table, a name or an address that all processes know.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// This process among them, 0..`size`.
    pub rank: usize,
    /// How many they are.
    pub size: usize,
    /// Whether a launcher keeps the table; else the first process does.
    pub kept_by_launcher: bool,
    /// Tells apart who uses one table, as after a restart.
    pub prefix: String,
}

/// More than any batch has groups; a number of the environment is not believed beyond it.
const MOST_PROCESSES: usize = 4096;

impl Rendezvous {
    /// Refuses a number of a process that is none among `size`.
    ///
    /// # Errors
    /// `Kind::Usage`: that.
    pub fn check_place(rank: usize, size: usize) -> Result<()> {
        if size <= MOST_PROCESSES && rank < size {
            return Ok(());
        }
        Err(Problem::usage(format!("process {rank} of {size}"))
            .expected(format!("a number below that of processes, of which there are at most {MOST_PROCESSES}"))
            .advice("look at what the launcher, or the shell, sets"))
    }

    /// Refuses what the environment cannot mean.
    ///
    /// # Errors
    /// `Kind::Usage`: that.
    pub fn check(&self) -> Result<()> {
        let Self { host, rank, size, .. } = self;
        Self::check_place(*rank, *size)?;
        // A name or an address, IPv6 with an interface among them; it is passed on to libtorch, which prints it.
        if host.is_empty() || !host.chars().all(|one| one.is_ascii_alphanumeric() || "-._:%[]".contains(one)) {
            return Err(Problem::usage(format!("{host:?} for the host of the first process"))
                .expected("a host's name or address"));
        }
        Ok(())
    }
}

/// The processes, once all of them have come.
#[derive(Debug)]
pub struct Group {
    raw: *mut ffi::RawGroup,
    rank: usize,
    size: usize,
    /// Where each has a card.
    cards: Option<Cards>,
}

// SAFETY: the group is not bound to the thread that made it, and as it is not `Sync` one thread at a time has it.
unsafe impl Send for Group {}

/// Waits for a host's name to be known, as that of a machine which is just starting is not: what connects would wait
/// twice as long, and then print where it stood.
fn require_known(host: &str, port: u16, longest: Duration) -> Result<()> {
    let begun = Instant::now();
    while let Err(error) = (host, port).to_socket_addrs() {
        if begun.elapsed() >= longest {
            return Err(Problem::new(Kind::Environment, format!("no address of this name: {error}"))
                .at(format!("{host}:{port}"))
                .expected(format!("the first process's host, known within {} s", longest.as_secs()))
                .advice("check MASTER_ADDR; a number such as 10.0.0.1 needs no name server"));
        }
        std::thread::sleep(Duration::from_secs(1));
    }
    Ok(())
}

impl Group {
    /// Waits up to a minute for the host's name to be known and for all processes.
    ///
    /// # Errors
    /// As [`Rendezvous::check`]; `Kind::Environment`: no host of this name, nobody answers there, or not all come.
    pub fn join(rendezvous: &Rendezvous) -> Result<Self> {
        rendezvous.check()?;
        let Rendezvous { host, port, rank, size, kept_by_launcher, prefix } = rendezvous;
        let text = |text: &str| {
            CString::new(text).map_err(|_| Problem::usage(format!("{text:?}")).expected("a name without a NUL byte"))
        };
        let (host_text, prefix) = (text(host)?, text(prefix)?);
        let serves = !kept_by_launcher && *rank == 0;
        let begun = Instant::now();
        if !serves {
            require_known(host, *port, CONNECT)?;
        }
        let left = CONNECT.saturating_sub(begun.elapsed()).max(Duration::from_secs(1));
        // SAFETY: both texts are NUL-terminated and outlive the call.
        let raw = unsafe {
            ffi::rf_group_new(
                host_text.as_ptr(),
                i32::from(*port),
                *rank as i32,
                *size as i32,
                i32::from(serves),
                prefix.as_ptr(),
                left.as_secs() as i32,
            )
        };
        checked(!raw.is_null(), "joining the other processes").map_err(|problem| {
            problem
                .at(format!("{host}:{port}"))
                .expected(format!("{size} processes within {} s, this one number {rank}", CONNECT.as_secs()))
                .advice(
                    "check address and port (MASTER_ADDR, MASTER_PORT) and that every process was started; where hosts \
                     do not know their own names, set GLOO_SOCKET_IFNAME to the network interface",
                )
        })?;
        Ok(Self { raw, rank: *rank, size: *size, cards: None })
    }

    /// All of them compute on `device`, a card of this process's own or the CPU.
    ///
    /// # Errors
    /// `Kind::Usage`: on a card here and on a CPU there. `Kind::Environment`: no NCCL, two processes with one card, or
    /// another process has gone.
    pub fn on(mut self, device: Device) -> Result<Self> {
        let index = match device {
            Device::Cuda(index) => Some(index),
            _ => None,
        };
        let hear = |own: &Tensor| self.hear(own, Patience::Step.duration());
        let all = hear(&Tensor::from(f64::from(u8::from(index.is_some()))))?;
        if let Some(rank) = all.iter().position(|one| !one.equal(&all[0])) {
            return Err(Problem::usage(format!("process {rank} computes on another kind of device than process 0"))
                .expected("a card in each of them, or in none")
                .advice("name the device: --device cuda, or --device cpu"));
        }
        let Some(index) = index else { return Ok(self) };
        let opened = Nccl::of_libtorch();
        let told = hear(&Tensor::from(f64::from(u8::from(opened.is_ok()))))?;
        let nccl = cards::all_or_none(opened, &told, "NCCL")?;
        let made = if self.rank == 0 { nccl.id() } else { Ok([0; ID_BYTES]) };
        let told = hear(&Tensor::from(f64::from(u8::from(made.is_ok()))))?;
        let mut id = cards::all_or_none(made, &told, "place where cards meet")?;
        self.tell("nccl", &mut id)?;
        self.cards = Some(Cards::join(nccl, &id, (self.rank, self.size), index)?);
        Ok(self)
    }

    /// Makes `bytes` those of the first process, by way of the table, under a name that is used once.
    ///
    /// # Errors
    /// `Kind::Environment`: the table has gone, or the first process does not tell.
    fn tell(&self, name: &str, bytes: &mut [u8]) -> Result<()> {
        let name = CString::new(name).map_err(|_| Problem::usage("a name with a NUL byte"))?;
        // SAFETY: the group lives; the name is NUL-terminated; as many bytes are read or written as there are.
        let status = unsafe { ffi::rf_group_tell(self.raw, name.as_ptr(), bytes.as_mut_ptr(), bytes.len() as i64) };
        checked(status == 0, "hearing the first process")
    }

    /// This process among them.
    pub fn rank(&self) -> usize {
        self.rank
    }

    /// How many they are.
    pub fn size(&self) -> usize {
        self.size
    }

    /// What each process gives, by rank: tensors alike in shape, kind and kind of device. Every process calls it, in
    /// the same order.
    ///
    /// # Errors
    /// `Kind::Environment`: another process has gone, or does not answer.
    pub fn gather(&self, own: &Tensor) -> Result<Vec<Tensor>> {
        self.gather_within(own, Patience::Step)
    }

    /// As [`Group::gather`], where the others may be waited for longer.
    ///
    /// # Errors
    /// Those of [`Group::gather`].
    pub fn gather_within(&self, own: &Tensor, patience: Patience) -> Result<Vec<Tensor>> {
        if own.device() == Device::Cpu {
            return self.hear(own, patience.duration());
        }
        let cards = self.cards.as_ref().ok_or_else(|| {
            Problem::new(Kind::Internal, format!("a tensor on {:?} for processes without cards", own.device()))
        })?;
        // By way of the CPUs first: there a process that has gone is noticed at once, while its card would be waited
        // for; and what the cards exchange has to have one size.
        let bytes = own.numel() as i64 * own.kind().elt_size_in_bytes() as i64;
        let all = self.hear(&Tensor::from_slice(&[bytes]).to_kind(Type::Int64), patience.duration())?;
        if all.iter().any(|one| one.int64_value(&[0]) != bytes) {
            return Err(Problem::new(Kind::Internal, "processes that are at different steps"));
        }
        cards.gather(own)
    }

    /// What each process gives of its CPU.
    fn hear(&self, own: &Tensor, patience: Duration) -> Result<Vec<Tensor>> {
        let all: Vec<Tensor> = (0..self.size).map(|_| own.detach().contiguous().zeros_like()).collect();
        let places: Vec<_> = all.iter().map(|tensor| handle(Some(tensor))).collect();
        let wait = patience.as_millis() as i32;
        // SAFETY: the group lives; the pointers are of live tensors, one for each process.
        let status = unsafe { ffi::rf_group_gather(self.raw, handle(Some(own)), places.as_ptr(), wait) };
        checked(status == 0, "hearing the other processes").map_err(|problem| {
            Problem::new(Kind::Environment, "another process of the run has gone or does not answer")
                .expected(format!("all {} of them to the end", self.size))
                .advice("look for the reason in the output of the others; the same command goes on where it stopped")
                .because(problem)
        })?;
        Ok(all)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Before the processes part, while the table is there.
        drop(self.cards.take());
        // SAFETY: made by `rf_group_new`, and given back once.
        unsafe { ffi::rf_group_free(self.raw) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::apart;

    fn together(test: &str, size: usize, work: impl Fn(Group)) {
        apart::together(&format!("engine::group::tests::{test}"), size, work);
    }

    #[test]
    fn a_host_that_nobody_knows_is_told_by_its_name() {
        require_known("127.0.0.1", 29500, Duration::ZERO).unwrap();
        // Longer than a part of a name may be, so that no name server is asked.
        let none = "a".repeat(64);
        let (begun, wait) = (Instant::now(), Duration::from_millis(500));
        let problem = require_known(&none, 29500, wait).unwrap_err();
        assert!(problem.kind() == Kind::Environment && begun.elapsed() >= wait);
        let text = problem.to_string();
        assert!(text.contains(&format!("{none}:29500: no address of this name")), "{text}");
    }

    #[test]
    fn what_the_first_tells_by_the_table_reaches_all() {
        let id = |rank: usize| std::array::from_fn::<u8, ID_BYTES, _>(|at| (at * (rank + 3)) as u8);
        together("what_the_first_tells_by_the_table_reaches_all", 3, |group| {
            let mut bytes = id(group.rank());
            group.tell("nccl", &mut bytes).unwrap();
            assert_eq!(bytes, id(0));
            // On CPUs nothing of cards is asked for, and the processes hear each other as before.
            let group = group.on(Device::Cpu).unwrap();
            assert_eq!(group.gather(&Tensor::from(1.0)).unwrap().len(), 3);
        });
    }

    #[test]
    fn cards_that_are_missing_are_named() {
        let problem = Nccl::open(std::path::Path::new("/nowhere/libnccl.so.2"));
        // Where the system has one, that is taken.
        if let Err(problem) = problem {
            let text = problem.to_string();
            assert!(text.contains("libnccl.so.2") && text.contains("--device cpu"), "{text}");
        }
        let said = [1.0, 0.0].map(Tensor::from);
        let problem = cards::all_or_none(Ok(()), &said, "NCCL").unwrap_err().to_string();
        assert!(problem.contains("process 1 has no NCCL"), "{problem}");
        cards::all_or_none(Ok(()), &said[..1], "NCCL").unwrap();
    }

    /// Version, id and its way to the others need no card.
    #[test]
    #[ignore = "needs NCCL: RIMFORGE_NCCL names libnccl.so.2"]
    fn an_id_of_nccls_reaches_all() {
        let path = std::env::var("RIMFORGE_NCCL").expect("RIMFORGE_NCCL names libnccl.so.2");
        together("an_id_of_nccls_reaches_all", 3, |group| {
            let nccl = Nccl::open(std::path::Path::new(&path)).unwrap();
            assert!(nccl.version > 20_400, "{}", nccl.version);
            let mut id = if group.rank() == 0 { nccl.id().unwrap() } else { [0; ID_BYTES] };
            group.tell("nccl", &mut id).unwrap();
            assert!(id != [0; ID_BYTES]);
            let told = Tensor::from_slice(&id.map(f64::from));
            assert!(group.gather(&told).unwrap().iter().all(|other| *other == told));
            if group.rank() == 0 && !tch::Cuda::is_available() {
                let text = Cards::join(nccl, &id, (0, 1), 0).unwrap_err().to_string();
                assert!(text.contains("joining the other cards") && text.contains("card 0"), "{text}");
            }
        });
    }

    #[test]
    fn three_that_meet_hear_each_other_and_learn_of_one_that_goes() {
        together("three_that_meet_hear_each_other_and_learn_of_one_that_goes", 3, |group| {
            let rank = group.rank();
            assert_eq!(group.size(), 3);
            for turn in 0..3 {
                let own = Tensor::from_slice(&[rank as f64, f64::from(turn)]);
                let all = group.gather(&own).unwrap();
                for (at, found) in all.iter().enumerate() {
                    assert_eq!(Vec::<f64>::try_from(found).unwrap(), [at as f64, f64::from(turn)]);
                }
            }
            if rank != 1 {
                let problem = group.gather(&Tensor::from(1f32)).unwrap_err().to_string();
                assert!(problem.contains("another process"), "{problem}");
            }
        });
    }

    #[test]
    fn one_that_does_not_come_is_waited_for_as_long_as_is_said() {
        let late = Duration::from_secs(4);
        together("one_that_does_not_come_is_waited_for_as_long_as_is_said", 2, |group| {
            if group.rank() == 1 {
                std::thread::sleep(late);
                return;
            }
            let start = std::time::Instant::now();
            let problem = group.hear(&Tensor::from(1f32), Duration::from_millis(500)).unwrap_err();
            assert!(problem.to_string().contains("does not answer"), "{problem}");
            drop(group);
            let waited = start.elapsed();
            assert!(waited >= Duration::from_millis(400) && waited < late / 2, "{waited:?}");
        });
    }
}

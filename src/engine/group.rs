//! Processes that compute one thing together, on one machine or several: they find each other by a table at a known
//! address, and then exchange tensors of the CPU over Gloo, which is inside libtorch.

use std::ffi::CString;
use std::time::Duration;

use tch::Tensor;

use super::fused::handle;
use super::{checked, ffi};
use crate::problem::{Kind, Problem, Result};

/// How long the table and the other processes are waited for at the start.
const CONNECT: Duration = Duration::from_secs(60);

/// How long another process may take for an answer: the first one scores and saves meanwhile.
const ANSWER: Duration = Duration::from_secs(30 * 60);

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

/// The processes, once all of them have come.
#[derive(Debug)]
pub struct Group {
    raw: *mut ffi::RawGroup,
    rank: usize,
    size: usize,
}

// SAFETY: the group is not bound to the thread that made it, and as it is not `Sync` one thread at a time has it.
unsafe impl Send for Group {}

impl Group {
    /// Waits up to a minute for all processes.
    ///
    /// # Errors
    /// `Kind::Environment`: nobody answers there, or not all come.
    pub fn join(rendezvous: &Rendezvous) -> Result<Self> {
        let Rendezvous { host, port, rank, size, kept_by_launcher, prefix } = rendezvous;
        let text = |text: &str| {
            CString::new(text).map_err(|_| Problem::usage(format!("{text:?}")).expected("a name without a NUL byte"))
        };
        let (host_text, prefix) = (text(host)?, text(prefix)?);
        let serves = !kept_by_launcher && *rank == 0;
        // SAFETY: both texts are NUL-terminated and outlive the call.
        let raw = unsafe {
            ffi::rf_group_new(
                host_text.as_ptr(),
                i32::from(*port),
                *rank as i32,
                *size as i32,
                i32::from(serves),
                prefix.as_ptr(),
                CONNECT.as_secs() as i32,
                ANSWER.as_secs() as i32,
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
        Ok(Self { raw, rank: *rank, size: *size })
    }

    /// This process among them.
    pub fn rank(&self) -> usize {
        self.rank
    }

    /// How many they are.
    pub fn size(&self) -> usize {
        self.size
    }

    /// What each process gives, by rank: tensors of the CPU, alike in shape and kind. Every process calls it, in the
    /// same order.
    ///
    /// # Errors
    /// `Kind::Environment`: another process has gone, or does not answer.
    pub fn gather(&self, own: &Tensor) -> Result<Vec<Tensor>> {
        let all: Vec<Tensor> = (0..self.size).map(|_| own.detach().contiguous().zeros_like()).collect();
        let places: Vec<_> = all.iter().map(|tensor| handle(Some(tensor))).collect();
        // SAFETY: the group lives; the pointers are of live tensors, one for each process.
        let status = unsafe { ffi::rf_group_gather(self.raw, handle(Some(own)), places.as_ptr()) };
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
        // SAFETY: made by `rf_group_new`, and given back once.
        unsafe { ffi::rf_group_free(self.raw) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A port that is free now.
    fn port() -> u16 {
        std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
    }

    #[test]
    fn three_that_meet_hear_each_other_and_learn_of_one_that_goes() {
        let port = port();
        let one = |rank| {
            let host = "127.0.0.1".to_owned();
            let prefix = "test".to_owned();
            let group =
                Group::join(&Rendezvous { host, port, rank, size: 3, kept_by_launcher: false, prefix }).unwrap();
            assert_eq!((group.rank(), group.size()), (rank, 3));
            for turn in 0..3 {
                let own = Tensor::from_slice(&[rank as f64, f64::from(turn)]);
                let all = group.gather(&own).unwrap();
                for (at, found) in all.iter().enumerate() {
                    assert_eq!(Vec::<f64>::try_from(found).unwrap(), [at as f64, f64::from(turn)]);
                }
            }
            if rank == 1 {
                return None;
            }
            Some(group.gather(&Tensor::from(1f32)).unwrap_err().to_string())
        };
        let found: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..3).map(|rank| scope.spawn(move || one(rank))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        for problem in [&found[0], &found[2]] {
            assert!(problem.as_ref().is_some_and(|text| text.contains("another process")), "{found:?}");
        }
    }
}

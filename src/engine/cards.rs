//! The cards of processes that compute together, one each: NCCL, which comes with the CUDA build of libtorch and is
//! looked up when it is needed.

use std::ffi::CString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tch::Tensor;

use super::fused::handle;
use super::{checked, ffi, start};
use crate::problem::{Kind, Problem, Result};

/// Bytes by which cards find each other.
pub const ID_BYTES: usize = 128;

/// How long an exchange may take once all processes have come to it: nobody computes meanwhile.
const EXCHANGE: Duration = Duration::from_secs(120);

/// An opened NCCL.
#[derive(Clone, Copy, Debug)]
pub struct Nccl {
    /// Such as 22809: 2.28.9.
    pub version: u32,
}

impl Nccl {
    /// The one that libtorch has loaded; else the file `beside`; else the system's.
    ///
    /// # Errors
    /// `Kind::Environment`: there is none, or one that lacks functions.
    pub fn open(beside: &Path) -> Result<Self> {
        let path = CString::new(beside.to_string_lossy().as_bytes())
            .map_err(|_| Problem::usage(format!("{beside:?}")).expected("a path without a NUL byte"))?;
        // SAFETY: `path` is NUL-terminated and outlives the call.
        let version = unsafe { ffi::rf_nccl_open(path.as_ptr()) };
        checked(version >= 0, "opening NCCL, by which cards exchange tensors").map_err(|problem| {
            problem
                .at(beside)
                .expected("libnccl.so.2, which comes with the CUDA build of libtorch")
                .advice("install that build (`make setup CUDA=1`), or train with --device cpu")
        })?;
        Ok(Self { version: version as u32 })
    }

    /// As [`Nccl::open`], where the wheels have it: beside libtorch's own folder.
    ///
    /// # Errors
    /// Those of [`Nccl::open`].
    pub fn of_libtorch() -> Result<Self> {
        // torch/lib -> nvidia/nccl/lib
        let packages = start::folder().ancestors().nth(2).map_or_else(PathBuf::new, Path::to_owned);
        Self::open(&packages.join("nvidia/nccl/lib/libnccl.so.2"))
    }

    /// A new id, for one process to make and to tell the others.
    ///
    /// # Errors
    /// `Kind::Environment`: NCCL finds no network to be reached by.
    pub fn id(self) -> Result<[u8; ID_BYTES]> {
        let mut id = [0; ID_BYTES];
        // SAFETY: as many bytes are written.
        checked(unsafe { ffi::rf_nccl_id(id.as_mut_ptr()) } == 0, "opening a place where cards meet").map_err(
            |problem| {
                problem.advice("where the hosts have several networks, set NCCL_SOCKET_IFNAME to the one between them")
            },
        )?;
        Ok(id)
    }
}

/// The cards, once all of them have come.
#[derive(Debug)]
pub struct Cards {
    raw: *mut ffi::RawCards,
    size: usize,
}

impl Cards {
    /// Waits for all of them.
    ///
    /// # Errors
    /// `Kind::Environment`: NCCL refuses, as where two processes have one card.
    pub fn join(_: Nccl, id: &[u8; ID_BYTES], (rank, size): (usize, usize), index: usize) -> Result<Self> {
        // SAFETY: as many bytes are read as an id has; NCCL is open, of which there is a witness.
        let raw = unsafe { ffi::rf_cards_new(id.as_ptr(), rank as i32, size as i32, index as i32) };
        checked(!raw.is_null(), "joining the other cards").map_err(|problem| {
            problem
                .expected(format!("{size} processes with a card each, this one number {rank} with card {index}"))
                .advice(
                    "start as many processes as there are cards; under Slurm with --gpus-per-node, not with \
                     --gpus-per-task, which hides the cards from each other; NCCL_DEBUG=WARN says more",
                )
        })?;
        Ok(Self { raw, size })
    }

    /// What each process has on its card, by rank.
    ///
    /// # Errors
    /// `Kind::Environment`: NCCL reports a failure, or another card does not answer; then nothing more is exchanged.
    pub fn gather(&self, own: &Tensor) -> Result<Vec<Tensor>> {
        let own = own.detach().contiguous();
        let shape: Vec<i64> = std::iter::once(self.size as i64).chain(own.size()).collect();
        let all = Tensor::empty(shape, (own.kind(), own.device()));
        let wait = EXCHANGE.as_secs() as i32;
        // SAFETY: the cards live; both tensors do, until the exchange is over, which is waited for.
        let status = unsafe { ffi::rf_cards_gather(self.raw, handle(Some(&own)), handle(Some(&all)), wait) };
        checked(status == 0, "exchanging tensors between cards")?;
        Ok((0..self.size as i64).map(|rank| all.get(rank)).collect())
    }
}

impl Drop for Cards {
    fn drop(&mut self) {
        // SAFETY: made by `rf_cards_new`, and given back once.
        unsafe { ffi::rf_cards_free(self.raw) };
    }
}

/// Makes a card the current one of this thread.
///
/// # Errors
/// `Kind::Environment`: there is no such card.
pub(super) fn use_card(index: usize) -> Result<()> {
    // SAFETY: takes no pointers.
    checked(unsafe { ffi::rf_use_card(index as i32) } == 0, "choosing a card")
}

/// Refuses processes of which some lack what all need.
///
/// # Errors
/// Their own error, or who it is that lacks it.
pub(super) fn all_or_none<T>(own: Result<T>, others: &[Tensor], what: &str) -> Result<T> {
    let own = own?;
    match others.iter().position(|said| said.double_value(&[]) == 0.0) {
        None => Ok(own),
        Some(rank) => Err(Problem::new(Kind::Environment, format!("process {rank} has no {what}"))
            .expected("the same in all processes of a run")
            .advice("its own output says more")),
    }
}

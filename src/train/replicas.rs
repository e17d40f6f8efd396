//! A training run in parts: each replica computes whole groups of every batch on a thread of its own, in which libtorch
//! uses as few threads as set; what they have in common goes through [`crate::optim::Team`].
//!
//! Small layers do not keep several threads busy: these would meet at the end of each of a few thousand operations
//! a step, and wait for the slowest each time; a replica meets the others a dozen times a step. And since each sum over
//! the batch is taken along one tree over the replicas, the result depends on how many parts there are, but not on how
//! many threads or cores compute them.

use std::thread::ScopedJoinHandle;

use super::state::TrainState;
use super::watcher::{Unwatched, Watcher};
use super::{Training, train};
use crate::engine::Group;
use crate::observer::Silent;
use crate::optim::{Member, Team};
use crate::problem::{Kind, Problem, Result};

/// [`train`] in the replicas of the run's settings, each on as many threads as the caller's operations have here, with
/// an equal share of them in each process of `group`; the caller's thread computes the first of this one. The first of
/// all alone writes and is watched. `run.peers` counts where there is one.
///
/// # Errors
/// As [`train`].
pub fn train_in_parts(
    run: &Training<'_>,
    group: Option<Group>,
    start: impl Fn() -> Result<TrainState>,
    watcher: &mut dyn Watcher,
) -> Result<TrainState> {
    let processes = group.as_ref().map_or(1, Group::size);
    if run.settings.replicas == 1 && processes == 1 {
        return train(run, start, watcher);
    }
    let threads = tch::get_num_threads();
    let here = run.settings.replicas as usize / processes;
    let team = group.as_ref().map_or_else(|| Team::new(here), |group| Team::among(here, group));
    let mut members = team.members(group).into_iter();
    let first = members.next().ok_or_else(|| Problem::new(Kind::Internal, "a run in no parts"))?;
    let (state, mut others) = std::thread::scope(|scope| {
        let others: Vec<_> = members.map(|member| scope.spawn(replica(run, member, threads))).collect();
        let state = train(&Training { peers: &first, ..*run }, start, watcher);
        // Whoever still waits for it learns that it is over.
        drop(first);
        let result = |thread: ScopedJoinHandle<'_, Result<()>>| {
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        (state, others.into_iter().map(result).collect::<Vec<_>>())
    });
    // Who fails first makes the others fail: the reason is its error.
    match team.first_gone() {
        Some(rank) if rank > 0 => others.swap_remove(rank - 1).and(state),
        _ => state,
    }
}

/// What a thread does that neither writes nor is watched.
fn replica<'a>(run: &Training<'a>, member: Member, threads: i32) -> impl FnOnce() -> Result<()> + Send + use<'a> {
    let reals = run.reals.shared();
    let &Training { settings, total_images, seed, folder, graphs, .. } = run;
    move || {
        tch::set_num_threads(threads);
        let (reals, observer, peers) = (&*reals, &Silent, &member);
        let run = Training { reals, settings, total_images, seed, folder, graphs, observer, peers };
        let no_start = || Err(Problem::new(Kind::Internal, "only the first replica starts a run"));
        train(&run, no_start, &mut Unwatched).map(drop)
    }
}

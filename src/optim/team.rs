//! Replicas of one run, a thread each, in one process or several: what they tell each other goes through memory, and
//! from process to process by way of the first thread of each.
//!
//! Sums are taken along one tree over the ranks, in every member alike, so that all of them hold the same bits and the
//! result does not depend on which thread comes first. As processes hold the leaves side by side, it does not depend on
//! the number of processes either, where each holds 1, 2, 4, ... of them.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use tch::Tensor;

use super::Peers;
use crate::engine::{Group, Patience};
use crate::problem::{Kind, Problem, Result};

/// The replicas of this process.
#[derive(Debug)]
pub struct Team(Arc<Meeting>);

/// One of them. When it is dropped the others learn of it at the next point where they would wait for it.
#[derive(Debug)]
pub struct Member {
    /// Among those of this process.
    rank: usize,
    team: Arc<Meeting>,
    /// The other processes, where there are some, in the first member of each.
    group: Option<Group>,
}

/// What the members share.
#[derive(Debug)]
struct Meeting {
    size: usize,
    /// Processes before this one, and all.
    process: (usize, usize),
    table: Mutex<Table>,
    all_came: Condvar,
}

#[derive(Debug)]
struct Table {
    /// Meetings that are over.
    meetings: usize,
    /// Members that came to the present one.
    here: usize,
    /// The first that has gone for good.
    gone: Option<usize>,
    /// What each brought to the present meeting and to the one before, which the slowest may still be reading: a member
    /// is never further ahead, since the next one takes all of them.
    brought: [Vec<Brought>; 2],
}

/// What a member brings to a meeting.
#[derive(Debug, Default)]
struct Brought {
    tensor: Option<Tensor>,
    said: bool,
}

impl Team {
    /// Of `size` members, all of them in this process.
    ///
    /// # Panics
    /// None of them.
    pub fn new(size: usize) -> Self {
        Self::of(size, (0, 1))
    }

    /// Of `size` members in this process and as many in each of the others.
    ///
    /// # Panics
    /// None of them.
    pub fn among(size: usize, group: &Group) -> Self {
        Self::of(size, (group.rank(), group.size()))
    }

    fn of(size: usize, process: (usize, usize)) -> Self {
        assert!(size > 0, "a team of nobody");
        let empty = || (0..size).map(|_| Brought::default()).collect();
        let table = Table { meetings: 0, here: 0, gone: None, brought: [empty(), empty()] };
        Self(Arc::new(Meeting { size, process, table: Mutex::new(table), all_came: Condvar::new() }))
    }

    /// One for each rank of this process, in their order; each belongs on a thread of its own. Ask once. The first is
    /// the one that hears the other processes.
    pub fn members(&self, group: Option<Group>) -> Vec<Member> {
        let mut group = group;
        (0..self.0.size).map(|rank| Member { rank, team: Arc::clone(&self.0), group: group.take() }).collect()
    }

    /// The member that was dropped before all others: where some ended with errors, the one whose error is the reason.
    pub fn first_gone(&self) -> Option<usize> {
        self.0.table().gone
    }
}

impl Meeting {
    /// A member that panicked leaves no half-written table: it only stores whole values.
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Member {
    /// Waits for all of this process, and reads what they brought.
    fn meet<T>(&self, brought: Brought, read: impl FnOnce(&[Brought]) -> T) -> Result<T> {
        let mut table = self.team.table();
        let meeting = table.meetings;
        table.brought[meeting % 2][self.rank] = brought;
        table.here += 1;
        if table.here == self.team.size {
            table.here = 0;
            table.meetings += 1;
            self.team.all_came.notify_all();
        }
        while table.meetings == meeting {
            if let Some(rank) = table.gone {
                return Err(Problem::new(Kind::Environment, format!("replica {rank} of the training run has ended")));
            }
            table = self.team.all_came.wait(table).unwrap_or_else(PoisonError::into_inner);
        }
        Ok(read(&table.brought[meeting % 2]))
    }
}

impl Member {
    /// Ends this member as if it were dropped, and gives back the other processes, which may compute on together.
    pub fn leave(mut self) -> Option<Group> {
        self.group.take()
    }

    fn any_within(&self, said: bool, patience: Patience) -> Result<bool> {
        let own = self.meet(Brought { tensor: None, said }, |all| all.iter().any(|one| one.said))?;
        let all = self.of_all_processes(&Tensor::from(f32::from(u8::from(own))), patience)?;
        Ok(all.map_or(own, |all| all.iter().any(|said| said.double_value(&[]) > 0.0)))
    }

    /// `own`, of this process, and the same of all others, by rank; in every member of it. `None` without others.
    fn of_all_processes(&self, own: &Tensor, patience: Patience) -> Result<Option<Vec<Tensor>>> {
        let (_, processes) = self.team.process;
        if processes == 1 {
            return Ok(None);
        }
        let heard = match &self.group {
            Some(group) => Some(Tensor::stack(&group.gather_within(own, patience)?, 0)),
            None => None,
        };
        let all = self.meet(Brought { tensor: heard, said: false }, |all| {
            all[0].tensor.as_ref().map(|heard| (0..processes as i64).map(|at| heard.get(at)).collect())
        })?;
        all.map(Some).ok_or_else(different_steps)
    }
}

fn different_steps() -> Problem {
    Problem::new(Kind::Internal, "replicas that are at different steps")
}

impl Drop for Member {
    fn drop(&mut self) {
        self.team.table().gone.get_or_insert(self.rank);
        self.team.all_came.notify_all();
    }
}

impl Peers for Member {
    fn rank(&self) -> usize {
        self.team.process.0 * self.team.size + self.rank
    }

    fn size(&self) -> usize {
        self.team.process.1 * self.team.size
    }

    /// `tensor` is another one afterwards, with the values of before in all who hold the former.
    fn sum(&self, tensor: &mut Tensor) -> Result<()> {
        let own = Brought { tensor: Some(tensor.shallow_clone()), said: false };
        let all = self.meet(own, |all| {
            all.iter().map(|one| one.tensor.as_ref().map(Tensor::shallow_clone)).collect::<Option<Vec<_>>>()
        })?;
        let all = all.ok_or_else(different_steps)?;
        let own = tch::no_grad(|| along_the_tree(all));
        let all = self.of_all_processes(&own, Patience::Step)?;
        *tensor = tch::no_grad(|| all.map_or(own, along_the_tree));
        Ok(())
    }

    fn any(&self, said: bool) -> Result<bool> {
        self.any_within(said, Patience::Step)
    }

    fn barrier(&self) -> Result<()> {
        self.any_within(false, Patience::FirstWorks).map(drop)
    }
}

/// Neighbours first, then their sums: ((0 + 1) + (2 + 3)) + ...; an odd one goes up as it is.
fn along_the_tree(mut values: Vec<Tensor>) -> Tensor {
    while values.len() > 1 {
        values = values
            .chunks(2)
            .map(|pair| match pair {
                [one, other] => one + other,
                _ => pair[0].shallow_clone(),
            })
            .collect();
    }
    values.remove(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::apart;

    /// What each member returns, by rank.
    fn all<T: Send>(size: usize, work: impl Fn(Member) -> T + Sync) -> Vec<T> {
        let work = &work;
        std::thread::scope(|scope| {
            let members = Team::new(size).members(None);
            let threads: Vec<_> = members.into_iter().map(|member| scope.spawn(move || work(member))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        })
    }

    #[test]
    fn all_hold_the_same_sum_along_the_tree() {
        // In float32 ((1e8 + 1) + (-1e8 + 1)) + 5 is 5; exactly it is 7.
        let values = [1e8f32, 1.0, -1e8, 1.0, 5.0];
        let found = all(5, |member| {
            let mut tensor = Tensor::from_slice(&[values[member.rank()], member.rank() as f32]);
            for _ in 0..3 {
                let mut again = tensor.shallow_clone();
                member.sum(&mut again).unwrap();
                assert_eq!(again.double_value(&[1]), 10.0);
            }
            member.mean(&mut tensor).unwrap();
            Vec::<f32>::try_from(tensor).unwrap()
        });
        assert!(found.iter().all(|one| *one == [1.0, 2.0]), "{found:?}");
    }

    #[test]
    fn a_thousand_meetings_do_not_mix_up_what_was_said() {
        let found = all(3, |member| {
            (0..1000).all(|turn| member.any(turn % 3 == member.rank() && turn % 2 == 0).unwrap() == (turn % 2 == 0))
        });
        assert_eq!(found, [true; 3]);
    }

    #[test]
    fn who_waits_for_one_that_has_gone_is_told() {
        let found = all(3, |member| {
            if member.rank() == 1 {
                return true;
            }
            member.barrier().unwrap_err().to_string().contains("replica 1 ")
        });
        assert_eq!(found, [true; 3]);
        let team = Team::new(2);
        let mut members = team.members(None);
        assert_eq!(team.first_gone(), None);
        drop(members.pop());
        drop(members);
        assert_eq!(team.first_gone(), Some(1));
    }

    #[test]
    fn one_tree_over_threads_and_processes() {
        // Values whose sum depends on the order.
        let value = |rank: usize| Tensor::from_slice(&[[1e8f32, 1.0, -1e8, 3.0][rank], 0.1 * rank as f32]);
        let alone = all(4, |member| {
            let mut tensor = value(member.rank());
            member.sum(&mut tensor).unwrap();
            Vec::<f32>::try_from(tensor).unwrap()
        });
        for processes in [2, 4] {
            apart::together("optim::team::tests::one_tree_over_threads_and_processes", processes, |group| {
                let members = Team::among(4 / processes, &group).members(Some(group));
                std::thread::scope(|scope| {
                    for member in members {
                        let (alone, value) = (&alone, &value);
                        scope.spawn(move || {
                            let mut tensor = value(member.rank());
                            member.sum(&mut tensor).unwrap();
                            assert_eq!((member.size(), member.is_first()), (4, member.rank() == 0));
                            assert!(member.any(member.rank() == 3).unwrap() && !member.any(false).unwrap());
                            assert_eq!(Vec::<f32>::try_from(tensor).unwrap(), alone[member.rank()]);
                        });
                    }
                });
            });
        }
    }
}

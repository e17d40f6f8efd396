//! Which units of a stage are a process's own.

use std::str::FromStr;

use crate::problem::{Problem, Result};

/// The variables that Slurm sets in every task of an array.
const SLURM: [&str; 5] = [
    "SLURM_ARRAY_TASK_ID",
    "SLURM_ARRAY_TASK_COUNT",
    "SLURM_ARRAY_TASK_MIN",
    "SLURM_ARRAY_TASK_MAX",
    "SLURM_ARRAY_TASK_STEP",
];

/// Of the units in their order every `count`-th, from `index` on (0 to `count` - 1).
///
/// Units are dealt out like cards, so that shards of the same number of units take about as long, and no shard needs to
/// know of any other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    index: u64,
    count: u64,
}

impl Part {
    /// All units.
    pub const WHOLE: Self = Self { index: 0, count: 1 };

    /// Whether the unit at this place of the stage's list is its own.
    pub fn has(&self, place: usize) -> bool {
        place as u64 % self.count == self.index
    }

    /// Of a task of a Slurm array, from its environment: the place of the task among those of the array.
    ///
    /// # Errors
    /// `Kind::Usage`: no array, or one whose tasks are not evenly spaced.
    pub fn of_slurm(variable: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let mut numbers = [0; 5];
        for (number, name) in numbers.iter_mut().zip(SLURM) {
            let text = variable(name).ok_or_else(|| {
                Problem::usage(format!("--shard slurm without {name} in the environment"))
                    .expected("a task of a Slurm array (sbatch --array=0-9)")
                    .advice("start it by sbatch --array, or name the shard, such as --shard 0/10")
            })?;
            *number = text.trim().parse::<u64>().map_err(|_| {
                Problem::usage(format!("{name} = {text:?} in the environment")).expected("a whole number")
            })?;
        }
        let [id, count, min, max, step] = numbers;
        let even = step > 0 && min <= id && id <= max && (max - min) / step + 1 == count && (id - min) % step == 0;
        if !even {
            return Err(Problem::usage(format!(
                "a Slurm array of {count} tasks from {min} to {max} in steps of {step}"
            ))
            .expected("tasks that are evenly spaced, such as --array=0-9: each is told only how many there are")
            .advice("submit such an array (finished units are not made again), or name the shard: --shard 0/10"));
        }
        Ok(Self { index: (id - min) / step, count })
    }
}

impl FromStr for Part {
    type Err = String;

    /// "2/7": the third of seven.
    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let numbers = text.split_once('/').and_then(|(index, count)| Some((index.parse().ok()?, count.parse().ok()?)));
        match numbers {
            Some((_, 0)) => Err("there is no part of 0".into()),
            Some((index, count)) if index < count => Ok(Self { index, count }),
            Some((_, count)) => Err(format!("parts are counted from 0: 0/{count} to {}/{count}", count - 1)),
            None => Err("expected i/n, such as 0/4, 1/4, 2/4 and 3/4; or slurm".into()),
        }
    }
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_is_of_exactly_one_part() {
        for count in [1, 3, 7] {
            let parts: Vec<Part> = (0..count).map(|index| format!("{index}/{count}").parse().unwrap()).collect();
            for place in 0..20 {
                assert_eq!(parts.iter().filter(|part| part.has(place)).count(), 1, "{place} of {count}");
            }
        }
        assert!((0..9).all(|place| Part::WHOLE.has(place)));
    }

    #[test]
    fn what_is_no_part_says_which_there_are() {
        for (text, says) in [("4/4", "0/4 to 3/4"), ("1", "i/n"), ("-1/3", "i/n"), ("0/0", "no part of 0")] {
            assert!(text.parse::<Part>().unwrap_err().contains(says), "{text}");
        }
    }

    #[test]
    fn a_task_of_an_array_is_told_its_place() {
        let part = |numbers: [&str; 5]| {
            let of = |name: &str| SLURM.iter().position(|known| *known == name).map(|at| numbers[at].to_owned());
            Part::of_slurm(of)
        };
        for (numbers, expected) in [
            (["0", "4", "0", "3", "1"], "0/4"),
            (["3", "4", "0", "3", "1"], "3/4"),
            (["7", "4", "1", "7", "2"], "3/4"),
            // One task that is submitted once more does all that is missing.
            (["2", "1", "2", "2", "1"], "0/1"),
        ] {
            assert_eq!(part(numbers).unwrap().to_string(), expected, "{numbers:?}");
        }
        for numbers in [["5", "3", "0", "5", "1"], ["1", "4", "0", "3", "0"], ["x", "4", "0", "3", "1"]] {
            part(numbers).unwrap_err();
        }
        assert!(Part::of_slurm(|_| None).unwrap_err().to_string().contains("SLURM_ARRAY_TASK_ID"));
    }
}

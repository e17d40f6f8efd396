//! Commands killed at random moments, gone on with, killed again, until they are done: the same files as in one piece.
//!
//! The long form: `cargo test --release --test it -- --ignored kill_chains --nocapture`, with `RIMFORGE_ATTACK_KILLS`
//! kills in all (200 where it is not set) and the random stream `RIMFORGE_ATTACK_SEED`.

use std::collections::BTreeMap;
use std::process::Child;
use std::time::{Duration, Instant};

use rand::RngExt;
use rimforge::seed::RunSeed;

use crate::tiny_runs::{COMMANDS, TinyRuns, assert_same, finish, outcome};

/// Kills of one unfinished piece of work, at most.
const OF_A_CHAIN: u64 = 4;

/// What came of the kills of one command.
#[derive(Default)]
struct Tally {
    kills: u64,
    chains: u64,
    /// How far the work was when it was killed, in tenths of the time that it takes in one piece: kills in each.
    tenths: [u64; 10],
}

/// Kills a command about so often and compares the ends of all chains with the end of a run in one piece.
fn attack(tiny: &TinyRuns, command: &str, kills: u64, seed: RunSeed) -> Tally {
    let (straight, expected, whole) = in_one_piece(tiny, command);
    let mut draws = seed.stream(&format!("kills of {command}"), 0);
    let mut tally = Tally::default();
    while tally.kills < kills {
        let out = tiny.at(&format!("{command}-killed-{}", tally.chains));
        let (mut worked, mut of_chain) = (Duration::ZERO, 0);
        while tally.kills < kills && of_chain < OF_A_CHAIN {
            // As much as is left of the work, so that the chain is killed over all its length.
            let left = whole.saturating_sub(worked).max(whole / 3);
            let pause = left.mul_f64(draws.random_range(0.0..1.0));
            let child = tiny.command(command, &out).spawn().unwrap();
            if !killed_after(child, pause, command) {
                break;
            }
            worked += pause;
            let tenth = (10.0 * worked.as_secs_f64() / whole.as_secs_f64()) as usize;
            tally.tenths[tenth.min(9)] += 1;
            of_chain += 1;
            tally.kills += 1;
        }
        finish(&mut tiny.command(command, &out));
        assert_same(&format!("{command}, chain {}, after {of_chain} kills", tally.chains), &out, &expected);
        // A second run of what is done changes nothing.
        if tally.chains == 0 && command != "generate" {
            finish(&mut tiny.command(command, &out));
            assert_same(&format!("{command} once more"), &out, &expected);
        }
        std::fs::remove_dir_all(&out).unwrap();
        tally.chains += 1;
    }
    std::fs::remove_dir_all(straight).unwrap();
    tally
}

/// The folder of a run in one piece, what is in it, and how long it took.
fn in_one_piece(tiny: &TinyRuns, command: &str) -> (std::path::PathBuf, BTreeMap<String, String>, Duration) {
    let timed = |name: &str| {
        let folder = tiny.at(&format!("{command}-{name}"));
        let start = Instant::now();
        finish(&mut tiny.command(command, &folder));
        (folder, start.elapsed())
    };
    // The first run reads libtorch off the disk: with its time alone hardly a later one would be alive to be killed.
    let ((straight, cold), (again, warm)) = (timed("straight"), timed("timed"));
    std::fs::remove_dir_all(again).unwrap();
    let whole = cold.min(warm);
    let expected = outcome(&straight);
    assert!(!expected.is_empty());
    (straight, expected, whole)
}

/// Whether the process was still at work after so long, and is no more.
fn killed_after(mut child: Child, pause: Duration, command: &str) -> bool {
    std::thread::sleep(pause);
    if let Some(status) = child.try_wait().unwrap() {
        let output = child.wait_with_output().unwrap();
        assert!(status.success(), "{command}: {status} {}", String::from_utf8_lossy(&output.stderr));
        return false;
    }
    child.kill().unwrap();
    let status = child.wait().unwrap();
    // It may have ended between the look and the kill.
    !status.success()
}

#[test]
fn a_few_kills_of_every_command_change_nothing() {
    let tiny = TinyRuns::new();
    for (command, kills) in
        [("prepare", 2), ("train", 2), ("project", 3), ("perturb", 1), ("two-sided", 1), ("classify", 1), ("run", 2)]
    {
        assert_eq!(attack(&tiny, command, kills, RunSeed(7)).kills, kills);
    }
}

#[test]
#[ignore = "minutes; `make attack` runs it"]
fn kill_chains() {
    let number = |name: &str, usual: u64| std::env::var(name).map_or(usual, |text| text.parse().unwrap());
    let (all, seed) = (number("RIMFORGE_ATTACK_KILLS", 200), RunSeed(number("RIMFORGE_ATTACK_SEED", 1)));
    let tiny = TinyRuns::new();
    // Shares of the kills: most where there is most to lose.
    let shares = BTreeMap::from([("train", 4), ("project", 5), ("run", 3), ("classify", 3), ("prepare", 2)]);
    let share = |command: &str| shares.get(command).copied().unwrap_or(1);
    let sum: u64 = COMMANDS.iter().map(|command| share(command)).sum();
    let mut done = 0;
    for (at, command) in COMMANDS.into_iter().enumerate() {
        let kills = if at + 1 == COMMANDS.len() { all - done } else { all * share(command) / sum };
        let start = Instant::now();
        let Tally { kills, chains, tenths } = attack(&tiny, command, kills, seed);
        done += kills;
        println!(
            "{command}: {kills} kills in {chains} chains, all ends equal; by tenths of the work {tenths:?}; {:.0} s",
            start.elapsed().as_secs_f64()
        );
    }
    println!("{done} of {done} kills equal");
}

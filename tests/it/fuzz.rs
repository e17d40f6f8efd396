//! Every parser against inputs that nobody meant: valid ones with bits flipped, cut, blown up and nested.
//!
//! A worker (this test program again, one test of it) reads input after input under a limit of address space; that it
//! dies, hangs, panics, takes more than 256 MB or four times the input, takes longer than 2 s, blames itself or the
//! machine (exit codes 1 and 4), answers with control characters or a book, or writes outside its folder is a fault.
//! The input is kept in `target/attack`.

use std::fmt::Write as _;

mod mutation;

mod inputs;

mod worker;

mod campaign;

/// The parsers, each with its valid inputs.
mod parsers;

pub mod volumes;

pub mod images;

mod tables;

pub mod networks;

mod records;

use campaign::{Figures, Plan, kept, run, table};

/// Fails at any harm, with the first inputs that did some.
fn judge(figures: &[(&str, Figures)]) {
    let mut said = String::new();
    for (name, it) in figures {
        if !it.faults.is_empty() {
            let _ = writeln!(said, "{name}: {:?}", it.faults);
        }
    }
    assert!(said.is_empty(), "inputs that did harm are in {}:\n{said}", kept().display());
}

/// Of former runs.
fn forget() {
    if kept().exists() {
        std::fs::remove_dir_all(kept()).unwrap();
    }
}

#[test]
fn every_parser_reads_or_refuses_what_is_damaged() {
    forget();
    let figures = run(Plan { seed: 1, short: true, seconds: 10.0 });
    println!("\n{}", table(&figures));
    judge(&figures);
}

#[test]
#[ignore = "a minute for each parser: make attack"]
fn attack_every_parser() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let seed = number("RIMFORGE_ATTACK_SEED").unwrap_or_else(rand::random);
    let seconds = number("RIMFORGE_ATTACK_SECONDS").unwrap_or(60);
    println!("\nRIMFORGE_ATTACK_SEED={seed} gives the same inputs again");
    forget();
    let figures = run(Plan { seed, short: false, seconds: seconds as f64 });
    let table = table(&figures);
    println!("\n{table}");
    std::fs::create_dir_all(kept()).unwrap();
    std::fs::write(kept().with_extension("md"), format!("Seed {seed}, {seconds} s a parser.\n\n{table}")).unwrap();
    judge(&figures);
}

#[test]
#[ignore = "the tests above start it"]
fn serves_inputs_to_a_parser() {
    worker::serve();
}

//! For tests of what several processes do: the test once more in each of them. As threads of one process they would
//! share libtorch's table of groups, which they spoil for each other.

use std::process::{Command, Stdio};

use super::group::{Group, Rendezvous};

/// Where a test is told its place: "rank size port".
const PLACE: &str = "RIMFORGE_TEST_PLACE";

/// A group of `size` processes, each of which does `work` with its own; `test` is the path of the test that calls it.
/// A test may call it for several sizes, one after the other.
pub fn together(test: &str, size: usize, work: impl Fn(Group)) {
    let host = "127.0.0.1".to_owned();
    if let Ok(place) = std::env::var(PLACE) {
        let [rank, among, port] = place.split(' ').map(|part| part.parse().unwrap()).collect::<Vec<usize>>()[..] else {
            panic!("{PLACE}={place}")
        };
        if among == size {
            let (port, prefix) = (port as u16, "test".to_owned());
            work(Group::join(&Rendezvous { host, port, rank, size, kept_by_launcher: false, prefix }).unwrap());
        }
        return;
    }
    // A port that is free now.
    let port = std::net::TcpListener::bind((&*host, 0)).unwrap().local_addr().unwrap().port();
    let process = |rank: usize| {
        let mut once_more = Command::new(std::env::current_exe().unwrap());
        once_more.args([test, "--exact", "--include-ignored", "--nocapture"]);
        once_more.env(PLACE, format!("{rank} {size} {port}")).stdout(Stdio::piped()).stderr(Stdio::piped());
        once_more.spawn().unwrap()
    };
    let processes: Vec<_> = (0..size).map(process).collect();
    for (rank, process) in processes.into_iter().enumerate() {
        let output = process.wait_with_output().unwrap();
        let said = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
        assert!(output.status.success() && said.contains("1 passed"), "process {rank} of {size}: {said}");
    }
}

//! How much a program may use.

use std::time::Duration;

use kiket_jail::{End, Rules};

use super::world::{Ran, World, alive, daemons, mark};

async fn limited(script: &str, change: impl FnOnce(&mut Rules)) -> Ran {
    let world = World::new();
    let mut rules = world.rules();
    change(&mut rules);
    world.run_by(world.sh(script), rules).await.expect("it goes well")
}

#[tokio::test]
async fn wall_time_ends_the_whole_tree() {
    let mark = mark();
    let script = format!("{}; sleep {mark}", daemons(&mark));
    let ran = limited(&script, |rules| rules.wall = Duration::from_secs(2)).await;
    assert_eq!(alive(&mark), [0; 0]);
    assert_eq!((ran.end(), ran.out.as_str()), (End::WallLimit, "ready\n"));
    assert!(ran.finished.wall >= Duration::from_secs(2));
}

#[tokio::test]
async fn cpu_time_of_one_process_is_limited() {
    let ran = limited("while :; do :; done", |rules| rules.cpu = Duration::from_secs(1)).await;
    assert_eq!(ran.end(), End::CpuLimit);
    let used = ran.finished.usage.user + ran.finished.usage.system;
    assert!(used >= Duration::from_millis(900) && used < Duration::from_secs(3), "{used:?}");
}

#[tokio::test]
async fn cpu_time_is_summed_over_the_tree() {
    // No process of these comes near the limit, neither the living nor the dead.
    let brief = "(i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done)";
    let script = format!("burn() {{ while :; do {brief}; done; }}; burn & burn & burn & burn");
    let ran = limited(&script, |rules| rules.cpu = Duration::from_secs(1)).await;
    assert_eq!(ran.end(), End::CpuLimit);
    let used = ran.finished.usage.user + ran.finished.usage.system;
    assert!(used < Duration::from_secs(3), "{used:?}");
}

#[tokio::test]
async fn memory_of_one_process_is_limited() {
    let ran =
        limited("head -c 200000000 /dev/zero | tail -c 200000000 >/dev/null", |rules| rules.memory = 64 << 20).await;
    assert!(ran.err.contains("memory exhausted"), "{ran:?}");
    assert!(ran.finished.usage.max_rss < 100 << 20, "{ran:?}");
}

#[tokio::test]
async fn memory_is_summed_over_the_tree() {
    // Each keeps 50 MB, because nobody reads what it wants to write.
    let hold = "(head -c 50000000 /dev/zero | tail -c 50000000 | sleep 100) &";
    let ran = limited(&format!("{hold} {hold} {hold} {hold} wait"), |rules| rules.memory = 128 << 20).await;
    assert_eq!(ran.end(), End::MemoryLimit);
}

#[tokio::test]
async fn files_are_limited_in_size() {
    let ran = limited("exec head -c 2000000 /dev/zero >big", |rules| rules.file_bytes = 1_000_000).await;
    assert_eq!(ran.end(), End::Signalled(25), "SIGXFSZ");
}

#[tokio::test]
async fn open_files_are_limited_and_no_core_is_written() {
    let ran = limited("ulimit -n; ulimit -c; ulimit -Hn", |rules| rules.open_files = 17).await;
    assert_eq!(ran.out, "17\n0\n17\n");
}

#[tokio::test]
async fn processes_are_limited_in_number() {
    let mark = mark();
    let ran = limited(&format!("while sleep {mark} & do echo one; done"), |rules| rules.processes = 20).await;
    assert_eq!(alive(&mark), [0; 0]);
    assert!(ran.err.contains("fork"), "{ran:?}");
    // The shell itself is the one that is missing; it may count the one that could not be forked.
    assert!((19..=20).contains(&ran.out.lines().count()), "{}", ran.out.lines().count());
}

#[tokio::test]
async fn a_fork_bomb_goes_out() {
    let mark = mark();
    let script = format!("bomb() {{ sleep {mark} & bomb & bomb & wait; }}; trap '' TERM; bomb; sleep {mark}");
    let ran = limited(&script, |rules| rules.wall = Duration::from_secs(2));
    let most = async {
        let mut most = 0;
        loop {
            tokio::time::sleep(Duration::from_millis(50)).await;
            most = alive(&mark).len().max(most);
            if most > 64 {
                return most;
            }
        }
    };
    tokio::select! {
        ran = ran => assert!(matches!(ran.end(), End::WallLimit | End::Exited(_)), "{:?}", ran.end()),
        most = most => panic!("{most} at once"),
    }
    assert_eq!(alive(&mark), [0; 0]);
}

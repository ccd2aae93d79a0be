//! That nothing of a program is left, whoever ends first.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use kiket_jail::JailError;
use tokio::sync::mpsc;

use super::world::{LAUNCHER, World, alive, daemons, kill_launcher_of, mark, nobody_is_left};

#[tokio::test]
async fn what_a_program_leaves_behind_is_gone_when_it_has_ended() {
    let (world, mark) = (World::new(), mark());
    let ran = world.run(world.sh(&daemons(&mark))).await;
    assert_eq!(alive(&mark), [0; 0]);
    assert_eq!(ran.out, "ready\n");
}

#[tokio::test]
async fn dropping_the_future_ends_everything() {
    let (world, mark) = (World::new(), mark());
    world.give_up_after(world.sh(&format!("{}; sleep {mark}", daemons(&mark))), "ready").await;
    nobody_is_left(&mark).await;
}

#[tokio::test]
async fn killing_the_launcher_ends_everything() {
    let (world, mark) = (World::new(), mark());
    let program = world.sh(&format!("{}; sleep {mark}", daemons(&mark)));
    let (sender, mut chunks) = mpsc::channel(8);
    let killed = async {
        chunks.recv().await.expect("it goes well");
        kill_launcher_of(&mark);
    };
    let (ran, ()) = tokio::join!(world.jail.run(program, world.rules(), sender), killed);
    assert!(matches!(&ran, Err(JailError::Lost(reason)) if reason.contains("signal: 9")), "{ran:?}");
    nobody_is_left(&mark).await;
}

#[tokio::test]
async fn killing_the_caller_ends_everything() {
    let (world, mark) = (World::new(), mark());
    let order = (world.sh(&format!("{}; sleep {mark}", daemons(&mark))), world.rules());
    let order = serde_json::to_string(&order).expect("it goes well");
    let mut caller =
        Command::new(LAUNCHER).args(["jail", &order]).stdout(Stdio::piped()).spawn().expect("it goes well");
    let mut line = String::new();
    BufReader::new(caller.stdout.take().expect("it goes well")).read_line(&mut line).expect("it goes well");
    assert!(line == "ready\n" && alive(&mark).len() >= 5, "{line}");
    caller.kill().expect("it goes well");
    caller.wait().expect("it goes well");
    nobody_is_left(&mark).await;
}

#[tokio::test]
async fn jails_side_by_side_do_not_see_each_other() {
    let (one, other, mark) = (World::new(), World::new(), mark());
    let look = "touch ready; while ! test -e go; do sleep 0.05; done; pkill -9 sleep; grep -l sleep /proc/[0-9]*/comm; echo looked";
    let (sleep, look) = (one.sh(&format!("exec sleep {mark}")), other.sh(look));
    let (sender, _chunks) = mpsc::channel(8);
    let looked = async {
        while alive(&mark).is_empty() || !other.folder().join("ready").exists() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        fs::write(other.folder().join("go"), "").expect("it goes well");
    };
    tokio::select! {
        ended = one.jail.run(sleep, one.rules(), sender) => panic!("it ended: {ended:?}"),
        (ran, ()) = async { tokio::join!(other.run(look), looked) } => assert_eq!(ran.out, "looked\n", "{ran:?}"),
    }
}
